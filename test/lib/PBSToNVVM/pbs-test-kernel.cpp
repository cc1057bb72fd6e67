//===- pbs-test-kernel.cpp - Print or assemble one kernel -----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds one GPU kernel from flags, or reads a module of kernels in the LLVM
// and NVVM dialects, so that lit and the GPU scripts see it without a front
// end: as IR, as PTX, or as cubin with ptxas' report.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "pbs/Conversion/PBSToNVVM/AttentionKernel.h"
#include "pbs/Conversion/PBSToNVVM/BlockListKernels.h"
#include "pbs/Conversion/PBSToNVVM/GpuModuleToPtx.h"
#include "pbs/Dialect/PBS/IR/PBS.h"
#include "pbs/Dialect/Plan/IR/Plan.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "pbs/Target/Ptxas.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;
namespace cl = llvm::cl;

static cl::opt<std::string>
    kernelKind(cl::Positional, cl::init("attention"),
               cl::desc("attention | block-list | file"));
static cl::opt<std::string> input("input", cl::init("-"),
                                  cl::desc("the module, for 'file'"));
static cl::opt<int64_t> headDim("head-dim", cl::init(128));
static cl::opt<bool> f16("f16", cl::desc("f16 instead of bf16"));
static cl::opt<bool> causal("causal");
static cl::opt<bool> positions("positions");
static cl::opt<int64_t> segment("segment", cl::init(0));
static cl::opt<bool> list("list");
static cl::opt<bool> packed("packed");
static cl::opt<bool> noLse("no-lse");
static cl::opt<unsigned> headsPerGroup("heads-per-group", cl::init(0));
static cl::opt<bool> late("late-rescale");
static cl::opt<bool> anchor("anchor");
static cl::opt<unsigned> stages("stages", cl::init(0));
static cl::opt<unsigned> consumerRegisters("consumer-registers", cl::init(232));
static cl::opt<std::string> emit("emit", cl::init("mlir"),
                                 cl::desc("mlir | ptx | cubin"));
static cl::opt<std::string> ptxas("ptxas", cl::desc("path of ptxas"));
static cl::opt<std::string> output("o", cl::init("-"));

/// Prints what the plan is written from, a line for each parameter.
static void printParams(const mlir::pbs::KernelInfo &kernel, raw_ostream &os) {
  using Kind = mlir::pbs::KernelParam::Kind;
  for (const mlir::pbs::KernelParam &param : kernel.params) {
    os << "// param ";
    switch (param.kind) {
    case Kind::TensorMap:
      os << "tensor_map " << param.role << " box [";
      llvm::interleaveComma(param.box, os);
      os << "]\n";
      break;
    case Kind::Pointer:
      os << "pointer " << param.role << "\n";
      break;
    case Kind::Extent:
      os << "extent " << param.role << " dim " << param.dim << "\n";
      break;
    case Kind::Stride:
      os << "stride " << param.role << " dim " << param.dim << "\n";
      break;
    case Kind::Scale:
      os << "scale\n";
      break;
    }
  }
  os << "// threads " << kernel.threads << " shared bytes "
     << kernel.sharedBytes << "\n";
}

static LogicalResult emitModule(ModuleOp module,
                                const mlir::pbs::KernelInfo *kernel) {
  std::error_code error;
  llvm::ToolOutputFile file(output, error, llvm::sys::fs::OF_None);
  if (error) {
    llvm::errs() << "cannot open " << output << ": " << error.message() << "\n";
    return failure();
  }
  file.keep();
  if (emit == "mlir") {
    module->print(file.os());
    if (kernel)
      printParams(*kernel, file.os());
    return success();
  }
  FailureOr<std::string> ptx = mlir::pbs::translateGpuModulesToPtx(module, {});
  if (failed(ptx))
    return failure();
  if (emit == "ptx") {
    file.os() << *ptx;
    return success();
  }
  ::pbs::PtxasOptions options;
  options.path = ptxas;
  ::pbs::PtxasResult result = ::pbs::assemblePtx(*ptx, options);
  llvm::errs() << result.log;
  if (!result.error.empty()) {
    llvm::errs() << result.error << "\n";
    return failure();
  }
  file.os() << result.cubin;
  return success();
}

static LogicalResult run() {
  DialectRegistry registry;
  registry
      .insert<gpu::GPUDialect, LLVM::LLVMDialect, NVVM::NVVMDialect,
              mlir::pbs::PBSDialect, plan::PlanDialect, tile::TileDialect>();
  mlir::pbs::registerPtxTranslations(registry);
  MLIRContext context(registry);
  if (kernelKind == "file") {
    llvm::SourceMgr sources;
    SourceMgrDiagnosticHandler handler(sources, &context);
    OwningOpRef<ModuleOp> module =
        parseSourceFile<ModuleOp>(input.getValue(), sources, &context);
    return module ? emitModule(*module, nullptr) : failure();
  }
  context.loadDialect<gpu::GPUDialect, LLVM::LLVMDialect, NVVM::NVVMDialect>();
  OpBuilder builder(&context);
  Location loc = builder.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  builder.setInsertionPointToStart(module->getBody());
  auto gpuModule = gpu::GPUModuleOp::create(builder, loc, "kernels");
  builder.setInsertionPointToStart(gpuModule.getBody());

  FailureOr<mlir::pbs::KernelInfo> kernel = failure();
  if (kernelKind == "block-list") {
    kernel = mlir::pbs::buildBlockListFromIndices(builder, loc,
                                                  "block_list_from_indices");
  } else if (kernelKind == "attention") {
    mlir::pbs::AttentionKernelSpec spec;
    spec.headDim = headDim;
    spec.bf16 = !f16;
    spec.causal = causal;
    spec.hasPositions = positions;
    spec.segment = segment;
    spec.hasList = list;
    spec.packed = packed;
    spec.writeLse = !noLse;
    spec.schedule.lateRescale = late;
    spec.schedule.anchor = anchor;
    spec.schedule.stages = stages;
    spec.schedule.headsPerGroup = headsPerGroup;
    spec.schedule.consumerRegisters = consumerRegisters;
    kernel = mlir::pbs::buildAttentionKernel(builder, loc, spec);
  } else {
    llvm::errs() << "expected attention, block-list or file, got " << kernelKind
                 << "\n";
  }
  if (failed(kernel) || failed(verify(*module)))
    return failure();
  return emitModule(*module, &*kernel);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv, "Builds one GPU kernel\n");
  return failed(run());
}
