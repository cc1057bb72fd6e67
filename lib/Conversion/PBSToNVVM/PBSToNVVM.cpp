//===- PBSToNVVM.cpp - Hopper code for the kernels of a plan --------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel builder names its buffers by roles; here the roles are tied to the
// arguments, results and scratch of a plan.kernel, and the parameters become
// attributes that the plan is translated from.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "pbs/Conversion/PBSToNVVM/BlockListKernels.h"
#include "pbs/Conversion/PBSToNVVM/Passes.h"
#include "pbs/Dialect/PBS/IR/PBS.h"
#include "pbs/Dialect/Plan/IR/Plan.h"
#include "pbs/Target/ChipTable.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::pbs {
#define GEN_PASS_DEF_CONVERTPBSTONVVMPASS
#include "pbs/Conversion/PBSToNVVM/Passes.h.inc"
} // namespace mlir::pbs

using namespace mlir;
using namespace mlir::pbs;

namespace {
/// Writes the code of one kernel.
class KernelConverter {
public:
  KernelConverter(plan::KernelOp kernel, gpu::GPUModuleOp module,
                  bool isDependent)
      : kernel(kernel), module(module), builder(module.getBodyRegion()),
        compute(kernel.getComputeOp()), isDependent(isDependent) {
    builder.setInsertionPointToEnd(module.getBody());
  }

  LogicalResult convert();

private:
  using Sizes = SmallVector<AffineExpr>;

  LogicalResult convert(BlockListFromIndicesOp op);
  LogicalResult convert(FullBlockListOp op);
  LogicalResult convert(KVFromPositionsOp op);
  LogicalResult convert(OrderRowsOp op);

  /// Ties the buffer of a role to an argument of the plan.kernel.
  template <typename Role>
  void bindArgument(Role role, unsigned argument) {
    buffers[unsigned(role)] = argument;
  }
  /// Ties a role to a component of a result of the op. Returns false if the
  /// plan.kernel does not give it.
  template <typename Role>
  bool bindResult(Role role, unsigned result, unsigned component = 0);
  template <typename Role>
  void bindScratch(Role role, Attribute entry) {
    buffers[unsigned(role)] = kernel.getNumArguments() +
                              kernel.getResultTypes().size() + scratch.size();
    scratch.push_back(entry);
  }

  /// Dimension `dim` of the buffer of a role, over the symbols of the kernel.
  template <typename Role>
  AffineExpr getExtent(Role role, unsigned dim) {
    return kernel.getExtent(buffers[unsigned(role)], dim);
  }
  AffineMap makeMap(ArrayRef<AffineExpr> results) {
    return AffineMap::get(0, kernel.getNumDims() + 1, results,
                          kernel.getContext());
  }
  Attribute convertParam(const KernelParam &param);
  /// Sets the code of the plan.kernel; the grid has the least of the bounds.
  void setCode(KernelInfo info, ArrayRef<AffineExpr> gridBounds);

  plan::KernelOp kernel;
  gpu::GPUModuleOp module;
  OpBuilder builder;
  KernelOpInterface compute;
  bool isDependent;
  /// Number of the buffer of each role.
  llvm::SmallDenseMap<unsigned, unsigned> buffers;
  SmallVector<Attribute> scratch;
};
} // namespace

