//===- Permute.h - Keys and values in permuted order ------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOTILE_PERMUTE_H
#define PBS_LIB_CONVERSION_PBSTOTILE_PERMUTE_H

#include "KernelWriter.h"
#include "pbs/Conversion/PBSToTile/Policies.h"

namespace mlir::pbs {

/// Buffers of a kernel that permutes: what the kernel does not give is not
/// written.
struct PermuteBuffers {
  /// How keys are pooled, if they are.
  TilePoolInterface pooling;
  unsigned key, value;
  std::optional<unsigned> permutedKey, permutedValue, positions, ranges, pool;

  /// All of them.
  SmallVector<unsigned> getAll() const;
};

/// Why there is no kernel that permutes such keys; nothing if there is.
std::optional<std::string> refusePermute(RankedTensorType key, int64_t block,
                                         int64_t segment);

/// Writes permuted keys and what belongs to them.
class PermuteWriter {
public:
  /// `numHeads` is the number of permutations of a batch.
  PermuteWriter(KernelWriter &b, const PermuteBuffers &buffers, int64_t segment,
                Value numHeads);

  /// The order of the keys of a segment by their importance (for each 128 keys
  /// a #tile.row): numbers in the segment, a #tile.lane for each 128.
  SmallVector<Value> writeOrder(Value segment, ArrayRef<Value> importance);
  /// A block of 128 permuted keys.
  struct Place {
    Value batch, head, block;
  };
  /// The block of permuted keys that has the given original positions, a
  /// #tile.lane; positions from the number of keys on are none.
  void writeBlock(const Place &at, Value positions);
  /// The blocks of a segment, given its order and the tiles of its keys.
  void writeSegment(Value batch, Value head, Value segment,
                    ArrayRef<Value> order, ValueRange keyTiles);

private:
  /// 128 keys or values in registers.
  RankedTensorType getTileType();
  Value gather(Value source, const Place &at, Value positions);
  void writeRows(Value rows, unsigned target, const Place &at);
  /// Positions, ranges and pools.
  void writeFacts(Value keys, const Place &at, Value positions);
  void writeRanges(Value batch, Value head, Value block, Value positions);

  KernelWriter &b;
  const PermuteBuffers &buffers;
  int64_t segment;
  Value key, value, numKeys, permutationsPerKey;
};

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTOTILE_PERMUTE_H
