//===- Select.cpp - Selection of blocks as tiles --------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A work item is up to 64 query blocks of a head, the rows of a warpgroup.
// Scores are not stored: a row of a long sequence has thousands, and computing
// them again is cheaper than memory. The last candidate that a stop rule takes
// is found by its bits, three in each pass over the scores. Where all
// candidates are in one tile it stays in registers.
//
//===----------------------------------------------------------------------===//

#include "Select.h"
#include "Proxy.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <limits>

using namespace mlir;
using namespace mlir::pbs;

/// Query blocks of a work item at most and at least: few where there would be
/// too few items; and key blocks of a tile of scores.
static constexpr int64_t kRows = 64;
static constexpr int64_t kLeastRows = 16;
static constexpr int64_t kColumns = 128;
/// Rows of a query block, keys of a key block.
static constexpr int64_t kBlock = 128;
static constexpr int64_t kWordBits = 32;
/// Bits of the key of a score that one pass finds.
static constexpr int64_t kPassBits = 3;
static constexpr int32_t kMaxInt = std::numeric_limits<int32_t>::max();
static constexpr int32_t kMinInt = std::numeric_limits<int32_t>::min();
static constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace {
class SelectWriter {
public:
  SelectWriter(const SelectTask &task, plan::KernelOp kernel, Block *module);
  void write();

private:
  using Predicate = arith::CmpIPredicate;
  /// Scores of a tile of key blocks; what they count and their keys, if known.
  struct Scores {
    Value score, isCandidate, column, first;
    Value weight, key;
  };
  /// What the softmax of the candidates needs, for each row.
  struct Softmax {
    Value offset, sum, hasNaN;
  };

  void writeSizes();
  /// Which blocks are candidates and own ones, for each row.
  void writeRows();
  void writePools();
  Scores writeScores(Value tile);
  /// Calls `body` with the scores of each tile that has candidates.
  SmallVector<Value> forCandidates(
      ValueRange init,
      function_ref<SmallVector<Value>(const Scores &, ValueRange)> body);
  Softmax writeSoftmax();
  /// What a candidate counts; 0 for others.
  Value writeWeights(const Scores &s, const Softmax &softmax);
  /// Integers in the order of the scores, unsigned.
  Value writeKeys(const Scores &s);
  /// kPassBits further bits, from `shift` on, of the keys of the last
  /// candidates.
  Value writeSearchStep(Value keys, Value shift, const Softmax &softmax,
                        Value target);
  /// The key of the last candidate, and how many that have it are taken.
  std::pair<Value, Value> writeChoice();
  Value writeLast(const Softmax &softmax, Value target);
  /// How many of the candidates with the key of the last are taken.
  Value writeTies(Value last, const Softmax &softmax, Value target);
  void writeList(Value last, Value ties);

  Value compare(Predicate predicate, Value x, Value y) {
    return arith::CmpIOp::create(b, predicate, x, y);
  }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, condition, x, y);
  }
  Value both(Value x, Value y) { return arith::AndIOp::create(b, x, y); }
  Value either(Value x, Value y) { return arith::OrIOp::create(b, x, y); }
  Value reduce(tile::ReduceKind kind, Value source, RankedTensorType type) {
    return tile::ReduceOp::create(b, type, kind, source, /*dim=*/1,
                                  /*offset=*/IntegerAttr());
  }
  Value rows(Value scalar) { return b.splat(scalar, indexRow); }
  Value rows(int64_t value) { return rows(b.i32(value)); }
  /// A value of each row in all columns.
  Value spread(Value row) {
    Type element = cast<RankedTensorType>(row.getType()).getElementType();
    return b.broadcast(row, b.acc(kRows, kColumns, element));
  }

  const SelectTask &task;
  KernelWriter b;
  RankedTensorType row, indexRow, quad, score, index;

  Value numQueries, numKeys, shift, queryBlocks, keyBlocks;
  Value batch, head, keyHead, firstBlock;
  /// Query blocks of an item, and of this one.
  Value perItem, numRows;
  /// Of each row: candidates are below `bound` and not in [ownBegin, ownEnd).
  Value ownBegin, ownEnd, bound, high;
  /// Tiles that hold candidates, and all.
  Value candidateTiles, tiles;
  Value poolHigh, poolLow;
  /// The only tile with candidates, where that is known.
  std::optional<Scores> resident;
};
} // namespace

