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

/// What the NVVM dialect marks kernels with.
static constexpr StringLiteral kKernelAttrName = "nvvm.kernel";

void mlir::pbs::registerPtxTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
  NVVM::registerNVVMTargetInterfaceExternalModels(registry);
}

/// Passes after which a gpu.module can be translated.
static void addTargetPasses(PassManager &pm, const pbs::PtxOptions &options) {
  pm.addPass(createConvertNVVMToLLVMPass());
  GpuNVVMAttachTargetOptions target;
  target.chip = options.chip;
  target.features = options.features;
  // -O0 would keep accumulators in memory and serialise every wgmma.
  target.optLevel = 3;
  pm.addPass(createGpuNVVMAttachTarget(target));
}

FailureOr<std::string>
mlir::pbs::translateGpuModulesToPtx(ModuleOp module,
                                    const PtxOptions &options) {
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  addTargetPasses(pm, options);
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

/// Divides the kernels of `module` among gpu.modules of one kernel each.
static void divideKernels(gpu::GPUModuleOp module,
                          SmallVectorImpl<gpu::GPUModuleOp> &divided) {
  SmallVector<Operation *> kernels, shared;
  for (Operation &op : *module.getBody())
    (op.hasAttr(kKernelAttrName) ? kernels : shared).push_back(&op);
  for (Operation *kernel : kernels) {
    OpBuilder builder(module);
    auto own = gpu::GPUModuleOp::create(
        builder, module.getLoc(), module.getName(), module.getTargetsAttr());
    builder.setInsertionPointToStart(own.getBody());
    for (Operation *op : shared)
      builder.clone(*op);
    kernel->moveBefore(own.getBody(), own.getBody()->end());
    divided.push_back(own);
  }
  module.erase();
}

static int64_t countOps(gpu::GPUModuleOp module) {
  int64_t count = 0;
  module.walk([&](Operation *) { ++count; });
  return count;
}

LogicalResult mlir::pbs::translateKernelsToPtx(
    ModuleOp module, const PtxOptions &options,
    llvm::function_ref<void(StringRef, std::string)> take) {
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  addTargetPasses(pm, options);
  if (failed(pm.run(module)))
    return failure();
  SmallVector<gpu::GPUModuleOp> kernels;
  for (auto op : llvm::make_early_inc_range(module.getOps<gpu::GPUModuleOp>()))
    divideKernels(op, kernels);
  if (kernels.empty())
    return module.emitError("expected a kernel to translate, got none");
  llvm::stable_sort(kernels, [](gpu::GPUModuleOp lhs, gpu::GPUModuleOp rhs) {
    return countOps(lhs) > countOps(rhs);
  });
  gpu::TargetOptions text({}, {}, {}, {}, gpu::CompilationTarget::Assembly);
  for (gpu::GPUModuleOp kernel : kernels) {
    auto target = cast<gpu::TargetAttrInterface>(kernel.getTargetsAttr()[0]);
    std::optional<SmallVector<char, 0>> ptx =
        target.serializeToObject(kernel, text);
    if (!ptx)
      return kernel.emitError("cannot translate a kernel to PTX");
    take(SymbolTable::getSymbolName(&kernel.getBody()->back()),
         StringRef(ptx->data(), ptx->size()).rtrim('\0').str());
  }
  return success();
}
