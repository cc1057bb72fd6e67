//===- Cta.cpp - Blocks, barriers and the state of warps ------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include <algorithm>

using namespace pbs::emu;

/// Registers of a multiprocessor.
static constexpr unsigned kRegisters = 65536;

static uint32_t specialValue(Special special, const Machine &machine,
                             const Cta &cta, unsigned warp, unsigned lane) {
  const Dim &block = machine.block;
  unsigned thread = warp * 32 + lane;
  switch (special) {
  case Special::TidX:
    return thread % block.x;
  case Special::TidY:
    return thread / block.x % block.y;
  case Special::TidZ:
    return thread / block.x / block.y;
  case Special::NtidX:
    return block.x;
  case Special::NtidY:
    return block.y;
  case Special::NtidZ:
    return block.z;
  case Special::CtaidX:
    return cta.id[0];
  case Special::CtaidY:
    return cta.id[1];
  case Special::CtaidZ:
    return cta.id[2];
  case Special::NctaidX:
    return machine.grid.x;
  case Special::NctaidY:
    return machine.grid.y;
  case Special::NctaidZ:
    return machine.grid.z;
  case Special::LaneId:
    return lane;
  case Special::WarpId:
    return warp;
  case Special::NwarpId:
    return static_cast<uint32_t>(cta.warps.size());
  case Special::LanemaskEq:
    return 1u << lane;
  case Special::LanemaskLt:
    return (1u << lane) - 1;
  case Special::LanemaskLe:
    return (2u << lane) - 1;
  case Special::LanemaskGt:
    return ~((2u << lane) - 1);
  case Special::LanemaskGe:
    return ~((1u << lane) - 1);
  case Special::SmId: {
    for (size_t i = 0; i < machine.ctas.size(); ++i)
      if (machine.ctas[i].get() == &cta)
        return static_cast<uint32_t>(i);
    return static_cast<uint32_t>(machine.ctas.size());
  }
  case Special::NsmId:
    return machine.options.numSMs;
  case Special::DynamicSmem:
    return machine.dynamicShared;
  case Special::TotalSmem:
    return cta.sharedEnd;
  case Special::Zero:
    return 0;
  case Special::One:
    return 1;
  }
  return 0;
}

void Cta::start(std::array<unsigned, 3> position) {
  const Program &program = machine->program;
  id = position;
  numThreads = machine->block.x * machine->block.y * machine->block.z;
  unsigned numWarps = (numThreads + 31) / 32;
  sharedEnd = program.dynamicShared + machine->dynamicShared;
  shared.assign(sharedEnd, std::byte(0xFF));
  shadow.reset(sharedEnd);
  for (NamedBarrier &barrier : barriers)
    barrier = {};
  for (NamedBarrier &barrier : barriers) {
    barrier.arriving.clear();
    barrier.done.clear();
  }
  mbarriers.clear();
  numMBarriers = 0;
  locations.clear();
  loads.clear();
  stores.clear();
  copies.clear();
  std::fill(std::begin(bulkGroups), std::end(bulkGroups), 0);
  warpgroups.assign((numWarps + 3) / 4, Warpgroup());
  liveWarps = numWarps;
  unsigned perThread = std::min(255u, kRegisters / (numWarps * 32) / 8 * 8);
  registersFree = kRegisters - perThread * numWarps * 32;

  warps.resize(numWarps);
  for (unsigned i = 0; i < numWarps; ++i) {
    Warp &warp = warps[i];
    warp.cta = this;
    warp.machine = machine;
    warp.index = i;
    unsigned lanes = std::min(32u, numThreads - 32 * i);
    warp.alive = lanes == 32 ? ~0u : (1u << lanes) - 1;
    warp.hasWaitedForGrids = 0;
    warp.words.resize(program.numWords);
    warp.predicates.assign(program.numIds, 0);
    warp.unreadable.assign(program.numIds, ~0u);
    warp.touched.assign(program.numIds, 0);
    warp.inFlight.assign(program.numIds, 0);
    warp.fences = 1;
    warp.splits.assign(1, {0, warp.alive, -1, {}});
    warp.joins.clear();
    warp.current = 0;
    warp.timedOut = false;
    warp.clocks.clear();
    warp.clocks.seen[i] = 1;
    warp.shapeInFlight.assign(program.numIds, 0);
    warp.retried = false;
    warp.wgmmaIssued = warp.wgmmaWaited = 0;
    warp.wgmmaPending.clear();
    warp.wgmmaGroups.clear();
    warp.bulkIssued = warp.copiesIssued = warp.copiesDone = 0;
    warp.copyGroups.clear();
    warp.registers = perThread;
    for (const Program::Constant &constant : program.constants) {
      warp.unreadable[constant.id] = 0;
      for (unsigned lane = 0; lane < 32; ++lane) {
        if (constant.bits == 64) {
          warp.words[constant.word + 2 * lane] =
              static_cast<uint32_t>(constant.value);
          warp.words[constant.word + 2 * lane + 1] =
              static_cast<uint32_t>(constant.value >> 32);
        } else {
          warp.words[constant.word + lane] =
              static_cast<uint32_t>(constant.value);
        }
      }
    }
    for (const auto &[special, arg] : program.specials) {
      warp.unreadable[arg.id] = 0;
      for (unsigned lane = 0; lane < 32; ++lane) {
        uint32_t value = specialValue(special, *machine, *this, i, lane);
        if (arg.bits == 64) {
          warp.words[arg.word + 2 * lane] = value;
          warp.words[arg.word + 2 * lane + 1] = 0;
        } else {
          warp.words[arg.word + lane] = value;
        }
      }
    }
  }
}

