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

#include "BlockRows.h"
#include "Kernels.h"
#include "SplitPools.h"
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
static constexpr int64_t kWordBits = 32;
static constexpr int32_t kMaxInt = std::numeric_limits<int32_t>::max();
static constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace {
class CoverageWriter {
public:
  CoverageWriter(RowCoverageOp op, plan::KernelOp kernel, Block *module);
  void write();

private:
  /// What is summed up over the key blocks of a row: the largest score in the
  /// exponents of 2, and #tile.quad of the mass of all candidates and of the
  /// listed ones, and of how many candidates are listed, blocks are listed,
  /// blocks could be.
  enum Sum { Max, All, Covered, Taken, Listed, Possible, NumSums };

  SmallVector<Value> writeStep(const BlockRows &rows, Value tile,
                               ValueRange sums);
  Value writeProduct(Value first);
  void writeResults(const BlockRows &rows, ValueRange sums);

  /// `sum` and, of each row, the values of `tile` where `condition`.
  Value addWhere(Value sum, Value condition, Value tile) {
    Value kept = b.select(condition, tile, b.filled(score, 0));
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

  BlockSizes sizes;
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

Value CoverageWriter::writeProduct(Value first) {
  Value product = writeSplitProduct(
      b, score,
      loadSplitTile(b, b.buffer(queryPool), batch, head, firstRow, kRows),
      loadSplitTile(b, b.buffer(keyPool), batch, keyHead, first, kColumns));
  double factor = op.getScale()->convertToDouble() * kLog2E;
  return arith::MulFOp::create(b, product, b.filled(score, factor));
}

SmallVector<Value> CoverageWriter::writeStep(const BlockRows &rows, Value tile,
                                             ValueRange sums) {
  auto spread = [&](Value value, RankedTensorType type) {
    return b.broadcast(value, type);
  };
  Value first = b.mul(tile, b.i32(kColumns));
  Value product = writeProduct(first);
  RankedTensorType columns = b.column(kColumns, b.getI32Type());
  Value number = b.add(tile::IotaOp::create(b, columns),
                       b.like(first, b.splat(b.i32(0), columns)));
  Value column = spread(number, index);
  Value isCandidate = writeCandidates(b, sizes, rows, column);
  Value isPossible =
      b.compare(IntPredicate::slt, column, b.like(sizes.keyBlocks, column));
  if (list.getCausal()) {
    // Blocks that do not exist have no position that is seen.
    Value smallest =
        tile::ReadOp::create(b, columns, b.buffer(ranges),
                             ValueRange{batch, keyHead, first, b.i32(0)},
                             b.i32(kMaxInt), b.getI64IntegerAttr(2));
    isPossible = b.compare(IntPredicate::sle, spread(smallest, index),
                           spread(rows.high, index));
  }
  Value words =
      tile::ReadOp::create(b, quad.clone(b.getI32Type()), b.buffer(bits),
                           ValueRange{batch, head, firstRow,
                                      b.mul(tile, b.i32(kColumns / kWordBits))},
                           /*other=*/Value(), /*dim=*/IntegerAttr());
  Value isListed =
      tile::UnpackBitsOp::create(b, score.clone(b.getI1Type()), words);

  Value exponents = b.select(isCandidate, product, b.filled(score, -kInfinity));
  Value largest = tile::ReduceOp::create(b, row, tile::ReduceKind::Max,
                                         exponents, /*dim=*/1,
                                         /*offset=*/IntegerAttr());
  SmallVector<Value> next(NumSums);
  next[Max] = arith::MaxNumFOp::create(b, sums[Max], largest);
  // Before the first candidate: -inf minus -inf would be NaN.
  Value isNone =
      b.compare(FloatPredicate::OEQ, next[Max], b.filled(row, -kInfinity));
  Value offset =
      arith::NegFOp::create(b, b.select(isNone, b.filled(row, 0), next[Max]));
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
      addWhere(scaled(sums[Covered]), b.both(isCandidate, isListed), mass);
  next[Taken] = addWhere(sums[Taken], b.both(isCandidate, isListed), one);
  next[Listed] = addWhere(sums[Listed], b.both(isPossible, isListed), one);
  next[Possible] = addWhere(sums[Possible], isPossible, one);
  return next;
}

void CoverageWriter::writeResults(const BlockRows &rows, ValueRange sums) {
  SmallVector<Value> whole(sums);
  for (Value &sum : MutableArrayRef(whole).drop_front())
    sum = tile::ReduceOp::create(b, row, tile::ReduceKind::Add, sum, /*dim=*/1,
                                 /*offset=*/IntegerAttr());
  Value count = rows.bound;
  if (!list.getCausal())
    count = b.sub(count, b.sub(rows.ownEnd, rows.ownBegin));
  Value candidates = arith::SIToFPOp::create(b, row, count);
  Value zero = b.filled(row, 0), one = b.filled(row, 1);
  Value isNumber = b.both(
      b.compare(FloatPredicate::OGT, whole[All], zero),
      b.compare(FloatPredicate::OLT, whole[All], b.filled(row, kInfinity)));
  Value hasCandidate = b.compare(FloatPredicate::OGT, candidates, zero);
  Value part = b.select(isNumber, whole[Covered], whole[Taken]);
  Value all = b.select(isNumber, whole[All], candidates);
  Value share =
      arith::DivFOp::create(b, part, b.select(hasCandidate, all, one));
  Value results[] = {whole[Listed], whole[Possible],
                     b.select(hasCandidate, share, zero),
                     b.select(hasCandidate, one, zero)};
  for (auto [i, value] : llvm::enumerate(results))
    tile::WriteOp::create(b, value, b.buffer(result),
                          ValueRange{batch, head, firstRow, b.i32(i)},
                          b.getI64IntegerAttr(2));
}

void CoverageWriter::write() {
  sizes = writeBlockSizes(b, list.getCausal(), list.getSegment(),
                          b.dim(b.buffer(query), 2), b.dim(b.buffer(key), 2));
  Value rowsOf = b.buffer(result), heads = b.dim(rowsOf, 1);
  Value perKeyHead = b.div(heads, b.dim(b.buffer(key), 1));
  auto items = tile::ForEachOp::create(
      b, b.dim(rowsOf, 0), heads, b.ceilDiv(b.dim(rowsOf, 2), kRows), heads);
  b.setInsertionPointToStart(&items.getBody().front());
  batch = items.getBody().getArgument(0);
  head = items.getBody().getArgument(1);
  firstRow = b.mul(items.getBody().getArgument(2), b.i32(kRows));
  keyHead = b.div(head, perKeyHead);
  Value number = tile::IotaOp::create(b, b.row(kRows, b.getI32Type()));
  Value block = b.add(number, b.like(firstRow, number));
  Value exists =
      b.compare(IntPredicate::slt, block, b.like(sizes.queryBlocks, block));
  BlockRows rows = writeBlockRows(b, sizes, block, exists);
  SmallVector<Value> init(NumSums, b.filled(quad, 0));
  init[Max] = b.filled(row, -kInfinity);
  auto loop = scf::ForOp::create(
      b, b.i32(0), b.ceilDiv(sizes.keyBlocks, kColumns), b.i32(1), init,
      [&](OpBuilder &, Location, Value tile, ValueRange sums) {
        scf::YieldOp::create(b, writeStep(rows, tile, sums));
      });
  writeResults(rows, loop.getResults());
}

std::optional<std::string>
mlir::pbs::writeKernel(RowCoverageOp op, plan::KernelOp kernel, Block *module) {
  BlockListType list = op.getList().getType();
  if (std::optional<std::string> reason = refuseSplitPool(
          op.getQueryPool().getType(), op.getScale().has_value()))
    return reason;
  if (list.getQueryBlock() != kBlock || list.getKeyBlock() != kBlock) {
    std::string reason;
    llvm::raw_string_ostream(reason)
        << "expected blocks of " << kBlock << "x" << kBlock << ", got " << list;
    return reason;
  }
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
