//===- ProxyStats.cpp - Statistics of proxy rows as tiles -----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exponents are `score * scale * log2(e) + offset`, the offset a function of
// the maximum alone, and the kernels of importance compute the same: its
// rounding cancels where a probability is divided by the sum.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "Proxy.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::pbs;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::optional<std::string> ProxyTask::refuse() const {
  std::string reason;
  llvm::raw_string_ostream stream(reason);
  int64_t headDim = query.getShape().back();
  Type element = query.getElementType();
  if (!element.isF16() && !element.isBF16())
    stream << "expected f16 or bf16, got " << element;
  else if (headDim != 64 && headDim != 128)
    stream << "expected a head dimension of 64 or 128, got " << headDim;
  else if (getMaxRows() > kTileRows)
    stream << "expected at most " << kTileRows << " proxy rows, got " << proxy;
  else if (!proxies && !proxy.areLastRows())
    stream << "expected gathered proxy rows (pbs-gather-proxies), got none of "
           << proxy;
  else if (segment % kTileRows != 0)
    stream << "expected a segment of a multiple of " << kTileRows
           << " keys, got " << segment;
  else
    return std::nullopt;
  return reason;
}

ProxyWriter::ProxyWriter(KernelWriter &b, const ProxyTask &task, Value query,
                         Value key, Value numStats, RankedTensorType scoreType)
    : b(b), task(task), query(query), key(key), scoreType(scoreType) {
  numQueries = b.dim(query, 2);
  numRows = b.min(b.i32(task.getMaxRows()), numQueries);
  rows = task.proxies ? b.buffer(*task.proxies) : query;
  firstRow = task.proxies ? b.i32(0) : b.sub(numQueries, numRows);
  keyBlocks = b.mul(b.div(b.dim(key, 2), b.i32(task.segment)),
                    b.i32(task.segment / kTileRows));
  averaged = b.div(b.dim(query, 1), numStats);
  Value factor = b.f32(task.scale * kLog2E);
  if (task.averages())
    factor = arith::DivFOp::create(b, factor, toFloat(averaged));
  scales = b.splat(factor, scoreType);
}

Value ProxyWriter::toFloat(Value integer) {
  return arith::SIToFPOp::create(b, b.getF32Type(), integer);
}

Value ProxyWriter::load(Value source, Value batch, Value head, Value first,
                        int64_t size) {
  auto type = tile::BufferType::get(b.getContext(),
                                    {size, task.query.getShape().back()},
                                    task.query.getElementType(), kSwizzleBytes);
  return tile::LoadOp::create(b, type, source,
                              ValueRange{batch, head, first, b.i32(0)});
}

Value ProxyWriter::loadKeys(Value batch, Value head, Value first,
                            int64_t size) {
  return load(key, batch, head, first, size);
}

Value ProxyWriter::loadRows(Value batch, Value head, Value first,
                            int64_t size) {
  return load(rows, batch, head, b.add(firstRow, first), size);
}

Value ProxyWriter::writeOffset(Value maxima) {
  auto type = cast<RankedTensorType>(maxima.getType());
  Value scaled = arith::MulFOp::create(b, maxima, b.filled(type, kLog2E));
  return arith::NegFOp::create(b, scaled);
}

namespace {
/// Statistics so far: maximum of the scaled scores, the offset of exponents
/// that follows from it, and the sum, a #tile.quad.
struct Stats {
  Value max, offset, sum;
};

class StatsWriter {
public:
  StatsWriter(const ProxyTask &task, int64_t splits, unsigned queryBuffer,
              unsigned keyBuffer, plan::KernelOp kernel, Block *module);
  void write();

private:
  Stats writeStep(Value keys, Value rows, const Stats &s);
  Value writeProduct(Value keys, Value rows);
  Value loadRows(Value queryHead) {
    return proxy->loadRows(batch, queryHead, b.i32(0), kTileRows);
  }

  static SmallVector<unsigned> getBuffers(const ProxyTask &task, unsigned query,
                                          unsigned key, unsigned result) {
    SmallVector<unsigned> buffers{query, key, result};
    if (task.proxies)
      buffers.push_back(*task.proxies);
    return buffers;
  }
  static SmallVector<AffineExpr> getItems(plan::KernelOp kernel,
                                          unsigned stats) {
    return {kernel.getExtent(stats, 0), kernel.getExtent(stats, 1)};
  }

  const ProxyTask &task;
  int64_t splits;
  unsigned resultBuffer;
  KernelWriter b;
  Value result, batch, head;
  std::optional<ProxyWriter> proxy;
};
} // namespace

