//===- ConvertElementwise.cpp - Arithmetic on register tiles --------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One pattern for all elementwise ops: the same op for each scalar of a thread,
// except for the few where the hardware has an instruction that LLVM would not
// choose by itself.
//
//===----------------------------------------------------------------------===//

#include "KernelContext.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::tile;

static constexpr float kLog2E = 1.44269504f;
static constexpr float kLn2 = 0.693147181f;

static RankedTensorType getTensor(Value value) {
  return dyn_cast<RankedTensorType>(value.getType());
}

bool tile::isElementwise(Operation *op) {
  if (op->getNumResults() != 1)
    return false;
  if (isa<math::MathDialect>(op->getDialect()))
    return isa<math::AbsFOp, math::ExpOp, math::Exp2Op, math::FmaOp,
               math::LogOp, math::Log2Op, math::RsqrtOp, math::SqrtOp,
               math::TanhOp>(op);
  return isa<arith::ArithDialect>(op->getDialect()) &&
         op->hasTrait<OpTrait::Elementwise>();
}

/// The scalar version of an op of the math dialect.
static Value emitMath(KernelBuilder &b, Operation *op, ValueRange x) {
  // e^a and tanh a = 1 - 2 / (1 + e^2a): right at both infinities.
  auto exp = [&](Value a, float factor) {
    return b.ex2(b.fmul(a, b.cf(kLog2E * factor)));
  };
  if (isa<math::Exp2Op>(op))
    return b.ex2(x[0]);
  if (isa<math::ExpOp>(op))
    return exp(x[0], 1);
  if (isa<math::Log2Op>(op))
    return b.lg2(x[0]);
  if (isa<math::LogOp>(op))
    return b.fmul(b.lg2(x[0]), b.cf(kLn2));
  if (isa<math::FmaOp>(op))
    return b.fma(x[0], x[1], x[2]);
  if (isa<math::TanhOp>(op)) {
    Value inverse = b.rcp(b.fadd(exp(x[0], 2), b.cf(1)));
    return b.fma(inverse, b.cf(-2), b.cf(1));
  }
  if (isa<math::AbsFOp>(op))
    return b.fabs(x[0]);
  if (isa<math::RsqrtOp>(op))
    return b.rsqrt(x[0]);
  return b.sqrt(x[0]);
}

/// The scalar version of an op.
static Value emitScalar(KernelBuilder &b, OpBuilder &builder, Operation *op,
                        ValueRange operands, Type resultType) {
  if (isa<math::MathDialect>(op->getDialect()))
    return emitMath(b, op, operands);
  if (auto div = dyn_cast<arith::DivFOp>(op))
    if (arith::bitEnumContainsAny(div.getFastmath(),
                                  arith::FastMathFlags::afn) &&
        resultType.isF32())
      return b.fmul(operands[0], b.rcp(operands[1]));
  OperationState state(op->getLoc(), op->getName(), operands, resultType,
                       op->getAttrs());
  return builder.create(state)->getResult(0);
}

namespace {
struct ConvertElementwise : ConversionPattern {
  ConvertElementwise(const TypeConverter &converter, MLIRContext *context,
                     KernelContext &kernel)
      : ConversionPattern(converter, MatchAnyOpTypeTag(), /*benefit=*/1,
                          context),
        kernel(kernel) {}

  LogicalResult
  matchAndRewrite(Operation *op, ArrayRef<ValueRange> operands,
                  ConversionPatternRewriter &rewriter) const override {
    if (!isElementwise(op))
      return rewriter.notifyMatchFailure(op, "not elementwise");
    KernelBuilder b = kernel.builder(rewriter, op->getLoc());
    auto type = getTensor(op->getResult(0));
    if (!type) {
      // A scalar that has no lowering of its own upstream.
      rewriter.replaceOp(
          op, emitMath(b, op, llvm::map_to_vector(operands, [](ValueRange v) {
                         return v.front();
                       })));
      return success();
    }

    Type element = type.getElementType();
    if (isa<arith::TruncFOp>(op) && isPacked(type)) {
      Values pairs;
      for (size_t i = 0; i < operands[0].size(); i += 2)
        pairs.push_back(
            b.pack16(operands[0][i], operands[0][i + 1], element.isBF16()));
      rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{pairs});
      return success();
    }

