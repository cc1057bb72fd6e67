//===- TileToNVVM.cpp - Turn kernels of tiles into kernels of threads -----===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For each kernel: check, begin the llvm.func, convert tiles to scalars with
// structured control flow left as it is, then lower that.
//
//===----------------------------------------------------------------------===//

#include "KernelContext.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/IR/Iterators.h"
#include "pbs/Conversion/TileToNVVM/Passes.h"
#include "pbs/Dialect/Plan/IR/Plan.h"

namespace mlir::tile {
#define GEN_PASS_DEF_CONVERTTILETONVVMPASS
#include "pbs/Conversion/TileToNVVM/Passes.h.inc"
} // namespace mlir::tile

using namespace mlir;
using namespace mlir::tile;

/// The gpu.module of kernels that are in none.
static constexpr StringLiteral kModuleName = "gpu";

/// From tiles to scalars; afterwards no op or type of the dialect is left.
static LogicalResult convertTiles(KernelContext &kernel) {
  MLIRContext *context = kernel.kernel->getContext();
  ThreadTypeConverter converter(context, kernel.config);
  RewritePatternSet patterns(context);
  populateArrayPatterns(patterns, converter, kernel);
  populateBitPatterns(patterns, converter, kernel);
  populateCopyPatterns(patterns, converter, kernel);
  populateDotPatterns(patterns, converter, kernel);
  populateElementwisePatterns(patterns, converter, kernel);
  populateListPatterns(patterns, converter, kernel);
  populateMemoryPatterns(patterns, converter, kernel);
  populateOrderPatterns(patterns, converter, kernel);
  populateRingPatterns(patterns, converter, kernel);

  ConversionTarget target(*context);
  scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                       target);
  target.addLegalDialect<LLVM::LLVMDialect, NVVM::NVVMDialect>();
  target.addLegalOp<ArrayOp, CopierOp, RingCreateOp,
                    UnrealizedConversionCastOp>();
  target.addIllegalDialect<TileDialect>();
  target.addIllegalDialect<math::MathDialect>();
  target.addDynamicallyLegalDialect<arith::ArithDialect>([](Operation *op) {
    return llvm::none_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>);
  });
  if (failed(
          applyPartialConversion(kernel.kernel, target, std::move(patterns))))
    return failure();
  // What stood for arrays, copiers and rings has no uses now, then what stood
  // for arguments.
  kernel.kernel->walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
    if (isa<ArrayOp, CopierOp, RingCreateOp, UnrealizedConversionCastOp>(op) &&
        op->use_empty())
      op->erase();
  });
  return success();
}

namespace {
struct ConvertTileToNVVMPass final
    : tile::impl::ConvertTileToNVVMPassBase<ConvertTileToNVVMPass> {
  using ConvertTileToNVVMPassBase::ConvertTileToNVVMPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<FuncOp> kernels;
    module.walk([&](FuncOp func) { kernels.push_back(func); });
    for (FuncOp func : kernels) {
      if (failed(checkLimits(func)))
        return signalPassFailure();
      if (func->getParentOp() == module) {
        Block *body = getModule(module).getBody();
        func->moveBefore(body, body->end());
      }
      // It has nothing to do most of the time but to be there.
      bool isDependent = dependentLaunch || func->hasAttr(kFollowsAttrName);
      KernelContext kernel(func, isDependent);
      convertEntry(func, kernel, trace);
      if (failed(convertTiles(kernel)) || failed(lowerScalars(kernel.kernel)))
        return signalPassFailure();
      ++numKernels;
    }
  }

private:
  /// The gpu.module of the module, made if there is none.
  static gpu::GPUModuleOp getModule(ModuleOp module) {
    if (auto found = module.lookupSymbol<gpu::GPUModuleOp>(kModuleName))
      return found;
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    return gpu::GPUModuleOp::create(builder, module.getLoc(), kModuleName);
  }
};
} // namespace
