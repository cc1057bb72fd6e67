//===- PBSScoreRegion.cpp - The score region of attention -----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Isolated, so that no pass moves the constants of a score out of the op, where
// a plan could not hold them.
//
//===----------------------------------------------------------------------===//

#include "ScoreRegion.h"
#include "pbs/Dialect/PBS/IR/ScoreRegion.h"

using namespace mlir;
using namespace mlir::pbs;

static constexpr StringLiteral kKeyword = "score";

/// Types of the arguments: score; batch, head, position of the row, original
/// position of the key.
static SmallVector<Type> getArgumentTypes(MLIRContext *context) {
  SmallVector<Type> types(5, IntegerType::get(context, 32));
  types.front() = Float32Type::get(context);
  return types;
}

/// Numbers of the arguments.
static constexpr unsigned kRowArgument = 3, kKeyArgument = 4;

bool mlir::pbs::usesRowPosition(Region &region) {
  return !region.empty() && !region.getArgument(kRowArgument).use_empty();
}

bool mlir::pbs::usesKeyPosition(Region &region) {
  return !region.empty() && !region.getArgument(kKeyArgument).use_empty();
}

ParseResult mlir::pbs::parseScoreRegion(OpAsmParser &parser, Region &region) {
  if (failed(parser.parseOptionalKeyword(kKeyword)))
    return success();
  SmallVector<OpAsmParser::Argument> arguments;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren))
    return failure();
  SmallVector<Type> types = getArgumentTypes(parser.getContext());
  if (arguments.size() != types.size())
    return parser.emitError(loc) << "expected " << types.size()
                                 << " arguments of the score region (score, "
                                    "batch, head, row, key), got "
                                 << arguments.size();
  for (auto [argument, type] : llvm::zip_equal(arguments, types))
    argument.type = type;
  return parser.parseRegion(region, arguments, /*enableNameShadowing=*/true);
}

void mlir::pbs::printScoreRegion(OpAsmPrinter &printer, Operation *,
                                 Region &region) {
  if (region.empty())
    return;
  printer << kKeyword << " (";
  llvm::interleaveComma(region.getArguments(), printer);
  printer << ") ";
  printer.printRegion(region, /*printEntryBlockArgs=*/false);
}

LogicalResult mlir::pbs::verifyScoreRegion(Operation *op, Region &region) {
  if (region.empty())
    return success();
  Block &block = region.front();
  SmallVector<Type> types = getArgumentTypes(op->getContext());
  if (block.getArgumentTypes() != TypeRange(types))
    return op->emitOpError()
           << "expected arguments (" << TypeRange(types)
           << ") of the score region, got (" << block.getArgumentTypes() << ")";
  if (block.empty() || !isa<YieldOp>(block.back()))
    return op->emitOpError("expected the score region to end with pbs.yield");
  for (Operation &inner : block.without_terminator()) {
    bool allowed = inner.hasTrait<OpTrait::ConstantLike>() ||
                   OpTrait::hasElementwiseMappableTraits(&inner);
    if (!allowed)
      return inner.emitOpError("expected elementwise ops and constants in a "
                               "score region");
    for (Type type : inner.getResultTypes())
      if (!type.isF32() && !type.isInteger(32) && !type.isInteger(1))
        return inner.emitOpError()
               << "expected f32, i32 or i1 in a score region, got " << type;
  }
  return success();
}

LogicalResult AttentionOp::verifyRegions() {
  return verifyScoreRegion(*this, getScore());
}

LogicalResult PermutedAttentionOp::verifyRegions() {
  return verifyScoreRegion(*this, getScore());
}

LogicalResult SparseAttentionOp::verifyRegions() {
  return verifyScoreRegion(*this, getScore());
}
