//===- SplitPools.cpp - Products of pools as pairs of bf16 ----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SplitPools.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::pbs;

SplitTile mlir::pbs::loadSplitTile(KernelWriter &b, Value pool, Value batch,
                                   Value head, Value first, int64_t rows) {
  auto global = cast<tile::GlobalType>(pool.getType());
  int64_t headDim = global.getShape().back() / 2;
  auto type = tile::BufferType::get(b.getContext(), {rows, headDim},
                                    global.getElementType(), kSwizzleBytes);
  auto load = [&](int64_t column) -> Value {
    return tile::LoadOp::create(b, type, pool,
                                ValueRange{batch, head, first, b.i32(column)});
  };
  Value high = load(0);
  return {high, load(headDim)};
}

Value mlir::pbs::writeSplitProduct(KernelWriter &b, RankedTensorType type,
                                   const SplitTile &x, const SplitTile &y) {
  Value product;
  auto add = [&](Value left, Value right) {
    product = tile::DotOp::create(b, type, left, right, product,
                                  /*transpose_b=*/true);
  };
  add(x.high, y.high);
  add(x.high, y.low);
  add(x.low, y.high);
  return product;
}

std::optional<std::string> mlir::pbs::refuseSplitPool(RankedTensorType pool,
                                                      bool hasScale) {
  int64_t headDim = pool.getShape().back() / 2;
  std::string reason;
  llvm::raw_string_ostream stream(reason);
  if (!pool.getElementType().isBF16())
    stream << "expected split pools (pbs-split-pools), got " << pool;
  else if (headDim != 64 && headDim != 128)
    stream << "expected a head dimension of 64 or 128, got " << headDim;
  else if (!hasScale)
    stream << "expected a scale (pbs-split-pools), got none";
  else
    return std::nullopt;
  return reason;
}
