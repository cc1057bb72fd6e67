//===- TileAttributes.td - Layouts and configurations -----*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_TILE_IR_TILEATTRIBUTES_TD
#define PBS_DIALECT_TILE_IR_TILEATTRIBUTES_TD

include "pbs/Dialect/Tile/IR/TileDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

//===----------------------------------------------------------------------===//
// Layouts of register tiles
//===----------------------------------------------------------------------===//

class Tile_Layout<string name, string layoutMnemonic>
    : AttrDef<Tile_Dialect, name> {
  let mnemonic = layoutMnemonic;
}

def Tile_AccAttr : Tile_Layout<"Acc", "acc"> {
  let summary = "The accumulator of a matrix product";
  let description = [{
    A tile of two dimensions as wgmma m64nNk16 and mma.sync m16n8k16 leave it
    (PTX ISA, "Register fragments for wgmma.mma_async.m64nNk16"): warp `w` of the
    consumers has rows `16w` to `16w + 15`; lane `L` has rows `L / 4` and `L / 4 +
    8` of them and columns `8i + 2(L mod 4)` and `+ 1`. With elements of 16 bit
    it is the A operand of the next product. All `W` warps of the consumers
    share the rows: a tile has `16 W` of them.

    Example: `tensor<128x128xf32, #tile.acc>`
  }];
}

def Tile_QuadAttr : Tile_Layout<"Quad", "quad"> {
  let summary = "Row statistics in four parts";
  let description = [{
    A tile of `rows x 4`: element `(r, q)` is with the `q`-th of the four lanes
    that hold row `r` of `#tile.acc`. What a sum over columns is before lanes
    exchange anything: part `q` is over the columns `c` with `(c / 2) mod 4 ==
    q`.

    Example: `tensor<128x4xf32, #tile.quad>`
  }];
}

def Tile_RowAttr : Tile_Layout<"Row", "row"> {
  let summary = "One value for each row of an accumulator";
  let description = [{
    A tile of one dimension: element `r` is with each of the four lanes that hold
    row `r` of `#tile.acc`.

    Example: `tensor<128xf32, #tile.row>`
  }];
}

def Tile_ColAttr : Tile_Layout<"Col", "col"> {
  let summary = "One value for each column of an accumulator";
  let description = [{
    A tile of one dimension: element `c` is with each lane that holds column `c`
    of `#tile.acc`, in all warps.

    Example: `tensor<128xi32, #tile.col>`
  }];
}

def Tile_LaneAttr : Tile_Layout<"Lane", "lane"> {
  let summary = "Elements one after the other over the threads of a warpgroup";
  let description = [{
    A tile of one dimension whose length is a multiple of 128: element `i` is
    with thread `i mod 128` of each warpgroup. Or of 32 or 64 elements, which
    repeat: element `i` is with the threads `t` with `t mod length == i`. How a
    short array is read from global memory without reading an element twice.

    Example: `tensor<128xi32, #tile.lane>`
  }];
}

def Tile_WideAttr : Tile_Layout<"Wide", "wide"> {
  let summary = "Rows of their own for each warp";
  let description = [{
    A tile of two dimensions whose rows are a multiple of the `W` warps of the
    consumers: row `r` is with warp `r mod W`, element `c` of it with lane
    `c mod 32`. Or of four columns, which repeat: column `c` is with the lanes `L`
    with `L mod 4 == c`. For work that is by rows and exchanges much in each:
    lanes do so without shared memory. With several rows a warp has something
    to do while it waits for one.

    Example: `tensor<16x256xf32, #tile.wide>`
  }];
}

def Tile_WideRowAttr : Tile_Layout<"WideRow", "wide_row"> {
  let summary = "One value for each row of a wide tile";
  let description = [{
    A tile of one dimension: element `r` is with all lanes of the warp that has
    row `r` of `#tile.wide`.

    Example: `tensor<16xf32, #tile.wide_row>`
  }];
}

def Tile_WideColAttr : Tile_Layout<"WideCol", "wide_col"> {
  let summary = "One value for each column of a wide tile";
  let description = [{
    A tile of one dimension: element `c` is with lane `c mod 32` of each warp of
    the consumers.

    Example: `tensor<256xi32, #tile.wide_col>`
  }];
}

