//===- Rings.cpp - Balance of rings ---------------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rings.h"
#include "SharedMemory.h"
#include "Slice.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::tile;

/// The control flow around the ops of type `Op` on `ring`, e.g. "x for{x}".
template <typename Op>
static std::string getShape(Region &region, Value ring) {
  std::string shape;
  for (Block &block : region)
    for (Operation &op : block) {
      if (auto use = dyn_cast<Op>(op)) {
        if (use.getRing() == ring)
          shape += "x ";
        continue;
      }
      std::string inner;
      for (Region &nested : op.getRegions()) {
        std::string part = getShape<Op>(nested, ring);
        // The branches of an if are different paths.
        if (!part.empty() || isa<scf::IfOp>(op))
          inner += "{" + part + "}";
      }
      if (inner.find('x') != std::string::npos)
        shape += (op.getName().stripDialect() + inner + " ").str();
    }
  return shape;
}

/// Checks that waits and releases of `ring` alternate in `region`, which begins
/// and ends with the same `held` (a slot that is in use, or null).
static LogicalResult walkReleases(Region &region, Value ring,
                                  Operation *&held) {
  for (Block &block : region)
    for (Operation &op : block) {
      if (auto wait = dyn_cast<RingWaitOp>(op)) {
        if (wait.getRing() != ring)
          continue;
        if (held) {
          InFlightDiagnostic error =
              wait.emitOpError()
              << "expected the slot of the wait before to be released";
          error.attachNote(held->getLoc()) << "the wait before";
          return error;
        }
        held = wait;
        continue;
      }
      if (auto release = dyn_cast<RingReleaseOp>(op)) {
        if (release.getRing() != ring)
          continue;
        if (!held)
          return release.emitOpError()
                 << "expected a slot that was waited for, got none";
        held = nullptr;
        continue;
      }
      Operation *before = held;
      for (Region &nested : op.getRegions()) {
        Operation *inside = before;
        if (failed(walkReleases(nested, ring, inside)))
          return failure();
        if (inside != before)
          return op.emitOpError()
                 << "expected as many releases as waits of a ring on every "
                    "path";
      }
    }
  return success();
}

LogicalResult tile::verifyReleases(Region &region, Value ring) {
  Operation *held = nullptr;
  if (failed(walkReleases(region, ring, held)))
    return failure();
  if (held)
    return held->emitOpError() << "expected a release on every path";
  return success();
}

LogicalResult tile::verifyRings(WarpSpecializeOp op) {
  for (auto create :
       op->getParentOfType<FuncOp>().getBody().getOps<RingCreateOp>()) {
    Value ring = create.getRing();
    std::string pushes = getShape<RingPushOp>(op.getProducer(), ring);
    std::string waits = getShape<RingWaitOp>(op.getConsumer(), ring);
    if (pushes != waits) {
      InFlightDiagnostic error = create.emitOpError()
                                 << "expected pushes and waits in the same "
                                    "control flow, got pushes ";
      error << (pushes.empty() ? "nowhere" : StringRef(pushes).rtrim())
            << " and waits "
            << (waits.empty() ? "nowhere" : StringRef(waits).rtrim());
      return error;
    }
    if (failed(verifyReleases(op.getConsumer(), ring)))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// Whether a producer can run the op for its results.
static bool canProduce(Operation *op) {
  if (isProducerOnly(op) || isa<scf::ForOp, scf::IfOp>(op))
    return true;
  return op->getNumRegions() == 0 && isMemoryEffectFree(op) &&
         (isOfWarp(op) || isa<ReadOp>(op));
}

ReadOp tile::getReadOfRow(RelayoutOp exchange) {
  auto items = exchange->getParentOfType<ForEachOp>();
  auto from = cast<RankedTensorType>(exchange.getSource().getType());
  auto to = cast<RankedTensorType>(exchange.getResult().getType());
  if (!items || !isa<ColAttr>(to.getEncoding()) ||
      !isOfRow(from.getElementType()) ||
      from.getNumElements() % kWarpThreads != 0)
    return {};
  // What is read over the threads of a warpgroup is read anew by a warp.
  auto read = exchange.getSource().getDefiningOp<ReadOp>();
  if (isa<LaneAttr>(from.getEncoding()) && (!read || !read->hasOneUse()))
    return {};
  if (read && read->getParentOfType<ForEachOp>() != items)
    return {};
  Slice slice(
      items.getBody(), [&](Operation *op) { return op == exchange; },
      [](Operation *) { return false; });
  WalkResult result = items.walk([&](Operation *op) {
    if (op == items || op == exchange || !slice.contains(op))
      return WalkResult::advance();
    if (!canProduce(op))
      return WalkResult::interrupt();
    if (auto first = dyn_cast<ReadOp>(op); first && !read)
      read = first;
    return WalkResult::advance();
  });
  return result.wasInterrupted() ? ReadOp() : read;
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

Operation *tile::getLastUser(Operation *definition, Value tile) {
  Block *block = definition->getBlock();
  Operation *last = definition;
  auto extend = [&](Operation *op) {
    Operation *ancestor = block->findAncestorOpInBlock(*op);
    if (last->isBeforeInBlock(ancestor))
      last = ancestor;
  };
  for (Operation *user : tile.getUsers()) {
    extend(user);
    if (auto dot = dyn_cast<DotAsyncOp>(user))
      for (Operation *waiter : dot->getUsers())
        extend(waiter);
  }
  return last;
}

static std::pair<Value, Type> getKind(LoadOp load) {
  return {load.getSource(), load.getResult().getType()};
}

RingKeys::RingKeys(Operation *root, bool overlap) : overlap(overlap) {
  root->walk([&](LoadOp load) { add(load); });
}

RingKey RingKeys::get(LoadOp load) const {
  return {getKind(load), numbers.lookup(load)};
}

void RingKeys::add(LoadOp load) {
  llvm::SmallDenseSet<unsigned> taken;
  SmallVector<LoadOp> &others = loads[getKind(load)];
  for (LoadOp other : others) {
    Operation *at = other->getBlock()->findAncestorOpInBlock(*load);
    Operation *end = getLastUser(other, other.getResult());
    if (at && other->isBeforeInBlock(at) &&
        (overlap || at == end || at->isBeforeInBlock(end)))
      taken.insert(numbers.lookup(other));
  }
  unsigned number = 0;
  while (taken.contains(number))
    ++number;
  numbers[load] = number;
  others.push_back(load);
}
