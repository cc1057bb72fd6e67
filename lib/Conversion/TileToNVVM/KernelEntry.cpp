//===- KernelEntry.cpp - Parameters and the first block of a kernel -------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the uses of the arguments follows what is passed; from the plan.kernel
// of the same name, if there is one, which buffer an argument is.
//
//===----------------------------------------------------------------------===//

#include "KernelContext.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "pbs/Conversion/TileToNVVM/Passes.h"
#include "pbs/Dialect/Plan/IR/Plan.h"

using namespace mlir;
using namespace mlir::tile;
using pbs::ParamKind;

static constexpr int64_t kCounterBytes = 4;

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

namespace {
/// Collects parameters and what the plan says of each.
class ParamCollector {
public:
  ParamCollector(FuncOp func, bool hasTrace);

  /// Parameters of each argument.
  SmallVector<GlobalParams> globals;
  SmallVector<ParamKind> kinds;
  /// Parameter of the trace, -1 without one.
  int trace = -1;

  /// How the kernel is launched.
  plan::CUDACodeAttr makeCode(SymbolRefAttr symbol, bool isDependent);
  /// Gives the code to the kernel of the plan, if there is one.
  void setCode(plan::CUDACodeAttr code);

private:
  void bindBuffers();
  /// How many blocks there are at most, by each of several reasons.
  SmallVector<AffineExpr> getBounds();
  void collectUses();
  void addMap(Value global, ArrayRef<int64_t> box, int64_t swizzle);
  void addPointer(Value global, int64_t strides);
  void alignPointer(Value global, int64_t bytes);
  void addExtent(Value global, int64_t dim);
  int add(ParamKind kind, Attribute attribute) {
    kinds.push_back(kind);
    attributes.push_back(attribute);
    return kinds.size() - 1;
  }
  int64_t getNumber(Value global) const {
    return cast<BlockArgument>(global).getArgNumber();
  }
  AffineMap makeMap(ArrayRef<AffineExpr> results) {
    return AffineMap::get(0, firstSymbols.back() + 1, results,
                          func.getContext());
  }

  FuncOp func;
  Builder builder;
  plan::KernelOp planKernel;
  bool isFollower = false;
  /// Arguments and results of the kernel of the plan.
  int64_t numBuffers = 0;
  /// Number of the buffer of each argument.
  SmallVector<int64_t> buffers;
  /// First symbol of each buffer and, last, their number.
  SmallVector<int64_t> firstSymbols;
  SmallVector<Attribute> scratch;
  SmallVector<Attribute> attributes;
};
} // namespace

ParamCollector::ParamCollector(FuncOp func, bool hasTrace)
    : globals(func.getNumArguments()), func(func), builder(func.getContext()) {
  auto module = func->getParentOfType<ModuleOp>();
  auto followed = func->getAttrOfType<FlatSymbolRefAttr>(kFollowsAttrName);
  planKernel = module.lookupSymbol<plan::KernelOp>(
      followed ? followed.getValue() : func.getSymName());
  // The scratch of the kernel that this one follows comes first.
  if (followed && planKernel) {
    isFollower = true;
    llvm::append_range(scratch, planKernel.getScratch());
  }
  bindBuffers();
  collectUses();
  if (!hasTrace)
    return;
  trace = add(
      ParamKind::Pointer,
      plan::PointerAttr::get(func.getContext(), numBuffers + scratch.size()));
  scratch.push_back(plan::TraceAttr::get(func.getContext()));
}

