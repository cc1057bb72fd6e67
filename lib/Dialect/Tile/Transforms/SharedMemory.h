//===- SharedMemory.h - What lies in shared memory --------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tile-configure asks how much it will be, tile-allocate-shared places it; both
// by the same rules.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_DIALECT_TILE_TRANSFORMS_SHAREDMEMORY_H
#define PBS_LIB_DIALECT_TILE_TRANSFORMS_SHAREDMEMORY_H

#include "pbs/Dialect/Tile/IR/Tile.h"

namespace mlir::tile {

/// Slots of the ring by which work items are told, and scalars of one.
constexpr int64_t kItemSlots = 2;
constexpr int64_t kItemScalars = 3;

/// Bytes that one op has, or several that never need theirs at the same time.
struct SharedRegion {
  SmallVector<SharedScratchOpInterface, 2> ops;
  int64_t bytes = 0;
  int64_t alignment = 1;
  int64_t offset = 0;
};

/// Decides which ops of a kernel share bytes. Exchanges of rows that will go
/// through a ring have none.
SmallVector<SharedRegion> collectRegions(FuncOp func, ConfigAttr config);

/// Gives regions their offsets, the largest alignment first, so that tiles
/// leave no holes. Returns where they end.
int64_t placeRegions(MutableArrayRef<SharedRegion> regions);

/// Number of slots of a ring, given whether a load in a loop has it: such a
/// ring has that many where the loop is rotated, too, and some loads stand
/// before it.
int64_t getRingStages(bool isInLoop, ConfigAttr config);

/// Slots of a ring of rows, which are small beside tiles.
int64_t getRowStages(bool isInLoop, ConfigAttr config);

/// Whether only the side that loads can run an op: lists and offsets in global
/// memory are walked once, by the warp that loads.
bool isProducerOnly(Operation *op);

/// How many rows the copier of these copies holds at a time.
int64_t getBufferedRows(CopyRowsOp copy);

/// Bytes that tile-allocate-shared places at most for a kernel which gets the
/// configuration now: before products are pipelined, and rings made of loads.
int64_t getMostSharedBytes(FuncOp func, ConfigAttr config);

} // namespace mlir::tile

#endif // PBS_LIB_DIALECT_TILE_TRANSFORMS_SHAREDMEMORY_H
