//===- Rings.h - Balance of rings -------------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_DIALECT_TILE_TRANSFORMS_RINGS_H
#define PBS_LIB_DIALECT_TILE_TRANSFORMS_RINGS_H

#include "pbs/Dialect/Tile/IR/Tile.h"

namespace mlir::tile {

/// Checks, before items are scheduled, that for each ring
/// - one side pushes in the same control flow in which the other waits, so as
///   often on every path, given that loops at the same place run equally often;
/// - the other side releases as verifyReleases() says.
LogicalResult verifyRings(WarpSpecializeOp op);

/// Checks that between a wait of `ring` in `region` and the next one there is
/// one release, on every path.
LogicalResult verifyReleases(Region &region, Value ring);

/// The last op of the block of `definition` that uses the tile: a product that
/// reads it is over where it is waited for.
Operation *getLastUser(Operation *definition, Value tile);

/// What has a ring: the loads of one kind of tile from one tensor, of which no
/// two are in use at the same time. The number tells such apart.
using RingKey = std::pair<std::pair<Value, Type>, unsigned>;

/// A read of a row that a producer can do for the consumers, to which it goes
/// through a ring in place of the exchange: of what is exchanged, which nothing
/// else uses, or of what it is computed from where each warp has all of it.
/// Only scalars that the producer can compute decide where and whether it is
/// read. Null for other exchanges, and where items are scheduled.
ReadOp getReadOfRow(RelayoutOp exchange);

/// Finds the ring of each load.
class RingKeys {
public:
  /// For the loads in `root`. With `overlap`, tiles of a block are taken to be
  /// in use at the same time if one is loaded behind the other.
  explicit RingKeys(Operation *root, bool overlap = false);
  RingKey get(LoadOp load) const;

private:
  void add(LoadOp load);

  llvm::DenseMap<std::pair<Value, Type>, SmallVector<LoadOp>> loads;
  llvm::DenseMap<Operation *, unsigned> numbers;
  bool overlap;
};

} // namespace mlir::tile

#endif // PBS_LIB_DIALECT_TILE_TRANSFORMS_RINGS_H
