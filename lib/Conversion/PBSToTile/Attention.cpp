//===- Attention.cpp - Attention as tiles ---------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Online softmax over the key blocks of a query block, as its equations read.
// Blocks that need a mask come first, so that a pass can make two loops of one.
//
//===----------------------------------------------------------------------===//

#include "KernelWriter.h"
#include "Kernels.h"
#include "ScoreRegion.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::pbs;

/// Rows of a query block where neither a list nor sequences divide the queries
/// and a head has 64 elements: such a product is so short that two warpgroups
/// do not hide their softmax behind each other's.
static constexpr int64_t kShortHeadRows = 192;
/// Numbers up to this one are exact in f16, and so are differences.
static constexpr int64_t kExactInF16 = 2048;
/// Position of a key past the end: greater than every row's.
static constexpr int32_t kNoPosition = std::numeric_limits<int32_t>::max();
static constexpr double kLn2 = 0.6931471805599453;
static constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// K and V of the heads visited together should stay in the L2 cache; this much
/// of it is counted on (H100: 50 MB).
static constexpr int64_t kL2Budget = 32 << 20;

namespace {
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
  /// Whether a selection of the same program has made them.
  bool isSelected = false;
  std::optional<unsigned> output, lse;
  /// Where packed sequences begin; both or none.
  std::optional<unsigned> queryOffsets, keyOffsets;

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
           task.rows < kExactInF16;
  }
  /// The scores without the keys that the rows do not see; `keyPositions` may
  /// be null.
  Value writeMask(Value scores, Value key0, Value keyPositions);
  void writeResults(const State &s);

  /// The rows of a tile from the number `rows` on are 0.
  Value load(tile::BufferType type, unsigned buffer, Value head, Value first,
             Value rows = Value()) {
    return tile::LoadOp::create(b, type, b.buffer(buffer),
                                ValueRange{batch, head, first, b.i32(0)}, rows);
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
  Value batch, head, block, kvHead, row0, low;
  Value queryTile, list, masked;
  /// Positions of the rows, a #tile.row.
  Value rowPositions;
  /// Last visible position of each row; without causality, of all. Or offset.
  Value limits;
};
} // namespace

SmallVector<unsigned> AttentionWriter::getBuffers(const AttentionTask &task) {
  // One buffer may be several operands.
  llvm::SmallSetVector<unsigned, 8> buffers;
  buffers.insert(task.query);
  buffers.insert(task.key);
  if (task.output)
    buffers.insert(task.value);
  for (std::optional<unsigned> buffer :
       {task.positions, task.list, task.output, task.lse, task.queryOffsets,
        task.keyOffsets})
    if (buffer)
      buffers.insert(*buffer);
  return llvm::to_vector(buffers);
}

SmallVector<AffineExpr> AttentionWriter::getItems(const AttentionTask &task,
                                                  plan::KernelOp kernel) {
  AffineExpr rows = kernel.getExtent(task.query, 2);
  AffineExpr blocks = rows.ceilDiv(task.rows);
  if (task.isPacked())
    blocks = rows.floorDiv(task.rows) + kernel.getExtent(*task.queryOffsets, 0);
  return {kernel.getExtent(task.query, 0), kernel.getExtent(task.query, 1),
          blocks};
}

AttentionWriter::AttentionWriter(const AttentionTask &task,
                                 plan::KernelOp kernel, Block *module)
    : task(task), b(kernel, module, getBuffers(task), getItems(task, kernel)) {
  RankedTensorType type = kernel.getBufferType(task.query);
  headDim = type.getShape().back();
  element = type.getElementType();
  auto getTile = [&](int64_t rows) {
    return tile::BufferType::get(b.getContext(), {rows, headDim}, element,
                                 kSwizzleBytes);
  };
  queryTileType = getTile(task.rows);
  keyTileType = getTile(kBlock);
  scoreType = b.acc(task.rows, kBlock, b.getF32Type());
  outputType = b.acc(task.rows, headDim, b.getF32Type());
  rowType = b.row(task.rows, b.getF32Type());
}

void AttentionWriter::writeConstants() {
  Value scale = b.f32(task.scalesFirst() ? kLog2E : task.scale * kLog2E);
  scales = b.splat(scale, scoreType);
  rowScales = b.splat(scale, rowType);
  Value query = b.buffer(task.query), key = b.buffer(task.key);
  queries = b.dim(query, 2);
  keys = b.dim(key, 2);
  shift = b.sub(keys, queries);
  group = b.div(b.dim(query, 1), b.dim(key, 1));
  keyBlocks = b.ceilDiv(keys, kBlock);
  completeBlocks = b.div(keys, b.i32(kBlock));
}

