//===- Selection.cpp - Scores and selection of blocks in f64 --------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parallel.h"
#include "pbs/Reference/Reference.h"
#include <cmath>

using namespace pbs::reference;

Candidates pbs::reference::getCandidates(const Problem &problem,
                                         const std::vector<int32_t> &positions,
                                         int64_t batch, int64_t queryHead,
                                         int64_t queryBlock) {
  Candidates result;
  int64_t numBlocks = problem.getNumKeyBlocks(), numKeys = problem.numKeys;
  int64_t permHead = queryHead * problem.getPermHeads() / problem.queryHeads;
  const int32_t *position =
      positions.data() + (batch * problem.getPermHeads() + permHead) * numKeys;
  int64_t first = queryBlock * problem.queryBlock;
  int64_t last = std::min(first + problem.queryBlock, problem.numQueries) - 1;
  int64_t low = std::max<int64_t>(problem.getPosition(first), 0);
  int64_t high = problem.getPosition(last);

  for (int64_t block = 0; block < numBlocks; ++block) {
    // Blocks do not straddle segments.
    int64_t segment = block * problem.keyBlock / problem.segment;
    int64_t begin = segment * problem.segment;
    bool isOwn = high >= 0 && begin <= high && low < begin + problem.segment;
    if (isOwn) {
      if (result.ownEnd == 0)
        result.ownBegin = block;
      result.ownEnd = block + 1;
    } else if (!problem.causal || begin + problem.segment <= low) {
      // Query rows before the first key see nothing, so they have no own
      // segment, and none is before it.
      if (!problem.causal || high >= 0)
        result.candidates.push_back(block);
    }
    int64_t min = numKeys;
    for (int64_t j = block * problem.keyBlock;
         j < std::min((block + 1) * problem.keyBlock, numKeys); ++j)
      min = std::min<int64_t>(min, position[j]);
    bool isVisible = !problem.causal || min <= high;
    if (min == 0 || (isOwn && (isVisible || problem.wholeOwn)))
      result.forced.push_back(block);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

namespace {
/// Means of the rows of blocks, and of their magnitudes.
struct Pool {
  std::vector<double> mean, magnitude;
};
} // namespace

/// Pools rows [begin, end) that `getRow` gives.
template <typename GetRow>
static Pool poolRows(int64_t begin, int64_t end, int64_t dim,
                     const GetRow &getRow) {
  Pool pool{std::vector<double>(dim), std::vector<double>(dim)};
  for (int64_t i = begin; i < end; ++i) {
    const float *row = getRow(i);
    for (int64_t d = 0; d < dim; ++d) {
      pool.mean[d] += row[d];
      pool.magnitude[d] += std::abs(row[d]);
    }
  }
  for (int64_t d = 0; d < dim; ++d) {
    pool.mean[d] /= double(end - begin);
    pool.magnitude[d] /= double(end - begin);
  }
  return pool;
}

Scores pbs::reference::computeScores(const Problem &problem,
                                     const Inputs &inputs,
                                     const std::vector<int32_t> &positions) {
  int64_t heads = problem.queryHeads, permHeads = problem.getPermHeads();
  int64_t numBlocks = problem.getNumKeyBlocks(), dim = problem.headDim;
  int64_t numQueryBlocks = problem.getNumQueryBlocks();
  Scores result;
  result.scores.resize(problem.batch * heads * numQueryBlocks * numBlocks);
  result.magnitudes.resize(result.scores.size());
  parallelFor(problem.batch * heads, [&](int64_t item) {
    int64_t batch = item / heads, head = item % heads;
    int64_t permRow = batch * permHeads + head * permHeads / heads;
    const int32_t *position = positions.data() + permRow * problem.numKeys;
    int64_t kvRow = batch * problem.kvHeads + head * problem.kvHeads / heads;
    const float *keys = inputs.k.data() + kvRow * problem.numKeys * dim;
    const float *queries = inputs.q.data() + item * problem.numQueries * dim;
    std::vector<Pool> keyPools;
    for (int64_t block = 0; block < numBlocks; ++block)
      keyPools.push_back(
          poolRows(block * problem.keyBlock,
                   std::min((block + 1) * problem.keyBlock, problem.numKeys),
                   dim, [&](int64_t j) { return keys + position[j] * dim; }));
    for (int64_t a = 0; a < numQueryBlocks; ++a) {
      Pool query =
          poolRows(a * problem.queryBlock,
                   std::min((a + 1) * problem.queryBlock, problem.numQueries),
                   dim, [&](int64_t i) { return queries + i * dim; });
      for (int64_t c = 0; c < numBlocks; ++c) {
        double score = 0, magnitude = 0;
        for (int64_t d = 0; d < dim; ++d) {
          score += query.mean[d] * keyPools[c].mean[d];
          magnitude += query.magnitude[d] * keyPools[c].magnitude[d];
        }
        int64_t at = (item * numQueryBlocks + a) * numBlocks + c;
        result.scores[at] = score * problem.getScale();
        result.magnitudes[at] = magnitude * std::abs(problem.getScale());
      }
    }
  });
  return result;
}

//===----------------------------------------------------------------------===//
// Stop rules
//===----------------------------------------------------------------------===//

std::vector<int64_t> pbs::reference::applyStopRule(const Problem &problem,
                                                   const Candidates &candidates,
                                                   const double *scores) {
  std::vector<int64_t> order = candidates.candidates;
  double max = -INFINITY;
  for (int64_t block : order) {
    if (std::isnan(scores[block]))
      return order;
    max = std::max(max, scores[block]);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return scores[a] > scores[b]; });
  if (problem.stopRule == StopRule::TopK) {
    order.resize(std::min<int64_t>(order.size(), problem.count));
    return order;
  }
  if (problem.stopRule == StopRule::TopP && problem.threshold >= 1)
    return order;
  double total = 0, sum = 0;
  for (int64_t block : order)
    total += std::exp(scores[block] - max);
  for (size_t i = 0; i < order.size(); ++i) {
    sum += std::exp(scores[order[i]] - max) / total;
    if (sum >= problem.threshold) {
      order.resize(i + 1);
      return order;
    }
  }
  if (problem.stopRule == StopRule::ReferenceTopP)
    order.clear();
  return order;
}

static void setBit(std::vector<int32_t> &list, int64_t row, int64_t words,
                   int64_t block) {
  int32_t &word = list[row * words + block / 32];
  word = int32_t(uint32_t(word) | uint32_t(1) << (block % 32));
}

std::vector<int32_t>
pbs::reference::selectBlocks(const Problem &problem,
                             const std::vector<int32_t> &positions,
                             const std::vector<double> &scores) {
  int64_t blocks = problem.getNumQueryBlocks();
  int64_t words = problem.getNumWords();
  std::vector<int32_t> list(problem.batch * problem.queryHeads * blocks *
                            words);
  for (int64_t row = 0; row < problem.batch * problem.queryHeads * blocks;
       ++row) {
    int64_t head = row / blocks;
    Candidates candidates =
        getCandidates(problem, positions, head / problem.queryHeads,
                      head % problem.queryHeads, row % blocks);
    for (int64_t block :
         applyStopRule(problem, candidates,
                       scores.data() + row * problem.getNumKeyBlocks()))
      setBit(list, row, words, block);
    for (int64_t block : candidates.forced)
      setBit(list, row, words, block);
  }
  return list;
}

std::vector<int32_t> pbs::reference::listAll(const Problem &problem) {
  int64_t rows =
      problem.batch * problem.queryHeads * problem.getNumQueryBlocks();
  std::vector<int32_t> list(rows * problem.getNumWords());
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t block = 0; block < problem.getNumKeyBlocks(); ++block)
      setBit(list, row, problem.getNumWords(), block);
  return list;
}

