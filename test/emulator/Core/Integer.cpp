//===- Integer.cpp - Integer and logic instructions -----------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"
#include "Lanes.h"
#include <algorithm>
#include <limits>

using namespace pbs::emu;

namespace {

template <class T>
using Unsigned = std::make_unsigned_t<T>;
template <class T>
constexpr unsigned kBits = sizeof(T) * 8;

struct Add {
  template <class T>
  static T apply(T a, T b) {
    return T(Unsigned<T>(a) + Unsigned<T>(b));
  }
};
struct AddSaturating {
  template <class T>
  static T apply(T a, T b) {
    T sum;
    if (!__builtin_add_overflow(a, b, &sum))
      return sum;
    return a < 0 ? std::numeric_limits<T>::min()
                 : std::numeric_limits<T>::max();
  }
};
struct Sub {
  template <class T>
  static T apply(T a, T b) {
    return T(Unsigned<T>(a) - Unsigned<T>(b));
  }
};
struct SubSaturating {
  template <class T>
  static T apply(T a, T b) {
    T sum;
    if (!__builtin_sub_overflow(a, b, &sum))
      return sum;
    return a < 0 ? std::numeric_limits<T>::min()
                 : std::numeric_limits<T>::max();
  }
};
struct MulLo {
  template <class T>
  static T apply(T a, T b) {
    return T(uint64_t(a) * uint64_t(b));
  }
};
struct MulHi {
  template <class T>
  static T apply(T a, T b) {
    using Wide =
        std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
    return T((Wide(a) * Wide(b)) >> kBits<T>);
  }
};
struct MulWide {
  template <class T>
  static auto apply(T a, T b) {
    using Wide = std::conditional_t<
        sizeof(T) == 2,
        std::conditional_t<std::is_signed_v<T>, int32_t, uint32_t>,
        std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>;
    return Wide(Wide(a) * Wide(b));
  }
};
template <class Op>
struct ThenAdd {
  template <class T, class C>
  static C apply(T a, T b, C c) {
    return Add::apply<C>(Op::apply(a, b), c);
  }
};
struct Div {
  // Division by zero gives all ones; the ISA leaves it open.
  template <class T>
  static T apply(T a, T b) {
    if (b == 0)
      return T(-1);
    if (std::is_signed_v<T> && b == T(-1))
      return Sub::apply<T>(0, a);
    return a / b;
  }
};
struct Rem {
  template <class T>
  static T apply(T a, T b) {
    if (b == 0)
      return a;
    if (std::is_signed_v<T> && b == T(-1))
      return 0;
    return a % b;
  }
};
struct Min {
  template <class T>
  static T apply(T a, T b) {
    return b < a ? b : a;
  }
};
struct Max {
  template <class T>
  static T apply(T a, T b) {
    return a < b ? b : a;
  }
};
struct Abs {
  template <class T>
  static T apply(T a) {
    return a < 0 ? Sub::apply<T>(0, a) : a;
  }
};
struct Neg {
  template <class T>
  static T apply(T a) {
    return Sub::apply<T>(0, a);
  }
};
struct And {
  template <class T>
  static T apply(T a, T b) {
    return a & b;
  }
};
struct Or {
  template <class T>
  static T apply(T a, T b) {
    return a | b;
  }
};
struct Xor {
  template <class T>
  static T apply(T a, T b) {
    return a ^ b;
  }
};
struct Not {
  template <class T>
  static T apply(T a) {
    return T(~a);
  }
};
struct CNot {
  template <class T>
  static T apply(T a) {
    return a == 0;
  }
};
struct Shl {
  template <class T>
  static T apply(T a, uint32_t b) {
    return b >= kBits<T> ? T(0) : T(Unsigned<T>(a) << b);
  }
};
struct Shr {
  template <class T>
  static T apply(T a, uint32_t b) {
    if (b >= kBits<T>)
      return std::is_signed_v<T> && a < 0 ? T(-1) : T(0);
    return T(a >> b);
  }
};
struct Sad {
  template <class T>
  static T apply(T a, T b, T c) {
    return Add::apply<T>(c, a < b ? Sub::apply<T>(b, a) : Sub::apply<T>(a, b));
  }
};

/// Picks exec for the integer type.
template <class Op>
Exec binaryFor(Type type) {
  switch (type) {
  case Type::U16:
  case Type::B16:
    return execBinary<Op, uint16_t>;
  case Type::S16:
    return execBinary<Op, int16_t>;
  case Type::U32:
  case Type::B32:
    return execBinary<Op, uint32_t>;
  case Type::S32:
    return execBinary<Op, int32_t>;
  case Type::U64:
  case Type::B64:
    return execBinary<Op, uint64_t>;
  case Type::S64:
    return execBinary<Op, int64_t>;
  default:
    return nullptr;
  }
}
template <class Op>
Exec ternaryFor(Type type) {
  switch (type) {
  case Type::U16:
    return execTernary<Op, uint16_t>;
  case Type::S16:
    return execTernary<Op, int16_t>;
  case Type::U32:
    return execTernary<Op, uint32_t>;
  case Type::S32:
    return execTernary<Op, int32_t>;
  case Type::U64:
    return execTernary<Op, uint64_t>;
  case Type::S64:
    return execTernary<Op, int64_t>;
  default:
    return nullptr;
  }
}
template <class Op>
Exec signedUnaryFor(Type type) {
  switch (type) {
  case Type::S16:
    return execUnary<Op, int16_t>;
  case Type::S32:
    return execUnary<Op, int32_t>;
  case Type::S64:
    return execUnary<Op, int64_t>;
  default:
    return nullptr;
  }
}
template <class Op>
Exec shiftFor(Type type) {
  switch (type) {
  case Type::B16:
  case Type::U16:
    return execBinary<Op, uint16_t, uint16_t, uint32_t>;
  case Type::S16:
    return execBinary<Op, int16_t, int16_t, uint32_t>;
  case Type::B32:
  case Type::U32:
    return execBinary<Op, uint32_t, uint32_t, uint32_t>;
  case Type::S32:
    return execBinary<Op, int32_t, int32_t, uint32_t>;
  case Type::B64:
  case Type::U64:
    return execBinary<Op, uint64_t, uint64_t, uint32_t>;
  case Type::S64:
    return execBinary<Op, int64_t, int64_t, uint32_t>;
  default:
    return nullptr;
  }
}
template <class Op>
Exec wideFor(Type type) {
  switch (type) {
  case Type::U16:
    return execBinary<Op, uint32_t, uint16_t>;
  case Type::S16:
    return execBinary<Op, int32_t, int16_t>;
  case Type::U32:
    return execBinary<Op, uint64_t, uint32_t>;
  case Type::S32:
    return execBinary<Op, int64_t, int32_t>;
  default:
    return nullptr;
  }
}
template <class Op>
Exec wideTernaryFor(Type type) {
  switch (type) {
  case Type::U16:
    return execTernary<Op, uint32_t, uint16_t>;
  case Type::S16:
    return execTernary<Op, int32_t, int16_t>;
  case Type::U32:
    return execTernary<Op, uint64_t, uint32_t>;
  case Type::S32:
    return execTernary<Op, int64_t, int32_t>;
  default:
    return nullptr;
  }
}

Type wider(Type type) {
  switch (type) {
  case Type::U16:
    return Type::U32;
  case Type::S16:
    return Type::S32;
  case Type::U32:
    return Type::U64;
  default:
    return Type::S64;
  }
}

void operands(Decoder &d, Type dType, Type type, size_t count) {
  d.expectOperands(count + 1, count + 1);
  d.inst.d = d.destination(0, dType);
  d.inst.a = d.source(1, type);
  if (count > 1)
    d.inst.b = d.source(2, type);
}

bool isFloat(const Decoder &d) {
  for (std::string_view part : d.statement->parts)
    if (Type t = typeNamed(part); t == Type::F32 || t == Type::F64 ||
                                  t == Type::F16 || t == Type::BF16 ||
                                  t == Type::F16x2 || t == Type::BF16x2)
      return true;
  return false;
}

} // namespace