static SmallVector<unsigned> getBuffers(const SelectTask &task) {
  SmallVector<unsigned> buffers{task.query, task.keyPool, task.key,
                                task.ranges};
  for (std::optional<unsigned> buffer : {task.list, task.scores})
    if (buffer)
      buffers.push_back(*buffer);
  return buffers;
}

SelectWriter::SelectWriter(const SelectTask &task, plan::KernelOp kernel,
                           Block *module)
    : task(task),
      b(kernel, module, getBuffers(task),
        {kernel.getExtent(task.query, 0), kernel.getExtent(task.query, 1),
         kernel.getExtent(task.query, 2).ceilDiv(kBlock * kLeastRows)}) {
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  row = b.row(kRows, f32);
  indexRow = b.row(kRows, i32);
  quad = b.quad(kRows);
  score = b.acc(kRows, kColumns, f32);
  index = b.acc(kRows, kColumns, i32);
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

void SelectWriter::writeSizes() {
  numQueries = b.dim(b.buffer(task.query), 2);
  numKeys = b.dim(b.buffer(task.key), 2);
  shift = b.sub(numKeys, numQueries);
  queryBlocks = b.ceilDiv(numQueries, kBlock);
  keyBlocks = b.ceilDiv(numKeys, kBlock);
  tiles = b.ceilDiv(keyBlocks, kColumns);
  perItem = b.i32(kLeastRows);
  for (int64_t size = 2 * kLeastRows; size <= kRows; size *= 2)
    perItem = select(
        compare(Predicate::sge, queryBlocks, b.i32(size * kLeastRows / 2)),
        b.i32(size), perItem);
}

void SelectWriter::writeRows() {
  int64_t perSegment = task.segment / kBlock;
  Value zero = rows(0);
  Value block = b.add(tile::IotaOp::create(b, indexRow), rows(firstBlock));
  Value begin = b.mul(block, rows(kBlock));
  Value end = b.min(b.add(begin, rows(kBlock)), rows(numQueries));
  high = b.add(b.sub(end, rows(1)), rows(shift));
  Value low = b.max(b.add(begin, rows(shift)), zero);
  Value exists =
      compare(Predicate::slt, block, rows(b.add(firstBlock, numRows)));
  // Rows before the first key have no own segment.
  Value sees = both(exists, compare(Predicate::sge, high, zero));
  auto getSegmentBegin = [&](Value position) {
    return b.mul(b.div(position, rows(task.segment)), rows(perSegment));
  };
  Value last = b.max(b.min(high, rows(b.sub(numKeys, b.i32(1)))), zero);
  ownBegin = select(sees, getSegmentBegin(low), zero);
  ownEnd = select(
      sees,
      b.min(b.add(getSegmentBegin(last), rows(perSegment)), rows(keyBlocks)),
      zero);
  bound = task.causal ? ownBegin : select(exists, rows(keyBlocks), zero);

  candidateTiles = tiles;
  if (task.causal) {
    Value lastBlock = b.sub(b.add(firstBlock, numRows), b.i32(1));
    Value position =
        b.max(b.add(b.mul(lastBlock, b.i32(kBlock)), shift), b.i32(0));
    Value segment = b.div(position, b.i32(task.segment));
    candidateTiles =
        b.min(b.ceilDiv(b.mul(segment, b.i32(perSegment)), kColumns), tiles);
  }
}

/// The pools of the query blocks, split, as rows of a tile.
void SelectWriter::writePools() {
  auto query = cast<tile::GlobalType>(b.buffer(task.query).getType());
  Type element = query.getElementType(), f32 = b.getF32Type();
  int64_t vector = 128 / element.getIntOrFloatBitWidth();
  RankedTensorType pools = b.acc(kRows, task.headDim, f32);
  RankedTensorType numbers = b.acc(kRows, task.headDim, b.getI32Type());
  Value rowNumbers = b.broadcast(tile::IotaOp::create(b, indexRow), numbers);
  auto loop = scf::ForOp::create(
      b, b.i32(0), numRows, b.i32(1), ValueRange{b.filled(pools, 0)},
      [&](OpBuilder &, Location, Value r, ValueRange carried) {
        Value first = b.mul(b.add(firstBlock, r), b.i32(kBlock));
        Value block = tile::ReadOp::create(
            b, b.blocked(kBlock, task.headDim, element, vector),
            b.buffer(task.query), ValueRange{batch, head, first, b.i32(0)},
            /*other=*/Value(), /*dim=*/IntegerAttr());
        Value mean = b.mean(block, b.sub(numQueries, first));
        Value columns = tile::RelayoutOp::create(
            b, b.column(task.headDim, f32), mean, /*offset=*/IntegerAttr());
        Value isRow = compare(Predicate::eq, rowNumbers, b.splat(r, numbers));
        scf::YieldOp::create(
            b, select(isRow, b.broadcast(columns, pools), carried.front()));
      });
  Value pool = loop.getResult(0);
  RankedTensorType half = b.acc(kRows, task.headDim, b.getBF16Type());
  poolHigh = arith::TruncFOp::create(b, half, pool);
  poolLow = arith::TruncFOp::create(
      b, half,
      arith::SubFOp::create(b, pool,
                            arith::ExtFOp::create(b, pools, poolHigh)));
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

SelectWriter::Scores SelectWriter::writeScores(Value tile) {
  Scores s;
  s.first = b.mul(tile, b.i32(kColumns));
  auto type = tile::BufferType::get(b.getContext(), {kColumns, task.headDim},
                                    b.getBF16Type(), kSwizzleBytes);
  auto load = [&](int64_t column) -> Value {
    return tile::LoadOp::create(
        b, type, b.buffer(task.keyPool),
        ValueRange{batch, keyHead, s.first, b.i32(column)});
  };
  Value keysHigh = load(0), keysLow = load(task.headDim);
  Value product;
  auto add = [&](Value queries, Value keys) {
    product = tile::DotOp::create(b, score, queries, keys, product,
                                  /*transpose_b=*/true);
  };
  add(poolHigh, keysHigh);
  add(poolHigh, keysLow);
  add(poolLow, keysHigh);
  Value scaled =
      arith::MulFOp::create(b, product, b.splat(b.f32(task.scale), score));
  // -0 + 0 is 0, so that equal scores have equal bits.
  s.score = arith::AddFOp::create(b, scaled, b.filled(score, 0));
  RankedTensorType columnType = b.column(kColumns, b.getI32Type());
  s.column = b.broadcast(
      b.add(tile::IotaOp::create(b, columnType), b.splat(s.first, columnType)),
      index);
  s.isCandidate = compare(Predicate::slt, s.column, spread(bound));
  // Under causality candidates end where own blocks begin.
  if (!task.causal)
    s.isCandidate =
        both(s.isCandidate,
             either(compare(Predicate::slt, s.column, spread(ownBegin)),
                    compare(Predicate::sge, s.column, spread(ownEnd))));
  return s;
}

SmallVector<Value> SelectWriter::forCandidates(
    ValueRange init,
    function_ref<SmallVector<Value>(const Scores &, ValueRange)> body) {
  if (resident)
    return body(*resident, init);
  auto loop = scf::ForOp::create(
      b, b.i32(0), candidateTiles, b.i32(1), init,
      [&](OpBuilder &, Location, Value tile, ValueRange carried) {
        scf::YieldOp::create(b, body(writeScores(tile), carried));
      });
  return llvm::to_vector_of<Value>(loop.getResults());
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

SelectWriter::Softmax SelectWriter::writeSoftmax() {
  Value lowest = b.filled(row, -kInfinity), zero = b.filled(row, 0);
  Value log2e = b.splat(b.f32(kLog2E), score);
  auto getOffset = [&](Value max) -> Value {
    // Rows without a candidate: -inf minus -inf would be NaN.
    Value none =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, max, lowest);
    return arith::NegFOp::create(
        b, arith::MulFOp::create(b, select(none, zero, max),
                                 b.filled(row, kLog2E)));
  };
  SmallVector<Value> results = forCandidates(
      {lowest, b.filled(quad, 0), zero},
      [&](const Scores &s, ValueRange carried) -> SmallVector<Value> {
        Value masked =
            select(s.isCandidate, s.score, b.filled(score, -kInfinity));
        Value max = arith::MaxNumFOp::create(
            b, carried[0], reduce(tile::ReduceKind::Max, masked, row));
        Value offset = getOffset(max);
        Value p = math::Exp2Op::create(
            b, math::FmaOp::create(b, masked, log2e, spread(offset)));
        Value alpha = math::Exp2Op::create(
            b,
            math::FmaOp::create(b, carried[0], b.filled(row, kLog2E), offset));
        Value sum = math::FmaOp::create(b, carried[1], b.broadcast(alpha, quad),
                                        reduce(tile::ReduceKind::Add, p, quad));
        Value isNaN =
            arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, masked, masked);
        Value marked = select(isNaN, b.filled(score, 1), b.filled(score, 0));
        Value hasNaN = arith::MaxNumFOp::create(
            b, carried[2], reduce(tile::ReduceKind::Max, marked, row));
        return {max, sum, hasNaN};
      });
  Softmax softmax;
  softmax.offset = getOffset(results[0]);
  softmax.sum = reduce(tile::ReduceKind::Add, results[1], row);
  softmax.hasNaN =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, results[2], zero);
  return softmax;
}

