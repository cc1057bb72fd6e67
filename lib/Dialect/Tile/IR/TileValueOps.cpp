//===- TileValueOps.cpp - Verifiers of ops without a schedule -------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedRules.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/OpImplementation.h"
#include "pbs/Dialect/Tile/IR/Tile.h"

using namespace mlir;
using namespace mlir::tile;

/// Counting takes a step for each pair.
static constexpr int64_t kMaxOrdered = 1024;

#define GET_OP_CLASSES
#include "pbs/Dialect/Tile/IR/TileOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Shared rules
//===----------------------------------------------------------------------===//

LogicalResult tile::verifyLayout(Operation *op, RankedTensorType type) {
  Attribute layout = type.getEncoding();
  auto expect = [&](bool condition, const Twine &what) -> LogicalResult {
    if (condition)
      return success();
    return op->emitOpError() << "expected " << what << ", got " << type;
  };
  if (!type.hasStaticShape())
    return expect(false, "a static shape");
  ArrayRef<int64_t> shape = type.getShape();
  if (isa_and_nonnull<AccAttr>(layout))
    return expect(shape.size() == 2 && shape[0] % kWarpRows == 0 &&
                      shape[1] % 8 == 0,
                  "a multiple of 16 rows and of 8 columns");
  if (isa_and_nonnull<QuadAttr>(layout))
    return expect(shape.size() == 2 && shape[0] % kWarpRows == 0 &&
                      shape[1] == 4,
                  "a multiple of 16 rows and 4 columns");
  if (isa_and_nonnull<RowAttr>(layout))
    return expect(shape.size() == 1 && shape[0] % kWarpRows == 0,
                  "one dimension, a multiple of 16");
  if (isa_and_nonnull<ColAttr>(layout))
    return expect(shape.size() == 1 && shape[0] % 8 == 0,
                  "one dimension, a multiple of 8");
  if (isa_and_nonnull<WideAttr>(layout))
    return expect(shape.size() == 2 && shape[0] % kWarpgroupWarps == 0 &&
                      (shape[1] % kWarpThreads == 0 || shape[1] == 4),
                  "a multiple of 4 rows and of 32 columns, or 4 columns");
  if (isa_and_nonnull<WideRowAttr>(layout))
    return expect(shape.size() == 1 && shape[0] % kWarpgroupWarps == 0,
                  "one dimension, a multiple of 4");
  if (isa_and_nonnull<WideColAttr>(layout))
    return expect(shape.size() == 1 && shape[0] % kWarpThreads == 0,
                  "one dimension, a multiple of 32");
  if (isa_and_nonnull<LaneAttr>(layout))
    return expect(shape.size() == 1 && (shape[0] % kWarpgroupThreads == 0 ||
                                        shape[0] == 32 || shape[0] == 64),
                  "one dimension, a multiple of 128, 32 or 64");
  if (auto blocked = dyn_cast_or_null<BlockedAttr>(layout))
    return expect(shape.size() == 2 && shape[1] % blocked.getVector() == 0,
                  "two dimensions, rows of whole vectors");
  return expect(false, "a layout of the tile dialect");
}

LogicalResult tile::verifyIndices(Operation *op, GlobalType type,
                                  size_t numIndices, size_t expected) {
  if (numIndices != expected)
    return op->emitOpError() << "expected " << expected << " indices into "
                             << type << ", got " << numIndices;
  return success();
}

/// A register tile that is read from or written to the last dimensions of a
/// tensor in global memory.
static LogicalResult verifyAccess(Operation *op, RankedTensorType tile,
                                  GlobalType global, size_t numIndices,
                                  std::optional<int64_t> dim = std::nullopt) {
  if (failed(verifyLayout(op, tile)))
    return failure();
  if (tile.getElementType() != global.getElementType())
    return op->emitOpError()
           << "expected elements of " << global.getElementType() << ", got "
           << tile.getElementType();
  if (static_cast<size_t>(tile.getRank()) > global.getShape().size())
    return op->emitOpError() << "expected at most " << global.getShape().size()
                             << " dimensions, got " << tile;
  int64_t rank = global.getShape().size();
  if (dim && tile.getRank() != 1)
    return op->emitOpError()
           << "expected a tile of one dimension along 'dim', got " << tile;
  if (dim && (*dim < 0 || *dim >= rank))
    return op->emitOpError() << "expected 'dim' to be one of " << rank
                             << " dimensions, got " << *dim;
  return verifyIndices(op, global, numIndices, rank);
}

