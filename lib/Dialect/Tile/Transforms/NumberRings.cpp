//===- NumberRings.cpp - Count uses of rings ------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "pbs/Dialect/Tile/Transforms/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::tile {
#define GEN_PASS_DEF_NUMBERRINGSPASS
#include "pbs/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tile

using namespace mlir;
using namespace mlir::tile;

namespace {
/// One side of a ring: pushes, or waits with their releases. Of a copier, the
/// requests.
using Side = std::pair<Value, unsigned>;
constexpr unsigned kPush = 0, kWait = 1;

/// What is known at a place in the program.
/// The number of the next push or wait.
using Counters = llvm::MapVector<Side, Value>;

/// Numbers the ring ops of a region.
class Numbering {
public:
  explicit Numbering(MLIRContext *context) : rewriter(context) {}

  LogicalResult run(Block *block, Counters &counters);
  unsigned getNumNumbered() const { return numNumbered; }

private:
  LogicalResult numberFor(scf::ForOp loop, Counters &counters);
  LogicalResult numberWhile(scf::WhileOp loop, Counters &counters);
  LogicalResult numberIf(scf::IfOp branch, Counters &counters);
  /// The sides that ops inside `op` advance.
  static SmallVector<Side> getSides(Operation *op);
  Value getNext(const Side &side, Counters &counters, Operation *at);
  Value takeNext(const Side &side, Counters &counters, Operation *at);
  /// The number of the push or wait before `at`, null if there is none.
  Value getLast(const Side &side, Counters &counters, Operation *at);

  IRRewriter rewriter;
  unsigned numNumbered = 0;
};
} // namespace

SmallVector<Side> Numbering::getSides(Operation *op) {
  llvm::SmallSetVector<Side, 4> sides;
  op->walk([&](Operation *inner) {
    if (auto push = dyn_cast<RingPushOp>(inner))
      sides.insert({push.getRing(), kPush});
    else if (auto wait = dyn_cast<RingWaitOp>(inner))
      sides.insert({wait.getRing(), kWait});
    else if (isa<CopierPushOp, CopierStopOp>(inner))
      sides.insert({inner->getOperand(0), kPush});
  });
  return sides.takeVector();
}

/// The counter of a side, which begins at 0 where it is used first.
Value Numbering::getNext(const Side &side, Counters &counters, Operation *at) {
  Value &value = counters[side];
  if (!value) {
    rewriter.setInsertionPoint(at);
    value = arith::ConstantOp::create(rewriter, at->getLoc(),
                                      rewriter.getI32IntegerAttr(0));
  }
  return value;
}

Value Numbering::takeNext(const Side &side, Counters &counters, Operation *at) {
  Value number = getNext(side, counters, at);
  rewriter.setInsertionPointAfter(at);
  Value one = arith::ConstantOp::create(rewriter, at->getLoc(),
                                        rewriter.getI32IntegerAttr(1));
  counters[side] = arith::AddIOp::create(rewriter, at->getLoc(), number, one);
  ++numNumbered;
  return number;
}

Value Numbering::getLast(const Side &side, Counters &counters, Operation *at) {
  Value next = counters.lookup(side);
  if (!next)
    return {};
  // In the same block it is at hand.
  auto add = next.getDefiningOp<arith::AddIOp>();
  if (add && matchPattern(add.getRhs(), m_One()))
    return add.getLhs();
  rewriter.setInsertionPoint(at);
  Value one = arith::ConstantOp::create(rewriter, at->getLoc(),
                                        rewriter.getI32IntegerAttr(1));
  return arith::SubIOp::create(rewriter, at->getLoc(), next, one);
}

LogicalResult Numbering::run(Block *block, Counters &counters) {
  for (Operation &op : llvm::make_early_inc_range(*block)) {
    if (auto push = dyn_cast<RingPushOp>(op)) {
      Value number = takeNext({push.getRing(), kPush}, counters, push);
      push.getStepMutable().assign(number);
    } else if (auto push = dyn_cast<CopierPushOp>(op)) {
      Value number = takeNext({push.getCopier(), kPush}, counters, push);
      push.getStepMutable().assign(number);
    } else if (auto stop = dyn_cast<CopierStopOp>(op)) {
      Value number = takeNext({stop.getCopier(), kPush}, counters, stop);
      stop.getStepMutable().assign(number);
    } else if (auto wait = dyn_cast<RingWaitOp>(op)) {
      Value number = takeNext({wait.getRing(), kWait}, counters, wait);
      wait.getStepMutable().assign(number);
    } else if (auto release = dyn_cast<RingReleaseOp>(op)) {
      Value number = getLast({release.getRing(), kWait}, counters, release);
      if (!number)
        return release.emitOpError()
               << "expected a wait for the slot in the same block or around it";
      release.getStepMutable().assign(number);
      ++numNumbered;
    } else if (auto loop = dyn_cast<scf::ForOp>(op)) {
      if (failed(numberFor(loop, counters)))
        return failure();
    } else if (auto loop = dyn_cast<scf::WhileOp>(op)) {
      if (failed(numberWhile(loop, counters)))
        return failure();
    } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
      if (failed(numberIf(branch, counters)))
        return failure();
    } else if (!getSides(&op).empty()) {
      return op.emitOpError() << "expected rings in scf.for, scf.while and "
                                 "scf.if only";
    }
  }
  return success();
}