void ParamCollector::bindBuffers() {
  int64_t numSymbols = 0;
  auto addBuffer = [&](int64_t rank) {
    firstSymbols.push_back(numSymbols);
    numSymbols += rank;
    ++numBuffers;
  };
  if (planKernel) {
    for (TypeRange types : {TypeRange(planKernel.getArgumentTypes()),
                            TypeRange(planKernel.getResultTypes())})
      for (Type type : types)
        addBuffer(cast<RankedTensorType>(type).getRank());
  } else {
    for (auto [i, type] : llvm::enumerate(func.getArgumentTypes()))
      if (!func.getArgAttr(i, kCounterAttrName) &&
          !func.getArgAttr(i, kItemListAttrName) &&
          !func.getArgAttr(i, kBlockScratchAttrName))
        addBuffer(cast<GlobalType>(type).getShape().size());
  }
  firstSymbols.push_back(numSymbols);
  for (unsigned i = 0; i < func.getNumArguments(); ++i) {
    if (func.getArgAttr(i, kCounterAttrName)) {
      buffers.push_back(numBuffers + scratch.size());
      scratch.push_back(plan::ScratchAttr::get(
          func.getContext(),
          makeMap(builder.getAffineConstantExpr(kCounterBytes)),
          /*zeroed=*/true));
      continue;
    }
    if (func.getArgAttr(i, kItemListAttrName)) {
      Attribute list = getItemListScratch(func);
      auto *known = llvm::find(scratch, list);
      buffers.push_back(numBuffers + (known - scratch.begin()));
      if (known == scratch.end())
        scratch.push_back(list);
      continue;
    }
    if (auto bytes =
            func.getArgAttrOfType<AffineMapAttr>(i, kBlockScratchAttrName)) {
      buffers.push_back(numBuffers + scratch.size());
      scratch.push_back(plan::ScratchAttr::get(
          func.getContext(),
          makeMap(bytes.getValue().getResult(0) * getBounds().back()),
          /*zeroed=*/false));
      continue;
    }
    auto number = func.getArgAttrOfType<IntegerAttr>(i, kBufferAttrName);
    buffers.push_back(number ? number.getInt() : i);
  }
}

SmallVector<AffineExpr> ParamCollector::getBounds() {
  SmallVector<AffineExpr> bounds;
  if (auto items = func->getAttrOfType<AffineMapAttr>(kItemsAttrName))
    llvm::append_range(bounds, items.getValue().getResults());
  // Persistent blocks: one for each multiprocessor, the last symbol.
  if (func.getConfig()->isPersistent() || bounds.empty())
    bounds.push_back(builder.getAffineSymbolExpr(firstSymbols.back()));
  return bounds;
}

void ParamCollector::addMap(Value global, ArrayRef<int64_t> box,
                            int64_t swizzle) {
  int64_t number = getNumber(global);
  for (const GlobalParams::Map &map : globals[number].maps)
    if (ArrayRef<int64_t>(map.box) == box && map.swizzle == swizzle)
      return;
  int param = add(ParamKind::TensorMap,
                  plan::TensorMapAttr::get(func.getContext(), buffers[number],
                                           box, swizzle));
  globals[number].maps.push_back(
      {SmallVector<int64_t, 4>(box), swizzle, param});
}

void ParamCollector::addPointer(Value global, int64_t strides) {
  int64_t number = getNumber(global);
  GlobalParams &params = globals[number];
  if (params.pointer >= 0)
    return;
  MLIRContext *context = func.getContext();
  params.pointer =
      add(ParamKind::Pointer, plan::PointerAttr::get(context, buffers[number]));
  for (int64_t dim = 0; dim < strides; ++dim) {
    int param = add(ParamKind::I64,
                    plan::StrideAttr::get(context, buffers[number], dim));
    if (dim == 0)
      params.strides = param;
  }
}

/// Rows of `global` are accessed by vectors of `bytes`.
void ParamCollector::alignPointer(Value global, int64_t bytes) {
  int64_t number = getNumber(global);
  attributes[globals[number].pointer] =
      plan::PointerAttr::get(func.getContext(), buffers[number], bytes);
}

void ParamCollector::addExtent(Value global, int64_t dim) {
  auto type = cast<GlobalType>(global.getType());
  int64_t number = getNumber(global);
  SmallVectorImpl<int> &extents = globals[number].extents;
  extents.resize(type.getShape().size(), -1);
  if (extents[dim] >= 0 || !type.isDynamicDim(dim))
    return;
  AffineExpr symbol =
      builder.getAffineSymbolExpr(firstSymbols[buffers[number]] + dim);
  extents[dim] =
      add(ParamKind::I32,
          plan::IntegerAttr::get(func.getContext(), builder.getI32Type(),
                                 makeMap(symbol)));
}

/// Loops around an op.
static int64_t getDepth(Operation *op) {
  int64_t depth = 0;
  for (Operation *parent = op->getParentOp(); !isa<FuncOp>(parent);
       parent = parent->getParentOp())
    depth += isa<scf::ForOp, scf::WhileOp>(parent);
  return depth;
}

