//===- ScoreRegion.h - The score region on tiles ----------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOTILE_SCOREREGION_H
#define PBS_LIB_CONVERSION_PBSTOTILE_SCOREREGION_H

#include "KernelWriter.h"
#include "pbs/Dialect/PBS/IR/ScoreRegion.h"

namespace mlir::pbs {

/// The first op of the region that cannot be written on tiles, or null.
Operation *findUnsupportedOp(Region &region);

/// The scores that the region gives, of the type of `scores` (`#tile.acc`).
/// `batch` and `head` are scalars, `rows` is a `#tile.row`, `keys` a
/// `#tile.col`; the latter two may be null if not used.
Value writeScoreRegion(KernelWriter &b, Region &region, Value scores,
                       Value batch, Value head, Value rows, Value keys);

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTOTILE_SCOREREGION_H
