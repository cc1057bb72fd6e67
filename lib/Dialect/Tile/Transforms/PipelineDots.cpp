//===- PipelineDots.cpp - Overlap products with arithmetic ----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rotation is general: a loop, and a stage for each op of its body. Which
// op is in which stage is the only thing that looks at products.
//
//===----------------------------------------------------------------------===//

#include "Config.h"
#include "Products.h"
#include "Slice.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "pbs/Dialect/Tile/Transforms/Passes.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::tile {
#define GEN_PASS_DEF_PIPELINEDOTSPASS
#include "pbs/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tile

using namespace mlir;
using namespace mlir::tile;

/// The op of `block` that is or holds `op`, or null.
static Operation *getAncestorIn(Block *block, Operation *op) {
  return block->findAncestorOpInBlock(*op);
}

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

namespace {
/// Ops of a loop body that run one iteration late, and the product up to which
/// the others come first.
struct Stages {
  Operation *first = nullptr;
  llvm::SmallPtrSet<Operation *, 16> late;
  /// What is done to the accumulator before the last product: in time, but
  /// behind what runs late.
  llvm::SmallPtrSet<Operation *, 4> between;
};
} // namespace

/// The last product and what only feeds it runs late: the load of an operand,
/// and what repeats a smaller value (so that the smaller one is carried). The
/// arithmetic on its accumulator does not, since it would keep back the
/// products that begin together, unless it has a branch, which would keep back
/// the rest. Fails with the reason.
static FailureOr<Stages> assignStages(scf::ForOp loop, StringRef &reason) {
  Block *body = loop.getBody();
  SmallVector<DotOp> dots(body->getOps<DotOp>());
  if (dots.size() < 2) {
    reason = "fewer than two products in the loop";
    return failure();
  }
  DotOp last = dots.back();
  if (!llvm::any_of(last->getOperands(), [&](Value operand) {
        return dependsOn(operand, dots.front().getResult(), body);
      })) {
    reason = "the last product does not depend on the first";
    return failure();
  }
  Stages stages;
  stages.first = dots.front();
  stages.late.insert(last);
  Value accumulator;
  for (auto [argument, yielded] :
       llvm::zip(loop.getRegionIterArgs(), loop.getYieldedValues()))
    if (yielded == last.getResult())
      accumulator = argument;
  auto isOnAccumulator = [&](Operation &op) {
    return accumulator && llvm::any_of(op.getResults(), [&](Value result) {
             return dependsOn(result, accumulator, body);
           });
  };
  bool hasBranch = llvm::any_of(*body, [&](Operation &op) {
    return op.getNumRegions() && isOnAccumulator(op);
  });
  for (Operation &op : llvm::reverse(body->without_terminator())) {
    if (op.use_empty() || !isMemoryEffectFree(&op) || isa<DotOp>(&op))
      continue;
    auto isUsedOnlyBy = [&](auto &...ops) {
      return llvm::all_of(op.getUsers(), [&](Operation *user) {
        Operation *ancestor = getAncestorIn(body, user);
        return (ops.contains(ancestor) || ...);
      });
    };
    bool onAccumulator = isOnAccumulator(op);
    if (onAccumulator && !hasBranch &&
        isUsedOnlyBy(stages.late, stages.between))
      stages.between.insert(&op);
    else if ((onAccumulator || isa<LoadOp, BroadcastOp, SplatOp>(&op)) &&
             isUsedOnlyBy(stages.late))
      stages.late.insert(&op);
  }
  return stages;
}

//===----------------------------------------------------------------------===//
// Rotation
//===----------------------------------------------------------------------===//

/// Whether the loop surely runs: from 0 to the size of a list, which is at
/// least 1, or to a constant.
static bool surelyRuns(scf::ForOp loop) {
  APInt lower, upper;
  if (!matchPattern(loop.getLowerBound(), m_ConstantInt(&lower)) ||
      !matchPattern(loop.getStep(), m_One()))
    return false;
  if (matchPattern(loop.getUpperBound(), m_ConstantInt(&upper)))
    return lower.slt(upper);
  auto count = dyn_cast<OpResult>(loop.getUpperBound());
  return lower.isZero() && count && isa<ListSizeOp>(count.getOwner()) &&
         count.getResultNumber() == 0;
}

namespace {
/// Rotates one loop: early ops of iteration j run beside late ops of iteration
/// j - 1.
class Rotation {
public:
  Rotation(scf::ForOp loop, const Stages &stages)
      : loop(loop), stages(stages), builder(loop), loc(loop.getLoc()) {}

  /// Null, with a reason, if the stages do not allow it; the IR is unchanged
  /// then.
  scf::ForOp run(StringRef &reason);

private:
  bool isLate(Value value) {
    Operation *op = value.getDefiningOp();
    return op && stages.late.contains(op);
  }
  Value getYielded(BlockArgument argument) {
    return loop.getTiedLoopYieldedValue(argument)->get();
  }
  /// Whether an iteration only needs `argument` in ops that come behind the
  /// late ops of the one before, which make it.
  bool isMadeInside(BlockArgument argument) {
    return isLate(getYielded(argument)) &&
           llvm::all_of(argument.getUsers(), [&](Operation *user) {
             return stages.between.contains(
                 getAncestorIn(loop.getBody(), user));
           });
  }
  void collectCarried();
  void cloneEarly(IRMapping &mapping, bool upToFirst, bool behindFirst);
  void cloneLate(IRMapping &mapping);

