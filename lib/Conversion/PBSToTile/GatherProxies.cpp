//===- GatherProxies.cpp - Gathering of proxy rows as tiles ---------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "Proxy.h"
#include "pbs/Conversion/PBSToTile/Policies.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::pbs;

std::optional<std::string> mlir::pbs::writeKernel(GatherProxiesOp op,
                                                  plan::KernelOp kernel,
                                                  Block *module) {
  auto proxy = dyn_cast<TileProxyInterface>(Attribute(op.getProxy()));
  RankedTensorType type = op.getQuery().getType();
  int64_t headDim = type.getShape().back();
  std::string reason;
  llvm::raw_string_ostream stream(reason);
  if (!proxy)
    stream << "expected a proxy with code for a GPU, such as "
              "#pbs.strided_rows, got "
           << op.getProxy();
  else if (!type.getElementType().isF16() && !type.getElementType().isBF16())
    stream << "expected f16 or bf16, got " << type.getElementType();
  else if (headDim != 64 && headDim != 128)
    stream << "expected a head dimension of 64 or 128, got " << headDim;
  else if (op.getProxy().getMaxRows() > kTileRows)
    stream << "expected at most " << kTileRows << " proxy rows, got "
           << op.getProxy();
  if (!reason.empty())
    return reason;
  // Vectors of 16 bytes.
  constexpr int64_t kVector = 8;
  constexpr unsigned kQueries = 0, kRows = 1;
  KernelWriter b(kernel, module, {kQueries, kRows},
                 {kernel.getExtent(kRows, 0), kernel.getExtent(kRows, 1)});
  Value queries = b.buffer(kQueries), rows = b.buffer(kRows);
  Value numQueries = b.dim(queries, 2);
  auto items = tile::ForEachOp::create(b, b.dim(rows, 0), b.dim(rows, 1),
                                       b.i32(1), b.i32(1));
  b.setInsertionPointToStart(&items.getBody().front());
  Value batch = items.getBody().getArgument(0);
  Value head = items.getBody().getArgument(1);
  RankedTensorType lane = b.lane(kTileRows, b.getI32Type());
  Value numbers = tile::IotaOp::create(b, lane);
  Value count = b.min(b.i32(op.getProxy().getMaxRows()), numQueries);
  auto atLeastOne = [&](Value value) {
    return b.splat(b.max(value, b.i32(1)), lane);
  };
  Value chosen =
      proxy.writeRows(b, numbers, atLeastOne(count), atLeastOne(numQueries));
  // What is outside reads as 0.
  Value exists = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, numbers,
                                       b.splat(count, lane));
  chosen =
      arith::SelectOp::create(b, exists, chosen, b.splat(numQueries, lane));
  Value gathered = tile::GatherOp::create(
      b, b.blocked(kTileRows, headDim, type.getElementType(), kVector), queries,
      ValueRange{batch, head}, chosen, /*offset=*/IntegerAttr());
  tile::WriteOp::create(b, gathered, rows,
                        ValueRange{batch, head, b.i32(0), b.i32(0)},
                        /*dim=*/IntegerAttr());
  return std::nullopt;
}
