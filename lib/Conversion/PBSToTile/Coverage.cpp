//===- Coverage.cpp - What a selection covers as tiles --------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A work item is 128 query blocks of a head: products of split pools give their
// scores again, key block by key block, and sums of exponentials are kept as in
// attention. A kernel of one block for each head then averages.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "Proxy.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/raw_ostream.h"
#include <limits>

using namespace mlir;
using namespace mlir::pbs;

using IntPredicate = arith::CmpIPredicate;
using FloatPredicate = arith::CmpFPredicate;

/// Query and key blocks of a step.
static constexpr int64_t kRows = 128;
static constexpr int64_t kColumns = 128;
/// Rows of a query block, keys of a key block.
static constexpr int64_t kBlock = 128;
static constexpr int64_t kWordBits = 32;
static constexpr int32_t kMaxInt = std::numeric_limits<int32_t>::max();
static constexpr double kInfinity = std::numeric_limits<double>::infinity();

static unsigned getBuffer(Value argument) {
  return cast<BlockArgument>(argument).getArgNumber();
}

namespace {
class CoverageWriter {
public:
  CoverageWriter(RowCoverageOp op, plan::KernelOp kernel, Block *module);
  void write();

private:
  /// Of each query block: the key blocks of its own segments, where candidates
  /// end, the last position.
  struct Rows {
    Value ownBegin, ownEnd, bound, high;
  };
  /// What is summed up over the key blocks of a row: the largest score in the
  /// exponents of 2, and #tile.quad of the mass of all candidates and of the
  /// listed ones, and of how many candidates are listed, blocks are listed,
  /// blocks could be.
  enum Sum { Max, All, Covered, Taken, Listed, Possible, NumSums };

  Rows writeRows();
  SmallVector<Value> writeStep(const Rows &rows, Value tile, ValueRange sums);
  Value writeProduct(Value first);
  void writeResults(const Rows &rows, ValueRange sums);

  Value load(unsigned pool, Value ofHead, Value first, int64_t column);
  Value compare(IntPredicate predicate, Value x, Value y) {
    return arith::CmpIOp::create(b, predicate, x, y);
  }
  Value compare(FloatPredicate predicate, Value x, Value y) {
    return arith::CmpFOp::create(b, predicate, x, y);
  }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, condition, x, y);
  }
  Value both(Value x, Value y) { return arith::AndIOp::create(b, x, y); }
  Value like(Value scalar, Value tile) {
    return b.splat(scalar, cast<RankedTensorType>(tile.getType()));
  }
  Value like(int64_t value, Value tile) { return like(b.i32(value), tile); }
  /// `sum` and, of each row, the values of `tile` where `condition`.
  Value addWhere(Value sum, Value condition, Value tile) {
    Value kept = select(condition, tile, b.filled(score, 0));
    return arith::AddFOp::create(
        b, sum,
        tile::ReduceOp::create(b, quad, tile::ReduceKind::Add, kept, /*dim=*/1,
                               /*offset=*/IntegerAttr()));
  }

  RowCoverageOp op;
  BlockListType list;
  unsigned queryPool, keyPool, query, key, ranges, bits, result;
  int64_t headDim;
  KernelWriter b;
  RankedTensorType score, index, quad, row;

  Value numQueries, numKeys, keyBlocks;
  Value batch, head, keyHead, firstRow;
};
} // namespace

CoverageWriter::CoverageWriter(RowCoverageOp op, plan::KernelOp kernel,
                               Block *module)
    : op(op), list(op.getList().getType()),
      queryPool(getBuffer(op.getQueryPool())),
      keyPool(getBuffer(op.getKeyPool())), query(getBuffer(op.getQuery())),
      key(getBuffer(op.getKv().getDefiningOp<PackKVOp>().getKey())),
      ranges(getBuffer(op.getKv().getDefiningOp<PackKVOp>().getRanges())),
      bits(getBuffer(op.getList().getDefiningOp<PackBlockListOp>().getBits())),
      result(*kernel.findResultBuffer(0)),
      headDim(op.getQuery().getType().getShape().back()),
      b(kernel, module, {queryPool, keyPool, query, key, ranges, bits, result},
        {kernel.getExtent(result, 0), kernel.getExtent(result, 1),
         kernel.getExtent(result, 2).ceilDiv(kRows)}),
      score(b.acc(kRows, kColumns, b.getF32Type())),
      index(b.acc(kRows, kColumns, b.getI32Type())), quad(b.quad(kRows)),
      row(b.row(kRows, b.getF32Type())) {}

