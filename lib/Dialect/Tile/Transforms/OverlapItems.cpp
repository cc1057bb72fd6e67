//===- OverlapItems.cpp - An item begins before the last one ends ---------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Config.h"
#include "Products.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "pbs/Dialect/Tile/Transforms/Passes.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::tile {
#define GEN_PASS_DEF_OVERLAPITEMSPASS
#include "pbs/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tile

using namespace mlir;
using namespace mlir::tile;

namespace {
using Ops = ArrayRef<Operation *>;

/// What one side does for an item.
struct ItemParts {
  /// Before the loops that matter, those and what is between them, and behind
  /// them.
  SmallVector<Operation *> begin, loops, end;
};

/// Rotates a loop over items.
class Rotation {
public:
  Rotation(scf::WhileOp loop, const ItemParts &parts, bool isProducer)
      : loop(loop), parts(parts), isProducer(isProducer), builder(loop) {}

  void run();

private:
  /// What a part of an item needs of those before it.
  struct Needs {
    llvm::SetVector<Value> carried;
    llvm::SetVector<Operation *> recomputed;
  };

  /// Whether `op` follows from the item alone by arithmetic, so that it is
  /// computed anew rather than kept in registers: a mask of positions is a
  /// whole tile of few values.
  bool isRecomputed(Operation *op);
  void need(Value value, Needs &needs);
  void findNeeds();
  void recompute(const Needs &needs, IRMapping &mapping);
  void clone(Ops ops, IRMapping &mapping);
  /// Finds the item from `values`, and gives whether there is one.
  Value cloneHead(ValueRange values, IRMapping &mapping);
  /// The end of an item and the begin of the next.
  void cloneBoth(IRMapping &ended, IRMapping &begun);

  scf::WhileOp loop;
  const ItemParts &parts;
  bool isProducer;
  OpBuilder builder;
  Needs ofLoops, ofEnd;
  llvm::DenseMap<Operation *, bool> recomputed;
};
} // namespace

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

template <typename Op>
static Operation *findFirst(Ops ops) {
  auto *found = llvm::find_if(ops, llvm::IsaPred<Op>);
  return found == ops.end() ? nullptr : *found;
}

/// Divides the body of `loop` at its loops that hold an `Op`. Those that have
/// none of it before the loops or behind them have nothing to move, says
/// `reason`.
template <typename Op>
static FailureOr<ItemParts> findParts(scf::WhileOp loop, StringRef &reason) {
  ItemParts parts;
  for (Operation &op : loop.getAfterBody()->without_terminator()) {
    auto inner = dyn_cast<scf::ForOp>(op);
    if (inner && !inner.getBody()->getOps<Op>().empty()) {
      parts.loops.append(parts.end);
      parts.end.clear();
      parts.loops.push_back(&op);
    } else {
      (parts.loops.empty() ? parts.begin : parts.end).push_back(&op);
    }
  }
  if (!loop.use_empty())
    reason = "the loop over items has results";
  else if (parts.loops.empty())
    reason = "no loop with products";
  else if (!findFirst<Op>(parts.begin))
    reason = "no product before the loops";
  else if (!findFirst<Op>(parts.end))
    reason = "no product behind the loops";
  else
    return parts;
  return failure();
}

static bool isRelease(Operation *op) { return isa<RingReleaseOp>(op); }

/// Whether a slot is in use from before the loops to behind the first ops of
/// the end: the next item would wait for another of the same ring meanwhile.
static bool keepsSlots(const ItemParts &parts) {
  llvm::SmallDenseSet<Value> waited;
  for (Operation *op : llvm::make_range(llvm::find_if_not(parts.end, isRelease),
                                        parts.end.end())) {
    if (auto wait = dyn_cast<RingWaitOp>(op))
      waited.insert(wait.getRing());
    else if (auto release = dyn_cast<RingReleaseOp>(op);
             release && !waited.contains(release.getRing()))
      return true;
  }
  return false;
}

//===----------------------------------------------------------------------===//
// Rotation
//===----------------------------------------------------------------------===//

