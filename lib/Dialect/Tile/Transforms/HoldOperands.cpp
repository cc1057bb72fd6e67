//===- HoldOperands.cpp - Hold operands of products in registers ----------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Config.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "pbs/Dialect/Tile/Transforms/Passes.h"

namespace mlir::tile {
#define GEN_PASS_DEF_HOLDOPERANDSPASS
#include "pbs/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tile

using namespace mlir;
using namespace mlir::tile;

/// Whether the use is the first operand of a product.
static bool isFirstOperand(OpOperand &use) {
  Value tile = use.get();
  if (auto dot = dyn_cast<DotOp>(use.getOwner()))
    return dot.getA() == tile && dot.getB() != tile;
  if (auto dot = dyn_cast<DotAsyncOp>(use.getOwner()))
    return dot.getA() == tile && dot.getB() != tile;
  return false;
}

/// Whether a loop repeats the use, but not the load.
static bool isInLoop(OpOperand &use, LoadOp load) {
  auto loop = use.getOwner()->getParentOfType<LoopLikeOpInterface>();
  return loop && !loop->isAncestor(load);
}

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
      auto repeats = [&](OpOperand &use) {
        return isFirstOperand(use) && isInLoop(use, load);
      };
      if (!llvm::any_of(load->getUses(), repeats))
        return;
      if (!llvm::all_of(load->getUses(), isFirstOperand)) {
        load.emitRemark() << "stays in shared memory: not all uses of the tile "
                             "are first operands of products";
        ++numRefused;
        return;
      }
      BufferType tile = load.getResult().getType();
      OpBuilder builder(load->getContext());
      builder.setInsertionPointAfter(load);
      auto type = RankedTensorType::get(tile.getShape(), tile.getElementType(),
                                        AccAttr::get(builder.getContext()));
      auto held =
          LoadMatrixOp::create(builder, load.getLoc(), type, load.getResult());
      load.getResult().replaceAllUsesExcept(held, held);
      ++numHeld;
    });
  }
};
} // namespace
