//===- CUDADriver.h - The CUDA driver, loaded at run time -------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// libcuda is opened at the first use, so that the runtime neither links nor
// needs it otherwise; PBS_CUDA_LIBRARY names another library with the same
// functions. Types and values are those of cuda.h (CUDA Driver API reference).
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_RUNTIME_CUDADRIVER_H
#define PBS_LIB_RUNTIME_CUDADRIVER_H

#include "Status.h"
#include <cstddef>
#include <cstdint>

namespace pbs::runtime::cuda {

using Result = int;
using Device = int;
using DevicePtr = uint64_t;
struct ContextTag;
struct ModuleTag;
struct FunctionTag;
struct StreamTag;
using Context = ContextTag *;
using Module = ModuleTag *;
using Function = FunctionTag *;
using Stream = StreamTag *;

/// CUtensorMap.
struct alignas(64) TensorMap {
  uint64_t opaque[16];
};

// Values of cuda.h.
constexpr Result kOutOfMemory = 2;
constexpr Result kNoBinaryForGpu = 209;
constexpr int kAttributeMultiprocessors = 16;
constexpr int kAttributeMajor = 75;
constexpr int kAttributeMinor = 76;
constexpr int kAttributeMaxSharedOptin = 97;
constexpr int kFunctionMaxDynamicShared = 8;
constexpr int kTensorMapI32 = 3;
constexpr int kTensorMapF16 = 6;
constexpr int kTensorMapF32 = 7;
constexpr int kTensorMapBF16 = 9;
/// 256 bytes.
constexpr int kTensorMapPromotion = 3;
/// CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION.
constexpr int kAttributeProgrammaticSerialization = 6;

/// CUlaunchAttribute; the value is a union of 64 bytes.
struct LaunchAttribute {
  int id = 0;
  int padding = 0;
  alignas(8) int value[16] = {};
};

/// CUlaunchConfig.
struct LaunchConfig {
  unsigned grid[3];
  unsigned block[3];
  unsigned sharedBytes;
  Stream stream;
  LaunchAttribute *attributes;
  unsigned numAttributes;
};

/// The functions that the runtime calls: name of the member, symbol,
/// parameters.
#define PBS_CUDA_FUNCTIONS(X)                                                  \
  X(init, "cuInit", (unsigned))                                                \
  X(driverGetVersion, "cuDriverGetVersion", (int *))                           \
  X(deviceGetCount, "cuDeviceGetCount", (int *))                               \
  X(deviceGet, "cuDeviceGet", (Device *, int))                                 \
  X(deviceGetAttribute, "cuDeviceGetAttribute", (int *, int, Device))          \
  X(deviceGetName, "cuDeviceGetName", (char *, int, Device))                   \
  X(devicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", (Context *, Device))   \
  X(ctxGetCurrent, "cuCtxGetCurrent", (Context *))                             \
  X(ctxGetDevice, "cuCtxGetDevice", (Device *))                                \
  X(ctxPushCurrent, "cuCtxPushCurrent_v2", (Context))                          \
  X(ctxPopCurrent, "cuCtxPopCurrent_v2", (Context *))                          \
  X(moduleLoadData, "cuModuleLoadData", (Module *, const void *))              \
  X(moduleUnload, "cuModuleUnload", (Module))                                  \
  X(moduleGetFunction, "cuModuleGetFunction",                                  \
    (Function *, Module, const char *))                                        \
  X(funcSetAttribute, "cuFuncSetAttribute", (Function, int, int))              \
  X(launchKernel, "cuLaunchKernel",                                            \
    (Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,     \
     unsigned, Stream, void **, void **))                                      \
  X(memAlloc, "cuMemAlloc_v2", (DevicePtr *, size_t))                          \
  X(memFree, "cuMemFree_v2", (DevicePtr))                                      \
  X(memsetD8Async, "cuMemsetD8Async",                                          \
    (DevicePtr, unsigned char, size_t, Stream))                                \
  X(memcpyDtoHAsync, "cuMemcpyDtoHAsync_v2",                                   \
    (void *, DevicePtr, size_t, Stream))                                       \
  X(streamSynchronize, "cuStreamSynchronize", (Stream))                        \
  X(tensorMapEncodeTiled, "cuTensorMapEncodeTiled",                            \
    (TensorMap *, int, uint32_t, void *, const uint64_t *, const uint64_t *,   \
     const uint32_t *, const uint32_t *, int, int, int, int))                  \
  X(getErrorName, "cuGetErrorName", (Result, const char **))                   \
  X(getErrorString, "cuGetErrorString", (Result, const char **))

/// Those that older drivers lack; null then.
#define PBS_CUDA_OPTIONAL_FUNCTIONS(X)                                         \
  X(launchKernelEx, "cuLaunchKernelEx",                                        \
    (const LaunchConfig *, Function, void **, void **))

/// The table of functions.
class Driver {
public:
  /// The driver of this process; `open` has to have succeeded.
  static const Driver &get();
  /// Opens and initialises the driver at the first call; every later call gives
  /// the same outcome.
  static Status open();

  /// An error that says what was called for what, and the driver's own name and
  /// text for it; ok for 0.
  Status check(Result result, const char *function,
               const std::string &what) const;

#define X(name, symbol, parameters) Result(*name) parameters = nullptr;
  PBS_CUDA_FUNCTIONS(X)
  PBS_CUDA_OPTIONAL_FUNCTIONS(X)
#undef X

  /// Whether a kernel may be launched before those that it depends on have
  /// ended, also where the launches are captured in a graph.
  bool hasDependentLaunches() const { return canLaunchDependent; }

private:
  Status load();
  bool canLaunchDependent = false;
  static Driver instance;
};

} // namespace pbs::runtime::cuda

#endif // PBS_LIB_RUNTIME_CUDADRIVER_H
