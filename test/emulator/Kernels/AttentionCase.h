//===- AttentionCase.h - One call of an attention kernel --------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inputs, the launch of an attention kernel of the compiler on the emulator,
// and attention in double precision to compare with.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_EMULATOR_KERNELS_ATTENTIONCASE_H
#define PBS_TEST_EMULATOR_KERNELS_ATTENTIONCASE_H

#include "Emulator.h"
#include <string>
#include <vector>

namespace pbs::emu::test {

/// What the kernel was built for, and the sizes of a call.
struct AttentionCase {
  unsigned batch = 1, heads = 1, kvHeads = 1, queries = 384, keys = 384;
  unsigned headDim = 128;
  bool bf16 = true, causal = false, positions = false, list = false, lse = true;
  /// Keys move inside segments of this size (multiple of 128).
  unsigned segment = 128;
  /// Blocks, at most one for each work item.
  unsigned grid = 2;
  /// Of the work counter, which is to be 0.
  unsigned counterStart = 0;
  uint32_t dataSeed = 1;
};

struct AttentionRun {
  Report report;
  Statistics statistics;
  /// Largest error of an output element, of an LSE.
  double error = 0, lseError = 0;
  /// Bounds of what 16-bit inputs, probabilities and outputs explain.
  bool isRight() const { return error < 0.02 && lseError < 1e-4; }
  unsigned counter = 0; ///< work items drawn
};

/// PTX of the kernel of a case, with the parameters as comments, made with
/// `options` of the pipeline. The variable PBS_TOOLS names the folder of the
/// tools.
std::string makeKernel(const AttentionCase &c, const std::string &options = "");

/// Runs the only kernel of the module, which was parsed from `text`.
AttentionRun runAttention(const Module &module, const std::string &text,
                          const AttentionCase &c, const LaunchOptions &options);

} // namespace pbs::emu::test

#endif // PBS_TEST_EMULATOR_KERNELS_ATTENTIONCASE_H
