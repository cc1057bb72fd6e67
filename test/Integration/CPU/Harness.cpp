//===- Harness.cpp - Runs and checks attention through the C ABI ----------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Harness.h"
#include "pbs/Tools/Convert.h"
#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace pbs;
using namespace pbs::test;
using reference::Inputs;
using reference::Problem;

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

static std::vector<int> countUp(size_t rank) {
  std::vector<int> order(rank);
  for (size_t i = 0; i < rank; ++i)
    order[i] = i;
  return order;
}

Buffer::Buffer(pbs_dtype dtype, std::vector<int64_t> shape)
    : Buffer(dtype, shape, countUp(shape.size()), 0) {}

Buffer::Buffer(pbs_dtype dtype, std::vector<int64_t> shape,
               const std::vector<int> &order, int64_t padding)
    : dtype(dtype), shape(shape), strides(shape.size()) {
  int64_t stride = 1;
  for (size_t i = order.size(); i-- > 0;) {
    strides[order[i]] = stride;
    stride = stride * shape[order[i]] + (i + 1 == order.size() ? padding : 0);
  }
  // What is not written holds NaN (as a float) or a wrong number.
  bytes.assign(stride * tools::sizeOf(dtype), '\xFF');
}

pbs_tensor Buffer::get() {
  pbs_tensor tensor = {};
  tensor.data = bytes.empty() ? nullptr : bytes.data();
  tensor.dtype = dtype;
  tensor.device = PBS_CPU;
  tensor.rank = shape.size();
  tensor.shape = shape.data();
  tensor.strides = strides.data();
  return tensor;
}

std::vector<int64_t> Buffer::getOffsets() const {
  std::vector<int64_t> offsets = {0};
  for (size_t dim = 0; dim < shape.size(); ++dim) {
    std::vector<int64_t> next;
    for (int64_t offset : offsets)
      for (int64_t i = 0; i < shape[dim]; ++i)
        next.push_back(offset + i * strides[dim]);
    offsets = std::move(next);
  }
  return offsets;
}

std::vector<float> Buffer::read() const {
  std::vector<float> all = tools::decode(bytes, dtype), values;
  for (int64_t offset : getOffsets())
    values.push_back(all[offset]);
  return values;
}

std::vector<int32_t> Buffer::readInts() const {
  std::vector<int32_t> values;
  for (int64_t offset : getOffsets()) {
    values.emplace_back();
    std::memcpy(&values.back(), &bytes[offset * 4], 4);
  }
  return values;
}

void Buffer::write(const std::vector<float> &values) {
  std::string encoded = tools::encode(values, dtype);
  size_t size = tools::sizeOf(dtype), i = 0;
  for (int64_t offset : getOffsets())
    std::memcpy(&bytes[offset * size], &encoded[i++ * size], size);
}

