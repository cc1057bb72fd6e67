//===- Machine.h - Blocks and warps of a launch -----------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_EMULATOR_CORE_MACHINE_H
#define PBS_TEST_EMULATOR_CORE_MACHINE_H

#include "Clocks.h"
#include "GlobalShadow.h"
#include "Program.h"
#include "ReportKinds.h"
#include "Shadow.h"
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <unordered_map>

namespace pbs::emu {

class Machine;
class Cta;

/// Thrown by what an instruction does wrong; the place is added outside.
struct Fault {
  Kind kind;
  std::string message;
  int lane = -1;
};
[[noreturn]] void fault(Kind kind, std::string message, int lane = -1);
std::string hex(uint64_t value);

/// What a split of a warp waits for.
struct Wait {
  enum class Kind : uint8_t {
    None,
    Barrier,   ///< named barrier `id`, past generation `value`
    MBarrier,  ///< mbarrier at `id`, past phase parity or number `value`
    Wgmma,     ///< the other warps of the warpgroup, up to operation `value`
    Registers, ///< `value` registers for setmaxnreg
    Lanes      ///< other lanes of the warp, of mask `value`
  };
  Kind kind = Kind::None;
  bool isParity = false;
  uint32_t id = 0;
  uint64_t value = 0;
};

/// Lanes of a warp that are at one place.
struct Split {
  uint32_t pc = 0;
  uint32_t mask = 0;
  int join = -1; ///< innermost reconvergence that it takes part in
  Wait wait;
};

/// Lanes that diverged and meet again at `pc`.
struct Join {
  uint32_t pc = 0;
  uint32_t expected = 0, arrived = 0;
  int outer = -1;
};

class Warp {
public:
  Cta *cta = nullptr;
  Machine *machine = nullptr;
  unsigned index = 0;
  uint32_t alive = 0;             ///< lanes that have not exited
  uint32_t hasWaitedForGrids = 0; ///< lanes, of griddepcontrol.wait
  uint32_t carry = 0;             ///< lanes, of add.cc

  // The register file.
  std::vector<uint32_t> words;
  std::vector<uint32_t> predicates;
  std::vector<uint32_t> unreadable;    ///< lanes without a value, or in flight
  std::vector<uint32_t> touched;       ///< wgmma.fence count at the last access
  std::vector<uint8_t> inFlight;       ///< wgmmas that use it
  std::vector<uint16_t> shapeInFlight; ///< as accumulator: its N, else 0
  uint32_t fences = 1;                 ///< wgmma.fences so far, plus 1

  // Control.
  std::vector<Split> splits;
  std::vector<Join> joins;
  size_t current = 0;
  uint32_t next = 0;     ///< where the current split goes
  bool blocked = false;  ///< the instruction waits and is executed again
  bool timedOut = false; ///< try_wait is to return false
  bool yielded = false;
  bool retried = false; ///< the wait before did not find its phase complete

  // Order.
  Clocks clocks;
  uint32_t clock() const { return clocks.seen[index]; }
  /// Later accesses are not among those that were released.
  void tick() { ++clocks.seen[index]; }

  // Asynchronous operations; see Async.h.
  uint64_t wgmmaIssued = 0;
  std::deque<uint64_t> wgmmaGroups; ///< operations up to each commit
  uint64_t wgmmaWaited = 0;
  std::deque<const Inst *> wgmmaPending;
  uint32_t bulkIssued = 0;
  uint32_t copiesIssued = 0, copiesDone = 0;
  std::deque<uint32_t> copyGroups;
  unsigned registers = 0; ///< per thread, of setmaxnreg

  uint32_t mask() const { return splits[current].mask; }

