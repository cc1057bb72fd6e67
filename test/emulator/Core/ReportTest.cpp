//===- ReportTest.cpp - Each kind of report, and what is right ------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Programs with one thing wrong, beside the same programs without it.
//
//===----------------------------------------------------------------------===//

#include "Snippet.h"

using namespace pbs::emu;
using namespace pbs::emu::test;

TEST(Report, TellsLineBlockWarpLaneAndSeed) {
  Snippet snippet;
  snippet.threads = 64;
  snippet.options.seed = 7;
  snippet.body = "\nsetp.eq.u32 %p0, %me, 37;\n@%p0 ld.global.b32 %r0, [0];";
  EXPECT_EQ(snippet.run().report.format(),
            "line 13, block (0,0,0), warp 1, lane 5: out-of-bounds: load of 4 "
            "bytes of global memory at 0x0, near no allocation (seed 7, "
            "latest)");
}

TEST(Report, Registers) {
  EXPECT_EQ(kindOf("add.s32 %r0, %r1, 1;"), "uninitialised-register");
  EXPECT_EQ(kindOf("@%p0 add.s32 %r0, %me, 1;"), "uninitialised-register");
  // A lane that never wrote is a lane without a value.
  EXPECT_EQ(kindOf("setp.eq.u32 %p0, %lane, 1; @%p0 mov.b32 %r1, 1;"
                   "add.s32 %r0, %r1, 1;"),
            "uninitialised-register");
  EXPECT_EQ(kindOf("setp.eq.u32 %p0, %lane, 1; @%p0 mov.b32 %r1, 1;"
                   "@%p0 add.s32 %r0, %r1, 1;"),
            "");
  // A move passes on that there is no value; using the copy is the mistake.
  EXPECT_EQ(kindOf("mov.b32 %r0, %r1;"), "");
  EXPECT_EQ(kindOf("mov.b32 %r0, %r1; add.s32 %r2, %r0, 1;"),
            "uninitialised-register");
}

TEST(Report, GlobalMemory) {
  EXPECT_EQ(kindOf("ld.global.b32 %r0, [%in+4092];"), "");
  EXPECT_EQ(kindOf("ld.global.b32 %r0, [%in+4096];"), "out-of-bounds");
  EXPECT_EQ(kindOf("st.global.v4.b32 [%out+4096], {%me, %me, %me, %me};"),
            "out-of-bounds");
  EXPECT_EQ(kindOf("ld.global.b32 %r0, [%in+2];"), "misaligned");
  EXPECT_EQ(kindOf("ld.global.v2.b32 {%r0, %r1}, [%in+4];"), "misaligned");
  EXPECT_EQ(kindOf("atom.global.add.u32 %r0, [%out+4096], 1;"),
            "out-of-bounds");
  EXPECT_EQ(kindOf("ld.param.b32 %r0, [map+124];"), "");
  EXPECT_EQ(kindOf("ld.param.b32 %r0, [map+128];"), "out-of-bounds");
}

TEST(Report, SharedMemory) {
  EXPECT_EQ(kindOf("st.shared.b32 [smem], %me; ld.shared.b32 %r0, [smem];"),
            "");
  EXPECT_EQ(kindOf("ld.shared.b32 %r0, [smem];"), "uninitialised-shared");
  // Two of four bytes are written.
  EXPECT_EQ(kindOf("mov.b16 %h0, 1; st.shared.b16 [smem], %h0;"
                   "ld.shared.b32 %r0, [smem];"),
            "uninitialised-shared");
  EXPECT_EQ(kindOf("st.shared.b32 [smem+8192], %me;"), "out-of-bounds");
  EXPECT_EQ(kindOf("st.shared.b32 [0], %me;"), "out-of-bounds");
  EXPECT_EQ(kindOf("st.shared.b32 [smem+2], %me;"), "misaligned");
  EXPECT_EQ(kindOf("mov.b64 %d0, smem; cvta.shared.u64 %d0, %d0;"
                   "st.b32 [%d0+8192], %me;"),
            "out-of-bounds");
}

