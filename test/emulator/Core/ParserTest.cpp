//===- ParserTest.cpp - PTX text and what is wrong with it ----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Snippet.h"

using namespace pbs::emu;
using namespace pbs::emu::test;

static std::string errorOf(const std::string &body) {
  Snippet snippet;
  snippet.body = body;
  std::string error;
  auto module = Module::parse(snippet.text(), error);
  EXPECT_EQ(module, nullptr);
  return error;
}

static std::string moduleError(const std::string &text) {
  std::string error;
  EXPECT_EQ(Module::parse(text, error), nullptr);
  return error;
}

// Line 11 is the first of the body.

TEST(Parser, NamesTheUnknownInstructionAndItsLine) {
  EXPECT_EQ(errorOf("\nfrobnicate.b32 %r0, %r1;"),
            "line 12: unknown instruction 'frobnicate.b32'");
  EXPECT_EQ(errorOf("add.rn.s32 %r0, %r1, %r2;"),
            "line 11: unknown instruction 'add.rn.s32'");
  EXPECT_EQ(errorOf("add.f128 %r0, %r1, %r2;"),
            "line 11: unknown instruction 'add.f128'");
  EXPECT_EQ(errorOf("wgmma.mma_async.sync.aligned.m64n12k16.f32.f16.f16 {%f0}, "
                    "%d0, %d1, %p0, 1, 1, 0, 0;"),
            "line 11: unknown instruction "
            "'wgmma.mma_async.sync.aligned.m64n12k16.f32.f16.f16'");
  EXPECT_EQ(errorOf("bar.red.or.u32 %r0, 1, %p0;"),
            "line 11: unknown instruction 'bar.red.or.u32'");
}

TEST(Parser, ChecksNamesAndTypesOfOperands) {
  EXPECT_EQ(errorOf("mov.b32 %r0, %r100;"),
            "line 11: unknown register '%r100'");
  EXPECT_EQ(errorOf("mov.b32 %r0, nobody;"), "line 11: unknown name 'nobody'");
  EXPECT_EQ(errorOf("add.s32 %r0, %r1, %d0;"),
            "line 11: expected a register of 32 bits, got '%d0'");
  EXPECT_EQ(errorOf("add.s32 %r0, %r1;"),
            "line 11: expected 3 operands of 'add.s32', got 2");
  EXPECT_EQ(errorOf("barrier.cta.red.or.pred %p0, 1;"),
            "line 11: expected 3 to 4 operands of 'barrier.cta.red.or.pred', "
            "got 2");
  EXPECT_EQ(errorOf("selp.b32 %r0, 1, 2, %r1;"),
            "line 11: expected a predicate as operand of 'selp.b32'");
  EXPECT_EQ(errorOf("@%r0 mov.b32 %r0, 1;"),
            "line 11: expected a predicate, got '%r0'");
  EXPECT_EQ(errorOf("add.f32 %f0, %f1, 1;"),
            "line 11: expected a floating-point operand of 'add.f32'");
  EXPECT_EQ(errorOf("ld.global.v2.b32 %r0, [%in];"),
            "line 11: expected 2 registers of 'ld.global.v2.b32', got 1");
  EXPECT_EQ(errorOf("bra nowhere;"), "line 11: unknown label 'nowhere'");
  EXPECT_EQ(errorOf("brx.idx %r0, nowhere;"),
            "line 11: unknown list of targets 'nowhere'");
  EXPECT_EQ(errorOf("l: .branchtargets nowhere; brx.idx %r0, l;"),
            "line 11: unknown label 'nowhere'");
  EXPECT_EQ(moduleError(".entry k() {\nret"),
            "line 2: expected ';', got the end of the text");
  EXPECT_EQ(errorOf("setmaxnreg.dec.sync.aligned.u32 42;"),
            "line 11: expected a multiple of 8 from 24 to 256 registers, got "
            "42");
}

TEST(Parser, RefusesWhatItDoesNotHave) {
  EXPECT_EQ(moduleError(".version 8.0\n.func f() { ret; }"),
            "line 2: device functions are not supported: only kernels "
            "(.entry)");
  EXPECT_EQ(moduleError(".address_size 32"),
            "line 1: expected .address_size 64, got 32");
  EXPECT_EQ(moduleError(".strange 1"), "line 1: unknown directive '.strange'");
  EXPECT_EQ(moduleError(".visible .entry k()\n.reqnctapercluster 2\n{ ret; }"),
            "line 3: expected a cluster of 1 block, got 2");
}

