//===- GlobalShadow.h - Who accesses global memory --------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For each word of global memory that loads, stores and atomics touch, the last
// write and the last two reads. What orders accesses inside a block are the
// clocks of its warps; between blocks it is a releasing access of one and a
// later acquiring access of the other, at whatever address: that may miss a
// race, and finds none that is not there.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_EMULATOR_CORE_GLOBALSHADOW_H
#define PBS_TEST_EMULATOR_CORE_GLOBALSHADOW_H

#include "Clocks.h"
#include <array>
#include <memory>
#include <unordered_map>
#include <vector>

namespace pbs::emu {

class GlobalShadow {
public:
  struct Access {
    const Clocks &clocks;
    uint32_t block; ///< from 1
    unsigned warp;
    uint32_t clock;
    unsigned line;
    uint64_t time; ///< of the launch
    bool atomic;   ///< does not race with other atomic ones
  };
  /// Throw Fault.
  void read(const Access &access, uint64_t address, uint32_t bytes);
  /// A write that changes the bytes: one that does not, nobody can see.
  void write(const Access &access, uint64_t address, uint32_t bytes);

  /// The block makes what it did before visible, or sees what others made so.
  void release(uint32_t block, uint64_t time);
  void acquire(uint32_t block, uint64_t time);

private:
  struct Place {
    uint64_t time = 0;
    uint32_t block = 0; ///< 0: nobody
    uint32_t clock = 0, line = 0;
    uint8_t warp = 0, bytes = 0;
    bool atomic = false;
  };
  struct Word {
    Place write;
    Place reads[2];
  };
  static constexpr uint64_t kPageWords = 256;
  using Page = std::array<Word, kPageWords>;

  Word &word(uint64_t index);
  bool isOrdered(const Place &before, const Access &access) const;
  void check(const Place &before, const Access &access, uint64_t index,
             uint8_t bytes, bool wasRead, bool isRead) const;

  std::unordered_map<uint64_t, std::unique_ptr<Page>> pages;
  uint64_t lastNumber = ~uint64_t(0);
  Page *lastPage = nullptr;
  std::unordered_map<uint32_t, std::vector<uint64_t>> releases;
  std::unordered_map<uint32_t, uint64_t> acquires;
};

} // namespace pbs::emu

#endif // PBS_TEST_EMULATOR_CORE_GLOBALSHADOW_H