TEST(Report, RacesOfTwoWarps) {
  EXPECT_EQ(kindOf("st.shared.b32 [smem], %me;", 64), "race");
  EXPECT_EQ(kindOf("setp.eq.u32 %p0, %warp, 0;"
                   "@%p0 st.shared.b32 [smem], %me; bar.sync 0;"
                   "ld.shared.b32 %r0, [smem];",
                   64),
            "");
  // The reads are not ordered before the next write.
  EXPECT_EQ(kindOf("setp.eq.u32 %p0, %warp, 0;"
                   "@%p0 st.shared.b32 [smem], %me; bar.sync 0;"
                   "ld.shared.b32 %r0, [smem];"
                   "@%p0 st.shared.b32 [smem], %me;",
                   64),
            "race");
  EXPECT_EQ(kindOf("setp.eq.u32 %p0, %warp, 0;"
                   "@%p0 st.shared.b32 [smem], %me; bar.sync 0;"
                   "ld.shared.b32 %r0, [smem]; bar.sync 0;"
                   "@%p0 st.shared.b32 [smem], %me;",
                   64),
            "");
  // Halves of a word are places of their own.
  EXPECT_EQ(kindOf("shl.b32 %r0, %warp, 1; mov.b32 %r1, smem;"
                   "add.s32 %r0, %r0, %r1; mov.b16 %h0, 1;"
                   "st.shared.b16 [%r0], %h0;",
                   64),
            "");
  EXPECT_EQ(kindOf("setp.eq.u32 %p0, %me, 0; mov.b32 %r1, 0;"
                   "@%p0 st.shared.b32 [smem], %r1; bar.sync 0;"
                   "atom.shared.add.u32 %r0, [smem], 1;",
                   64),
            "");
  EXPECT_EQ(kindOf("setp.eq.u32 %p0, %me, 0; mov.b32 %r1, 0;"
                   "@%p0 st.shared.b32 [smem], %r1; bar.sync 0;"
                   "atom.shared.add.u32 %r0, [smem], 1;"
                   "ld.shared.b32 %r0, [smem];",
                   64),
            "race");
}

static std::string kindOfBlocks(const std::string &body, unsigned blocks) {
  Snippet snippet;
  snippet.body = body;
  snippet.blocks = blocks;
  return snippet.kind();
}

TEST(Report, RacesOfWarpsOnGlobalMemory) {
  EXPECT_EQ(kindOf("add.s32 %r0, %warp, 1; st.global.b32 [%out], %r0;", 64),
            "race");
  // Nobody sees a write of what is there.
  EXPECT_EQ(kindOf("mov.b32 %r0, 0; st.global.b32 [%out], %r0;", 64), "");
  const std::string handOver =
      "setp.eq.u32 %p0, %warp, 0; add.s32 %r0, %me, 1; mul.wide.u32 %d0, "
      "%lane, 4; add.s64 %d0, %d0, %out; @%p0 st.global.b32 [%d0], %r0;"
      "bar.sync 0; ld.global.b32 %r1, [%d0];";
  EXPECT_EQ(kindOf(handOver, 64), "");
  std::string wrong = handOver;
  wrong.erase(wrong.find("bar.sync 0;"), 11);
  EXPECT_EQ(kindOf(wrong, 64), "race");
  EXPECT_EQ(kindOf(handOver + "@%p0 st.global.b32 [%d0], %lane;", 64), "race");
  // Bytes of a word are places of their own.
  EXPECT_EQ(kindOf("mul.wide.u32 %d0, %warp, 2; add.s64 %d0, %d0, %out;"
                   "mov.b16 %h0, 7; st.global.b16 [%d0], %h0;",
                   64),
            "");
  EXPECT_EQ(kindOf("red.global.add.u32 [%out], 1;", 64), "");
  EXPECT_EQ(
      kindOf("red.global.add.u32 [%out], 1; ld.global.b32 %r0, [%out];", 64),
      "race");
}

