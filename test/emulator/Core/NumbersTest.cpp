//===- NumbersTest.cpp - Values of instructions ---------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the programs with results of a GPU (test/emulator/Hardware) leave out.
//
//===----------------------------------------------------------------------===//

#include "Snippet.h"

using namespace pbs::emu;
using namespace pbs::emu::test;

TEST(Numbers, HalvesCompareAsTheirValues) {
  // 0x3C00 is 1 in f16 and less in bf16; 0x7E00 is NaN in f16 alone.
  auto out = valuesOf(R"(
    mov.b16 %h0, 0x3C00; mov.b16 %h1, 0x3F80; mov.b16 %h2, 0x7E00;
    mov.b16 %h3, 0x8001; mov.b16 %h4, 0;
    setp.lt.f16 %p0, %h0, %h1; setp.lt.bf16 %p1, %h0, %h1;
    setp.gtu.f16 %p2, %h0, %h2; setp.gtu.bf16 %p3, %h0, %h2;
    setp.lt.f16 %p4, %h3, %h4; setp.lt.ftz.f16 %p5, %h3, %h4;
    selp.b32 %r0, 1, 0, %p0; selp.b32 %r1, 2, 0, %p1; or.b32 %r0, %r0, %r1;
    selp.b32 %r1, 4, 0, %p2; or.b32 %r0, %r0, %r1;
    selp.b32 %r1, 8, 0, %p3; or.b32 %r0, %r0, %r1;
    selp.b32 %r1, 16, 0, %p4; or.b32 %r0, %r0, %r1;
    selp.b32 %r1, 32, 0, %p5; or.b32 %r0, %r0, %r1;)");
  EXPECT_EQ(out[0], 1u + 2 + 4 + 16);
}

TEST(Numbers, PairsOfHalvesCompareEachForItself) {
  // Low halves 1 and 1.875, high ones 1.875 and 1 in f16; in bf16 the low ones
  // are less than 1 and 1.
  auto out = valuesOf(R"(
    mov.b32 %r1, 0x3F803C00; mov.b32 %r2, 0x3C003F80;
    setp.lt.f16x2 %p0|%p1, %r1, %r2; setp.gt.bf16x2 %p2|%p3, %r1, %r2;
    setp.eq.and.f16x2 %p4|%p5, %r1, %r1, %p0;
    selp.b32 %r0, 1, 0, %p0; selp.b32 %r3, 2, 0, %p1; or.b32 %r0, %r0, %r3;
    selp.b32 %r3, 4, 0, %p2; or.b32 %r0, %r0, %r3;
    selp.b32 %r3, 8, 0, %p3; or.b32 %r0, %r0, %r3;
    selp.b32 %r3, 16, 0, %p4; or.b32 %r0, %r0, %r3;
    selp.b32 %r3, 32, 0, %p5; or.b32 %r0, %r0, %r3;)");
  EXPECT_EQ(out[0], 1u + 8 + 16 + 32);
}

/// The bits of `integer` as f64, by an instruction like "cvt.rn.f64.s64".
static uint64_t convert(const std::string &instruction, uint64_t integer) {
  std::string body = "mov.b64 %d1, " + std::to_string(integer) + "; " +
                     instruction +
                     " %d2, %d1; mov.b64 {%r1, %r2}, %d2; "
                     "setp.eq.u32 %p0, %lane, 0; selp.b32 %r0, %r1, %r2, %p0;";
  std::vector<uint32_t> out = valuesOf(body);
  return out[0] | uint64_t(out[1]) << 32;
}

TEST(Numbers, LongIntegersRoundToDoubles) {
  // 2^63 + 2^10 + 1 is just above the middle of two doubles.
  constexpr uint64_t above = 0x8000000000000401;
  EXPECT_EQ(convert("cvt.rn.f64.u64", above), 0x43E0000000000001u);
  EXPECT_EQ(convert("cvt.rz.f64.u64", above), 0x43E0000000000000u);
  EXPECT_EQ(convert("cvt.rm.f64.u64", above), 0x43E0000000000000u);
  EXPECT_EQ(convert("cvt.rp.f64.u64", above), 0x43E0000000000001u);
  // The middle goes to the even one.
  EXPECT_EQ(convert("cvt.rn.f64.u64", above - 1), 0x43E0000000000000u);
  // As s64 it is -(2^63 - 2^10 - 1), whose doubles lie 2^10 apart.
  EXPECT_EQ(convert("cvt.rn.f64.s64", above), 0xC3DFFFFFFFFFFFFFu);
  EXPECT_EQ(convert("cvt.rz.f64.s64", above), 0xC3DFFFFFFFFFFFFEu);
  EXPECT_EQ(convert("cvt.rm.f64.s64", above), 0xC3DFFFFFFFFFFFFFu);
  EXPECT_EQ(convert("cvt.rp.f64.s64", above), 0xC3DFFFFFFFFFFFFEu);
  EXPECT_EQ(convert("cvt.rn.f64.s64", 5), 0x4014000000000000u);
}

TEST(Numbers, AdditionsCarry) {
  auto out = valuesOf(R"(
    mov.b32 %r1, 0xFFFFFFFF; mov.b32 %r2, 5;
    add.cc.u32 %r3, %r1, 1; addc.u32 %r0, %r2, 0;
    add.cc.u32 %r3, %r1, 0; addc.cc.u32 %r3, %r1, 1; addc.u32 %r0, %r0, 10;)");
  EXPECT_EQ(out[0], 6u + 1 + 10);
}
