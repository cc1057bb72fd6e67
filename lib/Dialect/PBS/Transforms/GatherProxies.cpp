//===- GatherProxies.cpp - Proxy rows one after the other -----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "pbs/Dialect/PBS/IR/PBS.h"
#include "pbs/Dialect/PBS/Transforms/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::pbs {
#define GEN_PASS_DEF_GATHERPROXIESPASS
#include "pbs/Dialect/PBS/Transforms/Passes.h.inc"
} // namespace mlir::pbs

using namespace mlir;
using namespace mlir::pbs;

namespace {
struct GatherProxiesPass final
    : pbs::impl::GatherProxiesPassBase<GatherProxiesPass> {
  void runOnOperation() override {
    known.clear();
    getOperation().walk([&](Operation *op) {
      llvm::TypeSwitch<Operation *>(op)
          .Case<ColumnImportanceOp, FusedPermuteKVOp, ProxyStatsOp,
                SplitProxyStatsOp>([&](auto proxyOp) {
            if (!proxyOp.getProxies() && !proxyOp.getProxy().areLastRows())
              proxyOp.getProxiesMutable().assign(
                  gather(proxyOp.getQuery(), proxyOp.getProxy()));
          });
    });
  }

private:
  /// The rows of `query`, made right behind it.
  Value gather(Value query, ProxyAttrInterface proxy) {
    Value &rows = known[{query, Attribute(proxy)}];
    if (!rows) {
      OpBuilder builder(&getContext());
      builder.setInsertionPointAfterValue(query);
      auto type = cast<RankedTensorType>(query.getType());
      SmallVector<int64_t> shape(type.getShape());
      shape[2] = proxy.getMaxRows();
      rows = GatherProxiesOp::create(builder, query.getLoc(), type.clone(shape),
                                     query, proxy);
      ++numGathered;
    }
    return rows;
  }

  DenseMap<std::pair<Value, Attribute>, Value> known;
};
} // namespace
