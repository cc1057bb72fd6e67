//===- AllocateShared.cpp - Place what lies in shared memory --------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A walk: the order of the ops is the order of the bytes, with the largest
// alignment first and barriers last, so that tiles leave no holes.
//
//===----------------------------------------------------------------------===//

#include "Config.h"
#include "SharedMemory.h"
#include "pbs/Dialect/Tile/Transforms/Passes.h"
#include "pbs/Target/ChipTable.h"

namespace mlir::tile {
#define GEN_PASS_DEF_ALLOCATESHAREDPASS
#include "pbs/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tile

using namespace mlir;
using namespace mlir::tile;

namespace {
struct AllocateSharedPass final
    : tile::impl::AllocateSharedPassBase<AllocateSharedPass> {
  using AllocateSharedPassBase::AllocateSharedPassBase;

  void runOnOperation() override {
    FuncOp func = getOperation();
    FailureOr<ConfigAttr> config = requireConfig(func);
    if (failed(config))
      return signalPassFailure();
    const ::pbs::ChipInfo *info = ::pbs::findChip(chip);
    if (!info) {
      func.emitOpError() << "expected a known chip, got '" << chip << "'";
      return signalPassFailure();
    }

    SmallVector<SharedRegion> regions = collectRegions(func, *config);
    int64_t end = placeRegions(regions);
    for (SharedRegion &region : regions) {
      for (SharedScratchOpInterface op : region.ops)
        op.setScratchOffset(region.offset);
      numPlaced += region.ops.size();
      numShared += region.ops.size() - 1;
    }
    SmallVector<std::pair<SharedScratchOpInterface, int64_t>> controls;
    func.walk([&](SharedScratchOpInterface op) {
      int64_t bytes = op.getControlBytes();
      if (bytes == 0)
        return;
      int64_t offset = llvm::alignTo(end, kControlAlignment);
      op.setControlOffset(offset);
      controls.push_back({op, bytes});
      end = offset + bytes;
    });
    if (end > int64_t(info->sharedBytesPerBlock)) {
      InFlightDiagnostic error =
          func.emitOpError()
          << "expected at most " << info->sharedBytesPerBlock
          << " bytes of shared memory (" << chip << "), got " << end;
      for (const SharedRegion &region : regions)
        error.attachNote(region.ops.front()->getLoc())
            << "'" << region.ops.front()->getName() << "' takes "
            << region.bytes << " bytes";
      for (auto [op, bytes] : controls)
        error.attachNote(op->getLoc())
            << "'" << op->getName() << "' takes " << bytes
            << " bytes of barriers and scalars";
      return signalPassFailure();
    }
    func.setSharedBytes(end);
  }
};
} // namespace
