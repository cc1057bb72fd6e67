//===- WarpSpecialize.cpp - One side loads, the other computes ------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The only pass that makes rings: it decides what passes from the side that
// loads to the side that computes, and when a slot is given back.
//
//===----------------------------------------------------------------------===//

#include "Config.h"
#include "Rings.h"
#include "SharedMemory.h"
#include "Slice.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "pbs/Dialect/Tile/Transforms/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::tile {
#define GEN_PASS_DEF_WARPSPECIALIZEPASS
#include "pbs/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tile

using namespace mlir;
using namespace mlir::tile;

/// Ops that only the computing side runs for what they do.
static bool isConsumerRoot(Operation *op) {
  return isa<AppendItemOp, ArrayWriteOp, BarrierOp, CopyRowsOp, DotAsyncOp,
             DotWaitOp, StoreOp, WriteOp>(op);
}

namespace {
/// A ring to be.
struct RingPlan {
  BufferType tile;
  bool isInLoop = false;
  unsigned numScalars = 0;
  Value ring;
};

/// A ring to be of rows that the producer reads.
struct RowPlan {
  bool isInLoop = false;
  Value ring;
};

/// Divides one kernel.
class Specializer {
public:
  Specializer(FuncOp func, ForEachOp items, ConfigAttr config)
      : func(func), items(items), config(config), builder(func), keys(items) {}

  LogicalResult run();
  unsigned getNumRings() const { return plans.size() + rowPlans.size(); }
  unsigned getNumCrossing() const { return numCrossing; }
  unsigned getNumRows() const { return rows.size(); }

private:
  void planRings();
  void planRows();
  RowPlan &getPlan(RelayoutOp exchange) {
    return rowPlans[{rows.lookup(exchange).getSource(),
                     exchange.getResult().getType()}];
  }
  LogicalResult attachScalars(const Slice &consumer);
  void createRings();
  void createCopiers();
  void makeProducer(const Slice &slice, Block *block);
  void makeConsumer(const Slice &slice, Block *block);
  ForEachOp
  cloneItems(const Slice &slice,
             function_ref<bool(Operation *, OpBuilder &, IRMapping &)> cloneOp);

  FuncOp func;
  ForEachOp items;
  ConfigAttr config;
  OpBuilder builder;
  RingKeys keys;
  llvm::MapVector<RingKey, RingPlan> plans;
  /// Tensor and type of rows -> their ring.
  llvm::MapVector<std::pair<Value, Type>, RowPlan> rowPlans;
  /// Exchanges that become a ring, and what reads for them.
  llvm::DenseMap<Operation *, ReadOp> rows;
  /// From source and target of copies to the warp that makes them.
  llvm::MapVector<std::pair<Value, Value>, Value> copiers;
  /// Scalars that travel with a load.
  llvm::DenseMap<Operation *, SmallVector<Value>> scalars;
  /// The load with which the results of an op travel.
  llvm::DenseMap<Operation *, LoadOp> carriers;
  unsigned numCrossing = 0;
};
} // namespace

void Specializer::planRings() {
  items.walk([&](LoadOp load) {
    RingPlan &plan = plans[keys.get(load)];
    plan.tile = load.getResult().getType();
    plan.isInLoop |= load->getParentOfType<scf::ForOp>() != nullptr;
  });
}

void Specializer::planRows() {
  items.walk([&](RelayoutOp exchange) {
    ReadOp read = getReadOfRow(exchange);
    if (!read)
      return;
    rows[exchange] = read;
    getPlan(exchange).isInLoop |=
        exchange->getParentOfType<scf::ForOp>() != nullptr;
  });
}

