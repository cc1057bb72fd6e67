//===- Bits.cpp - Instructions on bit fields and bytes --------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"
#include "Lanes.h"
#include <algorithm>

using namespace pbs::emu;

template <class T>
static void execBfi(Warp &w, const Inst &i, uint32_t m) {
  const uint32_t *a = w.source(i.a, m), *b = w.source(i.b, m),
                 *c = w.source(i.c, m), *e = w.source(i.e, m);
  uint32_t *d = w.destination(i.d, m);
  forLanes<T>(d, m, [&](unsigned l) {
    T insert = getLane<T>(a, l), base = getLane<T>(b, l);
    unsigned position = c[l] & 0xFF, length = e[l] & 0xFF;
    for (unsigned k = 0; k < length && position + k < sizeof(T) * 8; ++k) {
      T bit = T(1) << (position + k);
      base = (base & ~bit) | ((insert >> k & 1) ? bit : 0);
    }
    return base;
  });
}

static void decodeBfi(Decoder &d) {
  Type type = d.takeType();
  d.inst.exec = type == Type::B32   ? Exec(execBfi<uint32_t>)
                : type == Type::B64 ? Exec(execBfi<uint64_t>)
                                    : nullptr;
  if (!d.inst.exec)
    return;
  d.expectOperands(5, 5);
  d.inst.d = d.destination(0, type);
  d.inst.a = d.source(1, type);
  d.inst.b = d.source(2, type);
  d.inst.c = d.source(3, Type::U32);
  d.inst.e = d.source(4, Type::U32);
}

static void execLop3(Warp &w, const Inst &i, uint32_t m) {
  const uint32_t *a = w.source(i.a, m), *b = w.source(i.b, m),
                 *c = w.source(i.c, m);
  uint32_t *d = w.destination(i.d, m);
  forLanes<uint32_t>(d, m, [&](unsigned l) {
    uint32_t result = 0;
    for (unsigned k = 0; k < 8; ++k)
      if (i.imm >> k & 1)
        result |= (k & 4 ? a[l] : ~a[l]) & (k & 2 ? b[l] : ~b[l]) &
                  (k & 1 ? c[l] : ~c[l]);
    return result;
  });
}

static void decodeLop3(Decoder &d) {
  if (d.takeType() != Type::B32)
    return;
  d.expectOperands(5, 5);
  d.inst.exec = execLop3;
  d.inst.d = d.destination(0, Type::B32);
  d.inst.a = d.source(1, Type::B32);
  d.inst.b = d.source(2, Type::B32);
  d.inst.c = d.source(3, Type::B32);
  d.inst.imm = d.immediate(4, "the table of lop3");
}

template <bool left, bool wrap>
static void execShf(Warp &w, const Inst &i, uint32_t m) {
  const uint32_t *a = w.source(i.a, m), *b = w.source(i.b, m),
                 *c = w.source(i.c, m);
  uint32_t *d = w.destination(i.d, m);
  forLanes<uint32_t>(d, m, [&](unsigned l) {
    unsigned n = wrap ? c[l] & 31 : std::min(c[l], 32u);
    uint64_t both = uint64_t(b[l]) << 32 | a[l];
    if (left)
      return n == 0 ? b[l] : uint32_t(both >> (32 - n));
    return uint32_t(n == 32 ? b[l] : both >> n);
  });
}

static void decodeShf(Decoder &d) {
  int direction = d.takeOneOf({"l", "r"});
  int mode = d.takeOneOf({"clamp", "wrap"});
  if (direction < 0 || mode < 0 || d.takeType() != Type::B32)
    return;
  d.inst.exec = direction == 0
                    ? mode ? execShf<true, true> : execShf<true, false>
                : mode ? execShf<false, true>
                       : execShf<false, false>;
  d.expectOperands(4, 4);
  d.inst.d = d.destination(0, Type::B32);
  d.inst.a = d.source(1, Type::B32);
  d.inst.b = d.source(2, Type::B32);
  d.inst.c = d.source(3, Type::U32);
}

static uint32_t permute(uint32_t a, uint32_t b, uint32_t c, int mode) {
  uint64_t bytes = uint64_t(b) << 32 | a;
  unsigned select[4];
  unsigned n = c & 3;
  for (unsigned i = 0; i < 4; ++i) {
    switch (mode) {
    case 0: // f4e
      select[i] = n + i;
      break;
    case 1: // b4e
      select[i] = (n + 8 - i) & 7;
      break;
    case 2: // rc8
      select[i] = n;
      break;
    case 3: // ecl
      select[i] = std::max(n, i);
      break;
    case 4: // ecr
      select[i] = std::min(n, i);
      break;
    case 5: // rc16
      select[i] = 2 * (n & 1) + (i & 1);
      break;
    default:
      select[i] = c >> (4 * i) & 15;
    }
  }
  uint32_t result = 0;
  for (unsigned i = 0; i < 4; ++i) {
    uint32_t byte = bytes >> (8 * (select[i] & 7)) & 0xFF;
    if (select[i] & 8)
      byte = byte & 0x80 ? 0xFF : 0;
    result |= byte << (8 * i);
  }
  return result;
}

static void execPrmt(Warp &w, const Inst &i, uint32_t m) {
  const uint32_t *a = w.source(i.a, m), *b = w.source(i.b, m),
                 *c = w.source(i.c, m);
  uint32_t *d = w.destination(i.d, m);
  forLanes<uint32_t>(d, m, [&](unsigned l) {
    return permute(a[l], b[l], c[l], static_cast<int>(i.imm));
  });
}

static void decodePrmt(Decoder &d) {
  if (d.takeType() != Type::B32)
    return;
  d.inst.imm = d.takeOneOf({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
  d.expectOperands(4, 4);
  d.inst.exec = execPrmt;
  d.inst.d = d.destination(0, Type::B32);
  d.inst.a = d.source(1, Type::B32);
  d.inst.b = d.source(2, Type::B32);
  d.inst.c = d.source(3, Type::B32);
}

std::vector<Family> pbs::emu::bitFamilies() {
  return {{"bfi", decodeBfi},
          {"lop3", decodeLop3},
          {"shf", decodeShf},
          {"prmt", decodePrmt}};
}
