//===- ControlTest.cpp - Divergence, warps and blocks ---------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Snippet.h"

using namespace pbs::emu;
using namespace pbs::emu::test;

TEST(Control, LanesGoTheirWaysAndMeetAgain) {
  // The shuffle behind the branches needs all lanes.
  auto out = valuesOf(R"(
    setp.lt.u32 %p0, %lane, 10;
    @%p0 bra low;
    setp.lt.u32 %p1, %lane, 20;
    @%p1 bra middle;
    mov.b32 %r1, 300; bra join;
    low: mov.b32 %r1, 100; bra join;
    middle: mov.b32 %r1, 200;
    join: activemask.b32 %r2;
    shfl.sync.idx.b32 %r3, %r1, 15, 31, -1;
    add.s32 %r0, %r1, %r3; setp.ne.u32 %p2, %r2, -1; @%p2 trap;)");
  EXPECT_EQ(out[0], 300u);
  EXPECT_EQ(out[15], 400u);
  EXPECT_EQ(out[31], 500u);
}

TEST(Control, LanesLeaveALoopAtDifferentTimes) {
  auto out = valuesOf(R"(
    mov.b32 %r0, 0; mov.b32 %r1, 0;
    loop: add.s32 %r0, %r0, %r1; add.s32 %r1, %r1, 1;
    setp.le.u32 %p0, %r1, %lane; @%p0 bra loop;
    activemask.b32 %r2; setp.ne.u32 %p2, %r2, -1; @%p2 trap;)");
  for (unsigned lane = 0; lane < 32; ++lane)
    EXPECT_EQ(out[lane], lane * (lane + 1) / 2);
}

TEST(Control, NestedDivergenceMeetsInsideFirst) {
  auto out = valuesOf(R"(
    mov.b32 %r0, 0; and.b32 %r1, %lane, 1; and.b32 %r2, %lane, 2;
    setp.eq.u32 %p0, %r1, 0; setp.eq.u32 %p1, %r2, 0;
    @%p0 bra even;
    @%p1 bra skip; add.s32 %r0, %r0, 1;
    skip: activemask.b32 %r3; setp.ne.u32 %p2, %r3, 0xAAAAAAAA; @%p2 trap;
    bra end;
    even: add.s32 %r0, %r0, 10;
    end: activemask.b32 %r3; setp.ne.u32 %p2, %r3, -1; @%p2 trap;)");
  EXPECT_EQ(out[0], 10u);
  EXPECT_EQ(out[1], 0u);
  EXPECT_EQ(out[3], 1u);
}

TEST(Control, ALaneThatSpinsDoesNotKeepOthersFromGoingOn) {
  // Lane 0 waits for what lane 1 stores behind the branch.
  EXPECT_EQ(kindOf(R"(
    setp.ne.u32 %p0, %lane, 0; setp.gt.u32 %p1, %lane, 1; @%p1 ret;
    mov.b32 %r0, 1;
    @%p0 bra other;
    wait: ld.relaxed.gpu.global.b32 %r1, [%out]; setp.eq.u32 %p1, %r1, 0;
    @%p1 bra wait; bra end;
    other: st.relaxed.gpu.global.b32 [%out], %r0;
    end:)"),
            "");
}

TEST(Control, PredicatesGuardSingleLanes) {
  auto out = valuesOf(R"(mov.b32 %r0, 5; setp.eq.u32 %p0, %lane, 3;
    @%p0 mov.b32 %r0, 6; @!%p0 add.s32 %r0, %r0, 2;)");
  EXPECT_EQ(out[3], 6u);
  EXPECT_EQ(out[4], 7u);
}

TEST(Control, ExitOfSomeLanesLetsTheOthersMeet) {
  auto out = valuesOf(R"(setp.ge.u32 %p0, %lane, 16; mov.b32 %r0, 1;
    setp.eq.u32 %p1, %lane, 3; @%p1 bra odd; @%p0 ret; bra end;
    odd: mov.b32 %r0, 2;
    end: activemask.b32 %r1; setp.ne.u32 %p2, %r1, 0xFFFF; @%p2 trap;)");
  EXPECT_EQ(out[3], 2u);
  EXPECT_EQ(out[15], 1u);
  EXPECT_EQ(out[16], 0u);
}

