//===- Passes.h - Conversion of kernels to the tile level -------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTOTILE_PASSES_H
#define PBS_CONVERSION_PBSTOTILE_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::arith {
class ArithDialect;
} // namespace mlir::arith
namespace mlir::gpu {
class GPUDialect;
} // namespace mlir::gpu
namespace mlir::math {
class MathDialect;
} // namespace mlir::math
namespace mlir::scf {
class SCFDialect;
} // namespace mlir::scf
namespace mlir::tile {
class TileDialect;
} // namespace mlir::tile

namespace mlir::pbs {

#define GEN_PASS_DECL
#include "pbs/Conversion/PBSToTile/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "pbs/Conversion/PBSToTile/Passes.h.inc"

} // namespace mlir::pbs

#endif // PBS_CONVERSION_PBSTOTILE_PASSES_H
