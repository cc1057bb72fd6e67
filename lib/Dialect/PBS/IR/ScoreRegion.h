//===- ScoreRegion.h - The score region of attention ------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_DIALECT_PBS_IR_SCOREREGION_H
#define PBS_LIB_DIALECT_PBS_IR_SCOREREGION_H

#include "mlir/IR/OpImplementation.h"
#include "pbs/Dialect/PBS/IR/PBS.h"

namespace mlir::pbs {

/// Syntax: nothing, or `score (%x, %b, %h, %p, %j) { ... }`.
ParseResult parseScoreRegion(OpAsmParser &parser, Region &region);
void printScoreRegion(OpAsmPrinter &printer, Operation *op, Region &region);

/// Rules: five arguments, elementwise ops of scalars, `pbs.yield` at the end.
LogicalResult verifyScoreRegion(Operation *op, Region &region);

} // namespace mlir::pbs

#endif // PBS_LIB_DIALECT_PBS_IR_SCOREREGION_H
