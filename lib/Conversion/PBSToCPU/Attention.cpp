//===- Attention.cpp - Dense and block-sparse attention on the CPU --------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Online softmax over tiles of keys. Everything that belongs to a query row is
// a lane: transposed queries [D][rows], scores [keys][rows], and the transposed
// output [D][rows]; keys and values are broadcast.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "ScoreRegion.h"
#include "Tiles.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pbs::cpu;

static constexpr double kLog2E = 1.4426950408889634;
static constexpr double kLn2 = 0.6931471805599453;

/// Keys whose weighted values are summed before they join the output: the
/// rounding error of a long f32 sum grows with the square root of its length,
/// and two levels keep it below 3 units in the last place.
static constexpr int64_t kSumKeys = 64;

namespace {

/// Code of one work item.
class AttentionEmitter {
public:
  AttentionEmitter(CodeBuilder &b, const AttentionKernel &kernel);
  void emit(Value item);

private:
  void emitRowTile(Value row);
  void emitKeyTile(Value key, Value numKeys, Value partial);
  /// Values of the tile in groups of `scalars` columns, so that the inner
  /// product over keys reads them in order. Returns if any is not finite.
  Value emitLoadValues(Value key, Value numKeys);
  void emitStrip(Value strip, Value key, Value numKeys, Value partial,
                 Value repair);
  /// Puts the scores of a strip through the score region.
  void emitScores(Value strip, Value key, Value numKeys);
  void emitMask(Value strip, Value key, Value numKeys);
  /// The new weights of a strip; returns the factors of the old output.
  Values emitSoftmax(Value strip, Value numKeys);
  void emitOutput(Value strip, Value numKeys, Values factors);
  /// Sets values that are not finite to 0 in the tile.
  void emitRemoveSpecialValues(Value numKeys);
  /// Adds their products to the rows that see them.
  void emitAddSpecialValues(Value strip, Value key, Value numKeys);
  void emitFinish();

  Value positionOfKey(Value key);
  /// Positions of the rows of vector `v` of a strip.
  Value emitRowPositions(Value strip, int64_t v);
  /// Which rows of vector `v` of a strip see a key at `position` (an i32).
  Value emitVisible(Value strip, int64_t v, Value position);
  Value laneIndex(Value strip, int64_t v) {
    return b.add(strip, b.index(v * lanes));
  }
  Value splatF32(double value) {
    return b.constant(vectorOf(b.getF32Type(), lanes), value);
  }

  CodeBuilder &b;
  const AttentionKernel &kernel;
  int64_t dim, lanes, scalars, vectors, stripRows, tileRows, tileKeys;
  Value numQueries, numKeys, zero;
  // Of the work item.
  Value batch, head, keyHead, block, blockEnd;
  // First block of its own segments, where all of these are visited.
  Value ownBlock;
  // Of the tile of rows: first row, number, rounded up to strips, and the
  // original positions of the first and the last row.
  Value firstRow, rows, paddedRows, low, high;
  // Local tiles.
  Value queryTile, keyTile, valueTile, scoreTile, outputTile, maxRow, sumRow,
      scratch;
};

} // namespace

AttentionEmitter::AttentionEmitter(CodeBuilder &b,
                                   const AttentionKernel &kernel)
    : b(b), kernel(kernel) {
  const CPUTarget &target = b.getTarget();
  dim = cast<MemRefType>(kernel.query.getType()).getShape().back();
  lanes = target.lanes;
  scalars = target.tileScalars;
  vectors = target.tileVectors;
  stripRows = target.tileRows();
  tileRows = std::min(llvm::alignTo(kernel.queryBlock, stripRows),
                      llvm::alignTo(kTileRows, stripRows));
  tileKeys = std::min(llvm::alignTo(kernel.keyBlock, scalars),
                      llvm::alignTo(kTileRows, scalars));
}

