//===- ScoreRegion.cpp - The score region on vectors of rows --------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScoreRegion.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::pbs;
using namespace mlir::pbs::cpu;

static constexpr double kLog2E = 1.4426950408889634;
static constexpr double kLn2 = 0.6931471805599453;

LogicalResult mlir::pbs::cpu::verifyScoreRegion(Region &region) {
  if (region.empty())
    return success();
  for (Operation &op : region.front().without_terminator()) {
    // The remainder would be a call of the C library.
    if ((isa<arith::ArithDialect>(op.getDialect()) &&
         !isa<arith::RemFOp>(op)) ||
        isa<math::AbsFOp, math::ExpOp, math::Exp2Op, math::FmaOp, math::LogOp,
            math::Log2Op, math::TanhOp>(op))
      continue;
    return op.emitOpError("has no CPU code in a score region; expected ops of "
                          "arith but arith.remf, or math.absf, math.exp, "
                          "math.exp2, math.fma, math.log, math.log2 or "
                          "math.tanh");
  }
  return success();
}

/// 2^x for all x.
static Value emitAnyExp2(CodeBuilder &b, Value x) {
  // emitExp2 is for x < 127.5; NaN goes on into it.
  Value tooLarge = b.lef(b.constant(x.getType(), 127.5), x);
  Value infinity = b.subf(b.constant(x.getType(), 0), b.negInf(x.getType()));
  Value in = b.select(tooLarge, b.constant(x.getType(), 0), x);
  return b.select(tooLarge, infinity, emitExp2(b, in));
}

/// log2(x) for all x.
static Value emitAnyLog2(CodeBuilder &b, Value x) {
  Value zero = b.constant(x.getType(), 0);
  Value nan =
      b.addf(b.negInf(x.getType()), b.subf(zero, b.negInf(x.getType())));
  return b.select(b.ltf(x, zero), nan, emitLog2(b, x));
}

Value mlir::pbs::cpu::emitScoreRegion(CodeBuilder &b, Region &region,
                                      ValueRange arguments, int64_t lanes) {
  Block &block = region.front();
  IRMapping values;
  values.map(block.getArguments(), arguments);
  auto widen = [&](Type type) -> Type { return vectorOf(type, lanes); };
  auto f = [&](double value) {
    return b.constant(widen(b.getF32Type()), value);
  };
  for (Operation &op : block.without_terminator()) {
    SmallVector<Value> operands;
    for (Value operand : op.getOperands()) {
      Value value = values.lookup(operand);
      if (!isa<VectorType>(value.getType()))
        value = b.splat(value, lanes);
      operands.push_back(value);
    }
    auto result = [&](Value value) { values.map(op.getResult(0), value); };
    llvm::TypeSwitch<Operation *>(&op)
        .Case([&](arith::ConstantOp) {
          values.map(op.getResult(0), b.clone(op)->getResult(0));
        })
        .Case([&](math::AbsFOp) {
          Value negative = b.ltf(operands[0], f(0));
          result(b.select(negative, b.subf(f(0), operands[0]), operands[0]));
        })
        .Case([&](math::ExpOp) {
          result(emitAnyExp2(b, b.mulf(operands[0], f(kLog2E))));
        })
        .Case([&](math::Exp2Op) { result(emitAnyExp2(b, operands[0])); })
        .Case([&](math::FmaOp) {
          result(b.fma(operands[0], operands[1], operands[2]));
        })
        .Case([&](math::LogOp) {
          result(b.mulf(emitAnyLog2(b, operands[0]), f(kLn2)));
        })
        .Case([&](math::Log2Op) { result(emitAnyLog2(b, operands[0])); })
        .Case([&](math::TanhOp) { result(emitTanh(b, operands[0])); })
        .Default([&](Operation *) {
          OperationState state(op.getLoc(), op.getName());
          state.addOperands(operands);
          for (Type type : op.getResultTypes())
            state.addTypes(widen(type));
          state.addAttributes(op.getAttrs());
          values.map(op.getResults(), b.create(state)->getResults());
        });
  }
  Value score = values.lookup(cast<YieldOp>(block.back()).getScore());
  return isa<VectorType>(score.getType()) ? score : b.splat(score, lanes);
}