void Buffer::write(const std::vector<int32_t> &values) {
  size_t i = 0;
  for (int64_t offset : getOffsets())
    std::memcpy(&bytes[offset * 4], &values[i++], 4);
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

static pbs_dtype getDType(const Problem &problem) {
  switch (problem.dtype) {
  case reference::DType::F32:
    break;
  case reference::DType::F16:
    return PBS_F16;
  case reference::DType::BF16:
    return PBS_BF16;
  }
  return PBS_F32;
}

pbs_attention_config pbs::test::makeConfig(const Problem &problem,
                                           pbs_attention_kind kind,
                                           int outputs) {
  pbs_attention_config config = {};
  config.struct_size = sizeof(config);
  config.kind = kind;
  config.query_heads = problem.queryHeads;
  config.kv_heads = problem.kvHeads;
  config.head_dim = problem.headDim;
  config.dtype = getDType(problem);
  config.causal = problem.causal;
  config.scale = problem.scale;
  config.query_block = problem.queryBlock;
  config.key_block = problem.keyBlock;
  config.segment = problem.segment;
  config.unpermuted = problem.unpermuted;
  config.stop_rule = static_cast<pbs_stop_rule>(problem.stopRule);
  config.threshold = problem.threshold;
  config.count = problem.count;
  config.proxy = static_cast<pbs_proxy>(problem.proxy);
  config.proxy_rows = problem.proxyRows;
  config.proxy_seed = problem.proxySeed;
  config.sharing = static_cast<pbs_sharing>(problem.sharing);
  config.whole_own = problem.wholeOwn;
  config.outputs = outputs;
  return config;
}

static_assert(int(reference::StopRule::ReferenceTopP) == PBS_REFERENCE_TOP_P);
static_assert(int(reference::Proxy::RandomRows) == PBS_RANDOM_ROWS);
static_assert(int(reference::Sharing::PerQueryHead) == PBS_PER_QUERY_HEAD);

Program pbs::test::compile(const pbs_attention_config &config, bool fuse) {
  pbs_compile_options options = {};
  options.struct_size = sizeof(options);
  options.no_cache = 1;
  options.no_fusion = !fuse;
  pbs_program_t program = nullptr;
  EXPECT_EQ(pbs_attention_create(&config, &options, &program), PBS_OK)
      << pbs_last_error();
  return Program(program, pbs_program_destroy);
}

std::string pbs::test::run(pbs_program_t program,
                           const std::vector<Buffer *> &arguments,
                           bool checked) {
  std::vector<pbs_tensor> tensors;
  for (Buffer *argument : arguments)
    tensors.push_back(argument->get());
  pbs_run_options options = {};
  options.struct_size = sizeof(options);
  options.checked = checked;
  if (pbs_program_run(program, tensors.data(), tensors.size(), &options) ==
      PBS_OK)
    return "";
  return pbs_last_error();
}

static Buffer makeBuffer(pbs_dtype dtype, std::vector<int64_t> shape,
                         Layout layout) {
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

Outputs pbs::test::runPermuted(pbs_program_t program, const Problem &problem,
                               const Inputs &inputs, Layout layout,
                               const Runner &runner) {
  int64_t batch = problem.batch, heads = problem.queryHeads;
  int64_t permHeads = problem.getPermHeads(), numKeys = problem.numKeys;
  int64_t queryBlocks = problem.getNumQueryBlocks();
  pbs_dtype dtype = getDType(problem);
  std::vector<int64_t> queryShape = {batch, heads, problem.numQueries,
                                     problem.headDim};
  std::vector<int64_t> keyShape = {batch, problem.kvHeads, numKeys,
                                   problem.headDim};
  Buffer q = makeBuffer(dtype, queryShape, layout);
  Buffer k = makeBuffer(dtype, keyShape, layout);
  Buffer v = makeBuffer(dtype, keyShape, layout);
  Buffer output = makeBuffer(dtype, queryShape, layout);
  Buffer lse(PBS_F32, {batch, heads, problem.numQueries});
  Buffer importance(PBS_F32, {batch, permHeads, numKeys});
  Buffer positions(PBS_I32, {batch, permHeads, numKeys});
  Buffer scores(PBS_F32,
                {batch, heads, queryBlocks, problem.getNumKeyBlocks()});
  Buffer list(PBS_I32, {batch, heads, queryBlocks, problem.getNumWords()});
  Buffer density(PBS_F32, {batch, heads, 1}), mass(PBS_F32, {batch, heads, 1});
  q.write(inputs.q);
  k.write(inputs.k);
  v.write(inputs.v);
  std::string before = q.bytes + k.bytes + v.bytes;
  std::vector<Buffer *> arguments = {&q, &k, &v, &output, &lse};
  if (!problem.unpermuted)
    arguments.push_back(&importance);
  arguments.insert(arguments.end(),
                   {&positions, &scores, &list, &density, &mass});
  EXPECT_EQ(runner ? runner(program, arguments) : run(program, arguments), "");
  EXPECT_EQ(before, q.bytes + k.bytes + v.bytes) << "inputs were written";
  Outputs result;
  result.output = output.read();
  result.lse = lse.read();
  result.importance = importance.read();
  result.positions = positions.readInts();
  result.scores = scores.read();
  result.list = list.readInts();
  result.density = density.read();
  result.mass = mass.read();
  return result;
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

static void expectOk(const char *stage, const reference::Check &check) {
  EXPECT_TRUE(check.ok) << stage << ": " << check.message << " (largest error "
                        << check.error << ", bound " << check.bound << ")";
}

void pbs::test::expectRight(const Problem &problem, const Inputs &inputs,
                            const Outputs &outputs) {
  SCOPED_TRACE("B=" + std::to_string(problem.batch) +
               " M=" + std::to_string(problem.numQueries) +
               " N=" + std::to_string(problem.numKeys));
  if (!problem.unpermuted)
    expectOk("importance",
             reference::checkImportance(problem, inputs, outputs.importance));
  expectOk("permutation",
           reference::checkPermutation(problem, inputs, outputs.importance,
                                       outputs.positions));
  expectOk("scores", reference::checkScores(problem, inputs, outputs.positions,
                                            outputs.scores));
  expectOk("selection",
           reference::checkSelection(problem, outputs.positions, outputs.scores,
                                     outputs.list));
  expectOk("selection in f64",
           reference::checkSelectionF64(problem, inputs, outputs.positions,
                                        outputs.list));
  expectOk("density and covered mass",
           reference::checkCoverage(problem, outputs.positions, outputs.scores,
                                    outputs.list, outputs.density,
                                    outputs.mass));
  expectOk("output", reference::checkOutput(problem, inputs, outputs.positions,
                                            outputs.list, outputs.output, 256));
  expectOk("lse", reference::checkLse(problem, inputs, outputs.positions,
                                      outputs.list, outputs.lse, 256));
}

Inputs
pbs::test::makeInputs(const Problem &problem,
                      const std::function<float(char tensor, size_t i)> &make) {
  auto fill = [&](char tensor, int64_t heads, int64_t rows) {
    std::vector<float> values(problem.batch * heads * rows * problem.headDim);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = make(tensor, i);
    pbs_dtype dtype = getDType(problem);
    return tools::decode(tools::encode(values, dtype), dtype);
  };
  return {fill('q', problem.queryHeads, problem.numQueries),
          fill('k', problem.kvHeads, problem.numKeys),
          fill('v', problem.kvHeads, problem.numKeys)};
}

Inputs pbs::test::makeNormal(const Problem &problem, uint32_t seed,
                             float scale) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, scale);
  return makeInputs(problem, [&](char, size_t) { return normal(generator); });
}

void pbs::test::addOwnBlocks(const Problem &problem,
                             std::vector<int32_t> &bits) {
  int64_t words = problem.getNumWords(), rows = problem.getNumQueryBlocks();
  int64_t perSegment = problem.segment / problem.keyBlock;
  for (int64_t row = 0;
       row < int64_t(bits.size()) / std::max<int64_t>(words, 1); ++row) {
    int64_t begin = row % rows * problem.queryBlock;
    int64_t end = std::min(begin + problem.queryBlock, problem.numQueries);
    int64_t shift = problem.numKeys - problem.numQueries;
    if (end + shift <= 0)
      continue;
    int64_t first = std::max<int64_t>(begin + shift, 0) / problem.segment;
    int64_t last = (end + shift - 1) / problem.segment;
    for (int64_t c = first * perSegment;
         c < std::min((last + 1) * perSegment, problem.getNumKeyBlocks()); ++c)
      bits[row * words + c / 32] |= int32_t(1u << c % 32);
  }
}
