//===- Convert.h - Conversions of 16-bit floats -----------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TOOLS_CONVERT_H
#define PBS_TOOLS_CONVERT_H

#include "pbs/Runtime/pbs.h"
#include <cstdint>
#include <string>
#include <vector>

namespace pbs::tools {

/// Rounds to nearest, ties to even; NaN stays NaN.
uint16_t toBF16(float value);
uint16_t toF16(float value);
float fromBF16(uint16_t bits);
float fromF16(uint16_t bits);

/// Bytes of one element.
size_t sizeOf(pbs_dtype dtype);
/// "f32", "f16", "bf16" or "i32".
const char *nameOf(pbs_dtype dtype);
/// The dtype of that name; false if there is none.
bool parseDType(const std::string &name, pbs_dtype &dtype);

/// Values as the bytes of `dtype`, which is a float type.
std::string encode(const std::vector<float> &values, pbs_dtype dtype);
/// The reverse of `encode`; `bytes` holds a whole number of elements.
std::vector<float> decode(const std::string &bytes, pbs_dtype dtype);

} // namespace pbs::tools

#endif // PBS_TOOLS_CONVERT_H
