//===- AttentionKernel.cpp - The Hopper attention kernel ------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checks the request, lays out shared memory, declares the parameters with
// their ABI and emits the common entry of producer and consumers.
//
//===----------------------------------------------------------------------===//

#include "AttentionEmitter.h"
#include "ParamList.h"
#include "mlir/IR/Diagnostics.h"
#include "pbs/Target/ChipTable.h"

using namespace mlir;
using namespace mlir::pbs;

/// Registers per thread that ptxas starts 384 threads with.
static constexpr unsigned kRegistersAtStart = 168;

SharedLayout::SharedLayout(int64_t headDim, unsigned stages, bool packed)
    : stages(stages) {
  tile = unsigned(headDim / kSwizzleElements) * kBoxBytes;
  unsigned next = 0;
  auto take = [&](unsigned bytes) {
    unsigned at = next;
    next += bytes;
    return at;
  };
  q = take(2 * tile);
  k = take(stages * tile);
  v = take(stages * tile);
  positions = take(2 * kWarpgroup * 4);
  work = take(8 * 4);
  static_assert(kWorkFields <= 8, "work slot too small");
  index = take(kIndexRing * 4);
  qFull = take(2 * 8);
  qEmpty = take(2 * 8);
  kFull = take(stages * 8);
  kEmpty = take(stages * 8);
  vFull = take(stages * 8);
  vEmpty = take(stages * 8);
  workFull = take(8);
  workEmpty = take(8);
  tail = packed ? take(8) : next;
  total = next;
}

//===----------------------------------------------------------------------===//
// Entry
//===----------------------------------------------------------------------===//

Value AttentionEmitter::slot(unsigned offset, Value i, unsigned stride) {
  return b.gepBytes(b.sharedBase(), b.add(b.mul(i, stride), offset));
}

Value AttentionEmitter::roundOf(Value step) {
  return b.and_(b.lshr(step, llvm::Log2_32(shared.stages)), 1);
}

Value AttentionEmitter::element(int pointer, int strides,
                                ArrayRef<Value> indices) {
  Value offset;
  for (auto [i, index] : llvm::enumerate(indices)) {
    Value part = b.mul(b.zext64(index), param(strides + int(i)));
    offset = offset ? b.add(offset, part) : part;
  }
  return b.gepBytes(param(pointer), b.mul(offset, 4));
}

