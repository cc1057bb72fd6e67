//===- PBSToCPU.cpp - CPU code for the kernels of a plan ------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Binds the buffers of a plan.kernel to the operands and results of the op that
// it computes, has the code written (Kernels.h), and counts the work items.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "ScoreRegion.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "pbs/Conversion/BlockListErrors.h"
#include "pbs/Conversion/PBSToCPU/Passes.h"
#include "pbs/Dialect/PBS/IR/PBS.h"
#include "pbs/Dialect/Plan/IR/Plan.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

namespace mlir::pbs {
#define GEN_PASS_DEF_CONVERTPBSTOCPUPASS
#include "pbs/Conversion/PBSToCPU/Passes.h.inc"
} // namespace mlir::pbs

using namespace mlir;
using namespace mlir::pbs;
using namespace mlir::pbs::cpu;

/// Query block of dense attention, which has none of its own: the tile.
static constexpr int64_t kDenseBlock = kTileRows;
/// Largest head dimension, so that local tiles stay below 1 MB.
static constexpr int64_t kMaxHeadDim = 256;
/// What head dimensions are a multiple of: a vector of 16-bit elements.
static constexpr int64_t kHeadDimMultiple = 8;
/// Largest segment that is sorted: 512 KiB of local sort keys.
static constexpr int64_t kMaxSegment = 1 << 16;

namespace {

/// Writes the code of one kernel.
class KernelConverter {
public:
  KernelConverter(plan::KernelOp kernel, const CPUTarget &target)
      : kernel(kernel), target(target) {}

  /// Appends a function to `module`; sets the code of the kernel.
  LogicalResult convert(ModuleOp module);

private:
  void emit(AttentionOp op);
  void emit(BlockListFromIndicesOp op);
  void emit(BlockScoresOp op);
  void emit(ColumnImportanceOp op);
  void emit(ComposeOp op);
  void emit(FullBlockListOp op);
  void emit(FusedPermuteKVOp op);
  void emit(FusedSelectBlocksOp op);
  void emit(HeadCoverageOp op);
  void emit(IdentityPermutationOp op);
  void emit(KVFromPositionsOp op);
  void emit(MergeOp op);
  void emit(PermuteKVOp op);
  void emit(PermuteOp op);
  void emit(PoolOp op);
  void emit(ProxyStatsOp op);
  void emit(RowCoverageOp op);
  void emit(SelectBlocksOp op);
  void emit(SortSegmentsOp op);
  void emit(SparseAttentionOp op);

  /// Head dimensions that the code can handle, policies that have code.
  LogicalResult verifyOp();

  /// The buffer of a component of an operand or result; null if the kernel has
  /// none.
  Value operand(unsigned number, unsigned component = 0);
  Value result(unsigned number, unsigned component = 0);
  PermutedKV permutedResult(PermutedKVType type);

  /// `dim` of a buffer as a symbol of the grid.
  AffineExpr symbol(Value buffer, unsigned dim);
  /// Work items for each batch, head, and part of `size` of dimension 2 of
  /// `buffer`.
  AffineExpr countParts(Value buffer, int64_t size);
  /// The same with heads of one buffer and parts of another.
  AffineExpr countParts(Value heads, Value parts, int64_t size);

  double getScale(std::optional<APFloat> scale, Value query);
  ProxyScores getScores(std::optional<APFloat> scale, Value stats,
                        int64_t segment, Attribute proxy);
  BlockChoice getChoice(Value query, unsigned kvOperand, BlockListType list,
                        Attribute stopRule, Attribute forcedSet);

  /// The number of work items, set by `emit`.
  AffineExpr grid;
  /// The code's own buffers, in order.
  SmallVector<Attribute> scratch;

  plan::KernelOp kernel;
  KernelOpInterface compute;
  CPUTarget target;
  /// Buffers in the order of the function's arguments, with their tensor types.
  SmallVector<Value> buffers;
  /// Buffers of values inside the kernel's region.
  DenseMap<Value, Value> bufferOf;
  std::optional<CodeBuilder> builder;
  Value item;
};

} // namespace

//===----------------------------------------------------------------------===//
// Buffers and sizes
//===----------------------------------------------------------------------===//

Value KernelConverter::operand(unsigned number, unsigned component) {
  Value value = compute->getOperand(number);
  if (Operation *pack = value.getDefiningOp())
    value = pack->getOperand(component);
  return bufferOf.lookup(value);
}

