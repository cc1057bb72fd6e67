//===- ConvertMemory.cpp - Register tiles in global memory ----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Accesses outside a tensor are predicated and never branched around: a
// divergent branch in a persistent loop costs ptxas its knowledge of what is
// uniform.
//
//===----------------------------------------------------------------------===//

#include "KernelContext.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::tile;

namespace {
/// The elements of one thread's share of a tile in global memory.
class TileAccess {
public:
  /// `original` are the indices before the conversion, which may be constants.
  TileAccess(KernelContext &kernel, KernelBuilder &b, RankedTensorType tile,
             Value global, ValueRange original, ArrayRef<Value> indices,
             std::optional<int64_t> dim, Value rows = Value())
      : kernel(kernel), b(b), tile(tile), global(global), indices(indices),
        rows(rows), firstDim(dim.value_or(indices.size() - tile.getRank())) {
    for (int64_t dim = 0; dim < tile.getRank(); ++dim)
      checked.push_back(!fits(dim, original[firstDim + dim]));
  }

  /// Address of element `i` and, unless that is always, when it is inside.
  std::pair<Value, Value> get(int64_t i) {
    Value inside;
    Values at(indices);
    for (auto [dim, coordinate] :
         llvm::enumerate(kernel.getCoordinates(b, tile, i))) {
      Value &index = at[firstDim + dim];
      if (rows && dim == 0)
        inside = both(
            inside,
            b.cmp(Cmp::LT, b.add(coordinate.base, coordinate.offset), rows));
      index = b.add(b.add(index, coordinate.base), coordinate.offset);
      if (!checked[dim])
        continue;
      Value extent = kernel.getExtent(b, global, firstDim + dim);
      inside = both(inside, b.cmp(Cmp::LT, index, extent));
    }
    return {kernel.getAddress(b, global, at), inside};
  }

  Value both(Value x, Value y) { return !x ? y : !y ? x : b.and_(x, y); }

private:
  /// Whether the tile is always inside in a dimension.
  bool fits(int64_t dim, Value index) {
    APInt first;
    int64_t extent =
        cast<GlobalType>(global.getType()).getShape()[firstDim + dim];
    return !ShapedType::isDynamic(extent) &&
           matchPattern(index, m_ConstantInt(&first)) &&
           first.getSExtValue() + tile.getShape()[dim] <= extent;
  }

  KernelContext &kernel;
  KernelBuilder &b;
  RankedTensorType tile;
  Value global;
  ArrayRef<Value> indices;
  Value rows;
  int64_t firstDim;
  SmallVector<bool, 2> checked;
};
} // namespace

/// The only value of each operand.
static Values single(ArrayRef<ValueRange> values) {
  return llvm::map_to_vector(values, [](ValueRange v) { return v.front(); });
}

/// Elements that one access moves.
static int64_t getAccessElements(RankedTensorType type) {
  return isa<BlockedAttr>(type.getEncoding())
             ? kVectorBytes * 8 / type.getElementTypeBitWidth()
             : 1;
}

namespace {
struct ConvertRead : KernelPattern<ReadOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(ReadOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    auto type = cast<RankedTensorType>(op.getResult().getType());
    Type element = type.getElementType();
    Values indices = single(adaptor.getIndices());
    TileAccess access(kernel, b, type, op.getSource(), op.getIndices(), indices,
                      op.getDim());
    Value other;
    if (op.getOther())
      other = adaptor.getOther().front();
    bool packed = isPacked(type);
    int64_t perAccess = getAccessElements(type);
    int64_t number = getNumValues(type, kernel.config) * (packed ? 2 : 1);

    // What is read where nothing is, as the bits of a word or half.
    Type half = rewriter.getI16Type();
    bool narrow = element.getIntOrFloatBitWidth() == 16;
    Value outside;
    if (perAccess > 1 && narrow)
      outside = other ? b.repack16(other, other) : b.c32(0);
    else if (narrow)
      outside = other ? b.bitcast(other, half) : b.c16(0);
    else
      outside = other ? b.bitcast(other, b.i32) : b.c32(0);

    Values results, elements;
    for (int64_t i = 0; i < number; i += perAccess) {
      auto [address, inside] = access.get(i);
      if (!inside)
        inside = b.c1(true);
      if (perAccess > 1) {
        for (Value word : b.loadGlobal128If(address, outside, inside))
          results.push_back(narrow ? word : b.bitcast(word, element));
      } else if (narrow) {
        Value word = b.loadGlobal16If(address, outside, inside);
        elements.push_back(b.bitcast(word, element));
      } else {
        Value word = b.loadGlobal32If(address, outside, inside);
        results.push_back(b.bitcast(word, element));
      }
    }
    if (!elements.empty())
      results = packElements(b, type, elements);
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
    return success();
  }
};

