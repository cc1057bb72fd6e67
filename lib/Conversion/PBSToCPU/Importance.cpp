//===- Importance.cpp - Proxy statistics and column importance ------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scores are computed in f64: an error of a score is a relative error of its
// probability, and scores may be large.
//
//===----------------------------------------------------------------------===//

#include "Importance.h"
#include "Tiles.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pbs::cpu;

static constexpr double kLog2E = 1.4426950408889634;

/// Keys of a local tile in f64: 128 KiB with D = 256.
static constexpr int64_t kProxyKeys = 64;

namespace {

/// Scores of a tile of proxy rows with a tile of keys.
class ProxyTile {
public:
  ProxyTile(CodeBuilder &b, const ProxyScores &scores);

  /// Loads the proxy rows from `firstRow` on of a head of the statistics.
  void emitLoadQueries(Value batch, Value statsHead, Value firstRow);
  /// Loads keys, zero beyond `count`; `head` is that of the keys.
  void emitLoadKeys(Value batch, Value head, Value firstKey, Value count);
  /// Calls `body` with a number of keys (`scalars` at a time) and the scores of
  /// the rows of strip `strip`, as emitInnerProducts returns them.
  void emitScores(Value strip, Value count,
                  function_ref<Values(Value, ValueRange, ValueRange)> body,
                  Values &carried);
  /// Lane by lane: whether the row of a strip's vector exists.
  Value emitExists(Value strip, int64_t v);
  Value constant(double value) {
    return b.constant(vectorOf(b.getF64Type(), lanes), value);
  }

  CodeBuilder &b;
  const ProxyScores &scores;
  int64_t dim, lanes, scalars, vectors, stripRows, tileRows;
  Value zero, numQueries, numRows, numKeys;
  /// Existing rows of the tile.
  Value rows;

private:
  Value queryTile, keyTile, scratch;
};

} // namespace

ProxyTile::ProxyTile(CodeBuilder &b, const ProxyScores &scores)
    : b(b), scores(scores) {
  const CPUTarget &target = b.getTarget();
  lanes = target.lanes / 2;
  scalars = target.tileScalars;
  vectors = target.tileVectors;
  stripRows = lanes * vectors;
  tileRows = llvm::alignTo(kProxyRows, stripRows);
  dim = cast<MemRefType>(scores.query.getType()).getShape().back();
  zero = b.index(0);
  numQueries = b.dim(scores.query, 2);
  numRows = b.min(b.dim(scores.stats, 2), numQueries);
  // Keys of complete segments.
  Value segment = b.index(scores.segment);
  numKeys = b.mul(b.div(b.dim(scores.key, 2), segment), segment);
  Type f64 = b.getF64Type();
  queryTile = b.localTile({dim, tileRows}, f64);
  keyTile = b.localTile({kProxyKeys, dim}, f64);
  scratch = b.localTile({getDimLanes(b, dim), dim}, f64);
}

void ProxyTile::emitLoadQueries(Value batch, Value statsHead, Value firstRow) {
  Value heads = b.dim(scores.query, 1);
  Value averaged = b.div(heads, b.dim(scores.stats, 1));
  rows = b.max(b.min(b.index(tileRows), b.sub(numRows, firstRow)), zero);
  auto rowIndex = [&](Value i) {
    return scores.proxy.emitRow(b, b.add(firstRow, i), numRows, numQueries);
  };
  RowSource source = {scores.query, batch, b.mul(statsHead, averaged), rowIndex,
                      averaged};
  Value scale =
      b.divf(b.f64(scores.scale), b.intToFloat(averaged, b.getF64Type()));
  emitLoadTransposed(b, source, rows, b.index(tileRows), scale, scratch,
                     queryTile);
}

void ProxyTile::emitLoadKeys(Value batch, Value head, Value firstKey,
                             Value count) {
  auto rowIndex = [&](Value i) { return b.add(firstKey, i); };
  RowSource source = {scores.key, batch, head, rowIndex};
  Value groups = b.ceilDiv(count, b.index(scalars));
  emitLoadRows(b, source, count, b.mul(groups, b.index(scalars)), keyTile);
}

void ProxyTile::emitScores(
    Value strip, Value count,
    function_ref<Values(Value, ValueRange, ValueRange)> body, Values &carried) {
  carried =
      b.forLoop(zero, count, scalars, carried, [&](Value key, ValueRange args) {
        Values x = emitInnerProducts(b, keyTile, key, queryTile, strip, scalars,
                                     vectors, lanes);
        return body(key, x, args);
      });
}

Value ProxyTile::emitExists(Value strip, int64_t v) {
  Value first = b.add(strip, b.index(v * lanes));
  Value left = b.intCast(b.sub(rows, first), b.getI32Type());
  return b.lt(b.iota(lanes), b.splat(left, lanes));
}

