//===- IRProgram.h - Programs from text on a device -------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_INTEGRATION_GPU_IRPROGRAM_H
#define PBS_TEST_INTEGRATION_GPU_IRPROGRAM_H

#include "Device.h"

namespace pbs::test {

/// Compiles attention IR for the target of the test (PBS_CUDA_TARGET), or fails
/// the test with the message of the library.
Program compileIR(const std::string &ir, const char *pipelineOptions = nullptr);

/// Runs a program on copies of buffers, of which the last ones are outputs. The
/// message of the library, empty on success.
std::string runOnDevice(pbs_program_t program,
                        const std::vector<Buffer *> &buffers);

/// `text` with each `from` replaced by `to`.
std::string replace(std::string text, const std::string &from,
                    const std::string &to);

} // namespace pbs::test

#endif // PBS_TEST_INTEGRATION_GPU_IRPROGRAM_H
