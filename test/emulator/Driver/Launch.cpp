//===- Launch.cpp - Kernels of the stand-in -------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include <cstdio>
#include <cstring>
#include <fstream>

using namespace pbs::emu;
using namespace pbs::emu::driver;

/// The function that a handle stands for and its module, or nulls.
static std::pair<Function *, std::shared_ptr<Module>>
findFunction(const State &state, const void *handle) {
  for (auto &[key, loaded] : state.modules)
    for (auto &[name, function] : loaded->functions)
      if (function.get() == handle)
        return {function.get(), loaded->module};
  return {};
}

PBS_EMU_API int cuFuncSetAttribute(void *handle, int attribute, int value) {
  PBS_EMU_CONTEXT_CALL();
  Function *function = findFunction(state, handle).first;
  if (!function)
    return call.failHandle("function");
  // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES; the preferred carve-out
  // changes nothing here.
  constexpr int kMaxDynamicShared = 8, kCarveout = 9;
  if (attribute == kCarveout)
    return kSuccess;
  if (attribute != kMaxDynamicShared)
    return call.fail(kInvalidValue, "expected attribute 8 or 9, got " +
                                        std::to_string(attribute));
  size_t most = kSharedBytesOptin - function->kernel->staticSharedBytes();
  if (value < 0 || static_cast<size_t>(value) > most)
    return call.fail(kInvalidValue,
                     "kernel '" + function->kernel->name() +
                         "': expected dynamic shared memory of 0 to " +
                         std::to_string(most) + " bytes, got " +
                         std::to_string(value));
  function->maxDynamicShared = value;
  return kSuccess;
}

PBS_EMU_API int cuFuncGetAttribute(int *value, int attribute, void *handle) {
  PBS_EMU_CONTEXT_CALL();
  if (!value)
    return call.failNull("pi");
  Function *function = findFunction(state, handle).first;
  if (!function)
    return call.failHandle("function");
  const Kernel &kernel = *function->kernel;
  switch (attribute) {
  case 0: // MAX_THREADS_PER_BLOCK
    *value = kernel.maxThreads() ? kernel.maxThreads() : kMaxThreadsPerBlock;
    return kSuccess;
  case 1: // SHARED_SIZE_BYTES
    *value = static_cast<int>(kernel.staticSharedBytes());
    return kSuccess;
  case 8: // MAX_DYNAMIC_SHARED_SIZE_BYTES
    *value = static_cast<int>(function->maxDynamicShared);
    return kSuccess;
  default:
    return call.fail(kInvalidValue, "expected attribute 0, 1 or 8, got " +
                                        std::to_string(attribute));
  }
}

//===----------------------------------------------------------------------===//
// Statistics
//===----------------------------------------------------------------------===//

static std::string formatDim(const Dim &dim) {
  return "[" + std::to_string(dim.x) + ", " + std::to_string(dim.y) + ", " +
         std::to_string(dim.z) + "]";
}