/// `exp(x)` of f64 as f32.
static Value emitExp(CodeBuilder &b, Value x) {
  return emitExp2OfF64(b, b.mulf(x, b.constant(x.getType(), kLog2E)));
}

void ProxyStatsKernel::emit(CodeBuilder &b, Value item) const {
  ProxyTile tile(b, scores);
  int64_t lanes = tile.lanes, vectors = tile.vectors;
  Type f64 = b.getF64Type();
  Value zero = tile.zero;
  Value tileKeys = b.index(kProxyKeys);
  Value heads = b.dim(scores.stats, 1), maxRows = b.dim(scores.stats, 2);
  Value parts = b.ceilDiv(maxRows, b.index(kProxyRows));
  Value first = b.mul(b.rem(item, parts), b.index(kProxyRows));
  Value batchAndHead = b.div(item, parts);
  Value batch = b.div(batchAndHead, heads), head = b.rem(batchAndHead, heads);
  Value keyHead = b.div(b.mul(head, b.dim(scores.key, 1)), heads);

  Value maxima = b.localTile({tile.tileRows}, f64);
  Value sums = b.localTile({tile.tileRows}, f64);
  Value block = b.localTile({kProxyKeys, tile.stripRows}, f64);
  Value hidden = b.negInf(vectorOf(f64, lanes)), nothing = tile.constant(0);
  b.forLoop(zero, b.index(tile.tileRows), lanes, [&](Value i) {
    b.store(hidden, maxima, i);
    b.store(nothing, sums, i);
  });

  tile.emitLoadQueries(batch, head, first);
  b.forLoop(zero, tile.numKeys, kProxyKeys, [&](Value key) {
    Value count = b.min(tileKeys, b.sub(tile.numKeys, key));
    tile.emitLoadKeys(batch, keyHead, key, count);
    b.forLoop(zero, tile.rows, tile.stripRows, [&](Value strip) {
      auto at = [&](int64_t v) { return b.add(strip, b.index(v * lanes)); };
      Values oldMax, newMax;
      for (int64_t v = 0; v < vectors; ++v)
        oldMax.push_back(b.loadVector(maxima, at(v), lanes));
      newMax = oldMax;
      auto keep = [&](Value i, ValueRange x, ValueRange args) {
        Values results(args);
        for (int64_t s = 0; s < tile.scalars; ++s) {
          Value row = b.add(i, b.index(s));
          // Keys beyond the last are zero vectors and no scores.
          Value exists = b.lt(row, count);
          for (int64_t v = 0; v < vectors; ++v) {
            Value score = b.select(exists, x[s * vectors + v], hidden);
            b.store(score, block, {row, b.index(v * lanes)});
            results[v] = b.maxf(score, results[v]);
          }
        }
        return results;
      };
      tile.emitScores(strip, count, keep, newMax);

      Values carried, shift;
      for (int64_t v = 0; v < vectors; ++v) {
        shift.push_back(b.select(b.eqf(newMax[v], hidden), nothing, newMax[v]));
        Value factor = emitExp(b, b.subf(oldMax[v], shift[v]));
        Value sum = b.loadVector(sums, at(v), lanes);
        carried.push_back(b.mulf(sum, b.castf(factor, f64)));
      }
      carried =
          b.forLoop(zero, count, 1, carried, [&](Value i, ValueRange args) {
            Values results;
            for (int64_t v = 0; v < vectors; ++v) {
              Value x = b.loadVector(block, {i, b.index(v * lanes)}, lanes);
              Value e = emitExp(b, b.subf(x, shift[v]));
              results.push_back(b.addf(args[v], b.castf(e, f64)));
            }
            return results;
          });
      for (int64_t v = 0; v < vectors; ++v) {
        b.store(newMax[v], maxima, at(v));
        b.store(carried[v], sums, at(v));
      }
    });
  });

  // The maximum is rounded to f32; the sum belongs to the rounded one.
  Value end = b.min(b.index(kProxyRows), b.sub(maxRows, first));
  b.forLoop(zero, end, 1, [&](Value i) {
    Type f32 = b.getF32Type();
    Value exact = b.load(maxima, i), sum = b.load(sums, i);
    Value rounded = b.castf(exact, f32);
    Value difference = b.subf(exact, b.castf(rounded, f64));
    Value correction = b.mulf(sum, b.castf(emitExp(b, difference), f64));
    Value hasKeys = b.lt(zero, tile.numKeys);
    Value exists = b.bitAnd(b.lt(i, tile.rows), hasKeys);
    Value at = b.add(first, i);
    b.store(b.select(exists, rounded, b.negInf(f32)), scores.stats,
            {batch, head, at, zero});
    b.store(b.select(exists, b.castf(correction, f32), b.f32(0)), scores.stats,
            {batch, head, at, b.index(1)});
  });
}

