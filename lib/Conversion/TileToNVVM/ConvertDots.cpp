//===- ConvertDots.cpp - Products by wgmma --------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PTX ISA, "Asynchronous warpgroup level matrix instructions": matrix
// descriptors for the 128-byte swizzle, fences, groups.
//
//===----------------------------------------------------------------------===//

#include "KernelContext.h"

using namespace mlir;
using namespace mlir::tile;

/// Bytes between groups of eight rows of a swizzled tile.
static constexpr int64_t kGroupBytes = 8 * kSwizzleBytes;
/// The leading offset is not used by K-major operands with a swizzle.
static constexpr int64_t kUnusedLeading = 16;
/// Depth of one wgmma.
static constexpr int64_t kStepDepth = 16;

/// A descriptor of a tile, whose `address` may be beside the beginning; the
/// part that depends on the slot is added last, so that the rest is the same in
/// all iterations of a loop.
static Value makeDescriptor(KernelBuilder &b, Value address, Value offset,
                            int64_t leading) {
  Value start = b.zext64(b.lshr(b.and_(address, 0x3FFFF), 4));
  uint64_t fields = (uint64_t(1) << 62) | (uint64_t(kGroupBytes >> 4) << 32) |
                    (uint64_t(leading >> 4) << 16);
  return b.add(b.or_(start, b.c64(int64_t(fields))),
               b.zext64(b.lshr(offset, 4)));
}

static Value advance(KernelBuilder &b, Value descriptor, int64_t bytes) {
  return b.add(descriptor, bytes >> 4);
}

/// Bytes of one box of a tile: all rows, `kSwizzleBytes` of each.
static int64_t getBoxBytes(BufferType type) {
  return type.getShape()[0] * kSwizzleBytes;
}

/// Offset of step `i` along the depth of a tile whose rows are contiguous in
/// the depth.
static int64_t getDepthOffset(BufferType type, int64_t i) {
  constexpr int64_t stepsPerBox = kSwizzleElements / kStepDepth;
  return i / stepsPerBox * getBoxBytes(type) + i % stepsPerBox * kStepDepth * 2;
}

namespace {
/// What `tile.dot` and `tile.dot_async` have in common.
struct DotOperands {
  Value originalA;
  /// `a` are registers that were written in the block of the product.
  bool isWritten;
  BufferType typeB;
  bool transposeB;
  RankedTensorType result;
  ValueRange a, b, acc;
};
} // namespace

/// Issues and commits a product; its result is in flight.
static Values emitDot(KernelBuilder &b, const KernelContext &kernel,
                      const DotOperands &dot) {
  unsigned n = unsigned(dot.result.getShape()[1]);
  bool bf16 = dot.typeB.getElementType().isBF16();
  int64_t depth = dot.typeB.getShape()[dot.transposeB ? 1 : 0];
  Value descB =
      makeDescriptor(b, dot.b[0], dot.b[1],
                     dot.transposeB ? kUnusedLeading : getBoxBytes(dot.typeB));
  auto stepB = [&](int64_t i) {
    return advance(b, descB,
                   dot.transposeB ? getDepthOffset(dot.typeB, i)
                                  : i * kStepDepth * kSwizzleBytes);
  };
  bool hasAcc = !dot.acc.empty();
  auto typeA = dyn_cast<BufferType>(dot.originalA.getType());

  // Registers that were written in this block and that the product reads or
  // writes pass through the fence (PTX ISA, wgmma.fence: needed before the
  // first product and whenever registers were written); without a fence of its
  // own a product is serialised by ptxas.
  bool isWritten = !typeA && dot.isWritten;
  Values fenced(dot.acc);
  if (isWritten)
    fenced.append(dot.a.begin(), dot.a.end());
  if (fenced.empty())
    b.wgmmaFence();
  else
    fenced = b.wgmmaFence(fenced);
  ArrayRef<Value> acc = ArrayRef<Value>(fenced).take_front(dot.acc.size());
  Values a(dot.a);
  if (isWritten)
    a.assign(fenced.begin() + dot.acc.size(), fenced.end());

  Values result;
  if (typeA) {
    Value rows = b.add(dot.a[0],
                       b.mul(kernel.warpgroup, kWarpgroupRows * kSwizzleBytes));
    Value descA = makeDescriptor(b, rows, dot.a[1], kUnusedLeading);
    Value sum = hasAcc ? b.packAcc(acc) : b.undefAcc(n);
    for (int64_t i = 0; i < depth / kStepDepth; ++i)
      sum = b.wgmmaSS(advance(b, descA, getDepthOffset(typeA, i)), stepB(i),
                      sum, n, /*first=*/!hasAcc && i == 0, bf16,
                      /*transposedB=*/!dot.transposeB);
    result = b.unpackAcc(sum, n);
  } else {
    result = hasAcc ? Values(acc) : Values(n / 2, b.undefF32());
    for (int64_t i = 0; i < depth / kStepDepth; ++i)
      result =
          b.wgmmaRS(ArrayRef<Value>(a).slice(4 * i, 4), stepB(i), result, n,
                    /*first=*/!hasAcc && i == 0, bf16,
                    /*transposedB=*/!dot.transposeB);
  }
  b.wgmmaCommit();
  return result;
}

namespace {
template <typename OpT>
struct ConvertDot : KernelPattern<OpT> {
  using KernelPattern<OpT>::KernelPattern;

  LogicalResult
  matchAndRewrite(OpT op, typename ConvertDot::OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = this->kernel.builder(rewriter, op.getLoc());
    constexpr bool isAsync = std::is_same_v<OpT, DotAsyncOp>;
    RankedTensorType result;
    if constexpr (isAsync)
      result = op.getResult().getType().getType();
    else
      result = cast<RankedTensorType>(op.getResult().getType());
    Operation *def = op.getA().getDefiningOp();
    DotOperands dot{op.getA(),
                    /*isWritten=*/def && def->getBlock() == op->getBlock(),
                    op.getB().getType(),
                    op.getTransposeB(),
                    result,
                    adaptor.getA(),
                    adaptor.getB(),
                    adaptor.getAcc()};
    Values values = emitDot(b, this->kernel, dot);
    if (!isAsync)
      values = b.wgmmaWait(0, values);
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{values});
    return success();
  }
};

struct ConvertDotWait : KernelPattern<DotWaitOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(DotWaitOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    Values values = b.wgmmaWait(op.getPending(), Values(adaptor.getSource()));
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{values});
    return success();
  }
};
} // namespace

void tile::populateDotPatterns(RewritePatternSet &patterns,
                               const TypeConverter &converter,
                               KernelContext &kernel) {
  patterns.add<ConvertDot<DotAsyncOp>, ConvertDot<DotOp>, ConvertDotWait>(
      converter, patterns.getContext(), kernel);
}
