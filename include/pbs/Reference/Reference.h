//===- Reference.h - The method in f64, and its checks ----------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// States each stage of permuted block-sparse attention (PBS-Attn, arXiv
// 2510.21270) directly and slowly, and checks an implementation against it,
// each stage given the implementation's own output of the stage before. Tests
// and `pbs-run --check` use it, and nothing else does.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_REFERENCE_REFERENCE_H
#define PBS_REFERENCE_REFERENCE_H

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace pbs::reference {

enum class DType { F32, F16, BF16 };
enum class Proxy { LastRows, StridedRows, RandomRows };
enum class Sharing { ShareMean, AverageQuery, PerQueryHead };
enum class StopRule { TopP, TopK, ReferenceTopP };

/// Sizes and policies of one call. Row-major tensors: q [B,Hq,M,D], k and v
/// [B,Hkv,N,D].
struct Problem {
  int64_t batch = 1, queryHeads = 1, kvHeads = 1;
  int64_t numQueries = 0, numKeys = 0, headDim = 0;
  DType dtype = DType::F32;
  bool causal = true;
  /// Factor of the scores; 0: 1/sqrt(headDim).
  double scale = 0;
  int64_t queryBlock = 128, keyBlock = 128, segment = 256;
  bool unpermuted = false;
  Proxy proxy = Proxy::LastRows;
  int64_t proxyRows = 128;
  int64_t proxySeed = 0;
  Sharing sharing = Sharing::ShareMean;
  StopRule stopRule = StopRule::TopP;
  double threshold = 0.9;
  int64_t count = 0;
  bool wholeOwn = false;
  /// Probabilities are rounded to `dtype` before they are multiplied, as in any
  /// kernel on tensor cores.
  bool roundsProbabilities = false;
  /// So is that of the maximum, which is exactly 1 otherwise.
  bool roundsMaximum = false;
  /// Another score of a scaled score, the batch, the query head, the position
  /// of the row and that of the key; null for none. Acts in attention only.
  std::function<double(double score, int64_t batch, int64_t head, int64_t row,
                       int64_t key)>
      score;

  double getScale() const;
  /// Heads of the permutation.
  int64_t getPermHeads() const;
  int64_t getNumQueryBlocks() const;
  int64_t getNumKeyBlocks() const;
  /// Words of a bit row.
  int64_t getNumWords() const { return (getNumKeyBlocks() + 31) / 32; }
  /// Keys of complete segments.
  int64_t getNumSegmentedKeys() const { return numKeys / segment * segment; }
  /// Position of query row `i`; the ends of queries and keys are aligned.
  int64_t getPosition(int64_t i) const { return i + numKeys - numQueries; }
};

/// Values of the inputs, which f32 holds exactly.
struct Inputs {
  std::vector<float> q, k, v;
};

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

/// Query rows that stand for all others.
std::vector<int64_t> getProxyRows(const Problem &problem);

/// Importance [B,H,N] of the keys of complete segments, 0 for the others.
std::vector<double> computeImportance(const Problem &problem,
                                      const Inputs &inputs);

/// Positions [B,H,N]: keys of complete segments by descending importance, ties
/// by smaller position, NaN last; the identity for N <= segment.
template <typename T>
std::vector<int32_t> sortSegments(const Problem &problem,
                                  const std::vector<T> &importance);

/// Blocks around one query block.
struct Candidates {
  /// Own segments, as a range of key blocks.
  int64_t ownBegin = 0, ownEnd = 0;
  std::vector<int64_t> candidates;
  /// Listed whatever the scores are.
  std::vector<int64_t> forced;
};
Candidates getCandidates(const Problem &problem,
                         const std::vector<int32_t> &positions, int64_t batch,
                         int64_t queryHead, int64_t queryBlock);

/// Scores [B,Hq,Mb,Nb] of all pairs of blocks, and for each the magnitude of
/// the sum that it is, to which errors are relative: scale * mean|q| . mean|k|.
struct Scores {
  std::vector<double> scores, magnitudes;
};
Scores computeScores(const Problem &problem, const Inputs &inputs,
                     const std::vector<int32_t> &positions);

/// The candidates that the stop rule takes, given scores of all key blocks.
std::vector<int64_t> applyStopRule(const Problem &problem,
                                   const Candidates &candidates,
                                   const double *scores);

/// Bit rows [B,Hq,Mb,words] of stop rule and forced set, given scores.
std::vector<int32_t> selectBlocks(const Problem &problem,
                                  const std::vector<int32_t> &positions,
                                  const std::vector<double> &scores);

/// Bit rows that list every block.
std::vector<int32_t> listAll(const Problem &problem);

/// One row of attention.
struct Row {
  std::vector<double> output;
  double lse = 0;
  /// Share of the mass of dense attention that the listed keys hold.
  double covered = 0;
};

/// Attention of query row `i` over the listed visible keys.
Row computeRow(const Problem &problem, const Inputs &inputs,
               const std::vector<int32_t> &positions,
               const std::vector<int32_t> &list, int64_t batch,
               int64_t queryHead, int64_t i);

/// At most `maxRows` rows, evenly spread, the last one included; all if
/// `maxRows` is 0.
std::vector<int64_t> sampleRows(int64_t numRows, int64_t maxRows);

/// What a list covers, for each head [B,Hq]: listed blocks over those that
/// could be listed, 0 where there are none; mean share of the softmax of the
/// candidates' scores that is listed, over query blocks that have candidates, 1
/// where none has. Where the softmax is no number candidates count alike.
struct Coverage {
  std::vector<double> density, mass;
};
Coverage computeCoverage(const Problem &problem,
                         const std::vector<int32_t> &positions,
                         const std::vector<float> &scores,
                         const std::vector<int32_t> &list);

/// Listed pairs of blocks as a share of those that hold a visible pair.
double computeDensity(const Problem &problem, const std::vector<int32_t> &list);

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

/// The outcome of a check.
struct Check {
  bool ok = true;
  /// Largest error and what it may be.
  double error = 0, bound = 0;
  /// Where the first failure is.
  std::string message;
};

/// Importance [B,H,N]: relative error <= 1e-5 (+ 2^-126).
Check checkImportance(const Problem &problem, const Inputs &inputs,
                      const std::vector<float> &importance);

/// Positions [B,H,N]: bit for bit the sort of the implementation's own
/// importance, and sorted within 2e-5 by that in f64.
Check checkPermutation(const Problem &problem, const Inputs &inputs,
                       const std::vector<float> &importance,
                       const std::vector<int32_t> &positions);

/// Scores [B,Hq,Mb,Nb] of the candidates: error <= 2^-16 of their magnitude.
Check checkScores(const Problem &problem, const Inputs &inputs,
                  const std::vector<int32_t> &positions,
                  const std::vector<float> &scores);

/// Bit rows [B,Hq,Mb,words]: the forced set exactly; besides, a prefix of the
/// candidates in the order of the implementation's own scores, which ends where
/// the stop rule says within 1e-5 of the mass. `error` is the mass by which a
/// row misses the threshold.
Check checkSelection(const Problem &problem,
                     const std::vector<int32_t> &positions,
                     const std::vector<float> &scores,
                     const std::vector<int32_t> &list);

/// Bit rows against the selection in f64, where no score or sum is so close to
/// its threshold that rounding decides. `error` counts rows that differ.
Check checkSelectionF64(const Problem &problem, const Inputs &inputs,
                        const std::vector<int32_t> &positions,
                        const std::vector<int32_t> &list);

/// Density and covered mass [B,Hq] given scores and list: absolute error <=
/// 2e-5.
Check checkCoverage(const Problem &problem,
                    const std::vector<int32_t> &positions,
                    const std::vector<float> &scores,
                    const std::vector<int32_t> &list,
                    const std::vector<float> &density,
                    const std::vector<float> &mass);

/// Output [B,Hq,M,D] given positions and list: largest relative L2 error of a
/// row <= 4u(1+X), u = 2^-24, X = scale * max|q| * max|k| (norms of rows), +
/// 3e-3 for bf16, + 4e-4 for f16; a third or a quarter more where probabilities
/// are rounded too.
Check checkOutput(const Problem &problem, const Inputs &inputs,
                  const std::vector<int32_t> &positions,
                  const std::vector<int32_t> &list,
                  const std::vector<float> &output, int64_t maxRows = 0);

/// LSE [B,Hq,M]: absolute error <= 4u(1+X) + 2^-20 for f32, 1e-3 otherwise.
Check checkLse(const Problem &problem, const Inputs &inputs,
               const std::vector<int32_t> &positions,
               const std::vector<int32_t> &list, const std::vector<float> &lse,
               int64_t maxRows = 0);

/// Mean share of the mass of dense attention that the listed keys hold.
double computeCoveredMass(const Problem &problem, const Inputs &inputs,
                          const std::vector<int32_t> &positions,
                          const std::vector<int32_t> &list,
                          int64_t maxRows = 0);

} // namespace pbs::reference

#endif // PBS_REFERENCE_REFERENCE_H
