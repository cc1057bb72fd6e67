//===- Tiles.h - Local tiles and register tiles of CPU kernels --*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inner products keep the query rows in vectors and broadcast keys: the
// transposed queries are made once for a work item, and the softmax of a row
// needs no sum across lanes.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOCPU_TILES_H
#define PBS_LIB_CONVERSION_PBSTOCPU_TILES_H

#include "pbs/Conversion/PBSToCPU/Policies.h"

namespace mlir::pbs::cpu {

/// Lanes for loops along D: the widest vector that divides it.
int64_t getDimLanes(CodeBuilder &b, int64_t dim);

/// Copies `valid` rows of `source` to the rows of `tile [rows][D]` from 0 on,
/// converted to its element type, and zeroes the rows up to `padded`.
void emitLoadRows(CodeBuilder &b, const RowSource &source, Value valid,
                  Value padded, Value tile);

/// As `emitLoadRows` to the transposed `tile [D][rows]`, with the values
/// multiplied by `scale`; `scratch [getDimLanes(D)][D]` is of the same element
/// type. `padded` is rounded up to a multiple of the lanes.
void emitLoadTransposed(CodeBuilder &b, const RowSource &source, Value valid,
                        Value padded, Value scale, Value scratch, Value tile);

/// Sorts the first `count` elements of the local row `keys` of i64, as unsigned
/// numbers, in ascending order, in place.
void emitSort(CodeBuilder &b, Value keys, Value count);

/// A key (i64) that sorts by descending f32 `value`, NaN last, and then by
/// ascending `number` (an index below 2^32), which is its lower half.
Value emitSortKey(CodeBuilder &b, Value value, Value number);

/// The number (an index) of a sort key.
Value emitSortedNumber(CodeBuilder &b, Value key);

/// Transposes a square of vectors: lane `j` of result `i` is lane `i` of
/// `rows[j]`. The number of rows is a power of two and that of the lanes.
Values emitTranspose(CodeBuilder &b, ArrayRef<Value> rows);

/// Inner products of `scalars` rows of `keys [keys][D]` from `key` on with the
/// `vectors * lanes` rows of `queries [D][rows]` from `row` on. Result `s *
/// vectors + v` holds key `s` and the rows of vector `v`.
Values emitInnerProducts(CodeBuilder &b, Value keys, Value key, Value queries,
                         Value row, int64_t scalars, int64_t vectors,
                         int64_t lanes);

} // namespace mlir::pbs::cpu

#endif // PBS_LIB_CONVERSION_PBSTOCPU_TILES_H
