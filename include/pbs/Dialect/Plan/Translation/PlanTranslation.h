//===- PlanTranslation.h - From plan ops to a bundle ------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PLAN_TRANSLATION_PLANTRANSLATION_H
#define PBS_DIALECT_PLAN_TRANSLATION_PLANTRANSLATION_H

#include "mlir/Support/LLVM.h"

namespace mlir {
class ModuleOp;
} // namespace mlir

namespace pbs::runtime {
struct Bundle;
} // namespace pbs::runtime

namespace mlir::plan {

/// Sets the plans of `bundle` to the one `plan.program` of `module`. Every
/// kernel that it launches needs code. The code images are the caller's: CPU
/// kernels refer to image 0, which holds all of them; CUDA kernels to the image
/// that has the number of their `gpu.module` (or `gpu.binary`) in the order in
/// which kernels first name them. Fails with an error at the op.
LogicalResult translateToBundle(ModuleOp module,
                                ::pbs::runtime::Bundle &bundle);

} // namespace mlir::plan

#endif // PBS_DIALECT_PLAN_TRANSLATION_PLANTRANSLATION_H
