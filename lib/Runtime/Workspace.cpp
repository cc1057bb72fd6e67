//===- Workspace.cpp - Buffers that share memory --------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Steps of a plan run one after the other, so that a buffer is needed from the
// first step that uses it to the last, and its bytes are free before and after.
// Who shares with whom does not depend on shapes: it is part of the plan.
//
//===----------------------------------------------------------------------===//

#include "pbs/Runtime/Plan.h"
#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <tuple>

using namespace pbs::runtime;

std::vector<Lifetime> Plan::getLifetimes() const {
  size_t end = steps.size();
  std::vector<Lifetime> lifetimes(workspace.size(), {end, 0});
  for (size_t step = 0; step < end; ++step)
    for (const Binding &binding : steps[step].buffers)
      if (binding.kind == Binding::Kind::Workspace) {
        Lifetime &lifetime = lifetimes[binding.index];
        lifetime.first = std::min(lifetime.first, step);
        lifetime.last = step;
      }
  for (const StatusBuffer &status : statuses)
    lifetimes[status.workspace].last = end;
  for (uint32_t trace : traces)
    lifetimes[trace].last = end;
  for (Lifetime &lifetime : lifetimes)
    if (lifetime.first > lifetime.last)
      lifetime = {0, end};
  return lifetimes;
}

std::vector<size_t> Plan::getFirstUses() const {
  std::vector<size_t> uses(arguments.size(), steps.size());
  for (size_t step = steps.size(); step-- > 0;)
    for (const Binding &binding : steps[step].buffers)
      if (binding.kind == Binding::Kind::Argument)
        uses[binding.index] = step;
  return uses;
}

/// Bytes of a tensor for shapes that are neither short nor long; 0 if they
/// cannot be computed.
static int64_t getNominalSize(const Plan &plan, DType dtype,
                              const std::vector<Expr> &dims) {
  constexpr int64_t kNominalLength = 8192;
  std::vector<int64_t> symbols;
  for (const Symbol &symbol : plan.symbols)
    // Dimension 0 of a tensor of rank 4 is the batch.
    symbols.push_back(symbol.kind != Symbol::Kind::ArgumentDim ? 128
                      : symbol.dim == 0 ? 1
                                        : kNominalLength);
  int64_t bytes = sizeOf(dtype);
  for (const Expr &dim : dims) {
    int64_t size;
    if (!dim.evaluate(symbols, size) || size < 0 ||
        __builtin_mul_overflow(bytes, size, &bytes))
      return 0;
  }
  return bytes;
}

void Plan::lendOutputs() {
  std::vector<Lifetime> lifetimes = getLifetimes();
  std::vector<size_t> firstUses = getFirstUses();
  std::vector<int64_t> sizes;
  for (const WorkspaceBuffer &buffer : workspace)
    sizes.push_back(getNominalSize(*this, buffer.dtype, buffer.dims));
  std::vector<size_t> order(workspace.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t lhs, size_t rhs) {
    return sizes[lhs] > sizes[rhs];
  });
  auto isZeroed = [&](size_t index) {
    const Step &step = steps[lifetimes[index].first];
    return step.kind == Step::Kind::Memset;
  };
  for (size_t lender = 0; lender < arguments.size(); ++lender) {
    const Argument &argument = arguments[lender];
    if (!argument.isOutput)
      continue;
    int64_t size = getNominalSize(*this, argument.dtype, argument.dims);
    std::vector<Lifetime> lent;
    for (size_t index : order) {
      const Lifetime &lifetime = lifetimes[index];
      auto overlaps = [&](const Lifetime &other) {
        return other.overlaps(lifetime);
      };
      if (lifetime.last >= firstUses[lender] || isZeroed(index) ||
          workspace[index].lender != WorkspaceBuffer::kNobody ||
          sizes[index] > size ||
          std::any_of(lent.begin(), lent.end(), overlaps))
        continue;
      workspace[index].lender = static_cast<uint32_t>(lender);
      lent.push_back(lifetime);
    }
  }
}

void Plan::shareWorkspace() {
  if (std::any_of(kernels.begin(), kernels.end(), [](const Kernel &kernel) {
        return kernel.target == Kernel::Target::CUDA;
      }))
    lendOutputs();
  std::vector<Lifetime> lifetimes = getLifetimes();
  std::vector<size_t> order(workspace.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t lhs, size_t rhs) {
    return lifetimes[lhs].first < lifetimes[rhs].first;
  });
  struct Slot {
    int64_t bytes;
    /// The last step that uses it.
    size_t last;
  };
  std::vector<Slot> slots;
  for (size_t index : order) {
    const Lifetime &lifetime = lifetimes[index];
    const WorkspaceBuffer &buffer = workspace[index];
    // What an output lends to takes a slot in odd calls only.
    int64_t bytes = buffer.lender == WorkspaceBuffer::kNobody
                        ? getNominalSize(*this, buffer.dtype, buffer.dims)
                        : 0;
    // How much a slot grows, and then how far it is from fitting.
    auto getCost = [&](const Slot &slot) {
      return std::make_tuple(std::max<int64_t>(0, bytes - slot.bytes),
                             std::abs(bytes - slot.bytes));
    };
    size_t best = slots.size();
    for (size_t i = 0; i < slots.size(); ++i)
      if (slots[i].last < lifetime.first &&
          (best == slots.size() || getCost(slots[i]) < getCost(slots[best])))
        best = i;
    if (best == slots.size())
      slots.push_back({0, 0});
    slots[best] = {std::max(slots[best].bytes, bytes), lifetime.last};
    workspace[index].slot = static_cast<uint32_t>(best);
  }
}
