//===- DeviceTensors.h - Tensors where a program runs -----------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TOOLS_PBS_RUN_DEVICETENSORS_H
#define PBS_TOOLS_PBS_RUN_DEVICETENSORS_H

#include "pbs/Program.h"
#include <functional>
#include <memory>
#include <optional>
#include <string>

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
  /// Seconds that `call` takes which runs a program on `stream`: between two
  /// events of the device for CUDA, else of the host.
  double time(void *stream, const std::function<void()> &call) const;
  /// What measures `time`.
  const char *getClock() const { return cuda ? "CUDA events" : "host"; }
  /// Copies the outputs to the host.
  void download() const;

private:
  std::vector<Tensor> host, tensors;
  size_t numOutputs;
  /// Null for the CPU.
  CUDA *cuda = nullptr;
};

/// The target of the GPU of this machine: its chip if there is code for it, or
/// PBS_CUDA_TARGET. Nothing, with the reason, if there is none.
std::optional<std::string> findGPUTarget(std::string &reason);

/// Calls `compile` with the target `target`; if that is "auto", with that of
/// the GPU and, where there is none or no code for what is asked, with "host".
/// Returns why it is the host then.
std::string
compileFor(const std::string &target,
           const std::function<void(const std::string &target)> &compile);

} // namespace pbs::run

#endif // PBS_TOOLS_PBS_RUN_DEVICETENSORS_H