  /// Lanes of a source operand, checked to hold values in `mask`.
  const uint32_t *source(const Arg &arg, uint32_t mask) {
    touched[arg.id] = fences;
    if (unreadable[arg.id] & mask)
      failRead(arg, mask);
    return &words[arg.word];
  }
  uint32_t *destination(const Arg &arg, uint32_t mask) {
    touched[arg.id] = fences;
    if (inFlight[arg.id])
      failWrite(arg);
    unreadable[arg.id] &= ~mask;
    return &words[arg.word];
  }
  uint32_t predicate(const Arg &arg, uint32_t mask) {
    if (unreadable[arg.id] & mask)
      failRead(arg, mask);
    uint32_t value = predicates[arg.id];
    return arg.negated ? ~value : value;
  }
  void setPredicate(const Arg &arg, uint32_t mask, uint32_t value) {
    unreadable[arg.id] &= ~mask;
    predicates[arg.id] = (predicates[arg.id] & ~mask) | (value & mask);
  }
  uint64_t value(const Arg &arg, unsigned lane) const {
    return arg.bits == 64 ? words[arg.word + 2 * lane] |
                                uint64_t(words[arg.word + 2 * lane + 1]) << 32
                          : words[arg.word + lane];
  }
  /// Of an operand that is the same in all lanes of `mask`.
  uint64_t uniform(const Arg &arg, uint32_t mask, const char *what);

  void wait(Wait::Kind kind, uint32_t id, uint64_t value,
            bool isParity = false);
  void requireWholeWarp(const Inst &inst, uint32_t mask);
  Shadow::Access access(const Inst &inst) const {
    return {clocks, index, clock(), inst.line};
  }

  /// A lane accesses global memory.
  void requireGridWait(unsigned lane) const;
  [[noreturn]] void failRead(const Arg &arg, uint32_t mask) const;
  [[noreturn]] void failWrite(const Arg &arg) const;
};

/// A named barrier (bar, barrier.cluster).
struct NamedBarrier {
  uint32_t expected = 0, arrived = 0; ///< threads
  uint64_t generation = 0;
  uint32_t warps = 0; ///< that arrived in this generation
  bool reduces = false;
  uint32_t trues = 0, falses = 0; ///< threads, of bar.red
  Clocks arriving, done;
};

struct MBarrier {
  uint32_t address = 0, index = 0;
  uint32_t count = 0, pending = 0;
  int64_t bytes = 0;   ///< that the current phase still waits for
  uint64_t phase = 0;  ///< phases completed
  bool isSeen = false; ///< somebody has seen that the last phase completed
  bool fenced = false; ///< its initialisation is visible to the async proxy
  unsigned initWarp = 0;
  unsigned inFlight = 0; ///< copies that will complete on it
  Clocks arriving, done;
  Statistics::Barrier statistics;
};

/// A bulk copy that has been issued.
struct BulkCopy {
  enum class Kind : uint8_t { Load, Store, Reduce } kind = Kind::Load;
  const Inst *inst = nullptr;
  unsigned warp = 0, lane = 0;
  uint32_t shared = 0, bytes = 0;
  uint32_t barrier = 0; ///< address
  bool isTensor = false, isIm2col = false;
  TensorMap map;
  int32_t coordinates[5] = {};
  uint64_t global = 0; ///< without tensor map
  unsigned operation = 0;
  Type type = Type::None;
  uint64_t group = 0; ///< 0: not committed
  uint32_t sequence = 0;
  bool wasRead = false;    ///< shared memory has been read into `data`
  bool wasAwaited = false; ///< the thread knows that
  std::vector<std::byte> data;
};

/// A cp.async that has been issued.
struct Copy {
  unsigned warp;
  uint32_t sequence;
  uint32_t shared, bytes;
  std::byte data[16];
};

/// One wgmma.mma_async of a warpgroup.
struct WgmmaOp {
  const Inst *inst = nullptr;
  uint64_t descriptorA = 0, descriptorB = 0;
  bool accumulate = false;
  bool done = false;
  unsigned issued = 0; ///< warps
};

struct Warpgroup {
  std::deque<WgmmaOp> ops;
  uint64_t firstOp = 0; ///< number of ops[0]
  uint64_t completed = 0;
};

class Cta {
public:
  Machine *machine = nullptr;
  std::array<unsigned, 3> id{};
  uint32_t number = 0; ///< in the grid, from 1
  bool active = false;
  std::vector<Warp> warps;
  unsigned numThreads = 0, liveWarps = 0;
  std::vector<std::byte> shared;
  uint32_t sharedEnd = 0;
  Shadow shadow;
  NamedBarrier barriers[17]; ///< the last is the cluster's
  std::unordered_map<uint32_t, MBarrier> mbarriers;
  uint32_t numMBarriers = 0; ///< ever initialised
  std::vector<Warpgroup> warpgroups;
  std::deque<BulkCopy> loads, stores;
  std::deque<Copy> copies;
  unsigned registersFree = 0;
  /// What releases at a location made known, by generic address.
  std::unordered_map<uint64_t, Clocks> locations;
  uint64_t bulkGroups[kMaxWarps * 32] = {}; ///< committed so far, by thread