LogicalResult Numbering::numberFor(scf::ForOp loop, Counters &counters) {
  SmallVector<Side> sides = getSides(loop);
  SmallVector<Value> inits;
  for (const Side &side : sides)
    inits.push_back(getNext(side, counters, loop));
  Counters inside = counters;
  LogicalResult result = success();
  rewriter.setInsertionPoint(loop);
  // A loop of the same ops that carries the counters, too.
  SmallVector<Value> all(loop.getInits());
  all.append(inits);
  auto copy = scf::ForOp::create(rewriter, loop.getLoc(), loop.getLowerBound(),
                                 loop.getUpperBound(), loop.getStep(), all);
  copy->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
  unsigned numOld = loop.getNumRegionIterArgs();
  Block *body = copy.getBody();
  if (!body->empty())
    rewriter.eraseOp(body->getTerminator());
  rewriter.mergeBlocks(loop.getBody(), body,
                       body->getArguments().take_front(1 + numOld));
  for (auto [i, side] : llvm::enumerate(sides))
    inside[side] = copy.getRegionIterArg(numOld + i);
  result = run(body, inside);
  auto yield = cast<scf::YieldOp>(body->getTerminator());
  for (const Side &side : sides)
    yield.getResultsMutable().append(inside[side]);
  rewriter.replaceOp(loop, copy.getResults().take_front(numOld));
  for (auto [i, side] : llvm::enumerate(sides))
    counters[side] = copy.getResult(numOld + i);
  return result;
}

LogicalResult Numbering::numberWhile(scf::WhileOp loop, Counters &counters) {
  SmallVector<Side> sides = getSides(loop);
  SmallVector<Value> inits(loop.getInits());
  SmallVector<Type> types(loop.getResultTypes());
  SmallVector<Location> locs(sides.size(), loop.getLoc());
  SmallVector<Type> added(sides.size(), rewriter.getI32Type());
  for (const Side &side : sides)
    inits.push_back(getNext(side, counters, loop));
  types.append(added);
  rewriter.setInsertionPoint(loop);
  auto copy = scf::WhileOp::create(rewriter, loop.getLoc(), types, inits);
  rewriter.inlineRegionBefore(loop.getBefore(), copy.getBefore(),
                              copy.getBefore().end());
  rewriter.inlineRegionBefore(loop.getAfter(), copy.getAfter(),
                              copy.getAfter().end());
  Block *before = copy.getBeforeBody(), *after = copy.getAfterBody();
  auto beforeArguments = before->addArguments(added, locs);
  Counters inside = counters;
  for (auto [side, argument] : llvm::zip(sides, beforeArguments))
    inside[side] = argument;
  if (failed(run(before, inside)))
    return failure();
  scf::ConditionOp condition = copy.getConditionOp();
  for (const Side &side : sides)
    condition.getArgsMutable().append(inside[side]);
  auto afterArguments = after->addArguments(added, locs);
  for (auto [side, argument] : llvm::zip(sides, afterArguments))
    inside[side] = argument;
  if (failed(run(after, inside)))
    return failure();
  auto yield = cast<scf::YieldOp>(after->getTerminator());
  for (const Side &side : sides)
    yield.getResultsMutable().append(inside[side]);
  unsigned numOld = loop.getNumResults();
  rewriter.replaceOp(loop, copy.getResults().take_front(numOld));
  for (auto [i, side] : llvm::enumerate(sides))
    counters[side] = copy.getResult(numOld + i);
  return success();
}

LogicalResult Numbering::numberIf(scf::IfOp branch, Counters &counters) {
  SmallVector<Side> sides = getSides(branch);
  if (sides.empty())
    return success();
  for (const Side &side : sides)
    getNext(side, counters, branch);
  SmallVector<Type> types(branch.getResultTypes());
  types.append(sides.size(), rewriter.getI32Type());
  rewriter.setInsertionPoint(branch);
  auto copy = scf::IfOp::create(rewriter, branch.getLoc(), types,
                                branch.getCondition(), /*addThenBlock=*/true,
                                /*addElseBlock=*/true);
  for (auto [from, to] : {std::pair(branch.thenBlock(), copy.thenBlock()),
                          std::pair(branch.elseBlock(), copy.elseBlock())}) {
    while (!to->empty())
      rewriter.eraseOp(&to->back());
    Counters inside = counters;
    if (from) {
      rewriter.mergeBlocks(from, to);
    } else {
      rewriter.setInsertionPointToEnd(to);
      scf::YieldOp::create(rewriter, branch.getLoc());
    }
    if (failed(run(to, inside)))
      return failure();
    auto yield = cast<scf::YieldOp>(to->getTerminator());
    for (const Side &side : sides)
      yield.getResultsMutable().append(inside[side]);
  }
  unsigned numOld = branch.getNumResults();
  rewriter.replaceOp(branch, copy.getResults().take_front(numOld));
  for (auto [i, side] : llvm::enumerate(sides))
    counters[side] = copy.getResult(numOld + i);
  return success();
}

namespace {
struct NumberRingsPass final
    : tile::impl::NumberRingsPassBase<NumberRingsPass> {
  void runOnOperation() override {
    FuncOp func = getOperation();
    SmallVector<Region *> regions{&func.getBody()};
    for (auto specialize : func.getBody().getOps<WarpSpecializeOp>()) {
      // Each side has its own counters.
      regions.assign({&specialize.getProducer(), &specialize.getConsumer()});
    }
    for (Region *region : regions) {
      Numbering numbering(&getContext());
      Counters counters;
      if (failed(numbering.run(&region->front(), counters)))
        return signalPassFailure();
      numNumbered += numbering.getNumNumbered();
    }
  }
};
} // namespace
