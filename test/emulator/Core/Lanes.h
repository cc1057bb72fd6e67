//===- Lanes.h - Apply a function in all lanes ------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_EMULATOR_CORE_LANES_H
#define PBS_TEST_EMULATOR_CORE_LANES_H

#include "Machine.h"
#include <cstring>
#include <type_traits>

namespace pbs::emu {

template <class T>
using Slot = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

/// A value of type T in a register; what is narrower than 32 bits lies in the
/// low ones.
template <class T>
inline T getLane(const uint32_t *reg, unsigned lane) {
  T value;
  std::memcpy(&value,
              reinterpret_cast<const char *>(reg) + lane * sizeof(Slot<T>),
              sizeof(T));
  return value;
}
template <class T>
inline void setLane(uint32_t *reg, unsigned lane, T value) {
  Slot<T> slot = 0;
  std::memcpy(&slot, &value, sizeof(T));
  std::memcpy(reinterpret_cast<char *>(reg) + lane * sizeof(Slot<T>), &slot,
              sizeof(slot));
}

/// d = f(a...) in the lanes of `mask`.
template <class D, class F>
inline void forLanes(uint32_t *d, uint32_t mask, F f) {
  if (mask == ~0u) {
    Slot<D> result[32];
    for (unsigned lane = 0; lane < 32; ++lane) {
      D value = f(lane);
      result[lane] = 0;
      std::memcpy(&result[lane], &value, sizeof(D));
    }
    std::memcpy(d, result, sizeof(result));
  } else {
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
      unsigned lane = __builtin_ctz(rest);
      setLane<D>(d, lane, f(lane));
    }
  }
}

/// The lanes of `mask` where f holds.
template <class F>
inline uint32_t maskOf(uint32_t mask, F f) {
  uint32_t result = 0;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    result |= uint32_t(f(lane)) << lane;
  }
  return result;
}

template <class F>
inline void eachLane(uint32_t mask, F f) {
  for (uint32_t rest = mask; rest; rest &= rest - 1)
    f(static_cast<unsigned>(__builtin_ctz(rest)));
}

/// Instructions of one, two and three sources: Op::apply is the function.
template <class Op, class D, class A = D>
void execUnary(Warp &w, const Inst &i, uint32_t m) {
  const uint32_t *a = w.source(i.a, m);
  uint32_t *d = w.destination(i.d, m);
  forLanes<D>(d, m,
              [&](unsigned l) -> D { return Op::apply(getLane<A>(a, l)); });
}
template <class Op, class D, class A = D, class B = A>
void execBinary(Warp &w, const Inst &i, uint32_t m) {
  const uint32_t *a = w.source(i.a, m), *b = w.source(i.b, m);
  uint32_t *d = w.destination(i.d, m);
  forLanes<D>(d, m, [&](unsigned l) -> D {
    return Op::apply(getLane<A>(a, l), getLane<B>(b, l));
  });
}
template <class Op, class D, class A = D, class B = A, class C = D>
void execTernary(Warp &w, const Inst &i, uint32_t m) {
  const uint32_t *a = w.source(i.a, m), *b = w.source(i.b, m),
                 *c = w.source(i.c, m);
  uint32_t *d = w.destination(i.d, m);
  forLanes<D>(d, m, [&](unsigned l) -> D {
    return Op::apply(getLane<A>(a, l), getLane<B>(b, l), getLane<C>(c, l));
  });
}

} // namespace pbs::emu

#endif // PBS_TEST_EMULATOR_CORE_LANES_H
