//===- Permute.cpp - Sort and permutation as tiles ------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Permute.h"
#include "Importance.h"
#include "Kernels.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/raw_ostream.h"
#include <limits>

using namespace mlir;
using namespace mlir::pbs;

/// Keys of the longest segment that a kernel sorts.
static constexpr int64_t kMaxSegment = 512;
static constexpr int32_t kMaxInt = std::numeric_limits<int32_t>::max();
static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

SmallVector<unsigned> PermuteBuffers::getAll() const {
  SmallVector<unsigned> all{key};
  if (value != key)
    all.push_back(value);
  for (std::optional<unsigned> buffer :
       {permutedKey, permutedValue, positions, ranges, pool})
    if (buffer)
      all.push_back(*buffer);
  return all;
}

std::optional<std::string>
mlir::pbs::refusePermute(RankedTensorType key, int64_t block, int64_t segment) {
  std::string reason;
  llvm::raw_string_ostream stream(reason);
  int64_t headDim = key.getShape().back();
  if (!key.getElementType().isF16() && !key.getElementType().isBF16())
    stream << "expected f16 or bf16, got " << key.getElementType();
  else if (headDim != 64 && headDim != 128)
    stream << "expected a head dimension of 64 or 128, got " << headDim;
  else if (block != kTileRows)
    stream << "expected blocks of " << kTileRows << " keys, got " << block;
  else if (segment % kTileRows != 0 || segment > kMaxSegment)
    stream << "expected a segment of a multiple of " << kTileRows
           << " keys, at most " << kMaxSegment << ", got " << segment;
  else
    return std::nullopt;
  return reason;
}

PermuteWriter::PermuteWriter(KernelWriter &b, const PermuteBuffers &buffers,
                             int64_t segment, Value numHeads)
    : b(b), buffers(buffers), segment(segment), key(b.buffer(buffers.key)),
      value(b.buffer(buffers.value)), numKeys(b.dim(key, 2)),
      permutationsPerKey(b.div(numHeads, b.dim(key, 1))) {}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

/// The order of a segment of `numKeys` keys: that of its importance, NaN last,
/// or none if it is not complete or the only one. A #tile.lane for each 128.
static SmallVector<Value> writeSegmentOrder(KernelWriter &b, Value numKeys,
                                            int64_t segmentSize, Value segment,
                                            ArrayRef<Value> importance) {
  int64_t tileKeys = segmentSize / importance.size();
  RankedTensorType row = b.row(tileKeys, b.getF32Type());
  RankedTensorType indexRow = b.row(tileKeys, b.getI32Type());
  RankedTensorType lane = b.lane(kTileRows, b.getI32Type());
  Value size = b.i32(segmentSize);
  Value first = b.mul(segment, size);
  auto compare = [&](arith::CmpIPredicate predicate, Value x,
                     Value y) -> Value {
    return arith::CmpIOp::create(b, predicate, x, y);
  };
  Value isComplete =
      compare(arith::CmpIPredicate::sle, b.add(first, size), numKeys);
  Value isOnly = compare(arith::CmpIPredicate::sle, numKeys, size);
  Value isSorted = arith::SelectOp::create(
      b, isOnly, arith::ConstantOp::create(b, b.getBoolAttr(false)).getResult(),
      isComplete);
  Value sorted = b.splat(isSorted, b.row(tileKeys, b.getI1Type()));
  SmallVector<Value> values;
  for (auto [t, part] : llvm::enumerate(importance)) {
    Value value = arith::SelectOp::create(b, sorted, part, b.filled(row, 0));
    // Behind the last key there is nothing, which comes last.
    Value number = b.add(tile::IotaOp::create(b, indexRow),
                         b.splat(b.add(first, b.i32(t * tileKeys)), indexRow));
    Value exists =
        compare(arith::CmpIPredicate::slt, number, b.splat(numKeys, indexRow));
    values.push_back(
        arith::SelectOp::create(b, exists, value, b.filled(row, kNaN)));
  }
  SmallVector<Type> types(segmentSize / kTileRows, lane);
  return llvm::to_vector_of<Value>(
      tile::OrderOp::create(b, types, values, /*offset=*/IntegerAttr())
          .getOrder());
}

