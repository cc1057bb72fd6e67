//===- SplitProxyStats.cpp - Proxy statistics in parts --------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "pbs/Dialect/PBS/IR/PBS.h"
#include "pbs/Dialect/PBS/Transforms/Passes.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::pbs {
#define GEN_PASS_DEF_SPLITPROXYSTATSPASS
#include "pbs/Dialect/PBS/Transforms/Passes.h.inc"
} // namespace mlir::pbs

using namespace mlir;
using namespace mlir::pbs;

static int64_t getStatic(int64_t dim) {
  return ShapedType::isDynamic(dim) ? 1 : std::max<int64_t>(dim, 1);
}

namespace {
struct SplitProxyStatsPass final
    : pbs::impl::SplitProxyStatsPassBase<SplitProxyStatsPass> {
  using SplitProxyStatsPassBase::SplitProxyStatsPassBase;

  void runOnOperation() override {
    if (items < 1 || maxSplits < 1) {
      getOperation().emitError()
          << "expected 'items' and 'max-splits' to be positive, got "
          << items.getValue() << " and " << maxSplits.getValue();
      return signalPassFailure();
    }
    SmallVector<ProxyStatsOp> ops;
    getOperation().walk([&](ProxyStatsOp op) { ops.push_back(op); });
    for (ProxyStatsOp op : ops) {
      ArrayRef<int64_t> shape = op.getStats().getType().getShape();
      int64_t splits = std::min<int64_t>(
          llvm::divideCeil(items, getStatic(shape[0]) * getStatic(shape[1])),
          maxSplits);
      if (splits > 1) {
        split(op, splits);
        ++numSplit;
      }
    }
  }

private:
  static void split(ProxyStatsOp op, int64_t splits) {
    OpBuilder builder(op);
    RankedTensorType type = op.getStats().getType();
    SmallVector<int64_t> shape(type.getShape());
    if (!ShapedType::isDynamic(shape[1]))
      shape[1] *= splits;
    auto parts = SplitProxyStatsOp::create(
        builder, op.getLoc(), type.clone(shape), op.getQuery(), op.getKey(),
        op.getProxies(), op.getScaleAttr(), splits, op.getSegment(),
        op.getProxy(), op.getSharing());
    auto merged = MergeStatsOp::create(builder, op.getLoc(), type,
                                       parts.getParts(), splits);
    op.replaceAllUsesWith(merged.getStats());
    op.erase();
  }
};
} // namespace
