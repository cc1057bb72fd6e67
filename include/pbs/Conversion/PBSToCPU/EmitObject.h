//===- EmitObject.h - Object code of CPU kernels ----------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTOCPU_EMITOBJECT_H
#define PBS_CONVERSION_PBSTOCPU_EMITOBJECT_H

#include "mlir/Support/LLVM.h"

#include <string>

namespace mlir {
class ModuleOp;
}

namespace mlir::pbs {

/// A CPU to generate code for.
struct HostMachine {
  std::string triple;
  /// LLVM's name of the CPU, e.g. "znver3".
  std::string cpu;
  /// LLVM's feature string, e.g. "+avx2,+fma".
  std::string features;
  /// Bits of the vector registers that kernels use: 128, 256 or 512.
  int64_t vectorBits = 128;

  /// The machine this process runs on.
  static HostMachine detect();
};

/// Translates a module of the LLVM dialect, optimises it and returns the bytes
/// of a relocatable object file for `machine`. Fails with a located error.
FailureOr<SmallVector<char, 0>> emitObject(ModuleOp module,
                                           const HostMachine &machine);

} // namespace mlir::pbs

#endif // PBS_CONVERSION_PBSTOCPU_EMITOBJECT_H
