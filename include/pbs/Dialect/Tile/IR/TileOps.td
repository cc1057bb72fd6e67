//===- TileOps.td - Ops of the tile dialect ---------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_TILE_IR_TILEOPS_TD
#define PBS_DIALECT_TILE_IR_TILEOPS_TD

include "pbs/Dialect/Tile/IR/TileArrayOps.td"
include "pbs/Dialect/Tile/IR/TileCopyOps.td"
include "pbs/Dialect/Tile/IR/TileKernelOps.td"
include "pbs/Dialect/Tile/IR/TileValueOps.td"
include "pbs/Dialect/Tile/IR/TileListOps.td"
include "pbs/Dialect/Tile/IR/TileScheduleOps.td"

#endif // PBS_DIALECT_TILE_IR_TILEOPS_TD