template <typename Role>
bool KernelConverter::bindResult(Role role, unsigned result,
                                 unsigned component) {
  std::optional<unsigned> buffer = kernel.findResultBuffer(result, component);
  if (buffer)
    buffers[unsigned(role)] = *buffer;
  return buffer.has_value();
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

Attribute KernelConverter::convertParam(const KernelParam &param) {
  MLIRContext *context = kernel.getContext();
  unsigned buffer = buffers.at(param.role);
  switch (param.kind) {
  case KernelParam::Kind::Pointer:
    return plan::PointerAttr::get(context, buffer);
  case KernelParam::Kind::Extent:
    return plan::IntegerAttr::get(context, builder.getI32Type(),
                                  makeMap(getExtent(param.role, param.dim)));
  case KernelParam::Kind::Stride:
    return plan::StrideAttr::get(context, buffer, param.dim);
  }
  llvm_unreachable("unknown parameter");
}

void KernelConverter::setCode(KernelInfo info,
                              ArrayRef<AffineExpr> gridBounds) {
  MLIRContext *context = kernel.getContext();
  SmallVector<Attribute> params;
  for (const KernelParam &param : info.params)
    params.push_back(convertParam(param));
  auto one = builder.getAffineConstantExpr(1);
  auto symbol = SymbolRefAttr::get(
      context, module.getName(),
      {FlatSymbolRefAttr::get(context, kernel.getSymName())});
  kernel.setCodeAttr(plan::CUDACodeAttr::get(
      context, symbol, {makeMap(gridBounds), makeMap(one), makeMap(one)},
      {static_cast<int64_t>(info.threads), 1, 1}, info.sharedBytes,
      builder.getArrayAttr(params),
      scratch.empty() ? ArrayAttr() : builder.getArrayAttr(scratch),
      isDependent));
}

//===----------------------------------------------------------------------===//
// Lists and positions
//===----------------------------------------------------------------------===//

LogicalResult KernelConverter::convert(BlockListFromIndicesOp op) {
  using Role = BlockListRole;
  // Count, index, query; key, value, positions, ranges.
  bindArgument(Role::Count, 0);
  bindArgument(Role::Index, 1);
  bindArgument(Role::Key, 3);
  bindResult(Role::List, 0);
  SmallVector<Attribute> messages;
  for (StringRef message : kBlockListMessages)
    messages.push_back(builder.getStringAttr(message));
  bindScratch(Role::Status,
              plan::StatusAttr::get(kernel.getContext(),
                                    builder.getArrayAttr(messages)));
  AffineExpr rows = getExtent(Role::List, 0) * getExtent(Role::List, 1) *
                    getExtent(Role::List, 2);
  setCode(
      buildBlockListFromIndices(builder, compute->getLoc(), kernel.getSymName(),
                                op.getKv().getType().getBlock(), isDependent),
      rows.ceilDiv(kRowsPerBlock));
  return success();
}

LogicalResult KernelConverter::convert(FullBlockListOp op) {
  using Role = BlockListRole;
  // Query; key, value, positions, ranges.
  bindArgument(Role::Query, 0);
  bindArgument(Role::Key, 1);
  bindArgument(Role::Ranges, 4);
  bindResult(Role::List, 0);
  BlockListType list = op.getList().getType();
  AffineExpr rows = getExtent(Role::List, 0) * getExtent(Role::List, 1) *
                    getExtent(Role::List, 2);
  setCode(buildFullBlockList(builder, op.getLoc(), kernel.getSymName(),
                             list.getQueryBlock(), list.getKeyBlock(),
                             list.getCausal(), isDependent),
          rows.ceilDiv(kRowsPerBlock));
  return success();
}

LogicalResult KernelConverter::convert(KVFromPositionsOp op) {
  using Role = BlockListRole;
  // Components of the result: key, value, positions, ranges.
  bool given = static_cast<bool>(op.getPositions());
  bindArgument(Role::Key, 0);
  if (given)
    bindArgument(Role::Given, 2);
  bool writePositions = bindResult(Role::Positions, 0, 2);
  bool writeRanges = bindResult(Role::Ranges, 0, 3);
  int64_t keyBlock = op.getKv().getType().getBlock();
  KernelInfo info =
      buildPositionRanges(builder, op.getLoc(), kernel.getSymName(), keyBlock,
                          given, writePositions, writeRanges, isDependent);
  // A row is a key block.
  Role shape = given ? Role::Given : Role::Key;
  AffineExpr rows = getExtent(shape, 0) * getExtent(shape, 1) *
                    getExtent(shape, 2).ceilDiv(keyBlock);
  setCode(info, rows.ceilDiv(kRowsPerBlock));
  return success();
}

LogicalResult KernelConverter::convert(OrderRowsOp op) {
  using Role = BlockListRole;
  // Query; key, value, positions, ranges; list.
  bindArgument(Role::Key, 1);
  bindArgument(Role::List, 5);
  bindResult(Role::Order, 0);
  AffineExpr rows = getExtent(Role::Order, 0);
  bindScratch(Role::Weights, plan::ScratchAttr::get(kernel.getContext(),
                                                    makeMap(rows * 4), false));
  PermutedKVType kv = op.getKv().getType();
  int64_t cachedBlocks =
      ::pbs::getCachedKeys(kv.getShape().back(),
                           kv.getElementType().getIntOrFloatBitWidth()) /
      kv.getBlock();
  AffineExpr processors = builder.getAffineSymbolExpr(kernel.getNumDims());
  setCode(buildOrderRows(builder, op.getLoc(), kernel.getSymName(),
                         kv.getBlock(), cachedBlocks, isDependent),
          {processors, rows});
  return success();
}

LogicalResult KernelConverter::convert() {
  return llvm::TypeSwitch<Operation *, LogicalResult>(compute)
      .Case<BlockListFromIndicesOp, FullBlockListOp, KVFromPositionsOp,
            OrderRowsOp>([&](auto op) { return convert(op); })
      .Default([&](Operation *op) -> LogicalResult {
        InFlightDiagnostic error = op->emitOpError()
                                   << "has no code for sm_90a: ";
        if (auto reason = kernel->getAttrOfType<StringAttr>(kRefusedAttrName))
          return error << reason.getValue();
        return error << "expected pbs.block_list_from_indices, "
                        "pbs.full_block_list, pbs.kv_from_positions or "
                        "pbs.order_rows; others are made by "
                        "convert-pbs-to-tile before";
      });
}

namespace {
struct ConvertPBSToNVVMPass final
    : mlir::pbs::impl::ConvertPBSToNVVMPassBase<ConvertPBSToNVVMPass> {
  using ConvertPBSToNVVMPassBase::ConvertPBSToNVVMPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<plan::KernelOp> kernels;
    for (auto kernel : module.getOps<plan::KernelOp>())
      if (!kernel.getCodeAttr())
        kernels.push_back(kernel);
    if (kernels.empty())
      return;
    // Other conversions may have put code there.
    auto code = module.lookupSymbol<gpu::GPUModuleOp>(kGPUModuleName);
    if (!code) {
      OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
      code = gpu::GPUModuleOp::create(builder, module.getLoc(), kGPUModuleName);
    }
    for (plan::KernelOp kernel : kernels) {
      if (failed(KernelConverter(kernel, code, dependentLaunch).convert()))
        return signalPassFailure();
      ++numKernels;
    }
  }
};
} // namespace
