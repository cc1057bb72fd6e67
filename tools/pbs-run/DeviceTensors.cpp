//===- DeviceTensors.cpp - Tensors where a program runs -------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceTensors.h"
#include "Job.h"
#include "pbs/Tools/Convert.h"
#include <cstdlib>
#include <dlfcn.h>

using namespace pbs;
using namespace pbs::run;

/// Functions of the CUDA Driver API: member, symbol, parameters.
#define PBS_RUN_CUDA_FUNCTIONS(X)                                              \
  X(init, "cuInit", (unsigned))                                                \
  X(primaryCtxRetain, "cuDevicePrimaryCtxRetain", (void **, int))              \
  X(ctxSetCurrent, "cuCtxSetCurrent", (void *))                                \
  X(deviceGetAttribute, "cuDeviceGetAttribute", (int *, int, int))             \
  X(ctxSynchronize, "cuCtxSynchronize", ())                                    \
  X(eventCreate, "cuEventCreate", (void **, unsigned))                         \
  X(eventRecord, "cuEventRecord", (void *, void *))                            \
  X(eventSynchronize, "cuEventSynchronize", (void *))                          \
  X(eventElapsedTime, "cuEventElapsedTime", (float *, void *, void *))         \
  X(eventDestroy, "cuEventDestroy_v2", (void *))                               \
  X(memAlloc, "cuMemAlloc_v2", (uint64_t *, size_t))                           \
  X(memFree, "cuMemFree_v2", (uint64_t))                                       \
  X(memcpyHtoD, "cuMemcpyHtoD_v2", (uint64_t, const void *, size_t))           \
  X(memcpyDtoH, "cuMemcpyDtoH_v2", (void *, uint64_t, size_t))                 \
  X(getErrorString, "cuGetErrorString", (int, const char **))

/// The driver with the primary context of device 0 current.
class run::CUDA {
public:
  static CUDA &get() {
    static CUDA cuda;
    return cuda;
  }

  void check(int result, const char *function) const {
    if (result == 0)
      return;
    const char *text = nullptr;
    getErrorString(result, &text);
    throw UserError(std::string(function) + ": " +
                    (text ? text : "error " + std::to_string(result)));
  }

#define X(name, symbol, parameters) int(*name) parameters = nullptr;
  PBS_RUN_CUDA_FUNCTIONS(X)
#undef X

private:
  CUDA() {
    const char *path = std::getenv("PBS_CUDA_LIBRARY");
    if (!path || !*path)
      path = "libcuda.so.1";
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
      throw UserError(std::string("cannot load the CUDA driver: ") + dlerror());
#define X(name, symbol, parameters)                                            \
  name = reinterpret_cast<int(*) parameters>(dlsym(library, symbol));          \
  if (!name)                                                                   \
    throw UserError(std::string("expected a CUDA driver with '") + symbol +    \
                    "', " + path + " has none");
    PBS_RUN_CUDA_FUNCTIONS(X)
#undef X
    void *context;
    check(init(0), "cuInit");
    check(primaryCtxRetain(&context, 0), "cuDevicePrimaryCtxRetain");
    check(ctxSetCurrent(context), "cuCtxSetCurrent");
  }
};

namespace {
/// A place in the work of a stream, with its time.
class Event {
public:
  explicit Event(const CUDA &cuda) : cuda(cuda) {
    cuda.check(cuda.eventCreate(&handle, 0), "cuEventCreate");
  }
  Event(const Event &) = delete;
  ~Event() { cuda.eventDestroy(handle); }

  void record(void *stream) const {
    cuda.check(cuda.eventRecord(handle, stream), "cuEventRecord");
  }
  void wait() const {
    cuda.check(cuda.eventSynchronize(handle), "cuEventSynchronize");
  }
  /// Seconds from `begin` to this event, both of which have been reached.
  double getSecondsSince(const Event &begin) const {
    float milliseconds = 0;
    cuda.check(cuda.eventElapsedTime(&milliseconds, begin.handle, handle),
               "cuEventElapsedTime");
    return double(milliseconds) * 1e-3;
  }

private:
  const CUDA &cuda;
  void *handle = nullptr;
};
} // namespace

static uint64_t getAddress(const Tensor &tensor) {
  return reinterpret_cast<uint64_t>(tensor.data);
}

static size_t getNumBytes(const Tensor &tensor) {
  size_t bytes = tools::sizeOf(tensor.dtype);
  for (int64_t extent : tensor.shape)
    bytes *= extent;
  return bytes;
}

DeviceTensors::DeviceTensors(pbs_device device, std::vector<Tensor> host,
                             size_t numOutputs)
    : host(host), tensors(host), numOutputs(numOutputs) {
  if (device != PBS_CUDA)
    return;
  cuda = &CUDA::get();
  for (Tensor &tensor : tensors) {
    uint64_t address = 0;
    if (size_t bytes = getNumBytes(tensor)) {
      cuda->check(cuda->memAlloc(&address, bytes), "cuMemAlloc");
      cuda->check(cuda->memcpyHtoD(address, tensor.data, bytes),
                  "cuMemcpyHtoD");
    }
    tensor.data = reinterpret_cast<void *>(address);
    tensor.device = PBS_CUDA;
  }
}

DeviceTensors::~DeviceTensors() {
  if (cuda)
    for (const Tensor &tensor : tensors)
      cuda->memFree(getAddress(tensor));
}

void DeviceTensors::wait() const {
  if (cuda)
    cuda->check(cuda->ctxSynchronize(), "cuCtxSynchronize");
}

double DeviceTensors::time(void *stream,
                           const std::function<void()> &call) const {
  if (!cuda)
    return measure(call);
  Event begin(*cuda), end(*cuda);
  begin.record(stream);
  call();
  end.record(stream);
  end.wait();
  return end.getSecondsSince(begin);
}

void DeviceTensors::download() const {
  if (!cuda)
    return;
  for (size_t i = host.size() - numOutputs; i < host.size(); ++i)
    if (size_t bytes = getNumBytes(host[i]))
      cuda->check(cuda->memcpyDtoH(host[i].data, getAddress(tensors[i]), bytes),
                  "cuMemcpyDtoH");
}

//===----------------------------------------------------------------------===//
// Targets
//===----------------------------------------------------------------------===//

std::optional<std::string> run::findGPUTarget(std::string &reason) {
  // CUdevice_attribute.
  constexpr int kMajor = 75, kMinor = 76;
  int major = 0, minor = 0;
  try {
    const CUDA &cuda = CUDA::get();
    if (const char *target = std::getenv("PBS_CUDA_TARGET"); target && *target)
      return target;
    cuda.check(cuda.deviceGetAttribute(&major, kMajor, 0),
               "cuDeviceGetAttribute");
    cuda.check(cuda.deviceGetAttribute(&minor, kMinor, 0),
               "cuDeviceGetAttribute");
  } catch (const UserError &error) {
    reason = error.what();
    return std::nullopt;
  }
  if (major == 9 && minor == 0)
    return "sm_90a";
  reason = "expected a GPU of compute capability 9.0, got " +
           std::to_string(major) + "." + std::to_string(minor);
  return std::nullopt;
}

std::string
run::compileFor(const std::string &target,
                const std::function<void(const std::string &target)> &compile) {
  if (target != "auto") {
    compile(target);
    return "";
  }
  std::string reason;
  if (std::optional<std::string> gpu = findGPUTarget(reason)) {
    try {
      compile(*gpu);
      return "";
    } catch (const Error &error) {
      reason = error.what();
    }
  }
  compile("host");
  return reason;
}
