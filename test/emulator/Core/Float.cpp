//===- Float.cpp - Floating-point instructions ----------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"
#include "Lanes.h"
#include "Numerics.h"
#include <algorithm>

using namespace pbs::emu;

namespace pbs::emu {
void decodeFloatArithmetic(Decoder &d);
}

namespace {

enum : uint32_t { kFtz = 1, kSat = 2, kRelu = 4, kKeepNaN = 8 };

enum class Op : uint8_t {
  Add,
  Sub,
  Mul,
  Fma,
  Div,
  Min,
  Max,
  Abs,
  Neg,
  Copysign,
  Rcp,
  Sqrt,
  Rsqrt,
  Ex2,
  Lg2,
  Sin,
  Cos,
  Tanh
};

bool isBelow(double a, double b) { // -0 < +0
  return a < b || (a == b && std::signbit(a) && !std::signbit(b));
}

/// Minimum or maximum: the other operand if one is NaN, unless `keepNaN`.
double extremum(double a, double b, bool isMax, bool keepNaN) {
  if (a != a || b != b) {
    if (keepNaN || (a != a && b != b))
      return std::nan("");
    return a != a ? b : a;
  }
  return isBelow(a, b) == isMax ? b : a;
}

/// The result in double, exact or rounded to odd, so that it can be rounded
/// once more to any narrower type.
double evaluate(Op op, double a, double b, double c, uint32_t flags) {
  switch (op) {
  case Op::Add:
    return addToOdd(a, b);
  case Op::Sub:
    return addToOdd(a, -b);
  case Op::Mul:
    return a * b;
  case Op::Fma:
    return addToOdd(a * b, c);
  case Op::Div:
    return a / b;
  case Op::Min:
    return extremum(a, b, false, flags & kKeepNaN);
  case Op::Max:
    return extremum(a, b, true, flags & kKeepNaN);
  case Op::Abs:
    return std::fabs(a);
  case Op::Neg:
    return -a;
  case Op::Copysign: // the sign of a on b
    return std::copysign(b, a);
  case Op::Rcp:
    return 1 / a;
  case Op::Sqrt:
    return std::sqrt(a);
  case Op::Rsqrt:
    return 1 / std::sqrt(a);
  case Op::Ex2:
    return std::exp2(a);
  case Op::Lg2:
    return std::log2(a);
  case Op::Sin:
    return std::sin(a);
  case Op::Cos:
    return std::cos(a);
  case Op::Tanh:
    return std::tanh(a);
  }
  return 0;
}

bool isSum(Op op) { return op == Op::Add || op == Op::Sub || op == Op::Fma; }

/// Those that only change the sign.
bool isOfBits(Op op) {
  return op == Op::Abs || op == Op::Neg || op == Op::Copysign;
}

Op opOf(const Inst &i) { return static_cast<Op>(i.imm & 0xFF); }
Rounding modeOf(const Inst &i) { return static_cast<Rounding>(i.imm >> 8 & 3); }

float f32Of(const uint32_t *r, unsigned l) { return bitCast<float>(r[l]); }

float compute32(const Inst &i, float a, float b, float c) {
  Op op = opOf(i);
  uint32_t flags = i.flags;
  if (flags & kFtz) {
    a = flush(a);
    b = flush(b);
    c = flush(c);
  }
  if (isOfBits(op)) {
    uint32_t x = bitCast<uint32_t>(a);
    if (op == Op::Copysign)
      x = (bitCast<uint32_t>(b) & 0x7FFFFFFF) | (x & 0x80000000);
    else
      x = op == Op::Abs ? x & 0x7FFFFFFF : x ^ 0x80000000;
    return op == Op::Copysign ? bitCast<float>(x)
                              : canonical(bitCast<float>(x));
  }
  Rounding mode = modeOf(i);
  double exact = evaluate(op, a, b, c, flags);
  // Whether a result is flushed is decided before it is rounded.
  if (flags & kFtz && std::fabs(exact) < 0x1p-126)
    exact = std::copysign(0.0, exact);
  // An exact zero sum is negative if rounded down, but for that of two +0.
  if (exact == 0 && mode == Rounding::Down && isSum(op)) {
    double x = op == Op::Fma ? double(a) * b : a;
    double y = op == Op::Fma ? c : op == Op::Sub ? -b : b;
    exact = std::signbit(x) || std::signbit(y) ? -0.0 : 0.0;
  }
  float result;
  if (mode == Rounding::Nearest && op == Op::Div && exact != 0)
    result = canonical(a / b);
  else
    result = roundToF32(exact, mode);
  if (flags & kSat)
    result = result > 0 ? std::min(result, 1.0f) : 0.0f;
  if (flags & kRelu && result == result)
    result = result > 0 ? result : 0.0f;
  return result;
}

void execF32(Warp &w, const Inst &i, uint32_t m) {
  const uint32_t *a = w.source(i.a, m);
  const uint32_t *b = i.b ? w.source(i.b, m) : a;
  const uint32_t *c = i.c ? w.source(i.c, m) : a;
  uint32_t *d = w.destination(i.d, m);
  forLanes<float>(d, m, [&](unsigned l) {
    return compute32(i, f32Of(a, l), f32Of(b, l), f32Of(c, l));
  });
}

// The common cases, without any modifier but .rn.
struct FastAdd {
  static float apply(float a, float b) { return canonical(a + b); }
};
struct FastSub {
  static float apply(float a, float b) { return canonical(a - b); }
};
struct FastMul {
  static float apply(float a, float b) { return canonical(a * b); }
};
struct FastFma {
  static float apply(float a, float b, float c) {
    return canonical(std::fma(a, b, c));
  }
};
struct FastMax {
  static float apply(float a, float b) {
    float greater = a > b ? a : b;
    // Zeros of both signs: +0, the bitwise and; NaN: the other.
    if (a == b)
      greater = bitCast<float>(bitCast<uint32_t>(a) & bitCast<uint32_t>(b));
    return a != a ? canonical(b) : b != b ? a : greater;
  }
};
struct FastEx2 {
  static float apply(float a) {
    double result = std::exp2(static_cast<double>(flush(a)));
    return canonical(result < 0x1p-126 ? 0 : static_cast<float>(result));
  }
};

template <bool isBF16>
double wide(uint16_t x) {
  return isBF16 ? fromBF16(x) : fromF16(x);
}
template <bool isBF16>
uint16_t narrow(double x, Rounding mode) {
  return isBF16 ? toBF16(x, mode) : toF16(x, mode);
}

template <bool isBF16>
uint16_t compute16(const Inst &i, uint16_t a, uint16_t b, uint16_t c) {
  Op op = opOf(i);
  uint16_t infinity = isBF16 ? 0x7F80 : 0x7C00;
  if (op == Op::Abs || op == Op::Neg) {
    if ((a & 0x7FFF) > infinity)
      return kNaN16;
    return op == Op::Abs ? a & 0x7FFF : a ^ 0x8000;
  }
  auto flushHalf = [&](uint16_t x) -> uint16_t {
    return x & infinity ? x : x & 0x8000;
  };
  if (i.flags & kFtz) {
    a = flushHalf(a);
    b = flushHalf(b);
    c = flushHalf(c);
  }
  uint16_t result = narrow<isBF16>(
      evaluate(op, wide<isBF16>(a), wide<isBF16>(b), wide<isBF16>(c), i.flags),
      Rounding::Nearest);
  if (i.flags & kFtz)
    result = flushHalf(result);
  bool isNaN = (result & 0x7FFF) > infinity;
  if (i.flags & kRelu && !isNaN && result & 0x8000)
    result = 0;
  if (i.flags & kSat)
    result = isNaN || result & 0x8000
                 ? 0
                 : std::min<uint16_t>(result, isBF16 ? 0x3F80 : 0x3C00);
  return result;
}

template <bool isBF16, bool packed>
void exec16(Warp &w, const Inst &i, uint32_t m) {
  const uint32_t *a = w.source(i.a, m);
  const uint32_t *b = i.b ? w.source(i.b, m) : a;
  const uint32_t *c = i.c ? w.source(i.c, m) : a;
  uint32_t *d = w.destination(i.d, m);
  forLanes<uint32_t>(d, m, [&](unsigned l) {
    uint32_t low = compute16<isBF16>(i, a[l], b[l], c[l]);
    if (!packed)
      return low;
    uint32_t high = compute16<isBF16>(i, a[l] >> 16, b[l] >> 16, c[l] >> 16);
    return low | high << 16;
  });
}

/// Only round to nearest.
void execF64(Warp &w, const Inst &i, uint32_t m) {
  const uint32_t *a = w.source(i.a, m);
  const uint32_t *b = i.b ? w.source(i.b, m) : a;
  const uint32_t *c = i.c ? w.source(i.c, m) : a;
  uint32_t *d = w.destination(i.d, m);
  forLanes<double>(d, m, [&](unsigned l) -> double {
    double x = getLane<double>(a, l), y = getLane<double>(b, l),
           z = getLane<double>(c, l);
    switch (opOf(i)) {
    case Op::Add:
      return x + y;
    case Op::Sub:
      return x - y;
    case Op::Fma:
      return std::fma(x, y, z);
    default:
      return evaluate(opOf(i), x, y, z, i.flags);
    }
  });
}

struct Form {
  std::string_view name;
  Op op;
  unsigned sources;
  bool rounds;
};
constexpr Form kForms[] = {
    {"add", Op::Add, 2, true},           {"sub", Op::Sub, 2, true},
    {"mul", Op::Mul, 2, true},           {"fma", Op::Fma, 3, true},
    {"mad", Op::Fma, 3, true},           {"div", Op::Div, 2, true},
    {"min", Op::Min, 2, false},          {"max", Op::Max, 2, false},
    {"abs", Op::Abs, 1, false},          {"neg", Op::Neg, 1, false},
    {"rcp", Op::Rcp, 1, true},           {"sqrt", Op::Sqrt, 1, true},
    {"rsqrt", Op::Rsqrt, 1, false},      {"ex2", Op::Ex2, 1, false},
    {"lg2", Op::Lg2, 1, false},          {"sin", Op::Sin, 1, false},
    {"cos", Op::Cos, 1, false},          {"tanh", Op::Tanh, 1, false},
    {"copysign", Op::Copysign, 2, false}};

} // namespace

