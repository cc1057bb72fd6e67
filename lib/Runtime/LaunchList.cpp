//===- LaunchList.cpp - What one call enqueues ----------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaunchList.h"
#include <algorithm>
#include <cstring>
#include <sstream>

using namespace pbs::runtime;
using cuda::Driver;

/// Alignment of addresses and strides of a tensor map in bytes (CUDA Driver
/// API, cuTensorMapEncodeTiled).
static constexpr int64_t kTensorMapAlignment = 16;

static Status checkAddress(const void *data, uint32_t alignment,
                           const std::string &what) {
  if (reinterpret_cast<uintptr_t>(data) % alignment == 0)
    return {};
  std::ostringstream address;
  address << data;
  return invalidArgument(what + ": expected an address aligned to " +
                         std::to_string(alignment) + " bytes, got " +
                         address.str());
}

std::string LaunchList::getName(const Binding &binding) const {
  return binding.kind == Binding::Kind::Argument
             ? "argument '" + call.plan->arguments[binding.index].name + "'"
             : "workspace '" + call.plan->workspace[binding.index].name + "'";
}

//===----------------------------------------------------------------------===//
// What follows from sizes
//===----------------------------------------------------------------------===//

Status LaunchList::build(Call resolved,
                         const std::vector<cuda::Function> &functions) {
  call = std::move(resolved);
  for (const Buffer &buffer : call.arguments)
    alignments.push_back(
        buffer.numElements() ? static_cast<uint32_t>(sizeOf(buffer.dtype)) : 0);
  // Elsewhere an output would not lend.
  for (size_t i = 0; i < call.isLent.size(); ++i)
    if (call.isLent[i] && call.workspace[i].numElements() > 0)
      alignments[call.plan->workspace[i].lender] = kWorkspaceAlignment;
  for (const pbs::runtime::Step &step : call.plan->steps) {
    if (step.kind == pbs::runtime::Step::Kind::Memset) {
      addZeroed(step.buffers[0]);
      continue;
    }
    bool followsLaunch = !steps.empty() && steps.back().kernel;
    if (Status status = addLaunch(step, functions[step.kernel], followsLaunch);
        !status.ok())
      return status;
  }
  return {};
}

/// Bytes of the workspace that begin where those of the step before end are set
/// to zero by that step too; what lies between is nobody's.
void LaunchList::addZeroed(const Binding &binding) {
  const Buffer &buffer = call.get(binding);
  size_t bytes = buffer.numElements() * sizeOf(buffer.dtype);
  if (bytes == 0)
    return;
  if (binding.kind == Binding::Kind::Workspace && !steps.empty() &&
      !steps.back().kernel &&
      steps.back().zeroed.kind == Binding::Kind::Workspace) {
    Step &last = steps.back();
    int64_t begin = call.workspaceOffsets[last.zeroed.index];
    int64_t end = begin + static_cast<int64_t>(last.bytes);
    int64_t gap = call.workspaceOffsets[binding.index] - end;
    if (gap >= 0 && gap < kWorkspaceAlignment) {
      last.bytes += gap + bytes;
      return;
    }
  }
  Step &step = steps.emplace_back();
  step.zeroed = binding;
  step.bytes = bytes;
}

Status LaunchList::addLaunch(const pbs::runtime::Step &launch,
                             cuda::Function function, bool followsLaunch) {
  const Kernel &kernel = call.plan->kernels[launch.kernel];
  Step step;
  step.kernel = &kernel;
  step.function = function;
  step.followsLaunch = followsLaunch;
  for (size_t i = 0; i < 3; ++i) {
    int64_t size;
    if (!launch.grid[i].evaluate(call.symbols, size) || size < 0 ||
        size > INT32_MAX)
      return invalidArgument("kernel '" + kernel.name +
                             "': the grid cannot be computed");
    if (size == 0)
      return {};
    step.grid[i] = static_cast<uint32_t>(size);
  }
  // Parameters are pointed to.
  step.values.reserve(kernel.params.size());
  for (const KernelParam &param : kernel.params)
    if (Status status = addParam(launch, param, step); !status.ok())
      return status;
  steps.push_back(std::move(step));
  return {};
}