TEST(Report, RacesOfBlocksOnGlobalMemory) {
  EXPECT_EQ(kindOfBlocks("mov.u32 %r0, %ctaid.x; add.s32 %r0, %r0, 1;"
                         "st.global.b32 [%out], %r0;",
                         2),
            "race");
  EXPECT_EQ(kindOfBlocks("atom.global.add.u32 %r0, [%out], 1;", 6), "");
  // The second block reads what the first wrote, behind a flag.
  const std::string handOver = R"(mov.u32 %r0, %ctaid.x;
    setp.eq.u32 %p0, %r0, 0; setp.ne.u32 %p1, %me, 0; @%p1 ret;
    mov.b32 %r1, 7; @!%p0 bra second;
    st.global.b32 [%out], %r1; st.release.gpu.global.b32 [%out+64], %r1; ret;
    second: ld.acquire.gpu.global.b32 %r2, [%out+64]; setp.eq.u32 %p2, %r2, 0;
    @%p2 bra second; ld.global.b32 %r3, [%out];)";
  EXPECT_EQ(kindOfBlocks(handOver, 2), "");
  std::string early = handOver;
  early.replace(early.find("st.global.b32 [%out], %r1; st.release"), 37,
                "st.release");
  early.insert(early.find(" ret;\n    second"), " st.global.b32 [%out], %r1;");
  EXPECT_EQ(kindOfBlocks(early, 2), "race");
}

TEST(Report, AcquireOfAReleaseOrders) {
  const std::string body = R"(setp.ne.u32 %p0, %warp, 0; mov.b32 %r0, 1;
    setp.ne.u32 %p1, %me, 0;
    @!%p1 st.relaxed.cta.shared.b32 [smem+64], 0; bar.sync 0;
    @%p0 bra second;
    st.shared.b32 [smem], %r0; bar.warp.sync -1;
    @!%p1 st.ORDER.cta.shared.b32 [smem+64], %r0; bra end;
    second: ld.acquire.cta.shared.b32 %r1, [smem+64]; setp.eq.u32 %p2, %r1, 0;
    @%p2 bra second; ld.shared.b32 %r2, [smem];
    end:)";
  std::string right = body;
  right.replace(right.find("ORDER"), 5, "release");
  EXPECT_EQ(kindOf(right, 64), "");
  std::string wrong = body;
  wrong.replace(wrong.find("st.ORDER.cta"), 12, "st");
  EXPECT_EQ(kindOf(wrong, 64), "race");
}

TEST(Report, NamedBarriers) {
  EXPECT_EQ(kindOf("bar.sync 1, 64;", 64), "");
  EXPECT_EQ(kindOf("bar.sync 1, 96;", 64), "deadlock");
  EXPECT_EQ(kindOf("bar.sync 1, 33;", 64), "wrong-thread-count");
  EXPECT_EQ(kindOf("mad.lo.s32 %r0, %warp, 32, 64; bar.sync 1, %r0;", 64),
            "wrong-thread-count");
  EXPECT_EQ(kindOf("mov.b32 %r0, 16; bar.sync %r0, 64;", 64), "wrong-barrier");
  EXPECT_EQ(kindOf("setp.eq.u32 %p0, %warp, 0; @%p0 ret; bar.sync 0;", 64),
            "deadlock");
  EXPECT_EQ(kindOf("setp.eq.u32 %p0, %me, 0; @%p0 bar.sync 0;", 64),
            "divergent-aligned");
  EXPECT_EQ(kindOf("setp.eq.u32 %p0, %warp, 0; @!%p0 bra end;"
                   "bar.arrive 1, 64; bar.arrive 1, 64; end:",
                   64),
            "barrier-arrived-twice");
  // Producer and consumer: arrive and sync pair up.
  EXPECT_EQ(kindOf("setp.eq.u32 %p0, %warp, 0; @%p0 bra first;"
                   "bar.sync 1, 64; ld.shared.b32 %r0, [smem]; bra end;"
                   "first: st.shared.b32 [smem], %me; bar.arrive 1, 64; end:",
                   64),
            "");
}

