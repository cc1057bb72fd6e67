//===- AttentionSoftmax.cpp - The softmax of attention --------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionWriter.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::pbs;

static constexpr double kLn2 = 0.6931471805599453;
/// Sums of probabilities of rows that keep a maximum too small by up to 44:
/// with larger ones products with values could overflow.
static constexpr double kLargestSum = 0x1p64;

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

Value AttentionWriter::writeOffset(Value max) {
  return arith::NegFOp::create(b, arith::MulFOp::create(b, max, rowScales));
}

Value AttentionWriter::writeFinite(Value max) {
  Value none = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, max,
                                     b.filled(rowType, -kInfinity));
  return arith::SelectOp::create(b, none, b.filled(rowType, 0), max);
}

AttentionWriter::Maximum
AttentionWriter::writeMaximum(Value scores, const State &s,
                              function_ref<Value(Value)> guard) {
  Maximum result;
  Value largest =
      tile::ReduceOp::create(b, rowType, tile::ReduceKind::Max, scores,
                             /*dim=*/1, /*offset=*/IntegerAttr());
  result.max = arith::MaxNumFOp::create(b, s.max, largest);
  result.offset = writeOffset(guard(result.max));
  result.largest = largest;
  return result;
}

void AttentionWriter::writeFactor(Maximum &maximum, const State &s) {
  // Exactly 1 unless the maximum has grown, so that it can be left out.
  maximum.grown = b.compare(arith::CmpFPredicate::OGT, maximum.largest, s.max);
  Value factor = math::Exp2Op::create(
      b, math::FmaOp::create(b, s.max, rowScales, maximum.offset));
  maximum.factor =
      arith::SelectOp::create(b, maximum.grown, factor, b.filled(rowType, 1));
}

AttentionWriter::Maximum
AttentionWriter::chooseMaximum(Value needsMask, Value scores, const State &s) {
  auto guard = [&](Value max) { return writeFinite(max); };
  if (!task.keepsMaximum)
    return writeMaximum(scores, s, [&](Value max) {
      if (task.hasScoreRegion())
        return guard(max);
      return scf::IfOp::create(
                 b, needsMask,
                 [&](OpBuilder &, Location) {
                   scf::YieldOp::create(b, guard(max));
                 },
                 [&](OpBuilder &, Location) { scf::YieldOp::create(b, max); })
          .getResult(0);
    });
  auto yield = [&](const Maximum &maximum) {
    scf::YieldOp::create(b, ValueRange{maximum.max, maximum.offset,
                                       maximum.factor, maximum.grown});
  };
  auto chosen = scf::IfOp::create(
      b, needsMask,
      [&](OpBuilder &, Location) {
        Maximum maximum = writeMaximum(scores, s, guard);
        writeFactor(maximum, s);
        maximum.grown = tile::AnyOp::create(b, b.getI1Type(), maximum.grown);
        yield(maximum);
      },
      [&](OpBuilder &, Location) {
        // Rows that have seen nothing get infinite probabilities, which their
        // sums tell of.
        yield({s.max, writeOffset(s.max), /*largest=*/Value(),
               b.filled(rowType, 1),
               arith::ConstantOp::create(b, b.getBoolAttr(false))});
      });
  return {chosen.getResult(0), chosen.getResult(1), /*largest=*/Value(),
          chosen.getResult(2), chosen.getResult(3)};
}

