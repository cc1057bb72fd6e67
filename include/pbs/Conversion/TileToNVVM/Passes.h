//===- Passes.h - From tiles to threads -------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_TILETONVVM_PASSES_H
#define PBS_CONVERSION_TILETONVVM_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::cf {
class ControlFlowDialect;
} // namespace mlir::cf
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
namespace mlir::scf {
class SCFDialect;
} // namespace mlir::scf

namespace mlir::tile {

/// Attribute of the llvm.func that says how it is launched: a
/// `#plan.cuda_code`.
constexpr llvm::StringLiteral kAbiAttrName = "tile.abi";

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "pbs/Conversion/TileToNVVM/Passes.h.inc"

} // namespace mlir::tile

#endif // PBS_CONVERSION_TILETONVVM_PASSES_H
