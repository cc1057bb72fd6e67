//===- Passes.h - Passes on the pbs dialect ---------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PBS_TRANSFORMS_PASSES_H
#define PBS_DIALECT_PBS_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::func {
class FuncOp;
} // namespace mlir::func

namespace mlir::pbs {

#define GEN_PASS_DECL
#include "pbs/Dialect/PBS/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "pbs/Dialect/PBS/Transforms/Passes.h.inc"

} // namespace mlir::pbs

#endif // PBS_DIALECT_PBS_TRANSFORMS_PASSES_H
