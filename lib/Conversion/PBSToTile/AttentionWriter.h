//===- AttentionWriter.h - Writing attention kernels ------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Online softmax over the key blocks of a query block, as its equations read.
// Blocks that need a mask come first, so that a pass can make two loops of one.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOTILE_ATTENTIONWRITER_H
#define PBS_LIB_CONVERSION_PBSTOTILE_ATTENTIONWRITER_H

#include "KernelWriter.h"
#include "ScoreRegion.h"
#include <limits>

namespace mlir::pbs {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// What an attention kernel computes, and from which buffers.
struct AttentionTask {
  bool causal;
  /// Rows of a query block.
  int64_t rows = kBlock;
  /// Scale of the scores.
  double scale;
  /// Null: there can be no score region.
  Region *score = nullptr;
  unsigned query, key, value;
  /// Original positions of the keys, if they were moved and somebody looks.
  std::optional<unsigned> positions;
  /// Segment that keys stay in.
  int64_t segment = 0;
  /// Bit rows; without, all blocks are visited.
  std::optional<unsigned> list;
  /// Whether all blocks of the own segments are visited, whatever the list
  /// says.
  bool listsOwn = false;
  /// What these are read from, in the order of positions; both or none.
  std::optional<unsigned> ownKey, ownValue;
  /// Whether a selection of the same program has made them.
  bool isSelected = false;
  /// In which order query blocks are wanted.
  std::optional<unsigned> order;
  std::optional<unsigned> output, lse;
  /// Where packed sequences begin; both or none.
  std::optional<unsigned> queryOffsets, keyOffsets;

  /// Whether a row keeps the maximum of its first key blocks: those with a
  /// mask, or one. Sums tell where that was too small.
  bool keepsMaximum = false;
  /// Work items with such a row are done again by the kernel behind.
  ItemList itemList = ItemList::None;

  bool isPacked() const { return queryOffsets.has_value(); }
  bool hasScoreRegion() const { return score && !score->empty(); }
  bool usesRowPosition() const { return score && pbs::usesRowPosition(*score); }
  bool usesKeyPosition() const { return score && pbs::usesKeyPosition(*score); }
  /// Whether scores are scaled before the softmax rather than in it: for a
  /// score region, and where a larger product is not a larger score.
  bool scalesFirst() const { return hasScoreRegion() || scale <= 0; }
};

/// Writes an attention kernel.
class AttentionWriter {
public:
  AttentionWriter(const AttentionTask &task, plan::KernelOp kernel,
                  Block *module);
  void write();

private:
  /// Statistics of the rows so far, and what is carried beside.
  struct State {
    Value acc;
    Value max;
    Value sum;
    Value cursor;

    SmallVector<Value> flat() const {
      SmallVector<Value> all;
      if (acc)
        all.push_back(acc);
      all.append({max, sum, cursor});
      return all;
    }
    static State take(ValueRange values) {
      State state;
      if (values.size() == 4) {
        state.acc = values.front();
        values = values.drop_front();
      }
      state.max = values[0];
      state.sum = values[1];
      state.cursor = values[2];
      return state;
    }
  };

  static SmallVector<unsigned> getBuffers(const AttentionTask &task);
  static SmallVector<AffineExpr> getItems(const AttentionTask &task,
                                          plan::KernelOp kernel);

  /// What is the same in all work items.
  void writeConstants();
  /// The number of a work item becomes a block, of a sequence if packed.
  void writeItem(Value number);
  /// Number of all query blocks; packed sequences have at most one that is not
  /// full each.
  Value writeQueryBlocks();
  /// The list of the blocks that work item (batch, head, block) visits.
  Value writeList();
  /// What keys are compared with to see whether they are visible.
  void writeLimits();
  /// What the scores of a key block are compared with, and what becomes of all
  /// that was before.
  struct Maximum {
    Value max;
    /// Scores plus this, times their scale, are the exponents.
    Value offset;
    /// Of the block alone.
    Value largest;
    /// What rows are multiplied with, and whether it is not 1: for each row, or
    /// for a warp.
    Value factor, grown;
  };
  /// `guard` makes maxima finite.
  Maximum writeMaximum(Value scores, const State &s,
                       function_ref<Value(Value)> guard);
  void writeFactor(Maximum &maximum, const State &s);
  /// The same for blocks that need a mask, and for others.
  Maximum chooseMaximum(Value needsMask, Value scores, const State &s);
  Value writeOffset(Value max);
  /// 0 for rows that have seen nothing so far: -inf minus -inf would be NaN.
  Value writeFinite(Value max);
  /// One key block.
  State writeStep(Value j, const State &s);
  /// Original positions of the keys from `key0` on, a #tile.col.
  Value writeKeyPositions(Value key0);
  /// The same less the position of the first row, a #tile.col of f16; what lies
  /// before all rows or behind them is just that.
  Value writeKeyOffsets(Value key0);
  /// Whether keys are compared with rows as offsets: two at once, and half the
  /// bytes of positions.
  bool comparesOffsets() const {
    return task.causal && task.positions && !task.usesKeyPosition() &&
           task.rows < tile::kExactInF16;
  }
  /// Whether a key's position is its number: columns are compared with the last
  /// one that a row sees.
  bool comparesColumns() const { return task.causal && !task.positions; }
  /// The scores without the keys that the rows do not see; `keyPositions` may
  /// be null.
  Value writeMask(Value scores, Value key0, Value keyPositions);
  /// Puts the work item on the list if a row of it may be wrong.
  void writeAppend(Value isWrong);
  void writeResults(const State &s);

  /// The rows of a tile from the number `rows` on are 0. It comes from `own`
  /// where `isOwn` holds, if there is one.
  Value load(tile::BufferType type, unsigned buffer, Value head, Value first,
             Value rows = Value(), std::optional<unsigned> own = std::nullopt,
             Value isOwn = Value()) {
    return tile::LoadOp::create(
        b, type, b.buffer(buffer), ValueRange{batch, head, first, b.i32(0)},
        rows, own ? b.buffer(*own) : Value(), own ? isOwn : Value());
  }
  /// A row of the sequence in the tensor.
  Value inTensor(Value first, Value row) {
    return first ? b.add(first, row) : row;
  }

  const AttentionTask &task;
  KernelWriter b;
  int64_t headDim;
  Type element;
  tile::BufferType queryTileType, keyTileType;
  RankedTensorType scoreType, outputType, rowType;

  // The same in all work items.
  /// From scores to the exponents of 2 of the softmax.
  Value scales, rowScales;
  Value group;
  // Of the tensors, then of the sequence of the work item if packed.
  Value queries, keys, shift, keyBlocks, completeBlocks;
  /// Where the sequence begins in the tensors; null unless packed.
  Value firstQuery, firstKey;
  // Of the work item.
  Value number, numItems;
  Value batch, head, block, kvHead, row0, low;
  Value queryTile, list, masked;
  /// First block of the own segments, where all of these are visited.
  Value ownBlock;
  /// Where they come from a tensor of their own, the first key of the first
  /// block with a mask: consumers need not be told which block they are at.
  Value firstMaskedKey;
  /// Positions of the rows, a #tile.row.
  Value rowPositions;
  /// Last visible position of each row; without causality, of all. Or offset.
  Value limits;
};

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTOTILE_ATTENTIONWRITER_H
