//===- ConvertRings.cpp - Rings, turns and the grid -----------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Step s of a ring uses slot s mod stages. Its barriers complete a phase in
// each round, and the parity of round s / stages says which one to wait for
// (PTX ISA, mbarrier).
//
//===----------------------------------------------------------------------===//

#include "KernelContext.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::tile;

/// L2 cache policies as createpolicy makes them: for what is read once, and for
/// what other items read again.
static constexpr uint64_t kEvictFirst = 0x12F0000000000000;
static constexpr uint64_t kEvictLast = 0x14F0000000000000;

namespace {
/// One slot of a ring.
class Slot {
public:
  Slot(KernelBuilder &b, Value ring, Value step)
      : layout(ring.getDefiningOp<RingCreateOp>()), b(b),
        index(b.and_(step, layout.stages - 1)),
        parity(b.and_(b.lshr(step, llvm::Log2_64(layout.stages)), 1)) {}

  Value full() { return at(layout.full, kBarrierBytes); }
  Value empty() { return at(layout.empty, kBarrierBytes); }
  Value scalar(int64_t i) {
    return b.gepBytes(at(layout.scalars, 4 * layout.scalarTypes.size()), 4 * i);
  }
  Value row() { return at(layout.rows, layout.getRowBytes()); }
  Value tile() { return at(layout.tiles, layout.buffer.getSizeInBytes()); }
  /// Bytes from the first tile to this one.
  Value tileOffset() { return b.mul(index, layout.buffer.getSizeInBytes()); }

  RingLayout layout;

private:
  Value at(int64_t offset, int64_t stride) {
    return b.gepBytes(b.sharedBase(), b.add(b.mul(index, stride), offset));
  }

  KernelBuilder &b;
  Value index;

public:
  Value parity;
};

struct ConvertRingPush : KernelPattern<RingPushOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(RingPushOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    Slot slot(b, op.getRing(), adaptor.getStep().front());
    // The first round finds all slots empty.
    b.mbarWait(slot.empty(), b.xor_(slot.parity, 1));
    for (auto [i, scalar] : llvm::enumerate(adaptor.getScalars()))
      b.ptxIf("st.volatile.shared.b32 [$0], $1;",
              {slot.scalar(i), b.bitcast(scalar.front(), b.i32)},
              kernel.elected);
    if (op.getRow()) {
      auto type = cast<RankedTensorType>(op.getRow().getType());
      for (auto [i, value] : llvm::enumerate(adaptor.getRow())) {
        Coordinate at = kernel.getCoordinates(b, type, i).front();
        b.store(value, kernel.getColumnAddress(b, type, slot.row(), at),
                type.getElementTypeBitWidth() / 8);
      }
      // Each lane arrives for what it has written; one of them in the place of
      // a tile's copy.
      b.mbarArriveIf(slot.full(), op.getSource()
                                      ? b.xor_(kernel.elected, b.c1(true))
                                      : b.c1(true));
    }
    if (!op.getSource()) {
      if (!op.getRow())
        b.mbarArriveIf(slot.full(), kernel.elected);
      rewriter.eraseOp(op);
      return success();
    }

    BufferType buffer = slot.layout.buffer;
    int64_t elementBytes = buffer.getElementType().getIntOrFloatBitWidth() / 8;
    int64_t boxElements = buffer.getSwizzle() / elementBytes;
    int64_t boxBytes = buffer.getShape()[0] * buffer.getSwizzle();
    Value full = slot.full(), arrives = full, isCut, rows;
    if (op.getRows()) {
      rows = adaptor.getRows().front();
      isCut = b.cmp(Cmp::LT, rows, buffer.getShape()[0]);
      arrives = b.select(isCut, b.gepBytes(b.sharedBase(), slot.layout.cleared),
                         full);
    }
    b.mbarExpectTxIf(arrives, buffer.getSizeInBytes(), kernel.elected);
    const GlobalParams &global = kernel.getGlobal(op.getSource());
    SmallVector<int64_t, 4> box{boxElements, buffer.getShape()[0], 1, 1};
    Value map = kernel.getMap(b, op.getSource(), box, buffer.getSwizzle());
    if (op.getOther())
      map = b.select(adaptor.getIsOther().front(),
                     kernel.getMap(b, op.getOther(), box, buffer.getSwizzle()),
                     map);
    // Innermost dimension first.
    Values coordinates;
    for (ValueRange index : llvm::reverse(adaptor.getIndices()))
      coordinates.push_back(index.front());
    Value firstColumn = coordinates[0];
    for (int64_t i = 0; i < buffer.getShape()[1] / boxElements; ++i) {
      coordinates[0] = b.add(firstColumn, i * boxElements);
      b.tmaLoadIf(b.gepBytes(slot.tile(), i * boxBytes), map, arrives,
                  coordinates, global.isReused ? kEvictLast : kEvictFirst,
                  kernel.elected);
    }
    if (isCut)
      clearRows(b, rewriter, op, slot, isCut, b.smax(rows, b.c32(0)));
    rewriter.eraseOp(op);
    return success();
  }