Value SelectWriter::writeWeights(const Scores &s, const Softmax &softmax) {
  if (s.weight)
    return s.weight;
  Value weight = b.filled(score, 1);
  if (task.isMass)
    weight = math::Exp2Op::create(
        b, math::FmaOp::create(b, s.score, b.splat(b.f32(kLog2E), score),
                               spread(softmax.offset)));
  return select(s.isCandidate, weight, b.filled(score, 0));
}

Value SelectWriter::writeKeys(const Scores &s) {
  if (s.key)
    return s.key;
  // Of negative floats the larger has the smaller bits.
  Value bits = arith::BitcastOp::create(b, index, s.score);
  Value sign = arith::ShRSIOp::create(b, bits, b.splat(b.i32(31), index));
  Value flip = either(sign, b.splat(b.i32(kMinInt), index));
  return arith::XOrIOp::create(b, bits, flip);
}

//===----------------------------------------------------------------------===//
// The last candidate
//===----------------------------------------------------------------------===//

Value SelectWriter::writeSearchStep(Value keys, Value bitShift,
                                    const Softmax &softmax, Value target) {
  constexpr int64_t kCount = (int64_t(1) << kPassBits) - 1;
  SmallVector<Value> thresholds;
  for (int64_t i = 1; i <= kCount; ++i)
    thresholds.push_back(b.add(
        keys, rows(arith::ShLIOp::create(b, b.i32(i), bitShift).getResult())));
  SmallVector<Value> init(kCount, b.filled(quad, 0));
  SmallVector<Value> masses = forCandidates(
      init, [&](const Scores &s, ValueRange sums) -> SmallVector<Value> {
        Value weight = writeWeights(s, softmax), key = writeKeys(s);
        Value zero = b.filled(score, 0);
        SmallVector<Value> next;
        for (auto [threshold, sum] : llvm::zip_equal(thresholds, sums)) {
          Value isAbove = compare(Predicate::uge, key, spread(threshold));
          next.push_back(arith::AddFOp::create(
              b, sum,
              reduce(tile::ReduceKind::Add, select(isAbove, weight, zero),
                     quad)));
        }
        return next;
      });
  // Of the uppermost bits there are fewer: thresholds that are too large for 32
  // bits are smaller ones once more.
  for (auto [threshold, mass] : llvm::zip_equal(thresholds, masses)) {
    Value reaches =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OGE,
                              reduce(tile::ReduceKind::Add, mass, row), target);
    keys = select(reaches, arith::MaxUIOp::create(b, keys, threshold), keys);
  }
  return keys;
}

