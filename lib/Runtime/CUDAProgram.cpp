//===- CUDAProgram.cpp - Programs that run on a GPU -----------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"

using namespace pbs::runtime;

Status pbs::runtime::createCUDAProgram(Bundle, std::unique_ptr<pbs_program> &) {
  return {PBS_UNSUPPORTED, "this build has no CUDA backend"};
}
