//===- Machine.cpp - Run blocks and warps ---------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include <algorithm>
#include <cstdio>

using namespace pbs::emu;

/// Rounds in which nothing changes before asynchronous operations are helped
/// along, and before a spinning kernel counts as stuck.
static constexpr unsigned kStaleRounds = 64;
static constexpr unsigned kStuckRounds = 100000;

void pbs::emu::fault(Kind kind, std::string message, int lane) {
  throw Fault{kind, std::move(message), lane};
}

std::string pbs::emu::hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof(text), "0x%llx",
                static_cast<unsigned long long>(value));
  return text;
}

void Warp::requireGridWait(unsigned lane) const {
  if (machine->options.isDependent && !(hasWaitedForGrids >> lane & 1))
    fault(Kind::MissingGridWait,
          "global memory is accessed before griddepcontrol.wait, in a kernel "
          "that may begin before those that it depends on have ended",
          static_cast<int>(lane));
}

std::byte *Machine::global(uint64_t address, size_t bytes, const char *what,
                           int lane) {
  if ((address & kWindowMask) == kParamWindow) {
    uint64_t offset = address & ~kWindowMask;
    if (offset + bytes <= program.paramBytes)
      return const_cast<std::byte *>(params) + offset;
  }
  if (std::byte *host = memory.find(address, bytes))
    return host;
  for (const auto &[begin, size] : variables)
    if (address >= begin && address + bytes <= begin + size)
      return reinterpret_cast<std::byte *>(address);
  fault(Kind::OutOfBounds,
        std::string(what) + " of " + std::to_string(bytes) +
            " bytes of global memory at " + hex(address) + ", " +
            memory.describe(address),
        lane);
}

bool Machine::startBlock(Cta &cta) {
  cta.active = nextBlock < numBlocks;
  if (!cta.active)
    return false;
  uint64_t b = nextBlock++;
  cta.number = static_cast<uint32_t>(b + 1);
  cta.start({static_cast<unsigned>(b % grid.x),
             static_cast<unsigned>(b / grid.x % grid.y),
             static_cast<unsigned>(b / grid.x / grid.y)});
  return true;
}

void Machine::completeJoin(Warp &warp, int index) {
  Join join = warp.joins[index];
  warp.joins[index].expected = warp.joins[index].arrived = 0;
  while (!warp.joins.empty() && warp.joins.back().expected == 0)
    warp.joins.pop_back();
  warp.splits.push_back({join.pc, join.arrived, join.outer, {}});
}

void Machine::arriveAtJoin(Warp &warp) {
  Split split = warp.splits[warp.current];
  warp.splits.erase(warp.splits.begin() + warp.current);
  warp.current = 0;
  Join &join = warp.joins[split.join];
  join.arrived |= split.mask;
  if (join.arrived == join.expected) {
    completeJoin(warp, split.join);
    warp.current = warp.splits.size() - 1;
  }
}

void Machine::exitLanes(Warp &warp, uint32_t lanes) {
  ++progress;
  warp.alive &= ~lanes;
  Split &split = warp.splits[warp.current];
  split.mask &= ~lanes;
  if (!split.mask) {
    warp.splits.erase(warp.splits.begin() + warp.current);
    warp.current = 0;
  }
  for (int i = static_cast<int>(warp.joins.size()) - 1; i >= 0; --i) {
    if (i >= static_cast<int>(warp.joins.size()))
      continue;
    Join &join = warp.joins[i];
    if (!(join.expected & lanes))
      continue;
    join.expected &= ~lanes;
    if (join.expected && join.arrived == join.expected)
      completeJoin(warp, i);
  }
  if (!warp.alive)
    --warp.cta->liveWarps;
}

void Machine::runSplit(Warp &warp, unsigned &share) {
  const std::vector<Inst> &code = program.code;
  while (share > 0) {
    Split &split = warp.splits[warp.current];
    if (split.join >= 0 && split.pc == warp.joins[split.join].pc)
      return arriveAtJoin(warp);
    const Inst &inst = code[split.pc];
    running = &warp;
    executing = &inst;
    uint32_t mask = split.mask;
    if (inst.predicate >= 0) {
      Arg predicate;
      predicate.id = inst.predicate;
      predicate.negated = inst.predicateNegated;
      mask &= warp.predicate(predicate, mask);
    }
    --share;
    if (++executed > options.maxInstructions)
      fault(Kind::TooManyInstructions,
            "the kernel executed more than " +
                std::to_string(options.maxInstructions) + " instructions");
    uint32_t pc = split.pc;
    if (inst.isBranch) {
      ++counts[inst.index];
      if (mask == split.mask) {
        split.pc = inst.target;
      } else if (mask == 0) {
        ++split.pc;
      } else {
        if (inst.join >= 0 &&
            (split.join < 0 ||
             warp.joins[split.join].pc != static_cast<uint32_t>(inst.join))) {
          warp.joins.push_back(
              {static_cast<uint32_t>(inst.join), split.mask, 0, split.join});
          split.join = static_cast<int>(warp.joins.size()) - 1;
        }
        Split taken = split;
        taken.mask = mask;
        taken.pc = inst.target;
        split.mask &= ~mask;
        split.pc = pc + 1;
        warp.splits.push_back(taken);
      }
      continue;
    }
    if (!mask) {
      ++split.pc;
      continue;
    }
    ++counts[inst.index];
    if (!inst.exec) { // ret, exit
      bool all = mask == split.mask;
      if (!all)
        ++split.pc;
      exitLanes(warp, mask);
      if (all)
        return;
      continue;
    }
    warp.blocked = warp.yielded = false;
    inst.exec(warp, inst, mask);
    if (warp.blocked) {
      --counts[inst.index];
      return;
    }
    ++warp.splits[warp.current].pc;
    if (warp.yielded)
      return;
  }
}

