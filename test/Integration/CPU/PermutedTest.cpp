//===- PermutedTest.cpp - The whole method against the reference ----------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes are dynamic, so one compilation serves many shapes.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace pbs::test;
using pbs::reference::DType;
using pbs::reference::Inputs;
using pbs::reference::Problem;
using pbs::reference::Proxy;
using pbs::reference::Sharing;
using pbs::reference::StopRule;

static constexpr int kAllOutputs = PBS_OUTPUT_LSE | PBS_OUTPUT_IMPORTANCE |
                                   PBS_OUTPUT_POSITIONS | PBS_OUTPUT_SCORES |
                                   PBS_OUTPUT_BLOCK_LIST;

static Problem makeProblem(int64_t queryHeads, int64_t kvHeads, int64_t dim) {
  Problem problem;
  problem.queryHeads = queryHeads;
  problem.kvHeads = kvHeads;
  problem.headDim = dim;
  return problem;
}

static Program compileAll(const Problem &problem, bool fuse = true) {
  int outputs = kAllOutputs;
  if (problem.unpermuted)
    outputs &= ~PBS_OUTPUT_IMPORTANCE;
  return compile(makeConfig(problem, PBS_ATTENTION_PERMUTED, outputs), fuse);
}

static Problem withSizes(Problem problem, int64_t batch, int64_t numQueries,
                         int64_t numKeys) {
  problem.batch = batch;
  problem.numQueries = numQueries;
  problem.numKeys = numKeys;
  return problem;
}

/// Lengths around and far from multiples of block and segment, chunks of a
/// prefill, rows that see nothing, one token, nothing.
static const std::vector<std::vector<int64_t>> kSizes = {
    {1, 1, 1},     {1, 1, 700},   {1, 127, 127},  {1, 128, 255}, {2, 129, 256},
    {1, 257, 257}, {1, 511, 513}, {2, 300, 1023}, {1, 700, 300}, {1, 640, 1},
    {1, 5, 1280},  {0, 10, 10},   {1, 0, 300},    {1, 40, 0}};

static void checkSizes(const Problem &problem, uint32_t seed) {
  Program program = compileAll(problem);
  ASSERT_TRUE(program);
  for (const std::vector<int64_t> &sizes : kSizes) {
    Problem sized = withSizes(problem, sizes[0], sizes[1], sizes[2]);
    Inputs inputs = makeNormal(sized, seed++);
    expectRight(sized, inputs, runPermuted(program.get(), sized, inputs));
  }
}

TEST(Permuted, SizesF32) { checkSizes(makeProblem(9, 3, 64), 1); }

TEST(Permuted, SizesBF16) {
  Problem problem = makeProblem(8, 1, 128);
  problem.dtype = DType::BF16;
  checkSizes(problem, 100);
}

TEST(Permuted, SizesF16NonCausal) {
  Problem problem = makeProblem(2, 2, 96);
  problem.dtype = DType::F16;
  problem.causal = false;
  checkSizes(problem, 200);
}

TEST(Permuted, RandomSizes) {
  Problem problem = makeProblem(4, 2, 64);
  problem.queryBlock = 64;
  problem.keyBlock = 32;
  problem.segment = 96;
  problem.proxyRows = 48;
  problem.scale = 0.3;
  Program program = compileAll(problem);
  ASSERT_TRUE(program);
  std::mt19937 generator(7);
  for (uint32_t i = 0; i < 24; ++i) {
    Problem sized = withSizes(problem, 1 + generator() % 2,
                              1 + generator() % 900, 1 + generator() % 1200);
    Inputs inputs = makeNormal(sized, i);
    expectRight(sized, inputs, runPermuted(program.get(), sized, inputs));
  }
}

TEST(Permuted, Policies) {
  std::vector<Problem> problems;
  auto add = [&](auto change) {
    Problem problem = makeProblem(4, 2, 64);
    problem.proxyRows = 32;
    change(problem);
    problems.push_back(problem);
  };
  add([](Problem &p) { p.sharing = Sharing::AverageQuery; });
  add([](Problem &p) { p.sharing = Sharing::PerQueryHead; });
  add([](Problem &p) { p.proxy = Proxy::StridedRows; });
  add([](Problem &p) {
    p.proxy = Proxy::RandomRows;
    p.proxySeed = 42;
  });
  add([](Problem &p) {
    p.stopRule = StopRule::TopK;
    p.count = 2;
  });
  add([](Problem &p) { p.threshold = 1; });
  add([](Problem &p) { p.threshold = 1e-6; });
  add([](Problem &p) { p.wholeOwn = true; });
  add([](Problem &p) { p.unpermuted = true; });
  add([](Problem &p) {
    p.unpermuted = true;
    p.causal = false;
  });
  for (const Problem &problem : problems) {
    Program program = compileAll(problem);
    ASSERT_TRUE(program);
    for (auto [numQueries, numKeys] :
         {std::pair<int64_t, int64_t>{1400, 1400}, {300, 1300}, {1000, 800}}) {
      Problem sized = withSizes(problem, 1, numQueries, numKeys);
      Inputs inputs = makeNormal(sized, 3, 2);
      expectRight(sized, inputs, runPermuted(program.get(), sized, inputs));
    }
  }
}