struct ConvertWrite : KernelPattern<WriteOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(WriteOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    auto type = cast<RankedTensorType>(op.getSource().getType());
    Values indices = single(adaptor.getIndices());
    TileAccess access(kernel, b, type, op.getTarget(), op.getIndices(), indices,
                      op.getDim(),
                      op.getRows() ? adaptor.getRows().front() : Value());
    bool narrow = type.getElementTypeBitWidth() == 16;
    int64_t perAccess = getAccessElements(type);
    ValueRange source = adaptor.getSource();
    int64_t number =
        getNumValues(type, kernel.config) * (isPacked(type) ? 2 : 1);
    Values elements;
    if (perAccess == 1)
      elements = unpackElements(b, type, source);
    Value owner = kernel.getOwner(b, type);
    for (int64_t i = 0; i < number; i += perAccess) {
      auto [address, inside] = access.get(i);
      inside = access.both(inside, owner);
      if (!inside)
        inside = b.c1(true);
      Values operands{address};
      if (perAccess > 1) {
        size_t first = narrow ? i / 2 : i;
        for (Value word : source.slice(first, 4))
          operands.push_back(b.bitcast(word, b.i32));
        b.ptxIf("st.global.v4.b32 [$0], {$1, $2, $3, $4};", operands, inside);
      } else if (narrow) {
        operands.push_back(b.bitcast(elements[i], rewriter.getI16Type()));
        b.ptxIf("st.global.b16 [$0], $1;", operands, inside);
      } else {
        operands.push_back(b.bitcast(elements[i], b.i32));
        b.ptxIf("st.global.b32 [$0], $1;", operands, inside);
      }
    }
    rewriter.eraseOp(op);
    return success();
  }
};

/// Columns of the four matrices that a warp moves at once (PTX ISA, ldmatrix
/// and stmatrix, x4).
constexpr int64_t kMatrixColumns = 16;

/// Addresses of this warp's rows of a swizzled tile in shared memory for
/// ldmatrix and stmatrix, x4: lane L gives that of row L % 8 of matrix L / 8.
class MatrixAccess {
public:
  /// `base` is the first row of the warpgroup; boxes of columns are `boxBytes`
  /// apart.
  MatrixAccess(KernelBuilder &b, const KernelContext &kernel, Value base,
               int64_t boxBytes)
      : b(b), boxBytes(boxBytes) {
    Value row = b.add(b.mul(kernel.wgWarp, kWarpRows), b.and_(kernel.lane, 15));
    half = b.lshr(kernel.lane, 4);
    rowAddress = b.add(base, b.mul(row, kSwizzleBytes));
    swizzle = b.and_(row, 7);
  }

  /// The matrices of columns `c * kMatrixColumns` and following.
  Value get(int64_t c) {
    constexpr int64_t stepsPerBox = kSwizzleElements / kMatrixColumns;
    Value chunk = b.xor_(b.add(half, c % stepsPerBox * 2), swizzle);
    Value at =
        b.add(b.add(rowAddress, b.mul(chunk, 16)), c / stepsPerBox * boxBytes);
    return b.intToShared(at);
  }

private:
  KernelBuilder &b;
  int64_t boxBytes;
  Value rowAddress, half, swizzle;
};

