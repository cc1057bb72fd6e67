//===- Importance.cpp - Importance of keys as tiles -----------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products have a row for each key and a column for each proxy row, so that the
// importance of a key is the sum of a row, which needs no exchange of warps.
//
//===----------------------------------------------------------------------===//

#include "Importance.h"
#include "Kernels.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <limits>

using namespace mlir;
using namespace mlir::pbs;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

ImportanceWriter::ImportanceWriter(KernelWriter &b, const ProxyTask &task,
                                   Value query, Value key, Value stats,
                                   Value numHeads)
    : b(b), task(task), proxy(b, task, query, key, b.dim(stats, 1)),
      stats(stats), softmaxes(b.div(b.dim(stats, 1), numHeads)),
      permutationsPerKey(b.div(numHeads, b.dim(key, 1))) {}

std::pair<Value, Value> ImportanceWriter::readStats(Value batch, Value head) {
  RankedTensorType lane = b.lane(kTileRows, b.getF32Type());
  auto read = [&](int64_t which) -> Value {
    return tile::ReadOp::create(b, lane, stats,
                                ValueRange{batch, head, b.i32(0), b.i32(which)},
                                /*other=*/Value(), b.getI64IntegerAttr(2));
  };
  Value max = read(0);
  return {max, read(1)};
}

ImportanceWriter::Columns
ImportanceWriter::writeColumns(std::pair<Value, Value> stats) {
  Type f32 = b.getF32Type();
  RankedTensorType lane = b.lane(kTileRows, f32);
  RankedTensorType indexLane = b.lane(kTileRows, b.getI32Type());
  RankedTensorType column = b.column(kTileRows, f32);
  Value exists = arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                       tile::IotaOp::create(b, indexLane),
                                       b.splat(proxy.numRows, indexLane));
  Value zero = b.filled(lane, 0);
  Value offset = proxy.writeOffset(stats.first);
  Value factor = arith::DivFOp::create(b, b.filled(lane, 1), stats.second);
  auto relayout = [&](Value value) -> Value {
    Value masked = arith::SelectOp::create(b, exists, value, zero);
    return tile::RelayoutOp::create(b, column, masked,
                                    /*offset=*/IntegerAttr());
  };
  return {relayout(offset), relayout(factor)};
}

Value ImportanceWriter::writeProbabilities(Value product,
                                           const Columns &columns) {
  RankedTensorType type = proxy.scoreType;
  Value factors = b.broadcast(columns.factor, type);
  Value exponents = math::FmaOp::create(b, product, proxy.scales,
                                        b.broadcast(columns.offset, type));
  // Of rows that do not exist products may be 0 * inf, and 0 * NaN would not
  // be 0.
  Value all = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, proxy.numRows,
                                    b.i32(kTileRows));
  auto masked = scf::IfOp::create(
      b, all,
      [&](OpBuilder &, Location) { scf::YieldOp::create(b, exponents); },
      [&](OpBuilder &, Location) {
        Value none = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ,
                                           factors, b.filled(type, 0));
        scf::YieldOp::create(
            b, arith::SelectOp::create(b, none, b.filled(type, -kInfinity),
                                       exponents)
                   .getResult());
      });
  return arith::MulFOp::create(b, math::Exp2Op::create(b, masked.getResult(0)),
                               factors);
}

