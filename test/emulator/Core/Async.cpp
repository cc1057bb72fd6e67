//===- Async.cpp - Bulk copies and cp.async -------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A copy is issued, which checks it against the shadow of shared memory, and
// takes effect later: into shared memory when its mbarrier is told, out of
// shared memory in two steps, reading and writing.
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"
#include "Lanes.h"
#include "TensorCopy.h"
#include <algorithm>

using namespace pbs::emu;

namespace {

/// Bytes: of addresses, strides and box rows of a tensor (CUDA Driver API,
/// cuTensorMapEncodeTiled), and so of where a box begins in a row.
constexpr int64_t kTensorAlignment = 16;

uint32_t sharedAddress(uint64_t address) {
  return static_cast<uint32_t>(address);
}

/// Copies of a warp that wait_group may still wait for come first.
uint32_t oldestPending(const Cta &cta, const Warp &w) {
  for (const BulkCopy &copy : cta.stores)
    if (copy.warp == w.index && !copy.wasAwaited)
      return copy.sequence;
  return w.bulkIssued + 1;
}

void readMap(Warp &w, BulkCopy &copy, uint64_t address, unsigned rank,
             int lane) {
  if (address % 64)
    fault(Kind::Misaligned,
          "tensor map at " + hex(address) + ", expected a multiple of 64",
          lane);
  const std::byte *host =
      w.machine->global(address, 128, "load of a tensor map", lane);
  std::memcpy(&copy.map, host, sizeof(TensorMap));
  if (copy.map.magic != TensorMap::kMagic)
    fault(Kind::WrongTensorMap, "there is no tensor map at " + hex(address),
          lane);
  if (copy.map.rank != rank)
    fault(Kind::WrongTensorMap,
          "the tensor map at " + hex(address) + " has " +
              std::to_string(copy.map.rank) + " dimensions, expected " +
              std::to_string(rank),
          lane);
  copy.bytes = boxBytes(copy.map);
}

/// What a GPU answers with an illegal instruction: a store that begins before
/// its tensor was seen to do so on an H100, a box that begins inside of 16
/// bytes is known from others.
void checkCoordinates(const BulkCopy &copy, int lane) {
  int64_t offset = int64_t(copy.coordinates[0]) * copy.map.elementBytes;
  if (offset % kTensorAlignment)
    fault(Kind::Misaligned,
          "the box of a tensor copy begins " + std::to_string(offset) +
              " bytes into a row (coordinate " +
              std::to_string(copy.coordinates[0]) + " of " +
              std::to_string(copy.map.elementBytes) +
              " bytes), expected a multiple of " +
              std::to_string(kTensorAlignment),
          lane);
  if (copy.kind == BulkCopy::Kind::Load)
    return;
  for (unsigned k = 0; k < copy.map.rank; ++k)
    if (copy.coordinates[k] < 0)
      fault(Kind::StoreBeforeTensor,
            "the box of a tensor store begins at " +
                std::to_string(copy.coordinates[k]) + " in dimension " +
                std::to_string(k) + ", expected 0 or more",
            lane);
}

/// flags: 1 tensor, 2 load, 4 reduce. a: global or map, b: shared, c: mbarrier,
/// e: bytes; list: coordinates. size: rank, imm: reduction. offset: of a;
/// list2: the offsets of b and c follow in `offsets`.
void issueCopy(Warp &w, const Inst &i, unsigned l) {
  Cta &cta = *w.cta;
  int lane = static_cast<int>(l);
  w.requireGridWait(l);
  BulkCopy copy;
  copy.inst = &i;
  copy.warp = w.index;
  copy.lane = l;
  copy.isTensor = i.flags & 1;
  copy.kind = i.flags & 2   ? BulkCopy::Kind::Load
              : i.flags & 4 ? BulkCopy::Kind::Reduce
                            : BulkCopy::Kind::Store;
  copy.operation = static_cast<unsigned>(i.imm);
  copy.type = i.type;
  uint64_t global = w.value(i.a, l) + static_cast<uint64_t>(i.offset);
  copy.shared =
      sharedAddress(w.value(i.b, l) + static_cast<uint64_t>(i.offsets[0]));
  if (copy.isTensor) {
    readMap(w, copy, global, i.size, lane);
    for (unsigned k = 0; k < i.size; ++k)
      copy.coordinates[k] = static_cast<int32_t>(w.value(i.list[k], l));
    checkCoordinates(copy, lane);
  } else {
    copy.global = global;
    copy.bytes = static_cast<uint32_t>(w.value(i.e, l));
    if (copy.bytes % 16 || global % 16 || copy.shared % 16)
      fault(Kind::Misaligned,
            "a bulk copy of " + std::to_string(copy.bytes) +
                " bytes at shared address " + hex(copy.shared) +
                " and global address " + hex(global) +
                ", expected multiples of 16",
            lane);
  }
  if (copy.bytes)
    cta.sharedAt(copy.shared, copy.bytes, lane, copy.isTensor ? 128 : 16);

  if (copy.kind == BulkCopy::Kind::Load) {
    MBarrier &barrier = cta.mbarrier(
        w.value(i.c, l) + static_cast<uint64_t>(i.offsets[1]), i, w, l);
    if (!barrier.fenced)
      fault(Kind::MissingProxyFence,
            "the initialisation of the mbarrier at " + hex(barrier.address) +
                " is not visible to the copy: expected fence.mbarrier_init or "
                "fence.proxy.async behind it",
            lane);
    copy.barrier = barrier.address;
    if (copy.bytes)
      cta.shadow.write({w.clocks, kBarrierAgent + barrier.index,
                        static_cast<uint32_t>(barrier.phase + 1), i.line, true},
                       copy.shared, copy.bytes);
    ++barrier.inFlight;
    cta.loads.push_back(std::move(copy));
    bool now = w.machine->options.completion == Completion::Earliest;
    if (now)
      completeLoad(cta, cta.loads.size() - 1);
    return;
  }
  copy.sequence = ++w.bulkIssued;
  if (copy.bytes)
    cta.shadow.read(
        {w.clocks, kBulkAgent + w.index, copy.sequence, i.line, true},
        copy.shared, copy.bytes);
  cta.stores.push_back(std::move(copy));
  Completion completion = w.machine->options.completion;
  if (completion == Completion::Earliest ||
      (completion == Completion::Random && w.machine->choose(2)))
    readStore(cta, cta.stores.back());
}

void execBulkCopy(Warp &w, const Inst &i, uint32_t m) {
  for (const Arg *arg : {&i.a, &i.b, &i.c, &i.e})
    if (*arg)
      w.source(*arg, m);
  for (const Arg &arg : i.list)
    w.source(arg, m);
  eachLane(m, [&](unsigned l) {
    try {
      issueCopy(w, i, l);
    } catch (Fault &f) {
      if (f.lane < 0)
        f.lane = static_cast<int>(l);
      throw;
    }
  });
  w.tick();
}

void execBulkCommit(Warp &w, const Inst &, uint32_t m) {
  eachLane(m, [&](unsigned l) {
    uint64_t group = ++w.cta->bulkGroups[w.index * 32 + l];
    for (BulkCopy &copy : w.cta->stores)
      if (copy.warp == w.index && copy.lane == l && !copy.group)
        copy.group = group;
  });
}

/// imm: groups that may stay pending; flags: 1 only reading.
void execBulkWait(Warp &w, const Inst &i, uint32_t m) {
  Cta &cta = *w.cta;
  for (size_t k = 0; k < cta.stores.size();) {
    BulkCopy &copy = cta.stores[k];
    uint64_t committed = cta.bulkGroups[w.index * 32 + copy.lane];
    bool waits = copy.warp == w.index && m >> copy.lane & 1 && copy.group &&
                 copy.group + static_cast<uint64_t>(i.imm) <= committed;
    if (!waits) {
      ++k;
      continue;
    }
    readStore(cta, copy);
    copy.wasAwaited = true;
    if (i.flags & 1) {
      ++k;
      continue;
    }
    writeStore(cta, copy);
    cta.stores.erase(cta.stores.begin() + static_cast<ptrdiff_t>(k));
  }
  w.clocks.set(kBulkAgent + w.index, oldestPending(cta, w) - 1);
}

Arg memoryArg(Decoder &d, size_t index, int64_t &offset) {
  const ptx::Operand &memory = d.operand(index);
  if (memory.kind != ptx::Operand::Kind::Memory || memory.elements.size() != 1)
    d.fail("expected an address '[...]' as operand of '" + d.statement->opcode +
           "'");
  return d.addressBase(memory.elements[0], offset);
}

void mapArg(Decoder &d, size_t index, unsigned rank) {
  const ptx::Operand &memory = d.operand(index);
  using Kind = ptx::Operand::Kind;
  if (memory.kind != Kind::Memory || memory.elements.size() != 2 ||
      memory.elements[1].kind != Kind::Vector ||
      memory.elements[1].elements.size() != rank)
    d.fail("expected '[map, {" + std::to_string(rank) +
           " coordinates}]' as operand of '" + d.statement->opcode + "'");
  d.inst.a = d.addressBase(memory.elements[0], d.inst.offset);
  d.inst.size = static_cast<uint8_t>(rank);
  for (const ptx::Operand &coordinate : memory.elements[1].elements)
    d.inst.list.push_back(d.source(coordinate, Type::S32));
}

void decodeBulk(Decoder &d, bool isReduce) {
  Inst &inst = d.inst;
  bool isTensor = d.take("tensor");
  if (!isReduce && d.take("commit_group")) {
    d.expectOperands(0, 0);
    inst.exec = execBulkCommit;
    d.setGroup("bulk-commit");
    return;
  }
  if (!isReduce && d.take("wait_group")) {
    inst.flags = d.take("read") ? 1 : 0;
    d.expectOperands(1, 1);
    inst.imm = d.immediate(0, "the number of groups");
    inst.exec = execBulkWait;
    d.setGroup("bulk-wait");
    return;
  }
  if (!isReduce && d.take("prefetch"))
    return;
  int rank = isTensor ? d.takeOneOf({"1d", "2d", "3d", "4d", "5d"}) + 1 : 0;
  ptx::Space to = d.takeSpace(), from = d.takeSpace();
  if (isTensor)
    d.take("tile");
  bool hint = d.take("L2::cache_hint");
  bool isLoad = to == ptx::Space::Shared;
  if ((isTensor && rank == 0) || (isLoad && isReduce) ||
      from != (isLoad ? ptx::Space::Global : ptx::Space::Shared) ||
      (!isLoad && to != ptx::Space::Global))
    return;
  d.expect(isLoad ? "mbarrier::complete_tx::bytes" : "bulk_group");
  inst.imm = -1;
  if (isReduce) {
    inst.imm =
        d.takeOneOf({"add", "min", "max", "and", "or", "xor", "inc", "dec"});
    if (inst.imm < 0)
      return;
    if (!isTensor) {
      d.take("noftz");
      inst.type = d.takeType();
      if (inst.type == Type::None)
        return;
    }
  }
  size_t count = (isTensor ? 2 : 3) + isLoad + hint;
  d.expectOperands(count, count);
  size_t shared = isLoad ? 0 : 1, global = 1 - shared;
  inst.flags = isTensor | isLoad << 1 | isReduce << 2;
  inst.b = memoryArg(d, shared, inst.offsets[0]);
  if (isTensor) {
    mapArg(d, global, static_cast<unsigned>(rank));
  } else {
    inst.a = memoryArg(d, global, inst.offset);
    inst.e = d.source(2, Type::U32);
  }
  if (isLoad)
    inst.c = memoryArg(d, isTensor ? 2 : 3, inst.offsets[1]);
  inst.exec = execBulkCopy;
  d.setGroup(std::string(isTensor ? "tma-" : "bulk-") + (isReduce ? "reduce"
                                                         : isLoad ? "load"
                                                                  : "store"));
}

// cp.async.

/// size: bytes; b: shared; list: bytes to read, the rest is zero.
void execCopy(Warp &w, const Inst &i, uint32_t m) {
  Cta &cta = *w.cta;
  w.source(i.a, m);
  w.source(i.b, m);
  const uint32_t *sizes = i.list.empty() ? nullptr : w.source(i.list[0], m);
  uint32_t ignored = i.e ? w.predicate(i.e, m) : 0;
  ++w.copiesIssued;
  eachLane(m, [&](unsigned l) {
    int lane = static_cast<int>(l);
    Copy copy;
    copy.warp = w.index;
    copy.sequence = w.copiesIssued;
    copy.shared =
        sharedAddress(w.value(i.b, l) + static_cast<uint64_t>(i.offsets[0]));
    copy.bytes = i.size;
    uint64_t global = w.value(i.a, l) + static_cast<uint64_t>(i.offset);
    uint32_t bytes = sizes ? sizes[l] : i.size;
    if (bytes > i.size)
      fault(Kind::WrongSize,
            "cp.async reads " + std::to_string(bytes) + " of " +
                std::to_string(i.size) + " bytes",
            lane);
    if (ignored >> l & 1)
      bytes = 0;
    cta.sharedAt(copy.shared, i.size, lane, i.size);
    if (global % i.size)
      fault(Kind::Misaligned,
            "global address " + hex(global) + " is not a multiple of " +
                std::to_string(i.size),
            lane);
    std::fill(std::begin(copy.data), std::end(copy.data), std::byte(0));
    w.requireGridWait(l);
    if (bytes)
      std::memcpy(copy.data, w.machine->global(global, bytes, "cp.async", lane),
                  bytes);
    w.machine->statistics.globalBytesRead += bytes;
    cta.shadow.write({w.clocks, kCopyAgent + w.index, copy.sequence, i.line},
                     copy.shared, i.size);
    cta.copies.push_back(copy);
  });
  Completion completion = w.machine->options.completion;
  if (completion == Completion::Earliest ||
      (completion == Completion::Random && w.machine->choose(2)))
    completeCopies(cta, w, w.copiesIssued);
}

void finishCopies(Warp &w, uint32_t upTo) {
  completeCopies(*w.cta, w, upTo);
  w.clocks.set(kCopyAgent + w.index, upTo);
}

void execCopyCommit(Warp &w, const Inst &, uint32_t) {
  w.copyGroups.push_back(w.copiesIssued);
}

void execCopyWait(Warp &w, const Inst &i, uint32_t) {
  if (i.flags & 1) { // all, committed or not
    w.copyGroups.clear();
    return finishCopies(w, w.copiesIssued);
  }
  uint32_t upTo = 0;
  while (w.copyGroups.size() > static_cast<size_t>(i.imm)) {
    upTo = w.copyGroups.front();
    w.copyGroups.pop_front();
  }
  if (upTo)
    finishCopies(w, upTo);
}

/// The arrival follows the copies so far, whenever they complete.
void execCopyArrive(Warp &w, const Inst &i, uint32_t m) {
  w.source(i.a, m);
  completeCopies(*w.cta, w, w.copiesIssued);
  Clocks clocks = w.clocks;
  clocks.set(kCopyAgent + w.index, w.copiesIssued);
  eachLane(m, [&](unsigned l) {
    MBarrier &barrier = w.cta->mbarrier(
        (w.value(i.a, l) + static_cast<uint64_t>(i.offset)) & 0xFFFFFFFF, i, w,
        l);
    if (!i.flags)
      ++barrier.pending;
    arriveOnMBarrier(*w.cta, barrier, 1, &clocks, static_cast<int>(l));
  });
  w.tick();
}

void decodeCopy(Decoder &d) {
  Inst &inst = d.inst;
  d.expect("async");
  if (d.take("bulk"))
    return decodeBulk(d, false);
  if (d.take("commit_group")) {
    d.expectOperands(0, 0);
    inst.exec = execCopyCommit;
    d.setGroup("cp.async-commit");
    return;
  }
  if (d.take("wait_group") || d.take("wait_all")) {
    inst.flags = d.numOperands() == 0;
    if (!inst.flags)
      inst.imm = d.immediate(0, "the number of groups");
    inst.exec = execCopyWait;
    d.setGroup("cp.async-wait");
    return;
  }
  if (d.take("mbarrier")) {
    d.expect("arrive");
    inst.flags = d.take("noinc");
    d.takeSpace();
    d.expect("b64");
    d.expectOperands(1, 1);
    d.address(0);
    inst.exec = execCopyArrive;
    return;
  }
  int cache = d.takeOneOf({"ca", "cg"});
  ptx::Space to = d.takeSpace(), from = d.takeSpace();
  d.takeOneOf({"L2::64B", "L2::128B", "L2::256B"});
  if (cache < 0 || to != ptx::Space::Shared || from != ptx::Space::Global)
    return;
  d.expectOperands(3, 4);
  inst.b = memoryArg(d, 0, inst.offsets[0]);
  inst.a = memoryArg(d, 1, inst.offset);
  int64_t bytes = d.immediate(2, "the number of bytes");
  if (bytes != 16 && (cache == 1 || (bytes != 4 && bytes != 8)))
    d.fail("expected 16 bytes (or 4 or 8 with .ca), got " +
           std::to_string(bytes));
  inst.size = static_cast<uint8_t>(bytes);
  if (d.numOperands() == 4) {
    const ptx::Operand &last = d.operand(3);
    if (last.kind == ptx::Operand::Kind::Register &&
        d.registerArg(last.reg).bits == 1)
      inst.e = d.predicate(3);
    else
      inst.list.push_back(d.source(3, Type::U32));
  }
  inst.exec = execCopy;
  d.setGroup("cp.async");
}

void decodeReduce(Decoder &d) {
  d.expect("async");
  d.expect("bulk");
  decodeBulk(d, true);
}

} // namespace

