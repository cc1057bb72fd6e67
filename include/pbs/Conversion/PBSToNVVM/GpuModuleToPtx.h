//===- GpuModuleToPtx.h - From a gpu.module to PTX text ---------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Translation of kernels in the LLVM and NVVM dialects to PTX in process.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTONVVM_GPUMODULETOPTX_H
#define PBS_CONVERSION_PBSTONVVM_GPUMODULETOPTX_H

#include "mlir/Support/LLVM.h"
#include <string>

namespace mlir {
class DialectRegistry;
class ModuleOp;

namespace pbs {

/// Target of a translation to PTX.
struct PtxOptions {
  std::string chip = "sm_90a";
  /// LLVM target features; the PTX version must be one that ptxas and the
  /// driver know. 8.7 is the first that has all instructions used here (TMA
  /// into shared::cta needs 8.6) and that CUDA 12.8 knows.
  std::string features = "+ptx87";
};

/// Adds what the translation needs to `registry`. A context without it fails
/// with "missing LLVMTranslationDialectInterface".
void registerPtxTranslations(DialectRegistry &registry);

/// Translates the gpu.modules of `module` to PTX. They are replaced by
/// gpu.binary ops: call it on a module of its own. Fails with diagnostics.
FailureOr<std::string> translateGpuModulesToPtx(ModuleOp module,
                                                const PtxOptions &options);

/// Translates each kernel of the gpu.modules of `module` to PTX of its own, the
/// longest first, and hands it to `take` as soon as it is there. Call it on a
/// module of its own: the kernels are divided among gpu.modules. Fails with
/// diagnostics.
LogicalResult translateKernelsToPtx(
    ModuleOp module, const PtxOptions &options,
    llvm::function_ref<void(StringRef kernel, std::string ptx)> take);

} // namespace pbs
} // namespace mlir

#endif // PBS_CONVERSION_PBSTONVVM_GPUMODULETOPTX_H
