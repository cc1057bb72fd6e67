//===- Barrier.cpp - Barriers, mbarriers, fences --------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"
#include "Lanes.h"

using namespace pbs::emu;

namespace pbs::emu {
void execWarpSync(Warp &w, const Inst &i, uint32_t m);
}

/// Pending arrivals and bytes of an mbarrier are below 2^20 (PTX ISA,
/// mbarrier).
static constexpr int64_t kMaxPending = (1 << 20) - 1;
static constexpr unsigned kClusterBarrier = 16;

/// What bar.red gives: 0 how many threads had true, 1 whether all, 2 whether
/// any.
enum class BarrierReduction : uint8_t { Popc, And, Or };

/// Writes the result of the barrier to `w`, which is at the bar.red `i`.
static void writeReduction(Warp &w, const Inst &i, uint32_t m,
                           const NamedBarrier &barrier) {
  auto reduction = static_cast<BarrierReduction>(i.imm);
  if (reduction == BarrierReduction::Popc) {
    uint32_t *d = w.destination(i.d, m);
    eachLane(m, [&](unsigned l) { d[l] = barrier.trues; });
    return;
  }
  bool result = reduction == BarrierReduction::And ? barrier.falses == 0
                                                   : barrier.trues != 0;
  w.setPredicate(i.d, m, result ? ~0u : 0);
}

/// Writes the result to all warps that have been waiting for it. A warp that
/// wakes up later could find the barrier in use again.
static void distributeReduction(Cta &cta, unsigned id, uint64_t generation) {
  const NamedBarrier &barrier = cta.barriers[id];
  for (Warp &w : cta.warps)
    for (const Split &s : w.splits)
      if (s.wait.kind == Wait::Kind::Barrier && s.wait.id == id &&
          s.wait.value == generation)
        writeReduction(w, cta.machine->program.code[s.pc], s.mask, barrier);
}

/// Counts the warp in. True if that completes the barrier.
static bool arriveAtBarrier(Warp &w, unsigned id, uint32_t expected,
                            bool reduces = false) {
  Cta &cta = *w.cta;
  NamedBarrier &barrier = cta.barriers[id];
  if (expected == 0 || expected % 32 || expected > kMaxWarps * 32)
    fault(Kind::WrongThreadCount,
          "barrier " + std::to_string(id) + " is to wait for " +
              std::to_string(expected) +
              " threads, expected a multiple of 32 up to 1024");
  if (barrier.arrived && barrier.expected != expected)
    fault(Kind::WrongThreadCount,
          "barrier " + std::to_string(id) + " waits for " +
              std::to_string(barrier.expected) + " threads, now for " +
              std::to_string(expected));
  if (barrier.warps >> w.index & 1)
    fault(Kind::BarrierArrivedTwice,
          "the warp has already arrived at barrier " + std::to_string(id) +
              ", which still waits for " +
              std::to_string(barrier.expected - barrier.arrived) + " threads");
  // PTX ISA, bar: barrier.red is not to be mixed with the others.
  if (barrier.arrived && barrier.reduces != reduces)
    fault(Kind::WrongBarrier, "barrier " + std::to_string(id) +
                                  " is used by bar.red and by bar.sync or "
                                  "bar.arrive at once");
  barrier.reduces = reduces;
  barrier.expected = expected;
  barrier.arrived += 32;
  barrier.warps |= 1u << w.index;
  barrier.arriving.join(w.clocks);
  w.tick();
  ++w.machine->progress;
  if (barrier.arrived < expected)
    return false;
  barrier.done.join(barrier.arriving);
  barrier.arriving.clear();
  barrier.arrived = 0;
  barrier.warps = 0;
  ++barrier.generation;
  return true;
}

static uint32_t barrierCount(Warp &w, const Inst &i, uint32_t m) {
  return i.b ? static_cast<uint32_t>(w.uniform(i.b, m, "the number of threads"))
             : static_cast<uint32_t>(w.cta->warps.size()) * 32;
}

