//===- Job.h - What pbs-run does --------------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TOOLS_PBS_RUN_JOB_H
#define PBS_TOOLS_PBS_RUN_JOB_H

#include "pbs/Attention.h"
#include "pbs/Tools/TensorFile.h"
#include "llvm/Support/JSON.h"
#include <chrono>
#include <stdexcept>

namespace pbs::run {

/// A mistake of the user; its text is the whole message.
struct UserError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What to do, from the command line.
struct JobOptions {
  CompileOptions compile;
  RunOptions run;
  /// Repetitions to time; 0: do not time.
  unsigned repetitions = 0;
  bool check = false;
  bool report = false;
  std::string pngPath, outputPath;
  /// Rows of each head that are checked in f64; 0: all.
  int64_t checkRows = 256;
  AttentionConfig config{0, 0, 0, PBS_F32};
};

/// Shows what goes on, on stderr.
void showProgress(const std::string &text);

/// Memory for the outputs of a program, row-major.
std::vector<tools::HostTensor>
allocateOutputs(const Program &program, const std::vector<Tensor> &inputs);

/// A view of a tensor.
Tensor getView(tools::HostTensor &tensor);

/// Runs a program of IR or of a bundle on the inputs of its arguments' names;
/// one that is not given is made up with the shape that `shapes` names.
/// Returns figures.
llvm::json::Object runProgram(
    const Program &program, std::vector<tools::HostTensor> tensors,
    const std::vector<std::pair<std::string, std::vector<int64_t>>> &shapes,
    const JobOptions &options);

/// Runs the attention of the configuration on q, k and v, beside dense
/// attention. `failed` is set if a check fails. Returns figures.
llvm::json::Object runAttention(const std::string &name, tools::HostTensor q,
                                tools::HostTensor k, tools::HostTensor v,
                                const JobOptions &options, bool &failed);

/// The middle of some times; there is at least one.
double getMedian(std::vector<double> seconds);

/// Seconds that `call` takes.
template <typename Call>
double measure(const Call &call) {
  auto begin = std::chrono::steady_clock::now();
  call();
  std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  return time.count();
}

} // namespace pbs::run

#endif // PBS_TOOLS_PBS_RUN_JOB_H