void ParamCollector::collectUses() {
  // Depth of the innermost load of each argument.
  llvm::SmallDenseMap<int64_t, int64_t> depths;
  func.walk([&](Operation *op) {
    if (auto push = dyn_cast<RingPushOp>(op)) {
      if (!push.getSource())
        return;
      BufferType buffer = push.getRing().getType().getBuffer();
      int64_t width = buffer.getSwizzle() * 8 /
                      buffer.getElementType().getIntOrFloatBitWidth();
      for (Value source : {push.getSource(), push.getOther()}) {
        if (!source)
          continue;
        addMap(source, {width, buffer.getShape()[0], 1, 1},
               buffer.getSwizzle());
        int64_t &depth = depths[getNumber(source)];
        depth = std::max(depth, getDepth(op));
      }
    } else if (auto store = dyn_cast<StoreOp>(op)) {
      // Each warpgroup stores its own rows.
      addMap(store.getTarget(), {kSwizzleElements, kWarpgroupRows, 1, 1},
             kSwizzleBytes);
      if (store.getRows()) {
        int64_t rank = store.getTarget().getType().getRank();
        addPointer(store.getTarget(), rank - 1);
        addExtent(store.getTarget(), rank - 2);
      }
    } else if (auto find = dyn_cast<FindSequenceOp>(op)) {
      for (Value offsets : {find.getQueryOffsets(), find.getKeyOffsets()})
        addPointer(offsets, 0);
      addExtent(find.getQueryOffsets(), 0);
    } else if (isa<ArrayReadOp, ArrayWriteOp>(op)) {
      Value array = op->getOperand(isa<ArrayReadOp>(op) ? 0 : 1);
      if (isa<GlobalType>(array.getType()))
        addPointer(array, 0);
    } else if (auto fetch = dyn_cast<FetchItemOp>(op)) {
      addPointer(fetch.getCounter(), 0);
    } else if (auto append = dyn_cast<AppendItemOp>(op)) {
      addPointer(append.getList(), 0);
    } else if (auto read = dyn_cast<ReadWordOp>(op)) {
      addPointer(read.getSource(), 0);
    } else if (auto list = dyn_cast<BitListOp>(op)) {
      addPointer(list.getSource(), list.getSource().getType().getRank() - 1);
    } else if (isa<ReadOp, WriteOp>(op)) {
      bool isRead = isa<ReadOp>(op);
      Value global = op->getOperand(isRead ? 0 : 1);
      auto tile = cast<RankedTensorType>(
          (isRead ? op->getResult(0) : op->getOperand(0)).getType());
      auto along = op->getAttrOfType<IntegerAttr>("dim");
      int64_t rank = cast<GlobalType>(global.getType()).getRank();
      int64_t first = along ? along.getInt() : rank - tile.getRank();
      addPointer(global, rank - 1);
      if (isa_and_present<BlockedAttr>(tile.getEncoding()))
        alignPointer(global, kVectorBytes);
      for (int64_t i = 0; i < tile.getRank(); ++i)
        addExtent(global, first + i);
    } else if (auto gather = dyn_cast<GatherOp>(op)) {
      int64_t rank = gather.getSource().getType().getRank();
      addPointer(gather.getSource(), rank - 1);
      alignPointer(gather.getSource(), kVectorBytes);
      addExtent(gather.getSource(), rank - 2);
    } else if (auto copier = dyn_cast<CopierOp>(op)) {
      GlobalType type = copier.getSource().getType();
      addPointer(copier.getSource(), type.getRank() - 1);
      alignPointer(copier.getSource(), kVectorBytes);
      addExtent(copier.getSource(), type.getRank() - 2);
      addMap(copier.getTarget(), {type.getShape().back(), kCopyRows, 1, 1},
             /*swizzle=*/0);
    } else if (auto dim = dyn_cast<DimOp>(op)) {
      addExtent(dim.getSource(), dim.getDim());
    }
  });
  if (depths.empty())
    return;
  int64_t least = llvm::min_element(depths, llvm::less_second())->second;
  for (auto [argument, depth] : depths)
    globals[argument].isReused = depth > least;
}

plan::CUDACodeAttr ParamCollector::makeCode(SymbolRefAttr symbol,
                                            bool isDependent) {
  ConfigAttr config = *func.getConfig();
  AffineMap one = makeMap(builder.getAffineConstantExpr(1));
  return plan::CUDACodeAttr::get(
      func.getContext(), symbol, {makeMap(getBounds()), one, one},
      {config.getThreads(), 1, 1}, *func.getSharedBytes(),
      builder.getArrayAttr(attributes),
      scratch.empty() || isFollower ? ArrayAttr()
                                    : builder.getArrayAttr(scratch),
      isDependent);
}

