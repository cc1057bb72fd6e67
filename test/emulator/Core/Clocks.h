//===- Clocks.h - What a warp knows to have happened ------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Vector clocks. An agent is whatever accesses shared memory on its own: a
// warp, the wgmma unit of a warpgroup, the bulk copies and cp.asyncs of a warp,
// the copies that an mbarrier tracks.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_EMULATOR_CORE_CLOCKS_H
#define PBS_TEST_EMULATOR_CORE_CLOCKS_H

#include <cstdint>
#include <cstring>

namespace pbs::emu {

constexpr unsigned kMaxWarps = 32;
constexpr unsigned kWgmmaAgent = kMaxWarps;
constexpr unsigned kBulkAgent = kWgmmaAgent + kMaxWarps / 4;
constexpr unsigned kCopyAgent = kBulkAgent + kMaxWarps;
constexpr unsigned kBarrierAgent = kCopyAgent + kMaxWarps;
constexpr unsigned kMaxBarriers = 96;
constexpr unsigned kNumAgents = kBarrierAgent + kMaxBarriers;
static_assert(kNumAgents <= 256);

struct Clocks {
  /// What happened before, and what of it a proxy fence separates from now.
  uint32_t seen[kNumAgents];
  uint32_t fenced[kNumAgents];

  void clear() { std::memset(this, 0, sizeof(*this)); }
  void join(const Clocks &other) {
    for (unsigned i = 0; i < kNumAgents; ++i) {
      seen[i] = seen[i] > other.seen[i] ? seen[i] : other.seen[i];
      fenced[i] = fenced[i] > other.fenced[i] ? fenced[i] : other.fenced[i];
    }
  }
  void set(unsigned agent, uint32_t clock) {
    if (seen[agent] < clock)
      seen[agent] = clock;
    if (fenced[agent] < clock)
      fenced[agent] = clock;
  }
  void fence() { std::memcpy(fenced, seen, sizeof(seen)); }
};

} // namespace pbs::emu

#endif // PBS_TEST_EMULATOR_CORE_CLOCKS_H