static unsigned barrierId(Warp &w, const Inst &i, uint32_t m) {
  if (!i.a)
    return kClusterBarrier;
  uint64_t id = w.uniform(i.a, m, "the barrier");
  if (id > 15)
    fault(Kind::WrongBarrier, "barrier " + std::to_string(id) +
                                  " does not exist, expected 0 to 15");
  return static_cast<unsigned>(id);
}

static void execBarSync(Warp &w, const Inst &i, uint32_t m) {
  w.requireWholeWarp(i, m);
  unsigned id = barrierId(w, i, m);
  NamedBarrier &barrier = w.cta->barriers[id];
  uint64_t generation = barrier.generation;
  if (arriveAtBarrier(w, id, barrierCount(w, i, m)))
    w.clocks.join(barrier.done);
  else
    w.wait(Wait::Kind::Barrier, id, generation);
}

static void execBarReduce(Warp &w, const Inst &i, uint32_t m) {
  w.requireWholeWarp(i, m);
  unsigned id = barrierId(w, i, m);
  uint32_t count = barrierCount(w, i, m), trues = w.predicate(i.c, m) & m;
  NamedBarrier &barrier = w.cta->barriers[id];
  if (!barrier.arrived)
    barrier.trues = barrier.falses = 0;
  barrier.trues += static_cast<uint32_t>(__builtin_popcount(trues));
  barrier.falses += static_cast<uint32_t>(__builtin_popcount(m & ~trues));
  uint64_t generation = barrier.generation;
  if (!arriveAtBarrier(w, id, count, /*reduces=*/true))
    return w.wait(Wait::Kind::Barrier, id, generation);
  distributeReduction(*w.cta, id, generation);
  w.clocks.join(barrier.done);
  writeReduction(w, i, m, barrier);
}

static void execBarArrive(Warp &w, const Inst &i, uint32_t m) {
  w.requireWholeWarp(i, m);
  unsigned id = barrierId(w, i, m);
  arriveAtBarrier(w, id, barrierCount(w, i, m));
}

static void execClusterWait(Warp &w, const Inst &i, uint32_t m) {
  w.requireWholeWarp(i, m);
  NamedBarrier &barrier = w.cta->barriers[kClusterBarrier];
  if (barrier.warps >> w.index & 1)
    w.wait(Wait::Kind::Barrier, kClusterBarrier, barrier.generation);
  else
    w.clocks.join(barrier.done);
}

static void decodeBarReduce(Decoder &d) {
  Inst &inst = d.inst;
  int reduction = d.takeOneOf({"popc", "and", "or"});
  Type type = d.takeType();
  if (reduction < 0 || type != (reduction == 0 ? Type::U32 : Type::Pred))
    return;
  d.expectOperands(3, 4);
  inst.exec = execBarReduce;
  inst.imm = reduction;
  inst.d = d.destination(0, type);
  inst.a = d.source(1, Type::U32);
  if (d.numOperands() == 4)
    inst.b = d.source(2, Type::U32);
  inst.c = d.predicate(d.numOperands() - 1);
}

static void decodeBar(Decoder &d) {
  Inst &inst = d.inst;
  if (d.take("warp")) {
    d.expect("sync");
    d.expectOperands(1, 1);
    inst.exec = execWarpSync;
    inst.a = d.source(0, Type::B32);
    return;
  }
  if (d.take("cluster")) {
    int what = d.takeOneOf({"arrive", "wait"});
    d.takeOneOf({"release", "relaxed", "acquire"});
    d.take("aligned");
    d.expectOperands(0, 0);
    inst.exec = what == 0   ? execBarArrive
                : what == 1 ? execClusterWait
                            : nullptr;
    return;
  }
  d.take("cta");
  int what = d.takeOneOf({"sync", "arrive", "red"});
  d.take("aligned");
  if (what == 2)
    return decodeBarReduce(d);
  if (what < 0)
    return;
  inst.exec = what == 0 ? execBarSync : execBarArrive;
  d.expectOperands(what == 0 ? 1 : 2, 2);
  inst.a = d.source(0, Type::U32);
  if (d.numOperands() == 2)
    inst.b = d.source(1, Type::U32);
}

