//===- OrcLoader.h - Loads object code of the host --------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_JIT_ORCLOADER_H
#define PBS_LIB_JIT_ORCLOADER_H

namespace pbs::jit {

/// Makes the runtime of this process able to load CPU code. May be called more
/// than once.
void registerOrcLoader();

} // namespace pbs::jit

#endif // PBS_LIB_JIT_ORCLOADER_H
