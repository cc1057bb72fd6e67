//===- packed.cpp - Prompts of different lengths in one call --------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a server does in a step of prefill: three prompts lie one after the
// other, [tokens, heads, dim] as a projection writes them; one is new, one is a
// later chunk of a prompt whose other keys are cached, one has nothing to do in
// this step. Each is computed as if it were alone, bit for bit.
//
//===----------------------------------------------------------------------===//

#include "pbs/Attention.h"
#include <cstdio>
#include <cstring>
#include <random>

static constexpr int64_t kQueryHeads = 4, kKVHeads = 2, kDim = 64;

/// The rows from `begin` to `end` of a tensor [tokens, heads, dim], as
/// [1, heads, rows, dim].
static pbs::Tensor view(std::vector<float> &values, int64_t heads,
                        int64_t begin, int64_t end) {
  return {values.data() + begin * heads * kDim,
          PBS_F32,
          {1, heads, end - begin, kDim},
          {0, kDim, heads * kDim, 1}};
}

int main() {
  pbs::Packing packing{{0, 300, 300, 428}, {0, 300, 350, 1374}};
  int64_t queries = packing.queryOffsets.back();
  int64_t keys = packing.keyOffsets.back();
  std::mt19937 generator(0);
  std::normal_distribution<float> normal;
  auto make = [&](int64_t size) {
    std::vector<float> values(size);
    for (float &value : values)
      value = normal(generator);
    return values;
  };
  std::vector<float> q = make(queries * kQueryHeads * kDim),
                     k = make(keys * kKVHeads * kDim), v = make(k.size()),
                     output(q.size()), alone(q.size());
  try {
    pbs::AttentionConfig config(kQueryHeads, kKVHeads, kDim, PBS_F32);
    config.threshold = 0.5;
    pbs::Attention attention(config);

    // Workspace for the prompt that needs most, at a multiple of 256 bytes.
    std::vector<pbs::Tensor> tensors = {view(q, kQueryHeads, 0, queries),
                                        view(k, kKVHeads, 0, keys),
                                        view(v, kKVHeads, 0, keys)};
    pbs::RunOptions options;
    options.workspace_size = attention.getPackedWorkspaceSize(tensors, packing);
    std::vector<char> memory(options.workspace_size + 256);
    options.workspace =
        memory.data() + (-reinterpret_cast<uintptr_t>(memory.data()) & 255);
    tensors.push_back(view(output, kQueryHeads, 0, queries));
    attention.runPacked(tensors, packing, options);

    for (size_t i = 0; i + 1 < packing.queryOffsets.size(); ++i) {
      int64_t begin = packing.queryOffsets[i],
              end = packing.queryOffsets[i + 1];
      int64_t first = packing.keyOffsets[i], last = packing.keyOffsets[i + 1];
      attention({view(q, kQueryHeads, begin, end),
                 view(k, kKVHeads, first, last), view(v, kKVHeads, first, last),
                 view(alone, kQueryHeads, begin, end)});
      std::printf("prompt %zu: %lld queries, %lld keys\n", i,
                  static_cast<long long>(end - begin),
                  static_cast<long long>(last - first));
    }
    bool same = std::memcmp(output.data(), alone.data(),
                            output.size() * sizeof(float)) == 0;
    std::printf("%s\n", same ? "the same bits as alone" : "different bits");

    // What is wrong is named before anything runs.
    packing.keyOffsets.back() = 1375;
    try {
      attention.runPacked(tensors, packing, options);
    } catch (const pbs::Error &error) {
      std::printf("error: %s\n", error.what());
    }
    return !same;
  } catch (const pbs::Error &error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
