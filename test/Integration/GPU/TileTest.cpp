//===- TileTest.cpp - Kernels that exist by way of tiles only -------------===//
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
using pbs::reference::DType;
using pbs::reference::Inputs;
using pbs::reference::Problem;

//===----------------------------------------------------------------------===//
// Pools
//===----------------------------------------------------------------------===//

/// Means of blocks against sums in f64.
static void expectPoolsRight(pbs_dtype dtype, const char *element, int64_t dim,
                             int64_t block) {
  std::string ir = R"(
    func.func @pool(%k: tensor<2x3x?xDIMxTYPE>) -> tensor<2x3x?xDIMxf32> {
      %p = pbs.pool %k {block = BLOCK : i64}
        : (tensor<2x3x?xDIMxTYPE>) -> tensor<2x3x?xDIMxf32>
      return %p : tensor<2x3x?xDIMxf32>
    })";
  ir = replace(ir, "DIM", std::to_string(dim));
  ir = replace(ir, "TYPE", element);
  ir = replace(ir, "BLOCK", std::to_string(block));
  Program program = compileIR(ir);
  ASSERT_TRUE(program);
  for (int64_t rows : {int64_t(1), block, 2 * block + 5, int64_t(0)}) {
    int64_t blocks = (rows + block - 1) / block;
    Buffer source(dtype, {2, 3, rows, dim});
    Buffer result(PBS_F32, {2, 3, blocks, dim});
    std::vector<float> values(6 * rows * dim);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = std::sin(0.37 * i) + 0.1;
    source.write(values);
    values = source.read();
    ASSERT_EQ(runOnDevice(program.get(), {&source, &result}), "");
    std::vector<float> got = result.read();
    for (int64_t head = 0; head < 6; ++head)
      for (int64_t c = 0; c < blocks; ++c)
        for (int64_t d = 0; d < dim; ++d) {
          int64_t end = std::min(rows, (c + 1) * block);
          double sum = 0;
          for (int64_t j = c * block; j < end; ++j)
            sum += values[(head * rows + j) * dim + d];
          double mean = sum / (end - c * block);
          // 128 additions of numbers up to 1.1.
          ASSERT_NEAR(got[(head * blocks + c) * dim + d], mean, 1e-6)
              << "rows " << rows << ", head " << head << ", block " << c
              << ", column " << d;
        }
  }
}

TEST(GPUTiles, PoolBF16) { expectPoolsRight(PBS_BF16, "bf16", 128, 128); }
TEST(GPUTiles, PoolF16) { expectPoolsRight(PBS_F16, "f16", 64, 128); }
TEST(GPUTiles, PoolF32) { expectPoolsRight(PBS_F32, "f32", 128, 64); }
TEST(GPUTiles, PoolShortBlocks) { expectPoolsRight(PBS_F32, "f32", 64, 32); }

/// Pools of a bf16 tensor with `padding` elements behind each row, at an
/// address of `offset` bytes past one that is aligned. The message of the
/// library, empty on success.
static std::string poolStrided(int64_t rows, int64_t padding, size_t offset) {
  Program program = compileIR(R"(
    func.func @pool(%k: tensor<1x2x?x64xbf16> {pbs.name = "k"})
        -> tensor<1x2x?x64xf32> {
      %p = pbs.pool %k : (tensor<1x2x?x64xbf16>) -> tensor<1x2x?x64xf32>
      return %p : tensor<1x2x?x64xf32>
    })");
  if (!program)
    return "no program";
  Buffer source(PBS_BF16, {1, 2, rows, 64}, {0, 1, 2, 3}, padding);
  Buffer result(PBS_F32, {1, 2, (rows + 127) / 128, 64});
  source.write(std::vector<float>(2 * rows * 64, 1.0f));
  DeviceTensor from(source), to(result);
  from.upload();
  to.upload();
  pbs_tensor arguments[] = {from.get(), to.get()};
  arguments[0].data = static_cast<char *>(arguments[0].data) + offset;
  if (pbs_program_run(program.get(), arguments, 2, nullptr) != PBS_OK)
    return pbs_last_error();
  const Device &device = Device::get();
  device.check(device.ctxSynchronize(), "cuCtxSynchronize");
  to.download();
  for (float mean : result.read())
    EXPECT_EQ(mean, 1.0f);
  return "";
}

// Rows are read by vectors of 16 bytes.
TEST(GPUTiles, VectorsOfUnalignedRowsAreRefused) {
  EXPECT_EQ(poolStrided(200, 8, 0), "");
  EXPECT_EQ(poolStrided(200, 4, 0),
            "argument 'k': expected strides of multiples of 8 elements (16 "
            "bytes), got 68 in dimension 2");
  std::string error = poolStrided(200, 0, 2);
  EXPECT_NE(error.find("argument 'k': expected an address aligned to 16 bytes, "
                       "got 0x"),
            std::string::npos)
      << error;
  // Nothing is read.
  EXPECT_EQ(poolStrided(0, 4, 2), "");
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// Dense attention of bf16, D = 64, with the text `more` behind the operands.
static void expectDenseRight(const Problem &problem, const std::string &more) {
  std::string ir = R"(
    !q = tensor<1x4x?x64xbf16>
    !kv = tensor<1x2x?x64xbf16>
    func.func @dense(%q: !q, %k: !kv, %v: !kv) -> (!q, tensor<1x4x?xf32>) {
      %o, %lse = pbs.attention %q, %k, %v MORE
        : (!q, !kv, !kv) -> (!q, tensor<1x4x?xf32>)
      return %o, %lse : !q, tensor<1x4x?xf32>
    })";
  Program program = compileIR(replace(ir, "MORE", more));
  ASSERT_TRUE(program);
  Inputs inputs = makeNormal(problem, 3);
  Buffer q(PBS_BF16, {1, 4, problem.numQueries, 64}), o(PBS_BF16, q.shape),
      k(PBS_BF16, {1, 2, problem.numKeys, 64}), v(PBS_BF16, k.shape),
      lse(PBS_F32, {1, 4, problem.numQueries});
  q.write(inputs.q);
  k.write(inputs.k);
  v.write(inputs.v);
  ASSERT_EQ(runOnDevice(program.get(), {&q, &k, &v, &o, &lse}), "");
  std::vector<int32_t> positions;
  for (int head = 0; head < 2; ++head)
    for (int32_t j = 0; j < problem.numKeys; ++j)
      positions.push_back(j);
  std::vector<int32_t> list = pbs::reference::listAll(problem);
  auto output =
      pbs::reference::checkOutput(problem, inputs, positions, list, o.read());
  // Probabilities are rounded to bf16.
  EXPECT_LE(output.error, output.bound + 1e-3) << output.message;
  auto rows =
      pbs::reference::checkLse(problem, inputs, positions, list, lse.read());
  EXPECT_TRUE(rows.ok) << rows.message << ": " << rows.error;
}