// mbarrier.

static void completePhase(Cta &cta, MBarrier &barrier) {
  if (barrier.pending != 0 || barrier.bytes != 0)
    return;
  for (const Warp &warp : cta.warps)
    for (const Split &split : warp.splits)
      if (split.wait.kind == Wait::Kind::MBarrier &&
          split.wait.id == barrier.address && split.wait.isParity &&
          (barrier.phase & 1) != split.wait.value)
        fault(Kind::MissedPhase,
              "the mbarrier at " + hex(barrier.address) + " completes phase " +
                  std::to_string(barrier.phase) + " before warp " +
                  std::to_string(warp.index) + " has seen phase " +
                  std::to_string(barrier.phase - 1));
  if (barrier.phase && !barrier.isSeen)
    fault(Kind::MissingWait, "the mbarrier at " + hex(barrier.address) +
                                 " completes phase " +
                                 std::to_string(barrier.phase) +
                                 " although nobody has waited for phase " +
                                 std::to_string(barrier.phase - 1));
  barrier.isSeen = false;
  ++barrier.phase;
  barrier.pending = barrier.count;
  barrier.arriving.set(kBarrierAgent + barrier.index,
                       static_cast<uint32_t>(barrier.phase));
  barrier.done.join(barrier.arriving);
  barrier.arriving.clear();
  ++cta.machine->progress;
}

void pbs::emu::arriveOnMBarrier(Cta &cta, MBarrier &barrier, uint32_t count,
                                const Clocks *clocks, int lane) {
  if (count > barrier.pending)
    fault(Kind::TooManyArrivals,
          std::to_string(count) + " arrivals on the mbarrier at " +
              hex(barrier.address) + ", which waits for " +
              std::to_string(barrier.pending) + " of " +
              std::to_string(barrier.count) + " in phase " +
              std::to_string(barrier.phase),
          lane);
  barrier.pending -= count;
  if (clocks)
    barrier.arriving.join(*clocks);
  ++cta.machine->progress;
  completePhase(cta, barrier);
}

static void expectBytes(MBarrier &barrier, int64_t bytes, int lane) {
  barrier.bytes += bytes;
  if (barrier.bytes > kMaxPending || barrier.bytes < -kMaxPending)
    fault(Kind::WrongTxCount,
          "the mbarrier at " + hex(barrier.address) + " waits for " +
              std::to_string(barrier.bytes) + " bytes, expected less than 2^20",
          lane);
}

void pbs::emu::completeBytes(Cta &cta, MBarrier &barrier, int64_t bytes,
                             int lane) {
  expectBytes(barrier, -bytes, lane);
  ++cta.machine->progress;
  completePhase(cta, barrier);
}

MBarrier &Cta::mbarrier(uint64_t address, const Inst &inst, Warp &warp,
                        unsigned lane) {
  if ((address & kWindowMask) == kSharedWindow)
    address &= ~kWindowMask;
  sharedAt(address, 8, static_cast<int>(lane), 8);
  auto it = mbarriers.find(static_cast<uint32_t>(address));
  if (it == mbarriers.end())
    fault(Kind::UninitialisedMBarrier,
          "there is no mbarrier at " + hex(address) +
              ": expected mbarrier.init before",
          static_cast<int>(lane));
  if (warp.clocks.seen[it->second.initWarp] == 0)
    fault(Kind::Race,
          "the initialisation of the mbarrier at " + hex(address) +
              " by warp " + std::to_string(it->second.initWarp) +
              " is not ordered before its use",
          static_cast<int>(lane));
  return it->second;
}

static uint64_t addressOf(Warp &w, const Inst &i, unsigned lane) {
  uint64_t address = w.value(i.a, lane) + static_cast<uint64_t>(i.offset);
  return i.a.bits == 32 || i.space == ptx::Space::Shared ? address & 0xFFFFFFFF
                                                         : address;
}

