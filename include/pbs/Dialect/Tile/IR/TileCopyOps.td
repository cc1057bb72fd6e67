//===- TileCopyOps.td - Copies of rows in global memory ---*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows that nobody computes with. In alphabetical order.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_TILE_IR_TILECOPYOPS_TD
#define PBS_DIALECT_TILE_IR_TILECOPYOPS_TD

include "pbs/Dialect/Tile/IR/TileOpBase.td"

def Tile_CopierOp : Tile_Op<"copier", [
    DeclareOpInterfaceMethods<Tile_SharedScratchOpInterface,
        ["getScratchBytes", "getScratchAlignment", "getControlBytes",
         "keepsScratch"]>,
    MemoryEffects<[MemAlloc<Tile_Sync>]>]> {
  let summary = "A warp that copies rows from one tensor to another";
  let description = [{
    In the entry block of a kernel that is specialized: a warp beside the one that
    runs `producer` takes requests for `rows` rows each, in the order in which they
    come, until it is told to stop. It collects `buffered` rows at a time in
    shared memory (PTX ISA, cp.async) and stores them by bulk copies.

    At `offset` lie the buffered rows and, behind them, the requests that are not
    done; at `control_offset` a barrier for each that says it is there, and one that
    says that its place is free.

    Example:

    ```mlir
    tile.func @f(%v: !tile.global<?x?x?x128xbf16>,
                 %p: !tile.global<?x?x?x128xbf16>) {
      %copier = tile.copier %v to %p {rows = 128, buffered = 64}
        : !tile.global<?x?x?x128xbf16> to !tile.global<?x?x?x128xbf16>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_GlobalType:$source, Tile_GlobalType:$target,
                       I64Attr:$rows, I64Attr:$buffered,
                       OptionalAttr<I64Attr>:$offset,
                       OptionalAttr<I64Attr>:$control_offset);
  let results = (outs Tile_CopierType:$copier);
  let builders = [OpBuilder<(ins "::mlir::Value":$source,
                                 "::mlir::Value":$target, "int64_t":$rows,
                                 "int64_t":$buffered), [{
    build($_builder, $_state, CopierType::get($_builder.getContext()), source,
          target, rows, buffered, ::mlir::IntegerAttr(), ::mlir::IntegerAttr());
  }]>];
  let assemblyFormat = [{
    $source `to` $target attr-dict `:` type($source) `to` type($target)
  }];
  let extraClassDeclaration = [{
    /// Bytes of a row.
    int64_t getRowBytes();
  }];
  let hasVerifier = 1;
}

def Tile_CopierPushOp : Tile_SyncOp<"copier_push", [AttrSizedOperandSegments]> {
  let summary = "Ask for a copy of rows";
  let description = [{
    What `tile.copy_rows` says of the tensors of the copier. Waits until there is
    room for one more request, not for the copy, which may be under way at the
    end of the kernel. `step` is the number of the request, counted from 0 over the
    whole kernel; `tile-number-rings` adds it.

    Example:

    ```mlir
    tile.func @f(%v: !tile.global<?x?x?x128xbf16>,
                 %p: !tile.global<?x?x?x128xbf16>) {
      %copier = tile.copier %v to %p {rows = 128, buffered = 64}
        : !tile.global<?x?x?x128xbf16> to !tile.global<?x?x?x128xbf16>
      %z = arith.constant 0 : i32
      %rows = tile.iota : tensor<128xi32, #tile.lane>
      tile.copier_push %copier step %z [%z, %z] rows %rows to [%z, %z, %z]
        : tensor<128xi32, #tile.lane>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_CopierType:$copier, Optional<I32>:$step,
                       Tile_GlobalIndices:$indices, Tile_Register:$rows,
                       Tile_GlobalIndices:$target_indices);
  let assemblyFormat = [{
    $copier (`step` $step^)? `[` $indices `]` `rows` $rows `to` `[`
    $target_indices `]` attr-dict `:` type($rows)
  }];
  let hasVerifier = 1;
}

def Tile_CopierStopOp : Tile_SyncOp<"copier_stop"> {
  let summary = "Ask for no more copies";
  let description = [{
    The copier ends when all requests before are done. `step` as in
    `tile.copier_push`.

    Example:

    ```mlir
    tile.func @f(%v: !tile.global<?x?x?x128xbf16>,
                 %p: !tile.global<?x?x?x128xbf16>) {
      %copier = tile.copier %v to %p {rows = 128, buffered = 64}
        : !tile.global<?x?x?x128xbf16> to !tile.global<?x?x?x128xbf16>
      %z = arith.constant 0 : i32
      tile.copier_stop %copier step %z
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_CopierType:$copier, Optional<I32>:$step);
  let assemblyFormat = "$copier (`step` $step^)? attr-dict";
  let hasVerifier = 1;
}

def Tile_CopyRowsOp : Tile_Op<"copy_rows", [AttrSizedOperandSegments,
                                            MemoryEffects<[MemWrite]>]> {
  let summary = "Copy rows of global memory, by their numbers";
  let description = [{
    Row `i` behind the row of `target` at `target_indices` (one for each dimension
    but the last) becomes row `rows[i]` of the last two dimensions of `source` at
    `indices` (one for each dimension before those). Rows outside `source` are 0;
    rows outside `target` are not written. The bits of `tile.gather` and
    `tile.write`, but nobody needs the rows, so that how and when they get there
    is decided by `tile-warp-specialize`.

    Example:

    ```mlir
    tile.func @f(%v: !tile.global<?x?x?x128xbf16>,
                 %p: !tile.global<?x?x?x128xbf16>) {
      %z = arith.constant 0 : i32
      %rows = tile.iota : tensor<128xi32, #tile.lane>
      tile.copy_rows %v[%z, %z] rows %rows to %p[%z, %z, %z]
        : tensor<128xi32, #tile.lane>, !tile.global<?x?x?x128xbf16>
        to !tile.global<?x?x?x128xbf16>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_GlobalType:$source, Tile_GlobalIndices:$indices,
                       Tile_Register:$rows, Tile_GlobalType:$target,
                       Tile_GlobalIndices:$target_indices);
  let extraClassDeclaration = [{
    /// Bytes of a row.
    int64_t getRowBytes();
  }];
  let assemblyFormat = [{
    $source `[` $indices `]` `rows` $rows `to` $target `[` $target_indices `]`
    attr-dict `:` type($rows) `,` type($source) `to` type($target)
  }];
  let hasVerifier = 1;
}

#endif // PBS_DIALECT_TILE_IR_TILECOPYOPS_TD
