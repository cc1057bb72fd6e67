//===- KernelContext.h - What the patterns of one kernel share --*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which thread holds which element of a register tile, which parameter is
// which, and the values that identify a thread.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_TILETONVVM_KERNELCONTEXT_H
#define PBS_LIB_CONVERSION_TILETONVVM_KERNELCONTEXT_H

#include "mlir/Transforms/DialectConversion.h"
#include "pbs/Conversion/KernelBuilder/KernelBuilder.h"
#include "pbs/Dialect/Tile/IR/Tile.h"

namespace mlir::tile {

using pbs::Cmp;
using pbs::KernelBuilder;
using pbs::Values;

/// Named barriers (PTX ISA, barrier: 16 of them, 0 is that of the block).
constexpr int64_t kConsumerBarrier = 1; ///< all consumers
constexpr int64_t kTurnBarrier = 2;     ///< and following: each consumer's turn
constexpr int64_t kWarpgroupBarrier =
    kTurnBarrier + kMaxConsumers; ///< and following: each consumer's own
static_assert(kWarpgroupBarrier + kMaxConsumers <= 16, "16 named barriers");

/// Threads of a turn's barrier: the warpgroup that waits and the one before it.
constexpr int64_t kTurnThreads = 2 * kWarpgroupThreads;

/// Rows of a warpgroup.
constexpr int64_t kWarpgroupRows = 64;
/// Bytes of a swizzled row of a tile in shared memory (PTX ISA, "Swizzling
/// modes"), and its elements of 16 bit.
constexpr int64_t kSwizzleBytes = 128;
constexpr int64_t kSwizzleElements = kSwizzleBytes / 2;

/// Bytes that one vector of `#tile.blocked` reads or writes at once.
constexpr int64_t kVectorBytes = 16;

/// Where a value lies in a tile: `base + offset` along one dimension.
struct Coordinate {
  Value base;
  int64_t offset = 0;
};

/// One argument of the tile.func as parameters of the kernel; -1: not passed.
struct GlobalParams {
  struct Map {
    SmallVector<int64_t, 4> box; ///< elements, innermost dimension first
    int64_t swizzle;
    int param;
  };
  SmallVector<Map, 1> maps;
  int pointer = -1;
  int strides = -1; ///< of the first dimension; the last one has none
  SmallVector<int, 4> extents;
  /// Loaded deeper inside loops than other tensors: read again by other items.
  bool isReused = false;
};

/// A ring's place in shared memory.
struct RingLayout {
  RingLayout(RingCreateOp op);
  int64_t stages;
  BufferType buffer; ///< null without a tile
  ArrayRef<Type> scalarTypes;
  RankedTensorType row; ///< null without a row
  /// Offsets in bytes; `cleared` is the barrier of copies of which rows are
  /// cleared, if there are such.
  int64_t tiles, rows, full, empty, cleared, scalars;

  int64_t getRowBytes() const { return row ? tile::getRowBytes(row) : 0; }
};

/// A copier's place in shared memory.
struct CopierLayout {
  CopierLayout(CopierOp op);
  /// Consumers that make a request: those that hold numbers of rows.
  int64_t getThreads() const {
    return std::min<int64_t>(rows, kWarpgroupThreads);
  }

  int64_t rowBytes, rows, buffered;
  /// Offsets in bytes; barriers for each request.
  int64_t tile, requests, full, empty;
};

/// Number of values of one thread for a tile, pairs in i32 counted once.
int64_t getNumValues(RankedTensorType type, ConfigAttr config);
/// Elements come as pairs in an i32.
bool isPacked(RankedTensorType type);

/// From tiles to the scalars of one thread.
class ThreadTypeConverter : public TypeConverter {
public:
  ThreadTypeConverter(MLIRContext *context, ConfigAttr config);
};

/// The kernel that is being converted.
struct KernelContext {
  KernelContext(FuncOp func, bool isDependent)
      : config(*func.getConfig()), isDependent(isDependent) {}

  ConfigAttr config;
  /// The kernel waits for those before it.
  bool isDependent;
  /// The llvm.func.
  Operation *kernel = nullptr;
  /// What stands for an argument of the tile.func -> its parameters.
  llvm::DenseMap<Value, GlobalParams> globals;
  /// Exchanges whose warpgroup has met since the last use of their bytes.
  llvm::DenseSet<Operation *> afterBarrier;
  /// Rings (tile.ring_create) whose slots a warpgroup releases as a whole
  /// rather than each warp for itself: where a product of the warpgroup has
  /// just ended, all its warps have waited for the slot. Elsewhere one may lag
  /// behind.
  llvm::DenseSet<Operation *> releasedByWarpgroups;
  /// Rings whose tiles threads read themselves, not products alone. A copy
  /// writes the next tile through the async proxy, of which it takes a fence to
  /// come behind a thread's read (PTX ISA, "Async proxy"): the read may be on
  /// its way when the thread arrives at the slot's barrier.
  llvm::DenseSet<Operation *> readByThreads;

