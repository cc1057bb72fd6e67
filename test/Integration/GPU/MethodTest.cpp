//===- MethodTest.cpp - The whole method on a device ----------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionCase.h"
#include "IRProgram.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace pbs::test;
using pbs::reference::Check;
using pbs::reference::checkSelection;
using pbs::reference::DType;
using pbs::reference::Inputs;
using pbs::reference::Problem;
using pbs::reference::Proxy;
using pbs::reference::Sharing;
using pbs::reference::StopRule;

static Problem makeProblem(int64_t queryHeads, int64_t kvHeads, int64_t dim) {
  Problem problem;
  problem.queryHeads = queryHeads;
  problem.kvHeads = kvHeads;
  problem.headDim = dim;
  problem.dtype = DType::BF16;
  problem.roundsProbabilities = true;
  return problem;
}

static Problem withSizes(Problem problem, int64_t batch, int64_t numQueries,
                         int64_t numKeys) {
  problem.batch = batch;
  problem.numQueries = numQueries;
  problem.numKeys = numKeys;
  return problem;
}

/// The method at any length.
static Program compileMethod(const Problem &problem, int outputs,
                             const std::string &options = "") {
  pbs_attention_config config =
      makeConfig(problem, PBS_ATTENTION_PERMUTED, outputs);
  config.dense_below = -1;
  return compileForDevice(config, options);
}

static Program compileAll(const Problem &problem) {
  int outputs = kAllOutputs;
  if (problem.unpermuted)
    outputs &= ~PBS_OUTPUT_IMPORTANCE;
  return compileMethod(problem, outputs);
}

static Outputs runAll(pbs_program_t program, const Problem &problem,
                      const Inputs &inputs, Layout layout = Layout::RowMajor) {
  return runPermuted(program, problem, inputs, layout, runOnDevice);
}

static void expectRightSizes(const Problem &problem,
                             const std::vector<std::vector<int64_t>> &sizes) {
  Program program = compileAll(problem);
  ASSERT_TRUE(program);
  uint32_t seed = 1;
  for (const std::vector<int64_t> &size : sizes) {
    Problem sized = withSizes(problem, size[0], size[1], size[2]);
    SCOPED_TRACE("B=" + std::to_string(size[0]) + " M=" +
                 std::to_string(size[1]) + " N=" + std::to_string(size[2]));
    Inputs inputs = makeNormal(sized, seed++);
    expectRight(sized, inputs, runAll(program.get(), sized, inputs));
  }
}

TEST(GPUMethod, Causal) {
  expectRightSizes(makeProblem(4, 2, 128), {{1, 1023, 1023}, {1, 300, 700}});
}

TEST(GPUMethod, SmallSizes) {
  expectRightSizes(makeProblem(2, 1, 64), {{2, 1, 1},
                                           {1, 1, 700},
                                           {1, 129, 256},
                                           {1, 257, 257},
                                           {1, 700, 300},
                                           {1, 0, 300},
                                           {1, 40, 0},
                                           {0, 10, 10}});
}

TEST(GPUMethod, NotCausalF16) {
  Problem problem = makeProblem(3, 3, 64);
  problem.dtype = DType::F16;
  problem.causal = false;
  expectRightSizes(problem, {{1, 400, 900}, {1, 600, 200}});
}

TEST(GPUMethod, Layouts) {
  Problem problem = withSizes(makeProblem(4, 2, 64), 2, 300, 520);
  Program program = compileAll(problem);
  ASSERT_TRUE(program);
  Inputs inputs = makeNormal(problem, 3);
  for (Layout layout : {Layout::HeadsInside, Layout::Padded})
    expectRight(problem, inputs,
                runAll(program.get(), problem, inputs, layout));
}

TEST(GPUMethod, Policies) {
  auto expectChanged = [](auto change) {
    Problem problem = makeProblem(4, 2, 64);
    change(problem);
    expectRightSizes(problem, {{1, 200, 1300}});
  };
  expectChanged([](Problem &p) { p.threshold = 1; });
  expectChanged([](Problem &p) { p.threshold = 1e-6; });
  expectChanged([](Problem &p) {
    p.stopRule = StopRule::TopK;
    p.count = 3;
  });
  expectChanged([](Problem &p) {
    p.stopRule = StopRule::ReferenceTopP;
    p.wholeOwn = true;
  });
  expectChanged([](Problem &p) { p.sharing = Sharing::AverageQuery; });
  expectChanged([](Problem &p) { p.sharing = Sharing::PerQueryHead; });
  expectChanged([](Problem &p) { p.unpermuted = true; });
  expectChanged([](Problem &p) { p.segment = 512; });
}

