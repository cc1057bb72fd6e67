//===- Importance.h - Importance of a range of keys -------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOCPU_IMPORTANCE_H
#define PBS_LIB_CONVERSION_PBSTOCPU_IMPORTANCE_H

#include "Kernels.h"

namespace mlir::pbs::cpu {

/// Computes the importance of `count` keys from `firstKey` on for head `head`
/// of the permutation, which has `numHeads`, and calls `store` with the number
/// of a key in this range and its importance (f32).
void emitImportance(CodeBuilder &b, const ProxyScores &scores, Value batch,
                    Value head, Value numHeads, Value firstKey, Value count,
                    function_ref<void(Value, Value)> store);

} // namespace mlir::pbs::cpu

#endif // PBS_LIB_CONVERSION_PBSTOCPU_IMPORTANCE_H
