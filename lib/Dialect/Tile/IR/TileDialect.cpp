//===- TileDialect.cpp - Registration of the tile dialect -----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "pbs/Dialect/Tile/IR/Tile.h"

using namespace mlir;
using namespace mlir::tile;

#include "pbs/Dialect/Tile/IR/TileDialect.cpp.inc"
#include "pbs/Dialect/Tile/IR/TileEnums.cpp.inc"
#include "pbs/Dialect/Tile/IR/TileInterfaces.cpp.inc"

void TileDialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "pbs/Dialect/Tile/IR/TileOps.cpp.inc"
      >();
}
