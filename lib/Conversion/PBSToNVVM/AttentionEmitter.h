//===- AttentionEmitter.h - Shared state of the attention kernel *- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Warpgroup 0 produces (TMA loads), warpgroups 1 and 2 consume, 64 query rows
// each. This file holds what both sides agree on: shared memory, barriers, the
// work slot.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTONVVM_ATTENTIONEMITTER_H
#define PBS_LIB_CONVERSION_PBSTONVVM_ATTENTIONEMITTER_H

#include "pbs/Conversion/KernelBuilder/KernelBuilder.h"
#include "pbs/Conversion/PBSToNVVM/AttentionKernel.h"

namespace mlir::pbs {

/// Threads of the kernel: three warpgroups.
constexpr unsigned kThreads = 384;
/// Threads that consume.
constexpr unsigned kConsumers = 256;
/// Threads of a warpgroup.
constexpr unsigned kWarpgroup = 128;
/// Bytes of a swizzled row (PTX ISA, 128B swizzling mode) and its elements.
constexpr unsigned kSwizzleBytes = 128;
constexpr unsigned kSwizzleElements = kSwizzleBytes / 2;
/// Bytes of one 64-column box of a 128-row tile.
constexpr unsigned kBoxBytes = kAttentionBlock * kSwizzleBytes;
/// Entries of the ring of block indices. Named barriers keep the consumers
/// within two steps of each other, so eight can never be overtaken.
constexpr unsigned kIndexRing = 8;

/// Fields of the work slot, i32 each.
enum WorkField : unsigned {
  kWorkBlock, ///< query block, -1: no more work
  kWorkHead,  ///< query head
  kWorkBatch,
  kWorkKvHead,
  kWorkCount,   ///< key blocks to visit, at least 1
  kWorkMasked,  ///< how many of them, the first ones, need a mask
  kWorkQueries, ///< packed: query rows of the sequence
  kWorkKeys,    ///< packed: its keys
  kWorkFields,
  /// Packed: the sequence's first query row; there is one batch.
  kWorkQueryRow = kWorkBatch
};

/// Positions of everything in dynamic shared memory, in bytes.
struct SharedLayout {
  SharedLayout(int64_t headDim, unsigned stages, bool packed);

  unsigned tile; ///< bytes of a 128 x D tile
  unsigned stages;
  unsigned q, k, v;       ///< 2 Q tiles, `stages` K tiles, `stages` V tiles
  unsigned positions;     ///< 128 i32 per consumer warpgroup
  unsigned work;          ///< the work slot
  unsigned index;         ///< kIndexRing block indices
  unsigned qFull, qEmpty; ///< barriers, 8 bytes each, one per Q tile
  unsigned kFull, kEmpty; ///< one per stage
  unsigned vFull, vEmpty; ///< one per stage
  unsigned workFull, workEmpty;
  unsigned tail; ///< packed: the last V tile of a sequence has arrived
  unsigned total;
};

/// Indices of kernel parameters; absent ones are -1.
struct AttentionParams {
  int q = -1, k = -1, v = -1, o = -1;
  int lse = -1, lseStrides = -1;
  int list = -1, listStrides = -1;
  int positions = -1, positionStrides = -1;
  int counter = -1;
  int output = -1, outputStrides = -1;
  int queryOffsets = -1, keyOffsets = -1, offsets = -1;
  int batch = -1, heads = -1, kvHeads = -1, queries = -1, keys = -1;
  int scale = -1;
};

/// Emits the body of one attention kernel.
class AttentionEmitter {
public:
  AttentionEmitter(KernelBuilder &b, const AttentionKernelSpec &spec,
                   const SharedLayout &shared, const AttentionParams &params)
      : b(b), spec(spec), shared(shared), params(params) {}

  void emit();

private:
  //===--- AttentionKernel.cpp --------------------------------------------===//
  Value param(int index) { return b.param(unsigned(index)); }
  /// Address of element `i` of an array of `stride`-byte elements at `offset`.
  Value slot(unsigned offset, Value i, unsigned stride);
  /// Address of an element of 4 bytes of a global buffer, whose first
  /// dimensions have strides and are indexed.
  Value element(int pointer, int strides, ArrayRef<Value> indices);
  Value stageOf(Value step) { return b.and_(step, shared.stages - 1); }
  /// Parity of the ring round that `step` belongs to.
  Value roundOf(Value step);
  bool masksByPosition() const { return spec.causal && spec.hasPositions; }

