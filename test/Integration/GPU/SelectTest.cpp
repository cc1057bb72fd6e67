//===- SelectTest.cpp - Selection of blocks on a device -------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionCase.h"
#include "IRProgram.h"
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

using namespace pbs::test;

namespace {
/// One query head and one key head of 64 elements.
struct Selection {
  Selection(int64_t numQueries, int64_t numKeys, bool equalScores = false)
      : q(PBS_BF16, {1, 1, numQueries, 64}), k(PBS_BF16, {1, 1, numKeys, 64}),
        scores(PBS_F32, {1, 1, getBlocks(numQueries), getBlocks(numKeys)}),
        bits(PBS_I32,
             {1, 1, getBlocks(numQueries), (getBlocks(numKeys) + 31) / 32}) {
    std::vector<float> values(numQueries * 64);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = std::sin(0.11 * i) + 0.3 * std::sin(0.0013 * i);
    q.write(values);
    values.resize(numKeys * 64);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] =
          equalScores ? 0.25 : std::cos(0.37 * i) + std::sin(0.0007 * i);
    k.write(values);
  }
  static int64_t getBlocks(int64_t rows) { return (rows + 127) / 128; }

  Buffer q, k, scores, bits;
};
} // namespace

/// Scores, and the list that `rule` makes of them; in one kernel if `fuse`.
static Program compileSelection(const std::string &rule, bool fuse,
                                const std::string &options = "") {
  std::string ir = R"(
    !q = tensor<1x1x?x64xbf16>
    !pool = tensor<1x1x?x64xf32>
    !scores = tensor<1x1x?x?xf32>
    !kv = !pbs.permuted_kv<1x1x?x64xbf16, block = 128, segment = 256>
    !list = !pbs.block_list<1x1x?x?, block = 128x128, segment = 256, causal>
    func.func @select(%q: !q, %k: !q) -> (!scores, tensor<1x1x?x?xi32>) {
      %kv = pbs.kv_from_positions %k, %k : (!q, !q) -> !kv
      %kp = pbs.pool %k : (!q) -> !pool
      SELECT
      %bits = pbs.unpack_block_list %list : (!list) -> tensor<1x1x?x?xi32>
      return %scores, %bits : !scores, tensor<1x1x?x?xi32>
    })";
  std::string fused = R"(
      %list, %scores = pbs.fused_select_blocks %q, %kp, %kv {select = RULE}
        : (!q, !pool, !kv) -> (!list, !scores))";
  std::string separate = R"(
      %qp = pbs.pool %q : (!q) -> !pool
      %scores = pbs.block_scores %qp, %kp : (!pool, !pool) -> !scores
      %list = pbs.select_blocks %scores, %q, %kv {select = RULE}
        : (!scores, !q, !kv) -> !list)";
  ir = replace(ir, "SELECT", fuse ? fused : separate);
  return compileIR(replace(ir, "RULE", rule),
                   ("fuse=false " + options).c_str());
}

/// The kernels that a fused one replaces give the same list and, where a block
/// is a candidate, the same score.
static void expectSameSelection(const std::string &rule,
                                const std::vector<std::vector<int64_t>> &sizes,
                                const std::string &options = "",
                                bool equalScores = false) {
  Program fused = compileSelection(rule, true, options);
  Program separate = compileSelection(rule, false);
  ASSERT_TRUE(fused && separate);
  for (const std::vector<int64_t> &size : sizes) {
    SCOPED_TRACE(rule + " M=" + std::to_string(size[0]) +
                 " N=" + std::to_string(size[1]));
    Selection one(size[0], size[1], equalScores);
    Selection other(size[0], size[1], equalScores);
    ASSERT_EQ(
        runOnDevice(fused.get(), {&one.q, &one.k, &one.scores, &one.bits}), "");
    ASSERT_EQ(runOnDevice(separate.get(),
                          {&other.q, &other.k, &other.scores, &other.bits}),
              "");
    EXPECT_TRUE(one.bits.bytes == other.bits.bytes);
    std::vector<float> scores = one.scores.read(), all = other.scores.read();
    size_t candidates = 0;
    for (size_t i = 0; i < scores.size(); ++i) {
      if (scores[i] == -INFINITY)
        continue;
      ++candidates;
      ASSERT_NEAR(scores[i], all[i], 1e-5 * (1 + std::fabs(all[i]))) << i;
    }
    EXPECT_GT(candidates, 0u);
  }
}

TEST(GPUSelect, FusedAndSeparateKernelsAgree) {
  expectSameSelection("#pbs.top_p<0.9>", {{300, 900}, {2500, 2500}});
  expectSameSelection("#pbs.top_k<3>", {{300, 900}});
}

/// The longer the rows, the fewer have room for their scores at once.
TEST(GPUSelect, LongRows) {
  expectSameSelection("#pbs.top_p<0.5>", {{300, 300000}});
}

