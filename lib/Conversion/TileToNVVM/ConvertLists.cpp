//===- ConvertLists.cpp - Key blocks of bit rows and ranges ---------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A list is (address of the row, full, end, own), or (full, end) for a range;
// blocks of [own, end) are listed whatever their bits. A place in a bit row is
// (bits of the word that are left, number of the next word, pass): pass 0
// visits [full, end), pass 1 [0, full). A place in a range is the next block,
// twice unused.
//
//===----------------------------------------------------------------------===//

#include "KernelContext.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::tile;

/// Bits of word `word` whose block lies in [begin, end).
static Value getRangeMask(KernelBuilder &b, Value begin, Value end,
                          Value word) {
  // Bits below x, clamped to the word; 64-bit so that a shift by 32 is defined.
  auto below = [&](Value x) {
    Value bit = b.sub(x, b.mul(word, 32));
    bit = b.smin(b.smax(bit, b.c32(0)), b.c32(32));
    return b.trunc32(b.add(b.shl(b.c64(1), b.zext64(bit)), -1));
  };
  return b.and_(below(end), b.xor_(below(begin), -1));
}

/// Word `word` of the bit row of `list`, 0 where not `pred`.
static Value loadWord(KernelBuilder &b, ValueRange list, Value word,
                      Value pred) {
  return b.loadGlobalIf(b.gepBytes(list[0], b.mul(b.zext64(word), 4)), 0, pred);
}

/// The bits of word `word` of `list`, which are `bits` in memory, of blocks in
/// [begin, end).
static Value getListed(KernelBuilder &b, ValueRange list, Value bits,
                       Value begin, Value end, Value word) {
  Value own = list[3];
  // Without own blocks it is the end.
  if (own != list[2])
    bits = b.or_(bits, getRangeMask(b, own, list[2], word));
  return b.and_(bits, getRangeMask(b, begin, end, word));
}

static bool isRange(Value list) {
  return cast<ListType>(list.getType()).getKind() == ListKind::Range;
}

namespace {
struct ConvertBitList : KernelPattern<BitListOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(BitListOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    Values indices;
    for (ValueRange index : adaptor.getIndices())
      indices.push_back(index.front());
    Value end = adaptor.getEnd().front();
    Value own = op.getOwn() ? adaptor.getOwn().front() : end;
    Values list{kernel.getAddress(b, op.getSource(), indices),
                adaptor.getFull().front(), end, own};
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{list});
    return success();
  }
};

struct ConvertRangeList : KernelPattern<RangeListOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(RangeListOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Values list{adaptor.getFull().front(), adaptor.getEnd().front()};
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{list});
    return success();
  }
};

struct ConvertListSize : KernelPattern<ListSizeOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(ListSizeOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    Value count, masked;
    if (isRange(op.getList())) {
      Value full = adaptor.getList()[0], end = adaptor.getList()[1];
      count = end;
      masked = b.smax(b.sub(end, full), b.c32(0));
    } else {
      std::tie(count, masked) =
          countBits(b, rewriter, op.getLoc(), adaptor.getList());
    }
    // Where nothing is listed, one block behind all keys is visited.
    Value none = b.cmp(Cmp::EQ, count, 0);
    rewriter.replaceOp(op, {b.select(none, b.c32(1), count),
                            b.select(none, b.c32(1), masked)});
    return success();
  }

  /// Counts 32 words at a time, one for each lane.
  std::pair<Value, Value> countBits(KernelBuilder &b,
                                    ConversionPatternRewriter &rewriter,
                                    Location loc, ValueRange list) const {
    Value full = list[1], end = list[2];
    Value words = b.lshr(b.add(end, 31), 5);
    Value lane = kernel.lane;
    auto loop = scf::ForOp::create(
        rewriter, loc, b.c32(0), words, b.c32(kWarpThreads),
        ValueRange{b.c32(0), b.c32(0)},
        [&](OpBuilder &, Location, Value base, ValueRange sums) {
          Value word = b.add(base, lane);
          Value bits = loadWord(b, list, word, b.cmp(Cmp::LT, word, words));
          Value inFull = b.popc(getListed(b, list, bits, b.c32(0), full, word));
          Value inMasked = b.popc(getListed(b, list, bits, full, end, word));
          scf::YieldOp::create(
              rewriter, loc,
              ValueRange{b.add(sums[0], inFull), b.add(sums[1], inMasked)});
        });
    Value masked = b.reduxAdd(loop.getResult(1));
    return {b.add(b.reduxAdd(loop.getResult(0)), masked), masked};
  }
};

