//===- AttentionKernel.h - The Hopper attention kernel
//-----------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A forward attention kernel for sm_90a over all key blocks or over a block
// list, built as an llvm.func of the LLVM and NVVM dialects. The function
// carries its parameter ABI as attributes, from which the launch plan is
// written.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTONVVM_ATTENTIONKERNEL_H
#define PBS_CONVERSION_PBSTONVVM_ATTENTIONKERNEL_H

#include "mlir/IR/Builders.h"
#include <string>

namespace mlir::pbs {

/// Rows of a query block and keys of a key block.
constexpr int64_t kAttentionBlock = 128;

/// Choices that change speed and never the result's meaning.
struct AttentionSchedule {
  /// Depth of the K and V rings: 2 or 4; 0 takes the deepest that fits.
  unsigned stages = 0;
  /// Rescale the accumulator after the next Q K^T has been issued, rather than
  /// at the end of the step that found the factor.
  bool lateRescale = false;
  /// Pin the exponentials before the wait for P V by a never-true predicated
  /// store that reads their sums.
  bool anchor = false;
  /// Registers per thread of the producer and of a consumer warpgroup
  /// (setmaxnreg): multiples of 8, producer + 2 * consumer <= 504.
  unsigned producerRegisters = 40;
  unsigned consumerRegisters = 232;
};

/// What one attention kernel computes. q is [B,Hq,M,D], k and v [B,Hk,N,D] with
/// any strides (last dimension contiguous, other strides and base addresses
/// multiples of 16 bytes), o as q. Query row i has position i + (N - M).
struct AttentionKernelSpec {
  /// Symbol of the kernel.
  std::string name = "attention";
  /// D: 64 or 128.
  int64_t headDim = 128;
  /// Element type of q, k, v and o: bf16, else f16.
  bool bf16 = true;
  /// A key is visible to a query row iff its position does not exceed the
  /// row's.
  bool causal = true;
  /// Keys are permuted: an argument `positions` i32 [B,Hk,N] (contiguous) gives
  /// the original position of each key. Without causality positions do not
  /// matter and the argument does not exist.
  bool hasPositions = false;
  /// With positions: keys stay inside segments of this many keys, so whole
  /// segments before a row's position need no mask. 0: unknown, every block is
  /// masked by position. Else a multiple of the block.
  int64_t segment = 0;
  /// Visit only listed blocks: an argument `list` i32 [B,Hq,Mb,ceil(Nb/32)]
  /// (contiguous); bit c % 32 of word c / 32 lists key block c.
  bool hasList = false;
  /// Write LSE, f32 [B,Hq,M] (contiguous).
  bool writeLse = true;
  AttentionSchedule schedule;
};

/// Attributes of a kernel function, all discardable:
/// - kernelAbiAttr: an array with one dictionary per parameter. `kind` is
///   "tensor_map" (with `source` one of q, k, v, o, `box` and `dims` innermost
///   first, `dims` naming dimensions of the source, and `swizzle` in bytes),
///   "pointer" (`source`: lse, list, positions), "workspace" (`source`,
///   `bytes`; zeroed before each launch), "i32" (`expr`) or "scale" (f32, times
///   `factor`).
/// - kernelGridAttr: number of blocks as an expression.
/// - kernelBlockAttr, kernelSharedAttr: threads per block and bytes of dynamic
///   shared memory.
/// An expression is an array in postfix order: integers, strings
/// "<source>.<dim>" or "device.num_sms", and operators add, sub, mul, floordiv,
/// ceildiv, min, max.
constexpr llvm::StringLiteral kernelAbiAttr = "tile.abi";
constexpr llvm::StringLiteral kernelGridAttr = "tile.grid";
constexpr llvm::StringLiteral kernelBlockAttr = "tile.block";
constexpr llvm::StringLiteral kernelSharedAttr = "tile.shared_bytes";

/// Builds the kernel at the insertion point, which must lie in a gpu.module.
/// Fails with a diagnostic at `loc` if `spec` asks for what the kernel cannot
/// do. Returns the llvm.func.
FailureOr<Operation *> buildAttentionKernel(OpBuilder &builder, Location loc,
                                            const AttentionKernelSpec &spec);

/// What the kernel that turns index lists into bit rows is called by default.
constexpr llvm::StringLiteral kListKernelName = "block_list_from_indices";

/// Builds the kernel that turns a caller's block list (`count` i32 [R], `index`
/// i32 [R,L]) into bit rows (`list` i32 [R,ceil(Nb/32)]); R is the number of
/// query blocks of all heads. Indices outside [0,Nb) are dropped, `count` is
/// clamped to [0,L]; `status` i32 [2] receives (1 + the smallest row with an
/// index out of range or a duplicate, else 0x7fffffff).
FailureOr<Operation *> buildBlockListKernel(OpBuilder &builder, Location loc);

} // namespace mlir::pbs

#endif // PBS_CONVERSION_PBSTONVVM_ATTENTIONKERNEL_H
