//===- Call.cpp - One call of a program, checked and resolved -------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Call.h"
#include <algorithm>
#include <cstdlib>
#include <numeric>

using namespace pbs::runtime;

/// No tensor is larger, so that products of sizes in bytes do not overflow.
static constexpr int64_t kMaxBytes = int64_t(1) << 48;

int64_t Buffer::numElements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

void Call::placeWorkspace(void *base) {
  for (size_t i = 0; i < workspace.size(); ++i)
    workspace[i].data = isLent[i]
                            ? arguments[plan->workspace[i].lender].data
                            : static_cast<char *>(base) + workspaceOffsets[i];
}

static std::string formatShape(const int64_t *shape, size_t rank) {
  std::string text;
  for (size_t i = 0; i < rank; ++i)
    text += (i ? "x" : "") + std::to_string(shape[i]);
  return text;
}

/// Number of bytes of a row-major tensor; false if it is too large.
static bool countBytes(const std::vector<int64_t> &shape, DType dtype,
                       int64_t &bytes) {
  bytes = sizeOf(dtype);
  for (int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes) ||
        bytes > kMaxBytes)
      return false;
  return true;
}

static std::vector<int64_t>
getRowMajorStrides(const std::vector<int64_t> &shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  return strides;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

static const char *nameOf(pbs_device device) {
  return device == PBS_CPU ? "the CPU" : device == PBS_CUDA ? "CUDA" : "?";
}

/// Two elements of an output that differ in two dimensions have addresses of
/// their own: strides s and t lead to the same place after t / gcd(s, t) and
/// s / gcd(s, t) steps.
static Status checkOverlap(const std::string &name, const Buffer &buffer) {
  for (size_t i = 0; i < buffer.shape.size(); ++i)
    for (size_t j = i + 1; j < buffer.shape.size(); ++j) {
      int64_t divisor = std::gcd(buffer.strides[i], buffer.strides[j]);
      if (divisor != 0 &&
          std::abs(buffer.strides[j]) / divisor < buffer.shape[i] &&
          std::abs(buffer.strides[i]) / divisor < buffer.shape[j])
        return invalidArgument(
            name + "expected an output without overlap, got strides " +
            std::to_string(buffer.strides[i]) + " and " +
            std::to_string(buffer.strides[j]) + " in dimensions " +
            std::to_string(i) + " and " + std::to_string(j) + " of shape " +
            formatShape(buffer.shape.data(), buffer.shape.size()));
    }
  return {};
}

/// Checks what does not depend on other arguments.
static Status checkTensor(const Argument &argument, const pbs_tensor &tensor,
                          pbs_device device, bool checkData, Buffer &buffer) {
  std::string name = "argument '" + argument.name + "': ";
  if (static_cast<uint32_t>(tensor.dtype) >= kNumDTypes)
    return invalidArgument(name + "unknown dtype " +
                           std::to_string(static_cast<int>(tensor.dtype)));
  if (static_cast<DType>(tensor.dtype) != argument.dtype)
    return invalidArgument(
        name + "expected dtype " + pbs::runtime::nameOf(argument.dtype) +
        ", got " + pbs::runtime::nameOf(static_cast<DType>(tensor.dtype)));
  if (tensor.device != device)
    return invalidArgument(name + "expected a tensor on " + ::nameOf(device) +
                           ", got one on " + ::nameOf(tensor.device));
  if (tensor.rank < 0 ||
      static_cast<size_t>(tensor.rank) != argument.dims.size())
    return invalidArgument(name + "expected rank " +
                           std::to_string(argument.dims.size()) + ", got " +
                           std::to_string(tensor.rank));
  if (!tensor.shape)
    return invalidArgument(name + "expected a shape, got null");

  buffer.dtype = argument.dtype;
  buffer.shape.assign(tensor.shape, tensor.shape + tensor.rank);
  int64_t bytes;
  if (!countBytes(buffer.shape, buffer.dtype, bytes))
    return invalidArgument(name + "expected sizes of at least 0 and at most " +
                           std::to_string(kMaxBytes) + " bytes, got shape " +
                           formatShape(tensor.shape, tensor.rank));
  if (tensor.strides)
    buffer.strides.assign(tensor.strides, tensor.strides + tensor.rank);
  else
    buffer.strides = getRowMajorStrides(buffer.shape);
  if (bytes > 0 && buffer.shape.back() > 1 && buffer.strides.back() != 1)
    return invalidArgument(name +
                           "expected a contiguous last dimension, got stride " +
                           std::to_string(buffer.strides.back()));
  // Empty tensors and a dimension of one element may have any stride; kernels
  // expect 1 for the last.
  buffer.strides.back() = 1;
  for (size_t i = 0; i + 1 < buffer.strides.size(); ++i) {
    int64_t reach;
    if (__builtin_mul_overflow(buffer.strides[i], buffer.shape[i], &reach) ||
        reach > kMaxBytes || reach < -kMaxBytes)
      return invalidArgument(
          name + "stride " + std::to_string(buffer.strides[i]) +
          " of dimension " + std::to_string(i) + " reaches too far");
    if (argument.isOutput && bytes > 0 && buffer.shape[i] > 1 &&
        buffer.strides[i] == 0)
      return invalidArgument(name +
                             "expected an output without overlap, got "
                             "stride 0 in dimension " +
                             std::to_string(i));
  }

  if (argument.isOutput && bytes > 0)
    if (Status status = checkOverlap(name, buffer); !status.ok())
      return status;

  buffer.data = tensor.data;
  if (!checkData || bytes == 0)
    return {};
  if (!tensor.data)
    return invalidArgument(name + "expected data, got null");
  if (reinterpret_cast<uintptr_t>(tensor.data) % sizeOf(buffer.dtype))
    return invalidArgument(name + "expected data aligned to " +
                           std::to_string(sizeOf(buffer.dtype)) + " bytes");
  return {};
}

Status pbs::runtime::checkAliases(const Plan &plan,
                                  const std::vector<Buffer> &arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (!plan.arguments[i].isOutput || arguments[i].numElements() == 0)
      continue;
    for (size_t j = 0; j < arguments.size(); ++j)
      if (i != j && arguments[j].data == arguments[i].data &&
          arguments[j].numElements() != 0)
        return invalidArgument("argument '" + plan.arguments[i].name +
                               "': expected memory of its own, got that of '" +
                               plan.arguments[j].name + "'");
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Symbols and sizes
//===----------------------------------------------------------------------===//

static Status checkConstraint(const Constraint &constraint, const Call &call) {
  int64_t lhs, rhs;
  if (!constraint.lhs.evaluate(call.symbols, lhs) ||
      !constraint.rhs.evaluate(call.symbols, rhs))
    return invalidArgument("expected " + constraint.expectation +
                           ", but the sizes cannot be computed");
  if (constraint.kind == Constraint::Kind::AtMost)
    return lhs <= rhs ? Status()
                      : invalidArgument("expected " + constraint.expectation +
                                        ", got " + std::to_string(lhs));
  bool holds = constraint.kind == Constraint::Kind::Equal ? lhs == rhs
               : rhs == 0                                 ? lhs == 0
                                                          : lhs % rhs == 0;
  if (holds)
    return {};
  return invalidArgument("expected " + constraint.expectation + ", got " +
                         std::to_string(lhs) + " and " + std::to_string(rhs));
}

static Status checkDims(const Argument &argument, const Buffer &buffer,
                        const Call &call) {
  for (size_t i = 0; i < argument.dims.size(); ++i) {
    int64_t expected;
    if (!argument.dims[i].evaluate(call.symbols, expected))
      return invalidArgument("argument '" + argument.name + "': dimension " +
                             std::to_string(i) + " cannot be computed");
    if (expected != buffer.shape[i])
      return invalidArgument("argument '" + argument.name +
                             "': expected dimension " + std::to_string(i) +
                             " to be " + std::to_string(expected) + ", got " +
                             std::to_string(buffer.shape[i]));
  }
  return {};
}

/// Elements without gaps, in whichever order of dimensions.
static bool isDense(const Buffer &buffer) {
  std::vector<size_t> dims;
  for (size_t i = 0; i < buffer.shape.size(); ++i)
    if (buffer.shape[i] > 1)
      dims.push_back(i);
  std::sort(dims.begin(), dims.end(), [&](size_t lhs, size_t rhs) {
    return buffer.strides[lhs] < buffer.strides[rhs];
  });
  int64_t stride = 1;
  for (size_t dim : dims) {
    if (buffer.strides[dim] != stride)
      return false;
    stride *= buffer.shape[dim];
  }
  return true;
}

/// Whether the output lends `bytes` bytes in this call. Outputs of a query are
/// not given, but have a shape.
static bool isLending(const Call &call, uint32_t lender, int64_t bytes) {
  if (lender == WorkspaceBuffer::kNobody)
    return false;
  if (lender < call.arguments.size()) {
    const Buffer &output = call.arguments[lender];
    return output.numElements() * sizeOf(output.dtype) >= bytes &&
           isDense(output) &&
           reinterpret_cast<uintptr_t>(output.data) % kWorkspaceAlignment == 0;
  }
  const Argument &argument = call.plan->arguments[lender];
  int64_t size = sizeOf(argument.dtype);
  for (const Expr &dim : argument.dims) {
    int64_t extent;
    if (!dim.evaluate(call.symbols, extent) ||
        __builtin_mul_overflow(size, extent, &size))
      return false;
  }
  return call.lendsByDefault && size >= bytes;
}

static Status layOutWorkspace(Call &call) {
  const std::vector<WorkspaceBuffer> &buffers = call.plan->workspace;
  // Sizes of the slots, and then where they begin.
  std::vector<int64_t> slots(buffers.size());
  for (const WorkspaceBuffer &spec : buffers) {
    Buffer &buffer = call.workspace.emplace_back();
    buffer.dtype = spec.dtype;
    int64_t bytes = 0;
    for (const Expr &dim : spec.dims) {
      int64_t size = -1;
      if (!dim.evaluate(call.symbols, size))
        size = -1;
      buffer.shape.push_back(size);
    }
    if (!countBytes(buffer.shape, buffer.dtype, bytes))
      return invalidArgument(
          "workspace '" + spec.name + "': the shape " +
          formatShape(buffer.shape.data(), buffer.shape.size()) +
          " is too large");
    buffer.strides = getRowMajorStrides(buffer.shape);
    bool isLent = isLending(call, spec.lender, bytes);
    call.isLent.push_back(isLent);
    if (!isLent)
      slots[spec.slot] = std::max(slots[spec.slot], bytes);
  }
  int64_t offset = 0;
  for (int64_t &slot : slots) {
    int64_t bytes = (slot + kWorkspaceAlignment - 1) / kWorkspaceAlignment *
                    kWorkspaceAlignment;
    slot = offset;
    offset += bytes;
  }
  for (const WorkspaceBuffer &spec : buffers)
    call.workspaceOffsets.push_back(slots[spec.slot]);
  call.workspaceBytes = offset;
  return {};
}

Status pbs::runtime::checkTensors(const Bundle &bundle, pbs_device device,
                                  int deviceId, const pbs_tensor *tensors,
                                  size_t numTensors, bool checkData,
                                  std::vector<Buffer> &buffers) {
  const Plan &first = bundle.plans.front().plan;
  size_t numInputs = 0;
  for (const Argument &argument : first.arguments)
    numInputs += !argument.isOutput;
  size_t expected = checkData ? first.arguments.size() : numInputs;
  if (numTensors != expected)
    return invalidArgument("expected " + std::to_string(expected) +
                           (checkData ? " arguments" : " inputs") + ", got " +
                           std::to_string(numTensors));
  if (numTensors && !tensors)
    return invalidArgument("expected tensors, got null");

  if (device == PBS_CUDA)
    for (size_t i = 0; i < numTensors; ++i)
      if (tensors[i].device_id != deviceId)
        return invalidArgument(
            "argument '" + first.arguments[i].name +
            "': expected a tensor on CUDA device " + std::to_string(deviceId) +
            ", got one on device " + std::to_string(tensors[i].device_id));

  buffers.resize(numTensors);
  for (size_t i = 0; i < numTensors; ++i)
    if (Status status = checkTensor(first.arguments[i], tensors[i], device,
                                    checkData, buffers[i]);
        !status.ok())
      return status;
  return {};
}

Status pbs::runtime::resolveCall(const Bundle &bundle, pbs_device device,
                                 const DeviceSymbols &deviceSymbols,
                                 const pbs_tensor *tensors, size_t numTensors,
                                 bool checkData, Call &call) {
  call.deviceId = deviceSymbols.deviceId;
  if (Status status = checkTensors(bundle, device, call.deviceId, tensors,
                                   numTensors, checkData, call.arguments);
      !status.ok())
    return status;

  const Plan &first = bundle.plans.front().plan;
  for (const Symbol &symbol : first.symbols) {
    switch (symbol.kind) {
    case Symbol::Kind::ArgumentDim:
      call.symbols.push_back(call.arguments[symbol.argument].shape[symbol.dim]);
      break;
    case Symbol::Kind::NumSMs:
      call.symbols.push_back(deviceSymbols.numSMs);
      break;
    case Symbol::Kind::NumThreads:
      call.symbols.push_back(deviceSymbols.numThreads);
      break;
    }
  }
  for (const GuardedPlan &guarded : bundle.plans) {
    int64_t holds;
    if (guarded.guard.evaluate(call.symbols, holds) && holds) {
      call.plan = &guarded.plan;
      break;
    }
  }
  if (!call.plan)
    return invalidArgument("no plan of the program is for these shapes");

  for (const Constraint &constraint : call.plan->constraints)
    if (Status status = checkConstraint(constraint, call); !status.ok())
      return status;
  for (size_t i = 0; i < numTensors; ++i)
    if (Status status =
            checkDims(call.plan->arguments[i], call.arguments[i], call);
        !status.ok())
      return status;
  if (checkData)
    if (Status status = checkAliases(*call.plan, call.arguments); !status.ok())
      return status;
  return layOutWorkspace(call);
}

Status pbs::runtime::resolveOutputShape(const Call &call, size_t index,
                                        std::vector<int64_t> &shape) {
  const std::vector<Argument> &arguments = call.plan->arguments;
  if (index >= arguments.size() || !arguments[index].isOutput)
    return invalidArgument("expected the index of an output, got " +
                           std::to_string(index));
  shape.clear();
  for (const Expr &dim : arguments[index].dims) {
    int64_t size;
    if (!dim.evaluate(call.symbols, size) || size < 0)
      return invalidArgument("output '" + arguments[index].name +
                             "': the shape cannot be computed");
    shape.push_back(size);
  }
  return {};
}
