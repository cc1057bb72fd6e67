//===- TileScheduleOps.td - What a schedule consists of ---*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that the schedule passes create. In alphabetical order.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_TILE_IR_TILESCHEDULEOPS_TD
#define PBS_DIALECT_TILE_IR_TILESCHEDULEOPS_TD

include "pbs/Dialect/Tile/IR/TileOpBase.td"

def Tile_AppendItemOp : Tile_Op<"append_item", [
    MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Put a work item on a list";
  let description = [{
    Once, whoever does so how often: `list` has a count, room for the numbers of
    all `items`, and a word for each that says whether it is on the list. The
    launch sets all of them to zero. Each warp that gets here puts it there.

    Example:

    ```mlir
    tile.func @f(%list: !tile.global<?xi32>) {
      %item = arith.constant 3 : i32
      %items = arith.constant 8 : i32
      tile.append_item %item of %items to %list : !tile.global<?xi32>
      tile.return
    }
    ```
  }];
  let arguments = (ins I32:$item, I32:$items, Tile_GlobalType:$list);
  let assemblyFormat = "$item `of` $items `to` $list attr-dict `:` type($list)";
  let hasVerifier = 1;
}

def Tile_BlockIdOp : Tile_Op<"block_id", [Pure]> {
  let summary = "Number of this block in the grid";
  let description = [{
    Example:

    ```mlir
    tile.func @f() {
      %block = tile.block_id
      tile.return
    }
    ```
  }];
  let results = (outs I32:$result);
  let assemblyFormat = "attr-dict";
}

