//===- Call.h - One call of a program, checked and resolved -----*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What CPU and CUDA programs share: the tensors of a call are checked against
// the plan, symbols get their values, and the workspace is laid out.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_RUNTIME_CALL_H
#define PBS_LIB_RUNTIME_CALL_H

#include "Status.h"
#include "pbs/Runtime/Bundle.h"

namespace pbs::runtime {

/// A buffer as a kernel sees it.
struct Buffer {
  void *data = nullptr;
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  /// In elements.
  std::vector<int64_t> strides;

  int64_t numElements() const;
};

/// Values of the symbols that depend on the device.
struct DeviceSymbols {
  /// Number of the device, for CUDA.
  int deviceId = 0;
  int64_t numSMs = 0;
  int64_t numThreads = 1;
};

/// A call of a program with all sizes known.
struct Call {
  const Plan *plan = nullptr;
  int deviceId = 0;
  std::vector<int64_t> symbols;
  std::vector<Buffer> arguments;
  /// Whether outputs that are not given are taken to lend their memory.
  bool lendsByDefault = true;
  /// For each workspace buffer: whether an output lends it memory.
  std::vector<bool> isLent;
  /// Workspace buffers; `data` is set by `placeWorkspace`.
  std::vector<Buffer> workspace;
  std::vector<int64_t> workspaceOffsets;
  int64_t workspaceBytes = 0;

  /// The buffer of a binding.
  const Buffer &get(const Binding &binding) const {
    return binding.kind == Binding::Kind::Argument ? arguments[binding.index]
                                                   : workspace[binding.index];
  }
  void placeWorkspace(void *base);
};

/// Checks the tensors of a call by themselves, not against each other.
Status checkTensors(const Bundle &bundle, pbs_device device, int deviceId,
                    const pbs_tensor *tensors, size_t numTensors,
                    bool checkData, std::vector<Buffer> &buffers);

/// Outputs have memory of their own: kernels read inputs while they write them.
Status checkAliases(const Plan &plan, const std::vector<Buffer> &arguments);

/// Checks `inputs` (and `outputs`, if any are given) against `bundle` and
/// resolves every size. With `checkData` the addresses are checked too.
Status resolveCall(const Bundle &bundle, pbs_device device,
                   const DeviceSymbols &deviceSymbols,
                   const pbs_tensor *tensors, size_t numTensors, bool checkData,
                   Call &call);

/// Shape of output argument `index`, of a call that was resolved from inputs.
Status resolveOutputShape(const Call &call, size_t index,
                          std::vector<int64_t> &shape);

} // namespace pbs::runtime

#endif // PBS_LIB_RUNTIME_CALL_H