void AttentionEmitter::emit() {
  zero = b.c32(0);
  tid = b.tid();
  lane = b.and_(tid, 31);
  // A broadcast, so that ptxas knows the warp index to be uniform.
  warp = b.shflIdx(b.lshr(tid, 5), zero);

  Block *init = b.newBlock(), *start = b.newBlock();
  b.condBr(b.cmp(Cmp::EQ, tid, 0), init, start);
  b.enter(init);
  for (int map : {params.q, params.k, params.v, params.o})
    if (map >= 0)
      b.prefetchTensorMap(param(map));
  auto initAll = [&](unsigned offset, unsigned number, unsigned arrivals) {
    for (unsigned i = 0; i < number; ++i)
      b.mbarInit(b.gepBytes(b.sharedBase(), offset + 8 * i), arrivals);
  };
  initAll(shared.qFull, 2, 1);
  initAll(shared.qEmpty, 2, 2);
  initAll(shared.kFull, shared.stages, 1);
  initAll(shared.kEmpty, shared.stages, 2);
  initAll(shared.vFull, shared.stages, 1);
  initAll(shared.vEmpty, shared.stages, 2);
  initAll(shared.workFull, 1, 1);
  initAll(shared.workEmpty, 1, kConsumers);
  if (spec.packed)
    initAll(shared.tail, 1, 1);
  b.fenceMbarInit();
  b.fenceProxyAsync();
  b.br(start);
  b.enter(start);
  b.barrierAll();

  Block *producer = b.newBlock(), *consumer = b.newBlock();
  b.condBr(b.cmp(Cmp::LT, warp, 4), producer, consumer);
  b.enter(producer);
  emitProducer();
  b.enter(consumer);
  emitConsumer();
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

static LogicalResult verifySpec(Location loc, const AttentionKernelSpec &spec) {
  const AttentionSchedule &s = spec.schedule;
  if (spec.headDim != 64 && spec.headDim != 128)
    return emitError(loc) << "expected head dimension 64 or 128, got "
                          << spec.headDim;
  if (spec.segment < 0 || spec.segment % kAttentionBlock)
    return emitError(loc) << "expected a segment that is a multiple of "
                          << kAttentionBlock << ", got " << spec.segment;
  if (s.stages != 0 && s.stages != 2 && s.stages != 4)
    return emitError(loc) << "expected 2 or 4 stages, got " << s.stages;
  if (spec.packed && (spec.hasList || spec.hasPositions))
    return emitError(loc)
           << "expected packed sequences without lists and positions";
  for (unsigned n : {s.producerRegisters, s.consumerRegisters})
    if (n % 8 || n < 24 || n > 256)
      return emitError(loc)
             << "expected a register count that is a multiple of "
                "8 between 24 and 256, got "
             << n;
  if (s.producerRegisters + 2 * s.consumerRegisters > 3 * kRegistersAtStart)
    return emitError(loc)
           << "expected producer + 2 * consumer registers of at most "
           << 3 * kRegistersAtStart << ", got "
           << s.producerRegisters + 2 * s.consumerRegisters;
  return success();
}

FailureOr<KernelInfo>
mlir::pbs::buildAttentionKernel(OpBuilder &builder, Location loc,
                                const AttentionKernelSpec &spec) {
  if (failed(verifySpec(loc, spec)))
    return failure();
  unsigned stages = spec.schedule.stages;
  if (stages == 0)
    stages = spec.headDim == 64 ? 4 : 2;
  SharedLayout shared(spec.headDim, stages, spec.packed);
  const ::pbs::ChipInfo *chip = ::pbs::findChip("sm_90a");
  if (shared.total > chip->sharedBytesPerBlock)
    return emitError(loc) << "expected at most " << chip->sharedBytesPerBlock
                          << " bytes of shared memory, got " << shared.total;

  using Role = AttentionRole;
  ParamList list;
  AttentionParams params;
  params.q =
      list.tensorMap(Role::Query, {kSwizzleElements, kAttentionBlock, 1, 1});
  params.k =
      list.tensorMap(Role::Key, {kSwizzleElements, kAttentionBlock, 1, 1});
  params.v =
      list.tensorMap(Role::Value, {kSwizzleElements, kAttentionBlock, 1, 1});
  // Each consumer warpgroup stores its own 64 rows.
  if (spec.writeOutput)
    params.o = list.tensorMap(Role::Output,
                              {kSwizzleElements, kAttentionBlock / 2, 1, 1});
  if (spec.writeLse) {
    params.lse = list.pointer(Role::Lse);
    params.lseStrides = list.strides(Role::Lse, 2);
  }
  if (spec.hasList) {
    params.list = list.pointer(Role::List);
    params.listStrides = list.strides(Role::List, 3);
  }
  if (spec.causal && spec.hasPositions) {
    params.positions = list.pointer(Role::Positions);
    params.positionStrides = list.strides(Role::Positions, 2);
  }
  if (spec.packed) {
    params.queryOffsets = list.pointer(Role::QueryOffsets);
    params.keyOffsets = list.pointer(Role::KeyOffsets);
    params.offsets = list.extent(Role::QueryOffsets, 0);
    if (spec.writeOutput) {
      params.output = list.pointer(Role::Output);
      params.outputStrides = list.strides(Role::Output, 3);
    }
  }
  params.counter = list.pointer(Role::Counter);
  params.batch = list.extent(Role::Query, 0);
  params.heads = list.extent(Role::Query, 1);
  params.kvHeads = list.extent(Role::Key, 1);
  params.queries = list.extent(Role::Query, 2);
  params.keys = list.extent(Role::Key, 2);
  params.scale = list.scale();

  KernelBuilder b(builder, loc);
  OpBuilder::InsertionGuard guard(builder);
  b.beginKernel(spec.name, list.kinds, kThreads);
  AttentionEmitter(b, spec, shared, params).emit();
  return KernelInfo{b.kernel(), std::move(list.params), kThreads, shared.total};
}
