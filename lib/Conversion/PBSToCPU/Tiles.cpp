//===- Tiles.cpp - Local tiles and register tiles of CPU kernels ----------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tiles.h"

#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace mlir;
using namespace mlir::pbs::cpu;

static ArrayRef<int64_t> shapeOf(Value memref) {
  return cast<MemRefType>(memref.getType()).getShape();
}

int64_t mlir::pbs::cpu::getDimLanes(CodeBuilder &b, int64_t dim) {
  return std::gcd(b.getTarget().lanes, dim);
}

/// `lanes` elements of one row, summed over heads where `source` asks for it.
static Value emitLoadRow(CodeBuilder &b, const RowSource &source, Value row,
                         Value d, int64_t lanes, Type element) {
  auto load = [&](Value head) {
    Value v = b.loadVector(source.memref, {source.batch, head, row, d}, lanes);
    return b.castf(v, element);
  };
  if (!source.numHeads)
    return load(source.head);
  Value nothing = b.constant(vectorOf(element, lanes), 0.0);
  return b.forLoop(b.index(0), source.numHeads, 1, nothing,
                   [&](Value i, ValueRange sum) -> Values {
                     return {b.addf(sum[0], load(b.add(source.head, i)))};
                   })[0];
}

void mlir::pbs::cpu::emitLoadRows(CodeBuilder &b, const RowSource &source,
                                  Value valid, Value padded, Value tile) {
  Type element = elementOf(tile);
  int64_t dim = shapeOf(tile).back(), lanes = getDimLanes(b, dim);
  Value zero = b.index(0), end = b.index(dim);
  b.forLoop(zero, valid, 1, [&](Value row) {
    Value from = source.rowIndex(row);
    b.forLoop(zero, end, lanes, [&](Value d) {
      b.store(emitLoadRow(b, source, from, d, lanes, element), tile, {row, d});
    });
  });
  b.forLoop(valid, padded, 1, [&](Value row) {
    Value nothing = b.constant(vectorOf(element, lanes), 0.0);
    b.forLoop(zero, end, lanes,
              [&](Value d) { b.store(nothing, tile, {row, d}); });
  });
}

void mlir::pbs::cpu::emitLoadTransposed(CodeBuilder &b, const RowSource &source,
                                        Value valid, Value padded, Value scale,
                                        Value scratch, Value tile) {
  int64_t dim = shapeOf(tile).front(), lanes = getDimLanes(b, dim);
  Value zero = b.index(0), side = b.index(lanes);
  b.forLoop(zero, padded, lanes, [&](Value row) {
    auto rowIndex = [&](Value i) { return source.rowIndex(b.add(row, i)); };
    RowSource part = {source.memref, source.batch, source.head, rowIndex,
                      source.numHeads};
    Value left = b.max(b.min(b.sub(valid, row), side), zero);
    emitLoadRows(b, part, left, side, scratch);
    Value factor = b.splat(scale, lanes);
    b.forLoop(zero, b.index(dim), lanes, [&](Value d) {
      Values rows;
      for (int64_t i = 0; i < lanes; ++i)
        rows.push_back(b.loadVector(scratch, {b.index(i), d}, lanes));
      for (auto [i, column] : llvm::enumerate(emitTranspose(b, rows)))
        b.store(b.mulf(column, factor), tile, {b.add(d, b.index(i)), row});
    });
  });
}

Values mlir::pbs::cpu::emitTranspose(CodeBuilder &b, ArrayRef<Value> rows) {
  // Exchanges the off-diagonal quarters of each square, from the largest
  // square to those of 2 x 2.
  Values result(rows);
  int64_t side = rows.size();
  assert(llvm::isPowerOf2_64(side) && "expected a power of two");
  for (int64_t half = side / 2; half > 0; half /= 2) {
    SmallVector<int64_t> upper, lower;
    for (int64_t lane = 0; lane < side; ++lane) {
      bool inSecondHalf = lane & half;
      upper.push_back(inSecondHalf ? side + lane - half : lane);
      lower.push_back(inSecondHalf ? side + lane : lane + half);
    }
    for (int64_t i = 0; i < side; ++i) {
      if (i & half)
        continue;
      Value a = result[i], c = result[i + half];
      result[i] = b.shuffle(a, c, upper);
      result[i + half] = b.shuffle(a, c, lower);
    }
  }
  return result;
}

Values mlir::pbs::cpu::emitInnerProducts(CodeBuilder &b, Value keys, Value key,
                                         Value queries, Value row,
                                         int64_t scalars, int64_t vectors,
                                         int64_t lanes) {
  Type type = vectorOf(elementOf(keys), lanes);
  Values sums(scalars * vectors, b.constant(type, 0.0));
  Values keyIndices, rowIndices;
  for (int64_t s = 0; s < scalars; ++s)
    keyIndices.push_back(b.add(key, b.index(s)));
  for (int64_t v = 0; v < vectors; ++v)
    rowIndices.push_back(b.add(row, b.index(v * lanes)));
  Value end = b.index(shapeOf(keys).back());
  return b.forLoop(b.index(0), end, 1, sums, [&](Value d, ValueRange args) {
    Values rows, results;
    for (Value index : rowIndices)
      rows.push_back(b.loadVector(queries, {d, index}, lanes));
    for (auto [s, index] : llvm::enumerate(keyIndices)) {
      Value factor = b.splat(b.load(keys, {index, d}), lanes);
      for (auto [v, vector] : llvm::enumerate(rows))
        results.push_back(b.fma(factor, vector, args[s * vectors + v]));
    }
    return results;
  });
}
