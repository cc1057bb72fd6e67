//===- SelectChoice.cpp - The last candidate of a row ---------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The last candidate that a stop rule takes is found by the bits of its value:
// the interval of keys that holds it is cut into four in each pass over the
// row. With two parts there would be twice as many passes, with eight more than
// twice as many sums. The value is the score or, where candidates count by
// their probability, that, without the division by the sum: it has the same
// order. What is no candidate is NaN, which is in no comparison.
//
// A few passes leave a per cent of a row. That is put together, so that each
// warp has what is left of its rows in registers for all other passes. Where
// too much is left, as of equal scores, passes go on over the whole row.
//
//===----------------------------------------------------------------------===//

#include "SelectChoice.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::pbs;

static constexpr int64_t kParts = 4;
/// Passes over whole rows of some steps, and of many: until about 30 of
/// normally distributed scores are left.
static constexpr int64_t kSomePasses = 3, kManyPasses = 4;
static constexpr int64_t kManySteps = 5;
/// Candidates of a row at most.
static constexpr int64_t kMaxCandidates = 1 << 15;
static constexpr int64_t kMantissaBits = 23;
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
  using Sums = function_ref<SmallVector<Value>(ArrayRef<Value>)>;
  /// Keys with that of the last candidate: candidates with `low` or a larger
  /// key reach the target (where any do), those with `high` or a larger one, of
  /// which the sum is `above`, do not.
  struct Interval {
    Value low, high, above;
  };

  /// Calls `body` with the bits of the next values of each row, and their first
  /// column.
  SmallVector<Value>
  forValues(ValueRange init,
            function_ref<SmallVector<Value>(Value, Value, ValueRange)> body);
  void writeMaximum();
  /// Puts the probabilities in the place of scores.
  void writeProbabilities();
  /// A key of which is known that it reaches the target.
  Value writeLowest();
  Value writeKey(Value value);
  /// The smallest value with the key `key` or a larger one, of each row.
  Value writeValue(Value key);
  /// One pass: `sums` adds up the candidates from each of some values on.
  Interval writePass(const Interval &interval, Sums sums);
  Interval writePasses(const Interval &interval, Value number, Sums sums);
  /// Sums over whole rows, and over what has been kept of them.
  SmallVector<Value> addWhole(ArrayRef<Value> lowest);
  SmallVector<Value> addKept(Value kept, Value above, ArrayRef<Value> lowest);
  /// Puts the candidates in the interval together; returns whether there are
  /// too many in a row of this warp.
  Value writeKept(const Interval &interval);
  /// How many candidates with the key `last` are taken, of which each counts
  /// `each`, behind others that count `above`.
  Value writeTies(Value above, Value each);
  /// Whether a value counts more than the last one, and what it counts if it is
  /// the same.
  std::pair<Value, Value> compareWithLast(Value value, Value lastValue);
  Value writeWholeTies(Value last);
  Value writeKeptTies(Value kept, Value above, Value last);

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
    Value kept = b.select(condition, tile, b.filled(values, 0));
    return arith::AddFOp::create(b, sums,
                                 reduce(tile::ReduceKind::Add, kept, parts));
  }

  KernelWriter &b;
  const SelectTask &task;
  const ScoreRows &rows;
  Value tiles;
  RankedTensorType values, words, parts, counts, row, indexRow;
  /// The largest score, and whether a candidate is NaN.
  Value max, hasNaN;
  /// The largest value, the sum of all, and what the stop rule takes.
  Value top, sum, target;
};
} // namespace

ChoiceWriter::ChoiceWriter(KernelWriter &b, const SelectTask &task,
                           const ScoreRows &rows, Value tiles)
    : b(b), task(task), rows(rows), tiles(tiles) {
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  values = b.wide(rows.shape.rows, rows.shape.columns, f32);
  words = values.clone(i32);
  parts = b.wide(rows.shape.rows, tile::kWarpThreads, f32);
  counts = parts.clone(i32);
  row = b.wideRow(rows.shape.rows, f32);
  indexRow = row.clone(i32);
}

