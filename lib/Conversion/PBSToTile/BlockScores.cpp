//===- BlockScores.cpp - Scores of pooled blocks as tiles -----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelWriter.h"
#include "Kernels.h"
#include "SplitPools.h"

using namespace mlir;
using namespace mlir::pbs;

/// Query and key blocks of a tile of scores.
static constexpr int64_t kRows = 128;
static constexpr int64_t kColumns = 128;

std::optional<std::string>
mlir::pbs::writeKernel(BlockScoresOp op, plan::KernelOp kernel, Block *module) {
  if (std::optional<std::string> reason = refuseSplitPool(
          op.getQueryPool().getType(), op.getScale().has_value()))
    return reason;
  constexpr unsigned kQueries = 0, kKeys = 1, kScores = 2;
  KernelWriter b(kernel, module, {kQueries, kKeys, kScores},
                 {kernel.getExtent(kQueries, 0), kernel.getExtent(kQueries, 1),
                  kernel.getExtent(kQueries, 2).ceilDiv(kRows)});
  Value queries = b.buffer(kQueries), keys = b.buffer(kKeys);
  Value heads = b.dim(queries, 1);
  Value perKeyHead = b.div(heads, b.dim(keys, 1));
  auto items = tile::ForEachOp::create(
      b, b.dim(queries, 0), heads, b.ceilDiv(b.dim(queries, 2), kRows), heads);
  b.setInsertionPointToStart(&items.getBody().front());
  Value batch = items.getBody().getArgument(0);
  Value head = items.getBody().getArgument(1);
  Value firstRow = b.mul(items.getBody().getArgument(2), b.i32(kRows));
  Value keyHead = b.div(head, perKeyHead);
  SplitTile rows = loadSplitTile(b, queries, batch, head, firstRow, kRows);
  RankedTensorType type = b.acc(kRows, kColumns, b.getF32Type());
  scf::ForOp::create(
      b, b.i32(0), b.ceilDiv(b.dim(keys, 2), kColumns), b.i32(1), ValueRange(),
      [&](OpBuilder &, Location, Value tile, ValueRange) {
        Value first = b.mul(tile, b.i32(kColumns));
        Value product = writeSplitProduct(
            b, type, rows,
            loadSplitTile(b, keys, batch, keyHead, first, kColumns));
        double scale = op.getScale()->convertToDouble();
        tile::WriteOp::create(
            b, arith::MulFOp::create(b, product, b.filled(type, scale)),
            b.buffer(kScores), ValueRange{batch, head, firstRow, first},
            /*dim=*/IntegerAttr());
        scf::YieldOp::create(b);
      });
  return std::nullopt;
}
