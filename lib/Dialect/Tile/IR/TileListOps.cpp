//===- TileListOps.cpp - Verifiers of ops on lists and bits ---------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedRules.h"
#include "pbs/Dialect/Tile/IR/Tile.h"

using namespace mlir;
using namespace mlir::tile;

//===----------------------------------------------------------------------===//
// Lists
//===----------------------------------------------------------------------===//

LogicalResult BitListOp::verify() {
  if (!getSource().getType().getElementType().isInteger(32))
    return emitOpError() << "expected words of i32, got "
                         << getSource().getType();
  return verifyIndices(*this, getSource().getType(), getIndices().size(),
                       getSource().getType().getShape().size() - 1);
}

LogicalResult FindSequenceOp::verify() {
  for (GlobalType type :
       {getQueryOffsets().getType(), getKeyOffsets().getType()})
    if (!type.getElementType().isInteger(32) || type.getRank() != 1)
      return emitOpError() << "expected offsets of one dimension of i32, got "
                           << type;
  if (static_cast<int64_t>(getRows()) <= 0)
    return emitOpError() << "expected rows in a block, got "
                         << static_cast<int64_t>(getRows());
  return success();
}

//===----------------------------------------------------------------------===//
// Bits
//===----------------------------------------------------------------------===//

/// Rows of four words.
static bool isWords(RankedTensorType type) {
  return isa_and_present<QuadAttr, WideAttr>(type.getEncoding()) &&
         type.getElementType().isInteger(32) && type.getShape()[1] == 4;
}

LogicalResult FirstBitsOp::verify() {
  RankedTensorType bits = getTensor(getBits()), count = getTensor(getCount());
  if (failed(verifyLayout(*this, bits)) || failed(verifyLayout(*this, count)))
    return failure();
  bool areRows = isa<WideAttr>(bits.getEncoding())
                     ? isa<WideRowAttr>(count.getEncoding())
                     : isa<RowAttr>(count.getEncoding());
  if (!isWords(bits) || !areRows || !count.getElementType().isInteger(32) ||
      bits.getShape()[0] != count.getShape()[0])
    return emitOpError()
           << "expected four columns of i32 in the layout #tile.quad with "
              "#tile.row, or #tile.wide with #tile.wide_row, of the same rows, "
              "got "
           << bits << " and " << count;
  return success();
}

LogicalResult PackBitsOp::verify() {
  RankedTensorType from = getTensor(getSource()), to = getTensor(getResult());
  if (failed(verifyLayout(*this, from)) || failed(verifyLayout(*this, to)))
    return failure();
  bool areLayouts =
      isa<WideAttr>(from.getEncoding())
          ? isa<WideAttr>(to.getEncoding())
          : isa<AccAttr>(from.getEncoding()) && isa<QuadAttr>(to.getEncoding());
  if (!areLayouts || !from.getElementType().isInteger(1) ||
      from.getShape()[1] != 128 || !isWords(to) ||
      from.getShape()[0] != to.getShape()[0])
    return emitOpError()
           << "expected 128 columns of i1 to four of i32, in the layout "
              "#tile.acc to #tile.quad, or in #tile.wide, got "
           << from << " to " << to;
  return success();
}

LogicalResult UnpackBitsOp::verify() {
  RankedTensorType from = getTensor(getSource()), to = getTensor(getResult());
  if (failed(verifyLayout(*this, from)) || failed(verifyLayout(*this, to)))
    return failure();
  if (!isWords(from) || !isa<QuadAttr>(from.getEncoding()) ||
      !isa<AccAttr>(to.getEncoding()) || !to.getElementType().isInteger(1) ||
      to.getShape()[1] != 128 || from.getShape()[0] != to.getShape()[0])
    return emitOpError() << "expected four columns of i32 in the layout "
                            "#tile.quad to 128 of i1 in #tile.acc, got "
                         << from << " to " << to;
  return success();
}
