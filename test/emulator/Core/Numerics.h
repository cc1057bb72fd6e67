//===- Numerics.h - Rounding and small float types --------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_EMULATOR_CORE_NUMERICS_H
#define PBS_TEST_EMULATOR_CORE_NUMERICS_H

#include <cmath>
#include <cstdint>
#include <cstring>

namespace pbs::emu {

enum class Rounding : uint8_t { Nearest, Zero, Down, Up };

template <class To, class From>
inline To bitCast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(To));
  return to;
}

/// What the hardware gives for any NaN result.
constexpr uint32_t kNaN32 = 0x7FFFFFFF;
constexpr uint16_t kNaN16 = 0x7FFF;

inline float canonical(float x) { return x == x ? x : bitCast<float>(kNaN32); }
inline float flush(float x) {
  uint32_t bits = bitCast<uint32_t>(x);
  return (bits & 0x7F800000) ? x : bitCast<float>(bits & 0x80000000);
}

/// a + b rounded to odd: rounding it again to fewer bits is as if once.
inline double addToOdd(double a, double b) {
  double sum = a + b;
  if (!std::isfinite(sum))
    return sum;
  double bb = sum - a;
  double error = (a - (sum - bb)) + (b - bb);
  uint64_t bits = bitCast<uint64_t>(sum);
  if (error != 0 && !(bits & 1))
    bits += (error > 0) == (sum > 0) ? 1 : -1;
  return bitCast<double>(bits);
}

/// Rounds to a format of `mantissa` explicit bits and `exponent` bits; gives
/// its bits. NaN is canonical: all ones but the sign. `toFinite`: what
/// overflows becomes the largest finite number.
inline uint32_t roundTo(double x, unsigned exponent, unsigned mantissa,
                        Rounding mode, bool toFinite = false) {
  uint64_t bits = bitCast<uint64_t>(x);
  uint32_t sign = static_cast<uint32_t>(bits >> 63) << (exponent + mantissa);
  uint32_t infinity = ((1u << exponent) - 1) << mantissa;
  if (x != x)
    return (1u << (exponent + mantissa)) - 1;
  double magnitude = std::fabs(x);
  if (magnitude == 0)
    return sign;
  if (std::isinf(magnitude))
    return toFinite ? sign | (infinity - 1) : sign | infinity;
  int bias = (1 << (exponent - 1)) - 1;
  int e = std::ilogb(magnitude);
  int lowest = 1 - bias;
  int unit = (e < lowest ? lowest : e) - static_cast<int>(mantissa);
  double scaled = std::ldexp(magnitude, -unit); // exact
  double whole = std::floor(scaled);
  double rest = scaled - whole;
  bool negative = sign != 0;
  bool up = false;
  switch (mode) {
  case Rounding::Nearest:
    up = rest > 0.5 || (rest == 0.5 && std::fmod(whole, 2.0) == 1.0);
    break;
  case Rounding::Zero:
    break;
  case Rounding::Down:
    up = negative && rest > 0;
    break;
  case Rounding::Up:
    up = !negative && rest > 0;
    break;
  }
  uint64_t significand = static_cast<uint64_t>(whole) + up;
  uint64_t biased = e < lowest ? 0 : static_cast<uint64_t>(e + bias);
  // The implicit bit adds one to the exponent field.
  uint64_t result =
      e < lowest ? significand : ((biased - 1) << mantissa) + significand;
  if (result >= infinity) {
    bool stays = toFinite || mode == Rounding::Zero ||
                 (mode == Rounding::Down && !negative) ||
                 (mode == Rounding::Up && negative);
    result = stays ? infinity - 1 : infinity;
  }
  return sign | static_cast<uint32_t>(result);
}

inline float roundToF32(double x, Rounding mode) {
  if (mode == Rounding::Nearest)
    return canonical(static_cast<float>(x));
  return bitCast<float>(roundTo(x, 8, 23, mode));
}
inline uint16_t toF16(double x, Rounding mode = Rounding::Nearest) {
  return static_cast<uint16_t>(roundTo(x, 5, 10, mode));
}
inline uint16_t toBF16(double x, Rounding mode) {
  return static_cast<uint16_t>(roundTo(x, 8, 7, mode));
}
/// Round to nearest even.
inline uint16_t toBF16(float x) {
  uint32_t bits = bitCast<uint32_t>(x);
  if (x != x)
    return kNaN16;
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}
inline float fromBF16(uint16_t x) { return bitCast<float>(uint32_t(x) << 16); }
inline float fromF16(uint16_t x) {
  uint32_t sign = uint32_t(x & 0x8000) << 16;
  uint32_t exponent = x >> 10 & 31, mantissa = x & 1023;
  if (exponent == 31)
    return bitCast<float>(sign | 0x7F800000 | mantissa << 13);
  if (exponent == 0) {
    float value = static_cast<float>(mantissa) * 0x1p-24f;
    return bitCast<float>(sign | bitCast<uint32_t>(value));
  }
  return bitCast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

} // namespace pbs::emu

#endif // PBS_TEST_EMULATOR_CORE_NUMERICS_H