void AttentionEmitter::emit(Value item) {
  zero = b.index(0);
  numQueries = b.dim(kernel.query, 2);
  numKeys = b.dim(kernel.key, 2);
  Value heads = b.dim(kernel.query, 1);
  Value allHeads = b.mul(b.dim(kernel.query, 0), heads);
  Value blocks = b.ceilDiv(numQueries, b.index(kernel.queryBlock));
  block = b.sub(b.sub(blocks, b.index(1)), b.div(item, allHeads));
  Value batchAndHead = b.rem(item, allHeads);
  batch = b.div(batchAndHead, heads);
  head = b.rem(batchAndHead, heads);
  keyHead = b.div(head, b.div(heads, b.dim(kernel.key, 1)));

  Type f32 = b.getF32Type();
  queryTile = b.localTile({dim, tileRows}, f32);
  keyTile = b.localTile({tileKeys, dim}, f32);
  valueTile = b.localTile({dim / scalars, tileKeys, scalars}, f32);
  scoreTile = b.localTile({tileKeys, stripRows}, f32);
  outputTile = b.localTile({dim, tileRows}, f32);
  maxRow = b.localTile({tileRows}, f32);
  sumRow = b.localTile({tileRows}, f32);
  scratch = b.localTile({getDimLanes(b, dim), dim}, f32);

  Value begin = b.mul(block, b.index(kernel.queryBlock));
  blockEnd = b.min(b.add(begin, b.index(kernel.queryBlock)), numQueries);
  if (kernel.ownSegment) {
    Value first = b.max(b.add(begin, b.sub(numKeys, numQueries)), zero);
    ownBlock = b.mul(b.div(first, b.index(kernel.ownSegment)),
                     b.index(kernel.ownSegment / kernel.keyBlock));
  }
  b.forLoop(begin, blockEnd, tileRows, [&](Value row) { emitRowTile(row); });
}

void AttentionEmitter::emitRowTile(Value row) {
  firstRow = row;
  rows = b.min(b.index(tileRows), b.sub(blockEnd, row));
  Value strips = b.ceilDiv(rows, b.index(stripRows));
  paddedRows = b.mul(strips, b.index(stripRows));
  low = b.add(row, b.sub(numKeys, numQueries));
  high = b.add(low, b.sub(rows, b.index(1)));

  auto rowIndex = [&](Value i) { return b.add(row, i); };
  RowSource source = {kernel.query, batch, head, rowIndex};
  // Scores are kept in units of log2 so that their exponential is exp2; a score
  // region sees them before.
  double scale = kernel.hasScoreRegion() ? kernel.scale : kernel.scale * kLog2E;
  emitLoadTransposed(b, source, rows, paddedRows, b.f32(scale), scratch,
                     queryTile);
  b.forLoop(zero, paddedRows, lanes, [&](Value i) {
    b.store(b.negInf(vectorOf(b.getF32Type(), lanes)), maxRow, {i});
    b.store(splatF32(0), sumRow, {i});
    b.forLoop(zero, b.index(dim), 1,
              [&](Value d) { b.store(splatF32(0), outputTile, {d, i}); });
  });

  Value size = b.index(kernel.keyBlock);
  Value blocks = b.ceilDiv(numKeys, size);
  if (kernel.causal && !kernel.bits) {
    Value seen = b.max(b.add(high, b.index(1)), zero);
    blocks = b.min(blocks, b.ceilDiv(seen, size));
  }
  auto visit = [&](Value block, Value partial) {
    Value begin = b.mul(block, size);
    Value end = b.min(b.add(begin, size), numKeys);
    b.forLoop(begin, end, tileKeys, [&](Value key) {
      Value count = b.min(b.index(tileKeys), b.sub(end, key));
      emitKeyTile(key, count, partial);
    });
  };
  b.forLoop(zero, blocks, 1, [&](Value c) {
    if (!kernel.bits) {
      // The block holds a key that the first row does not see.
      Value last = b.sub(b.mul(b.add(c, b.index(1)), size), b.index(1));
      visit(c, b.lt(low, last));
      return;
    }
    Value listed = b.testBit(kernel.bits, {batch, head, block}, c);
    if (ownBlock)
      listed = b.bitOr(listed, b.le(ownBlock, c));
    b.ifThen(listed, [&] {
      if (!kernel.causal)
        return visit(c, Value());
      auto bound = [&](int64_t which) {
        return b.intCast(
            b.load(kernel.ranges, {batch, keyHead, c, b.index(which)}),
            b.getIndexType());
      };
      b.ifThen(b.le(bound(0), high), [&] { visit(c, b.lt(low, bound(1))); });
    });
  });
  emitFinish();
}

