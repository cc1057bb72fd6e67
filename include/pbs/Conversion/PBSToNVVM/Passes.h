//===- Passes.h - Passes of the GPU backend ---------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTONVVM_PASSES_H
#define PBS_CONVERSION_PBSTONVVM_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::gpu {
class GPUDialect;
} // namespace mlir::gpu
namespace mlir::LLVM {
class LLVMDialect;
} // namespace mlir::LLVM
namespace mlir::NVVM {
class NVVMDialect;
} // namespace mlir::NVVM
namespace mlir::plan {
class PlanDialect;
} // namespace mlir::plan

namespace mlir::pbs {

/// The gpu.module that holds the kernels.
constexpr llvm::StringLiteral kGPUModuleName = "gpu";
/// Attribute of a plan.kernel that convert-pbs-to-tile refused: why. It makes
/// the error of a kernel that gets no code at all.
constexpr llvm::StringLiteral kRefusedAttrName = "tile.refused";

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "pbs/Conversion/PBSToNVVM/Passes.h.inc"

} // namespace mlir::pbs

#endif // PBS_CONVERSION_PBSTONVVM_PASSES_H