CoverageWriter::Rows CoverageWriter::writeRows() {
  int64_t segment = list.getSegment(), perSegment = segment / kBlock;
  Value number = tile::IotaOp::create(b, b.row(kRows, b.getI32Type()));
  Value block = b.add(number, like(firstRow, number));
  Value zero = like(0, block), shift = like(b.sub(numKeys, numQueries), block);
  Value begin = b.mul(block, like(kBlock, block));
  Value end = b.min(b.add(begin, like(kBlock, block)), like(numQueries, block));
  Rows rows;
  rows.high = b.add(b.sub(end, like(1, block)), shift);
  Value low = b.max(b.add(begin, shift), zero);
  // Rows before the first key have no own segment.
  Value sees = both(compare(IntPredicate::sge, rows.high, zero),
                    compare(IntPredicate::sgt, like(numKeys, block), zero));
  Value last =
      b.max(b.min(rows.high, like(b.sub(numKeys, b.i32(1)), block)), zero);
  auto getBlocks = [&](Value position) {
    return b.mul(b.div(position, like(segment, block)),
                 like(perSegment, block));
  };
  rows.ownBegin = select(sees, getBlocks(low), zero);
  rows.ownEnd = select(sees,
                       b.min(b.add(getBlocks(last), like(perSegment, block)),
                             like(keyBlocks, block)),
                       zero);
  rows.bound = list.getCausal() ? rows.ownBegin : like(keyBlocks, block);
  return rows;
}

Value CoverageWriter::load(unsigned pool, Value ofHead, Value first,
                           int64_t column) {
  auto type = tile::BufferType::get(b.getContext(), {kRows, headDim},
                                    b.getBF16Type(), kSwizzleBytes);
  return tile::LoadOp::create(b, type, b.buffer(pool),
                              ValueRange{batch, ofHead, first, b.i32(column)});
}

Value CoverageWriter::writeProduct(Value first) {
  Value queriesHigh = load(queryPool, head, firstRow, 0);
  Value queriesLow = load(queryPool, head, firstRow, headDim);
  Value keysHigh = load(keyPool, keyHead, first, 0);
  Value keysLow = load(keyPool, keyHead, first, headDim);
  Value product;
  auto add = [&](Value queries, Value keys) {
    product = tile::DotOp::create(b, score, queries, keys, product,
                                  /*transpose_b=*/true);
  };
  add(queriesHigh, keysHigh);
  add(queriesHigh, keysLow);
  add(queriesLow, keysHigh);
  double factor = op.getScale()->convertToDouble() * kLog2E;
  return arith::MulFOp::create(b, product, b.filled(score, factor));
}

