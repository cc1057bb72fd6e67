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

using namespace mlir;
using namespace mlir::pbs;

/// Proxy rows of a tile: few, so that four warpgroups have registers for them.
static constexpr int64_t kProxyRows = 64;

/// Keys of a tile, 64 for each warpgroup that computes: four of them where
/// segments allow it, since nothing else hides the latencies of sort and
/// gather.
static int64_t chooseTileKeys(const ProxyTask &task) {
  constexpr int64_t kTallTile = 256;
  return task.segment % kTallTile == 0 ? kTallTile : kTileRows;
}

ImportanceWriter::ImportanceWriter(KernelWriter &b, const ProxyTask &task,
                                   Value query, Value key, Value stats,
                                   Value numHeads)
    : b(b), task(task), tileKeys(chooseTileKeys(task)),
      proxyTiles(llvm::divideCeil(task.getMaxRows(), kProxyRows)),
      proxy(b, task, query, key, b.dim(stats, 1),
            b.acc(tileKeys, kProxyRows, b.getF32Type())),
      stats(stats), softmaxes(b.div(b.dim(stats, 1), numHeads)),
      permutationsPerKey(b.div(numHeads, b.dim(key, 1))) {}

ImportanceWriter::ProxyTile ImportanceWriter::getProxyTile(Value head,
                                                           Value number) {
  Value tiles = b.i32(proxyTiles);
  Value softmax = b.div(number, tiles);
  return {b.add(b.mul(head, softmaxes), softmax),
          b.mul(b.sub(number, b.mul(softmax, tiles)), b.i32(kProxyRows))};
}

ImportanceWriter::RowStats ImportanceWriter::readStats(Value batch,
                                                       const ProxyTile &at) {
  // All of them in each warp, so that no warp waits for another.
  RankedTensorType type = b.wideColumn(kProxyRows, b.getF32Type());
  auto read = [&](int64_t which) -> Value {
    return tile::ReadOp::create(
        b, type, stats, ValueRange{batch, at.statsHead, at.first, b.i32(which)},
        /*other=*/Value(), b.getI64IntegerAttr(2));
  };
  Value max = read(0);
  return {max, read(1)};
}

Value ImportanceWriter::writeColumn(Value values, const ProxyTile &at) {
  RankedTensorType indices = b.wideColumn(kProxyRows, b.getI32Type());
  Value exists =
      b.compare(arith::CmpIPredicate::slt, tile::IotaOp::create(b, indices),
                b.splat(b.sub(proxy.numRows, at.first), indices));
  auto type = cast<RankedTensorType>(values.getType());
  return tile::RelayoutOp::create(b, b.column(kProxyRows, b.getF32Type()),
                                  b.select(exists, values, b.filled(type, 0)),
                                  /*offset=*/IntegerAttr());
}

Value ImportanceWriter::writeFactor(const RowStats &rowStats,
                                    const ProxyTile &at) {
  // One instruction, right to 1 in 2^23 (PTX ISA, rcp.approx).
  auto approximate =
      arith::FastMathFlagsAttr::get(b.getContext(), arith::FastMathFlags::afn);
  auto type = cast<RankedTensorType>(rowStats.sum.getType());
  return writeColumn(
      arith::DivFOp::create(b, b.filled(type, 1), rowStats.sum, approximate),
      at);
}

Value ImportanceWriter::writeSum(Value powers, Value factor,
                                 const ProxyTile &at) {
  RankedTensorType type = proxy.scoreType;
  Value factors = b.broadcast(factor, type);
  auto sum = [&](bool masks) -> Value {
    Value p;
    if (!masks) {
      // In the sum the multiplication and the addition are one instruction.
      auto contract = arith::FastMathFlagsAttr::get(
          b.getContext(), arith::FastMathFlags::contract);
      p = arith::MulFOp::create(b, powers, factors, contract);
    } else {
      // With another instruction: LLVM would move a multiplication that both
      // branches have out of them, away from the addition.
      Value zero = b.filled(type, 0);
      Value none =
          arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, factors, zero);
      p = arith::SelectOp::create(
          b, none, zero, math::FmaOp::create(b, powers, factors, zero));
    }
    return tile::ReduceOp::create(b, b.quad(tileKeys), tile::ReduceKind::Add, p,
                                  /*dim=*/1, /*offset=*/IntegerAttr());
  };
  // Of rows that do not exist products may be 0 * inf, and 0 * NaN would not
  // be 0. The sums are in the branches too: as a select for each probability
  // the masks would cost as much as the exponentials.
  Value all = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, proxy.numRows,
                                    b.add(at.first, b.i32(kProxyRows)));
  auto yield = [&](bool masks) {
    return [&sum, masks, this](OpBuilder &, Location) {
      scf::YieldOp::create(b, sum(masks));
    };
  };
  return scf::IfOp::create(b, all, yield(false), yield(true)).getResult(0);
}

