//===- AttentionProducer.cpp - Work items and loads of the kernel ---------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One warp draws work items from a counter, classifies the key blocks of each,
// tells the consumers how many there are and loads them: those that need a mask
// first. Its lanes run together (the bit row of a block list is read by all of
// them); one elected lane issues copies and signals.
//
//===----------------------------------------------------------------------===//

#include "AttentionEmitter.h"

using namespace mlir;
using namespace mlir::pbs;

/// L2 cache policies as createpolicy makes them: Q is read once, K and V often.
static constexpr uint64_t kEvictFirst = 0x12F0000000000000;
static constexpr uint64_t kEvictLast = 0x14F0000000000000;

/// K and V of the heads visited together should stay in the L2 cache; this much
/// of it is counted on (H100: 50 MB).
static constexpr int64_t kL2Budget = 32 << 20;

void AttentionEmitter::emitProducer() {
  b.setMaxRegisters(spec.schedule.producerRegisters, /*increase=*/false);
  Block *work = b.newBlock(), *exit = b.newBlock();
  b.condBr(b.cmp(Cmp::EQ, warp, 0), work, exit);
  b.enter(work);
  elected = b.elect();
  Value numBlocks =
      spec.packed
          ? countPackedBlocks()
          : b.lshr(b.add(param(params.queries), kAttentionBlock - 1), 7);
  batchHeads = b.mul(param(params.batch), param(params.heads));
  groupSize = b.udiv(param(params.heads), param(params.kvHeads));
  if (spec.schedule.headsPerGroup) {
    perGroup = b.c32(spec.schedule.headsPerGroup);
  } else {
    // K and V of one block, 16 bit each.
    int64_t blocks = kL2Budget / (kAttentionBlock * spec.headDim * 2 * 2);
    Value keyBlocks = b.lshr(b.add(param(params.keys), kAttentionBlock - 1), 7);
    perGroup = b.udiv(b.c32(blocks), b.smax(keyBlocks, b.c32(1)));
    perGroup = b.mul(b.smax(perGroup, b.c32(1)), groupSize);
  }
  Value numItems = b.mul(batchHeads, numBlocks);
  Value grid = b.nctaid();
  Value isLane0 = b.select(b.cmp(Cmp::EQ, lane, 0), b.c32(1), zero);
  auto workSlot = [&](unsigned field) {
    return b.gepBytes(b.sharedBase(), shared.work + 4 * field);
  };
  Value workFull = b.gepBytes(b.sharedBase(), shared.workFull);
  Value workEmpty = b.gepBytes(b.sharedBase(), shared.workEmpty);

  // Carried: item, ring step, number of items before this one.
  Block *head = b.newBlock({b.i32, b.i32, b.i32});
  Block *body = b.newBlock(), *done = b.newBlock();
  b.br(head, {b.ctaid(), zero, zero});
  b.enter(head);
  Value index = head->getArgument(0), step = head->getArgument(1),
        round = head->getArgument(2);
  b.mbarWait(workEmpty, b.xor_(b.and_(round, 1), 1));
  b.condBr(b.cmp(Cmp::LT, index, numItems), body, done);

  b.enter(body);
  WorkItem item = decode(index);
  auto draw = [&] {
    return b.ptx32("{\n.reg .pred p;\nsetp.ne.b32 p, $2, 0;\n"
                   "mov.b32 $0, 0;\n"
                   "@p atom.global.add.u32 $0, [$1], 1;\n}",
                   {param(params.counter), isLane0});
  };
  SmallVector<std::pair<WorkField, Value>> fields = {
      {kWorkBlock, item.block}, {kWorkHead, item.head},
      {kWorkBatch, item.batch}, {kWorkKvHead, item.kvHead},
      {kWorkCount, item.count}, {kWorkMasked, item.masked}};
  if (spec.packed) {
    fields[kWorkQueryRow].second = item.queryRow;
    fields.push_back({kWorkQueries, item.queries});
    fields.push_back({kWorkKeys, item.keys});
    // Consumers never see an item that does not exist.
    Block *skip = b.newBlock(), *visit = b.newBlock();
    b.condBr(item.exists, visit, skip);
    b.enter(skip);
    b.br(head, {b.add(b.shflIdx(draw(), zero), grid), step, round});
    b.enter(visit);
  }
  for (auto [field, value] : fields)
    b.ptxIf("st.volatile.shared.b32 [$0], $1;", {workSlot(field), value},
            elected);
  b.mbarArriveIf(workFull, elected);
  // Drawn here, so that the latency hides behind this item's loads.
  Value drawn = draw();

  Value qStage = b.and_(round, 1), qRound = b.and_(b.lshr(round, 1), 1);
  b.mbarWait(slot(shared.qEmpty, qStage, 8), b.xor_(qRound, 1));
  Value qFull = slot(shared.qFull, qStage, 8);
  b.mbarExpectTxIf(qFull, shared.tile, elected);
  Value qRow = b.mul(item.block, kAttentionBlock);
  if (spec.packed)
    qRow = b.add(item.queryRow, qRow);
  for (unsigned i = 0; i < shared.tile / kBoxBytes; ++i)
    b.tmaLoadIf(b.gepBytes(slot(shared.q, qStage, shared.tile), i * kBoxBytes),
                param(params.q), qFull,
                {b.c32(i * kSwizzleElements), qRow, item.head, item.batch},
                kEvictFirst, elected);

  Value nextStep = emitLoads(item, step);
  Value next = b.add(b.shflIdx(drawn, zero), grid);
  b.br(head, {next, nextStep, b.add(round, 1)});

  b.enter(done);
  // Where no item exists, nobody has written the other fields, which are read.
  for (unsigned field = 0; field < (spec.packed ? kWorkFields : 1u); ++field)
    b.ptxIf("st.volatile.shared.b32 [$0], $1;", {workSlot(field), b.c32(-1)},
            elected);
  b.mbarArriveIf(workFull, elected);
  b.br(exit);
  b.enter(exit);
  b.ret();
}