namespace pbs::emu {
void decodeFloatArithmetic(Decoder &d);
}

/// add, sub, mul, ...: of floats elsewhere.
template <class Op>
static void decodeBinary(Decoder &d) {
  if (isFloat(d))
    return decodeFloatArithmetic(d);
  Type type = d.takeType();
  d.inst.exec = binaryFor<Op>(type);
  if (d.inst.exec)
    operands(d, type, type, 2);
}

/// min and max of s32 that are at least 0.
template <class Op>
struct Relu {
  template <class T>
  static T apply(T a, T b) {
    T value = Op::apply(a, b);
    return value < T(0) ? T(0) : value;
  }
};

template <class Op>
static void decodeMinMax(Decoder &d) {
  if (!isFloat(d) && d.take("relu"))
    return decodeBinary<Relu<Op>>(d);
  decodeBinary<Op>(d);
}

/// Additions that leave or add a carry (PTX ISA, "Extended-Precision Integer
/// Arithmetic Instructions").
template <bool adds, bool leaves>
static void execCarry(Warp &w, const Inst &i, uint32_t m) {
  const uint32_t *a = w.source(i.a, m), *b = w.source(i.b, m);
  uint32_t carry = w.carry, next = 0;
  forLanes<uint32_t>(w.destination(i.d, m), m, [&](unsigned l) {
    uint64_t sum = uint64_t(getLane<uint32_t>(a, l)) + getLane<uint32_t>(b, l);
    if (adds)
      sum += carry >> l & 1;
    next |= uint32_t(sum >> 32) << l;
    return uint32_t(sum);
  });
  if (leaves)
    w.carry = (carry & ~m) | next;
}