SmallVector<Value> CoverageWriter::writeStep(const Rows &rows, Value tile,
                                             ValueRange sums) {
  auto spread = [&](Value value, RankedTensorType type) {
    return b.broadcast(value, type);
  };
  Value first = b.mul(tile, b.i32(kColumns));
  Value product = writeProduct(first);
  RankedTensorType columns = b.column(kColumns, b.getI32Type());
  Value number = b.add(tile::IotaOp::create(b, columns),
                       like(first, b.splat(b.i32(0), columns)));
  Value column = spread(number, index);
  Value isCandidate =
      compare(IntPredicate::slt, column, spread(rows.bound, index));
  if (!list.getCausal()) {
    Value isOutside = arith::OrIOp::create(
        b, compare(IntPredicate::slt, column, spread(rows.ownBegin, index)),
        compare(IntPredicate::sge, column, spread(rows.ownEnd, index)));
    isCandidate = both(isCandidate, isOutside);
  }
  Value isPossible =
      compare(IntPredicate::slt, column, like(keyBlocks, column));
  if (list.getCausal()) {
    // Blocks that do not exist have no position that is seen.
    Value smallest =
        tile::ReadOp::create(b, columns, b.buffer(ranges),
                             ValueRange{batch, keyHead, first, b.i32(0)},
                             b.i32(kMaxInt), b.getI64IntegerAttr(2));
    isPossible = compare(IntPredicate::sle, spread(smallest, index),
                         spread(rows.high, index));
  }
  Value words =
      tile::ReadOp::create(b, quad.clone(b.getI32Type()), b.buffer(bits),
                           ValueRange{batch, head, firstRow,
                                      b.mul(tile, b.i32(kColumns / kWordBits))},
                           /*other=*/Value(), /*dim=*/IntegerAttr());
  Value isListed =
      tile::UnpackBitsOp::create(b, score.clone(b.getI1Type()), words);

  Value exponents = select(isCandidate, product, b.filled(score, -kInfinity));
  Value largest = tile::ReduceOp::create(b, row, tile::ReduceKind::Max,
                                         exponents, /*dim=*/1,
                                         /*offset=*/IntegerAttr());
  SmallVector<Value> next(NumSums);
  next[Max] = arith::MaxNumFOp::create(b, sums[Max], largest);
  // Before the first candidate: -inf minus -inf would be NaN.
  Value isNone =
      compare(FloatPredicate::OEQ, next[Max], b.filled(row, -kInfinity));
  Value offset =
      arith::NegFOp::create(b, select(isNone, b.filled(row, 0), next[Max]));
  Value scaling =
      math::Exp2Op::create(b, arith::AddFOp::create(b, sums[Max], offset));
  Value mass = math::Exp2Op::create(
      b, arith::AddFOp::create(b, exponents, spread(offset, score)));
  auto scaled = [&](Value sum) -> Value {
    return arith::MulFOp::create(b, sum, spread(scaling, quad));
  };
  Value one = b.filled(score, 1);
  next[All] = addWhere(scaled(sums[All]), isCandidate, mass);
  next[Covered] =
      addWhere(scaled(sums[Covered]), both(isCandidate, isListed), mass);
  next[Taken] = addWhere(sums[Taken], both(isCandidate, isListed), one);
  next[Listed] = addWhere(sums[Listed], both(isPossible, isListed), one);
  next[Possible] = addWhere(sums[Possible], isPossible, one);
  return next;
}

void CoverageWriter::writeResults(const Rows &rows, ValueRange sums) {
  SmallVector<Value> whole(sums);
  for (Value &sum : MutableArrayRef(whole).drop_front())
    sum = tile::ReduceOp::create(b, row, tile::ReduceKind::Add, sum, /*dim=*/1,
                                 /*offset=*/IntegerAttr());
  Value count = rows.bound;
  if (!list.getCausal())
    count = b.sub(count, b.sub(rows.ownEnd, rows.ownBegin));
  Value candidates = arith::SIToFPOp::create(b, row, count);
  Value zero = b.filled(row, 0), one = b.filled(row, 1);
  Value isNumber =
      both(compare(FloatPredicate::OGT, whole[All], zero),
           compare(FloatPredicate::OLT, whole[All], b.filled(row, kInfinity)));
  Value hasCandidate = compare(FloatPredicate::OGT, candidates, zero);
  Value part = select(isNumber, whole[Covered], whole[Taken]);
  Value all = select(isNumber, whole[All], candidates);
  Value share = arith::DivFOp::create(b, part, select(hasCandidate, all, one));
  Value results[] = {whole[Listed], whole[Possible],
                     select(hasCandidate, share, zero),
                     select(hasCandidate, one, zero)};
  for (auto [i, value] : llvm::enumerate(results))
    tile::WriteOp::create(b, value, b.buffer(result),
                          ValueRange{batch, head, firstRow, b.i32(i)},
                          b.getI64IntegerAttr(2));
}

void CoverageWriter::write() {
  numQueries = b.dim(b.buffer(query), 2);
  numKeys = b.dim(b.buffer(key), 2);
  keyBlocks = b.ceilDiv(numKeys, kBlock);
  Value rowsOf = b.buffer(result), heads = b.dim(rowsOf, 1);
  Value perKeyHead = b.div(heads, b.dim(b.buffer(key), 1));
  auto items = tile::ForEachOp::create(
      b, b.dim(rowsOf, 0), heads, b.ceilDiv(b.dim(rowsOf, 2), kRows), heads);
  b.setInsertionPointToStart(&items.getBody().front());
  batch = items.getBody().getArgument(0);
  head = items.getBody().getArgument(1);
  firstRow = b.mul(items.getBody().getArgument(2), b.i32(kRows));
  keyHead = b.div(head, perKeyHead);
  Rows rows = writeRows();
  SmallVector<Value> init(NumSums, b.filled(quad, 0));
  init[Max] = b.filled(row, -kInfinity);
  auto loop = scf::ForOp::create(
      b, b.i32(0), b.ceilDiv(keyBlocks, kColumns), b.i32(1), init,
      [&](OpBuilder &, Location, Value tile, ValueRange sums) {
        scf::YieldOp::create(b, writeStep(rows, tile, sums));
      });
  writeResults(rows, loop.getResults());
}