/// Items go group of heads by group of heads (so that their K and V stay in the
/// L2 cache), inside a group from the last query block to the first: with a
/// causal mask that is the heaviest first, which balances the load.
AttentionEmitter::WorkItem AttentionEmitter::decode(Value index) {
  WorkItem item;
  Value queries = param(params.queries), keys = param(params.keys);
  Value numBlocks = spec.packed
                        ? countPackedBlocks()
                        : b.lshr(b.add(queries, kAttentionBlock - 1), 7);
  Value groupItems = b.mul(perGroup, numBlocks);
  Value group = b.udiv(index, groupItems);
  Value inGroup = b.sub(index, b.mul(group, groupItems));
  Value firstHead = b.mul(group, perGroup);
  Value groupHeads = b.smin(perGroup, b.sub(batchHeads, firstHead));
  Value rank = b.udiv(inGroup, groupHeads);
  item.block = b.sub(b.add(numBlocks, -1), rank);
  Value batchHead = b.add(firstHead, b.sub(inGroup, b.mul(rank, groupHeads)));
  item.batch = b.udiv(batchHead, param(params.heads));
  item.head = b.sub(batchHead, b.mul(item.batch, param(params.heads)));
  item.kvHead = b.udiv(item.head, groupSize);
  if (spec.packed) {
    locate(item, item.block);
    queries = item.queries;
    keys = item.keys;
  }
  item.queries = queries;
  item.keys = keys;

  Value numKeyBlocks = b.lshr(b.add(keys, kAttentionBlock - 1), 7);
  Value completeBlocks = b.lshr(keys, 7);
  if (!spec.causal) {
    item.full = completeBlocks;
    item.end = numKeyBlocks;
  } else {
    // Positions of the block's rows: [lo, hi]. Negative ones see nothing.
    Value row0 = b.mul(item.block, kAttentionBlock);
    Value shift = b.sub(keys, queries);
    Value lo = b.add(row0, shift);
    Value hi = b.add(b.smin(b.add(row0, kAttentionBlock), queries), -1);
    hi = b.add(hi, shift);
    Value loEnd = b.smax(b.add(lo, 1), zero),
          hiEnd = b.smax(b.add(hi, 1), zero);
    if (!spec.hasPositions) {
      item.full = b.lshr(loEnd, 7);
      item.end = b.lshr(b.add(hiEnd, kAttentionBlock - 1), 7);
    } else if (spec.segment == 0) {
      item.full = zero;
      item.end = numKeyBlocks;
    } else {
      Value segment = b.c32(spec.segment);
      int64_t blocks = spec.segment / kAttentionBlock;
      item.full = b.mul(b.udiv(loEnd, segment), blocks);
      item.end = b.mul(b.udiv(b.add(hiEnd, spec.segment - 1), segment), blocks);
    }
    item.full = b.smin(item.full, completeBlocks);
    item.end = b.smin(item.end, numKeyBlocks);
  }
  if (spec.hasList) {
    item.listRow = element(params.list, params.listStrides,
                           {item.batch, item.head, item.block});
    countListed(item);
  } else {
    item.count = item.end;
    item.masked = b.sub(item.end, item.full);
  }
  // A query block that sees nothing visits one block past the end: TMA fills it
  // with zeros, the mask removes it, and O = 0, LSE = -inf come out as always.
  Value none = b.cmp(Cmp::EQ, item.count, 0);
  item.count = b.select(none, b.c32(1), item.count);
  item.masked = b.select(none, b.c32(1), item.masked);
  return item;
}