static void execMBarrierInit(Warp &w, const Inst &i, uint32_t m) {
  w.source(i.a, m);
  const uint32_t *counts = w.source(i.b, m);
  eachLane(m, [&](unsigned l) {
    Cta &cta = *w.cta;
    int lane = static_cast<int>(l);
    auto address = static_cast<uint32_t>(addressOf(w, i, l));
    cta.sharedAt(address, 8, lane, 8);
    if (counts[l] < 1 || counts[l] > kMaxPending)
      fault(Kind::WrongArrivalCount,
            "an mbarrier is to wait for " + std::to_string(counts[l]) +
                " arrivals, expected 1 to 2^20 - 1",
            lane);
    if (cta.mbarriers.count(address))
      fault(Kind::MBarrierInitialisedTwice,
            "the mbarrier at " + hex(address) + " is in use", lane);
    if (cta.numMBarriers == kMaxBarriers)
      fault(Kind::Unsupported, "more than " + std::to_string(kMaxBarriers) +
                                   " mbarriers in a block");
    MBarrier barrier;
    barrier.address = address;
    barrier.index = cta.numMBarriers++;
    barrier.count = barrier.pending = counts[l];
    barrier.initWarp = w.index;
    barrier.arriving.clear();
    barrier.done.clear();
    cta.mbarriers[address] = barrier;
    cta.shadow.write(w.access(i), address, 8);
    cta.shadow.setBarrier(address, true);
  });
}

static void execMBarrierInval(Warp &w, const Inst &i, uint32_t m) {
  w.source(i.a, m);
  eachLane(m, [&](unsigned l) {
    MBarrier &barrier = w.cta->mbarrier(addressOf(w, i, l), i, w, l);
    w.cta->shadow.setBarrier(barrier.address, false);
    w.cta->mbarriers.erase(barrier.address);
  });
}

/// flags: 1 arrive, 2 expect_tx, 4 complete_tx. b: bytes, c: count.
static void execMBarrierArrive(Warp &w, const Inst &i, uint32_t m) {
  w.source(i.a, m);
  const uint32_t *bytes = i.b ? w.source(i.b, m) : nullptr;
  const uint32_t *counts = i.c ? w.source(i.c, m) : nullptr;
  uint64_t states[32];
  eachLane(m, [&](unsigned l) {
    int lane = static_cast<int>(l);
    MBarrier &barrier = w.cta->mbarrier(addressOf(w, i, l), i, w, l);
    states[l] = barrier.phase;
    if (i.flags & 2)
      expectBytes(barrier, bytes[l], lane);
    if (i.flags & 1)
      arriveOnMBarrier(*w.cta, barrier, counts ? counts[l] : 1, &w.clocks,
                       lane);
    if (i.flags & 4)
      completeBytes(*w.cta, barrier, bytes[l], lane);
  });
  w.tick();
  if (i.d) {
    uint32_t *d = w.destination(i.d, m);
    eachLane(m, [&](unsigned l) { setLane<uint64_t>(d, l, states[l]); });
  }
}

/// flags: 1 parity, 2 try_wait. b: phase.
static void execMBarrierWait(Warp &w, const Inst &i, uint32_t m) {
  w.source(i.a, m);
  w.source(i.b, m);
  bool isParity = i.flags & 1, mayWait = i.flags & 2;
  uint32_t done = 0;
  MBarrier *last = nullptr;
  bool retried = w.retried;
  eachLane(m, [&](unsigned l) {
    MBarrier &barrier = w.cta->mbarrier(addressOf(w, i, l), i, w, l);
    uint64_t phase = w.value(i.b, l);
    if (isParity && phase > 1)
      fault(Kind::WrongParity,
            "the parity of a phase is " + std::to_string(phase) +
                ", expected 0 or 1",
            static_cast<int>(l));
    if (!isParity && phase > barrier.phase)
      fault(Kind::WrongPhase, "the state is not one of this mbarrier",
            static_cast<int>(l));
    bool complete =
        isParity ? (barrier.phase & 1) != phase : barrier.phase > phase;
    if (complete) {
      done |= 1u << l;
      barrier.isSeen = true;
      if (&barrier != last) {
        w.clocks.join(barrier.done);
        if (!retried)
          ++barrier.statistics.waitsReady;
        ++barrier.statistics.waits;
      }
      last = &barrier;
    } else if (mayWait && !w.timedOut && !w.blocked) {
      w.wait(Wait::Kind::MBarrier, barrier.address, phase, isParity);
    }
  });
  w.retried = w.blocked;
  if (w.blocked)
    return;
  w.setPredicate(i.d, m, done);
  w.yielded = done != m;
}

