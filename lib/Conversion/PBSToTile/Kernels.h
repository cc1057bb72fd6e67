//===- Kernels.h - Kernels that are written down as tiles -------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOTILE_KERNELS_H
#define PBS_LIB_CONVERSION_PBSTOTILE_KERNELS_H

#include "pbs/Dialect/PBS/IR/PBS.h"
#include "pbs/Dialect/Plan/IR/Plan.h"

namespace mlir::pbs {

/// Why there is no kernel with a pool, which follows.
constexpr llvm::StringLiteral kNoPool =
    "expected a pool with code for a GPU, such as #pbs.mean_pool, got ";

struct AttentionOptions {
  /// Rows of query blocks of attention without a list; 0 chooses.
  int64_t queryRows = 0;
  /// Whether rows keep the maximum of their first key blocks, where
  /// probabilities have the range for it.
  bool keepMaximum = false;
};

/// Each writes the code of `kernel`, whose compute op is `op`, at the end of
/// `module`, or returns why it cannot and writes nothing.
std::optional<std::string> writeKernel(AttentionOp op, plan::KernelOp kernel,
                                       Block *module,
                                       const AttentionOptions &options);
std::optional<std::string> writeKernel(BlockScoresOp op, plan::KernelOp kernel,
                                       Block *module);
std::optional<std::string> writeKernel(ColumnImportanceOp op,
                                       plan::KernelOp kernel, Block *module);
std::optional<std::string> writeKernel(FusedPermuteKVOp op,
                                       plan::KernelOp kernel, Block *module);
std::optional<std::string> writeKernel(FusedSelectBlocksOp op,
                                       plan::KernelOp kernel, Block *module,
                                       int64_t scoreWords);
std::optional<std::string> writeKernel(GatherProxiesOp op,
                                       plan::KernelOp kernel, Block *module);
std::optional<std::string> writeKernel(HeadCoverageOp op, plan::KernelOp kernel,
                                       Block *module);
std::optional<std::string> writeKernel(RowCoverageOp op, plan::KernelOp kernel,
                                       Block *module);
std::optional<std::string> writeKernel(SelectBlocksOp op, plan::KernelOp kernel,
                                       Block *module, int64_t scoreWords);
std::optional<std::string> writeKernel(SplitPoolOp op, plan::KernelOp kernel,
                                       Block *module);
std::optional<std::string> writeKernel(MergeStatsOp op, plan::KernelOp kernel,
                                       Block *module);
std::optional<std::string> writeKernel(PackedAttentionOp op,
                                       plan::KernelOp kernel, Block *module,
                                       const AttentionOptions &options);
std::optional<std::string> writeKernel(PermuteKVOp op, plan::KernelOp kernel,
                                       Block *module);
std::optional<std::string> writeKernel(SortSegmentsOp op, plan::KernelOp kernel,
                                       Block *module);
std::optional<std::string> writeKernel(ProxyStatsOp op, plan::KernelOp kernel,
                                       Block *module);
std::optional<std::string> writeKernel(SplitProxyStatsOp op,
                                       plan::KernelOp kernel, Block *module);
std::optional<std::string> writeKernel(SparseAttentionOp op,
                                       plan::KernelOp kernel, Block *module,
                                       const AttentionOptions &options);
std::optional<std::string> writeKernel(PoolOp op, plan::KernelOp kernel,
                                       Block *module);

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTOTILE_KERNELS_H