/// The policies of the published code, on the shapes that it takes.
TEST(Permuted, PublishedCode) {
  Problem problem = makeProblem(4, 2, 64);
  problem.sharing = Sharing::PerQueryHead;
  problem.stopRule = StopRule::ReferenceTopP;
  problem.wholeOwn = true;
  Program program = compileAll(problem);
  ASSERT_TRUE(program);
  Problem sized = withSizes(problem, 1, 2048, 2048);
  Inputs inputs = makeNormal(sized, 3);
  expectRight(sized, inputs, runPermuted(program.get(), sized, inputs));
}

TEST(Permuted, HardValues) {
  Problem problem = withSizes(makeProblem(2, 1, 64), 1, 900, 1100);
  Program program = compileAll(problem);
  ASSERT_TRUE(program);
  auto check = [&](const char *name, const Inputs &inputs) {
    SCOPED_TRACE(name);
    expectRight(problem, inputs, runPermuted(program.get(), problem, inputs));
  };
  check("all scores equal",
        makeInputs(problem, [](char, size_t i) { return float(i % 64); }));
  check("all zero", makeInputs(problem, [](char, size_t) { return 0.f; }));
  check("huge scores", makeNormal(problem, 1, 40));
  check("tiny scores", makeNormal(problem, 1, 1e-18f));
  Inputs oneKey = makeNormal(problem, 2);
  for (int64_t d = 0; d < 64; ++d)
    oneKey.k[300 * 64 + d] = 30 * oneKey.q[(899 * 64) + d];
  check("one key with most of the mass", oneKey);
}

TEST(Permuted, NotFinite) {
  Problem problem = withSizes(makeProblem(2, 1, 64), 1, 900, 1100);
  Program program = compileAll(problem);
  ASSERT_TRUE(program);
  auto check = [&](const char *name, const Inputs &inputs) {
    SCOPED_TRACE(name);
    expectRight(problem, inputs, runPermuted(program.get(), problem, inputs));
  };
  Inputs inputs = makeNormal(problem, 5);
  inputs.q[500 * 64 + 3] = NAN;
  check("NaN in a query row", inputs);
  inputs = makeNormal(problem, 6);
  inputs.k[400 * 64 + 3] = NAN;
  check("NaN in a key", inputs);
  inputs = makeNormal(problem, 7);
  inputs.v[1000 * 64 + 5] = INFINITY;
  check("Inf in a value", inputs);
}

TEST(Permuted, Layouts) {
  Problem problem = makeProblem(4, 2, 64);
  problem.dtype = DType::BF16;
  Program program = compileAll(problem);
  ASSERT_TRUE(program);
  Problem sized = withSizes(problem, 2, 500, 900);
  Inputs inputs = makeNormal(sized, 9);
  Outputs rowMajor = runPermuted(program.get(), sized, inputs);
  expectRight(sized, inputs, rowMajor);
  for (Layout layout : {Layout::HeadsInside, Layout::Padded}) {
    Outputs other = runPermuted(program.get(), sized, inputs, layout);
    EXPECT_EQ(rowMajor.output, other.output);
    EXPECT_EQ(rowMajor.lse, other.lse);
  }
}

TEST(Permuted, FusedAndUnfusedAgree) {
  Problem problem = makeProblem(4, 2, 64);
  int outputs = PBS_OUTPUT_LSE | PBS_OUTPUT_POSITIONS | PBS_OUTPUT_BLOCK_LIST;
  pbs_attention_config config =
      makeConfig(problem, PBS_ATTENTION_PERMUTED, outputs);
  Program fused = compile(config), unfused = compile(config, /*fuse=*/false);
  ASSERT_TRUE(fused && unfused);
  EXPECT_NE(std::string(pbs_program_report(fused.get())),
            pbs_program_report(unfused.get()));
  Problem sized = withSizes(problem, 1, 1111, 1111);
  Inputs inputs = makeNormal(sized, 11);
  std::vector<Buffer> results[2];
  for (int i = 0; i < 2; ++i) {
    Buffer q(PBS_F32, {1, 4, 1111, 64}), k(PBS_F32, {1, 2, 1111, 64}),
        v(PBS_F32, {1, 2, 1111, 64}), o(PBS_F32, {1, 4, 1111, 64}),
        lse(PBS_F32, {1, 4, 1111}), positions(PBS_I32, {1, 2, 1111}),
        list(PBS_I32, {1, 4, 9, 1});
    q.write(inputs.q);
    k.write(inputs.k);
    v.write(inputs.v);
    EXPECT_EQ(run(i ? unfused.get() : fused.get(),
                  {&q, &k, &v, &o, &lse, &positions, &list}),
              "");
    results[i] = {o, lse, positions, list};
  }
  for (size_t i = 0; i < results[0].size(); ++i)
    EXPECT_EQ(results[0][i].bytes, results[1][i].bytes) << i;
}

TEST(Permuted, SameBitsTwice) {
  Problem problem = withSizes(makeProblem(4, 2, 64), 1, 1500, 1500);
  Program program = compileAll(problem);
  ASSERT_TRUE(program);
  Inputs inputs = makeNormal(problem, 13);
  Outputs first = runPermuted(program.get(), problem, inputs);
  for (int i = 0; i < 3; ++i) {
    Outputs again = runPermuted(program.get(), problem, inputs);
    EXPECT_EQ(first.output, again.output);
    EXPECT_EQ(first.lse, again.lse);
    EXPECT_EQ(first.importance, again.importance);
    EXPECT_EQ(first.scores, again.scores);
    EXPECT_EQ(first.list, again.list);
  }
}