/// Block `r` of all belongs to sequence `s` if s is the last with
/// `offset[s] / 128 + s <= r`: with one block more than its length fills, every
/// sequence has its own blocks wherever it begins.
Value AttentionEmitter::countPackedBlocks() {
  return b.add(b.lshr(param(params.queries), 7), param(params.offsets));
}

void AttentionEmitter::locate(WorkItem &item, Value rank) {
  auto offset = [&](int pointer, Value i) {
    return b.load(b.gepBytes(param(pointer), b.mul(b.zext64(i), 4)), b.i32, 4,
                  /*invariant=*/true);
  };
  auto firstBlock = [&](Value s) {
    return b.add(b.ashr(offset(params.queryOffsets, s), 7), s);
  };
  // The last sequence between `low` and before `high`, by bisection.
  Block *head = b.newBlock({b.i32, b.i32});
  Block *body = b.newBlock(), *done = b.newBlock();
  b.br(head, {zero, b.add(param(params.offsets), -1)});
  b.enter(head);
  Value low = head->getArgument(0), high = head->getArgument(1);
  b.condBr(b.cmp(Cmp::GT, b.sub(high, low), 1), body, done);
  b.enter(body);
  Value middle = b.lshr(b.add(low, high), 1);
  Value isBefore = b.cmp(Cmp::LE, firstBlock(middle), rank);
  b.br(head,
       {b.select(isBefore, middle, low), b.select(isBefore, high, middle)});
  b.enter(done);

  // Offsets are the caller's: nothing is taken from outside of the tensors.
  // Without a sequence there are no offsets to read either.
  Value isAny = b.cmp(Cmp::GT, high, 0);
  auto bounds = [&](int pointer, Value total, Value &begin) {
    Value address = b.gepBytes(param(pointer), b.mul(b.zext64(low), 4));
    begin = b.smin(b.smax(b.loadGlobalIf(address, 0, isAny), zero), total);
    Value end = b.loadGlobalIf(b.gepBytes(address, 4), 0, isAny);
    return b.sub(b.smin(b.smax(end, begin), total), begin);
  };
  item.queries =
      bounds(params.queryOffsets, param(params.queries), item.queryRow);
  item.keys = bounds(params.keyOffsets, param(params.keys), item.keyRow);
  item.block = b.sub(rank, b.add(b.lshr(item.queryRow, 7), low));
  Value isInside =
      b.and_(b.cmp(Cmp::GE, item.block, 0),
             b.cmp(Cmp::LT, b.mul(item.block, kAttentionBlock), item.queries));
  // All lanes agree; this tells ptxas.
  item.exists =
      b.cmp(Cmp::NE, b.uniform(b.select(isInside, b.c32(1), zero)), 0);
}

Value AttentionEmitter::rowOf(const WorkItem &item, Value block) {
  Value row = b.mul(block, kAttentionBlock);
  if (!spec.packed)
    return row;
  // Past the sequence, past the tensor: the tile is filled with zeros.
  return b.select(b.cmp(Cmp::LT, row, item.keys), b.add(item.keyRow, row),
                  b.add(param(params.keys), kAttentionBlock));
}

/// Their probabilities are 0, but 0 times a NaN of another sequence would not
/// be. `tail` is back in its first phase afterwards.
void AttentionEmitter::clearTail(const WorkItem &item, Value block, Value tile,
                                 Value bar) {
  Value valid = b.sub(item.keys, b.mul(block, kAttentionBlock));
  Block *clear = b.newBlock(), *join = b.newBlock();
  b.condBr(isTail(item, block), clear, join);
  b.enter(clear);
  Value tail = b.gepBytes(b.sharedBase(), shared.tail);
  b.mbarWait(tail, zero);
  Block *head = b.newBlock({b.i32});
  Block *body = b.newBlock(), *done = b.newBlock();
  constexpr unsigned kStoreBytes = 16;
  b.br(head, {b.mul(valid, kSwizzleBytes)});
  b.enter(head);
  Value at = head->getArgument(0);
  b.condBr(b.cmp(Cmp::LT, at, kBoxBytes), body, done);
  b.enter(body);
  Value mine = b.add(at, b.mul(lane, kStoreBytes));
  for (unsigned i = 0; i < shared.tile / kBoxBytes; ++i)
    b.ptxIf("st.shared.v4.b32 [$0], {$1, $1, $1, $1};",
            {b.gepBytes(b.gepBytes(tile, mine), i * kBoxBytes), zero},
            b.cmp(Cmp::LT, mine, kBoxBytes));
  b.br(head, {b.add(at, 32 * kStoreBytes)});
  b.enter(done);
  // wgmma reads through the async proxy (PTX ISA, "Async proxy").
  b.fenceProxyAsync();
  b.syncWarp();
  b.mbarArriveIf(tail, elected);
  b.mbarArriveIf(bar, elected);
  b.br(join);
  b.enter(join);
}

