//===- BlockRows.h - What query blocks may list -----------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOTILE_BLOCKROWS_H
#define PBS_LIB_CONVERSION_PBSTOTILE_BLOCKROWS_H

#include "KernelWriter.h"

namespace mlir::pbs {

/// The queries and keys that blocks are of.
struct BlockSizes {
  bool causal = false;
  int64_t segment = 0;
  Value queries, keys;
  // Of those:
  /// Position of the first query.
  Value shift;
  Value queryBlocks, keyBlocks;
};

/// What query blocks may take and have to: candidates are below `bound` and not
/// in [ownBegin, ownEnd), the blocks of the segments that they are in; `high`
/// is their last position. Each in the layout that the query blocks have.
struct BlockRows {
  Value ownBegin, ownEnd, bound, high;
};

BlockSizes writeBlockSizes(KernelWriter &b, bool causal, int64_t segment,
                           Value queries, Value keys);

/// Of the query blocks `block`, a tile; those that do not exist (`exists`)
/// have no candidates and no own blocks.
BlockRows writeBlockRows(KernelWriter &b, const BlockSizes &sizes, Value block,
                         Value exists);

/// Which key blocks `column`, a tile of two dimensions, are candidates.
Value writeCandidates(KernelWriter &b, const BlockSizes &sizes,
                      const BlockRows &rows, Value column);

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTOTILE_BLOCKROWS_H