std::vector<Family> pbs::emu::asyncFamilies() {
  // cp.reduce.async is a family of its own by its second part.
  return {{"cp", [](Decoder &d) {
             if (d.take("reduce"))
               decodeReduce(d);
             else
               decodeCopy(d);
           }}};
}

void pbs::emu::completeLoad(Cta &cta, size_t index) {
  BulkCopy copy = std::move(cta.loads[index]);
  cta.loads.erase(cta.loads.begin() + static_cast<ptrdiff_t>(index));
  int lane = static_cast<int>(copy.lane);
  Machine &machine = *cta.machine;
  if (copy.isTensor)
    loadBox(machine, copy, cta.shared.data(), lane);
  else if (copy.bytes)
    std::memcpy(cta.shared.data() + copy.shared,
                machine.global(copy.global, copy.bytes, "bulk copy", lane),
                copy.bytes);
  machine.statistics.globalBytesRead += copy.bytes;
  machine.statistics.sharedBytesWritten += copy.bytes;
  auto it = cta.mbarriers.find(copy.barrier);
  if (it == cta.mbarriers.end())
    fault(Kind::UninitialisedMBarrier,
          "the mbarrier at " + hex(copy.barrier) +
              " of a copy in flight is no more",
          lane);
  --it->second.inFlight;
  completeBytes(cta, it->second, copy.bytes, lane);
}

