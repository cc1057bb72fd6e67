//===- Schedule.cpp - Which block does which items ------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Config.h"
#include "DivideLoop.h"
#include "SharedMemory.h"
#include "Slice.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "pbs/Dialect/Tile/Transforms/Passes.h"

namespace mlir::tile {
#define GEN_PASS_DEF_SCHEDULEPASS
#include "pbs/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tile

using namespace mlir;
using namespace mlir::tile;

/// Iterations of the last loop of an item that follow the draw of the next. In
/// each the producer waits until a slot is free, in attention as long as
/// consumers take for a tile of keys, 1 to 2 microseconds: longer than a draw
/// takes. One iteration would do; two leave room for blocks that draw at the
/// same time.
static constexpr int32_t kIterationsBehindDraw = 2;

namespace {
/// Emits the arithmetic of items at one place.
class ItemBuilder {
public:
  ItemBuilder(OpBuilder &builder, Location loc) : builder(builder), loc(loc) {}

  Value constant(int32_t value) {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getI32IntegerAttr(value));
  }
  template <typename Op>
  Value make(Value a, Value b) {
    return Op::create(builder, loc, a, b);
  }
  Value getNumItems(ForEachOp items) {
    if (isSome(items))
      return readWord(items.getListed(), constant(0));
    Value heads = make<arith::MulIOp>(items.getBatch(), items.getHead());
    return make<arith::MulIOp>(heads, items.getBlock());
  }
  /// The item with a number: runs of `together` heads one after the other, in a
  /// run all heads of the last block, then those of the block before.
  SmallVector<Value> decode(ForEachOp items, Value number) {
    Value listed = items.getListed();
    if (isSome(items))
      return decodeListed(items, make<arith::AddIOp>(number, constant(1)));
    if (!listed)
      return decodeNumber(items, number);
    Value size = DimOp::create(builder, loc, builder.getI32Type(), listed,
                               /*dim=*/0);
    Value hasOrder = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::sgt, size, constant(0));
    auto branch = scf::IfOp::create(
        builder, loc, SmallVector<Type>(3, builder.getI32Type()), hasOrder,
        /*withElseRegion=*/true);
    auto fill = [&](Block *block, auto decode) {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(block);
      scf::YieldOp::create(builder, loc, decode());
    };
    fill(branch.thenBlock(), [&] { return decodeListed(items, number); });
    fill(branch.elseBlock(), [&] { return decodeNumber(items, number); });
    return llvm::to_vector_of<Value>(branch.getResults());
  }
  /// Whether there are only the items on a list.
  static bool isSome(ForEachOp items) {
    return items.getListed() && !items.getOrdered();
  }

private:
  SmallVector<Value> decodeListed(ForEachOp items, Value index) {
    auto [batchHead, block] =
        divide(readWord(items.getListed(), index), items.getBlock());
    auto [batch, head] = divide(batchHead, items.getHead());
    return {batch, head, block};
  }
  SmallVector<Value> decodeNumber(ForEachOp items, Value number) {
    Value heads = make<arith::MulIOp>(items.getBatch(), items.getHead());
    Value runItems = make<arith::MulIOp>(items.getTogether(), items.getBlock());
    Value run = make<arith::DivUIOp>(number, runItems);
    Value inRun =
        make<arith::SubIOp>(number, make<arith::MulIOp>(run, runItems));
    Value first = make<arith::MulIOp>(run, items.getTogether());
    // The last run may have fewer heads.
    Value runHeads = make<arith::MinSIOp>(items.getTogether(),
                                          make<arith::SubIOp>(heads, first));
    Value rank = make<arith::DivUIOp>(inRun, runHeads);
    Value last = make<arith::SubIOp>(items.getBlock(), constant(1));
    Value block = make<arith::SubIOp>(last, rank);
    Value inRank =
        make<arith::SubIOp>(inRun, make<arith::MulIOp>(rank, runHeads));
    auto [batch, head] =
        divide(make<arith::AddIOp>(first, inRank), items.getHead());
    return {batch, head, block};
  }
  Value readWord(Value source, Value index) {
    return ReadWordOp::create(builder, loc, builder.getI32Type(), source,
                              index);
  }
  /// Quotient and remainder.
  std::pair<Value, Value> divide(Value a, Value b) {
    Value quotient = make<arith::DivUIOp>(a, b);
    return {quotient, make<arith::SubIOp>(a, make<arith::MulIOp>(quotient, b))};
  }

  OpBuilder &builder;
  Location loc;
};
} // namespace

/// Moves the body of `items` before `end`, for the item `values`.
static void inlineBody(ForEachOp items, ArrayRef<Value> values,
                       Operation *end) {
  IRRewriter rewriter(items.getContext());
  Block *body = &items.getBody().front();
  rewriter.eraseOp(body->getTerminator());
  rewriter.inlineBlockBefore(body, end, values);
}