TEST(Control, BlocksDrawFromOneCounter) {
  Snippet snippet;
  snippet.body = R"(setp.ne.u32 %p0, %me, 0; @%p0 ret;
    again: atom.global.add.u32 %r0, [%out], 1; setp.ge.u32 %p1, %r0, 20;
    @%p1 ret; mul.wide.u32 %d0, %r0, 4; add.s64 %d0, %d0, %out;
    mov.u32 %r1, %ctaid.x; add.s32 %r1, %r1, 1; st.global.b32 [%d0+4], %r1;
    bra again;)";
  snippet.threads = 64;
  snippet.blocks = 6; // two more than are resident
  for (uint64_t seed = 0; seed < 5; ++seed) {
    snippet.options.seed = seed;
    auto result = snippet.run();
    EXPECT_FALSE(result.report) << result.report.format();
    EXPECT_EQ(result.out[0], 26u);
    for (unsigned i = 1; i <= 20; ++i)
      EXPECT_TRUE(result.out[i] >= 1 && result.out[i] <= 6);
  }
}

TEST(Control, LanesBranchByAnIndex) {
  const std::string body = R"(
    mov.b32 %r0, 0; and.b32 %r1, %lane, 3; setp.gt.u32 %p0, %lane, 15;
    @%p0 bra end;
    list: .branchtargets one, two, one,
      four;
    brx.idx %r1, list;
    one: mov.b32 %r0, 10; bra end;
    two: mov.b32 %r0, 20; bra.uni end;
    four: mov.b32 %r0, 40;
    end: activemask.b32 %r2; setp.ne.u32 %p2, %r2, -1; @%p2 trap;)";
  auto out = valuesOf(body);
  for (unsigned lane = 0; lane < 32; ++lane)
    EXPECT_EQ(out[lane], lane > 15       ? 0u
                         : lane % 4 == 1 ? 20u
                         : lane % 4 == 3 ? 40u
                                         : 10u);
  std::string wrong = body;
  wrong.replace(wrong.find(", 3;"), 4, ", 7;");
  EXPECT_EQ(kindOf(wrong), "trap") << "there is no fifth target";
}

TEST(Control, BarriersReduceOverTheirThreads) {
  // 70 of 96 threads, then those of the last two warps only, twice.
  auto out = valuesOf(R"(
    setp.lt.u32 %p0, %me, 70; setp.eq.u32 %p1, %warp, 0;
    bar.red.popc.u32 %r0, 0, %p0;
    bar.red.and.pred %p2, 0, %p0; bar.red.or.pred %p3, 0, !%p0;
    selp.b32 %r1, 100, 0, %p2; selp.b32 %r2, 1000, 0, %p3;
    add.s32 %r0, %r0, %r1; add.s32 %r0, %r0, %r2;
    @%p1 bra end;
    barrier.cta.red.popc.aligned.u32 %r3, 1, 64, !%p0;
    setp.gt.u32 %p4, %me, 500;
    barrier.cta.red.popc.aligned.u32 %r4, 1, 64, %p4;
    mad.lo.s32 %r0, %r3, 10000, %r0; add.s32 %r0, %r0, %r4;
    end:)",
                      96);
  EXPECT_EQ(out[0], 1070u);
  EXPECT_EQ(out[40], 261070u);
  EXPECT_EQ(out[95], 261070u);
}

