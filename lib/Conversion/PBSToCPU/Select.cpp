//===- Select.cpp - Block scores and block selection ----------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "Tiles.h"
#include "pbs/Conversion/BlockListErrors.h"
#include <cmath>

using namespace mlir;
using namespace mlir::pbs::cpu;

static constexpr double kLog2E = 1.4426950408889634;

//===----------------------------------------------------------------------===//
// Selection
//===----------------------------------------------------------------------===//

Value Selection::emitNumCandidates(CodeBuilder &b) const {
  return b.add(ownBegin, b.sub(numBlocks, tailBegin));
}

void Selection::emitForEachCandidate(CodeBuilder &b,
                                     function_ref<void(Value)> body) const {
  Value gap = b.sub(tailBegin, ownBegin);
  b.forLoop(b.index(0), emitNumCandidates(b), 1, [&](Value i) {
    body(b.select(b.lt(i, ownBegin), i, b.add(i, gap)));
  });
}

void Selection::emitSort(CodeBuilder &b) const {
  Value gap = b.sub(tailBegin, ownBegin);
  Value count = emitNumCandidates(b);
  b.forLoop(b.index(0), count, 1, [&](Value i) {
    Value block = b.select(b.lt(i, ownBegin), i, b.add(i, gap));
    b.store(emitSortKey(b, b.load(scores, block), block), order, i);
  });
  pbs::cpu::emitSort(b, order, count);
}

Value Selection::emitSorted(CodeBuilder &b, Value i) const {
  return emitSortedNumber(b, b.load(order, i));
}

Value Selection::emitHasNaN(CodeBuilder &b) const {
  Value count = emitNumCandidates(b), zero = b.index(0);
  Type type = b.getI1Type();
  return b.ifElse(
      b.lt(zero, count), type,
      [&]() -> Values {
        Value last = emitSorted(b, b.sub(count, b.index(1)));
        return {b.isNaN(b.load(scores, last))};
      },
      [&]() -> Values { return {b.constant(type, 0)}; })[0];
}

void Selection::emitList(CodeBuilder &b, Value block) const {
  b.setBit(bits, row, block);
}

