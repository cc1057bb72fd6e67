//===- ConvertBits.cpp - Rows of bits to NVVM -----------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The four lanes of a row exchange words by shuffles; a warp with a row of its
// own has them by votes.
//
//===----------------------------------------------------------------------===//

#include "KernelContext.h"

using namespace mlir;
using namespace mlir::tile;

static constexpr int64_t kWordBits = 32;
static constexpr int64_t kWords = 4;

namespace {
struct ConvertPackBits : KernelPattern<PackBitsOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(PackBitsOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    ValueRange source = adaptor.getSource();
    Value quarter = b.and_(kernel.lane, kWords - 1);
    if (isa<WideAttr>(
            cast<RankedTensorType>(op.getSource().getType()).getEncoding())) {
      Values rows;
      for (size_t i = 0; i < source.size(); i += kWords)
        rows.push_back(packWide(b, source.slice(i, kWords), quarter));
      rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{rows});
      return success();
    }
    Value results[2];
    for (int64_t row = 0; row < 2; ++row) {
      for (int64_t word = 0; word < kWords; ++word) {
        // Columns of this lane, from its first one on (see #tile.acc).
        Value bits = b.c32(0);
        for (size_t i = 0; i < source.size(); ++i) {
          int64_t column = 8 * (i / 4) + i % 2;
          if (int64_t(i / 2 % 2) != row || column / kWordBits != word)
            continue;
          Value bit = b.c32(int32_t(uint32_t(1) << column % kWordBits));
          bits = b.or_(bits, b.select(source[i], bit, b.c32(0)));
        }
        bits = b.shl(bits, b.mul(quarter, 2));
        for (unsigned mask : {1u, 2u})
          bits = b.or_(bits, b.shflBfly(bits, mask));
        results[row] = word == 0 ? bits
                                 : b.select(b.cmp(Cmp::EQ, quarter, word), bits,
                                            results[row]);
      }
    }
    rewriter.replaceOpWithMultiple(
        op, ArrayRef<Values>{Values(std::begin(results), std::end(results))});
    return success();
  }

  /// Lane L has columns L, L + 32, ...: each word is one vote.
  static Value packWide(KernelBuilder &b, ValueRange source, Value quarter) {
    Value result;
    for (auto [word, bit] : llvm::enumerate(source)) {
      Value all = b.ballot(bit);
      result = word == 0 ? all
                         : b.select(b.cmp(Cmp::EQ, quarter, word), all, result);
    }
    return result;
  }
};

struct ConvertUnpackBits : KernelPattern<UnpackBitsOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(UnpackBitsOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    Value quarter = b.and_(kernel.lane, kWords - 1);
    Value firstLane = b.sub(kernel.lane, quarter);
    Value shift = b.mul(quarter, 2);
    // The bits of this lane's columns, from its first one on, of both rows.
    Value words[2][kWords];
    for (int64_t row = 0; row < 2; ++row)
      for (int64_t word = 0; word < kWords; ++word)
        words[row][word] = b.lshr(
            b.shflIdx(adaptor.getSource()[row], b.add(firstLane, word)), shift);
    auto type = cast<RankedTensorType>(op.getResult().getType());
    Values results;
    for (int64_t i = 0; i < getNumValues(type, kernel.config); ++i) {
      // See #tile.acc.
      int64_t column = 8 * (i / 4) + i % 2;
      Value bit = b.c32(int32_t(uint32_t(1) << column % kWordBits));
      Value word = words[i / 2 % 2][column / kWordBits];
      results.push_back(b.cmp(Cmp::NE, b.and_(word, bit), 0));
    }
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
    return success();
  }
};

struct ConvertFirstBits : KernelPattern<FirstBitsOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(FirstBitsOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    Value quarter = b.and_(kernel.lane, kWords - 1);
    Values first, left;
    for (auto [word, count] :
         llvm::zip_equal(adaptor.getBits(), adaptor.getCount())) {
      Value number = b.popc(word);
      // Set bits of the words before, and of all.
      Value before = b.c32(0), all = number;
      for (unsigned mask : {1u, 2u}) {
        Value other = b.shflBfly(all, mask);
        Value isBehind = b.cmp(Cmp::NE, b.and_(quarter, mask), 0);
        before = b.add(before, b.select(isBehind, other, b.c32(0)));
        all = b.add(all, other);
      }
      Value mine = b.smin(b.smax(b.sub(count, before), b.c32(0)), number);
      first.push_back(keepFirst(b, word, mine));
      left.push_back(b.smax(b.sub(count, all), b.c32(0)));
    }
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{first, left});
    return success();
  }

  /// The lowest `count` set bits of `word`: those below the largest position
  /// below which there are no more.
  static Value keepFirst(KernelBuilder &b, Value word, Value count) {
    auto below = [&](Value position) {
      return b.and_(word,
                    b.trunc32(b.add(b.shl(b.c64(1), b.zext64(position)), -1)));
    };
    Value position = b.c32(0);
    for (int64_t step = kWordBits; step > 0; step /= 2) {
      Value next = b.add(position, step);
      Value fits =
          b.and_(b.cmp(Cmp::LE, next, kWordBits),
                 b.cmp(Cmp::LE, b.popc(below(b.smin(next, b.c32(32)))), count));
      position = b.select(fits, next, position);
    }
    return below(position);
  }
};
} // namespace

void tile::populateBitPatterns(RewritePatternSet &patterns,
                               const TypeConverter &converter,
                               KernelContext &kernel) {
  patterns.add<ConvertFirstBits, ConvertPackBits, ConvertUnpackBits>(
      converter, patterns.getContext(), kernel);
}
