//===- BugsTest.cpp - Seeded bugs get the right complaint -----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A right attention kernel is changed in one place of its text. A bug is seeded
// at every place that a pattern finds, one at a time; some places lie in code
// that the case does not reach, so not every one has to be reported.
//
//===----------------------------------------------------------------------===//

#include "AttentionCase.h"
#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <regex>

using namespace pbs::emu;
using namespace pbs::emu::test;

namespace {

struct Bug {
  const char *name;
  const char *pattern, *by;
  /// Kinds of which each has to be found; "wrong-result" if the kernel ends
  /// without a report and the result is not that of attention.
  std::vector<std::string> expected;
  /// Further kinds that may be found.
  std::vector<std::string> allowed = {};
};

class SeededBugs : public testing::TestWithParam<Bug> {
protected:
  static AttentionCase getCase() {
    AttentionCase c;
    c.causal = c.list = c.positions = true;
    c.heads = 2;
    c.queries = 333;
    c.keys = 461;
    return c;
  }
  static const std::string &getText() {
    // With turns it has barriers of all kinds.
    static const std::string text = makeKernel(getCase(), "ping-pong=1");
    return text;
  }
  static std::string kindOf(const std::string &text, const AttentionCase &c) {
    std::string error;
    auto module = Module::parse(text, error);
    EXPECT_NE(module, nullptr) << error;
    if (!module)
      return "";
    LaunchOptions options;
    options.maxInstructions = 5000000;
    AttentionRun run = runAttention(*module, text, c, options);
    if (run.report) {
      EXPECT_NE(run.report.line, 0u);
      return run.report.kind;
    }
    return run.isRight() ? "" : "wrong-result";
  }
};

} // namespace

TEST_P(SeededBugs, AreReported) {
  const Bug &bug = GetParam();
  const std::string &text = getText();
  ASSERT_FALSE(text.empty());
  std::regex pattern(bug.pattern);
  std::map<std::string, unsigned> found;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end;
       it != end; ++it) {
    std::string wrong =
        text.substr(0, static_cast<size_t>(it->position())) +
        it->format(bug.by) +
        text.substr(static_cast<size_t>(it->position() + it->length()));
    ++found[kindOf(wrong, getCase())];
  }
  EXPECT_FALSE(found.empty()) << "the pattern is nowhere";
  for (const std::string &kind : bug.expected)
    EXPECT_GT(found[kind], 0u) << "expected " << kind;
  for (const auto &[kind, count] : found) {
    bool isKnown = kind.empty();
    for (const auto *list : {&bug.expected, &bug.allowed})
      isKnown |= std::find(list->begin(), list->end(), kind) != list->end();
    EXPECT_TRUE(isKnown) << "unexpected '" << kind << "', " << count
                         << " times";
  }
}

