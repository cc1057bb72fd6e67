//===- Module.cpp - Modules and kernels -----------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include <algorithm>

using namespace pbs::emu;

/// Shared memory of a block on Hopper.
static constexpr size_t kMaxShared = 227 * 1024;

namespace {

class ModuleImpl;

class KernelImpl : public Kernel {
public:
  const std::string &name() const override { return program.name; }
  const std::vector<Param> &params() const override { return parameters; }
  size_t paramBytes() const override { return program.paramBytes; }
  unsigned maxThreads() const override { return program.maxThreads; }
  size_t staticSharedBytes() const override {
    return program.staticSharedEnd - kSharedBase;
  }
  Report launch(Dim grid, Dim block, size_t dynamicSharedBytes,
                const std::byte *params, DeviceMemory &memory,
                const LaunchOptions &options,
                Statistics *statistics) const override;

  Program program;
  std::vector<Param> parameters;
  const std::vector<std::pair<uint64_t, size_t>> *variables = nullptr;
};

class ModuleImpl : public Module {
public:
  explicit ModuleImpl(std::string_view text) {
    parsed.text = std::string(text);
    ptx::parse(parsed);
    std::map<const ptx::Variable *, uint64_t> addressOf;
    for (const ptx::Variable *variable : parsed.variables) {
      if (variable->space == ptx::Space::Shared)
        continue;
      // Aligned by hand to whatever the variable asks for.
      storage.emplace_back(variable->bytes + variable->align);
      auto address = reinterpret_cast<uint64_t>(storage.back().data());
      address =
          (address + variable->align - 1) / variable->align * variable->align;
      std::copy(variable->init.begin(), variable->init.end(),
                reinterpret_cast<uint8_t *>(address));
      addressOf[variable] = address;
      variables.push_back({address, variable->bytes});
    }
    for (const ptx::Function *function : parsed.functions) {
      auto kernel = std::make_unique<KernelImpl>();
      for (const ptx::Variable &param : function->params)
        kernel->parameters.push_back({param.offset, param.bytes});
      kernel->variables = &variables;
      decode(*function, addressOf, kernel->program);
      all.push_back(std::move(kernel));
    }
  }

  const Kernel *find(std::string_view name) const override {
    for (const auto &kernel : all)
      if (kernel->name() == name)
        return kernel.get();
    return nullptr;
  }
  std::vector<const Kernel *> kernels() const override {
    std::vector<const Kernel *> result;
    for (const auto &kernel : all)
      result.push_back(kernel.get());
    return result;
  }
  const std::string &target() const override { return parsed.target; }

private:
  ptx::Module parsed;
  std::vector<std::vector<uint8_t>> storage;
  std::vector<std::pair<uint64_t, size_t>> variables;
  std::vector<std::unique_ptr<KernelImpl>> all;
};

} // namespace

Report KernelImpl::launch(Dim grid, Dim block, size_t dynamicSharedBytes,
                          const std::byte *params, DeviceMemory &memory,
                          const LaunchOptions &options,
                          Statistics *statistics) const {
  auto refuse = [&](const std::string &message) {
    Report report;
    report.kind = nameOf(Kind::WrongLaunch);
    report.message = message;
    report.seed = options.seed;
    report.completion = options.completion;
    return report;
  };
  uint64_t threads = uint64_t(block.x) * block.y * block.z;
  if (threads == 0 || threads > 1024)
    return refuse("a block has " + std::to_string(threads) +
                  " threads, expected 1 to 1024");
  if (program.maxThreads &&
      (threads > program.maxThreads ||
       (program.exactThreads && threads != program.maxThreads)))
    return refuse("a block has " + std::to_string(threads) +
                  " threads, expected " +
                  (program.exactThreads ? "" : "at most ") +
                  std::to_string(program.maxThreads));
  if (!grid.x || !grid.y || !grid.z)
    return refuse("the grid has no blocks");
  size_t shared = program.dynamicShared - kSharedBase + dynamicSharedBytes;
  if (shared > kMaxShared)
    return refuse("a block has " + std::to_string(shared) +
                  " bytes of shared memory, expected at most " +
                  std::to_string(kMaxShared));
  Machine machine(program, params, memory, options, *variables);
  Report report =
      machine.run(grid, block, static_cast<uint32_t>(dynamicSharedBytes));
  if (statistics)
    *statistics = machine.statistics;
  return report;
}

std::unique_ptr<Module> Module::parse(std::string_view text,
                                      std::string &error) {
  try {
    return std::make_unique<ModuleImpl>(text);
  } catch (const ptx::Error &e) {
    error = "line " + std::to_string(e.line) + ": " + e.message;
    return nullptr;
  }
}

std::string Report::format() const {
  std::string text;
  if (line)
    text += "line " + std::to_string(line) + ", ";
  if (warp >= 0) {
    text += "block (" + std::to_string(block[0]) + "," +
            std::to_string(block[1]) + "," + std::to_string(block[2]) +
            "), warp " + std::to_string(warp) + ", ";
    if (lane >= 0)
      text += "lane " + std::to_string(lane) + ", ";
  }
  if (!text.empty())
    text.replace(text.size() - 2, 2, ": ");
  const char *modes[] = {"latest", "earliest", "random"};
  return text + kind + ": " + message + " (seed " + std::to_string(seed) +
         ", " + modes[static_cast<int>(completion)] + ")";
}
