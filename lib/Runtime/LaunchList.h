//===- LaunchList.h - What one call enqueues --------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Calls of a program often differ in addresses only. A launch list holds what
// follows from shapes and strides: grids, sizes, parameters, and tensor maps,
// which are encoded again only where an address is another one.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_RUNTIME_LAUNCHLIST_H
#define PBS_LIB_RUNTIME_LAUNCHLIST_H

#include "CUDADriver.h"
#include "Call.h"
#include "pbs/Runtime/pbs.h"
#include <memory>

namespace pbs::runtime {

/// The launches of a call. One thread at a time uses one.
class LaunchList {
public:
  /// Computes the launches of `call`. `functions` are the kernels of its plan.
  Status build(Call call, const std::vector<cuda::Function> &functions);

  /// Remembers `tensors`, from which the call was resolved.
  void setKey(const pbs_tensor *tensors, size_t numTensors);
  /// Whether `tensors` differ from those at most in their addresses.
  bool matches(const pbs_tensor *tensors, size_t numTensors) const;
  /// Takes the addresses of tensors that match. False if one of them is not as
  /// it has to be: resolving the call anew says how.
  bool setAddresses(const pbs_tensor *tensors);
  /// Checks the addresses that the call was built with.
  Status checkAddresses() const;

  const Call &getCall() const { return call; }
  void placeWorkspace(void *base) { call.placeWorkspace(base); }
  /// Enqueues everything, in the context that is current.
  Status enqueue(const cuda::Driver &driver, cuda::Stream stream);

private:
  /// An argument of the call has to have an aligned address.
  struct AddressRule {
    uint32_t argument;
    uint32_t alignment;
    std::string what;
  };
  /// A parameter that is the address of a buffer.
  struct Address {
    size_t param;
    Binding binding;
  };
  /// A parameter that is a tensor map.
  struct Map {
    const KernelParam *param;
    /// Whose address it has.
    Binding binding;
    std::string what;
    int type;
    uint64_t dims[4], strides[3];
    /// That it was encoded for last.
    void *address = nullptr;
    cuda::TensorMap encoded;
  };
  /// A launch or, without a kernel, memory that is set to zero.
  struct Step {
    const Kernel *kernel = nullptr;
    cuda::Function function = nullptr;
    uint32_t grid[3];
    /// Before it in the call is a launch, on which alone it depends.
    bool followsLaunch = false;
    std::vector<uint64_t> values;
    std::vector<std::unique_ptr<Map>> maps;
    std::vector<Address> addresses;
    /// Of each parameter, as the driver takes them.
    std::vector<void *> params;
    Binding zeroed;
    size_t bytes = 0;
  };

  std::string getName(const Binding &binding) const;
  void requireAlignment(const Binding &binding, uint32_t alignment,
                        const std::string &what);
  Status requireVectors(const Binding &binding, uint32_t alignment);
  void addZeroed(const Binding &binding);
  Status addLaunch(const pbs::runtime::Step &step, cuda::Function function,
                   bool followsLaunch);
  Status addParam(const pbs::runtime::Step &launch, const KernelParam &param,
                  Step &step);
  Status addMap(const pbs::runtime::Step &launch, const KernelParam &param,
                Step &step);
  Status encode(const cuda::Driver &driver, Map &map);
  Status launch(const cuda::Driver &driver, Step &step, cuda::Stream stream);

  Call call;
  std::vector<Step> steps;
  std::vector<AddressRule> rules;
  /// Of each argument: what its address is a multiple of, 0 if it is empty.
  std::vector<uint32_t> alignments;
  std::vector<int64_t> key;
};

} // namespace pbs::runtime

#endif // PBS_LIB_RUNTIME_LAUNCHLIST_H
