//===- Products.h - Products in flight --------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_DIALECT_TILE_TRANSFORMS_PRODUCTS_H
#define PBS_LIB_DIALECT_TILE_TRANSFORMS_PRODUCTS_H

#include "pbs/Dialect/Tile/IR/Tile.h"

namespace mlir::tile {

/// Lets each wait of `block` leave those products in flight that begin behind
/// the one it waits for.
void countPending(Block &block);

/// Whether the use is the first operand of a product, which registers can hold.
bool isFirstOperand(OpOperand &use);

/// Whether a loop, before which the tile is loaded, repeats products with the
/// tile as their first operand.
bool isRepeatedFirstOperand(LoadOp load);

} // namespace mlir::tile

#endif // PBS_LIB_DIALECT_TILE_TRANSFORMS_PRODUCTS_H