bool Machine::runWarp(Warp &warp, unsigned share) {
  bool did = false;
  size_t tried = 0;
  while (share > 0 && warp.alive && tried < warp.splits.size()) {
    if (warp.current >= warp.splits.size())
      warp.current = 0;
    Split &split = warp.splits[warp.current];
    if (split.wait.kind != Wait::Kind::None) {
      if (!warp.timedOut && !warp.cta->isReady(warp, split.wait)) {
        ++warp.current;
        ++tried;
        continue;
      }
      if (split.wait.kind == Wait::Kind::Barrier) {
        warp.clocks.join(warp.cta->barriers[split.wait.id].done);
        ++split.pc;
      }
      split.wait = {};
    }
    unsigned before = share;
    runSplit(warp, share);
    warp.timedOut = false;
    if (warp.blocked && before - share == 1) {
      // Executed nothing but the instruction that waits.
      ++warp.current;
      ++tried;
      warp.blocked = false;
      continue;
    }
    if (warp.yielded) {
      warp.yielded = false;
      did |= before - share > 8;
      ++warp.current;
      return did;
    }
    did = true;
    tried = 0;
    if (warp.blocked) {
      warp.blocked = false;
      ++warp.current;
    }
  }
  // Other splits of the warp get their turn.
  if (warp.splits.size() > 1)
    ++warp.current;
  return did;
}

void Machine::endBlock(Cta &cta) {
  running = nullptr;
  auto left = [&](const BulkCopy &copy, const char *what) {
    running = &cta.warps[copy.warp];
    executing = copy.inst;
    fault(Kind::ExitWithPendingCopy,
          std::string("the block ends while ") + what,
          static_cast<int>(copy.lane));
  };
  for (const BulkCopy &copy : cta.loads)
    left(copy, "a copy into its shared memory is in flight");
  for (BulkCopy &copy : cta.stores)
    if (!copy.wasAwaited)
      left(copy, "a copy out of its shared memory may not have been read");
  for (BulkCopy &copy : cta.stores)
    writeStore(cta, copy); // which has been read
  cta.stores.clear();
  for (const auto &[address, barrier] : cta.mbarriers) {
    Statistics::Barrier &sum = statistics.barriers[address];
    sum.phases += barrier.phase;
    sum.waits += barrier.statistics.waits;
    sum.waitsReady += barrier.statistics.waitsReady;
  }
}

bool Machine::stepAsync() {
  // A copy that somebody waits for, else any.
  for (bool awaited : {true, false})
    for (auto &cta : ctas) {
      if (!cta->active || cta->loads.empty())
        continue;
      for (size_t i = 0; i < cta->loads.size(); ++i) {
        bool hit = !awaited;
        for (const Warp &warp : cta->warps)
          for (const Split &split : warp.splits)
            hit |= split.wait.kind == Wait::Kind::MBarrier &&
                   split.wait.id == cta->loads[i].barrier;
        if (!hit)
          continue;
        running = &cta->warps[cta->loads[i].warp];
        executing = cta->loads[i].inst;
        completeLoad(*cta, i);
        return true;
      }
    }
  if (progressAtTimeout == progress)
    return false;
  progressAtTimeout = progress;
  bool woken = false;
  for (auto &cta : ctas)
    for (Warp &warp : cta->warps)
      for (const Split &split : warp.splits)
        if (cta->active && split.wait.kind == Wait::Kind::MBarrier)
          woken = warp.timedOut = true;
  return woken;
}