/// Gives each scalar that only the producer knows to the first load behind it.
LogicalResult Specializer::attachScalars(const Slice &consumer) {
  WalkResult result = items.walk([&](Operation *op) {
    if (!isProducerOnly(op))
      return WalkResult::advance();
    for (Value value : op->getResults()) {
      if (!consumer.contains(value))
        continue;
      if (!value.getType().isInteger(32) && !value.getType().isF32()) {
        op->emitOpError() << "expected only scalars of 32 bit to pass from the "
                             "producer to consumers, got "
                          << value.getType();
        return WalkResult::interrupt();
      }
      // Consumers wait for it in place of this op, so nothing that the loads
      // before depend on may stand between.
      LoadOp load;
      for (Operation *next = op->getNextNode(); next && !load;
           next = next->getNextNode()) {
        load = dyn_cast<LoadOp>(next);
        if (!load && (isConsumerRoot(next) || next->getNumRegions()))
          break;
      }
      if (!load) {
        op->emitOpError() << "expected a load behind this op, before any "
                             "product or loop, with which its result can "
                             "travel to consumers";
        return WalkResult::interrupt();
      }
      scalars[load].push_back(value);
      carriers[op] = load;
      ++numCrossing;
    }
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  for (auto &[load, values] : scalars) {
    RingPlan &plan = plans[keys.get(cast<LoadOp>(load))];
    plan.numScalars = std::max<unsigned>(plan.numScalars, values.size());
  }
  return success();
}

void Specializer::createRings() {
  builder.setInsertionPointToStart(&func.getBody().front());
  for (auto &[key, plan] : plans) {
    SmallVector<Type> types{plan.tile};
    types.append(plan.numScalars, builder.getI32Type());
    plan.ring = RingCreateOp::create(
        builder, func.getLoc(),
        RingType::get(func.getContext(), getRingStages(plan.isInLoop, config),
                      types));
  }
  for (auto &[key, plan] : rowPlans)
    plan.ring = RingCreateOp::create(
        builder, func.getLoc(),
        RingType::get(func.getContext(), getRowStages(plan.isInLoop, config),
                      {key.second}));
}

void Specializer::createCopiers() {
  items.walk([&](CopyRowsOp copy) {
    Value &copier = copiers[{copy.getSource(), copy.getTarget()}];
    if (copier)
      return;
    builder.setInsertionPointToStart(&func.getBody().front());
    copier = CopierOp::create(
        builder, copy.getLoc(), copy.getSource(), copy.getTarget(),
        copy.getRows().getType().getShape()[0], getBufferedRows(copy));
  });
}

ForEachOp Specializer::cloneItems(
    const Slice &slice,
    function_ref<bool(Operation *, OpBuilder &, IRMapping &)> cloneOp) {
  IRMapping mapping;
  auto copy =
      ForEachOp::create(builder, items.getLoc(), items.getBatch(),
                        items.getHead(), items.getBlock(), items.getTogether(),
                        items.getListed(), items.getOrdered());
  for (auto [from, to] :
       llvm::zip(items.getBody().getArguments(), copy.getBody().getArguments()))
    mapping.map(from, to);
  OpBuilder inner = OpBuilder::atBlockTerminator(&copy.getBody().front());
  slice.clone(items.getBody().front(), inner, mapping, cloneOp);
  return copy;
}

static void createPush(OpBuilder &builder, LoadOp load, const RingPlan &plan,
                       ArrayRef<Value> scalars, IRMapping &mapping) {
  SmallVector<Value> indices, values;
  for (Value index : load.getIndices())
    indices.push_back(mapping.lookupOrDefault(index));
  for (Value value : scalars) {
    value = mapping.lookupOrDefault(value);
    if (value.getType().isF32())
      value = arith::BitcastOp::create(builder, load.getLoc(),
                                       builder.getI32Type(), value);
    values.push_back(value);
  }
  // A ring has as many scalars as the load with the most.
  while (values.size() < plan.numScalars)
    values.push_back(arith::ConstantOp::create(builder, load.getLoc(),
                                               builder.getI32IntegerAttr(0)));
  auto look = [&](Value value) {
    return value ? mapping.lookupOrDefault(value) : value;
  };
  RingPushOp::create(builder, load.getLoc(), plan.ring, /*step=*/Value(),
                     load.getSource(), indices, look(load.getRows()),
                     load.getOther(), look(load.getIsOther()), values,
                     /*row=*/Value());
}

/// The read of a row by one warp.
static Value readByWarp(OpBuilder &builder, ReadOp read, IRMapping &mapping) {
  auto type = cast<RankedTensorType>(read.getResult().getType());
  SmallVector<Value> indices =
      llvm::map_to_vector(read.getIndices(), [&](Value index) {
        return mapping.lookupOrDefault(index);
      });
  Value other = read.getOther();
  return ReadOp::create(
      builder, read.getLoc(),
      RankedTensorType::get(type.getShape(), type.getElementType(),
                            WideColAttr::get(type.getContext())),
      read.getSource(), indices, other ? mapping.lookupOrDefault(other) : other,
      read.getDimAttr());
}

void Specializer::makeProducer(const Slice &slice, Block *block) {
  builder.setInsertionPoint(block->getTerminator());
  llvm::DenseSet<Operation *> reads;
  for (auto [exchange, read] : rows)
    if (read.getResult() == exchange->getOperand(0))
      reads.insert(read);
  cloneItems(slice, [&](Operation *op, OpBuilder &inner, IRMapping &mapping) {
    if (reads.contains(op)) {
      mapping.map(op->getResult(0),
                  readByWarp(inner, cast<ReadOp>(op), mapping));
      return true;
    }
    if (rows.contains(op)) {
      auto exchange = cast<RelayoutOp>(op);
      RingPushOp::create(inner, op->getLoc(), getPlan(exchange).ring,
                         /*step=*/Value(), /*source=*/Value(),
                         /*indices=*/ValueRange(), /*rows=*/Value(),
                         /*other=*/Value(), /*is_other=*/Value(),
                         /*scalars=*/ValueRange(),
                         mapping.lookup(exchange.getSource()));
      return true;
    }
    auto load = dyn_cast<LoadOp>(op);
    if (!load)
      return false;
    createPush(inner, load, plans[keys.get(load)], scalars.lookup(load),
               mapping);
    return true;
  });
}

static void addReleases(Region &region) {
  region.walk([](RingWaitOp wait) {
    OpBuilder builder(wait);
    builder.setInsertionPointAfter(
        wait.getTile() ? getLastUser(wait, wait.getTile()) : wait);
    RingReleaseOp::create(builder, wait.getLoc(), wait.getRing(), Value());
  });
}

void Specializer::makeConsumer(const Slice &slice, Block *block) {
  builder.setInsertionPoint(block->getTerminator());
  llvm::DenseSet<Operation *> waited;
  cloneItems(slice, [&](Operation *op, OpBuilder &inner, IRMapping &mapping) {
    if (rows.contains(op)) {
      auto exchange = cast<RelayoutOp>(op);
      auto wait =
          RingWaitOp::create(inner, op->getLoc(), exchange->getResultTypes(),
                             getPlan(exchange).ring, /*step=*/Value());
      mapping.map(exchange.getResult(), wait.getRow());
      return true;
    }
    if (auto copy = dyn_cast<CopyRowsOp>(op)) {
      auto map = [&](ValueRange values) {
        return llvm::map_to_vector(values, [&](Value value) {
          return mapping.lookupOrDefault(value);
        });
      };
      CopierPushOp::create(inner, copy.getLoc(),
                           copiers[{copy.getSource(), copy.getTarget()}],
                           /*step=*/Value(), map(copy.getIndices()),
                           mapping.lookupOrDefault(copy.getRows()),
                           map(copy.getTargetIndices()));
      return true;
    }
    auto load = dyn_cast<LoadOp>(op);
    if (isProducerOnly(op))
      load = carriers.lookup(op);
    else if (!load)
      return false;
    if (!load || !waited.insert(load).second)
      return true;
    const RingPlan &plan = plans[keys.get(load)];
    auto wait = RingWaitOp::create(
        inner, load.getLoc(), cast<RingType>(plan.ring.getType()).getTypes(),
        plan.ring, Value());
    mapping.map(load.getResult(), wait.getTile());
    SmallVector<Value> values = scalars.lookup(load);
    for (auto [value, scalar] : llvm::zip(values, wait.getScalars())) {
      Value received = scalar;
      if (value.getType().isF32())
        received = arith::BitcastOp::create(inner, load.getLoc(),
                                            value.getType(), received);
      mapping.map(value, received);
    }
    return true;
  });
  for (Value copier : llvm::make_second_range(copiers))
    CopierStopOp::create(builder, copier.getLoc(), copier, /*step=*/Value());
}

LogicalResult Specializer::run() {
  planRings();
  planRows();
  // Loads are kept on both sides, in the same order; on this side without what
  // they load from.
  Slice consumer(
      items.getBody(),
      [](Operation *op) { return isConsumerRoot(op) || isa<LoadOp>(op); },
      [&](Operation *op) {
        return isa<LoadOp>(op) || isProducerOnly(op) || rows.contains(op);
      });
  if (failed(attachScalars(consumer)))
    return failure();
  // The producer has to compute what travels, too.
  llvm::DenseSet<Operation *> sources;
  for (auto &[load, values] : scalars)
    for (Value value : values)
      sources.insert(value.getDefiningOp());
  Slice all(
      items.getBody(),
      [&](Operation *op) {
        return isa<LoadOp>(op) || sources.contains(op) || rows.contains(op);
      },
      [](Operation *) { return false; });
  createRings();
  createCopiers();
  builder.setInsertionPoint(items);
  auto specialize = WarpSpecializeOp::create(builder, items.getLoc());
  makeProducer(all, &specialize.getProducer().front());
  makeConsumer(consumer, &specialize.getConsumer().front());
  addReleases(specialize.getConsumer());
  items.erase();
  return verifyRings(specialize);
}

/// All warps together copy rows, through their registers.
static void copyInPlace(FuncOp func) {
  func.walk([](CopyRowsOp copy) {
    OpBuilder builder(copy);
    Location loc = copy.getLoc();
    GlobalType source = copy.getSource().getType();
    Type element = source.getElementType();
    auto layout = BlockedAttr::get(copy.getContext(),
                                   128 / element.getIntOrFloatBitWidth());
    auto type = RankedTensorType::get(
        {copy.getRows().getType().getShape()[0], source.getShape().back()},
        element, layout);
    Value rows =
        GatherOp::create(builder, loc, type, copy.getSource(),
                         copy.getIndices(), copy.getRows(), IntegerAttr());
    SmallVector<Value> at(copy.getTargetIndices());
    at.push_back(
        arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0)));
    WriteOp::create(builder, loc, rows, copy.getTarget(), at,
                    /*dim=*/IntegerAttr());
    copy.erase();
  });
}

