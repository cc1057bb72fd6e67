//===- AttentionTest.cpp - Attention on a device, against f64 -------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionCase.h"
#include <gtest/gtest.h>

using namespace pbs::test;
using pbs::reference::DType;
using pbs::reference::Problem;

/// Runs on poisoned outputs, compares with the reference, and again for the
/// same bits.
static void expectRightTwice(AttentionCase &call, pbs_program_t program) {
  SCOPED_TRACE("B=" + std::to_string(call.problem.batch) +
               " M=" + std::to_string(call.problem.numQueries) +
               " N=" + std::to_string(call.problem.numKeys) +
               " causal=" + std::to_string(call.problem.causal));
  call.poison();
  ASSERT_EQ(call.run(program, /*checked=*/true), "");
  call.expectRight();
  std::string outputs = call.getOutputs();
  call.poison();
  ASSERT_EQ(call.run(program), "");
  EXPECT_EQ(outputs, call.getOutputs()) << "other bits on repeat";
}

/// The sizes of one program: one token, ends that do not align, later chunks,
/// rows that see nothing, and no work at all.
static void expectAllSizesRight(const Problem &base, bool isSparse,
                                const std::string &options = "",
                                bool givesOwnKeys = false) {
  AttentionCase first(base, isSparse);
  if (givesOwnKeys)
    first.giveOwnKeys();
  Program program = first.compile(options);
  ASSERT_TRUE(program);
  for (auto [numQueries, numKeys] : {std::pair<int64_t, int64_t>{1, 1},
                                     {257, 257},
                                     {70, 300},
                                     {300, 130},
                                     {0, 64},
                                     {70, 0}}) {
    Problem problem = base;
    problem.numQueries = numQueries;
    problem.numKeys = numKeys;
    AttentionCase call(problem, isSparse);
    if (givesOwnKeys)
      call.giveOwnKeys();
    expectRightTwice(call, program.get());
  }
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

TEST(GPUDense, CausalBF16) {
  expectAllSizesRight(makeProblem(DType::BF16, 128, true, 1, 1), false);
}

TEST(GPUDense, FullF16) {
  expectAllSizesRight(makeProblem(DType::F16, 64, false, 1, 1), false);
}

TEST(GPUSparse, CausalBF16) {
  expectAllSizesRight(makeProblem(DType::BF16, 64, true, 1, 1), true);
}

TEST(GPUSparse, FullF16) {
  expectAllSizesRight(makeProblem(DType::F16, 128, false, 1, 1), true);
}

TEST(GPUSparse, ManyBlocks) {
  AttentionCase call(makeProblem(DType::BF16, 64, true, 129, 1100), true);
  Program program = call.compile();
  ASSERT_TRUE(program);
  expectRightTwice(call, program.get());
}

//===----------------------------------------------------------------------===//
// Own segments in the order of positions
//===----------------------------------------------------------------------===//

TEST(GPUOwnKeys, AllSizes) {
  expectAllSizesRight(makeProblem(DType::BF16, 128, true, 1, 1), true, "",
                      /*givesOwnKeys=*/true);
}

TEST(GPUOwnKeys, KeptMaxima) {
  Problem problem = makeProblem(DType::BF16, 64, true, 300, 1100);
  problem.roundsMaximum = true;
  AttentionCase call(problem, true);
  call.giveOwnKeys();
  Program program = call.compile("keep-maximum=1");
  ASSERT_TRUE(program);
  expectRightTwice(call, program.get());
}

TEST(GPUOwnKeys, ManyBlocksAndStrides) {
  for (Layout layout : {Layout::HeadsInside, Layout::Padded}) {
    // 31 rows of a query block lie before those of a key block.
    AttentionCase call(makeProblem(DType::F16, 64, true, 400, 1265), true,
                       layout);
    call.giveOwnKeys();
    Program program = call.compile();
    ASSERT_TRUE(program);
    expectRightTwice(call, program.get());
  }
}

//===----------------------------------------------------------------------===//
// Batch, heads, layouts
//===----------------------------------------------------------------------===//

TEST(GPUDense, BatchAndOneHeadForEachQuery) {
  Problem problem = makeProblem(DType::BF16, 64, true, 130, 200);
  problem.batch = 2;
  problem.queryHeads = 2;
  AttentionCase call(problem, false);
  Program program = call.compile();
  ASSERT_TRUE(program);
  expectRightTwice(call, program.get());
  problem.batch = 0;
  AttentionCase nothing(problem, false);
  EXPECT_EQ(nothing.run(program.get()), "");
}

TEST(GPUDense, StridesAreTakenAsTheyAre) {
  Problem problem = makeProblem(DType::BF16, 128, true, 150, 200);
  problem.batch = 2;
  problem.queryHeads = 2;
  AttentionCase packed(problem, false);
  Program program = packed.compile();
  ASSERT_TRUE(program);
  for (Layout layout : {Layout::HeadsInside, Layout::Padded}) {
    AttentionCase call(problem, false, layout);
    expectRightTwice(call, program.get());
  }
}

TEST(GPUSparse, StridesAreTakenAsTheyAre) {
  Problem problem = makeProblem(DType::F16, 64, true, 150, 300);
  Program program = AttentionCase(problem, true).compile();
  ASSERT_TRUE(program);
  for (Layout layout : {Layout::HeadsInside, Layout::Padded}) {
    AttentionCase call(problem, true, layout);
    expectRightTwice(call, program.get());
  }
}

TEST(GPUSparse, EmptyRowsAreZero) {
  Problem problem = makeProblem(DType::BF16, 64, true, 200, 200);
  AttentionCase call(problem, true);
  Program program = call.compile();
  ASSERT_TRUE(program);
  call.count.assign(call.count.size(), 0);
  call.bits.assign(call.bits.size(), 0);
  call.uploadLists();
  expectRightTwice(call, program.get());
}

//===----------------------------------------------------------------------===//
// Maxima of the first key blocks
//===----------------------------------------------------------------------===//

static Problem makeKept(int64_t headDim, bool causal, int64_t numQueries,
                        int64_t numKeys) {
  Problem problem =
      makeProblem(DType::BF16, headDim, causal, numQueries, numKeys);
  problem.roundsMaximum = true;
  return problem;
}

TEST(GPUKept, AllSizes) {
  for (bool isSparse : {false, true})
    expectAllSizesRight(makeKept(128, true, 1, 1), isSparse, "keep-maximum=1");
  expectAllSizesRight(makeKept(64, false, 1, 1), false, "keep-maximum=1");
}

TEST(GPUKept, ManyBlocks) {
  AttentionCase call(makeKept(128, false, 129, 1100), false);
  Program program = call.compile("keep-maximum=1");
  ASSERT_TRUE(program);
  expectRightTwice(call, program.get());
}

/// Where later scores are far above the first ones, work items are done again:
/// the outputs have the bits that they have without the option.
TEST(GPUKept, ItemsAreDoneAgain) {
  for (bool isSparse : {false, true}) {
    AttentionCase call(makeKept(128, false, 200, 700), isSparse);
    if (isSparse) {
      // All of them list all.
      int64_t blocks = call.problem.getNumKeyBlocks();
      for (size_t i = 0; i < call.index.size(); ++i)
        call.index[i] = i % blocks;
      call.count.assign(call.count.size(), blocks);
      call.bits.assign(call.bits.size(), (1 << blocks) - 1);
      call.uploadLists();
    }
    call.scaleKeys(512, 64);
    Program kept = call.compile("keep-maximum=1");
    Program exact = call.compile();
    ASSERT_TRUE(kept && exact);
    expectRightTwice(call, kept.get());
    std::string outputs = call.getOutputs();
    call.poison();
    ASSERT_EQ(call.run(exact.get()), "");
    EXPECT_EQ(outputs, call.getOutputs());
  }
}