Value AttentionEmitter::isTail(const WorkItem &item, Value block) {
  Value valid = b.sub(item.keys, b.mul(block, kAttentionBlock));
  return b.and_(b.cmp(Cmp::GT, valid, 0),
                b.cmp(Cmp::LT, valid, kAttentionBlock));
}

Value AttentionEmitter::rangeMask(Value begin, Value end, Value word) {
  // Bits below x, clamped to the word; 64-bit so that a shift by 32 is defined.
  auto below = [&](Value x) {
    Value bit = b.sub(x, b.mul(word, 32));
    bit = b.smin(b.smax(bit, zero), b.c32(32));
    return b.trunc32(b.add(b.shl(b.c64(1), b.zext64(bit)), -1));
  };
  return b.and_(below(end), b.xor_(below(begin), -1));
}

/// Counts the listed blocks, 32 words at a time, one per lane.
void AttentionEmitter::countListed(WorkItem &item) {
  Value words = b.lshr(b.add(item.end, 31), 5);
  Block *head = b.newBlock({b.i32, b.i32, b.i32});
  Block *body = b.newBlock(), *done = b.newBlock();
  b.br(head, {zero, zero, zero});
  b.enter(head);
  Value base = head->getArgument(0), nFull = head->getArgument(1),
        nMasked = head->getArgument(2);
  b.condBr(b.cmp(Cmp::LT, base, words), body, done);
  b.enter(body);
  Value word = b.add(base, lane);
  Value bits =
      b.loadGlobalIf(b.gepBytes(item.listRow, b.mul(b.zext64(word), 4)), 0,
                     b.cmp(Cmp::LT, word, words));
  Value full = b.popc(b.and_(bits, rangeMask(zero, item.full, word)));
  Value masked = b.popc(b.and_(bits, rangeMask(item.full, item.end, word)));
  b.br(head, {b.add(base, 32), b.add(nFull, full), b.add(nMasked, masked)});
  b.enter(done);
  item.masked = b.reduxAdd(nMasked);
  item.count = b.add(b.reduxAdd(nFull), item.masked);
}

void AttentionEmitter::loadTile(const WorkItem &item, unsigned tiles, int map,
                                unsigned full, unsigned empty, Value step,
                                Value block, Value publish) {
  Value stage = stageOf(step);
  b.mbarWait(slot(empty, stage, 8), b.xor_(roundOf(step), 1));
  // The arrival below releases the index to whoever waits for the tile.
  if (publish)
    b.ptxIf("st.volatile.shared.b32 [$0], $1;",
            {slot(shared.index, b.and_(step, kIndexRing - 1), 4), publish},
            elected);
  Value bar = slot(full, stage, 8), dst = slot(tiles, stage, shared.tile);
  Value arrives = bar;
  bool clears = spec.packed && map == params.v;
  if (clears)
    arrives = b.select(isTail(item, block),
                       b.gepBytes(b.sharedBase(), shared.tail), bar);
  b.mbarExpectTxIf(arrives, shared.tile, elected);
  Value row = rowOf(item, block);
  for (unsigned i = 0; i < shared.tile / kBoxBytes; ++i)
    b.tmaLoadIf(b.gepBytes(dst, i * kBoxBytes), param(map), arrives,
                {b.c32(i * kSwizzleElements), row, item.kvHead, item.batch},
                kEvictLast, elected);
  if (clears)
    clearTail(item, block, dst, bar);
}

void AttentionEmitter::loadBlock(const WorkItem &item, Value block,
                                 Value previous, Value step) {
  loadTile(item, shared.k, params.k, shared.kFull, shared.kEmpty, step, block,
           /*publish=*/block);
  // V of a block is needed only after K of the next.
  Block *load = b.newBlock(), *join = b.newBlock();
  b.condBr(b.cmp(Cmp::GE, previous, 0), load, join);
  b.enter(load);
  loadTile(item, shared.v, params.v, shared.vFull, shared.vEmpty,
           b.add(step, -1), previous, /*publish=*/{});
  b.br(join);
  b.enter(join);
}