StatsWriter::StatsWriter(const ProxyTask &task, int64_t splits,
                         unsigned queryBuffer, unsigned keyBuffer,
                         plan::KernelOp kernel, Block *module)
    : task(task), splits(splits), resultBuffer(*kernel.findResultBuffer(0)),
      b(kernel, module, getBuffers(task, queryBuffer, keyBuffer, resultBuffer),
        getItems(kernel, resultBuffer)) {
  result = b.buffer(resultBuffer);
  Value numStats = b.div(b.dim(result, 1), b.i32(splits));
  proxy.emplace(b, task, b.buffer(queryBuffer), b.buffer(keyBuffer), numStats,
                b.acc(kTileRows, kTileRows, b.getF32Type()));
}

/// Scores before they are scaled, a row for each proxy row. Where queries are
/// averaged, the sum of the products of the group: nothing is rounded between.
Value StatsWriter::writeProduct(Value keys, Value rows) {
  if (!task.averages())
    return tile::DotOp::create(b, proxy->scoreType, rows, keys, /*acc=*/Value(),
                               /*transpose_b=*/true);
  auto loop =
      scf::ForOp::create(b, b.i32(0), proxy->averaged, b.i32(1),
                         ValueRange{b.filled(proxy->scoreType, 0)},
                         [&](OpBuilder &, Location, Value a, ValueRange acc) {
                           Value query = b.add(b.mul(head, proxy->averaged), a);
                           Value sum = tile::DotOp::create(
                               b, proxy->scoreType, loadRows(query), keys,
                               acc.front(), /*transpose_b=*/true);
                           scf::YieldOp::create(b, sum);
                         });
  return loop.getResult(0);
}

Stats StatsWriter::writeStep(Value keys, Value rows, const Stats &s) {
  RankedTensorType rowType = b.row(kTileRows, b.getF32Type());
  RankedTensorType quad = b.quad(kTileRows);
  Value product = writeProduct(keys, rows);
  // With a negative scale the smallest product is the largest score.
  auto kind = task.scale < 0 ? tile::ReduceKind::Min : tile::ReduceKind::Max;
  Value extreme = tile::ReduceOp::create(b, rowType, kind, product, /*dim=*/1,
                                         /*offset=*/IntegerAttr());
  Value factor = b.f32(task.scale);
  if (task.averages())
    factor = arith::DivFOp::create(b, factor, proxy->toFloat(proxy->averaged));
  Value largest = arith::MulFOp::create(b, extreme, b.splat(factor, rowType));
  Stats next;
  next.max = arith::MaxNumFOp::create(b, s.max, largest);
  next.offset = proxy->writeOffset(next.max);
  Value exponents = math::FmaOp::create(
      b, product, proxy->scales, b.broadcast(next.offset, proxy->scoreType));
  Value p = math::Exp2Op::create(b, exponents);
  // The first offset is infinite: the factor of an empty sum is 0.
  Value alpha =
      math::Exp2Op::create(b, arith::SubFOp::create(b, next.offset, s.offset));
  Value sum = tile::ReduceOp::create(b, quad, tile::ReduceKind::Add, p,
                                     /*dim=*/1, /*offset=*/IntegerAttr());
  next.sum = math::FmaOp::create(b, s.sum, b.broadcast(alpha, quad), sum);
  return next;
}

void StatsWriter::write() {
  RankedTensorType rowType = b.row(kTileRows, b.getF32Type());
  Value parts = b.i32(splits);
  Value perPart = b.ceilDiv(proxy->keyBlocks, splits);
  Value statsPerKey =
      b.div(b.div(b.dim(result, 1), parts), b.dim(proxy->key, 1));
  auto items = tile::ForEachOp::create(b, b.dim(result, 0), b.dim(result, 1),
                                       b.i32(1), b.dim(result, 1));
  b.setInsertionPointToStart(&items.getBody().front());
  batch = items.getBody().getArgument(0);
  Value item = items.getBody().getArgument(1);
  head = b.div(item, parts);
  Value part = b.sub(item, b.mul(head, parts));
  Value begin = b.min(b.mul(part, perPart), proxy->keyBlocks);
  Value end = b.min(b.add(begin, perPart), proxy->keyBlocks);
  Value kvHead = b.div(head, statsPerKey);
  Value rows;
  if (!task.averages())
    rows = loadRows(head);
  SmallVector<Value> first{b.filled(rowType, -kInfinity),
                           b.filled(rowType, kInfinity),
                           b.filled(b.quad(kTileRows), 0)};
  auto loop = scf::ForOp::create(
      b, b.i32(0), b.sub(end, begin), b.i32(1), first,
      [&](OpBuilder &, Location, Value j, ValueRange s) {
        Value first = b.mul(b.add(begin, j), b.i32(kTileRows));
        Value keys = proxy->loadKeys(batch, kvHead, first, kTileRows);
        Stats next = writeStep(keys, rows, {s[0], s[1], s[2]});
        scf::YieldOp::create(b, ValueRange{next.max, next.offset, next.sum});
      });
  Value sum = tile::ReduceOp::create(b, rowType, tile::ReduceKind::Add,
                                     loop.getResult(2), /*dim=*/1,
                                     /*offset=*/IntegerAttr());
  // Rows that do not exist are zeros in the tile.
  RankedTensorType indexType = b.row(kTileRows, b.getI32Type());
  Value exists = arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                       tile::IotaOp::create(b, indexType),
                                       b.splat(proxy->numRows, indexType));
  Value max = arith::SelectOp::create(b, exists, loop.getResult(0), first[0]);
  sum = arith::SelectOp::create(b, exists, sum, b.filled(rowType, 0));
  for (auto [i, value] : llvm::enumerate(ArrayRef<Value>{max, sum}))
    tile::WriteOp::create(b, value, result,
                          ValueRange{batch, item, b.i32(0), b.i32(i)},
                          b.getI64IntegerAttr(2));
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