def Tile_BlockedAttr : Tile_Layout<"Blocked", "blocked"> {
  let summary = "Vectors of 16 bytes over all threads, row by row";
  let description = [{
    A tile of two dimensions, for kernels bound by memory: the row is cut into
    vectors of `vector` elements (16 bytes of what is read), and vector `i` in
    row-major order is with thread `i mod T` of the `T` consumer threads. A row
    must be a divisor of the `T` vectors, or a multiple.

    Example: `tensor<128x128xf32, #tile.blocked<vector = 8>>`
  }];
  let parameters = (ins "int64_t":$vector);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Configuration
//===----------------------------------------------------------------------===//

def Tile_Schedule : I32EnumAttr<"Schedule", "how blocks get work items", [
    I32EnumAttrCase<"Single", 0, "single">,
    I32EnumAttrCase<"Static", 1, "static">,
    I32EnumAttrCase<"Dynamic", 2, "dynamic">]> {
  let cppNamespace = "::mlir::tile";
}

def Tile_ConfigAttr : AttrDef<Tile_Dialect, "Config"> {
  let mnemonic = "config";
  let summary = "The choices for one kernel that change speed and not results";
  let description = [{
    Written by `tile-configure` from the kernel, the chip and options. Every
    other pass does what it says; none has an opinion of its own.

    - `consumers`: warpgroups (128 threads each) that compute.
    - `specialize`: a warpgroup more, of which one warp loads.
    - `stages`: slots of the rings of tiles that are loaded in loops; a power of
      two.
    - `overlap`: asynchronous products, rotated so that one overlaps with the
      arithmetic of the next iteration.
    - `pingPong`: warpgroups take turns at the tensor cores.
    - `schedule`: `single`: one work item for each block of the grid; `static`:
      a persistent block takes every `grid`-th; `dynamic`: it draws the next from
      a counter.
    - `producerRegisters`, `consumerRegisters`: registers for each thread
      (PTX ISA, setmaxnreg: multiples of 8, 24 to 256); 0 leaves them.
    - `itemStages`: slots of the rings of tiles that are loaded once for each
      item; a power of two.
    - `skipScaling`: a warp does not multiply by a factor that is 1 in all of its
      rows.
    - `overlapItems`: consumers begin a work item before the last one ends.
    - `holdOperands`: what is loaded once for the products of a loop, as their
      first operand, is held in registers.

    Example: `#tile.config<consumers = 2, specialize = true, stages = 2,
    overlap = true, pingPong = true, schedule = dynamic, producerRegisters = 40,
    consumerRegisters = 232, itemStages = 2, skipScaling = true>`
  }];
  let parameters = (ins "int64_t":$consumers,
                        "bool":$specialize,
                        "int64_t":$stages,
                        "bool":$overlap,
                        "bool":$pingPong,
                        "Schedule":$schedule,
                        "int64_t":$producerRegisters,
                        "int64_t":$consumerRegisters,
                        DefaultValuedParameter<"int64_t", "1">:$itemStages,
                        DefaultValuedParameter<"bool", "false">:$skipScaling,
                        DefaultValuedParameter<"bool", "false">:$overlapItems,
                        DefaultValuedParameter<"bool", "false">:$holdOperands);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Threads of a block.
    int64_t getThreads() const {
      return 128 * (getConsumers() + (getSpecialize() ? 1 : 0));
    }
    /// Warps that compute.
    int64_t getConsumerWarps() const { return 4 * getConsumers(); }
    bool isPersistent() const { return getSchedule() != Schedule::Single; }
  }];
}

//===----------------------------------------------------------------------===//
// Small enumerations
//===----------------------------------------------------------------------===//

def Tile_ReduceKind : I32EnumAttr<"ReduceKind", "how values are combined", [
    I32EnumAttrCase<"Add", 0, "add">,
    I32EnumAttrCase<"Max", 1, "max">,
    I32EnumAttrCase<"Min", 2, "min">]> {
  let cppNamespace = "::mlir::tile";
}

def Tile_ListKind : I32EnumAttr<"ListKind", "where key blocks come from", [
    I32EnumAttrCase<"Bits", 0, "bits">,
    I32EnumAttrCase<"Range", 1, "range">]> {
  let cppNamespace = "::mlir::tile";
}

#endif // PBS_DIALECT_TILE_IR_TILEATTRIBUTES_TD
