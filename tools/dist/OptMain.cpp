//===- OptMain.cpp - pbs-opt inside libpbs.so -----------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The shipped pbs-opt shares LLVM and MLIR with libpbs.so: a second copy of
// them would double the size. It knows the passes and pipelines of the project,
// their dialects, and the general transformations, but not all of upstream.
//
//===----------------------------------------------------------------------===//

#include "mlir/Pass/PassManager.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "pbs/Pipelines/Pipelines.h"
#include "pbs/Runtime/pbs.h"

extern "C" PBS_API int pbs_opt_main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::pbs::registerDialects(registry);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::PassManager all(&context, mlir::ModuleOp::getOperationName());
  mlir::pbs::buildCPUPipeline(all, {});
  mlir::pbs::buildNVVMPipeline(all, {});
  all.getDependentDialects(registry);
  mlir::registerTransformsPasses();
  mlir::pbs::registerPasses();
  mlir::pbs::registerPipelines();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "Optimizer of permuted block-sparse attention\n", registry));
}
