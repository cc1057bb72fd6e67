//===- ConvertOrder.cpp - Order, gather and take to NVVM ------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All exchange numbers through shared memory between all consumers.
//
//===----------------------------------------------------------------------===//

#include "KernelContext.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::tile;

static RankedTensorType getTensor(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Where in an array of words at `base` the element at `at` is.
static Value getWord(KernelBuilder &b, Value base, Coordinate at) {
  return b.gepBytes(b.gepBytes(base, b.mul(at.base, 4)), 4 * at.offset);
}

/// An unsigned integer that grows with a float, 1 for NaN.
static Value getKey(KernelBuilder &b, Value value) {
  // -0 + 0 is 0.
  Value bits = b.bitcast(b.fadd(value, b.cf(0)), b.i32);
  Value isNegative = b.cmp(Cmp::LT, bits, 0);
  Value key =
      b.xor_(bits, b.select(isNegative, b.c32(-1),
                            b.c32(std::numeric_limits<int32_t>::min())));
  return b.select(b.fcmpEq(value, value), key, b.c32(1));
}

/// Keys of an order that a lane looks at in one iteration, and those of a load.
static constexpr int64_t kStep = 16, kVector = 4;

namespace {
struct ConvertOrder : KernelPattern<OrderOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(OrderOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    int64_t size = 0;
    Value keys = b.gepBytes(b.sharedBase(), *op.getOffset());
    Value barrier = b.c32(kConsumerBarrier);
    int64_t threads = kernel.getConsumerThreads();
    // Nobody reads the last order any more.
    b.barrier(barrier, threads);
    for (auto [part, values] :
         llvm::zip_equal(op.getValues(), adaptor.getValues())) {
      RankedTensorType type = getTensor(part);
      Value owner = kernel.getOwner(b, type);
      for (auto [i, value] : llvm::enumerate(values)) {
        Coordinate at = kernel.getCoordinates(b, type, i).front();
        at.offset += size;
        b.ptxIf("st.shared.b32 [$0], $1;",
                {getWord(b, keys, at), getKey(b, value)}, owner);
      }
      size += type.getShape()[0];
    }
    b.barrier(barrier, threads);

    Value order = b.gepBytes(keys, op.getOrderOffset());
    // A tile of rows has 64 for each warpgroup, half as many as threads: where
    // it is alone, lanes beside each other share an element, and each looks at
    // half of the keys.
    int64_t parts = 2 * size == threads ? 2 : 1;
    int64_t shift = llvm::Log2_64(parts);
    Value part = b.and_(kernel.lane, parts - 1);
    for (int64_t first = 0; first < size; first += threads) {
      Value mine = b.add(b.lshr(kernel.consumerThread, shift), first);
      Value firstThread = b.add(b.mul(kernel.warpgroup, kWarpgroupThreads),
                                b.mul(kernel.wgWarp, kWarpThreads));
      Value ofWarp = b.add(b.lshr(firstThread, shift), first);
      // The last round may have fewer elements than threads.
      Value exists = b.cmp(Cmp::LT, mine, size);
      Value at = b.select(exists, mine, b.c32(0));
      Value rank = countBefore(b, rewriter, op.getLoc(), keys, size, at, ofWarp,
                               parts, part);
      if (parts > 1) {
        rank = b.add(rank, b.shflBfly(rank, 1));
        exists = b.and_(exists, b.cmp(Cmp::EQ, part, 0));
      }
      b.ptxIf("st.shared.b32 [$0], $1;",
              {b.gepBytes(order, b.mul(rank, 4)), mine}, exists);
    }
    b.barrier(barrier, threads);

    SmallVector<Values> results;
    int64_t before = 0;
    for (Value part : op.getOrder()) {
      RankedTensorType type = getTensor(part);
      Values numbers;
      for (int64_t i = 0; i < getNumValues(type, kernel.config); ++i) {
        Coordinate at = kernel.getCoordinates(b, type, i).front();
        at.offset += before;
        numbers.push_back(b.load(getWord(b, order, at), b.i32, 4));
      }
      results.push_back(numbers);
      before += type.getShape()[0];
    }
    rewriter.replaceOpWithMultiple(op, results);
    return success();
  }

  /// How many of `size` keys come before that of number `at`: the larger ones,
  /// and equal ones of a smaller number. The numbers of a warp follow each
  /// other from `ofWarp` on, so that only among its own keys it depends on the
  /// lane whether equal ones count. Looks at vector `part` of `parts` that
  /// follow each other only.
  static Value countBefore(KernelBuilder &b,
                           ConversionPatternRewriter &rewriter, Location loc,
                           Value keys, int64_t size, Value at, Value ofWarp,
                           int64_t parts, Value part) {
    Value key = b.load(b.gepBytes(keys, b.mul(at, 4)), b.i32, 4);
    // other >= key is other > key - 1: no key is 0. The sum of a key and the
    // complement of another carries if the first is larger, and ptxas adds two
    // carries at once: one and a half instructions, a comparison takes three.
    Value notBelow = b.xor_(b.add(key, -1), -1);
    Value notKey = b.xor_(key, -1);
    auto vector = VectorType::get({4}, b.i32);
    constexpr int64_t kChains = 4;
    static_assert(kWarpThreads % kStep == 0);
    Value zero = b.c32(0);
    Value mine = b.mul(part, kVector);
    // Independent sums: one warp of a scheduler is not enough to hide the
    // latency of a chain.
    auto count = [&](Value begin, Value end, ValueRange counts,
                     function_ref<Value(Value)> getComplement) {
      auto loop = scf::ForOp::create(
          rewriter, loc, begin, end, b.c32(kStep * parts), counts,
          [&](OpBuilder &, Location, Value i, ValueRange carried) {
            Values sums(carried);
            i = b.add(i, mine);
            Value base = b.gepBytes(keys, b.mul(i, 4));
            for (int64_t step = 0; step < kStep * parts;
                 step += kVector * parts) {
              Value four = b.load(b.gepBytes(base, 4 * step), vector, 16);
              for (int64_t e = 0; e < kVector; ++e) {
                Value &sum = sums[e % kChains];
                sum = b.addCarry(getComplement(b.add(i, step + e)),
                                 b.extractElement(four, e), sum);
              }
            }
            scf::YieldOp::create(rewriter, loc, sums);
          });
      return loop.getResults();
    };
    // Warps behind the last key count nothing.
    Value end = b.select(b.cmp(Cmp::LT, ofWarp, size), b.c32(size), b.c32(0));
    // With whole steps around the keys of the warp.
    int64_t own = std::max(kWarpThreads / parts, kStep * parts);
    Value warpBegin = b.smin(b.and_(ofWarp, -own), end);
    Value warpEnd = b.smin(b.add(warpBegin, own), end);
    Values counts(kChains, zero);
    ValueRange sums =
        count(zero, warpBegin, counts, [&](Value) { return notBelow; });
    sums = count(warpBegin, warpEnd, sums, [&](Value other) {
      return b.select(b.cmp(Cmp::GE, other, at), notKey, notBelow);
    });
    sums = count(warpEnd, end, sums, [&](Value) { return notKey; });
    return b.add(b.add(sums[0], sums[1]), b.add(sums[2], sums[3]));
  }
};

/// Numbers of rows in shared memory, less what is to be added.
struct RowNumbers {
  Value base, added;

  Value get(KernelBuilder &b, Coordinate at) const {
    Value number = b.load(getWord(b, base, at), b.i32, 4);
    return added ? b.add(number, added) : number;
  }
};
} // namespace

