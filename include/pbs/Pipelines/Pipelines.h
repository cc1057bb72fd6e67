//===- Pipelines.h - The named pipelines ------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What pbs-opt, the JIT and the tests call. A pipeline is a sequence of stages;
// each stage says what holds after it.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_PIPELINES_PIPELINES_H
#define PBS_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassOptions.h"

namespace mlir {
class DialectRegistry;
class OpPassManager;
} // namespace mlir

namespace mlir::pbs {

/// Number of keys below which attention on a GPU is dense by default: the
/// method takes 1.09 of the time of dense attention at 4K tokens and 0.73 at
/// 8K, with the densities of the paper (benchmarks/results/method_h100.json).
/// 0: never.
constexpr int64_t kGPUDenseBelow = 8192;

/// Options of the target-neutral stages.
struct PlanPipelineOptions : PassPipelineOptions<PlanPipelineOptions> {
  Option<bool> fuse{*this, "fuse",
                    llvm::cl::desc("Fuse permutation and selection"),
                    llvm::cl::init(true)};
  Option<int64_t> denseBelow{
      *this, "dense-below",
      llvm::cl::desc("Number of keys below which attention is dense; 0: never"),
      llvm::cl::init(0)};
};

/// Options of `pbs-to-cpu`.
struct CPUPipelineOptions : PassPipelineOptions<CPUPipelineOptions> {
  Option<bool> fuse{*this, "fuse",
                    llvm::cl::desc("Fuse permutation and selection"),
                    llvm::cl::init(true)};
  Option<int64_t> denseBelow{
      *this, "dense-below",
      llvm::cl::desc("Number of keys below which attention is dense; 0: never"),
      llvm::cl::init(0)};
  Option<int64_t> vectorBits{
      *this, "vector-bits",
      llvm::cl::desc("Size of the vector registers: 128, 256 or 512"),
      llvm::cl::init(256)};
};

/// Options of `pbs-to-nvvm`. -1 and an empty text let `tile-configure` choose.
struct NVVMPipelineOptions : PassPipelineOptions<NVVMPipelineOptions> {
  Option<bool> fuse{*this, "fuse",
                    llvm::cl::desc("Fuse permutation and selection"),
                    llvm::cl::init(true)};
  Option<int64_t> denseBelow{
      *this, "dense-below",
      llvm::cl::desc("Number of keys below which attention is dense; 0: never"),
      llvm::cl::init(kGPUDenseBelow)};
  Option<bool> ownKeys{
      *this, "own-keys",
      llvm::cl::desc("Read keys of own segments in the order of positions"),
      llvm::cl::init(true)};
  Option<int64_t> orderRows{
      *this, "order-rows",
      llvm::cl::desc("Number of keys from which on query blocks have an order "
                     "by their lists; 0: never, -1: where keys of a head do "
                     "not fit into the cache"),
      llvm::cl::init(-1)};
  Option<int64_t> queryRows{
      *this, "query-rows",
      llvm::cl::desc("Tiles: rows of a query block that no list divides; 0: "
                     "by the head dimension"),
      llvm::cl::init(0)};
  Option<bool> keepMaximum{
      *this, "keep-maximum",
      llvm::cl::desc("Tiles: rows of attention keep the maximum of their first "
                     "key blocks, where probabilities are bf16"),
      llvm::cl::init(false)};
  Option<bool> dependentLaunch{
      *this, "dependent-launch",
      llvm::cl::desc("Kernels wait for those before them themselves, so that "
                     "they may be launched before those end"),
      llvm::cl::init(false)};
  Option<int64_t> consumers{*this, "consumers",
                            llvm::cl::desc("Tiles: warpgroups that compute"),
                            llvm::cl::init(-1)};
  Option<int64_t> specialize{
      *this, "specialize", llvm::cl::desc("Tiles: 1: a warp of its own loads"),
      llvm::cl::init(-1)};
  Option<int64_t> stages{*this, "stages",
                         llvm::cl::desc("Tiles: slots of a ring"),
                         llvm::cl::init(-1)};
  Option<int64_t> overlap{
      *this, "overlap",
      llvm::cl::desc("Tiles: 1: products overlap with arithmetic"),
      llvm::cl::init(-1)};
  Option<int64_t> pingPong{
      *this, "ping-pong",
      llvm::cl::desc("Tiles: 1: warpgroups take turns at the tensor cores"),
      llvm::cl::init(-1)};
  Option<int64_t> skipScaling{
      *this, "skip-scaling",
      llvm::cl::desc("Tiles: 1: no multiplication by factors that are 1"),
      llvm::cl::init(-1)};
  Option<int64_t> overlapItems{
      *this, "overlap-items",
      llvm::cl::desc("Tiles: 1: an item begins before the last one ends"),
      llvm::cl::init(-1)};
  Option<int64_t> holdOperands{
      *this, "hold-operands",
      llvm::cl::desc("Tiles: 1: operands that a loop does not change are held "
                     "in registers"),
      llvm::cl::init(-1)};
  Option<int64_t> scoreWords{
      *this, "score-words",
      llvm::cl::desc("Words of shared memory for scores of a selection; 0: as "
                     "many as there is room for"),
      llvm::cl::init(0)};
  Option<std::string> schedule{
      *this, "schedule",
      llvm::cl::desc("Tiles: 'single', 'static' or 'dynamic'"),
      llvm::cl::init("")};
  Option<bool> trace{
      *this, "trace",
      llvm::cl::desc("Tiles: blocks write when and where they ran"),
      llvm::cl::init(false)};
};

/// Stage 1: no `pbs.permuted_attention` is left; with `fuse`, importance, sort,
/// gather and pooling of keys are one op, and so are scores and selection.
/// Functions have an alternative for less than `denseBelow` keys.
void buildExpandStage(OpPassManager &pm, bool fuse, int64_t denseBelow);

/// Stage 2: every function is a `plan.program` that launches `plan.kernel`s;
/// values of custom types are left inside kernels only.
void buildPlanStage(OpPassManager &pm);

/// Stage 3: every kernel has CPU code in the nested module `@cpu`.
void buildCPUCodeStage(OpPassManager &pm, int64_t vectorBits);

/// Stage 4: the module `@cpu` is in the LLVM dialect and has one packed entry
/// point for each kernel.
void buildCPULoweringStage(OpPassManager &pm);

/// Stage 3 for sm_90a: kernels that can be written down as tiles are a
/// `tile.func` in the `gpu.module` `@gpu`, without a schedule.
void buildTileStage(OpPassManager &pm, const NVVMPipelineOptions &options);

/// Stage 4 for sm_90a: every `tile.func` has a schedule, and
/// everything in shared memory has its place.
void buildTileScheduleStage(OpPassManager &pm,
                            const NVVMPipelineOptions &options);

/// Stage 5 for sm_90a: what was a `tile.func` is code in NVVM IR. With `trace`
/// its blocks write when and where they ran; with `dependentLaunch`, here and
/// in stage 6, kernels wait for those before them themselves.
void buildTileCodeStage(OpPassManager &pm, bool trace, bool dependentLaunch);

/// Stage 6 for sm_90a: every kernel has GPU code in NVVM IR in the
/// `gpu.module` `@gpu`.
void buildNVVMCodeStage(OpPassManager &pm, bool dependentLaunch);

/// Last stage for sm_90a: launches have no operand that code does not read, and
/// those whose results nobody reads are gone.
void buildPlanCleanupStage(OpPassManager &pm);

/// Stages 1 and 2: `pbs-to-plan`.
void buildPlanPipeline(OpPassManager &pm, const PlanPipelineOptions &options);

/// Stages 1 to 4: `pbs-to-cpu`.
void buildCPUPipeline(OpPassManager &pm, const CPUPipelineOptions &options);

/// All stages for sm_90a: `pbs-to-nvvm`.
void buildNVVMPipeline(OpPassManager &pm, const NVVMPipelineOptions &options);

/// Registers the pipelines by name.
void registerPipelines();

/// Registers every pass of the project by name.
void registerPasses();

/// Adds the dialects of the project, and what the pipelines need of others, to
/// `registry`.
void registerDialects(DialectRegistry &registry);

} // namespace mlir::pbs

#endif // PBS_PIPELINES_PIPELINES_H