void ParamCollector::setCode(plan::CUDACodeAttr code) {
  if (!planKernel)
    return;
  if (isFollower) {
    auto first = cast<plan::CUDACodeAttr>(planKernel.getCodeAttr());
    code = plan::CUDACodeAttr::get(
        func.getContext(), first.getSymbol(), first.getGrid(), first.getBlock(),
        first.getShared(), first.getParams(),
        ArrayAttr::get(func.getContext(), scratch), first.getDependent(), code);
  }
  planKernel.setCodeAttr(code);
}

//===----------------------------------------------------------------------===//
// The first block
//===----------------------------------------------------------------------===//

/// Whether each release of a ring stands behind a product that has ended, which
/// all warps of the warpgroup had to begin.
static bool isReleasedByWarpgroups(RingCreateOp ring) {
  RingType type = ring.getRing().getType();
  if (!type.getScalars().empty() || type.getRow())
    return false;
  return llvm::all_of(ring.getRing().getUsers(), [](Operation *user) {
    if (!isa<RingReleaseOp>(user))
      return true;
    Operation *before = user->getPrevNode();
    while (isa_and_present<RingReleaseOp>(before))
      before = before->getPrevNode();
    return isa_and_present<DotWaitOp>(before);
  });
}

/// Barriers of all rings and copiers, by one thread.
static void emitInit(KernelBuilder &b, KernelContext &kernel,
                     ArrayRef<RingCreateOp> rings, ArrayRef<CopierOp> copiers,
                     ArrayRef<GlobalParams> globals) {
  pbs::Values maps;
  for (const GlobalParams &global : globals)
    for (const GlobalParams::Map &map : global.maps)
      maps.push_back(b.param(map.param));
  if (maps.empty() && rings.empty())
    return;
  Block *init = b.newBlock(), *start = b.newBlock();
  b.condBr(b.cmp(Cmp::EQ, kernel.tid, 0), init, start);
  b.enter(init);
  for (Value map : maps)
    b.prefetchTensorMap(map);
  for (RingCreateOp op : rings) {
    RingLayout ring(op);
    int64_t releases = kernel.releasedByWarpgroups.contains(op)
                           ? kernel.config.getConsumers()
                           : kernel.config.getConsumerWarps();
    // Threads read a row, one of each warp or warpgroup answers for all else.
    // With a row it could, too, by the rules of memory, but not by those of
    // compute-sanitizer's racecheck.
    if (ring.row)
      releases = kernel.config.getConsumerWarps() * kWarpThreads;
    for (int64_t i = 0; i < ring.stages; ++i) {
      // A warp writes a row, a thread all else.
      b.mbarInit(b.gepBytes(b.sharedBase(), ring.full + kBarrierBytes * i),
                 ring.row ? kWarpThreads : 1);
      b.mbarInit(b.gepBytes(b.sharedBase(), ring.empty + kBarrierBytes * i),
                 releases);
    }
    if (op.clearsRows())
      b.mbarInit(b.gepBytes(b.sharedBase(), ring.cleared), 1);
  }
  for (CopierOp op : copiers) {
    CopierLayout copier(op);
    for (int64_t i = 0; i < kCopyRequests; ++i) {
      b.mbarInit(b.gepBytes(b.sharedBase(), copier.full + kBarrierBytes * i),
                 copier.getThreads());
      b.mbarInit(b.gepBytes(b.sharedBase(), copier.empty + kBarrierBytes * i),
                 kWarpThreads);
    }
  }
  b.fenceMbarInit();
  b.fenceProxyAsync();
  b.br(start);
  b.enter(start);
  b.barrierAll();
}

