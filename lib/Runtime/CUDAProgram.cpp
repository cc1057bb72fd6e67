//===- CUDAProgram.cpp - Programs that run on a GPU -----------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs in the current context if it is one of the device of the tensors, else
// in the primary context of that device. A run enqueues on the caller's stream;
// with a workspace of the caller it neither allocates nor waits, so that it can
// be captured in a graph.
//
//===----------------------------------------------------------------------===//

#include "CUDADriver.h"
#include "LaunchList.h"
#include "Program.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <map>
#include <mutex>

using namespace pbs::runtime;
using cuda::Driver;

namespace {
/// Makes a context current for a while.
class ContextScope {
public:
  /// A context of device `device`: the current one if it is, else the primary.
  Status enter(const Driver &driver, int device) {
    this->driver = &driver;
    cuda::Device ordinal, current;
    auto isCurrent = [&]() {
      return driver.ctxGetCurrent(&context) == 0 && context &&
             driver.ctxGetDevice(&current) == 0 && current == ordinal;
    };
    // Most often all is well: every further question costs host time.
    if (device >= 0 && driver.deviceGet(&ordinal, device) == 0 && isCurrent())
      return {};
    int count = 0;
    if (Status status = driver.check(driver.deviceGetCount(&count),
                                     "cuDeviceGetCount", "any device");
        !status.ok())
      return status;
    if (device < 0 || device >= count)
      return invalidArgument("expected one of " + std::to_string(count) +
                             " CUDA devices, got number " +
                             std::to_string(device));
    std::string what = "device " + std::to_string(device);
    if (Status status = driver.check(driver.deviceGet(&ordinal, device),
                                     "cuDeviceGet", what);
        !status.ok())
      return status;
    if (Status status =
            driver.check(driver.devicePrimaryCtxRetain(&context, ordinal),
                         "cuDevicePrimaryCtxRetain", what);
        !status.ok())
      return status;
    Status status =
        driver.check(driver.ctxPushCurrent(context), "cuCtxPushCurrent", what);
    isPushed = status.ok();
    return status;
  }

  ~ContextScope() {
    cuda::Context popped;
    if (isPushed)
      driver->ctxPopCurrent(&popped);
  }

  cuda::Context get() const { return context; }

private:
  const Driver *driver = nullptr;
  cuda::Context context = nullptr;
  bool isPushed = false;
};

/// Launch lists that are kept in a context.
constexpr size_t kMaxLists = 32;

/// What a program has in one context.
struct Loaded {
  std::vector<cuda::Module> modules;
  /// For each plan and kernel.
  std::vector<std::vector<cuda::Function>> functions;
  int deviceId = 0;
  int numSMs = 0;
  /// Of earlier calls and not in use, the one used last at the end.
  std::vector<std::unique_ptr<LaunchList>> lists;
  /// Workspaces of streams.
  struct Block {
    cuda::DevicePtr data = 0;
    size_t size = 0;
  };
  std::map<void *, Block> workspaces;
};

/// The workspaces of callers that runs in checked mode are using, in all
/// programs of the process.
class WorkspacesInUse {
public:
  static WorkspacesInUse &get() {
    static WorkspacesInUse instance;
    return instance;
  }

  /// Fails if a run on another stream has not ended yet that uses some of the
  /// memory.
  Status take(const char *begin, size_t size, void *stream) {
    std::lock_guard<std::mutex> lock(mutex);
    for (const Use &use : uses)
      if (begin < use.end && use.begin < begin + size)
        return invalidArgument(
            "expected a workspace of its own for each run, got one that a run "
            "on stream " +
            format(use.stream) + " is using, on stream " + format(stream));
    uses.push_back({begin, begin + size, stream});
    return {};
  }
  void give(const char *begin) {
    std::lock_guard<std::mutex> lock(mutex);
    uses.remove_if([&](const Use &use) { return use.begin == begin; });
  }

private:
  struct Use {
    const char *begin, *end;
    void *stream;
  };
  static std::string format(void *stream) {
    char text[32];
    std::snprintf(text, sizeof(text), "%p", stream);
    return text;
  }

  std::mutex mutex;
  std::list<Use> uses;
};

class CUDAProgram final : public pbs_program {
public:
  explicit CUDAProgram(Bundle bundle)
      : pbs_program(std::move(bundle)), driver(Driver::get()) {}

