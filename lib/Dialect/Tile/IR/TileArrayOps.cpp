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
static LogicalResult verifyArrayAccess(Operation *op, Type array,
                                       RankedTensorType tile,
                                       RankedTensorType starts,
                                       bool byColumns) {
  if (failed(verifyLayout(op, tile)) || failed(verifyLayout(op, starts)))
    return failure();
  Type element;
  if (auto global = dyn_cast<GlobalType>(array)) {
    if (global.getRank() != 1)
      return op->emitOpError()
             << "expected an array of one dimension, got " << global;
    element = global.getElementType();
  } else {
    element = cast<ArrayType>(array).getElementType();
  }
  if (tile.getElementType() != element)
    return op->emitOpError() << "expected elements of " << element << ", got "
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

LogicalResult ArrayAppendOp::verify() {
  auto source = cast<RankedTensorType>(getSource().getType());
  auto counts = cast<RankedTensorType>(getCounts().getType());
  Type condition = getCondition().getType();
  if (failed(verifyArrayAccess(*this, getArray().getType(), source,
                               cast<RankedTensorType>(getStarts().getType()),
                               /*byColumns=*/false)))
    return failure();
  if (condition != source.clone(IntegerType::get(getContext(), 1)))
    return emitOpError() << "expected a condition for each element of "
                         << source << ", got " << condition;
  Type expected = RankedTensorType::get({source.getShape()[0], kWarpThreads},
                                        IntegerType::get(getContext(), 32),
                                        source.getEncoding());
  if (counts != expected)
    return emitOpError() << "expected counts of type " << expected << ", got "
                         << counts;
  if (int64_t(getLimit()) <= 0)
    return emitOpError() << "expected a limit of at least 1, got "
                         << int64_t(getLimit());
  return success();
}
