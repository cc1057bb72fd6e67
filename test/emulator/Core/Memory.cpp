//===- Memory.cpp - Loads, stores and atomics -----------------------------===//
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

enum : uint32_t { kStrong = 1 }; // relaxed, acquire, release

/// Addresses of all lanes, offset included.
void addresses(Warp &w, const Inst &i, uint32_t m, uint64_t out[32]) {
  w.source(i.a, m);
  bool narrow = i.a.bits == 32 || (i.space == ptx::Space::Shared);
  eachLane(m, [&](unsigned l) {
    uint64_t address = w.value(i.a, l) + static_cast<uint64_t>(i.offset);
    out[l] = narrow ? address & 0xFFFFFFFF : address;
  });
}

/// The space that an address of a lane is in, and the address there.
ptx::Space resolve(const Inst &i, uint64_t &address) {
  if (i.space == ptx::Space::Generic &&
      (address & kWindowMask) == kSharedWindow) {
    address &= ~kWindowMask;
    return ptx::Space::Shared;
  }
  return i.space == ptx::Space::Generic ? ptx::Space::Global : i.space;
}

/// Passes of shared memory beyond the first: banks are 4 bytes wide, and lanes
/// go in groups of 128 bytes.
uint64_t conflicts(uint32_t m, const uint64_t *at, unsigned bytes) {
  unsigned group = bytes <= 4 ? 32 : 128 / bytes;
  uint64_t extra = 0;
  for (unsigned first = 0; first < 32; first += group) {
    uint32_t words[32][32];
    unsigned count[32] = {}, most = 1;
    for (unsigned l = first; l < first + group; ++l) {
      if (!(m >> l & 1))
        continue;
      for (unsigned b = 0; b < std::max(bytes, 4u); b += 4) {
        uint32_t word = static_cast<uint32_t>(at[l] + b) / 4, bank = word % 32;
        uint32_t *end = words[bank] + count[bank];
        if (std::find(words[bank], end, word) == end)
          words[bank][count[bank]++] = word;
        most = std::max(most, count[bank]);
      }
    }
    extra += most - 1;
  }
  return extra;
}

GlobalShadow::Access globalAccess(const Warp &w, const Inst &i, bool atomic) {
  return {w.clocks, w.cta->number,       w.index, w.clock(),
          i.line,   w.machine->executed, atomic};
}

/// Calls f, whose faults are of the lane.
template <class F>
void inGlobal(int lane, F f) {
  try {
    f();
  } catch (Fault &fault) {
    fault.lane = lane;
    throw;
  }
}

/// Where the bytes of a lane are; checks them against the shadow, but for
/// writes to global memory.
struct Locator {
  Warp &w;
  const Inst &i;
  unsigned bytes;
  bool isWrite;
  std::byte *window = nullptr;
  uint64_t windowBegin = 0, windowEnd = 0;

  Locator(Warp &w, const Inst &i, unsigned bytes, bool isWrite, uint32_t m,
          const uint64_t *at)
      : w(w), i(i), bytes(bytes), isWrite(isWrite) {
    // One look-up for all lanes, if they are in one allocation.
    if (i.space == ptx::Space::Shared || i.space == ptx::Space::Param)
      return;
    uint64_t low = ~uint64_t(0), high = 0;
    eachLane(m, [&](unsigned l) {
      low = std::min(low, at[l]);
      high = std::max(high, at[l]);
    });
    if (high & kWindowMask || high - low > (uint64_t(1) << 32))
      return;
    window = w.machine->memory.find(low, high - low + bytes);
    windowBegin = low;
    windowEnd = high + bytes;
  }

  std::byte *operator()(uint64_t address, unsigned lane) {
    ptx::Space space = resolve(i, address);
    int l = static_cast<int>(lane);
    Statistics &s = w.machine->statistics;
    if (space == ptx::Space::Shared) {
      std::byte *host = w.cta->sharedAt(address, bytes, l, bytes);
      Shadow::Access access = w.access(i);
      access.atomic = i.flags & kStrong;
      try {
        if (isWrite)
          w.cta->shadow.write(access, static_cast<uint32_t>(address), bytes);
        else
          w.cta->shadow.read(access, static_cast<uint32_t>(address), bytes);
      } catch (Fault &f) {
        f.lane = l;
        throw;
      }
      (isWrite ? s.sharedBytesWritten : s.sharedBytesRead) += bytes;
      return host;
    }
    if (space == ptx::Space::Param) {
      if (isWrite || address + bytes > w.machine->program.paramBytes)
        fault(Kind::OutOfBounds,
              "parameters have " +
                  std::to_string(w.machine->program.paramBytes) +
                  " bytes, access at " + std::to_string(address),
              l);
      return const_cast<std::byte *>(w.machine->params) + address;
    }
    if (address % bytes)
      fault(Kind::Misaligned,
            "global address " + hex(address) + " is not a multiple of " +
                std::to_string(bytes),
            l);
    if ((address & kWindowMask) != kParamWindow)
      w.requireGridWait(lane);
    (isWrite ? s.globalBytesWritten : s.globalBytesRead) += bytes;
    if (!isWrite)
      inGlobal(l, [&] {
        w.machine->globalShadow.read(globalAccess(w, i, i.flags & kStrong),
                                     address, bytes);
      });
    if (window && address >= windowBegin && address + bytes <= windowEnd)
      return window + (address - windowBegin);
    return w.machine->global(address, bytes, isWrite ? "store" : "load", l);
  }
};