static std::string describeWait(const Cta &cta, const Warp &warp,
                                const Split &split) {
  switch (split.wait.kind) {
  case Wait::Kind::Barrier: {
    const NamedBarrier &barrier = cta.barriers[split.wait.id];
    return "barrier " + std::to_string(split.wait.id) + " (" +
           std::to_string(barrier.arrived) + " of " +
           std::to_string(barrier.expected) + " threads arrived)";
  }
  case Wait::Kind::MBarrier: {
    const MBarrier &barrier = cta.mbarriers.at(split.wait.id);
    return "mbarrier " + hex(barrier.address) + " phase " +
           std::to_string(barrier.phase) + " (" +
           std::to_string(barrier.pending) + " of " +
           std::to_string(barrier.count) + " arrivals and " +
           std::to_string(barrier.bytes) + " bytes pending)";
  }
  case Wait::Kind::Wgmma:
    return "the other warps of its warpgroup to issue their wgmma";
  case Wait::Kind::Registers:
    return std::to_string(split.wait.value) + " registers (setmaxnreg)";
  case Wait::Kind::Lanes:
    return "other lanes of the warp at a .sync instruction";
  case Wait::Kind::None:
    break;
  }
  return "nothing";
}

void Machine::reportDeadlock() {
  std::string text;
  Kind kind = Kind::Deadlock;
  bool first = true;
  unsigned exited = 0;
  for (auto &cta : ctas) {
    if (!cta->active)
      continue;
    for (Warp &warp : cta->warps) {
      exited += !warp.alive;
      for (const Split &split : warp.splits) {
        if (split.wait.kind == Wait::Kind::MBarrier) {
          const MBarrier &barrier = cta->mbarriers.at(split.wait.id);
          if (barrier.pending == 0 && barrier.bytes != 0)
            kind = Kind::WrongTxCount;
        }
        if (first) {
          running = &warp;
          executing = &program.code[split.pc];
          first = false;
        }
        if (text.size() < 2000)
          text += (text.empty() ? "" : "; ") + std::string("block ") +
                  std::to_string(cta->id[0]) + " warp " +
                  std::to_string(warp.index) + " line " +
                  std::to_string(program.code[split.pc].line) + ": " +
                  describeWait(*cta, warp, split);
      }
    }
  }
  if (exited)
    text += "; " + std::to_string(exited) + " warps have exited";
  fault(kind, "nothing can go on; waiting are " + text);
}

Report Machine::place(const Fault &f) const {
  Report report;
  report.kind = nameOf(f.kind);
  report.message = f.message;
  report.lane = f.lane;
  report.seed = options.seed;
  report.completion = options.completion;
  if (executing)
    report.line = executing->line;
  if (running) {
    report.block = running->cta->id;
    report.warp = static_cast<int>(running->index);
  }
  return report;
}

Report Machine::run(Dim gridDim, Dim blockDim, uint32_t dynamicBytes) {
  grid = gridDim;
  block = blockDim;
  dynamicShared = dynamicBytes;
  counts.assign(program.code.size(), 0);
  numBlocks = uint64_t(grid.x) * grid.y * grid.z;
  try {
    for (unsigned i = 0; i < std::max(1u, options.numSMs); ++i) {
      auto cta = std::make_unique<Cta>();
      cta->machine = this;
      if (!startBlock(*cta))
        break;
      ctas.push_back(std::move(cta));
    }
    unsigned stale = 0, stuck = 0;
    std::vector<Warp *> order;
    while (true) {
      order.clear();
      for (auto &cta : ctas)
        if (cta->active)
          for (Warp &warp : cta->warps)
            if (warp.alive)
              order.push_back(&warp);
      if (order.empty())
        break;
      if (options.seed)
        std::shuffle(order.begin(), order.end(), random);
      bool did = false;
      uint64_t before = progress;
      for (Warp *warp : order) {
        unsigned share = 1 << 16;
        if (options.seed)
          share = choose(4) ? 1 + random() % 4000 : 1 + random() % 60;
        did |= warp->alive && runWarp(*warp, share);
        if (options.completion == Completion::Random && choose(16)) {
          Cta &cta = *warp->cta;
          if (!cta.loads.empty())
            completeLoad(cta, random() % cta.loads.size());
        }
      }
      for (auto &cta : ctas)
        if (cta->active && cta->liveWarps == 0) {
          endBlock(*cta);
          startBlock(*cta);
          did = true;
        }
      stale = progress == before ? stale + 1 : 0;
      stuck = stale ? stuck + 1 : 0;
      if (did && stale < kStaleRounds)
        continue;
      stale = 0;
      if (!stepAsync() && (!did || stuck > kStuckRounds)) {
        if (!did && ++stuck < 100)
          continue;
        reportDeadlock();
      }
    }
  } catch (const Fault &f) {
    return place(f);
  }
  for (const Inst &inst : program.code)
    if (counts[inst.index])
      statistics.instructions[program.groups[inst.group]] += counts[inst.index];
  return {};
}
