//===- Bits.cpp - Instructions that count, find and move bits -------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"
#include "Lanes.h"
#include <algorithm>

using namespace pbs::emu;

namespace {

template <class T>
constexpr unsigned kBits = sizeof(T) * 8;

struct Popc {
  template <class T>
  static uint32_t apply(T a) {
    return __builtin_popcountll(a);
  }
};
struct Clz {
  template <class T>
  static uint32_t apply(T a) {
    return a ? __builtin_clzll(a) - (64 - kBits<T>) : kBits<T>;
  }
};
struct Brev {
  template <class T>
  static T apply(T a) {
    T result = 0;
    for (unsigned i = 0; i < kBits<T>; ++i)
      result |= T(a >> i & 1) << (kBits<T> - 1 - i);
    return result;
  }
};
template <bool shift>
struct Bfind {
  template <class T>
  static uint32_t apply(T a) {
    std::make_unsigned_t<T> bits = std::is_signed_v<T> && a < 0 ? ~a : a;
    if (!bits)
      return ~0u;
    uint32_t top = 63 - __builtin_clzll(bits);
    return shift ? kBits<T> - 1 - top : top;
  }
};
struct Bfe {
  template <class T>
  static T apply(T a, uint32_t position, uint32_t length) {
    position &= 0xFF;
    length &= 0xFF;
    constexpr unsigned msb = kBits<T> - 1;
    bool sign = std::is_signed_v<T> && length != 0 &&
                (a >> std::min(position + length - 1, msb) & 1);
    T result = 0;
    for (unsigned i = 0; i <= msb; ++i) {
      bool bit =
          i < length && position + i <= msb ? (a >> (position + i) & 1) : sign;
      result |= T(std::make_unsigned_t<T>(bit) << i);
    }
    return result;
  }
};
} // namespace

static void unaryOperands(Decoder &d, Type dType, Type type) {
  d.expectOperands(2, 2);
  d.inst.d = d.destination(0, dType);
  d.inst.a = d.source(1, type);
}

/// popc, clz: the result has 32 bits.
template <class Op>
static void decodeCount(Decoder &d) {
  Type type = d.takeType();
  d.inst.exec = type == Type::B32   ? Exec(execUnary<Op, uint32_t>)
                : type == Type::B64 ? Exec(execUnary<Op, uint32_t, uint64_t>)
                                    : nullptr;
  if (d.inst.exec)
    unaryOperands(d, Type::U32, type);
}

static void decodeBrev(Decoder &d) {
  Type type = d.takeType();
  d.inst.exec = type == Type::B32   ? Exec(execUnary<Brev, uint32_t>)
                : type == Type::B64 ? Exec(execUnary<Brev, uint64_t>)
                                    : nullptr;
  if (d.inst.exec)
    unaryOperands(d, type, type);
}

template <bool shift>
static Exec bfindFor(Type type) {
  switch (type) {
  case Type::U32:
    return execUnary<Bfind<shift>, uint32_t, uint32_t>;
  case Type::S32:
    return execUnary<Bfind<shift>, uint32_t, int32_t>;
  case Type::U64:
    return execUnary<Bfind<shift>, uint32_t, uint64_t>;
  case Type::S64:
    return execUnary<Bfind<shift>, uint32_t, int64_t>;
  default:
    return nullptr;
  }
}

static void decodeBfind(Decoder &d) {
  bool shift = d.take("shiftamt");
  Type type = d.takeType();
  d.inst.exec = shift ? bfindFor<true>(type) : bfindFor<false>(type);
  if (d.inst.exec)
    unaryOperands(d, Type::U32, type);
}

static void decodeBfe(Decoder &d) {
  Type type = d.takeType();
  d.inst.exec =
      type == Type::U32
          ? Exec(execTernary<Bfe, uint32_t, uint32_t, uint32_t, uint32_t>)
      : type == Type::S32
          ? Exec(execTernary<Bfe, int32_t, int32_t, uint32_t, uint32_t>)
      : type == Type::U64
          ? Exec(execTernary<Bfe, uint64_t, uint64_t, uint32_t, uint32_t>)
      : type == Type::S64
          ? Exec(execTernary<Bfe, int64_t, int64_t, uint32_t, uint32_t>)
          : nullptr;
  if (!d.inst.exec)
    return;
  d.expectOperands(4, 4);
  d.inst.d = d.destination(0, type);
  d.inst.a = d.source(1, type);
  d.inst.b = d.source(2, Type::U32);
  d.inst.c = d.source(3, Type::U32);
}

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
  return {{"popc", decodeCount<Popc>}, {"clz", decodeCount<Clz>},
          {"brev", decodeBrev},        {"bfind", decodeBfind},
          {"bfe", decodeBfe},          {"bfi", decodeBfi},
          {"lop3", decodeLop3},        {"shf", decodeShf},
          {"prmt", decodePrmt}};
}