  /// Waits for the copy, clears the rows from `rows` on and says that the slot
  /// is full. The barrier of the copy is back in its first phase afterwards,
  /// and both of its phases were waited for.
  void clearRows(KernelBuilder &b, ConversionPatternRewriter &rewriter,
                 RingPushOp op, Slot &slot, Value isCut, Value rows) const {
    Location loc = op.getLoc();
    BufferType buffer = slot.layout.buffer;
    int64_t boxBytes = buffer.getShape()[0] * buffer.getSwizzle();
    Value tile = slot.tile(), full = slot.full();
    Value copied = b.gepBytes(b.sharedBase(), slot.layout.cleared);
    // One warp, which all of it runs: the only one of a producer.
    Value clears = b.and_(isCut, b.cmp(Cmp::EQ, kernel.warp, 0));
    scf::IfOp::create(rewriter, loc, clears, [&](OpBuilder &, Location) {
      b.mbarWait(copied, b.c32(0));
      scf::ForOp::create(
          rewriter, loc, b.mul(rows, buffer.getSwizzle()), b.c32(boxBytes),
          b.c32(kWarpThreads * kVectorBytes), ValueRange(),
          [&](OpBuilder &, Location, Value at, ValueRange) {
            Value mine = b.add(at, b.mul(kernel.lane, kVectorBytes));
            Value inside = b.cmp(Cmp::LT, mine, boxBytes);
            for (int64_t box = 0; box < buffer.getSizeInBytes();
                 box += boxBytes)
              b.ptxIf("st.shared.v4.b32 [$0], {$1, $1, $1, $1};",
                      {b.gepBytes(b.gepBytes(tile, mine), box), b.c32(0)},
                      inside);
            scf::YieldOp::create(rewriter, loc);
          });
      // wgmma reads through the async proxy (PTX ISA, "Async proxy").
      b.fenceProxyAsync();
      b.mbarArriveIf(copied, kernel.elected);
      b.mbarWait(copied, b.c32(1));
      b.syncWarp();
      b.mbarArriveIf(full, kernel.elected);
      scf::YieldOp::create(rewriter, loc);
    });
  }
};

struct ConvertRingWait : KernelPattern<RingWaitOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(RingWaitOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    Slot slot(b, op.getRing(), adaptor.getStep().front());
    b.mbarWait(slot.full(), slot.parity);
    SmallVector<Values> results;
    if (op.getTile())
      results.push_back({b.add(b.ptrToInt(b.sharedBase()), slot.layout.tiles),
                         slot.tileOffset()});
    for (auto [i, scalar] : llvm::enumerate(op.getScalars())) {
      if (scalar.use_empty()) {
        results.push_back({b.poison(scalar.getType())});
        continue;
      }
      // One lane reads, the one that releases the slot; all learn it from the
      // reduction, and ptxas that it is equal in all of them.
      Value word = b.uniform(
          b.ptx32("{\nmov.b32 $0, 0;\n@$2 ld.volatile.shared.b32 $0, [$1];\n}",
                  {slot.scalar(i), b.cmp(Cmp::EQ, kernel.lane, 0)}));
      results.push_back({b.bitcast(word, scalar.getType())});
    }
    if (op.getRow())
      results.push_back(kernel.loadColumns(b, slot.layout.row, slot.row()));
    rewriter.replaceOpWithMultiple(op, std::move(results));
    return success();
  }
};

struct ConvertRingRelease : KernelPattern<RingReleaseOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(RingReleaseOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    Slot slot(b, op.getRing(), adaptor.getStep().front());
    Operation *ring = op.getRing().getDefiningOp();
    if (kernel.readByThreads.contains(ring))
      b.fenceProxyAsync();
    if (kernel.releasedByWarpgroups.contains(ring)) {
      b.mbarArriveIf(slot.empty(), kernel.signals);
    } else if (slot.layout.row) {
      // Each for what it has read.
      b.mbarArriveIf(slot.empty(), b.c1(true));
    } else {
      // All lanes have read the scalars, or the tile.
      b.syncWarp();
      b.mbarArriveIf(slot.empty(), b.cmp(Cmp::EQ, kernel.lane, 0));
    }
    rewriter.eraseOp(op);
    return success();
  }
};

