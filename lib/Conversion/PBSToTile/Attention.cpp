//===- Attention.cpp - Attention as tiles ---------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionWriter.h"
#include "Kernels.h"
#include "pbs/Target/ChipTable.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace mlir;
using namespace mlir::pbs;

/// Rows of a query block where neither a list nor sequences divide the queries
/// and a head has 64 elements: such a product is so short that two warpgroups
/// do not hide their softmax behind each other's.
static constexpr int64_t kShortHeadRows = 192;

SmallVector<unsigned> AttentionWriter::getBuffers(const AttentionTask &task) {
  // One buffer may be several operands.
  llvm::SmallSetVector<unsigned, 8> buffers;
  buffers.insert(task.query);
  buffers.insert(task.key);
  if (task.output)
    buffers.insert(task.value);
  for (std::optional<unsigned> buffer :
       {task.positions, task.list, task.ownKey, task.ownValue, task.order,
        task.output, task.lse, task.queryOffsets, task.keyOffsets})
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
    : task(task), b(kernel, module, getBuffers(task), getItems(task, kernel),
                    /*blockScratch=*/AffineExpr(), task.itemList) {
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

void AttentionWriter::write() {
  writeConstants();
  // As many heads together as have their keys and values in the cache.
  int64_t cachedBlocks =
      ::pbs::getCachedKeys(headDim, element.getIntOrFloatBitWidth()) / kBlock;
  Value perHead = b.max(keyBlocks, b.i32(1));
  Value kvHeads = b.max(b.div(b.i32(cachedBlocks), perHead), b.i32(1));
  Value query = b.buffer(task.query);
  Value batches = b.dim(query, 0), heads = b.dim(query, 1);
  Value blocks = writeQueryBlocks();
  bool follows = task.itemList == ItemList::Followed;
  Value listed;
  if (follows)
    listed = b.itemList();
  else if (task.order)
    listed = b.buffer(*task.order);
  if (task.itemList == ItemList::Made)
    numItems = b.mul(b.mul(batches, heads), blocks);
  auto items =
      tile::ForEachOp::create(b, batches, heads, blocks, b.mul(kvHeads, group),
                              listed, /*ordered=*/listed && !follows);
  b.setInsertionPointToStart(&items.getBody().front());
  batch = items.getBody().getArgument(0);
  head = items.getBody().getArgument(1);
  Value inHead = items.getBody().getArgument(2);
  if (task.itemList == ItemList::Made)
    number = b.add(b.mul(b.add(b.mul(batch, heads), head), blocks), inHead);
  writeItem(inHead);
  list = writeList();
  Type i32 = b.getI32Type();
  auto size = tile::ListSizeOp::create(b, i32, i32, list);
  masked = size.getMasked();
  // A maximum is that of a block at least.
  if (task.keepsMaximum)
    masked = b.max(masked, b.i32(1));
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

/// The kernel and, where rows of it may keep a maximum that is too small, the
/// one that does their work items again.
static void writeKernels(AttentionTask task, plan::KernelOp kernel,
                         Block *module, const AttentionOptions &options) {
  // Probabilities of f16 have no room for what a maximum leaves above it.
  Type element = kernel.getBufferType(task.query).getElementType();
  if (!options.keepMaximum || !element.isBF16())
    return AttentionWriter(task, kernel, module).write();
  task.keepsMaximum = true;
  task.itemList = ItemList::Made;
  AttentionWriter(task, kernel, module).write();
  task.keepsMaximum = false;
  task.itemList = ItemList::Followed;
  AttentionWriter(task, kernel, module).write();
}

std::optional<std::string>
mlir::pbs::writeKernel(AttentionOp op, plan::KernelOp kernel, Block *module,
                       const AttentionOptions &options) {
  AttentionTask task = getTask(op, kernel);
  if (std::optional<std::string> reason = refuse(task, op.getQuery().getType()))
    return reason;
  int64_t headDim = op.getQuery().getType().getShape().back();
  task.rows = options.queryRows ? options.queryRows
              : headDim == 64   ? kShortHeadRows
                                : kBlock;
  task.key = getBuffer(op.getKey());
  task.value = getBuffer(op.getValue());
  writeKernels(task, kernel, module, options);
  return std::nullopt;
}

std::optional<std::string>
mlir::pbs::writeKernel(PackedAttentionOp op, plan::KernelOp kernel,
                       Block *module, const AttentionOptions &options) {
  AttentionTask task = getTask(op, kernel);
  if (std::optional<std::string> reason = refuse(task, op.getQuery().getType()))
    return reason;
  task.rows = options.queryRows ? options.queryRows : kBlock;
  task.key = getBuffer(op.getKey());
  task.value = getBuffer(op.getValue());
  task.queryOffsets = getBuffer(op.getQueryOffsets());
  task.keyOffsets = getBuffer(op.getKeyOffsets());
  writeKernels(task, kernel, module, options);
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

std::optional<std::string>
mlir::pbs::writeKernel(SparseAttentionOp op, plan::KernelOp kernel,
                       Block *module, const AttentionOptions &options) {
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
  task.listsOwn = op.getOwnKey() != nullptr;
  // A region that looks at positions wants those of moved keys in all blocks.
  if (task.listsOwn && !task.usesKeyPosition()) {
    task.ownKey = getBuffer(op.getOwnKey());
    if (task.output)
      task.ownValue = getBuffer(op.getOwnValue());
  } else if (task.causal || task.usesKeyPosition()) {
    task.positions = getBuffer(kv.getPositions());
  }
  task.segment = op.getKv().getType().getSegment();
  auto pack = op.getList().getDefiningOp<PackBlockListOp>();
  task.list = getBuffer(pack.getBits());
  task.isSelected = isSelected(kernel, *task.list);
  if (op.getOrder())
    task.order = getBuffer(op.getOrder());
  writeKernels(task, kernel, module, options);
  return std::nullopt;
}