AttentionWriter::State AttentionWriter::writeStep(Value j, const State &s) {
  auto next = tile::ListNextOp::create(b, b.getI32Type(), s.cursor.getType(),
                                       list, s.cursor);
  Value key0 = b.mul(next.getBlock(), b.i32(kBlock));
  Value isOwn;
  if (task.ownKey)
    isOwn = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, next.getBlock(),
                                  ownBlock);
  Value k = load(keyTileType, task.key, kvHead, inTensor(firstKey, key0),
                 /*rows=*/Value(), task.ownKey, isOwn);
  Value product = tile::DotOp::create(b, scoreType, queryTile, k,
                                      /*acc=*/Value(), /*transpose_b=*/true);
  if (task.scalesFirst())
    product = arith::MulFOp::create(b, product,
                                    b.splat(b.f32(task.scale), scoreType));
  Value keyPositions;
  if (task.usesKeyPosition())
    keyPositions = writeKeyPositions(key0);
  if (task.hasScoreRegion())
    product = writeScoreRegion(b, *task.score, product, batch, head,
                               rowPositions, keyPositions);
  Value needsMask =
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, j, masked);
  auto choose = [&](Value condition, function_ref<Value()> makeFirst,
                    function_ref<Value()> makeSecond) {
    auto yield = [&](Value value) { scf::YieldOp::create(b, value); };
    return scf::IfOp::create(
               b, condition, [&](OpBuilder &, Location) { yield(makeFirst()); },
               [&](OpBuilder &, Location) { yield(makeSecond()); })
        .getResult(0);
  };
  Value scores = choose(
      needsMask,
      [&] {
        Value first =
            task.ownKey ? b.add(firstMaskedKey, b.mul(j, b.i32(kBlock))) : key0;
        return writeMask(product, first, keyPositions);
      },
      [&] { return product; });

  State state;
  state.cursor = next.getNext();
  Maximum maximum = chooseMaximum(needsMask, scores, s);
  state.max = maximum.max;
  if (!task.keepsMaximum)
    writeFactor(maximum, s);
  // Before the exponents: where the loop is rotated this is beside them, behind
  // the wait for the last product.
  Value scaled;
  if (s.acc) {
    auto scale = [&]() -> Value {
      return arith::MulFOp::create(b, s.acc,
                                   b.broadcast(maximum.factor, outputType));
    };
    scaled = task.keepsMaximum
                 ? choose(maximum.grown, scale, [&] { return s.acc; })
                 : scale();
  }
  Value exponents = math::FmaOp::create(b, scores, scales,
                                        b.broadcast(maximum.offset, scoreType));
  Value p = math::Exp2Op::create(b, exponents);
  RankedTensorType quad = b.quad(task.rows);
  Value sum = tile::ReduceOp::create(b, quad, tile::ReduceKind::Add, p,
                                     /*dim=*/1, /*offset=*/IntegerAttr());
  auto scaleSum = [&]() -> Value {
    return math::FmaOp::create(b, s.sum, b.broadcast(maximum.factor, quad),
                               sum);
  };
  state.sum = task.keepsMaximum
                  ? choose(needsMask, scaleSum,
                           [&]() -> Value {
                             return arith::AddFOp::create(b, s.sum, sum);
                           })
                  : scaleSum();
  if (!s.acc)
    return state;
  Value rounded =
      arith::TruncFOp::create(b, b.acc(task.rows, kBlock, element), p);
  // Keys of the next sequence have the probability 0, which times a NaN would
  // not be 0.
  Value valid = task.isPacked() ? b.sub(keys, key0) : Value();
  Value v = load(keyTileType, task.value, kvHead, inTensor(firstKey, key0),
                 valid, task.ownValue, isOwn);
  state.acc = tile::DotOp::create(b, outputType, rounded, v, scaled,
                                  /*transpose_b=*/false);
  return state;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void AttentionWriter::writeAppend(Value isWrong) {
  scf::IfOp::create(b, tile::AnyOp::create(b, b.getI1Type(), isWrong),
                    [&](OpBuilder &, Location) {
                      tile::AppendItemOp::create(b, number, numItems,
                                                 b.itemList());
                      scf::YieldOp::create(b);
                    });
}

void AttentionWriter::writeResults(const State &s) {
  // Rows of the next sequence are not overwritten.
  Value rows = task.isPacked() ? b.sub(queries, row0) : Value();
  Value first = inTensor(firstQuery, row0);
  Value total = tile::ReduceOp::create(b, rowType, tile::ReduceKind::Add, s.sum,
                                       /*dim=*/1, /*offset=*/IntegerAttr());
  Value isWrong;
  if (task.itemList == ItemList::Made)
    // Of NaN, too.
    isWrong = b.compare(arith::CmpFPredicate::UGT, total,
                        b.filled(rowType, kLargestSum));
  if (task.output) {
    Value empty =
        b.compare(arith::CmpFPredicate::OEQ, total, b.filled(rowType, 0));
    // 1 / x in the precision of the hardware's reciprocal.
    Value inverse = arith::DivFOp::create(b, b.filled(rowType, 1), total,
                                          arith::FastMathFlags::afn);
    Value scaled =
        arith::MulFOp::create(b, s.acc, b.broadcast(inverse, outputType));
    // Hardly any row is one of these.
    Value isRare = isWrong ? b.either(empty, isWrong) : empty;
    auto output = scf::IfOp::create(
        b, tile::AnyOp::create(b, b.getI1Type(), isRare),
        [&](OpBuilder &, Location) {
          if (isWrong)
            writeAppend(isWrong);
          // A select, not a factor of zero: 0 * NaN of a masked value would not
          // be 0.
          Value empties =
              b.broadcast(empty, b.acc(task.rows, headDim, b.getI1Type()));
          Value selected = arith::SelectOp::create(
              b, empties, b.filled(outputType, 0), scaled);
          scf::YieldOp::create(b, selected);
        },
        [&](OpBuilder &, Location) { scf::YieldOp::create(b, scaled); });
    Value rounded = arith::TruncFOp::create(
        b, b.acc(task.rows, headDim, element), output.getResult(0));
    tile::StoreOp::create(b, rounded, b.buffer(*task.output),
                          ValueRange{batch, head, first, b.i32(0)}, rows,
                          /*offset=*/IntegerAttr());
  } else if (isWrong) {
    writeAppend(isWrong);
  }
  if (task.lse) {
    // -inf + -inf where nothing was visible.
    Value log = math::Log2Op::create(b, total);
    Value lse2 = math::FmaOp::create(b, s.max, rowScales, log);
    Value lse = arith::MulFOp::create(b, lse2, b.filled(rowType, kLn2));
    tile::WriteOp::create(b, lse, b.buffer(*task.lse),
                          ValueRange{batch, head, first}, rows,
                          /*dim=*/IntegerAttr());
  }
}