/// More and fewer queries than proxy rows; chunks of a prefill, groups.
TEST(GPUMethod, ProxyRowsThatAreApart) {
  auto expectChanged = [](auto change) {
    Problem problem = makeProblem(4, 2, 64);
    problem.proxyRows = 48;
    change(problem);
    expectRightSizes(problem, {{1, 300, 700}, {2, 31, 600}, {1, 0, 300}});
  };
  expectChanged([](Problem &p) { p.proxy = Proxy::StridedRows; });
  expectChanged([](Problem &p) {
    p.proxy = Proxy::RandomRows;
    p.proxySeed = 42;
  });
  expectChanged([](Problem &p) {
    p.proxy = Proxy::RandomRows;
    p.proxySeed = -1;
    p.proxyRows = 128;
    p.headDim = 128;
    p.causal = false;
    p.sharing = Sharing::AverageQuery;
  });
  expectChanged([](Problem &p) {
    p.proxy = Proxy::StridedRows;
    p.dtype = DType::F16;
    p.sharing = Sharing::PerQueryHead;
  });
}

/// What debug outputs need is not there in a program without them.
TEST(GPUMethod, OutputAlone) {
  for (double threshold : {1.0, 0.5}) {
    Problem problem = withSizes(makeProblem(2, 1, 64), 1, 500, 500);
    problem.threshold = threshold;
    Program all = compileAll(problem);
    Program program = compileMethod(problem, 0);
    ASSERT_TRUE(all && program);
    Inputs inputs = makeNormal(problem, 4);
    Buffer q(PBS_BF16, {1, 2, 500, 64}), k(PBS_BF16, {1, 1, 500, 64});
    Buffer v(PBS_BF16, k.shape), output(PBS_BF16, q.shape);
    q.write(inputs.q);
    k.write(inputs.k);
    v.write(inputs.v);
    ASSERT_EQ(runOnDevice(program.get(), {&q, &k, &v, &output}), "");
    EXPECT_TRUE(output.read() == runAll(all.get(), problem, inputs).output);
  }
}

/// Below the length at which the method pays a call is dense attention.
TEST(GPUMethod, ShortSequencesAreDense) {
  Problem problem = withSizes(makeProblem(2, 1, 64), 1, 300, 500);
  pbs_attention_config config =
      makeConfig(problem, PBS_ATTENTION_PERMUTED, PBS_OUTPUT_LSE);
  config.dense_below = 501;
  Program program = compileForDevice(config);
  Program dense = compileForDevice(
      makeConfig(problem, PBS_ATTENTION_DENSE, PBS_OUTPUT_LSE));
  ASSERT_TRUE(program && dense);
  for (int64_t numKeys : {500, 501}) {
    Problem sized = withSizes(problem, 1, 300, numKeys);
    Inputs inputs = makeNormal(sized, 4);
    Buffer q(PBS_BF16, {1, 2, 300, 64}), k(PBS_BF16, {1, 1, numKeys, 64});
    Buffer v(PBS_BF16, k.shape), output(PBS_BF16, q.shape);
    Buffer lse(PBS_F32, {1, 2, 300});
    q.write(inputs.q);
    k.write(inputs.k);
    v.write(inputs.v);
    DeviceTensor deviceQ(q), deviceK(k), deviceV(v);
    pbs_tensor tensors[] = {deviceQ.get(), deviceK.get(), deviceV.get()};
    const char *name = nullptr;
    ASSERT_EQ(pbs_program_alternative(program.get(), tensors, 3, &name), PBS_OK)
        << pbs_last_error();
    EXPECT_STREQ(name, numKeys == 500 ? "attention_dense" : "attention");
    ASSERT_EQ(runOnDevice(program.get(), {&q, &k, &v, &output, &lse}), "");
    std::string bytes = output.bytes + lse.bytes;
    ASSERT_EQ(runOnDevice(dense.get(), {&q, &k, &v, &output, &lse}), "");
    if (numKeys == 500)
      EXPECT_TRUE(bytes == output.bytes + lse.bytes);
  }
}

TEST(GPUMethod, EqualScores) {
  for (StopRule rule : {StopRule::TopP, StopRule::TopK}) {
    Problem problem = withSizes(makeProblem(1, 1, 64), 1, 300, 1500);
    problem.stopRule = rule;
    problem.count = 4;
    problem.threshold = 0.45;
    Program program = compileAll(problem);
    ASSERT_TRUE(program);
    Inputs inputs = makeInputs(problem, [](char tensor, size_t i) {
      return tensor == 'v' ? std::sin(float(i)) : 1.f;
    });
    expectRight(problem, inputs, runAll(program.get(), problem, inputs));
  }
}

TEST(GPUMethod, OneKeyWithAllTheMass) {
  Problem problem = withSizes(makeProblem(2, 1, 64), 1, 200, 1400);
  Program program = compileAll(problem);
  ASSERT_TRUE(program);
  Inputs inputs = makeInputs(problem, [](char tensor, size_t i) {
    bool isKey = tensor == 'k' && i / 64 == 321;
    return tensor == 'q' ? 0.5f : isKey ? 8.f : 0.01f * float(i % 13);
  });
  expectRight(problem, inputs, runAll(program.get(), problem, inputs));
}