SmallVector<Value> PermuteWriter::writeOrder(Value segmentNumber,
                                             ArrayRef<Value> importance) {
  return writeSegmentOrder(b, numKeys, segment, segmentNumber, importance);
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

void PermuteWriter::writeRanges(Value batch, Value head, Value block,
                                Value positions) {
  // Each warp has all of them, so that none waits for another.
  RankedTensorType wide = b.wideColumn(kTileRows, b.getI32Type());
  Value numbers = tile::RelayoutOp::create(b, wide, positions,
                                           /*offset=*/IntegerAttr());
  Value exists =
      b.compare(arith::CmpIPredicate::slt, numbers, b.splat(numKeys, wide));
  auto reduce = [&](tile::ReduceKind kind, int32_t otherwise) -> Value {
    Value known = b.select(exists, numbers, b.splat(b.i32(otherwise), wide));
    return tile::ReduceOp::create(b, b.getI32Type(), kind, known, /*dim=*/0,
                                  /*offset=*/IntegerAttr());
  };
  // Two elements; a tile has at least 32, of which the others are outside.
  RankedTensorType pair = b.lane(32, b.getI32Type());
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                        tile::IotaOp::create(b, pair),
                                        b.splat(b.i32(0), pair));
  Value range = arith::SelectOp::create(
      b, isFirst, b.splat(reduce(tile::ReduceKind::Min, kMaxInt), pair),
      b.splat(reduce(tile::ReduceKind::Max, -1), pair));
  tile::WriteOp::create(b, range, b.buffer(*buffers.ranges),
                        ValueRange{batch, head, block, b.i32(0)},
                        /*dim=*/IntegerAttr());
}

RankedTensorType PermuteWriter::getTileType() {
  auto type = cast<tile::GlobalType>(key.getType());
  int64_t vector = 128 / type.getElementType().getIntOrFloatBitWidth();
  return b.blocked(kTileRows, type.getShape().back(), type.getElementType(),
                   vector);
}

Value PermuteWriter::gather(Value source, const Place &at, Value positions) {
  return tile::GatherOp::create(
      b, getTileType(), source,
      ValueRange{at.batch, b.div(at.head, permutationsPerKey)}, positions,
      /*offset=*/IntegerAttr());
}

void PermuteWriter::writeRows(Value rows, unsigned target, const Place &at) {
  tile::WriteOp::create(b, rows, b.buffer(target),
                        ValueRange{at.batch, at.head,
                                   b.mul(at.block, b.i32(kTileRows)), b.i32(0)},
                        /*dim=*/IntegerAttr());
}

void PermuteWriter::writeFacts(Value keys, const Place &at, Value positions) {
  Value first = b.mul(at.block, b.i32(kTileRows));
  if (buffers.positions)
    tile::WriteOp::create(b, positions, b.buffer(*buffers.positions),
                          ValueRange{at.batch, at.head, first},
                          /*dim=*/IntegerAttr());
  if (buffers.ranges)
    writeRanges(at.batch, at.head, at.block, positions);
  if (buffers.pool)
    tile::WriteOp::create(
        b, buffers.pooling.writePool(b, keys, b.sub(numKeys, first)),
        b.buffer(*buffers.pool),
        ValueRange{at.batch, at.head, at.block, b.i32(0)},
        /*dim=*/IntegerAttr());
}

void PermuteWriter::writeBlock(const Place &at, Value positions) {
  // Both tiles are on their way before one is needed.
  Value keys, values;
  if (buffers.permutedKey)
    keys = gather(key, at, positions);
  if (buffers.permutedValue)
    values = gather(value, at, positions);
  if (buffers.permutedKey)
    writeRows(keys, *buffers.permutedKey, at);
  if (buffers.permutedValue)
    writeRows(values, *buffers.permutedValue, at);
  writeFacts(keys, at, positions);
}

