//===- Convert.cpp - Conversions of 16-bit floats -------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Tools/Convert.h"
#include <cmath>
#include <cstring>

using namespace pbs::tools;

static uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

static float floatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

uint16_t pbs::tools::toBF16(float value) {
  uint32_t bits = bitsOf(value);
  if (std::isnan(value))
    return (bits >> 16) | 0x40;
  return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
}

float pbs::tools::fromBF16(uint16_t bits) { return floatOf(bits << 16); }

uint16_t pbs::tools::toF16(float value) {
  uint16_t sign = bitsOf(value) >> 16 & 0x8000;
  if (std::isnan(value))
    return sign | 0x7E00;
  float magnitude = std::fabs(value);
  // The smallest number that rounds to infinity.
  if (magnitude >= 65520.0f)
    return sign | 0x7C00;
  // Steps of subnormal numbers, 2^-24, are those of the smallest normal ones.
  if (magnitude < 0x1p-14f)
    return sign | static_cast<uint16_t>(std::nearbyint(magnitude * 0x1p24f));
  uint32_t bits = bitsOf(magnitude);
  bits += 0xFFF + (bits >> 13 & 1);
  return sign | static_cast<uint16_t>((bits >> 13) - ((127 - 15) << 10));
}

float pbs::tools::fromF16(uint16_t bits) {
  uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  uint32_t exponent = bits >> 10 & 0x1F, fraction = bits & 0x3FF;
  if (exponent == 0x1F)
    return floatOf(sign | 0x7F800000 | fraction << 13);
  if (exponent == 0)
    return (sign ? -1.0f : 1.0f) * static_cast<float>(fraction) * 0x1p-24f;
  return floatOf(sign | (exponent + 127 - 15) << 23 | fraction << 13);
}

size_t pbs::tools::sizeOf(pbs_dtype dtype) {
  return dtype == PBS_F32 || dtype == PBS_I32 ? 4 : 2;
}

const char *pbs::tools::nameOf(pbs_dtype dtype) {
  switch (dtype) {
  case PBS_F32:
    return "f32";
  case PBS_F16:
    return "f16";
  case PBS_BF16:
    return "bf16";
  case PBS_I32:
    return "i32";
  }
  return "?";
}

bool pbs::tools::parseDType(const std::string &name, pbs_dtype &dtype) {
  for (pbs_dtype candidate : {PBS_F32, PBS_F16, PBS_BF16, PBS_I32}) {
    if (name == nameOf(candidate)) {
      dtype = candidate;
      return true;
    }
  }
  return false;
}

std::string pbs::tools::encode(const std::vector<float> &values,
                               pbs_dtype dtype) {
  std::string bytes(values.size() * sizeOf(dtype), '\0');
  for (size_t i = 0; i < values.size(); ++i) {
    if (dtype == PBS_F32) {
      std::memcpy(&bytes[i * 4], &values[i], 4);
      continue;
    }
    uint16_t half = dtype == PBS_F16 ? toF16(values[i]) : toBF16(values[i]);
    std::memcpy(&bytes[i * 2], &half, 2);
  }
  return bytes;
}

std::vector<float> pbs::tools::decode(const std::string &bytes,
                                      pbs_dtype dtype) {
  std::vector<float> values(bytes.size() / sizeOf(dtype));
  for (size_t i = 0; i < values.size(); ++i) {
    if (dtype == PBS_F32) {
      std::memcpy(&values[i], &bytes[i * 4], 4);
      continue;
    }
    uint16_t half;
    std::memcpy(&half, &bytes[i * 2], 2);
    values[i] = dtype == PBS_F16 ? fromF16(half) : fromBF16(half);
  }
  return values;
}
