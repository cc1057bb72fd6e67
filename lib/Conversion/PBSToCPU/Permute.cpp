//===- Permute.cpp - Sorting and permuting keys and values ----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importance.h"
#include "Tiles.h"

#include <numeric>
#include <tuple>

using namespace mlir;
using namespace mlir::pbs::cpu;

/// Largest number of elements that a copy moves at once, in bytes.
static constexpr int64_t kCopyBytes = 32;

/// Splits a work item into batch, head and part, parts fastest.
static std::tuple<Value, Value, Value> splitItem(CodeBuilder &b, Value item,
                                                 Value heads, Value parts) {
  Value batchAndHead = b.div(item, parts);
  return {b.div(batchAndHead, heads), b.rem(batchAndHead, heads),
          b.rem(item, parts)};
}

static void emitCopyRow(CodeBuilder &b, Value from, ValueRange fromRow,
                        Value to, ValueRange toRow) {
  int64_t dim = cast<MemRefType>(from.getType()).getShape().back();
  int64_t bytes = elementOf(from).getIntOrFloatBitWidth() / 8;
  int64_t lanes = std::gcd(kCopyBytes / bytes, dim);
  b.forLoop(b.index(0), b.index(dim), lanes, [&](Value d) {
    Values source(fromRow), target(toRow);
    source.push_back(d);
    target.push_back(d);
    b.store(b.loadVector(from, source, lanes), to, target);
  });
}

/// A position (an i32) as an index between 0 and `numKeys - 1`.
static Value emitClamp(CodeBuilder &b, Value position, Value numKeys) {
  Value index = b.intCast(position, b.getIndexType());
  return b.max(b.min(index, b.sub(numKeys, b.index(1))), b.index(0));
}

/// Writes block `block` of the permuted keys and values: row `j` is row
/// `positionOf(j)` (an i32 within the keys) of the sources.
static void emitGather(CodeBuilder &b, Value key, Value value,
                       const PermutedKV &result, Value batch, Value head,
                       Value block, function_ref<Value(Value)> positionOf) {
  Value numKeys = b.dim(key, 2), heads = b.dim(result.key, 1);
  Value keyHead = b.div(b.mul(head, b.dim(key, 1)), heads);
  Value begin = b.mul(block, b.index(result.block));
  Value end = b.min(b.add(begin, b.index(result.block)), numKeys);
  Values range = {b.i32(INT32_MAX), b.i32(-1)};
  range =
      b.forLoop(begin, end, 1, range, [&](Value j, ValueRange args) -> Values {
        Value position = positionOf(j);
        Value from = b.intCast(position, b.getIndexType());
        emitCopyRow(b, key, {batch, keyHead, from}, result.key,
                    {batch, head, j});
        emitCopyRow(b, value, {batch, keyHead, from}, result.value,
                    {batch, head, j});
        b.store(position, result.positions, {batch, head, j});
        return {b.min(args[0], position), b.max(args[1], position)};
      });
  for (int64_t i : {0, 1})
    b.store(range[i], result.ranges, {batch, head, block, b.index(i)});
}

/// Pools block `block` of `source` into `result`.
static void emitPool(CodeBuilder &b, CPUPoolInterface pool, Value source,
                     Value result, int64_t size, Value batch, Value head,
                     Value block) {
  Value begin = b.mul(block, b.index(size));
  Value count = b.min(b.index(size), b.sub(b.dim(source, 2), begin));
  auto rowIndex = [&](Value i) { return b.add(begin, i); };
  RowSource rows = {source, batch, head, rowIndex};
  int64_t dim = cast<MemRefType>(source.getType()).getShape().back();
  pool.emitPool(b, rows, count, dim, [&](Value d, Value v) {
    b.store(v, result, {batch, head, block, d});
  });
}

/// Whether segment `segment` of `numKeys` keys is sorted: complete, and not
/// the only one.
static Value emitIsSorted(CodeBuilder &b, Value numKeys, int64_t size,
                          Value segment) {
  Value end = b.mul(b.add(segment, b.index(1)), b.index(size));
  return b.bitAnd(b.le(end, numKeys), b.lt(b.index(size), numKeys));
}

void SortSegmentsKernel::emit(CodeBuilder &b, Value item) const {
  Value zero = b.index(0), size = b.index(segment);
  Value numKeys = b.dim(importance, 2);
  Value batch, head, part;
  std::tie(batch, head, part) =
      splitItem(b, item, b.dim(importance, 1), b.ceilDiv(numKeys, size));
  Value first = b.mul(part, size);
  Value keys = b.localTile({segment}, b.getI64Type());
  auto store = [&](Value i, Value position) {
    b.store(b.intCast(position, b.getI32Type()), permutation,
            {batch, head, b.add(first, i)});
  };
  b.ifElse(
      emitIsSorted(b, numKeys, segment, part),
      [&] {
        b.forLoop(zero, size, 1, [&](Value i) {
          Value v = b.load(importance, {batch, head, b.add(first, i)});
          b.store(emitSortKey(b, v, i), keys, i);
        });
        emitSort(b, keys, size);
        b.forLoop(zero, size, 1, [&](Value i) {
          store(i, b.add(first, emitSortedNumber(b, b.load(keys, i))));
        });
      },
      [&] {
        Value count = b.min(size, b.sub(numKeys, first));
        b.forLoop(zero, count, 1, [&](Value i) { store(i, b.add(first, i)); });
      });
}

