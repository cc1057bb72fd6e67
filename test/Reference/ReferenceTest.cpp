//===- ReferenceTest.cpp - The reference itself, and checks that fail -----===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Expected values are worked out by hand from the equations of the paper (arXiv
// 2510.21270v2). Each check is shown to fail.
//
//===----------------------------------------------------------------------===//

#include "pbs/Reference/Reference.h"
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace pbs::reference;

/// One head, blocks of 2, segments of 4, one dimension, scale 1: scores are
/// products.
static Problem makeTiny(int64_t numQueries, int64_t numKeys) {
  Problem problem;
  problem.numQueries = numQueries;
  problem.numKeys = numKeys;
  problem.headDim = 1;
  problem.scale = 1;
  problem.queryBlock = problem.keyBlock = 2;
  problem.segment = 4;
  problem.proxyRows = 1;
  return problem;
}

static Inputs makeRandom(const Problem &problem, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  Inputs inputs;
  auto fill = [&](std::vector<float> &values, int64_t heads, int64_t rows) {
    values.resize(problem.batch * heads * rows * problem.headDim);
    for (float &value : values)
      value = normal(generator);
  };
  fill(inputs.q, problem.queryHeads, problem.numQueries);
  fill(inputs.k, problem.kvHeads, problem.numKeys);
  fill(inputs.v, problem.kvHeads, problem.numKeys);
  return inputs;
}

static std::vector<float> toFloats(const std::vector<double> &values) {
  return {values.begin(), values.end()};
}

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

// Equation 7: softmax of the last query rows over the keys. With q = 1 and keys
// ln 1, ln 2, ln 3, ln 4, 0... importance is proportional to 1, 2, 3, 4, 1...
TEST(Reference, ImportanceAndOrder) {
  Problem problem = makeTiny(9, 9);
  Inputs inputs;
  inputs.q.assign(9, 0);
  inputs.q[8] = 1;
  for (double weight : {1, 2, 3, 4, 1, 1, 5, 1, 100})
    inputs.k.push_back(std::log(weight));
  inputs.v.assign(9, 0);
  std::vector<double> importance = computeImportance(problem, inputs);
  // The sum over complete segments is 18; the tail does not count.
  const double expected[] = {1, 2, 3, 4, 1, 1, 5, 1};
  for (int j = 0; j < 8; ++j)
    EXPECT_NEAR(importance[j], expected[j] / 18, 1e-7) << j;
  EXPECT_EQ(importance[8], 0);
  // Descending in each segment, ties by position, the tail stays.
  EXPECT_EQ(
      sortSegments(problem, std::vector<double>{1, 2, 3, 4, 1, 1, 5, 1, 9}),
      (std::vector<int32_t>{3, 2, 1, 0, 6, 4, 5, 7, 8}));
  EXPECT_EQ(
      sortSegments(problem, std::vector<double>{1, NAN, 3, 4, 1, 1, 5, 1, 9}),
      (std::vector<int32_t>{3, 2, 0, 1, 6, 4, 5, 7, 8}));
}

TEST(Reference, OneSegmentIsNotPermuted) {
  EXPECT_EQ(sortSegments(makeTiny(4, 4), std::vector<double>{1, 2, 3, 4}),
            (std::vector<int32_t>{0, 1, 2, 3}));
}

