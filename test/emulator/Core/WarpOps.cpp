//===- WarpOps.cpp - Exchange between the lanes of a warp -----------------===//
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

/// Waits until all lanes of `members` are at this instruction; gives those that
/// execute it together, or 0 if the split waits. Splits that waited go on
/// behind the instruction.
uint32_t gather(Warp &w, uint32_t m, uint32_t members) {
  uint32_t needed = members & w.alive;
  if (uint32_t outside = m & ~members)
    fault(Kind::WrongMemberMask,
          "lanes " + hex(outside) + " are not in the member mask " +
              hex(members),
          __builtin_ctz(outside));
  uint32_t together = m;
  uint32_t pc = w.splits[w.current].pc;
  auto waitsHere = [&](const Split &s) {
    return s.wait.kind == Wait::Kind::Lanes && s.pc == pc;
  };
  for (const Split &s : w.splits)
    if (waitsHere(s))
      together |= static_cast<uint32_t>(s.wait.value);
  if (needed & ~together) {
    w.wait(Wait::Kind::Lanes, pc, m);
    return 0;
  }
  for (Split &s : w.splits)
    if (waitsHere(s)) {
      s.wait = {};
      ++s.pc;
    }
  return together;
}

uint32_t members(Warp &w, const Arg &arg, uint32_t m) {
  return static_cast<uint32_t>(w.uniform(arg, m, "the member mask"));
}

enum class Shuffle : uint8_t { Up, Down, Bfly, Idx };

void execShfl(Warp &w, const Inst &i, uint32_t m) {
  uint32_t together = gather(w, m, members(w, i.e, m));
  if (!together)
    return;
  const uint32_t *a = w.source(i.a, together), *b = w.source(i.b, together),
                 *c = w.source(i.c, together);
  uint32_t result[32], valid = 0, undefined = 0;
  eachLane(together, [&](unsigned l) {
    int clamp = c[l] & 31, segment = c[l] >> 8 & 31, n = b[l] & 31;
    int lane = static_cast<int>(l);
    int highest = (lane & segment) | (clamp & ~segment), from = lane;
    bool inside = false;
    switch (static_cast<Shuffle>(i.imm)) {
    case Shuffle::Up:
      from = lane - n;
      inside = from >= highest;
      break;
    case Shuffle::Down:
      from = lane + n;
      inside = from <= highest;
      break;
    case Shuffle::Bfly:
      from = lane ^ n;
      inside = from <= highest;
      break;
    case Shuffle::Idx:
      from = (lane & segment) | (n & ~segment);
      inside = from <= highest;
      break;
    }
    if (!inside)
      from = lane;
    // What comes from a lane that does not take part is undefined.
    if (!(together >> from & 1))
      undefined |= 1u << l;
    valid |= uint32_t(inside) << l;
    result[l] = a[from];
  });
  uint32_t *d = w.destination(i.d, together);
  eachLane(together, [&](unsigned l) { d[l] = result[l]; });
  w.unreadable[i.d.id] |= undefined;
  if (i.d2)
    w.setPredicate(i.d2, together, valid);
}

void decodeShfl(Decoder &d) {
  d.expect("sync");
  d.inst.imm = d.takeOneOf({"up", "down", "bfly", "idx"});
  if (d.inst.imm < 0 || d.takeType() != Type::B32)
    return;
  d.expectOperands(5, 5);
  d.inst.exec = execShfl;
  d.inst.d = d.destination(0, Type::B32);
  if (d.operand(0).second >= 0)
    d.inst.d2 = d.registerArg(d.operand(0).second);
  d.inst.a = d.source(1, Type::B32);
  d.inst.b = d.source(2, Type::B32);
  d.inst.c = d.source(3, Type::B32);
  d.inst.e = d.source(4, Type::B32);
}

enum class Reduce : uint8_t { Add, Min, Max, And, Or, Xor };

void execRedux(Warp &w, const Inst &i, uint32_t m) {
  uint32_t together = gather(w, m, members(w, i.b, m));
  if (!together)
    return;
  const uint32_t *a = w.source(i.a, together);
  bool isSigned = i.type == Type::S32, first = true;
  uint32_t sum = 0;
  eachLane(together, [&](unsigned l) {
    uint32_t x = a[l];
    bool less = isSigned ? int32_t(x) < int32_t(sum) : x < sum;
    if (first) {
      sum = x;
      first = false;
      return;
    }
    switch (static_cast<Reduce>(i.imm)) {
    case Reduce::Add:
      sum += x;
      break;
    case Reduce::Min:
      sum = less ? x : sum;
      break;
    case Reduce::Max:
      sum = less ? sum : x;
      break;
    case Reduce::And:
      sum &= x;
      break;
    case Reduce::Or:
      sum |= x;
      break;
    case Reduce::Xor:
      sum ^= x;
      break;
    }
  });
  uint32_t *d = w.destination(i.d, together);
  eachLane(together, [&](unsigned l) { d[l] = sum; });
}

void decodeRedux(Decoder &d) {
  d.expect("sync");
  d.inst.imm = d.takeOneOf({"add", "min", "max", "and", "or", "xor"});
  d.inst.type = d.takeType();
  if (d.inst.imm < 0 || bytesOf(d.inst.type) != 4 || d.inst.type == Type::F32)
    return;
  d.expectOperands(3, 3);
  d.inst.exec = execRedux;
  d.inst.d = d.destination(0, Type::B32);
  d.inst.a = d.source(1, Type::B32);
  d.inst.b = d.source(2, Type::B32);
}