def Tile_DotAsyncOp : Tile_SyncOp<"dot_async"> {
  let summary = "Begin the product of two tiles";
  let description = [{
    As `tile.dot`, but the result is there only after `tile.dot_wait`, which must be in
    the same block. Products complete in the order in which they begin. Until
    then the operands, `acc` in registers included, belong to the product.

    Example:

    ```mlir
    tile.func @f(%keys: !tile.global<?x128xbf16>) {
      %zero = arith.constant 0 : i32
      %k = tile.load %keys[%zero, %zero] : !tile.global<?x128xbf16>
        -> !tile.buffer<128x128xbf16, swizzle = 128>
      %f = tile.dot_async %k, %k {transpose_b}
        : !tile.buffer<128x128xbf16, swizzle = 128>,
          !tile.buffer<128x128xbf16, swizzle = 128>
        -> !tile.inflight<tensor<128x128xf32, #tile.acc>>
      %s = tile.dot_wait %f {pending = 0}
        : !tile.inflight<tensor<128x128xf32, #tile.acc>>
      tile.return
    }
    ```
  }];
  let arguments = (ins AnyTypeOf<[Tile_BufferType, Tile_Register]>:$a,
                       Tile_BufferType:$b,
                       Optional<Tile_Register>:$acc,
                       UnitAttr:$transpose_b);
  let results = (outs Tile_InflightType:$result);
  let assemblyFormat = [{
    $a `,` $b (`acc` `(` $acc^ `:` type($acc) `)`)? attr-dict `:` type($a) `,`
    type($b) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_DotWaitOp : Tile_SyncOp<"dot_wait", [
    TypesMatchWith<"the result is what the product in flight will be", "source",
                   "result", "::llvm::cast<InflightType>($_self).getType()">]> {
  let summary = "Wait for a product";
  let description = [{
    Waits until at most `pending` products that began after this one's are in
    flight, and gives its result (PTX ISA, wgmma.wait_group). `pending` is the
    number of `tile.dot_async` between the product's own and this op, or fewer.

    Example: see `tile.dot_async`.

    ```mlir
    tile.func @f(%f: !tile.global<64x64xbf16>) {
      %zero = arith.constant 0 : i32
      %k = tile.load %f[%zero, %zero] : !tile.global<64x64xbf16>
        -> !tile.buffer<64x64xbf16, swizzle = 128>
      %d = tile.dot_async %k, %k : !tile.buffer<64x64xbf16, swizzle = 128>,
          !tile.buffer<64x64xbf16, swizzle = 128>
        -> !tile.inflight<tensor<64x64xf32, #tile.acc>>
      %s = tile.dot_wait %d {pending = 0}
        : !tile.inflight<tensor<64x64xf32, #tile.acc>>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_InflightType:$source, I64Attr:$pending);
  let results = (outs Tile_Register:$result);
  let assemblyFormat = "$source attr-dict `:` type($source)";
  let hasVerifier = 1;
}

def Tile_FetchItemOp : Tile_Op<"fetch_item", [
    AttrSizedOperandSegments, MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Draw the number of the next work item";
  let description = [{
    Adds one to `counter` and gives its value before. The launch sets it to zero.
    With `condition`, which is the same in all threads of the warp, only if that
    holds, and gives `otherwise` if not.

    Example:

    ```mlir
    tile.func @f(%counter: !tile.global<1xi32>, %more: !tile.global<?xi32>) {
      %first = tile.fetch_item %counter : !tile.global<1xi32>
      %size = tile.dim %more, 0 : !tile.global<?xi32>
      %draws = arith.cmpi slt, %first, %size : i32
      %second = tile.fetch_item %counter if %draws else %first
        : !tile.global<1xi32>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_GlobalType:$counter,
                       Optional<I1>:$condition,
                       Optional<I32>:$otherwise);
  let results = (outs I32:$result);
  let builders = [OpBuilder<(ins "Value":$counter), [{
    build($_builder, $_state, $_builder.getI32Type(), counter,
          /*condition=*/Value(), /*otherwise=*/Value());
  }]>, OpBuilder<(ins "Value":$counter, "Value":$condition,
                      "Value":$otherwise), [{
    build($_builder, $_state, $_builder.getI32Type(), counter, condition,
          otherwise);
  }]>];
  let assemblyFormat = [{
    $counter (`if` $condition^ `else` $otherwise)? attr-dict `:` type($counter)
  }];
  let hasVerifier = 1;
}

def Tile_GridSizeOp : Tile_Op<"grid_size", [Pure]> {
  let summary = "Number of blocks of the grid";
  let description = [{
    Example:

    ```mlir
    tile.func @f() {
      %blocks = tile.grid_size
      tile.return
    }
    ```
  }];
  let results = (outs I32:$result);
  let assemblyFormat = "attr-dict";
}

def Tile_ReadWordOp : Tile_Op<"read_word", [Pure]> {
  let summary = "One word of a tensor, for all threads";
  let description = [{
    Example:

    ```mlir
    tile.func @f(%list: !tile.global<?xi32>) {
      %zero = arith.constant 0 : i32
      %count = tile.read_word %list[%zero] : !tile.global<?xi32>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_GlobalType:$source, I32:$index);
  let results = (outs I32:$result);
  let assemblyFormat = "$source `[` $index `]` attr-dict `:` type($source)";
  let hasVerifier = 1;
}

def Tile_RingCreateOp : Tile_Op<"ring_create", [
    DeclareOpInterfaceMethods<Tile_SharedScratchOpInterface,
        ["getScratchBytes", "getScratchAlignment", "getControlBytes",
         "keepsScratch"]>,
    MemoryEffects<[MemAlloc<Tile_Sync>]>]> {
  let summary = "Make a ring";
  let description = [{
    In the entry block of the kernel. At `offset` lie the tiles of all slots; at
    `control_offset` a full barrier (PTX ISA, mbarrier) for each slot, an empty
    one for each, then, where rows of tiles are cleared after the copy, a barrier
    for such copies, then the rows and then the scalars of all slots.

    Example:

    ```mlir
    tile.func @f() {
      %ring = tile.ring_create
        : !tile.ring<2, !tile.buffer<128x128xbf16, swizzle = 128>, i32>
      tile.return
    }
    ```
  }];
  let arguments = (ins OptionalAttr<I64Attr>:$offset,
                       OptionalAttr<I64Attr>:$control_offset);
  let results = (outs Tile_RingType:$ring);
  let builders = [OpBuilder<(ins "RingType":$type), [{
    build($_builder, $_state, type, ::mlir::IntegerAttr(),
          ::mlir::IntegerAttr());
  }]>];
  let extraClassDeclaration = [{
    /// Whether rows of a tile are cleared after it was copied.
    bool clearsRows();
  }];
  let assemblyFormat = "attr-dict `:` type($ring)";
  let hasVerifier = 1;
}

def Tile_RingPushOp : Tile_SyncOp<"ring_push", [
    AttrSizedOperandSegments,
    RangedTypesMatchWith<"scalars are those of the ring", "ring", "scalars",
                         "::llvm::cast<RingType>($_self).getScalars()">]> {
  let summary = "Fill the next slot of a ring";
  let description = [{
    Waits until the slot is released, writes `scalars` and `row` and begins to
    copy the tile of `source` at `indices` (as `tile.load`, `rows` and `other` included);
    the slot is full when all of it is there. `step` is the number of the push, counted from 0 over the whole
    kernel; `tile-number-rings` adds it. A ring with a tile may be pushed without
    `source`; then its consumers must not use the tile. The warp that pushes has
    all of `row`.

    Example:

    ```mlir
    tile.func @f(%keys: !tile.global<?x128xbf16>) {
      %ring = tile.ring_create
        : !tile.ring<2, !tile.buffer<128x128xbf16, swizzle = 128>, i32>
      %z = arith.constant 0 : i32
      tile.ring_push %ring step %z from %keys[%z, %z] scalars(%z)
        : !tile.ring<2, !tile.buffer<128x128xbf16, swizzle = 128>, i32>,
          !tile.global<?x128xbf16>
      tile.return
    }
    tile.func @row(%positions: !tile.global<?xi32>) {
      %ring = tile.ring_create : !tile.ring<2, tensor<128xi32, #tile.col>>
      %z = arith.constant 0 : i32
      %row = tile.read %positions[%z] : !tile.global<?xi32>
        -> tensor<128xi32, #tile.wide_col>
      tile.ring_push %ring step %z row(%row : tensor<128xi32, #tile.wide_col>)
        : !tile.ring<2, tensor<128xi32, #tile.col>>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_RingType:$ring,
                       Optional<I32>:$step,
                       Optional<Tile_GlobalType>:$source,
                       Tile_GlobalIndices:$indices,
                       Optional<I32>:$rows,
                       Optional<Tile_GlobalType>:$other,
                       Optional<I1>:$is_other,
                       Variadic<AnyTypeOf<[I32, F32]>>:$scalars,
                       Optional<Tile_Register>:$row);
  let assemblyFormat = [{
    $ring (`step` $step^)? (`from` $source^ `[` $indices `]`)? (`rows` $rows^)?
    (`or` `(` $other^ `if` $is_other `:` type($other) `)`)?
    (`scalars` `(` $scalars^ `)`)? (`row` `(` $row^ `:` type($row) `)`)?
    attr-dict `:` type($ring) (`,` type($source)^)?
  }];
  let hasVerifier = 1;
}

def Tile_RingReleaseOp : Tile_SyncOp<"ring_release"> {
  let summary = "Give the slot of a ring back";
  let description = [{
    The slot of the last `tile.ring_wait` of this ring; nothing uses its tile afterwards.
    Scalars and rows are values, which stay.

    Example:

    ```mlir
    tile.func @f() {
      %ring = tile.ring_create : !tile.ring<2, i32>
      %z = arith.constant 0 : i32
      %item = tile.ring_wait %ring step %z : !tile.ring<2, i32>
      tile.ring_release %ring step %z : !tile.ring<2, i32>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_RingType:$ring, Optional<I32>:$step);
  let assemblyFormat = "$ring (`step` $step^)? attr-dict `:` type($ring)";
}

def Tile_RingWaitOp : Tile_SyncOp<"ring_wait", [
    RangedTypesMatchWith<"results are the values of a slot", "ring", "results",
                         "::llvm::cast<RingType>($_self).getTypes()">]> {
  let summary = "Wait for the next slot of a ring";
  let description = [{
    Waits until the slot is full and gives its tile, its scalars and its row.

    Example:

    ```mlir
    tile.func @f() {
      %ring = tile.ring_create
        : !tile.ring<2, !tile.buffer<128x128xbf16, swizzle = 128>, i32>
      %z = arith.constant 0 : i32
      %k, %block = tile.ring_wait %ring step %z
        : !tile.ring<2, !tile.buffer<128x128xbf16, swizzle = 128>, i32>
      tile.ring_release %ring step %z
        : !tile.ring<2, !tile.buffer<128x128xbf16, swizzle = 128>, i32>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_RingType:$ring, Optional<I32>:$step);
  let results = (outs Variadic<AnyTypeOf<[Tile_BufferType, I32, F32,
                                          Tile_Register]>>:$results);
  let assemblyFormat = "$ring (`step` $step^)? attr-dict `:` type($ring)";
  let extraClassDeclaration = [{
    /// The tile, or null.
    Value getTile();
    /// The scalars.
    ResultRange getScalars();
    /// The row, or null.
    Value getRow();
  }];
}

def Tile_TurnPassOp : Tile_SyncOp<"turn_pass"> {
  let summary = "Let the next warpgroup at the tensor cores";
  let description = [{
    Example:

    ```mlir
    tile.func @f() {
      tile.turn_wait
      tile.turn_pass
      tile.return
    }
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_TurnWaitOp : Tile_SyncOp<"turn_wait"> {
  let summary = "Wait for one's turn at the tensor cores";
  let description = [{
    Consumer warpgroups take turns one after the other, the first begins (PTX ISA,
    bar.sync and bar.arrive). Each waits and passes in turn, the same number of
    times.

    Example:

    ```mlir
    tile.func @f() {
      tile.turn_wait
      tile.turn_pass
      tile.return
    }
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_WarpSpecializeOp : Tile_Op<"warp_specialize", [
    SingleBlockImplicitTerminator<"YieldOp">, RecursiveMemoryEffects,
    HasParent<"FuncOp">]> {
  let summary = "Different work for different warps";
  let description = [{
    One warp runs `producer`, the consumer warpgroups run `consumer`, side by
    side. They meet in rings only: on every path through the kernel, one side
    pushes as often as the other waits.

    Example:

    ```mlir
    tile.func @f(%keys: !tile.global<?x128xbf16>) {
      %ring = tile.ring_create
        : !tile.ring<2, !tile.buffer<128x128xbf16, swizzle = 128>>
      tile.warp_specialize producer {
        %z = arith.constant 0 : i32
        tile.ring_push %ring from %keys[%z, %z]
          : !tile.ring<2, !tile.buffer<128x128xbf16, swizzle = 128>>,
            !tile.global<?x128xbf16>
      } consumer {
        %k = tile.ring_wait %ring
          : !tile.ring<2, !tile.buffer<128x128xbf16, swizzle = 128>>
        tile.ring_release %ring
          : !tile.ring<2, !tile.buffer<128x128xbf16, swizzle = 128>>
      }
      tile.return
    }
    ```
  }];
  let regions = (region SizedRegion<1>:$producer, SizedRegion<1>:$consumer);
  let assemblyFormat = [{
    `producer` $producer `consumer` $consumer attr-dict
  }];
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins)>];
}

#endif // PBS_DIALECT_TILE_IR_TILESCHEDULEOPS_TD
