//===- PermuteTest.cpp - Permuted keys and values on a device -------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionCase.h"
#include "IRProgram.h"
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace pbs::test;
using pbs::reference::Check;
using pbs::reference::checkImportance;
using pbs::reference::checkPermutation;
using pbs::reference::DType;
using pbs::reference::Inputs;
using pbs::reference::Problem;
using pbs::reference::Sharing;

namespace {
/// What the permutation of keys and values gives.
struct Permuted {
  std::vector<float> key, value, pool, importance;
  std::vector<int32_t> positions, ranges;
  /// The bits of all but the means, which kernels add up in an order of their
  /// own.
  std::string bytes;
};

/// Importance, sort, gather and pools of keys.
class PermuteProgram {
public:
  PermuteProgram(const Problem &problem, bool fuse) {
    const char *sharings[] = {"share_mean", "average_query", "per_query_head"};
    std::string ir = R"(
      !q = tensor<?xHQx?xDIMxTYPE>
      !k = tensor<?xHKx?xDIMxTYPE>
      !kp = tensor<?xHPx?xDIMxTYPE>
      !stats = tensor<?xHSx128x2xf32>
      !row = tensor<?xHPx?xf32>
      !p = !pbs.permutation<?xHPx?, segment = SEGMENT>
      !kv = !pbs.permuted_kv<?xHPx?xDIMxTYPE, block = 128, segment = SEGMENT>
      !positions = tensor<?xHPx?xi32>
      !ranges = tensor<?xHPx?x2xi32>
      !pool = tensor<?xHPx?xDIMxf32>
      func.func @permute(%q: !q, %k: !k, %v: !k)
          -> (!kp, !kp, !positions, !ranges, !pool, !row) {
        %stats = pbs.proxy_stats %q, %k
          {segment = SEGMENT : i64, sharing = #pbs.SHARING} : (!q, !k) -> !stats
        %i = pbs.column_importance %q, %k, %stats
          {segment = SEGMENT : i64, sharing = #pbs.SHARING}
          : (!q, !k, !stats) -> !row
        %p = pbs.sort_segments %i : (!row) -> !p
        %kv = pbs.permute_kv %k, %v, %p : (!k, !k, !p) -> !kv
        %key, %value, %positions, %ranges = pbs.unpack_kv %kv
          : (!kv) -> (!kp, !kp, !positions, !ranges)
        %pool = pbs.pool %key : (!kp) -> !pool
        return %key, %value, %positions, %ranges, %pool, %i
          : !kp, !kp, !positions, !ranges, !pool, !row
      })";
    ir = replace(ir, "SEGMENT", std::to_string(problem.segment));
    ir = replace(ir, "SHARING", sharings[int(problem.sharing)]);
    ir = replace(ir, "HQ", std::to_string(problem.queryHeads));
    ir = replace(ir, "HK", std::to_string(problem.kvHeads));
    ir = replace(ir, "HS",
                 std::to_string(problem.sharing == Sharing::AverageQuery
                                    ? problem.kvHeads
                                    : problem.queryHeads));
    ir = replace(ir, "HP", std::to_string(problem.getPermHeads()));
    ir = replace(ir, "DIM", std::to_string(problem.headDim));
    ir = replace(ir, "TYPE", problem.dtype == DType::BF16 ? "bf16" : "f16");
    program = compileIR(ir, fuse ? "fuse=true" : "fuse=false");
  }

  bool isCompiled() const { return program != nullptr; }

  Permuted run(const Problem &sized, const Inputs &inputs) {
    pbs_dtype dtype = sized.dtype == DType::BF16 ? PBS_BF16 : PBS_F16;
    int64_t heads = sized.getPermHeads(), dim = sized.headDim;
    int64_t blocks = sized.getNumKeyBlocks();
    Buffer q(dtype,
             {sized.batch, sized.queryHeads, sized.numQueries, sized.headDim});
    Buffer k(dtype, {sized.batch, sized.kvHeads, sized.numKeys, dim});
    Buffer v(dtype, k.shape);
    Buffer key(dtype, {sized.batch, heads, sized.numKeys, dim});
    Buffer value(dtype, key.shape);
    Buffer positions(PBS_I32, {sized.batch, heads, sized.numKeys});
    Buffer ranges(PBS_I32, {sized.batch, heads, blocks, 2});
    Buffer pool(PBS_F32, {sized.batch, heads, blocks, dim});
    Buffer importance(PBS_F32, {sized.batch, heads, sized.numKeys});
    q.write(inputs.q);
    k.write(inputs.k);
    v.write(inputs.v);
    std::string keysBefore = k.bytes;
    EXPECT_EQ(runOnDevice(program.get(), {&q, &k, &v, &key, &value, &positions,
                                          &ranges, &pool, &importance}),
              "");
    EXPECT_EQ(keysBefore, k.bytes);
    return {key.read(),
            value.read(),
            pool.read(),
            importance.read(),
            positions.readInts(),
            ranges.readInts(),
            key.bytes + value.bytes + positions.bytes + ranges.bytes +
                importance.bytes};
  }

private:
  Program program{nullptr, pbs_program_destroy};
};
} // namespace

static void expectOk(const Check &check) {
  EXPECT_TRUE(check.ok) << check.message << " (largest error " << check.error
                        << ", bound " << check.bound << ")";
}

/// What follows from the positions.
static void expectMoved(const Problem &problem, const Inputs &inputs,
                        const Permuted &got) {
  int64_t heads = problem.getPermHeads(), dim = problem.headDim;
  int64_t numKeys = problem.numKeys, blocks = problem.getNumKeyBlocks();
  for (int64_t item = 0; item < problem.batch * heads; ++item) {
    int64_t kvRow =
        item / heads * problem.kvHeads + item % heads * problem.kvHeads / heads;
    for (int64_t block = 0; block < blocks; ++block) {
      int64_t begin = block * 128, end = std::min(begin + 128, numKeys);
      int32_t low = INT32_MAX, high = -1;
      std::vector<double> sum(dim), magnitude(dim);
      for (int64_t j = begin; j < end; ++j) {
        int32_t from = got.positions[item * numKeys + j];
        low = std::min(low, from);
        high = std::max(high, from);
        for (int64_t d = 0; d < dim; ++d) {
          int64_t to = (item * numKeys + j) * dim + d;
          int64_t source = (kvRow * numKeys + from) * dim + d;
          ASSERT_EQ(got.key[to], inputs.k[source]);
          ASSERT_EQ(got.value[to], inputs.v[source]);
          sum[d] += got.key[to];
          magnitude[d] += std::abs(got.key[to]);
        }
      }
      ASSERT_EQ(got.ranges[(item * blocks + block) * 2], low);
      ASSERT_EQ(got.ranges[(item * blocks + block) * 2 + 1], high);
      for (int64_t d = 0; d < dim; ++d)
        ASSERT_NEAR(got.pool[(item * blocks + block) * dim + d],
                    sum[d] / double(end - begin),
                    std::ldexp(magnitude[d] / double(end - begin), -20));
    }
  }
}

static Problem makeProblem(DType dtype, int64_t queryHeads, int64_t kvHeads,
                           int64_t dim) {
  Problem problem;
  problem.dtype = dtype;
  problem.queryHeads = queryHeads;
  problem.kvHeads = kvHeads;
  problem.headDim = dim;
  return problem;
}

/// Fused and unfused are right and have the same bits, except for means.
static void expectRightSizes(const Problem &problem,
                             const std::vector<std::vector<int64_t>> &sizes) {
  PermuteProgram fused(problem, true), unfused(problem, false);
  ASSERT_TRUE(fused.isCompiled() && unfused.isCompiled());
  uint32_t seed = 1;
  for (const std::vector<int64_t> &size : sizes) {
    Problem sized = problem;
    sized.batch = size[0];
    sized.numQueries = size[1];
    sized.numKeys = size[2];
    SCOPED_TRACE("B=" + std::to_string(size[0]) + " M=" +
                 std::to_string(size[1]) + " N=" + std::to_string(size[2]));
    Inputs inputs = makeNormal(sized, seed++);
    Permuted got = fused.run(sized, inputs);
    expectOk(checkImportance(sized, inputs, got.importance));
    expectOk(checkPermutation(sized, inputs, got.importance, got.positions));
    expectMoved(sized, inputs, got);
    EXPECT_TRUE(got.bytes == unfused.run(sized, inputs).bytes);
  }
}

TEST(GPUPermute, SharedMean) {
  expectRightSizes(makeProblem(DType::BF16, 4, 2, 128),
                   {{1, 200, 1023}, {2, 128, 513}, {1, 5, 256}, {1, 1, 700}});
}

TEST(GPUPermute, F16) {
  expectRightSizes(makeProblem(DType::F16, 2, 2, 64),
                   {{1, 300, 511}, {1, 127, 129}, {1, 128, 1}});
}

TEST(GPUPermute, PerQueryHeadAndLongSegments) {
  Problem problem = makeProblem(DType::BF16, 4, 2, 64);
  problem.sharing = Sharing::PerQueryHead;
  problem.segment = 512;
  expectRightSizes(problem, {{1, 130, 1100}});
}

TEST(GPUPermute, SegmentsThatFillSharedMemory) {
  Problem problem = makeProblem(DType::BF16, 2, 1, 128);
  problem.segment = 512;
  expectRightSizes(problem, {{1, 130, 1100}});
}

TEST(GPUPermute, AverageQueryAndShortSegments) {
  Problem problem = makeProblem(DType::BF16, 4, 2, 64);
  problem.sharing = Sharing::AverageQuery;
  problem.segment = 128;
  expectRightSizes(problem, {{1, 130, 400}});
}

TEST(GPUPermute, EqualImportance) {
  Problem problem = makeProblem(DType::BF16, 1, 1, 64);
  problem.batch = 1;
  problem.numQueries = 128;
  problem.numKeys = 768;
  PermuteProgram program(problem, true);
  ASSERT_TRUE(program.isCompiled());
  Inputs inputs = makeInputs(problem, [](char tensor, size_t i) {
    return tensor == 'v' ? float(i % 7) : 0.f;
  });
  Permuted got = program.run(problem, inputs);
  for (int32_t j = 0; j < 768; ++j)
    ASSERT_EQ(got.positions[j], j);
}

TEST(GPUPermute, NaNLast) {
  Problem problem = makeProblem(DType::BF16, 1, 1, 64);
  problem.batch = 1;
  problem.numQueries = 128;
  problem.numKeys = 600;
  PermuteProgram program(problem, true);
  ASSERT_TRUE(program.isCompiled());
  Inputs inputs = makeNormal(problem, 9);
  inputs.k[70 * 64 + 1] = NAN;
  Permuted got = program.run(problem, inputs);
  expectOk(checkPermutation(problem, inputs, got.importance, got.positions));
}
