//===- BlockScores.cpp - Scores of pooled blocks as tiles -----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelWriter.h"
#include "Kernels.h"
#include "Proxy.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::pbs;

/// Query and key blocks of a tile of scores.
static constexpr int64_t kRows = 128;
static constexpr int64_t kColumns = 128;

std::optional<std::string>
mlir::pbs::writeKernel(BlockScoresOp op, plan::KernelOp kernel, Block *module) {
  RankedTensorType pool = op.getQueryPool().getType();
  int64_t headDim = pool.getShape().back() / 2;
  std::string reason;
  llvm::raw_string_ostream stream(reason);
  if (!pool.getElementType().isBF16())
    stream << "expected split pools (pbs-split-pools), got " << pool;
  else if (headDim != 64 && headDim != 128)
    stream << "expected a head dimension of 64 or 128, got " << headDim;
  else if (!op.getScale())
    stream << "expected a scale (pbs-split-pools), got none";
  if (!reason.empty())
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
  auto load = [&](Value from, Value ofHead, Value first, int64_t rows,
                  int64_t column) -> Value {
    auto type = tile::BufferType::get(b.getContext(), {rows, headDim},
                                      b.getBF16Type(), kSwizzleBytes);
    return tile::LoadOp::create(
        b, type, from, ValueRange{batch, ofHead, first, b.i32(column)});
  };
  Value queriesHigh = load(queries, head, firstRow, kRows, 0);
  Value queriesLow = load(queries, head, firstRow, kRows, headDim);
  RankedTensorType type = b.acc(kRows, kColumns, b.getF32Type());
  scf::ForOp::create(
      b, b.i32(0), b.ceilDiv(b.dim(keys, 2), kColumns), b.i32(1), ValueRange(),
      [&](OpBuilder &, Location, Value tile, ValueRange) {
        Value first = b.mul(tile, b.i32(kColumns));
        Value keysHigh = load(keys, keyHead, first, kColumns, 0);
        Value keysLow = load(keys, keyHead, first, kColumns, headDim);
        Value product;
        auto add = [&](Value x, Value y) {
          product = tile::DotOp::create(b, type, x, y, product,
                                        /*transpose_b=*/true);
        };
        add(queriesHigh, keysHigh);
        add(queriesHigh, keysLow);
        add(queriesLow, keysHigh);
        double scale = op.getScale()->convertToDouble();
        tile::WriteOp::create(
            b, arith::MulFOp::create(b, product, b.filled(type, scale)),
            b.buffer(kScores), ValueRange{batch, head, firstRow, first},
            /*dim=*/IntegerAttr());
        scf::YieldOp::create(b);
      });
  return std::nullopt;
}
