//===- ProxyTest.cpp - Importance of keys on a device
//-----------------------===//
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
using pbs::reference::checkImportance;
using pbs::reference::DType;
using pbs::reference::Inputs;
using pbs::reference::Problem;
using pbs::reference::Sharing;

namespace {
/// Importance by pbs.proxy_stats and pbs.column_importance.
class ImportanceProgram {
public:
  explicit ImportanceProgram(const Problem &problem) : problem(problem) {
    const char *sharings[] = {"share_mean", "average_query", "per_query_head"};
    bool averages = problem.sharing == Sharing::AverageQuery;
    std::string ir = R"(
      !q = tensor<?xHQx?xDIMxTYPE>
      !k = tensor<?xHKx?xDIMxTYPE>
      !stats = tensor<?xHSxROWSx2xf32>
      !importance = tensor<?xHPx?xf32>
      func.func @importance(%q: !q, %k: !k) -> (!importance, !stats) {
        %stats = pbs.proxy_stats %q, %k {POLICY} : (!q, !k) -> !stats
        %i = pbs.column_importance %q, %k, %stats {POLICY}
          : (!q, !k, !stats) -> !importance
        return %i, %stats : !importance, !stats
      })";
    ir =
        replace(ir, "POLICY",
                "segment = " + std::to_string(problem.segment) +
                    " : i64, proxy = #pbs.last_rows<ROWS>, scale = " +
                    std::to_string(problem.getScale()) +
                    " : f64, sharing = #pbs." + sharings[int(problem.sharing)]);
    ir = replace(ir, "HQ", std::to_string(problem.queryHeads));
    ir = replace(ir, "HK", std::to_string(problem.kvHeads));
    statsHeads = averages ? problem.kvHeads : problem.queryHeads;
    ir = replace(ir, "HS", std::to_string(statsHeads));
    ir = replace(ir, "HP", std::to_string(problem.getPermHeads()));
    ir = replace(ir, "DIM", std::to_string(problem.headDim));
    ir = replace(ir, "ROWS", std::to_string(problem.proxyRows));
    ir = replace(ir, "TYPE", problem.dtype == DType::BF16 ? "bf16" : "f16");
    program = compileIR(ir);
  }

  /// Importance of the keys, row-major; `bytes` of all results.
  std::vector<float> run(const Problem &sized, const Inputs &inputs,
                         std::string *bytes = nullptr) {
    pbs_dtype dtype = sized.dtype == DType::BF16 ? PBS_BF16 : PBS_F16;
    Buffer q(dtype,
             {sized.batch, sized.queryHeads, sized.numQueries, sized.headDim});
    Buffer k(dtype, {sized.batch, sized.kvHeads, sized.numKeys, sized.headDim});
    Buffer importance(PBS_F32,
                      {sized.batch, sized.getPermHeads(), sized.numKeys});
    Buffer stats(PBS_F32, {sized.batch, statsHeads, sized.proxyRows, 2});
    q.write(inputs.q);
    k.write(inputs.k);
    EXPECT_EQ(runOnDevice(program.get(), {&q, &k, &importance, &stats}), "");
    if (bytes)
      *bytes = importance.bytes + stats.bytes;
    return importance.read();
  }

  bool isCompiled() const { return program != nullptr; }

private:
  Problem problem;
  int64_t statsHeads = 0;
  Program program{nullptr, pbs_program_destroy};
};
} // namespace

static void expectOk(const pbs::reference::Check &check) {
  EXPECT_TRUE(check.ok) << check.message << " (largest error " << check.error
                        << ", bound " << check.bound << ")";
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

static Problem withSizes(Problem problem, int64_t batch, int64_t numQueries,
                         int64_t numKeys) {
  problem.batch = batch;
  problem.numQueries = numQueries;
  problem.numKeys = numKeys;
  return problem;
}

static void expectRightSizes(const Problem &problem,
                             const std::vector<std::vector<int64_t>> &sizes) {
  ImportanceProgram program(problem);
  ASSERT_TRUE(program.isCompiled());
  uint32_t seed = 1;
  for (const std::vector<int64_t> &size : sizes) {
    Problem sized = withSizes(problem, size[0], size[1], size[2]);
    SCOPED_TRACE("B=" + std::to_string(size[0]) + " M=" +
                 std::to_string(size[1]) + " N=" + std::to_string(size[2]));
    Inputs inputs = makeNormal(sized, seed++);
    std::string bytes, again;
    std::vector<float> importance = program.run(sized, inputs, &bytes);
    expectOk(checkImportance(sized, inputs, importance));
    for (int64_t i = 0; i < int64_t(importance.size()); ++i)
      if (i % sized.numKeys >= sized.getNumSegmentedKeys())
        ASSERT_EQ(importance[i], 0.f);
    program.run(sized, inputs, &again);
    EXPECT_EQ(bytes, again);
  }
}

TEST(GPUImportance, SharedMean) {
  expectRightSizes(makeProblem(DType::BF16, 4, 2, 128),
                   {{1, 300, 1023}, {2, 128, 256}, {1, 5, 700}, {1, 1, 255}});
}

TEST(GPUImportance, SharedMeanF16) {
  expectRightSizes(makeProblem(DType::F16, 3, 1, 64),
                   {{1, 700, 513}, {1, 127, 1024}});
}

TEST(GPUImportance, AverageQuery) {
  Problem problem = makeProblem(DType::BF16, 6, 2, 64);
  problem.sharing = Sharing::AverageQuery;
  expectRightSizes(problem, {{1, 200, 600}});
}

TEST(GPUImportance, PerQueryHead) {
  Problem problem = makeProblem(DType::BF16, 4, 2, 64);
  problem.sharing = Sharing::PerQueryHead;
  expectRightSizes(problem, {{1, 200, 600}});
}

TEST(GPUImportance, OtherSegmentsAndFewRows) {
  Problem problem = makeProblem(DType::BF16, 2, 2, 64);
  problem.segment = 128;
  problem.proxyRows = 40;
  problem.scale = -0.3;
  expectRightSizes(problem, {{1, 100, 700}, {1, 30, 128}});
  problem.segment = 512;
  problem.scale = 0.2;
  expectRightSizes(problem, {{1, 100, 1100}});
}

TEST(GPUImportance, NaNAndInfinity) {
  Problem problem = withSizes(makeProblem(DType::BF16, 2, 1, 64), 1, 140, 600);
  ImportanceProgram program(problem);
  ASSERT_TRUE(program.isCompiled());
  for (float bad : {NAN, INFINITY, -INFINITY}) {
    for (bool inQuery : {false, true}) {
      Inputs inputs = makeNormal(problem, 5);
      (inQuery ? inputs.q[(140 + 20) * 64 + 3] : inputs.k[300 * 64 + 7]) = bad;
      expectOk(checkImportance(problem, inputs, program.run(problem, inputs)));
    }
  }
}