void pbs::emu::decodeFloatArithmetic(Decoder &d) {
  auto form =
      std::find_if(std::begin(kForms), std::end(kForms), [&](const Form &f) {
        return f.name == d.statement->parts[0];
      });
  if (form == std::end(kForms))
    d.unknown();
  bool approximate = d.takeOneOf({"approx", "full"}) >= 0;
  int rounding = d.takeOneOf({"rn", "rz", "rm", "rp"});
  uint32_t flags = (d.take("ftz") ? kFtz : 0) | (d.take("sat") ? kSat : 0) |
                   (d.take("relu") ? kRelu : 0) |
                   (d.take("NaN") ? kKeepNaN : 0);
  Type type = d.takeType();
  if ((rounding >= 0 && !form->rounds) || (approximate && rounding >= 0))
    d.unknown();
  static constexpr Rounding modes[] = {Rounding::Nearest, Rounding::Zero,
                                       Rounding::Down, Rounding::Up};
  Rounding mode = rounding < 0 ? Rounding::Nearest : modes[rounding];
  Inst &inst = d.inst;
  inst.flags = flags;
  inst.imm = static_cast<int64_t>(form->op) | static_cast<int64_t>(mode) << 8;
  switch (type) {
  case Type::F32:
    inst.exec = execF32;
    if (flags == 0 && mode == Rounding::Nearest) {
      switch (form->op) {
      case Op::Add:
        inst.exec = execBinary<FastAdd, float>;
        break;
      case Op::Sub:
        inst.exec = execBinary<FastSub, float>;
        break;
      case Op::Mul:
        inst.exec = execBinary<FastMul, float>;
        break;
      case Op::Fma:
        inst.exec = execTernary<FastFma, float>;
        break;
      case Op::Max:
        inst.exec = execBinary<FastMax, float>;
        break;
      default:
        break;
      }
    }
    if (form->op == Op::Ex2 && flags == kFtz)
      inst.exec = execUnary<FastEx2, float>;
    break;
  case Type::F64:
    if (mode != Rounding::Nearest || flags)
      d.unknown();
    inst.exec = execF64;
    break;
  case Type::F16:
    inst.exec = exec16<false, false>;
    break;
  case Type::BF16:
    inst.exec = exec16<true, false>;
    break;
  case Type::F16x2:
    inst.exec = exec16<false, true>;
    break;
  case Type::BF16x2:
    inst.exec = exec16<true, true>;
    break;
  default:
    d.unknown();
  }
  if (bytesOf(type) != 8 && type != Type::F32 && mode != Rounding::Nearest)
    d.unknown();
  unsigned n = form->sources;
  bool threeWay =
      (form->op == Op::Min || form->op == Op::Max) && d.numOperands() == 4;
  if (threeWay)
    d.unknown();
  d.expectOperands(n + 1, n + 1);
  inst.d = d.destination(0, type);
  inst.a = d.source(1, type);
  if (n > 1)
    inst.b = d.source(2, type);
  if (n > 2)
    inst.c = d.source(3, type);
}

std::vector<Family> pbs::emu::floatFamilies() {
  return {{"fma", decodeFloatArithmetic},  {"rcp", decodeFloatArithmetic},
          {"sqrt", decodeFloatArithmetic}, {"rsqrt", decodeFloatArithmetic},
          {"ex2", decodeFloatArithmetic},  {"lg2", decodeFloatArithmetic},
          {"sin", decodeFloatArithmetic},  {"cos", decodeFloatArithmetic},
          {"tanh", decodeFloatArithmetic}, {"copysign", decodeFloatArithmetic}};
}
