//===- Passes.h - From tiles to threads -------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_TILETONVVM_PASSES_H
#define PBS_CONVERSION_TILETONVVM_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::cf {
class ControlFlowDialect;
} // namespace mlir::cf
namespace mlir::gpu {
class GPUDialect;
} // namespace mlir::gpu
namespace mlir::LLVM {
class LLVMDialect;
} // namespace mlir::LLVM
namespace mlir::NVVM {
class NVVMDialect;
} // namespace mlir::NVVM
namespace mlir::plan {
class PlanDialect;
} // namespace mlir::plan
namespace mlir::scf {
class SCFDialect;
} // namespace mlir::scf

namespace mlir::tile {

/// Attribute of the llvm.func that says how it is launched: a
/// `#plan.cuda_code`.
constexpr llvm::StringLiteral kAbiAttrName = "tile.abi";
/// Attribute of an argument of a tile.func: the number of the buffer of the
/// plan.kernel that it is. Without it, argument i is buffer i.
constexpr llvm::StringLiteral kBufferAttrName = "tile.buffer";
/// Attribute of an argument of a tile.func: a counter of the kernel's own,
/// which the launch sets to zero.
constexpr llvm::StringLiteral kCounterAttrName = "tile.counter";
/// Attribute of an argument of a tile.func: memory of the kernel's own that
/// each thread block has a part of; the bytes of one, over the kernel's
/// symbols.
constexpr llvm::StringLiteral kBlockScratchAttrName = "tile.block_scratch";
/// Attribute of an argument of a tile.func: the list of work items that
/// `tile.append_item` makes, or that of the kernel that this one follows.
constexpr llvm::StringLiteral kItemListAttrName = "tile.item_list";
/// Attribute of a tile.func: the one of the same module behind which it runs,
/// on the buffers of the same plan.kernel.
constexpr llvm::StringLiteral kFollowsAttrName = "tile.follows";
/// Attribute of a tile.func: number of work items over the kernel's symbols.
constexpr llvm::StringLiteral kItemsAttrName = "tile.items";

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "pbs/Conversion/TileToNVVM/Passes.h.inc"

} // namespace mlir::tile

#endif // PBS_CONVERSION_TILETONVVM_PASSES_H
