//===- IRProgram.cpp - Programs from text on a device -----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IRProgram.h"
#include <cstdlib>
#include <gtest/gtest.h>
#include <memory>

using namespace pbs::test;

Program pbs::test::compileIR(const std::string &ir,
                             const char *pipelineOptions) {
  const char *target = std::getenv("PBS_CUDA_TARGET");
  pbs_compile_options options = {};
  options.struct_size = sizeof(options);
  options.no_cache = 1;
  options.target = target && *target ? target : "sm_90a";
  options.pipeline_options = pipelineOptions;
  pbs_program_t program = nullptr;
  EXPECT_EQ(pbs_program_compile(ir.data(), ir.size(), &options, &program),
            PBS_OK)
      << pbs_last_error();
  return Program(program, pbs_program_destroy);
}

std::string pbs::test::runOnDevice(pbs_program_t program,
                                   const std::vector<Buffer *> &buffers) {
  std::vector<std::unique_ptr<DeviceTensor>> tensors;
  std::vector<pbs_tensor> arguments;
  for (Buffer *buffer : buffers) {
    tensors.push_back(std::make_unique<DeviceTensor>(*buffer));
    tensors.back()->upload();
    arguments.push_back(tensors.back()->get());
  }
  pbs_run_options options = {};
  options.struct_size = sizeof(options);
  if (pbs_program_run(program, arguments.data(), arguments.size(), &options) !=
      PBS_OK)
    return pbs_last_error();
  const Device &device = Device::get();
  device.check(device.ctxSynchronize(), "cuCtxSynchronize");
  for (auto &tensor : tensors)
    tensor->download();
  return "";
}

std::string pbs::test::replace(std::string text, const std::string &from,
                               const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;
       at += to.size())
    text.replace(at, from.size(), to);
  return text;
}
