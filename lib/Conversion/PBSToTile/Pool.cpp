//===- Pool.cpp - Pooling as tiles ----------------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelWriter.h"
#include "Kernels.h"
#include "pbs/Conversion/PBSToTile/Policies.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::pbs;

/// A tile has whole vectors for all threads, and fits their registers.
static constexpr int64_t kRowMultiple = 32;
static constexpr int64_t kMaxRows = 128;

/// Writes `pool` as pairs of bf16, the low halves behind the high ones.
static void writePairs(KernelWriter &b, Value pool, Value pairs,
                       ArrayRef<Value> at, int64_t headDim) {
  auto type = cast<RankedTensorType>(pool.getType());
  RankedTensorType half = type.clone(b.getBF16Type());
  Value high = arith::TruncFOp::create(b, half, pool);
  Value rest =
      arith::SubFOp::create(b, pool, arith::ExtFOp::create(b, type, high));
  Value low = arith::TruncFOp::create(b, half, rest);
  for (auto [i, value] : llvm::enumerate(ArrayRef<Value>{high, low})) {
    SmallVector<Value> indices(at);
    indices.push_back(b.i32(int64_t(i) * headDim));
    tile::WriteOp::create(b, value, pairs, indices, /*dim=*/IntegerAttr());
  }
}

static std::optional<std::string> refuse(PoolOp op) {
  std::string reason;
  llvm::raw_string_ostream stream(reason);
  int64_t headDim = op.getSource().getType().getShape().back();
  int64_t block = op.getBlock();
  if (!isa<TilePoolInterface>(Attribute(op.getPool())))
    stream << kNoPool << op.getPool();
  else if (headDim != 64 && headDim != 128)
    stream << "expected a head dimension of 64 or 128, got " << headDim;
  else if (block % kRowMultiple != 0 || block > kMaxRows)
    stream << "expected a block of a multiple of " << kRowMultiple
           << " rows, at most " << kMaxRows << ", got " << block;
  else
    return std::nullopt;
  return reason;
}

std::optional<std::string>
mlir::pbs::writeKernel(PoolOp op, plan::KernelOp kernel, Block *module) {
  if (std::optional<std::string> reason = refuse(op))
    return reason;
  RankedTensorType type = op.getSource().getType();
  int64_t headDim = type.getShape().back(), block = op.getBlock();
  // Vectors of 16 bytes.
  int64_t vector = 128 / type.getElementTypeBitWidth();
  constexpr unsigned kSource = 0, kResult = 1;
  KernelWriter b(kernel, module, {kSource, kResult},
                 {kernel.getExtent(kResult, 0), kernel.getExtent(kResult, 1),
                  kernel.getExtent(kSource, 2).ceilDiv(block)});
  Value source = b.buffer(kSource), result = b.buffer(kResult);
  Value zero = b.i32(0), size = b.i32(block);
  Value numRows = b.dim(source, 2);
  auto items = tile::ForEachOp::create(b, b.dim(source, 0), b.dim(source, 1),
                                       b.ceilDiv(numRows, block), b.i32(1));
  b.setInsertionPointToStart(&items.getBody().front());
  Value batch = items.getBody().getArgument(0);
  Value head = items.getBody().getArgument(1);
  Value at = items.getBody().getArgument(2);
  Value row0 = b.mul(at, size);
  // Rows past the end are 0.
  Value rows = tile::ReadOp::create(
      b, b.blocked(block, headDim, type.getElementType(), vector), source,
      ValueRange{batch, head, row0, zero}, /*other=*/Value(),
      /*dim=*/IntegerAttr());
  Value pool = cast<TilePoolInterface>(Attribute(op.getPool()))
                   .writePool(b, rows, b.sub(numRows, row0));
  if (op.getResult().getType().getElementType().isBF16())
    writePairs(b, pool, result, {batch, head, at}, headDim);
  else
    tile::WriteOp::create(b, pool, result, ValueRange{batch, head, at, zero},
                          /*dim=*/IntegerAttr());
  return std::nullopt;
}

std::optional<std::string>
mlir::pbs::writeKernel(SplitPoolOp op, plan::KernelOp kernel, Block *module) {
  int64_t headDim = op.getPool().getType().getShape().back();
  if (headDim != 64 && headDim != 128) {
    std::string reason;
    llvm::raw_string_ostream(reason)
        << "expected a head dimension of 64 or 128, got " << headDim;
    return reason;
  }
  constexpr unsigned kPool = 0, kPairs = 1;
  // Vectors of 8 are 16 bytes of bf16.
  constexpr int64_t kRows = 64, kVector = 8;
  KernelWriter b(kernel, module, {kPool, kPairs},
                 {kernel.getExtent(kPool, 0), kernel.getExtent(kPool, 1),
                  kernel.getExtent(kPool, 2).ceilDiv(kRows)});
  Value pool = b.buffer(kPool), pairs = b.buffer(kPairs);
  auto items =
      tile::ForEachOp::create(b, b.dim(pool, 0), b.dim(pool, 1),
                              b.ceilDiv(b.dim(pool, 2), kRows), b.i32(1));
  b.setInsertionPointToStart(&items.getBody().front());
  Value batch = items.getBody().getArgument(0);
  Value head = items.getBody().getArgument(1);
  Value first = b.mul(items.getBody().getArgument(2), b.i32(kRows));
  RankedTensorType type = b.blocked(kRows, headDim, b.getF32Type(), kVector);
  Value x = tile::ReadOp::create(b, type, pool,
                                 ValueRange{batch, head, first, b.i32(0)},
                                 /*other=*/Value(), /*dim=*/IntegerAttr());
  writePairs(b, x, pairs, {batch, head, first}, headDim);
  return std::nullopt;
}
