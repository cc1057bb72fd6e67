//===- Configure.cpp - Choose a schedule ----------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place with an opinion on tile schedules.
//
//===----------------------------------------------------------------------===//

#include "Products.h"
#include "Rings.h"
#include "SharedMemory.h"
#include "Slice.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "pbs/Dialect/Tile/Transforms/Passes.h"
#include "pbs/Target/ChipTable.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::tile {
#define GEN_PASS_DEF_CONFIGUREPASS
#include "pbs/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tile

using namespace mlir;
using namespace mlir::tile;

/// Deeper rings have not been measured.
static constexpr int64_t kMaxStages = 4;
/// So that a tile arrives while another is in use, in loops and between items.
static constexpr int64_t kLeastStages = 2;
static constexpr int64_t kItemStages = 2;
/// Registers of a thread that only loads, at least (24 spilled in a persistent
/// kernel).
static constexpr int64_t kProducerRegisters = 32;
/// Bytes of operands that a thread holds at most: 32 registers.
static constexpr int64_t kHeldBytes = 128;
/// Elements of a row of a product that takes half as long as those of the
/// longest heads.
static constexpr int64_t kShortProduct = 64;

namespace {
/// What a choice depends on.
struct KernelFacts {
  bool hasDots = false;
  /// A loop with two products, of which one depends on the other; products
  /// beside each other of which none does.
  bool hasChain = false, hasSeparate = false;
  /// A loop with one product and exponentials.
  bool hasSoftmax = false;
  /// A list in global memory says how long loops are; one with which items gain
  /// from overlap: that no selection has chosen, since rows of such are long,
  /// or whose own blocks all are listed (docs/Rationale.md, "Own segments").
  bool hasLists = false, hasOverlappingLists = false;
  /// Products of rows of 64 elements or fewer, which take half as long.
  bool hasShortProducts = false;
  /// Whether rows keep a maximum that may be wrong.
  bool keepsMaximum = false;
  /// Tiles that registers can hold for the products of a loop, their bytes, and
  /// whether tiles loaded outside of loops are used in another way, too.
  int64_t heldTiles = 0, heldBytes = 0;
  bool hasOtherItemTiles = false;
  /// Rows of products and of what lies as they do.
  int64_t rows = 0;
  /// Bytes of tiles loaded in loops.
  int64_t loopBytes = 0;
};
} // namespace

static KernelFacts getFacts(FuncOp func) {
  KernelFacts facts;
  RingKeys keys(func);
  // Loads of one ring share its slots; it counts where one of them is in a
  // loop.
  llvm::MapVector<RingKey, std::pair<bool, int64_t>> rings;
  func.walk([&](Operation *op) {
    for (Type type : op->getResultTypes())
      if (auto tile = dyn_cast<RankedTensorType>(type))
        if (isa_and_present<AccAttr, QuadAttr, RowAttr>(tile.getEncoding()))
          facts.rows = std::max(facts.rows, tile.getShape()[0]);
    if (auto dot = dyn_cast<DotOp>(op)) {
      facts.hasDots = true;
      if (auto tile = dyn_cast<BufferType>(dot.getA().getType()))
        facts.hasShortProducts |= tile.getShape()[1] <= kShortProduct;
      for (auto other : dot->getBlock()->getOps<DotOp>())
        facts.hasSeparate |=
            dot->isBeforeInBlock(other) &&
            !dependsOn(other.getResult(), dot.getResult(), dot->getBlock());
      auto loop = dyn_cast<scf::ForOp>(dot->getParentOp());
      facts.hasSoftmax |= loop && hasSingleElement(loop.getOps<DotOp>()) &&
                          !loop.getOps<math::Exp2Op>().empty();
      auto feedsDot = [&](DotOp other) {
        return other != dot &&
               llvm::any_of(ValueRange{dot.getA(), dot.getB()}, [&](Value v) {
                 return dependsOn(v, other.getResult(), loop.getBody());
               });
      };
      facts.hasChain |= loop && llvm::any_of(loop.getOps<DotOp>(), feedsDot);
    } else if (isa<AppendItemOp>(op)) {
      facts.keepsMaximum = true;
    } else if (auto list = dyn_cast<BitListOp>(op)) {
      facts.hasLists = true;
      facts.hasOverlappingLists |= !list.getSelected() || list.getOwn();
    } else if (auto load = dyn_cast<LoadOp>(op)) {
      auto &[inLoop, bytes] = rings[keys.get(load)];
      bool isInLoop = load->getParentOfType<scf::ForOp>() != nullptr;
      inLoop |= isInLoop;
      bytes = load.getResult().getType().getSizeInBytes();
      bool repeats = isRepeatedFirstOperand(load);
      if (repeats) {
        ++facts.heldTiles;
        facts.heldBytes += bytes;
      }
      facts.hasOtherItemTiles |=
          !isInLoop &&
          !(repeats && llvm::all_of(load->getUses(), isFirstOperand));
    }
  });
  for (auto [inLoop, bytes] : llvm::make_second_range(rings))
    facts.loopBytes += inLoop ? bytes : 0;
  return facts;
}