/// The location where strong accesses of a block meet.
void synchronise(Warp &w, const Inst &i, uint64_t address, bool acquire,
                 bool release) {
  if (resolve(i, address) == ptx::Space::Shared) {
    address |= kSharedWindow;
  } else {
    GlobalShadow &shadow = w.machine->globalShadow;
    if (acquire)
      shadow.acquire(w.cta->number, w.machine->executed);
    if (release)
      shadow.release(w.cta->number, w.machine->executed);
  }
  auto [it, isNew] = w.cta->locations.try_emplace(address);
  if (isNew)
    it->second.clear();
  if (acquire)
    w.clocks.join(it->second);
  if (release)
    it->second.join(w.clocks);
}

void execLoad(Warp &w, const Inst &i, uint32_t m) {
  uint64_t at[32];
  addresses(w, i, m, at);
  unsigned element = i.size, bytes = element * i.list.size();
  if (i.flags & kStrong)
    eachLane(m, [&](unsigned l) { synchronise(w, i, at[l], true, false); });
  Locator locate(w, i, bytes, false, m, at);
  std::byte *host[32];
  eachLane(m, [&](unsigned l) { host[l] = locate(at[l], l); });
  if (i.space == ptx::Space::Shared)
    w.machine->statistics.bankConflicts += conflicts(m, at, bytes);
  bool isSigned = i.type == Type::S8 || i.type == Type::S16 ||
                  i.type == Type::S32 || i.type == Type::S64;
  for (size_t k = 0; k < i.list.size(); ++k) {
    if (!i.list[k])
      continue;
    uint32_t *d = w.destination(i.list[k], m);
    unsigned bits = i.list[k].bits;
    eachLane(m, [&](unsigned l) {
      uint64_t value = 0;
      std::memcpy(&value, host[l] + k * element, element);
      if (isSigned && element < 8 && value >> (element * 8 - 1) & 1)
        value |= ~uint64_t(0) << (element * 8);
      if (bits == 64)
        setLane<uint64_t>(d, l, value);
      else
        d[l] = static_cast<uint32_t>(bits == 16 ? value & 0xFFFF : value);
    });
  }
}

void execStore(Warp &w, const Inst &i, uint32_t m) {
  uint64_t at[32];
  addresses(w, i, m, at);
  unsigned element = i.size, bytes = element * i.list.size();
  for (const Arg &arg : i.list)
    w.source(arg, m);
  Locator locate(w, i, bytes, true, m, at);
  eachLane(m, [&](unsigned l) {
    std::byte *host = locate(at[l], l);
    std::byte data[32];
    for (size_t k = 0; k < i.list.size(); ++k) {
      uint64_t value = w.value(i.list[k], l);
      std::memcpy(data + k * element, &value, element);
    }
    uint64_t address = at[l];
    if (resolve(i, address) == ptx::Space::Global &&
        std::memcmp(host, data, bytes))
      inGlobal(static_cast<int>(l), [&] {
        w.machine->globalShadow.write(globalAccess(w, i, i.flags & kStrong),
                                      address, bytes);
      });
    std::memcpy(host, data, bytes);
  });
  if (i.space == ptx::Space::Shared)
    w.machine->statistics.bankConflicts += conflicts(m, at, bytes);
  if (i.flags & kStrong) {
    eachLane(m, [&](unsigned l) { synchronise(w, i, at[l], false, true); });
    w.tick();
  }
  ++w.machine->progress;
}