void PermuteKVKernel::emit(CodeBuilder &b, Value item) const {
  Value numKeys = b.dim(key, 2);
  Value blocks = b.ceilDiv(numKeys, b.index(result.block));
  Value batch, head, block;
  std::tie(batch, head, block) =
      splitItem(b, item, b.dim(permutation, 1), blocks);
  emitGather(b, key, value, result, batch, head, block, [&](Value j) {
    Value position = b.load(permutation, {batch, head, j});
    return b.intCast(emitClamp(b, position, numKeys), b.getI32Type());
  });
}

void FusedPermuteKVKernel::emit(CodeBuilder &b, Value item) const {
  int64_t size = scores.segment;
  Value zero = b.index(0), segmentSize = b.index(size);
  Value numKeys = b.dim(scores.key, 2), heads = b.dim(result.key, 1);
  Value batch, head, segment;
  std::tie(batch, head, segment) =
      splitItem(b, item, heads, b.ceilDiv(numKeys, segmentSize));
  Value first = b.mul(segment, segmentSize);
  Value count = b.min(segmentSize, b.sub(numKeys, first));
  Value keys = b.localTile({size}, b.getI64Type());

  // The sort keys of an identity are the numbers alone.
  b.forLoop(zero, count, 1, [&](Value i) {
    b.store(b.intCast(i, b.getI64Type()), keys, i);
    if (importance)
      b.store(b.f32(0), importance, {batch, head, b.add(first, i)});
  });
  Value sorted = emitIsSorted(b, numKeys, size, segment);
  // The importance of a single segment matters only to who asked for it.
  Value needed = importance ? b.eq(count, segmentSize) : sorted;
  b.ifThen(needed, [&] {
    emitImportance(b, scores, batch, head, heads, first, segmentSize,
                   [&](Value i, Value v) {
                     if (importance)
                       b.store(v, importance, {batch, head, b.add(first, i)});
                     b.ifThen(sorted,
                              [&] { b.store(emitSortKey(b, v, i), keys, i); });
                   });
  });
  b.ifThen(sorted, [&] { emitSort(b, keys, segmentSize); });

  Value blocksPerSegment = b.index(size / result.block);
  Value firstBlock = b.mul(segment, blocksPerSegment);
  Value lastBlock =
      b.min(b.add(firstBlock, blocksPerSegment), b.dim(result.ranges, 2));
  b.forLoop(firstBlock, lastBlock, 1, [&](Value block) {
    emitGather(b, scores.key, value, result, batch, head, block, [&](Value j) {
      Value key = b.load(keys, b.sub(j, first));
      return b.intCast(b.add(first, emitSortedNumber(b, key)), b.getI32Type());
    });
    emitPool(b, pool, result.key, keyPool, result.block, batch, head, block);
  });
}

void PermuteKernel::emit(CodeBuilder &b, Value item) const {
  Value numKeys = b.dim(source, 2), heads = b.dim(permutation, 1);
  Value size = b.index(kTileRows);
  Value batch, head, part;
  std::tie(batch, head, part) =
      splitItem(b, item, heads, b.ceilDiv(numKeys, size));
  Value sourceHead = b.div(b.mul(head, b.dim(source, 1)), heads);
  Value begin = b.mul(part, size), end = b.min(b.add(begin, size), numKeys);
  b.forLoop(begin, end, 1, [&](Value j) {
    Value position = b.load(permutation, {batch, head, j});
    Value from = emitClamp(b, position, numKeys);
    emitCopyRow(b, source, {batch, sourceHead, from}, result, {batch, head, j});
  });
}

void ComposeKernel::emit(CodeBuilder &b, Value item) const {
  Value numKeys = b.dim(result, 2), size = b.index(kCopyRows);
  Value batch, head, part;
  std::tie(batch, head, part) =
      splitItem(b, item, b.dim(result, 1), b.ceilDiv(numKeys, size));
  Value begin = b.mul(part, size), end = b.min(b.add(begin, size), numKeys);
  b.forLoop(begin, end, 1, [&](Value j) {
    Value position = b.intCast(j, b.getI32Type());
    if (second)
      position = b.load(second, {batch, head, j});
    if (first) {
      Value at = emitClamp(b, position, numKeys);
      position = b.load(first, {batch, head, at});
    }
    b.store(position, result, {batch, head, j});
  });
}

void KVFromPositionsKernel::emit(CodeBuilder &b, Value item) const {
  Value given = givenPositions ? givenPositions : positions;
  Value numKeys = b.dim(given, 2), size = b.index(block);
  Value batch, head, part;
  std::tie(batch, head, part) =
      splitItem(b, item, b.dim(given, 1), b.ceilDiv(numKeys, size));
  Value begin = b.mul(part, size), end = b.min(b.add(begin, size), numKeys);
  Values range = {b.i32(INT32_MAX), b.i32(INT32_MIN)};
  range =
      b.forLoop(begin, end, 1, range, [&](Value j, ValueRange args) -> Values {
        Value position = givenPositions
                             ? b.load(givenPositions, {batch, head, j})
                             : b.intCast(j, b.getI32Type());
        if (positions)
          b.store(position, positions, {batch, head, j});
        return {b.min(args[0], position), b.max(args[1], position)};
      });
  for (int64_t i : {0, 1})
    b.store(range[i], ranges, {batch, head, part, b.index(i)});
}

void PoolKernel::emit(CodeBuilder &b, Value item) const {
  Value blocks = b.ceilDiv(b.dim(source, 2), b.index(block));
  Value batch, head, part;
  std::tie(batch, head, part) = splitItem(b, item, b.dim(source, 1), blocks);
  emitPool(b, pool, source, result, block, batch, head, part);
}
