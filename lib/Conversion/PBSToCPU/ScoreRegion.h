//===- ScoreRegion.h - The score region on vectors of rows ------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOCPU_SCOREREGION_H
#define PBS_LIB_CONVERSION_PBSTOCPU_SCOREREGION_H

#include "pbs/Conversion/PBSToCPU/CodeBuilder.h"
#include "pbs/Dialect/PBS/IR/PBS.h"

namespace mlir::pbs::cpu {

/// Rule: every op of the region has CPU code. An empty region has none.
LogicalResult verifyScoreRegion(Region &region);

/// The score that the region gives for `arguments`, each a scalar or a vector
/// of `lanes`; a vector.
Value emitScoreRegion(CodeBuilder &b, Region &region, ValueRange arguments,
                      int64_t lanes);

} // namespace mlir::pbs::cpu

#endif // PBS_LIB_CONVERSION_PBSTOCPU_SCOREREGION_H