template <typename StatsOp>
static std::optional<std::string>
writeStats(StatsOp op, int64_t splits, plan::KernelOp kernel, Block *module) {
  ProxyTask task(op, op.getSegment());
  if (std::optional<std::string> reason = task.refuse())
    return reason;
  StatsWriter(task, splits, getBuffer(op.getQuery()), getBuffer(op.getKey()),
              kernel, module)
      .write();
  return std::nullopt;
}

std::optional<std::string>
mlir::pbs::writeKernel(ProxyStatsOp op, plan::KernelOp kernel, Block *module) {
  return writeStats(op, /*splits=*/1, kernel, module);
}

std::optional<std::string> mlir::pbs::writeKernel(SplitProxyStatsOp op,
                                                  plan::KernelOp kernel,
                                                  Block *module) {
  return writeStats(op, op.getSplits(), kernel, module);
}

std::optional<std::string>
mlir::pbs::writeKernel(MergeStatsOp op, plan::KernelOp kernel, Block *module) {
  int64_t rows = op.getParts().getType().getShape()[2];
  if (ShapedType::isDynamic(rows) || rows > kTileRows) {
    std::string reason;
    llvm::raw_string_ostream(reason)
        << "expected at most " << kTileRows << " rows, got "
        << op.getParts().getType();
    return reason;
  }
  constexpr unsigned kParts = 0, kResult = 1;
  KernelWriter b(kernel, module, {kParts, kResult},
                 {kernel.getExtent(kResult, 0), kernel.getExtent(kResult, 1)});
  Value parts = b.buffer(kParts), result = b.buffer(kResult);
  Value splits = b.i32(op.getSplits());
  RankedTensorType type = b.lane(kTileRows, b.getF32Type());
  auto items = tile::ForEachOp::create(b, b.dim(result, 0), b.dim(result, 1),
                                       b.i32(1), b.i32(1));
  b.setInsertionPointToStart(&items.getBody().front());
  Value batch = items.getBody().getArgument(0);
  Value head = items.getBody().getArgument(1);
  Value firstPart = b.mul(head, splits);
  auto read = [&](Value part, int64_t which) -> Value {
    return tile::ReadOp::create(
        b, type, parts,
        ValueRange{batch, b.add(firstPart, part), b.i32(0), b.i32(which)},
        /*other=*/Value(), b.getI64IntegerAttr(2));
  };
  auto reduce = [&](double init, function_ref<Value(Value, Value)> step) {
    return scf::ForOp::create(
               b, b.i32(0), splits, b.i32(1), ValueRange{b.filled(type, init)},
               [&](OpBuilder &, Location, Value part, ValueRange carried) {
                 scf::YieldOp::create(b, step(part, carried.front()));
               })
        .getResult(0);
  };
  auto writeOffset = [&](Value maxima) -> Value {
    return arith::NegFOp::create(
        b, arith::MulFOp::create(b, maxima, b.filled(type, kLog2E)));
  };
  Value max = reduce(-kInfinity, [&](Value part, Value max) -> Value {
    return arith::MaxNumFOp::create(b, max, read(part, 0));
  });
  // Where there are no keys at all, -inf minus -inf would be NaN.
  Value none = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, max,
                                     b.filled(type, -kInfinity));
  Value offset =
      arith::SelectOp::create(b, none, b.filled(type, 0), writeOffset(max));
  Value sum = reduce(0, [&](Value part, Value sum) -> Value {
    Value factor = math::Exp2Op::create(
        b, arith::SubFOp::create(b, offset, writeOffset(read(part, 0))));
    return math::FmaOp::create(b, read(part, 1), factor, sum);
  });
  for (auto [i, value] : llvm::enumerate(ArrayRef<Value>{max, sum}))
    tile::WriteOp::create(b, value, result,
                          ValueRange{batch, head, b.i32(0), b.i32(i)},
                          b.getI64IntegerAttr(2));
  return std::nullopt;
}