TEST(Report, BarriersReduceInOneWayAtATime) {
  EXPECT_EQ(kindOf("setp.lt.u32 %p0, %me, 5; bar.red.popc.u32 %r0, 0, %p0;"
                   "bar.sync 0; bar.red.or.pred %p1, 0, %p0;",
                   64),
            "");
  // The PTX ISA calls it unpredictable when warps that synchronise or arrive
  // take part in a reduction.
  for (const char *other : {"bar.sync", "bar.arrive"})
    EXPECT_EQ(kindOf(std::string("setp.eq.u32 %p0, %warp, 0; @%p0 bra first;") +
                         other +
                         " 1, 64; bra end;"
                         "first: bar.red.popc.u32 %r0, 1, 64, %p0; end:",
                     64),
              "wrong-barrier");
}

TEST(Report, BarriersThatReduceWaitAsOthersDo) {
  const std::string warp0 = "setp.eq.u32 %p0, %warp, 0;";
  EXPECT_EQ(kindOf(warp0 + "bar.red.or.pred %p1, 1, 96, %p0;", 64), "deadlock");
  EXPECT_EQ(kindOf(warp0 + "mad.lo.s32 %r0, %warp, 32, 64;"
                           "bar.red.or.pred %p1, 1, %r0, %p0;",
                   64),
            "wrong-thread-count");
  EXPECT_EQ(kindOf(warp0 + "bar.red.or.pred %p1, 16, 64, %p0;", 64),
            "wrong-barrier");
  EXPECT_EQ(
      kindOf("setp.eq.u32 %p0, %me, 0; @%p0 bar.red.or.pred %p1, 0, %p0;", 64),
      "divergent-aligned");
  EXPECT_EQ(kindOf("bar.red.or.pred %p1, 0, %p0;"), "uninitialised-register");
}

TEST(Report, BarriersThatReduceOrderMemory) {
  // Written before the first, read between the two, overwritten behind them.
  const std::string body = R"(setp.eq.u32 %p0, %warp, 0;
    @%p0 st.shared.b32 [smem], %me;
    barrier.cta.red.or.pred %p1, 1, 64, %p0;
    ld.shared.b32 %r0, [smem];
    barrier.cta.red.popc.u32 %r1, 2, 64, !%p0;
    @%p0 st.shared.b32 [smem], %me;)";
  EXPECT_EQ(kindOf(body, 64), "");
  for (std::string barrier : {"barrier.cta.red.or.pred %p1, 1, 64, %p0;",
                              "barrier.cta.red.popc.u32 %r1, 2, 64, !%p0;"}) {
    std::string wrong = body;
    wrong.erase(wrong.find(barrier), barrier.size());
    EXPECT_TRUE(isAlwaysReported(wrong, 64)) << "without " << barrier;
  }
  // Barriers of one warp each order nothing between them.
  EXPECT_EQ(kindOf("setp.eq.u32 %p0, %warp, 0; @%p0 st.shared.b32 [smem], %me;"
                   "bar.red.or.pred %p1, %warp, 32, %p0;"
                   "@!%p0 st.shared.b32 [smem], %me;",
                   64),
            "race");
}

