//===- TileListOps.td - Lists and bits --------------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which blocks a work item visits, and rows of bits that say so. In alphabetical
// order.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_TILE_IR_TILELISTOPS_TD
#define PBS_DIALECT_TILE_IR_TILELISTOPS_TD

include "pbs/Dialect/Tile/IR/TileOpBase.td"

def Tile_BitListOp : Tile_ReadingOp<"bit_list", [AttrSizedOperandSegments]> {
  let summary = "The key blocks of a bit row";
  let description = [{
    The blocks `c < end` whose bit `c mod 32` is set in word `c / 32` of the row
    of `source` at `indices`: first those of `[full, end)`, which need a mask,
    in ascending order, then those of `[0, full)`. Bits from `end` on are not
    read, so that they may lie outside. The blocks of `[own, end)` count as listed
    whatever their bits are. `selected` says that a selection of the same
    program has chosen them, by the mass that they cover: such lists are long where
    there is much to choose from, which `tile-configure` asks for.

    Example:

    ```mlir
    tile.func @f(%bits: !tile.global<?x?x?x?xi32>) {
      %full = arith.constant 3 : i32
      %end = arith.constant 5 : i32
      %b = arith.constant 0 : i32
      %list = tile.bit_list %bits[%b, %b, %b], %full, %end
        : !tile.global<?x?x?x?xi32>
      %count, %masked = tile.list_size %list : !tile.list<bits>
      %own = arith.constant 2 : i32
      %with_own = tile.bit_list %bits[%b, %b, %b], %full, %end own %own
        : !tile.global<?x?x?x?xi32>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_GlobalType:$source, Tile_GlobalIndices:$indices,
                       I32:$full, I32:$end, Optional<I32>:$own,
                       UnitAttr:$selected);
  let results = (outs Tile_BitList:$list);
  let assemblyFormat = [{
    $source `[` $indices `]` `,` $full `,` $end (`own` $own^)? attr-dict `:`
    type($source)
  }];
  let hasVerifier = 1;
}

def Tile_FindSequenceOp : Tile_ReadingOp<"find_sequence"> {
  let summary = "The packed sequence that a block belongs to";
  let description = [{
    Sequences of different lengths lie one after the other: sequence `s` has the
    queries from `query_offsets[s]` to before `query_offsets[s + 1]`, and keys
    likewise; offsets do not decrease. Blocks of `rows` queries are numbered
    over all sequences: `number` belongs to the last sequence `s` with
    `query_offsets[s] / rows + s <= number`, so that every sequence has its own
    blocks wherever it begins, at most one more than its length fills.

    Of that sequence these are the first query and how many there are, the first
    key and how many there are, and the number of the block in it. What offsets
    would take from outside of `limits` (queries, keys) is not there. A block
    that the sequence does not have is block 0 of one without queries and keys.

    Example:

    ```mlir
    tile.func @f(%q: !tile.global<?xi32>, %k: !tile.global<?xi32>) {
      %number = arith.constant 3 : i32
      %queries = arith.constant 1000 : i32
      %keys = arith.constant 2000 : i32
      %query, %m, %key, %n, %block = tile.find_sequence %number in %q, %k
        limits %queries, %keys {rows = 128}
        : !tile.global<?xi32>, !tile.global<?xi32>
      tile.return
    }
    ```
  }];
  let arguments = (ins I32:$number, Tile_GlobalType:$query_offsets,
                       Tile_GlobalType:$key_offsets, I32:$max_queries,
                       I32:$max_keys, I64Attr:$rows);
  let results = (outs I32:$first_query, I32:$queries, I32:$first_key, I32:$keys,
                      I32:$block);
  let assemblyFormat = [{
    $number `in` $query_offsets `,` $key_offsets `limits` $max_queries `,`
    $max_keys attr-dict `:` type($query_offsets) `,` type($key_offsets)
  }];
  let hasVerifier = 1;
}

def Tile_FirstBitsOp : Tile_Op<"first_bits", [
    Pure, AllTypesMatch<["bits", "first"]>, AllTypesMatch<["count", "left"]>]> {
  let summary = "The first set bits of each row";
  let description = [{
    `bits` are rows of four words, word `q` with part `q` of `#tile.quad`, bit
    `c mod 32` of word `c / 32` being column `c` (see `tile.pack_bits`). Of each
    row the first `count` set bits stay; `left` is how many of `count` remain.

    Example:

    ```mlir
    tile.func @f() {
      %bits = arith.constant dense<5> : tensor<128x4xi32, #tile.quad>
      %count = arith.constant dense<3> : tensor<128xi32, #tile.row>
      %first, %left = tile.first_bits %bits, %count
        : tensor<128x4xi32, #tile.quad>, tensor<128xi32, #tile.row>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Register:$bits, Tile_Register:$count);
  let results = (outs Tile_Register:$first, Tile_Register:$left);
  let assemblyFormat = [{
    $bits `,` $count attr-dict `:` type($bits) `,` type($count)
  }];
  let hasVerifier = 1;
}

def Tile_ListBeginOp : Tile_Op<"list_begin", [Pure]> {
  let summary = "The place before the first block of a list";
  let description = [{
    Example:

    ```mlir
    tile.func @f() {
      %full = arith.constant 3 : i32
      %end = arith.constant 5 : i32
      %list = tile.range_list %full, %end
      %at = tile.list_begin %list : !tile.list<range>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_ListType:$list);
  let results = (outs Tile_CursorType:$cursor);
  let assemblyFormat = "$list attr-dict `:` type($list)";
}

def Tile_ListNextOp : Tile_ReadingOp<"list_next"> {
  let summary = "The next block of a list";
  let description = [{
    The block after the place `cursor`, and the place after it. Behind the last
    block, or in an empty list, the block is `end`: its keys lie outside or
    are masked.

    Example:

    ```mlir
    tile.func @f() {
      %full = arith.constant 3 : i32
      %end = arith.constant 5 : i32
      %list = tile.range_list %full, %end
      %at = tile.list_begin %list : !tile.list<range>
      %block, %next = tile.list_next %list, %at : !tile.list<range>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_ListType:$list, Tile_CursorType:$cursor);
  let results = (outs I32:$block, Tile_CursorType:$next);
  let assemblyFormat = "$list `,` $cursor attr-dict `:` type($list)";
}

def Tile_ListSizeOp : Tile_ReadingOp<"list_size"> {
  let summary = "How many blocks are visited";
  let description = [{
    `count`: the blocks of the list, or 1 if it is empty, so that a loop over it
    always runs: its one block is then behind all keys (see `tile.list_next`).
    `masked`: how many of them, the first ones, need a mask; 1 for an empty
    list.

    Example:

    ```mlir
    tile.func @f() {
      %full = arith.constant 3 : i32
      %end = arith.constant 5 : i32
      %list = tile.range_list %full, %end
      %count, %masked = tile.list_size %list : !tile.list<range>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_ListType:$list);
  let results = (outs I32:$count, I32:$masked);
  let assemblyFormat = "$list attr-dict `:` type($list)";
}

def Tile_PackBitsOp : Tile_Op<"pack_bits", [Pure]> {
  let summary = "128 columns of i1 as four words";
  let description = [{
    Bit `c mod 32` of word `c / 32` of a row is column `c`; word `q` is with part
    `q` of `#tile.quad`, or column `q` of `#tile.wide`.

    Example:

    ```mlir
    tile.func @f() {
      %chosen = arith.constant dense<true> : tensor<128x128xi1, #tile.acc>
      %words = tile.pack_bits %chosen : tensor<128x128xi1, #tile.acc>
        -> tensor<128x4xi32, #tile.quad>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Register:$source);
  let results = (outs Tile_Register:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_RangeListOp : Tile_Op<"range_list", [Pure]> {
  let summary = "All key blocks of a range";
  let description = [{
    The blocks of `[0, end)` in descending order; those of `[full, end)` need a
    mask.

    Example:

    ```mlir
    tile.func @f() {
      %full = arith.constant 3 : i32
      %end = arith.constant 5 : i32
      %list = tile.range_list %full, %end
      tile.return
    }
    ```
  }];
  let arguments = (ins I32:$full, I32:$end);
  let results = (outs Tile_RangeList:$list);
  let assemblyFormat = "$full `,` $end attr-dict";
}

def Tile_UnpackBitsOp : Tile_Op<"unpack_bits", [Pure]> {
  let summary = "Four words as 128 columns of i1";
  let description = [{
    The inverse of `tile.pack_bits` for `#tile.acc`: column `c` of a row is bit
    `c mod 32` of word `c / 32`, which is with part `c / 32` of `#tile.quad`.

    Example:

    ```mlir
    tile.func @f(%list: !tile.global<?x?xi32>) {
      %z = arith.constant 0 : i32
      %words = tile.read %list[%z, %z] : !tile.global<?x?xi32>
        -> tensor<128x4xi32, #tile.quad>
      %listed = tile.unpack_bits %words : tensor<128x4xi32, #tile.quad>
        -> tensor<128x128xi1, #tile.acc>
      tile.return
    }
    ```
  }];
  let arguments = (ins Tile_Register:$source);
  let results = (outs Tile_Register:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

#endif // PBS_DIALECT_TILE_IR_TILELISTOPS_TD
