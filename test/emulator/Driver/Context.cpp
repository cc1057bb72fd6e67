//===- Context.cpp - Device, context and modules of the stand-in ----------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Devices have one context each, the primary one.
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include <algorithm>
#include <cstring>

using namespace pbs::emu;
using namespace pbs::emu::driver;

/// The version that cuDriverGetVersion gives: 12.0, the first with tensor maps.
static constexpr int kDriverVersion = 12000;
static constexpr char kDeviceName[] = "PBS emulator (sm_90a)";

std::vector<State *> &pbs::emu::driver::getContextStack() {
  static thread_local std::vector<State *> stack;
  return stack;
}

//===----------------------------------------------------------------------===//
// Device
//===----------------------------------------------------------------------===//

PBS_EMU_API int cuInit(unsigned flags) {
  Call call(__func__, Call::Nothing);
  if (flags != 0)
    return call.fail(kInvalidValue,
                     "expected flags 0, got " + std::to_string(flags));
  Process &process = call.process;
  if (process.isInitialized)
    return kSuccess;
  Options options;
  if (std::string error = options.read(); !error.empty())
    return call.fail(kInvalidValue, error);
  process.options = options;
  process.random.seed(options.launch.seed);
  for (unsigned i = 0; i < options.numDevices; ++i)
    process.contexts.push_back(std::make_unique<State>(i));
  process.isInitialized = true;
  return kSuccess;
}

PBS_EMU_API int cuDriverGetVersion(int *version) {
  Call call(__func__, Call::Nothing);
  if (!version)
    return call.failNull("driverVersion");
  *version = kDriverVersion;
  return kSuccess;
}

PBS_EMU_API int cuDeviceGetCount(int *count) {
  PBS_EMU_CALL(Driver);
  if (!count)
    return call.failNull("count");
  *count = static_cast<int>(call.process.contexts.size());
  return kSuccess;
}

static Result checkDevice(const Call &call, int device) {
  size_t count = call.process.contexts.size();
  if (device >= 0 && static_cast<size_t>(device) < count)
    return kSuccess;
  return call.fail(kInvalidDevice, "expected one of " + std::to_string(count) +
                                       " devices, got " +
                                       std::to_string(device));
}

PBS_EMU_API int cuDeviceGet(int *device, int ordinal) {
  PBS_EMU_CALL(Driver);
  if (!device)
    return call.failNull("device");
  if (Result result = checkDevice(call, ordinal))
    return result;
  *device = ordinal;
  return kSuccess;
}

PBS_EMU_API int cuDeviceGetName(char *name, int length, int device) {
  PBS_EMU_CALL(Driver);
  if (!name || length <= 0)
    return call.failNull("name");
  if (Result result = checkDevice(call, device))
    return result;
  std::strncpy(name, kDeviceName, length - 1);
  name[length - 1] = 0;
  return kSuccess;
}

PBS_EMU_API int cuDeviceTotalMem_v2(size_t *bytes, int device) {
  PBS_EMU_CALL(Driver);
  if (!bytes)
    return call.failNull("bytes");
  if (Result result = checkDevice(call, device))
    return result;
  *bytes = kDeviceMemoryBytes;
  return kSuccess;
}

PBS_EMU_API int cuDeviceGetAttribute(int *value, int attribute, int device) {
  PBS_EMU_CALL(Driver);
  if (!value)
    return call.failNull("pi");
  if (Result result = checkDevice(call, device))
    return result;
  // CUdevice_attribute.
  const std::map<int, int> values = {
      {1, kMaxThreadsPerBlock},
      {2, kMaxBlockDim[0]},
      {3, kMaxBlockDim[1]},
      {4, kMaxBlockDim[2]},
      {5, kMaxGridDim[0]},
      {6, kMaxGridDim[1]},
      {7, kMaxGridDim[2]},
      {8, kSharedBytesPerBlock}, // MAX_SHARED_MEMORY_PER_BLOCK
      {10, 32},                  // WARP_SIZE
      {12, 65536},               // MAX_REGISTERS_PER_BLOCK
      {13, 1000000},             // CLOCK_RATE, in kHz
      {16, call.process.options.launch.numSMs},
      {38, 50 << 20},          // L2_CACHE_SIZE
      {39, 2048},              // MAX_THREADS_PER_MULTIPROCESSOR
      {41, 1},                 // UNIFIED_ADDRESSING
      {75, 9},                 // COMPUTE_CAPABILITY_MAJOR
      {76, 0},                 // COMPUTE_CAPABILITY_MINOR
      {81, 233472},            // MAX_SHARED_MEMORY_PER_MULTIPROCESSOR
      {82, 65536},             // MAX_REGISTERS_PER_MULTIPROCESSOR
      {97, kSharedBytesOptin}, // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
      {106, 32},               // MAX_BLOCKS_PER_MULTIPROCESSOR
      {111, 1024},             // RESERVED_SHARED_MEMORY_PER_BLOCK
      {120, 0},                // CLUSTER_LAUNCH
      {127, 1},                // TENSOR_MAP_ACCESS_SUPPORTED
  };
  auto it = values.find(attribute);
  if (it == values.end())
    return call.fail(kInvalidValue, "expected an attribute that the emulator "
                                    "has, got number " +
                                        std::to_string(attribute));
  *value = it->second;
  return kSuccess;
}

//===----------------------------------------------------------------------===//
// Context
//===----------------------------------------------------------------------===//

