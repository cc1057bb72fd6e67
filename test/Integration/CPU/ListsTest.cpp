//===- ListsTest.cpp - Dense attention and lists of the caller ------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Harness.h"
#include <algorithm>
#include <gtest/gtest.h>
#include <numeric>
#include <random>

using namespace pbs::test;
using pbs::reference::Inputs;
using pbs::reference::Problem;

namespace {
/// A call with lists and positions of the caller.
struct SparseCall {
  SparseCall(int64_t numQueries, int64_t numKeys, uint32_t seed) {
    problem.queryHeads = 4;
    problem.kvHeads = 2;
    problem.headDim = 64;
    problem.numQueries = numQueries;
    problem.numKeys = numKeys;
    inputs = makeNormal(problem, seed);
    std::mt19937 generator(seed);
    // A permutation that stays inside segments.
    for (int64_t head = 0; head < problem.kvHeads; ++head) {
      std::vector<int32_t> row(numKeys);
      std::iota(row.begin(), row.end(), 0);
      for (int64_t j = 0; j + problem.segment <= numKeys; j += problem.segment)
        std::shuffle(row.begin() + j, row.begin() + j + problem.segment,
                     generator);
      positions.insert(positions.end(), row.begin(), row.end());
    }
    // Keys and values as the caller moved them.
    permuted = inputs;
    for (int64_t head = 0; head < problem.kvHeads; ++head)
      for (int64_t j = 0; j < numKeys; ++j) {
        int64_t from = (head * numKeys + positions[head * numKeys + j]) * 64;
        int64_t to = (head * numKeys + j) * 64;
        std::copy_n(inputs.k.begin() + from, 64, permuted.k.begin() + to);
        std::copy_n(inputs.v.begin() + from, 64, permuted.v.begin() + to);
      }
    int64_t rows = problem.queryHeads * problem.getNumQueryBlocks();
    int64_t blocks = problem.getNumKeyBlocks();
    bits.resize(rows * problem.getNumWords());
    index.assign(rows * blocks, -1);
    for (int64_t row = 0; row < rows; ++row) {
      std::vector<int32_t> all(blocks);
      std::iota(all.begin(), all.end(), 0);
      std::shuffle(all.begin(), all.end(), generator);
      count.push_back(generator() % (blocks + 1));
      for (int32_t i = 0; i < count.back(); ++i) {
        index[row * blocks + i] = all[i];
        bits[row * problem.getNumWords() + all[i] / 32] |= 1 << all[i] % 32;
      }
    }
  }

  /// The message of a run, empty on success.
  std::string run(pbs_program_t program) {
    int64_t queries = problem.numQueries, keys = problem.numKeys;
    int64_t queryBlocks = problem.getNumQueryBlocks();
    Buffer q(PBS_F32, {1, 4, queries, 64}), k(PBS_F32, {1, 2, keys, 64}),
        v(PBS_F32, {1, 2, keys, 64}), o(PBS_F32, {1, 4, queries, 64}),
        l(PBS_F32, {1, 4, queries}), p(PBS_I32, {1, 2, keys}),
        c(PBS_I32, {1, 4, queryBlocks}),
        i(PBS_I32, {1, 4, queryBlocks, problem.getNumKeyBlocks()});
    q.write(permuted.q);
    k.write(permuted.k);
    v.write(permuted.v);
    p.write(positions);
    c.write(count);
    i.write(index);
    std::vector<Buffer *> arguments = {&q, &k, &v, &p, &c, &i};
    Buffer ownK(PBS_F32, {1, 2, keys, 64}), ownV(PBS_F32, {1, 2, keys, 64});
    if (givesOwnKeys) {
      ownK.write(inputs.k);
      ownV.write(inputs.v);
      arguments.insert(arguments.end(), {&ownK, &ownV});
    }
    arguments.insert(arguments.end(), {&o, &l});
    std::string error = pbs::test::run(program, arguments, /*checked=*/true);
    output = o.read();
    lse = l.read();
    return error;
  }

  Problem problem;
  bool givesOwnKeys = false;
  Inputs inputs, permuted;
  std::vector<int32_t> positions, bits, count, index;
  std::vector<float> output, lse;
};
} // namespace

