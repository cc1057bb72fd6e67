//===- KindsTest.cpp - A program for each kind of report ------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kind of ReportKinds.h that no program here gets fails the test. Programs
// close to the limit of what is right are in the other tests.
//
//===----------------------------------------------------------------------===//

#include "ReportKinds.h"
#include "Snippet.h"
#include <map>

using namespace pbs::emu;
using namespace pbs::emu::test;

namespace {

/// The first lane goes on alone.
const std::string kOne = "setp.ne.u32 %p0, %me, 0; @%p0 ret;";
const std::string kInit = kOne + "mbarrier.init.shared.b64 [smem], 1;";

/// One lane copies 16 bytes of shared memory out.
const std::string kBulkStore = kOne + R"(
  st.shared.v4.b32 [smem], {%me, %me, %me, %me};
  fence.proxy.async.shared::cta;
  cp.async.bulk.global.shared::cta.bulk_group [%out], [smem], 16;
  cp.async.bulk.commit_group;)";

/// A 64x8x16 product of the zeros in shared memory, without swizzle.
const std::string kProduct = R"(
  mov.b32 %r0, 0; shl.b32 %r1, %me, 4; mov.b32 %r2, smem;
  add.s32 %r1, %r1, %r2; st.shared.v4.b32 [%r1], {%r0, %r0, %r0, %r0};
  st.shared.v4.b32 [%r1+2048], {%r0, %r0, %r0, %r0};
  fence.proxy.async.shared::cta; bar.sync 0;
  shr.u32 %r2, %r2, 4; cvt.u64.u32 %d0, %r2; or.b64 %d0, %d0, 0x1000080000;
  mov.b32 %f0, 0f00000000; mov.b32 %f1, %f0; mov.b32 %f2, %f0;
  mov.b32 %f3, %f0; setp.ne.b32 %p0, %r0, 0;
  wgmma.fence.sync.aligned;
  wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16
    {%f0, %f1, %f2, %f3}, %d0, %d0, %p0, 1, 1, 0, 0;
  wgmma.commit_group.sync.aligned;
  wgmma.wait_group.sync.aligned 0;
  add.f32 %f4, %f0, %f1;)";

std::string without(std::string text, const std::string &what) {
  size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.erase(at, what.size());
}

Snippet program(const std::string &body, unsigned threads = 32) {
  Snippet snippet;
  snippet.body = body;
  snippet.threads = threads;
  return snippet;
}

/// A kernel that does not end is cut short.
Snippet endless() {
  Snippet snippet = program("again: add.s32 %r0, %me, 1; bra again;");
  snippet.options.maxInstructions = 1000;
  return snippet;
}

/// Stores a box that begins a row above the tensor.
Snippet storeAbove() {
  Snippet snippet = program(kOne + R"(st.shared.b32 [smem], %me;
    cp.async.bulk.tensor.2d.global.shared::cta.bulk_group
      [%map, {0, -1}], [smem];)");
  TensorMap &map = snippet.map;
  map.magic = TensorMap::kMagic;
  map.elementBytes = 4;
  map.rank = 2;
  map.sizes[0] = map.sizes[1] = 8;
  map.strides[0] = 32;
  map.box[0] = 4;
  map.box[1] = 2;
  return snippet;
}

/// A load in a kernel that may begin before the one in front of it has ended.
Snippet loadBeforeWait() {
  Snippet snippet = program("ld.global.b32 %r0, [%in]; griddepcontrol.wait;");
  snippet.options.isDependent = true;
  return snippet;
}

