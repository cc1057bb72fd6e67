//===- OrderTest.cpp - The order of query blocks on a device --------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IRProgram.h"
#include <algorithm>
#include <gtest/gtest.h>
#include <numeric>
#include <random>

using namespace pbs::test;

static constexpr int64_t kHeads = 4, kDim = 64, kBlock = 128;

/// The order of lists of the caller, from 300 keys on.
static Program compileOrder() {
  return compileIR(R"(
    !q = tensor<?x4x?x64xbf16>
    !k = tensor<?x2x?x64xbf16>
    !kv = !pbs.permuted_kv<?x2x?x64xbf16, block = 128, segment = 256>
    !list = !pbs.block_list<?x4x?x?, block = 128x128, segment = 256>
    func.func @order(%q: !q, %k: !k, %count: tensor<?x4x?xi32>,
                     %index: tensor<?x4x?x?xi32>) -> tensor<?xi32> {
      %kv = pbs.kv_from_positions %k, %k : (!k, !k) -> !kv
      %list = pbs.block_list_from_indices %count, %index, %q, %kv
        : (tensor<?x4x?xi32>, tensor<?x4x?x?xi32>, !q, !kv) -> !list
      %order = pbs.order_rows %q, %kv, %list {least_keys = 300}
        : (!q, !kv, !list) -> tensor<?xi32>
      return %order : tensor<?xi32>
    })");
}

/// Whether `order` has all blocks of runs of `together` heads, the last `part`
/// of them first, and of these no lighter ones before heavier ones; a
/// difference of `least` does not count.
static bool isOrder(const std::vector<int32_t> &order,
                    const std::vector<int32_t> &count, int64_t blocks,
                    int64_t together, int64_t part, int64_t least) {
  int64_t heads = int64_t(count.size()) / blocks;
  auto next = order.begin();
  for (int64_t head = 0; head < heads; head += together)
    for (int64_t end = blocks; end > 0;
         end = std::max<int64_t>(end - part, 0)) {
      std::vector<int32_t> expected;
      for (int64_t h = head; h < std::min(head + together, heads); ++h)
        for (int64_t a = std::max<int64_t>(end - part, 0); a < end; ++a)
          expected.push_back(h * blocks + a);
      std::vector<int32_t> found(next, next + expected.size());
      next += expected.size();
      for (size_t i = 1; i < found.size(); ++i)
        if (count[found[i - 1]] + least < count[found[i]])
          return false;
      std::sort(found.begin(), found.end());
      if (found != expected)
        return false;
    }
  return true;
}

/// `together`: heads whose keys have room in the cache.
static void expectOrder(pbs_program_t program, int64_t batch, int64_t queries,
                        int64_t keys, int64_t together) {
  SCOPED_TRACE("B=" + std::to_string(batch) + " M=" + std::to_string(queries) +
               " N=" + std::to_string(keys));
  int64_t blocks = (queries + kBlock - 1) / kBlock;
  int64_t keyBlocks = (keys + kBlock - 1) / kBlock;
  int64_t rows = batch * kHeads * blocks,
          listed = std::min<int64_t>(keyBlocks, 40);
  Buffer q(PBS_BF16, {batch, kHeads, queries, kDim});
  Buffer k(PBS_BF16, {batch, kHeads / 2, keys, kDim});
  Buffer counts(PBS_I32, {batch, kHeads, blocks});
  Buffer index(PBS_I32, {batch, kHeads, blocks, listed});
  std::mt19937 generator(keys);
  std::vector<int32_t> count(rows), indices(rows * listed);
  for (int64_t row = 0; row < rows; ++row) {
    count[row] = generator() % (listed + 1);
    std::iota(indices.begin() + row * listed,
              indices.begin() + (row + 1) * listed, 0);
  }
  counts.write(count);
  index.write(indices);
  Buffer result(PBS_I32, {keys >= 300 ? rows : 0});
  ASSERT_EQ(runOnDevice(program, {&q, &k, &counts, &index, &result}), "");
  if (keys < 300)
    return;
  std::vector<int32_t> order = result.readInts();
  // How many blocks make a part depends on the device.
  bool isRight = false;
  for (int64_t part = 1; part <= blocks; ++part)
    isRight |= isOrder(order, count, blocks, together, part,
                       /*least=*/keyBlocks / 1000);
  EXPECT_TRUE(isRight || rows == 0);
}

TEST(GPUOrder, EachBlockOnceAndHeavyOnesFirst) {
  Program program = compileOrder();
  ASSERT_TRUE(program);
  expectOrder(program.get(), 1, 1000, 1000, kHeads);
  expectOrder(program.get(), 2, 1, 300, 2 * kHeads);
  expectOrder(program.get(), 3, 5000, 6000, 3 * kHeads);
}

TEST(GPUOrder, HeadsThatHaveNoRoomTogether) {
  Program program = compileOrder();
  ASSERT_TRUE(program);
  // 1025 blocks of 32 KiB of keys and values are more than 32 MiB.
  expectOrder(program.get(), 1, 700, 1024 * kBlock + 1, 2);
}

TEST(GPUOrder, NoneForFewKeysOrNoQueries) {
  Program program = compileOrder();
  ASSERT_TRUE(program);
  expectOrder(program.get(), 1, 1000, 299, kHeads);
  expectOrder(program.get(), 1, 0, 1000, kHeads);
  expectOrder(program.get(), 0, 1000, 1000, kHeads);
}
