//===- Passes.h - Conversion of level 1 to launch plans ---------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTOPLAN_PASSES_H
#define PBS_CONVERSION_PBSTOPLAN_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::plan {
class PlanDialect;
} // namespace mlir::plan

namespace mlir::pbs {
class PBSDialect;

#define GEN_PASS_DECL
#include "pbs/Conversion/PBSToPlan/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "pbs/Conversion/PBSToPlan/Passes.h.inc"

} // namespace mlir::pbs

#endif // PBS_CONVERSION_PBSTOPLAN_PASSES_H