void AttentionEmitter::emitKeyTile(Value key, Value count, Value partial) {
  auto rowIndex = [&](Value i) { return b.add(key, i); };
  RowSource source = {kernel.key, batch, keyHead, rowIndex};
  Value groups = b.ceilDiv(count, b.index(scalars));
  emitLoadRows(b, source, count, b.mul(groups, b.index(scalars)), keyTile);
  Value special = emitLoadValues(key, count);
  Value repair;
  if (kernel.causal) {
    // 0 times infinity must not reach rows that do not see the key.
    repair = b.bitAnd(partial, special);
    b.ifThen(repair, [&] { emitRemoveSpecialValues(count); });
  }
  b.forLoop(zero, paddedRows, stripRows, [&](Value strip) {
    Value stripKeys = count;
    if (kernel.causal && !kernel.bits) {
      // Keys after the last row of the strip.
      Value last = b.add(b.add(low, strip), b.index(stripRows));
      stripKeys = b.max(b.min(count, b.sub(last, key)), zero);
    }
    emitStrip(strip, key, stripKeys, partial, repair);
  });
}

Value AttentionEmitter::emitLoadValues(Value key, Value count) {
  Type vector = vectorOf(b.getF32Type(), scalars);
  Value none = b.constant(vector, 0.0);
  Values sums = b.forLoop(zero, count, 1, none, [&](Value i, ValueRange outer) {
    Value row = b.add(key, i);
    return b.forLoop(zero, b.index(dim / scalars), 1, outer,
                     [&](Value group, ValueRange args) -> Values {
                       Value d = b.mul(group, b.index(scalars));
                       Value v = b.castf(b.loadVector(kernel.value,
                                                      {batch, keyHead, row, d},
                                                      scalars),
                                         b.getF32Type());
                       b.store(v, valueTile, {group, i, zero});
                       // 0 for finite values, NaN for the others.
                       return {b.addf(args[0], b.subf(v, v))};
                     });
  });
  return b.isNaN(b.reduceAdd(sums[0]));
}

void AttentionEmitter::emitStrip(Value strip, Value key, Value count,
                                 Value partial, Value repair) {
  Value groups = b.ceilDiv(count, b.index(scalars));
  Value padded = b.mul(groups, b.index(scalars));
  b.forLoop(zero, padded, scalars, [&](Value i) {
    Values sums = emitInnerProducts(b, keyTile, i, queryTile, strip, scalars,
                                    vectors, lanes);
    for (int64_t s = 0; s < scalars; ++s)
      for (int64_t v = 0; v < vectors; ++v)
        b.store(sums[s * vectors + v], scoreTile,
                {b.add(i, b.index(s)), b.index(v * lanes)});
  });
  if (kernel.hasScoreRegion())
    emitScores(strip, key, count);
  Value hidden = b.negInf(vectorOf(b.getF32Type(), lanes));
  b.forLoop(count, padded, 1, [&](Value i) {
    for (int64_t v = 0; v < vectors; ++v)
      b.store(hidden, scoreTile, {i, b.index(v * lanes)});
  });
  if (kernel.causal)
    b.ifThen(partial, [&] { emitMask(strip, key, count); });
  emitOutput(strip, count, emitSoftmax(strip, padded));
  if (kernel.causal)
    b.ifThen(repair, [&] { emitAddSpecialValues(strip, key, count); });
}

Value AttentionEmitter::positionOfKey(Value key) {
  if (kernel.positions)
    return b.load(kernel.positions, {batch, keyHead, key});
  return b.intCast(key, b.getI32Type());
}

Value AttentionEmitter::emitRowPositions(Value strip, int64_t v) {
  Value first = b.intCast(b.add(low, laneIndex(strip, v)), b.getI32Type());
  return b.add(b.splat(first, lanes), b.iota(lanes));
}

Value AttentionEmitter::emitVisible(Value strip, int64_t v, Value position) {
  return b.le(b.splat(position, lanes), emitRowPositions(strip, v));
}

