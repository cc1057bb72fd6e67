//===- SplitPools.cpp - Pools as pairs of bf16 ----------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "pbs/Dialect/PBS/IR/PBS.h"
#include "pbs/Dialect/PBS/Transforms/Passes.h"
#include <cmath>

namespace mlir::pbs {
#define GEN_PASS_DEF_SPLITPOOLSPASS
#include "pbs/Dialect/PBS/Transforms/Passes.h.inc"
} // namespace mlir::pbs

using namespace mlir;
using namespace mlir::pbs;

namespace {
struct SplitPoolsPass final : pbs::impl::SplitPoolsPassBase<SplitPoolsPass> {
  void runOnOperation() override {
    getOperation().walk([&](Operation *op) {
      if (auto scores = dyn_cast<BlockScoresOp>(op)) {
        if (!scores.getScale())
          scores.setScaleAttr(getDefaultScale(scores.getQueryPool()));
        split(scores.getQueryPoolMutable());
        split(scores.getKeyPoolMutable());
      } else if (auto select = dyn_cast<FusedSelectBlocksOp>(op)) {
        split(select.getKeyPoolMutable());
      }
    });
  }

private:
  /// Afterwards the head dimension is not that of the operand any more.
  static FloatAttr getDefaultScale(Value pool) {
    auto type = cast<RankedTensorType>(pool.getType());
    double dim = double(type.getShape().back());
    return Builder(pool.getContext())
        .getF64FloatAttr(
            1 / std::sqrt(type.getElementType().isF32() ? dim : dim / 2));
  }

  void split(OpOperand &operand) {
    auto type = cast<RankedTensorType>(operand.get().getType());
    if (!type.getElementType().isF32())
      return;
    Value &pairs = known[operand.get()];
    if (!pairs) {
      OpBuilder builder(operand.getOwner());
      SmallVector<int64_t> shape(type.getShape());
      shape.back() *= 2;
      pairs = SplitPoolOp::create(
          builder, operand.getOwner()->getLoc(),
          RankedTensorType::get(shape, builder.getBF16Type()), operand.get());
      ++numSplit;
    }
    operand.set(pairs);
  }

  DenseMap<Value, Value> known;
};
} // namespace