  ~CUDAProgram() override {
    for (auto &[context, state] : loaded) {
      cuda::Context popped;
      if (driver.ctxPushCurrent(context) != 0)
        continue;
      for (auto &[stream, block] : state.workspaces)
        driver.memFree(block.data);
      for (cuda::Module module : state.modules)
        driver.moduleUnload(module);
      driver.ctxPopCurrent(&popped);
    }
  }

  pbs_device device() const override { return PBS_CUDA; }

  Status getDeviceSymbols(const pbs_run_options &,
                          DeviceSymbols &symbols) override {
    if (Status status = Driver::open(); !status.ok())
      return status;
    ContextScope scope;
    if (Status status = scope.enter(driver, symbols.deviceId); !status.ok())
      return status;
    std::lock_guard<std::mutex> lock(mutex);
    Loaded *state;
    if (Status status = load(scope.get(), symbols.deviceId, state);
        !status.ok())
      return status;
    symbols.numSMs = state->numSMs;
    return {};
  }

  Status run(const pbs_tensor *tensors, size_t numTensors,
             const pbs_run_options &options) override;

  Status run(Call &call, const pbs_run_options &options) override {
    ContextScope scope;
    if (Status status = scope.enter(driver, call.deviceId); !status.ok())
      return status;
    Loaded *state;
    {
      std::lock_guard<std::mutex> lock(mutex);
      if (Status status = load(scope.get(), call.deviceId, state); !status.ok())
        return status;
    }
    std::unique_ptr<LaunchList> list;
    if (Status status = makeList(*state, std::move(call), list); !status.ok())
      return status;
    return runList(*state, *list, options);
  }

private:
  /// Loads the code into the current context; the lock is held.
  Status load(cuda::Context context, int deviceId, Loaded *&state);
  Status checkChip(int deviceId, const CodeImage &image) const;
  Status loadFunctions(Loaded &state, int deviceId);
  /// A list of a call with such tensors, null if there is none.
  std::unique_ptr<LaunchList> takeList(Loaded &state, const pbs_tensor *tensors,
                                       size_t numTensors);
  void keepList(Loaded &state, std::unique_ptr<LaunchList> list);
  Status makeList(const Loaded &state, Call call,
                  std::unique_ptr<LaunchList> &list) const;
  Status placeOwnWorkspace(Loaded &state, int64_t bytes, void *stream,
                           void *&data);
  Status runList(Loaded &state, LaunchList &list,
                 const pbs_run_options &options);
  Status runChecked(LaunchList &list, void *workspace, cuda::Stream stream);
  Status readStatuses(const Call &call, cuda::Stream stream);

  const Driver &driver;
  /// Of everything below.
  std::mutex mutex;
  std::map<cuda::Context, Loaded> loaded;
};
} // namespace

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

/// Compute capability that a chip's name asks for, e.g. 90 for "sm_90a" and for
/// the virtual architecture "compute_90a".
static int parseCapability(const std::string &chip) {
  for (const char *prefix : {"sm_", "compute_"})
    if (size_t length = std::strlen(prefix);
        chip.compare(0, length, prefix) == 0)
      return std::atoi(chip.c_str() + length);
  return 0;
}

Status CUDAProgram::checkChip(int deviceId, const CodeImage &image) const {
  int major = 0, minor = 0;
  cuda::Device device;
  driver.deviceGet(&device, deviceId);
  driver.deviceGetAttribute(&major, cuda::kAttributeMajor, device);
  driver.deviceGetAttribute(&minor, cuda::kAttributeMinor, device);
  int expected = parseCapability(image.chip);
  // Code of an "a" target runs on that very capability.
  if (expected == 10 * major + minor)
    return {};
  char name[128] = "?";
  driver.deviceGetName(name, sizeof(name), device);
  return {PBS_UNSUPPORTED, "expected a device for " + image.chip + ", got " +
                               name + " of compute capability " +
                               std::to_string(major) + "." +
                               std::to_string(minor)};
}

Status CUDAProgram::load(cuda::Context context, int deviceId, Loaded *&state) {
  auto found = loaded.find(context);
  if (found != loaded.end()) {
    state = &found->second;
    return {};
  }
  Loaded fresh;
  fresh.deviceId = deviceId;
  Status status = loadFunctions(fresh, deviceId);
  if (!status.ok()) {
    for (cuda::Module module : fresh.modules)
      driver.moduleUnload(module);
    return status;
  }
  state = &(loaded[context] = std::move(fresh));
  return {};
}

