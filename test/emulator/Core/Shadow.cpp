//===- Shadow.cpp - What is known of shared memory ------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Shadow.h"
#include "Machine.h"

using namespace pbs::emu;

std::string pbs::emu::describeAgent(unsigned agent) {
  if (agent < kWgmmaAgent)
    return "warp " + std::to_string(agent);
  if (agent < kBulkAgent)
    return "a wgmma of warpgroup " + std::to_string(agent - kWgmmaAgent);
  if (agent < kCopyAgent)
    return "a bulk copy of warp " + std::to_string(agent - kBulkAgent);
  if (agent < kBarrierAgent)
    return "a cp.async of warp " + std::to_string(agent - kCopyAgent);
  return "a bulk copy that an mbarrier tracks";
}

void Shadow::reset(uint32_t bytes) {
  words.assign((bytes + 3) / 4, Word());
  for (unsigned agent : readers)
    reads[agent].clear();
  readers.clear();
}

static std::string at(uint32_t address) {
  return "shared memory at " + hex(address);
}

void Shadow::failRead(const Access &access, const Word &word,
                      uint32_t address) const {
  if (!word.initialised)
    fault(Kind::UninitialisedShared,
          at(address) + " is read but never written");
  std::string written = at(address) + " is read, but its write by " +
                        describeAgent(word.agent) + " at line " +
                        std::to_string(word.line);
  if (word.agent >= kBarrierAgent)
    fault(Kind::ReadBeforeArrival,
          written + " has not been waited for at its mbarrier");
  if (word.agent >= kCopyAgent)
    fault(Kind::ReadBeforeArrival, written + " has not been waited for");
  if (access.async && access.clocks.seen[word.agent] >= word.clock)
    fault(Kind::MissingProxyFence,
          written + " was through the generic proxy, and no fence.proxy.async "
                    "lies between");
  fault(Kind::Race, written + " is not ordered before it");
}

void Shadow::read(const Access &access, uint32_t address, uint32_t bytes) {
  uint32_t first = address / 4, last = (address + bytes - 1) / 4;
  std::vector<Read> &mine = reads[access.agent];
  if (mine.empty()) {
    mine.assign(words.size(), Read());
    readers.push_back(access.agent);
  }
  const uint32_t *known =
      access.async ? access.clocks.fenced : access.clocks.seen;
  for (uint32_t i = first; i <= last; ++i) {
    const Word &word = words[i];
    uint8_t needed = 0xF;
    if (i == first)
      needed &= 0xF << (address & 3);
    if (i == last)
      needed &= 0xF >> (3 - ((address + bytes - 1) & 3));
    if (word.barrier)
      failBarrier(i * 4);
    if ((word.initialised & needed) != needed)
      failRead(access, Word(), i * 4);
    if (known[word.agent] < word.clock && (word.bytes & needed) &&
        !(word.agent == access.agent && !access.async) &&
        !(access.atomic && word.atomic))
      failRead(access, word, i * 4);
    mine[i].clock = access.clock;
    mine[i].line = access.line;
    mine[i].atomic = access.atomic;
  }
}

void Shadow::failWrite(const Access &access, unsigned agent, unsigned line,
                       bool wasRead, uint32_t address) const {
  std::string earlier = at(address) + " is written, but an earlier " +
                        (wasRead ? "read" : "write") + " by " +
                        describeAgent(agent) + " at line " +
                        std::to_string(line);
  if (agent >= kWgmmaAgent)
    fault(Kind::OverwriteInUse, earlier + " may not have finished");
  uint32_t clock =
      wasRead ? reads[agent][address / 4].clock : words[address / 4].clock;
  if (access.async && access.clocks.seen[agent] >= clock)
    fault(Kind::MissingProxyFence,
          earlier + " was through the generic proxy, and no fence.proxy.async "
                    "lies between");
  fault(Kind::Race, earlier + " is not ordered before it");
}

void Shadow::write(const Access &access, uint32_t address, uint32_t bytes) {
  uint32_t first = address / 4, last = (address + bytes - 1) / 4;
  const uint32_t *seen = access.clocks.seen;
  const uint32_t *known = access.async ? access.clocks.fenced : seen;
  for (unsigned agent : readers) {
    if (agent == access.agent)
      continue;
    // A read through the generic proxy may be on its way when its thread goes
    // on.
    uint32_t limit =
        access.async && agent < kWgmmaAgent ? known[agent] : seen[agent];
    const Read *theirs = reads[agent].data();
    for (uint32_t i = first; i <= last; ++i)
      if (theirs[i].clock > limit && !(access.atomic && theirs[i].atomic))
        failWrite(access, agent, theirs[i].line, true, i * 4);
  }
  for (uint32_t i = first; i <= last; ++i) {
    Word &word = words[i];
    if (word.barrier)
      failBarrier(i * 4);
    uint8_t touched = 0xF;
    if (i == first)
      touched &= 0xF << (address & 3);
    if (i == last)
      touched &= 0xF >> (3 - ((address + bytes - 1) & 3));
    if (known[word.agent] < word.clock && (word.bytes & touched) &&
        !(word.agent == access.agent && !access.async) &&
        !(access.atomic && word.atomic))
      failWrite(access, word.agent, word.line, false, i * 4);
    word.clock = access.clock;
    word.line = access.line;
    word.agent = static_cast<uint8_t>(access.agent);
    word.initialised |= touched;
    word.bytes = touched;
    word.atomic = access.atomic;
  }
}

void Shadow::setBarrier(uint32_t address, bool isBarrier) {
  for (uint32_t i = address / 4; i < address / 4 + 2; ++i) {
    words[i] = Word();
    words[i].barrier = isBarrier;
  }
}

void Shadow::failBarrier(uint32_t address) const {
  fault(Kind::MBarrierAccess, at(address) + " is part of an mbarrier");
}