  void start(std::array<unsigned, 3> id);
  bool isReady(const Warp &warp, const Wait &wait) const;
  MBarrier &mbarrier(uint64_t address, const Inst &inst, Warp &warp,
                     unsigned lane);
  /// Checks bounds and alignment of an access to shared memory.
  std::byte *sharedAt(uint64_t address, uint32_t bytes, int lane,
                      uint32_t alignment);
};

class Machine {
public:
  const Program &program;
  const std::byte *params;
  DeviceMemory &memory;
  const LaunchOptions &options;
  Statistics statistics;
  GlobalShadow globalShadow;
  Dim grid, block;
  uint32_t dynamicShared = 0;
  std::mt19937_64 random;
  std::vector<std::unique_ptr<Cta>> ctas;
  std::vector<uint64_t> counts; ///< executions of each instruction
  uint64_t executed = 0;
  uint64_t progress = 0; ///< changes that a waiting warp may see
  uint64_t numBlocks = 0, nextBlock = 0;
  /// Storage of module variables: begin and size.
  const std::vector<std::pair<uint64_t, size_t>> &variables;

  Machine(const Program &program, const std::byte *params, DeviceMemory &memory,
          const LaunchOptions &options,
          const std::vector<std::pair<uint64_t, size_t>> &variables)
      : program(program), params(params), memory(memory), options(options),
        random(options.seed), variables(variables) {}

  Report run(Dim grid, Dim block, uint32_t dynamicShared);
  bool choose(unsigned outOf) { return random() % outOf == 0; }

  /// Host address of global memory (or of a module variable), or a fault.
  std::byte *global(uint64_t address, size_t bytes, const char *what, int lane);

private:
  bool startBlock(Cta &cta);
  /// Runs a warp until it waits, ends or has had its share. False if it could
  /// not do anything.
  bool runWarp(Warp &warp, unsigned share);
  void runSplit(Warp &warp, unsigned &share);
  void arriveAtJoin(Warp &warp);
  void exitLanes(Warp &warp, uint32_t lanes);
  void completeJoin(Warp &warp, int join);
  void endBlock(Cta &cta);
  /// Completes an asynchronous operation because nothing else can happen, or
  /// lets a try_wait give up.
  bool stepAsync();
  [[noreturn]] void reportDeadlock();
  Report place(const Fault &fault) const;

  Warp *running = nullptr;
  const Inst *executing = nullptr;
  uint64_t progressAtTimeout = ~uint64_t(0);
};

// Asynchronous units (Async.cpp, Wgmma.cpp).
void completeLoad(Cta &cta, size_t index);
void readStore(Cta &cta, BulkCopy &copy);
void writeStore(Cta &cta, BulkCopy &copy);
void completeCopies(Cta &cta, Warp &warp, uint32_t upTo);
void completeWgmma(Cta &cta, unsigned warpgroup, uint64_t upTo);
void arriveOnMBarrier(Cta &cta, MBarrier &barrier, uint32_t count,
                      const Clocks *clocks, int lane);
void completeBytes(Cta &cta, MBarrier &barrier, int64_t bytes, int lane);

} // namespace pbs::emu

#endif // PBS_TEST_EMULATOR_CORE_MACHINE_H