/// The largest key down to which candidates reach the target, 0 where they
/// never do.
Value SelectWriter::writeLast(const Softmax &softmax, Value target) {
  constexpr int64_t kSteps = (kWordBits + kPassBits - 1) / kPassBits;
  auto loop = scf::ForOp::create(
      b, b.i32(0), b.i32(kSteps), b.i32(1), rows(0),
      [&](OpBuilder &, Location, Value step, ValueRange carried) {
        Value bitShift =
            b.mul(b.sub(b.i32(kSteps - 1), step), b.i32(kPassBits));
        scf::YieldOp::create(
            b, writeSearchStep(carried.front(), bitShift, softmax, target));
      });
  return loop.getResult(0);
}

Value SelectWriter::writeTies(Value last, const Softmax &softmax,
                              Value target) {
  Value zeroScore = b.filled(score, 0);
  SmallVector<Value> results = forCandidates(
      {b.filled(quad, 0), b.filled(row, 0)},
      [&](const Scores &s, ValueRange carried) -> SmallVector<Value> {
        Value weight = writeWeights(s, softmax), key = writeKeys(s);
        Value isAbove = compare(Predicate::ugt, key, spread(last));
        Value isTie = compare(Predicate::eq, key, spread(last));
        Value above = arith::AddFOp::create(
            b, carried[0],
            reduce(tile::ReduceKind::Add, select(isAbove, weight, zeroScore),
                   quad));
        Value each = arith::MaxNumFOp::create(
            b, carried[1],
            reduce(tile::ReduceKind::Max, select(isTie, weight, zeroScore),
                   row));
        return {above, each};
      });
  Value above = reduce(tile::ReduceKind::Add, results[0], row);
  Value missing = arith::SubFOp::create(b, target, above);
  Value wanted = arith::DivFOp::create(b, missing, results[1]);
  // At least one; as many as there are where each counts next to nothing.
  constexpr double kMany = 1 << 20;
  wanted = arith::MinNumFOp::create(
      b, arith::MaxNumFOp::create(b, wanted, b.filled(row, 1)),
      b.filled(row, kMany));
  Value whole = arith::FPToSIOp::create(b, indexRow, wanted);
  Value isLess =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLT,
                            arith::SIToFPOp::create(b, row, whole), wanted);
  return select(isLess, b.add(whole, rows(1)), whole);
}

