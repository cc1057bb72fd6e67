//===- ProgramJob.cpp - Running any program -------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceTensors.h"
#include "Job.h"
#include "pbs/Tools/Synthetic.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace pbs;
using namespace pbs::run;
using pbs::tools::HostTensor;

void run::showProgress(const std::string &text) {
  // Results so far come first.
  llvm::outs().flush();
  llvm::errs() << "pbs-run: " << text << "\n";
}

Tensor run::getView(HostTensor &tensor) {
  Tensor view;
  view.data = tensor.bytes.data();
  view.dtype = tensor.dtype;
  view.shape = tensor.shape;
  return view;
}

std::vector<HostTensor>
run::allocateOutputs(const Program &program,
                     const std::vector<Tensor> &inputs) {
  std::vector<HostTensor> outputs;
  std::vector<ArgumentInfo> arguments = program.getArguments();
  std::vector<Tensor> placed = inputs;
  for (Tensor &tensor : placed)
    tensor.device = program.getDevice();
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (!arguments[i].isOutput)
      continue;
    HostTensor tensor;
    tensor.name = arguments[i].name;
    tensor.dtype = arguments[i].dtype;
    tensor.shape = program.getOutputShape(placed, i);
    tensor.bytes.resize(tensor.getNumElements() * tools::sizeOf(tensor.dtype));
    outputs.push_back(std::move(tensor));
  }
  return outputs;
}

double run::getMedian(std::vector<double> seconds) {
  llvm::sort(seconds);
  return seconds[seconds.size() / 2];
}

llvm::json::Object run::runProgram(
    const Program &program, std::vector<HostTensor> tensors,
    const std::vector<std::pair<std::string, std::vector<int64_t>>> &shapes,
    const JobOptions &options) {
  uint32_t seed = 0;
  std::vector<HostTensor> storage;
  for (const ArgumentInfo &argument : program.getArguments()) {
    if (argument.isOutput)
      continue;
    auto given = llvm::find_if(tensors, [&](const HostTensor &tensor) {
      return tensor.name == argument.name;
    });
    auto shape = llvm::find_if(shapes, [&](const auto &entry) {
      return entry.first == argument.name;
    });
    if (given != tensors.end())
      storage.push_back(std::move(*given));
    else if (shape != shapes.end())
      storage.push_back(tools::makeNormal(argument.name, argument.dtype,
                                          shape->second, seed++));
    else
      throw UserError("expected a tensor '" + argument.name +
                      "' in an input file, or its --shape, got neither");
  }
  std::vector<Tensor> arguments;
  for (HostTensor &tensor : storage)
    arguments.push_back(getView(tensor));
  std::vector<HostTensor> outputs = allocateOutputs(program, arguments);
  for (HostTensor &tensor : outputs)
    arguments.push_back(getView(tensor));

  DeviceTensors placed(program.getDevice(), arguments, outputs.size());
  auto call = [&] { program(placed.get(), options.run); };
  llvm::json::Object figures;
  figures["backend"] = program.getDevice() == PBS_CUDA ? "CUDA" : "CPU";
  double first = measure([&] {
    call();
    placed.wait();
  });
  llvm::outs() << "first run: " << llvm::format("%.2f", first * 1e3) << " ms\n";
  figures["first_run_ms"] = first * 1e3;
  size_t workspace = program.getWorkspaceSize(placed.get());
  llvm::outs() << "workspace: " << workspace << " bytes\n";
  figures["workspace_bytes"] = static_cast<int64_t>(workspace);
  if (options.repetitions > 0) {
    std::vector<double> times;
    for (unsigned i = 0; i < options.repetitions; ++i)
      times.push_back(placed.time(options.run.stream, call));
    double median = getMedian(times);
    llvm::outs() << "run: " << llvm::format("%.2f", median * 1e3)
                 << " ms, median of " << options.repetitions << " ("
                 << placed.getClock() << ")\n";
    figures["run_ms"] = median * 1e3;
    figures["clock"] = placed.getClock();
  }
  placed.download();
  for (const HostTensor &tensor : outputs) {
    llvm::outs() << "output " << tensor.name << ": "
                 << tools::nameOf(tensor.dtype) << " [";
    llvm::interleaveComma(tensor.shape, llvm::outs());
    llvm::outs() << "]\n";
  }
  if (!options.outputPath.empty())
    if (std::string error = tools::writeTensors(options.outputPath, outputs);
        !error.empty())
      throw UserError(error);
  return figures;
}