TEST(Report, WarpInstructions) {
  EXPECT_EQ(kindOf("setp.lt.u32 %p0, %lane, 8;"
                   "@%p0 redux.sync.add.s32 %r0, %lane, 15;"),
            "wrong-member-mask");
  EXPECT_EQ(kindOf("setp.lt.u32 %p0, %lane, 8; @%p0 bra a;"
                   "ret; a: redux.sync.add.s32 %r0, %lane, 255;"),
            "");
  EXPECT_EQ(kindOf("shfl.sync.idx.b32 %r0, %me, 40, 31, -1;"), "");
  // Half of the warp waits at another instruction.
  EXPECT_EQ(kindOf("setp.lt.u32 %p0, %lane, 16; @%p0 bra a;"
                   "bar.warp.sync -1; bra end; a: bar.warp.sync -1;"
                   "bar.warp.sync -1; end:"),
            "deadlock");
  EXPECT_EQ(kindOf("trap;"), "trap");
  // Lane 20 takes no part: lane 16 has no value.
  EXPECT_EQ(kindOf("setp.ge.u32 %p0, %lane, 20; @%p0 ret;"
                   "shfl.sync.bfly.b32 %r0, %lane, 4, 31, 0xFFFFF;"
                   "add.s32 %r1, %r0, 1;"),
            "uninitialised-register");
}

TEST(Report, RegistersOfWarpgroups) {
  const std::string first = "setp.ge.u32 %p0, %warp, 4; @%p0 bra second;";
  EXPECT_EQ(kindOf(first +
                       "setmaxnreg.dec.sync.aligned.u32 40; bra end; second:"
                       "setmaxnreg.inc.sync.aligned.u32 232; end:",
                   384),
            "");
  EXPECT_EQ(kindOf(first + "bra end; second:"
                           "setmaxnreg.inc.sync.aligned.u32 256; end:",
                   384),
            "deadlock");
  EXPECT_EQ(kindOf("setmaxnreg.inc.sync.aligned.u32 24;", 384),
            "wrong-register-count");
}

TEST(Report, AccessesOfDependentKernels) {
  auto kindOf = [](const std::string &body, bool isDependent = true) {
    Snippet snippet;
    snippet.body = body;
    snippet.options.isDependent = isDependent;
    return snippet.kind();
  };
  const std::string missing = "missing-grid-wait";
  EXPECT_EQ(kindOf("st.shared.b32 [smem], %me; griddepcontrol.wait;"
                   "griddepcontrol.launch_dependents; ld.global.b32 %r0, [%in];"
                   "st.global.b32 [%out], %r0;"),
            "");
  EXPECT_EQ(kindOf("st.global.b32 [%out], %me;"), missing);
  EXPECT_EQ(kindOf("st.global.b32 [%out], %me;", false), "");
  EXPECT_EQ(kindOf("atom.global.add.u32 %r0, [%out], %me;"), missing);
  EXPECT_EQ(kindOf("cp.async.ca.shared.global [smem], [%in], 16;"), missing);
  EXPECT_EQ(kindOf("griddepcontrol.launch_dependents;"
                   "ld.global.b32 %r0, [%in];"),
            missing);
  // One lane has not waited.
  EXPECT_EQ(kindOf("setp.ne.u32 %p0, %me, 3; @%p0 griddepcontrol.wait;"
                   "ld.global.b32 %r0, [%in];"),
            missing);
}

TEST(Report, KernelsDoNotOverlap) {
  EXPECT_EQ(kindOf("griddepcontrol.wait; ld.global.b32 %r0, [%in];"
                   "griddepcontrol.launch_dependents;"
                   "st.global.b32 [%out], %r0;"),
            "");
}

TEST(Report, Clusters) {
  EXPECT_EQ(kindOf("mov.b32 %r0, smem; mapa.shared::cluster.u32 %r1, %r0, 0;"
                   "st.shared::cluster.b32 [%r1], %me;"
                   "barrier.cluster.arrive.release.aligned;"
                   "barrier.cluster.wait.acquire.aligned;"),
            "");
  EXPECT_EQ(kindOf("mov.b32 %r0, smem; mapa.shared::cluster.u32 %r1, %r0, 1;"),
            "wrong-cluster-rank");
}