TEST(GPUTiles, ScoreRegionCapsByTanh) {
  Problem problem = makeProblem(DType::BF16, 64, true, 150, 300);
  problem.score = [](double x, int64_t, int64_t, int64_t, int64_t) {
    return 1.5 * std::tanh(x / 1.5);
  };
  expectDenseRight(problem, R"({causal}
    score (%x, %b, %h, %p, %j) {
      %cap = arith.constant 1.5 : f32
      %y = arith.divf %x, %cap : f32
      %t = math.tanh %y : f32
      %s = arith.mulf %t, %cap : f32
      pbs.yield %s
    })");
}

TEST(GPUTiles, ScoreRegionAddsAlibiAndHidesRowsAndKeys) {
  // Keys further than 70 behind are hidden, and all keys from rows 10 to 19.
  Problem problem = makeProblem(DType::BF16, 64, true, 150, 300);
  problem.score = [](double x, int64_t, int64_t h, int64_t p, int64_t j) {
    if (p - j > 70 || (p >= 160 && p < 170))
      return -double(INFINITY);
    return x + std::exp2(-2.0 * (h + 1)) * double(j - p);
  };
  expectDenseRight(problem, R"({causal}
    score (%x, %b, %h, %p, %j) {
      %c1 = arith.constant 1 : i32
      %h1 = arith.addi %h, %c1 : i32
      %hf = arith.sitofp %h1 : i32 to f32
      %m2 = arith.constant -2.0 : f32
      %e = arith.mulf %hf, %m2 : f32
      %slope = math.exp2 %e : f32
      %d = arith.subi %j, %p : i32
      %df = arith.sitofp %d : i32 to f32
      %bias = arith.mulf %df, %slope : f32
      %y = arith.addf %x, %bias : f32
      %m70 = arith.constant -70 : i32
      %far = arith.cmpi slt, %d, %m70 : i32
      %c160 = arith.constant 160 : i32
      %c10 = arith.constant 10 : i32
      %r = arith.subi %p, %c160 : i32
      %row = arith.cmpi ult, %r, %c10 : i32
      %hidden = arith.ori %far, %row : i1
      %none = arith.constant 0xFF800000 : f32
      %s = arith.select %hidden, %none, %y : f32
      pbs.yield %s
    })");
}

TEST(GPUTiles, ScalesThatAreNotPositive) {
  Problem problem = makeProblem(DType::BF16, 64, false, 150, 200);
  for (double scale : {-0.125, 0.0}) {
    // A scale of 0 in a problem stands for the default.
    problem.scale = scale;
    if (scale == 0)
      problem.score = [](double, int64_t, int64_t, int64_t, int64_t) {
        return 0.0;
      };
    expectDenseRight(problem, "{scale = " + std::to_string(scale) + " : f64}");
  }
}

TEST(GPUTiles, LseAlone) {
  Problem problem = makeProblem(DType::BF16, 64, true, 150, 300);
  Program program = compileIR(R"(
    func.func @lse(%q: tensor<1x4x?x64xbf16>, %k: tensor<1x2x?x64xbf16>,
                   %v: tensor<1x2x?x64xbf16>) -> tensor<1x4x?xf32> {
      %o, %lse = pbs.attention %q, %k, %v {causal}
        : (tensor<1x4x?x64xbf16>, tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>)
        -> (tensor<1x4x?x64xbf16>, tensor<1x4x?xf32>)
      return %lse : tensor<1x4x?xf32>
    })",
                              "");
  ASSERT_TRUE(program);
  Inputs inputs = makeNormal(problem, 3);
  Buffer q(PBS_BF16, {1, 4, 150, 64}), k(PBS_BF16, {1, 2, 300, 64}),
      v(PBS_BF16, {1, 2, 300, 64}), lse(PBS_F32, {1, 4, 150});
  q.write(inputs.q);
  k.write(inputs.k);
  v.write(inputs.v);
  ASSERT_EQ(runOnDevice(program.get(), {&q, &k, &v, &lse}), "");
  std::vector<int32_t> positions;
  for (int head = 0; head < 2; ++head)
    for (int32_t j = 0; j < 300; ++j)
      positions.push_back(j);
  auto check = pbs::reference::checkLse(
      problem, inputs, positions, pbs::reference::listAll(problem), lse.read());
  EXPECT_TRUE(check.ok) << check.message << ": " << check.error;
}
