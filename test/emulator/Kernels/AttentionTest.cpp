//===- AttentionTest.cpp - Right attention kernels pass -------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every form of the compiler's attention kernel, under all completion modes and
// 20 interleavings each, against attention in double precision.
//
//===----------------------------------------------------------------------===//

#include "AttentionCase.h"
#include <gtest/gtest.h>

using namespace pbs::emu;
using namespace pbs::emu::test;

static void expectRight(const AttentionCase &c,
                        const std::string &pipeline = "") {
  std::string text = makeKernel(c, pipeline), error;
  ASSERT_FALSE(text.empty()) << "the kernel was not made";
  auto module = Module::parse(text, error);
  ASSERT_NE(module, nullptr) << error;
  for (int mode = 0; mode < 3; ++mode)
    for (uint64_t seed = 0; seed < 20; ++seed) {
      LaunchOptions options;
      options.completion = static_cast<Completion>(mode);
      options.seed = seed;
      AttentionRun run = runAttention(*module, text, c, options);
      ASSERT_FALSE(run.report) << run.report.format();
      EXPECT_TRUE(run.isRight())
          << "error " << run.error << ", of the LSE " << run.lseError
          << " (seed " << seed << ", mode " << mode << ")";
    }
}

TEST(RightKernels, Dense) {
  AttentionCase c;
  c.queries = 130;
  c.keys = 300;
  expectRight(c);
}

TEST(RightKernels, CausalWithoutTurns) {
  AttentionCase c;
  c.causal = true;
  c.queries = 200;
  c.keys = 330;
  c.heads = 2;
  expectRight(c, "ping-pong=0");
}

TEST(RightKernels, CausalOfOneStage) {
  AttentionCase c;
  c.causal = true;
  expectRight(c, "stages=1");
}

TEST(RightKernels, ListOfGroupedHeads) {
  AttentionCase c;
  c.list = true;
  c.heads = 2;
  c.queries = 256;
  c.keys = 400;
  expectRight(c);
}

TEST(RightKernels, PermutedCausalList) {
  AttentionCase c;
  c.causal = c.list = c.positions = true;
  c.queries = c.keys = 333;
  c.heads = 2;
  expectRight(c);
}

TEST(RightKernels, PermutedCausalListWithoutTurns) {
  AttentionCase c;
  c.causal = c.list = c.positions = true;
  c.queries = c.keys = 333;
  c.heads = 2;
  expectRight(c, "ping-pong=0");
}

TEST(RightKernels, PermutedSegments) {
  AttentionCase c;
  c.causal = c.list = c.positions = true;
  c.segment = 256;
  c.queries = 140;
  c.keys = 700;
  expectRight(c);
}

TEST(RightKernels, HalfPrecisionOf64) {
  AttentionCase c;
  c.causal = c.list = c.positions = true;
  c.segment = 256;
  c.headDim = 64;
  c.bf16 = c.lse = false;
  c.queries = c.keys = 520;
  expectRight(c);
}

TEST(RightKernels, SmallestOf64) {
  AttentionCase c;
  c.headDim = 64;
  c.queries = c.keys = 1;
  expectRight(c, "stages=2");
}

TEST(RightKernels, CountsOfAPersistentKernelStandStill) {
  AttentionCase c;
  c.causal = true;
  std::string error;
  std::string text = makeKernel(c);
  auto module = Module::parse(text, error);
  ASSERT_NE(module, nullptr) << error;
  AttentionRun run = runAttention(*module, text, c, LaunchOptions());
  EXPECT_FALSE(run.report) << run.report.format();
  EXPECT_EQ(run.counter, 5u)
      << "three blocks of queries and, by each of two blocks, the end";
  // 6 pairs of blocks, 8 warps, two products of 8 instructions.
  EXPECT_EQ(run.statistics.instructions["wgmma"], 6u * 8 * 16);
  // Two boxes each: q of 3 blocks, k and v of 6.
  EXPECT_EQ(run.statistics.instructions["tma-load"], 2u * (3 + 6 + 6));
  EXPECT_EQ(run.statistics.instructions["tma-store"], 2u * 2 * 3);
  EXPECT_EQ(run.statistics.bankConflicts, 0u);
}
