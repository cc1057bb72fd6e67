//===- TensorMap.cpp - Tensor maps of the stand-in ------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The requirements are those that the CUDA Driver API states for
// cuTensorMapEncodeTiled ("Tensor Map Object Management").
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include <cstring>

using namespace pbs::emu;
using namespace pbs::emu::driver;

static constexpr uint64_t kMapAlignment = 64;
static constexpr uint64_t kAddressAlignment = 16;
static constexpr uint64_t kStrideMultiple = 16;
static constexpr uint64_t kMaxStride = uint64_t(1) << 40;
static constexpr uint64_t kMaxDim = uint64_t(1) << 32;
static constexpr uint32_t kMaxBox = 256;
static constexpr uint32_t kMaxElementStride = 8;
static constexpr uint32_t kMaxRank = 5;

namespace {
/// CUtensorMapDataType, in its order.
struct DataType {
  uint32_t bytes;
  TensorMap::Number number;
};
using Number = TensorMap::Number;
} // namespace

static constexpr DataType kDataTypes[] = {
    {1, Number::Unsigned}, // UINT8
    {2, Number::Unsigned}, // UINT16
    {4, Number::Unsigned}, // UINT32
    {4, Number::Signed},   // INT32
    {8, Number::Unsigned}, // UINT64
    {8, Number::Signed},   // INT64
    {2, Number::F16},      // FLOAT16
    {4, Number::F32},      // FLOAT32
    {8, Number::Unsigned}, // FLOAT64, which cannot be reduced
    {2, Number::BF16},     // BFLOAT16
};

/// Empty, or which argument is wrong.
static std::string check(const TensorMap &map, const uint32_t *elementStrides) {
  auto expect = [](const std::string &what, uint64_t got) {
    return "expected " + what + ", got " + std::to_string(got);
  };
  if (map.address % kAddressAlignment != 0)
    return expect("a global address that is a multiple of 16", map.address);
  for (uint32_t i = 0; i < map.rank; ++i) {
    std::string dim = "[" + std::to_string(i) + "]";
    if (map.sizes[i] == 0 || map.sizes[i] > kMaxDim)
      return expect("globalDim" + dim + " of 1 to 2^32", map.sizes[i]);
    if (map.box[i] == 0 || map.box[i] > kMaxBox)
      return expect("boxDim" + dim + " of 1 to 256", map.box[i]);
    if (elementStrides[i] == 0 || elementStrides[i] > kMaxElementStride)
      return expect("elementStrides" + dim + " of 1 to 8", elementStrides[i]);
    if (i + 1 < map.rank &&
        (map.strides[i] % kStrideMultiple != 0 || map.strides[i] >= kMaxStride))
      return expect("globalStrides" + dim +
                        " that is a multiple of 16 below 2^40",
                    map.strides[i]);
  }
  uint32_t inner = map.box[0] * map.elementBytes;
  if (inner % 16 != 0)
    return expect("rows of the box that are a multiple of 16 bytes", inner);
  if (map.swizzleBytes != 0 && inner > map.swizzleBytes)
    return expect("rows of the box within the swizzle of " +
                      std::to_string(map.swizzleBytes) + " bytes",
                  inner);
  return "";
}

PBS_EMU_API int
cuTensorMapEncodeTiled(void *result, int dataType, uint32_t rank,
                       void *globalAddress, const uint64_t *globalDim,
                       const uint64_t *globalStrides, const uint32_t *boxDim,
                       const uint32_t *elementStrides, int interleave,
                       int swizzle, int l2Promotion, int oobFill) {
  PBS_EMU_CALL(Driver);
  auto fail = [&](const char *expected, uint64_t got) {
    return call.fail(kInvalidValue, std::string("expected ") + expected +
                                        ", got " + std::to_string(got));
  };
  if (!result || !globalDim || !boxDim || !elementStrides ||
      (rank > 1 && !globalStrides))
    return call.failNull("tensorMap and arrays");
  if (reinterpret_cast<uintptr_t>(result) % kMapAlignment != 0)
    return fail("a tensorMap that is aligned to 64 bytes",
                reinterpret_cast<uintptr_t>(result));
  if (rank == 0 || rank > kMaxRank)
    return fail("a rank of 1 to 5", rank);
  if (interleave < 0 || interleave > 2)
    return fail("interleave of 0 to 2", interleave);
  if (swizzle < 0 || swizzle > 3)
    return fail("swizzle of 0 to 3", swizzle);
  if (l2Promotion < 0 || l2Promotion > 3)
    return fail("l2Promotion of 0 to 3", l2Promotion);
  if (oobFill < 0 || oobFill > 1)
    return fail("oobFill of 0 or 1", oobFill);
  if (dataType < 0 || dataType >= int(std::size(kDataTypes)))
    return fail("a data type of 0 to 9", dataType);
  TensorMap map = {};
  map.magic = TensorMap::kMagic;
  map.elementBytes = kDataTypes[dataType].bytes;
  map.number = kDataTypes[dataType].number;
  map.rank = rank;
  map.swizzleBytes = swizzle == 0 ? 0 : 16u << swizzle;
  map.address = reinterpret_cast<uint64_t>(globalAddress);
  for (uint32_t i = 0; i < rank; ++i) {
    map.sizes[i] = globalDim[i];
    map.box[i] = boxDim[i];
    if (i + 1 < rank)
      map.strides[i] = globalStrides[i];
  }
  if (std::string error = check(map, elementStrides); !error.empty())
    return call.fail(kInvalidValue, error);
  // What the driver allows and the copy unit of the emulator has not.
  bool isStepping = false;
  for (uint32_t i = 1; i < rank; ++i)
    isStepping |= elementStrides[i] != 1;
  if (interleave != 0 || oobFill != 0 || isStepping)
    return call.fail(kNotSupported, "the emulator has no interleaved layouts, "
                                    "NaN fill and element strides");
  std::memset(result, 0, 128);
  std::memcpy(result, &map, sizeof(map));
  return kSuccess;
}
