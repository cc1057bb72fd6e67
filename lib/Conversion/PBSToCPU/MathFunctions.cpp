//===- MathFunctions.cpp - exp2, log2, tanh without library calls ---------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A vector math.exp2 would become one library call per lane.
//
//===----------------------------------------------------------------------===//

#include "pbs/Conversion/PBSToCPU/CodeBuilder.h"

#include <limits>

using namespace mlir;
using namespace mlir::pbs::cpu;

/// The type of the bits of `type`.
static Type bitsOf(CodeBuilder &b, Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return VectorType::get(vector.getShape(), b.getI32Type());
  return b.getI32Type();
}

Value mlir::pbs::cpu::emitExp2(CodeBuilder &b, Value x) {
  Type type = x.getType(), bits = bitsOf(b, type);
  auto f = [&](double value) { return b.constant(type, value); };
  auto i = [&](int64_t value) { return b.constant(bits, value); };

  // 2^x = 2^n 2^r, n the nearest integer. Adding 1.5 * 2^23 leaves n in the low
  // bits; at x = -127 the exponent bits of 2^n are those of 0. The comparison
  // is false for NaN, which goes on into the polynomial.
  Value low = f(-127.0), magic = f(12582912.0);
  x = b.select(b.ltf(x, low), low, x);
  Value shifted = b.addf(x, magic);
  Value r = b.subf(x, b.subf(shifted, magic));
  Value exponent = b.shl(b.bitcast(shifted, bits), i(23));
  Value scale = b.bitcast(b.add(exponent, i(0x3F800000)), type);

  // Minimax fit of 2^r on [-1/2, 1/2], exact at 0; with its coefficients
  // rounded to f32 the relative error is at most 2^-25.4.
  static constexpr double kCoefficients[] = {1.559467782e-04, 1.340664341e-03,
                                             9.617692791e-03, 5.550310388e-02,
                                             2.402265221e-01, 6.931472421e-01};
  Value p = f(kCoefficients[0]);
  for (double coefficient : ArrayRef(kCoefficients).drop_front())
    p = b.fma(p, r, f(coefficient));
  p = b.fma(p, r, f(1.0));
  return b.mulf(p, scale);
}

Value mlir::pbs::cpu::emitExp2OfF64(CodeBuilder &b, Value x) {
  // 2^(h + l) = 2^h (1 + l ln 2), |l| <= 2^-24 |h|. Below -2^7 everything is 0,
  // and h must not overflow, where l would be NaN.
  Value low = b.constant(x.getType(), -1024.0);
  x = b.select(b.ltf(x, low), low, x);
  Value top = b.constant(x.getType(), 127.0);
  x = b.select(b.ltf(top, x), top, x);
  Value high = b.castf(x, b.getF32Type());
  Value rest =
      b.castf(b.subf(x, b.castf(high, b.getF64Type())), b.getF32Type());
  Value power = emitExp2(b, high);
  Value slope = b.constant(power.getType(), 0.693147181);
  return b.fma(b.mulf(power, rest), slope, power);
}

Value mlir::pbs::cpu::emitLog2(CodeBuilder &b, Value x) {
  Type type = x.getType(), bits = bitsOf(b, type);
  auto f = [&](double value) { return b.constant(type, value); };
  auto i = [&](int64_t value) { return b.constant(bits, value); };

  // Denormals first become normal numbers.
  Value small = b.ltf(x, f(0x1p-126));
  Value normal = b.select(small, b.mulf(x, f(0x1p24)), x);
  Value bias = b.select(small, f(-24.0), f(0.0));

  // x = 2^e m with m in [sqrt(1/2), sqrt(2)).
  Value raw = b.sub(b.bitcast(normal, bits), i(0x3F3504F3));
  Value exponent =
      b.sub(b.shr(b.add(raw, i(int64_t(127) << 23)), i(23)), i(127));
  Value mantissa =
      b.bitcast(b.sub(b.bitcast(normal, bits), b.shl(exponent, i(23))), type);
  Value e = b.addf(b.intToFloat(exponent, type), bias);

  // ln m = 2 artanh(t), t = (m - 1) / (m + 1), |t| <= 0.1716; the first term
  // left out is 2 t^11 / 11 <= 2^-30 |t|.
  Value t = b.divf(b.subf(mantissa, f(1.0)), b.addf(mantissa, f(1.0)));
  Value t2 = b.mulf(t, t);
  constexpr double kTwoOverLn2 = 2.8853900817779268;
  Value p = f(kTwoOverLn2 / 9);
  for (int64_t divisor : {7, 5, 3, 1})
    p = b.fma(p, t2, f(kTwoOverLn2 / divisor));
  Value result = b.fma(p, t, e);

  result = b.select(b.eqf(x, f(0.0)), b.negInf(type), result);
  Value isOrdinary = b.ltf(x, f(std::numeric_limits<double>::infinity()));
  return b.select(isOrdinary, result, x);
}

Value mlir::pbs::cpu::emitTanh(CodeBuilder &b, Value x) {
  Type type = x.getType();
  auto f = [&](double value) { return b.constant(type, value); };
  Value negative = b.ltf(x, f(0));
  Value size = b.select(negative, b.subf(f(0), x), x);

  // (1 - t) / (1 + t) with t = exp(-2 |x|); 1 - t would cancel near 0.
  constexpr double kMinusTwoLog2E = -2.8853900817779268;
  Value t = emitExp2(b, b.mulf(size, f(kMinusTwoLog2E)));
  Value large = b.divf(b.subf(f(1), t), b.addf(f(1), t));

  // The Taylor series; the term after its last is 2^-38 of the sum at 1/4.
  constexpr double kLimit = 0.25;
  static constexpr double kCoefficients[] = {
      -1382.0 / 155925, 62.0 / 2835, -17.0 / 315, 2.0 / 15, -1.0 / 3, 1.0};
  Value square = b.mulf(size, size);
  Value p = f(kCoefficients[0]);
  for (double coefficient : ArrayRef(kCoefficients).drop_front())
    p = b.fma(p, square, f(coefficient));
  Value result = b.select(b.ltf(size, f(kLimit)), b.mulf(p, size), large);
  return b.select(negative, b.subf(f(0), result), result);
}
