//===- CopyTest.cpp - Copies out of shared memory, cp.async, tensors ------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Snippet.h"

using namespace pbs::emu;
using namespace pbs::emu::test;

static std::string with(std::string text, const std::string &what,
                        const std::string &by) {
  size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), by);
}

/// Two warps write 64 words, one thread copies them out.
static const std::string kStore = R"(
  setp.eq.u32 %p0, %me, 0; mov.b32 %r9, smem; mul.lo.s32 %r8, %me, 4;
  add.s32 %r8, %r8, %r9; add.s32 %r7, %me, 5;
  st.shared.b32 [%r8], %r7;
  fence.proxy.async.shared::cta;
  bar.sync 0;
  @!%p0 bra end;
  cp.async.bulk.global.shared::cta.bulk_group [%out], [smem], 256;
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group.read 0;
  end: bar.sync 0;
  st.shared.b32 [%r8], %me;)";

TEST(Copy, StoresWhatWasThere) {
  for (int mode = 0; mode < 3; ++mode) {
    Snippet snippet;
    snippet.body = kStore;
    snippet.threads = 64;
    snippet.options.completion = static_cast<Completion>(mode);
    auto result = snippet.run();
    EXPECT_FALSE(result.report) << result.report.format();
    for (unsigned i = 0; i < 64; ++i)
      EXPECT_EQ(result.out[i], i + 5);
    EXPECT_EQ(result.out[64], 0u);
  }
}

TEST(Copy, NeedsAFenceABarrierAndAWait) {
  EXPECT_EQ(kindOf(kStore, 64), "");
  EXPECT_EQ(kindOf(with(kStore, "fence.proxy.async.shared::cta;", ""), 64),
            "missing-proxy-fence");
  // The fence may also follow the barrier.
  EXPECT_EQ(kindOf(with(with(kStore, "fence.proxy.async.shared::cta;", ""),
                        "@!%p0 bra end;",
                        "@!%p0 bra end; fence.proxy.async.shared::cta;"),
                   64),
            "");
  EXPECT_TRUE(isAlwaysReported(with(kStore, "bar.sync 0;", ""), 64));
  EXPECT_EQ(kindOf(with(kStore, "cp.async.bulk.wait_group.read 0;", ""), 64),
            "overwrite-in-use");
  EXPECT_EQ(kindOf(with(kStore, "wait_group.read 0", "wait_group.read 1"), 64),
            "overwrite-in-use");
  EXPECT_EQ(kindOf(with(kStore, "cp.async.bulk.commit_group;", ""), 64),
            "overwrite-in-use");
}

/// Each thread copies 16 bytes; a neighbour's are read behind the barrier.
static const std::string kCopy = R"(
  mul.lo.s32 %r8, %me, 16; mul.wide.u32 %d0, %me, 16; add.s64 %d0, %d0, %in;
  mov.b32 %r9, smem; add.s32 %r8, %r8, %r9; xor.b32 %r7, %me, 33;
  mad.lo.s32 %r7, %r7, 16, %r9;
  cp.async.cg.shared.global [%r8], [%d0], 16;
  cp.async.commit_group;
  cp.async.wait_group 0;
  bar.sync 0;
  ld.shared.b32 %r0, [%r7];)";

TEST(Copy, CpAsyncArrivesWithItsGroup) {
  auto values = valuesOf(kCopy, 64);
  for (unsigned i = 0; i < 64; ++i)
    EXPECT_EQ(values[i], (i ^ 33) * 4);
  EXPECT_EQ(kindOf(kCopy, 64), "");
  EXPECT_EQ(kindOf(with(kCopy, "cp.async.wait_group 0;", ""), 64),
            "read-before-arrival");
  EXPECT_EQ(kindOf(with(kCopy, "wait_group 0", "wait_group 1"), 64),
            "read-before-arrival");
  EXPECT_TRUE(isAlwaysReported(with(kCopy, "bar.sync 0;", ""), 64));
  EXPECT_EQ(kindOf(with(kCopy, "[%d0], 16;", "[%d0+4], 16;"), 64),
            "misaligned");
}