std::optional<std::string>
mlir::pbs::writeKernel(RowCoverageOp op, plan::KernelOp kernel, Block *module) {
  BlockListType list = op.getList().getType();
  RankedTensorType pool = op.getQueryPool().getType();
  int64_t headDim = op.getQuery().getType().getShape().back();
  std::string reason;
  llvm::raw_string_ostream stream(reason);
  if (!pool.getElementType().isBF16())
    stream << "expected split pools (pbs-split-pools), got " << pool;
  else if (headDim != 64 && headDim != 128)
    stream << "expected a head dimension of 64 or 128, got " << headDim;
  else if (list.getQueryBlock() != kBlock || list.getKeyBlock() != kBlock)
    stream << "expected blocks of " << kBlock << "x" << kBlock << ", got "
           << list;
  else if (!op.getScale())
    stream << "expected a scale (pbs-split-pools), got none";
  if (!reason.empty())
    return reason;
  CoverageWriter(op, kernel, module).write();
  return std::nullopt;
}

std::optional<std::string> mlir::pbs::writeKernel(HeadCoverageOp op,
                                                  plan::KernelOp kernel,
                                                  Block *module) {
  constexpr unsigned kSource = 0;
  std::optional<unsigned> density = kernel.findResultBuffer(0);
  std::optional<unsigned> mass = kernel.findResultBuffer(1);
  SmallVector<unsigned> buffers{kSource};
  for (std::optional<unsigned> buffer : {density, mass})
    if (buffer)
      buffers.push_back(*buffer);
  KernelWriter b(kernel, module, buffers,
                 {kernel.getExtent(kSource, 0), kernel.getExtent(kSource, 1)});
  Value source = b.buffer(kSource);
  RankedTensorType lane = b.lane(kRows, b.getF32Type());
  auto items = tile::ForEachOp::create(b, b.dim(source, 0), b.dim(source, 1),
                                       b.i32(1), b.i32(1));
  b.setInsertionPointToStart(&items.getBody().front());
  Value batch = items.getBody().getArgument(0);
  Value head = items.getBody().getArgument(1);
  SmallVector<Value> zeros(4, b.filled(lane, 0));
  auto loop = scf::ForOp::create(
      b, b.i32(0), b.ceilDiv(b.dim(source, 2), kRows), b.i32(1), zeros,
      [&](OpBuilder &, Location, Value step, ValueRange sums) {
        SmallVector<Value> next;
        // Rows past the end are 0.
        for (auto [i, sum] : llvm::enumerate(sums)) {
          Value values = tile::ReadOp::create(
              b, lane, source,
              ValueRange{batch, head, b.mul(step, b.i32(kRows)), b.i32(i)},
              /*other=*/Value(), b.getI64IntegerAttr(2));
          next.push_back(arith::AddFOp::create(b, sum, values));
        }
        scf::YieldOp::create(b, next);
      });
  auto writeMean = [&](std::optional<unsigned> buffer, unsigned sum,
                       double otherwise) {
    if (!buffer)
      return;
    auto total = [&](unsigned i) -> Value {
      return tile::ReduceOp::create(b, b.getF32Type(), tile::ReduceKind::Add,
                                    loop.getResult(i), /*dim=*/0,
                                    /*offset=*/IntegerAttr());
    };
    Value number = total(sum + 1);
    Value mean = arith::DivFOp::create(b, total(sum), number);
    Value exists =
        arith::CmpFOp::create(b, FloatPredicate::OGT, number, b.f32(0));
    Value value = arith::SelectOp::create(b, exists, mean, b.f32(otherwise));
    tile::WriteOp::create(b, b.splat(value, lane), b.buffer(*buffer),
                          ValueRange{batch, head, b.i32(0)},
                          /*dim=*/IntegerAttr());
  };
  writeMean(density, 0, 0);
  writeMean(mass, 2, 1);
  return std::nullopt;
}
