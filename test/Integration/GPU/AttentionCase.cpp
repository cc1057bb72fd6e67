//===- AttentionCase.cpp - One attention on a device ----------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionCase.h"
#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>
#include <numeric>
#include <random>

using namespace pbs::test;
using pbs::reference::Problem;

Problem pbs::test::makeProblem(reference::DType dtype, int64_t headDim,
                               bool causal, int64_t numQueries,
                               int64_t numKeys) {
  Problem problem;
  problem.queryHeads = 4;
  problem.kvHeads = 2;
  problem.headDim = headDim;
  problem.dtype = dtype;
  problem.causal = causal;
  problem.numQueries = numQueries;
  problem.numKeys = numKeys;
  problem.roundsProbabilities = true;
  return problem;
}

Program pbs::test::compileForDevice(const pbs_attention_config &config,
                                    const std::string &pipelineOptions) {
  const char *target = std::getenv("PBS_CUDA_TARGET");
  pbs_compile_options options = {};
  options.struct_size = sizeof(options);
  options.no_cache = 1;
  options.target = target && *target ? target : "sm_90a";
  const char *ofAll = std::getenv("PBS_TEST_PIPELINE_OPTIONS");
  std::string all = (ofAll ? ofAll : "") + (" " + pipelineOptions);
  options.pipeline_options = all.c_str();
  pbs_program_t program = nullptr;
  EXPECT_EQ(pbs_attention_create(&config, &options, &program), PBS_OK)
      << pbs_last_error();
  return Program(program, pbs_program_destroy);
}

static Buffer makeBuffer(const Problem &problem, int64_t heads, int64_t rows,
                         Layout layout) {
  pbs_dtype dtype =
      problem.dtype == pbs::reference::DType::BF16 ? PBS_BF16 : PBS_F16;
  std::vector<int64_t> shape = {problem.batch, heads, rows, problem.headDim};
  switch (layout) {
  case Layout::RowMajor:
    break;
  case Layout::HeadsInside:
    return Buffer(dtype, shape, {0, 2, 1, 3}, 0);
  case Layout::Padded:
    return Buffer(dtype, shape, {0, 1, 2, 3}, 8);
  }
  return Buffer(dtype, shape);
}

/// Rows of k or v in the order of `positions` [B,Hkv,N].
static std::vector<float> permute(const Problem &problem,
                                  const std::vector<float> &values,
                                  const std::vector<int32_t> &positions) {
  int64_t dim = problem.headDim;
  std::vector<float> result(values.size());
  for (size_t row = 0; row < positions.size(); ++row) {
    int64_t first = row / problem.numKeys * problem.numKeys;
    std::copy_n(values.begin() + (first + positions[row]) * dim, dim,
                result.begin() + row * dim);
  }
  return result;
}

AttentionCase::AttentionCase(const Problem &problem, bool isSparse,
                             Layout layout, uint32_t seed, int device)
    : problem(problem), isSparse(isSparse), device(device),
      inputs(makeNormal(problem, seed)),
      q(makeBuffer(problem, problem.queryHeads, problem.numQueries, layout)),
      k(makeBuffer(problem, problem.kvHeads, problem.numKeys, layout)),
      v(makeBuffer(problem, problem.kvHeads, problem.numKeys, layout)),
      ownK(makeBuffer(problem, problem.kvHeads, problem.numKeys, layout)),
      ownV(makeBuffer(problem, problem.kvHeads, problem.numKeys, layout)),
      output(
          makeBuffer(problem, problem.queryHeads, problem.numQueries, layout)),
      lse(PBS_F32, {problem.batch, problem.queryHeads, problem.numQueries}),
      positionBuffer(PBS_I32,
                     {problem.batch, problem.kvHeads, problem.numKeys}),
      countBuffer(PBS_I32, {problem.batch, problem.queryHeads,
                            problem.getNumQueryBlocks()}),
      indexBuffer(PBS_I32,
                  {problem.batch, problem.queryHeads,
                   problem.getNumQueryBlocks(), problem.getNumKeyBlocks()}),
      deviceQ(q, device), deviceK(k, device), deviceV(v, device),
      deviceOwnK(ownK, device), deviceOwnV(ownV, device),
      deviceOutput(output, device), deviceLse(lse, device),
      devicePositions(positionBuffer, device), deviceCount(countBuffer, device),
      deviceIndex(indexBuffer, device) {
  std::mt19937 generator(seed);
  int64_t segment = problem.segment;
  for (int64_t head = 0; head < problem.batch * problem.kvHeads; ++head) {
    std::vector<int32_t> row(problem.numKeys);
    std::iota(row.begin(), row.end(), 0);
    for (int64_t j = 0; isSparse && j + segment <= problem.numKeys;
         j += segment)
      std::shuffle(row.begin() + j, row.begin() + j + segment, generator);
    positions.insert(positions.end(), row.begin(), row.end());
  }
  q.write(inputs.q);
  k.write(permute(problem, inputs.k, positions));
  v.write(permute(problem, inputs.v, positions));

  // Some rows list nothing, some all blocks, in any order.
  int64_t blocks = problem.getNumKeyBlocks();
  int64_t rows =
      problem.batch * problem.queryHeads * problem.getNumQueryBlocks();
  bits.resize(rows * problem.getNumWords());
  index.assign(rows * blocks, -1);
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<int32_t> all(blocks);
    std::iota(all.begin(), all.end(), 0);
    std::shuffle(all.begin(), all.end(), generator);
    count.push_back(isSparse ? generator() % (blocks + 1) : blocks);
    for (int32_t i = 0; i < count.back(); ++i) {
      index[row * blocks + i] = all[i];
      bits[row * problem.getNumWords() + all[i] / 32] |= 1 << all[i] % 32;
    }
  }
  for (DeviceTensor *tensor : {&deviceQ, &deviceK, &deviceV})
    tensor->upload();
  before = q.bytes + k.bytes + v.bytes;
  uploadLists();
}

