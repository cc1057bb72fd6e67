//===- SplitLoops.cpp - Split loops where a condition changes -------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DivideLoop.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "pbs/Dialect/Tile/Transforms/Passes.h"

namespace mlir::tile {
#define GEN_PASS_DEF_SPLITLOOPSPASS
#include "pbs/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tile

using namespace mlir;
using namespace mlir::tile;

/// The value below which the induction variable makes the condition of an if
/// of the body true, if there is one.
static Value getBound(scf::ForOp loop) {
  if (!canDivide(loop))
    return {};
  for (auto branch : loop.getBody()->getOps<scf::IfOp>()) {
    auto compare = branch.getCondition().getDefiningOp<arith::CmpIOp>();
    if (compare && compare.getPredicate() == arith::CmpIPredicate::slt &&
        compare.getLhs() == loop.getInductionVar() &&
        loop.isDefinedOutsideOfLoop(compare.getRhs()))
      return compare.getRhs();
  }
  return {};
}

/// Replaces the ifs on `iv < bound` by their branch for a known condition.
static void resolve(scf::ForOp loop, Value bound, bool condition) {
  IRRewriter rewriter(loop.getContext());
  for (auto branch :
       llvm::make_early_inc_range(loop.getBody()->getOps<scf::IfOp>())) {
    auto compare = branch.getCondition().getDefiningOp<arith::CmpIOp>();
    if (!compare || compare.getPredicate() != arith::CmpIPredicate::slt ||
        compare.getLhs() != loop.getInductionVar() || compare.getRhs() != bound)
      continue;
    Block *taken = condition ? branch.thenBlock() : branch.elseBlock();
    if (!taken) {
      rewriter.eraseOp(branch);
    } else {
      Operation *yield = taken->getTerminator();
      SmallVector<Value> results(yield->getOperands());
      rewriter.eraseOp(yield);
      rewriter.inlineBlockBefore(taken, branch);
      rewriter.replaceOp(branch, results);
    }
    if (compare.use_empty())
      rewriter.eraseOp(compare);
  }
}

namespace {
struct SplitLoopsPass final : tile::impl::SplitLoopsPassBase<SplitLoopsPass> {
  void runOnOperation() override {
    SmallVector<scf::ForOp> loops;
    getOperation().walk([&](scf::ForOp loop) { loops.push_back(loop); });
    for (scf::ForOp loop : loops) {
      Value bound = getBound(loop);
      if (!bound)
        continue;
      OpBuilder builder(loop);
      Location loc = loop.getLoc();
      Value middle =
          arith::MinSIOp::create(builder, loc, bound, loop.getUpperBound());
      middle =
          arith::MaxSIOp::create(builder, loc, middle, loop.getLowerBound());
      scf::ForOp second = divideLoop(loop, middle);
      resolve(loop, bound, true);
      resolve(second, bound, false);
      ++numSplit;
    }
  }
};
} // namespace
