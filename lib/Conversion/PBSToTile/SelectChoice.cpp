//===- SelectChoice.cpp - The last candidate of a row ---------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The last candidate that a stop rule takes is found by the bits of its value,
// two in each pass over the row: with one there would be twice as many passes,
// with three more than twice as many sums. The value is the score or, where
// candidates count by their probability, that, without the division by the sum:
// it has the same order. What is no candidate is NaN, which is in no
// comparison.
//
//===----------------------------------------------------------------------===//

#include "SelectChoice.h"
#include "Proxy.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <limits>

using namespace mlir;
using namespace mlir::pbs;

static constexpr int64_t kWordBits = 32;
/// Bits of the key of a value that one pass finds; they divide a word.
static constexpr int64_t kPassBits = 2;
/// Of the keys of all from 0 to 1 the first two bits are those of 0.
static constexpr int64_t kKnownBits = 2;
static constexpr int32_t kMinInt = std::numeric_limits<int32_t>::min();
/// The key of -inf.
static constexpr int32_t kLowestKey = 0x007FFFFF;
static constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// More than there are candidates.
static constexpr double kMany = 1 << 20;

Value mlir::pbs::writeKeys(KernelWriter &b, Value bits) {
  auto type = cast<RankedTensorType>(bits.getType());
  // Of negative floats the larger has the smaller bits.
  Value sign = arith::ShRSIOp::create(b, bits, b.splat(b.i32(31), type));
  Value flip = arith::OrIOp::create(b, sign, b.splat(b.i32(kMinInt), type));
  return arith::XOrIOp::create(b, bits, flip);
}

static Value isThere(KernelWriter &b, Value starts) {
  auto type = cast<RankedTensorType>(starts.getType());
  return arith::CmpIOp::create(b, arith::CmpIPredicate::sge, starts,
                               b.splat(b.i32(0), type));
}

Value ScoreRows::getReads(KernelWriter &b, Value first) const {
  auto type = cast<RankedTensorType>(starts.getType());
  return arith::SelectOp::create(b, isThere(b, starts),
                                 b.add(starts, b.splat(first, type)),
                                 b.splat(blank, type));
}

Value ScoreRows::getWrites(KernelWriter &b, Value first) const {
  auto type = cast<RankedTensorType>(starts.getType());
  return arith::SelectOp::create(b, isThere(b, starts),
                                 b.add(starts, b.splat(first, type)),
                                 b.splat(b.i32(-1), type));
}

namespace {
class ChoiceWriter {
public:
  ChoiceWriter(KernelWriter &b, const SelectTask &task, const ScoreRows &rows,
               Value tiles);
  Choice write();

private:
  /// Calls `body` with the bits of the next values of each row, and their first
  /// column.
  SmallVector<Value>
  forValues(ValueRange init,
            function_ref<SmallVector<Value>(Value, Value, ValueRange)> body);
  void writeMaximum();
  /// Puts the probabilities in the place of scores; returns their sum.
  Value writeProbabilities();
  /// The smallest value with the key `key` or a larger one, of each row.
  Value writeValue(Value key);
  Value writeLast(Value target, Value first);
  Value writeSearchStep(Value keys, Value shift, Value target);
  Value writeTies(Value last, Value target);

  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, condition, x, y);
  }
  Value compare(arith::CmpFPredicate predicate, Value x, Value y) {
    return arith::CmpFOp::create(b, predicate, x, y);
  }
  Value reduce(tile::ReduceKind kind, Value source, RankedTensorType type) {
    return tile::ReduceOp::create(b, type, kind, source, /*dim=*/1,
                                  /*offset=*/IntegerAttr());
  }
  Value spread(Value row) { return b.broadcast(row, values); }
  Value spread(int64_t key) { return b.splat(b.i32(key), indexRow); }
  /// What a candidate of that value counts.
  Value getWeight(Value value) {
    return task.isMass ? value : b.filled(values, 1);
  }
  Value toFloat(Value bits, RankedTensorType type) {
    return arith::BitcastOp::create(b, type, bits);
  }
  /// `sums` and the values of `tile` where `condition`.
  Value addWhere(Value condition, Value tile, Value sums) {
    Value kept = select(condition, tile, b.filled(values, 0));
    return arith::AddFOp::create(b, sums,
                                 reduce(tile::ReduceKind::Add, kept, parts));
  }

  KernelWriter &b;
  const SelectTask &task;
  const ScoreRows &rows;
  Value tiles;
  RankedTensorType values, words, parts, row, indexRow;
  /// The largest score, and whether a candidate is NaN.
  Value max, hasNaN;
};
} // namespace

