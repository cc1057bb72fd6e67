//===- KernelWriter.h - Writing kernels of tiles ----------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOTILE_KERNELWRITER_H
#define PBS_LIB_CONVERSION_PBSTOTILE_KERNELWRITER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "pbs/Dialect/Plan/IR/Plan.h"
#include "pbs/Dialect/Tile/IR/Tile.h"

namespace mlir::pbs {

/// Rows of a query block of a list, keys of a key block.
constexpr int64_t kBlock = 128;
/// Swizzle of tiles in shared memory.
constexpr int64_t kSwizzleBytes = 128;
constexpr double kLog2E = 1.4426950408889634;

/// Whether a kernel puts work items on a list, or is the one behind it that has
/// just those to do.
enum class ItemList { None, Made, Followed };

/// Builds the tile.func of a plan.kernel. Scalars are i32; constants stand at
/// the start of the function, each once.
class KernelWriter : public ImplicitLocOpBuilder {
public:
  /// Makes the function at the end of `module`, with an argument for each of
  /// `buffers` (numbers of buffers of `kernel`) and, as its number of work
  /// items, the product of `items` over the symbols of the kernel. Where
  /// `blockScratch` is given each thread block has so many bytes of global
  /// memory for itself.
  KernelWriter(plan::KernelOp kernel, Block *module, ArrayRef<unsigned> buffers,
               ArrayRef<AffineExpr> items,
               AffineExpr blockScratch = AffineExpr(),
               ItemList list = ItemList::None);

  /// The argument for a buffer.
  Value buffer(unsigned number) const { return arguments.lookup(number); }

  /// The list of work items that the kernel makes or follows.
  Value itemList() const { return list; }

  /// The words of all blocks' scratch.
  Value blockScratch() const { return scratch; }

  Value i32(int64_t value);
  Value f32(double value);
  /// A register tile of the constant `value`.
  Value filled(RankedTensorType type, double value);

  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  /// Unsigned division.
  Value div(Value a, Value b);
  /// a / size, rounded up.
  Value ceilDiv(Value a, int64_t size);
  Value min(Value a, Value b);
  Value max(Value a, Value b);
  Value dim(Value global, int64_t dim);

  Value compare(arith::CmpIPredicate predicate, Value a, Value b);
  Value compare(arith::CmpFPredicate predicate, Value a, Value b);
  Value select(Value condition, Value a, Value b);
  Value both(Value a, Value b);
  Value either(Value a, Value b);

  /// Types of register tiles.
  RankedTensorType acc(int64_t rows, int64_t columns, Type element);
  RankedTensorType row(int64_t rows, Type element);
  RankedTensorType column(int64_t columns, Type element);
  RankedTensorType quad(int64_t rows);
  RankedTensorType lane(int64_t size, Type element);
  RankedTensorType blocked(int64_t rows, int64_t columns, Type element,
                           int64_t vector);

  /// Types of tiles with a row for each consumer warp.
  RankedTensorType wide(int64_t rows, int64_t columns, Type element);
  RankedTensorType wideRow(int64_t rows, Type element);
  RankedTensorType wideColumn(int64_t columns, Type element);

  /// `scalar` in each element of a tile.
  Value splat(Value scalar, RankedTensorType type);
  Value broadcast(Value source, RankedTensorType type);
  /// `scalar` in each element of a tile of the type of `tile`.
  Value like(Value scalar, Value tile);
  Value like(int64_t value, Value tile);

  /// The constant `value`, a scalar or a register tile.
  Value constant(TypedAttr value);

private:
  llvm::SmallDenseMap<unsigned, Value> arguments;
  Value scratch, list;
  llvm::SmallDenseMap<Attribute, Value> constants;
  Block *entry;
  /// The last constant of the entry block.
  Operation *lastConstant = nullptr;
};

/// The number of the buffer that an argument of the plan.kernel is.
inline unsigned getBuffer(Value argument) {
  return cast<BlockArgument>(argument).getArgNumber();
}

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTOTILE_KERNELWRITER_H