Value AttentionWriter::writeQueryBlocks() {
  if (!task.isPacked())
    return b.ceilDiv(queries, task.rows);
  return b.add(b.div(queries, b.i32(task.rows)),
               b.dim(b.buffer(*task.queryOffsets), 0));
}

void AttentionWriter::writeItem(Value number) {
  block = number;
  if (task.isPacked()) {
    Type i32 = b.getI32Type();
    auto sequence = tile::FindSequenceOp::create(
        b, i32, i32, i32, i32, i32, number, b.buffer(*task.queryOffsets),
        b.buffer(*task.keyOffsets), queries, keys, task.rows);
    firstQuery = sequence.getFirstQuery();
    queries = sequence.getQueries();
    firstKey = sequence.getFirstKey();
    keys = sequence.getKeys();
    block = sequence.getBlock();
    shift = b.sub(keys, queries);
    keyBlocks = b.ceilDiv(keys, kBlock);
    completeBlocks = b.div(keys, b.i32(kBlock));
  }
  kvHead = b.div(head, group);
  row0 = b.mul(block, b.i32(task.rows));
  low = b.add(row0, shift);
}

//===----------------------------------------------------------------------===//
// Blocks to visit
//===----------------------------------------------------------------------===//

Value AttentionWriter::writeList() {
  Value full = completeBlocks, end = keyBlocks;
  if (task.causal) {
    // The rows have the positions [low, highEnd); negative ones see nothing.
    Value rowEnd = b.min(b.add(row0, b.i32(task.rows)), queries);
    Value highEnd = b.max(b.add(rowEnd, shift), b.i32(0));
    Value lowEnd = b.max(b.add(low, b.i32(1)), b.i32(0));
    if (!task.list) {
      full = b.div(lowEnd, b.i32(kBlock));
      end = b.ceilDiv(highEnd, kBlock);
    } else if (task.segment != 0) {
      // Whole segments before the rows need no mask; those behind hold no
      // visible key.
      Value perSegment = b.i32(task.segment / kBlock);
      full = b.mul(b.div(lowEnd, b.i32(task.segment)), perSegment);
      end = b.mul(b.ceilDiv(highEnd, task.segment), perSegment);
    } else {
      full = b.i32(0);
    }
    full = b.min(full, completeBlocks);
    end = b.min(end, keyBlocks);
  }
  auto type = [&](tile::ListKind kind) {
    return tile::ListType::get(b.getContext(), kind);
  };
  if (!task.list)
    return tile::RangeListOp::create(b, type(tile::ListKind::Range), full, end);
  return tile::BitListOp::create(
      b, type(tile::ListKind::Bits), b.buffer(*task.list),
      ValueRange{batch, head, block}, full, end, task.isSelected);
}

void AttentionWriter::writeLimits() {
  RankedTensorType type = b.row(task.rows, b.getI32Type());
  Value offsets = tile::IotaOp::create(b, type);
  if (task.causal || task.usesRowPosition())
    rowPositions = b.add(offsets, b.splat(low, type));
  Type half = b.getF16Type();
  RankedTensorType limitType =
      b.acc(task.rows, kBlock, comparesOffsets() ? half : Type(b.getI32Type()));
  if (comparesOffsets())
    limits = b.broadcast(
        arith::SIToFPOp::create(b, b.row(task.rows, half), offsets), limitType);
  else
    limits = task.causal ? b.broadcast(rowPositions, limitType)
                         : b.splat(b.sub(keys, b.i32(1)), limitType);
}

Value AttentionWriter::writeKeyPositions(Value key0) {
  RankedTensorType type = b.column(kBlock, b.getI32Type());
  if (!task.positions)
    return b.add(tile::IotaOp::create(b, type), b.splat(key0, type));
  Value read = tile::ReadOp::create(
      b, b.lane(kBlock, b.getI32Type()), b.buffer(*task.positions),
      ValueRange{batch, kvHead, key0}, b.i32(kNoPosition),
      /*dim=*/IntegerAttr());
  return tile::RelayoutOp::create(b, type, read, /*offset=*/IntegerAttr());
}

