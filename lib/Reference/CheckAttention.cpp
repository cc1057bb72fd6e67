//===- CheckAttention.cpp - Checks of the output of attention -------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parallel.h"
#include "pbs/Reference/Reference.h"
#include <cmath>
#include <mutex>

using namespace pbs::reference;

/// Half the distance of f32 numbers at 1.
static const double kUnitRoundoff = std::ldexp(1, -24);

/// Largest norm of the rows of a tensor.
static double getMaxNorm(const std::vector<float> &values, int64_t dim) {
  double max = 0;
  for (size_t i = 0; i < values.size(); i += dim) {
    double norm = std::sqrt(dot(&values[i], &values[i], dim));
    // Rows that are not finite are compared apart.
    if (std::isfinite(norm))
      max = std::max(max, norm);
  }
  return max;
}

/// 4u(1+X): rounding of scores of size X.
static double getScoreRounding(const Problem &problem, const Inputs &inputs) {
  double size = std::abs(problem.getScale()) *
                getMaxNorm(inputs.q, problem.headDim) *
                getMaxNorm(inputs.k, problem.headDim);
  return 4 * kUnitRoundoff * (1 + size);
}

static std::string locate(int64_t item, const Problem &problem, int64_t row) {
  return "batch " + std::to_string(item / problem.queryHeads) + ", head " +
         std::to_string(item % problem.queryHeads) + ", row " +
         std::to_string(row);
}

/// Calls `visit(item, i, row)` for the sampled rows of all heads; `item`
/// numbers batch and query head.
template <typename Visit>
static void forEachRow(const Problem &problem, const Inputs &inputs,
                       const std::vector<int32_t> &positions,
                       const std::vector<int32_t> &list, int64_t maxRows,
                       const Visit &visit) {
  std::vector<int64_t> rows = sampleRows(problem.numQueries, maxRows);
  std::mutex mutex;
  int64_t numItems = problem.batch * problem.queryHeads;
  parallelFor(numItems * int64_t(rows.size()), [&](int64_t n) {
    int64_t item = n / rows.size(), i = rows[n % rows.size()];
    Row row =
        computeRow(problem, inputs, positions, list, item / problem.queryHeads,
                   item % problem.queryHeads, i);
    std::lock_guard<std::mutex> lock(mutex);
    visit(item, i, row);
  });
}

/// Takes an error into `check`.
static void record(Check &check, double error, const std::string &what,
                   double expected, double got) {
  // A NaN stays.
  if (!std::isnan(check.error) && !(error <= check.error))
    check.error = error;
  if (error <= check.bound || !check.ok)
    return;
  check.ok = false;
  check.message = what + ": expected " + std::to_string(expected) + ", got " +
                  std::to_string(got) + ", error " + std::to_string(error);
}

Check pbs::reference::checkOutput(const Problem &problem, const Inputs &inputs,
                                  const std::vector<int32_t> &positions,
                                  const std::vector<int32_t> &list,
                                  const std::vector<float> &output,
                                  int64_t maxRows) {
  Check check;
  check.bound = getScoreRounding(problem, inputs);
  if (problem.dtype == DType::BF16)
    check.bound += problem.roundsMaximum         ? 6e-3
                   : problem.roundsProbabilities ? 4e-3
                                                 : 3e-3;
  if (problem.dtype == DType::F16)
    check.bound += problem.roundsProbabilities ? 5e-4 : 4e-4;
  int64_t dim = problem.headDim;
  forEachRow(
      problem, inputs, positions, list, maxRows,
      [&](int64_t item, int64_t i, const Row &row) {
        const float *got =
            output.data() + (item * problem.numQueries + i) * dim;
        double error = 0, norm = 0, gotNorm = 0;
        for (int64_t d = 0; d < dim; ++d) {
          error += (got[d] - row.output[d]) * (got[d] - row.output[d]);
          norm += row.output[d] * row.output[d];
          gotNorm += double(got[d]) * got[d];
        }
        // Where the reference is not finite, so is the output.
        if (!std::isfinite(norm) && !std::isfinite(gotNorm))
          return;
        double relative = error == 0 ? 0 : std::sqrt(error) / std::sqrt(norm);
        record(check, relative, "norm of output of " + locate(item, problem, i),
               std::sqrt(norm), std::sqrt(gotNorm));
      });
  return check;
}

Check pbs::reference::checkLse(const Problem &problem, const Inputs &inputs,
                               const std::vector<int32_t> &positions,
                               const std::vector<int32_t> &list,
                               const std::vector<float> &lse, int64_t maxRows) {
  Check check;
  check.bound = problem.dtype == DType::F32
                    ? getScoreRounding(problem, inputs) + std::ldexp(1, -20)
                    : 1e-3;
  forEachRow(problem, inputs, positions, list, maxRows,
             [&](int64_t item, int64_t i, const Row &row) {
               double got = lse[item * problem.numQueries + i];
               if (got == row.lse || (std::isnan(got) && std::isnan(row.lse)))
                 return;
               double error = std::abs(got - row.lse);
               record(check, std::isnan(error) ? INFINITY : error,
                      "lse of " + locate(item, problem, i), row.lse, got);
             });
  return check;
}

double pbs::reference::computeCoveredMass(const Problem &problem,
                                          const Inputs &inputs,
                                          const std::vector<int32_t> &positions,
                                          const std::vector<int32_t> &list,
                                          int64_t maxRows) {
  double sum = 0;
  int64_t count = 0;
  forEachRow(problem, inputs, positions, list, maxRows,
             [&](int64_t, int64_t, const Row &row) {
               sum += row.covered;
               ++count;
             });
  return count == 0 ? 1 : sum / double(count);
}