/// One line of JSON.
static std::string format(const Kernel &kernel, const Dim &grid,
                          const Dim &block, size_t sharedBytes,
                          const Statistics &statistics) {
  auto field = [](const char *name, uint64_t value) {
    return std::string(", \"") + name + "\": " + std::to_string(value);
  };
  // Kernels have names of PTX, which need no escapes.
  std::string line = "{\"kernel\": \"" + kernel.name() +
                     "\", \"grid\": " + formatDim(grid) +
                     ", \"block\": " + formatDim(block);
  line += field("dynamic_shared_bytes", sharedBytes);
  line += field("global_bytes_read", statistics.globalBytesRead);
  line += field("global_bytes_written", statistics.globalBytesWritten);
  line += field("shared_bytes_read", statistics.sharedBytesRead);
  line += field("shared_bytes_written", statistics.sharedBytesWritten);
  line += field("bank_conflicts", statistics.bankConflicts);
  line += ", \"instructions\": {";
  const char *separator = "";
  for (auto &[name, count] : statistics.instructions) {
    line += separator + ("\"" + name) + "\": " + std::to_string(count);
    separator = ", ";
  }
  line += "}, \"barriers\": {";
  separator = "";
  for (auto &[address, barrier] : statistics.barriers) {
    line += separator + ("\"" + std::to_string(address)) + "\": [" +
            std::to_string(barrier.phases) + ", " +
            std::to_string(barrier.waits) + ", " +
            std::to_string(barrier.waitsReady) + "]";
    separator = ", ";
  }
  return line + "}}\n";
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

namespace {
/// A launch whose parameters were copied.
struct Launch {
  /// Keeps the kernel.
  std::shared_ptr<Module> module;
  const Kernel *kernel;
  Dim grid, block;
  size_t sharedBytes;
  bool isDependent;
  std::vector<std::byte> params;
  State *state;

  Result run() const;
};
} // namespace

Result Launch::run() const {
  const Options &options = Process::get().options;
  Statistics statistics;
  bool isCounting = !options.statisticsPath.empty();
  LaunchOptions launchOptions = options.launch;
  launchOptions.isDependent = isDependent;
  Report report =
      kernel->launch(grid, block, sharedBytes, params.data(), state->memory,
                     launchOptions, isCounting ? &statistics : nullptr);
  if (report) {
    state->stickyError = kLaunchFailed;
    state->stickyDetail = "kernel '" + kernel->name() + "', " + report.format();
    std::fprintf(stderr, "pbs-emu: %s\n", state->stickyDetail.c_str());
    return kLaunchFailed;
  }
  if (isCounting) {
    std::ofstream file(options.statisticsPath, std::ios::app);
    file << format(*kernel, grid, block, sharedBytes, statistics);
    if (!file.flush())
      std::fprintf(stderr, "pbs-emu: cannot write PBS_EMU_STATISTICS '%s'\n",
                   options.statisticsPath.c_str());
  }
  return kSuccess;
}

/// Empty, or why the kernel cannot be launched so.
static std::string check(const Function &function, const Dim &grid,
                         const Dim &block, size_t sharedBytes) {
  const unsigned grids[] = {grid.x, grid.y, grid.z};
  const unsigned blocks[] = {block.x, block.y, block.z};
  auto expect = [](const std::string &what, uint64_t least, uint64_t most,
                   uint64_t got) {
    return "expected " + what + " of " + std::to_string(least) + " to " +
           std::to_string(most) + ", got " + std::to_string(got);
  };
  for (int i = 0; i < 3; ++i) {
    std::string dim(1, "xyz"[i]);
    if (grids[i] == 0 || grids[i] > kMaxGridDim[i])
      return expect("grid dimension " + dim, 1, kMaxGridDim[i], grids[i]);
    if (blocks[i] == 0 || blocks[i] > kMaxBlockDim[i])
      return expect("block dimension " + dim, 1, kMaxBlockDim[i], blocks[i]);
  }
  uint64_t threads = uint64_t(block.x) * block.y * block.z;
  const Kernel &kernel = *function.kernel;
  uint64_t most =
      kernel.maxThreads() ? kernel.maxThreads() : kMaxThreadsPerBlock;
  if (threads > most)
    return expect("a block", 1, most, threads) + " threads";
  if (sharedBytes > function.maxDynamicShared)
    return expect("dynamic shared memory", 0, function.maxDynamicShared,
                  sharedBytes) +
           " bytes (CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)";
  return "";
}

/// CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION of cuda.h.
static constexpr int kProgrammaticSerialization = 6;

PBS_EMU_API int cuLaunchKernelEx(const LaunchConfig *config, void *handle,
                                 void **params, void **extra) {
  PBS_EMU_CONTEXT_CALL();
  if (!config || (config->numAttributes && !config->attributes))
    return call.fail(kInvalidValue, "expected a configuration, got null");
  auto [function, module] = findFunction(state, handle);
  if (!function)
    return call.failHandle("function");
  std::shared_ptr<Stream> stream = state.findStream(config->stream);
  if (!stream)
    return call.failHandle("stream");
  const Kernel &kernel = *function->kernel;
  std::string what = "kernel '" + kernel.name() + "': ";
  if (extra)
    return call.fail(kInvalidValue,
                     what + "expected kernelParams, got extra options");
  bool isDependent = false;
  for (unsigned i = 0; i < config->numAttributes; ++i) {
    const LaunchAttribute &attribute = config->attributes[i];
    if (attribute.id != kProgrammaticSerialization)
      return call.fail(kInvalidValue,
                       what + "expected launch attribute " +
                           std::to_string(kProgrammaticSerialization) +
                           ", got " + std::to_string(attribute.id));
    isDependent = attribute.value[0] != 0;
  }
  Launch launch = {module,
                   &kernel,
                   {config->gridX, config->gridY, config->gridZ},
                   {config->blockX, config->blockY, config->blockZ},
                   config->sharedBytes,
                   isDependent,
                   std::vector<std::byte>(kernel.paramBytes()),
                   &state};
  if (std::string error =
          check(*function, launch.grid, launch.block, config->sharedBytes);
      !error.empty())
    return call.fail(kInvalidValue, what + error);
  const std::vector<Kernel::Param> &expected = kernel.params();
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!params || !params[i])
      return call.fail(kInvalidValue, what + "expected " +
                                          std::to_string(expected.size()) +
                                          " parameters, got null for number " +
                                          std::to_string(i));
    std::memcpy(launch.params.data() + expected[i].offset, params[i],
                expected[i].size);
  }
  if (Result result = call.checkLegacy(*stream))
    return result;
  return state.enqueue(stream,
                       [launch = std::move(launch)] { return launch.run(); });
}

PBS_EMU_API int cuLaunchKernel(void *handle, unsigned gridX, unsigned gridY,
                               unsigned gridZ, unsigned blockX, unsigned blockY,
                               unsigned blockZ, unsigned sharedBytes,
                               void *streamHandle, void **params,
                               void **extra) {
  LaunchConfig config = {gridX,
                         gridY,
                         gridZ,
                         blockX,
                         blockY,
                         blockZ,
                         sharedBytes,
                         streamHandle,
                         /*attributes=*/nullptr,
                         0};
  return cuLaunchKernelEx(&config, handle, params, extra);
}
