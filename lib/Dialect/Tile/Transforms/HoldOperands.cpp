//===- HoldOperands.cpp - Hold operands of products in registers ----------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Config.h"
#include "Products.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "pbs/Dialect/Tile/Transforms/Passes.h"

namespace mlir::tile {
#define GEN_PASS_DEF_HOLDOPERANDSPASS
#include "pbs/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tile

using namespace mlir;
using namespace mlir::tile;

namespace {
struct HoldOperandsPass final
    : tile::impl::HoldOperandsPassBase<HoldOperandsPass> {
  void runOnOperation() override {
    FuncOp func = getOperation();
    FailureOr<ConfigAttr> config = requireConfig(func);
    if (failed(config))
      return signalPassFailure();
    if (!config->getHoldOperands())
      return;
    func.walk([&](LoadOp load) {
      if (!isRepeatedFirstOperand(load))
        return;
      BufferType tile = load.getResult().getType();
      OpBuilder builder(load->getContext());
      builder.setInsertionPointAfter(load);
      auto type = RankedTensorType::get(tile.getShape(), tile.getElementType(),
                                        AccAttr::get(builder.getContext()));
      auto held =
          LoadMatrixOp::create(builder, load.getLoc(), type, load.getResult());
      load.getResult().replaceUsesWithIf(held, isFirstOperand);
      ++numHeld;
      if (load->hasOneUse())
        return;
      load.emitRemark() << "stays in shared memory, too: not all uses of the "
                           "tile are first operands of products";
      ++numKept;
    });
  }
};
} // namespace
