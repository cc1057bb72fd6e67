//===- Compare.cpp - Comparisons of all types, and selections -------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"
#include "Lanes.h"
#include "Numerics.h"
#include <tuple>

using namespace pbs::emu;

namespace {

/// Of Inst::flags: subnormal numbers count as zero.
constexpr uint32_t kFtz = 1;

enum class Compare : uint8_t { Eq, Ne, Lt, Le, Gt, Ge, Num, Nan };

template <class T>
bool compare(Compare how, bool unordered, T a, T b) {
  if (a != a || b != b)
    return how == Compare::Nan || (unordered && how != Compare::Num);
  switch (how) {
  case Compare::Eq:
    return a == b;
  case Compare::Ne:
    return a != b;
  case Compare::Lt:
    return a < b;
  case Compare::Le:
    return a <= b;
  case Compare::Gt:
    return a > b;
  case Compare::Ge:
    return a >= b;
  case Compare::Num:
    return true;
  case Compare::Nan:
    return false;
  }
  return false;
}

/// f16 and bf16, which are compared as the f32 that they stand for.
struct Half {
  uint16_t bits;
};
struct BHalf {
  uint16_t bits;
};

template <class T>
auto value(const Inst &i, T v) {
  if constexpr (std::is_same_v<T, Half>) {
    // What has no exponent is flushed.
    bool isFlushed = (i.flags & kFtz) && !(v.bits & 0x7C00);
    return fromF16(isFlushed ? v.bits & 0x8000 : v.bits);
  } else if constexpr (std::is_same_v<T, BHalf>) {
    return fromBF16(v.bits);
  } else {
    if constexpr (std::is_same_v<T, float>)
      if (i.flags & kFtz)
        v = flush(v);
    return v;
  }
}

/// imm: comparison, bit 8: true if unordered, bits 16-17: 1 and, 2 or, 3 xor.
template <class T>
uint32_t compareLanes(Warp &w, const Inst &i, uint32_t m) {
  const uint32_t *a = w.source(i.a, m), *b = w.source(i.b, m);
  auto how = static_cast<Compare>(i.imm & 0xFF);
  bool unordered = i.imm >> 8 & 1;
  uint32_t result = 0;
  if (m == ~0u) {
    for (unsigned l = 0; l < 32; ++l)
      result |= uint32_t(compare(how, unordered, value(i, getLane<T>(a, l)),
                                 value(i, getLane<T>(b, l))))
                << l;
    return result;
  }
  return maskOf(m, [&](unsigned l) {
    return compare(how, unordered, value(i, getLane<T>(a, l)),
                   value(i, getLane<T>(b, l)));
  });
}

/// The results for the low and the high half of each lane's pair.
template <class T>
std::pair<uint32_t, uint32_t> comparePairs(Warp &w, const Inst &i, uint32_t m) {
  const uint32_t *a = w.source(i.a, m), *b = w.source(i.b, m);
  auto how = static_cast<Compare>(i.imm & 0xFF);
  bool unordered = i.imm >> 8 & 1;
  auto half = [&](unsigned shift) {
    return maskOf(m, [&](unsigned l) {
      T x{uint16_t(getLane<uint32_t>(a, l) >> shift)};
      T y{uint16_t(getLane<uint32_t>(b, l) >> shift)};
      return compare(how, unordered, value(i, x), value(i, y));
    });
  };
  return {half(0), half(16)};
}

/// With one result, the second destination is its complement.
template <class T, bool isPair = false>
void execSetp(Warp &w, const Inst &i, uint32_t m) {
  uint32_t first, second;
  if constexpr (isPair) {
    std::tie(first, second) = comparePairs<T>(w, i, m);
  } else {
    first = compareLanes<T>(w, i, m);
    second = ~first;
  }
  if (unsigned op = i.imm >> 16 & 3) {
    uint32_t c = w.predicate(i.c, m);
    auto combine = [&](uint32_t x) {
      return op == 1 ? x & c : op == 2 ? x | c : x ^ c;
    };
    first = combine(first);
    second = combine(second);
  }
  w.setPredicate(i.d, m, first);
  if (i.d2)
    w.setPredicate(i.d2, m, second);
}

template <class T>
void execSet(Warp &w, const Inst &i, uint32_t m) {
  uint32_t result = compareLanes<T>(w, i, m);
  uint32_t yes = i.type == Type::F32 ? 0x3F800000 : ~0u;
  uint32_t *d = w.destination(i.d, m);
  forLanes<uint32_t>(d, m,
                     [&](unsigned l) { return result >> l & 1 ? yes : 0; });
}

template <template <class> class Pick>
Exec forType(Type type) {
  switch (type) {
  case Type::B16:
  case Type::U16:
    return Pick<uint16_t>::get();
  case Type::S16:
    return Pick<int16_t>::get();
  case Type::B32:
  case Type::U32:
    return Pick<uint32_t>::get();
  case Type::S32:
    return Pick<int32_t>::get();
  case Type::B64:
  case Type::U64:
    return Pick<uint64_t>::get();
  case Type::S64:
    return Pick<int64_t>::get();
  case Type::F16:
    return Pick<Half>::get();
  case Type::BF16:
    return Pick<BHalf>::get();
  case Type::F32:
    return Pick<float>::get();
  case Type::F64:
    return Pick<double>::get();
  default:
    return nullptr;
  }
}
template <class T>
struct PickSetp {
  static Exec get() { return execSetp<T>; }
};
template <class T>
struct PickSet {
  static Exec get() { return execSet<T>; }
};

bool takeComparison(Decoder &d) {
  static constexpr std::pair<std::string_view, int> names[] = {
      {"eq", 0},      {"ne", 1},      {"lt", 2},      {"le", 3},
      {"gt", 4},      {"ge", 5},      {"num", 6},     {"nan", 7},
      {"equ", 0x100}, {"neu", 0x101}, {"ltu", 0x102}, {"leu", 0x103},
      {"gtu", 0x104}, {"geu", 0x105}, {"lo", 2},      {"ls", 3},
      {"hi", 4},      {"hs", 5}};
  for (const auto &[name, code] : names)
    if (d.take(name)) {
      d.inst.imm = code;
      return true;
    }
  return false;
}

void decodeSetp(Decoder &d) {
  if (!takeComparison(d))
    return;
  int combine = d.takeOneOf({"and", "or", "xor"});
  d.inst.imm |= (combine + 1) << 16;
  d.inst.flags = d.take("ftz") ? kFtz : 0;
  Type type = d.takeType();
  // PTX ISA, "Half Precision Comparison Instructions: setp".
  bool isPair = type == Type::F16x2 || type == Type::BF16x2;
  d.inst.exec = type == Type::F16x2    ? execSetp<Half, true>
                : type == Type::BF16x2 ? execSetp<BHalf, true>
                                       : forType<PickSetp>(type);
  if (!d.inst.exec)
    return;
  d.expectOperands(combine >= 0 ? 4 : 3, combine >= 0 ? 4 : 3);
  if (isPair && d.operand(0).second < 0)
    d.fail("expected two destinations, got one");
  d.inst.d = d.predicate(0);
  if (d.operand(0).second >= 0)
    d.inst.d2 = d.registerArg(d.operand(0).second);
  d.inst.a = d.source(1, type);
  d.inst.b = d.source(2, type);
  if (combine >= 0)
    d.inst.c = d.predicate(3);
}

void decodeSet(Decoder &d) {
  if (!takeComparison(d))
    return;
  d.inst.flags = d.take("ftz") ? kFtz : 0;
  d.inst.type = d.takeType();
  Type type = d.takeType();
  if (bytesOf(d.inst.type) != 4)
    return;
  d.inst.exec = forType<PickSet>(type);
  if (!d.inst.exec)
    return;
  d.expectOperands(3, 3);
  d.inst.d = d.destination(0, d.inst.type);
  d.inst.a = d.source(1, type);
  d.inst.b = d.source(2, type);
}

template <class T>
void execSelp(Warp &w, const Inst &i, uint32_t m) {
  uint32_t p = w.predicate(i.c, m);
  const uint32_t *a = w.source(i.a, m & p), *b = w.source(i.b, m & ~p);
  uint32_t *d = w.destination(i.d, m);
  forLanes<T>(d, m, [&](unsigned l) {
    return p >> l & 1 ? getLane<T>(a, l) : getLane<T>(b, l);
  });
}

void decodeSelp(Decoder &d) {
  Type type = d.takeType();
  unsigned bytes = bytesOf(type);
  d.inst.exec = bytes == 2   ? Exec(execSelp<uint16_t>)
                : bytes == 4 ? Exec(execSelp<uint32_t>)
                : bytes == 8 ? Exec(execSelp<uint64_t>)
                             : nullptr;
  if (!d.inst.exec)
    return;
  d.expectOperands(4, 4);
  d.inst.d = d.destination(0, type);
  d.inst.a = d.source(1, type);
  d.inst.b = d.source(2, type);
  d.inst.c = d.predicate(3);
}

} // namespace

std::vector<Family> pbs::emu::compareFamilies() {
  return {{"setp", decodeSetp}, {"set", decodeSet}, {"selp", decodeSelp}};
}
