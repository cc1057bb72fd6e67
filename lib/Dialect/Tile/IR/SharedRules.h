//===- SharedRules.h - Rules that several ops share -------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_DIALECT_TILE_IR_SHAREDRULES_H
#define PBS_LIB_DIALECT_TILE_IR_SHAREDRULES_H

#include "pbs/Dialect/Tile/IR/Tile.h"

namespace mlir::tile {

/// The type of a register tile.
inline RankedTensorType getTensor(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The layout of a register tile fits its shape.
LogicalResult verifyLayout(Operation *op, RankedTensorType type);

/// One index for each of the first `expected` dimensions of `type`.
LogicalResult verifyIndices(Operation *op, GlobalType type, size_t numIndices,
                            size_t expected);

/// Rules of products; `acc` may be null.
LogicalResult verifyDot(Operation *op, Type a, BufferType b, Type acc,
                        bool transposeB, RankedTensorType result);

/// Rules of copies from global to shared memory; `other` and `isOther` may be
/// null.
LogicalResult verifyLoad(Operation *op, GlobalType source, size_t numIndices,
                         BufferType tile, Value other, Value isOther);

} // namespace mlir::tile

#endif // PBS_LIB_DIALECT_TILE_IR_SHAREDRULES_H
