//===- Tensor.cpp - Tensors in host memory --------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Tools/Tensor.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include <cmath>
#include <cstring>

using namespace pbs::tools;

llvm::Error pbs::tools::makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

size_t pbs::tools::getSize(pbs_dtype dtype) {
  return dtype == PBS_F16 || dtype == PBS_BF16 ? 2 : 4;
}

const char *pbs::tools::getName(pbs_dtype dtype) {
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
  return "unknown type";
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

uint16_t pbs::tools::convertToBF16(float value) {
  uint32_t bits = llvm::bit_cast<uint32_t>(value);
  if (std::isnan(value))
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float pbs::tools::convertFromBF16(uint16_t bits) {
  return llvm::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

uint16_t pbs::tools::convertToF16(float value) {
  uint32_t bits = llvm::bit_cast<uint32_t>(value);
  uint32_t sign = bits >> 16 & 0x8000;
  bits &= 0x7fffffff;
  if (bits > 0x7f800000)
    return static_cast<uint16_t>(sign | 0x7e00);
  // Half way between the largest f16 and 2^16 rounds up, to infinity.
  if (bits >= 0x477ff000)
    return static_cast<uint16_t>(sign | 0x7c00);
  // Below the smallest normal f16, adding 0.5 leaves multiples of 2^-24 in the
  // low bits, rounded by the hardware.
  if (bits < 0x38800000) {
    float shifted = llvm::bit_cast<float>(bits) + 0.5f;
    return static_cast<uint16_t>(
        sign | (llvm::bit_cast<uint32_t>(shifted) - 0x3f000000));
  }
  bits += 0xfff + (bits >> 13 & 1);
  return static_cast<uint16_t>(sign | ((bits - 0x38000000) >> 13));
}

float pbs::tools::convertFromF16(uint16_t bits) {
  uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  uint32_t magnitude = bits & 0x7fff;
  if (magnitude < 0x400) {
    float value = static_cast<float>(magnitude) * 0x1p-24f;
    return llvm::bit_cast<float>(llvm::bit_cast<uint32_t>(value) | sign);
  }
  uint32_t exponentBias = magnitude >= 0x7c00 ? 0x70000000 : 0x38000000;
  return llvm::bit_cast<float>(sign | ((magnitude << 13) + exponentBias));
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

llvm::Expected<int64_t>
pbs::tools::getNumElements(llvm::ArrayRef<int64_t> shape, size_t elementSize) {
  int64_t limit = (int64_t(1) << 62) / static_cast<int64_t>(elementSize);
  // The product of the sizes that are not zero is bounded too, so that strides
  // cannot overflow.
  int64_t product = 1;
  bool isEmpty = false;
  for (int64_t size : shape) {
    if (size < 0)
      return makeError("expected sizes of at least 0, got " +
                       llvm::Twine(size));
    if (size == 0) {
      isEmpty = true;
      continue;
    }
    if (product > limit / size)
      return makeError("expected a tensor below 2^62 bytes, got sizes whose "
                       "product exceeds that");
    product *= size;
  }
  return isEmpty ? 0 : product;
}

Tensor::Tensor(pbs_dtype dtype, llvm::ArrayRef<int64_t> shape)
    : dtype(dtype), shape(shape.begin(), shape.end()),
      data(static_cast<size_t>(
               llvm::cantFail(tools::getNumElements(shape, getSize(dtype)))) *
           getSize(dtype)) {}

pbs_tensor Tensor::view() {
  pbs_tensor result = {};
  result.data = data.data();
  result.dtype = dtype;
  result.device = PBS_CPU;
  result.rank = static_cast<int32_t>(shape.size());
  result.shape = shape.data();
  return result;
}

std::string Tensor::describe() const {
  std::string text = getName(dtype);
  text += "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? "," : "") + std::to_string(shape[i]);
  return text + "]";
}

std::vector<float> pbs::tools::toFloats(const Tensor &tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.getNumElements()));
  switch (tensor.dtype) {
  case PBS_F32:
    if (!values.empty())
      std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
    break;
  case PBS_F16:
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = convertFromF16(tensor.as<uint16_t>()[i]);
    break;
  case PBS_BF16:
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = convertFromBF16(tensor.as<uint16_t>()[i]);
    break;
  case PBS_I32:
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(tensor.as<int32_t>()[i]);
    break;
  }
  return values;
}

Tensor pbs::tools::fromFloats(llvm::ArrayRef<float> values,
                              llvm::ArrayRef<int64_t> shape, pbs_dtype dtype) {
  Tensor result(dtype, shape);
  for (size_t i = 0; i < values.size(); ++i) {
    if (dtype == PBS_F32)
      result.as<float>()[i] = values[i];
    else
      result.as<uint16_t>()[i] = dtype == PBS_F16 ? convertToF16(values[i])
                                                  : convertToBF16(values[i]);
  }
  return result;
}

Tensor pbs::tools::convert(const Tensor &tensor, pbs_dtype dtype) {
  if (tensor.dtype == dtype)
    return tensor;
  return fromFloats(toFloats(tensor), tensor.shape, dtype);
}
