//===- TensorCopy.cpp - Boxes of tensors ----------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorCopy.h"
#include "Numerics.h"
#include <algorithm>

using namespace pbs::emu;

uint32_t pbs::emu::boxBytes(const TensorMap &map) {
  uint32_t bytes = map.elementBytes;
  for (unsigned i = 0; i < map.rank; ++i)
    bytes *= map.box[i];
  return bytes;
}

/// Calls f(offset in the box, offset in the tensor, bytes before the tensor,
/// bytes inside) for each row of the box; none are inside if the row is not in
/// the tensor.
template <class F>
static void forRows(const BulkCopy &copy, F f) {
  const TensorMap &map = copy.map;
  uint32_t rowBytes = map.box[0] * map.elementBytes;
  uint32_t rows = boxBytes(map) / rowBytes;
  int64_t first = copy.coordinates[0];
  int64_t last =
      std::min<int64_t>(first + map.box[0], static_cast<int64_t>(map.sizes[0]));
  int64_t begin = std::max<int64_t>(first, 0);
  for (uint32_t row = 0; row < rows; ++row) {
    uint32_t rest = row;
    bool isInside = begin < last;
    int64_t offset = begin * map.elementBytes;
    for (unsigned d = 1; d < map.rank; ++d) {
      int64_t at = copy.coordinates[d] + int64_t(rest % map.box[d]);
      rest /= map.box[d];
      isInside &= at >= 0 && at < static_cast<int64_t>(map.sizes[d]);
      offset += at * static_cast<int64_t>(map.strides[d - 1]);
    }
    f(row * rowBytes, offset,
      static_cast<uint32_t>((begin - first) * map.elementBytes),
      isInside ? static_cast<uint32_t>((last - begin) * map.elementBytes) : 0);
  }
}

void pbs::emu::loadBox(Machine &machine, const BulkCopy &copy,
                       std::byte *shared, int lane) {
  const TensorMap &map = copy.map;
  uint32_t rowBytes = map.box[0] * map.elementBytes;
  std::vector<std::byte> row(rowBytes);
  forRows(copy, [&](uint32_t inBox, int64_t inTensor, uint32_t before,
                    uint32_t inside) {
    std::fill(row.begin(), row.end(), std::byte(0));
    if (inside)
      std::memcpy(row.data() + before,
                  machine.global(map.address + static_cast<uint64_t>(inTensor),
                                 inside, "tensor copy", lane),
                  inside);
    for (uint32_t b = 0; b < rowBytes;) {
      uint32_t at = copy.shared + inBox + b;
      uint32_t part = std::min(rowBytes - b, 16 - at % 16);
      std::memcpy(shared + swizzle(at, map.swizzleBytes), row.data() + b, part);
      b += part;
    }
  });
}

void pbs::emu::storeBox(Machine &machine, const BulkCopy &copy, int lane) {
  const TensorMap &map = copy.map;
  uint32_t rowBytes = map.box[0] * map.elementBytes;
  std::vector<std::byte> row(rowBytes);
  forRows(copy, [&](uint32_t inBox, int64_t inTensor, uint32_t before,
                    uint32_t inside) {
    if (!inside)
      return;
    for (uint32_t b = 0; b < rowBytes;) {
      uint32_t at = copy.shared + inBox + b;
      uint32_t part = std::min(rowBytes - b, 16 - at % 16);
      std::memcpy(row.data() + b,
                  copy.data.data() +
                      (swizzle(at, map.swizzleBytes) - copy.shared),
                  part);
      b += part;
    }
    std::byte *to =
        machine.global(map.address + static_cast<uint64_t>(inTensor), inside,
                       "tensor copy", lane);
    if (copy.kind == BulkCopy::Kind::Store)
      std::memcpy(to, row.data() + before, inside);
    else
      reduceElements(copy, to, row.data() + before, inside);
  });
}

template <class T>
static T reduceOne(unsigned op, T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return op == 0 ? a + b : op == 1 ? std::min(a, b) : std::max(a, b);
  } else {
    switch (op) {
    case 0:
      return T(std::make_unsigned_t<T>(a) + std::make_unsigned_t<T>(b));
    case 1:
      return std::min(a, b);
    case 2:
      return std::max(a, b);
    case 3:
      return a & b;
    case 4:
      return a | b;
    case 5:
      return a ^ b;
    case 6:
      return a >= b ? 0 : a + 1;
    default:
      return a == 0 || a > b ? b : a - 1;
    }
  }
}

template <class T>
static void reduceAll(unsigned op, std::byte *to, const std::byte *from,
                      size_t bytes) {
  for (size_t i = 0; i < bytes; i += sizeof(T)) {
    T a, b;
    std::memcpy(&a, to + i, sizeof(T));
    std::memcpy(&b, from + i, sizeof(T));
    T result = reduceOne(op, a, b);
    std::memcpy(to + i, &result, sizeof(T));
  }
}

template <bool isBF16>
static void reduceHalves(unsigned op, std::byte *to, const std::byte *from,
                         size_t bytes) {
  auto wide = [](uint16_t x) {
    return static_cast<double>(isBF16 ? fromBF16(x) : fromF16(x));
  };
  for (size_t i = 0; i < bytes; i += 2) {
    uint16_t a, b;
    std::memcpy(&a, to + i, 2);
    std::memcpy(&b, from + i, 2);
    double result = reduceOne<double>(op, wide(a), wide(b));
    uint16_t bits = isBF16 ? toBF16(result, Rounding::Nearest) : toF16(result);
    std::memcpy(to + i, &bits, 2);
  }
}

void pbs::emu::reduceElements(const BulkCopy &copy, std::byte *to,
                              const std::byte *from, size_t bytes) {
  unsigned op = copy.operation;
  Type type = copy.type;
  if (copy.isTensor) {
    bool isLong = copy.map.elementBytes == 8;
    switch (copy.map.number) {
    case TensorMap::Number::Unsigned:
      type = isLong ? Type::U64 : Type::U32;
      break;
    case TensorMap::Number::Signed:
      type = isLong ? Type::S64 : Type::S32;
      break;
    case TensorMap::Number::F16:
      type = Type::F16;
      break;
    case TensorMap::Number::BF16:
      type = Type::BF16;
      break;
    case TensorMap::Number::F32:
      type = Type::F32;
    }
  }
  switch (type) {
  case Type::F16:
    return reduceHalves<false>(op, to, from, bytes);
  case Type::BF16:
    return reduceHalves<true>(op, to, from, bytes);
  case Type::F32:
    return reduceAll<float>(op, to, from, bytes);
  case Type::F64:
    return reduceAll<double>(op, to, from, bytes);
  case Type::S32:
    return reduceAll<int32_t>(op, to, from, bytes);
  case Type::U32:
  case Type::B32:
    return reduceAll<uint32_t>(op, to, from, bytes);
  case Type::S64:
    return reduceAll<int64_t>(op, to, from, bytes);
  case Type::U64:
  case Type::B64:
    return reduceAll<uint64_t>(op, to, from, bytes);
  default:
    fault(Kind::Unsupported, "a reduction of this type");
  }
}