void execVote(Warp &w, const Inst &i, uint32_t m) {
  uint32_t together = gather(w, m, members(w, i.b, m));
  if (!together)
    return;
  uint32_t p = w.predicate(i.a, together) & together;
  switch (i.imm) {
  case 0:
    w.setPredicate(i.d, together, p == together ? ~0u : 0);
    break;
  case 1:
    w.setPredicate(i.d, together, p ? ~0u : 0);
    break;
  case 2:
    w.setPredicate(i.d, together, p == together || !p ? ~0u : 0);
    break;
  default: {
    uint32_t *d = w.destination(i.d, together);
    eachLane(together, [&](unsigned l) { d[l] = p; });
  }
  }
}

void decodeVote(Decoder &d) {
  d.expect("sync");
  d.inst.imm = d.takeOneOf({"all", "any", "uni", "ballot"});
  Type type = d.takeType();
  if (d.inst.imm < 0 || type != (d.inst.imm == 3 ? Type::B32 : Type::Pred))
    return;
  d.expectOperands(3, 3);
  d.inst.exec = execVote;
  d.inst.d = d.destination(0, type);
  d.inst.a = d.predicate(1);
  d.inst.b = d.source(2, Type::B32);
}

void execMatch(Warp &w, const Inst &i, uint32_t m) {
  uint32_t together = gather(w, m, members(w, i.b, m));
  if (!together)
    return;
  w.source(i.a, together);
  uint32_t equal[32] = {}, all = together;
  eachLane(together, [&](unsigned l) {
    equal[l] = maskOf(together, [&](unsigned k) {
      return w.value(i.a, k) == w.value(i.a, l);
    });
    all &= equal[l];
  });
  uint32_t *d = w.destination(i.d, together);
  eachLane(together, [&](unsigned l) {
    d[l] = i.imm ? equal[l] : all == together ? together : 0;
  });
  if (i.d2)
    w.setPredicate(i.d2, together, all == together ? ~0u : 0);
}

void decodeMatch(Decoder &d) {
  d.inst.imm = d.takeOneOf({"all", "any"});
  d.expect("sync");
  Type type = d.takeType();
  if (d.inst.imm < 0 || (type != Type::B32 && type != Type::B64))
    return;
  d.expectOperands(3, 3);
  d.inst.exec = execMatch;
  d.inst.d = d.destination(0, Type::B32);
  if (d.operand(0).second >= 0)
    d.inst.d2 = d.registerArg(d.operand(0).second);
  d.inst.a = d.source(1, type);
  d.inst.b = d.source(2, Type::B32);
}

/// The lowest lane is elected, as the hardware does.
void execElect(Warp &w, const Inst &i, uint32_t m) {
  uint32_t together = gather(w, m, members(w, i.a, m));
  if (!together)
    return;
  unsigned leader = __builtin_ctz(together);
  w.setPredicate(i.d2, together, 1u << leader);
  if (i.d) {
    uint32_t *d = w.destination(i.d, together);
    eachLane(together, [&](unsigned l) { d[l] = leader; });
  }
}

void decodeElect(Decoder &d) {
  d.expect("sync");
  d.expectOperands(2, 2);
  const ptx::Operand &to = d.operand(0);
  if (to.second < 0)
    d.fail("expected a destination 'd|p' of elect");
  d.inst.exec = execElect;
  if (to.kind == ptx::Operand::Kind::Register)
    d.inst.d = d.destination(0, Type::B32);
  d.inst.d2 = d.registerArg(to.second);
  d.inst.a = d.source(1, Type::B32);
}

void execActivemask(Warp &w, const Inst &i, uint32_t m) {
  uint32_t *d = w.destination(i.d, m);
  eachLane(m, [&](unsigned l) { d[l] = m; });
}

void decodeActivemask(Decoder &d) {
  if (d.takeType() != Type::B32)
    return;
  d.expectOperands(1, 1);
  d.inst.exec = execActivemask;
  d.inst.d = d.destination(0, Type::B32);
}

void execNothing(Warp &w, const Inst &, uint32_t) { w.yielded = true; }

void decodeNanosleep(Decoder &d) {
  d.takeType();
  d.inst.exec = execNothing;
}

void execTrap(Warp &, const Inst &, uint32_t m) {
  fault(Kind::Trap, "the kernel executes trap", __builtin_ctz(m));
}

void decodeTrap(Decoder &d) { d.inst.exec = execTrap; }

} // namespace

// Shared with bar.warp.sync.
namespace pbs::emu {
void execWarpSync(Warp &w, const Inst &i, uint32_t m) {
  gather(w, m, members(w, i.a, m));
}
} // namespace pbs::emu

std::vector<Family> pbs::emu::warpFamilies() {
  return {{"shfl", decodeShfl},           {"redux", decodeRedux},
          {"vote", decodeVote},           {"match", decodeMatch},
          {"elect", decodeElect},         {"activemask", decodeActivemask},
          {"nanosleep", decodeNanosleep}, {"trap", decodeTrap}};
}