Value AttentionWriter::writeKeyOffsets(Value key0) {
  RankedTensorType type = b.wideColumn(kBlock, b.getI32Type());
  Value positions = tile::ReadOp::create(
      b, type, b.buffer(*task.positions), ValueRange{batch, kvHead, key0},
      b.i32(kNoPosition), /*dim=*/IntegerAttr());
  // No difference overflows.
  Value behind = b.splat(b.add(low, b.i32(task.rows)), type);
  Value before = b.splat(b.sub(low, b.i32(1)), type);
  Value offsets =
      b.sub(b.max(b.min(positions, behind), before), b.splat(low, type));
  Type half = b.getF16Type();
  return tile::RelayoutOp::create(
      b, b.column(kBlock, half),
      arith::SIToFPOp::create(b, b.wideColumn(kBlock, half), offsets),
      /*offset=*/IntegerAttr());
}

Value AttentionWriter::writeMask(Value scores, Value key0, Value keyPositions) {
  auto limitType = cast<RankedTensorType>(limits.getType());
  Value hidden;
  if (comparesOffsets())
    hidden =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, limits,
                              b.broadcast(writeKeyOffsets(key0), limitType));
  else
    hidden = arith::CmpIOp::create(
        b, arith::CmpIPredicate::slt, limits,
        b.broadcast(keyPositions ? keyPositions : writeKeyPositions(key0),
                    limitType));
  return arith::SelectOp::create(b, hidden, b.filled(scoreType, -kInfinity),
                                 scores);
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

AttentionWriter::State AttentionWriter::writeStep(Value j, const State &s) {
  auto next = tile::ListNextOp::create(b, b.getI32Type(), s.cursor.getType(),
                                       list, s.cursor);
  Value key0 = b.mul(next.getBlock(), b.i32(kBlock));
  Value k = load(keyTileType, task.key, kvHead, inTensor(firstKey, key0));
  Value product = tile::DotOp::create(b, scoreType, queryTile, k,
                                      /*acc=*/Value(), /*transpose_b=*/true);
  if (task.scalesFirst())
    product = arith::MulFOp::create(b, product,
                                    b.splat(b.f32(task.scale), scoreType));
  Value keyPositions;
  if (task.usesKeyPosition())
    keyPositions = writeKeyPositions(key0);
  if (task.hasScoreRegion())
    product = writeScoreRegion(b, *task.score, product, batch, head,
                               rowPositions, keyPositions);
  Value needsMask =
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, j, masked);
  auto yield = [&](Value value) { scf::YieldOp::create(b, value); };
  Value scores = scf::IfOp::create(
                     b, needsMask,
                     [&](OpBuilder &, Location) {
                       yield(writeMask(product, key0, keyPositions));
                     },
                     [&](OpBuilder &, Location) { yield(product); })
                     .getResult(0);

  State state;
  state.cursor = next.getNext();
  Value largest =
      tile::ReduceOp::create(b, rowType, tile::ReduceKind::Max, scores,
                             /*dim=*/1, /*offset=*/IntegerAttr());
  state.max = arith::MaxNumFOp::create(b, s.max, largest);
  // Rows that have seen nothing so far: -inf minus -inf would be NaN.
  auto guard = [&] {
    Value none = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, state.max,
                                       b.filled(rowType, -kInfinity));
    return arith::SelectOp::create(b, none, b.filled(rowType, 0), state.max);
  };
  Value finite;
  if (task.hasScoreRegion())
    finite = guard();
  else
    finite = scf::IfOp::create(
                 b, needsMask, [&](OpBuilder &, Location) { yield(guard()); },
                 [&](OpBuilder &, Location) { yield(state.max); })
                 .getResult(0);
  Value offset =
      arith::NegFOp::create(b, arith::MulFOp::create(b, finite, rowScales));
  Value exponents =
      math::FmaOp::create(b, scores, scales, b.broadcast(offset, scoreType));
  Value p = math::Exp2Op::create(b, exponents);
  // Exactly 1 unless the maximum has grown, so that it can be left out.
  Value grown =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, largest, s.max);
  Value factor =
      math::Exp2Op::create(b, math::FmaOp::create(b, s.max, rowScales, offset));
  Value alpha = arith::SelectOp::create(b, grown, factor, b.filled(rowType, 1));
  RankedTensorType quad = b.quad(task.rows);
  Value sum = tile::ReduceOp::create(b, quad, tile::ReduceKind::Add, p,
                                     /*dim=*/1, /*offset=*/IntegerAttr());
  state.sum = math::FmaOp::create(b, s.sum, b.broadcast(alpha, quad), sum);
  if (!s.acc)
    return state;
  Value rounded =
      arith::TruncFOp::create(b, b.acc(task.rows, kBlock, element), p);
  Value scaled =
      arith::MulFOp::create(b, s.acc, b.broadcast(alpha, outputType));
  // Keys of the next sequence have the probability 0, which times a NaN would
  // not be 0.
  Value valid = task.isPacked() ? b.sub(keys, key0) : Value();
  Value v =
      load(keyTileType, task.value, kvHead, inTensor(firstKey, key0), valid);
  state.acc = tile::DotOp::create(b, outputType, rounded, v, scaled,
                                  /*transpose_b=*/false);
  return state;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void AttentionWriter::writeResults(const State &s) {
  // Rows of the next sequence are not overwritten.
  Value rows = task.isPacked() ? b.sub(queries, row0) : Value();
  Value first = inTensor(firstQuery, row0);
  Value total = tile::ReduceOp::create(b, rowType, tile::ReduceKind::Add, s.sum,
                                       /*dim=*/1, /*offset=*/IntegerAttr());
  if (task.output) {
    Value empty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, total,
                                        b.filled(rowType, 0));
    // 1 / x in the precision of the hardware's reciprocal.
    Value inverse = arith::DivFOp::create(b, b.filled(rowType, 1), total,
                                          arith::FastMathFlags::afn);
    Value scaled =
        arith::MulFOp::create(b, s.acc, b.broadcast(inverse, outputType));
    // A select, not a factor of zero: 0 * NaN of a masked value would not be 0.
    Value empties =
        b.broadcast(empty, b.acc(task.rows, headDim, b.getI1Type()));
    Value output =
        arith::SelectOp::create(b, empties, b.filled(outputType, 0), scaled);
    Value rounded =
        arith::TruncFOp::create(b, b.acc(task.rows, headDim, element), output);
    tile::StoreOp::create(b, rounded, b.buffer(*task.output),
                          ValueRange{batch, head, first, b.i32(0)}, rows,
                          /*offset=*/IntegerAttr());
  }
  if (task.lse) {
    // -inf + -inf where nothing was visible.
    Value log = math::Log2Op::create(b, total);
    Value lse2 = math::FmaOp::create(b, s.max, rowScales, log);
    Value lse = arith::MulFOp::create(b, lse2, b.filled(rowType, kLn2));
    tile::WriteOp::create(b, lse, b.buffer(*task.lse),
                          ValueRange{batch, head, first}, rows,
                          /*dim=*/IntegerAttr());
  }
}

