//===- Program.h - Programs of attention IR for C++ users -------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A C++ face of pbs.h, in headers alone; link libpbs. Errors are exceptions.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_PROGRAM_H
#define PBS_PROGRAM_H

#include "pbs/Runtime/pbs.h"
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace pbs {

/// What the library reports.
class Error : public std::runtime_error {
public:
  Error(pbs_status status, const std::string &message)
      : std::runtime_error(message), status(status) {}

  /// Throws if `status` is an error.
  static void check(pbs_status status) {
    if (status != PBS_OK)
      throw Error(status, pbs_last_error());
  }

  const pbs_status status;
};

/// A view of memory of the caller, which has to outlive the call.
struct Tensor {
  void *data = nullptr;
  pbs_dtype dtype = PBS_F32;
  std::vector<int64_t> shape;
  /// In elements, the last one 1; empty: row-major.
  std::vector<int64_t> strides;
  pbs_device device = PBS_CPU;
  int deviceId = 0;

  pbs_tensor get() const {
    pbs_tensor tensor = {};
    tensor.data = data;
    tensor.dtype = dtype;
    tensor.device = device;
    tensor.device_id = deviceId;
    tensor.rank = static_cast<int32_t>(shape.size());
    tensor.shape = shape.data();
    tensor.strides = strides.empty() ? nullptr : strides.data();
    return tensor;
  }
};

/// How to compile; see pbs_compile_options.
struct CompileOptions : pbs_compile_options {
  CompileOptions() : pbs_compile_options{} {
    struct_size = sizeof(pbs_compile_options);
  }
};

/// How to run; see pbs_run_options.
struct RunOptions : pbs_run_options {
  RunOptions() : pbs_run_options{} { struct_size = sizeof(pbs_run_options); }
};

/// Where the sequences of packed tensors begin; see pbs_packing. Both have one
/// entry more than there are sequences.
struct Packing {
  std::vector<int64_t> queryOffsets;
  std::vector<int64_t> keyOffsets;

  pbs_packing get() const {
    if (queryOffsets.empty() || queryOffsets.size() != keyOffsets.size())
      throw Error(PBS_INVALID_ARGUMENT,
                  "expected as many offsets of queries as of keys, at least "
                  "one, got " +
                      std::to_string(queryOffsets.size()) + " and " +
                      std::to_string(keyOffsets.size()));
    return {sizeof(pbs_packing), queryOffsets.size() - 1, queryOffsets.data(),
            keyOffsets.data()};
  }
};

/// One argument of a program.
struct ArgumentInfo {
  std::string name;
  bool isOutput;
  pbs_dtype dtype;
  int rank;
};

/// A compiled function of attention IR. Several threads may run it at once.
class Program {
public:
  /// Compiles a function of attention IR.
  static Program compile(const std::string &ir,
                         const CompileOptions &options = {}) {
    pbs_program_t handle;
    Error::check(pbs_program_compile(ir.data(), ir.size(), &options, &handle));
    return Program(handle);
  }
  /// Loads a bundle file.
  static Program load(const std::string &path) {
    pbs_program_t handle;
    Error::check(pbs_program_load_file(path.c_str(), &handle));
    return Program(handle);
  }

  Program(Program &&other) noexcept
      : handle(std::exchange(other.handle, nullptr)) {}
  Program &operator=(Program &&other) noexcept {
    std::swap(handle, other.handle);
    return *this;
  }
  ~Program() { pbs_program_destroy(handle); }

  /// Inputs, then outputs.
  std::vector<ArgumentInfo> getArguments() const {
    std::vector<ArgumentInfo> result;
    for (size_t i = 0, e = pbs_program_num_arguments(handle); i < e; ++i) {
      pbs_argument_info info = {};
      info.struct_size = sizeof(info);
      Error::check(pbs_program_argument(handle, i, &info));
      result.push_back({info.name, info.is_output != 0, info.dtype, info.rank});
    }
    return result;
  }

  /// Shape of argument `index`, an output, for the given inputs.
  std::vector<int64_t> getOutputShape(const std::vector<Tensor> &inputs,
                                      size_t index) const {
    pbs_argument_info info = {};
    info.struct_size = sizeof(info);
    Error::check(pbs_program_argument(handle, index, &info));
    std::vector<int64_t> shape(info.rank);
    std::vector<pbs_tensor> tensors = convert(inputs);
    Error::check(pbs_program_output_shape(handle, tensors.data(),
                                          tensors.size(), index, shape.data()));
    return shape;
  }

  /// Bytes of workspace that a run needs. Given all arguments, inputs and
  /// outputs, it answers for those; see pbs_program_workspace_size.
  size_t getWorkspaceSize(const std::vector<Tensor> &inputs) const {
    std::vector<pbs_tensor> tensors = convert(inputs);
    size_t bytes;
    Error::check(pbs_program_workspace_size(handle, tensors.data(),
                                            tensors.size(), &bytes));
    return bytes;
  }

  /// Name of the plan that a run takes.
  std::string getAlternative(const std::vector<Tensor> &inputs) const {
    std::vector<pbs_tensor> tensors = convert(inputs);
    const char *name;
    Error::check(
        pbs_program_alternative(handle, tensors.data(), tensors.size(), &name));
    return name;
  }

  /// What the launches of a run leave in the workspace that it is given, if the
  /// program was compiled with the pipeline option "trace=1".
  std::vector<pbs_trace_info>
  getTraces(const std::vector<Tensor> &inputs) const {
    std::vector<pbs_tensor> tensors = convert(inputs);
    size_t count;
    Error::check(
        pbs_program_num_traces(handle, tensors.data(), tensors.size(), &count));
    std::vector<pbs_trace_info> traces(count);
    for (size_t i = 0; i < count; ++i) {
      traces[i].struct_size = sizeof(traces[i]);
      Error::check(pbs_program_trace(handle, tensors.data(), tensors.size(), i,
                                     &traces[i]));
    }
    return traces;
  }

  /// Runs the program on all inputs and then all outputs.
  void operator()(const std::vector<Tensor> &arguments,
                  const RunOptions &options = {}) const {
    std::vector<pbs_tensor> tensors = convert(arguments);
    Error::check(
        pbs_program_run(handle, tensors.data(), tensors.size(), &options));
  }

  /// Shape of argument `index`, an output, for packed inputs.
  std::vector<int64_t> getPackedOutputShape(const std::vector<Tensor> &inputs,
                                            const Packing &packing,
                                            size_t index) const {
    pbs_argument_info info = {};
    info.struct_size = sizeof(info);
    Error::check(pbs_program_argument(handle, index, &info));
    std::vector<int64_t> shape(info.rank);
    std::vector<pbs_tensor> tensors = convert(inputs);
    pbs_packing offsets = packing.get();
    Error::check(pbs_program_packed_output_shape(
        handle, tensors.data(), tensors.size(), &offsets, index, shape.data()));
    return shape;
  }

  /// Bytes of workspace that `runPacked` needs.
  size_t getPackedWorkspaceSize(const std::vector<Tensor> &inputs,
                                const Packing &packing) const {
    std::vector<pbs_tensor> tensors = convert(inputs);
    pbs_packing offsets = packing.get();
    size_t bytes;
    Error::check(pbs_program_packed_workspace_size(
        handle, tensors.data(), tensors.size(), &offsets, &bytes));
    return bytes;
  }

  /// Runs the program on each sequence of packed tensors.
  void runPacked(const std::vector<Tensor> &arguments, const Packing &packing,
                 const RunOptions &options = {}) const {
    std::vector<pbs_tensor> tensors = convert(arguments);
    pbs_packing offsets = packing.get();
    Error::check(pbs_program_run_packed(handle, tensors.data(), tensors.size(),
                                        &offsets, &options));
  }

  pbs_device getDevice() const { return pbs_program_device(handle); }
  /// Plan, kernels, compile times, cache, as text.
  std::string getReport() const { return pbs_program_report(handle); }
  /// Writes a bundle file, atomically.
  void save(const std::string &path) const {
    Error::check(pbs_program_save(handle, path.c_str()));
  }
  pbs_program_t get() const { return handle; }

protected:
  explicit Program(pbs_program_t handle) : handle(handle) {}

private:
  static std::vector<pbs_tensor> convert(const std::vector<Tensor> &tensors) {
    std::vector<pbs_tensor> result;
    for (const Tensor &tensor : tensors)
      result.push_back(tensor.get());
    return result;
  }

  pbs_program_t handle;
};

} // namespace pbs

#endif // PBS_PROGRAM_H