static void decodeCarry(Decoder &d, bool adds, bool leaves) {
  Type type = d.takeType();
  if (type != Type::U32 && type != Type::S32)
    d.unknown();
  d.inst.exec = !adds    ? execCarry<false, true>
                : leaves ? execCarry<true, true>
                         : execCarry<true, false>;
  operands(d, type, type, 2);
}

static void decodeAddCarry(Decoder &d) {
  decodeCarry(d, /*adds=*/true, /*leaves=*/d.take("cc"));
}

template <class Op, class Saturating>
static void decodeAddSub(Decoder &d) {
  if (isFloat(d))
    return decodeFloatArithmetic(d);
  if (std::is_same_v<Op, Add> && d.take("cc"))
    return decodeCarry(d, /*adds=*/false, /*leaves=*/true);
  bool saturate = d.take("sat");
  Type type = d.takeType();
  if (saturate && type != Type::S32)
    d.unknown();
  d.inst.exec =
      saturate ? Exec(execBinary<Saturating, int32_t>) : binaryFor<Op>(type);
  if (d.inst.exec)
    operands(d, type, type, 2);
}

static void decodeMul(Decoder &d) {
  if (isFloat(d))
    return decodeFloatArithmetic(d);
  int part = d.takeOneOf({"lo", "hi", "wide"});
  Type type = d.takeType();
  d.inst.exec = part == 0   ? binaryFor<MulLo>(type)
                : part == 1 ? binaryFor<MulHi>(type)
                : part == 2 ? wideFor<MulWide>(type)
                            : nullptr;
  if (d.inst.exec)
    operands(d, part == 2 ? wider(type) : type, type, 2);
}