struct ConvertFindSequence : KernelPattern<FindSequenceOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(FindSequenceOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    Location loc = op.getLoc();
    Value number = adaptor.getNumber().front();
    Value queryOffsets = kernel.getAddress(b, op.getQueryOffsets(), {});
    Value keyOffsets = kernel.getAddress(b, op.getKeyOffsets(), {});
    Value numOffsets = kernel.getExtent(b, op.getQueryOffsets(), 0);
    // Block that a row would be in; no offset is negative unless it is wrong.
    auto getBlock = [&](Value row) {
      return b.udiv(b.smax(row, b.c32(0)), b.c32(op.getRows()));
    };
    // Without a sequence there are no offsets to read either.
    Value isAny = b.cmp(Cmp::GT, numOffsets, 1);
    auto read = [&](Value offsets, Value i) {
      Value address = b.gepBytes(offsets, b.mul(b.zext64(i), 4));
      // Equal in all lanes, which ptxas learns from the reduction.
      return b.uniform(b.loadGlobalIf(address, 0, isAny));
    };
    // The last sequence from `low` on and before `high`, by bisection.
    auto loop = scf::WhileOp::create(
        rewriter, loc, TypeRange{b.i32, b.i32},
        ValueRange{b.c32(0), b.add(numOffsets, -1)},
        [&](OpBuilder &, Location, ValueRange range) {
          Value more = b.cmp(Cmp::GT, b.sub(range[1], range[0]), 1);
          scf::ConditionOp::create(rewriter, loc, more, range);
        },
        [&](OpBuilder &, Location, ValueRange range) {
          Value middle = b.lshr(b.add(range[0], range[1]), 1);
          Value first = getBlock(read(queryOffsets, middle));
          Value isBefore = b.cmp(Cmp::LE, b.add(first, middle), number);
          scf::YieldOp::create(
              rewriter, loc,
              ValueRange{b.select(isBefore, middle, range[0]),
                         b.select(isBefore, range[1], middle)});
        });
    Value sequence = loop.getResult(0);
    // Offsets are the caller's: nothing is taken from outside of the tensors.
    auto bound = [&](Value offsets, Value total) -> std::pair<Value, Value> {
      Value begin = read(offsets, sequence);
      Value end = read(offsets, b.add(sequence, 1));
      begin = b.smin(b.smax(begin, b.c32(0)), total);
      return {begin, b.sub(b.smin(b.smax(end, begin), total), begin)};
    };
    auto [firstQuery, queries] =
        bound(queryOffsets, adaptor.getMaxQueries().front());
    auto [firstKey, keys] = bound(keyOffsets, adaptor.getMaxKeys().front());
    Value block = b.sub(number, b.add(getBlock(firstQuery), sequence));
    Value exists = b.and_(b.cmp(Cmp::GE, block, 0),
                          b.cmp(Cmp::LT, b.mul(block, op.getRows()), queries));
    Values results;
    for (Value value : {firstQuery, queries, firstKey, keys, block})
      results.push_back(b.select(exists, value, b.c32(0)));
    rewriter.replaceOp(op, results);
    return success();
  }
};

struct ConvertListBegin : KernelPattern<ListBeginOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(ListBeginOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    Values cursor;
    if (isRange(op.getList()))
      cursor = {b.add(adaptor.getList()[1], -1), b.c32(0), b.c32(0)};
    else
      cursor = {b.c32(0), b.lshr(adaptor.getList()[1], 5), b.c32(0)};
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{cursor});
    return success();
  }
};

struct ConvertListNext : KernelPattern<ListNextOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(ListNextOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    ValueRange list = adaptor.getList(), cursor = adaptor.getCursor();
    if (isRange(op.getList())) {
      Value none = b.cmp(Cmp::LT, cursor[0], 0);
      Value block = b.select(none, list[1], cursor[0]);
      Values next{b.add(cursor[0], -1), cursor[1], cursor[2]};
      rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{{block}, next});
      return success();
    }

    Value full = list[1], end = list[2];
    Location loc = op.getLoc();
    SmallVector<Type> types(3, b.i32);
    // Reads words until one has a bit or both passes are over.
    auto loop = scf::WhileOp::create(
        rewriter, loc, types, cursor,
        [&](OpBuilder &, Location, ValueRange at) {
          Value more =
              b.and_(b.cmp(Cmp::EQ, at[0], 0), b.cmp(Cmp::LT, at[2], 2));
          scf::ConditionOp::create(rewriter, loc, more, at);
        },
        [&](OpBuilder &, Location, ValueRange at) {
          Value word = at[1], pass = at[2];
          Value first = b.cmp(Cmp::EQ, pass, 0);
          Value begin = b.select(first, full, b.c32(0));
          Value stop = b.select(first, end, full);
          Value inside = b.cmp(Cmp::LT, word, b.lshr(b.add(stop, 31), 5));
          // Equal in all lanes, which ptxas learns from the reduction.
          Value bits =
              getListed(b, list, b.uniform(loadWord(b, list, word, inside)),
                        begin, stop, word);
          scf::YieldOp::create(
              rewriter, loc,
              ValueRange{b.select(inside, bits, b.c32(0)),
                         b.select(inside, b.add(word, 1), b.c32(0)),
                         b.select(inside, pass, b.add(pass, 1))});
        });
    Value bits = loop.getResult(0), word = loop.getResult(1);
    Value block = b.add(b.mul(b.add(word, -1), 32), b.ctz(bits));
    block = b.select(b.cmp(Cmp::EQ, bits, 0), end, block);
    Values next{b.and_(bits, b.add(bits, -1)), word, loop.getResult(2)};
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{{block}, next});
    return success();
  }
};
} // namespace

void tile::populateListPatterns(RewritePatternSet &patterns,
                                const TypeConverter &converter,
                                KernelContext &kernel) {
  patterns.add<ConvertBitList, ConvertFindSequence, ConvertListBegin,
               ConvertListNext, ConvertListSize, ConvertRangeList>(
      converter, patterns.getContext(), kernel);
}
