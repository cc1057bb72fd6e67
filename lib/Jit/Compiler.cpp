//===- Compiler.cpp - From IR to a bundle ---------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compiler.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "pbs/Conversion/PBSToCPU/EmitObject.h"
#include "pbs/Conversion/PBSToCPU/Passes.h"
#include "pbs/Conversion/PBSToNVVM/GpuModuleToPtx.h"
#include "pbs/Dialect/Plan/Translation/PlanTranslation.h"
#include "pbs/Pipelines/Pipelines.h"
#include "pbs/Target/ChipTable.h"
#include "pbs/Target/Ptxas.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <deque>
#include <mutex>

using namespace mlir;
using namespace ::pbs::jit;

namespace {
using Clock = std::chrono::steady_clock;

/// Milliseconds since `begin`, which becomes now.
double lap(Clock::time_point &begin) {
  Clock::time_point now = Clock::now();
  double ms = std::chrono::duration<double, std::milli>(now - begin).count();
  begin = now;
  return ms;
}

/// Appends lines "stage: N ms" to a report.
class Stopwatch {
public:
  explicit Stopwatch(std::string &report) : report(report) {}
  void lap(llvm::StringRef stage) {
    llvm::raw_string_ostream(report)
        << stage << ": " << llvm::format("%.1f", ::lap(last)) << " ms\n";
  }

private:
  std::string &report;
  Clock::time_point last = Clock::now();
};

/// Appends the text of a diagnostic: "LINE:COLUMN: error: message".
void formatDiagnostic(Diagnostic &diagnostic, std::string &text) {
  llvm::raw_string_ostream stream(text);
  if (!text.empty())
    stream << "\n";
  if (auto loc = diagnostic.getLocation()->findInstanceOf<FileLineColLoc>())
    stream << loc.getLine() << ":" << loc.getColumn() << ": ";
  switch (diagnostic.getSeverity()) {
  case DiagnosticSeverity::Error:
    stream << "error: ";
    break;
  case DiagnosticSeverity::Warning:
    stream << "warning: ";
    break;
  case DiagnosticSeverity::Note:
    stream << "note: ";
    break;
  case DiagnosticSeverity::Remark:
    stream << "remark: ";
    break;
  }
  stream << diagnostic;
}

/// The code of one kernel.
struct KernelCode {
  std::string name, ptx;
  ::pbs::PtxasResult assembled;
  double ptxMs = 0, assemblyMs = 0;
};

/// One compilation, in a context of its own.
class Compilation {
public:
  Compilation(const std::string &ir, const CompileOptions &options,
              CompileResult &result)
      : ir(ir), options(options), result(result), stopwatch(result.report),
        context(makeRegistry(), MLIRContext::Threading::DISABLED) {
    context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
        formatDiagnostic(diagnostic, this->result.error);
      return success();
    });
  }

  LogicalResult run() {
    OwningOpRef<ModuleOp> module =
        parseSourceString<ModuleOp>(ir, ParserConfig(&context));
    if (!module)
      return failure();
    stopwatch.lap("parse");
    std::string name;
    if (failed(selectFunction(*module, name)))
      return failure();
    return options.target == "host" ? compileForCPU(*module, name)
                                    : compileForGPU(*module, name);
  }

private:
  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    mlir::pbs::registerDialects(registry);
    return registry;
  }

  /// Leaves the function to compile alone in `module`.
  LogicalResult selectFunction(ModuleOp module, std::string &name);
  /// Reads the options of the caller into those of the pipeline.
  LogicalResult
  parsePipelineOptions(ModuleOp module,
                       mlir::detail::PassOptions &pipelineOptions);
  LogicalResult compileForCPU(ModuleOp module, const std::string &name);
  LogicalResult compileForGPU(ModuleOp module, const std::string &name);
  /// From the kernels of `module` to PTX, and to machine code if the target has
  /// some and there is an assembler.
  LogicalResult translateKernels(ModuleOp module,
                                 std::deque<KernelCode> &kernels);

  const std::string &ir;
  const CompileOptions &options;
  CompileResult &result;
  Stopwatch stopwatch;
  MLIRContext context;
};
} // namespace