/// Room for 8 rows of 512 scores but not for 16 of 256, and for one of 1024:
/// scores of an item are in global memory and come back 8 or 1 at a time.
TEST(GPUSelect, RowsThatHaveNoRoomTogether) {
  expectSameSelection("#pbs.top_p<0.9>", {{300, 900}, {2500, 2500}},
                      "score-words=4132");
  expectSameSelection("#pbs.top_k<3>", {{129, 65536}, {300, 65537}},
                      "score-words=4132");
  expectSameSelection("#pbs.top_p<0.5>", {{300, 70000}}, "score-words=1032");
}

/// More candidates than a warp has registers for are as large as the last one.
TEST(GPUSelect, EqualScores) {
  expectSameSelection("#pbs.top_p<0.7>", {{300, 1000}, {300, 70000}}, "", true);
  expectSameSelection("#pbs.top_k<301>", {{300, 70000}}, "score-words=4132",
                      true);
}

TEST(GPUSelect, LeastAndMostThreshold) {
  for (const char *options : {"", "score-words=4132"}) {
    expectSameSelection("#pbs.top_p<0.000001>", {{300, 35000}}, options);
    expectSameSelection("#pbs.top_p<0.999999>", {{300, 35000}}, options);
    expectSameSelection("#pbs.top_p<1.0>", {{300, 35000}}, options);
  }
}

TEST(GPUSelect, RefusesMoreKeysThanThereIsRoomFor) {
  for (bool fuse : {true, false}) {
    Program program =
        compileSelection("#pbs.top_p<0.9>", fuse, "score-words=1000");
    ASSERT_TRUE(program);
    for (int64_t numKeys : {65536, 65537}) {
      Selection one(100, numKeys);
      std::string error =
          runOnDevice(program.get(), {&one.q, &one.k, &one.scores, &one.bits});
      if (numKeys == 65536)
        EXPECT_EQ(error, "");
      else
        EXPECT_NE(error.find("expected at most 65536 keys, of which the scores "
                             "of a row have room, got 65537"),
                  std::string::npos)
            << error;
    }
  }
}

/// Rows and columns beyond those of one tile of scores, and those of a tile
/// that is cut: the largest score of a row changes on the way.
static void expectRightCoverage(bool causal, const std::string &rule,
                                int64_t numQueries, int64_t numKeys) {
  std::string ir = R"(
    !q = tensor<1x1x?x64xbf16>
    !pool = tensor<1x1x?x64xf32>
    !scores = tensor<1x1x?x?xf32>
    !share = tensor<1x1x1xf32>
    !kv = !pbs.permuted_kv<1x1x?x64xbf16, block = 128, segment = 256>
    !list = !pbs.block_list<1x1x?x?, block = 128x128, segment = 256CAUSAL>
    func.func @cover(%q: !q, %k: !q)
        -> (!scores, tensor<1x1x?x?xi32>, !share, !share) {
      %kv = pbs.kv_from_positions %k, %k : (!q, !q) -> !kv
      %kp = pbs.pool %k : (!q) -> !pool
      %qp = pbs.pool %q : (!q) -> !pool
      %list, %scores = pbs.fused_select_blocks %q, %kp, %kv {select = RULE}
        : (!q, !pool, !kv) -> (!list, !scores)
      %bits = pbs.unpack_block_list %list : (!list) -> tensor<1x1x?x?xi32>
      %rows = pbs.row_coverage %qp, %kp, %q, %kv, %list
        : (!pool, !pool, !q, !kv, !list) -> tensor<1x1x?x4xf32>
      %density, %mass = pbs.head_coverage %rows
        : (tensor<1x1x?x4xf32>) -> (!share, !share)
      return %scores, %bits, %density, %mass
        : !scores, tensor<1x1x?x?xi32>, !share, !share
    })";
  ir = replace(ir, "CAUSAL", causal ? ", causal" : "");
  Program program = compileIR(replace(ir, "RULE", rule), "fuse=false");
  ASSERT_TRUE(program);
  Selection selection(numQueries, numKeys);
  Buffer density(PBS_F32, {1, 1, 1}), mass(PBS_F32, {1, 1, 1});
  ASSERT_EQ(
      runOnDevice(program.get(), {&selection.q, &selection.k, &selection.scores,
                                  &selection.bits, &density, &mass}),
      "");
  pbs::reference::Problem problem;
  problem.numQueries = numQueries;
  problem.numKeys = numKeys;
  problem.headDim = 64;
  problem.causal = causal;
  std::vector<int32_t> positions(numKeys);
  std::iota(positions.begin(), positions.end(), 0);
  pbs::reference::Check check = pbs::reference::checkCoverage(
      problem, positions, selection.scores.read(), selection.bits.readInts(),
      density.read(), mass.read());
  EXPECT_TRUE(check.ok) << check.message;
  float share = mass.read()[0];
  EXPECT_TRUE(0 < share && share < 1) << share;
}

TEST(GPUCoverage, CausalRowsAndColumnsOfSeveralTiles) {
  expectRightCoverage(true, "#pbs.top_p<0.6>", 17000, 33300);
}

TEST(GPUCoverage, RowsAndColumnsOfSeveralTiles) {
  expectRightCoverage(false, "#pbs.top_k<5>", 16700, 17000);
}
