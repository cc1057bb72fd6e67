//===- Select.h - What a kernel selects -------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOTILE_SELECT_H
#define PBS_LIB_CONVERSION_PBSTOTILE_SELECT_H

#include "pbs/Dialect/Plan/IR/Plan.h"

namespace mlir::pbs {

/// Words of scores in shared memory: 32 rows of 1024 and four words.
constexpr int64_t kScoreWords = 32 * (1024 + 4);

/// Key blocks of which the scores of one row have room in so many words.
int64_t getMaxKeyBlocks(int64_t scoreWords);

/// What is selected, and from which buffers.
struct SelectTask {
  double scale = 1;
  bool causal = false;
  int64_t segment = 0;
  /// Whether candidates count by their probability, and how much is taken;
  /// `takesAll` if all are without a look at them.
  bool isMass = true, takesAll = false;
  double amount = 0;
  /// Whether nothing is taken where the amount is never reached.
  bool isNoneUnreached = false;
  /// Whether own blocks without a visible key are listed.
  bool wholeOwn = false;
  int64_t headDim = 0;
  /// Room for scores in shared memory, in words.
  int64_t scoreWords = kScoreWords;
  unsigned query = 0, key = 0, ranges = 0;
  /// Split pools, or the scores of all pairs.
  unsigned queryPool = 0, keyPool = 0;
  std::optional<unsigned> given;
  /// What is written.
  std::optional<unsigned> list, scores;
};

/// Writes the code of `kernel`, which selects blocks, at the end of `module`.
void writeSelection(const SelectTask &task, plan::KernelOp kernel,
                    Block *module);

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTOTILE_SELECT_H