/// Loads all blocks of an item; returns the ring step after them.
Value AttentionEmitter::emitLoads(const WorkItem &item, Value step) {
  Value last =
      spec.hasList ? emitListLoads(item, step) : emitDenseLoads(item, step);
  // `last` is -1 if nothing was listed.
  Value end = b.add(step, item.count);
  Block *none = b.newBlock(), *join = b.newBlock({b.i32});
  b.condBr(b.cmp(Cmp::LT, last, 0), none, {}, join, last);
  b.enter(none);
  Value numKeyBlocks = b.lshr(b.add(item.keys, kAttentionBlock - 1), 7);
  Value outside = b.add(numKeyBlocks, 1);
  loadBlock(item, outside, b.c32(-1), step);
  b.br(join, outside);
  b.enter(join);
  loadTile(item, shared.v, params.v, shared.vFull, shared.vEmpty,
           b.add(end, -1), join->getArgument(0), /*publish=*/{});
  return end;
}

/// All blocks from the last visible one down to the first.
Value AttentionEmitter::emitDenseLoads(const WorkItem &item, Value step) {
  Block *head = b.newBlock({b.i32, b.i32, b.i32});
  Block *body = b.newBlock(), *done = b.newBlock();
  b.br(head, {b.add(item.end, -1), b.c32(-1), step});
  b.enter(head);
  Value block = head->getArgument(0), previous = head->getArgument(1),
        at = head->getArgument(2);
  b.condBr(b.cmp(Cmp::GE, block, 0), body, done);
  b.enter(body);
  loadBlock(item, block, previous, at);
  b.br(head, {b.add(block, -1), block, b.add(at, 1)});
  b.enter(done);
  return previous;
}

/// The listed blocks, pass 0 those that need a mask, pass 1 the others.
Value AttentionEmitter::emitListLoads(const WorkItem &item, Value step) {
  Block *passHead = b.newBlock({b.i32, b.i32, b.i32});
  Block *passBody = b.newBlock(), *done = b.newBlock();
  b.br(passHead, {zero, b.c32(-1), step});

  b.enter(passHead);
  Value pass = passHead->getArgument(0);
  b.condBr(b.cmp(Cmp::LT, pass, 2), passBody, done);

  b.enter(passBody);
  Value first = b.cmp(Cmp::EQ, pass, 0);
  Value begin = b.select(first, item.full, zero);
  Value end = b.select(first, item.end, item.full);
  Value endWord = b.lshr(b.add(end, 31), 5);
  Block *wordHead = b.newBlock({b.i32, b.i32, b.i32});
  Block *wordBody = b.newBlock(), *passNext = b.newBlock();
  b.br(wordHead,
       {b.lshr(begin, 5), passHead->getArgument(1), passHead->getArgument(2)});

  b.enter(wordHead);
  Value word = wordHead->getArgument(0);
  b.condBr(b.cmp(Cmp::LT, word, endWord), wordBody, passNext);

  b.enter(wordBody);
  Value bits = b.load(b.gepBytes(item.listRow, b.mul(b.zext64(word), 4)), b.i32,
                      4, /*invariant=*/true);
  bits = b.and_(bits, rangeMask(begin, end, word));
  Block *bitHead = b.newBlock({b.i32, b.i32, b.i32});
  Block *bitBody = b.newBlock(), *wordNext = b.newBlock();
  b.br(bitHead, {bits, wordHead->getArgument(1), wordHead->getArgument(2)});

  b.enter(bitHead);
  Value rest = bitHead->getArgument(0), previous = bitHead->getArgument(1),
        at = bitHead->getArgument(2);
  b.condBr(b.cmp(Cmp::NE, rest, 0), bitBody, wordNext);

  b.enter(bitBody);
  Value block = b.add(b.mul(word, 32), b.ctz(rest));
  loadBlock(item, block, previous, at);
  b.br(bitHead, {b.and_(rest, b.add(rest, -1)), block, b.add(at, 1)});

  b.enter(wordNext);
  b.br(wordHead, {b.add(word, 1), previous, at});
  b.enter(passNext);
  b.br(passHead,
       {b.add(pass, 1), wordHead->getArgument(1), wordHead->getArgument(2)});
  b.enter(done);
  return passHead->getArgument(1);
}