Status LaunchList::addParam(const pbs::runtime::Step &launch,
                            const KernelParam &param, Step &step) {
  auto add = [&](auto value) {
    uint64_t &slot = step.values.emplace_back();
    std::memcpy(&slot, &value, sizeof(value));
    step.params.push_back(&slot);
  };
  switch (param.kind) {
  case KernelParam::Kind::Pointer: {
    const Binding &binding = launch.buffers[param.buffer];
    if (param.alignment > 1)
      if (Status status = requireVectors(binding, param.alignment);
          !status.ok())
        return status;
    step.addresses.push_back({step.values.size(), binding});
    add(uint64_t(0));
    return {};
  }
  case KernelParam::Kind::Stride:
    add(call.get(launch.buffers[param.buffer]).strides[param.dim]);
    return {};
  case KernelParam::Kind::Float:
    add(param.value);
    return {};
  case KernelParam::Kind::Int32:
  case KernelParam::Kind::Int64: {
    bool is32 = param.kind == KernelParam::Kind::Int32;
    int64_t value;
    if (!param.expr.evaluate(call.symbols, value) ||
        (is32 && value != static_cast<int32_t>(value)))
      return invalidArgument(
          "kernel '" + step.kernel->name +
          "': expected a size that fits its parameter, got " +
          param.expr.str());
    if (is32)
      add(static_cast<int32_t>(value));
    else
      add(value);
    return {};
  }
  case KernelParam::Kind::TensorMap:
    return addMap(launch, param, step);
  }
  return {};
}