/// Each load becomes a push and a wait in its place: all warps wait for what
/// one thread loads.
static FailureOr<unsigned> loadInPlace(FuncOp func) {
  llvm::MapVector<RingKey, Value> rings;
  RingKeys keys(func);
  SmallVector<LoadOp> loads;
  func.walk([&](LoadOp load) { loads.push_back(load); });
  OpBuilder builder(func);
  for (LoadOp load : loads) {
    Value &ring = rings[keys.get(load)];
    if (!ring) {
      builder.setInsertionPointToStart(&func.getBody().front());
      Type type = load.getResult().getType();
      ring = RingCreateOp::create(builder, func.getLoc(),
                                  RingType::get(func.getContext(), 1, {type}));
    }
    builder.setInsertionPoint(load);
    RingPushOp::create(builder, load.getLoc(), ring, Value(), load.getSource(),
                       load.getIndices(), load.getRows(), load.getOther(),
                       load.getIsOther(), /*scalars=*/ValueRange(),
                       /*row=*/Value());
    auto wait = RingWaitOp::create(builder, load.getLoc(),
                                   cast<RingType>(ring.getType()).getTypes(),
                                   ring, Value());
    load.replaceAllUsesWith(wait.getTile());
    load.erase();
  }
  addReleases(func.getBody());
  for (auto &[key, ring] : rings)
    if (failed(verifyReleases(func.getBody(), ring)))
      return failure();
  return rings.size();
}

namespace {
struct WarpSpecializePass final
    : tile::impl::WarpSpecializePassBase<WarpSpecializePass> {
  void runOnOperation() override {
    FuncOp func = getOperation();
    FailureOr<ConfigAttr> config = requireConfig(func);
    if (failed(config))
      return signalPassFailure();
    if (!config->getSpecialize()) {
      copyInPlace(func);
      FailureOr<unsigned> made = loadInPlace(func);
      if (failed(made))
        return signalPassFailure();
      numRings += *made;
      return;
    }
    SmallVector<ForEachOp> items(func.getBody().getOps<ForEachOp>());
    if (items.size() != 1) {
      func.emitOpError() << "expected one tile.for_each to divide, got "
                         << items.size();
      return signalPassFailure();
    }
    for (Operation &op : func.getBody().front())
      if (isa<LoadOp>(op) || isConsumerRoot(&op)) {
        op.emitOpError() << "expected to be inside tile.for_each";
        return signalPassFailure();
      }
    Specializer specializer(func, items.front(), *config);
    if (failed(specializer.run()))
      return signalPassFailure();
    numRings += specializer.getNumRings();
    numCrossing += specializer.getNumCrossing();
    numRows += specializer.getNumRows();
  }
};
} // namespace
