//===- TileArrayOps.cpp - Verifiers of arrays in shared memory ------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedRules.h"
#include "pbs/Dialect/Tile/IR/Tile.h"

using namespace mlir;
using namespace mlir::tile;

LogicalResult ArrayOp::verify() {
  if (!isa<FuncOp>((*this)->getParentOp()))
    return emitOpError() << "expected to be in the entry block of a tile.func";
  return success();
}

int64_t ArrayOp::getScratchBytes(ConfigAttr) {
  return getArray().getType().getSize() * 4;
}

bool ArrayOp::keepsScratch() { return true; }

/// A tile of the elements of the array, with a start for each row of
/// #tile.wide or, where `byColumns`, each column of #tile.acc.
static LogicalResult verifyArrayAccess(Operation *op, ArrayType array,
                                       RankedTensorType tile,
                                       RankedTensorType starts,
                                       bool byColumns) {
  if (failed(verifyLayout(op, tile)) || failed(verifyLayout(op, starts)))
    return failure();
  if (tile.getElementType() != array.getElementType())
    return op->emitOpError()
           << "expected elements of " << array.getElementType() << ", got "
           << tile.getElementType();
  if (!starts.getElementType().isInteger(32))
    return op->emitOpError() << "expected starts of i32, got " << starts;
  bool isRows = isa<WideAttr>(tile.getEncoding()) &&
                isa<WideRowAttr>(starts.getEncoding());
  bool isColumns = byColumns && isa<AccAttr>(tile.getEncoding()) &&
                   isa<ColAttr>(starts.getEncoding());
  if (!isRows && !isColumns)
    return op->emitOpError()
           << "expected a tile in the layout #tile.wide with starts in "
              "#tile.wide_row"
           << (byColumns ? ", or #tile.acc with #tile.col" : "") << ", got "
           << tile << " and " << starts;
  int64_t expected = tile.getShape()[isRows ? 0 : 1];
  if (starts.getShape()[0] != expected)
    return op->emitOpError() << "expected " << expected << " starts, got "
                             << starts.getShape()[0];
  return success();
}

LogicalResult ArrayReadOp::verify() {
  return verifyArrayAccess(*this, getArray().getType(),
                           cast<RankedTensorType>(getResult().getType()),
                           cast<RankedTensorType>(getStarts().getType()),
                           /*byColumns=*/false);
}

LogicalResult ArrayWriteOp::verify() {
  return verifyArrayAccess(*this, getArray().getType(),
                           cast<RankedTensorType>(getSource().getType()),
                           cast<RankedTensorType>(getStarts().getType()),
                           /*byColumns=*/true);
}
