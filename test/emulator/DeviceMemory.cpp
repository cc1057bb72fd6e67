//===- DeviceMemory.cpp - Memory of the emulated device -------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every allocation is a mapping of its own between pages that cannot be
// accessed, and ends at most 255 bytes before the upper one. What was freed
// stays inaccessible for a long while, so that it is told from live memory.
//
//===----------------------------------------------------------------------===//

#include "Emulator.h"
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <deque>
#include <sys/mman.h>

using namespace pbs::emu;

static constexpr size_t kPageBytes = 4096;
static constexpr size_t kGuardBytes = 16 * kPageBytes;
/// Alignment of an allocation, and no more than that: code that needs more has
/// to see to it.
static constexpr size_t kAlignment = 256;
/// Freed allocations whose addresses are not given out again.
static constexpr size_t kMaxFreed = 4096;

/// Every byte of fresh memory: a NaN in all float types, -1 in integers.
static constexpr int kPoison = 0xFF;

namespace {
struct Region {
  uint64_t begin;
  size_t size;
  std::byte *mapping;
  size_t mappingBytes;
};
} // namespace

struct DeviceMemory::Impl {
  /// Sorted by address.
  std::vector<Region> live;
  std::deque<Region> freed;

  /// The last live region that begins at or before `address`, or `live.end()`.
  std::vector<Region>::const_iterator findBefore(uint64_t address) const {
    auto it = std::upper_bound(
        live.begin(), live.end(), address,
        [](uint64_t value, const Region &r) { return value < r.begin; });
    return it == live.begin() ? live.end() : it - 1;
  }
};

DeviceMemory::DeviceMemory() : impl(std::make_unique<Impl>()) {}

DeviceMemory::~DeviceMemory() {
  for (const Region &region : impl->live)
    munmap(region.mapping, region.mappingBytes);
  for (const Region &region : impl->freed)
    munmap(region.mapping, region.mappingBytes);
}

static size_t roundUp(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

uint64_t DeviceMemory::allocate(size_t bytes) {
  if (bytes == 0 || bytes > SIZE_MAX / 2)
    return 0;
  size_t dataBytes = roundUp(bytes, kPageBytes);
  size_t mappingBytes = dataBytes + 2 * kGuardBytes;
  void *mapping = mmap(nullptr, mappingBytes, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED)
    return 0;
  std::byte *data = static_cast<std::byte *>(mapping) + kGuardBytes;
  if (mprotect(data, dataBytes, PROT_READ | PROT_WRITE) != 0) {
    munmap(mapping, mappingBytes);
    return 0;
  }
  std::byte *first = data + (dataBytes - roundUp(bytes, kAlignment));
  std::memset(first, kPoison, bytes);
  Region region = {reinterpret_cast<uint64_t>(first), bytes,
                   static_cast<std::byte *>(mapping), mappingBytes};
  auto place = std::upper_bound(
      impl->live.begin(), impl->live.end(), region.begin,
      [](uint64_t value, const Region &r) { return value < r.begin; });
  impl->live.insert(place, region);
  return region.begin;
}

bool DeviceMemory::free(uint64_t address) {
  auto it = impl->findBefore(address);
  if (it == impl->live.end() || it->begin != address)
    return false;
  Region region = *it;
  impl->live.erase(it);
  // Gives the memory back and keeps the addresses.
  mmap(region.mapping, region.mappingBytes, PROT_NONE,
       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  impl->freed.push_back(region);
  if (impl->freed.size() > kMaxFreed) {
    munmap(impl->freed.front().mapping, impl->freed.front().mappingBytes);
    impl->freed.pop_front();
  }
  return true;
}

std::byte *DeviceMemory::find(uint64_t address, size_t size) const {
  auto it = impl->findBefore(address);
  if (it == impl->live.end())
    return nullptr;
  uint64_t offset = address - it->begin;
  if (offset > it->size || size > it->size - offset)
    return nullptr;
  return reinterpret_cast<std::byte *>(address);
}

/// "byte N of", "M bytes before" or "M bytes past the end of".
static std::string locate(const Region &region, uint64_t address) {
  if (address < region.begin)
    return std::to_string(region.begin - address) + " bytes before";
  uint64_t offset = address - region.begin;
  if (offset < region.size)
    return "byte " + std::to_string(offset) + " of";
  return std::to_string(offset - region.size) + " bytes past the end of";
}

std::string DeviceMemory::describe(uint64_t address) const {
  auto format = [&](const Region &region, const char *kind) {
    char base[32];
    std::snprintf(base, sizeof(base), "0x%llx",
                  static_cast<unsigned long long>(region.begin));
    return locate(region, address) + " " + kind + " of " +
           std::to_string(region.size) + " bytes at " + base;
  };
  auto isInside = [&](const Region &region) {
    auto mapping = reinterpret_cast<uint64_t>(region.mapping);
    return address >= mapping && address < mapping + region.mappingBytes;
  };
  for (const Region &region : impl->live)
    if (isInside(region))
      return format(region, "an allocation");
  for (const Region &region : impl->freed)
    if (isInside(region))
      return format(region, "a freed allocation");
  return "near no allocation";
}
