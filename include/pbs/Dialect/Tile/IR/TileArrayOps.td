//===- TileArrayOps.td - Arrays in shared memory -----------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_TILE_IR_TILEARRAYOPS_TD
#define PBS_DIALECT_TILE_IR_TILEARRAYOPS_TD

include "pbs/Dialect/Tile/IR/TileOpBase.td"

def Tile_ArrayOp : Tile_Op<"array", [
    DeclareOpInterfaceMethods<Tile_SharedScratchOpInterface,
                              ["getScratchBytes", "keepsScratch"]>,
    MemoryEffects<[MemAlloc<Tile_Sync>]>]> {
  let summary = "Make an array in shared memory";
  let description = [{
    In the entry block of the kernel; what it holds first is not defined.

    Example:

    ```mlir
    tile.func @f() {
      %array = tile.array : !tile.array<4096xi32>
      tile.return
    }
    ```
  }];
  let arguments = (ins OptionalAttr<I64Attr>:$offset);
  let results = (outs Tile_ArrayType:$array);
  let builders = [OpBuilder<(ins "ArrayType":$type), [{
    build($_builder, $_state, type, ::mlir::IntegerAttr());
  }]>];
  let assemblyFormat = "attr-dict `:` type($array)";
  let hasVerifier = 1;
}

/// Elements in shared memory, or in global memory that the block has for itself.
def Tile_ArrayOrGlobal : AnyTypeOf<[Tile_ArrayType, Tile_GlobalType]>;

def Tile_ArrayAppendOp : Tile_Op<"array_append", [
    MemoryEffects<[MemRead<Tile_Sync>, MemWrite<Tile_Sync>]>,
    AllTypesMatch<["counts", "result"]>]> {
  let summary = "Append the elements of a tile that are wanted to an array";
  let description = [{
    The elements of a row of `source`, in the layout `#tile.wide`, for which
    `condition` holds, column `c` to a list for all columns that are `c mod 32`.
    List `l` of row `r` has its `i`-th element at `starts[r] + 32 i + l` of the
    array; `counts` (32 columns) says how many there are and `result` how many
    there are then, also where more than `limit` are no longer written. So what
    is kept lies densely, in an order that does not depend on time, and nobody
    exchanges anything. Where the start is negative nothing is written.

    Example:

    ```mlir
    tile.func @f() {
      %array = tile.array : !tile.array<4096xi32>
      %tile = arith.constant dense<1> : tensor<8x256xi32, #tile.wide>
      %wanted = arith.constant dense<true> : tensor<8x256xi1, #tile.wide>
      %none = arith.constant dense<0> : tensor<8x32xi32, #tile.wide>
      %row = tile.iota : tensor<8xi32, #tile.wide_row>
      %counts = tile.array_append %tile where %wanted, %array[%row] after %none
        {limit = 4} : tensor<8x256xi32, #tile.wide>,
        tensor<8x256xi1, #tile.wide>, !tile.array<4096xi32>,
        tensor<8xi32, #tile.wide_row>, tensor<8x32xi32, #tile.wide>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Register:$source, Tile_Register:$condition,
                       Tile_ArrayType:$array, Tile_Register:$starts,
                       Tile_Register:$counts, I64Attr:$limit);
  let results = (outs Tile_Register:$result);
  let assemblyFormat = [{
    $source `where` $condition `,` $array `[` $starts `]` `after` $counts
    attr-dict `:` type($source) `,` type($condition) `,`
    type($array) `,` type($starts) `,` type($counts)
  }];
  let hasVerifier = 1;
}

def Tile_ArrayReadOp : Tile_Op<"array_read", [
    MemoryEffects<[MemRead<Tile_Sync>]>]> {
  let summary = "Consecutive elements of an array as rows of a tile";
  let description = [{
    Element `c` of row `r` of the tile, in the layout `#tile.wide`, is element
    `starts[r] + c` of the array, which must be inside. What another warp wrote
    is there after a `tile.barrier`. The array may be in global memory: a scratch of
    one dimension (`tile.block_scratch`, see `tile.func`).

    Example:

    ```mlir
    tile.func @f() {
      %array = tile.array : !tile.array<4096xi32>
      %row = tile.iota : tensor<8xi32, #tile.wide_row>
      %tile = tile.array_read %array[%row] : !tile.array<4096xi32>,
        tensor<8xi32, #tile.wide_row> -> tensor<8x256xi32, #tile.wide>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_ArrayOrGlobal:$array, Tile_Register:$starts);
  let results = (outs Tile_Register:$result);
  let assemblyFormat = [{
    $array `[` $starts `]` attr-dict `:` type($array) `,` type($starts) `->`
    type($result)
  }];
  let hasVerifier = 1;
}

def Tile_ArrayWriteOp : Tile_Op<"array_write", [
    MemoryEffects<[MemWrite<Tile_Sync>]>]> {
  let summary = "Write rows or columns of a tile to an array";
  let description = [{
    A tile in the layout `#tile.wide` by rows: element `c` of row `r` to element
    `starts[r] + c` of the array (`starts` in `#tile.wide_row`). One in the layout
    `#tile.acc` by columns: element `r` of column `c` to element `starts[c] + r`
    (`starts` in `#tile.col`). Where the start is negative nothing is written;
    all other elements must be inside. The array may be in global memory, as that
    of `tile.array_read`.

    Example:

    ```mlir
    tile.func @f() {
      %array = tile.array : !tile.array<4096xi32>
      %tile = arith.constant dense<0> : tensor<128x32xi32, #tile.acc>
      %column = tile.iota : tensor<32xi32, #tile.col>
      tile.array_write %tile, %array[%column] : tensor<128x32xi32, #tile.acc>,
        !tile.array<4096xi32>, tensor<32xi32, #tile.col>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Register:$source, Tile_ArrayOrGlobal:$array,
                       Tile_Register:$starts);
  let assemblyFormat = [{
    $source `,` $array `[` $starts `]` attr-dict `:` type($source) `,`
    type($array) `,` type($starts)
  }];
  let hasVerifier = 1;
}

def Tile_BarrierOp : Tile_SyncOp<"barrier"> {
  let summary = "Wait until all consumers are here";
  let description = [{
    What consumers wrote to arrays before, all of them read behind it (PTX ISA,
    barrier.sync).

    Example:

    ```mlir
    tile.func @f() {
      tile.barrier
      tile.return
    }
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_BlockNumberOp : Tile_Op<"block_number", [Pure]> {
  let summary = "The number of the thread block";
  let description = [{
    Says which part of a scratch in global memory the block has for itself.

    Example:

    ```mlir
    tile.func @f() {
      %block = tile.block_number
      tile.return
    }
    ```
  }];
  let results = (outs I32:$result);
  let assemblyFormat = "attr-dict";
}

#endif // PBS_DIALECT_TILE_IR_TILEARRAYOPS_TD