Status CUDAProgram::loadFunctions(Loaded &state, int deviceId) {
  cuda::Device device;
  int maxShared = 0;
  std::string what = "device " + std::to_string(deviceId);
  if (Status status = driver.check(driver.deviceGet(&device, deviceId),
                                   "cuDeviceGet", what);
      !status.ok())
    return status;
  driver.deviceGetAttribute(&state.numSMs, cuda::kAttributeMultiprocessors,
                            device);
  driver.deviceGetAttribute(&maxShared, cuda::kAttributeMaxSharedOptin, device);
  for (const CodeImage &image : bundle.images) {
    if (Status status = checkChip(deviceId, image); !status.ok())
      return status;
    cuda::Module module;
    // PTX is read up to a zero, which std::string has at its end.
    if (Status status =
            driver.check(driver.moduleLoadData(&module, image.bytes.c_str()),
                         "cuModuleLoadData", "code for " + image.chip);
        !status.ok())
      return status;
    state.modules.push_back(module);
  }
  for (const GuardedPlan &guarded : bundle.plans) {
    std::vector<cuda::Function> &functions = state.functions.emplace_back();
    for (const Kernel &kernel : guarded.plan.kernels) {
      what = "kernel '" + kernel.name + "'";
      if (kernel.sharedBytes > static_cast<uint32_t>(maxShared))
        return {PBS_UNSUPPORTED,
                what + ": expected a device with " +
                    std::to_string(kernel.sharedBytes) +
                    " bytes of shared memory for a block, got " +
                    std::to_string(maxShared)};
      cuda::Function function;
      if (Status status = driver.check(
              driver.moduleGetFunction(&function, state.modules[kernel.image],
                                       kernel.symbol.c_str()),
              "cuModuleGetFunction", what);
          !status.ok())
        return status;
      if (Status status = driver.check(
              driver.funcSetAttribute(function, cuda::kFunctionMaxDynamicShared,
                                      kernel.sharedBytes),
              "cuFuncSetAttribute", what);
          !status.ok())
        return status;
      functions.push_back(function);
    }
  }
  return {};
}

/// Memory of the program for a run on a stream; the lock is held.
Status CUDAProgram::placeOwnWorkspace(Loaded &state, int64_t bytes,
                                      void *stream, void *&data) {
  Loaded::Block &block = state.workspaces[stream];
  size_t size = static_cast<size_t>(bytes);
  if (block.size < size) {
    std::string what = std::to_string(size) + " bytes of workspace";
    // Earlier runs on the stream may still use the old block.
    if (block.data) {
      if (Status status = driver.check(
              driver.streamSynchronize(static_cast<cuda::Stream>(stream)),
              "cuStreamSynchronize", what);
          !status.ok())
        return status;
      driver.memFree(block.data);
      block = {};
    }
    if (Status status = driver.check(driver.memAlloc(&block.data, size),
                                     "cuMemAlloc", what);
        !status.ok())
      return status;
    block.size = size;
  }
  data = reinterpret_cast<void *>(block.data);
  return {};
}

//===----------------------------------------------------------------------===//
// Launch lists
//===----------------------------------------------------------------------===//

std::unique_ptr<LaunchList> CUDAProgram::takeList(Loaded &state,
                                                  const pbs_tensor *tensors,
                                                  size_t numTensors) {
  std::lock_guard<std::mutex> lock(mutex);
  for (size_t i = state.lists.size(); i-- > 0;) {
    if (!state.lists[i]->matches(tensors, numTensors))
      continue;
    std::unique_ptr<LaunchList> list = std::move(state.lists[i]);
    state.lists.erase(state.lists.begin() + i);
    return list;
  }
  return nullptr;
}

void CUDAProgram::keepList(Loaded &state, std::unique_ptr<LaunchList> list) {
  std::lock_guard<std::mutex> lock(mutex);
  if (state.lists.size() == kMaxLists)
    state.lists.erase(state.lists.begin());
  state.lists.push_back(std::move(list));
}

