//===- KernelContext.cpp - Which thread holds what ------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelContext.h"

using namespace mlir;
using namespace mlir::tile;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

static int64_t getNumElements(RankedTensorType type, ConfigAttr config) {
  Attribute layout = type.getEncoding();
  ArrayRef<int64_t> shape = type.getShape();
  // Two rows of a thread, and every fourth pair of columns.
  if (isa<AccAttr>(layout))
    return shape[1] / 2;
  if (isa<QuadAttr, RowAttr>(layout))
    return 2;
  if (isa<ColAttr>(layout))
    return shape[0] / 4;
  if (isa<WideRowAttr>(layout))
    return shape[0] / config.getConsumerWarps();
  if (isa<WideAttr>(layout))
    return shape[0] / config.getConsumerWarps() *
           std::max<int64_t>(shape[1] / kWarpThreads, 1);
  if (isa<WideColAttr>(layout))
    return shape[0] / kWarpThreads;
  if (isa<LaneAttr>(layout))
    return std::max<int64_t>(shape[0] / kWarpgroupThreads, 1);
  return shape[0] * shape[1] / (config.getConsumers() * kWarpgroupThreads);
}

bool tile::isPacked(RankedTensorType type) {
  return type.getElementTypeBitWidth() == 16 &&
         isa<AccAttr, BlockedAttr>(type.getEncoding());
}

int64_t tile::getNumValues(RankedTensorType type, ConfigAttr config) {
  return getNumElements(type, config) / (isPacked(type) ? 2 : 1);
}

ThreadTypeConverter::ThreadTypeConverter(MLIRContext *context,
                                         ConfigAttr config) {
  auto i32 = IntegerType::get(context, 32);
  addConversion([](Type type) { return type; });
  addConversion(
      [=](RankedTensorType type,
          SmallVectorImpl<Type> &results) -> std::optional<LogicalResult> {
        Type scalar = isPacked(type) ? Type(i32) : type.getElementType();
        results.append(getNumValues(type, config), scalar);
        return success();
      });
  addConversion(
      [=](InflightType type,
          SmallVectorImpl<Type> &results) -> std::optional<LogicalResult> {
        return convertType(type.getType(), results);
      });
  addConversion(
      [=](CursorType,
          SmallVectorImpl<Type> &results) -> std::optional<LogicalResult> {
        results.append(3, i32);
        return success();
      });
  // Address of the first slot, offset of the slot.
  addConversion(
      [=](BufferType,
          SmallVectorImpl<Type> &results) -> std::optional<LogicalResult> {
        results.append(2, i32);
        return success();
      });
  addConversion(
      [=](ListType type,
          SmallVectorImpl<Type> &results) -> std::optional<LogicalResult> {
        bool isBits = type.getKind() == ListKind::Bits;
        if (isBits) {
          OpBuilder builder(context);
          results.push_back(
              KernelBuilder(builder, builder.getUnknownLoc()).globalPointer());
        }
        results.append(isBits ? 3 : 2, i32);
        return success();
      });
  auto materialize = [](OpBuilder &builder, Type type, ValueRange inputs,
                        Location loc) -> Value {
    return UnrealizedConversionCastOp::create(builder, loc, type, inputs)
        .getResult(0);
  };
  addSourceMaterialization(materialize);
}

Values tile::unpackElements(KernelBuilder &b, RankedTensorType type,
                            ValueRange values) {
  if (!isPacked(type))
    return Values(values);
  Values elements;
  for (Value value : values) {
    auto [lo, hi] = b.unpack16(value, type.getElementType());
    elements.append({lo, hi});
  }
  return elements;
}

Values tile::packElements(KernelBuilder &b, RankedTensorType type,
                          ValueRange values) {
  if (!isPacked(type))
    return Values(values);
  Values pairs;
  for (size_t i = 0; i < values.size(); i += 2)
    pairs.push_back(b.repack16(values[i], values[i + 1]));
  return pairs;
}

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

