//===- ScoreRegion.h - What a score region looks at -------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PBS_IR_SCOREREGION_H
#define PBS_DIALECT_PBS_IR_SCOREREGION_H

#include "mlir/IR/Region.h"

namespace mlir::pbs {

/// Whether the score region, which may be empty, looks at the position of the
/// row, of the key.
bool usesRowPosition(Region &region);
bool usesKeyPosition(Region &region);

} // namespace mlir::pbs

#endif // PBS_DIALECT_PBS_IR_SCOREREGION_H