bool Rotation::isRecomputed(Operation *op) {
  auto [entry, isNew] = recomputed.try_emplace(op, false);
  if (!isNew)
    return entry->second;
  bool result =
      op->getNumRegions() == 0 && isPure(op) &&
      llvm::all_of(op->getOperands(), [&](Value value) {
        Operation *def = value.getDefiningOp();
        // Numbers of the item, scalars that came with a tile, and what is
        // outside of the loop.
        return !def || def->getBlock() != loop.getAfterBody() ||
               (isa<RingWaitOp>(def) && value.getType().isIntOrFloat()) ||
               isRecomputed(def);
      });
  return recomputed[op] = result;
}

void Rotation::need(Value value, Needs &needs) {
  Block *body = loop.getAfterBody();
  Operation *def = value.getDefiningOp();
  if (!def ? cast<BlockArgument>(value).getOwner() != body
           : def->getBlock() != body)
    return;
  if (def && isRecomputed(def)) {
    if (needs.recomputed.insert(def))
      for (Value operand : def->getOperands())
        need(operand, needs);
    return;
  }
  needs.carried.insert(value);
}

void Rotation::findNeeds() {
  auto visit = [&](Ops ops, Needs &needs) {
    for (Operation *op : ops)
      op->walk([&](Operation *inner) {
        for (Value value : inner->getOperands())
          need(value, needs);
      });
  };
  visit(parts.loops, ofLoops);
  // The next item is looked for behind the loops.
  for (Value value : loop.getYieldOp().getResults())
    need(value, ofLoops);
  visit(parts.end, ofEnd);
  auto isOf = [](Ops ops, Value value) {
    return value.getDefiningOp() &&
           llvm::is_contained(ops, value.getDefiningOp());
  };
  ofLoops.carried.remove_if(
      [&](Value value) { return isOf(parts.loops, value); });
  ofEnd.carried.remove_if([&](Value value) { return isOf(parts.end, value); });
  // On its way to the end it passes the loops.
  for (Value value : ofEnd.carried)
    if (!isOf(parts.loops, value))
      ofLoops.carried.insert(value);
}

void Rotation::recompute(const Needs &needs, IRMapping &mapping) {
  for (Operation *op : parts.begin)
    if (needs.recomputed.contains(op))
      builder.clone(*op, mapping);
}

void Rotation::clone(Ops ops, IRMapping &mapping) {
  for (Operation *op : ops)
    builder.clone(*op, mapping);
}

Value Rotation::cloneHead(ValueRange values, IRMapping &mapping) {
  mapping.map(loop.getBeforeArguments(), values);
  for (Operation &op : loop.getBeforeBody()->without_terminator())
    builder.clone(op, mapping);
  return mapping.lookupOrDefault(loop.getConditionOp().getCondition());
}

void Rotation::cloneBoth(IRMapping &ended, IRMapping &begun) {
  if (isProducer) {
    // Consumers need what the next item begins with at the same time as what
    // this one ends with, and it takes longer to find.
    clone(parts.begin, begun);
    recompute(ofEnd, ended);
    clone(parts.end, ended);
    return;
  }
  recompute(ofEnd, ended);
  // What only the loops needed is given back first: the producer may need it
  // for the next item.
  Ops end = parts.end;
  Ops released = end.take_while(isRelease);
  clone(released, ended);
  end = end.drop_front(released.size());
  auto splitBehind = [](Ops ops, Operation *op) -> std::pair<Ops, Ops> {
    size_t size = llvm::find(ops, op) - ops.begin() + 1;
    return {ops.take_front(size), ops.drop_front(size)};
  };
  auto [toLast, behindLast] = splitBehind(end, findFirst<DotAsyncOp>(end));
  auto [toFirst, behindFirst] =
      splitBehind(parts.begin, findFirst<DotAsyncOp>(parts.begin));
  // Where both products take their first operands from registers, those of the
  // new item are loaded before the turn.
  Ops loads = toFirst;
  while (!loads.empty() && !isa<LoadMatrixOp>(loads.back()))
    loads = loads.drop_back();
  if (!loads.empty())
    loads = toFirst.take_front(
        loads.size() +
        toFirst.drop_front(loads.size()).take_while(isRelease).size());
  clone(loads, begun);
  clone(toLast, ended);
  clone(toFirst.drop_front(loads.size()), begun);
  // The results leave their registers before the arithmetic of the new item
  // needs them.
  clone(behindLast, ended);
  clone(behindFirst, begun);
}

