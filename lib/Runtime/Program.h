//===- Program.h - A loaded program -----------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_RUNTIME_PROGRAM_H
#define PBS_LIB_RUNTIME_PROGRAM_H

#include "Call.h"
#include <memory>

/// A program of any target; what a pbs_program_t points to.
struct pbs_program {
  explicit pbs_program(pbs::runtime::Bundle bundle)
      : bundle(std::move(bundle)) {}
  virtual ~pbs_program() = default;

  virtual pbs_device device() const = 0;
  /// Device symbols for a call with the given options; `deviceId` is given.
  virtual pbs::runtime::Status
  getDeviceSymbols(const pbs_run_options &options,
                   pbs::runtime::DeviceSymbols &symbols) = 0;
  /// Runs a call with these arguments.
  virtual pbs::runtime::Status run(const pbs_tensor *tensors, size_t numTensors,
                                   const pbs_run_options &options);
  /// Runs a call that was resolved with data.
  virtual pbs::runtime::Status run(pbs::runtime::Call &call,
                                   const pbs_run_options &options) = 0;

  const pbs::runtime::Plan &plan() const { return bundle.plans.front().plan; }

  pbs::runtime::Bundle bundle;
  /// Text of pbs_program_report.
  std::string report;
};

namespace pbs::runtime {

/// Makes a program of a bundle whose kernels are CPU code.
Status createCPUProgram(Bundle bundle, std::unique_ptr<pbs_program> &program);
/// The same for CUDA code.
Status createCUDAProgram(Bundle bundle, std::unique_ptr<pbs_program> &program);

/// Formats what a kernel wrote to a status buffer; ok if it reported nothing.
Status readStatus(const StatusBuffer &buffer, const int32_t *words,
                  size_t numWords);

/// The device of a call is that of its first tensor.
inline int getDeviceId(const pbs_tensor *tensors, size_t count) {
  return tensors && count > 0 ? tensors[0].device_id : 0;
}

/// Checks `options`, which may be null, and copies what they say.
Status readOptions(const pbs_run_options *options, pbs_run_options &result);

/// Checks that the workspace of `options`, if there is one, has `bytes` bytes.
Status checkWorkspace(const pbs_run_options &options, int64_t bytes);

/// Sets the message of the calling thread and returns the code.
pbs_status report(const Status &status);

} // namespace pbs::runtime

#endif // PBS_LIB_RUNTIME_PROGRAM_H