// Row by row what Section 4.3 of the paper and its Algorithm 2 do: candidates
// are the blocks of earlier segments.
TEST(Reference, CandidatesAndForcedBlocks) {
  Problem problem = makeTiny(12, 12);
  std::vector<int32_t> identity = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  // Query block 3 holds rows 6 and 7; its own segment is blocks 2 and 3.
  Candidates row = getCandidates(problem, identity, 0, 0, 3);
  EXPECT_EQ(row.candidates, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(row.forced, (std::vector<int64_t>{0, 2, 3}));
  // Block 3 has no key that rows 4 and 5 see.
  EXPECT_EQ(getCandidates(problem, identity, 0, 0, 2).forced,
            (std::vector<int64_t>{0, 2}));
  problem.wholeOwn = true;
  EXPECT_EQ(getCandidates(problem, identity, 0, 0, 2).forced,
            (std::vector<int64_t>{0, 2, 3}));
  // Not causal: all blocks outside the own segment.
  problem.causal = false;
  EXPECT_EQ(getCandidates(problem, identity, 0, 0, 2).candidates,
            (std::vector<int64_t>{0, 1, 4, 5}));
}

TEST(Reference, CandidatesOfRowsBeforeTheFirstKey) {
  Problem problem = makeTiny(6, 4);
  Candidates row = getCandidates(problem, {0, 1, 2, 3}, 0, 0, 0);
  EXPECT_TRUE(row.candidates.empty());
  EXPECT_EQ(row.forced, (std::vector<int64_t>{0}));
}

TEST(Reference, StopRules) {
  Problem problem = makeTiny(1, 1);
  Candidates candidates;
  candidates.candidates = {0, 1, 2, 3};
  // Probabilities 0.1, 0.5, 0.1, 0.3.
  double scores[] = {std::log(1), std::log(5), std::log(1), std::log(3)};
  auto apply = [&](StopRule rule, double threshold, int64_t count) {
    problem.stopRule = rule;
    problem.threshold = threshold;
    problem.count = count;
    return applyStopRule(problem, candidates, scores);
  };
  using Blocks = std::vector<int64_t>;
  EXPECT_EQ(apply(StopRule::TopP, 0.45, 0), (Blocks{1}));
  EXPECT_EQ(apply(StopRule::TopP, 0.7, 0), (Blocks{1, 3}));
  EXPECT_EQ(apply(StopRule::TopP, 0.85, 0), (Blocks{1, 3, 0}));
  EXPECT_EQ(apply(StopRule::TopP, 1, 0), (Blocks{1, 3, 0, 2}));
  EXPECT_EQ(apply(StopRule::TopP, 1e-6, 0), (Blocks{1}));
  EXPECT_EQ(apply(StopRule::TopK, 0, 2), (Blocks{1, 3}));
  EXPECT_EQ(apply(StopRule::TopK, 0, 9), (Blocks{1, 3, 0, 2}));
  // The published code takes nothing where the sum never reaches the threshold.
  EXPECT_EQ(apply(StopRule::ReferenceTopP, 0.7, 0), (Blocks{1, 3}));
  EXPECT_EQ(apply(StopRule::ReferenceTopP, 1.5, 0), (Blocks{}));
  scores[2] = NAN;
  EXPECT_EQ(apply(StopRule::TopP, 0.1, 0), (Blocks{0, 1, 2, 3}));
}

TEST(Reference, PoolsOfRaggedBlocks) {
  Problem problem = makeTiny(3, 3);
  Inputs inputs{{1, 3, 5}, {2, 4, -8}, {0, 0, 0}};
  Scores scores = computeScores(problem, inputs, {0, 1, 2});
  // Means: queries 2 and 5, keys 3 and -8.
  EXPECT_EQ(scores.scores, (std::vector<double>{6, -16, 15, -40}));
  EXPECT_EQ(scores.magnitudes, (std::vector<double>{6, 16, 15, 40}));
}

TEST(Reference, ProxyRows) {
  Problem problem = makeTiny(10, 10);
  problem.proxyRows = 3;
  EXPECT_EQ(getProxyRows(problem), (std::vector<int64_t>{7, 8, 9}));
  problem.proxy = Proxy::StridedRows;
  EXPECT_EQ(getProxyRows(problem), (std::vector<int64_t>{3, 6, 9}));
  problem.proxy = Proxy::RandomRows;
  std::vector<int64_t> rows = getProxyRows(problem);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_LT(rows[0], 3);
  EXPECT_TRUE(rows[1] >= 3 && rows[1] < 6);
  EXPECT_TRUE(rows[2] >= 6 && rows[2] < 10);
}

//===----------------------------------------------------------------------===//
// Laws
//===----------------------------------------------------------------------===//

TEST(Reference, AttentionByHand) {
  Problem problem = makeTiny(2, 2);
  Inputs inputs{{1, 1}, {float(std::log(1)), float(std::log(3))}, {10, 20}};
  std::vector<int32_t> all = listAll(problem);
  EXPECT_NEAR(computeRow(problem, inputs, {0, 1}, all, 0, 0, 0).output[0], 10,
              1e-6);
  Row last = computeRow(problem, inputs, {0, 1}, all, 0, 0, 1);
  EXPECT_NEAR(last.output[0], 17.5, 1e-6);
  EXPECT_NEAR(last.lse, std::log(4), 1e-6);
  EXPECT_EQ(last.covered, 1);
  // Nothing listed: no output.
  Row none = computeRow(problem, inputs, {0, 1}, {0}, 0, 0, 1);
  EXPECT_EQ(none.output[0], 0);
  EXPECT_EQ(none.lse, -INFINITY);
  EXPECT_EQ(none.covered, 0);
}

TEST(Reference, PermutationDoesNotChangeFullAttention) {
  Problem problem = makeTiny(9, 9);
  problem.headDim = 8;
  Inputs inputs = makeRandom(problem, 1);
  std::vector<int32_t> all = listAll(problem);
  for (int64_t i = 0; i < 9; ++i) {
    Row straight =
        computeRow(problem, inputs, {0, 1, 2, 3, 4, 5, 6, 7, 8}, all, 0, 0, i);
    Row permuted =
        computeRow(problem, inputs, {2, 0, 3, 1, 7, 6, 5, 4, 8}, all, 0, 0, i);
    EXPECT_NEAR(straight.lse, permuted.lse, 1e-12);
    EXPECT_NEAR(straight.output[3], permuted.output[3], 1e-12);
  }
}

//===----------------------------------------------------------------------===//
// Checks that fail
//===----------------------------------------------------------------------===//

namespace {
/// A right result, to be made wrong.
struct CheckTest : testing::Test {
  void SetUp() override {
    problem = makeTiny(40, 40);
    problem.headDim = 4;
    problem.proxyRows = 8;
    problem.threshold = 0.5;
    inputs = makeRandom(problem, 3);
    importance = toFloats(computeImportance(problem, inputs));
    positions = sortSegments(problem, importance);
    scores = toFloats(computeScores(problem, inputs, positions).scores);
    list = selectBlocks(problem, positions, {scores.begin(), scores.end()});
    for (int64_t i = 0; i < problem.numQueries; ++i) {
      Row row = computeRow(problem, inputs, positions, list, 0, 0, i);
      output.insert(output.end(), row.output.begin(), row.output.end());
      lse.push_back(row.lse);
    }
  }
  Check select() { return checkSelection(problem, positions, scores, list); }

  Problem problem;
  Inputs inputs;
  std::vector<float> importance, scores, output, lse;
  std::vector<int32_t> positions, list;
};
} // namespace

TEST_F(CheckTest, RightResultsPass) {
  EXPECT_TRUE(checkImportance(problem, inputs, importance).ok);
  EXPECT_TRUE(checkPermutation(problem, inputs, importance, positions).ok);
  EXPECT_TRUE(checkScores(problem, inputs, positions, scores).ok);
  EXPECT_TRUE(select().ok) << select().message;
  EXPECT_TRUE(checkSelectionF64(problem, inputs, positions, list).ok);
  EXPECT_TRUE(checkOutput(problem, inputs, positions, list, output).ok);
  EXPECT_TRUE(checkLse(problem, inputs, positions, list, lse).ok);
}

TEST_F(CheckTest, Importance) {
  importance[7] *= 1 + 2e-5f;
  Check check = checkImportance(problem, inputs, importance);
  EXPECT_FALSE(check.ok);
  EXPECT_NE(check.message.find("key 7"), std::string::npos) << check.message;
  importance[7] = NAN;
  EXPECT_FALSE(checkImportance(problem, inputs, importance).ok);
}

TEST_F(CheckTest, Permutation) {
  std::swap(positions[4], positions[5]);
  EXPECT_FALSE(checkPermutation(problem, inputs, importance, positions).ok);
}

TEST_F(CheckTest, PermutationByWrongImportance) {
  // Sorted by its own importance, which is wrong.
  std::reverse(importance.begin(), importance.end());
  positions = sortSegments(problem, importance);
  EXPECT_FALSE(checkPermutation(problem, inputs, importance, positions).ok);
}

TEST_F(CheckTest, Scores) {
  scores[19 * 20] += 1e-3f;
  EXPECT_FALSE(checkScores(problem, inputs, positions, scores).ok);
}

TEST_F(CheckTest, DroppedForcedBlock) {
  // The block of query block 19 itself.
  list[19] &= ~(1 << 19);
  EXPECT_FALSE(select().ok);
}

TEST_F(CheckTest, ListedBlockThatIsNoCandidate) {
  list[2] |= 1 << 18;
  EXPECT_FALSE(select().ok);
}

TEST_F(CheckTest, DroppedCandidate) {
  // The best candidate of the last query block, other than the first.
  int64_t best = 1;
  for (int64_t c = 2; c < 18; ++c)
    if (scores[19 * 20 + c] > scores[19 * 20 + best])
      best = c;
  ASSERT_TRUE(list[19] >> best & 1);
  list[19] &= ~(1 << best);
  EXPECT_FALSE(select().ok);
  EXPECT_FALSE(checkSelectionF64(problem, inputs, positions, list).ok);
}

TEST_F(CheckTest, OneCandidateTooMany) {
  int64_t next = -1;
  for (int64_t c = 0; c < 18; ++c)
    if (!(list[19] >> c & 1) &&
        (next < 0 || scores[19 * 20 + c] > scores[19 * 20 + next]))
      next = c;
  ASSERT_GE(next, 0);
  list[19] |= 1 << next;
  EXPECT_FALSE(select().ok);
}

TEST_F(CheckTest, WrongTopK) {
  problem.stopRule = StopRule::TopK;
  problem.count = 3;
  list = selectBlocks(problem, positions, {scores.begin(), scores.end()});
  EXPECT_TRUE(select().ok) << select().message;
  problem.count = 5;
  EXPECT_FALSE(select().ok);
}

TEST_F(CheckTest, OneWrongRow) {
  output[13 * 4] += 1e-4f;
  Check check = checkOutput(problem, inputs, positions, list, output);
  EXPECT_FALSE(check.ok);
  EXPECT_NE(check.message.find("row 13"), std::string::npos) << check.message;
  output[13 * 4] = NAN;
  EXPECT_FALSE(checkOutput(problem, inputs, positions, list, output).ok);
}

TEST_F(CheckTest, WrongLse) {
  lse[39] += 1e-4f;
  EXPECT_FALSE(checkLse(problem, inputs, positions, list, lse).ok);
  lse[39] = INFINITY;
  EXPECT_FALSE(checkLse(problem, inputs, positions, list, lse).ok);
}
