//===- SelectChoice.h - The last candidate of a row -------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOTILE_SELECTCHOICE_H
#define PBS_LIB_CONVERSION_PBSTOTILE_SELECTCHOICE_H

#include "KernelWriter.h"
#include "Select.h"

namespace mlir::pbs {

/// How the consumers look at rows together: so many at once, and so many scores
/// of each in a step.
struct RowShape {
  int64_t rows, columns;
};
/// Two rows for each warp of two warpgroups; one where rows are so long that
/// shared memory has no room for more.
constexpr RowShape kShortRows = {16, 256};
constexpr RowShape kLongRows = {8, 512};
/// Scores of the rows that are looked at together which one step reads.
constexpr int64_t kStepWords = kShortRows.rows * kShortRows.columns;
static_assert(kStepWords == kLongRows.rows * kLongRows.columns);
/// The bits of what is no candidate, a NaN that arithmetic does not make.
constexpr int32_t kNoCandidate = -1;

/// Where a stop rule ends: candidates with a larger key are taken, and so many
/// of those with the same, the first ones. See writeKeys().
struct Choice {
  Value last, ties;
};

/// Scores of the rows that are looked at together, in an array.
struct ScoreRows {
  RowShape shape;
  Value array;
  /// Where a row begins; negative for one that does not exist.
  Value starts;
  /// As many elements as a step has columns that rows which do not exist read.
  Value blank;
  /// Where each row has as many elements for what is left of it.
  Value kept;

  /// Where the columns from `first` on are, for reading and for writing.
  Value getReads(KernelWriter &b, Value first) const;
  Value getWrites(KernelWriter &b, Value first) const;
};

/// Finds the last candidate that the stop rule of `task` takes, for each row.
/// `rows` has the bits of scores, `tiles` steps for each. Where
/// candidates count by their probability its bits take the place of those of
/// the scores.
Choice writeChoice(KernelWriter &b, const SelectTask &task,
                   const ScoreRows &rows, Value tiles);

/// Unsigned integers in the order of the f32 with the bits `bits`.
Value writeKeys(KernelWriter &b, Value bits);

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTOTILE_SELECTCHOICE_H
