//===- KernelInfo.h - A GPU kernel and its parameters -----------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a kernel builder hands back: the function and what each of its
// parameters is, in terms of the kernel's own names for its buffers.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTONVVM_KERNELINFO_H
#define PBS_CONVERSION_PBSTONVVM_KERNELINFO_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace mlir {
class Operation;

namespace pbs {

/// One parameter of a GPU kernel.
struct KernelParam {
  enum class Kind {
    Pointer, ///< address of the buffer
    Extent,  ///< dimension `dim` of the buffer, i32
    Stride   ///< stride of dimension `dim` in elements, i64
  };
  Kind kind;
  /// The buffer by the kernel's own name for it (an enumeration beside its
  /// builder).
  unsigned role = 0;
  unsigned dim = 0;
};

/// A GPU kernel.
struct KernelInfo {
  /// The llvm.func.
  Operation *function = nullptr;
  SmallVector<KernelParam> params;
  /// Threads of a block and bytes of its dynamic shared memory.
  unsigned threads = 0;
  unsigned sharedBytes = 0;
};

} // namespace pbs
} // namespace mlir

#endif // PBS_CONVERSION_PBSTONVVM_KERNELINFO_H
