//===- BlockListErrors.h - What may be wrong with a list --------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels of all targets report the same errors in the same words.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_BLOCKLISTERRORS_H
#define PBS_CONVERSION_BLOCKLISTERRORS_H

#include "llvm/ADT/StringRef.h"

namespace mlir::pbs {

/// Word 0 of the status of `pbs.block_list_from_indices`: the number of the
/// message below, from 1 on. Word 1 is the count or index at fault, word 2 the
/// row.
enum class BlockListError : int32_t { Count = 1, Index, Duplicate };

inline constexpr llvm::StringLiteral kBlockListMessages[] = {
    "expected counts from 0 to the length of an index row, got {0} for row {1} "
    "of the block list",
    "expected indices of key blocks, got {0} in row {1} of the block list",
    "expected each key block once, got {0} again in row {1} of the block list"};

} // namespace mlir::pbs

#endif // PBS_CONVERSION_BLOCKLISTERRORS_H
