//===- CheckSelection.cpp - Checks of scores and selection ----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Reference/Reference.h"
#include <algorithm>
#include <cmath>

using namespace pbs::reference;

/// Rounding of a softmax in f32 and of its sum.
static constexpr double kMassTolerance = 1e-5;
/// Scores are to be this accurate.
static const double kScoreTolerance = std::ldexp(1, -16);

namespace {
/// Walks over the query blocks of a problem.
struct RowIndex {
  RowIndex(const Problem &problem, int64_t row)
      : blocks(problem.getNumQueryBlocks()),
        batch(row / blocks / problem.queryHeads),
        head(row / blocks % problem.queryHeads), block(row % blocks) {}
  std::string str() const {
    return "batch " + std::to_string(batch) + ", head " + std::to_string(head) +
           ", query block " + std::to_string(block);
  }
  int64_t blocks, batch, head, block;
};
} // namespace

static int64_t countRows(const Problem &problem) {
  return problem.batch * problem.queryHeads * problem.getNumQueryBlocks();
}

static bool isListed(const Problem &problem, const std::vector<int32_t> &list,
                     int64_t row, int64_t block) {
  uint32_t word = list[row * problem.getNumWords() + block / 32];
  return word >> (block % 32) & 1;
}

static bool contains(const std::vector<int64_t> &blocks, int64_t block) {
  return std::find(blocks.begin(), blocks.end(), block) != blocks.end();
}

static void fail(Check &check, const std::string &message) {
  if (check.ok)
    check.message = message;
  check.ok = false;
}

Check pbs::reference::checkScores(const Problem &problem, const Inputs &inputs,
                                  const std::vector<int32_t> &positions,
                                  const std::vector<float> &scores) {
  Check check;
  check.bound = kScoreTolerance;
  Scores expected = computeScores(problem, inputs, positions);
  for (int64_t row = 0; row < countRows(problem); ++row) {
    RowIndex index(problem, row);
    Candidates candidates =
        getCandidates(problem, positions, index.batch, index.head, index.block);
    for (int64_t block : candidates.candidates) {
      int64_t at = row * problem.getNumKeyBlocks() + block;
      double want = expected.scores[at], got = scores[at];
      if ((std::isnan(want) && std::isnan(got)) || want == got)
        continue;
      double error = std::abs(got - want) / expected.magnitudes[at];
      if (!(error <= check.error))
        check.error = error;
      if (!(error <= check.bound))
        fail(check, "score of " + index.str() + ", key block " +
                        std::to_string(block) + ": expected " +
                        std::to_string(want) + ", got " + std::to_string(got));
    }
  }
  return check;
}

/// Checks the listed candidates of one row against its own scores.
static void checkStop(const Problem &problem, const Candidates &candidates,
                      const double *scores, const std::vector<int64_t> &listed,
                      Check &check, const std::string &where) {
  bool hasNaN = false;
  for (int64_t block : candidates.candidates)
    hasNaN |= std::isnan(scores[block]);
  bool takesAll =
      hasNaN || (problem.stopRule == StopRule::TopP && problem.threshold >= 1);
  std::vector<int64_t> order = candidates.candidates;
  if (!hasNaN)
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return scores[a] > scores[b];
    });
  // Forced candidates that the stop rule does not reach follow its prefix.
  size_t length = 0;
  for (size_t i = 0; i < order.size(); ++i)
    if (contains(listed, order[i]) && !contains(candidates.forced, order[i]))
      length = i + 1;
  for (size_t i = 0; i < length; ++i)
    if (!contains(listed, order[i]))
      return fail(check, where + ": block " + std::to_string(order[i]) +
                             " left out before block " +
                             std::to_string(order[length - 1]) +
                             " of a smaller score");
  // A forced candidate at the end of the prefix may or may not belong to it.
  size_t longest = length;
  while (longest < order.size() && contains(candidates.forced, order[longest]))
    ++longest;

  if (takesAll || problem.stopRule == StopRule::TopK) {
    size_t wanted =
        takesAll ? order.size() : std::min<size_t>(order.size(), problem.count);
    if (wanted < length || wanted > longest)
      fail(check, where + ": expected " + std::to_string(wanted) +
                      " candidates, got " + std::to_string(length));
    return;
  }
  double max = order.empty() ? 0 : scores[order[0]], total = 0;
  std::vector<double> sums = {0};
  for (int64_t block : order)
    total += std::exp(scores[block] - max);
  for (int64_t block : order)
    sums.push_back(sums.back() + std::exp(scores[block] - max) / total);
  double threshold = problem.threshold;
  bool reachable = sums.back() >= threshold - kMassTolerance;
  double worst = INFINITY;
  for (size_t n = length; n <= longest; ++n) {
    double miss = 0;
    if (n == 0 && !order.empty())
      miss = problem.stopRule == StopRule::ReferenceTopP &&
                     sums.back() < threshold + kMassTolerance
                 ? 0
                 : 1;
    else if (n > 0) {
      bool isAll =
          n == order.size() && !reachable && problem.stopRule == StopRule::TopP;
      if (!isAll)
        miss = std::max(0.0, threshold - sums[n]);
      miss = std::max(miss, sums[n - 1] - threshold);
    }
    worst = std::min(worst, miss);
  }
  check.error = std::max(check.error, worst);
  if (!(worst <= kMassTolerance))
    fail(check, where + ": expected candidates with " +
                    std::to_string(threshold) + " of the mass, got " +
                    std::to_string(length) + " with " +
                    std::to_string(sums[length]));
}

