//===- DivideLoop.h - Two loops for one -------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_DIALECT_TILE_TRANSFORMS_DIVIDELOOP_H
#define PBS_LIB_DIALECT_TILE_TRANSFORMS_DIVIDELOOP_H

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::tile {

/// Whether divideLoop() may: with another step than 1 the second loop would not
/// begin at an iteration.
bool canDivide(scf::ForOp loop);

/// Ends the loop at `middle`, which is not below its lower bound nor above both
/// bounds, and returns a second one with the iterations from there on, which
/// takes over what the first has carried.
scf::ForOp divideLoop(scf::ForOp loop, Value middle);

} // namespace mlir::tile

#endif // PBS_LIB_DIALECT_TILE_TRANSFORMS_DIVIDELOOP_H