/// Registers -> this warpgroup's rows in shared memory, swizzled as the tensor
/// map expects -> bulk copies, which clip at the ends of the tensor.
struct ConvertStore : KernelPattern<StoreOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(StoreOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    auto type = cast<RankedTensorType>(op.getSource().getType());
    int64_t numColumns = type.getShape()[1];
    constexpr int64_t boxBytes = kWarpgroupRows * kSwizzleBytes;
    Value base =
        b.add(b.add(b.ptrToInt(b.sharedBase()), *op.getOffset()),
              b.mul(kernel.warpgroup, kWarpgroupRows * numColumns * 2));
    Value barrier = b.add(kernel.warpgroup, kWarpgroupBarrier);

    // The copies of the last store have read their bytes: the thread that began
    // them knows, the others learn it at the barrier.
    b.bulkWaitRead();
    b.barrier(barrier, kWarpgroupThreads);
    MatrixAccess access(b, kernel, base, boxBytes);
    Values source(adaptor.getSource());
    for (int64_t c = 0; c < numColumns / kMatrixColumns; ++c)
      b.stmatrix4(access.get(c), ArrayRef<Value>(source).slice(4 * c, 4));
    b.fenceProxyAsync();
    b.barrier(barrier, kWarpgroupThreads);

    Values indices = single(adaptor.getIndices());
    // Innermost dimension first; rows are those of the warpgroup.
    Values coordinates(llvm::reverse(indices));
    coordinates[1] =
        b.add(coordinates[1], b.mul(kernel.warpgroup, kWarpgroupRows));
    Value map =
        kernel.getMap(b, op.getTarget(),
                      {kSwizzleElements, kWarpgroupRows, 1, 1}, kSwizzleBytes);
    Value firstColumn = coordinates[0];
    Value stores = kernel.signals;
    if (op.getRows()) {
      Value rows = adaptor.getRows().front();
      Value end = b.mul(b.add(kernel.warpgroup, 1), kWarpgroupRows);
      Value isCut = b.cmp(Cmp::LT, rows, end);
      stores = b.and_(stores, b.xor_(isCut, b.c1(true)));
      storeRows(b, op, source, indices, rows, isCut);
    }
    for (int64_t i = 0; i < numColumns / kSwizzleElements; ++i) {
      coordinates[0] = b.add(firstColumn, i * kSwizzleElements);
      b.tmaStoreIf(map, b.intToShared(b.add(base, i * boxBytes)), coordinates,
                   stores);
    }
    b.bulkCommit();
    rewriter.eraseOp(op);
    return success();
  }

  /// Stores the rows before `rows` where `isCut`: a bulk copy has whole boxes.
  void storeRows(KernelBuilder &b, StoreOp op, ArrayRef<Value> pairs,
                 ArrayRef<Value> indices, Value rows, Value isCut) const {
    size_t rank = indices.size();
    Value extent = kernel.getExtent(b, op.getTarget(), rank - 2);
    for (size_t half = 0; half < 2; ++half) {
      Value row = b.add(kernel.row, 8 * half);
      Values at(indices);
      at[rank - 2] = b.add(at[rank - 2], row);
      at[rank - 1] = b.add(at[rank - 1], kernel.column);
      Value address = kernel.getAddress(b, op.getTarget(), at);
      Value inside = b.and_(b.cmp(Cmp::LT, row, rows),
                            b.cmp(Cmp::LT, at[rank - 2], extent));
      inside = b.and_(inside, isCut);
      // A pair of elements in each eight columns.
      for (size_t i = half; i < pairs.size(); i += 2)
        b.ptxIf("st.global.b32 [$0], $1;",
                {b.gepBytes(address, 8 * 2 * (i / 2)), pairs[i]}, inside);
    }
  }
};

/// This warpgroup's rows of a swizzled tile in shared memory.
struct ConvertLoadMatrix : KernelPattern<LoadMatrixOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(LoadMatrixOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    auto type = cast<RankedTensorType>(op.getResult().getType());
    int64_t boxBytes = type.getShape()[0] * kSwizzleBytes;
    Value base = b.add(b.add(adaptor.getSource()[0], adaptor.getSource()[1]),
                       b.mul(kernel.warpgroup, kWarpgroupRows * kSwizzleBytes));
    MatrixAccess access(b, kernel, base, boxBytes);
    Values results;
    for (int64_t c = 0; c < type.getShape()[1] / kMatrixColumns; ++c)
      results.append(b.ldmatrix4(access.get(c)));
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
    return success();
  }
};

struct ConvertDim : KernelPattern<DimOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(DimOp op, OneToNOpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    rewriter.replaceOp(op, kernel.getExtent(b, op.getSource(), op.getDim()));
    return success();
  }
};
} // namespace

void tile::populateMemoryPatterns(RewritePatternSet &patterns,
                                  const TypeConverter &converter,
                                  KernelContext &kernel) {
  patterns.add<ConvertDim, ConvertLoadMatrix, ConvertRead, ConvertStore,
               ConvertWrite>(converter, patterns.getContext(), kernel);
}
