//===- pbs-test-kernel.cpp - Print or assemble one kernel -----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds a small GPU kernel, or reads a module of kernels in the LLVM and NVVM
// dialects, so that tests see it without a runtime: as IR, as PTX with the
// parameters of kernels made by way of tiles as comments, or as cubin with
// ptxas' report.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
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

static cl::opt<std::string> kernelKind(cl::Positional, cl::Required,
                                       cl::desc("block-list | file"));
static cl::opt<std::string> input("input", cl::init("-"),
                                  cl::desc("the module, for 'file'"));
static cl::opt<std::string> emit("emit", cl::init("mlir"),
                                 cl::desc("mlir | ptx | cubin"));
static cl::opt<std::string> ptxas("ptxas", cl::desc("path of ptxas"));
static cl::opt<std::string> output("o", cl::init("-"));

/// Prints the parameters of a kernel, a line each: what of which buffer.
static void printParams(plan::KernelOp kernel, plan::CUDACodeAttr code,
                        raw_ostream &os) {
  int64_t numBuffers =
      kernel.getNumArguments() + kernel.getResultTypes().size();
  auto printExtent = [&](AffineExpr size) {
    for (int64_t buffer = 0; buffer < numBuffers; ++buffer)
      for (int64_t dim = 0; dim < kernel.getBufferType(buffer).getRank(); ++dim)
        if (kernel.getExtent(buffer, dim) == size) {
          os << "extent " << buffer << " " << dim << "\n";
          return;
        }
    llvm_unreachable("expected an extent of a buffer");
  };
  for (Attribute param : code.getParams()) {
    os << "// param ";
    if (auto map = dyn_cast<plan::TensorMapAttr>(param))
      os << "tensor_map " << map.getBuffer() << " " << map.getBox()[1] << "\n";
    else if (auto pointer = dyn_cast<plan::PointerAttr>(param))
      os << "pointer " << pointer.getBuffer() << "\n";
    else if (auto stride = dyn_cast<plan::StrideAttr>(param))
      os << "stride " << stride.getBuffer() << " " << stride.getDim() << "\n";
    else
      printExtent(cast<plan::IntegerAttr>(param).getValue().getResult(0));
  }
}

static LogicalResult emitModule(ModuleOp module) {
  std::error_code error;
  llvm::ToolOutputFile file(output, error, llvm::sys::fs::OF_None);
  if (error) {
    llvm::errs() << "cannot open " << output << ": " << error.message() << "\n";
    return failure();
  }
  file.keep();
  if (emit == "mlir") {
    module->print(file.os());
    return success();
  }
  FailureOr<std::string> ptx = mlir::pbs::translateGpuModulesToPtx(module, {});
  if (failed(ptx))
    return failure();
  if (emit == "ptx") {
    for (auto kernel : module.getOps<plan::KernelOp>())
      if (auto code =
              dyn_cast_or_null<plan::CUDACodeAttr>(kernel.getCodeAttr()))
        printParams(kernel, code, file.os());
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
  registry.insert<arith::ArithDialect, gpu::GPUDialect, LLVM::LLVMDialect,
                  NVVM::NVVMDialect, mlir::pbs::PBSDialect, plan::PlanDialect,
                  tile::TileDialect>();
  mlir::pbs::registerPtxTranslations(registry);
  MLIRContext context(registry);
  if (kernelKind == "file") {
    llvm::SourceMgr sources;
    SourceMgrDiagnosticHandler handler(sources, &context);
    OwningOpRef<ModuleOp> module =
        parseSourceFile<ModuleOp>(input.getValue(), sources, &context);
    return module ? emitModule(*module) : failure();
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
                                                  "block_list_from_indices",
                                                  /*keyBlock=*/128,
                                                  /*isDependent=*/false);
  } else {
    llvm::errs() << "expected block-list or file, got " << kernelKind << "\n";
  }
  if (failed(kernel) || failed(verify(*module)))
    return failure();
  return emitModule(*module);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv, "Builds one GPU kernel\n");
  return failed(run());
}
