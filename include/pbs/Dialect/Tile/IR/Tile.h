//===- Tile.h - The tile dialect --------------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels of tiles in shared memory and registers, before and after scheduling.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_TILE_IR_TILE_H
#define PBS_DIALECT_TILE_IR_TILE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::tile {
/// Barriers, rings and products in flight.
struct SyncResource : SideEffects::Resource::Base<SyncResource> {
  StringRef getName() override { return "TileSync"; }
};

/// Attribute of an argument of a tile.func: the number of the buffer of the
/// plan.kernel that it is. Without it, argument i is buffer i.
constexpr StringLiteral kBufferAttrName = "tile.buffer";
/// Attribute of an argument of a tile.func: a counter of the kernel's own,
/// which the launch sets to zero.
constexpr StringLiteral kCounterAttrName = "tile.counter";
/// Attribute of an argument of a tile.func: memory of the kernel's own that
/// each thread block has a part of; the bytes of one, over the kernel's
/// symbols.
constexpr StringLiteral kBlockScratchAttrName = "tile.block_scratch";
/// Attribute of an argument of a tile.func: the list of work items that
/// `tile.append_item` makes, or that of the kernel that this one follows.
constexpr StringLiteral kItemListAttrName = "tile.item_list";
/// Attribute of a tile.func: the one of the same module behind which it runs,
/// on the buffers of the same plan.kernel.
constexpr StringLiteral kFollowsAttrName = "tile.follows";
/// Attribute of a tile.func: number of work items over the kernel's symbols.
constexpr StringLiteral kItemsAttrName = "tile.items";

/// Threads of a warpgroup (PTX ISA, wgmma) and of a warp.
constexpr int64_t kWarpgroupThreads = 128;
/// Named barriers limit the consumers (PTX ISA, bar: 16 of them), and a block
/// has at most 1024 threads.
constexpr int64_t kMaxConsumers = 4;
constexpr int64_t kWarpThreads = 32;
constexpr int64_t kWarpgroupWarps = kWarpgroupThreads / kWarpThreads;
/// Rows of an accumulator that a warp holds.
constexpr int64_t kWarpRows = 16;
/// Numbers up to this one are exact in f16, and so are differences.
constexpr int64_t kExactInF16 = 2048;
/// Bytes of an mbarrier.
constexpr int64_t kBarrierBytes = 8;
/// Bytes of a scalar in a slot of a ring.
constexpr int64_t kScalarBytes = 4;
/// Alignment that the 128-byte swizzle needs (PTX ISA, "Swizzling modes").
constexpr int64_t kSwizzleAlignment = 1024;
/// Alignment of rows in shared memory (PTX ISA, ld: vectors of 16 bytes), and
/// so of barriers and scalars, which lie behind them.
constexpr int64_t kControlAlignment = 16;
/// Whether a row of a ring can have such elements.
bool isOfRow(Type element);
/// Bytes of a row of a ring.
int64_t getRowBytes(RankedTensorType row);
/// Bytes of the barriers, the scalars and the rows of a ring; `row` is null
/// without rows.
int64_t getRingControlBytes(int64_t stages, int64_t scalars,
                            RankedTensorType row, bool clearsRows);
/// Rows of a bulk copy of a copier.
constexpr int64_t kCopyRows = 32;
/// Requests to copy rows that are not done: two items of two blocks.
constexpr int64_t kCopyRequests = 4;
/// Bytes of a request before the numbers of its rows: whether it is one, and
/// indices.
constexpr int64_t kRequestBytes = 32;
/// Alignment of buffered rows (PTX ISA, cp.async.bulk.tensor).
constexpr int64_t kCopierAlignment = 128;
/// Bytes of buffered rows and of requests, and of their barriers.
int64_t getCopierBytes(int64_t rows, int64_t buffered, int64_t rowBytes);
int64_t getCopierControlBytes();
} // namespace mlir::tile

#include "pbs/Dialect/Tile/IR/TileDialect.h.inc"
#include "pbs/Dialect/Tile/IR/TileEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "pbs/Dialect/Tile/IR/TileAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "pbs/Dialect/Tile/IR/TileTypes.h.inc"

#include "pbs/Dialect/Tile/IR/TileInterfaces.h.inc"

#define GET_OP_CLASSES
#include "pbs/Dialect/Tile/IR/TileOps.h.inc"

namespace mlir::tile {
/// Numbers that an order has left in its shared memory: they are the words of
/// the order from `first` on, plus `added` if that is not null.
struct PlacedRows {
  OrderOp order;
  int64_t first = 0;
  Value added;
};
/// What numbers of rows are, with no order where they are anything else.
PlacedRows getPlacedRows(Value rows);
/// Whether they are still there when `user` reads them.
bool arePlaced(Value rows, Operation *user);

/// Whether a warp has all of the tiles that `op` takes and gives, so that it
/// needs to know no more of itself than its lanes.
bool isOfWarp(Operation *op);
} // namespace mlir::tile

#endif // PBS_DIALECT_TILE_IR_TILE_H
