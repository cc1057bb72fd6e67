//===- attention.cpp - Attention from C++ ---------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles permuted block-sparse attention for this machine and runs it on a
// chunk of 512 queries at the end of 4,096 keys.
//
//===----------------------------------------------------------------------===//

#include "pbs/Attention.h"
#include <cmath>
#include <cstdio>
#include <random>

int main() {
  constexpr int64_t kQueries = 512, kKeys = 4096;
  constexpr int kQueryHeads = 8, kKVHeads = 2, kDim = 64;
  std::mt19937 generator(0);
  std::normal_distribution<float> normal;
  auto make = [&](int64_t heads, int64_t rows) {
    std::vector<float> values(heads * rows * kDim);
    for (float &value : values)
      value = normal(generator);
    return values;
  };
  std::vector<float> q = make(kQueryHeads, kQueries), k = make(kKVHeads, kKeys),
                     v = make(kKVHeads, kKeys), output(q.size());
  auto view = [](std::vector<float> &values, int64_t heads, int64_t rows) {
    return pbs::Tensor{values.data(), PBS_F32, {1, heads, rows, kDim}, {}};
  };
  try {
    pbs::AttentionConfig config(kQueryHeads, kKVHeads, kDim, PBS_F32);
    config.threshold = 0.8;
    pbs::Attention attention(config);
    attention({view(q, kQueryHeads, kQueries), view(k, kKVHeads, kKeys),
               view(v, kKVHeads, kKeys), view(output, kQueryHeads, kQueries)});
    double norm = 0;
    for (float value : output)
      norm += value * value;
    std::printf("norm of the output: %.3f\n%s", std::sqrt(norm),
                attention.getReport().c_str());
  } catch (const pbs::Error &error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