/// A map of the buffer; if that is empty, of one element of any other one.
Status LaunchList::addMap(const pbs::runtime::Step &launch,
                          const KernelParam &param, Step &step) {
  auto map = std::make_unique<Map>();
  map->param = &param;
  map->binding = launch.buffers[param.buffer];
  map->what = getName(map->binding);
  const Buffer &buffer = call.get(map->binding);
  bool isEmpty = buffer.numElements() == 0;
  if (isEmpty)
    for (const Binding &other : launch.buffers)
      if (call.get(other).numElements() > 0)
        map->binding = other;
  int64_t element = sizeOf(buffer.dtype);
  size_t rank = buffer.shape.size();
  for (size_t i = 0; i < rank; ++i) {
    size_t dim = rank - 1 - i;
    // A map has no empty dimensions.
    map->dims[i] = isEmpty ? 1 : static_cast<uint64_t>(buffer.shape[dim]);
    if (i == 0)
      continue;
    int64_t stride = buffer.strides[dim] * element;
    // The stride of one element is never used, but has to be valid.
    if (map->dims[i] == 1)
      stride = kTensorMapAlignment;
    if (stride <= 0 || stride % kTensorMapAlignment != 0)
      return invalidArgument(
          map->what + ": expected strides that are positive multiples of " +
          std::to_string(kTensorMapAlignment / element) + " elements (" +
          std::to_string(kTensorMapAlignment) + " bytes), got " +
          std::to_string(buffer.strides[dim]) + " in dimension " +
          std::to_string(dim));
    map->strides[i - 1] = static_cast<uint64_t>(stride);
  }
  map->type = buffer.dtype == DType::F16    ? cuda::kTensorMapF16
              : buffer.dtype == DType::BF16 ? cuda::kTensorMapBF16
              : buffer.dtype == DType::F32  ? cuda::kTensorMapF32
                                            : cuda::kTensorMapI32;
  requireAlignment(map->binding, kTensorMapAlignment, map->what);
  step.params.push_back(&map->encoded);
  step.maps.push_back(std::move(map));
  return {};
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

/// Buffers of the workspace are aligned to more than any kernel asks for.
void LaunchList::requireAlignment(const Binding &binding, uint32_t alignment,
                                  const std::string &what) {
  if (binding.kind != Binding::Kind::Argument || !alignments[binding.index])
    return;
  rules.push_back({binding.index, alignment, what});
  uint32_t &known = alignments[binding.index];
  known = std::max(known, alignment);
}

/// Vectors of `alignment` bytes begin at each row of the buffer.
Status LaunchList::requireVectors(const Binding &binding, uint32_t alignment) {
  const Buffer &buffer = call.get(binding);
  // Of an empty tensor nothing is read.
  if (buffer.numElements() == 0)
    return {};
  int64_t element = sizeOf(buffer.dtype);
  std::string what = getName(binding);
  for (size_t dim = 0; dim + 1 < buffer.shape.size(); ++dim)
    if (buffer.shape[dim] > 1 && buffer.strides[dim] * element % alignment != 0)
      return invalidArgument(what + ": expected strides of multiples of " +
                             std::to_string(alignment / element) +
                             " elements (" + std::to_string(alignment) +
                             " bytes), got " +
                             std::to_string(buffer.strides[dim]) +
                             " in dimension " + std::to_string(dim));
  requireAlignment(binding, alignment, what);
  return {};
}

Status LaunchList::checkAddresses() const {
  for (const AddressRule &rule : rules)
    if (Status status = checkAddress(call.arguments[rule.argument].data,
                                     rule.alignment, rule.what);
        !status.ok())
      return status;
  return {};
}

void LaunchList::setKey(const pbs_tensor *tensors, size_t numTensors) {
  for (size_t i = 0; i < numTensors; ++i) {
    const pbs_tensor &tensor = tensors[i];
    key.insert(key.end(), {tensor.dtype, tensor.device, tensor.device_id,
                           tensor.rank, tensor.strides != nullptr});
    key.insert(key.end(), tensor.shape, tensor.shape + tensor.rank);
    if (tensor.strides)
      key.insert(key.end(), tensor.strides, tensor.strides + tensor.rank);
  }
}

bool LaunchList::matches(const pbs_tensor *tensors, size_t numTensors) const {
  if (numTensors != call.arguments.size() || !tensors)
    return false;
  auto at = key.begin();
  for (size_t i = 0; i < numTensors; ++i) {
    const pbs_tensor &tensor = tensors[i];
    // Ranks are those of the program, so that the key is long enough.
    if (at[0] != tensor.dtype || at[1] != tensor.device ||
        at[2] != tensor.device_id || at[3] != tensor.rank ||
        at[4] != (tensor.strides != nullptr) || !tensor.shape)
      return false;
    at += 5;
    if (!std::equal(tensor.shape, tensor.shape + tensor.rank, at))
      return false;
    at += tensor.rank;
    if (!tensor.strides)
      continue;
    if (!std::equal(tensor.strides, tensor.strides + tensor.rank, at))
      return false;
    at += tensor.rank;
  }
  return true;
}

bool LaunchList::setAddresses(const pbs_tensor *tensors) {
  const std::vector<Argument> &arguments = call.plan->arguments;
  for (size_t i = 0; i < arguments.size(); ++i) {
    void *data = tensors[i].data;
    call.arguments[i].data = data;
    if (alignments[i] == 0)
      continue;
    if (!data || (reinterpret_cast<uintptr_t>(data) & (alignments[i] - 1)))
      return false;
  }
  return checkAliases(*call.plan, call.arguments).ok();
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

Status LaunchList::encode(const Driver &driver, Map &map) {
  void *data = call.get(map.binding).data;
  if (data == map.address)
    return {};
  static const uint32_t ones[4] = {1, 1, 1, 1};
  // CU_TENSOR_MAP_SWIZZLE_NONE, _32B, _64B, _128B are 0 to 3.
  uint32_t bytes = map.param->swizzle;
  int swizzle = bytes == 128 ? 3 : bytes == 64 ? 2 : bytes == 32 ? 1 : 0;
  if (Status status = driver.check(
          driver.tensorMapEncodeTiled(&map.encoded, map.type, 4, data, map.dims,
                                      map.strides, map.param->box.data(), ones,
                                      /*interleave=*/0, swizzle,
                                      cuda::kTensorMapPromotion, /*oobFill=*/0),
          "cuTensorMapEncodeTiled", map.what);
      !status.ok())
    return status;
  map.address = data;
  return {};
}

Status LaunchList::launch(const Driver &driver, Step &step,
                          cuda::Stream stream) {
  for (const Address &address : step.addresses)
    step.values[address.param] =
        reinterpret_cast<uint64_t>(call.get(address.binding).data);
  for (const std::unique_ptr<Map> &map : step.maps)
    if (Status status = encode(driver, *map); !status.ok())
      return status;
  const Kernel &kernel = *step.kernel;
  if (!kernel.isDependent || !step.followsLaunch ||
      !driver.hasDependentLaunches()) {
    cuda::Result result = driver.launchKernel(
        step.function, step.grid[0], step.grid[1], step.grid[2],
        kernel.block[0], kernel.block[1], kernel.block[2], kernel.sharedBytes,
        stream, step.params.data(), nullptr);
    return result == 0 ? Status()
                       : driver.check(result, "cuLaunchKernel",
                                      "kernel '" + kernel.name + "'");
  }
  cuda::LaunchAttribute attribute;
  attribute.id = cuda::kAttributeProgrammaticSerialization;
  attribute.value[0] = 1;
  cuda::LaunchConfig config = {
      {step.grid[0], step.grid[1], step.grid[2]},
      {kernel.block[0], kernel.block[1], kernel.block[2]},
      kernel.sharedBytes,
      stream,
      &attribute,
      /*numAttributes=*/1};
  cuda::Result result = driver.launchKernelEx(&config, step.function,
                                              step.params.data(), nullptr);
  return result == 0 ? Status()
                     : driver.check(result, "cuLaunchKernelEx",
                                    "kernel '" + kernel.name + "'");
}

Status LaunchList::enqueue(const Driver &driver, cuda::Stream stream) {
  for (Step &step : steps) {
    if (step.kernel) {
      if (Status status = launch(driver, step, stream); !status.ok())
        return status;
      continue;
    }
    auto address =
        reinterpret_cast<cuda::DevicePtr>(call.get(step.zeroed).data);
    if (cuda::Result result =
            driver.memsetD8Async(address, 0, step.bytes, stream))
      return driver.check(result, "cuMemsetD8Async", "a workspace buffer");
  }
  return {};
}
