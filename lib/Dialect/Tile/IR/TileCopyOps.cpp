//===- TileCopyOps.cpp - Verifiers of copies of rows ----------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedRules.h"
#include "pbs/Dialect/Tile/IR/Tile.h"

using namespace mlir;
using namespace mlir::tile;

static int64_t getRowBytes(GlobalType type) {
  return type.getShape().back() *
         type.getElementType().getIntOrFloatBitWidth() / 8;
}

/// Rows of both tensors are alike.
static LogicalResult verifyTensors(Operation *op, GlobalType source,
                                   GlobalType target) {
  for (GlobalType type : {source, target})
    if (type.getRank() < 2)
      return op->emitOpError()
             << "expected tensors of at least two dimensions, got " << type;
  int64_t size = source.getShape().back();
  if (ShapedType::isDynamic(size) || size != target.getShape().back() ||
      source.getElementType() != target.getElementType())
    return op->emitOpError()
           << "expected rows of as many elements of the same type, got "
           << source << " and " << target;
  return success();
}

/// Numbers of the rows and indices into both tensors.
static LogicalResult verifyRequest(Operation *op, RankedTensorType rows,
                                   GlobalType source, size_t numIndices,
                                   GlobalType target, size_t numTarget) {
  if (failed(verifyLayout(op, rows)))
    return failure();
  if (!isa<LaneAttr>(rows.getEncoding()) ||
      !rows.getElementType().isInteger(32) ||
      rows.getShape()[0] % kCopyRows != 0)
    return op->emitOpError()
           << "expected numbers of a multiple of " << kCopyRows
           << " rows, i32 in the layout #tile.lane, got " << rows;
  if (failed(verifyIndices(op, source, numIndices, source.getRank() - 2)))
    return failure();
  return verifyIndices(op, target, numTarget, target.getRank() - 1);
}

LogicalResult CopyRowsOp::verify() {
  GlobalType source = getSource().getType(), target = getTarget().getType();
  if (failed(verifyTensors(*this, source, target)))
    return failure();
  return verifyRequest(*this, cast<RankedTensorType>(getRows().getType()),
                       source, getIndices().size(), target,
                       getTargetIndices().size());
}

int64_t CopyRowsOp::getRowBytes() {
  return ::getRowBytes(getSource().getType());
}

LogicalResult CopierOp::verify() {
  if (!isa<FuncOp>((*this)->getParentOp()))
    return emitOpError() << "expected to be in the entry block of a tile.func";
  if (failed(
          verifyTensors(*this, getSource().getType(), getTarget().getType())))
    return failure();
  int64_t rows = getRows(), buffered = getBuffered();
  if (buffered <= 0 || buffered % kCopyRows != 0 || rows <= 0 ||
      rows % buffered != 0)
    return emitOpError() << "expected 'rows' to be a multiple of 'buffered', "
                            "and that of "
                         << kCopyRows << ", got " << rows << " and "
                         << buffered;
  return success();
}

int64_t CopierOp::getRowBytes() { return ::getRowBytes(getSource().getType()); }

int64_t tile::getCopierBytes(int64_t rows, int64_t buffered, int64_t rowBytes) {
  return buffered * rowBytes +
         kCopyRequests * (kRequestBytes + rows * kScalarBytes);
}

int64_t tile::getCopierControlBytes() {
  return 2 * kCopyRequests * kBarrierBytes;
}

int64_t CopierOp::getScratchBytes(ConfigAttr) {
  return getCopierBytes(getRows(), getBuffered(), getRowBytes());
}

int64_t CopierOp::getScratchAlignment() { return kCopierAlignment; }

int64_t CopierOp::getControlBytes() { return getCopierControlBytes(); }

bool CopierOp::keepsScratch() { return true; }

LogicalResult CopierStopOp::verify() {
  if (!getCopier().getDefiningOp<CopierOp>())
    return emitOpError() << "expected a copier of tile.copier itself";
  return success();
}

LogicalResult CopierPushOp::verify() {
  auto copier = getCopier().getDefiningOp<CopierOp>();
  if (!copier)
    return emitOpError() << "expected a copier of tile.copier itself";
  auto rows = cast<RankedTensorType>(getRows().getType());
  if (failed(verifyRequest(*this, rows, copier.getSource().getType(),
                           getIndices().size(), copier.getTarget().getType(),
                           getTargetIndices().size())))
    return failure();
  if (rows.getShape()[0] != int64_t(copier.getRows()))
    return emitOpError() << "expected " << copier.getRows()
                         << " rows, those of a request of the copier, got "
                         << rows.getShape()[0];
  return success();
}