PBS_EMU_API int cuDevicePrimaryCtxRetain(void **context, int device) {
  PBS_EMU_CALL(Driver);
  if (!context)
    return call.failNull("pctx");
  if (Result result = checkDevice(call, device))
    return result;
  *context = call.process.contexts[device].get();
  return kSuccess;
}

/// The context stays, as with a count of those who retained it that is never 0.
PBS_EMU_API int cuDevicePrimaryCtxRelease_v2(int device) {
  PBS_EMU_CALL(Driver);
  return checkDevice(call, device);
}

PBS_EMU_API int cuDevicePrimaryCtxReset_v2(int device) {
  PBS_EMU_CALL(Driver);
  if (Result result = checkDevice(call, device))
    return result;
  call.process.contexts[device]->reset();
  return kSuccess;
}

/// The context that a handle stands for, or null.
static State *findContext(const Call &call, const void *handle) {
  for (const std::unique_ptr<State> &context : call.process.contexts)
    if (context.get() == handle)
      return context.get();
  call.fail(kInvalidContext, "expected the primary context of a device");
  return nullptr;
}

PBS_EMU_API int cuCtxGetCurrent(void **context) {
  PBS_EMU_CALL(Driver);
  if (!context)
    return call.failNull("pctx");
  std::vector<State *> &stack = getContextStack();
  *context = stack.empty() ? nullptr : stack.back();
  return kSuccess;
}

PBS_EMU_API int cuCtxSetCurrent(void *context) {
  PBS_EMU_CALL(Driver);
  std::vector<State *> &stack = getContextStack();
  State *found = context ? findContext(call, context) : nullptr;
  if (context && !found)
    return kInvalidContext;
  if (!stack.empty())
    stack.pop_back();
  if (found)
    stack.push_back(found);
  return kSuccess;
}

PBS_EMU_API int cuCtxPushCurrent_v2(void *context) {
  PBS_EMU_CALL(Driver);
  State *found = findContext(call, context);
  if (!found)
    return kInvalidContext;
  getContextStack().push_back(found);
  return kSuccess;
}

PBS_EMU_API int cuCtxPopCurrent_v2(void **context) {
  PBS_EMU_CALL(Driver);
  std::vector<State *> &stack = getContextStack();
  if (stack.empty())
    return call.fail(kInvalidContext, "expected a context to pop, got none");
  if (context)
    *context = stack.back();
  stack.pop_back();
  return kSuccess;
}

PBS_EMU_API int cuCtxGetDevice(int *device) {
  PBS_EMU_CONTEXT_CALL();
  if (!device)
    return call.failNull("device");
  *device = state.device;
  return kSuccess;
}

PBS_EMU_API int cuCtxSynchronize() {
  PBS_EMU_CONTEXT_CALL();
  if (Result result = call.checkUnsafe())
    return result;
  return state.drainAll();
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

PBS_EMU_API int cuModuleLoadData(void **handle, const void *image) {
  PBS_EMU_CONTEXT_CALL();
  if (!handle || !image)
    return call.failNull("module and image");
  // A cubin is an ELF file, a fat binary begins with this number.
  constexpr unsigned char kFatbin[] = {0x50, 0xED, 0x55, 0xBA};
  if (std::memcmp(image, "\177ELF", 4) == 0 ||
      std::memcmp(image, kFatbin, 4) == 0)
    return call.fail(kNoBinaryForGpu,
                     "expected PTX (target compute_90a), got machine code, "
                     "which the emulator does not run");
  std::string error;
  std::shared_ptr<Module> module =
      Module::parse(static_cast<const char *>(image), error);
  if (!module)
    return call.fail(kInvalidPtx, error);
  const std::string &target = module->target();
  // PTX of an "a" target runs on that very capability, other PTX on later ones.
  if (target.compare(0, 3, "sm_") != 0 || std::atoi(target.c_str() + 3) > 90 ||
      (target.back() == 'a' && target != "sm_90a"))
    return call.fail(kInvalidPtx,
                     "expected a target up to sm_90a, got " + target);
  auto loaded = std::make_shared<LoadedModule>();
  loaded->module = std::move(module);
  *handle = state.modules.add(std::move(loaded));
  return kSuccess;
}

PBS_EMU_API int cuModuleUnload(void *handle) {
  PBS_EMU_CONTEXT_CALL();
  if (!state.modules.find(handle))
    return call.failHandle("module");
  state.drainAll();
  state.modules.erase(handle);
  return kSuccess;
}

PBS_EMU_API int cuModuleGetFunction(void **handle, void *module,
                                    const char *name) {
  PBS_EMU_CONTEXT_CALL();
  if (!handle || !name)
    return call.failNull("hfunc and name");
  std::shared_ptr<LoadedModule> loaded = state.modules.find(module);
  if (!loaded)
    return call.failHandle("module");
  const Kernel *kernel = loaded->module->find(name);
  if (!kernel) {
    std::string names;
    for (const Kernel *other : loaded->module->kernels())
      names += (names.empty() ? "" : ", ") + other->name();
    return call.fail(kNotFound, "expected a kernel of the module (" + names +
                                    "), got '" + name + "'");
  }
  std::unique_ptr<Function> &function = loaded->functions[name];
  if (!function) {
    function = std::make_unique<Function>();
    function->kernel = kernel;
    function->module = loaded.get();
    size_t used = std::min(kernel->staticSharedBytes(), kSharedBytesPerBlock);
    function->maxDynamicShared = kSharedBytesPerBlock - used;
  }
  *handle = function.get();
  return kSuccess;
}
