//===- PBSTypes.cpp - Types of the pbs dialect ----------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Syntax and verification of the types, and their decomposition into builtin
// tensors.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectImplementation.h"
#include "pbs/Dialect/PBS/IR/PBS.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::pbs;

//===----------------------------------------------------------------------===//
// Syntax
//===----------------------------------------------------------------------===//

static ParseResult parseShape(AsmParser &parser, SmallVector<int64_t> &shape) {
  return parser.parseDimensionList(shape, /*allowDynamic=*/true,
                                   /*withTrailingX=*/false);
}

static void printShape(AsmPrinter &printer, ArrayRef<int64_t> shape) {
  printer.printDimensionList(shape);
}

static ParseResult parseShapeAndElementType(AsmParser &parser,
                                            SmallVector<int64_t> &shape,
                                            Type &elementType) {
  return failure(parser.parseDimensionList(shape) ||
                 parser.parseType(elementType));
}

static void printShapeAndElementType(AsmPrinter &printer,
                                     ArrayRef<int64_t> shape,
                                     Type elementType) {
  printer.printDimensionList(shape);
  printer << 'x' << elementType;
}

static ParseResult parseBlockPair(AsmParser &parser, int64_t &queryBlock,
                                  int64_t &keyBlock) {
  SmallVector<int64_t> sizes;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseDimensionList(sizes, /*allowDynamic=*/false,
                                /*withTrailingX=*/false))
    return failure();
  if (sizes.size() != 2)
    return parser.emitError(loc) << "expected block sizes QUERYxKEY, got "
                                 << sizes.size() << " sizes";
  queryBlock = sizes[0];
  keyBlock = sizes[1];
  return success();
}

static void printBlockPair(AsmPrinter &printer, int64_t queryBlock,
                           int64_t keyBlock) {
  printer << queryBlock << 'x' << keyBlock;
}

static ParseResult parseCausalFlag(AsmParser &parser, bool &causal) {
  causal = true;
  return parser.parseKeyword("causal");
}

static void printCausalFlag(AsmPrinter &printer, bool) { printer << "causal"; }

#define GET_TYPEDEF_CLASSES
#include "pbs/Dialect/PBS/IR/PBSTypes.cpp.inc"

void PBSDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "pbs/Dialect/PBS/IR/PBSTypes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

static LogicalResult verifyRank(function_ref<InFlightDiagnostic()> emitError,
                                ArrayRef<int64_t> shape, size_t rank,
                                StringRef dims) {
  if (shape.size() != rank)
    return emitError() << "expected " << rank << " dimensions " << dims
                       << ", got " << shape.size();
  return success();
}

/// Rule: sizes are positive and a segment holds whole blocks of keys.
static LogicalResult verifySegment(function_ref<InFlightDiagnostic()> emitError,
                                   int64_t segment, int64_t block) {
  if (block <= 0)
    return emitError() << "expected a positive block size, got " << block;
  if (segment <= 0)
    return emitError() << "expected a positive segment size, got " << segment;
  if (segment % block)
    return emitError() << "expected the segment to be a multiple of the key "
                       << "block " << block << ", got " << segment;
  return success();
}

LogicalResult
PermutationType::verify(function_ref<InFlightDiagnostic()> emitError,
                        ArrayRef<int64_t> shape, int64_t segment) {
  if (failed(verifyRank(emitError, shape, 3, "[B, H, N]")))
    return failure();
  return verifySegment(emitError, segment, /*block=*/1);
}

LogicalResult
PermutedKVType::verify(function_ref<InFlightDiagnostic()> emitError,
                       ArrayRef<int64_t> shape, Type elementType, int64_t block,
                       int64_t segment) {
  if (failed(verifyRank(emitError, shape, 4, "[B, H, N, D]")))
    return failure();
  if (!elementType.isF32() && !elementType.isBF16() && !elementType.isF16())
    return emitError() << "expected element type f32, bf16 or f16, got "
                       << elementType;
  if (ShapedType::isDynamic(shape[3]))
    return emitError() << "expected a static head dimension, got ?";
  return verifySegment(emitError, segment, block);
}

LogicalResult
BlockListType::verify(function_ref<InFlightDiagnostic()> emitError,
                      ArrayRef<int64_t> shape, int64_t queryBlock,
                      int64_t keyBlock, int64_t segment, bool causal) {
  if (failed(verifyRank(emitError, shape, 4, "[B, H, M, N]")))
    return failure();
  if (queryBlock <= 0)
    return emitError() << "expected a positive query block size, got "
                       << queryBlock;
  return verifySegment(emitError, segment, keyBlock);
}

//===----------------------------------------------------------------------===//
// Decomposition
//===----------------------------------------------------------------------===//

ArrayRef<int64_t> mlir::pbs::getLogicalShape(Type type) {
  return TypeSwitch<Type, ArrayRef<int64_t>>(type)
      .Case<RankedTensorType, PermutationType, PermutedKVType, BlockListType>(
          [](auto t) { return t.getShape(); })
      .Default([](Type) { return ArrayRef<int64_t>(); });
}

SmallVector<SymbolicShape>
mlir::pbs::getComponentShapes(Type type, ArrayRef<AffineExpr> shape) {
  SymbolicShape whole(shape);
  if (auto kv = dyn_cast<PermutedKVType>(type)) {
    AffineExpr blocks = shape[2].ceilDiv(kv.getBlock());
    AffineExpr two = getAffineConstantExpr(2, type.getContext());
    return {whole,
            whole,
            {shape[0], shape[1], shape[2]},
            {shape[0], shape[1], blocks, two}};
  }
  if (auto list = dyn_cast<BlockListType>(type)) {
    constexpr int64_t kBitsPerWord = 32;
    return {{shape[0], shape[1], shape[2].ceilDiv(list.getQueryBlock()),
             shape[3].ceilDiv(list.getKeyBlock()).ceilDiv(kBitsPerWord)}};
  }
  return {whole};
}

SmallVector<RankedTensorType> mlir::pbs::getComponentTypes(Type type) {
  MLIRContext *context = type.getContext();
  // Dynamic dimensions become symbols, so that one function describes the
  // components of static and dynamic shapes.
  SymbolicShape dims;
  for (int64_t dim : getLogicalShape(type))
    dims.push_back(ShapedType::isDynamic(dim)
                       ? getAffineSymbolExpr(0, context)
                       : getAffineConstantExpr(dim, context));
  Type i32 = IntegerType::get(context, 32);
  SmallVector<Type> elementTypes =
      TypeSwitch<Type, SmallVector<Type>>(type)
          .Case([&](PermutedKVType kv) {
            return SmallVector<Type>{kv.getElementType(), kv.getElementType(),
                                     i32, i32};
          })
          .Case([&](RankedTensorType tensor) {
            return SmallVector<Type>{tensor.getElementType()};
          })
          .Default([&](Type) { return SmallVector<Type>{i32}; });

  SmallVector<RankedTensorType> components;
  for (auto [shape, elementType] :
       llvm::zip_equal(getComponentShapes(type, dims), elementTypes)) {
    SmallVector<int64_t> sizes;
    for (AffineExpr dim : shape) {
      auto constant = dyn_cast<AffineConstantExpr>(dim);
      sizes.push_back(constant ? constant.getValue() : ShapedType::kDynamic);
    }
    components.push_back(RankedTensorType::get(sizes, elementType));
  }
  return components;
}
