//===- CPUToLLVM.cpp - CPU kernels to the LLVM dialect --------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One conversion instead of upstream's pass per dialect: kernels hold ops of
// few dialects, and compile time counts.
//
//===----------------------------------------------------------------------===//

#include "pbs/Conversion/PBSToCPU/Passes.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::pbs {
#define GEN_PASS_DEF_CONVERTCPUTOLLVMPASS
#include "pbs/Conversion/PBSToCPU/Passes.h.inc"
} // namespace mlir::pbs

using namespace mlir;

/// Memrefs and then the number of the work item, no results.
static bool isKernel(func::FuncOp function) {
  FunctionType type = function.getFunctionType();
  return function.isPublic() && !function.isExternal() &&
         type.getNumResults() == 0 && type.getNumInputs() > 0 &&
         type.getInputs().back().isIndex() &&
         llvm::all_of(type.getInputs().drop_back(), llvm::IsaPred<MemRefType>);
}

/// Adds `@k_packed` for the lowered kernel `@k`.
static void addWrapper(LLVM::LLVMFuncOp kernel) {
  OpBuilder builder(kernel);
  builder.setInsertionPointAfter(kernel);
  Location loc = kernel.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type i64 = builder.getI64Type();
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(builder.getContext()), {pointer, i64});
  auto wrapper = LLVM::LLVMFuncOp::create(
      builder, loc, (kernel.getName() + "_packed").str(), type);
  Block *entry = wrapper.addEntryBlock(builder);
  builder.setInsertionPointToStart(entry);
  SmallVector<Value> arguments;
  ArrayRef<Type> parameters = kernel.getFunctionType().getParams();
  for (auto [slot, parameter] : llvm::enumerate(parameters.drop_back())) {
    Value at =
        LLVM::GEPOp::create(builder, loc, pointer, i64, entry->getArgument(0),
                            ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(slot)});
    arguments.push_back(LLVM::LoadOp::create(builder, loc, parameter, at));
  }
  arguments.push_back(entry->getArgument(1));
  LLVM::CallOp::create(builder, loc, kernel, arguments);
  LLVM::ReturnOp::create(builder, loc, ValueRange());
  kernel.setLinkage(LLVM::Linkage::Internal);
}

namespace {
struct ConvertCPUToLLVMPass final
    : pbs::impl::ConvertCPUToLLVMPassBase<ConvertCPUToLLVMPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<std::string> kernels;
    for (auto function : module.getOps<func::FuncOp>())
      if (isKernel(function))
        kernels.push_back(function.getName().str());

    // Before the conversion, which would prefer the ops of the LLVM dialect and
    // with them a library call that libgcc 12 lacks.
    MLIRContext *context = &getContext();
    RewritePatternSet expansions(context);
    arith::populateExpandBFloat16Patterns(expansions);
    walkAndApplyPatterns(module, std::move(expansions));

    LLVMTypeConverter converter(context);
    RewritePatternSet patterns(context);
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    populateSCFToControlFlowConversionPatterns(patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    populateVectorToLLVMConversionPatterns(converter, patterns,
                                           /*reassociateFPReductions=*/true);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns);
    LLVMConversionTarget target(*context);
    target.addLegalOp<ModuleOp>();
    if (failed(applyFullConversion(module, target, std::move(patterns))))
      return signalPassFailure();

    for (StringRef name : kernels) {
      addWrapper(module.lookupSymbol<LLVM::LLVMFuncOp>(name));
      ++numKernels;
    }
  }
};
} // namespace

void pbs::buildCPULoweringPipeline(OpPassManager &pm) {
  pm.nest<ModuleOp>().addPass(createConvertCPUToLLVMPass());
}
