//===- AttentionConsumer.cpp - The two consumer warpgroups ----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// FlashAttention-3's schedule: Q K^T of the next block is issued before P V of
// this one and the softmax runs while both are in flight; named barriers make
// the two warpgroups take turns on the tensor cores. Blocks that need a mask
// come first, in a loop of their own, so that the main loop has none.
//
//===----------------------------------------------------------------------===//

#include "AttentionEmitter.h"

using namespace mlir;
using namespace mlir::pbs;

/// Strides of the shared-memory matrix descriptors for the 128-byte swizzle, in
/// bytes (PTX ISA, "Matrix descriptor"): 8-row groups lie 1024 bytes apart; the
/// leading offset matters only for V, whose 64-column halves are one box apart.
static constexpr unsigned kGroupBytes = 8 * kSwizzleBytes;
static constexpr unsigned kUnusedLeading = 16;
/// Keys and columns of one k step of wgmma.
static constexpr unsigned kStepK = 16;
static constexpr unsigned kKeys = kAttentionBlock;
/// Position of a key past the end: greater than every row's.
static constexpr int32_t kNoPosition = 0x7fffffff;

/// Accumulator element i belongs to row 8 * accRow(i) of the thread's rows and
/// to column 8 * (i / 4) + (i & 1) (PTX ISA, wgmma accumulator fragment).
static unsigned accRow(unsigned i) { return (i / 2) % 2; }

Values AttentionEmitter::State::flat() const {
  Values all;
  for (ArrayRef<Value> part :
       {ArrayRef<Value>(o), ArrayRef<Value>(p), ArrayRef<Value>(m),
        ArrayRef<Value>(l), ArrayRef<Value>(pending)})
    all.append(part.begin(), part.end());
  all.push_back(j);
  all.push_back(step);
  return all;
}

Value AttentionEmitter::descriptor(Value address, unsigned lbo, unsigned sbo) {
  Value start = b.zext64(b.lshr(b.and_(address, 0x3FFFF), 4));
  uint64_t fields = (uint64_t(1) << 62) | (uint64_t(sbo >> 4) << 32) |
                    (uint64_t(lbo >> 4) << 16);
  return b.or_(start, b.c64(int64_t(fields)));
}

Value AttentionEmitter::advance(Value desc, unsigned bytes) {
  return b.add(desc, int64_t(bytes >> 4));
}

void AttentionEmitter::emitConsumer() {
  b.setMaxRegisters(spec.schedule.consumerRegisters, /*increase=*/true);
  wg = b.add(b.lshr(warp, 2), -1);
  wgThread = b.and_(tid, kWarpgroup - 1);
  signals = b.cmp(Cmp::EQ, wgThread, 0);
  rowInTile =
      b.add(b.add(b.mul(wg, 64), b.mul(b.and_(warp, 3), 16)), b.lshr(lane, 2));
  column = b.mul(b.and_(lane, 3), 2);
  scale = param(params.scale);
  negScale = b.fneg(scale);
  Value base = b.ptrToInt(b.sharedBase());
  qBase = b.add(b.add(base, shared.q), b.mul(wg, 64 * kSwizzleBytes));
  qDescBase = descriptor(qBase, kUnusedLeading, kGroupBytes);
  kDescBase = descriptor(b.add(base, shared.k), kUnusedLeading, kGroupBytes);
  vDescBase = descriptor(b.add(base, shared.v), kBoxBytes, kGroupBytes);
  barMine = b.add(wg, 1);
  barOther = b.sub(b.c32(2), wg);
  barWarpgroup = b.add(wg, 3);

  // The second warpgroup lets the first go first.
  Block *yield = b.newBlock(), *start = b.newBlock();
  b.condBr(b.cmp(Cmp::EQ, wg, 1), yield, start);
  b.enter(yield);
  b.barrierArrive(b.c32(1), kConsumers);
  b.br(start);
  b.enter(start);

  Block *head = b.newBlock({b.i32, b.i32});
  Block *body = b.newBlock(), *done = b.newBlock();
  b.br(head, {zero, zero});
  b.enter(head);
  Value step = head->getArgument(0), round = head->getArgument(1);
  ConsumerItem item = readItem(round);
  b.condBr(b.cmp(Cmp::GE, item.block, 0), body, done);
  b.enter(body);
  Value nextStep = emitItem(item, step);
  b.br(head, {nextStep, b.add(round, 1)});
  b.enter(done);
  // The last O tile must have left shared memory.
  b.bulkWaitRead();
  b.ret();
}