void pbs::emu::readStore(Cta &cta, BulkCopy &copy) {
  if (copy.wasRead)
    return;
  copy.wasRead = true;
  const std::byte *first = cta.shared.data() + copy.shared;
  copy.data.assign(first, first + copy.bytes);
  cta.machine->statistics.sharedBytesRead += copy.bytes;
}

void pbs::emu::writeStore(Cta &cta, BulkCopy &copy) {
  Machine &machine = *cta.machine;
  int lane = static_cast<int>(copy.lane);
  machine.statistics.globalBytesWritten += copy.bytes;
  if (copy.isTensor)
    return storeBox(machine, copy, lane);
  if (!copy.bytes)
    return;
  std::byte *to = machine.global(copy.global, copy.bytes, "bulk copy", lane);
  if (copy.kind == BulkCopy::Kind::Store)
    std::memcpy(to, copy.data.data(), copy.bytes);
  else
    reduceElements(copy, to, copy.data.data(), copy.bytes);
}

void pbs::emu::completeCopies(Cta &cta, Warp &w, uint32_t upTo) {
  for (size_t i = 0; i < cta.copies.size();) {
    const Copy &copy = cta.copies[i];
    if (copy.warp != w.index || copy.sequence > upTo) {
      ++i;
      continue;
    }
    std::memcpy(cta.shared.data() + copy.shared, copy.data, copy.bytes);
    cta.machine->statistics.sharedBytesWritten += copy.bytes;
    cta.copies.erase(cta.copies.begin() + static_cast<ptrdiff_t>(i));
  }
}