static void emitConsumerValues(KernelBuilder &b, KernelContext &kernel) {
  kernel.warpgroup = b.lshr(kernel.warp, 2);
  if (kernel.config.getSpecialize())
    kernel.warpgroup = b.add(kernel.warpgroup, -1);
  kernel.wgThread = b.and_(kernel.tid, kWarpgroupThreads - 1);
  kernel.wgWarp = b.and_(kernel.warp, 3);
  kernel.consumerThread =
      b.add(b.mul(kernel.warpgroup, kWarpgroupThreads), kernel.wgThread);
  kernel.signals = b.cmp(Cmp::EQ, kernel.wgThread, 0);
  kernel.row = b.add(b.add(b.mul(kernel.warpgroup, kWarpgroupRows),
                           b.mul(kernel.wgWarp, kWarpRows)),
                     b.lshr(kernel.lane, 2));
  kernel.column = b.mul(b.and_(kernel.lane, 3), 2);
}

/// The last warpgroup lets the first go first.
static void emitFirstTurn(KernelBuilder &b, KernelContext &kernel) {
  Block *yield = b.newBlock(), *start = b.newBlock();
  b.condBr(b.cmp(Cmp::EQ, kernel.warpgroup, kernel.config.getConsumers() - 1),
           yield, start);
  b.enter(yield);
  b.barrierArrive(b.c32(kTurnBarrier), kTurnThreads);
  b.br(start);
  b.enter(start);
}

/// Where this block writes when and where it ran.
static Value getTraceAddress(KernelBuilder &b, int param) {
  constexpr int64_t blockBytes = 4 * plan::TraceAttr::kWords;
  return b.gepBytes(b.param(param), b.mul(b.zext64(b.ctaid()), blockBytes));
}

/// The begin of a block and its multiprocessor.
static void emitTraceBegin(KernelBuilder &b, KernelContext &kernel, int param) {
  Value first = b.cmp(Cmp::EQ, kernel.tid, 0);
  Value address = getTraceAddress(b, param);
  b.ptxIf("st.global.b64 [$0], $1;", {address, b.globalTimer()}, first);
  b.ptxIf("st.global.b64 [$0], $1;",
          {b.gepBytes(address, 16), b.zext64(b.smid())}, first);
}

/// The end of a block is that of its last warp.
static void emitTraceEnd(KernelBuilder &b, KernelContext &kernel, int param) {
  b.ptxIf("red.global.max.u64 [$0], $1;",
          {b.gepBytes(getTraceAddress(b, param), 8), b.globalTimer()},
          b.cmp(Cmp::EQ, kernel.lane, 0));
}

/// Waiting for a turn is a barrier of the warpgroup. If it lies between an
/// exchange and any other use of its bytes, all reads of those are over.
static bool followsBarrier(RelayoutOp op) {
  for (Operation *at = op;;) {
    while (Operation *previous = at->getPrevNode()) {
      at = previous;
      if (isa<TurnWaitOp>(at))
        return true;
      if (isa<RelayoutOp>(at) || at->getNumRegions())
        return false;
    }
    at = at->getParentOp();
    if (!isa<scf::IfOp>(at))
      return false;
  }
}

/// Moves all ops but the terminator to the insertion point.
static void spliceBody(Block &from, OpBuilder &builder) {
  Block *to = builder.getInsertionBlock();
  to->getOperations().splice(builder.getInsertionPoint(), from.getOperations(),
                             from.begin(), std::prev(from.end()));
}