SmallVector<Coordinate, 2> KernelContext::getCoordinates(KernelBuilder &b,
                                                         RankedTensorType type,
                                                         int64_t i) const {
  Attribute layout = type.getEncoding();
  // PTX ISA, "Register fragments for wgmma.mma_async.m64nNk16".
  if (isa<AccAttr>(layout))
    return {{row, 8 * (i / 2 % 2)}, {column, 8 * (i / 4) + i % 2}};
  if (isa<QuadAttr>(layout))
    return {{row, 8 * i}, {b.and_(lane, 3), 0}};
  if (isa<RowAttr>(layout))
    return {{row, 8 * i}};
  if (isa<ColAttr>(layout))
    return {{column, 8 * (i / 2) + i % 2}};
  if (isa<LaneAttr>(layout)) {
    // Short ones repeat.
    int64_t period = std::min(type.getShape()[0], kWarpgroupThreads);
    return {{b.and_(wgThread, period - 1), kWarpgroupThreads * i}};
  }
  // Every warp has all of it.
  if (isa<WideColAttr>(layout)) {
    int64_t period = std::min(type.getShape()[0], kWarpThreads);
    return {{b.and_(lane, period - 1), kWarpThreads * i}};
  }
  if (isa<WideAttr, WideRowAttr>(layout)) {
    Value warp = b.lshr(consumerThread, llvm::Log2_64(kWarpThreads));
    int64_t warps = config.getConsumerWarps();
    if (isa<WideRowAttr>(layout))
      return {{warp, warps * i}};
    // Few columns repeat.
    int64_t columns = type.getShape().back();
    Value column = b.and_(lane, std::min(columns, kWarpThreads) - 1);
    int64_t perRow = std::max<int64_t>(columns / kWarpThreads, 1);
    return {{warp, warps * (i / perRow)},
            {column, kWarpThreads * (i % perRow)}};
  }
  int64_t vector = cast<BlockedAttr>(layout).getVector();
  int64_t perRow = type.getShape()[1] / vector;
  int64_t threads = getConsumerThreads();
  int64_t step = i / vector, inVector = i % vector;
  if (perRow <= threads) {
    // Every step is `threads / perRow` rows on, in the same columns.
    Value vectorOfRow = b.and_(consumerThread, perRow - 1);
    return {{b.lshr(consumerThread, llvm::Log2_64(perRow)),
             threads / perRow * step},
            {b.mul(vectorOfRow, vector), inVector}};
  }
  int64_t steps = perRow / threads;
  return {{b.c32(0), step / steps},
          {b.mul(consumerThread, vector),
           step % steps * threads * vector + inVector}};
}

