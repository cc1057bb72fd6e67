//===- TileScheduleOps.cpp - Verifiers of ops of a schedule ---------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedRules.h"
#include "pbs/Dialect/Tile/IR/Tile.h"

using namespace mlir;
using namespace mlir::tile;

LogicalResult DotAsyncOp::verify() {
  for (Operation *user : getResult().getUsers())
    if (!isa<DotWaitOp>(user) || user->getBlock() != (*this)->getBlock())
      return emitOpError()
             << "expected only tile.dot_wait in the same block to use the "
                "result";
  return verifyDot(*this, getA().getType(), getB().getType(),
                   getAcc() ? getAcc().getType() : Type(), getTransposeB(),
                   getResult().getType().getType());
}

LogicalResult DotWaitOp::verify() {
  auto dot = getSource().getDefiningOp<DotAsyncOp>();
  if (!dot || dot->getBlock() != (*this)->getBlock())
    return emitOpError() << "expected the result of a tile.dot_async in the "
                            "same block";
  int64_t later = 0;
  for (Operation *op = dot->getNextNode(); op && op != *this;
       op = op->getNextNode())
    later += isa<DotAsyncOp>(op);
  int64_t pending = getPending();
  if (pending < 0 || pending > later)
    return emitOpError() << "expected 0 to " << later
                         << " pending products, as many as began since, got "
                         << pending;
  return success();
}

LogicalResult FetchItemOp::verify() {
  GlobalType type = getCounter().getType();
  if (!type.getElementType().isInteger(32) || type.getShape().size() != 1)
    return emitOpError() << "expected a counter of one dimension of i32, got "
                         << type;
  if (!getCondition() != !getOtherwise())
    return emitOpError() << "expected 'condition' and 'otherwise' or none of "
                            "them, got only "
                         << (getCondition() ? "'condition'" : "'otherwise'");
  return success();
}

LogicalResult RingCreateOp::verify() {
  if (!isa<FuncOp>((*this)->getParentOp()))
    return emitOpError() << "expected to be in the entry block of a tile.func";
  return success();
}

int64_t RingCreateOp::getScratchBytes(ConfigAttr) {
  RingType type = getRing().getType();
  BufferType buffer = type.getBuffer();
  return buffer ? type.getStages() * buffer.getSizeInBytes() : 0;
}

int64_t RingCreateOp::getScratchAlignment() { return kSwizzleAlignment; }

bool tile::isOfRow(Type element) {
  return element.isIntOrFloat() && (element.getIntOrFloatBitWidth() == 16 ||
                                    element.getIntOrFloatBitWidth() == 32);
}

int64_t tile::getRowBytes(RankedTensorType row) {
  return row.getNumElements() * row.getElementTypeBitWidth() / 8;
}

int64_t tile::getRingControlBytes(int64_t stages, int64_t scalars,
                                  RankedTensorType row, bool clearsRows) {
  int64_t ofSlot =
      2 * kBarrierBytes + scalars * kScalarBytes + (row ? getRowBytes(row) : 0);
  return llvm::alignTo(stages * ofSlot + (clearsRows ? kBarrierBytes : 0),
                       kControlAlignment);
}

int64_t RingCreateOp::getControlBytes() {
  RingType type = getRing().getType();
  return getRingControlBytes(type.getStages(), type.getScalars().size(),
                             type.getRow(), clearsRows());
}

bool RingCreateOp::clearsRows() {
  return llvm::any_of(getRing().getUsers(), [](Operation *user) {
    auto push = dyn_cast<RingPushOp>(user);
    return push && push.getRows();
  });
}

bool RingCreateOp::keepsScratch() { return true; }

LogicalResult RingPushOp::verify() {
  RingType type = getRing().getType();
  RankedTensorType row = type.getRow();
  if (!row != !getRow())
    return emitOpError() << "expected " << (row ? "a" : "no")
                         << " row, as the ring has, got "
                         << (row ? "none" : "one");
  if (row) {
    auto given = cast<RankedTensorType>(getRow().getType());
    auto expected = RankedTensorType::get(row.getShape(), row.getElementType(),
                                          WideColAttr::get(row.getContext()));
    if (given != expected)
      return emitOpError() << "expected a row " << expected << ", got "
                           << given;
  }
  if (!getSource()) {
    if (!getIndices().empty())
      return emitOpError() << "expected no indices without a source, got "
                           << getIndices().size();
    if (getRows())
      return emitOpError() << "expected no 'rows' without a source";
    if (getOther() || getIsOther())
      return emitOpError() << "expected no other source without a source";
    return success();
  }
  if (!type.getBuffer())
    return emitOpError() << "expected no source for a ring without a tile, got "
                         << getSource().getType();
  return verifyLoad(*this, cast<GlobalType>(getSource().getType()),
                    getIndices().size(), type.getBuffer(), getOther(),
                    getIsOther());
}

Value RingWaitOp::getTile() {
  return getRing().getType().getBuffer() ? getResult(0) : Value();
}

ResultRange RingWaitOp::getScalars() {
  RingType type = getRing().getType();
  return getResults()
      .drop_front(type.getBuffer() ? 1 : 0)
      .drop_back(type.getRow() ? 1 : 0);
}

Value RingWaitOp::getRow() {
  return getRing().getType().getRow() ? getResults().back() : Value();
}