/// One more and one less than a multiple of block and segment, and as many.
TEST(GPUMethod, AroundMultiples) {
  std::vector<std::vector<int64_t>> sizes;
  for (int64_t multiple : {128, 256, 384, 512})
    for (int64_t numKeys : {multiple - 1, multiple, multiple + 1})
      sizes.push_back({1, numKeys, numKeys});
  // Chunks whose blocks lie across those of the keys.
  for (int64_t numKeys : {639, 640, 641})
    sizes.push_back({1, 129, numKeys});
  expectRightSizes(makeProblem(2, 1, 64), sizes);
}

TEST(GPUMethod, NaN) {
  Problem problem = withSizes(makeProblem(2, 1, 64), 1, 300, 1100);
  Program program = compileAll(problem);
  ASSERT_TRUE(program);
  Inputs inputs = makeNormal(problem, 5);
  inputs.q[(20 + 64) * 64] = NAN;
  inputs.k[700 * 64 + 7] = NAN;
  expectRight(problem, inputs, runAll(program.get(), problem, inputs));
}

/// Products of split pools are NaN where a pool is infinite; either way a row
/// with such a score takes all its candidates.
TEST(GPUMethod, Infinity) {
  Problem problem = withSizes(makeProblem(2, 1, 64), 1, 300, 1100);
  Program program = compileAll(problem);
  ASSERT_TRUE(program);
  Inputs inputs = makeNormal(problem, 5);
  inputs.q[(20 + 64) * 64] = INFINITY;
  inputs.k[700 * 64 + 7] = INFINITY;
  Outputs outputs = runAll(program.get(), problem, inputs);
  Check check =
      checkSelection(problem, outputs.positions, outputs.scores, outputs.list);
  EXPECT_TRUE(check.ok) << check.message;
}

TEST(GPUMethod, NaNInAllThatIsAsked) {
  Problem problem = withSizes(makeProblem(2, 1, 64), 1, 300, 1100);
  Program program = compileAll(problem);
  ASSERT_TRUE(program);
  // A proxy row: no importance is a number, and keys stay in order.
  Inputs inputs = makeNormal(problem, 6);
  inputs.q[(2 * 300 - 5) * 64 + 3] = NAN;
  expectRight(problem, inputs, runAll(program.get(), problem, inputs));
  // All queries, and all keys.
  for (bool isQuery : {true, false}) {
    inputs = makeNormal(problem, 7);
    for (float &value : isQuery ? inputs.q : inputs.k)
      value = NAN;
    expectRight(problem, inputs, runAll(program.get(), problem, inputs));
  }
}

/// A value that is not finite is in the output of the rows that see it, and the
/// positions and the list do not know of it.
TEST(GPUMethod, ValuesThatAreNotFinite) {
  Problem problem = withSizes(makeProblem(2, 1, 64), 1, 300, 1100);
  problem.threshold = 1;
  problem.causal = false;
  Program program = compileAll(problem);
  ASSERT_TRUE(program);
  for (float special : {float(NAN), float(INFINITY), float(-INFINITY)}) {
    Inputs inputs = makeNormal(problem, 9);
    Outputs usual = runAll(program.get(), problem, inputs);
    inputs.v[700 * 64 + 7] = special;
    inputs.v[1099 * 64 + 9] = special;
    Outputs outputs = runAll(program.get(), problem, inputs);
    expectRight(problem, inputs, outputs);
    EXPECT_EQ(usual.positions, outputs.positions);
    EXPECT_EQ(usual.list, outputs.list);
    EXPECT_EQ(usual.lse, outputs.lse);
  }
}

TEST(GPUMethod, AnOrderOfQueryBlocksChangesNothing) {
  Problem problem = makeProblem(4, 2, 128);
  Program ordered = compileMethod(problem, kAllOutputs, "order-rows=200");
  Program unordered = compileMethod(problem, kAllOutputs, "order-rows=0");
  ASSERT_TRUE(ordered && unordered);
  uint32_t seed = 1;
  for (const std::vector<int64_t> &size : std::vector<std::vector<int64_t>>{
           {1, 1100, 1100}, {2, 300, 700}, {1, 150, 199}, {1, 0, 300}}) {
    Problem sized = withSizes(problem, size[0], size[1], size[2]);
    SCOPED_TRACE("M=" + std::to_string(size[1]) +
                 " N=" + std::to_string(size[2]));
    Inputs inputs = makeNormal(sized, seed++);
    Outputs with = runAll(ordered.get(), sized, inputs);
    Outputs without = runAll(unordered.get(), sized, inputs);
    EXPECT_TRUE(with.output == without.output && with.lse == without.lse);
  }
}

TEST(GPUMethod, SameBitsTwice) {
  Problem problem = withSizes(makeProblem(4, 1, 128), 1, 400, 1111);
  Program program = compileAll(problem);
  ASSERT_TRUE(program);
  Inputs inputs = makeNormal(problem, 8);
  Outputs first = runAll(program.get(), problem, inputs);
  Outputs second = runAll(program.get(), problem, inputs);
  EXPECT_TRUE(first.output == second.output && first.lse == second.lse &&
              first.positions == second.positions &&
              first.list == second.list && first.scores == second.scores &&
              first.importance == second.importance &&
              first.density == second.density && first.mass == second.mass);
}
