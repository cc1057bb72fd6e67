//===- ReadEarly.cpp - Read before waits ----------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Later no such motion is possible: the instructions that wait are opaque, and
// nothing crosses them.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "pbs/Dialect/Tile/Transforms/Passes.h"

namespace mlir::tile {
#define GEN_PASS_DEF_READEARLYPASS
#include "pbs/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tile

using namespace mlir;
using namespace mlir::tile;

/// Whether the op may move up past anything that it does not use: arithmetic on
/// scalars, and reads that keep one register of a thread for each 128 elements
/// busy.
static bool canMove(Operation *op) {
  if (auto read = dyn_cast<ReadOp>(op))
    return isa<LaneAttr>(
        cast<RankedTensorType>(read.getResult().getType()).getEncoding());
  return op->getNumRegions() == 0 && isPure(op) &&
         llvm::none_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>);
}

/// Moves `op`, and what it uses, up as far as its block and conditions around
/// it allow. Returns whether it moved.
static bool moveUp(Operation *op) {
  bool moved = false;
  for (;;) {
    Operation *last = nullptr;
    for (Value operand : op->getOperands()) {
      Operation *def = operand.getDefiningOp();
      if (!def || def->getBlock() != op->getBlock())
        continue;
      if (canMove(def))
        moved |= moveUp(def);
      // It may have left the block.
      if (def->getBlock() == op->getBlock() &&
          (!last || last->isBeforeInBlock(def)))
        last = def;
    }
    if (last) {
      if (last->getNextNode() == op)
        return moved;
      op->moveAfter(last);
      return true;
    }
    // Nothing that the op uses is in the block. It may run where the condition
    // does not hold: it reads nothing outside of its tensor.
    if (auto condition = dyn_cast<scf::IfOp>(op->getParentOp())) {
      op->moveBefore(condition);
      moved = true;
      continue;
    }
    Operation *first = &op->getBlock()->front();
    if (first == op)
      return moved;
    op->moveBefore(first);
    return true;
  }
}

/// Moves what waits for rows of rings and gives them back before the wait for
/// a product that stands right before it. Returns whether there is such.
static bool moveRowsBefore(DotWaitOp product) {
  auto isOfRow = [](Operation *op) {
    if (auto wait = dyn_cast<RingWaitOp>(op))
      return bool(wait.getRing().getType().getRow());
    auto release = dyn_cast<RingReleaseOp>(op);
    return release && release.getRing().getType().getRow();
  };
  SmallVector<Operation *> moved;
  size_t number = 0;
  for (Operation *op = product->getNextNode(); op; op = op->getNextNode()) {
    // The tiles of the product are given back behind it.
    if (isa<RingReleaseOp>(op) && !isOfRow(op))
      continue;
    if (!isOfRow(op) &&
        (!canMove(op) ||
         llvm::is_contained(op->getOperands(), product.getResult())))
      break;
    moved.push_back(op);
    if (isOfRow(op))
      number = moved.size();
  }
  for (Operation *op : ArrayRef(moved).take_front(number))
    op->moveBefore(product);
  return number > 0;
}

namespace {
struct ReadEarlyPass final : tile::impl::ReadEarlyPassBase<ReadEarlyPass> {
  void runOnOperation() override {
    SmallVector<ReadOp> reads;
    getOperation().walk([&](ReadOp read) {
      if (canMove(read))
        reads.push_back(read);
    });
    for (ReadOp read : reads)
      numMoved += moveUp(read);
    SmallVector<DotWaitOp> products;
    getOperation().walk([&](DotWaitOp wait) { products.push_back(wait); });
    for (DotWaitOp product : products)
      numRowsMoved += moveRowsBefore(product);
  }
};
} // namespace
