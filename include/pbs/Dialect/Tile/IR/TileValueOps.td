//===- TileValueOps.td - Kernels as they are written down *- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles, without a schedule. In alphabetical order.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_TILE_IR_TILEVALUEOPS_TD
#define PBS_DIALECT_TILE_IR_TILEVALUEOPS_TD

include "pbs/Dialect/Tile/IR/TileOpBase.td"

def Tile_AnyOp : Tile_Op<"any", [Pure]> {
  let summary = "Whether something holds for a row";
  let description = [{
    Each warp of the consumers has its own answer, for the rows of `#tile.row` or
    `#tile.wide_row`, or the elements of `#tile.wide`, that it holds (PTX ISA,
    vote.sync.any). So what depends on it may only save work
    that changes nothing in other rows, such as a multiplication by 1, and may
    not hold an op that several warps execute together.

    Example:

    ```mlir
    tile.func @f() {
      %moved = arith.constant dense<false> : tensor<128xi1, #tile.row>
      %any = tile.any %moved : tensor<128xi1, #tile.row>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Register:$source);
  let results = (outs I1:$result);
  let assemblyFormat = "$source attr-dict `:` type($source)";
  let hasVerifier = 1;
}

def Tile_BroadcastOp : Tile_Op<"broadcast", [Pure]> {
  let summary = "Repeat a statistic over rows or columns";
  let description = [{
    `#tile.row` to `#tile.acc`: the value of a row in each of its columns. `#tile.col` to
    `#tile.acc`: the value of a column in each row. `#tile.row` to `#tile.quad`: the value
    of a row in its four parts. `#tile.wide_row` and `#tile.wide_col` to `#tile.wide`
    likewise. Costs nothing: threads have these values.

    Example:

    ```mlir
    tile.func @f() {
      %zero = arith.constant dense<0.0> : tensor<128xf32, #tile.row>
      %tile = tile.broadcast %zero : tensor<128xf32, #tile.row>
        to tensor<128x64xf32, #tile.acc>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Register:$source);
  let results = (outs Tile_Register:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `to` type($result)";
  let hasVerifier = 1;
}

def Tile_ColumnsBehindOp : Tile_Op<"columns_behind", [Pure]> {
  let summary = "Which columns of a tile lie behind the last one of their row";
  let description = [{
    True where the number of the column is greater than `last` of the row: what a
    causal mask hides in a block of keys. Numbers of columns are constants of the code,
    so that two are compared at once, as f16 (PTX ISA, setp.f16x2), and nothing is kept.
    For up to 2048 columns, which f16 has exactly.

    Example:

    ```mlir
    tile.func @f() {
      %last = tile.iota : tensor<128xi32, #tile.row>
      %hidden = tile.columns_behind %last : tensor<128xi32, #tile.row>
        -> tensor<128x128xi1, #tile.acc>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Register:$last);
  let results = (outs Tile_Register:$result);
  let assemblyFormat = "$last attr-dict `:` type($last) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_DimOp : Tile_Op<"dim", [Pure]> {
  let summary = "An extent of a tensor in global memory";
  let description = [{
    Example:

    ```mlir
    tile.func @f(%keys: !tile.global<?x?x?x128xbf16>) {
      %n = tile.dim %keys, 2 : !tile.global<?x?x?x128xbf16>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_GlobalType:$source, I64Attr:$dim);
  let results = (outs I32:$result);
  let assemblyFormat = "$source `,` $dim attr-dict `:` type($source)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Tile_DotOp : Tile_Op<"dot", [Pure]> {
  let summary = "Product of two tiles";
  let description = [{
    `acc + a b`, without `acc` `a b`; with `transpose_b` `b` is `N x K` rather than `K x
    N`. `a` is a tile in shared memory or, in the layout `#tile.acc`, in
    registers; `b` is in shared memory. Elements are f16 or bf16, the sum is in
    f32 (PTX ISA, wgmma.mma_async).

    Example:

    ```mlir
    tile.func @f(%keys: !tile.global<?x128xbf16>) {
      %zero = arith.constant 0 : i32
      %k = tile.load %keys[%zero, %zero] : !tile.global<?x128xbf16>
        -> !tile.buffer<128x128xbf16, swizzle = 128>
      %s = tile.dot %k, %k {transpose_b}
        : !tile.buffer<128x128xbf16, swizzle = 128>,
          !tile.buffer<128x128xbf16, swizzle = 128>
        -> tensor<128x128xf32, #tile.acc>
      tile.return
    }
    ```
  }];
  let arguments = (ins AnyTypeOf<[Tile_BufferType, Tile_Register]>:$a,
                       Tile_BufferType:$b,
                       Optional<Tile_Register>:$acc,
                       UnitAttr:$transpose_b);
  let results = (outs Tile_Register:$result);
  let assemblyFormat = [{
    $a `,` $b (`acc` `(` $acc^ `:` type($acc) `)`)? attr-dict `:` type($a) `,`
    type($b) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_GatherOp : Tile_ReadingOp<"gather", [
    DeclareOpInterfaceMethods<Tile_SharedScratchOpInterface,
                              ["getScratchBytes"]>]> {
  let summary = "Rows of global memory in registers, by their numbers";
  let description = [{
    Row `i` of the tile is row `rows[i]` of the last two dimensions of `source` at
    `indices` (one for each dimension before those), from its first element on.
    Rows outside `source` are 0. `rows` is in the layout `#tile.lane`, the tile in
    `#tile.blocked`; the numbers get to the threads of their rows through shared
    memory. Where they are a result of `tile.order`, or that plus a scalar, they are
    there already, and no thread waits for another.

    Example:

    ```mlir
    tile.func @f(%keys: !tile.global<?x?x?x128xbf16>) {
      %z = arith.constant 0 : i32
      %rows = tile.iota : tensor<128xi32, #tile.lane>
      %k = tile.gather %keys[%z, %z] rows %rows : tensor<128xi32, #tile.lane>,
        !tile.global<?x?x?x128xbf16>
        -> tensor<128x128xbf16, #tile.blocked<vector = 8>>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_GlobalType:$source, Tile_GlobalIndices:$indices,
                       Tile_Register:$rows, OptionalAttr<I64Attr>:$offset);
  let results = (outs Tile_Register:$result);
  let assemblyFormat = [{
    $source `[` $indices `]` `rows` $rows attr-dict `:` type($rows) `,`
    type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_IotaOp : Tile_Op<"iota", [Pure]> {
  let summary = "0, 1, 2, ... along a tile of one dimension";
  let description = [{
    Example:

    ```mlir
    tile.func @f() {
      %columns = tile.iota : tensor<128xi32, #tile.col>
      tile.return
    }
    ```
  }];
  let results = (outs Tile_Register:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Tile_LoadOp : Tile_ReadingOp<"load", [AttrSizedOperandSegments]> {
  let summary = "A tile of global memory in shared memory";
  let description = [{
    The tile of the last two dimensions of `source` whose first element is at
    `indices` (one for each dimension). Elements outside `source` are 0, and so
    are all rows of the tile from the number `rows` on. Where `is_other` holds, the
    tile is that of `other`, a tensor of the same type, at the same indices. How and
    when it gets there is decided by `tile-warp-specialize`.

    Example:

    ```mlir
    tile.func @f(%keys: !tile.global<?x?x?x128xbf16>) {
      %z = arith.constant 0 : i32
      %k = tile.load %keys[%z, %z, %z, %z] : !tile.global<?x?x?x128xbf16>
        -> !tile.buffer<128x128xbf16, swizzle = 128>
      %two = arith.constant 2 : i32
      %v = tile.load %keys[%z, %z, %z, %z] rows %two
        : !tile.global<?x?x?x128xbf16>
        -> !tile.buffer<128x128xbf16, swizzle = 128>
      tile.return
    }
    tile.func @either(%keys: !tile.global<?x128xbf16>,
                      %others: !tile.global<?x128xbf16>) {
      %z = arith.constant 0 : i32
      %yes = arith.constant true
      %k = tile.load %keys[%z, %z] or (%others if %yes : !tile.global<?x128xbf16>)
        : !tile.global<?x128xbf16> -> !tile.buffer<128x128xbf16, swizzle = 128>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_GlobalType:$source, Tile_GlobalIndices:$indices,
                       Optional<I32>:$rows, Optional<Tile_GlobalType>:$other,
                       Optional<I1>:$is_other);
  let results = (outs Tile_BufferType:$result);
  let builders = [OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$source,
                                 "::mlir::ValueRange":$indices), [{
    build($_builder, $_state, type, source, indices, ::mlir::Value(),
          ::mlir::Value(), ::mlir::Value());
  }]>];
  let assemblyFormat = [{
    $source `[` $indices `]` (`rows` $rows^)?
    (`or` `(` $other^ `if` $is_other `:` type($other) `)`)?
    attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_LoadMatrixOp : Tile_ReadingOp<"load_matrix"> {
  let summary = "A tile of shared memory in registers";
  let description = [{
    All of `source`, of 16 bit and swizzled by 128 bytes, in the layout `#tile.acc`, as
    a product takes its first operand from registers (PTX ISA, ldmatrix).

    Example:

    ```mlir
    tile.func @f(%queries: !tile.global<?x64xbf16>) {
      %z = arith.constant 0 : i32
      %q = tile.load %queries[%z, %z] : !tile.global<?x64xbf16>
        -> !tile.buffer<128x64xbf16, swizzle = 128>
      %registers = tile.load_matrix %q : !tile.buffer<128x64xbf16, swizzle = 128>
        -> tensor<128x64xbf16, #tile.acc>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_BufferType:$source);
  let results = (outs Tile_Register:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_OrderOp : Tile_Op<"order", [
    Pure, DeclareOpInterfaceMethods<Tile_SharedScratchOpInterface,
                                    ["getScratchBytes"]>]> {
  let summary = "Which element is the largest, the second largest, and so on";
  let description = [{
    `values` are the parts, one after the other, of an array of n elements in
    the layout `#tile.row`. The results are the parts of an array of the
    numbers 0 to n - 1 in the layout `#tile.lane`: first that of the largest
    element, then that of the second largest; of equal ones (0 and -0 are equal)
    the smaller number comes first, and NaN comes last.

    Each thread counts how many elements come before its own, so the time does
    not depend on the values; two share an element where there are twice as many
    threads as elements. n is at most 1024.

    Example:

    ```mlir
    tile.func @f() {
      %a = arith.constant dense<0.0> : tensor<128xf32, #tile.row>
      %first, %second = tile.order %a, %a
        : tensor<128xf32, #tile.row>, tensor<128xf32, #tile.row>
        -> tensor<128xi32, #tile.lane>, tensor<128xi32, #tile.lane>
      tile.return
    }
    ```
  }];
  let arguments = (ins Variadic<Tile_Register>:$values,
                       OptionalAttr<I64Attr>:$offset);
  let results = (outs Variadic<Tile_Register>:$order);
  let assemblyFormat = [{
    $values attr-dict `:` type($values) `->` type($order)
  }];
  let extraClassDeclaration = [{
    /// Bytes from the scratch to the order, which is behind the elements.
    int64_t getOrderOffset();
  }];
  let hasVerifier = 1;
}

def Tile_ReadOp : Tile_ReadingOp<"read", [AttrSizedOperandSegments]> {
  let summary = "A tile of global memory in registers";
  let description = [{
    The tile of the last dimensions of `source` whose first element is at
    `indices` (one for each dimension). Elements outside `source` are `other`, or 0.
    A tile of one dimension may lie along another dimension of `source` than the
    last: along `dim`.

    Example:

    ```mlir
    tile.func @f(%positions: !tile.global<?x?x?xi32>) {
      %z = arith.constant 0 : i32
      %last = arith.constant 2147483647 : i32
      %p = tile.read %positions[%z, %z, %z] else %last : i32
        : !tile.global<?x?x?xi32> -> tensor<128xi32, #tile.lane>
      %heads = tile.read %positions[%z, %z, %z] {dim = 1}
        : !tile.global<?x?x?xi32> -> tensor<32xi32, #tile.lane>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_GlobalType:$source, Tile_GlobalIndices:$indices,
                       Optional<AnyTypeOf<[I32, F32, F16, BF16]>>:$other,
                       OptionalAttr<I64Attr>:$dim);
  let results = (outs Tile_Register:$result);
  let assemblyFormat = [{
    $source `[` $indices `]` (`else` $other^ `:` type($other))? attr-dict `:`
    type($source) `->`
    type($result)
  }];
  let hasVerifier = 1;
}

def Tile_ReduceOp : Tile_Op<"reduce", [
    Pure, DeclareOpInterfaceMethods<Tile_SharedScratchOpInterface,
                                    ["getScratchBytes"]>]> {
  let summary = "Combine the rows or the columns of a tile";
  let description = [{
    Over dimension 1 of `#tile.acc`: to `#tile.row`, each row of one value; to
    `#tile.quad`, in four parts. Over dimension 1 of `#tile.quad`: to `#tile.row`. Over
    dimension 0 of `#tile.blocked`: to `#tile.lane` is not possible without
    exchange, so it goes through shared memory and gives a tile of one
    dimension in the layout `#tile.lane`.

    Over dimension 1 of `#tile.wide`: to `#tile.wide_row`; or to 32 columns, column
    `c` over those that are with lane `c`, without an exchange.

    Over dimension 0 of `#tile.lane`: to a scalar, the same in all consumers; and
    of `#tile.wide_col`, of which each warp has all, without an exchange of warps.

    The order of the combination is fixed, so that equal inputs give equal bits;
    `max` and `min` of f32 are those of IEEE 754-2008 maxNum and minNum.

    Example:

    ```mlir
    tile.func @f() {
      %s = arith.constant dense<0.0> : tensor<128x128xf32, #tile.acc>
      %m = tile.reduce max %s {dim = 1} : tensor<128x128xf32, #tile.acc>
        -> tensor<128xf32, #tile.row>
      %numbers = tile.iota : tensor<128xi32, #tile.lane>
      %last = tile.reduce max %numbers {dim = 0} : tensor<128xi32, #tile.lane>
        -> i32
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_ReduceKind:$kind, Tile_Register:$source,
                       I64Attr:$dim, OptionalAttr<I64Attr>:$offset);
  let results = (outs AnyTypeOf<[Tile_Register, I32, F32]>:$result);
  let assemblyFormat = [{
    $kind $source attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_RelayoutOp : Tile_Op<"relayout", [
    Pure, DeclareOpInterfaceMethods<Tile_SharedScratchOpInterface,
                                    ["getScratchBytes"]>]> {
  let summary = "The same tile over other threads";
  let description = [{
    From `#tile.lane` to `#tile.col`, through shared memory of the warpgroup, or
    from `#tile.wide_col`, of which each warp has all, through that of the warp. Of
    i32 also from `#tile.lane` to `#tile.wide_col`, as the numbers of `tile.gather`: those
    that `tile.order` made are read where it has left them.

    Example:

    ```mlir
    tile.func @f() {
      %p = arith.constant dense<0> : tensor<128xi32, #tile.lane>
      %c = tile.relayout %p : tensor<128xi32, #tile.lane>
        to tensor<128xi32, #tile.col>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Register:$source, OptionalAttr<I64Attr>:$offset);
  let results = (outs Tile_Register:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `to` type($result)";
  let hasVerifier = 1;
}

def Tile_ScaleRowsOp : Tile_Op<"scale_rows", [
    Pure, AllTypesMatch<["source", "result"]>]> {
  let summary = "Multiply the rows of a tile for which a condition holds";
  let description = [{
    `source` times `factor` of the row in the rows where `holds`, and `source` in the
    others: each multiplication is under a predicate. It is no branch, so that it
    stands wherever the instructions beside it leave room.

    Example:

    ```mlir
    tile.func @f() {
      %x = arith.constant dense<1.0> : tensor<128x64xf32, #tile.acc>
      %half = arith.constant dense<0.5> : tensor<128xf32, #tile.row>
      %grown = arith.cmpf olt, %half, %half : tensor<128xf32, #tile.row>
      %y = tile.scale_rows %x by %half if %grown : tensor<128x64xf32, #tile.acc>,
        tensor<128xf32, #tile.row>, tensor<128xi1, #tile.row>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Register:$source, Tile_Register:$factor,
                       Tile_Register:$holds);
  let results = (outs Tile_Register:$result);
  let assemblyFormat = [{
    $source `by` $factor `if` $holds attr-dict `:` type($source) `,`
    type($factor) `,` type($holds)
  }];
  let hasVerifier = 1;
}

def Tile_SplatOp : Tile_Op<"splat", [Pure]> {
  let summary = "A scalar in every element of a tile";
  let description = [{
    Example:

    ```mlir
    tile.func @f() {
      %s = arith.constant 2.0 : f32
      %t = tile.splat %s : f32 to tensor<128xf32, #tile.row>
      tile.return
    }
    ```
  }];
  let arguments = (ins AnyTypeOf<[I32, F32, I1]>:$scalar);
  let results = (outs Tile_Register:$result);
  let assemblyFormat = "$scalar attr-dict `:` type($scalar) `to` type($result)";
  let hasVerifier = 1;
}

def Tile_StoreOp : Tile_Op<"store", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<Tile_SharedScratchOpInterface,
        ["getScratchBytes", "getScratchAlignment"]>,
    MemoryEffects<[MemWrite, MemRead<Tile_Sync>, MemWrite<Tile_Sync>]>]> {
  let summary = "Store a register tile through shared memory";
  let description = [{
    Writes `source` (layout `#tile.acc`, 16 bit) to the tile of the last two
    dimensions of `target` at `indices`, by a bulk copy out of shared memory (PTX
    ISA, cp.async.bulk.tensor). Elements outside `target` are not written, nor
    are rows of the tile from the number `rows` on: a warpgroup that has such
    rows stores the others by itself. The copy may be under way after the op; the next op that uses the same bytes,
    and the end of the kernel, wait for it.

    Example:

    ```mlir
    tile.func @f(%o: !tile.global<?x?x?x64xbf16>) {
      %z = arith.constant 0 : i32
      %t = arith.constant dense<0.0> : tensor<128x64xbf16, #tile.acc>
      tile.store %t, %o[%z, %z, %z, %z] : tensor<128x64xbf16, #tile.acc>,
        !tile.global<?x?x?x64xbf16>
      %n = arith.constant 100 : i32
      tile.store %t, %o[%z, %z, %z, %z] rows %n
        : tensor<128x64xbf16, #tile.acc>, !tile.global<?x?x?x64xbf16>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Register:$source, Tile_GlobalType:$target,
                       Tile_GlobalIndices:$indices, Optional<I32>:$rows,
                       OptionalAttr<I64Attr>:$offset);
  let builders = [OpBuilder<(ins "::mlir::Value":$source,
                                 "::mlir::Value":$target,
                                 "::mlir::ValueRange":$indices,
                                 "::mlir::IntegerAttr":$offset), [{
    build($_builder, $_state, source, target, indices, ::mlir::Value(), offset);
  }]>];
  let assemblyFormat = [{
    $source `,` $target `[` $indices `]` (`rows` $rows^)? attr-dict `:`
    type($source) `,` type($target)
  }];
  let hasVerifier = 1;
}

def Tile_TakeOp : Tile_ReadingOp<"take", [
    DeclareOpInterfaceMethods<Tile_SharedScratchOpInterface,
                              ["getScratchBytes"]>]> {
  let summary = "Rows of tiles in shared memory, by their numbers";
  let description = [{
    Row `i` of the result is row `rows[i]` of the tiles, which are of one type and
    counted as if one lay after the other; all numbers must be inside. `rows` is in
    the layout `#tile.lane`, the result in `#tile.blocked`; the numbers get to the
    threads of their rows as those of `tile.gather`.

    Example:

    ```mlir
    tile.func @f(%keys: !tile.global<?x128xbf16>) {
      %z = arith.constant 0 : i32
      %k = tile.load %keys[%z, %z] : !tile.global<?x128xbf16>
        -> !tile.buffer<128x128xbf16, swizzle = 128>
      %rows = tile.iota : tensor<128xi32, #tile.lane>
      %t = tile.take %k rows %rows : tensor<128xi32, #tile.lane>,
        !tile.buffer<128x128xbf16, swizzle = 128>
        -> tensor<128x128xbf16, #tile.blocked<vector = 8>>
      tile.return
    }
    ```
  }];
  let arguments = (ins Variadic<Tile_BufferType>:$tiles, Tile_Register:$rows,
                       OptionalAttr<I64Attr>:$offset);
  let results = (outs Tile_Register:$result);
  let assemblyFormat = [{
    $tiles `rows` $rows attr-dict `:` type($rows) `,` type($tiles) `->`
    type($result)
  }];
  let hasVerifier = 1;
}

def Tile_WriteOp : Tile_Op<"write", [AttrSizedOperandSegments,
                                     MemoryEffects<[MemWrite]>]> {
  let summary = "Write a register tile to global memory";
  let description = [{
    Writes `source` to the tile of the last dimensions of `target` at `indices`, each
    element once, by stores of its threads. Elements outside `target` are not
    written, nor is anything from the number `rows` on along the first dimension
    of the tile. A tile of one dimension may lie along another dimension: along `dim`.

    Example:

    ```mlir
    tile.func @f(%lse: !tile.global<?x?x?xf32>) {
      %z = arith.constant 0 : i32
      %t = arith.constant dense<0.0> : tensor<128xf32, #tile.row>
      tile.write %t, %lse[%z, %z, %z] : tensor<128xf32, #tile.row>,
        !tile.global<?x?x?xf32>
      %n = arith.constant 100 : i32
      tile.write %t, %lse[%z, %z, %z] rows %n : tensor<128xf32, #tile.row>,
        !tile.global<?x?x?xf32>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Register:$source, Tile_GlobalType:$target,
                       Tile_GlobalIndices:$indices, Optional<I32>:$rows,
                       OptionalAttr<I64Attr>:$dim);
  let builders = [OpBuilder<(ins "::mlir::Value":$source,
                                 "::mlir::Value":$target,
                                 "::mlir::ValueRange":$indices,
                                 "::mlir::IntegerAttr":$dim), [{
    build($_builder, $_state, source, target, indices, ::mlir::Value(), dim);
  }]>];
  let assemblyFormat = [{
    $source `,` $target `[` $indices `]` (`rows` $rows^)? attr-dict `:`
    type($source) `,` type($target)
  }];
  let hasVerifier = 1;
}

#endif // PBS_DIALECT_TILE_IR_TILEVALUEOPS_TD
