//===- Passes.h - Passes on the plan dialect --------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PLAN_TRANSFORMS_PASSES_H
#define PBS_DIALECT_PLAN_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::plan {

#define GEN_PASS_DECL
#include "pbs/Dialect/Plan/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "pbs/Dialect/Plan/Transforms/Passes.h.inc"

} // namespace mlir::plan

#endif // PBS_DIALECT_PLAN_TRANSFORMS_PASSES_H
