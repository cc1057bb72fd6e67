//===- Plan.cpp - Consistency and text of plans ---------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Runtime/Plan.h"
#include <sstream>

using namespace pbs::runtime;

int64_t pbs::runtime::sizeOf(DType type) {
  return type == DType::F32 || type == DType::I32 ? 4 : 2;
}

const char *pbs::runtime::nameOf(DType type) {
  switch (type) {
  case DType::F32:
    return "f32";
  case DType::F16:
    return "f16";
  case DType::BF16:
    return "bf16";
  case DType::I32:
    return "i32";
  }
  return "?";
}

//===----------------------------------------------------------------------===//
// Consistency
//===----------------------------------------------------------------------===//

/// Largest rank of a buffer; level 1 has none above 4.
static constexpr size_t kMaxRank = 8;

static std::string verifyDims(const std::string &name,
                              const std::vector<Expr> &dims,
                              size_t numSymbols) {
  if (dims.empty() || dims.size() > kMaxRank)
    return name + ": expected rank 1 to " + std::to_string(kMaxRank) +
           ", got " + std::to_string(dims.size());
  for (const Expr &dim : dims)
    if (!dim.isWellFormed(numSymbols))
      return name + ": malformed dimension";
  return "";
}

static std::string verifyParam(const KernelParam &param, size_t numSymbols,
                               size_t numBuffers, size_t rank) {
  switch (param.kind) {
  case KernelParam::Kind::Int32:
  case KernelParam::Kind::Int64:
    return param.expr.isWellFormed(numSymbols) ? "" : "malformed expression";
  case KernelParam::Kind::Float:
    return "";
  case KernelParam::Kind::Pointer:
  case KernelParam::Kind::Stride:
  case KernelParam::Kind::TensorMap:
    break;
  }
  if (param.buffer >= numBuffers)
    return "buffer out of range";
  if (param.alignment == 0 || param.alignment > kWorkspaceAlignment ||
      (param.alignment & (param.alignment - 1)) != 0)
    return "expected an alignment of a power of two of bytes, at most " +
           std::to_string(kWorkspaceAlignment);
  if (param.kind == KernelParam::Kind::Stride && param.dim >= rank)
    return "dimension out of range";
  if (param.kind == KernelParam::Kind::TensorMap) {
    if (rank != 4 || param.box.size() != rank)
      return "expected a tensor map of rank 4";
    for (uint32_t size : param.box)
      if (size == 0 || size > 256)
        return "expected a box of 1 to 256 elements in each dimension";
    if (param.swizzle != 0 && param.swizzle != 32 && param.swizzle != 64 &&
        param.swizzle != 128)
      return "expected swizzle 0, 32, 64 or 128";
  }
  return "";
}

