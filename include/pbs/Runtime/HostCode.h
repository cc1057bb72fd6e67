//===- HostCode.h - Loading code of the host --------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The runtime cannot link object code; libpbs registers a loader that can.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_RUNTIME_HOSTCODE_H
#define PBS_RUNTIME_HOSTCODE_H

#include "pbs/Runtime/Plan.h"
#include <memory>
#include <string>

namespace pbs::runtime {

/// Object code that was loaded; its symbols live as long as it does.
class HostCode {
public:
  virtual ~HostCode() = default;
  /// Address of a function, null if there is none.
  virtual void *lookup(const std::string &symbol) = 0;
};

/// Loads an object file. Returns null and sets `error` on failure, for example
/// if this CPU lacks a feature that the code uses.
using HostCodeLoader = std::unique_ptr<HostCode> (*)(const CodeImage &image,
                                                     std::string &error);

/// Sets the loader of this process.
void setHostCodeLoader(HostCodeLoader loader);
HostCodeLoader getHostCodeLoader();

} // namespace pbs::runtime

#endif // PBS_RUNTIME_HOSTCODE_H
