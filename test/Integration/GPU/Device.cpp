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

/// CU_STREAM_NON_BLOCKING: nothing but the caller orders the stream.
static constexpr unsigned kNonBlocking = 1;

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
  int count = 0;
  if (init(0) != 0 || deviceGetCount(&count) != 0 || count == 0)
    stop(std::string("no device through ") + path);
  contexts.resize(count);
  for (int i = 0; i < count; ++i)
    if (primaryCtxRetain(&contexts[i], i) != 0)
      stop("no context of device " + std::to_string(i));
}

const Device &Device::get(int device) {
  static const Device instance;
  instance.ctxSetCurrent(instance.contexts[device]);
  return instance;
}

void Device::check(int result, const char *what) const {
  const char *text = nullptr;
  if (result != 0)
    getErrorString(result, &text);
  EXPECT_EQ(result, 0) << what << ": " << (text ? text : "?");
}

DeviceMemory::DeviceMemory(size_t size, int device)
    : size(size), device(device) {
  const Device &driver = Device::get(device);
  if (size > 0)
    driver.check(driver.memAlloc(&address, size), "cuMemAlloc");
}

DeviceMemory::~DeviceMemory() {
  const Device &driver = Device::get(device);
  if (size > 0)
    driver.check(driver.memFree(address), "cuMemFree");
}

void DeviceMemory::upload(const std::string &bytes) {
  const Device &driver = Device::get(device);
  ASSERT_EQ(bytes.size(), size);
  driver.check(driver.memcpyHtoD(address, bytes.data(), size), "cuMemcpyHtoD");
}

std::string DeviceMemory::download() const {
  const Device &driver = Device::get(device);
  std::string bytes(size, 0);
  if (size == 0)
    return bytes;
  void *stream = nullptr;
  driver.check(driver.streamCreate(&stream, kNonBlocking), "cuStreamCreate");
  driver.check(driver.memcpyDtoHAsync(bytes.data(), address, size, stream),
               "cuMemcpyDtoHAsync");
  driver.check(driver.streamSynchronize(stream), "cuStreamSynchronize");
  driver.check(driver.streamDestroy(stream), "cuStreamDestroy");
  return bytes;
}

DeviceTensor::DeviceTensor(Buffer &buffer, int device)
    : buffer(buffer), device(device), memory(buffer.bytes.size(), device) {
  upload();
}

pbs_tensor DeviceTensor::get() {
  pbs_tensor tensor = buffer.get();
  tensor.data = memory.get();
  tensor.device = PBS_CUDA;
  tensor.device_id = device;
  return tensor;
}

DeviceStream::DeviceStream() {
  const Device &device = Device::get();
  device.check(device.streamCreate(&handle, kNonBlocking), "cuStreamCreate");
}

DeviceStream::~DeviceStream() {
  const Device &device = Device::get();
  device.check(device.streamDestroy(handle), "cuStreamDestroy");
}

void DeviceStream::synchronize() const {
  const Device &device = Device::get();
  device.check(device.streamSynchronize(handle), "cuStreamSynchronize");
}
