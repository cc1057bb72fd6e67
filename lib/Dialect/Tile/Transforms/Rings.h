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

} // namespace mlir::tile

#endif // PBS_LIB_DIALECT_TILE_TRANSFORMS_RINGS_H
