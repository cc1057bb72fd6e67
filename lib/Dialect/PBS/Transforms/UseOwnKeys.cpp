//===- UseOwnKeys.cpp - Own segments in the order of positions ------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention over all visible keys of the own segments does not depend on the
// order of these keys; that a selection lists them all is what its forced set
// promises.
//
//===----------------------------------------------------------------------===//

#include "OriginalKeys.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "pbs/Dialect/PBS/IR/ScoreRegion.h"
#include "pbs/Dialect/PBS/Transforms/Passes.h"

namespace mlir::pbs {
#define GEN_PASS_DEF_USEOWNKEYSPASS
#include "pbs/Dialect/PBS/Transforms/Passes.h.inc"
} // namespace mlir::pbs

using namespace mlir;
using namespace mlir::pbs;

static constexpr remark::RemarkOpts kRemark =
    remark::RemarkOpts::name("UseOwnKeys").category("pbs-use-own-keys");

/// The reason if own segments of `op` cannot be read from `original`.
static std::optional<StringRef>
findReason(SparseAttentionOp op, std::optional<KeysAndValues> original) {
  if (!op.getCausal())
    return "without a mask listed blocks are whole";
  Operation *list = op.getList().getDefiningOp();
  ForcedSetAttrInterface forced;
  if (auto select = dyn_cast_or_null<SelectBlocksOp>(list))
    forced = select.getForced();
  else if (auto fused = dyn_cast_or_null<FusedSelectBlocksOp>(list))
    forced = fused.getForced();
  else
    return "the list may leave out blocks of own segments";
  if (!forced.coversOwnSegments())
    return "the forced set does not cover own segments";
  if (!original)
    return "the keys at their positions are not known";
  constexpr unsigned kHeadsDim = 1;
  int64_t heads = getLogicalShape(original->keys.getType())[kHeadsDim];
  if (ShapedType::isDynamic(heads))
    return "the number of KV heads is not static";
  if (heads != getLogicalShape(op.getKv().getType())[kHeadsDim])
    return "keys are permuted for each query head";
  if (usesKeyPosition(op.getScore()))
    return "scores see the position of the key";
  return std::nullopt;
}

namespace {
struct UseOwnKeysPass final : pbs::impl::UseOwnKeysPassBase<UseOwnKeysPass> {
  void runOnOperation() override {
    getOperation().walk([&](SparseAttentionOp op) {
      if (!op.getOwn().empty())
        return;
      std::optional<KeysAndValues> original = findOriginal(op.getKv());
      if (std::optional<StringRef> reason = findReason(op, original)) {
        remark::missed(op.getLoc(), kRemark) << remark::reason("{0}", *reason);
        ++numRefused;
        return;
      }
      SmallVector<Value> others{original->keys, original->values};
      if (Value order = op.getOrder())
        others.push_back(order);
      op.getOthersMutable().assign(others);
      remark::passed(op.getLoc(), kRemark)
          << "own segments are read in the order of positions";
      ++numChanged;
    });
  }
};
} // namespace