bool tile::isOfWarp(Operation *op) {
  auto isOfWarp = [](Type type) {
    auto tile = dyn_cast<RankedTensorType>(type);
    return !tile || isa_and_present<WideColAttr>(tile.getEncoding());
  };
  return llvm::all_of(op->getOperandTypes(), isOfWarp) &&
         llvm::all_of(op->getResultTypes(), isOfWarp);
}

/// Result `to` has the element type of `from`, and the layouts are a pair that
/// the op knows.
static bool hasLayouts(RankedTensorType from, RankedTensorType to,
                       function_ref<bool(Attribute)> isFrom,
                       function_ref<bool(Attribute)> isTo) {
  return from.getElementType() == to.getElementType() && from.getEncoding() &&
         to.getEncoding() && isFrom(from.getEncoding()) &&
         isTo(to.getEncoding());
}

template <typename T>
static bool is(Attribute attribute) {
  return isa<T>(attribute);
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

LogicalResult tile::verifyDot(Operation *op, Type a, BufferType b, Type acc,
                              bool transposeB, RankedTensorType result) {
  if (failed(verifyLayout(op, result)))
    return failure();
  if (!isa<AccAttr>(result.getEncoding()) || !result.getElementType().isF32())
    return op->emitOpError()
           << "expected a result of f32 in the layout #tile.acc, got "
           << result;
  ArrayRef<int64_t> shapeA;
  Type elementA;
  if (auto buffer = dyn_cast<BufferType>(a)) {
    shapeA = buffer.getShape();
    elementA = buffer.getElementType();
  } else {
    auto tensor = cast<RankedTensorType>(a);
    if (failed(verifyLayout(op, tensor)))
      return failure();
    if (!isa<AccAttr>(tensor.getEncoding()))
      return op->emitOpError()
             << "expected 'a' in registers in the layout #tile.acc, got "
             << tensor;
    shapeA = tensor.getShape();
    elementA = tensor.getElementType();
  }
  Type elementB = b.getElementType();
  if (elementA != elementB || (!elementA.isF16() && !elementA.isBF16()))
    return op->emitOpError() << "expected two tiles of f16 or of bf16, got "
                             << elementA << " and " << elementB;
  int64_t k = b.getShape()[transposeB ? 1 : 0];
  int64_t n = b.getShape()[transposeB ? 0 : 1];
  if (shapeA[1] != k)
    return op->emitOpError()
           << "expected " << k << " columns of 'a', the depth of 'b', got "
           << shapeA[1];
  if (k % 16 != 0)
    return op->emitOpError()
           << "expected a depth that is a multiple of 16, got " << k;
  if (result.getShape() != ArrayRef<int64_t>{shapeA[0], n})
    return op->emitOpError() << "expected a result of " << shapeA[0] << "x" << n
                             << ", got " << result;
  if (acc && acc != result)
    return op->emitOpError()
           << "expected an accumulator of " << result << ", got " << acc;
  return success();
}

LogicalResult DotOp::verify() {
  return verifyDot(*this, getA().getType(), getB().getType(),
                   getAcc() ? getAcc().getType() : Type(), getTransposeB(),
                   getTensor(getResult()));
}

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

LogicalResult DimOp::verify() {
  int64_t rank = getSource().getType().getShape().size();
  int64_t dim = getDim();
  if (dim < 0 || dim >= rank)
    return emitOpError() << "expected a dimension below " << rank << ", got "
                         << dim;
  return success();
}

OpFoldResult DimOp::fold(FoldAdaptor) {
  int64_t size = getSource().getType().getShape()[getDim()];
  if (ShapedType::isDynamic(size))
    return {};
  return IntegerAttr::get(getType(), size);
}

LogicalResult tile::verifyLoad(Operation *op, GlobalType source,
                               size_t numIndices, BufferType tile, Value other,
                               Value isOther) {
  if (!other != !isOther)
    return op->emitOpError()
           << "expected another source with the condition for "
              "it, both or none";
  if (other && other.getType() != source)
    return op->emitOpError() << "expected another source of the type " << source
                             << ", got " << other.getType();
  if (source.getElementType() != tile.getElementType())
    return op->emitOpError()
           << "expected elements of " << source.getElementType() << ", got "
           << tile.getElementType();
  if (source.getShape().size() < 2)
    return op->emitOpError()
           << "expected a source of at least two dimensions, got " << source;
  return verifyIndices(op, source, numIndices, source.getShape().size());
}

LogicalResult LoadOp::verify() {
  return verifyLoad(*this, getSource().getType(), getIndices().size(),
                    getResult().getType(), getOther(), getIsOther());
}

LogicalResult ReadOp::verify() {
  RankedTensorType type = getTensor(getResult());
  if (getOther() && getOther().getType() != type.getElementType())
    return emitOpError() << "expected " << type.getElementType()
                         << " outside the source, got " << getOther().getType();
  return verifyAccess(*this, type, getSource().getType(), getIndices().size(),
                      getDim());
}

LogicalResult StoreOp::verify() {
  RankedTensorType type = getTensor(getSource());
  if (failed(verifyAccess(*this, type, getTarget().getType(),
                          getIndices().size())))
    return failure();
  if (!isa<AccAttr>(type.getEncoding()) || type.getElementTypeBitWidth() != 16)
    return emitOpError()
           << "expected a tile of 16 bit in the layout #tile.acc, got " << type;
  return success();
}

int64_t StoreOp::getScratchBytes(ConfigAttr) {
  RankedTensorType type = getTensor(getSource());
  return type.getNumElements() * type.getElementTypeBitWidth() / 8;
}

int64_t StoreOp::getScratchAlignment() { return kSwizzleAlignment; }

LogicalResult LoadMatrixOp::verify() {
  RankedTensorType type = getTensor(getResult());
  if (failed(verifyLayout(*this, type)))
    return failure();
  BufferType source = getSource().getType();
  if (!isa<AccAttr>(type.getEncoding()) ||
      type.getShape() != source.getShape() ||
      type.getElementType() != source.getElementType() ||
      type.getElementTypeBitWidth() != 16)
    return emitOpError() << "expected a tile of 16 bit in the layout #tile.acc "
                            "like "
                         << source << ", got " << type;
  return success();
}

LogicalResult TakeOp::verify() {
  RankedTensorType rows = getTensor(getRows()), type = getTensor(getResult());
  if (failed(verifyLayout(*this, rows)) || failed(verifyLayout(*this, type)))
    return failure();
  if (!isa<LaneAttr>(rows.getEncoding()) ||
      !rows.getElementType().isInteger(32) ||
      !isa<BlockedAttr>(type.getEncoding()) ||
      rows.getShape()[0] != type.getShape()[0])
    return emitOpError()
           << "expected i32 in the layout #tile.lane, one for each "
              "row of a tile in the layout #tile.blocked, got "
           << rows << " and " << type;
  if (getTiles().empty())
    return emitOpError() << "expected at least one tile, got none";
  for (Value value : getTiles()) {
    auto tile = cast<BufferType>(value.getType());
    if (tile != getTiles().front().getType() ||
        tile.getElementType() != type.getElementType() ||
        tile.getShape()[1] != type.getShape()[1])
      return emitOpError() << "expected tiles of one type, with rows of "
                           << type.getShape()[1] << " " << type.getElementType()
                           << ", got " << tile;
  }
  return success();
}

int64_t TakeOp::getScratchBytes(ConfigAttr) {
  return arePlaced(getRows(), *this) ? 0
                                     : getTensor(getRows()).getShape()[0] * 4;
}

LogicalResult WriteOp::verify() {
  return verifyAccess(*this, getTensor(getSource()), getTarget().getType(),
                      getIndices().size(), getDim());
}

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

LogicalResult AnyOp::verify() {
  RankedTensorType type = getTensor(getSource());
  if (failed(verifyLayout(*this, type)))
    return failure();
  if (!isa<RowAttr, WideAttr, WideRowAttr>(type.getEncoding()) ||
      !type.getElementType().isInteger(1))
    return emitOpError()
           << "expected i1 in the layout #tile.row, #tile.wide or "
              "#tile.wide_row, got "
           << type;
  return success();
}

LogicalResult BroadcastOp::verify() {
  RankedTensorType from = getTensor(getSource()), to = getTensor(getResult());
  if (failed(verifyLayout(*this, from)) || failed(verifyLayout(*this, to)))
    return failure();
  bool rows = hasLayouts(from, to, is<RowAttr>,
                         [](Attribute a) { return isa<AccAttr, QuadAttr>(a); });
  rows |= hasLayouts(from, to, is<WideRowAttr>, is<WideAttr>);
  bool columns = hasLayouts(from, to, is<ColAttr>, is<AccAttr>) ||
                 hasLayouts(from, to, is<WideColAttr>, is<WideAttr>);
  if (!rows && !columns)
    return emitOpError()
           << "expected #tile.row to #tile.acc or #tile.quad, #tile.col to "
              "#tile.acc, or #tile.wide_row or #tile.wide_col to #tile.wide, "
              "got "
           << from << " to " << to;
  int64_t size = to.getShape()[rows ? 0 : 1];
  if (from.getShape()[0] != size)
    return emitOpError() << "expected " << size << " elements, got "
                         << from.getShape()[0];
  return success();
}

LogicalResult GatherOp::verify() {
  RankedTensorType rows = getTensor(getRows()), type = getTensor(getResult());
  GlobalType source = getSource().getType();
  if (failed(verifyLayout(*this, rows)) || failed(verifyLayout(*this, type)))
    return failure();
  if (!isa<LaneAttr>(rows.getEncoding()) ||
      !rows.getElementType().isInteger(32) ||
      !isa<BlockedAttr>(type.getEncoding()) ||
      rows.getShape()[0] != type.getShape()[0])
    return emitOpError()
           << "expected i32 in the layout #tile.lane, one for each "
              "row of a tile in the layout #tile.blocked, got "
           << rows << " and " << type;
  if (type.getElementType() != source.getElementType())
    return emitOpError() << "expected elements of " << source.getElementType()
                         << ", got " << type.getElementType();
  if (source.getRank() < 2)
    return emitOpError() << "expected a source of at least two dimensions, got "
                         << source;
  return verifyIndices(*this, source, getIndices().size(),
                       source.getRank() - 2);
}

int64_t GatherOp::getScratchBytes(ConfigAttr) {
  return arePlaced(getRows(), *this) ? 0
                                     : getTensor(getRows()).getShape()[0] * 4;
}

LogicalResult OrderOp::verify() {
  if (getValues().empty())
    return emitOpError() << "expected at least one operand, got none";
  int64_t size = 0, orderSize = 0;
  for (Value value : getValues()) {
    RankedTensorType type = getTensor(value);
    if (failed(verifyLayout(*this, type)))
      return failure();
    if (!isa<RowAttr>(type.getEncoding()) || !type.getElementType().isF32())
      return emitOpError() << "expected f32 in the layout #tile.row, got "
                           << type;
    size += type.getShape()[0];
  }
  for (Value order : getOrder()) {
    RankedTensorType type = getTensor(order);
    if (failed(verifyLayout(*this, type)))
      return failure();
    if (!isa<LaneAttr>(type.getEncoding()) ||
        !type.getElementType().isInteger(32))
      return emitOpError() << "expected results of i32 in the layout "
                              "#tile.lane, got "
                           << type;
    orderSize += type.getShape()[0];
  }
  if (size != orderSize)
    return emitOpError() << "expected as many elements in the results as in "
                            "the operands, "
                         << size << ", got " << orderSize;
  if (size > kMaxOrdered)
    return emitOpError() << "expected at most " << kMaxOrdered
                         << " elements, got " << size;
  return success();
}

PlacedRows tile::getPlacedRows(Value rows) {
  PlacedRows placed;
  if (auto sum = rows.getDefiningOp<arith::AddIOp>())
    if (auto splat = sum.getRhs().getDefiningOp<SplatOp>()) {
      placed.added = splat.getScalar();
      rows = sum.getLhs();
    }
  placed.order = rows.getDefiningOp<OrderOp>();
  if (!placed.order)
    return {};
  for (Value part : placed.order.getOrder()) {
    if (part == rows)
      break;
    placed.first += getTensor(part).getShape()[0];
  }
  return placed;
}

bool tile::arePlaced(Value rows, Operation *user) {
  OrderOp order = getPlacedRows(rows).order;
  if (!order)
    return false;
  Operation *last = order->getBlock()->findAncestorOpInBlock(*user);
  if (!last)
    return false;
  for (Operation *op = order; op != last;) {
    op = op->getNextNode();
    bool hasOrder = op->walk([](OrderOp) {
                        return WalkResult::interrupt();
                      }).wasInterrupted();
    if (hasOrder)
      return false;
  }
  return true;
}

int64_t OrderOp::getOrderOffset() {
  int64_t size = 0;
  for (Value value : getValues())
    size += getTensor(value).getShape()[0];
  return 4 * size;
}

int64_t OrderOp::getScratchBytes(ConfigAttr) {
  // The elements as integers, and behind them the order.
  return 2 * getOrderOffset();
}

LogicalResult ColumnsBehindOp::verify() {
  RankedTensorType from = getTensor(getLast()), to = getTensor(getResult());
  if (failed(verifyLayout(*this, from)) || failed(verifyLayout(*this, to)))
    return failure();
  if (!isa<RowAttr>(from.getEncoding()) || !isa<AccAttr>(to.getEncoding()) ||
      from.getShape()[0] != to.getShape()[0] ||
      !from.getElementType().isInteger(32) || !to.getElementType().isInteger(1))
    return emitOpError() << "expected i32 of the layout #tile.row to i1 of "
                            "#tile.acc with as many rows, got "
                         << from << " to " << to;
  if (to.getShape()[1] > kExactInF16)
    return emitOpError() << "expected at most " << kExactInF16
                         << " columns, got " << to.getShape()[1];
  return success();
}

LogicalResult ScaleRowsOp::verify() {
  RankedTensorType tile = getTensor(getSource()),
                   factor = getTensor(getFactor()),
                   holds = getTensor(getHolds());
  for (RankedTensorType type : {tile, factor, holds})
    if (failed(verifyLayout(*this, type)))
      return failure();
  if (!isa<AccAttr>(tile.getEncoding()) || !tile.getElementType().isF32())
    return emitOpError()
           << "expected a tile of f32 of the layout #tile.acc, got " << tile;
  auto rows =
      RankedTensorType::get(tile.getShape().take_front(), tile.getElementType(),
                            RowAttr::get(getContext()));
  if (factor != rows || holds != rows.clone(IntegerType::get(getContext(), 1)))
    return emitOpError() << "expected a factor " << rows
                         << " and a condition of i1 like it, got " << factor
                         << " and " << holds;
  return success();
}

LogicalResult IotaOp::verify() {
  RankedTensorType type = getTensor(getResult());
  if (failed(verifyLayout(*this, type)))
    return failure();
  if (type.getRank() != 1 || !type.getElementType().isInteger(32))
    return emitOpError() << "expected one dimension of i32, got " << type;
  return success();
}

LogicalResult ReduceOp::verify() {
  RankedTensorType from = getTensor(getSource());
  if (failed(verifyLayout(*this, from)))
    return failure();
  auto to = dyn_cast<RankedTensorType>(getResult().getType());
  if (!to) {
    if (getDim() != 0 || !isa<LaneAttr, WideColAttr>(from.getEncoding()) ||
        from.getElementType() != getResult().getType())
      return emitOpError()
             << "expected dimension 0 of #tile.lane or #tile.wide_col to a "
                "scalar of its type, got dimension "
             << getDim() << " of " << from << " to " << getResult().getType();
    return success();
  }
  if (failed(verifyLayout(*this, to)))
    return failure();
  int64_t dim = getDim();
  bool columns =
      dim == 1 &&
      (hasLayouts(from, to, is<AccAttr>,
                  [](Attribute a) { return isa<RowAttr, QuadAttr>(a); }) ||
       hasLayouts(from, to, is<QuadAttr>, is<RowAttr>) ||
       hasLayouts(from, to, is<WideAttr>, is<WideRowAttr>) ||
       (hasLayouts(from, to, is<WideAttr>, is<WideAttr>) &&
        to.getShape()[1] == kWarpThreads));
  bool rows = dim == 0 && hasLayouts(from, to, is<BlockedAttr>, is<LaneAttr>);
  if (!columns && !rows)
    return emitOpError()
           << "expected dimension 1 of #tile.acc to #tile.row or #tile.quad, "
              "dimension 1 of #tile.quad to #tile.row, dimension 1 of "
              "#tile.wide to #tile.wide_row or 32 columns, or dimension 0 of "
              "#tile.blocked to #tile.lane, got dimension "
           << dim << " of " << from << " to " << to;
  int64_t size = from.getShape()[1 - dim];
  if (to.getShape()[0] != size)
    return emitOpError() << "expected " << size << " elements, got "
                         << to.getShape()[0];
  return success();
}

int64_t ReduceOp::getScratchBytes(ConfigAttr config) {
  RankedTensorType type = getTensor(getSource());
  // Each warp leaves one element, or has all.
  if (!isa<RankedTensorType>(getResult().getType()))
    return isa<WideColAttr>(type.getEncoding()) ? 0
                                                : config.getConsumerWarps() * 4;
  if (!isa<BlockedAttr>(type.getEncoding()))
    return 0;
  // Each warp leaves one row.
  return config.getConsumerWarps() * type.getShape()[1] *
         type.getElementTypeBitWidth() / 8;
}

LogicalResult RelayoutOp::verify() {
  RankedTensorType from = getTensor(getSource()), to = getTensor(getResult());
  if (failed(verifyLayout(*this, from)) || failed(verifyLayout(*this, to)))
    return failure();
  Type element = from.getElementType();
  bool areNumbers = hasLayouts(from, to, is<LaneAttr>, is<WideColAttr>) &&
                    element.isInteger(32);
  bool areOfLanes = hasLayouts(from, to, is<LaneAttr>, is<ColAttr>) &&
                    element.getIntOrFloatBitWidth() == 32;
  bool areOfWarps =
      hasLayouts(from, to, is<WideColAttr>, is<ColAttr>) && isOfRow(element);
  if (!(areOfLanes || areOfWarps || areNumbers) ||
      from.getShape() != to.getShape())
    return emitOpError()
           << "expected 32 bit in #tile.lane or 16 or 32 bit in #tile.wide_col "
              "to #tile.col, or i32 in #tile.lane to #tile.wide_col, of the "
              "same shape, got "
           << from << " to " << to;
  return success();
}

int64_t RelayoutOp::getScratchBytes(ConfigAttr config) {
  RankedTensorType type = getTensor(getSource());
  // One copy for all.
  if (isa<WideColAttr>(getTensor(getResult()).getEncoding()))
    return arePlaced(getSource(), *this) ? 0 : type.getNumElements() * 4;
  // Of what each warp has, each warp has a copy there.
  int64_t copies = isa<WideColAttr>(type.getEncoding())
                       ? config.getConsumerWarps()
                       : config.getConsumers();
  return copies * getRowBytes(type);
}

LogicalResult SplatOp::verify() {
  RankedTensorType type = getTensor(getResult());
  if (failed(verifyLayout(*this, type)))
    return failure();
  if (type.getElementType() != getScalar().getType())
    return emitOpError() << "expected elements of " << getScalar().getType()
                         << ", got " << type;
  return success();
}