LogicalResult Compilation::selectFunction(ModuleOp module, std::string &name) {
  // Alternatives of the chosen function stay beside it.
  auto getMain = [](func::FuncOp function) {
    return function->getAttrOfType<FlatSymbolRefAttr>("pbs.alternative_of");
  };
  SmallVector<func::FuncOp> functions, alternatives;
  for (auto function : module.getOps<func::FuncOp>())
    (getMain(function) ? alternatives : functions).push_back(function);
  if (functions.empty())
    return module.emitError("expected a function, got none");
  func::FuncOp chosen;
  if (options.function.empty()) {
    if (functions.size() != 1)
      return module.emitError("expected one function or the name of one, got ")
             << functions.size() << " functions";
    chosen = functions.front();
  }
  std::string names;
  for (func::FuncOp function : functions) {
    names += (names.empty() ? "" : ", ") + function.getSymName().str();
    if (function.getSymName() == options.function)
      chosen = function;
  }
  if (!chosen)
    return module.emitError("expected a function of the module (")
           << names << "), got '" << options.function << "'";
  name = chosen.getSymName().str();
  for (func::FuncOp function : functions)
    if (function != chosen)
      function.erase();
  for (func::FuncOp function : alternatives)
    if (getMain(function).getValue() != name)
      function.erase();
  return success();
}

LogicalResult
Compilation::parsePipelineOptions(ModuleOp module,
                                  mlir::detail::PassOptions &pipelineOptions) {
  std::string error;
  llvm::raw_string_ostream stream(error);
  if (succeeded(
          pipelineOptions.parseFromString(options.pipelineOptions, stream)))
    return success();
  return module.emitError("expected options of the pass pipeline, got '")
         << options.pipelineOptions << "': " << StringRef(error).trim();
}

/// The features that are on, without their sign.
static std::string getUsedFeatures(const mlir::pbs::HostMachine &machine) {
  SmallVector<StringRef> names, used;
  StringRef(machine.features).split(names, ',');
  for (StringRef name : names)
    if (name.consume_front("+"))
      used.push_back(name);
  return llvm::join(used, ",");
}

LogicalResult Compilation::compileForCPU(ModuleOp module,
                                         const std::string &name) {
  mlir::pbs::HostMachine machine = mlir::pbs::HostMachine::detect();
  PassManager passes(&context);
  mlir::pbs::CPUPipelineOptions pipeline;
  pipeline.fuse = options.fuse;
  pipeline.vectorBits = machine.vectorBits;
  if (failed(parsePipelineOptions(module, pipeline)))
    return failure();
  mlir::pbs::buildCPUPipeline(passes, pipeline);
  if (failed(passes.run(module)))
    return failure();
  stopwatch.lap("passes");

  ::pbs::runtime::Bundle &bundle = result.bundle;
  if (failed(plan::translateToBundle(module, bundle)))
    return failure();
  auto code = module.lookupSymbol<ModuleOp>(mlir::pbs::kCPUModuleName);
  FailureOr<SmallVector<char, 0>> object = mlir::pbs::emitObject(code, machine);
  if (failed(object))
    return failure();
  stopwatch.lap("code");
  bundle.name = name;
  bundle.compiler = std::string("pbs-mlir ") + PBS_VERSION;
  bundle.images = {{::pbs::runtime::CodeImage::Kind::Object, machine.cpu,
                    std::string(object->begin(), object->end()),
                    getUsedFeatures(machine)}};
  return success();
}

/// Where ptxas is looked for.
static ::pbs::PtxasOptions getPtxasOptions(const CompileOptions &options) {
  ::pbs::PtxasOptions result;
  result.path = options.ptxas;
  result.chip = options.target;
  return result;
}

/// What turns PTX to machine code, with its version.
static std::string describeAssembler(const ::pbs::PtxasOptions &options) {
  std::string error;
  if (std::string path = ::pbs::findPtxas(options, error); !path.empty())
    return ::pbs::ptxasVersion(path);
  if (options.path.empty())
    if (std::string path = ::pbs::findNvJitLink(options, error); !path.empty())
      return ::pbs::nvJitLinkVersion(path);
  return "none";
}

LogicalResult Compilation::compileForGPU(ModuleOp module,
                                         const std::string &name) {
  PassManager passes(&context);
  mlir::pbs::NVVMPipelineOptions pipeline;
  pipeline.fuse = options.fuse;
  if (failed(parsePipelineOptions(module, pipeline)))
    return failure();
  mlir::pbs::buildNVVMPipeline(passes, pipeline);
  if (failed(passes.run(module)))
    return failure();
  stopwatch.lap("passes");

  ::pbs::runtime::Bundle &bundle = result.bundle;
  if (failed(plan::translateToBundle(module, bundle)))
    return failure();
  bundle.name = name;
  bundle.compiler = std::string("pbs-mlir ") + PBS_VERSION;
  std::deque<KernelCode> kernels;
  if (failed(translateKernels(module, kernels)))
    return failure();

  using ::pbs::runtime::CodeImage;
  bool isMachineCode = llvm::all_of(
      kernels, [](const KernelCode &k) { return !k.assembled.cubin.empty(); });
  llvm::StringMap<uint32_t> images;
  bundle.images.clear();
  for (KernelCode &kernel : kernels) {
    images[kernel.name] = bundle.images.size();
    CodeImage &image = bundle.images.emplace_back();
    image.kind = isMachineCode ? CodeImage::Kind::Cubin : CodeImage::Kind::PTX;
    image.chip = options.target;
    image.bytes =
        std::move(isMachineCode ? kernel.assembled.cubin : kernel.ptx);
  }
  for (::pbs::runtime::GuardedPlan &guarded : bundle.plans)
    for (::pbs::runtime::Kernel &kernel : guarded.plan.kernels)
      kernel.image = images.at(kernel.symbol);
  return success();
}

