//===- ConvertCopies.cpp - Copies of rows by warps of their own -----------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Consumers put requests into shared memory, one after the other into the
// places of a ring; a copier takes them. It collects rows by cp.async, which
// needs no registers for them, in pieces that bulk copies store.
//
//===----------------------------------------------------------------------===//

#include "KernelContext.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::tile;

/// Bytes of a word of a request, and numbers of rows that are read at once.
static constexpr int64_t kWordBytes = 4, kNumbers = 4;

namespace {
/// The place of a request.
class Request {
public:
  Request(KernelBuilder &b, const CopierLayout &layout, Value step)
      : b(b), layout(layout), index(b.and_(step, kCopyRequests - 1)),
        parity(b.and_(b.lshr(step, llvm::Log2_64(kCopyRequests)), 1)) {}

  Value full() { return at(layout.full, kBarrierBytes); }
  Value empty() { return at(layout.empty, kBarrierBytes); }
  /// Word 0 says whether there is a copy to make; indices follow.
  Value word(int64_t i) {
    return b.gepBytes(at(layout.requests, getBytes()), kWordBytes * i);
  }
  Value numbers() {
    return b.gepBytes(at(layout.requests, getBytes()), kRequestBytes);
  }

private:
  int64_t getBytes() const { return kRequestBytes + kWordBytes * layout.rows; }
  Value at(int64_t offset, int64_t stride) {
    return b.gepBytes(b.sharedBase(), b.add(b.mul(index, stride), offset));
  }

  KernelBuilder &b;
  const CopierLayout &layout;
  Value index;

public:
  Value parity;
};

template <typename Op>
struct RequestPattern : KernelPattern<Op> {
  using KernelPattern<Op>::KernelPattern;

protected:
  /// Replaces `op` by a request of the threads that hold the numbers of rows;
  /// `write` writes these and gives the words before them.
  void request(Op op, Value step, ConversionPatternRewriter &rewriter,
               function_ref<Values(KernelBuilder &, Request &)> write) const {
    const KernelContext &kernel = this->kernel;
    KernelBuilder b = this->kernel.builder(rewriter, op.getLoc());
    CopierLayout layout(op.getCopier().template getDefiningOp<CopierOp>());
    constexpr int64_t kWarps = kWarpgroupThreads / kWarpThreads;
    Value warp = b.add(b.mul(kernel.warpgroup, kWarps), kernel.wgWarp);
    Value asks = b.cmp(Cmp::LT, warp, layout.getThreads() / kWarpThreads);
    scf::IfOp::create(rewriter, op.getLoc(), asks, [&](OpBuilder &, Location) {
      Request request(b, layout, step);
      // The first round finds all places free.
      b.mbarWait(request.empty(), b.xor_(request.parity, 1));
      Value first = b.cmp(Cmp::EQ, kernel.consumerThread, 0);
      for (auto [i, word] : llvm::enumerate(write(b, request)))
        b.ptxIf("st.shared.b32 [$0], $1;", {request.word(i), word}, first);
      // Each for what it has written.
      b.mbarArriveIf(request.full(), b.c1(true));
      scf::YieldOp::create(rewriter, op.getLoc());
    });
    rewriter.eraseOp(op);
  }
};

struct ConvertCopierPush : RequestPattern<CopierPushOp> {
  using RequestPattern::RequestPattern;

  LogicalResult
  matchAndRewrite(CopierPushOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getRows().getType());
    request(op, adaptor.getStep().front(), rewriter,
            [&](KernelBuilder &b, Request &request) {
              for (auto [i, number] : llvm::enumerate(adaptor.getRows())) {
                Coordinate at = kernel.getCoordinates(b, type, i).front();
                Value mine =
                    b.gepBytes(request.numbers(), b.mul(at.base, kWordBytes));
                b.ptxIf("st.shared.b32 [$0], $1;",
                        {b.gepBytes(mine, kWordBytes * at.offset), number},
                        b.c1(true));
              }
              Values words{b.c32(1)};
              for (ValueRange index : adaptor.getIndices())
                words.push_back(index.front());
              for (ValueRange index : adaptor.getTargetIndices())
                words.push_back(index.front());
              return words;
            });
    return success();
  }
};

struct ConvertCopierStop : RequestPattern<CopierStopOp> {
  using RequestPattern::RequestPattern;

  LogicalResult
  matchAndRewrite(CopierStopOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    request(op, adaptor.getStep().front(), rewriter,
            [](KernelBuilder &b, Request &) { return Values{b.c32(0)}; });
    return success();
  }
};

/// What one request asks for.
class CopyWriter {
public:
  CopyWriter(KernelBuilder &b, KernelContext &kernel, CopierOp op,
             const CopierLayout &layout, Request &request);

  void write();

private:
  void load(int64_t piece);
  void store(int64_t piece, int64_t laterLoads);
  int64_t getPlace(int64_t piece) const {
    return piece % slots * kCopyRows * layout.rowBytes;
  }

  KernelBuilder &b;
  KernelContext &kernel;
  CopierOp op;
  const CopierLayout &layout;
  Request &request;
  /// Pieces of a request, and of the buffer.
  int64_t pieces, slots;
  /// Rows of a piece that one lane copies a vector of.
  int64_t rowsOfLane;
  /// Indices into the source and the target.
  Values from, to;
  /// Whether this is the lane that stores; where its vectors are in a row, the
  /// numbers of its rows, their place in the buffer.
  Value stores, column, numbers, tile;
};
} // namespace