void AttentionEmitter::emitScores(Value strip, Value key, Value count) {
  Type i32 = b.getI32Type();
  b.forLoop(zero, count, 1, [&](Value i) {
    Value position = positionOfKey(b.add(key, i));
    for (int64_t v = 0; v < vectors; ++v) {
      Value column = b.index(v * lanes);
      Value score = b.loadVector(scoreTile, {i, column}, lanes);
      score =
          emitScoreRegion(b, *kernel.score,
                          {score, b.intCast(batch, i32), b.intCast(head, i32),
                           emitRowPositions(strip, v), position},
                          lanes);
      b.store(b.mulf(score, splatF32(kLog2E)), scoreTile, {i, column});
    }
  });
}

void AttentionEmitter::emitMask(Value strip, Value key, Value count) {
  Value hidden = b.negInf(vectorOf(b.getF32Type(), lanes));
  b.forLoop(zero, count, 1, [&](Value i) {
    Value position = positionOfKey(b.add(key, i));
    for (int64_t v = 0; v < vectors; ++v) {
      Value column = b.index(v * lanes);
      Value score = b.loadVector(scoreTile, {i, column}, lanes);
      Value visible = emitVisible(strip, v, position);
      b.store(b.select(visible, score, hidden), scoreTile, {i, column});
    }
  });
}

Values AttentionEmitter::emitSoftmax(Value strip, Value padded) {
  Value hidden = b.negInf(vectorOf(b.getF32Type(), lanes));
  Values oldMax;
  for (int64_t v = 0; v < vectors; ++v)
    oldMax.push_back(b.loadVector(maxRow, laneIndex(strip, v), lanes));
  Values newMax =
      b.forLoop(zero, padded, 1, oldMax, [&](Value i, ValueRange args) {
        Values results;
        for (int64_t v = 0; v < vectors; ++v)
          results.push_back(
              b.maxf(b.loadVector(scoreTile, {i, b.index(v * lanes)}, lanes),
                     args[v]));
        return results;
      });

  // A row that has seen nothing is shifted by 0, not by -inf.
  Values shift, factors;
  for (int64_t v = 0; v < vectors; ++v) {
    shift.push_back(b.select(b.eqf(newMax[v], hidden), splatF32(0), newMax[v]));
    factors.push_back(emitExp2(b, b.subf(oldMax[v], shift[v])));
  }
  Values partial(scalars * vectors, splatF32(0));
  partial =
      b.forLoop(zero, padded, scalars, partial, [&](Value i, ValueRange args) {
        Values results;
        for (int64_t s = 0; s < scalars; ++s)
          for (int64_t v = 0; v < vectors; ++v) {
            SmallVector<Value, 2> at = {b.add(i, b.index(s)),
                                        b.index(v * lanes)};
            Value score = b.loadVector(scoreTile, at, lanes);
            Value weight = emitExp2(b, b.subf(score, shift[v]));
            b.store(weight, scoreTile, at);
            results.push_back(b.addf(args[s * vectors + v], weight));
          }
        return results;
      });
  for (int64_t v = 0; v < vectors; ++v) {
    for (int64_t half = scalars / 2; half > 0; half /= 2)
      for (int64_t s = 0; s < half; ++s)
        partial[s * vectors + v] =
            b.addf(partial[s * vectors + v], partial[(s + half) * vectors + v]);
    Value at = laneIndex(strip, v);
    Value sum = b.loadVector(sumRow, at, lanes);
    b.store(b.fma(sum, factors[v], partial[v]), sumRow, at);
    b.store(newMax[v], maxRow, at);
  }
  return factors;
}

void AttentionEmitter::emitOutput(Value strip, Value count, Values factors) {
  b.forLoop(zero, count, kSumKeys, [&](Value begin) {
    Value end = b.min(b.add(begin, b.index(kSumKeys)), count);
    Values scale;
    for (Value factor : factors)
      scale.push_back(b.select(b.eq(begin, zero), factor, splatF32(1)));
    b.forLoop(zero, b.index(dim / scalars), 1, [&](Value group) {
      Values sums(scalars * vectors, splatF32(0));
      sums = b.forLoop(begin, end, 1, sums, [&](Value i, ValueRange args) {
        Values weights, results;
        for (int64_t v = 0; v < vectors; ++v)
          weights.push_back(
              b.loadVector(scoreTile, {i, b.index(v * lanes)}, lanes));
        for (int64_t s = 0; s < scalars; ++s) {
          Value value = b.load(valueTile, {group, i, b.index(s)});
          Value factor = b.splat(value, lanes);
          for (int64_t v = 0; v < vectors; ++v)
            results.push_back(b.fma(factor, weights[v], args[s * vectors + v]));
        }
        return results;
      });
      Value d = b.mul(group, b.index(scalars));
      for (int64_t s = 0; s < scalars; ++s)
        for (int64_t v = 0; v < vectors; ++v) {
          SmallVector<Value, 2> at = {b.add(d, b.index(s)),
                                      laneIndex(strip, v)};
          Value old = b.loadVector(outputTile, at, lanes);
          b.store(b.fma(old, scale[v], sums[s * vectors + v]), outputTile, at);
        }
    });
  });
}

