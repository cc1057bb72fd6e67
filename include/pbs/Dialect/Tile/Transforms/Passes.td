//===- Passes.td - Passes on the tile dialect --------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In the order in which they run.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_TILE_TRANSFORMS_PASSES_TD
#define PBS_DIALECT_TILE_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def AllocateSharedPass : Pass<"tile-allocate-shared", "::mlir::tile::FuncOp"> {
  let summary = "Place everything that lies in shared memory";
  let description = [{
    Needs a configuration. Gives each op that needs
    shared memory (`SharedScratchOpInterface`) its `offset` and rings their
    `control_offset`, and the function its `shared_bytes`.

    Rings and staging of stores keep their bytes, so each has its own. Of the
    others, ops of the same kind and the same size have the same bytes: they
    divide them among the warps in the same way, so that a warp which runs ahead
    never meets one that lags behind. What needs more than a block of the chip
    has is an error that lists who takes what.

    Example:

    ```mlir
    tile.func @f() attributes {
        config = #tile.config<consumers = 1, specialize = false, stages = 1,
          overlap = false, pingPong = false, schedule = single,
          producerRegisters = 0, consumerRegisters = 0>} {
      %ring = tile.ring_create : !tile.ring<2, i32>
      tile.return
    }
    ```

    gives the ring `{control_offset = 0 : i64}`, and the function `shared_bytes =
    40`: two scalars and four barriers.
  }];
  let options = [
    Option<"chip", "chip", "std::string", /*default=*/"\"sm_90a\"",
           "Chip whose shared memory is the limit">
  ];
  let statistics = [
    Statistic<"numPlaced", "num-placed", "Number of ops that got bytes">,
    Statistic<"numShared", "num-shared",
              "Number of ops that have bytes of another op">
  ];
}

#endif // PBS_DIALECT_TILE_TRANSFORMS_PASSES_TD