  scf::ForOp loop;
  const Stages &stages;
  OpBuilder builder;
  Location loc;
  /// Values of an iteration that late ops of it use.
  llvm::SetVector<Value> carried;
};
} // namespace

void Rotation::collectCarried() {
  for (Operation *op : stages.late)
    op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands()) {
        if (isLate(operand))
          continue;
        auto argument = dyn_cast<BlockArgument>(operand);
        bool ofBody =
            argument ? argument.getOwner() == loop.getBody()
                     : operand.getDefiningOp()->getBlock() == loop.getBody();
        if (!ofBody)
          continue;
        if (argument && argument != loop.getInductionVar() &&
            isLate(getYielded(argument)))
          continue;
        carried.insert(operand);
      }
    });
  // A fixed order: that of the body.
  SmallVector<Value> order = carried.takeVector();
  auto getKey = [&](Value value) -> std::pair<int64_t, int64_t> {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return {-1, argument.getArgNumber()};
    int64_t position = 0;
    for (Operation &op : *loop.getBody()) {
      if (&op == value.getDefiningOp())
        break;
      ++position;
    }
    return {position, cast<OpResult>(value).getResultNumber()};
  };
  llvm::sort(order, [&](Value a, Value b) { return getKey(a) < getKey(b); });
  carried.insert(order.begin(), order.end());
}

void Rotation::cloneEarly(IRMapping &mapping, bool upToFirst,
                          bool behindFirst) {
  bool behind = false;
  for (Operation &op : loop.getBody()->without_terminator()) {
    bool isBehind = behind || stages.between.contains(&op);
    if (!stages.late.contains(&op) && (isBehind ? behindFirst : upToFirst))
      builder.clone(op, mapping);
    behind |= &op == stages.first;
  }
}

void Rotation::cloneLate(IRMapping &mapping) {
  for (Operation &op : loop.getBody()->without_terminator())
    if (stages.late.contains(&op))
      builder.clone(op, mapping);
}

scf::ForOp Rotation::run(StringRef &reason) {
  auto arguments = loop.getRegionIterArgs();
  auto yielded = loop.getYieldedValues();
  // What early ops use must not come from a late op.
  for (auto [argument, value] : llvm::zip(arguments, yielded))
    if (isLate(value))
      for (Operation *user : argument.getUsers()) {
        Operation *op = getAncestorIn(loop.getBody(), user);
        if (!stages.late.contains(op) && !stages.between.contains(op)) {
          reason = "the first product depends on the last one before it";
          return nullptr;
        }
      }
  collectCarried();
  // A slot of a ring is used in the iteration in which it was filled.
  if (llvm::any_of(carried, [](Value value) {
        return isa<BufferType>(value.getType());
      })) {
    reason = "both products use the same tile in shared memory";
    return nullptr;
  }

  // Early ops of the first iteration.
  IRMapping first;
  first.map(loop.getInductionVar(), loop.getLowerBound());
  for (auto [argument, init] : llvm::zip(arguments, loop.getInits()))
    first.map(argument, init);
  cloneEarly(first, /*upToFirst=*/true, /*behindFirst=*/true);

  // The values that the rotated loop carries: those of the loop, then what late
  // ops need.
  SmallVector<BlockArgument> kept;
  SmallVector<Value> inits;
  for (auto [argument, value, init] :
       llvm::zip(arguments, yielded, loop.getInits()))
    if (!isMadeInside(argument)) {
      kept.push_back(argument);
      inits.push_back(isLate(value) ? init : first.lookupOrDefault(value));
    }
  for (Value value : carried)
    inits.push_back(first.lookupOrDefault(value));
  Value second =
      arith::AddIOp::create(builder, loc, loop.getLowerBound(), loop.getStep());
  auto rotated = scf::ForOp::create(builder, loc, second, loop.getUpperBound(),
                                    loop.getStep(), inits);
  auto mapLate = [&](IRMapping &mapping, ValueRange values) {
    for (auto [argument, value] : llvm::zip(kept, values))
      if (isLate(getYielded(argument)))
        mapping.map(argument, value);
    for (auto [value, now] : llvm::zip(carried, values.drop_front(kept.size())))
      mapping.map(value, now);
  };

  // Early ops of this iteration, late ops of the one before.
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(rotated.getBody());
  IRMapping early, late;
  early.map(loop.getInductionVar(), rotated.getInductionVar());
  for (auto [argument, now] : llvm::zip(kept, rotated.getRegionIterArgs()))
    if (!isLate(getYielded(argument)))
      early.map(argument, now);
  mapLate(late, rotated.getRegionIterArgs());
  cloneEarly(early, /*upToFirst=*/true, /*behindFirst=*/false);
  cloneLate(late);
  for (auto [argument, value] : llvm::zip(arguments, yielded))
    if (isLate(value))
      early.map(argument, late.lookup(value));
  cloneEarly(early, /*upToFirst=*/false, /*behindFirst=*/true);
  SmallVector<Value> results;
  for (BlockArgument argument : kept) {
    Value value = getYielded(argument);
    results.push_back((isLate(value) ? late : early).lookupOrDefault(value));
  }
  for (Value value : carried)
    results.push_back(early.lookupOrDefault(value));
  scf::YieldOp::create(builder, loc, results);

  // Late ops of the last iteration.
  builder.setInsertionPointAfter(rotated);
  IRMapping end;
  mapLate(end, rotated.getResults());
  cloneLate(end);
  for (auto [argument, now] : llvm::zip(kept, rotated.getResults()))
    end.map(argument, now);
  for (auto [argument, value, result] :
       llvm::zip(arguments, yielded, loop.getResults()))
    result.replaceAllUsesWith(end.lookup(isLate(value) ? value : argument));
  loop.erase();
  return rotated;
}