void PermuteWriter::writeSegment(Value batch, Value head, Value segmentNumber,
                                 ArrayRef<Value> order, ValueRange keyTiles) {
  RankedTensorType lane = b.lane(kTileRows, b.getI32Type());
  int64_t numTiles = segment / kTileRows;
  Value first = b.mul(segmentNumber, b.i32(segment));
  Value firstBlock = b.mul(segmentNumber, b.i32(numTiles));
  // Nothing is computed with values: they may arrive during the products of
  // the next segment.
  if (buffers.permutedValue)
    for (auto [c, numbers] : llvm::enumerate(order))
      tile::CopyRowsOp::create(
          b, value, ValueRange{batch, b.div(head, permutationsPerKey)},
          b.add(numbers, b.splat(first, lane)),
          b.buffer(*buffers.permutedValue),
          ValueRange{batch, head, b.add(first, b.i32(c * kTileRows))});
  if (buffers.permutedKey || buffers.pool || buffers.positions ||
      buffers.ranges)
    for (auto [c, numbers] : llvm::enumerate(order)) {
      Value exists =
          arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                b.add(first, b.i32(c * kTileRows)), numKeys);
      Place at{batch, head, b.add(firstBlock, b.i32(c))};
      Value ofBlock = numbers;
      scf::IfOp::create(b, exists, [&](OpBuilder &, Location) {
        Value keys = tile::TakeOp::create(b, getTileType(), keyTiles, ofBlock,
                                          /*offset=*/IntegerAttr());
        if (buffers.permutedKey)
          writeRows(keys, *buffers.permutedKey, at);
        writeFacts(keys, at, b.add(ofBlock, b.splat(first, lane)));
        scf::YieldOp::create(b);
      });
    }
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

std::optional<std::string> mlir::pbs::writeKernel(SortSegmentsOp op,
                                                  plan::KernelOp kernel,
                                                  Block *module) {
  int64_t segment = op.getPermutation().getType().getSegment();
  if (segment % kTileRows != 0 || segment > kMaxSegment) {
    std::string reason;
    llvm::raw_string_ostream(reason)
        << "expected a segment of a multiple of " << kTileRows
        << " keys, at most " << kMaxSegment << ", got " << segment;
    return reason;
  }
  unsigned source = getBuffer(op.getImportance());
  unsigned result = *kernel.findResultBuffer(0);
  KernelWriter b(kernel, module, {source, result},
                 {kernel.getExtent(result, 0), kernel.getExtent(result, 1),
                  kernel.getExtent(result, 2).ceilDiv(segment)});
  Value importance = b.buffer(source), positions = b.buffer(result);
  Value numKeys = b.dim(positions, 2);
  auto items =
      tile::ForEachOp::create(b, b.dim(positions, 0), b.dim(positions, 1),
                              b.ceilDiv(numKeys, segment), b.i32(1));
  b.setInsertionPointToStart(&items.getBody().front());
  Value batch = items.getBody().getArgument(0);
  Value head = items.getBody().getArgument(1);
  Value at = items.getBody().getArgument(2);
  Value first = b.mul(at, b.i32(segment));
  auto getIndices = [&](int64_t t) {
    return SmallVector<Value>{batch, head, b.add(first, b.i32(t * kTileRows))};
  };
  SmallVector<Value> parts;
  for (int64_t t = 0; t < segment / kTileRows; ++t)
    parts.push_back(tile::ReadOp::create(
        b, b.row(kTileRows, b.getF32Type()), importance, getIndices(t),
        /*other=*/Value(), /*dim=*/IntegerAttr()));
  RankedTensorType lane = b.lane(kTileRows, b.getI32Type());
  for (auto [t, numbers] :
       llvm::enumerate(writeSegmentOrder(b, numKeys, segment, at, parts)))
    tile::WriteOp::create(b, b.add(numbers, b.splat(first, lane)), positions,
                          getIndices(t), /*dim=*/IntegerAttr());
  return std::nullopt;
}

