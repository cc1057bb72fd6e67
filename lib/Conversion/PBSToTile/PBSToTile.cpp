//===- PBSToTile.cpp - Kernels of a plan as tiles -------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "pbs/Conversion/PBSToNVVM/Passes.h"
#include "pbs/Conversion/PBSToTile/Passes.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::pbs {
#define GEN_PASS_DEF_CONVERTPBSTOTILEPASS
#include "pbs/Conversion/PBSToTile/Passes.h.inc"
} // namespace mlir::pbs

using namespace mlir;
using namespace mlir::pbs;

namespace {
struct ConvertPBSToTilePass final
    : pbs::impl::ConvertPBSToTilePassBase<ConvertPBSToTilePass> {
  using ConvertPBSToTilePassBase::ConvertPBSToTilePassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (queryRows % 64 != 0 || queryRows < 0 || queryRows > 256) {
      module.emitError() << "expected 0, 64, 128, 192 or 256 query rows, got "
                         << static_cast<int64_t>(queryRows);
      return signalPassFailure();
    }
    SmallVector<plan::KernelOp> kernels;
    for (auto kernel : module.getOps<plan::KernelOp>())
      if (!kernel.getCodeAttr())
        kernels.push_back(kernel);
    if (kernels.empty())
      return;
    auto code = module.lookupSymbol<gpu::GPUModuleOp>(kGPUModuleName);
    if (!code) {
      OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
      code = gpu::GPUModuleOp::create(builder, module.getLoc(), kGPUModuleName);
    }
    AttentionOptions attention{queryRows, keepMaximum};
    for (plan::KernelOp kernel : kernels) {
      using Reason = std::optional<std::string>;
      Reason reason =
          llvm::TypeSwitch<Operation *, Reason>(kernel.getComputeOp())
              .Case<AttentionOp, PackedAttentionOp, SparseAttentionOp>(
                  [&](auto op) {
                    return writeKernel(op, kernel, code.getBody(), attention);
                  })
              .Case<FusedSelectBlocksOp, SelectBlocksOp>([&](auto op) {
                return writeKernel(op, kernel, code.getBody(), scoreWords);
              })
              .Case<BlockScoresOp, ColumnImportanceOp, FusedPermuteKVOp,
                    GatherProxiesOp, HeadCoverageOp, MergeStatsOp, PermuteKVOp,
                    PoolOp, ProxyStatsOp, RowCoverageOp, SortSegmentsOp,
                    SplitPoolOp, SplitProxyStatsOp>([&](auto op) {
                return writeKernel(op, kernel, code.getBody());
              })
              .Default([](Operation *) -> Reason {
                return "there is no kernel of tiles for it";
              });
      if (!reason) {
        ++numKernels;
        continue;
      }
      ++numLeft;
      kernel.getComputeOp()->emitRemark()
          << "not written down as tiles: " << *reason;
      kernel->setAttr(kRefusedAttrName,
                      StringAttr::get(&getContext(), *reason));
    }
  }
};
} // namespace
