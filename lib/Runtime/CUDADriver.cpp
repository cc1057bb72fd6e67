//===- CUDADriver.cpp - The CUDA driver, loaded at run time ---------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CUDADriver.h"
#include <cstdlib>
#include <dlfcn.h>

using namespace pbs::runtime;
using namespace pbs::runtime::cuda;

/// Tensor maps exist since CUDA 12.0.
static constexpr int kMinDriverVersion = 12000;
/// Graphs have edges for programmatic dependent launches since CUDA 12.3 (CUDA
/// C++ Programming Guide, "Programmatic Dependent Launch", "Use in CUDA
/// Graphs").
static constexpr int kMinDependentVersion = 12030;

static std::string formatVersion(int version) {
  return std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

Driver Driver::instance;

const Driver &Driver::get() { return instance; }

Status Driver::load() {
  const char *path = std::getenv("PBS_CUDA_LIBRARY");
  if (!path || !*path)
    path = "libcuda.so.1";
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return {PBS_UNSUPPORTED,
            std::string("cannot load the CUDA driver: ") + dlerror()};
#define X(name, symbol, parameters)                                            \
  name = reinterpret_cast<Result(*) parameters>(dlsym(library, symbol));       \
  if (!name)                                                                   \
    return {PBS_UNSUPPORTED, std::string("expected a CUDA driver with '") +    \
                                 symbol + "', " + path + " has none"};
  PBS_CUDA_FUNCTIONS(X)
#undef X
#define X(name, symbol, parameters)                                            \
  name = reinterpret_cast<Result(*) parameters>(dlsym(library, symbol));
  PBS_CUDA_OPTIONAL_FUNCTIONS(X)
#undef X
  if (Status status = check(init(0), "cuInit", path); !status.ok())
    return status;
  int version = 0;
  if (Status status =
          check(driverGetVersion(&version), "cuDriverGetVersion", path);
      !status.ok())
    return status;
  if (version < kMinDriverVersion)
    return {PBS_UNSUPPORTED,
            "expected a driver for CUDA " + formatVersion(kMinDriverVersion) +
                " or later, got one for " + formatVersion(version)};
  canLaunchDependent = launchKernelEx && version >= kMinDependentVersion;
  return {};
}

Status Driver::open() {
  static const Status status = instance.load();
  return status;
}

Status Driver::check(Result result, const char *function,
                     const std::string &what) const {
  if (result == 0)
    return {};
  const char *name = nullptr, *text = nullptr;
  getErrorName(result, &name);
  getErrorString(result, &text);
  return {result == kOutOfMemory ? PBS_OUT_OF_MEMORY : PBS_DEVICE_ERROR,
          std::string(function) + " for " + what + ": " +
              (name ? name : "error " + std::to_string(result)) +
              (text ? std::string(", ") + text : "")};
}
