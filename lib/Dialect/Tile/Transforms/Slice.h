//===- Slice.h - The part of a region that one side needs -------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_DIALECT_TILE_TRANSFORMS_SLICE_H
#define PBS_LIB_DIALECT_TILE_TRANSFORMS_SLICE_H

#include "mlir/IR/IRMapping.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "llvm/ADT/DenseSet.h"

namespace mlir::tile {

/// What some ops of a region need: the values they use, the control flow around
/// them, and so on backwards, through the values that loops carry.
class Slice {
public:
  /// `isLeaf` ops are needed for their results only: their operands are not.
  Slice(Region &region, function_ref<bool(Operation *)> isRoot,
        function_ref<bool(Operation *)> isLeaf);

  bool contains(Operation *op) const { return ops.contains(op); }
  bool contains(Value value) const { return values.contains(value); }

  /// Clones the needed ops of `block` (a terminator excepted) at the insertion
  /// point. Loops and ifs are built anew with the values that are needed.
  /// `cloneOp`, if it returns true, has cloned an op itself.
  void clone(
      Block &block, OpBuilder &builder, IRMapping &mapping,
      function_ref<bool(Operation *, OpBuilder &, IRMapping &)> cloneOp) const;

private:
  void need(Value value);
  void need(Operation *op);
  void propagate();

  function_ref<bool(Operation *)> isLeaf;
  Region &region;
  llvm::DenseSet<Operation *> ops;
  llvm::DenseSet<Value> values;
  SmallVector<Value> work;
};

/// Whether `value` depends on `source`, both in `block` or arguments of it.
bool dependsOn(Value value, Value source, Block *block);

} // namespace mlir::tile

#endif // PBS_LIB_DIALECT_TILE_TRANSFORMS_SLICE_H
