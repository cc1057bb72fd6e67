//===- Select.cpp - Selection of blocks as tiles --------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A work item is some query blocks of a head. If all have room for their scores
// in shared memory the products leave them there, a column of the product for
// each query block; else in global memory, in a part that the thread block has
// for itself, from which warps take rows as there is room. Each warp has a
// query block at a time to itself and exchanges nothing with others.
//
//===----------------------------------------------------------------------===//

#include "Select.h"
#include "BlockRows.h"
#include "SelectChoice.h"
#include "SplitPools.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <limits>

using namespace mlir;
using namespace mlir::pbs;

/// Query blocks of a work item at most; fewer where there would be too few
/// items, or where rows are long.
static constexpr int64_t kMaxRows = 32;
/// Key blocks of a product, and of a step of the list.
static constexpr int64_t kColumns = 128;
/// Words between rows, so that the four columns that a warp writes at once are
/// in different banks of shared memory.
static constexpr int64_t kPadding = 4;
/// Steps of a row that are read from global memory at once.
static constexpr int64_t kStepsAtOnce = 2;
static constexpr int64_t kWordBits = 32;
static constexpr int32_t kMaxInt = std::numeric_limits<int32_t>::max();
static constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace {
class SelectWriter {
public:
  SelectWriter(const SelectTask &task, plan::KernelOp kernel, Block *module);
  void write();

private:
  using Predicate = arith::CmpIPredicate;
  void writeSizes();
  Value writeOwnBegin(Value block);
  Value writeOwnEnd(Value end);
  /// How many times `columns` key blocks have scores, at least once: all
  /// candidates of query block `block` and of those before it.
  Value writeTiles(Value block, int64_t columns);
  /// Puts the scores of the item's query blocks into the array, or into global
  /// memory.
  void writeProducts(Value lastBlock);
  /// Puts scores of some query blocks into the array: given ones, or those that
  /// products left in global memory.
  void readGiven(Value firstRow, const ScoreRows &scores, const BlockRows &rows,
                 Value tiles);
  void readProducts(Value firstRow, const ScoreRows &scores, Value tiles);
  void writeBlank();
  /// All query blocks of the item, some at a time.
  void writeGroups(RowShape shape);
  void writeGroup(Value firstRow, Value lastRow, RowShape shape);
  /// Writes the scores themselves, -inf for what is no candidate.
  void writeScores(Value firstRow, Value lastRow, const ScoreRows &scores,
                   Value tiles, const BlockRows &rows);
  /// The first of the key blocks from `first` on in the array; any where it has
  /// none of them.
  Value getColumn(Value first, const ScoreRows &scores, Value tiles) {
    Value end = b.mul(tiles, b.i32(scores.shape.columns));
    return b.select(b.compare(Predicate::slt, first, end), first, b.i32(0));
  }
  void writeList(const Choice &choice, Value firstRow, Value lastRow,
                 const ScoreRows &scores, Value tiles, const BlockRows &rows);

  bool needsScores() const {
    return task.scores || (task.list && !task.takesAll);
  }

  /// Whether products have scores at all.
  bool hasProducts() const { return !task.given && needsScores(); }

  const SelectTask &task;
  KernelWriter b;

  BlockSizes sizes;
  Value batch, head, keyHead, firstBlock;
  /// Query blocks of an item, and of this one.
  Value perItem, numRows;
  Value array;
  /// Whether rows are kLongRows, of which how many have room at once.
  Value isLong, perGroup;
  /// Words from a row to the next.
  Value stride;
  /// Where the scores of the item are in global memory.
  Value scratchBegin;
};
} // namespace

static SmallVector<unsigned> getBuffers(const SelectTask &task) {
  SmallVector<unsigned> buffers{task.query, task.key, task.ranges};
  if (task.given)
    buffers.push_back(*task.given);
  else
    buffers.append({task.queryPool, task.keyPool});
  for (std::optional<unsigned> buffer : {task.list, task.scores})
    if (buffer)
      buffers.push_back(*buffer);
  return buffers;
}

/// Words of scores between two rows of `keyBlocks`.
static AffineExpr getStride(AffineExpr keyBlocks, RowShape shape) {
  return keyBlocks.ceilDiv(shape.columns) * shape.columns + kPadding;
}