    if (auto compare = dyn_cast<arith::CmpFOp>(op);
        compare && isPacked(getTensor(compare.getLhs()))) {
      rewriter.replaceOpWithMultiple(
          op, ArrayRef<Values>{comparePairs(b, rewriter, compare, operands)});
      return success();
    }

    SmallVector<Values> inputs;
    for (auto [value, converted] : llvm::zip_equal(op->getOperands(), operands))
      inputs.push_back(getTensor(value)
                           ? unpackElements(b, getTensor(value), converted)
                           : Values(converted));
    int64_t number =
        getNumValues(type, kernel.config) * (isPacked(type) ? 2 : 1);
    Values results;
    for (int64_t i = 0; i < number; ++i) {
      Values scalars;
      for (const Values &input : inputs)
        scalars.push_back(input[input.size() == 1 ? 0 : i]);
      results.push_back(emitScalar(b, rewriter, op, scalars, element));
    }
    results = packElements(b, type, results);
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
    return success();
  }

  /// Two elements of 16 bit at once (PTX ISA, setp.f16x2 and setp.bf16x2).
  static Values comparePairs(KernelBuilder &b, OpBuilder &builder,
                             arith::CmpFOp op, ArrayRef<ValueRange> operands) {
    auto pair = VectorType::get(2, getTensor(op.getLhs()).getElementType());
    Values results;
    for (auto [lhs, rhs] : llvm::zip_equal(operands[0], operands[1])) {
      Value both =
          arith::CmpFOp::create(builder, op.getLoc(), op.getPredicate(),
                                b.bitcast(lhs, pair), b.bitcast(rhs, pair));
      results.append({b.extractElement(both, 0), b.extractElement(both, 1)});
    }
    return results;
  }

  KernelContext &kernel;
};

struct ConvertAny : KernelPattern<AnyOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(AnyOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    Value any;
    for (Value holds : adaptor.getSource())
      any = any ? b.or_(any, holds) : holds;
    rewriter.replaceOp(op, b.anySync(any));
    return success();
  }
};

struct ConvertConstant : KernelPattern<arith::ConstantOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(arith::ConstantOp op, OneToNOpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = getTensor(op.getResult());
    if (!type)
      return rewriter.notifyMatchFailure(op, "a scalar");
    auto value =
        cast<SplatElementsAttr>(op.getValue()).getSplatValue<TypedAttr>();
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    Value scalar = arith::ConstantOp::create(rewriter, op.getLoc(), value);
    if (isPacked(type))
      scalar = b.repack16(scalar, scalar);
    Values results(getNumValues(type, kernel.config), scalar);
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
    return success();
  }
};

struct ConvertSplat : KernelPattern<SplatOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(SplatOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Values results(getNumValues(getTensor(op.getResult()), kernel.config),
                   adaptor.getScalar().front());
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
    return success();
  }
};

struct ConvertIota : KernelPattern<IotaOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(IotaOp op, OneToNOpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    auto type = getTensor(op.getResult());
    Values results;
    for (int64_t i = 0; i < getNumValues(type, kernel.config); ++i) {
      Coordinate at = kernel.getCoordinates(b, type, i).front();
      results.push_back(b.add(at.base, at.offset));
    }
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
    return success();
  }
};

/// A pair of columns of a row is compared with the row's last one less what
/// differs between lanes, so that the columns are constants.
struct ConvertColumnsBehind : KernelPattern<ColumnsBehindOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(ColumnsBehindOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    auto type = getTensor(op.getResult());
    Type half = rewriter.getF16Type();
    auto pairType = VectorType::get(2, half);
    int64_t columns = type.getShape()[1];
    Values lasts;
    for (Value last : adaptor.getLast()) {
      Value inTile = b.smax(b.smin(last, b.c32(columns)), b.c32(-1));
      inTile = b.sub(inTile, kernel.column);
      Value rounded =
          arith::SIToFPOp::create(rewriter, op.getLoc(), half, inTile);
      lasts.push_back(b.bitcast(b.repack16(rounded, rounded), pairType));
    }
    Values results;
    for (int64_t i = 0; i < getNumValues(type, kernel.config); i += 2) {
      SmallVector<Coordinate, 2> at = kernel.getCoordinates(b, type, i);
      double column = at[1].offset;
      auto pair = DenseElementsAttr::get(
          pairType, {rewriter.getFloatAttr(half, column).getValue(),
                     rewriter.getFloatAttr(half, column + 1).getValue()});
      Value both = arith::CmpFOp::create(
          rewriter, op.getLoc(), arith::CmpFPredicate::OLT,
          lasts[at[0].offset / 8],
          arith::ConstantOp::create(rewriter, op.getLoc(), pair));
      results.append({b.extractElement(both, 0), b.extractElement(both, 1)});
    }
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
    return success();
  }
};