Value KernelConverter::result(unsigned number, unsigned component) {
  Value value = compute->getResult(number);
  if (isa<RankedTensorType>(value.getType()))
    return bufferOf.lookup(value);
  for (Operation *unpack : value.getUsers())
    if (Value buffer = bufferOf.lookup(unpack->getResult(component)))
      return buffer;
  return {};
}

PermutedKV KernelConverter::permutedResult(PermutedKVType type) {
  return {result(0, 0), result(0, 1), result(0, 2), result(0, 3),
          type.getBlock()};
}

AffineExpr KernelConverter::symbol(Value buffer, unsigned dim) {
  unsigned position = dim;
  for (Value other : buffers) {
    if (other == buffer)
      break;
    position += cast<MemRefType>(other.getType()).getRank();
  }
  return getAffineSymbolExpr(position, kernel.getContext());
}

AffineExpr KernelConverter::countParts(Value heads, Value parts, int64_t size) {
  return symbol(heads, 0) * symbol(heads, 1) * symbol(parts, 2).ceilDiv(size);
}

AffineExpr KernelConverter::countParts(Value buffer, int64_t size) {
  return countParts(buffer, buffer, size);
}

double KernelConverter::getScale(std::optional<APFloat> scale, Value query) {
  if (scale)
    return scale->convertToDouble();
  auto type = cast<MemRefType>(query.getType());
  return 1 / std::sqrt(static_cast<double>(type.getShape().back()));
}

ProxyScores KernelConverter::getScores(std::optional<APFloat> scale,
                                       Value stats, int64_t segment,
                                       Attribute proxy) {
  return {operand(0), operand(1),
          stats,      cast<CPUProxyInterface>(proxy),
          segment,    getScale(scale, operand(0))};
}

