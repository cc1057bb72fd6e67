//===- Policies.h - CPU code of policies ------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTOCPU_POLICIES_H
#define PBS_CONVERSION_PBSTOCPU_POLICIES_H

#include "pbs/Conversion/PBSToCPU/CodeBuilder.h"

namespace mlir {
class DialectRegistry;
}

namespace mlir::pbs::cpu {

/// Rows of a rank-4 memref `[B, H, N, D]`: row `i` is row `rowIndex(i)` of head
/// `head` of batch `batch`, or the sum of such rows over `numHeads` heads from
/// `head` on if that is given.
struct RowSource {
  Value memref;
  Value batch;
  Value head;
  function_ref<Value(Value)> rowIndex;
  Value numHeads = {};
};

/// Selection for one query block. Blocks are indices. Candidates are the blocks
/// from 0 to `ownBegin` and from `tailBegin` to `numBlocks`; the blocks of the
/// own segments are those from `ownBegin` to `ownEnd`.
struct Selection {
  /// Scores of all blocks, a local row of f32; only those of candidates count.
  Value scores;
  /// Room for the sorted candidates, a local row of i64 of the same length.
  Value order;
  Value numBlocks, ownBegin, ownEnd, tailBegin;
  /// Last position of the query block (an index).
  Value high;
  bool causal;
  /// Bit rows of the result and the position of this one.
  Value bits;
  Values row;
  /// Position ranges of the key blocks.
  Value ranges, batch, keyHead;

  Value emitNumCandidates(CodeBuilder &b) const;
  /// Calls `body` with each candidate, in one loop.
  void emitForEachCandidate(CodeBuilder &b,
                            function_ref<void(Value)> body) const;
  /// Sorts the candidates by descending score, ties by smaller index, NaN last.
  /// After that `emitSorted(i)` is candidate `i` in this order.
  void emitSort(CodeBuilder &b) const;
  Value emitSorted(CodeBuilder &b, Value i) const;
  /// After `emitSort`: whether a candidate's score is NaN.
  Value emitHasNaN(CodeBuilder &b) const;
  /// Puts a block on the list.
  void emitList(CodeBuilder &b, Value block) const;
  /// Smallest original position of a key of the block (an index).
  Value emitMinPosition(CodeBuilder &b, Value block) const;
};

/// Makes the policies of the pbs dialect usable on the CPU.
void registerCPUPolicies(DialectRegistry &registry);

} // namespace mlir::pbs::cpu

#include "pbs/Conversion/PBSToCPU/Policies.h.inc"

#endif // PBS_CONVERSION_PBSTOCPU_POLICIES_H
