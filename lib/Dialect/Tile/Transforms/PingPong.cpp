//===- PingPong.cpp - Take turns at the tensor cores ----------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Config.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "pbs/Dialect/Tile/Transforms/Passes.h"

namespace mlir::tile {
#define GEN_PASS_DEF_PINGPONGPASS
#include "pbs/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tile

using namespace mlir;
using namespace mlir::tile;

namespace {
struct PingPongPass final : tile::impl::PingPongPassBase<PingPongPass> {
  void runOnOperation() override {
    FuncOp func = getOperation();
    FailureOr<ConfigAttr> config = requireConfig(func);
    if (failed(config))
      return signalPassFailure();
    if (!config->getPingPong())
      return;
    // Only where products overlap with arithmetic is there something to take
    // turns for.
    llvm::SmallPtrSet<Block *, 8> loops;
    func.walk([&](scf::ForOp loop) {
      if (!loop.getBody()->getOps<DotAsyncOp>().empty())
        loops.insert(loop.getBody());
    });
    if (loops.empty()) {
      func.emitRemark() << "warpgroups take no turns: no asynchronous product "
                           "in a loop";
      return;
    }
    func.walk([&](Block *block) {
      // Before the loops of a block. Behind them the other warpgroup is about
      // to begin its next item, so there a turn would only wait.
      for (Operation &op : *block)
        if (isa<scf::ForOp, scf::WhileOp>(op) && holdsProducts(op))
          return addTurns(block->begin(), op.getIterator());
      if (isa<scf::ForOp, scf::WhileOp>(block->getParentOp()))
        addTurns(block->begin(), block->end());
    });
  }

private:
  /// Whether products begin or end inside `op`: turns do not nest.
  static bool holdsProducts(Operation &op) {
    return op.getNumRegions() && op.walk([](Operation *inner) {
                                     return isa<DotAsyncOp, DotWaitOp>(inner)
                                                ? WalkResult::interrupt()
                                                : WalkResult::advance();
                                   }).wasInterrupted();
  }

  /// A turn around each run of products that no wait interrupts.
  void addTurns(Block::iterator begin, Block::iterator end) {
    DotAsyncOp first, last;
    auto close = [&] {
      if (!first)
        return;
      OpBuilder builder(first);
      TurnWaitOp::create(builder, first.getLoc());
      builder.setInsertionPointAfter(last);
      TurnPassOp::create(builder, last.getLoc());
      ++numTurns;
      first = last = {};
    };
    for (Operation &op :
         llvm::make_early_inc_range(llvm::make_range(begin, end))) {
      if (auto dot = dyn_cast<DotAsyncOp>(op)) {
        first = first ? first : dot;
        last = dot;
      } else if (isa<DotWaitOp>(op) || holdsProducts(op)) {
        close();
      }
    }
    close();
  }
};
} // namespace
