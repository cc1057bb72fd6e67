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
#include "Program.h"
#include <cstdio>
#include <cstring>
#include <list>
#include <map>
#include <mutex>
#include <sstream>

using namespace pbs::runtime;
using cuda::Driver;

/// Alignment of addresses and strides of a tensor map in bytes (CUDA Driver
/// API, cuTensorMapEncodeTiled).
static constexpr int64_t kTensorMapAlignment = 16;

namespace {
/// Makes a context current for a while.
class ContextScope {
public:
  /// A context of device `device`: the current one if it is, else the primary.
  Status enter(const Driver &driver, int device) {
    this->driver = &driver;
    cuda::Device ordinal;
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
    cuda::Device current;
    if (driver.ctxGetCurrent(&context) == 0 && context &&
        driver.ctxGetDevice(&current) == 0 && current == ordinal)
      return {};
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

/// What a program has in one context.
struct Loaded {
  std::vector<cuda::Module> modules;
  /// For each plan and kernel.
  std::vector<std::vector<cuda::Function>> functions;
  int numSMs = 0;
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

/// Values of the parameters of one launch, which stay where they are.
class ParamBuffer {
public:
  explicit ParamBuffer(size_t count) : values(count), maps(count) {
    pointers.reserve(count);
  }
  template <typename T>
  void add(T value) {
    uint64_t &slot = values[pointers.size()];
    std::memcpy(&slot, &value, sizeof(T));
    pointers.push_back(&slot);
  }
  /// A place for the next tensor map.
  cuda::TensorMap &addMap() {
    cuda::TensorMap &map = maps[pointers.size()];
    pointers.push_back(&map);
    return map;
  }
  void **get() { return pointers.data(); }

private:
  std::vector<uint64_t> values;
  std::vector<cuda::TensorMap> maps;
  std::vector<void *> pointers;
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

  Status run(Call &call, const pbs_run_options &options) override {
    ContextScope scope;
    if (Status status = scope.enter(driver, call.deviceId); !status.ok())
      return status;
    Loaded *state;
    {
      std::lock_guard<std::mutex> lock(mutex);
      if (Status status = load(scope.get(), call.deviceId, state); !status.ok())
        return status;
      if (!options.workspace && call.workspaceBytes > 0)
        if (Status status = placeOwnWorkspace(*state, call, options.stream);
            !status.ok())
          return status;
    }
    if (options.workspace)
      call.placeWorkspace(options.workspace);
    auto *stream = static_cast<cuda::Stream>(options.stream);
    if (!options.checked)
      return runSteps(*state, call, stream);
    return runChecked(*state, call, options.workspace, stream);
  }

private:
  /// Loads the code into the current context; the lock is held.
  Status load(cuda::Context context, int deviceId, Loaded *&state);
  Status checkChip(int deviceId, const CodeImage &image) const;
  Status loadFunctions(Loaded &state, int deviceId);
  Status placeOwnWorkspace(Loaded &state, Call &call, void *stream);
  Status runSteps(Loaded &state, const Call &call, cuda::Stream stream);
  Status runChecked(Loaded &state, const Call &call, void *workspace,
                    cuda::Stream stream);
  Status launch(Loaded &state, const Call &call, size_t planIndex,
                const Step &step, cuda::Stream stream);
  Status addParams(const Call &call, const Kernel &kernel, const Step &step,
                   ParamBuffer &params);
  Status encode(const Buffer &buffer, const KernelParam &param, void *readable,
                const std::string &what, cuda::TensorMap &map);
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

Status CUDAProgram::placeOwnWorkspace(Loaded &state, Call &call, void *stream) {
  Loaded::Block &block = state.workspaces[stream];
  size_t size = static_cast<size_t>(call.workspaceBytes);
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
  call.placeWorkspace(reinterpret_cast<void *>(block.data));
  return {};
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

static cuda::DevicePtr getAddress(const Buffer &buffer) {
  return reinterpret_cast<cuda::DevicePtr>(buffer.data);
}

static Status checkAddress(const void *data, int64_t alignment,
                           const std::string &what) {
  if (reinterpret_cast<uintptr_t>(data) % alignment == 0)
    return {};
  std::ostringstream address;
  address << data;
  return invalidArgument(what + ": expected an address aligned to " +
                         std::to_string(alignment) + " bytes, got " +
                         address.str());
}

/// Vectors of `alignment` bytes begin at each row of `buffer`.
static Status checkAlignment(const Buffer &buffer, int64_t alignment,
                             const std::string &what) {
  // Of an empty tensor nothing is read.
  if (buffer.numElements() == 0)
    return {};
  int64_t element = sizeOf(buffer.dtype);
  for (size_t dim = 0; dim + 1 < buffer.shape.size(); ++dim)
    if (buffer.shape[dim] > 1 && buffer.strides[dim] * element % alignment != 0)
      return invalidArgument(what + ": expected strides of multiples of " +
                             std::to_string(alignment / element) +
                             " elements (" + std::to_string(alignment) +
                             " bytes), got " +
                             std::to_string(buffer.strides[dim]) +
                             " in dimension " + std::to_string(dim));
  return checkAddress(buffer.data, alignment, what);
}

/// A map of `buffer`; if it is empty, of one element at `readable`.
Status CUDAProgram::encode(const Buffer &buffer, const KernelParam &param,
                           void *readable, const std::string &what,
                           cuda::TensorMap &map) {
  int64_t element = sizeOf(buffer.dtype);
  size_t rank = buffer.shape.size();
  uint64_t dims[4], strides[3];
  uint32_t ones[4] = {1, 1, 1, 1};
  bool isEmpty = buffer.numElements() == 0;
  for (size_t i = 0; i < rank; ++i) {
    size_t dim = rank - 1 - i;
    // A map has no empty dimensions.
    dims[i] = isEmpty ? 1 : static_cast<uint64_t>(buffer.shape[dim]);
    if (i == 0)
      continue;
    int64_t stride = buffer.strides[dim] * element;
    // The stride of one element is never used, but has to be valid.
    if (dims[i] == 1)
      stride = kTensorMapAlignment;
    if (stride <= 0 || stride % kTensorMapAlignment != 0)
      return invalidArgument(
          what + ": expected strides that are positive multiples of " +
          std::to_string(kTensorMapAlignment / element) + " elements (" +
          std::to_string(kTensorMapAlignment) + " bytes), got " +
          std::to_string(buffer.strides[dim]) + " in dimension " +
          std::to_string(dim));
    strides[i - 1] = static_cast<uint64_t>(stride);
  }
  void *data = isEmpty ? readable : buffer.data;
  if (Status status = checkAddress(data, kTensorMapAlignment, what);
      !status.ok())
    return status;
  int type = buffer.dtype == DType::F16    ? cuda::kTensorMapF16
             : buffer.dtype == DType::BF16 ? cuda::kTensorMapBF16
             : buffer.dtype == DType::F32  ? cuda::kTensorMapF32
                                           : cuda::kTensorMapI32;
  // CU_TENSOR_MAP_SWIZZLE_NONE, _32B, _64B, _128B are 0 to 3.
  int swizzle = param.swizzle == 128  ? 3
                : param.swizzle == 64 ? 2
                : param.swizzle == 32 ? 1
                                      : 0;
  return driver.check(driver.tensorMapEncodeTiled(
                          &map, type, 4, data, dims, strides, param.box.data(),
                          ones, /*interleave=*/0, swizzle,
                          cuda::kTensorMapPromotion, /*oobFill=*/0),
                      "cuTensorMapEncodeTiled", what);
}

Status CUDAProgram::addParams(const Call &call, const Kernel &kernel,
                              const Step &step, ParamBuffer &params) {
  // Any memory of the launch.
  void *readable = nullptr;
  for (const Binding &binding : step.buffers)
    if (call.get(binding).numElements() > 0)
      readable = call.get(binding).data;
  auto getName = [&](const Binding &binding) {
    return binding.kind == Binding::Kind::Argument
               ? "argument '" + call.plan->arguments[binding.index].name + "'"
               : "workspace '" + call.plan->workspace[binding.index].name + "'";
  };
  for (const KernelParam &param : kernel.params) {
    switch (param.kind) {
    case KernelParam::Kind::Pointer:
      if (param.alignment > 1) {
        const Binding &binding = step.buffers[param.buffer];
        if (Status status = checkAlignment(call.get(binding), param.alignment,
                                           getName(binding));
            !status.ok())
          return status;
      }
      params.add(getAddress(call.get(step.buffers[param.buffer])));
      break;
    case KernelParam::Kind::Stride:
      params.add<int64_t>(
          call.get(step.buffers[param.buffer]).strides[param.dim]);
      break;
    case KernelParam::Kind::Float:
      params.add(param.value);
      break;
    case KernelParam::Kind::Int32:
    case KernelParam::Kind::Int64: {
      bool is32 = param.kind == KernelParam::Kind::Int32;
      int64_t value;
      if (!param.expr.evaluate(call.symbols, value) ||
          (is32 && value != static_cast<int32_t>(value)))
        return invalidArgument("kernel '" + kernel.name +
                               "': expected a size that fits its parameter, "
                               "got " +
                               param.expr.str());
      if (is32)
        params.add(static_cast<int32_t>(value));
      else
        params.add(value);
      break;
    }
    case KernelParam::Kind::TensorMap: {
      const Binding &binding = step.buffers[param.buffer];
      if (Status status = encode(call.get(binding), param, readable,
                                 getName(binding), params.addMap());
          !status.ok())
        return status;
      break;
    }
    }
  }
  return {};
}

Status CUDAProgram::launch(Loaded &state, const Call &call, size_t planIndex,
                           const Step &step, cuda::Stream stream) {
  const Kernel &kernel = call.plan->kernels[step.kernel];
  std::string what = "kernel '" + kernel.name + "'";
  int64_t grid[3];
  for (size_t i = 0; i < 3; ++i) {
    if (!step.grid[i].evaluate(call.symbols, grid[i]) || grid[i] < 0 ||
        grid[i] > INT32_MAX)
      return invalidArgument(what + ": the grid cannot be computed");
    if (grid[i] == 0)
      return {};
  }
  ParamBuffer params(kernel.params.size());
  if (Status status = addParams(call, kernel, step, params); !status.ok())
    return status;
  return driver.check(
      driver.launchKernel(state.functions[planIndex][step.kernel], grid[0],
                          grid[1], grid[2], kernel.block[0], kernel.block[1],
                          kernel.block[2], kernel.sharedBytes, stream,
                          params.get(), nullptr),
      "cuLaunchKernel", what);
}

Status CUDAProgram::runSteps(Loaded &state, const Call &call,
                             cuda::Stream stream) {
  size_t planIndex = 0;
  while (&bundle.plans[planIndex].plan != call.plan)
    ++planIndex;
  for (const Step &step : call.plan->steps) {
    if (step.kind == Step::Kind::Launch) {
      if (Status status = launch(state, call, planIndex, step, stream);
          !status.ok())
        return status;
      continue;
    }
    const Buffer &buffer = call.get(step.buffers[0]);
    size_t bytes = buffer.numElements() * sizeOf(buffer.dtype);
    if (bytes == 0)
      continue;
    if (Status status = driver.check(
            driver.memsetD8Async(getAddress(buffer), 0, bytes, stream),
            "cuMemsetD8Async", "a workspace buffer");
        !status.ok())
      return status;
  }
  return {};
}

/// Runs the steps and waits; `workspace` is the caller's, if there is one.
Status CUDAProgram::runChecked(Loaded &state, const Call &call, void *workspace,
                               cuda::Stream stream) {
  auto *begin = static_cast<const char *>(workspace);
  bool isTaken = begin && call.workspaceBytes > 0;
  if (isTaken)
    if (Status status = WorkspacesInUse::get().take(
            begin, static_cast<size_t>(call.workspaceBytes), stream);
        !status.ok())
      return status;
  Status status = runSteps(state, call, stream);
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
            driver.memcpyDtoHAsync(words.data(), getAddress(buffer),
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