static void decodeMad(Decoder &d) {
  if (isFloat(d))
    return decodeFloatArithmetic(d);
  int part = d.takeOneOf({"lo", "hi", "wide"});
  Type type = d.takeType();
  d.inst.exec = part == 0   ? ternaryFor<ThenAdd<MulLo>>(type)
                : part == 1 ? ternaryFor<ThenAdd<MulHi>>(type)
                : part == 2 ? wideTernaryFor<ThenAdd<MulWide>>(type)
                            : nullptr;
  if (!d.inst.exec)
    return;
  Type result = part == 2 ? wider(type) : type;
  d.expectOperands(4, 4);
  d.inst.d = d.destination(0, result);
  d.inst.a = d.source(1, type);
  d.inst.b = d.source(2, type);
  d.inst.c = d.source(3, result);
}

static void decodeSad(Decoder &d) {
  Type type = d.takeType();
  d.inst.exec = ternaryFor<Sad>(type);
  if (!d.inst.exec)
    return;
  d.expectOperands(4, 4);
  d.inst.d = d.destination(0, type);
  d.inst.a = d.source(1, type);
  d.inst.b = d.source(2, type);
  d.inst.c = d.source(3, type);
}

template <class Op>
static void decodeSigned(Decoder &d) {
  if (isFloat(d))
    return decodeFloatArithmetic(d);
  Type type = d.takeType();
  d.inst.exec = signedUnaryFor<Op>(type);
  if (d.inst.exec)
    operands(d, type, type, 1);
}

template <bool isOr, bool isXor>
static void execPredicates(Warp &w, const Inst &i, uint32_t m) {
  uint32_t a = w.predicate(i.a, m), b = w.predicate(i.b, m);
  w.setPredicate(i.d, m, isXor ? a ^ b : isOr ? a | b : a & b);
}

template <class Op, bool isOr, bool isXor>
static void decodeLogic(Decoder &d) {
  Type type = d.takeType();
  if (type == Type::Pred) {
    d.inst.exec = execPredicates<isOr, isXor>;
  } else if (type == Type::B16 || type == Type::B32 || type == Type::B64) {
    d.inst.exec = binaryFor<Op>(type);
  }
  if (d.inst.exec)
    operands(d, type, type, 2);
}

static void execNotPredicate(Warp &w, const Inst &i, uint32_t m) {
  w.setPredicate(i.d, m, ~w.predicate(i.a, m));
}

template <class Op>
static void decodeNot(Decoder &d) {
  Type type = d.takeType();
  d.inst.exec = type == Type::Pred  ? Exec(execNotPredicate)
                : type == Type::B16 ? Exec(execUnary<Op, uint16_t>)
                : type == Type::B32 ? Exec(execUnary<Op, uint32_t>)
                : type == Type::B64 ? Exec(execUnary<Op, uint64_t>)
                                    : nullptr;
  if (d.inst.exec)
    operands(d, type, type, 1);
}

template <class Op>
static void decodeShift(Decoder &d) {
  Type type = d.takeType();
  d.inst.exec = shiftFor<Op>(type);
  if (!d.inst.exec)
    return;
  d.expectOperands(3, 3);
  d.inst.d = d.destination(0, type);
  d.inst.a = d.source(1, type);
  d.inst.b = d.source(2, Type::U32);
}

std::vector<Family> pbs::emu::integerFamilies() {
  return {{"add", decodeAddSub<Add, AddSaturating>},
          {"addc", decodeAddCarry},
          {"sub", decodeAddSub<Sub, SubSaturating>},
          {"mul", decodeMul},
          {"mad", decodeMad},
          {"div", decodeBinary<Div>},
          {"rem", decodeBinary<Rem>},
          {"min", decodeMinMax<Min>},
          {"max", decodeMinMax<Max>},
          {"abs", decodeSigned<Abs>},
          {"neg", decodeSigned<Neg>},
          {"sad", decodeSad},
          {"and", decodeLogic<And, false, false>},
          {"or", decodeLogic<Or, true, false>},
          {"xor", decodeLogic<Xor, false, true>},
          {"not", decodeNot<Not>},
          {"cnot", decodeNot<CNot>},
          {"shl", decodeShift<Shl>},
          {"shr", decodeShift<Shr>}};
}
