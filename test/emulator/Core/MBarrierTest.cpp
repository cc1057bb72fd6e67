//===- MBarrierTest.cpp - mbarriers and the copies that they track --------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Snippet.h"

using namespace pbs::emu;
using namespace pbs::emu::test;

/// Replaces the first `what`, which has to be there.
static std::string with(std::string text, const std::string &what,
                        const std::string &by) {
  size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), by);
}

/// Warp 0 waits for 32 threads of warp 1, and reads what they wrote.
static const std::string kHandOver = R"(
  setp.eq.u32 %p0, %me, 0; mov.b32 %r9, smem; mul.lo.s32 %r8, %lane, 4;
  add.s32 %r8, %r8, %r9;
  @%p0 mbarrier.init.shared.b64 [smem+4096], 32; bar.sync 0;
  setp.eq.u32 %p1, %warp, 0; @%p1 bra wait;
  st.shared.b32 [%r8], %me; mbarrier.arrive.shared.b64 _, [smem+4096]; ret;
  wait: mbarrier.try_wait.parity.shared.b64 %p2, [smem+4096], 0;
  @!%p2 bra wait; ld.shared.b32 %r0, [%r8];)";

TEST(MBarrier, HandsOverFromWarpToWarp) {
  EXPECT_EQ(kindOf(kHandOver, 64), "");
  EXPECT_EQ(kindOf(with(kHandOver, "4096], 32", "4096], 33"), 64), "deadlock");
  EXPECT_EQ(kindOf(with(kHandOver, "_, [smem+4096]", "_, [smem+4096], 5"), 64),
            "too-many-arrivals");
  EXPECT_TRUE(isAlwaysReported(with(kHandOver, "4096], 0", "4096], 1"), 64));
  EXPECT_EQ(kindOf(with(kHandOver, "4096], 0", "4096], 2"), 64),
            "wrong-parity");
  EXPECT_TRUE(isAlwaysReported(with(kHandOver, "bar.sync 0;", ""), 64));
}

TEST(MBarrier, ChecksObjectsAndCounts) {
  const std::string one = "setp.ne.u32 %p0, %me, 0; @%p0 ret;";
  EXPECT_EQ(kindOf(one + "mbarrier.init.shared.b64 [smem], 0;"),
            "wrong-arrival-count");
  EXPECT_EQ(kindOf(one + "mbarrier.init.shared.b64 [smem+4], 1;"),
            "misaligned");
  EXPECT_EQ(kindOf(one + "mbarrier.init.shared.b64 [smem], 1;"
                         "mbarrier.init.shared.b64 [smem], 1;"),
            "mbarrier-initialised-twice");
  EXPECT_EQ(kindOf(one + "mbarrier.init.shared.b64 [smem], 1;"
                         "mbarrier.inval.shared.b64 [smem];"
                         "mbarrier.init.shared.b64 [smem], 1;"),
            "");
  EXPECT_EQ(kindOf(one + "mbarrier.init.shared.b64 [smem], 1;"
                         "st.shared.b32 [smem+4], %me;"),
            "mbarrier-access");
  EXPECT_EQ(kindOf(one + "mbarrier.arrive.shared.b64 _, [smem];"),
            "uninitialised-mbarrier");
  EXPECT_EQ(kindOf(one + "mbarrier.init.shared.b64 [smem], 1;"
                         "mbarrier.expect_tx.relaxed.cta.shared.b64 [smem], "
                         "1048576;"),
            "wrong-tx-count");
}

TEST(MBarrier, StatesAndParitiesTellPhases) {
  EXPECT_EQ(valuesOf(R"(setp.ne.u32 %p0, %me, 0; mov.b32 %r0, 0; @%p0 bra end;
    mbarrier.init.shared.b64 [smem], 2;
    mbarrier.arrive.shared.b64 %d1, [smem];
    mbarrier.test_wait.shared.b64 %p1, [smem], %d1; selp.b32 %r1, 1, 0, %p1;
    mbarrier.arrive.shared.b64 _, [smem];
    mbarrier.test_wait.shared.b64 %p1, [smem], %d1; selp.b32 %r2, 10, 0, %p1;
    mbarrier.test_wait.parity.shared.b64 %p1, [smem], 0;
    selp.b32 %r3, 100, 0, %p1;
    mbarrier.test_wait.parity.shared.b64 %p1, [smem], 1;
    selp.b32 %r4, 1000, 0, %p1;
    add.s32 %r0, %r1, %r2; add.s32 %r0, %r0, %r3; add.s32 %r0, %r0, %r4;
    end:)")[0],
            110u);
}

