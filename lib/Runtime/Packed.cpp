//===- Packed.cpp - Programs on packed sequences --------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A call for each sequence, on views of the packed tensors. What belongs to a
// sequence follows from the program: its constraints say how many rows every
// input has for given numbers of queries and keys, and its outputs' shapes are
// expressions. All calls are resolved before the first one runs.
//
//===----------------------------------------------------------------------===//

#include "Program.h"
#include <algorithm>

using namespace pbs::runtime;

/// The dimension along which sequences are packed.
static constexpr size_t kRowDim = 2;

namespace {
/// Values of the symbols of a plan, as far as they are known.
class KnownSymbols {
public:
  explicit KnownSymbols(size_t count) : values(count), isKnown(count) {}

  void set(size_t symbol, int64_t value) {
    values[symbol] = value;
    isKnown[symbol] = true;
  }
  /// False if a symbol is not known or the value cannot be computed.
  bool evaluate(const Expr &expr, int64_t &result) const {
    for (const ExprOp &op : expr.ops)
      if (op.kind == ExprOp::Kind::Symbol && !isKnown[op.value])
        return false;
    return expr.evaluate(values, result);
  }
  /// Takes what follows from equations.
  void solve(const std::vector<Constraint> &constraints) {
    bool isChanged = true;
    while (isChanged) {
      isChanged = false;
      for (const Constraint &constraint : constraints)
        if (constraint.kind == Constraint::Kind::Equal)
          isChanged |= assign(constraint.lhs, constraint.rhs) ||
                       assign(constraint.rhs, constraint.lhs);
    }
  }

private:
  /// Gives `target` the value of `expr` if it is a symbol without one.
  bool assign(const Expr &target, const Expr &expr) {
    if (target.ops.size() != 1 || target.ops[0].kind != ExprOp::Kind::Symbol ||
        isKnown[target.ops[0].value])
      return false;
    int64_t value;
    if (!evaluate(expr, value))
      return false;
    set(target.ops[0].value, value);
    return true;
  }

  std::vector<int64_t> values;
  std::vector<bool> isKnown;
};

/// Packed tensors and how they are divided.
class PackedCall {
public:
  /// Checks tensors and offsets and finds the shape of each sequence.
  Status divide(const pbs_program &program, int deviceId,
                const pbs_tensor *tensors, size_t numTensors,
                const pbs_packing *packing, bool checkData);
  /// Resolves the call of each sequence.
  Status resolve(const pbs_program &program, const DeviceSymbols &symbols);

  /// Shape of packed output `index`.
  Status getOutputShape(size_t index, std::vector<int64_t> &shape) const;
  int64_t getWorkspaceBytes() const { return workspaceBytes; }
  Status run(pbs_program &program, const pbs_run_options &options);

private:
  Status checkRanks() const;
  Status checkOffsets(const pbs_packing *packing) const;
  /// Appends the shapes of all arguments of a sequence.
  Status addShapes(int64_t numQueries, int64_t numKeys);
  /// Checks the packed tensors against the sequences.
  Status checkShapes() const;
  /// Where the rows of argument `index` begin in each sequence, and their sum.
  std::vector<int64_t> getRowOffsets(size_t index) const;

  const Plan *plan = nullptr;
  bool checkData = false;
  const pbs_tensor *tensors = nullptr;
  std::vector<Buffer> buffers;
  /// For each sequence and argument.
  std::vector<std::vector<std::vector<int64_t>>> shapes;
  std::vector<Call> calls;
  int64_t workspaceBytes = 0;
};

/// A status that says which sequence it is about.
Status inSequence(size_t sequence, const Status &status) {
  return {status.getCode(),
          "sequence " + std::to_string(sequence) + ": " + status.getMessage()};
}
} // namespace

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

Status PackedCall::checkRanks() const {
  size_t numInputs = 0;
  for (const Argument &argument : plan->arguments) {
    numInputs += !argument.isOutput;
    if (argument.dims.size() <= kRowDim)
      return {PBS_UNSUPPORTED,
              "argument '" + argument.name +
                  "': expected a rank of at least 3 for packed sequences, got "
                  "a program in which it is " +
                  std::to_string(argument.dims.size())};
  }
  if (numInputs < 2)
    return {PBS_UNSUPPORTED,
            "expected a program of queries and keys for packed "
            "sequences, got one with " +
                std::to_string(numInputs) + " inputs"};
  return {};
}

static Status checkOffsets(const std::string &name, const int64_t *offsets,
                           size_t numSequences, int64_t numRows,
                           const std::string &tensor) {
  if (!offsets)
    return invalidArgument(name + ": expected " +
                           std::to_string(numSequences + 1) +
                           " offsets, got null");
  if (offsets[0] != 0)
    return invalidArgument(name + ": expected the first offset to be 0, got " +
                           std::to_string(offsets[0]));
  for (size_t i = 0; i < numSequences; ++i)
    if (offsets[i + 1] < offsets[i])
      return invalidArgument(
          name + ": expected offsets that do not decrease, got " +
          std::to_string(offsets[i]) + " and then " +
          std::to_string(offsets[i + 1]) + " at " + std::to_string(i + 1));
  if (offsets[numSequences] != numRows)
    return invalidArgument(name + ": expected the last offset to be the " +
                           std::to_string(numRows) + " rows of '" + tensor +
                           "', got " + std::to_string(offsets[numSequences]));
  return {};
}

