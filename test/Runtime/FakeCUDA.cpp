//===- FakeCUDA.cpp - A CUDA driver that fails on demand ------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stands in for libcuda through PBS_CUDA_LIBRARY. Its memory is the host's and
// its launches do nothing, so that only the runtime's own steps are tested.
// Environment variables, read at every call, say what it is and what fails:
// FAKE_CUDA_FAIL (a symbol), FAKE_CUDA_CODE (the error it gives),
// FAKE_CUDA_VERSION, FAKE_CUDA_DEVICES, FAKE_CUDA_MAJOR, FAKE_CUDA_SHARED.
//
//===----------------------------------------------------------------------===//

#include "CUDADriver.h"
#include <cstdlib>
#include <cstring>

using namespace pbs::runtime::cuda;

#define API extern "C" __attribute__((visibility("default")))

/// Values of cuda.h.
static constexpr Result kUnknown = 999;
static constexpr Result kIllegalAddress = 700;

static int read(const char *variable, int otherwise) {
  const char *text = std::getenv(variable);
  return text && *text ? std::atoi(text) : otherwise;
}

static Result outcome(const char *symbol) {
  const char *failing = std::getenv("FAKE_CUDA_FAIL");
  if (failing && std::strcmp(failing, symbol) == 0)
    return read("FAKE_CUDA_CODE", kUnknown);
  return 0;
}

#define RETURN_IF_FAILING()                                                    \
  if (Result result = outcome(__func__))                                       \
  return result

// What is alive, for tests of what an error leaves behind.
static int contextDepth, numModules, numAllocations;
API int fakeContextDepth() { return contextDepth; }
API int fakeNumModules() { return numModules; }
API int fakeNumAllocations() { return numAllocations; }

/// What handles point to.
static int handle;

API Result cuInit(unsigned) { return outcome(__func__); }

API Result cuDriverGetVersion(int *version) {
  *version = read("FAKE_CUDA_VERSION", 13000);
  return outcome(__func__);
}

API Result cuDeviceGetCount(int *count) {
  *count = read("FAKE_CUDA_DEVICES", 1);
  return outcome(__func__);
}

API Result cuDeviceGet(Device *device, int ordinal) {
  *device = ordinal;
  return outcome(__func__);
}

API Result cuDeviceGetAttribute(int *value, int attribute, Device) {
  *value = attribute == kAttributeMajor   ? read("FAKE_CUDA_MAJOR", 9)
           : attribute == kAttributeMinor ? 0
           : attribute == kAttributeMaxSharedOptin
               ? read("FAKE_CUDA_SHARED", 232448)
               : 132;
  return outcome(__func__);
}

API Result cuDeviceGetName(char *name, int length, Device) {
  std::strncpy(name, "Fake", length);
  return outcome(__func__);
}

API Result cuDevicePrimaryCtxRetain(Context *context, Device) {
  *context = reinterpret_cast<Context>(&handle);
  return outcome(__func__);
}

API Result cuCtxGetCurrent(Context *context) {
  *context = nullptr;
  return outcome(__func__);
}

API Result cuCtxGetDevice(Device *device) {
  *device = 0;
  return outcome(__func__);
}

API Result cuCtxPushCurrent_v2(Context) {
  RETURN_IF_FAILING();
  ++contextDepth;
  return 0;
}

API Result cuCtxPopCurrent_v2(Context *) {
  --contextDepth;
  return outcome(__func__);
}

API Result cuModuleLoadData(Module *module, const void *) {
  RETURN_IF_FAILING();
  *module = reinterpret_cast<Module>(&handle);
  ++numModules;
  return 0;
}

API Result cuModuleUnload(Module) {
  --numModules;
  return outcome(__func__);
}

API Result cuModuleGetFunction(Function *function, Module, const char *) {
  *function = reinterpret_cast<Function>(&handle);
  return outcome(__func__);
}

API Result cuFuncSetAttribute(Function, int, int) { return outcome(__func__); }

API Result cuLaunchKernel(Function, unsigned, unsigned, unsigned, unsigned,
                          unsigned, unsigned, unsigned, Stream, void **,
                          void **) {
  return outcome(__func__);
}

API Result cuLaunchKernelEx(const LaunchConfig *, Function, void **, void **) {
  return outcome(__func__);
}

API Result cuMemAlloc_v2(DevicePtr *pointer, size_t size) {
  RETURN_IF_FAILING();
  *pointer = reinterpret_cast<DevicePtr>(std::malloc(size));
  ++numAllocations;
  return 0;
}

API Result cuMemFree_v2(DevicePtr pointer) {
  std::free(reinterpret_cast<void *>(pointer));
  --numAllocations;
  return outcome(__func__);
}

API Result cuMemsetD8Async(DevicePtr pointer, unsigned char value, size_t size,
                           Stream) {
  RETURN_IF_FAILING();
  std::memset(reinterpret_cast<void *>(pointer), value, size);
  return 0;
}

API Result cuMemcpyDtoHAsync_v2(void *to, DevicePtr from, size_t size, Stream) {
  RETURN_IF_FAILING();
  std::memcpy(to, reinterpret_cast<void *>(from), size);
  return 0;
}

API Result cuStreamSynchronize(Stream) { return outcome(__func__); }

API Result cuTensorMapEncodeTiled(TensorMap *, int, uint32_t, void *,
                                  const uint64_t *, const uint64_t *,
                                  const uint32_t *, const uint32_t *, int, int,
                                  int, int) {
  return outcome(__func__);
}

API Result cuGetErrorName(Result result, const char **name) {
  *name = result == kOutOfMemory      ? "CUDA_ERROR_OUT_OF_MEMORY"
          : result == kIllegalAddress ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                                      : nullptr;
  return 0;
}

API Result cuGetErrorString(Result result, const char **text) {
  *text = result == kOutOfMemory ? "out of memory" : nullptr;
  return 0;
}
