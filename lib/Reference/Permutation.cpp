//===- Permutation.cpp - Importance and permutation in f64 ----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parallel.h"
#include "pbs/Reference/Reference.h"
#include <cmath>
#include <numeric>

using namespace pbs::reference;

//===----------------------------------------------------------------------===//
// Problem
//===----------------------------------------------------------------------===//

double Problem::getScale() const {
  return scale != 0 ? scale : 1 / std::sqrt(double(headDim));
}

int64_t Problem::getPermHeads() const {
  return !unpermuted && sharing == Sharing::PerQueryHead ? queryHeads : kvHeads;
}

int64_t Problem::getNumQueryBlocks() const {
  return (numQueries + queryBlock - 1) / queryBlock;
}

int64_t Problem::getNumKeyBlocks() const {
  return (numKeys + keyBlock - 1) / keyBlock;
}

//===----------------------------------------------------------------------===//
// Importance
//===----------------------------------------------------------------------===//

/// One step of splitmix64 (Steele, Lea, Flood, OOPSLA 2014).
static uint64_t splitMix64(uint64_t state) {
  uint64_t z = state + 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

std::vector<int64_t> pbs::reference::getProxyRows(const Problem &problem) {
  int64_t numQueries = problem.numQueries;
  int64_t count = std::min(problem.proxyRows, numQueries);
  std::vector<int64_t> rows(count);
  for (int64_t i = 0; i < count; ++i) {
    switch (problem.proxy) {
    case Proxy::LastRows:
      rows[i] = numQueries - count + i;
      break;
    case Proxy::StridedRows:
      rows[i] = numQueries - 1 - (count - 1 - i) * (numQueries / count);
      break;
    case Proxy::RandomRows: {
      uint64_t low = uint64_t(i) * numQueries / count;
      uint64_t high = uint64_t(i + 1) * numQueries / count;
      rows[i] =
          low + splitMix64(uint64_t(problem.proxySeed) + i) % (high - low);
      break;
    }
    }
  }
  return rows;
}

/// Adds the softmax of `scale * row . k_j` over the keys of complete segments
/// to `sum`.
static void addProbabilities(const Problem &problem, const double *row,
                             const float *keys, double *sum) {
  int64_t numKeys = problem.getNumSegmentedKeys(), dim = problem.headDim;
  std::vector<double> x(numKeys);
  double max = -INFINITY, total = 0;
  for (int64_t j = 0; j < numKeys; ++j) {
    double score = 0;
    for (int64_t d = 0; d < dim; ++d)
      score += row[d] * keys[j * dim + d];
    x[j] = score * problem.getScale();
    // A NaN score makes every probability NaN, as in any softmax.
    max = std::isnan(x[j]) || std::isnan(max) ? NAN : std::max(max, x[j]);
  }
  for (double &value : x)
    total += value = std::exp(value - max);
  for (int64_t j = 0; j < numKeys; ++j)
    sum[j] += x[j] / total;
}

std::vector<double> pbs::reference::computeImportance(const Problem &problem,
                                                      const Inputs &inputs) {
  int64_t heads = problem.getPermHeads(), dim = problem.headDim;
  int64_t numKeys = problem.numKeys, numQueries = problem.numQueries;
  int64_t queriesPerHead = problem.queryHeads / heads;
  std::vector<int64_t> rows = getProxyRows(problem);
  std::vector<double> importance(problem.batch * heads * numKeys);
  parallelFor(problem.batch * heads, [&](int64_t item) {
    int64_t batch = item / heads, head = item % heads;
    int64_t kvHead = head * problem.kvHeads / heads;
    const float *keys =
        inputs.k.data() + (batch * problem.kvHeads + kvHead) * numKeys * dim;
    double *sum = importance.data() + item * numKeys;
    auto getQuery = [&](int64_t inGroup, int64_t row, int64_t d) {
      int64_t queryHead = head * queriesPerHead + inGroup;
      return double(
          inputs
              .q[((batch * problem.queryHeads + queryHead) * numQueries + row) *
                     dim +
                 d]);
    };
    std::vector<double> query(dim);
    bool average = problem.sharing == Sharing::AverageQuery;
    int64_t softmaxes = average ? 1 : queriesPerHead;
    for (int64_t row : rows) {
      for (int64_t g = 0; g < softmaxes; ++g) {
        for (int64_t d = 0; d < dim; ++d) {
          query[d] = getQuery(g, row, d);
          for (int64_t other = 1; average && other < queriesPerHead; ++other)
            query[d] += getQuery(other, row, d);
          if (average)
            query[d] /= double(queriesPerHead);
        }
        addProbabilities(problem, query.data(), keys, sum);
      }
    }
    for (int64_t j = 0; j < problem.getNumSegmentedKeys(); ++j)
      sum[j] /= double(rows.size()) * double(softmaxes);
  });
  return importance;
}

//===----------------------------------------------------------------------===//
// Permutation
//===----------------------------------------------------------------------===//

template <typename T>
std::vector<int32_t>
pbs::reference::sortSegments(const Problem &problem,
                             const std::vector<T> &importance) {
  int64_t numKeys = problem.numKeys;
  int64_t rows = problem.batch * problem.getPermHeads();
  std::vector<int32_t> positions(rows * numKeys);
  for (int64_t row = 0; row < rows; ++row) {
    int32_t *begin = positions.data() + row * numKeys;
    std::iota(begin, begin + numKeys, 0);
    if (problem.unpermuted || numKeys <= problem.segment)
      continue;
    const T *values = importance.data() + row * numKeys;
    auto precedes = [&](int32_t a, int32_t b) {
      return !std::isnan(values[a]) &&
             (std::isnan(values[b]) || values[a] > values[b]);
    };
    for (int64_t j = 0; j < problem.getNumSegmentedKeys(); j += problem.segment)
      std::stable_sort(begin + j, begin + j + problem.segment, precedes);
  }
  return positions;
}

template std::vector<int32_t>
pbs::reference::sortSegments(const Problem &, const std::vector<float> &);
template std::vector<int32_t>
pbs::reference::sortSegments(const Problem &, const std::vector<double> &);

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

static std::string locate(const Problem &problem, int64_t row, int64_t key) {
  int64_t heads = problem.getPermHeads();
  return "batch " + std::to_string(row / heads) + ", head " +
         std::to_string(row % heads) + ", key " + std::to_string(key);
}

Check pbs::reference::checkImportance(const Problem &problem,
                                      const Inputs &inputs,
                                      const std::vector<float> &importance) {
  Check check;
  check.bound = 1e-5;
  if (problem.numQueries == 0)
    return check;
  std::vector<double> expected = computeImportance(problem, inputs);
  for (size_t i = 0; i < expected.size(); ++i) {
    int64_t key = i % problem.numKeys;
    if (key >= problem.getNumSegmentedKeys())
      continue;
    double got = importance[i];
    if (std::isnan(expected[i]) && std::isnan(got))
      continue;
    double error = std::abs(got - expected[i]);
    double relative = error <= std::ldexp(1, -126) ? 0 : error / expected[i];
    if (!(relative <= check.error))
      check.error = relative;
    if (!(relative <= check.bound) && check.ok) {
      check.ok = false;
      check.message = "importance of " +
                      locate(problem, i / problem.numKeys, key) +
                      ": expected " + std::to_string(expected[i]) + ", got " +
                      std::to_string(got);
    }
  }
  return check;
}

Check pbs::reference::checkPermutation(const Problem &problem,
                                       const Inputs &inputs,
                                       const std::vector<float> &importance,
                                       const std::vector<int32_t> &positions) {
  Check check;
  check.bound = 2e-5;
  std::vector<int32_t> expected = sortSegments(problem, importance);
  for (size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] == positions[i])
      continue;
    check.ok = false;
    check.error = 1;
    check.message = "position of " +
                    locate(problem, i / problem.numKeys, i % problem.numKeys) +
                    ": expected " + std::to_string(expected[i]) + ", got " +
                    std::to_string(positions[i]);
    return check;
  }
  if (problem.unpermuted || problem.numQueries == 0 ||
      problem.numKeys <= problem.segment)
    return check;

  std::vector<double> exact = computeImportance(problem, inputs);
  for (int64_t row = 0; row < problem.batch * problem.getPermHeads(); ++row) {
    const double *values = exact.data() + row * problem.numKeys;
    const int32_t *order = positions.data() + row * problem.numKeys;
    for (int64_t j = 1; j < problem.getNumSegmentedKeys(); ++j) {
      double before = values[order[j - 1]], after = values[order[j]];
      if (j % problem.segment == 0 || !(after > before))
        continue;
      double error = (after - before - std::ldexp(1, -125)) / after;
      check.error = std::max(check.error, error);
      if (error <= check.bound || !check.ok)
        continue;
      check.ok = false;
      check.message = locate(problem, row, j) + ": importance " +
                      std::to_string(after) + " after " +
                      std::to_string(before);
    }
  }
  return check;
}
