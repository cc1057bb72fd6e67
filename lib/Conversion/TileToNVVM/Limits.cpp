//===- Limits.cpp - What the lowering cannot do ---------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All limits in one place and checked before anything is changed, so that the
// patterns cannot fail and each error is one message at one op.
//
//===----------------------------------------------------------------------===//

#include "KernelContext.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "pbs/Conversion/TileToNVVM/Passes.h"
#include "pbs/Dialect/Plan/IR/Plan.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::tile;

/// Dimensions of a tensor map in a plan.
static constexpr int64_t kMapRank = 4;
/// Columns of one wgmma.
static constexpr int64_t kMaxColumns = 256;

Attribute tile::getItemListScratch(FuncOp func) {
  auto items = func->getAttrOfType<AffineMapAttr>(kItemsAttrName);
  if (!items)
    return {};
  // A count, and two words for each item.
  constexpr int64_t kWordBytes = 4;
  AffineMap map = items.getValue();
  AffineExpr bytes = (map.getResult(0) * 2 + 1) * kWordBytes;
  return plan::ScratchAttr::get(
      func.getContext(),
      AffineMap::get(0, map.getNumSymbols(), bytes, func.getContext()),
      /*zeroed=*/true);
}

namespace {
/// Checks one kernel.
class Checker {
public:
  explicit Checker(FuncOp func) : func(func) {}
  LogicalResult run();

private:
  LogicalResult checkFunc();
  LogicalResult checkOp(Operation *op);
  LogicalResult checkType(Operation *op, Type type);
  LogicalResult checkPlace(Operation *op);
  LogicalResult checkRing(Operation *op, Value ring, Value step);
  LogicalResult checkMap(Operation *op, Value global);
  LogicalResult checkDot(Operation *op, Value a, BufferType b,
                         RankedTensorType result);
  LogicalResult checkAccess(Operation *op, RankedTensorType tile, Value global,
                            ValueRange indices);
  LogicalResult checkVectors(Operation *op, RankedTensorType tile, Value global,
                             std::optional<int64_t> first);
  LogicalResult checkCopier(CopierOp op);
  LogicalResult checkReduce(ReduceOp op);
  LogicalResult checkMath(Operation *op);

  FuncOp func;
  ConfigAttr config;
};
} // namespace

LogicalResult tile::checkLimits(FuncOp func) { return Checker(func).run(); }

LogicalResult Checker::run() {
  if (failed(checkFunc()))
    return failure();
  WalkResult result = func.walk<WalkOrder::PreOrder>([&](Operation *op) {
    return WalkResult(op == func ? success() : checkOp(op));
  });
  return failure(result.wasInterrupted());
}

