//===- Select.cpp - Selection of blocks as tiles --------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A work item is some query blocks of a head: as many as have room for their
// scores in shared memory, where products leave them, a column of the product
// for each query block. Then each warp has a query block at a time to itself
// and exchanges nothing with others.
//
//===----------------------------------------------------------------------===//

#include "Select.h"
#include "Proxy.h"
#include "SelectChoice.h"
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
/// Scores of a work item: kMaxRows rows of 1024, or fewer longer ones.
static constexpr int64_t kArraySize = kMaxRows * (1024 + kPadding);
/// Rows of a query block, keys of a key block.
static constexpr int64_t kBlock = 128;
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
  /// What query blocks may take and have to, each in the layout of `block`:
  /// candidates are below `bound` and not in [ownBegin, ownEnd).
  struct Rows {
    Value ownBegin, ownEnd, bound, high;
  };

  void writeSizes();
  /// Query blocks of an item.
  Value writePerItem();
  Rows writeRows(Value block, Value exists);
  /// How many times kWideColumns key blocks have scores in the array, at least
  /// once: all candidates of query block `block` and of those before it.
  Value writeTiles(Value block);
  Value writeCandidates(const Rows &rows, Value column);
  /// Puts the scores of the item's query blocks into the array.
  void writeProducts(Value wideTiles);
  /// Puts given scores of kWideRows query blocks there.
  void readGiven(Value firstRow, const ScoreRows &scores, const Rows &rows,
                 Value tiles);
  void writeBlank();
  void writeGroup(Value group);
  /// Writes the scores themselves, -inf for what is no candidate.
  void writeScores(Value firstRow, const ScoreRows &scores, Value wideTiles,
                   const Rows &rows);
  /// The first of the key blocks from `first` on in the array; any where it has
  /// none of them.
  Value getColumn(Value first, Value wideTiles) {
    Value end = b.mul(wideTiles, b.i32(kWideColumns));
    return select(compare(Predicate::slt, first, end), first, b.i32(0));
  }
  void writeList(const Choice &choice, Value firstRow, const ScoreRows &scores,
                 Value wideTiles, const Rows &rows);

  Value compare(Predicate predicate, Value x, Value y) {
    return arith::CmpIOp::create(b, predicate, x, y);
  }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, condition, x, y);
  }
  Value both(Value x, Value y) { return arith::AndIOp::create(b, x, y); }
  Value either(Value x, Value y) { return arith::OrIOp::create(b, x, y); }
  /// `scalar` in the layout of `tile`.
  Value like(Value scalar, Value tile) {
    return b.splat(scalar, cast<RankedTensorType>(tile.getType()));
  }
  Value like(int64_t value, Value tile) { return like(b.i32(value), tile); }
  bool needsScores() const {
    return task.scores || (task.list && !task.takesAll);
  }

  const SelectTask &task;
  KernelWriter b;
  RankedTensorType indexRow;

  Value numQueries, numKeys, shift, queryBlocks, keyBlocks;
  Value batch, head, keyHead, firstBlock;
  /// Query blocks of an item, and of this one.
  Value perItem, numRows;
  /// How many times kWideColumns key blocks a row has room for, and the words
  /// from a row to the next.
  Value array, allTiles, stride;
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

