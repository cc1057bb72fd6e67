//===- AttentionCase.h - One attention on a device --------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_INTEGRATION_GPU_ATTENTIONCASE_H
#define PBS_TEST_INTEGRATION_GPU_ATTENTIONCASE_H

#include "Device.h"

namespace pbs::test {

/// Sizes of a problem, with two query heads for each of two KV heads.
reference::Problem makeProblem(reference::DType dtype, int64_t headDim,
                               bool causal, int64_t numQueries,
                               int64_t numKeys);

/// Compiles for the device: for PBS_CUDA_TARGET, by default sm_90a, with the
/// options of the pass pipeline in PBS_TEST_PIPELINE_OPTIONS and `options`.
Program compileForDevice(const pbs_attention_config &config,
                         const std::string &options = "");

/// Inputs, outputs and lists of one call, on host and device.
class AttentionCase {
public:
  /// Dense attention, or over random lists and positions.
  AttentionCase(const reference::Problem &problem, bool isSparse,
                Layout layout = Layout::RowMajor, uint32_t seed = 1,
                int device = 0);

  /// Calls give the keys in the order of positions, too, so that all blocks of
  /// own segments are listed. Before the program is compiled.
  void giveOwnKeys();

  /// The program for it, with more options of the pass pipeline.
  Program compile(const std::string &options = "") const;
  /// Multiplies the keys from position `first` on, by a power of two.
  void scaleKeys(int64_t first, float factor);
  /// Fills the outputs with NaN.
  void poison();
  /// Runs it; the message of the library, empty on success.
  std::string run(pbs_program_t program, const pbs_run_options &options);
  /// The same on the default stream, waited for.
  std::string run(pbs_program_t program, bool checked = false);
  /// Bytes of workspace that a run takes.
  size_t getWorkspaceSize(pbs_program_t program);
  /// Compares the outputs with the reference; inputs must not have changed.
  void expectRight();
  /// Bytes of all outputs.
  std::string getOutputs();

  reference::Problem problem;
  bool isSparse;
  bool givesOwnKeys = false;
  /// On the host: positions, counts, indices and bit rows of the same lists.
  std::vector<int32_t> positions, count, index, bits;
  /// Copies changed lists to the device.
  void uploadLists();

private:
  std::vector<DeviceTensor *> getInputs();
  std::vector<pbs_tensor> getTensors();

  int device;
  reference::Inputs inputs;
  Buffer q, k, v, ownK, ownV, output, lse, positionBuffer, countBuffer,
      indexBuffer;
  std::string before;
  DeviceTensor deviceQ, deviceK, deviceV, deviceOwnK, deviceOwnV, deviceOutput,
      deviceLse, devicePositions, deviceCount, deviceIndex;
};

} // namespace pbs::test

#endif // PBS_TEST_INTEGRATION_GPU_ATTENTIONCASE_H
