//===- Memory.cpp - Allocation and copies of the stand-in -----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include <cstring>

using namespace pbs::emu;
using namespace pbs::emu::driver;

static std::byte *toPointer(uint64_t address) {
  return reinterpret_cast<std::byte *>(address);
}

//===----------------------------------------------------------------------===//
// Allocation
//===----------------------------------------------------------------------===//

PBS_EMU_API int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  PBS_EMU_CONTEXT_CALL();
  if (!address)
    return call.failNull("dptr");
  if (bytes == 0)
    return call.fail(kInvalidValue, "expected at least 1 byte, got 0");
  if (Result result = call.checkUnsafe())
    return result;
  size_t left = kDeviceMemoryBytes - state.allocatedBytes;
  uint64_t allocated = bytes > left ? 0 : state.memory.allocate(bytes);
  if (allocated == 0)
    return call.fail(kOutOfMemory, "expected at most " + std::to_string(left) +
                                       " bytes, got " + std::to_string(bytes));
  state.allocations[allocated] = bytes;
  state.allocatedBytes += bytes;
  *address = allocated;
  return kSuccess;
}

PBS_EMU_API int cuMemFree_v2(uint64_t address) {
  PBS_EMU_CONTEXT_CALL();
  if (address == 0)
    return kSuccess;
  if (Result result = call.checkUnsafe())
    return result;
  auto it = state.allocations.find(address);
  if (it == state.allocations.end())
    return call.fail(kInvalidValue,
                     "expected the begin of an allocation, got " +
                         state.memory.describe(address));
  // It waits for all work, as the driver's does.
  Result result = state.drainAll();
  state.allocatedBytes -= it->second;
  state.allocations.erase(it);
  state.memory.free(address);
  return result;
}

PBS_EMU_API int cuMemGetInfo_v2(size_t *free, size_t *total) {
  PBS_EMU_CONTEXT_CALL();
  if (!free || !total)
    return call.failNull("free and total");
  *free = kDeviceMemoryBytes - state.allocatedBytes;
  *total = kDeviceMemoryBytes;
  return kSuccess;
}

//===----------------------------------------------------------------------===//
// Work
//===----------------------------------------------------------------------===//

/// Queues work on device memory, which has to be live still when it runs.
static Result enqueue(Call &call, void *streamHandle, uint64_t address,
                      size_t size, Work work) {
  std::shared_ptr<Stream> stream = call.getState().findStream(streamHandle);
  if (!stream)
    return call.failHandle("stream");
  if (size == 0)
    return kSuccess;
  if (Result result = call.checkMemory(address, size))
    return result;
  if (Result result = call.checkLegacy(*stream))
    return result;
  State &state = call.getState();
  return state.enqueue(stream, [&state, address, size, work = std::move(work)] {
    if (state.memory.find(address, size))
      return work();
    state.stickyError = kLaunchFailed;
    state.stickyDetail = "a copy or fill of " + std::to_string(size) +
                         " bytes at " + state.memory.describe(address);
    return kLaunchFailed;
  });
}

/// Runs work on the legacy stream now, as the functions without a stream do.
static Result runNow(Call &call, uint64_t address, size_t size, Work work) {
  if (Result result = call.checkUnsafe())
    return result;
  if (Result result = enqueue(call, nullptr, address, size, std::move(work)))
    return result;
  State &state = call.getState();
  for (auto &[handle, stream] : state.streams)
    if (stream->isBlocking)
      state.drain(*stream);
  return state.drain(*state.legacyStream);
}

template <typename T>
static Work makeFill(uint64_t address, T value, size_t count) {
  return [=] {
    for (size_t i = 0; i < count; ++i)
      std::memcpy(toPointer(address) + i * sizeof(T), &value, sizeof(T));
    return kSuccess;
  };
}

static Work makeCopy(void *to, const void *from, size_t size) {
  return [=] {
    std::memmove(to, from, size);
    return kSuccess;
  };
}