Value ImportanceWriter::writeProduct(Value tile, Value rows, Value sum) {
  return tile::DotOp::create(b, proxy.scoreType, tile, rows, sum,
                             /*transpose_b=*/true);
}

SmallVector<Value> ImportanceWriter::writeSums(Value batch, const ProxyTile &at,
                                               const RowStats &rowStats) {
  auto loadRows = [&](Value query) {
    return proxy.loadRows(batch, query, at.first, kProxyRows);
  };
  SmallVector<Value> products;
  if (task.averages()) {
    // Queries that share a softmax: their products are added up.
    SmallVector<Value> zeros(keys.size(), b.filled(proxy.scoreType, 0));
    auto loop = scf::ForOp::create(
        b, b.i32(0), proxy.averaged, b.i32(1), zeros,
        [&](OpBuilder &, Location, Value a, ValueRange sums) {
          Value rows = loadRows(b.add(b.mul(at.statsHead, proxy.averaged), a));
          SmallVector<Value> next;
          for (auto [tile, sum] : llvm::zip_equal(keys, sums))
            next.push_back(writeProduct(tile, rows, sum));
          scf::YieldOp::create(b, next);
        });
    products = llvm::to_vector_of<Value>(loop.getResults());
  }
  Value rows;
  // One product ahead, so that one runs beside the arithmetic on another.
  auto getProduct = [&](size_t t) {
    if (products.size() == t && t < keys.size())
      products.push_back(writeProduct(keys[t], rows, /*sum=*/Value()));
  };
  if (!task.averages()) {
    rows = loadRows(at.statsHead);
    getProduct(0);
  }
  Value offset = writeColumn(proxy.writeOffset(rowStats.max), at);
  Value factor;
  SmallVector<Value> sums;
  for (size_t t = 0; t < keys.size(); ++t) {
    getProduct(t + 1);
    Value exponents = math::FmaOp::create(b, products[t], proxy.scales,
                                          b.broadcast(offset, proxy.scoreType));
    // Factors have the registers of the offsets, and are on their way during
    // the exponentials.
    if (!factor)
      factor = writeFactor(rowStats, at);
    sums.push_back(writeSum(math::Exp2Op::create(b, exponents), factor, at));
  }
  return sums;
}

SmallVector<Value> ImportanceWriter::write(Value batch, Value head,
                                           Value segment) {
  int64_t numTiles = task.segment / tileKeys;
  RankedTensorType row = b.row(tileKeys, b.getF32Type());
  Value kvHead = b.div(head, permutationsPerKey);
  Value firstKey = b.mul(segment, b.i32(task.segment));
  keys.clear();
  for (int64_t t = 0; t < numTiles; ++t)
    keys.push_back(proxy.loadKeys(
        batch, kvHead, b.add(firstKey, b.i32(t * tileKeys)), tileKeys));

  Value count = b.mul(softmaxes, b.i32(proxyTiles));
  SmallVector<Value> inits(numTiles, b.filled(b.quad(tileKeys), 0));
  auto loop = scf::ForOp::create(
      b, b.i32(0), count, b.i32(1), inits,
      [&](OpBuilder &, Location, Value number, ValueRange totals) {
        ProxyTile at = getProxyTile(head, number);
        SmallVector<Value> sums = writeSums(batch, at, readStats(batch, at));
        for (auto [sum, total] : llvm::zip_equal(sums, totals))
          sum = arith::AddFOp::create(b, total, sum);
        scf::YieldOp::create(b, sums);
      });

  Value rows = proxy.toFloat(b.mul(proxy.numRows, softmaxes));
  Value isComplete = arith::CmpIOp::create(
      b, arith::CmpIPredicate::slt,
      b.mul(segment, b.i32(task.segment / kTileRows)), proxy.keyBlocks);
  SmallVector<Value> importance;
  for (int64_t t = 0; t < numTiles; ++t) {
    Value total = tile::ReduceOp::create(b, row, tile::ReduceKind::Add,
                                         loop.getResult(t), /*dim=*/1,
                                         /*offset=*/IntegerAttr());
    Value mean = arith::DivFOp::create(b, total, b.splat(rows, row));
    // Segments are complete or not as a whole.
    importance.push_back(arith::SelectOp::create(
        b, b.splat(isComplete, b.row(tileKeys, b.getI1Type())), mean,
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
  unsigned query = getBuffer(op.getQuery());
  unsigned key = getBuffer(op.getKey());
  unsigned stats = getBuffer(op.getStats());
  unsigned result = *kernel.findResultBuffer(0);
  int64_t segment = task.segment;
  SmallVector<unsigned> buffers{query, key, stats, result};
  if (task.proxies)
    buffers.push_back(*task.proxies);
  KernelWriter b(kernel, module, buffers,
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
        ValueRange{batch, head, b.add(first, b.i32(t * writer.getTileKeys()))},
        /*dim=*/IntegerAttr());
  return std::nullopt;
}