void AttentionWriter::write() {
  writeConstants();
  // As many heads together as have their keys and values in the cache.
  int64_t blocks = kL2Budget / (kBlock * headDim * 2 * 2);
  Value perHead = b.max(keyBlocks, b.i32(1));
  Value kvHeads = b.max(b.div(b.i32(blocks), perHead), b.i32(1));
  Value query = b.buffer(task.query);
  auto items =
      tile::ForEachOp::create(b, b.dim(query, 0), b.dim(query, 1),
                              writeQueryBlocks(), b.mul(kvHeads, group));
  b.setInsertionPointToStart(&items.getBody().front());
  batch = items.getBody().getArgument(0);
  head = items.getBody().getArgument(1);
  writeItem(items.getBody().getArgument(2));
  list = writeList();
  Type i32 = b.getI32Type();
  auto size = tile::ListSizeOp::create(b, i32, i32, list);
  masked = size.getMasked();
  writeLimits();

  queryTile = load(queryTileType, task.query, head, inTensor(firstQuery, row0));
  State first;
  if (task.output)
    first.acc = b.filled(outputType, 0);
  first.max = b.filled(rowType, -kInfinity);
  first.sum = b.filled(b.quad(task.rows), 0);
  first.cursor =
      tile::ListBeginOp::create(b, tile::CursorType::get(b.getContext()), list);
  auto loop = scf::ForOp::create(
      b, b.i32(0), size.getCount(), b.i32(1), first.flat(),
      [&](OpBuilder &, Location, Value j, ValueRange carried) {
        scf::YieldOp::create(b, writeStep(j, State::take(carried)).flat());
      });
  writeResults(State::take(loop.getResults()));
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// What all kinds of attention have in common; results that the kernel
/// leaves out are not computed.
template <typename AttentionLikeOp>
static AttentionTask getTask(AttentionLikeOp op, plan::KernelOp kernel) {
  AttentionTask task;
  task.causal = op.getCausal();
  RankedTensorType query = op.getQuery().getType();
  task.scale = op.getScale() ? op.getScale()->convertToDouble()
                             : 1 / std::sqrt(double(query.getShape().back()));
  if (!op->getRegions().empty())
    task.score = &op->getRegion(0);
  task.query = getBuffer(op.getQuery());
  task.output = kernel.findResultBuffer(0);
  task.lse = kernel.findResultBuffer(1);
  return task;
}

static std::optional<std::string> refuse(const AttentionTask &task,
                                         RankedTensorType query) {
  std::string reason;
  llvm::raw_string_ostream stream(reason);
  int64_t headDim = query.getShape().back();
  Type element = query.getElementType();
  if (!element.isF16() && !element.isBF16())
    stream << "expected f16 or bf16, got " << element;
  else if (headDim != 64 && headDim != 128)
    stream << "expected a head dimension of 64 or 128, got " << headDim;
  else if (Operation *op =
               task.score ? findUnsupportedOp(*task.score) : nullptr)
    stream
        << "expected ops of arith but arith.remf, or math.absf, math.exp, "
           "math.exp2, math.fma, math.log, math.log2, math.rsqrt, math.sqrt or "
           "math.tanh in the score region, got "
        << op->getName();
  else
    return std::nullopt;
  return reason;
}

std::optional<std::string> mlir::pbs::writeKernel(AttentionOp op,
                                                  plan::KernelOp kernel,
                                                  Block *module,
                                                  int64_t queryRows) {
  AttentionTask task = getTask(op, kernel);
  if (std::optional<std::string> reason = refuse(task, op.getQuery().getType()))
    return reason;
  int64_t headDim = op.getQuery().getType().getShape().back();
  task.rows = queryRows ? queryRows : headDim == 64 ? kShortHeadRows : kBlock;
  task.key = getBuffer(op.getKey());
  task.value = getBuffer(op.getValue());
  AttentionWriter(task, kernel, module).write();
  return std::nullopt;
}

std::optional<std::string> mlir::pbs::writeKernel(PackedAttentionOp op,
                                                  plan::KernelOp kernel,
                                                  Block *module,
                                                  int64_t queryRows) {
  AttentionTask task = getTask(op, kernel);
  if (std::optional<std::string> reason = refuse(task, op.getQuery().getType()))
    return reason;
  task.rows = queryRows ? queryRows : kBlock;
  task.key = getBuffer(op.getKey());
  task.value = getBuffer(op.getValue());
  task.queryOffsets = getBuffer(op.getQueryOffsets());
  task.keyOffsets = getBuffer(op.getKeyOffsets());
  AttentionWriter(task, kernel, module).write();
  return std::nullopt;
}

/// Whether argument `number` of `kernel` is what a selection gives, wherever
/// the kernel is launched.
static bool isSelected(plan::KernelOp kernel, unsigned number) {
  auto module = kernel->getParentOfType<ModuleOp>();
  bool isLaunched = false, isAlways = true;
  module.walk([&](plan::LaunchOp launch) {
    if (launch.getKernel() != kernel.getSymName())
      return;
    isLaunched = true;
    auto source = launch.getInputs()[number].getDefiningOp<plan::LaunchOp>();
    auto maker = source
                     ? module.lookupSymbol<plan::KernelOp>(source.getKernel())
                     : plan::KernelOp();
    isAlways &=
        maker && isa<FusedSelectBlocksOp, SelectBlocksOp>(maker.getComputeOp());
  });
  return isLaunched && isAlways;
}

std::optional<std::string> mlir::pbs::writeKernel(SparseAttentionOp op,
                                                  plan::KernelOp kernel,
                                                  Block *module) {
  AttentionTask task = getTask(op, kernel);
  if (std::optional<std::string> reason = refuse(task, op.getQuery().getType()))
    return reason;
  BlockListType list = op.getList().getType();
  if (list.getQueryBlock() != kBlock || list.getKeyBlock() != kBlock) {
    std::string reason;
    llvm::raw_string_ostream(reason)
        << "expected blocks of " << kBlock << "x" << kBlock << ", got " << list;
    return reason;
  }
  auto kv = op.getKv().getDefiningOp<PackKVOp>();
  task.key = getBuffer(kv.getKey());
  task.value = getBuffer(kv.getValue());
  if (task.causal || task.usesKeyPosition())
    task.positions = getBuffer(kv.getPositions());
  task.segment = op.getKv().getType().getSegment();
  auto pack = op.getList().getDefiningOp<PackBlockListOp>();
  task.list = getBuffer(pack.getBits());
  task.isSelected = isSelected(kernel, *task.list);
  AttentionWriter(task, kernel, module).write();
  return std::nullopt;
}
