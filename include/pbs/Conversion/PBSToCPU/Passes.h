//===- Passes.h - Passes of the CPU backend ---------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTOCPU_PASSES_H
#define PBS_CONVERSION_PBSTOCPU_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir {
class OpPassManager;
namespace LLVM {
class LLVMDialect;
} // namespace LLVM
} // namespace mlir

namespace mlir::pbs {

#define GEN_PASS_DECL
#include "pbs/Conversion/PBSToCPU/Passes.h.inc"

/// Appends what takes the functions made by `convert-pbs-to-cpu` to the LLVM
/// dialect; runs on a module.
void buildCPULoweringPipeline(OpPassManager &pm);

#define GEN_PASS_REGISTRATION
#include "pbs/Conversion/PBSToCPU/Passes.h.inc"

} // namespace mlir::pbs

#endif // PBS_CONVERSION_PBSTOCPU_PASSES_H
