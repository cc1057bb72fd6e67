//===- BlockRows.cpp - What query blocks may list -------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockRows.h"

using namespace mlir;
using namespace mlir::pbs;

using Predicate = arith::CmpIPredicate;

BlockSizes mlir::pbs::writeBlockSizes(KernelWriter &b, bool causal,
                                      int64_t segment, Value queries,
                                      Value keys) {
  return {causal,
          segment,
          queries,
          keys,
          b.sub(keys, queries),
          b.ceilDiv(queries, kBlock),
          b.ceilDiv(keys, kBlock)};
}

BlockRows mlir::pbs::writeBlockRows(KernelWriter &b, const BlockSizes &sizes,
                                    Value block, Value exists) {
  int64_t perSegment = sizes.segment / kBlock;
  BlockRows rows;
  Value zero = b.like(0, block), shift = b.like(sizes.shift, block);
  Value begin = b.mul(block, b.like(kBlock, block));
  Value end =
      b.min(b.add(begin, b.like(kBlock, block)), b.like(sizes.queries, block));
  rows.high = b.add(b.sub(end, b.like(1, block)), shift);
  Value low = b.max(b.add(begin, shift), zero);
  // Rows before the first key have no own segment.
  Value sees = b.both(exists, b.compare(Predicate::sge, rows.high, zero));
  auto getSegmentBegin = [&](Value position) {
    return b.mul(b.div(position, b.like(sizes.segment, block)),
                 b.like(perSegment, block));
  };
  Value lastKey = b.like(b.sub(sizes.keys, b.i32(1)), block);
  Value last = b.max(b.min(rows.high, lastKey), zero);
  rows.ownBegin = b.select(sees, getSegmentBegin(low), zero);
  rows.ownEnd =
      b.select(sees,
               b.min(b.add(getSegmentBegin(last), b.like(perSegment, block)),
                     b.like(sizes.keyBlocks, block)),
               zero);
  // Under causality candidates end where own blocks begin.
  rows.bound = sizes.causal
                   ? rows.ownBegin
                   : b.select(exists, b.like(sizes.keyBlocks, block), zero);
  return rows;
}

Value mlir::pbs::writeCandidates(KernelWriter &b, const BlockSizes &sizes,
                                 const BlockRows &rows, Value column) {
  auto type = cast<RankedTensorType>(column.getType());
  auto spread = [&](Value row) { return b.broadcast(row, type); };
  Value isCandidate = b.compare(Predicate::slt, column, spread(rows.bound));
  if (sizes.causal)
    return isCandidate;
  Value isOutside =
      b.either(b.compare(Predicate::slt, column, spread(rows.ownBegin)),
               b.compare(Predicate::sge, column, spread(rows.ownEnd)));
  return b.both(isCandidate, isOutside);
}
