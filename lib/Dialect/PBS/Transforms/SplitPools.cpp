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
        splitBoth(scores);
      } else if (auto coverage = dyn_cast<RowCoverageOp>(op)) {
        splitBoth(coverage);
      } else if (auto select = dyn_cast<FusedSelectBlocksOp>(op)) {
        split(select.getKeyPoolMutable());
        if (select.getQueryPool())
          split(*select.getQueryPoolMutable().begin());
        else
          select.getQueryPoolMutable().assign(poolQueries(select));
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

  template <typename OpT>
  void splitBoth(OpT op) {
    if (!op.getScale())
      op.setScaleAttr(getDefaultScale(op.getQueryPool()));
    split(op.getQueryPoolMutable());
    split(op.getKeyPoolMutable());
  }

  void split(OpOperand &operand) {
    auto type = cast<RankedTensorType>(operand.get().getType());
    if (!type.getElementType().isF32())
      return;
    auto pool = operand.get().getDefiningOp<PoolOp>();
    if (pool && operand.get().hasOneUse()) {
      pool.getResult().setType(getPairsType(type));
      ++numSplit;
      return;
    }
    Value &pairs = known[operand.get()];
    if (!pairs) {
      OpBuilder builder(operand.getOwner());
      pairs = SplitPoolOp::create(builder, operand.getOwner()->getLoc(),
                                  getPairsType(type), operand.get());
      ++numSplit;
    }
    operand.set(pairs);
  }

  static RankedTensorType getPairsType(RankedTensorType pool) {
    SmallVector<int64_t> shape(pool.getShape());
    shape.back() *= 2;
    return RankedTensorType::get(shape, BFloat16Type::get(pool.getContext()));
  }

  /// The split pools of the queries, which the op would pool itself.
  Value poolQueries(FusedSelectBlocksOp select) {
    OpBuilder builder(select);
    auto list = cast<BlockListType>(select.getList().getType());
    auto pairs = getPairsType(select.getQuery().getType());
    SmallVector<int64_t> shape(pairs.getShape());
    if (!ShapedType::isDynamic(shape[2]))
      shape[2] = llvm::divideCeil(shape[2], list.getQueryBlock());
    ++numSplit;
    return PoolOp::create(builder, select.getLoc(), pairs.clone(shape),
                          select.getQuery(), list.getQueryBlock(),
                          select.getPool());
  }

  DenseMap<Value, Value> known;
};
} // namespace
