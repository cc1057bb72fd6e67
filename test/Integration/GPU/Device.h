//===- Device.h - Tensors and streams of a CUDA device ----------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Over the driver that the runtime uses: the one that PBS_CUDA_LIBRARY names,
// such as the emulator, else libcuda.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_INTEGRATION_GPU_DEVICE_H
#define PBS_TEST_INTEGRATION_GPU_DEVICE_H

#include "../CPU/Harness.h"
#include "Driver/Api.h"

namespace pbs::test {

/// The functions that the tests call: member, symbol.
#define PBS_TEST_CUDA_FUNCTIONS(X)                                             \
  X(init, cuInit)                                                              \
  X(deviceGetCount, cuDeviceGetCount)                                          \
  X(primaryCtxRetain, cuDevicePrimaryCtxRetain)                                \
  X(ctxSetCurrent, cuCtxSetCurrent)                                            \
  X(ctxSynchronize, cuCtxSynchronize)                                          \
  X(memAlloc, cuMemAlloc_v2)                                                   \
  X(memFree, cuMemFree_v2)                                                     \
  X(memcpyHtoD, cuMemcpyHtoD_v2)                                               \
  X(memcpyDtoHAsync, cuMemcpyDtoHAsync_v2)                                     \
  X(streamCreate, cuStreamCreate)                                              \
  X(streamDestroy, cuStreamDestroy_v2)                                         \
  X(streamSynchronize, cuStreamSynchronize)                                    \
  X(streamBeginCapture, cuStreamBeginCapture_v2)                               \
  X(streamEndCapture, cuStreamEndCapture)                                      \
  X(graphInstantiate, cuGraphInstantiateWithFlags)                             \
  X(graphLaunch, cuGraphLaunch)                                                \
  X(graphDestroy, cuGraphDestroy)                                              \
  X(graphExecDestroy, cuGraphExecDestroy)                                      \
  X(getErrorString, cuGetErrorString)

/// The driver and the primary contexts of its devices; a test that cannot have
/// them stops the process with a message.
class Device {
public:
  /// Makes the context of a device current in this thread.
  static const Device &get(int device = 0);

  /// Fails the test if `result` is an error.
  void check(int result, const char *what) const;
  int getCount() const { return contexts.size(); }

#define X(name, symbol) decltype(&::symbol) name = nullptr;
  PBS_TEST_CUDA_FUNCTIONS(X)
#undef X

private:
  Device();
  std::vector<void *> contexts;
};

/// Memory of a device.
class DeviceMemory {
public:
  explicit DeviceMemory(size_t size, int device = 0);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory &) = delete;

  void *get() const { return reinterpret_cast<void *>(address); }
  void upload(const std::string &bytes);
  /// Waits for no stream: what nobody waited for is not there yet.
  std::string download() const;

private:
  uint64_t address = 0;
  size_t size;
  int device;
};

/// A copy of `buffer` on a device.
class DeviceTensor {
public:
  explicit DeviceTensor(Buffer &buffer, int device = 0);

  pbs_tensor get();
  /// Copies the bytes of the host to the device, and back.
  void upload() { memory.upload(buffer.bytes); }
  void download() { buffer.bytes = memory.download(); }

private:
  Buffer &buffer;
  int device;
  DeviceMemory memory;
};

/// A stream that is destroyed at the end.
class DeviceStream {
public:
  DeviceStream();
  ~DeviceStream();
  DeviceStream(const DeviceStream &) = delete;

  void *get() const { return handle; }
  void synchronize() const;

private:
  void *handle = nullptr;
};

} // namespace pbs::test

#endif // PBS_TEST_INTEGRATION_GPU_DEVICE_H
