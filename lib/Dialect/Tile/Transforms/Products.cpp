//===- Products.cpp - Products in flight ----------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Products.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

using namespace mlir;
using namespace mlir::tile;

void tile::countPending(Block &block) {
  for (DotWaitOp wait : block.getOps<DotWaitOp>()) {
    int64_t later = 0;
    for (Operation *op = wait.getSource().getDefiningOp()->getNextNode();
         op != wait; op = op->getNextNode())
      later += isa<DotAsyncOp>(op);
    wait.setPending(later);
  }
}

bool tile::isFirstOperand(OpOperand &use) {
  Value tile = use.get();
  if (auto dot = dyn_cast<DotOp>(use.getOwner()))
    return dot.getA() == tile && dot.getB() != tile;
  if (auto dot = dyn_cast<DotAsyncOp>(use.getOwner()))
    return dot.getA() == tile && dot.getB() != tile;
  return false;
}

bool tile::isRepeatedFirstOperand(LoadOp load) {
  return llvm::any_of(load->getUses(), [&](OpOperand &use) {
    auto loop = use.getOwner()->getParentOfType<LoopLikeOpInterface>();
    return isFirstOperand(use) && loop && !loop->isAncestor(load);
  });
}
