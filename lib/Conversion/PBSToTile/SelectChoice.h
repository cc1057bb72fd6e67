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

/// Rows that the consumers look at together: two for each warp of two
/// warpgroups.
constexpr int64_t kWideRows = 16;
/// Scores of a row that one step reads.
constexpr int64_t kWideColumns = 256;
/// The bits of what is no candidate, a NaN that arithmetic does not make.
constexpr int32_t kNoCandidate = -1;

/// Where a stop rule ends: candidates with a larger key are taken, and so many
/// of those with the same, the first ones. See writeKeys().
struct Choice {
  Value last, ties;
};

/// Scores of kWideRows rows in an array.
struct ScoreRows {
  Value array;
  /// Where a row begins; negative for one that does not exist.
  Value starts;
  /// kWideColumns elements that rows which do not exist read.
  Value blank;

  /// Where the columns from `first` on are, for reading and for writing.
  Value getReads(KernelWriter &b, Value first) const;
  Value getWrites(KernelWriter &b, Value first) const;
};

/// Finds the last candidate that the stop rule of `task` takes, for each row.
/// `rows` has the bits of scores, `tiles` times kWideColumns for each. Where
/// candidates count by their probability its bits take the place of those of
/// the scores.
Choice writeChoice(KernelWriter &b, const SelectTask &task,
                   const ScoreRows &rows, Value tiles);

/// Unsigned integers in the order of the f32 with the bits `bits`.
Value writeKeys(KernelWriter &b, Value bits);

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTOTILE_SELECTCHOICE_H
