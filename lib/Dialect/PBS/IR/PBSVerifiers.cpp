//===- PBSVerifiers.cpp - Verification of the ops -------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shapes are verified by evaluating the symbolic rules of PBSShapes.cpp on the
// static dimensions; the rest are rules about types and attributes.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/TypeUtilities.h"
#include "pbs/Dialect/PBS/IR/PBS.h"

using namespace mlir;
using namespace mlir::pbs;

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static std::optional<int64_t> getConstant(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  return std::nullopt;
}

/// True if `constraint` may hold: it does, or depends on a dynamic dimension.
static bool mayHold(const ShapeConstraint &constraint) {
  std::optional<int64_t> lhs = getConstant(constraint.lhs);
  std::optional<int64_t> rhs = getConstant(constraint.rhs);
  if (!lhs || !rhs)
    return true;
  switch (constraint.kind) {
  case ShapeConstraint::Kind::Equal:
    return *lhs == *rhs;
  case ShapeConstraint::Kind::Multiple:
    return *rhs == 0 ? *lhs == 0 : *lhs % *rhs == 0;
  }
  llvm_unreachable("unknown kind of constraint");
}

/// Evaluates the shape rules of `op`, whose dynamic dimensions are unknowns.
static LogicalResult verifyShapes(SymbolicShapeOpInterface op) {
  MLIRContext *context = op.getContext();
  unsigned numUnknowns = 0;
  SmallVector<SymbolicShape> operands;
  for (Type type : op->getOperandTypes()) {
    SymbolicShape &shape = operands.emplace_back();
    for (int64_t dim : getLogicalShape(type))
      shape.push_back(ShapedType::isDynamic(dim)
                          ? getAffineSymbolExpr(numUnknowns++, context)
                          : getAffineConstantExpr(dim, context));
  }

  SmallVector<ShapeConstraint> constraints;
  op.getShapeConstraints(operands, constraints);
  for (const ShapeConstraint &constraint : constraints)
    if (!mayHold(constraint))
      return op->emitOpError() << "expected " << constraint.expectation
                               << ", got " << *getConstant(constraint.lhs)
                               << " and " << *getConstant(constraint.rhs);

  SmallVector<SymbolicShape> results;
  op.inferSymbolicShapes(operands, results);
  for (auto [index, type, shape] :
       llvm::enumerate(op->getResultTypes(), results)) {
    for (auto [dim, got, expr] :
         llvm::enumerate(getLogicalShape(type), shape)) {
      std::optional<int64_t> expected = getConstant(expr);
      if (expected && !ShapedType::isDynamic(got) && got != *expected)
        return op->emitOpError()
               << "expected dimension " << dim << " of result " << index
               << " to be " << *expected << ", got " << got;
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Shared rules
//===----------------------------------------------------------------------===//

static Type getElementType(Type type) {
  if (auto kv = dyn_cast<PermutedKVType>(type))
    return kv.getElementType();
  return cast<RankedTensorType>(type).getElementType();
}

/// Rule: `types` have the element type of `first`.
static LogicalResult verifyElementTypes(Operation *op, Type first,
                                        TypeRange types) {
  Type expected = getElementType(first);
  for (Type type : types)
    if (getElementType(type) != expected)
      return op->emitOpError() << "expected one element type, got " << expected
                               << " and " << getElementType(type);
  return success();
}

/// Rule: the head dimension is static.
static LogicalResult verifyHeadDim(Operation *op, Type type) {
  if (ShapedType::isDynamic(getLogicalShape(type).back()))
    return op->emitOpError()
           << "expected a static head dimension, got " << type;
  return success();
}

/// Rule: a scale is a finite number.
static LogicalResult verifyScale(Operation *op, std::optional<APFloat> scale) {
  if (scale && !scale->isFinite())
    return op->emitOpError()
           << "expected a finite scale, got " << scale->convertToDouble();
  return success();
}

/// Rule: parts that belong together were made for the same segment.
static LogicalResult verifySegments(Operation *op, int64_t expected,
                                    int64_t got) {
  if (expected != got)
    return op->emitOpError()
           << "expected one segment size, got " << expected << " and " << got;
  return success();
}

/// Rule: a list belongs to the keys and values it is used with.
static LogicalResult verifyListFor(Operation *op, PermutedKVType kv,
                                   BlockListType list) {
  if (kv.getBlock() != list.getKeyBlock())
    return op->emitOpError()
           << "expected the list to have the key block of the keys, "
           << kv.getBlock() << ", got " << list.getKeyBlock();
  if (kv.getSegment() != list.getSegment())
    return op->emitOpError()
           << "expected the list to have the segment of the keys, "
           << kv.getSegment() << ", got " << list.getSegment();
  return success();
}

/// Queries, keys, values and output of one attention.
static LogicalResult verifyAttention(SymbolicShapeOpInterface op, Value query,
                                     Value output, ValueRange others,
                                     std::optional<APFloat> scale) {
  SmallVector<Type> types(others.getTypes());
  types.push_back(output.getType());
  if (failed(verifyElementTypes(op, query.getType(), types)) ||
      failed(verifyHeadDim(op, query.getType())) ||
      failed(verifyScale(op, scale)))
    return failure();
  return verifyShapes(op);
}

/// Queries, keys and perhaps gathered proxy rows.
template <typename OpT>
static LogicalResult verifyProxyOp(OpT op) {
  SmallVector<Type> others{op.getKey().getType()};
  if (op.getProxies())
    others.push_back(op.getProxies().getType());
  return failure(
      failed(verifyElementTypes(op, op.getQuery().getType(), others)) ||
      failed(verifyHeadDim(op, op.getQuery().getType())) ||
      failed(verifyScale(op, op.getScale())) || failed(verifyShapes(op)));
}

//===----------------------------------------------------------------------===//
// The method
//===----------------------------------------------------------------------===//

LogicalResult AttentionOp::verify() {
  return verifyAttention(*this, getQuery(), getOutput(), {getKey(), getValue()},
                         getScale());
}

LogicalResult PackedAttentionOp::verify() {
  return verifyAttention(*this, getQuery(), getOutput(), {getKey(), getValue()},
                         getScale());
}

LogicalResult PermutedAttentionOp::verify() {
  if (getSegment() % getKeyBlock())
    return emitOpError() << "expected the segment to be a multiple of the key "
                         << "block " << getKeyBlock() << ", got "
                         << getSegment();
  return verifyAttention(*this, getQuery(), getOutput(), {getKey(), getValue()},
                         getScale());
}

LogicalResult ProxyStatsOp::verify() { return verifyProxyOp(*this); }

LogicalResult SplitProxyStatsOp::verify() { return verifyProxyOp(*this); }

LogicalResult MergeStatsOp::verify() { return verifyShapes(*this); }

LogicalResult ColumnImportanceOp::verify() { return verifyProxyOp(*this); }

LogicalResult SortSegmentsOp::verify() { return verifyShapes(*this); }

LogicalResult PermuteKVOp::verify() {
  auto kv = cast<PermutedKVType>(getKv().getType());
  auto permutation = cast<PermutationType>(getPermutation().getType());
  return failure(failed(verifyElementTypes(*this, getKey().getType(),
                                           {getValue().getType(), kv})) ||
                 failed(verifySegments(*this, permutation.getSegment(),
                                       kv.getSegment())) ||
                 failed(verifyShapes(*this)));
}

LogicalResult FusedPermuteKVOp::verify() {
  if (failed(verifyElementTypes(*this, getQuery().getType(),
                                {getValue().getType(), getKv().getType()})))
    return failure();
  return verifyProxyOp(*this);
}

LogicalResult GatherProxiesOp::verify() {
  return failure(failed(verifyElementTypes(*this, getQuery().getType(),
                                           getProxies().getType())) ||
                 failed(verifyHeadDim(*this, getQuery().getType())) ||
                 failed(verifyShapes(*this)));
}

LogicalResult PoolOp::verify() {
  return failure(failed(verifyHeadDim(*this, getSource().getType())) ||
                 failed(verifyShapes(*this)));
}

LogicalResult OrderRowsOp::verify() {
  auto kv = cast<PermutedKVType>(getKv().getType());
  return failure(failed(verifyListFor(
                     *this, kv, cast<BlockListType>(getList().getType()))) ||
                 failed(verifyShapes(*this)));
}

LogicalResult SplitPoolOp::verify() {
  return failure(failed(verifyHeadDim(*this, getPool().getType())) ||
                 failed(verifyShapes(*this)));
}

LogicalResult BlockScoresOp::verify() {
  return failure(failed(verifyElementTypes(*this, getQueryPool().getType(),
                                           getKeyPool().getType())) ||
                 failed(verifyHeadDim(*this, getQueryPool().getType())) ||
                 failed(verifyScale(*this, getScale())) ||
                 failed(verifyShapes(*this)));
}

LogicalResult SelectBlocksOp::verify() {
  auto kv = cast<PermutedKVType>(getKv().getType());
  return failure(failed(verifyListFor(
                     *this, kv, cast<BlockListType>(getList().getType()))) ||
                 failed(verifyShapes(*this)));
}

LogicalResult FusedSelectBlocksOp::verify() {
  auto kv = cast<PermutedKVType>(getKv().getType());
  if (getQueryPool() && failed(verifyElementTypes(*this, getKeyPool().getType(),
                                                  getQueryPool().getType())))
    return failure();
  return failure(failed(verifyElementTypes(*this, getQuery().getType(), kv)) ||
                 failed(verifyListFor(
                     *this, kv, cast<BlockListType>(getList().getType()))) ||
                 failed(verifyScale(*this, getScale())) ||
                 failed(verifyShapes(*this)));
}

LogicalResult RowCoverageOp::verify() {
  auto kv = cast<PermutedKVType>(getKv().getType());
  return failure(failed(verifyElementTypes(*this, getQueryPool().getType(),
                                           getKeyPool().getType())) ||
                 failed(verifyHeadDim(*this, getQueryPool().getType())) ||
                 failed(verifyElementTypes(*this, getQuery().getType(), kv)) ||
                 failed(verifyListFor(
                     *this, kv, cast<BlockListType>(getList().getType()))) ||
                 failed(verifyScale(*this, getScale())) ||
                 failed(verifyShapes(*this)));
}

LogicalResult HeadCoverageOp::verify() { return verifyShapes(*this); }

Value SparseAttentionOp::getOrder() {
  OperandRange others = getOthers();
  if (others.empty())
    return {};
  auto type = cast<RankedTensorType>(others.back().getType());
  return type.getElementType().isInteger() ? others.back() : Value();
}

LogicalResult SparseAttentionOp::verify() {
  auto kv = cast<PermutedKVType>(getKv().getType());
  auto list = cast<BlockListType>(getList().getType());
  if (failed(verifyListFor(*this, kv, list)))
    return failure();
  if (list.getCausal() != getCausal())
    return emitOpError() << "expected a "
                         << (getCausal() ? "causal" : "non-causal")
                         << " list, got " << list;
  for (Value own : getOwn())
    if (cast<RankedTensorType>(own.getType()).getElementType().isInteger())
      return emitOpError()
             << "expected an order of query blocks as the last operand, got "
             << own.getType() << " before it";
  SmallVector<Value> others{getKv()};
  if (!getOwn().empty()) {
    if (getOwn().size() != 2)
      return emitOpError()
             << "expected keys and values of own segments, both or "
                "none, got "
             << getOwn().size() << " operand";
    if (!getCausal())
      return emitOpError("expected keys of own segments with causal attention "
                         "only: without a mask every listed block is whole");
    llvm::append_range(others, getOwn());
  }
  return verifyAttention(*this, getQuery(), getOutput(), others, getScale());
}

LogicalResult MergeOp::verify() {
  return verifyAttention(*this, getOutput0(), getOutput(), getOutput1(),
                         /*scale=*/std::nullopt);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

LogicalResult IdentityPermutationOp::verify() { return verifyShapes(*this); }

LogicalResult ComposeOp::verify() {
  int64_t segment = cast<PermutationType>(getResult().getType()).getSegment();
  for (Value operand : getOperands())
    if (failed(verifySegments(
            *this, cast<PermutationType>(operand.getType()).getSegment(),
            segment)))
      return failure();
  return verifyShapes(*this);
}

LogicalResult PermuteOp::verify() {
  return failure(failed(verifyElementTypes(*this, getSource().getType(),
                                           getResult().getType())) ||
                 failed(verifyHeadDim(*this, getSource().getType())) ||
                 failed(verifyShapes(*this)));
}

LogicalResult KVFromPositionsOp::verify() {
  return failure(
      failed(verifyElementTypes(*this, getKey().getType(),
                                {getValue().getType(), getKv().getType()})) ||
      failed(verifyShapes(*this)));
}

LogicalResult FullBlockListOp::verify() {
  return failure(
      failed(verifyListFor(*this, cast<PermutedKVType>(getKv().getType()),
                           cast<BlockListType>(getList().getType()))) ||
      failed(verifyShapes(*this)));
}

LogicalResult BlockListFromIndicesOp::verify() {
  return failure(
      failed(verifyListFor(*this, cast<PermutedKVType>(getKv().getType()),
                           cast<BlockListType>(getList().getType()))) ||
      failed(verifyShapes(*this)));
}

/// Rule: `components` are those of `whole`.
static LogicalResult verifyComponents(Operation *op, Type whole,
                                      TypeRange components) {
  for (auto [index, expected, got] :
       llvm::enumerate(getComponentTypes(whole), components)) {
    if (succeeded(verifyCompatibleShape(expected, got)) &&
        expected.getElementType() == getElementType(got))
      continue;
    return op->emitOpError()
           << "expected component " << index << " of " << whole << " to be "
           << expected << ", got " << got;
  }
  return success();
}

LogicalResult PackBlockListOp::verify() {
  return verifyComponents(*this, getList().getType(),
                          (*this)->getOperandTypes());
}

LogicalResult PackKVOp::verify() {
  return verifyComponents(*this, getKv().getType(), (*this)->getOperandTypes());
}

LogicalResult PackPermutationOp::verify() {
  return verifyComponents(*this, getPermutation().getType(),
                          (*this)->getOperandTypes());
}

LogicalResult UnpackBlockListOp::verify() {
  return verifyComponents(*this, getList().getType(),
                          (*this)->getResultTypes());
}

LogicalResult UnpackKVOp::verify() {
  return verifyComponents(*this, getKv().getType(), (*this)->getResultTypes());
}

LogicalResult UnpackPermutationOp::verify() {
  return verifyComponents(*this, getPermutation().getType(),
                          (*this)->getResultTypes());
}
