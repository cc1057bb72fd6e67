//===- Products.cpp - Products in flight ----------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Products.h"

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