  //===--- AttentionProducer.cpp ------------------------------------------===//
  void emitProducer();
  struct WorkItem {
    Value block, head, batch, kvHead;
    /// Listed blocks below `full` need no mask, those in [full, end) do, those
    /// from `end` on hold no visible key.
    Value full, end;
    Value count, masked;
    Value listRow;       ///< pointer to the bit row
    Value queries, keys; ///< of the sequence
    /// Packed: the sequence's first rows; whether there is such an item.
    Value queryRow, keyRow, exists;
  };
  WorkItem decode(Value index);
  /// Packed: number of query blocks, or more; some of them do not exist.
  Value countPackedBlocks();
  /// Packed: finds the sequence of query block `rank` of all.
  void locate(WorkItem &item, Value rank);
  /// Row of K and V in their tensors that block `block` begins at.
  Value rowOf(const WorkItem &item, Value block);
  /// Packed: whether block `block` of K and V ends inside the sequence's end.
  Value isTail(const WorkItem &item, Value block);
  /// Packed: zeroes the rows of a V tile that belong to the next sequence.
  void clearTail(const WorkItem &item, Value block, Value tile, Value bar);
  void countListed(WorkItem &item);
  /// Bits of word `word` whose block lies in [begin, end).
  Value rangeMask(Value begin, Value end, Value word);
  void loadTile(const WorkItem &item, unsigned tiles, int map, unsigned full,
                unsigned empty, Value step, Value block, Value publish);
  /// Loads K of `block` at ring step `step`, and V of `previous` at the step
  /// before unless `previous` is -1.
  void loadBlock(const WorkItem &item, Value block, Value previous, Value step);
  Value emitLoads(const WorkItem &item, Value step);
  Value emitDenseLoads(const WorkItem &item, Value step);
  Value emitListLoads(const WorkItem &item, Value step);

  //===--- AttentionConsumer.cpp ------------------------------------------===//
  void emitConsumer();
  struct ConsumerItem {
    Value block, head, batch, kvHead, count, masked, round;
    Value queries, keys; ///< of the sequence
    Value queryRow;      ///< packed: the sequence's first row
    Value qStage, qAddress, qDesc;
    Value row0;     ///< this thread's first query row; the other is row0 + 8
    Value limit[2]; ///< last visible position (or key index) of each row
    Value positionsRow; ///< this head's positions
  };
  struct State {
    Values o, p, m, l;
    Values pending; ///< factors not yet applied to `o` (lateRescale)
    Value j, step;
    Values flat() const;
  };
  ConsumerItem readItem(Value round);
  Value emitItem(const ConsumerItem &item, Value step);
  State emitFirst(const ConsumerItem &item, Value step);
  State emitStep(const ConsumerItem &item, const State &s, bool masked);
  State emitLoop(const ConsumerItem &item, const State &s, Value bound,
                 bool masked);
  void emitEpilogue(const ConsumerItem &item, ArrayRef<Value> o,
                    ArrayRef<Value> m, ArrayRef<Value> l);
  /// Packed: stores the rows of a query block that is not full.
  void storeTail(const ConsumerItem &item, ArrayRef<Value> packed,
                 Value isTail);
  Values gemmQK(const ConsumerItem &item, Value stage);
  Values gemmPV(ArrayRef<Value> p, Value stage, ArrayRef<Value> o);
  /// Reads the index of the block at `step` and this thread's key position.
  struct MaskInput {
    Value block, position;
  };
  MaskInput loadMaskInput(const ConsumerItem &item, Value step);
  void stageMaskInput(const MaskInput &input);
  Values applyMask(const ConsumerItem &item, ArrayRef<Value> s,
                   const MaskInput &input);
  struct Softmax {
    Values p, m, scale, sum;
  };
  Softmax softmax(ArrayRef<Value> s, ArrayRef<Value> m, bool guard);
  Values pack(ArrayRef<Value> p);
  Values rescale(ArrayRef<Value> o, ArrayRef<Value> factors);
  void anchor(ArrayRef<Value> sums);
  Value descriptor(Value address, unsigned lbo, unsigned sbo);
  Value advance(Value desc, unsigned bytes);

  KernelBuilder &b;
  const AttentionKernelSpec &spec;
  const SharedLayout &shared;
  const AttentionParams &params;

  /// Values of the whole kernel.
  Value tid, warp, lane, zero;
  /// Values of the producer: the lane that issues, query heads of all batches,
  /// query heads of a key head, and heads that are visited together.
  Value elected, batchHeads, groupSize, perGroup;
  /// Values of a consumer: its warpgroup (0, 1), thread in the warpgroup,
  /// whether it signals for the warpgroup, row and column of its fragment.
  Value wg, wgThread, signals, rowInTile, column;
  Value qBase, qDescBase, kDescBase, vDescBase, scale, negScale;
  Value barMine, barOther, barWarpgroup;
};

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTONVVM_ATTENTIONEMITTER_H