  /// All threads: number in the block, lane, zero.
  Value tid, warp, lane;
  /// Whether this thread issues copies; of the producer, or of all if the
  /// kernel is not specialized.
  Value elected;
  /// Consumers: number of the warpgroup, thread in it, thread among all
  /// consumers, warp in the warpgroup, whether this is the first thread of the
  /// warpgroup, its first row and column of an accumulator.
  Value warpgroup, wgThread, consumerThread, wgWarp, signals, row, column;

  KernelBuilder::Constants constants;

  int64_t getConsumerThreads() const {
    return config.getConsumers() * kWarpgroupThreads;
  }
  KernelBuilder builder(OpBuilder &b, Location loc) {
    return KernelBuilder(b, loc, kernel, constants);
  }
  const GlobalParams &getGlobal(Value value) const {
    return globals.find(value)->second;
  }
  /// The parameter that is the tensor map of an argument with such boxes.
  Value getMap(KernelBuilder &b, Value global, ArrayRef<int64_t> box,
               int64_t swizzle) const;
  /// Coordinates of element `i` of this thread, one for each dimension.
  SmallVector<Coordinate, 2>
  getCoordinates(KernelBuilder &b, RankedTensorType type, int64_t i) const;
  /// True in one of the threads that hold the same elements; null if there is
  /// only one.
  Value getOwner(KernelBuilder &b, RankedTensorType type) const;
  /// Extent of a dimension of an argument.
  Value getExtent(KernelBuilder &b, Value global, int64_t dim) const;
  /// Address of the element at `indices`, fewer than dimensions: the rest 0.
  Value getAddress(KernelBuilder &b, Value global, ValueRange indices) const;
  /// Where columns for #tile.col lie in shared memory from `base` on: those
  /// that one lane holds are together in vectors, of which the four lanes that
  /// differ read 64 bytes at once.
  Value getColumnAddress(KernelBuilder &b, RankedTensorType type, Value base,
                         Coordinate at) const;
  /// The elements of a #tile.col tile that lie so.
  Values loadColumns(KernelBuilder &b, RankedTensorType type, Value base) const;
};

/// One value for each element of a tile, packed ones taken apart.
Values unpackElements(KernelBuilder &b, RankedTensorType type,
                      ValueRange values);
/// The inverse.
Values packElements(KernelBuilder &b, RankedTensorType type, ValueRange values);

/// A pattern that knows the kernel.
template <typename OpT>
struct KernelPattern : OpConversionPattern<OpT> {
  KernelPattern(const TypeConverter &converter, MLIRContext *context,
                KernelContext &kernel)
      : OpConversionPattern<OpT>(converter, context), kernel(kernel) {}
  KernelContext &kernel;
};

//===----------------------------------------------------------------------===//
// Steps of the conversion
//===----------------------------------------------------------------------===//

/// The `#plan.scratch` of a list of the work items of `func`, or null if it
/// does not say how many there are.
Attribute getItemListScratch(FuncOp func);

/// Reports what cannot be lowered, at the op, before anything is changed.
LogicalResult checkLimits(FuncOp func);

/// Begins the llvm.func, moves the body into it, splits it by warps, and erases
/// `func`. With `trace` each block says when and where it ran.
void convertEntry(FuncOp func, KernelContext &kernel, bool trace);

/// The work of a copier, at the insertion point of `builder`.
void emitCopier(OpBuilder &builder, KernelContext &kernel, CopierOp op);

void populateArrayPatterns(RewritePatternSet &patterns,
                           const TypeConverter &converter,
                           KernelContext &kernel);
void populateBitPatterns(RewritePatternSet &patterns,
                         const TypeConverter &converter, KernelContext &kernel);
void populateCopyPatterns(RewritePatternSet &patterns,
                          const TypeConverter &converter,
                          KernelContext &kernel);
void populateDotPatterns(RewritePatternSet &patterns,
                         const TypeConverter &converter, KernelContext &kernel);
void populateElementwisePatterns(RewritePatternSet &patterns,
                                 const TypeConverter &converter,
                                 KernelContext &kernel);
void populateListPatterns(RewritePatternSet &patterns,
                          const TypeConverter &converter,
                          KernelContext &kernel);
void populateMemoryPatterns(RewritePatternSet &patterns,
                            const TypeConverter &converter,
                            KernelContext &kernel);
void populateOrderPatterns(RewritePatternSet &patterns,
                           const TypeConverter &converter,
                           KernelContext &kernel);
void populateRingPatterns(RewritePatternSet &patterns,
                          const TypeConverter &converter,
                          KernelContext &kernel);

/// From scf, arith and cf on scalars to the LLVM dialect.
LogicalResult lowerScalars(Operation *kernel);

/// Whether a scalar version of the op can be lowered: arith, or one of the ops
/// of math that the hardware has.
bool isElementwise(Operation *op);

} // namespace mlir::tile

#endif // PBS_LIB_CONVERSION_TILETONVVM_KERNELCONTEXT_H