std::map<std::string, Snippet> getPrograms() {
  return {
      {"barrier-arrived-twice",
       program("setp.eq.u32 %p0, %warp, 0; @!%p0 bra end;"
               "bar.arrive 1, 64; bar.arrive 1, 64; end:",
               64)},
      {"deadlock",
       program("setp.eq.u32 %p0, %warp, 0; @%p0 ret; bar.sync 0;", 64)},
      {"divergent-aligned",
       program("setp.eq.u32 %p0, %me, 0; @%p0 bar.sync 0;")},
      {"exit-with-pending-copy", program(kBulkStore)},
      {"mbarrier-access", program(kInit + "st.shared.b32 [smem+4], %me;")},
      {"mbarrier-initialised-twice",
       program(kInit + "mbarrier.init.shared.b64 [smem], 1;")},
      {"misaligned", program("ld.global.b32 %r0, [%in+2];")},
      {"missed-phase",
       program("setp.eq.u32 %p0, %me, 0;"
               "@%p0 mbarrier.init.shared.b64 [smem], 32; bar.sync 0;"
               "setp.eq.u32 %p1, %warp, 0; @%p1 bra wait; bar.sync 1, 64;"
               "mbarrier.arrive.shared.b64 _, [smem];"
               "mbarrier.arrive.shared.b64 _, [smem]; ret;"
               "wait: bar.arrive 1, 64; again:"
               "mbarrier.try_wait.parity.shared.b64 %p2, [smem], 0;"
               "@!%p2 bra again;",
               64)},
      {"missing-grid-wait", loadBeforeWait()},
      {"missing-proxy-fence",
       program(without(kBulkStore, "fence.proxy.async.shared::cta;"))},
      {"missing-wait",
       program(kInit + "mbarrier.arrive.shared.b64 _, [smem];"
                       "mbarrier.arrive.shared.b64 _, [smem];")},
      {"missing-wgmma-fence",
       program(without(kProduct, "wgmma.fence.sync.aligned;"), 128)},
      {"not-uniform", program("bar.sync %lane, 32;")},
      {"out-of-bounds", program("ld.global.b32 %r0, [%in+4096];")},
      {"overwrite-in-use", program(kBulkStore + "st.shared.b32 [smem], %me;")},
      {"race", program("st.shared.b32 [smem], %me;", 64)},
      {"read-before-arrival",
       program(kOne + "cp.async.ca.shared.global [smem], [%in], 4;"
                      "ld.shared.b32 %r0, [smem];")},
      {"register-in-flight",
       program(without(kProduct, "wgmma.wait_group.sync.aligned 0;"), 128)},
      {"store-before-tensor", storeAbove()},
      {"too-many-arrivals",
       program(kInit + "mbarrier.arrive.shared.b64 _, [smem], 2;")},
      {"too-many-instructions", endless()},
      {"trap", program("trap;")},
      {"uninitialised-mbarrier",
       program(kOne + "mbarrier.arrive.shared.b64 _, [smem];")},
      {"uninitialised-register", program("add.s32 %r0, %r1, 1;")},
      {"uninitialised-shared", program("ld.shared.b32 %r0, [smem];")},
      {"unsupported",
       program(kOne + "again: mbarrier.init.shared.b64 [smem], 1;"
                      "mbarrier.inval.shared.b64 [smem]; bra again;")},
      {"wrong-arrival-count",
       program(kOne + "mbarrier.init.shared.b64 [smem], 0;")},
      {"wrong-barrier", program("mov.b32 %r0, 16; bar.sync %r0, 32;")},
      {"wrong-cluster-rank",
       program("mov.b32 %r0, smem; mapa.shared::cluster.u32 %r1, %r0, 1;")},
      {"wrong-launch", program("", 1025)},
      {"wrong-member-mask", program("setp.lt.u32 %p0, %lane, 8;"
                                    "@%p0 redux.sync.add.s32 %r0, %lane, 15;")},
      {"wrong-parity",
       program(kInit + "mbarrier.test_wait.parity.shared.b64 %p1, [smem], 2;")},
      // The state is of the second phase of one mbarrier, the other is in its
      // first.
      {"wrong-phase",
       program(kInit + "mbarrier.init.shared.b64 [smem+8], 1;"
                       "mbarrier.arrive.shared.b64 _, [smem];"
                       "mbarrier.test_wait.parity.shared.b64 %p1, [smem], 0;"
                       "mbarrier.arrive.shared.b64 %d0, [smem];"
                       "mbarrier.test_wait.shared.b64 %p1, [smem+8], %d0;")},
      {"wrong-register-count",
       program("setmaxnreg.inc.sync.aligned.u32 24;", 384)},
      {"wrong-size",
       program(kOne + "mov.b32 %r0, 20;"
                      "cp.async.cg.shared.global [smem], [%in], 16, %r0;")},
      {"wrong-tensor-map",
       program(kOne + "st.shared.b32 [smem], %me;"
                      "cp.async.bulk.tensor.1d.global.shared::cta.bulk_group "
                      "[%map, {0}], [smem];")},
      {"wrong-thread-count", program("bar.sync 1, 33;")},
      {"wrong-tx-count",
       program(kInit + "mbarrier.arrive.expect_tx.shared.b64 _, [smem], 16;"
                       "again: mbarrier.try_wait.parity.shared.b64 %p2, "
                       "[smem], 0; @!%p2 bra again;")},
  };
}

} // namespace

TEST(Kinds, EachHasAProgramThatGetsIt) {
  std::map<std::string, Snippet> programs = getPrograms();
  size_t count = 0;
#define X(enumerator, name, meaning)                                           \
  ++count;                                                                     \
  EXPECT_EQ(programs.count(name), 1u) << "no program gets " << name;
  PBS_EMU_REPORT_KINDS(X)
#undef X
  EXPECT_EQ(programs.size(), count) << "a kind that there is not";
  for (const auto &[kind, snippet] : programs) {
    Report report = snippet.run().report;
    EXPECT_EQ(report.kind, kind) << report.format();
  }
}

TEST(Kinds, TheProductHasNoneIfItIsWhole) {
  EXPECT_EQ(kindOf(kProduct, 128), "");
}