Coverage pbs::reference::computeCoverage(const Problem &problem,
                                         const std::vector<int32_t> &positions,
                                         const std::vector<float> &scores,
                                         const std::vector<int32_t> &list) {
  int64_t blocks = problem.getNumQueryBlocks();
  int64_t keyBlocks = problem.getNumKeyBlocks();
  int64_t permHeads = problem.getPermHeads();
  Coverage result;
  for (int64_t head = 0; head < problem.batch * problem.queryHeads; ++head) {
    int64_t batch = head / problem.queryHeads;
    int64_t queryHead = head % problem.queryHeads;
    const int32_t *headPositions =
        positions.data() +
        (batch * permHeads + queryHead * permHeads / problem.queryHeads) *
            problem.numKeys;
    double listed = 0, possible = 0, shares = 0, rows = 0;
    for (int64_t a = 0; a < blocks; ++a) {
      int64_t row = head * blocks + a;
      auto isListed = [&](int64_t c) {
        return uint32_t(list[row * problem.getNumWords() + c / 32]) >>
                   (c % 32) &
               1;
      };
      int64_t high = problem.getPosition(
          std::min((a + 1) * problem.queryBlock, problem.numQueries) - 1);
      for (int64_t c = 0; c < keyBlocks; ++c) {
        const int32_t *first = headPositions + c * problem.keyBlock;
        const int32_t *last =
            headPositions +
            std::min((c + 1) * problem.keyBlock, problem.numKeys);
        bool isPossible =
            !problem.causal || *std::min_element(first, last) <= high;
        possible += isPossible;
        listed += isPossible && isListed(c);
      }
      std::vector<int64_t> candidates =
          getCandidates(problem, positions, batch, queryHead, a).candidates;
      if (candidates.empty())
        continue;
      const float *own = scores.data() + row * keyBlocks;
      double max = -INFINITY, all = 0, covered = 0, taken = 0;
      for (int64_t c : candidates)
        max = std::fmax(max, own[c]);
      for (int64_t c : candidates) {
        double mass = std::exp(own[c] - max);
        all += mass;
        covered += isListed(c) ? mass : 0;
        taken += isListed(c);
      }
      shares += all > 0 && all < INFINITY ? covered / all
                                          : taken / double(candidates.size());
      ++rows;
    }
    result.density.push_back(possible > 0 ? listed / possible : 0);
    result.mass.push_back(rows > 0 ? shares / rows : 1);
  }
  return result;
}

double pbs::reference::computeDensity(const Problem &problem,
                                      const std::vector<int32_t> &list) {
  int64_t blocks = problem.getNumQueryBlocks();
  int64_t words = problem.getNumWords();
  double listed = 0, visible = 0;
  for (int64_t row = 0; row < problem.batch * problem.queryHeads * blocks;
       ++row) {
    int64_t last =
        std::min((row % blocks + 1) * problem.queryBlock, problem.numQueries) -
        1;
    for (int64_t c = 0; c < problem.getNumKeyBlocks(); ++c) {
      visible +=
          !problem.causal || c * problem.keyBlock <= problem.getPosition(last);
      listed += uint32_t(list[row * words + c / 32]) >> (c % 32) & 1;
    }
  }
  return visible == 0 ? 0 : listed / visible;
}