void AttentionEmitter::emitRemoveSpecialValues(Value count) {
  Value none = b.constant(vectorOf(b.getF32Type(), scalars), 0.0);
  b.forLoop(zero, b.index(dim / scalars), 1, [&](Value group) {
    b.forLoop(zero, count, 1, [&](Value i) {
      Value v = b.loadVector(valueTile, {group, i, zero}, scalars);
      Value finite = b.eqf(b.subf(v, v), none);
      b.store(b.select(finite, v, none), valueTile, {group, i, zero});
    });
  });
}

void AttentionEmitter::emitAddSpecialValues(Value strip, Value key,
                                            Value count) {
  b.forLoop(zero, count, 1, [&](Value i) {
    Value row = b.add(key, i);
    Value position = positionOfKey(row);
    b.forLoop(zero, b.index(dim), 1, [&](Value d) {
      Value value = b.castf(b.load(kernel.value, {batch, keyHead, row, d}),
                            b.getF32Type());
      b.ifThen(b.isNaN(b.subf(value, value)), [&] {
        for (int64_t v = 0; v < vectors; ++v) {
          Value at = laneIndex(strip, v);
          Value weight =
              b.loadVector(scoreTile, {i, b.index(v * lanes)}, lanes);
          Value old = b.loadVector(outputTile, {d, at}, lanes);
          Value sum = b.fma(b.splat(value, lanes), weight, old);
          b.store(b.select(emitVisible(strip, v, position), sum, old),
                  outputTile, {d, at});
        }
      });
    });
  });
}

void AttentionEmitter::emitFinish() {
  int64_t side = getDimLanes(b, dim);
  b.forLoop(zero, paddedRows, side, [&](Value row) {
    Value left = b.max(b.min(b.index(side), b.sub(rows, row)), zero);
    Value sum = b.loadVector(sumRow, row, side);
    Value max = b.loadVector(maxRow, row, side);
    Type type = sum.getType();
    if (kernel.lse) {
      // The row of maxima is no longer needed: it holds the result on its way.
      Value lse = b.addf(emitLog2(b, sum), max);
      b.store(b.mulf(lse, b.constant(type, kLn2)), maxRow, row);
      b.forLoop(zero, left, 1, [&](Value i) {
        Value at = b.add(row, i);
        b.store(b.load(maxRow, at), kernel.lse,
                {batch, head, b.add(firstRow, at)});
      });
    }
    if (!kernel.output)
      return;
    Value none = b.constant(type, 0.0), one = b.constant(type, 1.0);
    Value inverse = b.select(b.eqf(sum, none), none, b.divf(one, sum));
    b.forLoop(zero, b.index(dim), side, [&](Value d) {
      Values columns;
      for (int64_t i = 0; i < side; ++i) {
        Value column =
            b.loadVector(outputTile, {b.add(d, b.index(i)), row}, side);
        columns.push_back(b.mulf(column, inverse));
      }
      for (auto [i, v] : llvm::enumerate(emitTranspose(b, columns)))
        b.store(v, scratch, {b.index(i), d});
    });
    b.forLoop(zero, left, 1, [&](Value i) {
      Value to = b.add(b.add(firstRow, row), i);
      b.forLoop(zero, b.index(dim), side, [&](Value d) {
        Value v = b.loadVector(scratch, {i, d}, side);
        b.store(b.castf(v, elementOf(kernel.output)), kernel.output,
                {batch, head, to, d});
      });
    });
  });
}

void AttentionKernel::emit(CodeBuilder &b, Value item) const {
  AttentionEmitter(b, *this).emit(item);
}