//===----------------------------------------------------------------------===//
// Asynchronous products
//===----------------------------------------------------------------------===//

/// The first op of the dot's block that needs its result.
static Operation *getFirstUser(DotOp dot) {
  Operation *first = dot->getBlock()->getTerminator();
  for (Operation *user : dot->getUsers()) {
    Operation *ancestor = getAncestorIn(dot->getBlock(), user);
    if (ancestor->isBeforeInBlock(first))
      first = ancestor;
  }
  return first;
}

/// Moves the conversions that make the next iteration's operand in registers to
/// the end of a rotated body, where products that read the present one are
/// waited for: ptxas serialises products whose registers are overwritten
/// earlier. Returns the first of them, or the terminator.
static Operation *sinkOperands(scf::ForOp loop) {
  Block *body = loop.getBody();
  Operation *yield = body->getTerminator(), *first = yield;
  for (auto [argument, value] :
       llvm::zip(loop.getRegionIterArgs(), loop.getYieldedValues())) {
    bool isOperand = llvm::any_of(argument.getUses(), [](OpOperand &use) {
      return isa<DotOp>(use.getOwner()) && use.getOperandNumber() == 0;
    });
    Operation *op = value.getDefiningOp();
    if (!isOperand || !op || op->getBlock() != body || !op->hasOneUse() ||
        !isMemoryEffectFree(op))
      continue;
    op->moveBefore(yield);
    if (first == yield)
      first = op;
  }
  return first;
}

/// Begins each product where it stands and waits for it before its first use,
/// or before `end` where its result is only carried.
static void makeAsync(Block *block, Operation *end) {
  for (DotOp dot : llvm::make_early_inc_range(block->getOps<DotOp>())) {
    OpBuilder builder(dot);
    Operation *user = getFirstUser(dot);
    if (user == block->getTerminator())
      user = end;
    auto async = DotAsyncOp::create(
        builder, dot.getLoc(),
        InflightType::get(dot.getContext(),
                          cast<RankedTensorType>(dot.getType())),
        dot.getA(), dot.getB(), dot.getAcc(), dot.getTransposeB());
    builder.setInsertionPoint(user);
    auto wait = DotWaitOp::create(builder, dot.getLoc(), dot.getType(),
                                  async.getResult(),
                                  /*pending=*/0);
    dot.replaceAllUsesWith(wait.getResult());
    dot.erase();
  }
  // Products that begin later may stay in flight.
  countPending(*block);
}

namespace {
struct PipelineDotsPass final
    : tile::impl::PipelineDotsPassBase<PipelineDotsPass> {
  void runOnOperation() override {
    FuncOp func = getOperation();
    FailureOr<ConfigAttr> config = requireConfig(func);
    if (failed(config))
      return signalPassFailure();
    if (!config->getOverlap())
      return;
    SmallVector<scf::ForOp> loops;
    func.walk([&](scf::ForOp loop) {
      if (!loop.getBody()->getOps<DotOp>().empty())
        loops.push_back(loop);
    });
    llvm::DenseMap<Block *, Operation *> ends;
    for (scf::ForOp loop : loops) {
      StringRef reason;
      FailureOr<Stages> stages = assignStages(loop, reason);
      scf::ForOp result;
      if (succeeded(stages)) {
        if (surelyRuns(loop))
          result = Rotation(loop, *stages).run(reason);
        else
          reason = "the loop may run no times";
      }
      if (!result) {
        loop.emitRemark() << "products do not overlap: " << reason;
        ++numRefused;
        continue;
      }
      ends[result.getBody()] = sinkOperands(result);
      ++numRotated;
    }
    SmallVector<Block *> blocks;
    func.walk([&](Block *block) {
      if (!block->getOps<DotOp>().empty())
        blocks.push_back(block);
    });
    for (Block *block : blocks) {
      numAsync += std::distance(block->getOps<DotOp>().begin(),
                                block->getOps<DotOp>().end());
      Operation *end = ends.lookup(block);
      makeAsync(block, end ? end : block->getTerminator());
    }
  }
};
} // namespace