CopyWriter::CopyWriter(KernelBuilder &b, KernelContext &kernel, CopierOp op,
                       const CopierLayout &layout, Request &request)
    : b(b), kernel(kernel), op(op), layout(layout), request(request),
      pieces(layout.rows / kCopyRows), slots(layout.buffered / kCopyRows) {
  int64_t number = 1;
  auto read = [&](Values &indices, int64_t count) {
    for (int64_t i = 0; i < count; ++i)
      indices.push_back(
          b.ptx32("ld.volatile.shared.b32 $0, [$1];", request.word(number++)));
  };
  read(from, op.getSource().getType().getRank() - 2);
  read(to, op.getTarget().getType().getRank() - 1);
  int64_t lanesOfRow = layout.rowBytes / kVectorBytes;
  rowsOfLane = kCopyRows * lanesOfRow / kWarpThreads;
  Value firstRow =
      b.mul(b.lshr(kernel.lane, llvm::Log2_64(lanesOfRow)), rowsOfLane);
  stores = b.cmp(Cmp::EQ, kernel.lane, 0);
  column = b.mul(b.and_(kernel.lane, lanesOfRow - 1), kVectorBytes);
  numbers = b.gepBytes(request.numbers(), b.mul(firstRow, kWordBytes));
  tile = b.gepBytes(b.gepBytes(b.sharedBase(), layout.tile),
                    b.add(b.mul(firstRow, layout.rowBytes), column));
}

/// Begins to collect the rows of a piece.
void CopyWriter::load(int64_t piece) {
  // Stores follow each other, so that the last one out of this place, of this
  // request or the one before, is so many before the last.
  b.bulkWaitRead(std::max<int64_t>(slots - 1 - piece, 0));
  b.syncWarp();
  Value extent = kernel.getExtent(b, op.getSource(), from.size());
  auto vector = VectorType::get({kNumbers}, b.i32);
  for (int64_t row = 0; row < rowsOfLane; row += kNumbers) {
    Value four =
        b.load(b.gepBytes(numbers, kWordBytes * (piece * kCopyRows + row)),
               vector, kNumbers * kWordBytes);
    for (int64_t e = 0; e < kNumbers; ++e) {
      Values at(from);
      at.push_back(b.extractElement(four, e));
      Value address = kernel.getAddress(b, op.getSource(), at);
      b.copyAsync(
          b.gepBytes(tile, getPlace(piece) + (row + e) * layout.rowBytes),
          b.gepBytes(address, column), b.cmp(Cmp::ULT, at.back(), extent));
    }
  }
  b.copyAsyncCommit();
}

/// Stores a piece behind which so many others have begun to arrive.
void CopyWriter::store(int64_t piece, int64_t laterLoads) {
  b.copyAsyncWait(laterLoads);
  // Each lane has written what one reads through the async proxy (PTX ISA,
  // "Async proxy").
  b.fenceProxyAsync();
  b.syncWarp();
  // Innermost dimension first.
  Values coordinates{b.c32(0)};
  llvm::append_range(coordinates, llvm::reverse(to));
  coordinates[1] = b.add(coordinates[1], piece * kCopyRows);
  int64_t size = op.getTarget().getType().getShape().back();
  Value map =
      kernel.getMap(b, op.getTarget(), {size, kCopyRows, 1, 1}, /*swizzle=*/0);
  b.tmaStoreIf(map, b.gepBytes(b.sharedBase(), layout.tile + getPlace(piece)),
               coordinates, stores);
  b.bulkCommit();
}

void CopyWriter::write() {
  for (int64_t piece = 0; piece < pieces; ++piece) {
    if (piece >= slots)
      store(piece - slots, slots - 1);
    load(piece);
  }
  // Each lane has read what it needs of the request.
  b.mbarArriveIf(request.empty(), b.c1(true));
  for (int64_t left = slots; left > 0; --left)
    store(pieces - left, left - 1);
}

void tile::emitCopier(OpBuilder &builder, KernelContext &kernel, CopierOp op) {
  Location loc = op.getLoc();
  KernelBuilder b = kernel.builder(builder, loc);
  CopierLayout layout(op);
  auto loop = scf::WhileOp::create(builder, loc, TypeRange{b.i32},
                                   ValueRange{b.c32(0)});
  {
    OpBuilder::InsertionGuard guard(builder);
    Block *before = builder.createBlock(&loop.getBefore(), {}, {b.i32}, {loc});
    Value step = before->getArgument(0);
    Request next(b, layout, step);
    b.mbarWait(next.full(), next.parity);
    Value isCopy =
        b.uniform(b.ptx32("ld.volatile.shared.b32 $0, [$1];", next.word(0)));
    scf::ConditionOp::create(builder, loc, b.cmp(Cmp::NE, isCopy, 0), step);
    Block *after = builder.createBlock(&loop.getAfter(), {}, {b.i32}, {loc});
    step = after->getArgument(0);
    Request request(b, layout, step);
    CopyWriter(b, kernel, op, layout, request).write();
    scf::YieldOp::create(builder, loc, b.add(step, 1));
  }
  // What is under way still reads shared memory.
  b.bulkWaitRead();
}

void tile::populateCopyPatterns(RewritePatternSet &patterns,
                                const TypeConverter &converter,
                                KernelContext &kernel) {
  patterns.add<ConvertCopierPush, ConvertCopierStop>(
      converter, patterns.getContext(), kernel);
}
