//===- Policies.h - GPU code of policies ------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTOTILE_POLICIES_H
#define PBS_CONVERSION_PBSTOTILE_POLICIES_H

#include "mlir/IR/Attributes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir {
class DialectRegistry;
}

namespace mlir::pbs {

/// How many candidates of a query block are taken, by descending score, ties by
/// smaller index: up to and including the first at which the sum of their
/// weights reaches `amount`. A row that holds NaN takes all.
struct PrefixRule {
  enum class Weight {
    /// The share in the softmax of the scores of all candidates.
    Mass,
    /// 1 for each candidate.
    One
  };
  enum class Unreached {
    /// Where the sum never reaches the amount, all are taken.
    All,
    /// Where it never does, none is.
    None
  };
  Weight weight = Weight::Mass;
  double amount = 0;
  Unreached unreached = Unreached::All;
  /// All candidates, whatever their scores: no sum is computed.
  bool takesAll = false;
};

/// Makes the policies of the pbs dialect usable on a GPU.
void registerTilePolicies(DialectRegistry &registry);

} // namespace mlir::pbs

#include "pbs/Conversion/PBSToTile/Policies.h.inc"

#endif // PBS_CONVERSION_PBSTOTILE_POLICIES_H
