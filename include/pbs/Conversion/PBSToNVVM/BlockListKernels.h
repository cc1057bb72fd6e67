//===- BlockListKernels.h - Small kernels around block lists ----*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What turns a caller's block list and permutation into what attention reads,
// and what orders its rows. Unless it says otherwise, each has one warp per row
// and kRowsPerBlock rows per thread block; its grid is one-dimensional.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTONVVM_BLOCKLISTKERNELS_H
#define PBS_CONVERSION_PBSTONVVM_BLOCKLISTKERNELS_H

#include "mlir/IR/Builders.h"
#include "pbs/Conversion/BlockListErrors.h"
#include "pbs/Conversion/PBSToNVVM/KernelInfo.h"

namespace mlir::pbs {

/// Rows, of one warp each, that a thread block of these kernels does.
constexpr int64_t kRowsPerBlock = 4;

/// Buffers of the kernels.
enum class BlockListRole : unsigned {
  Count,     ///< i32 [B,Hq,Mb]
  Index,     ///< i32 [B,Hq,Mb,L]
  Query,     ///< [B,Hq,M,D], for its shape
  Key,       ///< [B,Hk,N,D], for its shape
  Given,     ///< i32 [B,H,N], positions that the caller gave
  Positions, ///< i32 [B,H,N]
  Ranges,    ///< i32 [B,Hk,Nb,2], smallest and largest position of each block
  List,      ///< i32 [B,Hq,Mb,ceil(Nb/32)]
  Status,    ///< i32 [4], zero before the launch; see BlockListErrors.h
  Order,     ///< i32 [B * Hq * Mb]
  Weights    ///< i32 [B * Hq * Mb], for the kernel alone
};

// With `isDependent` a kernel waits for the kernels before it.

/// Turns counts and indices into bit rows; a row is a query block of a head.
/// Nothing is read or written out of bounds whatever they are: wrong entries
/// are ignored, and one of them goes to `Status`.
KernelInfo buildBlockListFromIndices(OpBuilder &builder, Location loc,
                                     StringRef name, int64_t keyBlock,
                                     bool isDependent);

/// Lists all blocks, with `causal` those that hold a key visible to the query
/// block, which takes `Ranges`; a row is a query block of a head.
KernelInfo buildFullBlockList(OpBuilder &builder, Location loc, StringRef name,
                              int64_t queryBlock, int64_t keyBlock, bool causal,
                              bool isDependent);

/// Position range of each key block, from the given positions or, without
/// `given`, from those of keys that nobody moved; then `Positions` is written
/// too. A row is a key block.
KernelInfo buildPositionRanges(OpBuilder &builder, Location loc, StringRef name,
                               int64_t keyBlock, bool given,
                               bool writePositions, bool writeRanges,
                               bool isDependent);

/// Writes the numbers of the query blocks in the order of `pbs.order_rows`;
/// `cachedBlocks` key blocks have room in the cache with their values. Thread
/// blocks, as many as there are multiprocessors at most, take parts by turns.
KernelInfo buildOrderRows(OpBuilder &builder, Location loc, StringRef name,
                          int64_t keyBlock, int64_t cachedBlocks,
                          bool isDependent);

} // namespace mlir::pbs

#endif // PBS_CONVERSION_PBSTONVVM_BLOCKLISTKERNELS_H
