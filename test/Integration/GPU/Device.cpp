//===- Device.cpp - Tensors and streams of a CUDA device ------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Device.h"
#include <cstdlib>
#include <dlfcn.h>
#include <gtest/gtest.h>

using namespace pbs::test;

[[noreturn]] static void stop(const std::string &message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

Device::Device() {
  const char *path = std::getenv("PBS_CUDA_LIBRARY");
  if (!path || !*path)
    path = "libcuda.so.1";
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    stop(dlerror());
#define X(name, symbol)                                                        \
  name = reinterpret_cast<decltype(name)>(dlsym(library, #symbol));            \
  if (!name)                                                                   \
    stop(std::string("expected ") + #symbol + " in " + path);
  PBS_TEST_CUDA_FUNCTIONS(X)
#undef X
  if (init(0) != 0 || primaryCtxRetain(&context, 0) != 0)
    stop(std::string("no device through ") + path);
}

const Device &Device::get() {
  static const Device device;
  device.enter();
  return device;
}

void Device::enter() const { ctxSetCurrent(context); }

void Device::check(int result, const char *what) const {
  const char *text = nullptr;
  if (result != 0)
    getErrorString(result, &text);
  EXPECT_EQ(result, 0) << what << ": " << (text ? text : "?");
}

DeviceMemory::DeviceMemory(size_t size) : size(size) {
  const Device &device = Device::get();
  if (size > 0)
    device.check(device.memAlloc(&address, size), "cuMemAlloc");
}

DeviceMemory::~DeviceMemory() {
  const Device &device = Device::get();
  if (size > 0)
    device.check(device.memFree(address), "cuMemFree");
}

void DeviceMemory::upload(const std::string &bytes) {
  const Device &device = Device::get();
  ASSERT_EQ(bytes.size(), size);
  device.check(device.memcpyHtoD(address, bytes.data(), size), "cuMemcpyHtoD");
}

std::string DeviceMemory::download() const {
  const Device &device = Device::get();
  std::string bytes(size, 0);
  device.check(device.memcpyDtoH(bytes.data(), address, size), "cuMemcpyDtoH");
  return bytes;
}

DeviceTensor::DeviceTensor(Buffer &buffer)
    : buffer(buffer), memory(buffer.bytes.size()) {
  upload();
}

pbs_tensor DeviceTensor::get() {
  pbs_tensor tensor = buffer.get();
  tensor.data = memory.get();
  tensor.device = PBS_CUDA;
  return tensor;
}

DeviceStream::DeviceStream() {
  const Device &device = Device::get();
  // CU_STREAM_NON_BLOCKING: nothing but the caller orders it.
  device.check(device.streamCreate(&handle, 1), "cuStreamCreate");
}

DeviceStream::~DeviceStream() {
  const Device &device = Device::get();
  device.check(device.streamDestroy(handle), "cuStreamDestroy");
}

void DeviceStream::synchronize() const {
  const Device &device = Device::get();
  device.check(device.streamSynchronize(handle), "cuStreamSynchronize");
}