/// A box of 4 x 32 words of a tensor of 10 x 100 words.
static Snippet tensorLoad(const std::string &x, const std::string &y) {
  Snippet snippet;
  snippet.threads = 128;
  for (unsigned i = 0; i < snippet.in.size(); ++i)
    snippet.in[i] = i + 1;
  TensorMap &map = snippet.map;
  map.magic = TensorMap::kMagic;
  map.elementBytes = 4;
  map.rank = 2;
  map.swizzleBytes = 128;
  map.sizes[0] = 100;
  map.sizes[1] = 10;
  map.strides[0] = 400;
  map.box[0] = 32;
  map.box[1] = 4;
  snippet.body = R"(
    setp.eq.u32 %p0, %me, 0; @!%p0 bra init;
    mbarrier.init.shared.b64 [smem+4096], 1;
    fence.mbarrier_init.release.cluster;
    init: bar.sync 0; @!%p0 bra wait;
    mbarrier.arrive.expect_tx.shared.b64 _, [smem+4096], 512;
    mov.b32 %r1, )" +
                 x + "; mov.b32 %r2, " + y + R"(;
    cp.async.bulk.tensor.2d.shared::cta.global.tile.mbarrier::complete_tx::bytes [smem], [%map, {%r1, %r2}], [smem+4096];
    wait: mbarrier.try_wait.parity.shared.b64 %p2, [smem+4096], 0;
    @!%p2 bra wait;
    shl.b32 %r3, %me, 2; mov.b32 %r9, smem; add.s32 %r4, %r3, %r9;
    ld.shared.b32 %r0, [%r4]; cvt.u64.u32 %d0, %r3; add.s64 %d0, %d0, %out;
    st.global.b32 [%d0], %r0;)";
  return snippet;
}

TEST(Copy, BoxesAreSwizzledAndZeroOutside) {
  for (auto [x, y] : {std::pair{0, 0}, {88, 8}, {-4, -1}, {200, 0}}) {
    auto result = tensorLoad(std::to_string(x), std::to_string(y)).run();
    EXPECT_FALSE(result.report) << result.report.format();
    for (int row = 0; row < 4; ++row)
      for (int column = 0; column < 32; ++column) {
        int at = row * 32 + ((column / 4) ^ row) * 4 + column % 4;
        bool inside =
            x + column >= 0 && x + column < 100 && y + row >= 0 && y + row < 10;
        EXPECT_EQ(result.out[at], inside ? (y + row) * 100 + x + column + 1 : 0)
            << x << " " << y << " " << row << " " << column;
      }
  }
}

/// Stores or adds a box of 4 x 8 words to a tensor of 8 x 16 words at %in.
static Snippet tensorStore(const std::string &instruction, const std::string &x,
                           const std::string &y) {
  Snippet snippet = tensorLoad("0", "0");
  snippet.threads = 32;
  snippet.map.swizzleBytes = 0;
  snippet.map.number = TensorMap::Number::Unsigned;
  snippet.map.sizes[0] = 16;
  snippet.map.sizes[1] = 8;
  snippet.map.strides[0] = 64;
  snippet.map.box[0] = 8;
  snippet.body = R"(mov.b32 %r9, smem; mad.lo.s32 %r8, %me, 4, %r9;
    st.shared.b32 [%r8], %me; fence.proxy.async.shared::cta; bar.sync 0;
    setp.eq.u32 %p0, %me, 0; @!%p0 ret; )" +
                 instruction + " [%map, {" + x + ", " + y + R"(}], [smem];
    cp.async.bulk.commit_group; cp.async.bulk.wait_group 0;)";
  return snippet;
}

TEST(Copy, StoresMayPassTheEndOfTheTensorOnly) {
  for (const std::string instruction :
       {"cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group",
        "cp.reduce.async.bulk.tensor.2d.global.shared::cta.add.tile."
        "bulk_group"}) {
    EXPECT_EQ(tensorStore(instruction, "0", "0").kind(), "");
    EXPECT_EQ(tensorStore(instruction, "12", "6").kind(), "");
    EXPECT_EQ(tensorStore(instruction, "-4", "0").kind(),
              "store-before-tensor");
    EXPECT_EQ(tensorStore(instruction, "0", "-1").kind(),
              "store-before-tensor");
    EXPECT_EQ(tensorStore(instruction, "2", "0").kind(), "misaligned");
  }
}

TEST(Copy, ChecksTensorMapsAndBoxes) {
  Snippet none = tensorLoad("0", "0");
  none.map.magic = 0;
  EXPECT_EQ(none.kind(), "wrong-tensor-map");
  Snippet rank = tensorLoad("0", "0");
  rank.map.rank = 3;
  EXPECT_EQ(rank.kind(), "wrong-tensor-map");
  Snippet bytes = tensorLoad("0", "0");
  bytes.map.box[1] = 3;
  EXPECT_EQ(bytes.kind(), "wrong-tx-count");
  Snippet place = tensorLoad("0", "0");
  place.body = with(place.body, "[smem], [%map", "[smem+64], [%map");
  EXPECT_EQ(place.kind(), "misaligned");
  // In units of 16 bytes; other dimensions begin anywhere.
  EXPECT_EQ(tensorLoad("1", "0").kind(), "misaligned");
  EXPECT_EQ(tensorLoad("-6", "0").kind(), "misaligned");
  EXPECT_EQ(tensorLoad("4", "1").kind(), "");
  Snippet tensor = tensorLoad("0", "8");
  tensor.map.sizes[1] = 12; // more than was allocated
  EXPECT_EQ(tensor.kind(), "out-of-bounds");
}