bool Cta::isReady(const Warp &warp, const Wait &wait) const {
  switch (wait.kind) {
  case Wait::Kind::Barrier:
    return barriers[wait.id].generation > wait.value;
  case Wait::Kind::MBarrier: {
    auto it = mbarriers.find(wait.id);
    if (it == mbarriers.end())
      return true; // executed again, which reports it
    return wait.isParity ? (it->second.phase & 1) != wait.value
                         : it->second.phase > wait.value;
  }
  case Wait::Kind::Wgmma: {
    unsigned first = warp.index / 4 * 4;
    for (unsigned i = first; i < first + 4; ++i)
      if (i >= warps.size() || warps[i].wgmmaIssued < wait.value)
        return false;
    return true;
  }
  case Wait::Kind::Registers:
    return registersFree >= wait.value;
  case Wait::Kind::Lanes:
    return false;
  case Wait::Kind::None:
    return true;
  }
  return true;
}

std::byte *Cta::sharedAt(uint64_t address, uint32_t bytes, int lane,
                         uint32_t alignment) {
  if (address % alignment)
    fault(Kind::Misaligned,
          "shared address " + hex(address) + " is not a multiple of " +
              std::to_string(alignment),
          lane);
  if (address < kSharedBase || address > sharedEnd ||
      bytes > sharedEnd - address)
    fault(Kind::OutOfBounds,
          "access to " + std::to_string(bytes) + " bytes of shared memory at " +
              hex(address) + ", expected them in " + hex(kSharedBase) + " to " +
              hex(sharedEnd),
          lane);
  return shared.data() + address;
}

void Warp::wait(Wait::Kind kind, uint32_t id, uint64_t value, bool isParity) {
  splits[current].wait = {kind, isParity, id, value};
  blocked = true;
}

void Warp::requireWholeWarp(const Inst &inst, uint32_t mask) {
  if (mask != alive)
    fault(Kind::DivergentAligned, inst.text + " is executed by lanes " +
                                      hex(mask) + ", expected all of " +
                                      hex(alive));
}

uint64_t Warp::uniform(const Arg &arg, uint32_t mask, const char *what) {
  source(arg, mask);
  unsigned first = __builtin_ctz(mask);
  uint64_t result = value(arg, first);
  for (unsigned lane = first + 1; lane < 32; ++lane)
    if (mask >> lane & 1 && value(arg, lane) != result)
      fault(Kind::NotUniform,
            std::string(what) + " differs between lanes: " + hex(result) +
                " and " + hex(value(arg, lane)),
            static_cast<int>(lane));
  return result;
}

void Warp::failRead(const Arg &arg, uint32_t mask) const {
  const std::string &name = arg.id < machine->program.registers.size()
                                ? machine->program.registers[arg.id].name
                                : std::string("a constant");
  int lane = __builtin_ctz(unreadable[arg.id] & mask);
  if (inFlight[arg.id])
    fault(Kind::RegisterInFlight,
          name + " is read while a wgmma that uses it may be running: expected "
                 "wgmma.wait_group before",
          lane);
  fault(Kind::UninitialisedRegister, name + " is read but never written", lane);
}

void Warp::failWrite(const Arg &arg) const {
  fault(Kind::RegisterInFlight,
        machine->program.registers[arg.id].name +
            " is written while a wgmma that uses it may be running: expected "
            "wgmma.wait_group before");
}