void AttentionCase::giveOwnKeys() {
  givesOwnKeys = true;
  ownK.write(inputs.k);
  ownV.write(inputs.v);
  deviceOwnK.upload();
  deviceOwnV.upload();
  addOwnBlocks(problem, bits);
}

void AttentionCase::uploadLists() {
  positionBuffer.write(positions);
  countBuffer.write(count);
  indexBuffer.write(index);
  devicePositions.upload();
  deviceCount.upload();
  deviceIndex.upload();
}

void AttentionCase::scaleKeys(int64_t first, float factor) {
  int64_t size = problem.numKeys * problem.headDim;
  for (size_t i = 0; i < inputs.k.size(); ++i)
    if (int64_t(i) % size >= first * problem.headDim)
      inputs.k[i] *= factor;
  k.write(permute(problem, inputs.k, positions));
  deviceK.upload();
  before = q.bytes + k.bytes + v.bytes;
}

Program AttentionCase::compile(const std::string &options) const {
  pbs_attention_config config =
      makeConfig(problem, isSparse ? PBS_ATTENTION_SPARSE : PBS_ATTENTION_DENSE,
                 PBS_OUTPUT_LSE);
  config.has_positions = isSparse;
  config.has_own_keys = givesOwnKeys;
  return compileForDevice(config, options);
}

void AttentionCase::poison() {
  output.bytes.assign(output.bytes.size(), '\xFF');
  lse.bytes.assign(lse.bytes.size(), '\xFF');
  deviceOutput.upload();
  deviceLse.upload();
}

std::vector<DeviceTensor *> AttentionCase::getInputs() {
  std::vector<DeviceTensor *> tensors = {&deviceQ, &deviceK, &deviceV};
  if (isSparse)
    tensors.insert(tensors.end(),
                   {&devicePositions, &deviceCount, &deviceIndex});
  if (givesOwnKeys)
    tensors.insert(tensors.end(), {&deviceOwnK, &deviceOwnV});
  return tensors;
}

std::vector<pbs_tensor> AttentionCase::getTensors() {
  std::vector<pbs_tensor> tensors;
  for (DeviceTensor *tensor : getInputs())
    tensors.push_back(tensor->get());
  tensors.push_back(deviceOutput.get());
  tensors.push_back(deviceLse.get());
  return tensors;
}

std::string AttentionCase::run(pbs_program_t program,
                               const pbs_run_options &options) {
  std::vector<pbs_tensor> tensors = getTensors();
  if (pbs_program_run(program, tensors.data(), tensors.size(), &options) ==
      PBS_OK)
    return "";
  return pbs_last_error();
}

std::string AttentionCase::run(pbs_program_t program, bool checked) {
  pbs_run_options options = {};
  options.struct_size = sizeof(options);
  options.checked = checked;
  std::string error = run(program, options);
  const Device &driver = Device::get(device);
  driver.check(driver.ctxSynchronize(), "cuCtxSynchronize");
  return error;
}

size_t AttentionCase::getWorkspaceSize(pbs_program_t program) {
  std::vector<pbs_tensor> tensors = getTensors();
  size_t size = 0;
  EXPECT_EQ(pbs_program_workspace_size(program, tensors.data(),
                                       getInputs().size(), &size),
            PBS_OK)
      << pbs_last_error();
  return size;
}

std::string AttentionCase::getOutputs() {
  deviceOutput.download();
  deviceLse.download();
  return output.bytes + lse.bytes;
}

void AttentionCase::expectRight() {
  getOutputs();
  for (DeviceTensor *tensor : {&deviceQ, &deviceK, &deviceV})
    tensor->download();
  EXPECT_EQ(before, q.bytes + k.bytes + v.bytes) << "inputs were written";
  auto expectOk = [](const char *what, const reference::Check &check) {
    EXPECT_TRUE(check.ok) << what << ": " << check.message << " (largest error "
                          << check.error << ", bound " << check.bound << ")";
  };
  expectOk("output", reference::checkOutput(problem, inputs, positions, bits,
                                            output.read()));
  expectOk("lse",
           reference::checkLse(problem, inputs, positions, bits, lse.read()));
}
