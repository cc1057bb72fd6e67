//===- SharedMemory.cpp - What lies in shared memory ----------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedMemory.h"
#include "Rings.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::tile;

SmallVector<SharedRegion> tile::collectRegions(FuncOp func, ConfigAttr config) {
  SmallVector<SharedRegion> regions;
  // Kind of op and size -> index into `regions`.
  llvm::SmallDenseMap<std::pair<TypeID, int64_t>, unsigned> shared;
  func.walk([&](SharedScratchOpInterface op) {
    int64_t bytes = op.getScratchBytes(config);
    auto exchange = dyn_cast<RelayoutOp>(op.getOperation());
    if (bytes == 0 ||
        (exchange && config.getSpecialize() && getReadOfRow(exchange)))
      return;
    if (!op.keepsScratch()) {
      TypeID kind = op->getName().getTypeID();
      auto [entry, isNew] = shared.try_emplace({kind, bytes}, regions.size());
      if (!isNew) {
        regions[entry->second].ops.push_back(op);
        return;
      }
    }
    regions.push_back({{op}, bytes, op.getScratchAlignment()});
  });
  return regions;
}

int64_t tile::placeRegions(MutableArrayRef<SharedRegion> regions) {
  llvm::stable_sort(regions, [](const SharedRegion &a, const SharedRegion &b) {
    return a.alignment > b.alignment;
  });
  int64_t end = 0;
  for (SharedRegion &region : regions) {
    region.offset = llvm::alignTo(end, region.alignment);
    end = region.offset + region.bytes;
  }
  return end;
}

int64_t tile::getRingStages(bool isInLoop, ConfigAttr config) {
  if (!config.getSpecialize())
    return 1;
  return isInLoop ? config.getStages() : config.getItemStages();
}

int64_t tile::getRowStages(bool isInLoop, ConfigAttr config) {
  // Two kinds of rows may come from one tensor and share the ring.
  return 2 * getRingStages(isInLoop, config);
}

bool tile::isProducerOnly(Operation *op) {
  if (isa<BitListOp, FindSequenceOp>(op))
    return true;
  if (auto size = dyn_cast<ListSizeOp>(op))
    return size.getList().getType().getKind() == ListKind::Bits;
  if (auto next = dyn_cast<ListNextOp>(op))
    return next.getList().getType().getKind() == ListKind::Bits;
  if (auto begin = dyn_cast<ListBeginOp>(op))
    return begin.getList().getType().getKind() == ListKind::Bits;
  return false;
}

int64_t tile::getBufferedRows(CopyRowsOp copy) {
  // All of a request, so that the latency of memory is waited for once.
  return copy.getRows().getType().getShape()[0];
}

/// Scalars that travel with a load at most: those that only the producer knows,
/// of two iterations where the loop is rotated.
static int64_t getMostScalars(FuncOp func, ConfigAttr config) {
  int64_t scalars = 0;
  if (config.getSpecialize())
    func.walk([&](Operation *op) {
      if (isProducerOnly(op))
        scalars += llvm::count_if(op->getResultTypes(), [](Type type) {
          return type.isIntOrFloat();
        });
    });
  return config.getOverlap() ? 2 * scalars : scalars;
}

int64_t tile::getMostSharedBytes(FuncOp func, ConfigAttr config) {
  SmallVector<SharedRegion> regions = collectRegions(func, config);
  // A pass that rotates a loop leaves a copy of each op before or behind it,
  // and one that splits the loop makes two of it.
  constexpr int64_t kCopies = 3;
  for (SharedRegion &region : regions)
    if (region.ops.front().keepsScratch() &&
        region.ops.front()->getParentOfType<scf::ForOp>())
      region.bytes = kCopies * llvm::alignTo(region.bytes, region.alignment);

  struct Ring {
    bool isInLoop = false, clearsRows = false;
  };
  llvm::MapVector<RingKey, Ring> rings;
  // Products that overlap have their tiles at the same time.
  RingKeys keys(func, /*overlap=*/config.getOverlap());
  func.walk([&](LoadOp load) {
    Ring &ring = rings[keys.get(load)];
    ring.isInLoop |= load->getParentOfType<scf::ForOp>() != nullptr;
    ring.clearsRows |= load.getRows() != Value();
  });
  int64_t scalars = getMostScalars(func, config), control = 0;
  for (const auto &[key, ring] : rings) {
    auto buffer = cast<BufferType>(key.first.second);
    int64_t stages = getRingStages(ring.isInLoop, config);
    regions.push_back(
        {{}, stages * buffer.getSizeInBytes(), kSwizzleAlignment});
    control +=
        getRingControlBytes(stages, scalars, /*row=*/{}, ring.clearsRows);
  }
  // Tensor and type of a row -> whether it is read in a loop.
  llvm::MapVector<std::pair<Value, Type>, bool> rows;
  if (config.getSpecialize())
    func.walk([&](RelayoutOp exchange) {
      if (ReadOp read = getReadOfRow(exchange))
        rows[{read.getSource(), exchange.getResult().getType()}] |=
            exchange->getParentOfType<scf::ForOp>() != nullptr;
    });
  for (const auto &[key, isInLoop] : rows)
    control +=
        getRingControlBytes(getRowStages(isInLoop, config), /*scalars=*/0,
                            cast<RankedTensorType>(key.second),
                            /*clearsRows=*/false);
  llvm::SmallDenseSet<std::pair<Value, Value>> copiers;
  func.walk([&](CopyRowsOp copy) {
    int64_t rows = copy.getRows().getType().getShape()[0];
    if (!config.getSpecialize()) {
      // Gathered, with the numbers in shared memory.
      if (!arePlaced(copy.getRows(), copy))
        regions.push_back({{}, rows * kScalarBytes, kScalarBytes});
    } else if (copiers.insert({copy.getSource(), copy.getTarget()}).second) {
      regions.push_back(
          {{},
           getCopierBytes(rows, getBufferedRows(copy), copy.getRowBytes()),
           kCopierAlignment});
      control += getCopierControlBytes() + kBarrierBytes;
    }
  });
  if (config.getSchedule() == Schedule::Dynamic)
    control += getRingControlBytes(kItemSlots, kItemScalars, /*row=*/{},
                                   /*clearsRows=*/false);
  // Each ring's barriers are aligned.
  control += kBarrierBytes * (rings.size() + rows.size() + 1);
  return placeRegions(regions) + control;
}