static void decodeMBarrier(Decoder &d) {
  Inst &inst = d.inst;
  int what = d.takeOneOf({"init", "inval", "arrive", "arrive_drop", "expect_tx",
                          "complete_tx", "test_wait", "try_wait"});
  bool expects = d.take("expect_tx");
  bool noComplete = d.take("noComplete"), parity = d.take("parity");
  int order = d.takeOneOf({"release", "acquire", "relaxed"});
  d.takeOneOf({"cta", "cluster"});
  (void)order;
  inst.space = d.takeSpace();
  if (d.takeType() != Type::B64 || noComplete)
    return;
  switch (what) {
  case 0:
    d.expectOperands(2, 2);
    inst.exec = execMBarrierInit;
    d.address(0);
    inst.b = d.source(1, Type::U32);
    return;
  case 1:
    d.expectOperands(1, 1);
    inst.exec = execMBarrierInval;
    d.address(0);
    return;
  case 2: {
    bool hasState = d.operand(0).kind != ptx::Operand::Kind::Memory;
    size_t at = hasState ? 1 : 0;
    d.expectOperands(at + 1 + expects, at + 2);
    inst.exec = execMBarrierArrive;
    inst.flags = expects ? 3 : 1;
    if (hasState && d.operand(0).kind != ptx::Operand::Kind::Sink)
      inst.d = d.destination(0, Type::B64);
    d.address(at);
    if (d.numOperands() > at + 1)
      (expects ? inst.b : inst.c) = d.source(at + 1, Type::U32);
    return;
  }
  case 4:
  case 5:
    d.expectOperands(2, 2);
    inst.exec = execMBarrierArrive;
    inst.flags = what == 4 ? 2 : 4;
    d.address(0);
    inst.b = d.source(1, Type::U32);
    return;
  case 6:
  case 7:
    d.expectOperands(3, what == 7 ? 4 : 3);
    inst.exec = execMBarrierWait;
    inst.flags = (parity ? 1 : 0) | (what == 7 ? 2 : 0);
    inst.d = d.predicate(0);
    d.address(1);
    inst.b = d.source(2, parity ? Type::U32 : Type::B64);
    return;
  default:
    return;
  }
}

// Fences.

/// flags: 1 proxy.async, 2 mbarrier_init.
static void execFence(Warp &w, const Inst &i, uint32_t) {
  if (i.flags & 1)
    w.clocks.fence();
  if (i.flags)
    for (auto &[address, barrier] : w.cta->mbarriers)
      if (w.clocks.seen[barrier.initWarp])
        barrier.fenced = true;
  w.tick();
}

static void decodeFence(Decoder &d) {
  Inst &inst = d.inst;
  inst.exec = execFence;
  if (d.take("mbarrier_init")) {
    d.expect("release");
    d.expect("cluster");
    inst.flags = 2;
  } else if (d.take("proxy")) {
    if (d.takeOneOf({"async", "async::generic"}) >= 0) {
      d.takeOneOf({"acquire", "release"});
      d.takeOneOf(
          {"sync_restrict::shared::cta", "sync_restrict::shared::cluster"});
      ptx::Space space = d.takeSpace();
      d.take("cluster");
      // One of global memory leaves shared memory as it is.
      inst.flags = space == ptx::Space::Global ? 0 : 1;
    } else if (!d.take("alias")) {
      inst.exec = nullptr;
    }
  } else {
    d.takeOneOf({"sc", "acq_rel", "acquire", "release"});
    d.takeOneOf({"cta", "cluster", "gpu", "sys"});
  }
  d.expectOperands(0, 0);
}