Check pbs::reference::checkSelection(const Problem &problem,
                                     const std::vector<int32_t> &positions,
                                     const std::vector<float> &scores,
                                     const std::vector<int32_t> &list) {
  Check check;
  check.bound = kMassTolerance;
  int64_t numBlocks = problem.getNumKeyBlocks();
  for (int64_t row = 0; row < countRows(problem); ++row) {
    RowIndex index(problem, row);
    std::string where = index.str();
    Candidates candidates =
        getCandidates(problem, positions, index.batch, index.head, index.block);
    std::vector<int64_t> listed;
    for (int64_t block = 0; block < problem.getNumWords() * 32; ++block) {
      if (!isListed(problem, list, row, block))
        continue;
      listed.push_back(block);
      if (!contains(candidates.forced, block) &&
          !contains(candidates.candidates, block))
        fail(check, where + ": block " + std::to_string(block) +
                        " is listed, but neither forced nor a candidate");
    }
    for (int64_t block : candidates.forced)
      if (!contains(listed, block))
        fail(check, where + ": forced block " + std::to_string(block) +
                        " is not listed");
    std::vector<double> own(scores.begin() + row * numBlocks,
                            scores.begin() + (row + 1) * numBlocks);
    checkStop(problem, candidates, own.data(), listed, check, where);
  }
  return check;
}

Check pbs::reference::checkCoverage(const Problem &problem,
                                    const std::vector<int32_t> &positions,
                                    const std::vector<float> &scores,
                                    const std::vector<int32_t> &list,
                                    const std::vector<float> &density,
                                    const std::vector<float> &mass) {
  Check check;
  check.bound = 2 * kMassTolerance;
  Coverage expected = computeCoverage(problem, positions, scores, list);
  auto compare = [&](const char *what, size_t head, double want, double got) {
    double error = std::abs(got - want);
    if (!(error <= check.error))
      check.error = error;
    if (!(error <= check.bound))
      fail(check, std::string(what) + " of head " + std::to_string(head) +
                      ": expected " + std::to_string(want) + ", got " +
                      std::to_string(got));
  };
  for (size_t head = 0; head < expected.density.size(); ++head) {
    compare("density", head, expected.density[head], density[head]);
    compare("covered mass", head, expected.mass[head], mass[head]);
  }
  return check;
}

/// True if neither the order of scores nor the sum is close to a decision.
static bool isClear(const Problem &problem, const Candidates &candidates,
                    const double *scores, const double *magnitudes) {
  if (candidates.candidates.empty())
    return true;
  std::vector<int64_t> order = candidates.candidates;
  double tolerance = 0, max = -INFINITY, total = 0, sum = 0;
  for (int64_t block : order) {
    if (!std::isfinite(scores[block]))
      return false;
    max = std::max(max, scores[block]);
    tolerance = std::max(tolerance, 4 * kScoreTolerance * magnitudes[block]);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return scores[a] > scores[b]; });
  size_t count = applyStopRule(problem, candidates, scores).size();
  if (count > 0 && count < order.size() &&
      scores[order[count - 1]] - scores[order[count]] <= tolerance)
    return false;
  if (problem.stopRule == StopRule::TopK)
    return true;
  for (int64_t block : order)
    total += std::exp(scores[block] - max);
  double massTolerance = kMassTolerance + 2 * tolerance;
  for (int64_t block : order) {
    sum += std::exp(scores[block] - max) / total;
    if (std::abs(sum - problem.threshold) <= massTolerance)
      return false;
  }
  return true;
}

Check pbs::reference::checkSelectionF64(const Problem &problem,
                                        const Inputs &inputs,
                                        const std::vector<int32_t> &positions,
                                        const std::vector<int32_t> &list) {
  Check check;
  Scores scores = computeScores(problem, inputs, positions);
  std::vector<int32_t> expected =
      selectBlocks(problem, positions, scores.scores);
  for (int64_t row = 0; row < countRows(problem); ++row) {
    RowIndex index(problem, row);
    Candidates candidates =
        getCandidates(problem, positions, index.batch, index.head, index.block);
    int64_t at = row * problem.getNumKeyBlocks();
    if (!isClear(problem, candidates, scores.scores.data() + at,
                 scores.magnitudes.data() + at))
      continue;
    for (int64_t block = 0; block < problem.getNumKeyBlocks(); ++block) {
      if (isListed(problem, list, row, block) ==
          isListed(problem, expected, row, block))
        continue;
      ++check.error;
      fail(check, index.str() + ": block " + std::to_string(block) +
                      (isListed(problem, list, row, block)
                           ? " is listed, in f64 it is not"
                           : " is not listed, in f64 it is"));
      break;
    }
  }
  return check;
}