BlockChoice KernelConverter::getChoice(Value query, unsigned kvOperand,
                                       BlockListType list, Attribute stopRule,
                                       Attribute forcedSet) {
  return {query,
          operand(kvOperand, 2),
          operand(kvOperand, 3),
          result(0),
          list.getQueryBlock(),
          list.getKeyBlock(),
          list.getSegment(),
          list.getCausal(),
          cast_if_present<CPUStopRuleInterface>(stopRule),
          cast_if_present<CPUForcedSetInterface>(forcedSet)};
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

void KernelConverter::emit(AttentionOp op) {
  Value query = operand(0);
  AttentionKernel code = {
      query,         operand(1),     operand(2),
      Value(),       Value(),        Value(),
      result(0),     result(1),      kDenseBlock,
      kDenseBlock,   op.getCausal(), getScale(op.getScale(), query),
      &op.getScore()};
  code.emit(*builder, item);
  grid = countParts(query, kDenseBlock);
}

void KernelConverter::emit(BlockListFromIndicesOp op) {
  SmallVector<Attribute> messages;
  for (StringRef message : kBlockListMessages)
    messages.push_back(builder->getStringAttr(message));
  scratch.push_back(
      plan::StatusAttr::get(op.getContext(), builder->getArrayAttr(messages)));
  auto type = MemRefType::get({plan::StatusAttr::kWords}, builder->getI32Type(),
                              StridedLayoutAttr::get(op.getContext(), 0, {1}));
  Value status = builder->getInsertionBlock()->insertArgument(
      cast<BlockArgument>(item).getArgNumber(), type, op.getLoc());
  BlockListFromIndicesKernel code = {operand(0), operand(1), operand(3, 3),
                                     result(0), status};
  code.emit(*builder, item);
  grid = countParts(result(0), 1);
}

void KernelConverter::emit(BlockScoresOp op) {
  double scale = getScale(op.getScale(), operand(0));
  BlockScoresKernel code = {operand(0), operand(1), result(0), scale};
  code.emit(*builder, item);
  grid = countParts(operand(0), 1);
}

void KernelConverter::emit(ColumnImportanceOp op) {
  int64_t segment = op.getSegment();
  ColumnImportanceKernel code = {
      getScores(op.getScale(), operand(2), segment, op.getProxy()), result(0)};
  code.emit(*builder, item);
  grid = countParts(result(0), segment);
}

void KernelConverter::emit(ComposeOp op) {
  ComposeKernel code = {operand(0), operand(1), result(0)};
  code.emit(*builder, item);
  grid = countParts(result(0), kCopyRows);
}

void KernelConverter::emit(FullBlockListOp op) {
  BlockListType list = op.getList().getType();
  FullBlockListKernel code = {operand(0),           operand(1, 2),
                              operand(1, 3),        result(0),
                              list.getQueryBlock(), list.getCausal()};
  code.emit(*builder, item);
  grid = countParts(result(0), 1);
}

void KernelConverter::emit(FusedPermuteKVOp op) {
  PermutedKVType kv = op.getKv().getType();
  FusedPermuteKVKernel code = {
      getScores(op.getScale(), operand(3), kv.getSegment(), op.getProxy()),
      operand(2),
      cast<CPUPoolInterface>(op.getPool()),
      permutedResult(kv),
      result(1),
      result(2)};
  code.emit(*builder, item);
  grid = countParts(result(0, 0), kv.getSegment());
}

void KernelConverter::emit(FusedSelectBlocksOp op) {
  FusedSelectBlocksKernel code = {
      operand(1),
      getChoice(operand(0), 2, op.getList().getType(), op.getSelect(),
                op.getForced()),
      cast<CPUPoolInterface>(op.getPool()), getScale(op.getScale(), operand(0)),
      result(1)};
  code.emit(*builder, item);
  grid = countParts(result(0), 1);
}

void KernelConverter::emit(HeadCoverageOp op) {
  HeadCoverageKernel code = {operand(0), result(0), result(1)};
  code.emit(*builder, item);
  grid = symbol(operand(0), 0) * symbol(operand(0), 1);
}

void KernelConverter::emit(IdentityPermutationOp op) {
  ComposeKernel code = {Value(), Value(), result(0)};
  code.emit(*builder, item);
  grid = countParts(result(0), kCopyRows);
}

void KernelConverter::emit(KVFromPositionsOp op) {
  Value given = op.getPositions() ? operand(2) : Value();
  int64_t block = op.getKv().getType().getBlock();
  KVFromPositionsKernel code = {given, result(0, 2), result(0, 3), block};
  code.emit(*builder, item);
  grid = countParts(operand(0), block);
}

void KernelConverter::emit(MergeOp op) {
  MergeKernel code = {operand(0), operand(1), operand(2),
                      operand(3), result(0),  result(1)};
  code.emit(*builder, item);
  grid = countParts(operand(0), kMergeRows);
}

void KernelConverter::emit(PermuteKVOp op) {
  PermutedKVType kv = op.getKv().getType();
  PermuteKVKernel code = {operand(0), operand(1), operand(2),
                          permutedResult(kv)};
  code.emit(*builder, item);
  grid = countParts(operand(2), kv.getBlock());
}

void KernelConverter::emit(PermuteOp op) {
  PermuteKernel code = {operand(0), operand(1), result(0)};
  code.emit(*builder, item);
  grid = countParts(operand(1), kTileRows);
}

void KernelConverter::emit(PoolOp op) {
  int64_t block = op.getBlock();
  PoolKernel code = {operand(0), result(0),
                     cast<CPUPoolInterface>(op.getPool()), block};
  code.emit(*builder, item);
  grid = countParts(operand(0), block);
}

void KernelConverter::emit(ProxyStatsOp op) {
  ProxyStatsKernel code = {
      getScores(op.getScale(), result(0), op.getSegment(), op.getProxy())};
  code.emit(*builder, item);
  grid = countParts(result(0), kProxyRows);
}

void KernelConverter::emit(RowCoverageOp op) {
  RowCoverageKernel code = {operand(0), operand(1),
                            getChoice(operand(2), 3, op.getList().getType(),
                                      Attribute(), Attribute()),
                            getScale(op.getScale(), operand(0)), result(0)};
  code.choice.bits = operand(4);
  code.emit(*builder, item);
  grid = countParts(result(0), 1);
}

void KernelConverter::emit(SelectBlocksOp op) {
  SelectBlocksKernel code = {operand(0),
                             getChoice(operand(1), 2, op.getList().getType(),
                                       op.getSelect(), op.getForced())};
  code.emit(*builder, item);
  grid = countParts(result(0), 1);
}

void KernelConverter::emit(SortSegmentsOp op) {
  int64_t segment = op.getPermutation().getType().getSegment();
  SortSegmentsKernel code = {operand(0), result(0), segment};
  code.emit(*builder, item);
  grid = countParts(operand(0), segment);
}

void KernelConverter::emit(SparseAttentionOp op) {
  BlockListType list = op.getList().getType();
  Value query = operand(0);
  AttentionKernel code = {query,
                          operand(1, 0),
                          operand(1, 1),
                          operand(1, 2),
                          operand(1, 3),
                          operand(2),
                          result(0),
                          result(1),
                          list.getQueryBlock(),
                          list.getKeyBlock(),
                          op.getCausal(),
                          getScale(op.getScale(), query),
                          &op.getScore()};
  // Own segments are read as the others are.
  if (op.getOwnKey())
    code.ownSegment = list.getSegment();
  code.emit(*builder, item);
  grid = countParts(query, list.getQueryBlock());
}

//===----------------------------------------------------------------------===//
// Conversion
//===----------------------------------------------------------------------===//

/// Rule: a policy of interface `Policy` has code in `Code`.
template <typename Policy, typename Code>
static LogicalResult verifyPolicy(Operation *op, Attribute attr) {
  if (!isa<Policy>(attr) || isa<Code>(attr))
    return success();
  return op->emitOpError() << "expected a policy with CPU code, got " << attr;
}

LogicalResult KernelConverter::verifyOp() {
  Operation *op = compute;
  for (NamedAttribute named : op->getAttrs()) {
    Attribute attr = named.getValue();
    if (failed(verifyPolicy<StopRuleAttrInterface, CPUStopRuleInterface>(
            op, attr)) ||
        failed(verifyPolicy<ForcedSetAttrInterface, CPUForcedSetInterface>(
            op, attr)) ||
        failed(verifyPolicy<ProxyAttrInterface, CPUProxyInterface>(op, attr)) ||
        failed(verifyPolicy<PoolAttrInterface, CPUPoolInterface>(op, attr)))
      return failure();
  }

  // These have rows of a head as their first operand and load vectors of it.
  if (isa<AttentionOp, BlockScoresOp, ColumnImportanceOp, FusedPermuteKVOp,
          FusedSelectBlocksOp, MergeOp, PermuteKVOp, PermuteOp, PoolOp,
          ProxyStatsOp, RowCoverageOp, SparseAttentionOp>(op)) {
    int64_t dim = getLogicalShape(op->getOperand(0).getType()).back();
    if (dim % kHeadDimMultiple != 0 || dim <= 0 || dim > kMaxHeadDim)
      return op->emitOpError()
             << "expected a static head dimension that is a multiple of "
             << kHeadDimMultiple << " up to " << kMaxHeadDim
             << " for the CPU, got " << op->getOperand(0).getType();
  }

  // Here rows are read where they are.
  Value proxies = llvm::TypeSwitch<Operation *, Value>(op)
                      .Case<ColumnImportanceOp, FusedPermuteKVOp, ProxyStatsOp>(
                          [](auto proxyOp) { return proxyOp.getProxies(); })
                      .Default([](Operation *) { return Value(); });
  if (proxies)
    return op->emitOpError()
           << "expected no gathered proxy rows for the CPU, got "
           << proxies.getType();

  // Split pools are for matrix units.
  if (isa<BlockScoresOp, FusedSelectBlocksOp, PoolOp, RowCoverageOp>(op)) {
    SmallVector<Type> types(op->getOperandTypes());
    types.push_back(op->getResult(0).getType());
    auto fused = dyn_cast<FusedSelectBlocksOp>(op);
    // The operand that is of the element type of the queries.
    std::optional<size_t> rows;
    if (fused || isa<PoolOp>(op))
      rows = 0;
    else if (isa<RowCoverageOp>(op))
      rows = 2;
    for (auto [i, type] : llvm::enumerate(types))
      if (auto tensor = dyn_cast<RankedTensorType>(type);
          tensor && !tensor.getElementType().isF32() && i != rows)
        return op->emitOpError()
               << "expected pools of f32 for the CPU, got " << type;
    if (fused && fused.getQueryPool())
      return op->emitOpError() << "expected no pooled queries for the CPU, "
                                  "where the op pools them, got "
                               << fused.getQueryPool().getType();
  }

  for (Region &region : op->getRegions())
    if (failed(verifyScoreRegion(region)))
      return failure();

  int64_t sorted = 0;
  if (auto sort = dyn_cast<SortSegmentsOp>(op))
    sorted = sort.getPermutation().getType().getSegment();
  if (auto fused = dyn_cast<FusedPermuteKVOp>(op))
    sorted = fused.getKv().getType().getSegment();
  if (sorted > kMaxSegment)
    return op->emitOpError() << "expected a segment of at most " << kMaxSegment
                             << " keys for the CPU, got " << sorted;

  // Debug results alone are not worth code of their own.
  if (isa<FusedPermuteKVOp>(op) && !(result(0) && result(1)))
    return op->emitOpError()
           << "expected the permuted keys and their pool to be used";
  if (isa<FusedSelectBlocksOp>(op) && !result(0))
    return op->emitOpError() << "expected the list to be used";
  return success();
}

LogicalResult KernelConverter::convert(ModuleOp module) {
  compute = kernel.getComputeOp();
  Location loc = compute.getLoc();
  MLIRContext *context = kernel.getContext();
  auto toMemRef = [&](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    SmallVector<int64_t> strides(tensor.getRank(), ShapedType::kDynamic);
    if (!strides.empty())
      strides.back() = 1;
    return MemRefType::get(tensor.getShape(), tensor.getElementType(),
                           StridedLayoutAttr::get(context, 0, strides));
  };

  // The function is made with its body, which may add arguments.
  OwningOpRef<func::FuncOp> function = func::FuncOp::create(
      loc, kernel.getSymName(), FunctionType::get(context, {}, {}));
  Block *entry = &function->getBody().emplaceBlock();
  Block *body = &kernel.getBody().front();
  auto addBuffer = [&](Value value) {
    Value buffer = entry->addArgument(toMemRef(value.getType()), loc);
    buffers.push_back(buffer);
    bufferOf[value] = buffer;
  };
  for (Value argument : body->getArguments())
    addBuffer(argument);
  for (Value value : body->getTerminator()->getOperands())
    addBuffer(value);
  item = entry->addArgument(IndexType::get(context), loc);
  if (failed(verifyOp()))
    return failure();

  builder.emplace(loc, entry, target);
  bool isKnown =
      llvm::TypeSwitch<Operation *, bool>(compute)
          .Case<AttentionOp, BlockListFromIndicesOp, BlockScoresOp,
                ColumnImportanceOp, ComposeOp, FullBlockListOp,
                FusedPermuteKVOp, FusedSelectBlocksOp, HeadCoverageOp,
                IdentityPermutationOp, KVFromPositionsOp, MergeOp, PermuteKVOp,
                PermuteOp, PoolOp, ProxyStatsOp, RowCoverageOp, SelectBlocksOp,
                SortSegmentsOp, SparseAttentionOp>([&](auto op) {
            emit(op);
            return true;
          })
          .Default(false);
  if (!isKnown)
    return compute->emitOpError() << "has no CPU code";
  func::ReturnOp::create(*builder);
  function->setFunctionType(
      FunctionType::get(context, entry->getArgumentTypes(), {}));
  func::FuncOp inserted = function.release();
  module.push_back(inserted);

  auto symbolName = SymbolRefAttr::get(context, module.getSymNameAttr(),
                                       {FlatSymbolRefAttr::get(inserted)});
  auto map = AffineMap::get(0, kernel.getNumDims(), grid, context);
  kernel.setCodeAttr(plan::CPUCodeAttr::get(
      context, symbolName, map,
      scratch.empty() ? ArrayAttr() : ArrayAttr::get(context, scratch)));
  return success();
}

namespace {
struct ConvertPBSToCPUPass final
    : pbs::impl::ConvertPBSToCPUPassBase<ConvertPBSToCPUPass> {
  using ConvertPBSToCPUPassBase::ConvertPBSToCPUPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    int64_t bits = vectorBits;
    if (bits != 128 && bits != 256 && bits != 512) {
      module.emitError() << "expected vector-bits to be 128, 256 or 512, got "
                         << bits;
      return signalPassFailure();
    }
    SmallVector<plan::KernelOp> kernels;
    for (auto kernel : module.getOps<plan::KernelOp>())
      if (!kernel.getCodeAttr())
        kernels.push_back(kernel);
    if (kernels.empty())
      return;

    auto code = ModuleOp::create(module.getLoc(), kCPUModuleName);
    SymbolTable(module).insert(code, module.getBody()->end());
    for (plan::KernelOp kernel : kernels) {
      KernelConverter converter(kernel, CPUTarget::get(bits));
      if (failed(converter.convert(code)))
        return signalPassFailure();
      ++numKernels;
    }
  }
};
} // namespace