void mlir::pbs::cpu::emitImportance(CodeBuilder &b, const ProxyScores &scores,
                                    Value batch, Value head, Value numHeads,
                                    Value firstKey, Value count,
                                    function_ref<void(Value, Value)> store) {
  ProxyTile tile(b, scores);
  int64_t lanes = tile.lanes, vectors = tile.vectors;
  Type f64 = b.getF64Type();
  Value zero = tile.zero;
  Value keyHead = b.div(b.mul(head, b.dim(scores.key, 1)), numHeads);
  Value statsHeads = b.div(b.dim(scores.stats, 1), numHeads);
  Value firstStats = b.mul(head, statsHeads);

  // Sums over rows, a vector for each key.
  Value sums = b.localTile({kProxyKeys, lanes}, f64);
  Value maxima = b.localTile({tile.tileRows}, f64);
  Value inverses = b.localTile({tile.tileRows}, f64);
  Value nothing = tile.constant(0);
  Value rows = b.mul(tile.numRows, statsHeads);
  Value mean = b.divf(b.f64(1), b.intToFloat(b.max(rows, b.index(1)), f64));

  b.forLoop(zero, count, kProxyKeys, [&](Value chunk) {
    Value chunkKeys = b.min(b.index(kProxyKeys), b.sub(count, chunk));
    tile.emitLoadKeys(batch, keyHead, b.add(firstKey, chunk), chunkKeys);
    b.forLoop(zero, b.index(kProxyKeys), 1,
              [&](Value i) { b.store(nothing, sums, {i, zero}); });
    auto addRows = [&](Value statsHead, Value firstRow) {
      tile.emitLoadQueries(batch, statsHead, firstRow);
      b.forLoop(zero, tile.rows, 1, [&](Value i) {
        Value at = b.add(firstRow, i);
        auto stat = [&](int64_t which) {
          return b.castf(
              b.load(scores.stats, {batch, statsHead, at, b.index(which)}),
              f64);
        };
        b.store(stat(0), maxima, i);
        b.store(b.divf(b.f64(1), stat(1)), inverses, i);
      });
      b.forLoop(zero, tile.rows, tile.stripRows, [&](Value strip) {
        Values max, inverse, exists;
        for (int64_t v = 0; v < vectors; ++v) {
          Value at = b.add(strip, b.index(v * lanes));
          max.push_back(b.loadVector(maxima, at, lanes));
          inverse.push_back(b.loadVector(inverses, at, lanes));
          exists.push_back(tile.emitExists(strip, v));
        }
        Values carried;
        auto accumulate = [&](Value i, ValueRange x, ValueRange) -> Values {
          for (int64_t s = 0; s < tile.scalars; ++s) {
            Value row = b.add(i, b.index(s));
            Value sum = b.loadVector(sums, {row, zero}, lanes);
            for (int64_t v = 0; v < vectors; ++v) {
              Value e = emitExp(b, b.subf(x[s * vectors + v], max[v]));
              Value p = b.mulf(b.castf(e, f64), inverse[v]);
              sum = b.addf(sum, b.select(exists[v], p, nothing));
            }
            b.store(sum, sums, {row, zero});
          }
          return {};
        };
        tile.emitScores(strip, chunkKeys, accumulate, carried);
      });
    };
    b.forLoop(zero, statsHeads, 1, [&](Value i) {
      b.forLoop(zero, tile.numRows, tile.tileRows, [&](Value firstRow) {
        addRows(b.add(firstStats, i), firstRow);
      });
    });
    b.forLoop(zero, chunkKeys, 1, [&](Value i) {
      Value sum = b.reduceAdd(b.loadVector(sums, {i, zero}, lanes));
      store(b.add(chunk, i), b.castf(b.mulf(sum, mean), b.getF32Type()));
    });
  });
}

void ColumnImportanceKernel::emit(CodeBuilder &b, Value item) const {
  Value numKeys = b.dim(importance, 2), heads = b.dim(importance, 1);
  Value segment = b.index(scores.segment), zero = b.index(0);
  Value segments = b.ceilDiv(numKeys, segment);
  Value batchAndHead = b.div(item, segments);
  Value batch = b.div(batchAndHead, heads), head = b.rem(batchAndHead, heads);
  Value first = b.mul(b.rem(item, segments), segment);
  Value count = b.min(segment, b.sub(numKeys, first));
  auto store = [&](Value i, Value value) {
    b.store(value, importance, {batch, head, b.add(first, i)});
  };
  b.ifElse(
      b.eq(count, segment),
      [&] {
        emitImportance(b, scores, batch, head, heads, first, count, store);
      },
      [&] { b.forLoop(zero, count, 1, [&](Value i) { store(i, b.f32(0)); }); });
}
