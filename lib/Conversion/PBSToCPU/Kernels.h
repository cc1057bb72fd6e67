//===- Kernels.h - CPU code of the kernels ----------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function per kernel: builds the code that computes one work item. The
// memrefs are the decomposed operands and results, each of rank 3 or 4 with a
// contiguous last dimension; `D` is static, all else may be dynamic. What a
// work item is stands with each function; getGrid (Grid.cpp) counts them.
//
// Shapes: B batch, Hq query heads, Hkv KV heads, Hp heads of the permutation,
// Hs heads of the statistics, M queries, N keys, Mb and Nb blocks of them.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOCPU_KERNELS_H
#define PBS_LIB_CONVERSION_PBSTOCPU_KERNELS_H

#include "pbs/Conversion/PBSToCPU/Policies.h"

namespace mlir::pbs::cpu {

/// Largest number of rows or keys of a local tile: with D = 256 the four f32
/// tiles of attention take 512 KiB of stack.
inline constexpr int64_t kTileRows = 128;

/// Keys of a work item that only copies rows or numbers.
inline constexpr int64_t kCopyRows = 1024;
/// Proxy rows of a work item of the statistics.
inline constexpr int64_t kProxyRows = 32;
/// Rows of a work item of a merge.
inline constexpr int64_t kMergeRows = 64;

/// Attention of one block of queries of one head. Items run from the last
/// block to the first, heads fastest: with causal masking the longest first.
struct AttentionKernel {
  /// `query [B,Hq,M,D]`, `key` and `value [B,Hp,N,D]`.
  Value query, key, value;
  /// Original positions `[B,Hp,N]` and their ranges `[B,Hp,Nb,2]`, and the bit
  /// rows `[B,Hq,Mb,words]` of listed blocks; null for dense attention, where
  /// positions are indices and every block is visited.
  Value positions, ranges, bits;
  /// `output [B,Hq,M,D]` and `lse [B,Hq,M]`; either may be null.
  Value output, lse;

  int64_t queryBlock;
  int64_t keyBlock;
  bool causal;
  double scale;
  /// The score region; null or empty for none.
  Region *score = nullptr;
  /// Where not 0, all blocks of the own segments, which have this many keys,
  /// are visited whatever the bits say.
  int64_t ownSegment = 0;

  bool hasScoreRegion() const { return score && !score->empty(); }
  void emit(CodeBuilder &b, Value item) const;
};

/// The proxy rows of one head of the statistics, and what is asked of them.
/// With fewer heads of statistics than query heads, queries are averaged.
struct ProxyScores {
  /// `query [B,Hq,M,D]`, `key [B,Hkv,N,D]`, `stats [B,Hs,P,2]`, P static.
  Value query, key, stats;
  CPUProxyInterface proxy;
  int64_t segment;
  double scale;
};

/// Maximum and sum of `kProxyRows` proxy rows of one head of the statistics.
struct ProxyStatsKernel {
  ProxyScores scores;

  void emit(CodeBuilder &b, Value item) const;
};

/// Importance of the keys of one segment of one head of the permutation.
struct ColumnImportanceKernel {
  ProxyScores scores;
  /// `[B,Hp,N]`.
  Value importance;

  void emit(CodeBuilder &b, Value item) const;
};

/// The permutation of one segment.
struct SortSegmentsKernel {
  /// `importance [B,H,N]`, `permutation [B,H,N]`.
  Value importance, permutation;
  int64_t segment;

  void emit(CodeBuilder &b, Value item) const;
};

/// The parts of a permuted_kv: `key`, `value [B,Hp,N,D]`, `positions
/// [B,Hp,N]`, `ranges [B,Hp,Nb,2]`.
struct PermutedKV {
  Value key, value, positions, ranges;
  int64_t block;
};

/// One block of permuted keys and values. A position outside the keys, which
/// no permutation holds, is taken for the nearest one inside.
struct PermuteKVKernel {
  /// `key`, `value [B,Hkv,N,D]`, `permutation [B,Hp,N]`.
  Value key, value, permutation;
  PermutedKV result;

  void emit(CodeBuilder &b, Value item) const;
};

/// Importance, order, permuted rows and pools of the keys of one segment.
struct FusedPermuteKVKernel {
  ProxyScores scores;
  /// `[B,Hkv,N,D]`.
  Value value;
  CPUPoolInterface pool;
  PermutedKV result;
  /// `[B,Hp,Nb,D]`.
  Value keyPool;
  /// `[B,Hp,N]`, or null.
  Value importance;

  void emit(CodeBuilder &b, Value item) const;
};

/// `kTileRows` permuted rows.
struct PermuteKernel {
  /// `source [B,H,N,D]`, `permutation [B,Hp,N]`, `result [B,Hp,N,D]`.
  Value source, permutation, result;

