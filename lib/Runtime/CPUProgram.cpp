//===- CPUProgram.cpp - Programs that run on the host ---------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"
#include "ThreadPool.h"
#include "pbs/Runtime/HostCode.h"
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>

using namespace pbs::runtime;

static std::atomic<HostCodeLoader> hostCodeLoader{nullptr};

void pbs::runtime::setHostCodeLoader(HostCodeLoader loader) {
  hostCodeLoader = loader;
}

HostCodeLoader pbs::runtime::getHostCodeLoader() { return hostCodeLoader; }

namespace {
using KernelFn = void (*)(const uint64_t *slots, int64_t item);

/// Memory that a run borrows and gives back, so that runs at the same time each
/// have their own and one after the other do not allocate.
class WorkspaceCache {
public:
  struct Block {
    void *data = nullptr;
    size_t size = 0;
  };

  ~WorkspaceCache() {
    for (Block &block : blocks)
      std::free(block.data);
  }

  /// A block of at least `size` bytes; its data is null if there is no memory.
  Block take(size_t size) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      for (size_t i = 0; i < blocks.size(); ++i) {
        if (blocks[i].size < size)
          continue;
        Block block = blocks[i];
        blocks.erase(blocks.begin() + i);
        return block;
      }
    }
    Block block;
    if (posix_memalign(&block.data, kWorkspaceAlignment, size) != 0)
      block.data = nullptr;
    block.size = size;
    return block;
  }

  void give(Block block) {
    std::lock_guard<std::mutex> lock(mutex);
    // Blocks smaller than one just used are not needed any more.
    for (size_t i = blocks.size(); i-- > 0;) {
      if (blocks[i].size < block.size) {
        std::free(blocks[i].data);
        blocks.erase(blocks.begin() + i);
      }
    }
    blocks.push_back(block);
  }

private:
  std::mutex mutex;
  std::vector<Block> blocks;
};

/// Appends a buffer as the fields of an expanded memref descriptor.
void appendSlots(const Buffer &buffer, std::vector<uint64_t> &slots) {
  uint64_t address = reinterpret_cast<uintptr_t>(buffer.data);
  slots.push_back(address);
  slots.push_back(address);
  slots.push_back(0);
  for (int64_t size : buffer.shape)
    slots.push_back(static_cast<uint64_t>(size));
  for (int64_t stride : buffer.strides)
    slots.push_back(static_cast<uint64_t>(stride));
}

class CPUProgram final : public pbs_program {
public:
  using pbs_program::pbs_program;

  Status load() {
    HostCodeLoader loader = getHostCodeLoader();
    if (!loader)
      return {PBS_UNSUPPORTED, "the bundle holds code for the CPU, which only "
                               "libpbs can load"};
    images.resize(bundle.images.size());
    for (GuardedPlan &guarded : bundle.plans) {
      std::vector<KernelFn> &planKernels = kernels.emplace_back();
      for (const Kernel &kernel : guarded.plan.kernels) {
        std::unique_ptr<HostCode> &image = images[kernel.image];
        std::string error;
        if (!image)
          image = loader(bundle.images[kernel.image], error);
        if (!image)
          return {PBS_BAD_BUNDLE, "cannot load the code for " +
                                      bundle.images[kernel.image].chip + ": " +
                                      error};
        void *address = image->lookup(kernel.symbol);
        if (!address)
          return {PBS_BAD_BUNDLE, "expected a function '" + kernel.symbol +
                                      "' in the code, got none"};
        planKernels.push_back(reinterpret_cast<KernelFn>(address));
      }
    }
    return {};
  }

  pbs_device device() const override { return PBS_CPU; }

  Status getDeviceSymbols(const pbs_run_options &options,
                          DeviceSymbols &symbols) override {
    if (options.num_threads < 0)
      return invalidArgument("expected num_threads of at least 0, got " +
                             std::to_string(options.num_threads));
    symbols.numThreads =
        options.num_threads ? options.num_threads : getDefaultThreads();
    return {};
  }

  Status run(Call &call, const pbs_run_options &options) override {
    if (options.workspace) {
      call.placeWorkspace(options.workspace);
      return runSteps(call, options);
    }
    if (call.workspaceBytes == 0)
      return runSteps(call, options);
    WorkspaceCache::Block block =
        workspaces.take(static_cast<size_t>(call.workspaceBytes));
    if (!block.data)
      return {PBS_OUT_OF_MEMORY, "cannot allocate " +
                                     std::to_string(call.workspaceBytes) +
                                     " bytes of workspace"};
    call.placeWorkspace(block.data);
    Status status = runSteps(call, options);
    workspaces.give(block);
    return status;
  }

private:
  Status runSteps(Call &call, const pbs_run_options &options) {
    size_t planIndex = 0;
    while (&bundle.plans[planIndex].plan != call.plan)
      ++planIndex;
    DeviceSymbols symbols;
    if (Status status = getDeviceSymbols(options, symbols); !status.ok())
      return status;

    std::vector<uint64_t> slots;
    for (const Step &step : call.plan->steps) {
      if (step.kind == Step::Kind::Memset) {
        const Buffer &buffer = call.get(step.buffers[0]);
        std::memset(buffer.data, 0,
                    buffer.numElements() * sizeOf(buffer.dtype));
        continue;
      }
      int64_t items;
      if (!step.grid[0].evaluate(call.symbols, items) || items < 0)
        return invalidArgument("kernel '" +
                               call.plan->kernels[step.kernel].name +
                               "': the grid cannot be computed");
      slots.clear();
      for (const Binding &binding : step.buffers)
        appendSlots(call.get(binding), slots);
      struct Launch {
        KernelFn kernel;
        const uint64_t *slots;
      } launch{kernels[planIndex][step.kernel], slots.data()};
      parallelFor(
          items, static_cast<int>(symbols.numThreads),
          [](void *context, int64_t item) {
            auto *launch = static_cast<Launch *>(context);
            launch->kernel(launch->slots, item);
          },
          &launch);
    }
    if (!options.checked)
      return {};
    for (const StatusBuffer &status : call.plan->statuses) {
      const Buffer &buffer = call.workspace[status.workspace];
      if (Status result =
              readStatus(status, static_cast<const int32_t *>(buffer.data),
                         buffer.numElements());
          !result.ok())
        return result;
    }
    return {};
  }

  std::vector<std::unique_ptr<HostCode>> images;
  /// Addresses, for each plan and kernel.
  std::vector<std::vector<KernelFn>> kernels;
  WorkspaceCache workspaces;
};
} // namespace

Status pbs::runtime::createCPUProgram(Bundle bundle,
                                      std::unique_ptr<pbs_program> &program) {
  auto result = std::make_unique<CPUProgram>(std::move(bundle));
  if (Status status = result->load(); !status.ok())
    return status;
  program = std::move(result);
  return {};
}
