//===- TileDialect.td - The tile dialect ------------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_TILE_IR_TILEDIALECT_TD
#define PBS_DIALECT_TILE_IR_TILEDIALECT_TD

include "mlir/IR/OpBase.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::mlir::tile";
  let summary = "One GPU kernel: tiles as values, no threads";
  let description = [{
    The level between an op of level 1 and its machine code. A `tile.func` is
    one kernel. Its tiles lie in global memory (`!tile.global`), in shared memory
    (`!tile.buffer`, `!tile.ring`) or in registers: a register tile is a ranked
    tensor whose encoding (`#tile.acc`, `#tile.row`, ...) says how it lies over
    threads. Elementwise work is plain `arith` and `math` on such tensors; loops
    and conditions are `scf`; coordinates and counts are `i32` scalars, the same
    in all threads.

    How many threads there are is said by the `config` of the function and by
    nothing else. Passes turn the kernel as it is written down (synchronous loads
    and products) into its schedule, one decision each: asynchronous products,
    a producer that loads, turns at the tensor cores, persistent blocks, offsets
    in shared memory. All stages are this dialect.

    **Reading and writing.** A kernel never writes what it reads: each argument
    of a `tile.func` is read or written, which the verifier checks. So reading
    has no memory effect, and reads may be merged and copied.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect"];
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerTypes();
  }];
}

#endif // PBS_DIALECT_TILE_IR_TILEDIALECT_TD