/// A copy to the device of what `from` holds now: the driver stages memory that
/// is not pinned before it returns (CUDA Driver API, "API synchronization
/// behavior").
static Work makeStagedCopy(uint64_t to, const void *from, size_t size) {
  auto *bytes = static_cast<const std::byte *>(from);
  return [to, staged = std::vector<std::byte>(bytes, bytes + size)] {
    std::memcpy(toPointer(to), staged.data(), staged.size());
    return kSuccess;
  };
}

PBS_EMU_API int cuMemsetD8Async(uint64_t address, unsigned char value,
                                size_t count, void *stream) {
  PBS_EMU_CONTEXT_CALL();
  return enqueue(call, stream, address, count, makeFill(address, value, count));
}

static Result checkAligned(const Call &call, uint64_t address) {
  if (address % sizeof(uint32_t) == 0)
    return kSuccess;
  return call.fail(kInvalidValue, "expected an address that is a multiple of "
                                  "4, got " +
                                      std::to_string(address));
}

PBS_EMU_API int cuMemsetD32Async(uint64_t address, unsigned value, size_t count,
                                 void *stream) {
  PBS_EMU_CONTEXT_CALL();
  if (Result result = checkAligned(call, address))
    return result;
  return enqueue(call, stream, address, count * sizeof(value),
                 makeFill(address, value, count));
}

PBS_EMU_API int cuMemsetD8_v2(uint64_t address, unsigned char value,
                              size_t count) {
  PBS_EMU_CONTEXT_CALL();
  return runNow(call, address, count, makeFill(address, value, count));
}

PBS_EMU_API int cuMemsetD32_v2(uint64_t address, unsigned value, size_t count) {
  PBS_EMU_CONTEXT_CALL();
  if (Result result = checkAligned(call, address))
    return result;
  return runNow(call, address, count * sizeof(value),
                makeFill(address, value, count));
}

PBS_EMU_API int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t size,
                                     void *stream) {
  PBS_EMU_CONTEXT_CALL();
  if (size > 0 && !from)
    return call.failNull("srcHost");
  return enqueue(call, stream, to, size, makeStagedCopy(to, from, size));
}

/// Returns when the copy is done, as the driver's does for memory that is not
/// pinned, unless it is captured.
PBS_EMU_API int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t size,
                                     void *streamHandle) {
  PBS_EMU_CONTEXT_CALL();
  if (size > 0 && !to)
    return call.failNull("dstHost");
  if (Result result = enqueue(call, streamHandle, from, size,
                              makeCopy(to, toPointer(from), size)))
    return result;
  std::shared_ptr<Stream> stream = state.findStream(streamHandle);
  return stream->capture ? kSuccess : state.drain(*stream);
}

PBS_EMU_API int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t size,
                                     void *stream) {
  PBS_EMU_CONTEXT_CALL();
  if (size > 0)
    if (Result result = call.checkMemory(from, size))
      return result;
  return enqueue(call, stream, to, size,
                 makeCopy(toPointer(to), toPointer(from), size));
}

PBS_EMU_API int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t size) {
  PBS_EMU_CONTEXT_CALL();
  if (size > 0 && !from)
    return call.failNull("srcHost");
  return runNow(call, to, size, makeCopy(toPointer(to), from, size));
}

PBS_EMU_API int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t size) {
  PBS_EMU_CONTEXT_CALL();
  if (size > 0 && !to)
    return call.failNull("dstHost");
  return runNow(call, from, size, makeCopy(to, toPointer(from), size));
}

PBS_EMU_API int cuMemcpyDtoD_v2(uint64_t to, uint64_t from, size_t size) {
  PBS_EMU_CONTEXT_CALL();
  if (size > 0)
    if (Result result = call.checkMemory(from, size))
      return result;
  return runNow(call, to, size, makeCopy(toPointer(to), toPointer(from), size));
}
