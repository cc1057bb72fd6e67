//===- Shadow.h - What is known of shared memory ----------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For each word of shared memory, who wrote it last and who has read it. Every
// access is checked against that by vector clocks.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_EMULATOR_CORE_SHADOW_H
#define PBS_TEST_EMULATOR_CORE_SHADOW_H

#include "Clocks.h"
#include <string>
#include <vector>

namespace pbs::emu {

class Shadow {
public:
  /// Forgets everything; memory is [0, bytes).
  void reset(uint32_t bytes);

  /// An access of `agent` at its time `clock`, by an instruction at `line`,
  /// that knows `clocks`. Throws Fault.
  struct Access {
    const Clocks &clocks;
    unsigned agent;
    uint32_t clock;
    unsigned line;
    bool async = false;  ///< through the async proxy
    bool atomic = false; ///< does not race with other atomic ones
  };
  void read(const Access &access, uint32_t address, uint32_t bytes);
  void write(const Access &access, uint32_t address, uint32_t bytes);
  /// Marks the 8 bytes of an mbarrier, which only mbarrier instructions touch,
  /// or unmarks them: they hold no value then.
  void setBarrier(uint32_t address, bool isBarrier);

private:
  struct Word {
    uint32_t clock = 0;
    uint32_t line = 0;
    uint8_t agent = 0;
    uint8_t initialised = 0; ///< a bit for each byte
    uint8_t bytes = 0;       ///< that the last write touched
    bool atomic = false;
    bool barrier = false;
  };
  struct Read {
    uint32_t clock = 0;
    uint32_t line : 31;
    uint32_t atomic : 1;
    Read() : line(0), atomic(0) {}
  };
  [[noreturn]] void failRead(const Access &access, const Word &word,
                             uint32_t address) const;
  [[noreturn]] void failWrite(const Access &access, unsigned agent,
                              unsigned line, bool wasRead,
                              uint32_t address) const;
  [[noreturn]] void failBarrier(uint32_t address) const;

  std::vector<Word> words;
  std::vector<Read> reads[kNumAgents];
  /// Agents whose `reads` are in use.
  std::vector<unsigned> readers;
};

/// "warp 3", "a wgmma of warpgroup 1", ...
std::string describeAgent(unsigned agent);

} // namespace pbs::emu

#endif // PBS_TEST_EMULATOR_CORE_SHADOW_H
