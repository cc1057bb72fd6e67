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

static void expectRight(const std::string &arguments, AttentionCase c) {
  std::string text = makeKernel("attention " + arguments), error;
  ASSERT_FALSE(text.empty()) << "pbs-test-kernel failed";
  auto module = Module::parse(text, error);
  ASSERT_NE(module, nullptr) << error;
  for (int mode = 0; mode < 3; ++mode)
    for (uint64_t seed = 0; seed < 20; ++seed) {
      LaunchOptions options;
      options.completion = static_cast<Completion>(mode);
      options.seed = seed;
      AttentionRun run = runAttention(*module, c, options);
      ASSERT_FALSE(run.report) << arguments << ": " << run.report.format();
      EXPECT_TRUE(run.isRight())
          << arguments << ": error " << run.error << ", of the LSE "
          << run.lseError << " (seed " << seed << ", mode " << mode << ")";
    }
}

TEST(RightKernels, Dense) {
  AttentionCase c;
  c.queries = 130;
  c.keys = 300;
  expectRight("", c);
}

TEST(RightKernels, CausalLateRescale) {
  AttentionCase c;
  c.causal = true;
  c.queries = 200;
  c.keys = 330;
  c.heads = 2;
  expectRight("--causal --late-rescale", c);
}

TEST(RightKernels, CausalTwoStagesAnchored) {
  AttentionCase c;
  c.causal = true;
  expectRight("--causal --stages=2 --anchor", c);
}

TEST(RightKernels, ListOfGroupedHeads) {
  AttentionCase c;
  c.list = true;
  c.heads = 2;
  c.queries = 256;
  c.keys = 400;
  expectRight("--list", c);
}

TEST(RightKernels, PermutedCausalList) {
  AttentionCase c;
  c.causal = c.list = c.positions = true;
  c.queries = c.keys = 333;
  c.heads = 2;
  expectRight("--causal --list --positions", c);
}

TEST(RightKernels, PermutedSegments) {
  AttentionCase c;
  c.causal = c.positions = true;
  c.segment = 256;
  c.queries = 140;
  c.keys = 700;
  expectRight("--causal --positions --segment=256", c);
}

TEST(RightKernels, HalfPrecisionOf64) {
  AttentionCase c;
  c.causal = c.list = c.positions = true;
  c.segment = 256;
  c.headDim = 64;
  c.bf16 = c.lse = false;
  c.queries = c.keys = 520;
  expectRight("--head-dim=64 --f16 --causal --list --positions --segment=256 "
              "--no-lse",
              c);
}

TEST(RightKernels, SmallestOf64) {
  AttentionCase c;
  c.headDim = 64;
  c.queries = c.keys = 1;
  expectRight("--head-dim=64 --stages=2", c);
}

TEST(RightKernels, CountsOfAPersistentKernelStandStill) {
  AttentionCase c;
  c.causal = true;
  std::string error;
  auto module = Module::parse(makeKernel("attention --causal"), error);
  ASSERT_NE(module, nullptr) << error;
  AttentionRun run = runAttention(*module, c, LaunchOptions());
  EXPECT_FALSE(run.report) << run.report.format();
  EXPECT_EQ(run.counter, 3u) << "three blocks of queries were drawn";
  // 6 pairs of blocks, 8 warps, two products of 8 instructions.
  EXPECT_EQ(run.statistics.instructions["wgmma"], 6u * 8 * 16);
  // Two boxes each: q of 3 blocks, k and v of 6.
  EXPECT_EQ(run.statistics.instructions["tma-load"], 2u * (3 + 6 + 6));
  EXPECT_EQ(run.statistics.instructions["tma-store"], 2u * 2 * 3);
  EXPECT_EQ(run.statistics.bankConflicts, 0u);
}