/// Bytes of the scores of a thread block, 0 unless rows are long.
static AffineExpr getScratch(const SelectTask &task, AffineExpr keyBlocks) {
  // As many steps of short rows have room.
  int64_t most =
      (task.scoreWords / kShortRows.rows - kPadding) / kShortRows.columns;
  constexpr int64_t kMany = 1 << 20;
  AffineExpr isLong =
      (keyBlocks.ceilDiv(kShortRows.columns) + (kMany - most - 1))
          .floorDiv(kMany);
  return isLong * getStride(keyBlocks, kLongRows) * (4 * kMaxRows);
}

SelectWriter::SelectWriter(const SelectTask &task, plan::KernelOp kernel,
                           Block *module)
    : task(task),
      b(kernel, module, getBuffers(task),
        {kernel.getExtent(task.query, 0), kernel.getExtent(task.query, 1),
         kernel.getExtent(task.query, 2).ceilDiv(kBlock)},
        hasProducts()
            ? getScratch(task, kernel.getExtent(task.key, 2).ceilDiv(kBlock))
            : AffineExpr()) {}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

void SelectWriter::writeSizes() {
  sizes = writeBlockSizes(b, task.causal, task.segment,
                          b.dim(b.buffer(task.query), 2),
                          b.dim(b.buffer(task.key), 2));
  if (!needsScores()) {
    perItem = b.i32(kMaxRows);
    return;
  }
  auto getStride = [&](RowShape shape) {
    Value tiles = b.max(b.ceilDiv(sizes.keyBlocks, shape.columns), b.i32(1));
    return b.add(b.mul(tiles, b.i32(shape.columns)), b.i32(kPadding));
  };
  auto fits = [&](Value words, int64_t rows) {
    return b.compare(Predicate::sle, b.mul(words, b.i32(rows)),
                     b.i32(task.scoreWords));
  };
  Value shortStride = getStride(kShortRows), longStride = getStride(kLongRows);
  isLong = b.compare(Predicate::eq, fits(shortStride, kShortRows.rows),
                     b.constant(b.getBoolAttr(false)));
  stride = b.select(isLong, longStride, shortStride);
  // Some tens of items for each head.
  Value isMany = b.compare(Predicate::sge, sizes.queryBlocks,
                           b.i32(kMaxRows * kShortRows.rows));
  Value hasRoom = b.either(isLong, fits(shortStride, kMaxRows));
  perItem = b.select(b.both(isMany, hasRoom), b.i32(kMaxRows),
                     b.i32(kShortRows.rows));
  perGroup = b.i32(1);
  for (int64_t next = 2; next <= kLongRows.rows; next *= 2)
    perGroup = b.select(fits(longStride, next), b.i32(next), perGroup);
  if (hasProducts())
    scratchBegin = b.mul(tile::BlockNumberOp::create(b, b.getI32Type()),
                         b.mul(longStride, b.i32(kMaxRows)));
}

/// The first own block of a query block, and the end of those of the query
/// blocks before `end`.
Value SelectWriter::writeOwnBegin(Value block) {
  Value position =
      b.max(b.add(b.mul(block, b.i32(kBlock)), sizes.shift), b.i32(0));
  return b.mul(b.div(position, b.i32(task.segment)),
               b.i32(task.segment / kBlock));
}

Value SelectWriter::writeOwnEnd(Value end) {
  Value positions =
      b.add(b.min(b.mul(end, b.i32(kBlock)), sizes.queries), sizes.shift);
  Value segments = b.ceilDiv(b.max(positions, b.i32(0)), task.segment);
  return b.min(b.mul(segments, b.i32(task.segment / kBlock)), sizes.keyBlocks);
}