Value KernelContext::getOwner(KernelBuilder &b, RankedTensorType type) const {
  Attribute layout = type.getEncoding();
  if (isa<RowAttr>(layout))
    return b.cmp(Cmp::EQ, column, 0);
  if (isa<ColAttr>(layout))
    return b.cmp(Cmp::LT, consumerThread, 4);
  if (isa<WideRowAttr>(layout))
    return b.cmp(Cmp::EQ, lane, 0);
  if (isa<WideColAttr>(layout))
    return b.cmp(Cmp::LT, consumerThread, kWarpThreads);
  if (isa<WideAttr>(layout) && type.getShape()[1] < kWarpThreads)
    return b.cmp(Cmp::LT, lane, type.getShape()[1]);
  if (isa<LaneAttr>(layout)) {
    int64_t holders = std::min(type.getShape()[0], kWarpgroupThreads);
    if (holders < getConsumerThreads())
      return b.cmp(Cmp::LT, consumerThread, holders);
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

static Value getParam(const KernelContext &kernel, int64_t param) {
  return kernel.kernel->getRegion(0).front().getArgument(param);
}

Value KernelContext::getExtent(KernelBuilder &b, Value global,
                               int64_t dim) const {
  int64_t size = cast<GlobalType>(global.getType()).getShape()[dim];
  if (!ShapedType::isDynamic(size))
    return b.c32(size);
  return getParam(*this, getGlobal(global).extents[dim]);
}

Value KernelContext::getMap(KernelBuilder &b, Value global,
                            ArrayRef<int64_t> box, int64_t swizzle) const {
  const auto *map = llvm::find_if(
      getGlobal(global).maps, [&](const GlobalParams::Map &candidate) {
        return ArrayRef<int64_t>(candidate.box) == box &&
               candidate.swizzle == swizzle;
      });
  return b.param(map->param);
}

Value KernelContext::getAddress(KernelBuilder &b, Value global,
                                ValueRange indices) const {
  auto type = cast<GlobalType>(global.getType());
  const GlobalParams &params = getGlobal(global);
  size_t last = type.getShape().size() - 1;
  Value offset;
  for (auto [dim, index] : llvm::enumerate(indices)) {
    Value part = b.zext64(index);
    if (dim != last)
      part = b.mul(part, getParam(*this, params.strides + int64_t(dim)));
    offset = offset ? b.add(offset, part) : part;
  }
  Value base = getParam(*this, params.pointer);
  if (!offset)
    return base;
  int64_t bytes = type.getElementType().getIntOrFloatBitWidth() / 8;
  return b.gepBytes(base, b.mul(offset, bytes));
}

//===----------------------------------------------------------------------===//
// Columns in shared memory
//===----------------------------------------------------------------------===//

static int64_t getElementBytes(RankedTensorType type) {
  return type.getElementTypeBitWidth() / 8;
}

Value KernelContext::getColumnAddress(KernelBuilder &b, RankedTensorType type,
                                      Value base, Coordinate at) const {
  int64_t bytes = getElementBytes(type), vector = kVectorBytes / bytes;
  // A lane has a pair in each eight columns, the pair of its number mod 4; a
  // vector is that of `vector / 2` such eights.
  Value inPair = b.and_(at.base, 1);
  Value holder = b.and_(b.lshr(at.base, 1), 3);
  Value eight = b.and_(b.lshr(at.base, 3), vector / 2 - 1);
  Value before = b.and_(at.base, -4 * vector);
  Value position = b.add(b.add(before, b.mul(holder, vector)),
                         b.add(b.mul(eight, 2), inPair));
  return b.gepBytes(b.gepBytes(base, b.mul(position, bytes)),
                    bytes * at.offset);
}

Values KernelContext::loadColumns(KernelBuilder &b, RankedTensorType type,
                                  Value base) const {
  int64_t bytes = getElementBytes(type);
  Value first = b.gepBytes(base, b.mul(b.and_(lane, 3), kVectorBytes));
  Values elements;
  for (int64_t i = 0; i < type.getNumElements() * bytes;
       i += 4 * kVectorBytes) {
    Value vector = b.load(b.gepBytes(first, i), b.vec4i32(), kVectorBytes);
    for (unsigned e = 0; e < kVectorBytes / kScalarBytes; ++e) {
      Value word = b.extractElement(vector, e);
      if (bytes == kScalarBytes) {
        elements.push_back(b.bitcast(word, type.getElementType()));
        continue;
      }
      auto [lo, hi] = b.unpack16(word, type.getElementType());
      elements.append({lo, hi});
    }
  }
  return elements;
}

//===----------------------------------------------------------------------===//
// Rings
//===----------------------------------------------------------------------===//

RingLayout::RingLayout(RingCreateOp op)
    : stages(op.getRing().getType().getStages()),
      buffer(op.getRing().getType().getBuffer()),
      scalarTypes(op.getRing().getType().getScalars()),
      row(op.getRing().getType().getRow()), tiles(op.getOffset().value_or(0)),
      rows(*op.getControlOffset()), full(rows + stages * getRowBytes()),
      empty(full + stages * kBarrierBytes),
      cleared(empty + stages * kBarrierBytes),
      scalars(cleared + (op.clearsRows() ? kBarrierBytes : 0)) {}

CopierLayout::CopierLayout(CopierOp op)
    : rowBytes(op.getRowBytes()), rows(op.getRows()),
      buffered(op.getBuffered()), tile(*op.getOffset()),
      requests(tile + buffered * rowBytes), full(*op.getControlOffset()),
      empty(full + kCopyRequests * kBarrierBytes) {}