//===----------------------------------------------------------------------===//
// The list
//===----------------------------------------------------------------------===//

std::pair<Value, Value> SelectWriter::writeChoice() {
  Softmax softmax = writeSoftmax();
  Value target = b.filled(row, task.amount);
  if (task.isMass)
    target = arith::MulFOp::create(b, target, softmax.sum);
  if (resident) {
    resident->weight = writeWeights(*resident, softmax);
    resident->key = writeKeys(*resident);
  }
  Value last = writeLast(softmax, target);
  Value ties = writeTies(last, softmax, target);
  Value all = rows(0);
  if (task.isNoneUnreached) {
    Value unreached = compare(Predicate::eq, last, all);
    ties = select(unreached, rows(0), ties);
    last = select(unreached, rows(-1), last);
  }
  // A row that holds NaN takes all candidates.
  return {select(softmax.hasNaN, all, last), ties};
}

void SelectWriter::writeList(Value last, Value ties) {
  RankedTensorType words =
      RankedTensorType::get({kRows, 4}, b.getI32Type(), quad.getEncoding());
  RankedTensorType lane = b.lane(kColumns, b.getI32Type());
  RankedTensorType column = b.column(kColumns, b.getI32Type());
  auto pack = [&](Value flags) -> Value {
    return tile::PackBitsOp::create(b, words, flags);
  };
  scf::ForOp::create(
      b, b.i32(0), tiles, b.i32(1), ties,
      [&](OpBuilder &, Location, Value tile, ValueRange carried) {
        Scores s = writeScores(tile);
        Value left = carried.front();
        if (task.scores)
          tile::WriteOp::create(
              b, select(s.isCandidate, s.score, b.filled(score, -kInfinity)),
              b.buffer(*task.scores),
              ValueRange{batch, head, firstBlock, s.first}, numRows,
              /*dim=*/IntegerAttr());
        if (!task.list) {
          scf::YieldOp::create(b, left);
          return;
        }
        Value chosen = s.isCandidate;
        Value tied;
        if (!task.takesAll) {
          Value key = writeKeys(s);
          chosen = both(chosen, compare(Predicate::ugt, key, spread(last)));
          tied = both(s.isCandidate, compare(Predicate::eq, key, spread(last)));
        }
        // Own blocks and the one of the first key.
        Value lowest =
            tile::ReadOp::create(b, lane, b.buffer(task.ranges),
                                 ValueRange{batch, keyHead, s.first, b.i32(0)},
                                 b.i32(kMaxInt), b.getI64IntegerAttr(2));
        Value positions =
            b.broadcast(tile::RelayoutOp::create(b, column, lowest,
                                                 /*offset=*/IntegerAttr()),
                        index);
        Value isOwn = both(compare(Predicate::sge, s.column, spread(ownBegin)),
                           compare(Predicate::slt, s.column, spread(ownEnd)));
        if (task.causal && !task.wholeOwn)
          isOwn = both(isOwn, compare(Predicate::sle, positions, spread(high)));
        Value isFirst =
            compare(Predicate::eq, positions, b.splat(b.i32(0), index));
        Value bits = pack(either(chosen, either(isOwn, isFirst)));
        if (tied) {
          auto first =
              tile::FirstBitsOp::create(b, words, indexRow, pack(tied), left);
          bits = either(bits, first.getFirst());
          left = first.getLeft();
        }
        tile::WriteOp::create(
            b, bits, b.buffer(*task.list),
            ValueRange{batch, head, firstBlock,
                       b.mul(tile, b.i32(kColumns / kWordBits))},
            numRows, /*dim=*/IntegerAttr());
        scf::YieldOp::create(b, left);
      });
}

