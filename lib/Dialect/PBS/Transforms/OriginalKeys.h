//===- OriginalKeys.h - Keys before they were permuted ----------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_DIALECT_PBS_TRANSFORMS_ORIGINALKEYS_H
#define PBS_LIB_DIALECT_PBS_TRANSFORMS_ORIGINALKEYS_H

#include "pbs/Dialect/PBS/IR/PBS.h"
#include <optional>

namespace mlir::pbs {

/// Keys and values, each at its position.
struct KeysAndValues {
  Value keys, values;
};

/// What the function reads and moves to make `kv`; nothing if `kv` is made
/// otherwise.
std::optional<KeysAndValues> findOriginal(Value kv);

} // namespace mlir::pbs

#endif // PBS_LIB_DIALECT_PBS_TRANSFORMS_ORIGINALKEYS_H