void Rotation::run() {
  findNeeds();
  Location loc = loop.getLoc();
  auto lookup = [](IRMapping &mapping, ValueRange values) {
    return llvm::map_to_vector(
        values, [&](Value value) { return mapping.lookupOrDefault(value); });
  };
  ValueRange item = loop.getConditionOp().getArgs();
  Block *body = loop.getAfterBody();
  ArrayRef<Value> loopValues = ofLoops.carried.getArrayRef();
  ArrayRef<Value> endValues = ofEnd.carried.getArrayRef();

  IRMapping first;
  auto branch =
      scf::IfOp::create(builder, loc, cloneHead(loop.getInits(), first));
  builder.setInsertionPointToStart(branch.thenBlock());
  first.map(body->getArguments(), lookup(first, item));
  clone(parts.begin, first);

  SmallVector<Type> types(ValueRange(endValues).getTypes());
  llvm::append_range(types, item.getTypes());
  auto rotated =
      scf::WhileOp::create(builder, loc, types, lookup(first, loopValues));
  auto createBlock = [&](Region &region, TypeRange types) {
    return builder.createBlock(&region, {}, types,
                               SmallVector<Location>(types.size(), loc));
  };
  {
    OpBuilder::InsertionGuard guard(builder);
    IRMapping present, next;
    Block *before =
        createBlock(rotated.getBefore(), ValueRange(loopValues).getTypes());
    present.map(ValueRange(loopValues), before->getArguments());
    recompute(ofLoops, present);
    clone(parts.loops, present);
    Value more =
        cloneHead(lookup(present, loop.getYieldOp().getResults()), next);
    SmallVector<Value> handed = lookup(present, endValues);
    handed.append(lookup(next, item));
    scf::ConditionOp::create(builder, loc, more, handed);

    IRMapping ended, begun;
    Block *after = createBlock(rotated.getAfter(), types);
    ended.map(ValueRange(endValues),
              after->getArguments().take_front(endValues.size()));
    begun.map(body->getArguments(),
              after->getArguments().drop_front(endValues.size()));
    cloneBoth(ended, begun);
    scf::YieldOp::create(builder, loc, lookup(begun, loopValues));
    countPending(*after);
  }
  IRMapping end;
  end.map(ValueRange(endValues),
          rotated.getResults().take_front(endValues.size()));
  recompute(ofEnd, end);
  clone(parts.end, end);
  loop.erase();
}

/// The loop over items that a dynamic schedule leaves on one side.
static scf::WhileOp findItems(Region &side) {
  auto loops = side.getOps<scf::WhileOp>();
  return loops.empty() ? scf::WhileOp() : *loops.begin();
}

namespace {
struct OverlapItemsPass final
    : tile::impl::OverlapItemsPassBase<OverlapItemsPass> {
  void runOnOperation() override {
    FuncOp func = getOperation();
    FailureOr<ConfigAttr> config = requireConfig(func);
    if (failed(config))
      return signalPassFailure();
    if (!config->getOverlapItems())
      return;
    for (auto specialize : func.getBody().getOps<WarpSpecializeOp>()) {
      scf::WhileOp told = findItems(specialize.getConsumer());
      scf::WhileOp drawing = findItems(specialize.getProducer());
      StringRef reason = "no loop over items";
      FailureOr<ItemParts> consumer = failure(), producer = failure();
      if (told && drawing)
        consumer = findParts<DotAsyncOp>(told, reason);
      if (succeeded(consumer) && keepsSlots(*consumer)) {
        reason = "a tile is in use from before the loops to behind them";
        consumer = failure();
      }
      if (failed(consumer)) {
        func.emitRemark() << "items do not overlap: " << reason;
        ++numRefused;
        continue;
      }
      Rotation(told, *consumer, /*isProducer=*/false).run();
      ++numRotated;
      // Without a load behind its loops it is ahead anyway.
      producer = findParts<RingPushOp>(drawing, reason);
      if (succeeded(producer)) {
        Rotation(drawing, *producer, /*isProducer=*/true).run();
        ++numRotated;
      }
    }
  }
};
} // namespace
