//===- OrderRows.cpp - Begin with the query blocks that list most ---------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "pbs/Dialect/PBS/IR/PBS.h"
#include "pbs/Dialect/PBS/Transforms/Passes.h"
#include "pbs/Target/ChipTable.h"

namespace mlir::pbs {
#define GEN_PASS_DEF_ORDERROWSPASS
#include "pbs/Dialect/PBS/Transforms/Passes.h.inc"
} // namespace mlir::pbs

using namespace mlir;
using namespace mlir::pbs;

static constexpr remark::RemarkOpts kRemark =
    remark::RemarkOpts::name("OrderRows").category("pbs-order-rows");

namespace {
struct OrderRowsPass final : mlir::pbs::impl::OrderRowsPassBase<OrderRowsPass> {
  using OrderRowsPassBase::OrderRowsPassBase;

  void runOnOperation() override {
    int64_t given = leastKeys;
    if (given == 0 || given < -1) {
      getOperation().emitError()
          << "expected 'least-keys' of 1 or more, or -1 to choose, got "
          << given;
      return signalPassFailure();
    }
    getOperation().walk([&](SparseAttentionOp op) {
      if (op.getOrder())
        return;
      if (!isa_and_present<SelectBlocksOp, FusedSelectBlocksOp>(
              op.getList().getDefiningOp())) {
        remark::missed(op.getLoc(), kRemark)
            << remark::reason("the list comes from elsewhere");
        ++numRefused;
        return;
      }
      PermutedKVType kv = op.getKv().getType();
      int64_t least = given > 0
                          ? given
                          : ::pbs::getCachedKeys(
                                kv.getShape().back(),
                                kv.getElementType().getIntOrFloatBitWidth());
      OpBuilder builder(op);
      auto type =
          RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
      Value order =
          OrderRowsOp::create(builder, op.getLoc(), type, op.getQuery(),
                              op.getKv(), op.getList(), least);
      op.getOthersMutable().append(order);
      remark::passed(op.getLoc(), kRemark)
          << ("query blocks have an order from " + Twine(least) + " keys on")
                 .str();
      ++numOrdered;
    });
  }
};
} // namespace