/// Skips what only hints at caching; level::eviction_priority and so on.
void takeHints(Decoder &d) {
  d.takeOneOf({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
  d.takeOneOf({"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first",
               "L1::evict_last", "L1::no_allocate"});
  d.takeOneOf({"L2::evict_normal", "L2::evict_first", "L2::evict_last"});
  d.takeOneOf({"L2::64B", "L2::128B", "L2::256B"});
}

bool takeStrength(Decoder &d) {
  int order =
      d.takeOneOf({"weak", "volatile", "relaxed", "acquire", "release"});
  if (order >= 2)
    d.takeOneOf({"cta", "cluster", "gpu", "sys"});
  return order >= 2;
}

void decodeAccess(Decoder &d, bool isLoad) {
  Inst &inst = d.inst;
  inst.flags = takeStrength(d) ? kStrong : 0;
  inst.space = d.takeSpace();
  if (inst.space == ptx::Space::Const)
    inst.space = ptx::Space::Global;
  if (isLoad)
    d.take("nc");
  takeHints(d);
  bool hint = d.take("L2::cache_hint");
  int vector = d.takeOneOf({"v2", "v4", "v8"});
  inst.type = d.takeType();
  inst.size = static_cast<uint8_t>(bytesOf(inst.type));
  if (!inst.size || (inst.space == ptx::Space::Param && !isLoad))
    return;
  d.expectOperands(hint ? 3 : 2, hint ? 3 : 2);
  size_t memory = isLoad ? 1 : 0;
  d.address(memory);
  const ptx::Operand &data = d.operand(1 - memory);
  std::vector<ptx::Operand> single = {data};
  bool isVector = data.kind == ptx::Operand::Kind::Vector;
  size_t count = vector < 0 ? 1 : size_t(2) << vector;
  const auto &elements = isVector ? data.elements : single;
  if (elements.size() != count)
    d.fail("expected " + std::to_string(count) + " registers of '" +
           d.statement->opcode + "', got " + std::to_string(elements.size()));
  for (const ptx::Operand &op : elements) {
    if (op.kind == ptx::Operand::Kind::Sink && isLoad)
      inst.list.push_back(Arg());
    else
      inst.list.push_back(isLoad ? d.wideDestination(op, inst.type)
                                 : d.wideSource(op, inst.type));
  }
  inst.exec = isLoad ? execLoad : execStore;
  const char *space = inst.space == ptx::Space::Shared  ? ".shared"
                      : inst.space == ptx::Space::Param ? ".param"
                                                        : ".global";
  d.setGroup((isLoad ? "ld" : "st") + std::string(space));
}

void decodeLoad(Decoder &d) { decodeAccess(d, true); }
void decodeStore(Decoder &d) { decodeAccess(d, false); }

void execNothing(Warp &, const Inst &, uint32_t) {}

void decodePrefetch(Decoder &d) {
  d.takeSpace();
  if (!d.take("tensormap")) {
    d.takeOneOf({"L1", "L2"});
    d.takeOneOf({"L2::evict_last", "L2::evict_normal"});
  }
  d.inst.exec = execNothing;
  d.address(0);
}

} // namespace

std::vector<Family> pbs::emu::memoryFamilies() {
  return {{"ld", decodeLoad},
          {"ldu", decodeLoad},
          {"st", decodeStore},
          {"prefetch", decodePrefetch},
          {"prefetchu", decodePrefetch}};
}

// Atomics.

namespace {

enum class Atomic : uint8_t {
  Add,
  Min,
  Max,
  And,
  Or,
  Xor,
  Exch,
  Inc,
  Dec,
  Cas
};

template <class T>
T combine(Atomic op, T old, T b, T c) {
  if constexpr (std::is_floating_point_v<T>) {
    return op == Atomic::Exch ? b : old + b;
  } else {
    switch (op) {
    case Atomic::Add:
      return T(std::make_unsigned_t<T>(old) + std::make_unsigned_t<T>(b));
    case Atomic::Min:
      return std::min(old, b);
    case Atomic::Max:
      return std::max(old, b);
    case Atomic::And:
      return old & b;
    case Atomic::Or:
      return old | b;
    case Atomic::Xor:
      return old ^ b;
    case Atomic::Exch:
      return b;
    case Atomic::Inc:
      return old >= b ? 0 : old + 1;
    case Atomic::Dec:
      return old == 0 || old > b ? b : old - 1;
    case Atomic::Cas:
      return old == b ? c : old;
    }
    return old;
  }
}

template <class T>
void execAtomic(Warp &w, const Inst &i, uint32_t m) {
  uint64_t at[32];
  addresses(w, i, m, at);
  const uint32_t *b = w.source(i.b, m), *c = i.c ? w.source(i.c, m) : b;
  Slot<T> results[32];
  bool acquires = i.imm >> 8 & 1, releases = i.imm >> 9 & 1;
  eachLane(m, [&](unsigned l) {
    uint64_t address = at[l];
    std::byte *host;
    if (acquires || releases)
      synchronise(w, i, at[l], acquires, releases);
    ptx::Space space = resolve(i, address);
    if (space == ptx::Space::Shared) {
      int lane = static_cast<int>(l);
      host = w.cta->sharedAt(address, sizeof(T), lane, sizeof(T));
      Shadow::Access access = w.access(i);
      access.atomic = true;
      w.cta->shadow.read(access, static_cast<uint32_t>(address), sizeof(T));
      w.cta->shadow.write(access, static_cast<uint32_t>(address), sizeof(T));
    } else {
      if (address % sizeof(T))
        fault(Kind::Misaligned,
              "global address " + hex(address) + " is not a multiple of " +
                  std::to_string(sizeof(T)),
              static_cast<int>(l));
      w.requireGridWait(l);
      host =
          w.machine->global(address, sizeof(T), "atomic", static_cast<int>(l));
      w.machine->statistics.globalBytesRead += sizeof(T);
      w.machine->statistics.globalBytesWritten += sizeof(T);
    }
    T old;
    std::memcpy(&old, host, sizeof(T));
    T result = combine<T>(static_cast<Atomic>(i.imm & 0xFF), old,
                          getLane<T>(b, l), getLane<T>(c, l));
    if (space != ptx::Space::Shared)
      inGlobal(static_cast<int>(l), [&] {
        GlobalShadow &shadow = w.machine->globalShadow;
        GlobalShadow::Access access = globalAccess(w, i, true);
        if (std::memcmp(&old, &result, sizeof(T)))
          shadow.write(access, address, sizeof(T));
        else
          shadow.read(access, address, sizeof(T));
      });
    std::memcpy(host, &result, sizeof(T));
    Slot<T> slot = 0;
    std::memcpy(&slot, &old, sizeof(T));
    results[l] = slot;
  });
  if (releases)
    w.tick();
  ++w.machine->progress;
  if (!i.d)
    return;
  uint32_t *d = w.destination(i.d, m);
  eachLane(m, [&](unsigned l) {
    std::memcpy(reinterpret_cast<char *>(d) + l * sizeof(results[0]),
                &results[l], sizeof(results[0]));
  });
}

Exec atomicFor(Type type, Atomic op) {
  bool add = op == Atomic::Add || op == Atomic::Exch;
  switch (type) {
  case Type::B32:
  case Type::U32:
    return execAtomic<uint32_t>;
  case Type::S32:
    return execAtomic<int32_t>;
  case Type::B64:
  case Type::U64:
    return execAtomic<uint64_t>;
  case Type::S64:
    return execAtomic<int64_t>;
  case Type::F32:
    return add ? execAtomic<float> : nullptr;
  case Type::F64:
    return add ? execAtomic<double> : nullptr;
  default:
    return nullptr;
  }
}

void decodeAtomic(Decoder &d) {
  bool isRed = d.statement->parts[0] == "red";
  // Without an order it is relaxed.
  int order = d.takeOneOf({"relaxed", "acquire", "release", "acq_rel"});
  d.takeOneOf({"cta", "cluster", "gpu", "sys"});
  Inst &inst = d.inst;
  inst.space = d.takeSpace();
  int op = d.takeOneOf(
      {"add", "min", "max", "and", "or", "xor", "exch", "inc", "dec", "cas"});
  d.take("noftz");
  inst.type = d.takeType();
  if (op < 0 || (isRed && op >= 6 && op != 7 && op != 8))
    return;
  // A relaxed atomic between fences orders as well; it is taken for that.
  inst.imm = op | (order != 2) << 8 | (order != 1) << 9;
  inst.exec = atomicFor(inst.type, static_cast<Atomic>(op));
  if (!inst.exec)
    return;
  size_t first = isRed ? 0 : 1, sources = op == 9 ? 2 : 1;
  d.expectOperands(first + 1 + sources, first + 1 + sources);
  if (!isRed && d.operand(0).kind != ptx::Operand::Kind::Sink)
    inst.d = d.destination(0, inst.type);
  d.address(first);
  inst.b = d.source(first + 1, inst.type);
  if (sources == 2)
    inst.c = d.source(first + 2, inst.type);
}

} // namespace

std::vector<Family> pbs::emu::atomicFamilies() {
  return {{"atom", decodeAtomic}, {"red", decodeAtomic}};
}
