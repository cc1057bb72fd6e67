//===- pbs-compile.cpp - From attention IR to a bundle --------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Program.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;

static cl::OptionCategory category("pbs-compile");
static cl::opt<std::string> irPath(cl::Positional, cl::desc("<file of IR>"),
                                   cl::init("-"), cl::cat(category));
static cl::opt<std::string> bundlePath("o", cl::desc("bundle file to write"),
                                       cl::Required, cl::cat(category));
static cl::opt<std::string> target("target",
                                   cl::desc("host, a GPU chip (sm_90a), or "
                                            "compute_90a, which is PTX of it"),
                                   cl::init("host"), cl::cat(category));
static cl::opt<std::string>
    function("function",
             cl::desc("function to compile, by default the only "
                      "one"),
             cl::cat(category));
static cl::opt<std::string> ptxas("ptxas", cl::desc("path of ptxas"),
                                  cl::cat(category));
static cl::opt<bool> noFusion("no-fusion",
                              cl::desc("leave out the fusion passes"),
                              cl::cat(category));
static cl::opt<std::string> pipelineOptions(
    "pipeline-options",
    cl::desc("options of the pass pipeline, such as \"stages=2\""),
    cl::cat(category));
static cl::opt<bool> report("report",
                            cl::desc("print plan, kernels, compile times"),
                            cl::cat(category));

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv,
                              "Compiles attention IR to a bundle\n");
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(irPath);
  if (!buffer) {
    llvm::errs() << "pbs-compile: error: " << irPath << ": "
                 << buffer.getError().message() << "\n";
    return 1;
  }
  pbs::CompileOptions options;
  options.target = target.c_str();
  options.function = function.empty() ? nullptr : function.c_str();
  options.ptxas = ptxas.empty() ? nullptr : ptxas.c_str();
  options.no_fusion = noFusion;
  options.no_cache = 1;
  options.pipeline_options = pipelineOptions.c_str();
  try {
    pbs::Program program =
        pbs::Program::compile((*buffer)->getBuffer().str(), options);
    program.save(bundlePath);
    if (report)
      llvm::outs() << program.getReport();
  } catch (const pbs::Error &error) {
    llvm::errs() << "pbs-compile: error: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