static Program compileSparse(const Problem &problem,
                             bool givesOwnKeys = false) {
  pbs_attention_config config =
      makeConfig(problem, PBS_ATTENTION_SPARSE, PBS_OUTPUT_LSE);
  config.has_positions = 1;
  config.has_own_keys = givesOwnKeys;
  return compile(config);
}

static void expectListsRight(bool givesOwnKeys) {
  Program program = compileSparse(SparseCall(1, 1, 0).problem, givesOwnKeys);
  ASSERT_TRUE(program);
  for (auto [numQueries, numKeys] : {std::pair<int64_t, int64_t>{1, 1},
                                     {600, 600},
                                     {100, 1000},
                                     {900, 513},
                                     {1025, 1025}}) {
    SparseCall call(numQueries, numKeys, numQueries + numKeys);
    call.givesOwnKeys = givesOwnKeys;
    if (givesOwnKeys)
      addOwnBlocks(call.problem, call.bits);
    ASSERT_EQ(call.run(program.get()), "");
    auto output = pbs::reference::checkOutput(
        call.problem, call.inputs, call.positions, call.bits, call.output);
    EXPECT_TRUE(output.ok) << output.message;
    auto lse = pbs::reference::checkLse(call.problem, call.inputs,
                                        call.positions, call.bits, call.lse);
    EXPECT_TRUE(lse.ok) << lse.message;
  }
}

TEST(Sparse, ListsOfTheCaller) { expectListsRight(/*givesOwnKeys=*/false); }

TEST(Sparse, OwnSegmentsAreWhole) { expectListsRight(/*givesOwnKeys=*/true); }

TEST(Sparse, BadListsAreErrors) {
  Program program = compileSparse(SparseCall(1, 1, 0).problem);
  ASSERT_TRUE(program);
  auto getError = [&](auto change) {
    SparseCall call(600, 600, 3);
    change(call);
    return call.run(program.get());
  };
  auto contains = [](const std::string &text, const char *part) {
    return text.find(part) != std::string::npos;
  };
  std::string error = getError([](SparseCall &c) { c.count[7] = 99; });
  EXPECT_TRUE(contains(error, "99")) << error;
  error = getError([](SparseCall &c) {
    c.count[3] = 1;
    c.index[3 * 5] = 55;
  });
  EXPECT_TRUE(contains(error, "55")) << error;
  error = getError([](SparseCall &c) {
    c.count[3] = 2;
    c.index[3 * 5] = c.index[3 * 5 + 1] = 2;
  });
  EXPECT_TRUE(contains(error, "2")) << error;
}

TEST(Dense, AgreesWithTheReference) {
  for (bool causal : {true, false}) {
    Problem problem;
    problem.queryHeads = 6;
    problem.kvHeads = 2;
    problem.headDim = 64;
    problem.causal = causal;
    problem.unpermuted = true;
    Program program =
        compile(makeConfig(problem, PBS_ATTENTION_DENSE, PBS_OUTPUT_LSE));
    ASSERT_TRUE(program);
    for (auto [numQueries, numKeys] : {std::pair<int64_t, int64_t>{1, 1},
                                       {130, 130},
                                       {77, 500},
                                       {500, 77}}) {
      problem.numQueries = numQueries;
      problem.numKeys = numKeys;
      Inputs inputs = makeNormal(problem, 17);
      Buffer q(PBS_F32, {1, 6, numQueries, 64}),
          k(PBS_F32, {1, 2, numKeys, 64}), v(PBS_F32, {1, 2, numKeys, 64}),
          o(PBS_F32, {1, 6, numQueries, 64}), l(PBS_F32, {1, 6, numQueries});
      q.write(inputs.q);
      k.write(inputs.k);
      v.write(inputs.v);
      ASSERT_EQ(run(program.get(), {&q, &k, &v, &o, &l}), "");
      std::vector<int32_t> identity =
          pbs::reference::sortSegments<float>(problem, {});
      std::vector<int32_t> all = pbs::reference::listAll(problem);
      auto output =
          pbs::reference::checkOutput(problem, inputs, identity, all, o.read());
      EXPECT_TRUE(output.ok) << output.message;
      auto lse =
          pbs::reference::checkLse(problem, inputs, identity, all, l.read());
      EXPECT_TRUE(lse.ok) << lse.message;
    }
  }
}