std::optional<std::string>
mlir::pbs::writeKernel(PermuteKVOp op, plan::KernelOp kernel, Block *module) {
  PermutedKVType type = op.getKv().getType();
  if (std::optional<std::string> reason = refusePermute(
          op.getKey().getType(), type.getBlock(), type.getSegment()))
    return reason;
  auto pack = op.getPermutation().getDefiningOp<PackPermutationOp>();
  unsigned given = getBuffer(pack.getPositions());
  PermuteBuffers buffers;
  buffers.key = getBuffer(op.getKey());
  buffers.value = getBuffer(op.getValue());
  buffers.permutedKey = kernel.findResultBuffer(0, 0);
  buffers.permutedValue = kernel.findResultBuffer(0, 1);
  buffers.positions = kernel.findResultBuffer(0, 2);
  buffers.ranges = kernel.findResultBuffer(0, 3);
  SmallVector<unsigned> all = buffers.getAll();
  all.push_back(given);
  KernelWriter b(kernel, module, all,
                 {kernel.getExtent(given, 0), kernel.getExtent(given, 1),
                  kernel.getExtent(given, 2).ceilDiv(kTileRows)});
  Value positions = b.buffer(given);
  PermuteWriter writer(b, buffers, type.getSegment(), b.dim(positions, 1));
  auto items = tile::ForEachOp::create(
      b, b.dim(positions, 0), b.dim(positions, 1),
      b.ceilDiv(b.dim(positions, 2), kTileRows), b.i32(1));
  b.setInsertionPointToStart(&items.getBody().front());
  Value batch = items.getBody().getArgument(0);
  Value head = items.getBody().getArgument(1);
  Value block = items.getBody().getArgument(2);
  Value numbers = tile::ReadOp::create(
      b, b.lane(kTileRows, b.getI32Type()), positions,
      ValueRange{batch, head, b.mul(block, b.i32(kTileRows))}, b.i32(kMaxInt),
      /*dim=*/IntegerAttr());
  writer.writeBlock({batch, head, block}, numbers);
  return std::nullopt;
}

std::optional<std::string> mlir::pbs::writeKernel(FusedPermuteKVOp op,
                                                  plan::KernelOp kernel,
                                                  Block *module) {
  PermutedKVType type = op.getKv().getType();
  int64_t segment = type.getSegment();
  ProxyTask task(op, segment);
  if (std::optional<std::string> reason = task.refuse())
    return reason;
  if (std::optional<std::string> reason =
          refusePermute(op.getKey().getType(), type.getBlock(), segment))
    return reason;
  auto pooling = dyn_cast<TilePoolInterface>(Attribute(op.getPool()));
  if (!pooling) {
    std::string reason;
    llvm::raw_string_ostream(reason) << kNoPool << op.getPool();
    return reason;
  }
  unsigned query = getBuffer(op.getQuery()), stats = getBuffer(op.getStats());
  PermuteBuffers buffers;
  buffers.pooling = pooling;
  buffers.key = getBuffer(op.getKey());
  buffers.value = getBuffer(op.getValue());
  buffers.permutedKey = kernel.findResultBuffer(0, 0);
  buffers.permutedValue = kernel.findResultBuffer(0, 1);
  buffers.positions = kernel.findResultBuffer(0, 2);
  buffers.ranges = kernel.findResultBuffer(0, 3);
  buffers.pool = kernel.findResultBuffer(1);
  std::optional<unsigned> importance = kernel.findResultBuffer(2);
  // One that has an extent for each permutation.
  unsigned shape = kernel.getNumArguments();
  SmallVector<unsigned> all = buffers.getAll();
  all.push_back(query);
  all.push_back(stats);
  if (task.proxies)
    all.push_back(*task.proxies);
  if (importance)
    all.push_back(*importance);
  KernelWriter b(kernel, module, all,
                 {kernel.getExtent(shape, 0), kernel.getExtent(shape, 1),
                  kernel.getExtent(buffers.key, 2).ceilDiv(segment)});
  Value numHeads = b.dim(b.buffer(shape), 1);
  PermuteWriter writer(b, buffers, segment, numHeads);
  ImportanceWriter importanceWriter(b, task, b.buffer(query),
                                    b.buffer(buffers.key), b.buffer(stats),
                                    numHeads);
  auto items = tile::ForEachOp::create(
      b, b.dim(b.buffer(shape), 0), numHeads,
      b.ceilDiv(b.dim(b.buffer(buffers.key), 2), segment), b.i32(1));
  b.setInsertionPointToStart(&items.getBody().front());
  Value batch = items.getBody().getArgument(0);
  Value head = items.getBody().getArgument(1);
  Value at = items.getBody().getArgument(2);
  SmallVector<Value> parts = importanceWriter.write(batch, head, at);
  if (importance)
    for (auto [t, values] : llvm::enumerate(parts))
      tile::WriteOp::create(
          b, values, b.buffer(*importance),
          ValueRange{batch, head,
                     b.add(b.mul(at, b.i32(segment)),
                           b.i32(t * importanceWriter.getTileKeys()))},
          /*dim=*/IntegerAttr());
  writer.writeSegment(batch, head, at, writer.writeOrder(at, parts),
                      importanceWriter.getKeys());
  return std::nullopt;
}