Value SelectWriter::writeTiles(Value block, int64_t columns) {
  if (!task.causal)
    return b.max(b.ceilDiv(sizes.keyBlocks, columns), b.i32(1));
  Value bound = b.min(writeOwnBegin(block), sizes.keyBlocks);
  return b.max(b.ceilDiv(bound, columns), b.i32(1));
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

void SelectWriter::writeProducts(Value lastBlock) {
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  RankedTensorType score = b.acc(kColumns, kMaxRows, f32);
  RankedTensorType index = b.acc(kColumns, kMaxRows, i32);
  RankedTensorType rowOfColumn = b.row(kColumns, i32);
  Value number = tile::IotaOp::create(b, b.column(kMaxRows, i32));
  BlockRows rows = writeBlockRows(
      b, sizes, b.add(number, b.like(firstBlock, number)),
      b.compare(Predicate::slt, number, b.like(numRows, number)));
  Value hasRoom = b.compare(Predicate::slt, number, b.like(perItem, number));
  Value begin = b.mul(number, b.like(stride, number));
  Value inGlobal = b.both(hasRoom, b.like(isLong, hasRoom));
  Value inArray = b.both(hasRoom, b.compare(Predicate::ne, hasRoom, inGlobal));
  SplitTile queries = loadSplitTile(b, b.buffer(task.queryPool), batch, head,
                                    firstBlock, kMaxRows);
  auto getTiles = [&](RowShape shape) {
    return b.mul(writeTiles(lastBlock, shape.columns),
                 b.i32(shape.columns / kColumns));
  };
  Value tiles = b.select(isLong, getTiles(kLongRows), getTiles(kShortRows));
  scf::ForOp::create(
      b, b.i32(0), tiles, b.i32(1), ValueRange(),
      [&](OpBuilder &, Location, Value tile, ValueRange) {
        Value first = b.mul(tile, b.i32(kColumns));
        SplitTile keys = loadSplitTile(b, b.buffer(task.keyPool), batch,
                                       keyHead, first, kColumns);
        Value product = writeSplitProduct(b, score, keys, queries);
        Value scaled =
            arith::MulFOp::create(b, product, b.filled(score, task.scale));
        // -0 + 0 is 0, so that equal scores have equal bits.
        scaled = arith::AddFOp::create(b, scaled, b.filled(score, 0));
        Value column = b.add(tile::IotaOp::create(b, rowOfColumn),
                             b.splat(first, rowOfColumn));
        Value isCandidate =
            writeCandidates(b, sizes, rows, b.broadcast(column, index));
        Value bits =
            b.select(isCandidate, arith::BitcastOp::create(b, index, scaled),
                     b.splat(b.i32(kNoCandidate), index));
        auto write = [&](Value target, Value isThere, Value offset) {
          Value starts = b.select(
              isThere, b.add(begin, b.like(b.add(first, offset), begin)),
              b.like(-1, begin));
          tile::ArrayWriteOp::create(b, bits, target, starts);
        };
        write(array, inArray, b.i32(0));
        write(b.blockScratch(), inGlobal, scratchBegin);
        scf::YieldOp::create(b);
      });
}

void SelectWriter::readGiven(Value firstRow, const ScoreRows &scores,
                             const BlockRows &rows, Value tiles) {
  auto [numRows, numColumns] = scores.shape;
  RankedTensorType score = b.wide(numRows, numColumns, b.getF32Type());
  RankedTensorType index = score.clone(b.getI32Type());
  RankedTensorType columns = b.wideColumn(numColumns, b.getI32Type());
  // Nobody reads the scores of other rows any more.
  tile::BarrierOp::create(b);
  writeBlank();
  scf::ForOp::create(
      b, b.i32(0), tiles, b.i32(1), ValueRange(),
      [&](OpBuilder &, Location, Value tile, ValueRange) {
        Value first = b.mul(tile, b.i32(columns.getShape()[0]));
        Value given = tile::ReadOp::create(
            b, score, b.buffer(*task.given),
            ValueRange{batch, head, b.add(firstBlock, firstRow), first},
            /*other=*/Value(), /*dim=*/IntegerAttr());
        given = arith::AddFOp::create(b, given, b.filled(score, 0));
        Value column =
            b.add(tile::IotaOp::create(b, columns), b.splat(first, columns));
        Value bits = b.select(
            writeCandidates(b, sizes, rows, b.broadcast(column, index)),
            arith::BitcastOp::create(b, index, given),
            b.splat(b.i32(kNoCandidate), index));
        tile::ArrayWriteOp::create(b, bits, array, scores.getWrites(b, first));
        scf::YieldOp::create(b);
      });
  tile::BarrierOp::create(b);
}

void SelectWriter::readProducts(Value firstRow, const ScoreRows &scores,
                                Value tiles) {
  RankedTensorType words =
      b.wide(scores.shape.rows, scores.shape.columns, b.getI32Type());
  Value row =
      tile::IotaOp::create(b, b.wideRow(words.getShape()[0], b.getI32Type()));
  // Rows that do not exist read others.
  Value exists = b.compare(Predicate::sge, scores.starts, b.like(0, row));
  Value from =
      b.select(exists, b.add(row, b.like(firstRow, row)), b.like(0, row));
  from = b.add(b.mul(from, b.like(stride, row)), b.like(scratchBegin, row));
  // Several steps at once: each waits for memory.
  scf::ForOp::create(b, b.i32(0), tiles, b.i32(kStepsAtOnce), ValueRange(),
                     [&](OpBuilder &, Location, Value tile, ValueRange) {
                       SmallVector<Value> firsts, parts;
                       for (int64_t i = 0; i < kStepsAtOnce; ++i) {
                         Value last = b.sub(tiles, b.i32(1));
                         firsts.push_back(
                             b.mul(b.min(b.add(tile, b.i32(i)), last),
                                   b.i32(words.getShape()[1])));
                         parts.push_back(tile::ArrayReadOp::create(
                             b, words, b.blockScratch(),
                             b.add(from, b.like(firsts.back(), from))));
                       }
                       for (auto [first, part] : llvm::zip_equal(firsts, parts))
                         tile::ArrayWriteOp::create(b, part, array,
                                                    scores.getWrites(b, first));
                       scf::YieldOp::create(b);
                     });
}

//===----------------------------------------------------------------------===//
// The list
//===----------------------------------------------------------------------===//

void SelectWriter::writeList(const Choice &choice, Value firstRow,
                             Value lastRow, const ScoreRows &scores,
                             Value tiles, const BlockRows &rows) {
  Type i32 = b.getI32Type();
  int64_t together = scores.shape.rows;
  RankedTensorType words = b.wide(together, 4, i32);
  RankedTensorType index = b.wide(together, kColumns, i32);
  RankedTensorType columns = b.wideColumn(kColumns, i32);
  RankedTensorType indexRow = b.wideRow(together, i32);
  Value left = b.sub(lastRow, firstRow), block = b.add(firstBlock, firstRow);
  Value listWords = b.i32(kColumns / kWordBits);
  auto spread = [&](Value row) { return b.broadcast(row, index); };
  auto pack = [&](Value flags) -> Value {
    return tile::PackBitsOp::create(b, words, flags);
  };
  auto write = [&](Value listed, Value tile) {
    tile::WriteOp::create(
        b, listed, b.buffer(*task.list),
        ValueRange{batch, head, block, b.mul(tile, listWords)}, left,
        /*dim=*/IntegerAttr());
  };
  Value init = choice.ties ? choice.ties : b.splat(b.i32(0), indexRow);
  Value all = b.ceilDiv(sizes.keyBlocks, kColumns), used = all;
  Value end = b.add(firstBlock, lastRow);
  if (task.causal)
    used = b.min(all, b.max(b.ceilDiv(writeOwnEnd(end), kColumns), b.i32(1)));
  // Only of own blocks that are compared with a position that is needed.
  Value ownBegin =
      task.causal && !task.wholeOwn ? writeOwnBegin(block) : sizes.keyBlocks;
  scf::ForOp::create(
      b, b.i32(0), used, b.i32(1), init,
      [&](OpBuilder &, Location, Value tile, ValueRange carried) {
        Value ties = carried.front();
        Value first = b.mul(tile, b.i32(kColumns));
        Value numbers =
            b.add(tile::IotaOp::create(b, columns), b.splat(first, columns));
        Value column = b.broadcast(numbers, index);
        Value isCandidate = writeCandidates(b, sizes, rows, column);

        Value chosen = isCandidate, tied;
        if (!task.takesAll) {
          Value bits = tile::ArrayReadOp::create(
              b, index, array,
              scores.getReads(b, getColumn(first, scores, tiles)));
          Value key = writeKeys(b, bits), last = spread(choice.last);
          chosen = b.both(isCandidate, b.compare(Predicate::ugt, key, last));
          tied = b.both(isCandidate, b.compare(Predicate::eq, key, last));
        }
        // Own blocks and the one of the first key, which is in the first
        // segment: keys change places inside segments only. Reading takes
        // longer than the rest, so positions that do not matter are outside.
        Value isNeeded = b.either(
            b.compare(Predicate::slt, first, b.i32(task.segment / kBlock)),
            b.compare(Predicate::slt, ownBegin, b.add(first, b.i32(kColumns))));
        Value positions = b.broadcast(
            tile::ReadOp::create(
                b, columns, b.buffer(task.ranges),
                ValueRange{batch, keyHead,
                           b.select(isNeeded, first, sizes.keyBlocks),
                           b.i32(0)},
                b.i32(kMaxInt), b.getI64IntegerAttr(2)),
            index);
        Value isOwn =
            b.both(b.compare(Predicate::sge, column, spread(rows.ownBegin)),
                   b.compare(Predicate::slt, column, spread(rows.ownEnd)));
        if (task.causal && !task.wholeOwn)
          isOwn = b.both(
              isOwn, b.compare(Predicate::sle, positions, spread(rows.high)));
        Value isFirst =
            b.compare(Predicate::eq, positions, b.like(0, positions));
        Value listed = pack(b.either(chosen, b.either(isOwn, isFirst)));
        if (tied) {
          // Seldom.
          auto take = scf::IfOp::create(
              b, tile::AnyOp::create(b, b.getI1Type(), tied),
              [&](OpBuilder &, Location) {
                auto taken = tile::FirstBitsOp::create(b, words, indexRow,
                                                       pack(tied), ties);
                scf::YieldOp::create(
                    b, ValueRange{b.either(listed, taken.getFirst()),
                                  taken.getLeft()});
              },
              [&](OpBuilder &, Location) {
                scf::YieldOp::create(b, ValueRange{listed, ties});
              });
          listed = take.getResult(0);
          ties = take.getResult(1);
        }
        write(listed, tile);
        scf::YieldOp::create(b, ties);
      });
  if (!task.causal)
    return;
  Value nothing = b.splat(b.i32(0), words);
  scf::ForOp::create(b, used, all, b.i32(1), ValueRange(),
                     [&](OpBuilder &, Location, Value tile, ValueRange) {
                       write(nothing, tile);
                       scf::YieldOp::create(b);
                     });
}

void SelectWriter::writeScores(Value firstRow, Value lastRow,
                               const ScoreRows &scores, Value tiles,
                               const BlockRows &rows) {
  RankedTensorType index = b.wide(scores.shape.rows, kColumns, b.getI32Type());
  RankedTensorType score = index.clone(b.getF32Type());
  RankedTensorType columns = b.wideColumn(kColumns, b.getI32Type());
  scf::ForOp::create(
      b, b.i32(0), b.ceilDiv(sizes.keyBlocks, kColumns), b.i32(1), ValueRange(),
      [&](OpBuilder &, Location, Value tile, ValueRange) {
        Value first = b.mul(tile, b.i32(kColumns));
        Value column = b.broadcast(
            b.add(tile::IotaOp::create(b, columns), b.splat(first, columns)),
            index);
        Value bits = tile::ArrayReadOp::create(
            b, index, array,
            scores.getReads(b, getColumn(first, scores, tiles)));
        tile::WriteOp::create(
            b,
            b.select(writeCandidates(b, sizes, rows, column),
                     arith::BitcastOp::create(b, score, bits),
                     b.filled(score, -kInfinity)),
            b.buffer(*task.scores),
            ValueRange{batch, head, b.add(firstBlock, firstRow), first},
            b.sub(lastRow, firstRow), /*dim=*/IntegerAttr());
        scf::YieldOp::create(b);
      });
}

/// Makes what rows that do not exist read.
void SelectWriter::writeBlank() {
  RankedTensorType words =
      b.wide(kLongRows.rows, kLongRows.columns, b.getI32Type());
  Value row =
      tile::IotaOp::create(b, b.wideRow(kLongRows.rows, b.getI32Type()));
  Value starts = b.select(b.compare(Predicate::eq, row, b.like(0, row)),
                          b.like(task.scoreWords, row), b.like(-1, row));
  tile::ArrayWriteOp::create(b, b.splat(b.i32(kNoCandidate), words), array,
                             starts);
}

/// The query blocks [firstRow, lastRow) of the item.
void SelectWriter::writeGroup(Value firstRow, Value lastRow, RowShape shape) {
  RankedTensorType indexRow = b.wideRow(shape.rows, b.getI32Type());
  Value number = tile::IotaOp::create(b, indexRow);
  Value row = b.add(number, b.splat(firstRow, indexRow));
  Value exists = b.compare(Predicate::slt, row, b.like(lastRow, row));
  BlockRows rows =
      writeBlockRows(b, sizes, b.add(row, b.like(firstBlock, row)), exists);
  ScoreRows scores;
  Value tiles;
  if (needsScores()) {
    bool isAlone = shape.rows == kLongRows.rows || task.given;
    Value at = b.mul(isAlone ? number : row, b.like(stride, row));
    Value kept = b.mul(number, b.like(shape.columns, number));
    scores = {shape, array, b.select(exists, at, b.like(-1, row)),
              b.i32(task.scoreWords),
              b.add(kept, b.like(task.scoreWords + kLongRows.columns, kept))};
    tiles =
        writeTiles(b.add(firstBlock, b.sub(lastRow, b.i32(1))), shape.columns);
    if (task.given)
      readGiven(firstRow, scores, rows, tiles);
    else if (shape.rows == kLongRows.rows)
      readProducts(firstRow, scores, tiles);
  }
  scores.shape = shape;
  if (task.scores)
    writeScores(firstRow, lastRow, scores, tiles, rows);
  if (!task.list)
    return;
  Choice choice;
  if (!task.takesAll)
    choice = writeChoice(b, task, scores, tiles);
  writeList(choice, firstRow, lastRow, scores, tiles, rows);
}

void SelectWriter::writeGroups(RowShape shape) {
  bool ofLong = shape.rows == kLongRows.rows;
  Value together = ofLong ? perGroup : b.i32(shape.rows);
  Value end = numRows;
  // One of the two has all rows.
  if (needsScores())
    end = ofLong ? b.select(isLong, end, b.i32(0))
                 : b.select(isLong, b.i32(0), end);
  scf::ForOp::create(b, b.i32(0), end, together, ValueRange(),
                     [&](OpBuilder &, Location, Value firstRow, ValueRange) {
                       Value lastRow =
                           b.min(b.add(firstRow, together), numRows);
                       writeGroup(firstRow, lastRow, shape);
                       scf::YieldOp::create(b);
                     });
}

void SelectWriter::write() {
  writeSizes();
  if (needsScores())
    array = tile::ArrayOp::create(
        b, tile::ArrayType::get(
               b.getContext(), task.scoreWords + kLongRows.columns + kStepWords,
               b.getI32Type()));
  Value query = b.buffer(task.query);
  Value heads = b.dim(query, 1);
  Value perKeyHead = b.div(heads, b.dim(b.buffer(task.key), 1));
  Value groups =
      b.div(b.sub(b.add(sizes.queryBlocks, perItem), b.i32(1)), perItem);
  auto items =
      tile::ForEachOp::create(b, b.dim(query, 0), heads, groups, heads);
  b.setInsertionPointToStart(&items.getBody().front());
  batch = items.getBody().getArgument(0);
  head = items.getBody().getArgument(1);
  firstBlock = b.mul(items.getBody().getArgument(2), perItem);
  // Where items are not drawn there may be more than there are: they have no
  // rows.
  Value isItem = b.compare(Predicate::slt, batch, b.dim(query, 0));
  batch = b.min(batch, b.sub(b.dim(query, 0), b.i32(1)));
  numRows = b.select(
      isItem, b.min(b.sub(sizes.queryBlocks, firstBlock), perItem), b.i32(0));
  keyHead = b.div(head, perKeyHead);
  if (hasProducts()) {
    // Nobody reads the scores of the last item any more.
    tile::BarrierOp::create(b);
    writeBlank();
    writeProducts(b.max(b.sub(b.add(firstBlock, numRows), b.i32(1)), b.i32(0)));
    tile::BarrierOp::create(b);
  }
  writeGroups(kShortRows);
  if (needsScores())
    writeGroups(kLongRows);
}

int64_t mlir::pbs::getMaxKeyBlocks(int64_t scoreWords) {
  return (scoreWords - kPadding) / kLongRows.columns * kLongRows.columns;
}

void mlir::pbs::writeSelection(const SelectTask &task, plan::KernelOp kernel,
                               Block *module) {
  SelectWriter(task, kernel, module).write();
}
