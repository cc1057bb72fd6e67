//===- Convert.cpp - Moves and conversions --------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"
#include "Lanes.h"
#include "Numerics.h"
#include <algorithm>
#include <limits>

using namespace pbs::emu;

namespace {

/// A move of a value that was never written moves that state along.
template <class T>
void execMov(Warp &w, const Inst &i, uint32_t m) {
  uint32_t missing = w.unreadable[i.a.id] & m;
  if (w.inFlight[i.a.id])
    w.failRead(i.a, m);
  const uint32_t *a = w.source(i.a, m & ~missing);
  uint32_t *d = w.destination(i.d, m & ~missing);
  forLanes<T>(d, m, [&](unsigned l) { return getLane<T>(a, l); });
  w.unreadable[i.d.id] |= missing;
}

void execMovPredicate(Warp &w, const Inst &i, uint32_t m) {
  w.setPredicate(i.d, m, w.predicate(i.a, m));
}

/// Sets a predicate, for a constant that is not 0, or clears it.
template <bool value>
void execSetPredicate(Warp &w, const Inst &i, uint32_t m) {
  w.setPredicate(i.d, m, value ? ~0u : 0);
}

/// mov.b64 %rd, {%r0, %r1} and the like.
void execPack(Warp &w, const Inst &i, uint32_t m) {
  unsigned part = i.size * 8;
  const uint32_t *sources[8];
  for (size_t k = 0; k < i.list.size(); ++k)
    sources[k] = w.source(i.list[k], m);
  uint32_t *d = w.destination(i.d, m);
  eachLane(m, [&](unsigned l) {
    uint64_t value = 0;
    for (size_t k = 0; k < i.list.size(); ++k)
      value |= (sources[k][l] & ((uint64_t(1) << part) - 1)) << (part * k);
    if (i.d.bits == 64)
      setLane<uint64_t>(d, l, value);
    else
      d[l] = static_cast<uint32_t>(value);
  });
}

void execUnpack(Warp &w, const Inst &i, uint32_t m) {
  unsigned part = i.size * 8;
  w.source(i.a, m);
  uint64_t values[32];
  eachLane(m, [&](unsigned l) { values[l] = w.value(i.a, l); });
  for (size_t k = 0; k < i.list.size(); ++k) {
    if (!i.list[k])
      continue;
    uint32_t *d = w.destination(i.list[k], m);
    eachLane(m, [&](unsigned l) {
      d[l] = static_cast<uint32_t>(values[l] >> (part * k) &
                                   ((uint64_t(1) << part) - 1));
    });
  }
}

/// %clock, %clock64, %globaltimer: instructions executed so far.
void execTime(Warp &w, const Inst &i, uint32_t m) {
  uint32_t *d = w.destination(i.d, m);
  uint64_t now = w.machine->executed;
  eachLane(m, [&](unsigned l) {
    if (i.d.bits == 64)
      setLane<uint64_t>(d, l, now);
    else
      d[l] = static_cast<uint32_t>(now);
  });
}

void decodePack(Decoder &d, Type type) {
  using Kind = ptx::Operand::Kind;
  const ptx::Operand &to = d.operand(0), &from = d.operand(1);
  bool pack = from.kind == Kind::Vector;
  const std::vector<ptx::Operand> &parts = pack ? from.elements : to.elements;
  unsigned bytes = bytesOf(type);
  if (parts.size() < 2 || bytes % parts.size() || bytes / parts.size() > 4)
    d.unknown();
  d.inst.size = static_cast<uint8_t>(bytes / parts.size());
  Type part = d.inst.size == 4   ? Type::B32
              : d.inst.size == 2 ? Type::B16
                                 : Type::B8;
  for (const ptx::Operand &op : parts) {
    if (op.kind == Kind::Sink)
      d.inst.list.push_back(Arg());
    else
      d.inst.list.push_back(pack ? d.wideSource(op, part)
                                 : d.wideDestination(op, part));
  }
  if (pack)
    d.inst.d = d.destination(0, type);
  else
    d.inst.a = d.source(1, type);
  d.inst.exec = pack ? execPack : execUnpack;
}

void decodeMov(Decoder &d) {
  using Kind = ptx::Operand::Kind;
  Type type = d.takeType();
  d.expectOperands(2, 2);
  if (d.operand(0).kind == Kind::Vector || d.operand(1).kind == Kind::Vector)
    return decodePack(d, type);
  if (type == Type::Pred) {
    d.inst.d = d.predicate(0);
    const ptx::Operand &source = d.operand(1);
    if (source.kind == Kind::Immediate && !source.isFloat) {
      d.inst.exec =
          source.value ? execSetPredicate<true> : execSetPredicate<false>;
      return;
    }
    d.inst.exec = execMovPredicate;
    d.inst.a = d.predicate(1);
    return;
  }
  const std::string &special = d.operand(1).special;
  if (special == "%clock" || special == "%clock64" ||
      special == "%globaltimer" || special == "%globaltimer_lo" ||
      special == "%clock_hi" || special == "%globaltimer_hi") {
    d.inst.exec = execTime;
    d.inst.d = d.destination(0, type);
    return;
  }
  unsigned bytes = bytesOf(type);
  d.inst.exec = bytes == 2   ? Exec(execMov<uint16_t>)
                : bytes == 4 ? Exec(execMov<uint32_t>)
                : bytes == 8 ? Exec(execMov<uint64_t>)
                             : nullptr;
  if (!d.inst.exec)
    return;
  d.inst.d = d.destination(0, type);
  d.inst.a = d.source(1, type);
}

/// imm: what is added to change the space.
void execCvta(Warp &w, const Inst &i, uint32_t m) {
  w.source(i.a, m);
  uint32_t *d = w.destination(i.d, m);
  eachLane(m, [&](unsigned l) {
    uint64_t value = w.value(i.a, l);
    if (i.flags) // to a space
      value &= ~kWindowMask;
    else
      value |= static_cast<uint64_t>(i.imm);
    if (i.d.bits == 64)
      setLane<uint64_t>(d, l, value);
    else
      d[l] = static_cast<uint32_t>(value);
  });
}

void decodeCvta(Decoder &d) {
  bool to = d.take("to");
  ptx::Space space = d.takeSpace();
  Type type = d.takeType();
  if (space == ptx::Space::Generic || bytesOf(type) != 8)
    return;
  bool hasWindow = space == ptx::Space::Shared || space == ptx::Space::Param;
  d.inst.imm = static_cast<int64_t>(space == ptx::Space::Shared  ? kSharedWindow
                                    : space == ptx::Space::Param ? kParamWindow
                                                                 : 0);
  d.inst.flags = to && hasWindow;
  d.inst.exec = execCvta;
  d.expectOperands(2, 2);
  d.inst.d = d.destination(0, type);
  d.inst.a = d.source(1, type);
}

// cvt.

enum : uint32_t { kFtz = 1, kSat = 2, kRelu = 4, kIntegral = 8 };

bool isFloatType(Type t) {
  return t == Type::F16 || t == Type::BF16 || t == Type::F32 || t == Type::F64;
}
bool isSignedType(Type t) {
  return t == Type::S8 || t == Type::S16 || t == Type::S32 || t == Type::S64;
}

double loadFloat(Type type, uint64_t bits) {
  switch (type) {
  case Type::F16:
    return fromF16(static_cast<uint16_t>(bits));
  case Type::BF16:
    return fromBF16(static_cast<uint16_t>(bits));
  case Type::F32:
    return bitCast<float>(static_cast<uint32_t>(bits));
  default:
    return bitCast<double>(bits);
  }
}

uint64_t storeFloat(Type type, double x, Rounding mode, uint32_t flags) {
  if (flags & kSat)
    x = x > 0 ? std::min(x, 1.0) : 0;
  if (flags & kRelu && x == x)
    x = x > 0 ? x : 0;
  switch (type) {
  case Type::F16:
    return toF16(x, mode);
  case Type::BF16:
    return toBF16(x, mode);
  case Type::F32: {
    float result = roundToF32(x, mode);
    return bitCast<uint32_t>(flags & kFtz ? flush(result) : result);
  }
  default:
    return bitCast<uint64_t>(x);
  }
}

double roundToIntegral(double x, Rounding mode) {
  switch (mode) {
  case Rounding::Nearest:
    return std::nearbyint(x);
  case Rounding::Zero:
    return std::trunc(x);
  case Rounding::Down:
    return std::floor(x);
  case Rounding::Up:
    return std::ceil(x);
  }
  return x;
}

/// Saturates; NaN becomes 0 (and the largest 64-bit pattern's sign bit for
/// 64-bit results, as the hardware has it).
uint64_t toInteger(double x, Type type) {
  unsigned bits = bytesOf(type) * 8;
  bool isSigned = isSignedType(type);
  if (x != x)
    return bits == 64 ? uint64_t(1) << 63 : 0;
  double high = std::ldexp(1.0, static_cast<int>(bits) - isSigned);
  double low = isSigned ? -high : 0;
  uint64_t mask = bits == 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1;
  if (x >= high)
    return (isSigned ? mask >> 1 : mask);
  if (x <= low)
    return isSigned ? (mask >> 1) + 1 : 0;
  return isSigned ? static_cast<uint64_t>(static_cast<int64_t>(x)) & mask
                  : static_cast<uint64_t>(x);
}

/// Integer to double, rounded to odd where 64 bits do not fit, so that rounding
/// it to a smaller type gives what rounding the integer does.
double fromInteger(uint64_t bits, bool isSigned) {
  bool negative = isSigned && static_cast<int64_t>(bits) < 0;
  uint64_t magnitude = negative ? -bits : bits;
  double high = static_cast<double>(magnitude >> 32) * 0x1p32;
  double value = addToOdd(high, static_cast<double>(magnitude & 0xFFFFFFFF));
  return negative ? -value : value;
}

/// Integer to double, rounded as asked.
double roundToF64(uint64_t bits, bool isSigned, Rounding mode) {
  double value = isSigned ? static_cast<double>(static_cast<int64_t>(bits))
                          : static_cast<double>(bits);
  __int128 exact =
      isSigned ? __int128(static_cast<int64_t>(bits)) : __int128(bits);
  auto rounded = static_cast<__int128>(value);
  bool towardsZero = mode == Rounding::Zero;
  if (rounded < exact && (mode == Rounding::Up || (towardsZero && exact < 0)))
    return std::nextafter(value, INFINITY);
  if (rounded > exact && (mode == Rounding::Down || (towardsZero && exact > 0)))
    return std::nextafter(value, -INFINITY);
  return value;
}

uint64_t extend(uint64_t bits, Type type) {
  unsigned width = bytesOf(type) * 8;
  if (width == 64)
    return bits;
  bits &= (uint64_t(1) << width) - 1;
  if (isSignedType(type) && bits >> (width - 1) & 1)
    bits |= ~uint64_t(0) << width;
  return bits;
}

/// Clamps an integer of type `from` to the range of `to`.
uint64_t clampInteger(uint64_t value, Type from, Type to) {
  unsigned width = bytesOf(to) * 8;
  bool negative = isSignedType(from) && static_cast<int64_t>(value) < 0;
  if (isSignedType(to)) {
    int64_t high = static_cast<int64_t>(~uint64_t(0) >> (65 - width));
    if (negative)
      return static_cast<uint64_t>(
          std::max(static_cast<int64_t>(value), -high - 1));
    return std::min(value, static_cast<uint64_t>(high));
  }
  return negative ? 0 : std::min(value, ~uint64_t(0) >> (64 - width));
}

/// type: of the result; size: Type of the source; imm: rounding.
void execCvt(Warp &w, const Inst &i, uint32_t m) {
  Type to = i.type, from = static_cast<Type>(i.size);
  auto mode = static_cast<Rounding>(i.imm);
  w.source(i.a, m);
  uint64_t results[32];
  eachLane(m, [&](unsigned l) {
    uint64_t bits = extend(w.value(i.a, l), from), result;
    if (isFloatType(from)) {
      double x = loadFloat(from, bits);
      if (i.flags & kFtz && from == Type::F32)
        x = flush(static_cast<float>(x));
      if (from == Type::BF16 && to == Type::F32 && !i.flags)
        result = bits << 16; // NaNs as they are
      else if (!isFloatType(to))
        result = toInteger(roundToIntegral(x, mode), to);
      else if (i.flags & kIntegral)
        result = storeFloat(to, roundToIntegral(x, mode), Rounding::Nearest,
                            i.flags);
      else
        result = storeFloat(to, x, mode, i.flags);
    } else if (to == Type::F64) {
      result = storeFloat(to, roundToF64(bits, isSignedType(from), mode), mode,
                          i.flags);
    } else if (isFloatType(to)) {
      result =
          storeFloat(to, fromInteger(bits, isSignedType(from)), mode, i.flags);
    } else {
      if (i.flags & kSat)
        bits = clampInteger(bits, from, to);
      result = extend(bits, to);
    }
    results[l] = result;
  });
  uint32_t *d = w.destination(i.d, m);
  eachLane(m, [&](unsigned l) {
    if (i.d.bits == 64)
      setLane<uint64_t>(d, l, results[l]);
    else
      d[l] = static_cast<uint32_t>(i.d.bits == 16 ? results[l] & 0xFFFF
                                                  : results[l]);
  });
}

struct Truncate {
  static uint32_t apply(uint64_t a) { return static_cast<uint32_t>(a); }
};
struct ZeroExtend {
  static uint64_t apply(uint32_t a) { return a; }
};
struct SignExtend {
  static int64_t apply(int32_t a) { return a; }
};

/// cvt.rn.bf16x2.f32 d, a, b: a is the high half.
template <bool isBF16>
void execCvtPacked(Warp &w, const Inst &i, uint32_t m) {
  const uint32_t *a = w.source(i.a, m), *b = w.source(i.b, m);
  uint32_t *d = w.destination(i.d, m);
  auto mode = static_cast<Rounding>(i.imm);
  if (isBF16 && mode == Rounding::Nearest && i.flags == 0) {
    forLanes<uint32_t>(d, m, [&](unsigned l) {
      return uint32_t(toBF16(bitCast<float>(a[l]))) << 16 |
             toBF16(bitCast<float>(b[l]));
    });
    return;
  }
  Type type = isBF16 ? Type::BF16 : Type::F16;
  forLanes<uint32_t>(d, m, [&](unsigned l) {
    return static_cast<uint32_t>(
        storeFloat(type, bitCast<float>(a[l]), mode, i.flags) << 16 |
        storeFloat(type, bitCast<float>(b[l]), mode, i.flags));
  });
}

void decodeCvt(Decoder &d) {
  int rounding = d.takeOneOf({"rn", "rz", "rm", "rp"});
  int integral = d.takeOneOf({"rni", "rzi", "rmi", "rpi"});
  Inst &inst = d.inst;
  inst.flags = (d.take("ftz") ? kFtz : 0) | (d.take("sat") ? kSat : 0) |
               (d.take("relu") ? kRelu : 0) | (integral >= 0 ? kIntegral : 0);
  int mode = std::max({rounding, integral, 0});
  inst.imm = static_cast<int64_t>(std::array{
      Rounding::Nearest, Rounding::Zero, Rounding::Down, Rounding::Up}[mode]);
  Type to = d.takeType(), from = d.takeType();
  if (to == Type::None || from == Type::None || to == Type::Pred ||
      from == Type::Pred)
    return;
  if (to == Type::F16x2 || to == Type::BF16x2) {
    if (from != Type::F32 || integral >= 0 || mode > 1)
      return;
    d.expectOperands(3, 3);
    inst.exec = to == Type::BF16x2 ? execCvtPacked<true> : execCvtPacked<false>;
    inst.d = d.destination(0, to);
    inst.a = d.source(1, from);
    inst.b = d.source(2, from);
    return;
  }
  if (from == Type::F16x2 || from == Type::BF16x2)
    return;
  inst.type = to;
  inst.size = static_cast<uint8_t>(from);
  d.expectOperands(2, 2);
  inst.d = d.wideDestination(d.operand(0), to);
  inst.a = d.wideSource(d.operand(1), from);
  inst.exec = execCvt;
  if (inst.flags == 0 && inst.d.bits == 64 && inst.a.bits == 32 &&
      bytesOf(from) == 4 && !isFloatType(from) && !isFloatType(to))
    inst.exec = isSignedType(from)
                    ? Exec(execUnary<SignExtend, int64_t, int32_t>)
                    : Exec(execUnary<ZeroExtend, uint64_t, uint32_t>);
  if (inst.flags == 0 && inst.d.bits == 32 && inst.a.bits == 64 &&
      bytesOf(to) == 4 && bytesOf(from) == 8 && !isFloatType(from) &&
      !isFloatType(to))
    inst.exec = execUnary<Truncate, uint32_t, uint64_t>;
}

} // namespace

std::vector<Family> pbs::emu::convertFamilies() {
  return {{"mov", decodeMov}, {"cvta", decodeCvta}, {"cvt", decodeCvt}};
}
