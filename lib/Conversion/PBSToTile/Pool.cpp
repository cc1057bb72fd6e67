//===- Pool.cpp - Pooling as tiles ----------------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelWriter.h"
#include "Kernels.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::pbs;

/// A tile has whole vectors for all threads, and fits their registers.
static constexpr int64_t kRowMultiple = 32;
static constexpr int64_t kMaxRows = 128;

static std::optional<std::string> refuse(PoolOp op) {
  std::string reason;
  llvm::raw_string_ostream stream(reason);
  int64_t headDim = op.getSource().getType().getShape().back();
  int64_t block = op.getBlock();
  if (!isa<MeanPoolAttr>(op.getPool()))
    stream << "expected #pbs.mean_pool, got " << op.getPool();
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
  tile::WriteOp::create(b, b.mean(rows, b.sub(numRows, row0)), result,
                        ValueRange{batch, head, at, zero},
                        /*dim=*/IntegerAttr());
  return std::nullopt;
}
