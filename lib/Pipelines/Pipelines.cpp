//===- Pipelines.cpp - The named pipelines --------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Pipelines/Pipelines.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "pbs/Conversion/PBSToCPU/Passes.h"
#include "pbs/Conversion/PBSToCPU/Policies.h"
#include "pbs/Conversion/PBSToNVVM/GpuModuleToPtx.h"
#include "pbs/Conversion/PBSToNVVM/Passes.h"
#include "pbs/Conversion/PBSToPlan/Passes.h"
#include "pbs/Conversion/PBSToTile/Passes.h"
#include "pbs/Conversion/PBSToTile/Policies.h"
#include "pbs/Conversion/TileToNVVM/Passes.h"
#include "pbs/Dialect/PBS/IR/PBS.h"
#include "pbs/Dialect/PBS/Transforms/Passes.h"
#include "pbs/Dialect/Plan/IR/Plan.h"
#include "pbs/Dialect/Plan/Transforms/Passes.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "pbs/Dialect/Tile/Transforms/Passes.h"

using namespace mlir;

/// The op that holds GPU code, by name: its header is large.
static constexpr StringLiteral kGPUModule = "gpu.module";

void pbs::buildExpandStage(OpPassManager &pm, bool fuse, int64_t denseBelow) {
  pm.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(createExpandPass());
  pm.addNestedPass<func::FuncOp>(createCSEPass());
  DenseAlternativePassOptions dense;
  dense.below = denseBelow;
  pm.addPass(createDenseAlternativePass(dense));
  if (fuse) {
    pm.addNestedPass<func::FuncOp>(createFusePermutationPass());
    pm.addNestedPass<func::FuncOp>(createFuseSelectionPass());
  }
  pm.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(createCSEPass());
}

void pbs::buildPlanStage(OpPassManager &pm) {
  pm.addPass(createConvertPBSToPlanPass());
}

void pbs::buildCPUCodeStage(OpPassManager &pm, int64_t vectorBits) {
  ConvertPBSToCPUPassOptions options;
  options.vectorBits = vectorBits;
  pm.addPass(createConvertPBSToCPUPass(options));
}

void pbs::buildCPULoweringStage(OpPassManager &pm) {
  buildCPULoweringPipeline(pm);
}

void pbs::buildPlanPipeline(OpPassManager &pm,
                            const PlanPipelineOptions &options) {
  buildExpandStage(pm, options.fuse, options.denseBelow);
  buildPlanStage(pm);
}

void pbs::buildCPUPipeline(OpPassManager &pm,
                           const CPUPipelineOptions &options) {
  buildExpandStage(pm, options.fuse, options.denseBelow);
  buildPlanStage(pm);
  buildCPUCodeStage(pm, options.vectorBits);
  buildCPULoweringStage(pm);
}

void pbs::buildTileStage(OpPassManager &pm,
                         const NVVMPipelineOptions &options) {
  ConvertPBSToTilePassOptions convert;
  convert.queryRows = options.queryRows;
  convert.keepMaximum = options.keepMaximum;
  convert.scoreWords = options.scoreWords;
  pm.addPass(createConvertPBSToTilePass(convert));
  OpPassManager &kernels = pm.nest(kGPUModule).nest<tile::FuncOp>();
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
}

void pbs::buildTileScheduleStage(OpPassManager &pm,
                                 const NVVMPipelineOptions &options) {
  tile::ConfigurePassOptions configure;
  configure.consumers = options.consumers;
  configure.specialize = options.specialize;
  configure.stages = options.stages;
  configure.overlap = options.overlap;
  configure.pingPong = options.pingPong;
  configure.schedule = options.schedule;
  configure.skipScaling = options.skipScaling;
  configure.overlapItems = options.overlapItems;
  configure.holdOperands = options.holdOperands;
  OpPassManager &kernels = pm.nest(kGPUModule).nest<tile::FuncOp>();
  kernels.addPass(tile::createConfigurePass(configure));
  kernels.addPass(tile::createSkipScalingPass());
  kernels.addPass(tile::createPipelineDotsPass());
  kernels.addPass(tile::createSplitLoopsPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(tile::createHoldOperandsPass());
  kernels.addPass(tile::createWarpSpecializePass());
  kernels.addPass(tile::createSchedulePass());
  kernels.addPass(tile::createOverlapItemsPass());
  kernels.addPass(tile::createPingPongPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(tile::createNumberRingsPass());
  kernels.addPass(tile::createReadEarlyPass());
  kernels.addPass(tile::createAllocateSharedPass());
}

void pbs::buildTileCodeStage(OpPassManager &pm, bool trace,
                             bool dependentLaunch) {
  tile::ConvertTileToNVVMPassOptions options;
  options.trace = trace;
  options.dependentLaunch = dependentLaunch;
  pm.addPass(tile::createConvertTileToNVVMPass(options));
}

void pbs::buildNVVMCodeStage(OpPassManager &pm, bool dependentLaunch) {
  pm.addPass(createConvertPBSToNVVMPass({dependentLaunch}));
}

void pbs::buildPlanCleanupStage(OpPassManager &pm) {
  pm.addPass(plan::createDropUnreadPass());
}

void pbs::buildNVVMPipeline(OpPassManager &pm,
                            const NVVMPipelineOptions &options) {
  buildExpandStage(pm, options.fuse, options.denseBelow);
  if (options.ownKeys)
    pm.addNestedPass<func::FuncOp>(createUseOwnKeysPass());
  if (options.orderRows != 0)
    pm.addNestedPass<func::FuncOp>(createOrderRowsPass({options.orderRows}));
  pm.addNestedPass<func::FuncOp>(createGatherProxiesPass());
  pm.addNestedPass<func::FuncOp>(createSplitProxyStatsPass());
  pm.addNestedPass<func::FuncOp>(createSplitPoolsPass());
  // Queries may have been pooled for more than one op.
  pm.addNestedPass<func::FuncOp>(createCSEPass());
  buildPlanStage(pm);
  buildTileStage(pm, options);
  buildTileScheduleStage(pm, options);
  buildTileCodeStage(pm, options.trace, options.dependentLaunch);
  buildNVVMCodeStage(pm, options.dependentLaunch);
  buildPlanCleanupStage(pm);
}

void pbs::registerPipelines() {
  PassPipelineRegistration<NVVMPipelineOptions>(
      "pbs-to-nvvm", "Write Hopper code for attention functions",
      buildNVVMPipeline);
  PassPipelineRegistration<PlanPipelineOptions>(
      "pbs-to-plan", "Turn attention functions into launch plans",
      buildPlanPipeline);
  PassPipelineRegistration<CPUPipelineOptions>(
      "pbs-to-cpu", "Compile attention functions to CPU kernels",
      buildCPUPipeline);
}

void pbs::registerPasses() {
  registerPBSPasses();
  registerPBSToPlanPasses();
  registerPBSToTilePasses();
  registerPBSToCPUPasses();
  registerPBSToNVVMPasses();
  plan::registerPlanPasses();
  tile::registerTilePasses();
  tile::registerTileToNVVMPasses();
}

void pbs::registerDialects(DialectRegistry &registry) {
  // Score regions hold ops of arith and math.
  registry.insert<PBSDialect, arith::ArithDialect, func::FuncDialect,
                  math::MathDialect, plan::PlanDialect, tile::TileDialect>();
  cpu::registerCPUPolicies(registry);
  registerTilePolicies(registry);
  registerPtxTranslations(registry);
}