struct ConvertScaleRows : KernelPattern<ScaleRowsOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(ScaleRowsOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    auto type = getTensor(op.getResult());
    Values results;
    for (auto [i, value] : llvm::enumerate(adaptor.getSource())) {
      size_t row = kernel.getCoordinates(b, type, i)[0].offset / 8;
      results.push_back(
          b.fmulIf(value, adaptor.getFactor()[row], adaptor.getHolds()[row]));
    }
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
    return success();
  }
};

struct ConvertBroadcast : KernelPattern<BroadcastOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(BroadcastOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    auto from = getTensor(op.getSource()), to = getTensor(op.getResult());
    ValueRange source = adaptor.getSource();
    if (isa<QuadAttr>(to.getEncoding())) {
      rewriter.replaceOpWithMultiple(op, ArrayRef<ValueRange>{source});
      return success();
    }
    if (isa<WideAttr>(to.getEncoding())) {
      // A value for each row, or for each column.
      bool isRows = isa<WideRowAttr>(from.getEncoding());
      size_t number = getNumValues(to, kernel.config);
      size_t perRow = isRows ? number / source.size() : source.size();
      Values results;
      for (size_t i = 0; i < number; ++i)
        results.push_back(source[isRows ? i / perRow : i % perRow]);
      rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
      return success();
    }
    bool rows = isa<RowAttr>(from.getEncoding());
    int64_t number = getNumValues(to, kernel.config) * (isPacked(to) ? 2 : 1);
    Values results;
    for (int64_t i = 0; i < number; ++i)
      results.push_back(source[rows ? i / 2 % 2 : 2 * (i / 4) + i % 2]);
    results = packElements(b, to, results);
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

static Value combine(KernelBuilder &b, ReduceKind kind, Value x, Value y) {
  bool isFloat = x.getType().isF32();
  switch (kind) {
  case ReduceKind::Add:
    return isFloat ? b.fadd(x, y, /*contract=*/true) : b.add(x, y);
  case ReduceKind::Max:
    return isFloat ? b.fmax(x, y) : b.smax(x, y);
  case ReduceKind::Min:
    return isFloat ? b.fmin(x, y) : b.smin(x, y);
  }
  llvm_unreachable("unknown kind of reduction");
}

/// Up to `numChains` independent chains, then combined: short dependences, few
/// live values, and an order that depends on nothing but the number.
static Value combineAll(KernelBuilder &b, ReduceKind kind, ValueRange values,
                        size_t numChains = 4) {
  Values chains;
  for (auto [i, value] : llvm::enumerate(values)) {
    if (i < numChains)
      chains.push_back(value);
    else
      chains[i % numChains] = combine(b, kind, chains[i % numChains], value);
  }
  for (size_t width = 1; width < chains.size(); width *= 2)
    for (size_t i = 0; i + width < chains.size(); i += 2 * width)
      chains[i] = combine(b, kind, chains[i], chains[i + width]);
  return chains.front();
}

/// Over lanes that differ in the bits of `masks`.
static Value combineLanes(KernelBuilder &b, ReduceKind kind, Value value,
                          int64_t first, int64_t end) {
  for (int64_t mask = first; mask < end; mask *= 2)
    value = combine(b, kind, value, b.shflBfly(value, mask));
  return value;
}

/// The values of all lanes: of integers by one instruction.
static Value combineWarp(KernelBuilder &b, ReduceKind kind, Value value) {
  if (!value.getType().isInteger(32))
    return combineLanes(b, kind, value, 1, kWarpThreads);
  switch (kind) {
  case ReduceKind::Add:
    return b.reduxAdd(value);
  case ReduceKind::Max:
    return b.reduxMax(value);
  case ReduceKind::Min:
    return b.reduxMin(value);
  }
  llvm_unreachable("a kind of reduction");
}

namespace {
struct ConvertReduce : KernelPattern<ReduceOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(ReduceOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    auto from = getTensor(op.getSource()), to = getTensor(op.getResult());
    ValueRange source = adaptor.getSource();
    if (!to) {
      rewriter.replaceOp(op, reduceLanes(b, op, source));
      return success();
    }
    Values results;
    if (isa<BlockedAttr>(from.getEncoding())) {
      results = reduceBlocked(b, op, from, to, source);
      rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
      return success();
    }
    if (isa<WideAttr>(from.getEncoding())) {
      // Of the target a thread has one value in each row.
      size_t rows = getNumValues(to, kernel.config);
      size_t perRow = source.size() / rows;
      for (size_t row = 0; row < rows; ++row) {
        Value all =
            combineAll(b, op.getKind(), source.slice(row * perRow, perRow));
        if (isa<WideRowAttr>(to.getEncoding()))
          all = combineLanes(b, op.getKind(), all, 1, kWarpThreads);
        results.push_back(all);
      }
      rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
      return success();
    }
    for (int64_t row = 0; row < 2; ++row) {
      Values parts;
      if (isa<QuadAttr>(from.getEncoding())) {
        parts.push_back(source[row]);
      } else {
        for (size_t i = 0; i < source.size(); ++i)
          if (i / 2 % 2 == size_t(row))
            parts.push_back(source[i]);
      }
      // Terms of a sum come one by one, from the unit for exponentials, and
      // ptxas finds a better order where there is one chain.
      size_t numChains = op.getKind() == ReduceKind::Add ? 1 : 4;
      Value all = combineAll(b, op.getKind(), parts, numChains);
      // The four lanes of a row.
      if (isa<RowAttr>(to.getEncoding()))
        all = combineLanes(b, op.getKind(), all, 1, 4);
      results.push_back(all);
    }
    rewriter.replaceOpWithMultiple(op, ArrayRef<Values>{results});
    return success();
  }

  /// Elements of a thread, then of a warp; each warp leaves one, and all
  /// threads combine those of their warpgroup, which has all elements.
  Value reduceLanes(KernelBuilder &b, ReduceOp op, ValueRange source) const {
    Value sum = combineAll(b, op.getKind(), source);
    // Each warp has all elements.
    if (isa<WideColAttr>(getTensor(op.getSource()).getEncoding()))
      return combineWarp(b, op.getKind(), sum);
    sum = combineLanes(b, op.getKind(), sum, 1, kWarpThreads);
    Type type = sum.getType();
    constexpr int64_t kWarps = kWarpgroupThreads / kWarpThreads;
    Value base = b.gepBytes(b.gepBytes(b.sharedBase(), *op.getOffset()),
                            b.mul(kernel.warpgroup, 4 * kWarps));
    Value barrier = b.add(kernel.warpgroup, kWarpgroupBarrier);
    // Nobody reads the last result any more.
    b.barrier(barrier, kWarpgroupThreads);
    b.ptxIf("st.shared.b32 [$0], $1;",
            {b.gepBytes(base, b.mul(kernel.wgWarp, 4)), b.bitcast(sum, b.i32)},
            b.cmp(Cmp::EQ, kernel.lane, 0));
    b.barrier(barrier, kWarpgroupThreads);
    Values parts;
    for (int64_t warp = 0; warp < kWarps; ++warp)
      parts.push_back(b.load(b.gepBytes(base, 4 * warp), type, 4));
    return combineAll(b, op.getKind(), parts);
  }

  /// Rows of a thread, then of a warp; each warp leaves one row in shared
  /// memory, of which thread i then combines column i.
  Values reduceBlocked(KernelBuilder &b, ReduceOp op, RankedTensorType from,
                       RankedTensorType to, ValueRange source) const {
    int64_t vector = cast<BlockedAttr>(from.getEncoding()).getVector();
    int64_t columns = from.getShape()[1];
    ReduceKind kind = op.getKind();
    Value base = b.gepBytes(b.sharedBase(), *op.getOffset());
    int64_t rowBytes = columns * 4;
    Value warp = b.lshr(kernel.consumerThread, 5);
    Value column = kernel.getCoordinates(b, from, 0)[1].base;
    Value mine =
        b.gepBytes(base, b.add(b.mul(warp, rowBytes), b.mul(column, 4)));
    // Lanes below `columns / vector` have the first row of the warp.
    int64_t lanesPerRow = columns / vector;
    Values sums;
    for (int64_t e = 0; e < vector; ++e) {
      Values parts;
      for (size_t i = e; i < source.size(); i += vector)
        parts.push_back(source[i]);
      sums.push_back(combineLanes(b, kind, combineAll(b, kind, parts),
                                  lanesPerRow, kWarpThreads));
    }
    // Nobody reads the last result any more.
    b.barrier(b.c32(kConsumerBarrier), kernel.getConsumerThreads());
    Value writes = b.cmp(Cmp::LT, kernel.lane, lanesPerRow);
    // Vectors are of 16 bytes, and so at least 4 elements.
    for (int64_t e = 0; e < vector; e += 4) {
      Values four{b.gepBytes(mine, 4 * e)};
      for (int64_t i = e; i < e + 4; ++i)
        four.push_back(b.bitcast(sums[i], b.i32));
      b.ptxIf("st.shared.v4.b32 [$0], {$1, $2, $3, $4};", four, writes);
    }
    b.barrier(b.c32(kConsumerBarrier), kernel.getConsumerThreads());
    Values results;
    for (int64_t i = 0; i < getNumValues(to, kernel.config); ++i) {
      Coordinate at = kernel.getCoordinates(b, to, i).front();
      Value read = b.gepBytes(base, b.add(b.mul(at.base, 4), 4 * at.offset));
      Values parts;
      for (int64_t w = 0; w < kernel.config.getConsumerWarps(); ++w)
        parts.push_back(
            b.load(b.gepBytes(read, w * rowBytes), to.getElementType(), 4));
      results.push_back(combineAll(b, kind, parts));
    }
    return results;
  }
};

struct ConvertRelayout : KernelPattern<RelayoutOp> {
  using KernelPattern::KernelPattern;

  LogicalResult
  matchAndRewrite(RelayoutOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b = kernel.builder(rewriter, op.getLoc());
    auto to = getTensor(op.getResult());
    if (!isa<ColAttr>(to.getEncoding()))
      return failure();
    int64_t length = to.getShape()[0], bytes = getRowBytes(to);
    // Each warp has all columns of #tile.wide_col, and needs no other then.
    bool inWarp = isa<WideColAttr>(getTensor(op.getSource()).getEncoding());
    Value group = kernel.warpgroup;
    if (inWarp)
      group = b.add(b.mul(group, kWarpgroupWarps), kernel.wgWarp);
    Value base = b.gepBytes(b.gepBytes(b.sharedBase(), b.mul(group, bytes)),
                            *op.getOffset());
    auto meet = [&] {
      if (inWarp)
        b.syncWarp();
      else
        b.barrier(b.add(kernel.warpgroup, kWarpgroupBarrier),
                  kWarpgroupThreads);
    };
    // Nobody reads what was there before any more.
    if (!kernel.afterBarrier.contains(op))
      meet();
    for (auto [i, value] : llvm::enumerate(adaptor.getSource())) {
      Coordinate at =
          kernel.getCoordinates(b, getTensor(op.getSource()), i).front();
      Value mine = kernel.getColumnAddress(b, to, base, at);
      // Short tiles repeat: one of the threads that have an element writes it.
      if (!inWarp && length < kWarpgroupThreads)
        b.ptxIf("st.shared.b32 [$0], $1;", {mine, b.bitcast(value, b.i32)},
                b.cmp(Cmp::LT, kernel.wgThread, length));
      else
        b.store(value, mine, bytes / length);
    }
    meet();
    rewriter.replaceOpWithMultiple(
        op, ArrayRef<Values>{kernel.loadColumns(b, to, base)});
    return success();
  }
};
} // namespace

void tile::populateElementwisePatterns(RewritePatternSet &patterns,
                                       const TypeConverter &converter,
                                       KernelContext &kernel) {
  patterns.add<ConvertAny, ConvertBroadcast, ConvertConstant,
               ConvertElementwise, ConvertColumnsBehind, ConvertScaleRows,
               ConvertIota, ConvertReduce, ConvertRelayout, ConvertSplat>(
      converter, patterns.getContext(), kernel);
}
