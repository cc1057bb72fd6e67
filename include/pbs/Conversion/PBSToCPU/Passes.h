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
namespace arith {
class ArithDialect;
} // namespace arith
namespace func {
class FuncDialect;
} // namespace func
namespace LLVM {
class LLVMDialect;
} // namespace LLVM
namespace memref {
class MemRefDialect;
} // namespace memref
namespace plan {
class PlanDialect;
} // namespace plan
namespace scf {
class SCFDialect;
} // namespace scf
namespace vector {
class VectorDialect;
} // namespace vector
} // namespace mlir

namespace mlir::pbs {

#define GEN_PASS_DECL
#include "pbs/Conversion/PBSToCPU/Passes.h.inc"

/// Name of the nested module that holds CPU code.
inline constexpr llvm::StringLiteral kCPUModuleName = "cpu";

/// Appends what takes the nested modules made by `convert-pbs-to-cpu` to the
/// LLVM dialect, ready for `emitObject`. `pm` runs on the module around them.
void buildCPULoweringPipeline(OpPassManager &pm);

#define GEN_PASS_REGISTRATION
#include "pbs/Conversion/PBSToCPU/Passes.h.inc"

} // namespace mlir::pbs

#endif // PBS_CONVERSION_PBSTOCPU_PASSES_H