void SelectWriter::write() {
  writeSizes();
  Value query = b.buffer(task.query);
  Value heads = b.dim(query, 1);
  Value perKeyHead = b.div(heads, b.dim(b.buffer(task.keyPool), 1));
  Value groups = b.div(b.sub(b.add(queryBlocks, perItem), b.i32(1)), perItem);
  auto items =
      tile::ForEachOp::create(b, b.dim(query, 0), heads, groups, heads);
  b.setInsertionPointToStart(&items.getBody().front());
  batch = items.getBody().getArgument(0);
  head = items.getBody().getArgument(1);
  firstBlock = b.mul(items.getBody().getArgument(2), perItem);
  // Where items are not drawn there may be more than there are: they have no
  // rows.
  Value isItem = compare(Predicate::slt, batch, b.dim(query, 0));
  batch = b.min(batch, b.sub(b.dim(query, 0), b.i32(1)));
  numRows =
      select(isItem, b.min(b.sub(queryBlocks, firstBlock), perItem), b.i32(0));
  keyHead = b.div(head, perKeyHead);
  writeRows();
  writePools();
  Value last = rows(0), ties = rows(0);
  if (task.list && !task.takesAll) {
    auto yield = [&] {
      auto [key, count] = writeChoice();
      scf::YieldOp::create(b, ValueRange{key, count});
    };
    Value isOne = compare(Predicate::sle, candidateTiles, b.i32(1));
    auto choice = scf::IfOp::create(
        b, isOne,
        [&](OpBuilder &, Location) {
          resident = writeScores(b.i32(0));
          yield();
          resident.reset();
        },
        [&](OpBuilder &, Location) { yield(); });
    last = choice.getResult(0);
    ties = choice.getResult(1);
  }
  writeList(last, ties);
}

void mlir::pbs::writeSelection(const SelectTask &task, plan::KernelOp kernel,
                               Block *module) {
  SelectWriter(task, kernel, module).write();
}