namespace {
struct ConfigurePass final : tile::impl::ConfigurePassBase<ConfigurePass> {
  using ConfigurePassBase::ConfigurePassBase;

  void runOnOperation() override {
    FuncOp func = getOperation();
    if (func.getConfig())
      return;
    const ::pbs::ChipInfo *info = ::pbs::findChip(chip);
    if (!info) {
      func.emitOpError() << "expected a known chip, got '" << chip << "'";
      return signalPassFailure();
    }
    for (auto [name, value] :
         {std::pair<StringRef, int64_t>("specialize", specialize),
          {"overlap", overlap},
          {"ping-pong", pingPong},
          {"skip-scaling", skipScaling},
          {"overlap-items", overlapItems},
          {"hold-operands", holdOperands}})
      if (value < -1 || value > 1) {
        func.emitOpError() << "expected '" << name
                           << "' of 0, 1 or -1 to choose, got " << value;
        return signalPassFailure();
      }
    KernelFacts facts = getFacts(func);
    if (facts.hasDots && !info->hasWgmma) {
      func.emitOpError() << "expected a chip with warpgroup products, got '"
                         << chip << "'";
      return signalPassFailure();
    }
    FailureOr<ConfigAttr> config = choose(func, facts, *info);
    if (failed(config))
      return signalPassFailure();
    func.setConfigAttr(*config);
    ++numConfigured;
    func.emitRemark() << "schedule " << *config << ": "
                      << (facts.hasDots ? "products of " : "no products, ")
                      << (facts.hasDots ? std::to_string(facts.rows) + " rows, "
                                        : "")
                      << facts.loopBytes << " bytes of tiles in loops, at most "
                      << getMostSharedBytes(func, *config)
                      << " bytes of shared memory";
  }

private:
  FailureOr<ConfigAttr> choose(FuncOp func, const KernelFacts &facts,
                               const ::pbs::ChipInfo &info) {
    auto pick = [](int64_t option, int64_t automatic) {
      return option < 0 ? automatic : option;
    };
    // A warpgroup has 64 rows of a product (PTX ISA, wgmma m64).
    constexpr int64_t warpgroupRows = kWarpRows * 4;
    int64_t numConsumers =
        pick(consumers,
             facts.rows > 0 ? llvm::divideCeil(facts.rows, warpgroupRows) : 2);
    if (facts.rows > 0 && numConsumers * warpgroupRows != facts.rows)
      return func.emitOpError()
             << "expected " << facts.rows / warpgroupRows
             << " consumer warpgroups of " << warpgroupRows << " rows for "
             << facts.rows << " rows, got " << numConsumers;
    bool divides = pick(specialize, facts.loopBytes > 0);
    Schedule items =
        facts.hasDots && divides ? Schedule::Dynamic : Schedule::Single;
    if (!schedule.empty()) {
      std::optional<Schedule> named = symbolizeSchedule(schedule);
      if (!named)
        return func.emitOpError()
               << "expected a schedule 'single', 'static' or "
                  "'dynamic', got '"
               << schedule << "'";
      items = *named;
    }
    bool persistent = items != Schedule::Single;
    // In step, several warpgroups would all use the tensor cores and then all
    // of them the units for exponentials. Two do not stay so.
    bool turnsHelp =
        divides && (numConsumers > 2 ? facts.hasChain || facts.hasSoftmax
                                     : numConsumers == 2 && facts.hasChain &&
                                           facts.keepsMaximum);
    bool overlaps = pick(overlap, facts.hasChain || facts.hasSeparate ||
                                      (facts.hasSoftmax && turnsHelp));
    bool turns = pick(pingPong, overlaps && turnsHelp);
    bool skips =
        pick(skipScaling, overlaps && facts.hasChain && numConsumers > 2);
    // Rarely runs: compiles in less time.
    bool follows = func->hasAttr(kFollowsAttrName);
    bool meets =
        pick(overlapItems,
             !follows && overlaps && facts.hasChain && facts.hasLists &&
                 (facts.hasOverlappingLists || facts.hasShortProducts) &&
                 items == Schedule::Dynamic);
    // Attention with three warpgroups has no registers left for it, nor have
    // kernels with products of several such tiles in flight.
    int64_t room = kHeldBytes * kWarpgroupThreads * numConsumers;
    bool canHold = facts.heldTiles == 1 && facts.heldBytes <= room;
    bool gains =
        !facts.hasChain || (overlaps && facts.hasLists && numConsumers <= 2);
    bool holds = pick(holdOperands, canHold && gains);
    auto makeConfig = [&](int64_t slots, int64_t itemSlots, int64_t producer,
                          int64_t consumer) {
      return ConfigAttr::getChecked([&] { return func.emitOpError(); },
                                    func.getContext(), numConsumers, divides,
                                    slots, overlaps, turns, items, producer,
                                    consumer, itemSlots, skips, meets, holds);
    };
    int64_t numStages = pick(stages, 1);
    if (!makeConfig(numStages, /*itemSlots=*/1, 0, 0))
      return failure();
    int64_t limit = info.sharedBytesPerBlock;
    auto getBytes = [&](int64_t slots, int64_t itemSlots) {
      return getMostSharedBytes(func, makeConfig(slots, itemSlots, 0, 0));
    };
    // Where items follow each other, the next item's tile arrives while this
    // one is in use, unless it goes to registers at once. What arrives in loops
    // comes first.
    bool isHeld = holds && !facts.hasOtherItemTiles;
    int64_t itemStages = divides && persistent && !isHeld ? kItemStages : 1;
    int64_t wanted = divides ? std::max<int64_t>(numStages, kLeastStages) : 1;
    if (getBytes(1, itemStages) > limit ||
        (getBytes(wanted, itemStages) > limit && getBytes(wanted, 1) <= limit))
      itemStages = 1;
    if (stages < 0 && divides)
      while (numStages < kMaxStages &&
             getBytes(2 * numStages, itemStages) <= limit)
        numStages *= 2;
    int64_t bytes = getBytes(numStages, itemStages);
    if (bytes > limit)
      return func.emitOpError()
             << "expected at most " << limit << " bytes of shared memory, got "
             << bytes << " with " << numStages << " stages";
    int64_t producer = 0, consumer = 0;
    if (divides && facts.hasDots) {
      // The registers of all threads, divided anew; in steps of 8.
      int64_t each = info.registers / (128 * (numConsumers + 1)) / 8 * 8;
      int64_t most = info.registersPerThread / 8 * 8;
      // Unless all threads have what one can have at most.
      if (each < most) {
        int64_t all = each * (numConsumers + 1);
        consumer = std::min<int64_t>(
            (all - kProducerRegisters) / numConsumers / 8 * 8, most);
        // With what consumers cannot share.
        producer = std::min<int64_t>(all - consumer * numConsumers, most);
      }
    }
    producer = pick(producerRegisters, producer);
    consumer = pick(consumerRegisters, consumer);
    if (128 * (producer + consumer * numConsumers) > info.registers)
      return func.emitOpError() << "expected at most " << info.registers
                                << " registers of a block, got "
                                << 128 * (producer + consumer * numConsumers);
    ConfigAttr config = makeConfig(numStages, itemStages, producer, consumer);
    if (!config)
      return failure();
    return config;
  }
};
} // namespace
