//===- AttentionKernel.h - The Hopper attention kernel ----------*- C++ -*-===//
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
#include "pbs/Conversion/PBSToNVVM/KernelInfo.h"
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
  /// Query heads whose blocks are visited together; 0 takes as many as have
  /// their keys and values in the L2 cache together.
  unsigned headsPerGroup = 0;
};

/// Buffers of the kernel.
enum class AttentionRole : unsigned {
  Query,        ///< [B,Hq,M,D]
  Key,          ///< [B,Hk,N,D]
  Value,        ///< [B,Hk,N,D]
  Output,       ///< [B,Hq,M,D]
  Lse,          ///< f32 [B,Hq,M]
  List,         ///< i32 [B,Hq,Mb,ceil(Nb/32)]
  Positions,    ///< i32 [B,Hk,N]
  Counter,      ///< i32 [1], zero before each launch
  QueryOffsets, ///< i32 [S+1], packed sequences
  KeyOffsets    ///< i32 [S+1], packed sequences
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
  /// Keys are permuted: the buffer `Positions` gives the original position of
  /// each key. Without causality positions do not matter and are not read.
  bool hasPositions = false;
  /// With positions: keys stay inside segments of this many keys, so whole
  /// segments before a row's position need no mask. 0: unknown, every block is
  /// masked by position. Else a multiple of the block.
  int64_t segment = 0;
  /// Visit only listed blocks: bit c % 32 of word c / 32 of a row of `List`
  /// lists key block c.
  bool hasList = false;
  /// S sequences of different lengths lie one after the other in tensors of
  /// batch size 1; `QueryOffsets` and `KeyOffsets` say where. Without lists and
  /// positions.
  bool packed = false;
  /// Write the output, the LSE.
  bool writeOutput = true;
  bool writeLse = true;
  AttentionSchedule schedule;
};

/// Builds the kernel at the insertion point, which must lie in a gpu.module.
/// Its grid is one-dimensional, of at most one block for each work item (query
/// head and query block) and at most one for each multiprocessor. Fails with a
/// diagnostic at `loc` if `spec` asks for what the kernel cannot do.
FailureOr<KernelInfo> buildAttentionKernel(OpBuilder &builder, Location loc,
                                           const AttentionKernelSpec &spec);

} // namespace mlir::pbs

#endif // PBS_CONVERSION_PBSTONVVM_ATTENTIONKERNEL_H