void tile::convertEntry(FuncOp func, KernelContext &kernel, bool trace) {
  ParamCollector params(func, trace);
  OpBuilder builder(func);
  Location loc = func.getLoc();
  ConfigAttr config = kernel.config;
  StringRef name = func.getSymName();
  auto gpuModule = func->getParentOfType<gpu::GPUModuleOp>();
  auto symbol =
      SymbolRefAttr::get(func.getContext(), gpuModule.getSymName(),
                         {FlatSymbolRefAttr::get(func.getContext(), name)});
  plan::CUDACodeAttr code = params.makeCode(symbol, kernel.isDependent);

  KernelBuilder b = kernel.builder(builder, loc);
  b.beginKernel(name, params.kinds, config.getThreads());
  kernel.kernel = b.kernel();
  kernel.kernel->setAttr(kAbiAttrName, code);
  params.setCode(code);

  Block &body = func.getBody().front();
  for (auto [argument, global] :
       llvm::zip_equal(body.getArguments(), params.globals)) {
    if (argument.use_empty())
      continue;
    // Stands for the argument until nothing uses it any more.
    Value handle = UnrealizedConversionCastOp::create(
                       builder, loc, argument.getType(), ValueRange())
                       .getResult(0);
    argument.replaceAllUsesWith(handle);
    kernel.globals[handle] = global;
  }

  kernel.tid = b.tid();
  kernel.lane = b.and_(kernel.tid, kWarpThreads - 1);
  // A broadcast, so that ptxas knows the number of the warp to be uniform.
  kernel.warp = b.shflIdx(b.lshr(kernel.tid, 5), b.c32(0));
  if (trace && !kernel.isDependent)
    emitTraceBegin(b, kernel, params.trace);
  SmallVector<RingCreateOp> rings(func.getOps<RingCreateOp>());
  for (RingCreateOp ring : rings)
    if (isReleasedByWarpgroups(ring))
      kernel.releasedByWarpgroups.insert(ring);
  func.walk([&](RingWaitOp wait) {
    if (wait.getTile() && !llvm::all_of(wait.getTile().getUsers(),
                                        llvm::IsaPred<DotOp, DotAsyncOp>))
      kernel.readByThreads.insert(wait.getRing().getDefiningOp());
  });
  SmallVector<CopierOp> copiers(func.getOps<CopierOp>());
  emitInit(b, kernel, rings, copiers, params.globals);
  if (kernel.isDependent) {
    b.waitForGrids();
    // Memory is accessed behind the wait only.
    if (trace)
      emitTraceBegin(b, kernel, params.trace);
  }

  WarpSpecializeOp specialize;
  bool hasTurns = false, hasStores = false;
  func.walk([&](Operation *op) {
    hasTurns |= isa<TurnWaitOp>(op);
    hasStores |= isa<StoreOp>(op);
    if (auto relayout = dyn_cast<RelayoutOp>(op))
      if (followsBarrier(relayout))
        kernel.afterBarrier.insert(op);
    if (auto found = dyn_cast<WarpSpecializeOp>(op))
      specialize = found;
  });
  auto finish = [&]() {
    // What is under way still reads shared memory.
    if (hasStores)
      b.bulkWaitRead();
    if (trace)
      emitTraceEnd(b, kernel, params.trace);
    b.ret();
  };
  if (!specialize) {
    emitConsumerValues(b, kernel);
    kernel.elected = b.and_(b.cmp(Cmp::EQ, kernel.warp, 0), b.elect());
    if (hasTurns)
      emitFirstTurn(b, kernel);
    spliceBody(body, builder);
    finish();
    func.erase();
    return;
  }

  // What is before the split belongs to all warps, but only consumers have
  // register tiles over several warps.
  Block *entry = builder.getInsertionBlock();
  SmallVector<Operation *> tiles;
  for (Operation &op : llvm::make_early_inc_range(
           llvm::make_range(body.begin(), specialize->getIterator()))) {
    if (!isOfWarp(&op))
      tiles.push_back(&op);
    else
      op.moveBefore(entry, entry->end());
  }
  Block *producer = b.newBlock(), *consumer = b.newBlock();
  Block *work = b.newBlock(), *exit = b.newBlock();
  b.condBr(b.cmp(Cmp::LT, kernel.warp, 4), producer, consumer);
  b.enter(producer);
  if (config.getProducerRegisters())
    b.setMaxRegisters(config.getProducerRegisters(), /*increase=*/false);
  // Warp 0 loads, those behind it copy.
  for (auto [i, copier] : llvm::enumerate(copiers)) {
    Block *copies = b.newBlock(), *others = b.newBlock();
    b.condBr(b.cmp(Cmp::EQ, kernel.warp, 1 + int64_t(i)), copies, others);
    b.enter(copies);
    emitCopier(builder, kernel, copier);
    b.br(exit);
    b.enter(others);
  }
  b.condBr(b.cmp(Cmp::EQ, kernel.warp, 0), work, exit);
  b.enter(work);
  kernel.elected = b.elect();
  spliceBody(specialize.getProducer().front(), builder);
  b.br(exit);
  b.enter(exit);
  b.ret();
  b.enter(consumer);
  if (config.getConsumerRegisters())
    b.setMaxRegisters(config.getConsumerRegisters(), /*increase=*/true);
  emitConsumerValues(b, kernel);
  if (hasTurns)
    emitFirstTurn(b, kernel);
  for (Operation *op : tiles)
    op->moveBefore(builder.getInsertionBlock(), builder.getInsertionPoint());
  spliceBody(specialize.getConsumer().front(), builder);
  finish();
  func.erase();
}
