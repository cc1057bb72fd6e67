//===- DenseAlternative.cpp - Dense attention for short calls -------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Made before fusion, so that the copy has nothing of the method left in it.
//
//===----------------------------------------------------------------------===//

#include "OriginalKeys.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IntegerSet.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "pbs/Dialect/PBS/Transforms/Passes.h"

namespace mlir::pbs {
#define GEN_PASS_DEF_DENSEALTERNATIVEPASS
#include "pbs/Dialect/PBS/Transforms/Passes.h.inc"
} // namespace mlir::pbs

using namespace mlir;
using namespace mlir::pbs;

static constexpr remark::RemarkOpts kRemark =
    remark::RemarkOpts::name("DenseAlternative")
        .category("pbs-dense-alternative");

/// Attributes of functions.
static constexpr StringLiteral kBelowAttr = "pbs.dense_below";
static constexpr StringLiteral kAlternativeOfAttr = "pbs.alternative_of";
static constexpr StringLiteral kGuardAttr = "pbs.guard";

/// True for attention over blocks that the function selects.
static bool isMethod(SparseAttentionOp op) {
  Operation *list = op.getList().getDefiningOp();
  return isa_and_nonnull<SelectBlocksOp, FusedSelectBlocksOp>(list) &&
         findOriginal(op.getKv());
}

/// Makes the attention of the method in `func` dense and erases what is unused
/// then; false if steps of the method have other uses.
static bool makeDense(func::FuncOp func) {
  SmallVector<SparseAttentionOp> attentions;
  func.walk([&](SparseAttentionOp op) {
    if (isMethod(op))
      attentions.push_back(op);
  });
  for (SparseAttentionOp op : attentions) {
    KeysAndValues original = *findOriginal(op.getKv());
    OpBuilder builder(op);
    auto dense = AttentionOp::create(
        builder, op.getLoc(), op.getResultTypes(), op.getQuery(), original.keys,
        original.values, op.getCausalAttr(), op.getScaleAttr());
    dense.getScore().takeBody(op.getScore());
    op->replaceAllUsesWith(dense.getResults());
    op->erase();
  }
  Block &body = func.front();
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
    if (isOpTriviallyDead(&op))
      op.erase();
  return llvm::none_of(body, [](Operation &op) {
    return isa<ProxyStatsOp, ColumnImportanceOp, SortSegmentsOp, PermuteKVOp,
               FusedPermuteKVOp, BlockScoresOp, SelectBlocksOp,
               FusedSelectBlocksOp>(op);
  });
}

/// The symbol of dimension `dim` of an argument: dynamic dimensions of all
/// arguments, as tensors, in order.
static unsigned findSymbol(BlockArgument argument, unsigned dim) {
  unsigned symbol = 0;
  for (BlockArgument before :
       argument.getOwner()->getArguments().take_front(argument.getArgNumber()))
    for (Type component : getComponentTypes(before.getType()))
      symbol += cast<RankedTensorType>(component).getNumDynamicDims();
  auto type = cast<RankedTensorType>(argument.getType());
  for (unsigned i = 0; i < dim; ++i)
    symbol += type.isDynamicDim(i);
  return symbol;
}

namespace {
struct DenseAlternativePass final
    : pbs::impl::DenseAlternativePassBase<DenseAlternativePass> {
  using DenseAlternativePassBase::DenseAlternativePassBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (func::FuncOp func :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (!func.isDeclaration() && !func->hasAttr(kAlternativeOfAttr))
        if (failed(convert(func, symbols)))
          return signalPassFailure();
  }

private:
  LogicalResult convert(func::FuncOp func, SymbolTable &symbols);

  void refuse(func::FuncOp func, StringRef reason) {
    remark::missed(func.getLoc(), kRemark) << remark::reason("{0}", reason);
    ++numRefused;
  }
};
} // namespace

LogicalResult DenseAlternativePass::convert(func::FuncOp func,
                                            SymbolTable &symbols) {
  int64_t limit = below;
  if (Attribute attr = func->getAttr(kBelowAttr)) {
    auto integer = dyn_cast<IntegerAttr>(attr);
    if (!integer || integer.getInt() < 0)
      return func.emitError()
             << "expected '" << kBelowAttr
             << "' to be an integer of at least 0, got " << attr;
    limit = integer.getInt();
  }
  if (limit <= 0)
    return success();

  constexpr unsigned kLengthDim = 2;
  SmallVector<Value> dynamicKeys;
  bool found = false, isShort = true;
  func.walk([&](SparseAttentionOp op) {
    if (!isMethod(op))
      return;
    found = true;
    Value keys = findOriginal(op.getKv())->keys;
    int64_t length =
        cast<RankedTensorType>(keys.getType()).getDimSize(kLengthDim);
    if (ShapedType::isDynamic(length))
      dynamicKeys.push_back(keys);
    else
      isShort &= length < limit;
  });
  // Without a static length that is not short, dynamic ones decide.
  if (!found || !isShort)
    return success();
  SmallVector<unsigned> lengths;
  for (Value keys : dynamicKeys) {
    auto argument = dyn_cast<BlockArgument>(keys);
    if (!argument) {
      refuse(func, "the keys are not an argument");
      return success();
    }
    lengths.push_back(findSymbol(argument, kLengthDim));
  }

  func::FuncOp dense = func.clone();
  dense->removeAttr(kBelowAttr);
  if (!makeDense(dense)) {
    dense.erase();
    refuse(func, "results are returned that only the method computes");
    return success();
  }
  if (lengths.empty()) {
    remark::passed(func.getLoc(), kRemark) << "attention became dense";
    func.getBody().takeBody(dense.getBody());
    dense.erase();
    ++numStatic;
    return success();
  }
  MLIRContext *context = &getContext();
  unsigned numSymbols = 0;
  for (Type type : func.getArgumentTypes())
    for (Type component : getComponentTypes(type))
      numSymbols += cast<RankedTensorType>(component).getNumDynamicDims();
  SmallVector<AffineExpr> constraints;
  for (unsigned length : lengths)
    if (AffineExpr rest = (limit - 1) - getAffineSymbolExpr(length, context);
        !llvm::is_contained(constraints, rest))
      constraints.push_back(rest);
  SmallVector<bool> isEquality(constraints.size(), false);
  dense.setSymName((func.getSymName() + "_dense").str());
  dense->setAttr(kAlternativeOfAttr, FlatSymbolRefAttr::get(func));
  dense->setAttr(kGuardAttr, IntegerSetAttr::get(IntegerSet::get(
                                 0, numSymbols, constraints, isEquality)));
  symbols.insert(dense, std::next(Block::iterator(func)));
  remark::passed(func.getLoc(), kRemark)
      << "made an alternative with dense attention";
  ++numAlternatives;
  return success();
}