Status PackedCall::checkOffsets(const pbs_packing *packing) const {
  if (!packing)
    return invalidArgument("expected offsets of sequences, got null");
  if (packing->struct_size < sizeof(pbs_packing))
    return invalidArgument("expected struct_size " +
                           std::to_string(sizeof(pbs_packing)) + ", got " +
                           std::to_string(packing->struct_size));
  if (Status status = ::checkOffsets(
          "query_offsets", packing->query_offsets, packing->num_sequences,
          buffers[0].shape[kRowDim], plan->arguments[0].name);
      !status.ok())
    return status;
  return ::checkOffsets("key_offsets", packing->key_offsets,
                        packing->num_sequences, buffers[1].shape[kRowDim],
                        plan->arguments[1].name);
}

Status PackedCall::addShapes(int64_t numQueries, int64_t numKeys) {
  KnownSymbols symbols(plan->symbols.size());
  for (size_t i = 0; i < plan->symbols.size(); ++i) {
    const Symbol &symbol = plan->symbols[i];
    if (symbol.kind != Symbol::Kind::ArgumentDim)
      continue;
    if (symbol.dim != kRowDim)
      symbols.set(i, buffers[symbol.argument].shape[symbol.dim]);
    else if (symbol.argument < 2)
      symbols.set(i, symbol.argument == 0 ? numQueries : numKeys);
  }
  symbols.solve(plan->constraints);

  std::vector<std::vector<int64_t>> &result = shapes.emplace_back();
  for (size_t i = 0; i < plan->arguments.size(); ++i) {
    const Argument &argument = plan->arguments[i];
    std::vector<int64_t> &shape = result.emplace_back();
    if (!argument.isOutput)
      shape = buffers[i].shape;
    else
      shape.resize(argument.dims.size());
    if (i < 2) {
      shape[kRowDim] = i == 0 ? numQueries : numKeys;
      continue;
    }
    for (size_t dim = 0; dim < shape.size(); ++dim)
      if ((argument.isOutput || dim == kRowDim) &&
          (!symbols.evaluate(argument.dims[dim], shape[dim]) || shape[dim] < 0))
        return {PBS_UNSUPPORTED,
                "argument '" + argument.name + "': expected dimension " +
                    std::to_string(dim) +
                    " to follow from the numbers of queries and keys for "
                    "packed sequences, got a program in which it does not"};
  }
  return {};
}

std::vector<int64_t> PackedCall::getRowOffsets(size_t index) const {
  std::vector<int64_t> offsets = {0};
  for (const std::vector<std::vector<int64_t>> &sequence : shapes)
    offsets.push_back(offsets.back() + sequence[index][kRowDim]);
  return offsets;
}

Status PackedCall::checkShapes() const {
  for (size_t i = 2; i < buffers.size(); ++i) {
    const Argument &argument = plan->arguments[i];
    std::vector<int64_t> expected = buffers[i].shape;
    if (!argument.isOutput)
      expected[kRowDim] = getRowOffsets(i).back();
    else if (Status status = getOutputShape(i, expected); !status.ok())
      return status;
    for (size_t dim = 0; dim < expected.size(); ++dim)
      if (buffers[i].shape[dim] != expected[dim])
        return invalidArgument("argument '" + argument.name +
                               "': expected dimension " + std::to_string(dim) +
                               " of the packed sequences to be " +
                               std::to_string(expected[dim]) + ", got " +
                               std::to_string(buffers[i].shape[dim]));
  }
  return {};
}

