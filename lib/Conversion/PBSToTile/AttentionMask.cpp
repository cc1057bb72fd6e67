//===- AttentionMask.cpp - What rows of attention see ---------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionWriter.h"

using namespace mlir;
using namespace mlir::pbs;

/// Position of a key past the end: greater than every row's.
static constexpr int32_t kNoPosition = std::numeric_limits<int32_t>::max();

//===----------------------------------------------------------------------===//
// Blocks to visit
//===----------------------------------------------------------------------===//

Value AttentionWriter::writeList() {
  Value full = completeBlocks, end = keyBlocks;
  if (task.causal) {
    // The rows have the positions [low, highEnd); negative ones see nothing.
    Value rowEnd = b.min(b.add(row0, b.i32(task.rows)), queries);
    Value highEnd = b.max(b.add(rowEnd, shift), b.i32(0));
    Value lowEnd = b.max(b.add(low, b.i32(1)), b.i32(0));
    if (task.listsOwn)
      ownBlock = b.mul(b.div(b.max(low, b.i32(0)), b.i32(task.segment)),
                       b.i32(task.segment / kBlock));
    if (!task.list || task.ownKey) {
      full = b.div(lowEnd, b.i32(kBlock));
      end = b.ceilDiv(highEnd, kBlock);
    } else if (task.segment != 0) {
      // Whole segments before the rows need no mask; those behind hold no
      // visible key.
      Value perSegment = b.i32(task.segment / kBlock);
      full = b.mul(b.div(lowEnd, b.i32(task.segment)), perSegment);
      end = b.mul(b.ceilDiv(highEnd, task.segment), perSegment);
    } else {
      full = b.i32(0);
    }
    full = b.min(full, completeBlocks);
    end = b.min(end, keyBlocks);
  }
  if (task.ownKey) {
    // Rows keep the maximum of all of their own segments.
    if (task.keepsMaximum)
      full = ownBlock;
    firstMaskedKey = b.mul(full, b.i32(kBlock));
  }
  auto type = [&](tile::ListKind kind) {
    return tile::ListType::get(b.getContext(), kind);
  };
  if (!task.list)
    return tile::RangeListOp::create(b, type(tile::ListKind::Range), full, end);
  return tile::BitListOp::create(
      b, type(tile::ListKind::Bits), b.buffer(*task.list),
      ValueRange{batch, head, block}, full, end, ownBlock, task.isSelected);
}

void AttentionWriter::writeLimits() {
  RankedTensorType type = b.row(task.rows, b.getI32Type());
  Value offsets = tile::IotaOp::create(b, type);
  if (task.causal || task.usesRowPosition())
    rowPositions = b.add(offsets, b.splat(low, type));
  if (comparesColumns())
    return;
  Type half = b.getF16Type();
  RankedTensorType limitType =
      b.acc(task.rows, kBlock, comparesOffsets() ? half : Type(b.getI32Type()));
  if (comparesOffsets())
    limits = b.broadcast(
        arith::SIToFPOp::create(b, b.row(task.rows, half), offsets), limitType);
  else
    limits = task.causal ? b.broadcast(rowPositions, limitType)
                         : b.splat(b.sub(keys, b.i32(1)), limitType);
}

Value AttentionWriter::writeKeyPositions(Value key0) {
  RankedTensorType type = b.column(kBlock, b.getI32Type());
  if (!task.positions)
    return b.add(tile::IotaOp::create(b, type), b.splat(key0, type));
  Value read = tile::ReadOp::create(
      b, b.lane(kBlock, b.getI32Type()), b.buffer(*task.positions),
      ValueRange{batch, kvHead, key0}, b.i32(kNoPosition),
      /*dim=*/IntegerAttr());
  return tile::RelayoutOp::create(b, type, read, /*offset=*/IntegerAttr());
}

Value AttentionWriter::writeKeyOffsets(Value key0) {
  RankedTensorType type = b.wideColumn(kBlock, b.getI32Type());
  Value positions = tile::ReadOp::create(
      b, type, b.buffer(*task.positions), ValueRange{batch, kvHead, key0},
      b.i32(kNoPosition), /*dim=*/IntegerAttr());
  // No difference overflows.
  Value behind = b.splat(b.add(low, b.i32(task.rows)), type);
  Value before = b.splat(b.sub(low, b.i32(1)), type);
  Value offsets =
      b.sub(b.max(b.min(positions, behind), before), b.splat(low, type));
  Type half = b.getF16Type();
  return tile::RelayoutOp::create(
      b, b.column(kBlock, half),
      arith::SIToFPOp::create(b, b.wideColumn(kBlock, half), offsets),
      /*offset=*/IntegerAttr());
}

Value AttentionWriter::writeMask(Value scores, Value key0, Value keyPositions) {
  Value hidden;
  if (comparesColumns()) {
    Value first = b.splat(key0, cast<RankedTensorType>(rowPositions.getType()));
    hidden = tile::ColumnsBehindOp::create(
        b, b.acc(task.rows, kBlock, b.getI1Type()), b.sub(rowPositions, first));
  } else {
    auto limitType = cast<RankedTensorType>(limits.getType());
    auto isBelow = [&](Value keys) -> Value {
      keys = b.broadcast(keys, limitType);
      if (comparesOffsets())
        return arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, limits,
                                     keys);
      return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, limits, keys);
    };
    hidden = isBelow(comparesOffsets() ? writeKeyOffsets(key0)
                     : keyPositions    ? keyPositions
                                       : writeKeyPositions(key0));
  }
  return arith::SelectOp::create(b, hidden, b.filled(scoreType, -kInfinity),
                                 scores);
}
