//===- ConvertArrays.cpp - Arrays in shared memory to NVVM ----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelContext.h"

using namespace mlir;
using namespace mlir::tile;

static Value getBase(KernelBuilder &b, const KernelContext &kernel,
                     Value array) {
  if (isa<GlobalType>(array.getType()))
    return kernel.getAddress(b, array, {});
  return b.gepBytes(b.sharedBase(),
                    *array.getDefiningOp<ArrayOp>().getOffset());
}

namespace {
struct ConvertArrayRead : KernelPattern<ArrayReadOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(ArrayReadOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    auto type = cast<RankedTensorType>(op.getResult().getType());
    ValueRange starts = adaptor.getStarts();
    bool isGlobal = isa<GlobalType>(op.getArray().getType());
    Value base = getBase(b, kernel, op.getArray());
    Value column = kernel.getCoordinates(b, type, 0)[1].base;
    Values firsts;
    for (Value start : starts)
      firsts.push_back(b.gepBytes(base, b.mul(b.add(start, column), 4)));
    int64_t number = getNumValues(type, kernel.config);
    int64_t perRow = number / starts.size();
    Values results;
    for (int64_t i = 0; i < number; ++i) {
      int64_t offset = kernel.getCoordinates(b, type, i)[1].offset;
      Value at = b.gepBytes(firsts[i / perRow], 4 * offset);
      if (!isGlobal) {
        results.push_back(b.load(at, type.getElementType(), 4));
        continue;
      }
      // Of global memory LLVM would think that no other thread writes it.
      results.push_back(b.bitcast(b.ptx32("ld.global.b32 $0, [$1];", at),
                                  type.getElementType()));
    }
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
    return success();
  }
};

struct ConvertArrayWrite : KernelPattern<ArrayWriteOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(ArrayWriteOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    auto type = cast<RankedTensorType>(op.getSource().getType());
    ValueRange starts = adaptor.getStarts();
    bool byRows = isa<WideAttr>(type.getEncoding());
    // Along what follows a start, and which start.
    int64_t along = byRows ? 1 : 0;
    bool isGlobal = isa<GlobalType>(op.getArray().getType());
    StringRef code =
        isGlobal ? "st.global.b32 [$0], $1;" : "st.shared.b32 [$0], $1;";
    Value base = getBase(b, kernel, op.getArray());
    Value owner = kernel.getOwner(b, type);
    Values firsts, writes;
    for (Value start : starts) {
      Value at = b.add(start, kernel.getCoordinates(b, type, 0)[along].base);
      firsts.push_back(b.gepBytes(base, b.mul(at, 4)));
      Value isThere = b.cmp(Cmp::GE, start, 0);
      writes.push_back(owner ? b.and_(isThere, owner) : isThere);
    }
    size_t perRow = adaptor.getSource().size() / starts.size();
    for (auto [i, value] : llvm::enumerate(adaptor.getSource())) {
      int64_t offset = kernel.getCoordinates(b, type, i)[along].offset;
      // Of #tile.acc a thread has two columns in each eight (see #tile.col).
      size_t which = byRows ? i / perRow : 2 * (i / 4) + i % 2;
      b.ptxIf(code,
              {b.gepBytes(firsts[which], 4 * offset), b.bitcast(value, b.i32)},
              writes[which]);
    }
    rewriter.eraseOp(op);
    return success();
  }
};

struct ConvertArrayAppend : KernelPattern<ArrayAppendOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(ArrayAppendOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    auto type = cast<RankedTensorType>(op.getSource().getType());
    ValueRange starts = adaptor.getStarts();
    Value base = getBase(b, kernel, op.getArray());
    Value column = kernel.getCoordinates(b, type, 0)[1].base;
    Values counts(adaptor.getCounts());
    size_t perRow = adaptor.getSource().size() / starts.size();
    for (auto [row, start] : llvm::enumerate(starts)) {
      Value first = b.gepBytes(base, b.mul(b.add(start, column), 4));
      Value isThere = b.cmp(Cmp::GE, start, 0);
      for (size_t i = row * perRow; i < (row + 1) * perRow; ++i) {
        Value wanted = adaptor.getCondition()[i];
        Value fits = b.cmp(Cmp::LT, counts[row], int64_t(op.getLimit()));
        b.ptxIf("st.shared.b32 [$0], $1;",
                {b.gepBytes(first, b.mul(counts[row], 4 * kWarpThreads)),
                 b.bitcast(adaptor.getSource()[i], b.i32)},
                b.and_(wanted, b.and_(fits, isThere)));
        counts[row] = b.add(counts[row], b.select(wanted, b.c32(1), b.c32(0)));
      }
    }
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{counts});
    return success();
  }
};

struct ConvertBlockNumber : KernelPattern<BlockNumberOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(BlockNumberOp op, OneToNOpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    rewriter.replaceOp(op, b.ctaid());
    return success();
  }
};

struct ConvertBarrier : KernelPattern<BarrierOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(BarrierOp op, OneToNOpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    b.barrier(b.c32(kConsumerBarrier), kernel.getConsumerThreads());
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void tile::populateArrayPatterns(RewritePatternSet &patterns,
                                 const TypeConverter &converter,
                                 KernelContext &kernel) {
  patterns.add<ConvertArrayAppend, ConvertArrayRead, ConvertArrayWrite,
               ConvertBarrier, ConvertBlockNumber>(
      converter, patterns.getContext(), kernel);
}
