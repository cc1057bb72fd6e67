//===- Synthetic.cpp - Made-up tensors ------------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Tools/Synthetic.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <cmath>
#include <cstring>
#include <random>

using namespace pbs::tools;
using llvm::StringRef;

/// One key in this many is important to all queries.
static constexpr int64_t kImportantKeyDistance = 64;
/// Length of the random walk by which neighbours resemble each other.
static constexpr float kDrift = 0.98f;

static std::vector<int64_t> getQueryShape(const SyntheticSpec &spec) {
  return {spec.batch, spec.queryHeads, spec.numQueries, spec.headDim};
}

static std::vector<int64_t> getKeyShape(const SyntheticSpec &spec) {
  return {spec.batch, spec.kvHeads, spec.numKeys, spec.headDim};
}

/// Elements of a tensor, far above what memory holds and below any overflow.
static constexpr int64_t kMaxElements = int64_t(1) << 40;

std::string pbs::tools::checkShape(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  std::string text;
  bool fits = true;
  for (int64_t size : shape) {
    text += (text.empty() ? "" : "x") + std::to_string(size);
    fits &= !__builtin_mul_overflow(count, size, &count);
  }
  if (fits && count <= kMaxElements)
    return "";
  return "expected at most 2^40 elements, got shape " + text;
}

std::string pbs::tools::parseSynthetic(const std::string &text,
                                       SyntheticSpec &spec) {
  llvm::SmallVector<StringRef> parts;
  StringRef(text).split(parts, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  bool hasQueries = false;
  for (StringRef part : parts) {
    auto [key, value] = part.split('=');
    if (key == "dtype") {
      if (!parseDType(value.str(), spec.dtype) || spec.dtype == PBS_I32)
        return "expected dtype f32, f16 or bf16, got '" + value.str() + "'";
      continue;
    }
    if (key == "kind") {
      if (value != "clustered" && value != "normal")
        return "expected kind clustered or normal, got '" + value.str() + "'";
      spec.clustered = value == "clustered";
      continue;
    }
    int64_t number;
    if (value.getAsInteger(10, number) || number < 0)
      return "expected a number for '" + key.str() + "', got '" + value.str() +
             "'";
    hasQueries |= key == "M";
    if (key == "B")
      spec.batch = number;
    else if (key == "Hq")
      spec.queryHeads = number;
    else if (key == "Hkv")
      spec.kvHeads = number;
    else if (key == "M")
      spec.numQueries = number;
    else if (key == "N")
      spec.numKeys = number;
    else if (key == "D")
      spec.headDim = number;
    else if (key == "seed")
      spec.seed = number;
    else
      return "expected B, Hq, Hkv, M, N, D, dtype, seed or kind, got '" +
             key.str() + "'";
  }
  if (!hasQueries)
    spec.numQueries = spec.numKeys;
  std::string error = checkShape(getQueryShape(spec));
  return error.empty() ? checkShape(getKeyShape(spec)) : error;
}

HostTensor pbs::tools::makeNormal(const std::string &name, pbs_dtype dtype,
                                  const std::vector<int64_t> &shape,
                                  uint32_t seed) {
  HostTensor tensor{name, dtype, shape, ""};
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  size_t count = tensor.getNumElements();
  if (dtype == PBS_I32) {
    tensor.bytes.resize(count * 4);
    for (size_t i = 0; i < count; ++i) {
      int32_t value = generator() % 8;
      std::memcpy(&tensor.bytes[i * 4], &value, 4);
    }
    return tensor;
  }
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(generator);
  tensor.bytes = encode(values, dtype);
  return tensor;
}

std::vector<HostTensor> pbs::tools::makeSynthetic(const SyntheticSpec &spec) {
  std::vector<int64_t> queryShape = getQueryShape(spec);
  std::vector<int64_t> keyShape = getKeyShape(spec);
  std::vector<HostTensor> tensors = {
      makeNormal("q", PBS_F32, queryShape, spec.seed),
      makeNormal("k", PBS_F32, keyShape, spec.seed + 1),
      makeNormal("v", spec.dtype, keyShape, spec.seed + 2)};
  std::vector<float> q = decode(tensors[0].bytes, PBS_F32);
  std::vector<float> k = decode(tensors[1].bytes, PBS_F32);
  if (spec.clustered) {
    int64_t dim = spec.headDim;
    // Half of each row drifts with the position, so that near queries and keys
    // agree. The last dimension of all queries is large; that of important keys
    // and of the first one is too.
    auto shape = [&](std::vector<float> &values, int64_t rows, bool isKey) {
      std::mt19937 generator(spec.seed + 3);
      std::normal_distribution<float> normal;
      if (rows == 0)
        return;
      for (size_t begin = 0; begin < values.size(); begin += rows * dim) {
        std::vector<float> walk(dim / 2);
        for (int64_t i = 0; i < rows; ++i) {
          float *row = &values[begin + i * dim];
          for (int64_t d = 0; d < dim / 2; ++d) {
            walk[d] = kDrift * walk[d] +
                      std::sqrt(1 - kDrift * kDrift) * normal(generator);
            row[d] = 2 * walk[d] + 0.3f * row[d];
          }
          bool isImportant = i == 0 || generator() % kImportantKeyDistance == 0;
          row[dim - 1] = isKey ? (isImportant ? 12.f : 0.f) : 4.f;
        }
      }
    };
    shape(q, spec.numQueries, false);
    shape(k, spec.numKeys, true);
  }
  tensors[0].dtype = tensors[1].dtype = spec.dtype;
  tensors[0].bytes = encode(q, spec.dtype);
  tensors[1].bytes = encode(k, spec.dtype);
  return tensors;
}