Value Selection::emitMinPosition(CodeBuilder &b, Value block) const {
  Value position = b.load(ranges, {batch, keyHead, block, b.index(0)});
  return b.intCast(position, b.getIndexType());
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// Splits a work item into batch, head and query block, blocks fastest.
static Values splitItem(CodeBuilder &b, Value item, Value heads, Value blocks) {
  Value batchAndHead = b.div(item, blocks);
  return {b.div(batchAndHead, heads), b.rem(batchAndHead, heads),
          b.rem(item, blocks)};
}

static void emitClear(CodeBuilder &b, Value bits, ValueRange row) {
  b.forLoop(b.index(0), b.dim(bits, 3), 1, [&](Value word) {
    Values at(row);
    at.push_back(word);
    b.store(b.i32(0), bits, at);
  });
}

/// Fills in all but the scores.
static Selection emitSelection(CodeBuilder &b, const BlockChoice &choice,
                               ValueRange row) {
  Value zero = b.index(0), one = b.index(1);
  Value numQueries = b.dim(choice.query, 2);
  Value numKeys = b.dim(choice.positions, 2);
  Value heads = b.dim(choice.query, 1);
  Selection result;
  result.causal = choice.causal;
  result.bits = choice.bits;
  result.ranges = choice.ranges;
  result.row = Values(row);
  result.batch = row[0];
  result.keyHead = b.div(b.mul(row[1], b.dim(choice.ranges, 1)), heads);
  result.numBlocks = b.dim(choice.ranges, 2);

  Value size = b.index(choice.queryBlock);
  Value first = b.mul(row[2], size);
  Value end = b.min(b.add(first, size), numQueries);
  Value offset = b.sub(numKeys, numQueries);
  Value low = b.max(b.add(first, offset), zero);
  result.high = b.sub(b.add(end, offset), one);
  // Query blocks before the first key have no own segment.
  Value segment = b.index(choice.segment);
  Value perSegment = b.index(choice.segment / choice.keyBlock);
  Value lastOwn = b.div(b.max(result.high, zero), segment);
  Value ownEnd = b.mul(b.add(lastOwn, one), perSegment);
  Value hasOwn = b.bitAnd(b.le(zero, result.high), b.lt(zero, numKeys));
  result.ownBegin =
      b.select(hasOwn, b.mul(b.div(low, segment), perSegment), zero);
  result.ownEnd = b.select(hasOwn, b.min(ownEnd, result.numBlocks), zero);
  result.tailBegin = choice.causal ? result.numBlocks : result.ownEnd;

  Value length = result.numBlocks;
  result.scores = b.localRow(length, b.getF32Type());
  result.order = b.localRow(length, b.getI64Type());
  return result;
}

static void emitChoice(CodeBuilder &b, const BlockChoice &choice,
                       Selection &selection) {
  emitClear(b, selection.bits, selection.row);
  choice.stopRule.emitChoice(b, selection);
  choice.forcedSet.emitForced(b, selection);
}

/// `scale * dot`, in f64, of two rows of f32 of which `left` and `right` load a
/// vector.
static Value emitScore(CodeBuilder &b, int64_t dim, double scale,
                       function_ref<Value(Value, int64_t)> left,
                       function_ref<Value(Value, int64_t)> right) {
  int64_t lanes = getDimLanes(b, dim);
  Type f64 = b.getF64Type();
  Value none = b.constant(vectorOf(f64, lanes), 0.0);
  Value sum =
      b.forLoop(b.index(0), b.index(dim), lanes, none,
                [&](Value d, ValueRange args) -> Values {
                  return {b.fma(b.castf(left(d, lanes), f64),
                                b.castf(right(d, lanes), f64), args[0])};
                })[0];
  Value dot = b.reduceAdd(sum);
  return b.castf(b.mulf(dot, b.f64(scale)), b.getF32Type());
}

static int64_t dimOf(Value memref) {
  return cast<MemRefType>(memref.getType()).getShape().back();
}

void BlockScoresKernel::emit(CodeBuilder &b, Value item) const {
  Value heads = b.dim(queryPool, 1);
  Values row = splitItem(b, item, heads, b.dim(queryPool, 2));
  Value keyHead = b.div(b.mul(row[1], b.dim(keyPool, 1)), heads);
  b.forLoop(b.index(0), b.dim(keyPool, 2), 1, [&](Value block) {
    Value score = emitScore(
        b, dimOf(queryPool), scale,
        [&](Value d, int64_t lanes) {
          return b.loadVector(queryPool, {row[0], row[1], row[2], d}, lanes);
        },
        [&](Value d, int64_t lanes) {
          return b.loadVector(keyPool, {row[0], keyHead, block, d}, lanes);
        });
    b.store(score, scores, {row[0], row[1], row[2], block});
  });
}

void SelectBlocksKernel::emit(CodeBuilder &b, Value item) const {
  Values row =
      splitItem(b, item, b.dim(choice.query, 1), b.dim(choice.bits, 2));
  Selection selection = emitSelection(b, choice, row);
  selection.emitForEachCandidate(b, [&](Value block) {
    Value score = b.load(scores, {row[0], row[1], row[2], block});
    b.store(score, selection.scores, block);
  });
  emitChoice(b, choice, selection);
}

void FusedSelectBlocksKernel::emit(CodeBuilder &b, Value item) const {
  Values row =
      splitItem(b, item, b.dim(choice.query, 1), b.dim(choice.bits, 2));
  Selection selection = emitSelection(b, choice, row);
  int64_t dim = dimOf(choice.query);
  Value queryPool = b.localTile({dim}, b.getF32Type());
  Value first = b.mul(row[2], b.index(choice.queryBlock));
  Value count =
      b.min(b.index(choice.queryBlock), b.sub(b.dim(choice.query, 2), first));
  auto rowIndex = [&](Value i) { return b.add(first, i); };
  RowSource rows = {choice.query, row[0], row[1], rowIndex};
  pool.emitPool(b, rows, count, dim,
                [&](Value d, Value v) { b.store(v, queryPool, d); });

  if (scores)
    b.forLoop(b.index(0), selection.numBlocks, 1, [&](Value block) {
      b.store(b.negInf(b.getF32Type()), scores,
              {row[0], row[1], row[2], block});
    });
  selection.emitForEachCandidate(b, [&](Value block) {
    Value score = emitScore(
        b, dim, scale,
        [&](Value d, int64_t lanes) {
          return b.loadVector(queryPool, d, lanes);
        },
        [&](Value d, int64_t lanes) {
          return b.loadVector(keyPool, {row[0], selection.keyHead, block, d},
                              lanes);
        });
    b.store(score, selection.scores, block);
    if (scores)
      b.store(score, scores, {row[0], row[1], row[2], block});
  });
  emitChoice(b, choice, selection);
}

void RowCoverageKernel::emit(CodeBuilder &b, Value item) const {
  Values row = splitItem(b, item, b.dim(queryPool, 1), b.dim(queryPool, 2));
  Selection selection = emitSelection(b, choice, row);
  selection.emitForEachCandidate(b, [&](Value block) {
    Value score = emitScore(
        b, dimOf(queryPool), scale,
        [&](Value d, int64_t lanes) {
          return b.loadVector(queryPool, {row[0], row[1], row[2], d}, lanes);
        },
        [&](Value d, int64_t lanes) {
          return b.loadVector(keyPool, {row[0], selection.keyHead, block, d},
                              lanes);
        });
    b.store(score, selection.scores, block);
  });

  Type f32 = b.getF32Type(), f64 = b.getF64Type();
  Value zero = b.index(0), one = b.index(1);
  auto isCandidate = [&](Value block) {
    return b.bitOr(b.lt(block, selection.ownBegin),
                   b.le(selection.tailBegin, block));
  };
  Value max = b.forLoop(zero, selection.numBlocks, 1, b.negInf(f32),
                        [&](Value block, ValueRange max) -> Values {
                          Value score = b.load(selection.scores, block);
                          Value isLarger = b.bitAnd(isCandidate(block),
                                                    b.ltf(max[0], score));
                          return {b.select(isLarger, score, max[0])};
                        })[0];
  auto count = [&](Value condition, Value number) {
    return b.select(condition, b.add(number, one), number);
  };
  // Mass of all candidates and of the listed ones, numbers of listed
  // candidates, of listed and of possible blocks.
  Values sums = b.forLoop(
      zero, selection.numBlocks, 1, {b.f64(0), b.f64(0), zero, zero, zero},
      [&](Value block, ValueRange sums) -> Values {
        Value counts = isCandidate(block);
        Value isListed = b.testBit(selection.bits, selection.row, block);
        Value isPossible = b.constant(b.getI1Type(), 1);
        if (selection.causal)
          isPossible =
              b.le(selection.emitMinPosition(b, block), selection.high);
        Value score = b.load(selection.scores, block);
        Value exponent = b.mulf(b.subf(b.castf(score, f64), b.castf(max, f64)),
                                b.f64(kLog2E));
        Value mass = b.select(counts, b.castf(emitExp2OfF64(b, exponent), f64),
                              b.f64(0));
        return {b.addf(sums[0], mass),
                b.addf(sums[1], b.select(isListed, mass, b.f64(0))),
                count(b.bitAnd(counts, isListed), sums[2]),
                count(b.bitAnd(isPossible, isListed), sums[3]),
                count(isPossible, sums[4])};
      });
  Value candidates = selection.emitNumCandidates(b);
  Value hasCandidate = b.lt(zero, candidates);
  Value isNumber =
      b.bitAnd(b.ltf(b.f64(0), sums[0]), b.ltf(sums[0], b.f64(INFINITY)));
  Value byNumber = b.divf(b.intToFloat(sums[2], f64),
                          b.intToFloat(b.max(candidates, one), f64));
  Value covered = b.select(isNumber, b.divf(sums[1], sums[0]), byNumber);
  Value results[] = {b.intToFloat(sums[3], f32), b.intToFloat(sums[4], f32),
                     b.select(hasCandidate, b.castf(covered, f32), b.f32(0)),
                     b.select(hasCandidate, b.f32(1), b.f32(0))};
  for (auto [i, value] : llvm::enumerate(results))
    b.store(value, rows, {row[0], row[1], row[2], b.index(i)});
}

void HeadCoverageKernel::emit(CodeBuilder &b, Value item) const {
  Value heads = b.dim(rows, 1), zero = b.index(0);
  Values head = {b.div(item, heads), b.rem(item, heads)};
  Type f64 = b.getF64Type();
  Values sums = b.forLoop(
      zero, b.dim(rows, 2), 1, {b.f64(0), b.f64(0), b.f64(0), b.f64(0)},
      [&](Value row, ValueRange sums) -> Values {
        Values next;
        for (auto [i, sum] : llvm::enumerate(sums)) {
          Value value = b.load(rows, {head[0], head[1], row, b.index(i)});
          next.push_back(b.addf(sum, b.castf(value, f64)));
        }
        return next;
      });
  auto store = [&](Value sum, Value number, double otherwise, Value result) {
    if (!result)
      return;
    Value mean = b.select(b.ltf(b.f64(0), number), b.divf(sum, number),
                          b.f64(otherwise));
    b.store(b.castf(mean, b.getF32Type()), result, {head[0], head[1], zero});
  };
  store(sums[0], sums[1], 0, density);
  store(sums[2], sums[3], 1, mass);
}

void FullBlockListKernel::emit(CodeBuilder &b, Value item) const {
  Value heads = b.dim(query, 1), numQueries = b.dim(query, 2);
  Values row = splitItem(b, item, heads, b.dim(bits, 2));
  Value keyHead = b.div(b.mul(row[1], b.dim(ranges, 1)), heads);
  Value size = b.index(queryBlock);
  Value end = b.min(b.mul(b.add(row[2], b.index(1)), size), numQueries);
  // One past the last position of the query block.
  Value seen = b.add(end, b.sub(b.dim(positions, 2), numQueries));
  emitClear(b, bits, row);
  b.forLoop(b.index(0), b.dim(ranges, 2), 1, [&](Value block) {
    if (!causal) {
      b.setBit(bits, row, block);
      return;
    }
    Value min = b.load(ranges, {row[0], keyHead, block, b.index(0)});
    b.ifThen(b.lt(b.intCast(min, b.getIndexType()), seen),
             [&] { b.setBit(bits, row, block); });
  });
}

void BlockListFromIndicesKernel::emit(CodeBuilder &b, Value item) const {
  Values row = splitItem(b, item, b.dim(bits, 1), b.dim(bits, 2));
  Value zero = b.index(0), numBlocks = b.dim(ranges, 2);
  Type i32 = b.getI32Type();
  emitClear(b, bits, row);
  auto report = [&](Value wrong, BlockListError error, Value detail) {
    b.ifThen(wrong, [&] {
      // The last word lets one work item through, so that message and details
      // belong together.
      Value before = b.atomicAdd(b.i32(1), status, b.index(3));
      b.ifThen(b.eq(before, b.i32(0)), [&] {
        b.store(b.i32(static_cast<int32_t>(error)), status, zero);
        b.store(detail, status, b.index(1));
        b.store(b.intCast(item, i32), status, b.index(2));
      });
    });
  };
  Value number = b.load(count, row);
  Value length = b.intCast(number, b.getIndexType());
  Value end = b.min(length, b.dim(indices, 3));
  report(b.bitOr(b.lt(length, zero), b.lt(end, length)), BlockListError::Count,
         number);
  b.forLoop(zero, b.max(end, zero), 1, [&](Value i) {
    Values at = row;
    at.push_back(i);
    Value block = b.load(indices, at);
    Value index = b.intCast(block, b.getIndexType());
    // As unsigned numbers negative indices are out of range, too.
    b.ifElse(
        b.ult(index, numBlocks),
        [&] {
          report(b.setBit(bits, row, index), BlockListError::Duplicate, block);
        },
        [&] {
          report(b.constant(b.getI1Type(), 1), BlockListError::Index, block);
        });
  });
}