Status CUDAProgram::makeList(const Loaded &state, Call call,
                             std::unique_ptr<LaunchList> &list) const {
  size_t planIndex = 0;
  while (&bundle.plans[planIndex].plan != call.plan)
    ++planIndex;
  list = std::make_unique<LaunchList>();
  if (Status status = list->build(std::move(call), state.functions[planIndex]);
      !status.ok())
    return status;
  return list->checkAddresses();
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

Status CUDAProgram::run(const pbs_tensor *tensors, size_t numTensors,
                        const pbs_run_options &options) {
  if (Status status = Driver::open(); !status.ok())
    return status;
  int deviceId = getDeviceId(tensors, numTensors);
  ContextScope scope;
  if (Status status = scope.enter(driver, deviceId); !status.ok())
    return status;
  Loaded *state;
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (Status status = load(scope.get(), deviceId, state); !status.ok())
      return status;
  }
  std::unique_ptr<LaunchList> list = takeList(*state, tensors, numTensors);
  if (!list || !list->setAddresses(tensors)) {
    DeviceSymbols symbols;
    symbols.deviceId = deviceId;
    symbols.numSMs = state->numSMs;
    Call call;
    if (Status status = resolveCall(bundle, PBS_CUDA, symbols, tensors,
                                    numTensors, /*checkData=*/true, call);
        !status.ok())
      return status;
    if (Status status = makeList(*state, std::move(call), list); !status.ok())
      return status;
    list->setKey(tensors, numTensors);
  }
  if (Status status = checkWorkspace(options, list->getCall().workspaceBytes);
      !status.ok())
    return status;
  Status status = runList(*state, *list, options);
  keepList(*state, std::move(list));
  return status;
}

Status CUDAProgram::runList(Loaded &state, LaunchList &list,
                            const pbs_run_options &options) {
  auto *stream = static_cast<cuda::Stream>(options.stream);
  if (options.workspace) {
    list.placeWorkspace(options.workspace);
  } else if (int64_t bytes = list.getCall().workspaceBytes; bytes > 0) {
    std::lock_guard<std::mutex> lock(mutex);
    void *data;
    if (Status status = placeOwnWorkspace(state, bytes, stream, data);
        !status.ok())
      return status;
    list.placeWorkspace(data);
  }
  if (options.checked)
    return runChecked(list, options.workspace, stream);
  return list.enqueue(driver, stream);
}

/// Runs the steps and waits; `workspace` is the caller's, if there is one.
Status CUDAProgram::runChecked(LaunchList &list, void *workspace,
                               cuda::Stream stream) {
  const Call &call = list.getCall();
  auto *begin = static_cast<const char *>(workspace);
  bool isTaken = begin && call.workspaceBytes > 0;
  if (isTaken)
    if (Status status = WorkspacesInUse::get().take(
            begin, static_cast<size_t>(call.workspaceBytes), stream);
        !status.ok())
      return status;
  Status status = list.enqueue(driver, stream);
  if (status.ok())
    status = readStatuses(call, stream);
  if (isTaken)
    WorkspacesInUse::get().give(begin);
  return status;
}

Status CUDAProgram::readStatuses(const Call &call, cuda::Stream stream) {
  for (const StatusBuffer &status : call.plan->statuses) {
    const Buffer &buffer = call.workspace[status.workspace];
    std::vector<int32_t> words(buffer.numElements());
    if (Status result = driver.check(
            driver.memcpyDtoHAsync(
                words.data(), reinterpret_cast<cuda::DevicePtr>(buffer.data),
                words.size() * sizeof(int32_t), stream),
            "cuMemcpyDtoHAsync", "a status buffer");
        !result.ok())
      return result;
    if (Status result = driver.check(driver.streamSynchronize(stream),
                                     "cuStreamSynchronize", "the run");
        !result.ok())
      return result;
    if (Status result = readStatus(status, words.data(), words.size());
        !result.ok())
      return result;
  }
  // Without status buffers the run is waited for all the same.
  return driver.check(driver.streamSynchronize(stream), "cuStreamSynchronize",
                      "the run");
}

Status pbs::runtime::createCUDAProgram(Bundle bundle,
                                       std::unique_ptr<pbs_program> &program) {
  // The driver is opened at the first use: programs are compiled and saved on
  // machines without one.
  program = std::make_unique<CUDAProgram>(std::move(bundle));
  return {};
}
