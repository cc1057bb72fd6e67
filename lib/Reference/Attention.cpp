//===- Attention.cpp - Attention over listed blocks in f64 ----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parallel.h"
#include "pbs/Reference/Reference.h"
#include <cmath>

using namespace pbs::reference;

Row pbs::reference::computeRow(const Problem &problem, const Inputs &inputs,
                               const std::vector<int32_t> &positions,
                               const std::vector<int32_t> &list, int64_t batch,
                               int64_t queryHead, int64_t i) {
  int64_t dim = problem.headDim, numKeys = problem.numKeys;
  int64_t heads = problem.queryHeads, permHeads = problem.getPermHeads();
  int64_t row = batch * heads + queryHead;
  int64_t permRow = batch * permHeads + queryHead * permHeads / heads;
  int64_t kvRow = batch * problem.kvHeads + queryHead * problem.kvHeads / heads;
  const int32_t *position = positions.data() + permRow * numKeys;
  const float *query = inputs.q.data() + (row * problem.numQueries + i) * dim;
  const float *keys = inputs.k.data() + kvRow * numKeys * dim;
  const float *values = inputs.v.data() + kvRow * numKeys * dim;
  const int32_t *bits = list.data() + (row * problem.getNumQueryBlocks() +
                                       i / problem.queryBlock) *
                                          problem.getNumWords();

  // Indices of visible keys in permuted order, and their scores.
  std::vector<double> scores(numKeys, -INFINITY);
  std::vector<bool> isListed(numKeys);
  double max = -INFINITY, maxAll = -INFINITY;
  for (int64_t j = 0; j < numKeys; ++j) {
    if (problem.causal && position[j] > problem.getPosition(i))
      continue;
    int64_t block = j / problem.keyBlock;
    isListed[j] = uint32_t(bits[block / 32]) >> (block % 32) & 1;
    scores[j] = problem.getScale() * dot(query, keys + position[j] * dim, dim);
    if (problem.score)
      scores[j] = problem.score(scores[j], batch, queryHead,
                                problem.getPosition(i), position[j]);
    auto grow = [&](double &limit) {
      limit = std::isnan(scores[j]) || std::isnan(limit)
                  ? NAN
                  : std::max(limit, scores[j]);
    };
    grow(maxAll);
    if (isListed[j])
      grow(max);
  }

  Row result;
  result.output.resize(dim);
  double sum = 0, sumAll = 0;
  for (int64_t j = 0; j < numKeys; ++j) {
    if (scores[j] == -INFINITY)
      continue;
    sumAll += std::exp(scores[j] - maxAll);
    if (!isListed[j])
      continue;
    double weight = std::exp(scores[j] - max);
    sum += weight;
    for (int64_t d = 0; d < dim; ++d)
      result.output[d] += weight * values[position[j] * dim + d];
  }
  if (sum == 0) {
    result.lse = -INFINITY;
    result.covered = sumAll == 0 ? 1 : 0;
    return result;
  }
  for (double &value : result.output)
    value /= sum;
  result.lse = max + std::log(sum);
  result.covered = sum * std::exp(max - maxAll) / sumAll;
  return result;
}

std::vector<int64_t> pbs::reference::sampleRows(int64_t numRows,
                                                int64_t maxRows) {
  int64_t count = maxRows == 0 ? numRows : std::min(numRows, maxRows);
  std::vector<int64_t> rows(count);
  for (int64_t i = 0; i < count; ++i)
    rows[i] = (i + 1) * numRows / count - 1;
  return rows;
}