static void scheduleSingle(ForEachOp items) {
  OpBuilder builder(items);
  Value number =
      BlockIdOp::create(builder, items.getLoc(), builder.getI32Type());
  ItemBuilder item(builder, items.getLoc());
  Operation *end = items;
  if (ItemBuilder::isSome(items)) {
    // There may be fewer than blocks.
    Value isListed = arith::CmpIOp::create(builder, items.getLoc(),
                                           arith::CmpIPredicate::slt, number,
                                           item.getNumItems(items));
    auto branch = scf::IfOp::create(builder, items.getLoc(), isListed);
    end = branch.thenBlock()->getTerminator();
    builder.setInsertionPoint(end);
  }
  SmallVector<Value> values = item.decode(items, number);
  inlineBody(items, values, end);
  items.erase();
}

static void scheduleStatic(ForEachOp items) {
  OpBuilder builder(items);
  Location loc = items.getLoc();
  ItemBuilder item(builder, loc);
  Value total = item.getNumItems(items);
  Value begin = BlockIdOp::create(builder, loc, builder.getI32Type());
  Value step = GridSizeOp::create(builder, loc, builder.getI32Type());
  auto loop = scf::ForOp::create(builder, loc, begin, total, step);
  builder.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> values = item.decode(items, loop.getInductionVar());
  inlineBody(items, values, loop.getBody()->getTerminator());
  items.erase();
}

/// The loop before whose last iterations the next item is drawn, if there is
/// one: the last loop of the body, if it fills rings and the item says how
/// often it runs. A block that draws before a long item keeps the next one from
/// others meanwhile, and at the end all wait for it.
static scf::ForOp getLoopToDrawIn(ForEachOp items) {
  Block &body = items.getBody().front();
  auto loops = llvm::reverse(body.getOps<scf::ForOp>());
  if (loops.empty())
    return {};
  scf::ForOp last = *loops.begin();
  auto dependsOnItem = [&](Value bound) {
    return llvm::any_of(body.getArguments(), [&](Value argument) {
      return dependsOn(bound, argument, &body);
    });
  };
  WalkResult fills =
      last.walk([](RingPushOp) { return WalkResult::interrupt(); });
  if (!fills.wasInterrupted() || !canDivide(last) ||
      !last.getUpperBound().getType().isInteger(32) ||
      !(dependsOnItem(last.getLowerBound()) ||
        dependsOnItem(last.getUpperBound())))
    return {};
  return last;
}

/// Draws the next item in the body of the present one, once on every path:
/// before the last iterations of the loop, or, if it has no others, as soon as
/// that is known, since a short item has little to hide a draw behind.
static Value drawInLoop(scf::ForOp loop, Value counter) {
  Location loc = loop.getLoc();
  Value lower = loop.getLowerBound(), upper = loop.getUpperBound();
  OpBuilder builder = OpBuilder::atBlockBegin(loop->getBlock());
  for (Operation &op : loop->getBlock()->without_terminator())
    if (lower.getDefiningOp() == &op || upper.getDefiningOp() == &op)
      builder.setInsertionPointAfter(&op);
  auto constant = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getI32IntegerAttr(value));
  };
  Value middle = arith::SubIOp::create(builder, loc, upper,
                                       constant(kIterationsBehindDraw));
  auto compare = [&](arith::CmpIPredicate predicate) -> Value {
    return arith::CmpIOp::create(builder, loc, predicate, middle, lower);
  };
  Value isShort = compare(arith::CmpIPredicate::sle);
  Value isLong = compare(arith::CmpIPredicate::sgt);
  middle = arith::MaxSIOp::create(builder, loc, middle, lower);
  Value early =
      FetchItemOp::create(builder, loc, counter, isShort, constant(0));
  builder.setInsertionPoint(divideLoop(loop, middle));
  return FetchItemOp::create(builder, loc, counter, isLong, early);
}

/// A push without a tile.
static void pushScalars(OpBuilder &builder, Location loc, Value ring,
                        ValueRange scalars) {
  RingPushOp::create(builder, loc, ring, /*step=*/Value(), /*source=*/Value(),
                     /*indices=*/ValueRange(), /*rows=*/Value(),
                     /*other=*/Value(), /*is_other=*/Value(), scalars,
                     /*row=*/Value());
}

