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
#include <functional>
#include <gtest/gtest.h>
#include <random>

using namespace pbs::test;
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

/// All group sizes, head dimensions and dtypes; what else there is, at random.
TEST(Permuted, RandomProblems) {
  std::mt19937 generator(21);
  auto choose = [&](auto... values) {
    std::common_type_t<decltype(values)...> all[] = {values...};
    return all[generator() % sizeof...(values)];
  };
  for (int64_t group = 1; group <= 8; ++group) {
    int64_t kvHeads = choose(1, 2);
    Problem problem =
        makeProblem(group * kvHeads, kvHeads, choose(64, 96, 128));
    problem.dtype = choose(DType::F32, DType::F16, DType::BF16);
    problem.causal = choose(true, true, false);
    problem.threshold = choose(1e-6, 0.5, 0.9, 0.99, 1.0);
    problem.sharing = choose(Sharing::ShareMean, Sharing::AverageQuery,
                             Sharing::PerQueryHead);
    problem.keyBlock = choose(64, 128);
    problem.segment = problem.keyBlock * choose(1, 2, 3);
    Program program = compileAll(problem);
    ASSERT_TRUE(program);
    for (int i = 0; i < 2; ++i) {
      // From flat rows of scores to sharp ones.
      float scale = choose(0.1f, 1.f, 4.f);
      Problem sized =
          withSizes(problem, choose(1, 2), 1 + generator() % (i ? 900 : 200),
                    1 + generator() % 900);
      SCOPED_TRACE("group " + std::to_string(group));
      Inputs inputs = makeNormal(sized, generator(), scale);
      expectRight(sized, inputs, runPermuted(program.get(), sized, inputs));
    }
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

/// Calls `check(name, inputs)` that runs and checks one problem, causal and
/// not.
static void
checkValues(const std::function<void(
                const Problem &problem,
                const std::function<void(const char *, const Inputs &)> &check)>
                &body) {
  for (bool causal : {true, false}) {
    Problem problem = withSizes(makeProblem(2, 1, 64), 1, 900, 1100);
    problem.causal = causal;
    Program program = compileAll(problem);
    ASSERT_TRUE(program);
    body(problem, [&](const char *name, const Inputs &inputs) {
      SCOPED_TRACE(std::string(name) + (causal ? ", causal" : ", not causal"));
      expectRight(problem, inputs, runPermuted(program.get(), problem, inputs));
    });
  }
}

TEST(Permuted, HardValues) {
  checkValues([](const Problem &problem, const auto &check) {
    check("all scores equal",
          makeInputs(problem, [](char, size_t i) { return float(i % 64); }));
    check("all zero", makeInputs(problem, [](char, size_t) { return 0.f; }));
    check("huge scores", makeNormal(problem, 1, 40));
    check("tiny scores", makeNormal(problem, 1, 1e-18f));
    Inputs oneKey = makeNormal(problem, 2);
    for (int64_t d = 0; d < 64; ++d)
      oneKey.k[300 * 64 + d] = 30 * oneKey.q[(899 * 64) + d];
    check("one key with most of the mass", oneKey);
  });
}

TEST(Permuted, NotFinite) {
  checkValues([](const Problem &problem, const auto &check) {
    auto with = [&](char tensor, size_t at, float value) {
      Inputs inputs = makeNormal(problem, 5 + at);
      (tensor == 'q'   ? inputs.q
       : tensor == 'k' ? inputs.k
                       : inputs.v)[at] = value;
      return inputs;
    };
    check("NaN in a query row", with('q', 500 * 64 + 3, NAN));
    check("NaN in a proxy row", with('q', 880 * 64 + 3, NAN));
    check("NaN in a key", with('k', 400 * 64 + 3, NAN));
    check("NaN in a value", with('v', 400 * 64 + 3, NAN));
    check("Inf in a query row", with('q', 500 * 64 + 3, INFINITY));
    check("Inf in a key", with('k', 400 * 64 + 3, INFINITY));
    check("-Inf in a key of the tail", with('k', 1090 * 64 + 3, -INFINITY));
    check("Inf in a value", with('v', 1000 * 64 + 5, INFINITY));
  });
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

/// Output, lse, positions and list of a program without debug outputs.
static std::vector<Buffer>
runPlain(pbs_program_t program, const Problem &problem, const Inputs &inputs) {
  int64_t batch = problem.batch, heads = problem.queryHeads,
          numQueries = problem.numQueries, numKeys = problem.numKeys;
  std::vector<int64_t> queryShape = {batch, heads, numQueries, problem.headDim};
  std::vector<int64_t> keyShape = {batch, problem.kvHeads, numKeys,
                                   problem.headDim};
  pbs_dtype dtype =
      makeConfig(problem, PBS_ATTENTION_PERMUTED, PBS_OUTPUT_LSE).dtype;
  Buffer q(dtype, queryShape), k(dtype, keyShape), v(dtype, keyShape);
  std::vector<Buffer> results = {
      Buffer(dtype, queryShape), Buffer(PBS_F32, {batch, heads, numQueries}),
      Buffer(PBS_I32, {batch, problem.getPermHeads(), numKeys}),
      Buffer(PBS_I32, {batch, heads, problem.getNumQueryBlocks(),
                       problem.getNumWords()})};
  q.write(inputs.q);
  k.write(inputs.k);
  v.write(inputs.v);
  EXPECT_EQ(run(program, {&q, &k, &v, &results[0], &results[1], &results[2],
                          &results[3]}),
            "");
  return results;
}

/// Fused, unfused and with debug outputs: the same bits, which the reference
/// accepts.
TEST(Permuted, FusedUnfusedAndReferenceAgree) {
  std::vector<Problem> problems(3, makeProblem(4, 2, 64));
  problems[1].causal = false;
  problems[1].dtype = DType::BF16;
  problems[1].sharing = Sharing::AverageQuery;
  problems[2].sharing = Sharing::PerQueryHead;
  problems[2].proxy = Proxy::StridedRows;
  problems[2].stopRule = StopRule::TopK;
  problems[2].count = 3;
  for (const Problem &problem : problems) {
    pbs_attention_config config = makeConfig(
        problem, PBS_ATTENTION_PERMUTED,
        PBS_OUTPUT_LSE | PBS_OUTPUT_POSITIONS | PBS_OUTPUT_BLOCK_LIST);
    Program fused = compile(config), unfused = compile(config, /*fuse=*/false);
    Program debug = compileAll(problem);
    ASSERT_TRUE(fused && unfused && debug);
    EXPECT_NE(std::string(pbs_program_report(fused.get())),
              pbs_program_report(unfused.get()));
    for (auto [numQueries, numKeys] :
         {std::pair<int64_t, int64_t>{1111, 1111}, {200, 1500}, {900, 700}}) {
      Problem sized = withSizes(problem, 1, numQueries, numKeys);
      Inputs inputs = makeNormal(sized, 11);
      std::vector<Buffer> expected = runPlain(fused.get(), sized, inputs);
      std::vector<Buffer> other = runPlain(unfused.get(), sized, inputs);
      for (size_t i = 0; i < expected.size(); ++i)
        EXPECT_EQ(expected[i].bytes, other[i].bytes) << i;
      Outputs outputs = runPermuted(debug.get(), sized, inputs);
      expectRight(sized, inputs, outputs);
      EXPECT_EQ(expected[0].read(), outputs.output);
      EXPECT_EQ(expected[1].read(), outputs.lse);
      EXPECT_EQ(expected[2].readInts(), outputs.positions);
      EXPECT_EQ(expected[3].readInts(), outputs.list);
    }
  }
}

/// Bytes of workspace for a batch of one; no tensor has memory.
static size_t getWorkspace(pbs_program_t program, const Problem &problem) {
  const int64_t queryShape[] = {1, problem.queryHeads, problem.numQueries,
                                problem.headDim};
  const int64_t keyShape[] = {1, problem.kvHeads, problem.numKeys,
                              problem.headDim};
  pbs_tensor tensors[3] = {};
  for (int i = 0; i < 3; ++i) {
    tensors[i].dtype =
        makeConfig(problem, PBS_ATTENTION_PERMUTED, PBS_OUTPUT_LSE).dtype;
    tensors[i].device = PBS_CPU;
    tensors[i].rank = 4;
    tensors[i].shape = i == 0 ? queryShape : keyShape;
  }
  size_t bytes = 0;
  EXPECT_EQ(pbs_program_workspace_size(program, tensors, 3, &bytes), PBS_OK)
      << pbs_last_error();
  return bytes;
}

/// What a run keeps beside its arguments grows as the keys and one bit for each
/// pair of blocks; a matrix of scores does not exist, let alone one of order
/// M x N.
TEST(Permuted, FusedWorkspaceHoldsNoMatrix) {
  Problem problem = withSizes(makeProblem(9, 3, 64), 1, 1 << 20, 1 << 20);
  pbs_attention_config config =
      makeConfig(problem, PBS_ATTENTION_PERMUTED, PBS_OUTPUT_LSE);
  Program fused = compile(config), unfused = compile(config, /*fuse=*/false);
  ASSERT_TRUE(fused && unfused);
  size_t numKeys = problem.numKeys, blocks = problem.getNumKeyBlocks();
  size_t rows = 9 * problem.getNumQueryBlocks();
  size_t proxies = 9 * problem.proxyRows * 2 * 4;
  // Keys and values in f32, positions; ranges and pools of key blocks.
  size_t permuted = 3 * (numKeys * (2 * 64 + 1) * 4 + blocks * (2 + 64) * 4);
  size_t bits = rows * blocks / 8, scores = rows * blocks * 4;
  // Statistics are dead when the list is made, and share its bytes.
  EXPECT_EQ(getWorkspace(fused.get(), problem),
            permuted + std::max(bits, proxies));
  EXPECT_GE(getWorkspace(unfused.get(), problem), permuted + bits + scores);
}

TEST(Dense, NeedsNoWorkspace) {
  Problem problem = withSizes(makeProblem(9, 3, 64), 1, 1 << 20, 1 << 20);
  Program program =
      compile(makeConfig(problem, PBS_ATTENTION_DENSE, PBS_OUTPUT_LSE));
  ASSERT_TRUE(program);
  EXPECT_EQ(getWorkspace(program.get(), problem), 0u);
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
    EXPECT_EQ(first.density, again.density);
    EXPECT_EQ(first.mass, again.mass);
  }
}
