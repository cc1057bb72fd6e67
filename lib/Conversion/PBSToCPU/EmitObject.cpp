//===- EmitObject.cpp - Object code of CPU kernels ------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Conversion/PBSToCPU/EmitObject.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

#include <mutex>

using namespace mlir;

static void initializeTarget() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();
  });
}

pbs::HostMachine pbs::HostMachine::detect() {
  HostMachine machine;
  machine.triple = llvm::sys::getProcessTriple();
  machine.cpu = llvm::sys::getHostCPUName().str();
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  SmallVector<StringRef> names;
  for (const auto &feature : features)
    names.push_back(feature.getKey());
  llvm::sort(names);
  for (StringRef name : names) {
    if (!machine.features.empty())
      machine.features += ',';
    machine.features += (features[name] ? "+" : "-") + name.str();
  }
  if (features.lookup("avx512f"))
    machine.vectorBits = 512;
  else if (features.lookup("avx"))
    machine.vectorBits = 256;
  return machine;
}

/// The passes that pay for kernels of explicit vectors: the default pipeline
/// without its vectorisers and unroller, which would only multiply code.
static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  tuning.LoopUnrolling = false;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2)
      .run(module, modules);
}

FailureOr<SmallVector<char, 0>> pbs::emitObject(ModuleOp module,
                                                const HostMachine &machine) {
  initializeTarget();
  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  module.getContext()->appendDialectRegistry(registry);

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(module, context);
  if (!llvmModule)
    return module.emitError("expected a module that translates to LLVM IR");

  std::string message;
  llvm::Triple triple(machine.triple);
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return module.emitError("expected a target that LLVM knows, got '")
           << machine.triple << "': " << message;
  std::unique_ptr<llvm::TargetMachine> targetMachine(
      target->createTargetMachine(
          triple, machine.cpu, machine.features, llvm::TargetOptions(),
          llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
  if (!targetMachine)
    return module.emitError("expected a CPU that LLVM knows, got '")
           << machine.cpu << "'";
  llvmModule->setTargetTriple(triple);
  llvmModule->setDataLayout(targetMachine->createDataLayout());
  optimize(*llvmModule, *targetMachine);

  SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager codegen;
  if (targetMachine->addPassesToEmitFile(codegen, stream, nullptr,
                                         llvm::CodeGenFileType::ObjectFile))
    return module.emitError("expected a target that emits object files, got '")
           << machine.triple << "'";
  codegen.run(*llvmModule);
  return object;
}
