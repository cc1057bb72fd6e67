//===- ScoreTest.cpp - Score regions --------------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Harness.h"
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

using namespace pbs::test;
using pbs::reference::Inputs;
using pbs::reference::Problem;

static Program compileText(const std::string &ir) {
  pbs_compile_options options = {};
  options.struct_size = sizeof(options);
  options.no_cache = 1;
  pbs_program_t program = nullptr;
  EXPECT_EQ(pbs_program_compile(ir.data(), ir.size(), &options, &program),
            PBS_OK)
      << pbs_last_error();
  return Program(program, pbs_program_destroy);
}

namespace {
struct ScoreTest : testing::Test {
  ScoreTest() {
    problem.batch = 2;
    problem.queryHeads = 4;
    problem.kvHeads = 2;
    problem.headDim = 64;
    problem.numQueries = 200;
    problem.numKeys = 333;
    inputs = makeNormal(problem, 5);
    for (int64_t row = 0; row < problem.batch * problem.kvHeads; ++row)
      for (int32_t j = 0; j < problem.numKeys; ++j)
        positions.push_back(j);
  }

  /// Runs `ir` on q, k, v and, if not empty, `moved`, where key j is key
  /// `moved[j]` of the inputs, and checks output and LSE.
  void expectRight(const std::string &ir, const Inputs &given,
                   const std::vector<int32_t> *moved = nullptr) {
    Program program = compileText(ir);
    ASSERT_TRUE(program);
    Buffer q(PBS_F32, {2, 4, 200, 64}), k(PBS_F32, {2, 2, 333, 64}),
        v(PBS_F32, {2, 2, 333, 64}), o(PBS_F32, {2, 4, 200, 64}),
        lse(PBS_F32, {2, 4, 200}), p(PBS_I32, {2, 2, 333});
    q.write(given.q);
    k.write(given.k);
    v.write(given.v);
    std::vector<Buffer *> arguments = {&q, &k, &v};
    if (moved) {
      p.write(*moved);
      arguments.push_back(&p);
    }
    arguments.insert(arguments.end(), {&o, &lse});
    ASSERT_EQ(run(program.get(), arguments), "");
    const std::vector<int32_t> &order = moved ? *moved : positions;
    std::vector<int32_t> list = pbs::reference::listAll(problem);
    for (const auto &check :
         {pbs::reference::checkOutput(problem, inputs, order, list, o.read()),
          pbs::reference::checkLse(problem, inputs, order, list, lse.read())})
      EXPECT_TRUE(check.ok)
          << check.message << ": " << check.error << " > " << check.bound;
  }

  Problem problem;
  Inputs inputs;
  std::vector<int32_t> positions;
};
} // namespace

TEST_F(ScoreTest, CapsScoresByTanh) {
  problem.score = [](double x, int64_t, int64_t, int64_t, int64_t) {
    return 1.5 * std::tanh(x / 1.5);
  };
  expectRight(R"(
    func.func @f(%q: tensor<2x4x?x64xf32>, %k: tensor<2x2x?x64xf32>,
                 %v: tensor<2x2x?x64xf32>)
        -> (tensor<2x4x?x64xf32>, tensor<2x4x?xf32>) {
      %o, %lse = pbs.attention %q, %k, %v {causal}
        score (%x, %b, %h, %p, %j) {
          %cap = arith.constant 1.5 : f32
          %y = arith.divf %x, %cap : f32
          %t = math.tanh %y : f32
          %s = arith.mulf %t, %cap : f32
          pbs.yield %s
        }
        : (tensor<2x4x?x64xf32>, tensor<2x2x?x64xf32>, tensor<2x2x?x64xf32>)
        -> (tensor<2x4x?x64xf32>, tensor<2x4x?xf32>)
      return %o, %lse : tensor<2x4x?x64xf32>, tensor<2x4x?xf32>
    })",
              inputs);
}

TEST_F(ScoreTest, AddsAlibiByOriginalPositionsAndHidesByMinusInfinity) {
  // Slopes differ by head and by batch; rows 60 to 69 see nothing.
  problem.score = [&](double x, int64_t b, int64_t h, int64_t p, int64_t j) {
    int64_t row = p - 133;
    if (row >= 60 && row < 70)
      return -double(INFINITY);
    return x + std::exp2(-2.0 * (h + 1)) * double(j - p) + 0.25 * b;
  };
  // Keys in reverse order inside segments of 256.
  std::vector<int32_t> moved = positions;
  Inputs given = inputs;
  for (int64_t row = 0; row < 4; ++row)
    for (int64_t j = 0; j < 256; ++j) {
      moved[row * 333 + j] = 255 - j;
      for (int64_t d = 0; d < 64; ++d) {
        int64_t to = (row * 333 + j) * 64 + d;
        int64_t from = (row * 333 + 255 - j) * 64 + d;
        given.k[to] = inputs.k[from];
        given.v[to] = inputs.v[from];
      }
    }
  expectRight(R"(
    !kv = !pbs.permuted_kv<2x2x?x64xf32, block = 128, segment = 256>
    !list = !pbs.block_list<2x4x?x?, block = 128x128, segment = 256, causal>
    func.func @f(%q: tensor<2x4x?x64xf32>, %k: tensor<2x2x?x64xf32>,
                 %v: tensor<2x2x?x64xf32>, %pos: tensor<2x2x?xi32>)
        -> (tensor<2x4x?x64xf32>, tensor<2x4x?xf32>) {
      %kv = pbs.kv_from_positions %k, %v, %pos
        : (tensor<2x2x?x64xf32>, tensor<2x2x?x64xf32>, tensor<2x2x?xi32>)
        -> !kv
      %list = pbs.full_block_list %q, %kv
        : (tensor<2x4x?x64xf32>, !kv) -> !list
      %o, %lse = pbs.sparse_attention %q, %kv, %list {causal}
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
          %x1 = arith.addf %x, %bias : f32
          %bf = arith.sitofp %b : i32 to f32
          %quarter = arith.constant 0.25 : f32
          %x2 = math.fma %bf, %quarter, %x1 : f32
          %c193 = arith.constant 193 : i32
          %c10 = arith.constant 10 : i32
          %r = arith.subi %p, %c193 : i32
          %hidden = arith.cmpi ult, %r, %c10 : i32
          %none = arith.constant 0xFF800000 : f32
          %s = arith.select %hidden, %none, %x2 : f32
          pbs.yield %s
        }
        : (tensor<2x4x?x64xf32>, !kv, !list)
        -> (tensor<2x4x?x64xf32>, tensor<2x4x?xf32>)
      return %o, %lse : tensor<2x4x?x64xf32>, tensor<2x4x?xf32>
    })",
              given, &moved);
}