static void decodeMembar(Decoder &d) {
  d.takeOneOf({"cta", "gl", "sys"});
  d.inst.exec = execFence;
}

/// Nothing is launched before its predecessor has finished, but what such a
/// kernel accesses before its wait is reported.
static void execGridWait(Warp &w, const Inst &, uint32_t m) {
  w.hasWaitedForGrids |= m;
}

static void execNothing(Warp &, const Inst &, uint32_t) {}

static void decodeGridDependency(Decoder &d) {
  int which = d.takeOneOf({"wait", "launch_dependents"});
  if (which >= 0)
    d.inst.exec = which == 0 ? execGridWait : execNothing;
}

/// setmaxnreg: a warpgroup's warps each give back or take registers.
static void execSetMaxRegisters(Warp &w, const Inst &i, uint32_t m) {
  w.requireWholeWarp(i, m);
  auto target = static_cast<unsigned>(i.imm);
  bool increases = i.flags;
  if (increases ? target < w.registers : target > w.registers)
    fault(Kind::WrongRegisterCount,
          std::string(increases ? "setmaxnreg.inc" : "setmaxnreg.dec") +
              " to " + std::to_string(target) + " registers from " +
              std::to_string(w.registers));
  Cta &cta = *w.cta;
  unsigned change =
      (increases ? target - w.registers : w.registers - target) * 32;
  if (increases) {
    if (cta.registersFree < change)
      return w.wait(Wait::Kind::Registers, 0, change);
    cta.registersFree -= change;
  } else {
    cta.registersFree += change;
  }
  w.registers = target;
  ++w.machine->progress;
}

static void decodeSetMaxRegisters(Decoder &d) {
  int what = d.takeOneOf({"inc", "dec"});
  d.expect("sync");
  d.expect("aligned");
  if (what < 0 || d.takeType() != Type::U32)
    return;
  d.expectOperands(1, 1);
  d.inst.imm = d.immediate(0, "the number of registers");
  if (d.inst.imm < 24 || d.inst.imm > 256 || d.inst.imm % 8)
    d.fail("expected a multiple of 8 from 24 to 256 registers, got " +
           std::to_string(d.inst.imm));
  d.inst.flags = what == 0;
  d.inst.exec = execSetMaxRegisters;
}

/// A cluster has one block: its rank is 0 and addresses stay.
static void execMapa(Warp &w, const Inst &i, uint32_t m) {
  w.source(i.a, m);
  const uint32_t *rank = w.source(i.b, m);
  uint32_t *d = w.destination(i.d, m);
  eachLane(m, [&](unsigned l) {
    if (rank[l] != 0)
      fault(Kind::WrongClusterRank,
            "block " + std::to_string(rank[l]) +
                " of a cluster of 1 is addressed",
            static_cast<int>(l));
    uint64_t value = w.value(i.a, l);
    if (i.d.bits == 64)
      setLane<uint64_t>(d, l, value);
    else
      d[l] = static_cast<uint32_t>(value);
  });
}

static void decodeMapa(Decoder &d) {
  d.takeSpace();
  Type type = d.takeType();
  if (bytesOf(type) < 4)
    return;
  d.expectOperands(3, 3);
  d.inst.exec = execMapa;
  d.inst.d = d.destination(0, type);
  d.inst.a = d.source(1, type);
  d.inst.b = d.source(2, Type::U32);
}

std::vector<Family> pbs::emu::barrierFamilies() {
  return {{"bar", decodeBar},
          {"barrier", decodeBar},
          {"mbarrier", decodeMBarrier},
          {"fence", decodeFence},
          {"membar", decodeMembar},
          {"griddepcontrol", decodeGridDependency},
          {"setmaxnreg", decodeSetMaxRegisters},
          {"mapa", decodeMapa}};
}