ChoiceWriter::ChoiceWriter(KernelWriter &b, const SelectTask &task,
                           const ScoreRows &rows, Value tiles)
    : b(b), task(task), rows(rows), tiles(tiles) {
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  values = b.wide(kWideRows, kWideColumns, f32);
  words = b.wide(kWideRows, kWideColumns, i32);
  parts = b.wide(kWideRows, tile::kWarpThreads, f32);
  row = b.wideRow(kWideRows, f32);
  indexRow = b.wideRow(kWideRows, i32);
}

SmallVector<Value> ChoiceWriter::forValues(
    ValueRange init,
    function_ref<SmallVector<Value>(Value, Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(
      b, b.i32(0), tiles, b.i32(1), init,
      [&](OpBuilder &, Location, Value tile, ValueRange carried) {
        Value first = b.mul(tile, b.i32(kWideColumns));
        Value bits = tile::ArrayReadOp::create(b, words, rows.array,
                                               rows.getReads(b, first));
        scf::YieldOp::create(b, body(bits, first, carried));
      });
  return llvm::to_vector_of<Value>(loop.getResults());
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

void ChoiceWriter::writeMaximum() {
  Value lowest = b.filled(parts, -kInfinity), zero = b.filled(parts, 0);
  SmallVector<Value> results = forValues(
      {lowest, zero},
      [&](Value bits, Value, ValueRange carried) -> SmallVector<Value> {
        Value score = toFloat(bits, values);
        // maxNum passes over NaN.
        Value largest = arith::MaxNumFOp::create(
            b, carried[0], reduce(tile::ReduceKind::Max, score, parts));
        Value isNaN = arith::AndIOp::create(
            b, compare(arith::CmpFPredicate::UNO, score, score),
            arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bits,
                                  b.splat(b.i32(kNoCandidate), words)));
        Value marked = select(isNaN, b.filled(values, 1), b.filled(values, 0));
        Value anyNaN = arith::MaxNumFOp::create(
            b, carried[1], reduce(tile::ReduceKind::Max, marked, parts));
        return {largest, anyNaN};
      });
  max = reduce(tile::ReduceKind::Max, results[0], row);
  hasNaN =
      compare(arith::CmpFPredicate::OGT,
              reduce(tile::ReduceKind::Max, results[1], row), b.filled(row, 0));
}

Value ChoiceWriter::writeProbabilities() {
  // Rows without a candidate: -inf minus -inf would be NaN.
  Value isNone =
      compare(arith::CmpFPredicate::OEQ, max, b.filled(row, -kInfinity));
  Value offset = arith::NegFOp::create(
      b, arith::MulFOp::create(b, select(isNone, b.filled(row, 0), max),
                               b.filled(row, kLog2E)));
  SmallVector<Value> results = forValues(
      {b.filled(parts, 0)},
      [&](Value bits, Value first, ValueRange carried) -> SmallVector<Value> {
        Value score = toFloat(bits, values);
        Value p = math::Exp2Op::create(
            b, math::FmaOp::create(b, score, b.filled(values, kLog2E),
                                   spread(offset)));
        Value isNumber = compare(arith::CmpFPredicate::ORD, score, score);
        tile::ArrayWriteOp::create(
            b, select(isNumber, arith::BitcastOp::create(b, words, p), bits),
            rows.array, rows.getWrites(b, first));
        return {addWhere(isNumber, p, carried[0])};
      });
  return reduce(tile::ReduceKind::Add, results[0], row);
}

//===----------------------------------------------------------------------===//
// Search
//===----------------------------------------------------------------------===//

Value ChoiceWriter::writeValue(Value key) {
  key = arith::MaxUIOp::create(b, key, spread(kLowestKey));
  // The inverse of writeKeys().
  Value sign = arith::ShRSIOp::create(b, key, spread(31));
  Value flip = arith::OrIOp::create(
      b, arith::XOrIOp::create(b, sign, spread(-1)), spread(kMinInt));
  return toFloat(arith::XOrIOp::create(b, key, flip), row);
}

Value ChoiceWriter::writeSearchStep(Value keys, Value shift, Value target) {
  constexpr int64_t kCount = (int64_t(1) << kPassBits) - 1;
  SmallVector<Value> thresholds, lowest;
  for (int64_t i = 1; i <= kCount; ++i) {
    Value step = arith::ShLIOp::create(b, b.i32(i), shift);
    thresholds.push_back(b.add(keys, b.splat(step, indexRow)));
    lowest.push_back(writeValue(thresholds.back()));
  }
  SmallVector<Value> init(kCount, b.filled(parts, 0));
  SmallVector<Value> masses = forValues(
      init, [&](Value bits, Value, ValueRange sums) -> SmallVector<Value> {
        Value value = toFloat(bits, values);
        SmallVector<Value> next;
        for (auto [least, sum] : llvm::zip_equal(lowest, sums))
          next.push_back(
              addWhere(compare(arith::CmpFPredicate::OGE, value, spread(least)),
                       getWeight(value), sum));
        return next;
      });
  for (auto [threshold, mass] : llvm::zip_equal(thresholds, masses)) {
    Value reaches = compare(arith::CmpFPredicate::OGE,
                            reduce(tile::ReduceKind::Add, mass, row), target);
    keys = select(reaches, arith::MaxUIOp::create(b, keys, threshold), keys);
  }
  return keys;
}

/// The largest key down to which candidates reach the target, 0 where they
/// never do; a key behind `first` if that is not 0.
Value ChoiceWriter::writeLast(Value target, Value first) {
  int64_t steps = (kWordBits - (task.isMass ? kKnownBits : 0)) / kPassBits;
  auto loop = scf::ForOp::create(
      b, b.i32(0), b.i32(steps), b.i32(1), first,
      [&](OpBuilder &, Location, Value step, ValueRange carried) {
        Value shift = b.mul(b.sub(b.i32(steps - 1), step), b.i32(kPassBits));
        scf::YieldOp::create(b,
                             writeSearchStep(carried.front(), shift, target));
      });
  return loop.getResult(0);
}

Value ChoiceWriter::writeTies(Value last, Value target) {
  Value lastValue = writeValue(last);
  SmallVector<Value> results = forValues(
      {b.filled(parts, 0), b.filled(parts, 0)},
      [&](Value bits, Value, ValueRange carried) -> SmallVector<Value> {
        Value value = toFloat(bits, values), weight = getWeight(value);
        Value isTie =
            compare(arith::CmpFPredicate::OEQ, value, spread(lastValue));
        Value tied = select(isTie, weight, b.filled(values, 0));
        return {addWhere(compare(arith::CmpFPredicate::OGT, value,
                                 spread(lastValue)),
                         weight, carried[0]),
                arith::MaxNumFOp::create(
                    b, carried[1], reduce(tile::ReduceKind::Max, tied, parts))};
      });
  Value above = reduce(tile::ReduceKind::Add, results[0], row);
  Value each = reduce(tile::ReduceKind::Max, results[1], row);
  Value wanted =
      arith::DivFOp::create(b, arith::SubFOp::create(b, target, above), each);
  // At least one; as many as there are where each counts next to nothing.
  wanted = arith::MinNumFOp::create(
      b, arith::MaxNumFOp::create(b, wanted, b.filled(row, 1)),
      b.filled(row, kMany));
  Value whole = arith::FPToSIOp::create(b, indexRow, wanted);
  Value isLess = compare(arith::CmpFPredicate::OLT,
                         arith::SIToFPOp::create(b, row, whole), wanted);
  return select(isLess, b.add(whole, b.splat(b.i32(1), indexRow)), whole);
}

Choice ChoiceWriter::write() {
  writeMaximum();
  Value target = b.filled(row, task.amount), none = spread(0), first = none;
  if (task.isMass) {
    Value sum = writeProbabilities();
    target = arith::MulFOp::create(b, target, sum);
    Value reaches = compare(arith::CmpFPredicate::OGE, sum, target);
    first = select(reaches, spread(kMinInt), none);
  }
  Value last = writeLast(target, first);
  Value ties = writeTies(last, target);
  if (task.isNoneUnreached) {
    Value unreached =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, last, none);
    ties = select(unreached, none, ties);
    last = select(unreached, spread(-1), last);
  }
  // A row that holds NaN takes all candidates.
  return {select(hasNaN, none, last), ties};
}

Choice mlir::pbs::writeChoice(KernelWriter &b, const SelectTask &task,
                              const ScoreRows &rows, Value tiles) {
  return ChoiceWriter(b, task, rows, tiles).write();
}