/// Gives the numbers of rows to all consumers, unless an order has left them in
/// shared memory; returns where they lie.
static RowNumbers exchangeRows(KernelBuilder &b, const KernelContext &kernel,
                               ConversionPatternRewriter &rewriter,
                               std::optional<int64_t> offset, Value source,
                               ValueRange rows) {
  if (!offset) {
    PlacedRows placed = getPlacedRows(source);
    Value order = b.gepBytes(b.sharedBase(), *placed.order.getOffset() +
                                                 placed.order.getOrderOffset());
    return {b.gepBytes(order, 4 * placed.first),
            placed.added ? rewriter.getRemappedValue(placed.added) : Value()};
  }
  RankedTensorType type = getTensor(source);
  Value base = b.gepBytes(b.sharedBase(), *offset);
  Value barrier = b.c32(kConsumerBarrier);
  int64_t threads = kernel.getConsumerThreads();
  // Nobody reads the last numbers any more.
  b.barrier(barrier, threads);
  Value owner = kernel.getOwner(b, type);
  for (auto [i, row] : llvm::enumerate(rows)) {
    Coordinate at = kernel.getCoordinates(b, type, i).front();
    b.ptxIf("st.shared.b32 [$0], $1;", {getWord(b, base, at), row},
            owner ? owner : b.c1(true));
  }
  b.barrier(barrier, threads);
  return {base, Value()};
}

/// Whether tiles lie one after the other in shared memory: each in the only
/// slot of a ring.
static bool followEachOther(ValueRange tiles) {
  std::optional<int64_t> expected;
  for (Value tile : tiles) {
    auto wait = tile.getDefiningOp<RingWaitOp>();
    auto ring = wait ? wait.getRing().getDefiningOp<RingCreateOp>() : nullptr;
    if (!ring)
      return false;
    RingLayout layout(ring);
    if (layout.stages != 1 || (expected && layout.tiles != *expected) ||
        !llvm::isPowerOf2_64(layout.buffer.getShape()[0]))
      return false;
    expected = layout.tiles + layout.buffer.getSizeInBytes();
  }
  return true;
}