/// The side that draws: the next number is drawn before the last loads of an
/// item where getLoopToDrawIn() finds a loop, else before all of them, so that
/// its latency hides behind them.
static void scheduleDrawing(ForEachOp items, Value counter, Value ring) {
  OpBuilder builder(items);
  Location loc = items.getLoc();
  ItemBuilder item(builder, loc);
  Type i32 = builder.getI32Type();
  Value total = item.getNumItems(items);
  Value first = FetchItemOp::create(builder, loc, counter);
  auto loop = scf::WhileOp::create(builder, loc, TypeRange{i32}, first);
  {
    OpBuilder::InsertionGuard guard(builder);
    Block *before = builder.createBlock(&loop.getBefore(), {}, {i32}, {loc});
    Value number = before->getArgument(0);
    Value more = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt,
                                       number, total);
    scf::ConditionOp::create(builder, loc, more, number);
    Block *after = builder.createBlock(&loop.getAfter(), {}, {i32}, {loc});
    scf::ForOp last = getLoopToDrawIn(items);
    Value next = last ? drawInLoop(last, counter)
                      : FetchItemOp::create(builder, loc, counter);
    SmallVector<Value> values = item.decode(items, after->getArgument(0));
    pushScalars(builder, loc, ring, values);
    auto yield = scf::YieldOp::create(builder, loc, next);
    inlineBody(items, values, yield);
  }
  Value none = item.constant(-1);
  pushScalars(builder, loc, ring, {none, none, none});
  items.erase();
}

/// The side that is told; -1 is the end.
static void scheduleTold(ForEachOp items, Value ring) {
  OpBuilder builder(items);
  Location loc = items.getLoc();
  ItemBuilder item(builder, loc);
  Type i32 = builder.getI32Type();
  SmallVector<Type> types(3, i32);
  SmallVector<Location> locs(3, loc);
  Value zero = item.constant(0);
  auto loop = scf::WhileOp::create(builder, loc, types, ValueRange());
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&loop.getBefore());
  auto wait = RingWaitOp::create(builder, loc, types, ring, Value());
  RingReleaseOp::create(builder, loc, ring, Value());
  Value more = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge,
                                     wait.getResult(0), zero);
  scf::ConditionOp::create(builder, loc, more, wait.getResults());
  Block *after = builder.createBlock(&loop.getAfter(), {}, types, locs);
  auto yield = scf::YieldOp::create(builder, loc);
  SmallVector<Value> values(after->args_begin(), after->args_end());
  inlineBody(items, values, yield);
  items.erase();
}

/// Adds the counter of items as the last argument.
static Value addCounter(FuncOp func) {
  MLIRContext *context = func.getContext();
  Type type = GlobalType::get(context, {1}, IntegerType::get(context, 32));
  auto attrs = DictionaryAttr::get(
      context, NamedAttribute(StringAttr::get(context, kCounterAttrName),
                              UnitAttr::get(context)));
  unsigned index = func.getNumArguments();
  if (failed(func.insertArgument(index, type, attrs, func.getLoc())))
    return {};
  return func.getArgument(index);
}

namespace {
struct SchedulePass final : tile::impl::SchedulePassBase<SchedulePass> {
  void runOnOperation() override {
    FuncOp func = getOperation();
    FailureOr<ConfigAttr> config = requireConfig(func);
    if (failed(config))
      return signalPassFailure();
    SmallVector<ForEachOp> all;
    func.walk([&](ForEachOp items) { all.push_back(items); });
    if (config->getSchedule() == Schedule::Dynamic)
      return scheduleDynamic(func, all);
    for (ForEachOp items : all) {
      if (config->getSchedule() == Schedule::Single)
        scheduleSingle(items);
      else
        scheduleStatic(items);
      ++numScheduled;
    }
  }

private:
  void scheduleDynamic(FuncOp func, ArrayRef<ForEachOp> all) {
    if (all.empty())
      return;
    ForEachOp drawing, told;
    for (ForEachOp items : all) {
      auto specialize = dyn_cast<WarpSpecializeOp>(items->getParentOp());
      if (!specialize)
        continue;
      bool produces = items->getParentRegion() == &specialize.getProducer();
      (produces ? drawing : told) = items;
    }
    if (all.size() != 2 || !drawing || !told) {
      func.emitOpError()
          << "expected, for a dynamic schedule, one tile.for_each of the "
             "producer and one of the consumers, got "
          << all.size() << " in all";
      return signalPassFailure();
    }
    Value counter = addCounter(func);
    if (!counter)
      return signalPassFailure();
    OpBuilder builder = OpBuilder::atBlockBegin(&func.getBody().front());
    SmallVector<Type> types(kItemScalars, builder.getI32Type());
    Value ring = RingCreateOp::create(
        builder, func.getLoc(),
        RingType::get(func.getContext(), kItemSlots, types));
    scheduleDrawing(drawing, counter, ring);
    scheduleTold(told, ring);
    numScheduled += 2;
  }
};
} // namespace
