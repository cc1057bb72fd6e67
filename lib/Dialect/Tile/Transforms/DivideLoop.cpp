//===- DivideLoop.cpp - Two loops for one ---------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DivideLoop.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

bool tile::canDivide(scf::ForOp loop) {
  return matchPattern(loop.getStep(), m_One()) && !loop.getUnsignedCmp();
}

scf::ForOp tile::divideLoop(scf::ForOp loop, Value middle) {
  OpBuilder builder(loop.getContext());
  builder.setInsertionPointAfter(loop);
  auto second = cast<scf::ForOp>(builder.clone(*loop));
  loop.replaceAllUsesWith(second.getResults());
  loop.setUpperBound(middle);
  second.setLowerBound(middle);
  for (auto [init, result] :
       llvm::zip(second.getInitsMutable(), loop.getResults()))
    init.set(result);
  return second;
}