SmallVector<Value> ImportanceWriter::write(Value batch, Value head,
                                           Value segment) {
  int64_t numTiles = task.segment / kTileRows;
  RankedTensorType quad = b.quad(kTileRows);
  RankedTensorType row = b.row(kTileRows, b.getF32Type());
  Value kvHead = b.div(head, permutationsPerKey);
  Value firstBlock = b.mul(segment, b.i32(numTiles));
  keys.clear();
  for (int64_t t = 0; t < numTiles; ++t)
    keys.push_back(proxy.loadKeys(batch, kvHead, b.add(firstBlock, b.i32(t))));

  // Queries that share a softmax: their products are added up.
  auto writeProducts = [&](Value softmax) {
    Value statsHead = b.add(b.mul(head, softmaxes), softmax);
    // On its way while products are computed.
    std::pair<Value, Value> rowStats = readStats(batch, statsHead);
    auto add = [&](Value query, ValueRange sums) {
      Value rows = proxy.loadRows(batch, query);
      SmallVector<Value> products;
      for (int64_t t = 0; t < numTiles; ++t)
        products.push_back(tile::DotOp::create(
            b, proxy.scoreType, keys[t], rows, sums.empty() ? Value() : sums[t],
            /*transpose_b=*/true));
      return products;
    };
    SmallVector<Value> products;
    if (!task.averages()) {
      products = add(statsHead, {});
    } else {
      SmallVector<Value> zeros(numTiles, b.filled(proxy.scoreType, 0));
      auto loop = scf::ForOp::create(
          b, b.i32(0), proxy.averaged, b.i32(1), zeros,
          [&](OpBuilder &, Location, Value a, ValueRange sums) {
            Value query = b.add(b.mul(statsHead, proxy.averaged), a);
            scf::YieldOp::create(b, add(query, sums));
          });
      products = llvm::to_vector_of<Value>(loop.getResults());
    }
    Columns columns = writeColumns(rowStats);
    SmallVector<Value> sums;
    for (Value product : products)
      sums.push_back(tile::ReduceOp::create(
          b, quad, tile::ReduceKind::Add, writeProbabilities(product, columns),
          /*dim=*/1,
          /*offset=*/IntegerAttr()));
    return sums;
  };
  SmallVector<Value> zeros(numTiles, b.filled(quad, 0));
  auto loop = scf::ForOp::create(
      b, b.i32(0), softmaxes, b.i32(1), zeros,
      [&](OpBuilder &, Location, Value softmax, ValueRange totals) {
        SmallVector<Value> sums = writeProducts(softmax);
        for (auto [sum, total] : llvm::zip_equal(sums, totals))
          sum = arith::AddFOp::create(b, total, sum);
        scf::YieldOp::create(b, sums);
      });

  Value count = proxy.toFloat(b.mul(proxy.numRows, softmaxes));
  SmallVector<Value> importance;
  for (int64_t t = 0; t < numTiles; ++t) {
    Value total = tile::ReduceOp::create(b, row, tile::ReduceKind::Add,
                                         loop.getResult(t), /*dim=*/1,
                                         /*offset=*/IntegerAttr());
    Value mean = arith::DivFOp::create(b, total, b.splat(count, row));
    // Segments are complete or not as a whole.
    Value isComplete = arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                             firstBlock, proxy.keyBlocks);
    importance.push_back(arith::SelectOp::create(
        b, b.splat(isComplete, b.row(kTileRows, b.getI1Type())), mean,
        b.filled(row, 0)));
  }
  return importance;
}

std::optional<std::string> mlir::pbs::writeKernel(ColumnImportanceOp op,
                                                  plan::KernelOp kernel,
                                                  Block *module) {
  ProxyTask task(op, op.getSegment());
  if (std::optional<std::string> reason = task.refuse())
    return reason;
  unsigned query = cast<BlockArgument>(op.getQuery()).getArgNumber();
  unsigned key = cast<BlockArgument>(op.getKey()).getArgNumber();
  unsigned stats = cast<BlockArgument>(op.getStats()).getArgNumber();
  unsigned result = *kernel.findResultBuffer(0);
  int64_t segment = task.segment;
  KernelWriter b(kernel, module, {query, key, stats, result},
                 {kernel.getExtent(result, 0), kernel.getExtent(result, 1),
                  kernel.getExtent(result, 2).ceilDiv(segment)});
  Value importance = b.buffer(result);
  ImportanceWriter writer(b, task, b.buffer(query), b.buffer(key),
                          b.buffer(stats), b.dim(importance, 1));
  auto items = tile::ForEachOp::create(
      b, b.dim(importance, 0), b.dim(importance, 1),
      b.ceilDiv(b.dim(importance, 2), segment), b.i32(1));
  b.setInsertionPointToStart(&items.getBody().front());
  Value batch = items.getBody().getArgument(0);
  Value head = items.getBody().getArgument(1);
  Value at = items.getBody().getArgument(2);
  Value first = b.mul(at, b.i32(segment));
  for (auto [t, values] : llvm::enumerate(writer.write(batch, head, at)))
    tile::WriteOp::create(
        b, values, importance,
        ValueRange{batch, head, b.add(first, b.i32(t * kTileRows))},
        /*dim=*/IntegerAttr());
  return std::nullopt;
}