  void emit(CodeBuilder &b, Value item) const;
};

/// `kCopyRows` entries of a permutation; `first` null stands for the identity.
struct ComposeKernel {
  /// All `[B,H,N]`; `second` may be null, and then the result is `first`.
  Value first, second, result;

  void emit(CodeBuilder &b, Value item) const;
};

/// Position ranges of one block of a caller's keys, and the positions
/// themselves where the caller gives none.
struct KVFromPositionsKernel {
  /// `givenPositions [B,H,N]` or null, `positions [B,H,N]` or null if they are
  /// given, `ranges [B,H,Nb,2]`.
  Value givenPositions, positions, ranges;
  int64_t block;

  void emit(CodeBuilder &b, Value item) const;
};

/// The pool of one block of rows.
struct PoolKernel {
  /// `source [B,H,N,D]`, `result [B,H,Nb,D]`.
  Value source, result;
  CPUPoolInterface pool;
  int64_t block;

  void emit(CodeBuilder &b, Value item) const;
};

/// Scores of all key blocks for one query block.
struct BlockScoresKernel {
  /// `queryPool [B,Hq,Mb,D]`, `keyPool [B,Hp,Nb,D]`, `scores [B,Hq,Mb,Nb]`.
  Value queryPool, keyPool, scores;
  double scale;

  void emit(CodeBuilder &b, Value item) const;
};

/// What the choice of blocks for one query block depends on.
struct BlockChoice {
  /// `query [B,Hq,M,D]`; `positions [B,Hp,N]` for the number of keys, `ranges
  /// [B,Hp,Nb,2]`; the result `bits [B,Hq,Mb,words]`.
  Value query, positions, ranges, bits;
  int64_t queryBlock, keyBlock, segment;
  bool causal;
  CPUStopRuleInterface stopRule;
  CPUForcedSetInterface forcedSet;
};

/// The list of one query block from its scores `[B,Hq,Mb,Nb]`.
struct SelectBlocksKernel {
  Value scores;
  BlockChoice choice;

  void emit(CodeBuilder &b, Value item) const;
};

/// The list of one query block.
struct FusedSelectBlocksKernel {
  /// `[B,Hp,Nb,D]`.
  Value keyPool;
  BlockChoice choice;
  CPUPoolInterface pool;
  double scale;
  /// `[B,Hq,Mb,Nb]`, or null.
  Value scores;

  void emit(CodeBuilder &b, Value item) const;
};

/// What the list of one query block covers (`pbs.row_coverage`).
struct RowCoverageKernel {
  /// `queryPool [B,Hq,Mb,D]`, `keyPool [B,Hp,Nb,D]`.
  Value queryPool, keyPool;
  /// The list is the bits; policies are not asked.
  BlockChoice choice;
  double scale;
  /// `[B,Hq,Mb,4]`.
  Value rows;

  void emit(CodeBuilder &b, Value item) const;
};

/// What the list of one head covers (`pbs.head_coverage`).
struct HeadCoverageKernel {
  /// `rows [B,Hq,Mb,4]`, `density` and `mass [B,Hq,1]`; one of the two may be
  /// null.
  Value rows, density, mass;

  void emit(CodeBuilder &b, Value item) const;
};

/// The list of all blocks, or of those with a visible key, of one query block.
struct FullBlockListKernel {
  /// `query [B,Hq,M,D]`, `positions [B,Hp,N]`, `ranges [B,Hp,Nb,2]`, `bits`.
  Value query, positions, ranges, bits;
  int64_t queryBlock;
  bool causal;

  void emit(CodeBuilder &b, Value item) const;
};

/// The list of one query block from a caller's indices. Entries that are out of
/// range are ignored; the first error that a work item meets is reported.
struct BlockListFromIndicesKernel {
  /// `count [B,Hq,Mb]`, `indices [B,Hq,Mb,L]`, `ranges [B,Hp,Nb,2]`, `bits`.
  Value count, indices, ranges, bits;
  /// The words of a `#plan.status` with `kBlockListMessages`.
  Value status;

  void emit(CodeBuilder &b, Value item) const;
};

/// `kMergeRows` rows of the merge of two partial results.
struct MergeKernel {
  /// Outputs `[B,Hq,M,D]` and `lse [B,Hq,M]`; one result may be null.
  Value output0, lse0, output1, lse1, output, lse;

  void emit(CodeBuilder &b, Value item) const;
};

} // namespace mlir::pbs::cpu

#endif // PBS_LIB_CONVERSION_PBSTOCPU_KERNELS_H