struct ConvertTurnWait : KernelPattern<TurnWaitOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(TurnWaitOp op, OneToNOpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    b.barrier(b.add(kernel.warpgroup, kTurnBarrier), kTurnThreads);
    rewriter.eraseOp(op);
    return success();
  }
};

struct ConvertTurnPass : KernelPattern<TurnPassOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(TurnPassOp op, OneToNOpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    Value next = b.add(kernel.warpgroup, 1);
    Value isLast = b.cmp(Cmp::EQ, next, kernel.config.getConsumers());
    b.barrierArrive(b.add(b.select(isLast, b.c32(0), next), kTurnBarrier),
                    kTurnThreads);
    rewriter.eraseOp(op);
    return success();
  }
};

struct ConvertFetchItem : KernelPattern<FetchItemOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(FetchItemOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    Value draws = b.cmp(Cmp::EQ, kernel.lane, 0), otherwise = b.c32(0);
    if (op.getCondition()) {
      draws = b.and_(draws, adaptor.getCondition().front());
      otherwise = adaptor.getOtherwise().front();
    }
    // Not atom.add: ptxas adds up what the lanes of a warp add to one address,
    // and hands the sum out by a shuffle, which waits for it at once. A counter
    // that begins anew at 2^31 is the same (PTX ISA, atom) up to there.
    Value drawn =
        b.ptx32("{\nmov.b32 $0, $3;\n"
                "@$2 atom.global.inc.u32 $0, [$1], 0x7fffffff;\n}",
                {kernel.getAddress(b, op.getCounter(), {}), draws, otherwise});
    // Lane 0 tells the others right before the first use, so that the latency
    // hides behind what lies between.
    Operation *firstUser = nullptr;
    for (Operation *user : op.getResult().getUsers()) {
      Operation *ancestor = op->getBlock()->findAncestorOpInBlock(*user);
      if (ancestor && (!firstUser || ancestor->isBeforeInBlock(firstUser)))
        firstUser = ancestor;
    }
    if (firstUser)
      rewriter.setInsertionPoint(firstUser);
    rewriter.replaceOp(op, b.shflIdx(drawn, b.c32(0)));
    return success();
  }
};

struct ConvertAppendItem : KernelPattern<AppendItemOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(AppendItemOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    Value item = adaptor.getItem().front(), items = adaptor.getItems().front();
    Value count = kernel.getAddress(b, op.getList(), {});
    Value flag =
        kernel.getAddress(b, op.getList(), {b.add(b.add(items, item), 1)});
    b.ptx32("{\n.reg .pred p, q;\n.reg .b64 a;\n"
            "setp.ne.b32 q, $4, 0;\nmov.b32 $0, 1;\n"
            "@q atom.global.exch.b32 $0, [$2], 1;\n"
            "setp.eq.and.b32 p, $0, 0, q;\n"
            "@p atom.global.add.u32 $0, [$1], 1;\n"
            "mad.wide.u32 a, $0, 4, $1;\n@p st.global.b32 [a+4], $3;\n}",
            {count, flag, item,
             b.select(b.cmp(Cmp::EQ, kernel.lane, 0), b.c32(1), b.c32(0))});
    rewriter.eraseOp(op);
    return success();
  }
};

struct ConvertReadWord : KernelPattern<ReadWordOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(ReadWordOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    Value address =
        kernel.getAddress(b, op.getSource(), {adaptor.getIndex().front()});
    rewriter.replaceOp(op, b.load(address, b.i32, 4, /*invariant=*/true));
    return success();
  }
};

struct ConvertBlockId : KernelPattern<BlockIdOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(BlockIdOp op, OneToNOpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, kernel.builder(rewriter, op.getLoc()).ctaid());
    return success();
  }
};

struct ConvertGridSize : KernelPattern<GridSizeOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(GridSizeOp op, OneToNOpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, kernel.builder(rewriter, op.getLoc()).nctaid());
    return success();
  }
};
} // namespace

void tile::populateRingPatterns(RewritePatternSet &patterns,
                                const TypeConverter &converter,
                                KernelContext &kernel) {
  patterns
      .add<ConvertAppendItem, ConvertReadWord, ConvertBlockId, ConvertFetchItem,
           ConvertGridSize, ConvertRingPush, ConvertRingRelease,
           ConvertRingWait, ConvertTurnPass, ConvertTurnWait>(
          converter, patterns.getContext(), kernel);
}