AttentionEmitter::ConsumerItem AttentionEmitter::readItem(Value round) {
  b.mbarWait(b.gepBytes(b.sharedBase(), shared.workFull), b.and_(round, 1));
  auto field = [&](unsigned i) {
    Value v =
        b.loadVolatile(b.gepBytes(b.sharedBase(), shared.work + 4 * i), b.i32);
    return b.uniform(v);
  };
  ConsumerItem item;
  item.round = round;
  item.block = field(kWorkBlock);
  item.head = field(kWorkHead);
  item.batch = field(kWorkBatch);
  item.kvHead = field(kWorkKvHead);
  item.count = field(kWorkCount);
  item.masked = field(kWorkMasked);
  item.queries = param(params.queries);
  item.keys = param(params.keys);
  if (spec.packed) {
    item.batch = zero;
    item.queryRow = field(kWorkQueryRow);
    item.queries = field(kWorkQueries);
    item.keys = field(kWorkKeys);
  }
  b.mbarArrive(b.gepBytes(b.sharedBase(), shared.workEmpty));
  return item;
}

Value AttentionEmitter::emitItem(const ConsumerItem &read, Value step) {
  ConsumerItem item = read;
  item.row0 = b.add(b.mul(item.block, kAttentionBlock), rowInTile);
  Value keys = item.keys;
  if (spec.causal) {
    item.limit[0] = b.add(item.row0, b.sub(keys, item.queries));
    item.limit[1] = b.add(item.limit[0], 8);
  } else {
    item.limit[0] = item.limit[1] = b.add(keys, -1);
  }
  if (masksByPosition())
    item.positionsRow = element(params.positions, params.positionStrides,
                                {item.batch, item.kvHead});

  item.qStage = b.and_(item.round, 1);
  b.mbarWait(slot(shared.qFull, item.qStage, 8),
             b.and_(b.lshr(item.round, 1), 1));
  Value qOffset = b.mul(item.qStage, shared.tile);
  item.qAddress = b.add(qBase, qOffset);
  item.qDesc = b.add(qDescBase, b.zext64(b.lshr(qOffset, 4)));

  State s = emitFirst(item, step);
  s = emitLoop(item, s, item.masked, /*masked=*/true);
  s = emitLoop(item, s, item.count, /*masked=*/false);

  // P V of the last block.
  Values o = spec.schedule.lateRescale ? rescale(s.o, s.pending) : s.o;
  Value stage = stageOf(s.step);
  b.mbarWait(slot(shared.vFull, stage, 8), roundOf(s.step));
  Values fenced(o);
  fenced.append(s.p);
  fenced = b.wgmmaFence(fenced);
  ArrayRef<Value> all(fenced);
  o = gemmPV(all.drop_front(o.size()), stage, all.take_front(o.size()));
  b.wgmmaCommit();
  o = b.wgmmaWait(0, o);
  b.mbarArriveIf(slot(shared.vEmpty, stage, 8), signals);
  emitEpilogue(item, o, s.m, s.l);
  return b.add(s.step, 1);
}

/// Q K^T and softmax of the first block; O is zero.
AttentionEmitter::State AttentionEmitter::emitFirst(const ConsumerItem &item,
                                                    Value step) {
  Value stage = stageOf(step);
  b.mbarWait(slot(shared.kFull, stage, 8), roundOf(step));
  MaskInput input = loadMaskInput(item, step);
  b.wgmmaFence();
  b.barrier(barMine, kConsumers);
  Values s = gemmQK(item, stage);
  b.wgmmaCommit();
  b.barrierArrive(barOther, kConsumers);
  stageMaskInput(input);
  s = b.wgmmaWait(0, s);
  b.mbarArriveIf(slot(shared.kEmpty, stage, 8), signals);

  // O of the previous item has left its Q tile by now: hand that tile back.
  b.bulkWaitRead();
  b.mbarArriveIf(slot(shared.qEmpty, b.xor_(item.qStage, 1), 8),
                 b.and_(signals, b.cmp(Cmp::GT, item.round, 0)));

  SmallVector<Type> types(s.size(), b.f32);
  Block *mask = b.newBlock(), *go = b.newBlock(types);
  b.condBr(b.cmp(Cmp::GT, item.masked, 0), mask, {}, go, s);
  b.enter(mask);
  b.br(go, applyMask(item, s, input));
  b.enter(go);
  Values masked(go->args_begin(), go->args_end());
  Softmax sm = softmax(masked, {b.negInf(), b.negInf()}, /*guard=*/true);

  State state;
  state.o.assign(spec.headDim / 2, b.cf(0));
  state.p = pack(sm.p);
  state.m = sm.m;
  state.l = sm.sum;
  if (spec.schedule.lateRescale)
    state.pending.assign(2, b.cf(1));
  state.j = b.c32(1);
  state.step = step;
  return state;
}