static const Bug kBugs[] = {
    {"DroppedWait",
     R"(mbarrier\.try_wait\.parity\.shared\.b64 P1, [^;]*;)",
     "setp.eq.u32 P1, 0, 0;",
     {"read-before-arrival", "overwrite-in-use", "race"},
     {"too-many-arrivals", "uninitialised-shared", "missing-wait"}},
    {"WrongPhase",
     R"((mbarrier\.try_wait\.parity\.shared\.b64 P1, [^,]*), ([^,]*),)",
     ".reg .b32 flipped; xor.b32 flipped, $2, 1; $1, flipped,",
     {"deadlock", "read-before-arrival"},
     {"too-many-arrivals", "uninitialised-shared", "overwrite-in-use", "race",
      "missed-phase"}},
    {"DroppedArrival",
     R"(@%p\d+ mbarrier\.arrive\.shared::cta\.b64 [^;]*;)",
     "",
     {"deadlock"}},
    {"DoubledArrival",
     R"(@%p\d+ mbarrier\.arrive\.shared::cta\.b64 [^;]*;)",
     "$&\n$&",
     {"missing-wait"},
     {"deadlock", "too-many-arrivals", "race", "missed-phase",
      "overwrite-in-use"}},
    {"WrongTransactionCount",
     R"((expect_tx[^;]*), 32768;)",
     "$1, 32752;",
     {"wrong-tx-count"}},
    {"MissingProxyFence",
     R"(fence\.proxy\.async\.shared::cta;)",
     "",
     {"missing-proxy-fence"}},
    // Queries are read into registers, and the next ones overwrite them.
    {"MissingProxyFenceOfReads",
     R"(fence\.proxy\.async\.shared::cta;(?=\s*bar\.warp\.sync))",
     "",
     {"missing-proxy-fence"}},
    {"MissingWgmmaFence",
     R"(wgmma\.fence\.sync\.aligned;)",
     "",
     {"missing-wgmma-fence"}},
    {"MissingWgmmaWait",
     R"(wgmma\.wait_group\.sync\.aligned \d;)",
     "",
     {"register-in-flight"}},
    {"WgmmaWaitOffByOne",
     R"(wgmma\.wait_group\.sync\.aligned 0;)",
     "wgmma.wait_group.sync.aligned 1;",
     {"register-in-flight"}},
    {"MissingWgmmaCommit",
     R"(wgmma\.commit_group\.sync\.aligned;)",
     "",
     {"register-in-flight"}},
    {"SlotReusedWithoutWait",
     R"(cp\.async\.bulk\.wait_group\.read[^;]*;)",
     "",
     {"overwrite-in-use", "exit-with-pending-copy"}},
    {"MissingBulkCommit",
     R"(cp\.async\.bulk\.commit_group;)",
     "",
     {"overwrite-in-use", "exit-with-pending-copy"}},
    {"DroppedBarrier",
     R"(bar\.sync[^;]*;)",
     "",
     {"race"},
     {"barrier-arrived-twice", "uninitialised-mbarrier", "overwrite-in-use",
      "uninitialised-shared"}},
    {"DoubledBarrier",
     R"(bar\.sync[^;]*;)",
     "$&\n$&",
     {"deadlock"},
     {"barrier-arrived-twice"}},
    {"DroppedBarrierArrival", R"(bar\.arrive[^;]*;)", "", {"deadlock"}},
    {"WrongThreadCount",
     R"(bar\.sync\s+([^,;]*), \d+;)",
     "bar.sync $1, 384;",
     {"wrong-thread-count"},
     {"deadlock", "barrier-arrived-twice"}},
    {"MissingInit",
     R"(mbarrier\.init\.shared\.b64[^;]*;)",
     "",
     {"uninitialised-mbarrier"}},
    {"OverlappingMBarriers",
     R"(mbarrier\.init\.shared\.b64\s+\[pbs_shared\+(\d+)\])",
     "mbarrier.init.shared.b64 [pbs_shared+131064]",
     {"mbarrier-access"},
     {"uninitialised-mbarrier"}},
    {"UninitialisedAccumulator",
     R"(setp\.ne\.b32 p, 0, 0;)",
     "setp.ne.b32 p, 1, 0;",
     {"uninitialised-register"}},
    {"MissingRegisterRelease", R"(setmaxnreg\.dec[^;]*;)", "", {"deadlock"}},
    {"EarlyExitOfAWarp",
     R"(mov\.u32\s+(%r\d+), %tid\.x;)",
     "$&\n{ .reg .pred q; setp.gt.u32 q, $1, 351; @q ret; }",
     {"deadlock"}},
    {"TwoWarpsRaceOnAWord",
     R"(mov\.u32\s+(%r\d+), %tid\.x;)",
     "$&\nst.shared.b32 [pbs_shared+8], $1;",
     {"race"}},
    {"WrongClusterAddress",
     R"(mov\.u32\s+(%r\d+), %tid\.x;)",
     "$&\n{ .reg .b32 a; mov.u32 a, pbs_shared;\n"
     "mapa.shared::cluster.u32 a, a, 1; st.shared::cluster.b32 [a], $1; }",
     {"wrong-cluster-rank"}},
    {"SwappedSwizzle",
     "4611686293305360384",
     "9223372311732748288",
     {"wrong-result"}},
    {"WrongDescriptorStride",
     "4611686293305360384",
     "4611686155866406912",
     {"wrong-result"},
     {"read-before-arrival", "uninitialised-shared", "out-of-bounds"}},
    {"WrongDescriptorLeadingOffset",
     "4611686293372403712",
     "4611686293338849280",
     {"wrong-result"}},
    {"OverlappingTiles",
     R"((add\.s32\s+%r\d+, %r\d+), 98304;)",
     "$1, 90112;",
     {"overwrite-in-use"},
     {"uninitialised-shared", "wrong-result", "read-before-arrival"}},
    {"InfinityMinusInfinity",
     R"(setp\.eq\.f32(\s+%p\d+, %r\d+), 0fFF800000;)",
     "setp.eq.f32$1, 0f7F800000;",
     {"wrong-result"}},
    {"StorePastTheEnd",
     R"(@%p\d+ st\.global\.b32)",
     "st.global.b32",
     {"out-of-bounds"},
     {"wrong-result"}},
    {"MisalignedCoordinate",
     R"((cp\.async\.bulk\.tensor[^;]*\{)%r\d+,)",
     "$1 1,",
     {"misaligned"}},
    // What is aligned is a place like any other.
    {"WrongCoordinate",
     R"((cp\.async\.bulk\.tensor[^;]*\{)%r\d+,)",
     "$1 56,",
     {"wrong-result"}},
    {"StoreBeforeTheTensor",
     R"((cp\.async\.bulk\.tensor\.4d\.global[^;]*\{)0,)",
     "$1 -8,",
     {"store-before-tensor"}},
    {"MisalignedTile",
     R"((cp\.async\.bulk\.tensor\.4d\.shared[^\[]*\[%r\d+)\])",
     "$1+64]",
     {"misaligned"}},
    // The number of a block is that of its bit.
    {"ListOffByOne",
     R"(popc\.b32(\s+)(%r\d+), (%r\d+);(\s+add\.s32\s+%r\d+, %r\d+, \2;))",
     "popc.b32$1$2, $3;\n\tadd.s32 $2, $2, 1;$4",
     {"wrong-result"}},
    {"DivergentBarrier",
     R"(bar\.sync(\s+%r\d+, 128;))",
     "{ .reg .pred q; .reg .u32 l; mov.u32 l, %laneid; setp.gt.u32 q, l, 3;\n"
     "@q bar.sync$1 }",
     {"divergent-aligned"}},
};

INSTANTIATE_TEST_SUITE_P(Attention, SeededBugs, testing::ValuesIn(kBugs),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

TEST_F(SeededBugs, NoneIsReportedInTheRightKernel) {
  EXPECT_EQ(kindOf(getText(), getCase()), "");
}

TEST_F(SeededBugs, CounterThatIsNotResetLosesWork) {
  AttentionCase c = getCase();
  c.counterStart = 2;
  EXPECT_EQ(kindOf(getText(), c), "wrong-result");
}

TEST_F(SeededBugs, UnmaskedTailGivesWrongResults) {
  // The kernel is told of more keys than there are: zeros take part.
  std::string text = getText();
  size_t at = text.find("selp.f32");
  ASSERT_NE(at, std::string::npos);
  std::regex mask(R"(selp\.f32(\s+%r\d+), 0fFF800000, (%r\d+), %p\d+;)");
  EXPECT_EQ(kindOf(std::regex_replace(text, mask, "mov.b32$1, $2;"), getCase()),
            "wrong-result");
}
