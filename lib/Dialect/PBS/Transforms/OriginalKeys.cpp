//===- OriginalKeys.cpp - Keys before they were permuted ------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OriginalKeys.h"

using namespace mlir;
using namespace mlir::pbs;

std::optional<KeysAndValues> mlir::pbs::findOriginal(Value kv) {
  if (auto op = kv.getDefiningOp<PermuteKVOp>())
    return KeysAndValues{op.getKey(), op.getValue()};
  if (auto op = kv.getDefiningOp<FusedPermuteKVOp>())
    return KeysAndValues{op.getKey(), op.getValue()};
  auto op = kv.getDefiningOp<KVFromPositionsOp>();
  if (op && !op.getPositions())
    return KeysAndValues{op.getKey(), op.getValue()};
  return std::nullopt;
}
