//===- Compiler.h - From IR to a bundle -------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// No MLIR in this header: the rest of the library need not parse it.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_JIT_COMPILER_H
#define PBS_LIB_JIT_COMPILER_H

#include "pbs/Runtime/Bundle.h"
#include "pbs/Runtime/pbs.h"

namespace pbs::jit {

/// What to compile for.
struct CompileOptions {
  /// "host", a GPU chip ("sm_90a"), or a virtual architecture ("compute_90a"),
  /// whose code stays PTX.
  std::string target = "host";
  /// Function to compile; empty: the only one.
  std::string function;
  bool fuse = true;
  /// ptxas for GPU targets; empty: search.
  std::string ptxas;
  /// Leave GPU code as PTX.
  bool ptx = false;
  /// Options of the pass pipeline, as text.
  std::string pipelineOptions;
};

/// The outcome of a compilation.
struct CompileResult {
  pbs_status status = PBS_OK;
  /// Message of a failure.
  std::string error;
  runtime::Bundle bundle;
  /// Stages and their times, as text.
  std::string report;
};

/// Compiles a function of attention IR. Never ends the process: a fatal error
/// of LLVM is an error of the result.
CompileResult compile(const std::string &ir, const CompileOptions &options);

/// Everything but the IR that the result of `compile` depends on, as text; sets
/// `error` for a target that does not exist.
std::string describe(const CompileOptions &options, std::string &error);

} // namespace pbs::jit

#endif // PBS_LIB_JIT_COMPILER_H