/// Steps while s.j < bound.
AttentionEmitter::State AttentionEmitter::emitLoop(const ConsumerItem &item,
                                                   const State &s, Value bound,
                                                   bool masked) {
  Values init = s.flat();
  Block *head = b.newBlock(ValueRange(init).getTypes());
  Block *body = b.newBlock(), *done = b.newBlock();
  b.br(head, init);
  b.enter(head);
  State at;
  auto *arg = head->args_begin();
  auto take = [&](const Values &like, Values &to) {
    for (size_t i = 0; i < like.size(); ++i)
      to.push_back(*arg++);
  };
  take(s.o, at.o);
  take(s.p, at.p);
  take(s.m, at.m);
  take(s.l, at.l);
  take(s.pending, at.pending);
  at.j = *arg++;
  at.step = *arg++;
  b.condBr(b.cmp(Cmp::LT, at.j, bound), body, done);
  b.enter(body);
  b.br(head, emitStep(item, at, masked).flat());
  b.enter(done);
  return at;
}

/// Q K^T of block s.j, P V of the block before, softmax of block s.j.
AttentionEmitter::State AttentionEmitter::emitStep(const ConsumerItem &item,
                                                   const State &s,
                                                   bool masked) {
  bool late = spec.schedule.lateRescale;
  Value oldStage = stageOf(s.step), oldRound = roundOf(s.step);
  Value newStep = b.add(s.step, 1);
  Value newStage = stageOf(newStep);
  b.mbarWait(slot(shared.kFull, newStage, 8), roundOf(newStep));
  MaskInput input;
  if (masked)
    input = loadMaskInput(item, newStep);
  b.barrier(barMine, kConsumers);

  unsigned numO = s.o.size();
  Values op(s.o);
  op.append(s.p);
  if (late)
    b.wgmmaFence();
  else
    op = b.wgmmaFence(op);
  Values scores = gemmQK(item, newStage);
  b.wgmmaCommit();
  if (late) {
    Values scaled = rescale(ArrayRef<Value>(op).take_front(numO), s.pending);
    std::copy(scaled.begin(), scaled.end(), op.begin());
  }
  b.mbarWait(slot(shared.vFull, oldStage, 8), oldRound);
  // Without a fence of its own the second product is serialised by ptxas.
  op = b.wgmmaFence(op);
  Values o = gemmPV(ArrayRef<Value>(op).drop_front(numO), oldStage,
                    ArrayRef<Value>(op).take_front(numO));
  b.wgmmaCommit();
  b.barrierArrive(barOther, kConsumers);
  if (masked)
    stageMaskInput(input);
  scores = b.wgmmaWait(1, scores);
  b.mbarArriveIf(slot(shared.kEmpty, newStage, 8), signals);
  if (masked)
    scores = applyMask(item, scores, input);

  Softmax sm = softmax(scores, s.m, /*guard=*/masked);
  State next;
  for (unsigned h = 0; h < 2; ++h)
    next.l.push_back(b.fma(s.l[h], sm.scale[h], sm.sum[h]));
  if (spec.schedule.anchor)
    anchor(sm.sum);
  // P stays in f32 until the wait: packing earlier would overwrite registers
  // that P V still reads, and ptxas would serialise.
  Values waited(o);
  waited.append(sm.p);
  waited = b.wgmmaWait(0, waited);
  b.mbarArriveIf(slot(shared.vEmpty, oldStage, 8), signals);
  next.o.assign(waited.begin(), waited.begin() + numO);
  if (late)
    next.pending = sm.scale;
  else
    next.o = rescale(next.o, sm.scale);
  next.p = pack(ArrayRef<Value>(waited).drop_front(numO));
  next.m = sm.m;
  next.j = b.add(s.j, 1);
  next.step = newStep;
  return next;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

Values AttentionEmitter::gemmQK(const ConsumerItem &item, Value stage) {
  Value k = b.add(kDescBase, b.zext64(b.mul(stage, shared.tile >> 4)));
  Value acc = b.undefAcc(kKeys);
  constexpr unsigned stepsPerBox = kSwizzleElements / kStepK;
  for (unsigned i = 0; i < spec.headDim / kStepK; ++i) {
    unsigned offset =
        i / stepsPerBox * kBoxBytes + i % stepsPerBox * kStepK * 2;
    acc = b.wgmmaSS(advance(item.qDesc, offset), advance(k, offset), acc, kKeys,
                    /*first=*/i == 0, spec.bf16);
  }
  return b.unpackAcc(acc, kKeys);
}

Values AttentionEmitter::gemmPV(ArrayRef<Value> p, Value stage,
                                ArrayRef<Value> o) {
  Value v = b.add(vDescBase, b.zext64(b.mul(stage, shared.tile >> 4)));
  Values acc(o);
  for (unsigned i = 0; i < kKeys / kStepK; ++i)
    acc = b.wgmmaRS(p.slice(4 * i, 4), advance(v, i * kStepK * kSwizzleBytes),
                    acc, unsigned(spec.headDim), /*first=*/false, spec.bf16);
  return acc;
}

//===----------------------------------------------------------------------===//
// Mask
//===----------------------------------------------------------------------===//

AttentionEmitter::MaskInput
AttentionEmitter::loadMaskInput(const ConsumerItem &item, Value step) {
  MaskInput input;
  input.block = b.loadVolatile(
      slot(shared.index, b.and_(step, kIndexRing - 1), 4), b.i32);
  if (masksByPosition()) {
    Value key = b.add(b.mul(input.block, kAttentionBlock), wgThread);
    input.position =
        b.loadGlobalIf(b.gepBytes(item.positionsRow, b.mul(b.zext64(key), 4)),
                       kNoPosition, b.cmp(Cmp::LT, key, param(params.keys)));
  }
  return input;
}

/// Shares the positions of the block's keys among the warpgroup's threads. The
/// buffer is free: the barrier before this block's product came after all reads
/// of the block before.
void AttentionEmitter::stageMaskInput(const MaskInput &input) {
  if (!masksByPosition())
    return;
  Value at = b.add(b.mul(wg, kWarpgroup * 4), b.mul(wgThread, 4));
  b.store(input.position,
          b.gepBytes(b.gepBytes(b.sharedBase(), at), shared.positions), 4);
}

Values AttentionEmitter::applyMask(const ConsumerItem &item, ArrayRef<Value> s,
                                   const MaskInput &input) {
  Values out(s);
  if (!masksByPosition()) {
    Value first = b.add(b.mul(input.block, kAttentionBlock), column);
    Value last[2] = {b.sub(item.limit[0], first), b.sub(item.limit[1], first)};
    for (unsigned i = 0; i < s.size(); ++i) {
      Value hidden = b.cmp(Cmp::LT, last[accRow(i)], 8 * (i / 4) + (i & 1));
      out[i] = b.select(hidden, b.negInf(), s[i]);
    }
    return out;
  }
  b.barrier(barWarpgroup, kWarpgroup);
  Value at = b.add(b.mul(wg, kWarpgroup * 4), b.mul(column, 4));
  Value base = b.gepBytes(b.gepBytes(b.sharedBase(), at), shared.positions);
  for (unsigned j = 0; j < kKeys / 8; ++j) {
    Value pair = b.load(b.gepBytes(base, 32 * j), b.vec2i32(), 8);
    for (unsigned e = 0; e < 4; ++e) {
      unsigned i = 4 * j + e;
      Value hidden =
          b.cmp(Cmp::LT, item.limit[accRow(i)], b.extractElement(pair, i & 1));
      out[i] = b.select(hidden, b.negInf(), s[i]);
    }
  }
  return out;
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// Four independent chains, then combined: short dependences, few live values.
static Value reduceRow(ArrayRef<Value> s, unsigned row,
                       function_ref<Value(Value, Value)> combine) {
  Values acc;
  unsigned n = 0;
  for (unsigned i = 0; i < s.size(); ++i) {
    if (accRow(i) != row)
      continue;
    if (n < 4)
      acc.push_back(s[i]);
    else
      acc[n % 4] = combine(acc[n % 4], s[i]);
    ++n;
  }
  return combine(combine(acc[0], acc[1]), combine(acc[2], acc[3]));
}

/// Online softmax in the exp2 domain. `guard` keeps rows without a visible key
/// so far at p = 0: -inf minus -inf would be NaN.
AttentionEmitter::Softmax
AttentionEmitter::softmax(ArrayRef<Value> s, ArrayRef<Value> m, bool guard) {
  Softmax r;
  Value shift[2];
  for (unsigned h = 0; h < 2; ++h) {
    Value x = reduceRow(s, h, [&](Value a, Value c) { return b.fmax(a, c); });
    // The four lanes of a row.
    x = b.fmax(x, b.shflBfly(x, 1));
    x = b.fmax(x, b.shflBfly(x, 2));
    x = b.fmax(x, m[h]);
    r.m.push_back(x);
    Value finite = x;
    if (guard)
      finite = b.select(b.fcmpEq(x, b.negInf()), b.cf(0), x);
    shift[h] = b.fmul(finite, negScale);
    r.scale.push_back(b.ex2(b.fma(m[h], scale, shift[h])));
  }
  for (unsigned i = 0; i < s.size(); ++i)
    r.p.push_back(b.ex2(b.fma(s[i], scale, shift[accRow(i)])));
  for (unsigned h = 0; h < 2; ++h)
    r.sum.push_back(
        reduceRow(r.p, h, [&](Value a, Value c) { return b.fadd(a, c); }));
  return r;
}

/// The accumulator layout of S, rounded to 16 bit, is the A operand of P V.
Values AttentionEmitter::pack(ArrayRef<Value> p) {
  Values out;
  for (unsigned i = 0; i < p.size(); i += 2)
    out.push_back(b.pack16(p[i], p[i + 1], spec.bf16));
  return out;
}

Values AttentionEmitter::rescale(ArrayRef<Value> o, ArrayRef<Value> factors) {
  Values out;
  for (unsigned i = 0; i < o.size(); ++i)
    out.push_back(b.fmul(o[i], factors[accRow(i)]));
  return out;
}

/// ptxas moves arithmetic across wgmma.wait_group freely; sums are never
/// negative, so the store never happens, but all exponentials must be known.
void AttentionEmitter::anchor(ArrayRef<Value> sums) {
  b.ptx32("{\n.reg .pred p;\nsetp.lt.f32 p, $1, 0f00000000;\n"
          "setp.lt.or.f32 p, $2, 0f00000000, p;\nmov.b32 $0, 0;\n"
          "@p st.shared.f32 [$3], $1;\n}",
          {sums[0], sums[1], b.ptrToInt(b.sharedBase())});
}

//===----------------------------------------------------------------------===//
// Epilogue
//===----------------------------------------------------------------------===//

void AttentionEmitter::emitEpilogue(const ConsumerItem &item, ArrayRef<Value> o,
                                    ArrayRef<Value> m, ArrayRef<Value> l) {
  Value inverse[2], empty[2], sum[2];
  for (unsigned h = 0; h < 2; ++h) {
    Value x = l[h];
    x = b.fadd(x, b.shflBfly(x, 1));
    x = b.fadd(x, b.shflBfly(x, 2));
    sum[h] = x;
    empty[h] = b.fcmpEq(x, b.cf(0));
    inverse[h] = b.rcp(x);
  }
  // A select, not a factor of zero: 0 * NaN of a masked V would not be 0.
  Values scaled;
  for (unsigned i = 0; i < o.size(); ++i)
    scaled.push_back(
        b.select(empty[accRow(i)], b.cf(0), b.fmul(o[i], inverse[accRow(i)])));

  if (spec.writeLse) {
    constexpr float kLn2 = 0.693147180559945f;
    Value base =
        element(params.lse, params.lseStrides, {item.batch, item.head});
    if (spec.packed)
      base = b.gepBytes(base, b.mul(b.zext64(item.queryRow), 4));
    Value firstInRow = b.cmp(Cmp::EQ, column, 0);
    for (unsigned h = 0; h < 2; ++h) {
      // -inf + -inf where nothing was visible.
      Value lse = b.fmul(b.fma(m[h], scale, b.lg2(sum[h])), b.cf(kLn2));
      Value at = b.add(item.row0, 8 * h);
      Value store = b.and_(b.cmp(Cmp::LT, at, item.queries), firstInRow);
      b.ptxIf("st.global.f32 [$0], $1;",
              {b.gepBytes(base, b.mul(b.zext64(at), 4)), lse}, store);
    }
  }

  if (!spec.writeOutput)
    return;
  // Registers -> this warpgroup's rows of the Q tile, swizzled as the tensor
  // map expects -> TMA store, which clips at M. stmatrix x4: lane L gives the
  // address of row L % 8 of matrix L / 8.
  Value row = b.add(b.mul(b.and_(warp, 3), 16), b.and_(lane, 15));
  Value half = b.lshr(lane, 4);
  Value rowAddress = b.add(item.qAddress, b.mul(row, kSwizzleBytes));
  Value swizzle = b.and_(row, 7);
  Values packed;
  for (unsigned i = 0; i < scaled.size(); i += 2)
    packed.push_back(b.pack16(scaled[i], scaled[i + 1], spec.bf16));
  for (unsigned c = 0; c < spec.headDim / kStepK; ++c) {
    ArrayRef<Value> regs = ArrayRef<Value>(packed).slice(4 * c, 4);
    constexpr unsigned stepsPerBox = kSwizzleElements / kStepK;
    Value chunk = b.xor_(b.add(half, c % stepsPerBox * 2), swizzle);
    Value at =
        b.add(b.add(rowAddress, b.mul(chunk, 16)), c / stepsPerBox * kBoxBytes);
    b.stmatrix4(b.intToShared(at), regs);
  }
  b.fenceProxyAsync();
  b.barrier(barWarpgroup, kWarpgroup);
  // Predicated, not branched: a divergent branch in the persistent loop costs
  // ptxas its knowledge of what is uniform.
  Value firstRow = b.add(b.mul(item.block, kAttentionBlock), b.mul(wg, 64));
  Value stores = signals;
  if (spec.packed) {
    Value isTail = b.cmp(Cmp::GT, b.add(firstRow, 64), item.queries);
    stores = b.and_(signals, b.xor_(isTail, b.c1(true)));
    storeTail(item, packed, isTail);
    firstRow = b.add(item.queryRow, firstRow);
  }
  for (unsigned i = 0; i < shared.tile / kBoxBytes; ++i)
    b.tmaStoreIf(
        param(params.o), b.intToShared(b.add(item.qAddress, i * kBoxBytes)),
        {b.c32(i * kSwizzleElements), firstRow, item.head, item.batch}, stores);
  b.bulkCommit();
}

/// A bulk store would overwrite the rows of the next sequence.
void AttentionEmitter::storeTail(const ConsumerItem &item,
                                 ArrayRef<Value> packed, Value isTail) {
  auto stride = [&](int dim) { return param(params.outputStrides + dim); };
  constexpr int64_t kElementBytes = 2;
  for (unsigned h = 0; h < 2; ++h) {
    Value row = b.add(item.row0, 8 * h);
    Value offset = b.add(b.mul(b.zext64(item.head), stride(1)),
                         b.mul(b.zext64(b.add(item.queryRow, row)), stride(2)));
    offset = b.add(offset, b.zext64(column));
    Value address =
        b.gepBytes(param(params.output), b.mul(offset, kElementBytes));
    Value store = b.and_(isTail, b.cmp(Cmp::LT, row, item.queries));
    for (unsigned i = h; i < packed.size(); i += 2)
      b.ptxIf("st.global.b32 [$0], $1;",
              {b.gepBytes(address, 8 * (i / 2) * kElementBytes), packed[i]},
              store);
  }
}