namespace {
struct ConvertGather : KernelPattern<GatherOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(GatherOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    RankedTensorType type = getTensor(op.getResult());
    RowNumbers numbers = exchangeRows(b, kernel, rewriter, op.getOffset(),
                                      op.getRows(), adaptor.getRows());

    Values at;
    for (ValueRange index : adaptor.getIndices())
      at.push_back(index.front());
    size_t rowDim = at.size();
    at.append(2, Value());
    Value numRows = kernel.getExtent(b, op.getSource(), rowDim);
    int64_t perAccess = kVectorBytes * 8 / type.getElementTypeBitWidth();
    bool isNarrow = type.getElementTypeBitWidth() == 16;
    int64_t number =
        getNumValues(type, kernel.config) * (isPacked(type) ? 2 : 1);
    Values results;
    for (int64_t i = 0; i < number; i += perAccess) {
      SmallVector<Coordinate, 2> where = kernel.getCoordinates(b, type, i);
      at[rowDim] = numbers.get(b, where[0]);
      at[rowDim + 1] = b.add(where[1].base, where[1].offset);
      Value isInside = b.cmp(Cmp::ULT, at[rowDim], numRows);
      for (Value word : b.loadGlobal128If(
               kernel.getAddress(b, op.getSource(), at), b.c32(0), isInside))
        results.push_back(isNarrow ? word
                                   : b.bitcast(word, type.getElementType()));
    }
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
    return success();
  }
};

struct ConvertTake : KernelPattern<TakeOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(TakeOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    RankedTensorType type = getTensor(op.getResult());
    RowNumbers numbers = exchangeRows(b, kernel, rewriter, op.getOffset(),
                                      op.getRows(), adaptor.getRows());
    Values tiles;
    for (ValueRange tile : adaptor.getTiles())
      tiles.push_back(b.add(tile[0], tile[1]));
    auto buffer = cast<BufferType>(op.getTiles().front().getType());
    int64_t tileRows = buffer.getShape()[0];
    bool areTogether = tiles.size() > 1 && followEachOther(op.getTiles());
    bool isNarrow = type.getElementTypeBitWidth() == 16;
    int64_t elementBytes = type.getElementTypeBitWidth() / 8;
    int64_t perAccess = kVectorBytes / elementBytes;
    int64_t number =
        getNumValues(type, kernel.config) * (isPacked(type) ? 2 : 1);
    auto vector = VectorType::get({4}, b.i32);
    Values results;
    for (int64_t i = 0; i < number; i += perAccess) {
      SmallVector<Coordinate, 2> where = kernel.getCoordinates(b, type, i);
      Value row = numbers.get(b, where[0]);
      Value tile = tiles.front(), inTile = row;
      if (areTogether) {
        Value number = b.lshr(row, llvm::Log2_64(tileRows));
        tile = b.add(tile, b.mul(number, buffer.getSizeInBytes()));
        inTile = b.and_(row, tileRows - 1);
      }
      for (size_t t = 1; !areTogether && t < tiles.size(); ++t) {
        Value isBehind = b.cmp(Cmp::GE, row, int64_t(t) * tileRows);
        tile = b.select(isBehind, tiles[t], tile);
        inTile = b.select(isBehind, b.add(row, -int64_t(t) * tileRows), inTile);
      }
      // PTX ISA, "Swizzling modes": chunks of 16 bytes of a row of 128 change
      // places by the row.
      Value column = b.mul(b.add(where[1].base, where[1].offset), elementBytes);
      Value box = b.lshr(column, llvm::Log2_64(kSwizzleBytes));
      Value chunk = b.xor_(b.and_(b.lshr(column, 4), 7), b.and_(inTile, 7));
      Value at = b.add(b.add(tile, b.mul(box, tileRows * kSwizzleBytes)),
                       b.add(b.mul(inTile, kSwizzleBytes), b.mul(chunk, 16)));
      Value four = b.load(b.intToShared(at), vector, kVectorBytes);
      for (unsigned e = 0; e < 4; ++e) {
        Value word = b.extractElement(four, e);
        results.push_back(isNarrow ? word
                                   : b.bitcast(word, type.getElementType()));
      }
    }
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
    return success();
  }
};

/// Numbers to threads of other layouts.
struct ConvertRelayoutOfRows : KernelPattern<RelayoutOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(RelayoutOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = getTensor(op.getResult());
    if (!isa<WideColAttr>(type.getEncoding()))
      return failure();
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    RowNumbers numbers = exchangeRows(b, kernel, rewriter, op.getOffset(),
                                      op.getSource(), adaptor.getSource());
    Values results;
    for (int64_t i = 0; i < getNumValues(type, kernel.config); ++i)
      results.push_back(
          numbers.get(b, kernel.getCoordinates(b, type, i).front()));
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
    return success();
  }
};
} // namespace

void tile::populateOrderPatterns(RewritePatternSet &patterns,
                                 const TypeConverter &converter,
                                 KernelContext &kernel) {
  patterns.add<ConvertGather, ConvertOrder, ConvertRelayoutOfRows, ConvertTake>(
      converter, patterns.getContext(), kernel);
}