TEST(MBarrier, ReportsAPhaseThatAWaiterMisses) {
  Snippet snippet;
  snippet.threads = 64;
  snippet.body = R"(
    setp.eq.u32 %p0, %me, 0;
    @%p0 mbarrier.init.shared.b64 [smem], 32; bar.sync 0;
    setp.eq.u32 %p1, %warp, 0; @%p1 bra wait;
    bar.sync 1, 64;
    mbarrier.arrive.shared.b64 _, [smem]; mbarrier.arrive.shared.b64 _, [smem];
    ret;
    wait: bar.arrive 1, 64;
    again: mbarrier.try_wait.parity.shared.b64 %p2, [smem], 0;
    @!%p2 bra again;)";
  // With other seeds the waiter may wake up in time.
  EXPECT_EQ(snippet.run().report.kind, "missed-phase");
}

TEST(MBarrier, EachPhaseButTheLastIsWaitedFor) {
  const std::string one = "setp.ne.u32 %p0, %me, 0; @%p0 ret;"
                          "mbarrier.init.shared.b64 [smem], 1;";
  const std::string arrive = "mbarrier.arrive.shared.b64 _, [smem];";
  const std::string seeFirst =
      "mbarrier.test_wait.parity.shared.b64 %p1, [smem], 0;";
  EXPECT_EQ(kindOf(one + arrive), "");
  EXPECT_EQ(kindOf(one + arrive + seeFirst + arrive), "");
  EXPECT_EQ(kindOf(one + arrive + arrive), "missing-wait");
  // That a phase is not yet complete says nothing about its end.
  EXPECT_EQ(kindOf(one + seeFirst + arrive + arrive), "missing-wait");
  // Seen once, the second phase is not.
  EXPECT_EQ(kindOf(one + arrive + seeFirst + arrive + arrive), "missing-wait");
}

/// One thread copies 64 words to shared memory; all read them.
static const std::string kBulkLoad = R"(
  setp.eq.u32 %p0, %me, 0; mov.b32 %r9, smem; mul.lo.s32 %r8, %me, 4;
  add.s32 %r8, %r8, %r9; @!%p0 bra init;
  mbarrier.init.shared.b64 [smem+4096], 1;
  fence.mbarrier_init.release.cluster;
  init: bar.sync 0;
  @!%p0 bra wait;
  mbarrier.arrive.expect_tx.shared.b64 _, [smem+4096], 256;
  cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [smem], [%in], 256, [smem+4096];
  wait: mbarrier.try_wait.parity.shared.b64 %p2, [smem+4096], 0;
  @!%p2 bra wait; ld.shared.b32 %r0, [%r8];)";

TEST(MBarrier, TracksBulkCopies) {
  auto values = valuesOf(kBulkLoad, 64);
  for (unsigned i = 0; i < 64; ++i)
    EXPECT_EQ(values[i], i);
  EXPECT_EQ(kindOf(kBulkLoad, 64), "");
  EXPECT_EQ(kindOf(with(kBulkLoad, "4096], 256", "4096], 272"), 64),
            "wrong-tx-count");
  EXPECT_EQ(kindOf(with(kBulkLoad, "@!%p2 bra wait;", ""), 64), "");
  EXPECT_EQ(
      kindOf(with(kBulkLoad, "fence.mbarrier_init.release.cluster;", ""), 64),
      "missing-proxy-fence");
  EXPECT_EQ(kindOf(with(kBulkLoad, "[smem], [%in]", "[smem+8], [%in]"), 64),
            "misaligned");
  EXPECT_EQ(kindOf(with(kBulkLoad, "[smem], [%in]", "[smem], [%in+3968]"), 64),
            "out-of-bounds");
  EXPECT_EQ(kindOf(with(kBulkLoad, "[smem], [%in]", "[smem+3968], [%in]"), 64),
            "mbarrier-access");
}

TEST(MBarrier, ReportsUseBeforeArrival) {
  std::string hasty = with(kBulkLoad, "wait: mbarrier",
                           "wait: "
                           "ld.shared.b32 %r0, [%r8]; mbarrier");
  std::string kind = kindOf(hasty, 32);
  EXPECT_EQ(kind, "read-before-arrival");
  // Overwritten behind the wait without anything else: that is in order.
  EXPECT_EQ(kindOf(kBulkLoad + "st.shared.b32 [%r8], %me;", 64), "");
}

TEST(MBarrier, ABlockMustNotEndBeforeItsCopies) {
  std::string left = with(kBulkLoad, "wait: mbarrier", "wait: ret; mbarrier");
  Snippet snippet;
  snippet.body = left;
  snippet.threads = 64;
  EXPECT_EQ(snippet.run().report.kind, "exit-with-pending-copy");
}
