//===- Harness.h - Runs and checks attention through the C ABI --*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_INTEGRATION_CPU_HARNESS_H
#define PBS_TEST_INTEGRATION_CPU_HARNESS_H

#include "pbs/Reference/Reference.h"
#include "pbs/Runtime/pbs.h"
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace pbs::test {

/// A tensor with memory of its own, perhaps a strided view of it.
struct Buffer {
  /// Row-major.
  Buffer(pbs_dtype dtype, std::vector<int64_t> shape);
  /// A view whose dimensions lie in memory in the given order, with `padding`
  /// elements behind each row.
  Buffer(pbs_dtype dtype, std::vector<int64_t> shape,
         const std::vector<int> &order, int64_t padding);

  pbs_tensor get();
  /// Row-major values.
  std::vector<float> read() const;
  std::vector<int32_t> readInts() const;
  void write(const std::vector<float> &values);
  void write(const std::vector<int32_t> &values);
  /// Offsets of all elements in row-major order.
  std::vector<int64_t> getOffsets() const;

  pbs_dtype dtype;
  std::vector<int64_t> shape, strides;
  std::string bytes;
};

/// A program that is released at the end.
using Program = std::unique_ptr<pbs_program, void (*)(pbs_program_t)>;

/// The configuration of a problem.
pbs_attention_config makeConfig(const reference::Problem &problem,
                                pbs_attention_kind kind, int outputs);

/// Compiles, or fails the test with the message of the library.
Program compile(const pbs_attention_config &config, bool fuse = true);

/// Runs a program on inputs and outputs in order; the message of the library,
/// empty on success.
std::string run(pbs_program_t program, const std::vector<Buffer *> &arguments,
                bool checked = false);

/// How tensors lie in memory.
enum class Layout { RowMajor, HeadsInside, Padded };

/// All outputs that the whole method has.
constexpr int kAllOutputs = PBS_OUTPUT_LSE | PBS_OUTPUT_IMPORTANCE |
                            PBS_OUTPUT_POSITIONS | PBS_OUTPUT_SCORES |
                            PBS_OUTPUT_BLOCK_LIST | PBS_OUTPUT_DENSITY |
                            PBS_OUTPUT_COVERED_MASS;

/// All outputs of the whole method, row-major.
struct Outputs {
  std::vector<float> output, lse, importance, scores, density, mass;
  std::vector<int32_t> positions, list;
};

/// Runs a program on inputs and outputs in order; the message of the library,
/// empty on success.
using Runner =
    std::function<std::string(pbs_program_t, const std::vector<Buffer *> &)>;

/// Runs the whole method with all debug outputs.
Outputs runPermuted(pbs_program_t program, const reference::Problem &problem,
                    const reference::Inputs &inputs,
                    Layout layout = Layout::RowMajor,
                    const Runner &runner = {});

/// Every stage against the reference, each given the one before.
void expectRight(const reference::Problem &problem,
                 const reference::Inputs &inputs, const Outputs &outputs);

/// Values that `dtype` holds: `make(tensor, i)` rounded.
reference::Inputs
makeInputs(const reference::Problem &problem,
           const std::function<float(char tensor, size_t i)> &make);
/// Normal distribution, scaled by `scale`.
reference::Inputs makeNormal(const reference::Problem &problem, uint32_t seed,
                             float scale = 1);

/// Adds all blocks of the own segments to bit rows [B,Hq,Mb,words].
void addOwnBlocks(const reference::Problem &problem,
                  std::vector<int32_t> &bits);

} // namespace pbs::test

#endif // PBS_TEST_INTEGRATION_CPU_HARNESS_H
