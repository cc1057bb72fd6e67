//===- CPUTarget.h - What CPU code generation asks of a machine -*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTOCPU_CPUTARGET_H
#define PBS_CONVERSION_PBSTOCPU_CPUTARGET_H

#include <cstdint>

namespace mlir::pbs::cpu {

/// The shape of the register tiles. An inner product keeps `tileScalars` x
/// `tileVectors` accumulators, each `lanes` wide; with the vectors and the
/// broadcast scalar that it multiplies they have to fit in the registers.
struct CPUTarget {
  /// f32 lanes of a vector register.
  int64_t lanes;
  int64_t tileScalars;
  int64_t tileVectors;

  /// Rows of a register tile in f32.
  int64_t tileRows() const { return lanes * tileVectors; }

  /// The tile for vector registers of `vectorBits` bits: 128 and 256 (16
  /// registers: 8 accumulators cover the latency of 4 cycles at 2 fused
  /// multiply-adds per cycle), or 512 (32 registers).
  static CPUTarget get(int64_t vectorBits) {
    return {vectorBits / 32, vectorBits == 512 ? 8 : 4, 2};
  }
};

} // namespace mlir::pbs::cpu

#endif // PBS_CONVERSION_PBSTOCPU_CPUTARGET_H