LogicalResult Checker::checkFunc() {
  if (!func.getConfig())
    return func.emitOpError()
           << "expected a configuration (tile-configure), got none";
  config = *func.getConfig();
  if (!func.getSharedBytes())
    return func.emitOpError()
           << "expected 'shared_bytes' (tile-allocate-shared), got none";
  bool isSplit = !func.getOps<WarpSpecializeOp>().empty();
  if (isSplit != config.getSpecialize())
    return func.emitOpError()
           << "expected " << (config.getSpecialize() ? "a" : "no")
           << " tile.warp_specialize, as the configuration says";

  auto module = func->getParentOfType<ModuleOp>();
  auto followed = func->getAttrOfType<FlatSymbolRefAttr>(kFollowsAttrName);
  auto kernel = module.lookupSymbol<plan::KernelOp>(
      followed ? followed.getValue() : func.getSymName());
  if (followed &&
      (!kernel || !isa_and_present<plan::CUDACodeAttr>(kernel.getCodeAttr())))
    return func.emitOpError()
           << "expected '" << kFollowsAttrName
           << "' to name a plan.kernel whose tile.func stands before, got "
           << followed;
  int64_t numBuffers = func.getNumArguments();
  if (kernel)
    numBuffers = kernel.getNumArguments() + kernel.getResultTypes().size();
  Attribute list = getItemListScratch(func);
  for (unsigned i = 0; i < func.getNumArguments(); ++i) {
    if (func.getArgAttr(i, kItemListAttrName)) {
      if (!list)
        return func.emitOpError()
               << "expected '" << kItemsAttrName << "' beside '"
               << kItemListAttrName << "', got none";
      if (followed && !llvm::is_contained(kernel.getScratch(), list))
        return func.emitOpError()
               << "expected the kernel that this one follows to list as many "
                  "items, got "
               << func->getAttr(kItemsAttrName);
    }
    auto number = func.getArgAttrOfType<IntegerAttr>(i, kBufferAttrName);
    int64_t buffer = number ? number.getInt() : i;
    if (!func.getArgAttr(i, kCounterAttrName) &&
        !func.getArgAttr(i, kItemListAttrName) &&
        !func.getArgAttr(i, kBlockScratchAttrName) &&
        (buffer < 0 || buffer >= numBuffers))
      return func.emitOpError()
             << "expected '" << kBufferAttrName << "' of argument " << i
             << " to be one of " << numBuffers << " buffers, got " << buffer;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

LogicalResult Checker::checkType(Operation *op, Type type) {
  if (auto inflight = dyn_cast<InflightType>(type))
    type = inflight.getType();
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return success();
  Attribute layout = tensor.getEncoding();
  if (!layout || &layout.getDialect() != func->getDialect())
    return op->emitOpError()
           << "expected a layout of the tile dialect, got " << tensor;
  Type element = tensor.getElementType();
  if (!element.isF32() && !element.isF16() && !element.isBF16() &&
      !element.isInteger(64) && !element.isInteger(32) &&
      !element.isInteger(16) && !element.isInteger(1))
    return op->emitOpError()
           << "expected elements of f32, f16, bf16, i64, i32, i16 or i1, got "
           << tensor;
  int64_t rows = tensor.getShape()[0];
  if (isa<AccAttr, QuadAttr, RowAttr>(layout)) {
    int64_t expected = kWarpRows * config.getConsumerWarps();
    if (rows != expected)
      return op->emitOpError()
             << "expected " << expected << " rows, " << kWarpRows
             << " for each of " << config.getConsumerWarps()
             << " consumer warps, got " << tensor;
  } else if (isa<WideAttr, WideRowAttr>(layout)) {
    if (rows % config.getConsumerWarps() != 0)
      return op->emitOpError()
             << "expected a multiple of " << config.getConsumerWarps()
             << " rows, as many for each consumer warp, got " << tensor;
  } else if (auto blocked = dyn_cast<BlockedAttr>(layout)) {
    int64_t perRow = tensor.getShape()[1] / blocked.getVector();
    int64_t threads = config.getConsumers() * kWarpgroupThreads;
    if (!llvm::isPowerOf2_64(perRow) || rows * perRow % threads != 0)
      return op->emitOpError()
             << "expected rows of a power of two of vectors and a multiple of "
             << threads << " vectors (one for each consumer thread), got "
             << tensor;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// Ops that need to know the warpgroup of the thread. A row that each warp has
/// as a whole does not.
static bool isForConsumers(Operation *op) {
  if (isa<IotaOp, ReadOp, ReduceOp, SplatOp>(op))
    return !isOfWarp(op);
  return isa<AnyOp, AppendItemOp, ArrayAppendOp, ArrayReadOp, ArrayWriteOp,
             BarrierOp, ColumnsBehindOp, CopierPushOp, CopierStopOp, DotAsyncOp,
             DotOp, DotWaitOp, FirstBitsOp, GatherOp, LoadMatrixOp, OrderOp,
             PackBitsOp, RelayoutOp, RingReleaseOp, RingWaitOp, ScaleRowsOp,
             StoreOp, TakeOp, TurnPassOp, TurnWaitOp, UnpackBitsOp, WriteOp,
             BroadcastOp>(op);
}

LogicalResult Checker::checkPlace(Operation *op) {
  if (!config.getSpecialize()) {
    if (isa<FetchItemOp>(op))
      return op->emitOpError()
             << "expected to be in a producer, since one warp draws for the "
                "block; got a kernel that is not specialized";
    return success();
  }
  auto split = op->getParentOfType<WarpSpecializeOp>();
  bool inProducer =
      split && split.getProducer().isAncestor(op->getParentRegion());
  if (inProducer && isForConsumers(op))
    return op->emitOpError() << "expected to be outside of the producer";
  if (!inProducer && isa<FetchItemOp, RingPushOp>(op))
    return op->emitOpError() << "expected to be in the producer";
  if (!split && isForConsumers(op) &&
      !llvm::any_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>))
    return op->emitOpError() << "expected to be in the consumer";
  if (isa<WarpSpecializeOp>(op) && !isa<ReturnOp>(op->getNextNode()))
    return op->getNextNode()->emitOpError()
           << "expected nothing behind tile.warp_specialize";
  return success();
}

/// Only the array that an op made has a place; and a scratch, which is no
/// buffer of others, may be written and read.
static LogicalResult checkArray(Operation *op, Value array) {
  if (auto argument = dyn_cast<BlockArgument>(array)) {
    auto func = dyn_cast<FuncOp>(argument.getOwner()->getParentOp());
    if (!func ||
        !func.getArgAttr(argument.getArgNumber(), kBlockScratchAttrName))
      return op->emitOpError() << "expected global memory to be an argument "
                               << "with '" << kBlockScratchAttrName << "'";
    return success();
  }
  if (!array.getDefiningOp<ArrayOp>())
    return op->emitOpError() << "expected an array of tile.array itself";
  return success();
}

LogicalResult Checker::checkRing(Operation *op, Value ring, Value step) {
  if (!ring.getDefiningOp<RingCreateOp>())
    return op->emitOpError() << "expected a ring of tile.ring_create itself";
  if (!step)
    return op->emitOpError() << "expected a step (tile-number-rings), got none";
  return success();
}

LogicalResult Checker::checkMap(Operation *op, Value global) {
  int64_t rank = cast<GlobalType>(global.getType()).getRank();
  if (rank != kMapRank)
    return op->emitOpError()
           << "expected a tensor of " << kMapRank
           << " dimensions for a tensor map, got " << global.getType();
  return success();
}

static LogicalResult checkSwizzle(Operation *op, BufferType buffer) {
  if (buffer.getSwizzle() != kSwizzleBytes)
    return op->emitOpError() << "expected a swizzle of " << kSwizzleBytes
                             << " bytes, got " << buffer;
  return success();
}

LogicalResult Checker::checkDot(Operation *op, Value a, BufferType b,
                                RankedTensorType result) {
  auto isSwizzled = [&](Type type) -> LogicalResult {
    auto buffer = dyn_cast<BufferType>(type);
    return buffer ? checkSwizzle(op, buffer) : success();
  };
  if (failed(isSwizzled(a.getType())) || failed(isSwizzled(b)))
    return failure();
  if (result.getShape()[1] > kMaxColumns)
    return op->emitOpError()
           << "expected at most " << kMaxColumns << " columns, got " << result;
  return success();
}

LogicalResult Checker::checkAccess(Operation *op, RankedTensorType tile,
                                   Value global, ValueRange indices) {
  if (tile.getElementTypeBitWidth() < 16)
    return op->emitOpError()
           << "expected elements of 16 or 32 bit, got " << tile;
  if (!isa<BlockedAttr>(tile.getEncoding()))
    return success();
  APInt first;
  std::optional<int64_t> column;
  if (matchPattern(indices.back(), m_ConstantInt(&first)))
    column = first.getSExtValue();
  return checkVectors(op, tile, global, column);
}

/// A vector must be inside or outside as a whole, and aligned.
LogicalResult Checker::checkVectors(Operation *op, RankedTensorType tile,
                                    Value global,
                                    std::optional<int64_t> first) {
  auto blocked = cast<BlockedAttr>(tile.getEncoding());
  int64_t perAccess = kVectorBytes * 8 / tile.getElementTypeBitWidth();
  if (blocked.getVector() % perAccess != 0)
    return op->emitOpError() << "expected vectors of a multiple of "
                             << perAccess << " elements, got " << tile;
  int64_t extent = cast<GlobalType>(global.getType()).getShape().back();
  if (ShapedType::isDynamic(extent) || extent % perAccess != 0 || !first ||
      *first % perAccess != 0)
    return op->emitOpError()
           << "expected a static last dimension and a constant last index, "
              "multiples of "
           << perAccess << " elements, got " << global.getType();
  return success();
}

LogicalResult Checker::checkCopier(CopierOp op) {
  if (!config.getSpecialize())
    return op.emitOpError() << "expected a kernel that is specialized";
  int64_t number = llvm::range_size(func.getOps<CopierOp>());
  // One warp of the first warpgroup loads.
  if (number > kWarpgroupWarps - 1)
    return op.emitOpError() << "expected at most " << kWarpgroupWarps - 1
                            << " copiers, one for each warp beside the one "
                               "that loads, got "
                            << number;
  // A vector for each lane: rows for each group of lanes, or lanes for a row.
  int64_t rowBytes = op.getRowBytes();
  if (!llvm::isPowerOf2_64(rowBytes) || rowBytes < kVectorBytes * 4 ||
      rowBytes > kVectorBytes * kWarpThreads)
    return op.emitOpError()
           << "expected rows of a power of two of bytes, " << kVectorBytes * 4
           << " to " << kVectorBytes * kWarpThreads << ", got " << rowBytes;
  return checkMap(op, op.getTarget());
}

LogicalResult Checker::checkReduce(ReduceOp op) {
  auto from = cast<RankedTensorType>(op.getSource().getType());
  if (from.getElementTypeBitWidth() != 32)
    return op.emitOpError() << "expected elements of 32 bit, got " << from;
  auto blocked = dyn_cast<BlockedAttr>(from.getEncoding());
  if (blocked && from.getShape()[1] / blocked.getVector() > kWarpThreads)
    return op.emitOpError() << "expected at most " << kWarpThreads
                            << " vectors in a row, so that a warp has whole "
                               "rows, got "
                            << from;
  return success();
}

LogicalResult Checker::checkMath(Operation *op) {
  if (!isElementwise(op))
    return op->emitOpError()
           << "expected an op that the hardware has, got " << op->getName();
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  if (!element.isF32())
    return op->emitOpError() << "expected elements of f32, got " << element;
  return success();
}

LogicalResult Checker::checkOp(Operation *op) {
  for (TypeRange types :
       {TypeRange(op->getOperandTypes()), TypeRange(op->getResultTypes())})
    for (Type type : types)
      if (failed(checkType(op, type)))
        return failure();
  if (failed(checkPlace(op)))
    return failure();
  if (auto scratch = dyn_cast<SharedScratchOpInterface>(op))
    if ((scratch.getScratchBytes(config) && !scratch.getScratchOffset()) ||
        (scratch.getControlBytes() && !scratch.getControlOffset()))
      return op->emitOpError()
             << "expected an 'offset' (tile-allocate-shared), got none";
  if (isa<math::MathDialect>(op->getDialect()))
    return checkMath(op);

  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](RingPushOp push) {
        for (Value source : {push.getSource(), push.getOther()})
          if (source && failed(checkMap(op, source)))
            return failure();
        return checkRing(op, push.getRing(), push.getStep());
      })
      .Case<ArrayAppendOp, ArrayReadOp, ArrayWriteOp>(
          [&](auto access) { return checkArray(op, access.getArray()); })
      .Case<RingWaitOp, RingReleaseOp>([&](auto ringOp) {
        return checkRing(op, ringOp.getRing(), ringOp.getStep());
      })
      .Case([&](StoreOp store) -> LogicalResult {
        auto type = cast<RankedTensorType>(store.getSource().getType());
        if (type.getShape()[1] % kSwizzleElements != 0)
          return op->emitOpError()
                 << "expected a multiple of " << kSwizzleElements
                 << " columns, got " << type;
        // Rows that are cut off are stored by pairs, which are not checked.
        int64_t columns = store.getTarget().getType().getShape().back();
        if (store.getRows() &&
            (!matchPattern(store.getIndices().back(), m_Zero()) ||
             columns != type.getShape()[1]))
          return op->emitOpError()
                 << "expected, with 'rows', all columns of the target, got "
                 << type << " and " << store.getTarget().getType();
        return checkMap(op, store.getTarget());
      })
      .Case([&](DotOp dot) {
        return checkDot(op, dot.getA(), dot.getB().getType(),
                        cast<RankedTensorType>(dot.getResult().getType()));
      })
      .Case([&](DotAsyncOp dot) {
        return checkDot(op, dot.getA(), dot.getB().getType(),
                        dot.getResult().getType().getType());
      })
      .Case([&](ReadOp read) {
        return checkAccess(op,
                           cast<RankedTensorType>(read.getResult().getType()),
                           read.getSource(), read.getIndices());
      })
      .Case([&](WriteOp write) {
        return checkAccess(op,
                           cast<RankedTensorType>(write.getSource().getType()),
                           write.getTarget(), write.getIndices());
      })
      .Case([&](GatherOp gather) {
        return checkVectors(
            op, cast<RankedTensorType>(gather.getResult().getType()),
            gather.getSource(), /*first=*/0);
      })
      .Case([&](LoadMatrixOp load) {
        return checkSwizzle(op, load.getSource().getType());
      })
      .Case([&](TakeOp take) -> LogicalResult {
        auto type = cast<RankedTensorType>(take.getResult().getType());
        auto buffer = cast<BufferType>(take.getTiles().front().getType());
        if (failed(checkSwizzle(op, buffer)))
          return failure();
        int64_t perAccess = kVectorBytes * 8 / type.getElementTypeBitWidth();
        int64_t vector = cast<BlockedAttr>(type.getEncoding()).getVector();
        if (vector % perAccess != 0)
          return op->emitOpError() << "expected vectors of a multiple of "
                                   << perAccess << " elements, got " << type;
        return success();
      })
      .Case([&](ReduceOp reduce) { return checkReduce(reduce); })
      .Case([&](CopierOp copier) { return checkCopier(copier); })
      .Case<CopierPushOp, CopierStopOp>([&](auto request) -> LogicalResult {
        if (!request.getStep())
          return op->emitOpError()
                 << "expected a step (tile-number-rings), got none";
        return success();
      })
      .Case<TurnWaitOp, TurnPassOp>([&](auto) -> LogicalResult {
        if (config.getConsumers() < 2)
          return op->emitOpError()
                 << "expected several consumers to take turns, got "
                 << config.getConsumers();
        return success();
      })
      .Case<CopyRowsOp, ForEachOp, LoadOp>([&](auto) {
        return op->emitOpError()
               << "expected to be scheduled before (tile-schedule, "
                  "tile-warp-specialize)";
      })
      .Case([&](arith::ConstantOp constant) -> LogicalResult {
        if (isa<RankedTensorType>(constant.getType()) &&
            !isa<SplatElementsAttr>(constant.getValue()))
          return op->emitOpError() << "expected one value for all elements";
        return success();
      })
      .Case<scf::ForOp, scf::WhileOp, scf::IfOp, scf::YieldOp,
            scf::ConditionOp>([](auto) { return success(); })
      .Default([&](Operation *) -> LogicalResult {
        if (op->getDialect() == func->getDialect() || isElementwise(op))
          return success();
        return op->emitOpError() << "has no lowering to NVVM";
      });
}
