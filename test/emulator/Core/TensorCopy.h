//===- TensorCopy.h - Boxes of tensors --------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_EMULATOR_CORE_TENSORCOPY_H
#define PBS_TEST_EMULATOR_CORE_TENSORCOPY_H

#include "Machine.h"

namespace pbs::emu {

/// Bytes of a box in shared memory.
uint32_t boxBytes(const TensorMap &map);

/// Where the hardware puts a byte whose place without swizzle is `address`.
inline uint32_t swizzle(uint32_t address, uint32_t bytes) {
  return bytes < 32 ? address
                    : address ^ ((address >> 7) & (bytes / 16 - 1)) << 4;
}

/// Fills the box's place in `shared`; what lies outside of the tensor is zero.
void loadBox(Machine &machine, const BulkCopy &copy, std::byte *shared,
             int lane);
/// Stores or reduces copy.data; what lies outside of the tensor is left out.
void storeBox(Machine &machine, const BulkCopy &copy, int lane);
/// to = to op from, element by element.
void reduceElements(const BulkCopy &copy, std::byte *to, const std::byte *from,
                    size_t bytes);

} // namespace pbs::emu

#endif // PBS_TEST_EMULATOR_CORE_TENSORCOPY_H