TEST(Control, BarriersOfTwoWarpgroupsReduceApart) {
  // Barriers 1 and 2 are of one warpgroup each, 3 is of both. In odd rounds
  // thread 200 has true.
  EXPECT_EQ(kindOf(R"(
    shr.u32 %r0, %me, 7; setp.eq.u32 %p9, %r0, 1;
    add.s32 %r1, %r0, 1; mov.b32 %r2, 128; mov.b32 %r3, 0;
    again: and.b32 %r4, %r3, 1; setp.eq.u32 %p8, %r4, 1;
    setp.eq.and.u32 %p0, %me, 200, %p8;
    and.pred %p7, %p8, %p9; selp.b32 %r5, 127, 128, %p7;
    barrier.cta.red.or.pred %p1, %r1, %r2, %p0;
    xor.pred %p1, %p1, %p7; @%p1 trap;
    barrier.cta.red.and.aligned.pred %p2, %r1, 128, !%p0;
    xor.pred %p2, %p2, %p7; @!%p2 trap;
    bar.red.popc.u32 %r6, %r1, %r2, !%p0;
    setp.ne.u32 %p3, %r6, %r5; @%p3 trap;
    bar.cta.red.or.pred %p4, 3, 256, %p0;
    xor.pred %p4, %p4, %p8; @%p4 trap;
    bar.red.and.pred %p5, 3, %p0; @%p5 trap;
    add.s32 %r3, %r3, 1; setp.lt.u32 %p6, %r3, 4; @%p6 bra again;)",
                   256),
            "");
}

TEST(Control, SpecialRegistersTellThePlace) {
  Snippet snippet;
  snippet.body = R"(mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x;
    mad.lo.s32 %r3, %r1, %r2, %me; mul.wide.u32 %d0, %r3, 4;
    add.s64 %d0, %d0, %out; mov.u32 %r4, %warpid; mov.u32 %r5, %laneid;
    mad.lo.s32 %r6, %r4, 100, %r5; mov.u32 %r7, %nctaid.x;
    mad.lo.s32 %r6, %r7, 1000, %r6; st.global.b32 [%d0], %r6;)";
  snippet.threads = 48;
  snippet.blocks = 2;
  auto result = snippet.run();
  EXPECT_FALSE(result.report) << result.report.format();
  EXPECT_EQ(result.out[5], 2005u);
  EXPECT_EQ(result.out[48 + 47], 2115u);
  EXPECT_EQ(result.out[96], 0u) << "the second warp has 16 lanes";
}

TEST(Control, ReportsAKernelThatNeverEnds) {
  Snippet snippet;
  snippet.body = "again: add.s32 %r0, %me, 1; bra again;";
  snippet.options.maxInstructions = 10000;
  EXPECT_EQ(snippet.run().report.kind, "too-many-instructions");
}

TEST(Control, StatisticsCountInstructionsAndBytes) {
  Snippet snippet;
  snippet.body = R"(shl.b32 %r0, %me, 7; add.s32 %r1, %me, 0;
    mov.b32 %r2, smem; add.s32 %r2, %r2, %r0; st.shared.b32 [%r2], %r1;
    ld.shared.b32 %r3, [%r2]; ld.global.b32 %r4, [%in];)";
  auto result = snippet.run();
  EXPECT_FALSE(result.report) << result.report.format();
  EXPECT_EQ(result.statistics.instructions["ld.shared"], 1u);
  EXPECT_EQ(result.statistics.instructions["st.shared"], 1u);
  EXPECT_EQ(result.statistics.instructions["ld.global"], 1u);
  EXPECT_EQ(result.statistics.sharedBytesWritten, 128u);
  EXPECT_EQ(result.statistics.sharedBytesRead, 128u);
  EXPECT_EQ(result.statistics.globalBytesRead, 128u);
  EXPECT_EQ(result.statistics.bankConflicts, 62u)
      << "32 lanes in one bank, twice";
}

TEST(Control, SeedsReproduce) {
  Snippet snippet;
  snippet.body = R"(setp.ne.u32 %p0, %lane, 0; @%p0 ret;
    atom.global.add.u32 %r0, [%out], 1; mul.wide.u32 %d0, %r0, 4;
    add.s64 %d0, %d0, %out; st.global.b32 [%d0+4], %warp;)";
  snippet.threads = 256;
  std::vector<std::vector<uint32_t>> orders;
  for (uint64_t seed : {1, 2, 1}) {
    snippet.options.seed = seed;
    orders.push_back(snippet.run().out);
  }
  EXPECT_EQ(orders[0], orders[2]);
  EXPECT_NE(orders[0], orders[1]);
}
