//===- SplitPools.h - Products of pools as pairs of bf16 --------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row of a split pool (pbs-split-pools) is the high parts of its elements and
// then the low ones.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOTILE_SPLITPOOLS_H
#define PBS_LIB_CONVERSION_PBSTOTILE_SPLITPOOLS_H

#include "KernelWriter.h"

namespace mlir::pbs {

/// Some rows of a split pool in shared memory.
struct SplitTile {
  Value high, low;
};

/// Loads `rows` rows of a head, from the row `first` on.
SplitTile loadSplitTile(KernelWriter &b, Value pool, Value batch, Value head,
                        Value first, int64_t rows);

/// The product of the rows of `x` and those of `y`, of the type `type`, but for
/// that of both low parts, which is less than what rounding loses.
Value writeSplitProduct(KernelWriter &b, RankedTensorType type,
                        const SplitTile &x, const SplitTile &y);

/// Why there is no kernel for products of such pools, if there is none.
std::optional<std::string> refuseSplitPool(RankedTensorType pool,
                                           bool hasScale);

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTOTILE_SPLITPOOLS_H