SmallVector<Value> ChoiceWriter::forValues(
    ValueRange init,
    function_ref<SmallVector<Value>(Value, Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(
      b, b.i32(0), tiles, b.i32(1), init,
      [&](OpBuilder &, Location, Value tile, ValueRange carried) {
        Value first = b.mul(tile, b.i32(rows.shape.columns));
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
            b, b.compare(arith::CmpFPredicate::UNO, score, score),
            arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bits,
                                  b.splat(b.i32(kNoCandidate), words)));
        Value marked =
            b.select(isNaN, b.filled(values, 1), b.filled(values, 0));
        Value anyNaN = arith::MaxNumFOp::create(
            b, carried[1], reduce(tile::ReduceKind::Max, marked, parts));
        return {largest, anyNaN};
      });
  max = reduce(tile::ReduceKind::Max, results[0], row);
  hasNaN = b.compare(arith::CmpFPredicate::OGT,
                     reduce(tile::ReduceKind::Max, results[1], row),
                     b.filled(row, 0));
}

void ChoiceWriter::writeProbabilities() {
  // Rows without a candidate: -inf minus -inf would be NaN.
  Value isNone =
      b.compare(arith::CmpFPredicate::OEQ, max, b.filled(row, -kInfinity));
  Value offset = arith::NegFOp::create(
      b, arith::MulFOp::create(b, b.select(isNone, b.filled(row, 0), max),
                               b.filled(row, kLog2E)));
  SmallVector<Value> results = forValues(
      {b.filled(parts, 0)},
      [&](Value bits, Value first, ValueRange carried) -> SmallVector<Value> {
        Value score = toFloat(bits, values);
        Value p = math::Exp2Op::create(
            b, math::FmaOp::create(b, score, b.filled(values, kLog2E),
                                   spread(offset)));
        Value isNumber = b.compare(arith::CmpFPredicate::ORD, score, score);
        tile::ArrayWriteOp::create(
            b, b.select(isNumber, arith::BitcastOp::create(b, words, p), bits),
            rows.array, rows.getWrites(b, first));
        return {addWhere(isNumber, p, carried[0])};
      });
  sum = reduce(tile::ReduceKind::Add, results[0], row);
  // As above, so that it is the same number.
  top = math::Exp2Op::create(
      b, math::FmaOp::create(b, max, b.filled(row, kLog2E), offset));
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

Value ChoiceWriter::writeKey(Value value) {
  return writeKeys(b, arith::BitcastOp::create(b, indexRow, value));
}

/// Candidates below `value` are less than a part `1 - amount` of the sum even
/// if all are just below it. Half of that, so that rounding does not matter.
static double getLowestShare(const SelectTask &task) {
  return (1 - task.amount) / 2;
}

Value ChoiceWriter::writeLowest() {
  if (!task.isMass)
    return spread(0);
  Value number = arith::SIToFPOp::create(
      b, b.getF32Type(), b.mul(tiles, b.i32(rows.shape.columns)));
  Value value = arith::DivFOp::create(
      b, arith::MulFOp::create(b, sum, b.filled(row, getLowestShare(task))),
      b.splat(number, row));
  Value reaches = b.compare(arith::CmpFPredicate::OGE, sum, target);
  return b.select(reaches,
                  arith::MaxUIOp::create(b, writeKey(value), spread(kMinInt)),
                  spread(0));
}

/// Passes after which an interval of rows of so many candidates holds one key.
static int64_t getNumPasses(const SelectTask &task, int64_t candidates) {
  uint64_t width = std::numeric_limits<uint32_t>::max();
  if (task.isMass) {
    double powers = std::log2(candidates / getLowestShare(task)) + 2;
    width = std::min(double(width), std::ldexp(powers, kMantissaBits));
  }
  // The last part is at most three larger than the others.
  int64_t passes = 0;
  for (; width > kParts + 1; width = width / kParts + kParts - 1)
    ++passes;
  return passes + 2;
}

ChoiceWriter::Interval ChoiceWriter::writePass(const Interval &interval,
                                               Sums sums) {
  Value width = arith::SubIOp::create(b, interval.high, interval.low);
  Value part = arith::MaxUIOp::create(
      b, arith::ShRUIOp::create(b, width, spread(llvm::Log2_64(kParts))),
      spread(1));
  SmallVector<Value> keys, lowest;
  for (int64_t i = 1; i < kParts; ++i) {
    keys.push_back(b.add(i == 1 ? interval.low : keys.back(), part));
    lowest.push_back(writeValue(keys.back()));
  }
  SmallVector<Value> found = sums(lowest);
  Interval next = interval;
  SmallVector<Value> inside, reaches;
  for (auto [key, sum] : llvm::zip_equal(keys, found)) {
    inside.push_back(arith::CmpIOp::create(b, arith::CmpIPredicate::ult, key,
                                           interval.high));
    reaches.push_back(arith::AndIOp::create(
        b, inside.back(), b.compare(arith::CmpFPredicate::OGE, sum, target)));
    next.low = b.select(reaches.back(), key, next.low);
  }
  for (int64_t i = kParts - 2; i >= 0; --i) {
    Value misses = arith::AndIOp::create(
        b, inside[i],
        arith::XOrIOp::create(b, reaches[i],
                              b.splat(b.constant(b.getBoolAttr(true)),
                                      row.clone(b.getI1Type()))));
    next.high = b.select(misses, keys[i], next.high);
    next.above = b.select(misses, found[i], next.above);
  }
  return next;
}

ChoiceWriter::Interval ChoiceWriter::writePasses(const Interval &interval,
                                                 Value number, Sums sums) {
  auto loop = scf::ForOp::create(
      b, b.i32(0), number, b.i32(1),
      ValueRange{interval.low, interval.high, interval.above},
      [&](OpBuilder &, Location, Value, ValueRange carried) {
        Interval next = writePass({carried[0], carried[1], carried[2]}, sums);
        scf::YieldOp::create(b, ValueRange{next.low, next.high, next.above});
      });
  return {loop.getResult(0), loop.getResult(1), loop.getResult(2)};
}

SmallVector<Value> ChoiceWriter::addWhole(ArrayRef<Value> lowest) {
  // A sum for each column of a step, so that an addition is one instruction
  // with a predicate.
  SmallVector<Value> init(lowest.size(), b.filled(values, 0));
  SmallVector<Value> found = forValues(
      init, [&](Value bits, Value, ValueRange sums) -> SmallVector<Value> {
        Value value = toFloat(bits, values);
        SmallVector<Value> next;
        for (auto [least, sum] : llvm::zip_equal(lowest, sums))
          next.push_back(b.select(
              b.compare(arith::CmpFPredicate::OGE, value, spread(least)),
              arith::AddFOp::create(b, sum, getWeight(value)), sum));
        return next;
      });
  for (Value &sum : found)
    sum = reduce(tile::ReduceKind::Add, sum, row);
  return found;
}

SmallVector<Value> ChoiceWriter::addKept(Value kept, Value above,
                                         ArrayRef<Value> lowest) {
  SmallVector<Value> found;
  for (Value least : lowest) {
    Value sum =
        addWhere(b.compare(arith::CmpFPredicate::OGE, kept, spread(least)),
                 getWeight(kept), b.filled(parts, 0));
    found.push_back(arith::AddFOp::create(
        b, above, reduce(tile::ReduceKind::Add, sum, row)));
  }
  return found;
}

Value ChoiceWriter::writeKept(const Interval &interval) {
  // Lanes read what they wrote themselves.
  Value starts = arith::SelectOp::create(b, isThere(b, rows.starts), rows.kept,
                                         spread(-1));
  tile::ArrayWriteOp::create(b, b.splat(b.i32(kNoCandidate), words), rows.array,
                             starts);
  Value low = writeValue(interval.low), high = writeValue(interval.high);
  int64_t limit = rows.shape.columns / tile::kWarpThreads;
  SmallVector<Value> results = forValues(
      {b.splat(b.i32(0), counts)},
      [&](Value bits, Value, ValueRange carried) -> SmallVector<Value> {
        Value value = toFloat(bits, values);
        // Behind the largest float there are only NaN.
        Value isKept = arith::AndIOp::create(
            b, b.compare(arith::CmpFPredicate::OGE, value, spread(low)),
            b.compare(arith::CmpFPredicate::ULT, value, spread(high)));
        return {tile::ArrayAppendOp::create(b, counts, bits, isKept, rows.array,
                                            starts, carried[0], limit)};
      });
  Value most = reduce(tile::ReduceKind::Max,
                      arith::SIToFPOp::create(b, parts, results.front()), row);
  return tile::AnyOp::create(
      b, b.getI1Type(),
      b.compare(arith::CmpFPredicate::OGT, most, b.filled(row, limit)));
}

Value ChoiceWriter::writeTies(Value above, Value each) {
  Value wanted =
      arith::DivFOp::create(b, arith::SubFOp::create(b, target, above), each);
  // At least one; as many as there are where each counts next to nothing.
  wanted = arith::MinNumFOp::create(
      b, arith::MaxNumFOp::create(b, wanted, b.filled(row, 1)),
      b.filled(row, kMany));
  Value whole = arith::FPToSIOp::create(b, indexRow, wanted);
  Value isLess = b.compare(arith::CmpFPredicate::OLT,
                           arith::SIToFPOp::create(b, row, whole), wanted);
  return b.select(isLess, b.add(whole, b.splat(b.i32(1), indexRow)), whole);
}

std::pair<Value, Value> ChoiceWriter::compareWithLast(Value value,
                                                      Value lastValue) {
  Value isTie = b.compare(arith::CmpFPredicate::OEQ, value, spread(lastValue));
  return {b.compare(arith::CmpFPredicate::OGT, value, spread(lastValue)),
          b.select(isTie, getWeight(value), b.filled(values, 0))};
}

Value ChoiceWriter::writeWholeTies(Value last) {
  Value lastValue = writeValue(last);
  SmallVector<Value> results = forValues(
      {b.filled(parts, 0), b.filled(parts, 0)},
      [&](Value bits, Value, ValueRange carried) -> SmallVector<Value> {
        Value value = toFloat(bits, values);
        auto [isAbove, tied] = compareWithLast(value, lastValue);
        return {addWhere(isAbove, getWeight(value), carried[0]),
                arith::MaxNumFOp::create(
                    b, carried[1], reduce(tile::ReduceKind::Max, tied, parts))};
      });
  return writeTies(reduce(tile::ReduceKind::Add, results[0], row),
                   reduce(tile::ReduceKind::Max, results[1], row));
}

Value ChoiceWriter::writeKeptTies(Value kept, Value above, Value last) {
  auto [isAbove, tied] = compareWithLast(kept, writeValue(last));
  Value sum = addWhere(isAbove, getWeight(kept), b.filled(parts, 0));
  return writeTies(
      arith::AddFOp::create(b, above, reduce(tile::ReduceKind::Add, sum, row)),
      reduce(tile::ReduceKind::Max, tied, row));
}

Choice ChoiceWriter::write() {
  writeMaximum();
  top = max;
  target = b.filled(row, task.amount);
  Value none = spread(0);
  if (task.isMass) {
    writeProbabilities();
    target = arith::MulFOp::create(b, target, sum);
  }
  Interval interval = {writeLowest(), b.add(writeKey(top), spread(1)),
                       b.filled(row, 0)};
  auto isMore = [&](int64_t steps) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::sge, tiles,
                                 b.i32(steps));
  };
  // A row of one step fits into registers as it is.
  Value hasSteps = isMore(2);
  Value before = b.select(isMore(kManySteps), b.i32(kManyPasses),
                          b.select(hasSteps, b.i32(kSomePasses), b.i32(0)));
  Value after = b.select(
      hasSteps, b.sub(b.i32(getNumPasses(task, kMaxCandidates)), before),
      b.i32(getNumPasses(task, rows.shape.columns)));
  auto addWholeRows = [&](ArrayRef<Value> lowest) { return addWhole(lowest); };
  interval = writePasses(interval, before, addWholeRows);
  Value isTooMuch =
      scf::IfOp::create(
          b, hasSteps,
          [&](OpBuilder &, Location) {
            scf::YieldOp::create(b, writeKept(interval));
          },
          [&](OpBuilder &, Location) {
            scf::YieldOp::create(b, b.constant(b.getBoolAttr(false)));
          })
          .getResult(0);
  auto search = scf::IfOp::create(
      b, isTooMuch,
      [&](OpBuilder &, Location) {
        Value last = writePasses(interval, after, addWholeRows).low;
        scf::YieldOp::create(b, ValueRange{last, writeWholeTies(last)});
      },
      [&](OpBuilder &, Location) {
        Value starts = b.select(hasSteps, rows.kept, rows.starts);
        starts = b.select(isThere(b, rows.starts), starts,
                          b.splat(rows.blank, indexRow));
        Value kept = toFloat(
            tile::ArrayReadOp::create(b, words, rows.array, starts), values);
        auto add = [&](ArrayRef<Value> lowest) {
          return addKept(kept, interval.above, lowest);
        };
        Value last = writePasses(interval, after, add).low;
        scf::YieldOp::create(
            b, ValueRange{last, writeKeptTies(kept, interval.above, last)});
      });
  Value last = search.getResult(0), ties = search.getResult(1);
  if (task.isNoneUnreached) {
    Value unreached =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, last, none);
    ties = b.select(unreached, none, ties);
    last = b.select(unreached, spread(-1), last);
  }
  // A row that holds NaN takes all candidates.
  return {b.select(hasNaN, none, last), ties};
}

Choice mlir::pbs::writeChoice(KernelWriter &b, const SelectTask &task,
                              const ScoreRows &rows, Value tiles) {
  return ChoiceWriter(b, task, rows, tiles).write();
}
