//===- DeviceTensors.h - Tensors where a program runs -----------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TOOLS_PBS_RUN_DEVICETENSORS_H
#define PBS_TOOLS_PBS_RUN_DEVICETENSORS_H

#include "pbs/Program.h"
#include <memory>

namespace pbs::run {

class CUDA;

/// The arguments of a program, row-major: views of the host's memory for the
/// CPU, and copies in the memory of device 0 for CUDA, through the driver that
/// the runtime uses.
class DeviceTensors {
public:
  /// Copies all tensors to the device. The last `numOutputs` are outputs.
  DeviceTensors(pbs_device device, std::vector<Tensor> host, size_t numOutputs);
  ~DeviceTensors();
  DeviceTensors(const DeviceTensors &) = delete;

  const std::vector<Tensor> &get() const { return tensors; }
  /// Waits for what runs on the device.
  void wait() const;
  /// Copies the outputs to the host.
  void download() const;

private:
  std::vector<Tensor> host, tensors;
  size_t numOutputs;
  /// Null for the CPU.
  CUDA *cuda = nullptr;
};

} // namespace pbs::run

#endif // PBS_TOOLS_PBS_RUN_DEVICETENSORS_H