LogicalResult Compilation::translateKernels(ModuleOp module,
                                            std::deque<KernelCode> &kernels) {
  bool isVirtual;
  mlir::pbs::PtxOptions ptxOptions;
  ptxOptions.chip = ::pbs::findChipOfTarget(options.target, isVirtual)->name;
  ::pbs::PtxasOptions where = getPtxasOptions(options);
  std::string missing;
  auto *assemble = &::pbs::assemblePtx;
  bool assembles = !options.ptx && !isVirtual;
  bool isLinked = assembles && ::pbs::findPtxas(where, missing).empty();
  if (isLinked) {
    if (!options.ptxas.empty())
      return module.emitError() << missing;
    assemble = &::pbs::linkPtx;
  }

  // Kernels are assembled while others are still translated, which only this
  // thread does: the context is not shared.
  llvm::DefaultThreadPool pool(llvm::hardware_concurrency());
  Clock::time_point last = Clock::now();
  LogicalResult translated = mlir::pbs::translateKernelsToPtx(
      module, ptxOptions, [&](StringRef name, std::string ptx) {
        KernelCode &kernel = kernels.emplace_back();
        kernel.name = name.str();
        kernel.ptx = std::move(ptx);
        kernel.ptxMs = lap(last);
        if (assembles)
          pool.async([&kernel, &where, assemble] {
            Clock::time_point begin = Clock::now();
            kernel.assembled = assemble(kernel.ptx, where);
            kernel.assemblyMs = lap(begin);
          });
      });
  stopwatch.lap("ptx");
  pool.wait();
  if (failed(translated))
    return failure();
  StringRef assembler = isLinked ? "nvJitLink" : "ptxas";
  if (assembles)
    stopwatch.lap(assembler);
  llvm::raw_string_ostream report(result.report);
  for (const KernelCode &kernel : kernels) {
    report << "kernel " << kernel.name << ": ptx "
           << llvm::format("%.1f", kernel.ptxMs) << " ms";
    if (assembles)
      report << ", " << assembler << " "
             << llvm::format("%.1f", kernel.assemblyMs) << " ms";
    report << "\n";
  }
  for (const KernelCode &kernel : kernels) {
    if (kernel.assembled.error.empty())
      continue;
    if (!isLinked)
      return module.emitError() << kernel.assembled.error;
    // The driver compiles the PTX when it loads it.
    result.report += missing + "; " + kernel.assembled.error + "\n";
    break;
  }
  return success();
}

namespace pbs::jit {

std::string describe(const CompileOptions &options, std::string &error) {
  std::string text;
  bool isVirtual;
  llvm::raw_string_ostream stream(text);
  stream << "target=" << options.target << " fuse=" << options.fuse;
  if (!options.pipelineOptions.empty())
    stream << " pipeline=(" << options.pipelineOptions << ")";
  if (options.target == "host") {
    mlir::pbs::HostMachine machine = mlir::pbs::HostMachine::detect();
    stream << " cpu=" << machine.cpu
           << " features=" << getUsedFeatures(machine);
  } else if (const ChipInfo *chip = findChipOfTarget(options.target, isVirtual);
             chip && chip->hasWgmma) {
    stream << " ptxas="
           << (options.ptx || isVirtual
                   ? "none"
                   : describeAssembler(getPtxasOptions(options)));
  } else {
    error = "expected target 'host', 'sm_90a' or 'compute_90a', got '" +
            options.target + "'";
  }
  return text;
}

CompileResult compile(const std::string &ir, const CompileOptions &options) {
  static std::once_flag once;
  std::call_once(once, [] { llvm::CrashRecoveryContext::Enable(); });
  CompileResult result;
  bool succeeded = false;
  llvm::CrashRecoveryContext recovery;
  bool returned = recovery.RunSafely([&] {
    succeeded = mlir::succeeded(Compilation(ir, options, result).run());
  });
  if (succeeded && returned)
    return result;
  result.status = PBS_COMPILE_ERROR;
  if (!returned)
    result.error += "the code generator stopped with a fatal error";
  else if (result.error.empty())
    result.error = "compilation failed without a message";
  return result;
}

} // namespace pbs::jit