SelectWriter::SelectWriter(const SelectTask &task, plan::KernelOp kernel,
                           Block *module)
    : task(task),
      b(kernel, module, getBuffers(task),
        {kernel.getExtent(task.query, 0), kernel.getExtent(task.query, 1),
         kernel.getExtent(task.query, 2).ceilDiv(kBlock)}) {
  indexRow = b.wideRow(kWideRows, b.getI32Type());
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

void SelectWriter::writeSizes() {
  numQueries = b.dim(b.buffer(task.query), 2);
  numKeys = b.dim(b.buffer(task.key), 2);
  shift = b.sub(numKeys, numQueries);
  queryBlocks = b.ceilDiv(numQueries, kBlock);
  keyBlocks = b.ceilDiv(numKeys, kBlock);
  allTiles = b.max(b.ceilDiv(keyBlocks, kWideColumns), b.i32(1));
  stride = b.add(b.mul(allTiles, b.i32(kWideColumns)), b.i32(kPadding));
  perItem = writePerItem();
}

Value SelectWriter::writePerItem() {
  Value size = b.i32(1);
  for (int64_t next = 2; next <= kMaxRows; next *= 2) {
    Value fits =
        compare(Predicate::sle, b.mul(stride, b.i32(next)), b.i32(kArraySize));
    // Some tens of items for each head.
    if (next > kWideRows)
      fits = both(fits, compare(Predicate::sge, queryBlocks, b.i32(16 * next)));
    size = select(fits, b.i32(next), size);
  }
  return size;
}

SelectWriter::Rows SelectWriter::writeRows(Value block, Value exists) {
  int64_t perSegment = task.segment / kBlock;
  Rows rows;
  Value zero = like(0, block);
  Value begin = b.mul(block, like(kBlock, block));
  Value end = b.min(b.add(begin, like(kBlock, block)), like(numQueries, block));
  rows.high = b.add(b.sub(end, like(1, block)), like(shift, block));
  Value low = b.max(b.add(begin, like(shift, block)), zero);
  // Rows before the first key have no own segment.
  Value sees = both(exists, compare(Predicate::sge, rows.high, zero));
  auto getSegmentBegin = [&](Value position) {
    return b.mul(b.div(position, like(task.segment, block)),
                 like(perSegment, block));
  };
  Value last =
      b.max(b.min(rows.high, like(b.sub(numKeys, b.i32(1)), block)), zero);
  rows.ownBegin = select(sees, getSegmentBegin(low), zero);
  rows.ownEnd =
      select(sees,
             b.min(b.add(getSegmentBegin(last), like(perSegment, block)),
                   like(keyBlocks, block)),
             zero);
  rows.bound = task.causal ? rows.ownBegin
                           : select(exists, like(keyBlocks, block), zero);
  return rows;
}

Value SelectWriter::writeTiles(Value block) {
  if (!task.causal)
    return allTiles;
  Value position = b.max(b.add(b.mul(block, b.i32(kBlock)), shift), b.i32(0));
  Value segment = b.div(position, b.i32(task.segment));
  Value bound = b.min(b.mul(segment, b.i32(task.segment / kBlock)), keyBlocks);
  return b.max(b.ceilDiv(bound, kWideColumns), b.i32(1));
}

Value SelectWriter::writeCandidates(const Rows &rows, Value column) {
  auto type = cast<RankedTensorType>(column.getType());
  auto spread = [&](Value row) { return b.broadcast(row, type); };
  Value isCandidate = compare(Predicate::slt, column, spread(rows.bound));
  // Under causality candidates end where own blocks begin.
  if (task.causal)
    return isCandidate;
  return both(isCandidate,
              either(compare(Predicate::slt, column, spread(rows.ownBegin)),
                     compare(Predicate::sge, column, spread(rows.ownEnd))));
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

void SelectWriter::writeProducts(Value wideTiles) {
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  RankedTensorType score = b.acc(kColumns, kMaxRows, f32);
  RankedTensorType index = b.acc(kColumns, kMaxRows, i32);
  RankedTensorType rowOfColumn = b.row(kColumns, i32);
  auto load = [&](unsigned pool, Value ofHead, Value first, int64_t rows,
                  int64_t column) -> Value {
    auto type = tile::BufferType::get(b.getContext(), {rows, task.headDim},
                                      b.getBF16Type(), kSwizzleBytes);
    return tile::LoadOp::create(
        b, type, b.buffer(pool),
        ValueRange{batch, ofHead, first, b.i32(column)});
  };
  Value number = tile::IotaOp::create(b, b.column(kMaxRows, i32));
  Rows rows = writeRows(b.add(number, like(firstBlock, number)),
                        compare(Predicate::slt, number, like(numRows, number)));
  Value hasRoom = compare(Predicate::slt, number, like(perItem, number));
  Value begin = b.mul(number, like(stride, number));
  Value queriesHigh = load(task.queryPool, head, firstBlock, kMaxRows, 0);
  Value queriesLow =
      load(task.queryPool, head, firstBlock, kMaxRows, task.headDim);
  Value tiles = b.mul(wideTiles, b.i32(kWideColumns / kColumns));
  scf::ForOp::create(
      b, b.i32(0), tiles, b.i32(1), ValueRange(),
      [&](OpBuilder &, Location, Value tile, ValueRange) {
        Value first = b.mul(tile, b.i32(kColumns));
        Value keysHigh = load(task.keyPool, keyHead, first, kColumns, 0);
        Value keysLow =
            load(task.keyPool, keyHead, first, kColumns, task.headDim);
        Value product;
        auto add = [&](Value keys, Value queries) {
          product = tile::DotOp::create(b, score, keys, queries, product,
                                        /*transpose_b=*/true);
        };
        add(keysHigh, queriesHigh);
        add(keysHigh, queriesLow);
        add(keysLow, queriesHigh);
        Value scaled =
            arith::MulFOp::create(b, product, b.filled(score, task.scale));
        // -0 + 0 is 0, so that equal scores have equal bits.
        scaled = arith::AddFOp::create(b, scaled, b.filled(score, 0));
        Value column = b.add(tile::IotaOp::create(b, rowOfColumn),
                             b.splat(first, rowOfColumn));
        Value isCandidate = writeCandidates(rows, b.broadcast(column, index));
        Value bits =
            select(isCandidate, arith::BitcastOp::create(b, index, scaled),
                   b.splat(b.i32(kNoCandidate), index));
        Value starts =
            select(hasRoom, b.add(begin, like(first, begin)), like(-1, begin));
        tile::ArrayWriteOp::create(b, bits, array, starts);
        scf::YieldOp::create(b);
      });
}

void SelectWriter::readGiven(Value firstRow, const ScoreRows &scores,
                             const Rows &rows, Value tiles) {
  RankedTensorType score = b.wide(kWideRows, kWideColumns, b.getF32Type());
  RankedTensorType index = score.clone(b.getI32Type());
  RankedTensorType columns = b.wideColumn(kWideColumns, b.getI32Type());
  // Nobody reads the scores of other rows any more.
  tile::BarrierOp::create(b);
  writeBlank();
  scf::ForOp::create(
      b, b.i32(0), tiles, b.i32(1), ValueRange(),
      [&](OpBuilder &, Location, Value tile, ValueRange) {
        Value first = b.mul(tile, b.i32(kWideColumns));
        Value given = tile::ReadOp::create(
            b, score, b.buffer(*task.given),
            ValueRange{batch, head, b.add(firstBlock, firstRow), first},
            /*other=*/Value(), /*dim=*/IntegerAttr());
        given = arith::AddFOp::create(b, given, b.filled(score, 0));
        Value column =
            b.add(tile::IotaOp::create(b, columns), b.splat(first, columns));
        Value bits = select(writeCandidates(rows, b.broadcast(column, index)),
                            arith::BitcastOp::create(b, index, given),
                            b.splat(b.i32(kNoCandidate), index));
        tile::ArrayWriteOp::create(b, bits, array, scores.getWrites(b, first));
        scf::YieldOp::create(b);
      });
  tile::BarrierOp::create(b);
}

//===----------------------------------------------------------------------===//
// The list
//===----------------------------------------------------------------------===//

void SelectWriter::writeList(const Choice &choice, Value firstRow,
                             const ScoreRows &scores, Value wideTiles,
                             const Rows &rows) {
  Type i32 = b.getI32Type();
  RankedTensorType words = b.wide(kWideRows, 4, i32);
  RankedTensorType index = b.wide(kWideRows, kColumns, i32);
  RankedTensorType columns = b.wideColumn(kColumns, i32);
  Value left = b.sub(numRows, firstRow), block = b.add(firstBlock, firstRow);
  auto spread = [&](Value row) { return b.broadcast(row, index); };
  auto pack = [&](Value flags) -> Value {
    return tile::PackBitsOp::create(b, words, flags);
  };
  Value init = choice.ties ? choice.ties : b.splat(b.i32(0), indexRow);
  scf::ForOp::create(
      b, b.i32(0), b.ceilDiv(keyBlocks, kColumns), b.i32(1), init,
      [&](OpBuilder &, Location, Value tile, ValueRange carried) {
        Value ties = carried.front();
        Value first = b.mul(tile, b.i32(kColumns));
        Value numbers =
            b.add(tile::IotaOp::create(b, columns), b.splat(first, columns));
        Value column = b.broadcast(numbers, index);
        Value isCandidate = writeCandidates(rows, column);

        Value chosen = isCandidate, tied;
        if (!task.takesAll) {
          Value bits = tile::ArrayReadOp::create(
              b, index, array, scores.getReads(b, getColumn(first, wideTiles)));
          Value key = writeKeys(b, bits), last = spread(choice.last);
          chosen = both(isCandidate, compare(Predicate::ugt, key, last));
          tied = both(isCandidate, compare(Predicate::eq, key, last));
        }
        // Own blocks and the one of the first key.
        Value positions = b.broadcast(
            tile::ReadOp::create(b, columns, b.buffer(task.ranges),
                                 ValueRange{batch, keyHead, first, b.i32(0)},
                                 b.i32(kMaxInt), b.getI64IntegerAttr(2)),
            index);
        Value isOwn =
            both(compare(Predicate::sge, column, spread(rows.ownBegin)),
                 compare(Predicate::slt, column, spread(rows.ownEnd)));
        if (task.causal && !task.wholeOwn)
          isOwn = both(isOwn,
                       compare(Predicate::sle, positions, spread(rows.high)));
        Value isFirst = compare(Predicate::eq, positions, like(0, positions));
        Value listed = pack(either(chosen, either(isOwn, isFirst)));
        if (tied) {
          auto taken =
              tile::FirstBitsOp::create(b, words, indexRow, pack(tied), ties);
          listed = either(listed, taken.getFirst());
          ties = taken.getLeft();
        }
        tile::WriteOp::create(
            b, listed, b.buffer(*task.list),
            ValueRange{batch, head, block,
                       b.mul(tile, b.i32(kColumns / kWordBits))},
            left, /*dim=*/IntegerAttr());
        scf::YieldOp::create(b, ties);
      });
}

void SelectWriter::writeScores(Value firstRow, const ScoreRows &scores,
                               Value wideTiles, const Rows &rows) {
  RankedTensorType index = b.wide(kWideRows, kColumns, b.getI32Type());
  RankedTensorType score = index.clone(b.getF32Type());
  RankedTensorType columns = b.wideColumn(kColumns, b.getI32Type());
  scf::ForOp::create(
      b, b.i32(0), b.ceilDiv(keyBlocks, kColumns), b.i32(1), ValueRange(),
      [&](OpBuilder &, Location, Value tile, ValueRange) {
        Value first = b.mul(tile, b.i32(kColumns));
        Value column = b.broadcast(
            b.add(tile::IotaOp::create(b, columns), b.splat(first, columns)),
            index);
        Value bits = tile::ArrayReadOp::create(
            b, index, array, scores.getReads(b, getColumn(first, wideTiles)));
        tile::WriteOp::create(
            b,
            select(writeCandidates(rows, column),
                   arith::BitcastOp::create(b, score, bits),
                   b.filled(score, -kInfinity)),
            b.buffer(*task.scores),
            ValueRange{batch, head, b.add(firstBlock, firstRow), first},
            b.sub(numRows, firstRow), /*dim=*/IntegerAttr());
        scf::YieldOp::create(b);
      });
}

/// Makes what rows that do not exist read.
void SelectWriter::writeBlank() {
  RankedTensorType words = b.wide(kWideRows, kWideColumns, b.getI32Type());
  Value row = tile::IotaOp::create(b, indexRow);
  Value starts = select(compare(Predicate::eq, row, like(0, row)),
                        like(kArraySize, row), like(-1, row));
  tile::ArrayWriteOp::create(b, b.splat(b.i32(kNoCandidate), words), array,
                             starts);
}

/// kWideRows of the query blocks of the item.
void SelectWriter::writeGroup(Value group) {
  Value firstRow = b.mul(group, b.i32(kWideRows));
  Value row =
      b.add(tile::IotaOp::create(b, indexRow), b.splat(firstRow, indexRow));
  Rows rows = writeRows(b.add(row, like(firstBlock, row)),
                        compare(Predicate::slt, row, like(numRows, row)));
  ScoreRows scores = {array,
                      select(compare(Predicate::slt, row, like(perItem, row)),
                             b.mul(row, like(stride, row)), like(-1, row)),
                      b.i32(kArraySize)};
  Value lastRow = b.min(b.add(firstRow, b.i32(kWideRows)), numRows);
  Value tiles = writeTiles(b.add(firstBlock, b.sub(lastRow, b.i32(1))));
  if (task.given && needsScores())
    readGiven(firstRow, scores, rows, tiles);
  if (task.scores)
    writeScores(firstRow, scores, tiles, rows);
  if (!task.list)
    return;
  Choice choice;
  if (!task.takesAll)
    choice = writeChoice(b, task, scores, tiles);
  writeList(choice, firstRow, scores, tiles, rows);
}

void SelectWriter::write() {
  writeSizes();
  if (needsScores())
    array = tile::ArrayOp::create(
        b, tile::ArrayType::get(b.getContext(), kArraySize + kWideColumns,
                                b.getI32Type()));
  Value query = b.buffer(task.query);
  Value heads = b.dim(query, 1);
  Value perKeyHead = b.div(heads, b.dim(b.buffer(task.key), 1));
  Value groups = b.div(b.sub(b.add(queryBlocks, perItem), b.i32(1)), perItem);
  auto items =
      tile::ForEachOp::create(b, b.dim(query, 0), heads, groups, heads);
  b.setInsertionPointToStart(&items.getBody().front());
  batch = items.getBody().getArgument(0);
  head = items.getBody().getArgument(1);
  firstBlock = b.mul(items.getBody().getArgument(2), perItem);
  // Where items are not drawn there may be more than there are: they have no
  // rows.
  Value isItem = compare(Predicate::slt, batch, b.dim(query, 0));
  batch = b.min(batch, b.sub(b.dim(query, 0), b.i32(1)));
  numRows =
      select(isItem, b.min(b.sub(queryBlocks, firstBlock), perItem), b.i32(0));
  keyHead = b.div(head, perKeyHead);
  if (!task.given && needsScores()) {
    // Nobody reads the scores of the last item any more.
    tile::BarrierOp::create(b);
    writeBlank();
    Value lastBlock =
        b.max(b.sub(b.add(firstBlock, numRows), b.i32(1)), b.i32(0));
    writeProducts(writeTiles(lastBlock));
    tile::BarrierOp::create(b);
  }
  scf::ForOp::create(b, b.i32(0), b.ceilDiv(numRows, kWideRows), b.i32(1),
                     ValueRange(),
                     [&](OpBuilder &, Location, Value group, ValueRange) {
                       writeGroup(group);
                       scf::YieldOp::create(b);
                     });
}

void mlir::pbs::writeSelection(const SelectTask &task, plan::KernelOp kernel,
                               Block *module) {
  SelectWriter(task, kernel, module).write();
}