Status PackedCall::divide(const pbs_program &program, int deviceId,
                          const pbs_tensor *tensors, size_t numTensors,
                          const pbs_packing *packing, bool checkData) {
  plan = &program.plan();
  this->tensors = tensors;
  this->checkData = checkData;
  if (Status status = checkRanks(); !status.ok())
    return status;
  if (Status status = checkTensors(program.bundle, program.device(), deviceId,
                                   tensors, numTensors, checkData, buffers);
      !status.ok())
    return status;
  if (Status status = checkOffsets(packing); !status.ok())
    return status;
  for (size_t i = 0; i < packing->num_sequences; ++i)
    if (Status status =
            addShapes(packing->query_offsets[i + 1] - packing->query_offsets[i],
                      packing->key_offsets[i + 1] - packing->key_offsets[i]);
        !status.ok())
      return inSequence(i, status);
  // No sequences are as one that is empty: the shapes of outputs follow from
  // it.
  if (shapes.empty())
    if (Status status = addShapes(0, 0); !status.ok())
      return status;
  if (Status status = checkShapes(); !status.ok())
    return status;
  return checkData ? checkAliases(*plan, buffers) : Status();
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

Status PackedCall::resolve(const pbs_program &program,
                           const DeviceSymbols &symbols) {
  std::vector<std::vector<int64_t>> offsets;
  for (size_t i = 0; i < buffers.size(); ++i)
    offsets.push_back(getRowOffsets(i));
  calls.resize(shapes.size());
  std::vector<pbs_tensor> views(buffers.size());
  for (size_t sequence = 0; sequence < shapes.size(); ++sequence) {
    for (size_t i = 0; i < buffers.size(); ++i) {
      const Buffer &buffer = buffers[i];
      views[i] = tensors[i];
      views[i].shape = shapes[sequence][i].data();
      views[i].strides = buffer.strides.data();
      if (buffer.data)
        views[i].data = static_cast<char *>(buffer.data) +
                        offsets[i][sequence] * buffer.strides[kRowDim] *
                            sizeOf(buffer.dtype);
    }
    Call &call = calls[sequence];
    // The outputs of a sequence lie between those of others.
    call.lendsByDefault = false;
    if (Status status =
            resolveCall(program.bundle, program.device(), symbols, views.data(),
                        views.size(), checkData, call);
        !status.ok())
      return inSequence(sequence, status);
    workspaceBytes = std::max(workspaceBytes, call.workspaceBytes);
  }
  return {};
}

Status PackedCall::getOutputShape(size_t index,
                                  std::vector<int64_t> &shape) const {
  const std::vector<Argument> &arguments = plan->arguments;
  if (index >= arguments.size() || !arguments[index].isOutput)
    return invalidArgument("expected the index of an output, got " +
                           std::to_string(index));
  const Argument &argument = arguments[index];
  shape.assign(argument.dims.size(), 0);
  for (const std::vector<std::vector<int64_t>> &sequence : shapes)
    for (size_t dim = 0; dim < shape.size(); ++dim)
      shape[dim] = dim == kRowDim ? shape[dim] + sequence[index][dim]
                                  : std::max(shape[dim], sequence[index][dim]);
  return {};
}

Status PackedCall::run(pbs_program &program, const pbs_run_options &options) {
  if (Status status = checkWorkspace(options, workspaceBytes); !status.ok())
    return status;
  for (size_t i = 0; i < calls.size(); ++i) {
    // One workspace of the program serves all, which none has to enlarge.
    calls[i].workspaceBytes = workspaceBytes;
    if (Status status = program.run(calls[i], options); !status.ok())
      return inSequence(i, status);
  }
  return {};
}

//===----------------------------------------------------------------------===//
// The C interface
//===----------------------------------------------------------------------===//

/// Divides and resolves a call of a program.
static Status prepare(pbs_program_t program, const pbs_tensor *tensors,
                      size_t numTensors, const pbs_packing *packing,
                      const pbs_run_options *given, bool checkData,
                      pbs_run_options &options, PackedCall &call) {
  if (!program)
    return invalidArgument("expected a program, got null");
  if (Status status = readOptions(given, options); !status.ok())
    return status;
  DeviceSymbols symbols;
  symbols.deviceId = getDeviceId(tensors, numTensors);
  if (Status status = program->getDeviceSymbols(options, symbols); !status.ok())
    return status;
  if (Status status = call.divide(*program, symbols.deviceId, tensors,
                                  numTensors, packing, checkData);
      !status.ok())
    return status;
  return call.resolve(*program, symbols);
}

extern "C" pbs_status
pbs_program_packed_output_shape(pbs_program_t program, const pbs_tensor *inputs,
                                size_t num_inputs, const pbs_packing *packing,
                                size_t index, int64_t *shape) {
  PackedCall call;
  pbs_run_options options;
  if (Status status = prepare(program, inputs, num_inputs, packing, nullptr,
                              /*checkData=*/false, options, call);
      !status.ok())
    return report(status);
  if (!shape)
    return report(invalidArgument("expected a shape, got null"));
  std::vector<int64_t> sizes;
  if (Status status = call.getOutputShape(index, sizes); !status.ok())
    return report(status);
  std::copy(sizes.begin(), sizes.end(), shape);
  return PBS_OK;
}

extern "C" pbs_status
pbs_program_packed_workspace_size(pbs_program_t program,
                                  const pbs_tensor *inputs, size_t num_inputs,
                                  const pbs_packing *packing, size_t *bytes) {
  PackedCall call;
  pbs_run_options options;
  if (Status status = prepare(program, inputs, num_inputs, packing, nullptr,
                              /*checkData=*/false, options, call);
      !status.ok())
    return report(status);
  if (!bytes)
    return report(invalidArgument("expected a size, got null"));
  *bytes = static_cast<size_t>(call.getWorkspaceBytes());
  return PBS_OK;
}

extern "C" pbs_status pbs_program_run_packed(pbs_program_t program,
                                             const pbs_tensor *arguments,
                                             size_t num_arguments,
                                             const pbs_packing *packing,
                                             const pbs_run_options *given) {
  PackedCall call;
  pbs_run_options options;
  if (Status status = prepare(program, arguments, num_arguments, packing, given,
                              /*checkData=*/true, options, call);
      !status.ok())
    return report(status);
  return report(call.run(*program, options));
}
