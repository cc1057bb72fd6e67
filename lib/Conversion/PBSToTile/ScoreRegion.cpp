//===- ScoreRegion.cpp - The score region on tiles ------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A value is kept as small as what it depends on: a scalar, one for each row,
// one for each key, or a whole tile. So the slope of a head costs one
// instruction and not one for each element.
//
//===----------------------------------------------------------------------===//

#include "ScoreRegion.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "pbs/Dialect/PBS/IR/PBS.h"

using namespace mlir;
using namespace mlir::pbs;

Operation *mlir::pbs::findUnsupportedOp(Region &region) {
  if (region.empty())
    return nullptr;
  for (Operation &op : region.front().without_terminator())
    // The remainder would be wrong where the quotient is large.
    if ((!isa<arith::ArithDialect>(op.getDialect()) ||
         isa<arith::RemFOp>(op)) &&
        !isa<math::AbsFOp, math::ExpOp, math::Exp2Op, math::FmaOp, math::LogOp,
             math::Log2Op, math::RsqrtOp, math::SqrtOp, math::TanhOp>(op))
      return &op;
  return nullptr;
}

namespace {
class RegionWriter {
public:
  RegionWriter(KernelWriter &b, RankedTensorType type) : b(b), type(type) {}

  void writeOp(Operation &op);
  /// `value` with the layout of `like`, which is no smaller.
  Value extend(Value value, Type like);

  IRMapping values;

private:
  /// `like` with elements of type `element`; `element` for a scalar.
  static Type withElement(Type like, Type element) {
    auto tensor = dyn_cast<RankedTensorType>(like);
    return tensor ? Type(tensor.clone(element)) : element;
  }
  /// The smallest layout that has both.
  Type join(Type a, Type b);

  KernelWriter &b;
  RankedTensorType type;
};
} // namespace

Type RegionWriter::join(Type a, Type b) {
  auto tensorA = dyn_cast<RankedTensorType>(a);
  auto tensorB = dyn_cast<RankedTensorType>(b);
  if (!tensorA || !tensorB)
    return tensorA ? a : b;
  return tensorA.getEncoding() == tensorB.getEncoding() ? a : Type(type);
}

Value RegionWriter::extend(Value value, Type like) {
  auto from = dyn_cast<RankedTensorType>(value.getType());
  auto to = dyn_cast<RankedTensorType>(like);
  if (!to)
    return value;
  if (!from)
    return b.splat(value, to.clone(value.getType()));
  if (from.getEncoding() == to.getEncoding())
    return value;
  return b.broadcast(value, to.clone(from.getElementType()));
}

void RegionWriter::writeOp(Operation &op) {
  if (auto constantOp = dyn_cast<arith::ConstantOp>(op)) {
    values.map(constantOp.getResult(), b.constant(constantOp.getValue()));
    return;
  }
  SmallVector<Value> operands;
  Type like = values.lookup(op.getOperand(0)).getType();
  for (Value operand : op.getOperands())
    like = join(like, values.lookup(operand).getType());
  for (Value operand : op.getOperands())
    operands.push_back(extend(values.lookup(operand), like));
  OperationState state(op.getLoc(), op.getName());
  state.addOperands(operands);
  for (Type element : op.getResultTypes())
    state.addTypes(withElement(like, element));
  state.addAttributes(op.getAttrs());
  Operation *result = b.create(state);
  // The softmax is no more precise than the reciprocal of the hardware.
  if (auto division = dyn_cast<arith::DivFOp>(result))
    division.setFastmath(division.getFastmath() | arith::FastMathFlags::afn);
  values.map(op.getResults(), result->getResults());
}

Value mlir::pbs::writeScoreRegion(KernelWriter &b, Region &region, Value scores,
                                  Value batch, Value head, Value rows,
                                  Value keys) {
  Block &block = region.front();
  RegionWriter writer(b, cast<RankedTensorType>(scores.getType()));
  Value arguments[] = {scores, batch, head, rows, keys};
  for (auto [argument, value] :
       llvm::zip_equal(block.getArguments(), arguments))
    if (value)
      writer.values.map(argument, value);
  for (Operation &op : block.without_terminator())
    writer.writeOp(op);
  Value result = writer.values.lookup(cast<YieldOp>(block.back()).getScore());
  return writer.extend(result, scores.getType());
}
