//===- GlobalShadow.cpp - Who accesses global memory ----------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GlobalShadow.h"
#include "Machine.h"
#include <algorithm>

using namespace pbs::emu;

GlobalShadow::Word &GlobalShadow::word(uint64_t index) {
  uint64_t number = index / kPageWords;
  if (number != lastNumber) {
    std::unique_ptr<Page> &page = pages[number];
    if (!page)
      page = std::make_unique<Page>();
    lastNumber = number;
    lastPage = page.get();
  }
  return (*lastPage)[index % kPageWords];
}

bool GlobalShadow::isOrdered(const Place &before, const Access &access) const {
  if (before.block == access.block)
    return before.warp == access.warp ||
           access.clocks.seen[before.warp] >= before.clock;
  auto releasing = releases.find(before.block);
  auto acquired = acquires.find(access.block);
  if (releasing == releases.end() || acquired == acquires.end())
    return false;
  auto first = std::lower_bound(releasing->second.begin(),
                                releasing->second.end(), before.time);
  return first != releasing->second.end() && *first < acquired->second;
}

void GlobalShadow::check(const Place &before, const Access &access,
                         uint64_t index, uint8_t bytes, bool wasRead,
                         bool isRead) const {
  if (!before.block || !(before.bytes & bytes) ||
      (before.atomic && access.atomic) || isOrdered(before, access))
    return;
  fault(Kind::Race, "global memory at " + hex(index * 4) + " is " +
                        (isRead ? "read" : "written") + ", and " +
                        (wasRead ? "a read" : "a write") + " by warp " +
                        std::to_string(before.warp) + " of block " +
                        std::to_string(before.block - 1) + " at line " +
                        std::to_string(before.line) +
                        " is not ordered before it");
}

/// The bytes of word `i` that [address, address + bytes) has.
static uint8_t touched(uint64_t i, uint64_t address, uint32_t bytes) {
  uint8_t mask = 0xF;
  if (i == address / 4)
    mask &= 0xF << (address & 3);
  uint64_t last = address + bytes - 1;
  if (i == last / 4)
    mask &= 0xF >> (3 - (last & 3));
  return mask;
}

void GlobalShadow::read(const Access &access, uint64_t address,
                        uint32_t bytes) {
  for (uint64_t i = address / 4; i <= (address + bytes - 1) / 4; ++i) {
    uint8_t mask = touched(i, address, bytes);
    Word &w = word(i);
    check(w.write, access, i, mask, false, true);
    Place &last = w.reads[0];
    if (last.block != access.block || last.warp != access.warp)
      w.reads[1] = last;
    else
      mask |= last.bytes;
    last = {access.time,
            access.block,
            access.clock,
            access.line,
            static_cast<uint8_t>(access.warp),
            mask,
            access.atomic};
  }
}

void GlobalShadow::write(const Access &access, uint64_t address,
                         uint32_t bytes) {
  for (uint64_t i = address / 4; i <= (address + bytes - 1) / 4; ++i) {
    uint8_t mask = touched(i, address, bytes);
    Word &w = word(i);
    check(w.write, access, i, mask, false, false);
    for (const Place &read : w.reads)
      check(read, access, i, mask, true, false);
    w.write = {access.time,
               access.block,
               access.clock,
               access.line,
               static_cast<uint8_t>(access.warp),
               mask,
               access.atomic};
  }
}

void GlobalShadow::release(uint32_t block, uint64_t time) {
  std::vector<uint64_t> &times = releases[block];
  if (times.empty() || times.back() != time)
    times.push_back(time);
}

void GlobalShadow::acquire(uint32_t block, uint64_t time) {
  acquires[block] = time;
}
