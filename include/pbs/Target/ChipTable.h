//===- ChipTable.h - Facts about the chips we compile for -------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One row per chip, so that no pass asks "sm >= 90". No MLIR here: the runtime
// and the compiler both read it.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TARGET_CHIPTABLE_H
#define PBS_TARGET_CHIPTABLE_H

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace pbs {

/// Bytes of the L2 cache that kernels count on for what many blocks of a grid
/// read (H100: 50 MB).
constexpr int64_t kL2Budget = 32 << 20;

/// Keys of one head that have room in it with their values, at least one.
constexpr int64_t getCachedKeys(int64_t headDim, int64_t bitsPerElement) {
  int64_t bytes = std::max<int64_t>(2 * headDim * bitsPerElement / 8, 1);
  return std::max<int64_t>(kL2Budget / bytes, 1);
}

/// Limits of one chip (CUDA C++ Programming Guide, "Compute Capabilities").
struct ChipInfo {
  /// Name as ptxas and LLVM spell it.
  std::string_view name;
  /// Compute capability of the devices that run its code.
  int major, minor;
  /// Code runs on exactly this capability (the "a" targets), else on later
  /// minor versions too.
  bool exact;
  /// Bytes of shared memory one block can have.
  unsigned sharedBytesPerBlock;
  /// 32-bit registers of a multiprocessor, and at most per thread.
  unsigned registers;
  unsigned registersPerThread;
  /// Warps resident on a multiprocessor.
  unsigned warps;
  /// Warpgroup matrix multiply, tensor memory accelerator.
  bool hasWgmma, hasTma;
};

/// The row of `name`, or null.
const ChipInfo *findChip(std::string_view name);

/// The row that a GPU target names: a chip, "sm_90a", or a virtual
/// architecture, "compute_90a", whose code stays PTX (`isVirtual`); or null.
const ChipInfo *findChipOfTarget(std::string_view target, bool &isVirtual);

/// The best row for a device of compute capability `major`.`minor`, or null.
const ChipInfo *findChipFor(int major, int minor);

} // namespace pbs

#endif // PBS_TARGET_CHIPTABLE_H
