//===- GpuModuleToPtx.cpp - From a gpu.module to PTX text -----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The upstream passes, in the one order that works: convert-nvvm-to-llvm has to
// run before the binary pass.
//
//===----------------------------------------------------------------------===//

#include "pbs/Conversion/PBSToNVVM/GpuModuleToPtx.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVM/NVVM/Target.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"

using namespace mlir;

void mlir::pbs::registerPtxTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
  NVVM::registerNVVMTargetInterfaceExternalModels(registry);
}

FailureOr<std::string>
mlir::pbs::translateGpuModulesToPtx(ModuleOp module,
                                    const PtxOptions &options) {
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  pm.addPass(createConvertNVVMToLLVMPass());
  GpuNVVMAttachTargetOptions target;
  target.chip = options.chip;
  target.features = options.features;
  // -O0 would keep accumulators in memory and serialise every wgmma.
  target.optLevel = 3;
  pm.addPass(createGpuNVVMAttachTarget(target));
  GpuModuleToBinaryPassOptions binary;
  binary.compilationTarget = "isa";
  pm.addPass(createGpuModuleToBinaryPass(binary));
  if (failed(pm.run(module)))
    return failure();

  std::string ptx;
  for (auto op : module.getOps<gpu::BinaryOp>())
    for (auto object : op.getObjects().getAsRange<gpu::ObjectAttr>())
      ptx += object.getObject().getValue().str();
  while (!ptx.empty() && ptx.back() == '\0')
    ptx.pop_back();
  if (ptx.empty())
    return module.emitError("expected a gpu.module to translate, got none");
  return ptx;
}