/// Buffers of a slot are not used at the same time.
static std::string verifySlots(const Plan &plan) {
  std::vector<Lifetime> lifetimes = plan.getLifetimes();
  std::vector<size_t> firstUses = plan.getFirstUses();
  for (size_t i = 0; i < lifetimes.size(); ++i) {
    const WorkspaceBuffer &buffer = plan.workspace[i];
    if (buffer.lender == WorkspaceBuffer::kNobody)
      continue;
    if (buffer.lender >= plan.arguments.size() ||
        !plan.arguments[buffer.lender].isOutput ||
        lifetimes[i].last >= firstUses[buffer.lender])
      return "workspace '" + buffer.name +
             "': expected memory of an output that is used later";
    for (size_t j = 0; j < i; ++j)
      if (plan.workspace[j].lender == buffer.lender &&
          lifetimes[i].overlaps(lifetimes[j]))
        return "workspace '" + buffer.name +
               "': expected memory of its own, got that lent to '" +
               plan.workspace[j].name + "', which is used at the same time";
  }
  for (size_t i = 0; i < lifetimes.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (plan.workspace[i].slot == plan.workspace[j].slot &&
          lifetimes[i].overlaps(lifetimes[j]))
        return "workspace '" + plan.workspace[i].name +
               "': expected a slot of its own, got that of '" +
               plan.workspace[j].name + "', which is used at the same time";
  return "";
}

std::string Plan::verify(size_t numImages) const {
  size_t numSymbols = symbols.size();
  for (const Argument &argument : arguments)
    if (std::string error = verifyDims("argument '" + argument.name + "'",
                                       argument.dims, numSymbols);
        !error.empty())
      return error;
  for (size_t i = 1; i < arguments.size(); ++i)
    if (arguments[i - 1].isOutput && !arguments[i].isOutput)
      return "argument '" + arguments[i].name + "': input after an output";
  for (const Symbol &symbol : symbols)
    if (symbol.kind == Symbol::Kind::ArgumentDim &&
        (symbol.argument >= arguments.size() ||
         arguments[symbol.argument].isOutput ||
         symbol.dim >= arguments[symbol.argument].dims.size()))
      return "symbol of a dimension that does not exist";
  for (const Constraint &constraint : constraints)
    if (!constraint.lhs.isWellFormed(numSymbols) ||
        !constraint.rhs.isWellFormed(numSymbols))
      return "malformed constraint";
  for (const WorkspaceBuffer &buffer : workspace)
    if (std::string error = verifyDims("workspace '" + buffer.name + "'",
                                       buffer.dims, numSymbols);
        !error.empty())
      return error;
  for (const Kernel &kernel : kernels)
    if (kernel.image >= numImages)
      return "kernel '" + kernel.name + "': code image out of range";
  for (const StatusBuffer &status : statuses)
    if (status.workspace >= workspace.size() ||
        workspace[status.workspace].dtype != DType::I32)
      return "status buffer out of range";
  for (uint32_t trace : traces) {
    if (trace >= workspace.size() || workspace[trace].dtype != DType::I32)
      return "trace out of range";
    const std::vector<Expr> &dims = workspace[trace].dims;
    if (dims.size() != 2 ||
        dims[1].str() != Expr::constant(kTraceBytes / 4).str())
      return "workspace '" + workspace[trace].name + "': expected a trace of " +
             std::to_string(kTraceBytes / 4) + " words for each block";
  }
  for (const WorkspaceBuffer &buffer : workspace)
    if (buffer.slot >= workspace.size())
      return "workspace '" + buffer.name + "': slot out of range";

  for (const Step &step : steps) {
    for (const Binding &binding : step.buffers) {
      bool isArgument = binding.kind == Binding::Kind::Argument;
      if (binding.index >= (isArgument ? arguments.size() : workspace.size()))
        return "buffer of a step out of range";
    }
    if (step.kind == Step::Kind::Memset) {
      if (step.buffers.size() != 1 ||
          step.buffers[0].kind != Binding::Kind::Workspace)
        return "expected a memset of one workspace buffer";
      continue;
    }
    if (step.kernel >= kernels.size())
      return "kernel of a launch out of range";
    const Kernel &kernel = kernels[step.kernel];
    for (const Expr &size : step.grid)
      if (!size.isWellFormed(numSymbols))
        return "kernel '" + kernel.name + "': malformed grid";
    for (const KernelParam &param : kernel.params) {
      size_t rank = 0;
      if (param.buffer < step.buffers.size()) {
        const Binding &binding = step.buffers[param.buffer];
        rank = binding.kind == Binding::Kind::Argument
                   ? arguments[binding.index].dims.size()
                   : workspace[binding.index].dims.size();
      }
      if (std::string error =
              verifyParam(param, numSymbols, step.buffers.size(), rank);
          !error.empty())
        return "kernel '" + kernel.name + "': parameter: " + error;
    }
  }
  return verifySlots(*this);
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static std::string formatDims(const std::vector<Expr> &dims, DType dtype) {
  std::string text;
  for (const Expr &dim : dims)
    text += dim.str() + " x ";
  return text + nameOf(dtype);
}

static std::string formatBinding(const Plan &plan, const Binding &binding) {
  return binding.kind == Binding::Kind::Argument
             ? plan.arguments[binding.index].name
             : "%" + plan.workspace[binding.index].name;
}

static std::string formatParam(const KernelParam &param) {
  std::string buffer = "#" + std::to_string(param.buffer);
  switch (param.kind) {
  case KernelParam::Kind::Pointer:
    return "pointer " + buffer +
           (param.alignment > 1 ? " align " + std::to_string(param.alignment)
                                : "");
  case KernelParam::Kind::TensorMap: {
    std::string box;
    for (uint32_t size : param.box)
      box += (box.empty() ? "" : "x") + std::to_string(size);
    return "tensor_map " + buffer + " box " + box + " swizzle " +
           std::to_string(param.swizzle);
  }
  case KernelParam::Kind::Int32:
    return "i32 " + param.expr.str();
  case KernelParam::Kind::Int64:
    return "i64 " + param.expr.str();
  case KernelParam::Kind::Stride:
    return "stride " + buffer + "." + std::to_string(param.dim);
  case KernelParam::Kind::Float:
    return "f32 " + std::to_string(param.value);
  }
  return "?";
}

static const char *getRelation(Constraint::Kind kind) {
  switch (kind) {
  case Constraint::Kind::Equal:
    return " == ";
  case Constraint::Kind::Multiple:
    return " multiple of ";
  case Constraint::Kind::AtMost:
    return " <= ";
  }
  return "";
}

std::string Plan::str() const {
  std::ostringstream os;
  for (size_t i = 0; i < symbols.size(); ++i) {
    os << "symbol s" << i << " = ";
    switch (symbols[i].kind) {
    case Symbol::Kind::ArgumentDim:
      os << arguments[symbols[i].argument].name << "." << symbols[i].dim;
      break;
    case Symbol::Kind::NumSMs:
      os << "num_sms";
      break;
    case Symbol::Kind::NumThreads:
      os << "num_threads";
      break;
    }
    os << "\n";
  }
  for (const Argument &argument : arguments)
    os << (argument.isOutput ? "output " : "input ") << argument.name << ": "
       << formatDims(argument.dims, argument.dtype) << "\n";
  for (const Constraint &constraint : constraints)
    os << "expect " << constraint.expectation << ": " << constraint.lhs.str()
       << getRelation(constraint.kind) << constraint.rhs.str() << "\n";
  for (const WorkspaceBuffer &buffer : workspace)
    os << "workspace %" << buffer.name << ": "
       << formatDims(buffer.dims, buffer.dtype) << " in slot " << buffer.slot
       << (buffer.lender == WorkspaceBuffer::kNobody
               ? ""
               : " or in " + arguments[buffer.lender].name)
       << "\n";
  for (uint32_t trace : traces)
    os << "trace %" << workspace[trace].name << "\n";
  for (const Kernel &kernel : kernels) {
    os << "kernel " << kernel.name << ": "
       << (kernel.target == Kernel::Target::CPU ? "cpu" : "cuda") << " "
       << kernel.symbol;
    if (kernel.target == Kernel::Target::CUDA)
      os << " block " << kernel.block[0] << "x" << kernel.block[1] << "x"
         << kernel.block[2] << " shared " << kernel.sharedBytes
         << (kernel.isDependent ? " dependent" : "");
    os << "\n";
    for (const KernelParam &param : kernel.params)
      os << "  param " << formatParam(param) << "\n";
  }
  for (const Step &step : steps) {
    if (step.kind == Step::Kind::Memset) {
      os << "memset " << formatBinding(*this, step.buffers[0]) << "\n";
      continue;
    }
    os << "launch " << kernels[step.kernel].name << " grid "
       << step.grid[0].str();
    if (kernels[step.kernel].target == Kernel::Target::CUDA)
      os << ", " << step.grid[1].str() << ", " << step.grid[2].str();
    os << " (";
    for (size_t i = 0; i < step.buffers.size(); ++i)
      os << (i ? ", " : "") << formatBinding(*this, step.buffers[i]);
    os << ")\n";
  }
  return os.str();
}