TEST(Parser, HidesNamesInBraces) {
  EXPECT_EQ(valuesOf(R"(mov.b32 %r0, 1;
    { .reg .b32 %r0; .reg .pred p; mov.b32 %r0, 2; again: setp.eq.u32 p, %r0, 2;
      @!p bra again; }
    { .reg .pred p; again: setp.eq.u32 p, %r0, 1; @!p bra again; }
    /* no
       effect */ // none)")[0],
            1u);
}

TEST(Parser, ReadsNumbersOfAllForms) {
  EXPECT_EQ(valuesOf("mov.b32 %r0, 0x1F;")[0], 31u);
  EXPECT_EQ(valuesOf("mov.b32 %r0, -2;")[0], 0xFFFFFFFEu);
  EXPECT_EQ(valuesOf("mov.b32 %r0, 0b101;")[0], 5u);
  EXPECT_EQ(valuesOf("mov.b32 %r0, 017;")[0], 15u);
  EXPECT_EQ(valuesOf("mov.b32 %r0, 4000000000U;")[0], 4000000000u);
  EXPECT_EQ(valuesOf("mov.b32 %r0, 0f3F800000;")[0], 0x3F800000u);
  EXPECT_EQ(valuesOf("mov.f32 %f0, 1.5; mov.b32 %r0, %f0;")[0], 0x3FC00000u);
  EXPECT_EQ(valuesOf("mov.f32 %f0, 0d3FF8000000000000; mov.b32 %r0, %f0;")[0],
            0x3FC00000u);
}

TEST(Parser, LaysOutParametersAndVariables) {
  std::string error;
  auto module = Module::parse(R"(.version 8.0
.target sm_90a
.address_size 64
.global .align 4 .b32 table[3] = {7, 8, 9};
.const .f32 half = 0f3F000000;
.extern .shared .align 1024 .b8 dynamic[];
.visible .entry k(.param .u32 a, .param .align 64 .b8 b[128],
  .param .u64 .ptr .global .align 16 c)
.maxntid 64, 2, 1
.minnctapersm 1
{ .reg .b32 %r<4>; .reg .b64 %d<4>; .shared .b32 one[2];
  ld.param.u64 %d0, [c];
  mov.u64 %d1, table; ld.global.b32 %r0, [%d1+8]; st.global.b32 [%d0], %r0;
  ld.const.f32 %r1, [half]; st.global.b32 [%d0+4], %r1;
  mov.b32 %r2, dynamic; st.global.b32 [%d0+8], %r2;
  mov.b32 %r2, one; st.global.b32 [%d0+12], %r2;
  mov.u64 %d1, table; cvta.global.u64 %d1, %d1; ld.b32 %r0, [%d1];
  st.global.b32 [%d0+16], %r0; })",
                              error);
  ASSERT_NE(module, nullptr) << error;
  EXPECT_EQ(module->target(), "sm_90a");
  const Kernel *kernel = module->find("k");
  ASSERT_NE(kernel, nullptr);
  EXPECT_EQ(module->find("j"), nullptr);
  EXPECT_EQ(kernel->maxThreads(), 128u);
  EXPECT_EQ(kernel->staticSharedBytes(), 8u);
  ASSERT_EQ(kernel->params().size(), 3u);
  EXPECT_EQ(kernel->params()[1].offset, 64u);
  EXPECT_EQ(kernel->params()[2].offset, 192u);
  EXPECT_EQ(kernel->paramBytes(), 200u);
  DeviceMemory memory;
  uint64_t out = memory.allocate(32);
  std::vector<std::byte> params(200);
  std::memcpy(params.data() + 192, &out, 8);
  Report report =
      kernel->launch({1}, {1}, 64, params.data(), memory, LaunchOptions());
  EXPECT_FALSE(report) << report.format();
  const auto *words = reinterpret_cast<const uint32_t *>(out);
  EXPECT_EQ(words[0], 9u);
  EXPECT_EQ(words[1], 0x3F000000u);
  EXPECT_EQ(words[2], 2048u) << "dynamic memory is aligned by 1024";
  EXPECT_EQ(words[3], 1024u);
  EXPECT_EQ(words[4], 7u);
}

TEST(Parser, RefusesLaunchesThatTheKernelExcludes) {
  std::string error;
  auto module =
      Module::parse(".visible .entry k() .reqntid 64 { ret; }", error);
  ASSERT_NE(module, nullptr) << error;
  DeviceMemory memory;
  auto launch = [&](Dim grid, Dim block, size_t shared) {
    return module->kernels()[0]
        ->launch(grid, block, shared, nullptr, memory, LaunchOptions())
        .format();
  };
  EXPECT_EQ(launch({1}, {32}, 0), "wrong-launch: a block has 32 threads, "
                                  "expected 64 (seed 0, latest)");
  EXPECT_EQ(launch({1}, {2048}, 0),
            "wrong-launch: a block has 2048 threads, expected 1 to 1024 (seed "
            "0, latest)");
  EXPECT_EQ(launch({0}, {64}, 0),
            "wrong-launch: the grid has no blocks (seed 0, latest)");
  EXPECT_EQ(launch({1}, {64}, 300000),
            "wrong-launch: a block has 300000 bytes of shared memory, expected "
            "at most 232448 (seed 0, latest)");
}
