//===- FuseSelection.cpp - One kernel for the selection of blocks ---------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A walk over pbs.select_blocks and not a pattern: a refusal is reported once.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "pbs/Dialect/PBS/IR/PBS.h"
#include "pbs/Dialect/PBS/Transforms/Passes.h"

namespace mlir::pbs {
#define GEN_PASS_DEF_FUSESELECTIONPASS
#include "pbs/Dialect/PBS/Transforms/Passes.h.inc"
} // namespace mlir::pbs

using namespace mlir;
using namespace mlir::pbs;

static constexpr remark::RemarkOpts kRemark =
    remark::RemarkOpts::name("FuseSelection").category("pbs-fuse-selection");

/// True if `pool` holds the pooled keys of `kv`, by `attr` for its own blocks.
static bool isKeyPool(Value pool, Value kv, PoolAttrInterface attr) {
  if (auto fused = pool.getDefiningOp<FusedPermuteKVOp>())
    return fused.getKv() == kv && pool == fused.getKeyPool() &&
           fused.getPool() == attr;
  auto op = pool.getDefiningOp<PoolOp>();
  if (!op || op.getPool() != attr ||
      static_cast<int64_t>(op.getBlock()) !=
          cast<PermutedKVType>(kv.getType()).getBlock())
    return false;
  if (auto unpack = op.getSource().getDefiningOp<UnpackKVOp>())
    return unpack.getKv() == kv && op.getSource() == unpack.getKey();
  auto caller = kv.getDefiningOp<KVFromPositionsOp>();
  return caller && caller.getKey() == op.getSource();
}

namespace {
/// The ops that one fused op replaces.
struct Candidate {
  PoolOp queryPool;
  BlockScoresOp scores;
  SelectBlocksOp select;
};
} // namespace

/// Fills `candidate` from its `select`; returns the reason if that can't be
/// fused.
static std::optional<StringRef> match(Candidate &candidate) {
  SelectBlocksOp select = candidate.select;
  candidate.scores = select.getScores().getDefiningOp<BlockScoresOp>();
  if (!candidate.scores)
    return "the scores do not come from pbs.block_scores";
  if (!candidate.scores.getScores().hasOneUse())
    return "the scores have other uses";
  candidate.queryPool = candidate.scores.getQueryPool().getDefiningOp<PoolOp>();
  if (!candidate.queryPool)
    return "the pooled queries do not come from pbs.pool";
  if (!candidate.queryPool.getResult().hasOneUse())
    return "the pooled queries have other uses";
  if (candidate.queryPool.getSource() != select.getQuery())
    return "the scores are those of other queries";
  if (static_cast<int64_t>(candidate.queryPool.getBlock()) !=
      cast<BlockListType>(select.getList().getType()).getQueryBlock())
    return "the queries are pooled by another block than the list has";
  if (!isKeyPool(candidate.scores.getKeyPool(), select.getKv(),
                 candidate.queryPool.getPool()))
    return "the pooled keys are not those of the listed keys by the same pool";
  if (!select.getSelect().isRowLocal())
    return "the stop rule needs the scores of other query blocks";
  return std::nullopt;
}

static void fuse(const Candidate &candidate) {
  SelectBlocksOp select = candidate.select;
  BlockScoresOp scores = candidate.scores;
  PoolOp queryPool = candidate.queryPool;
  OpBuilder builder(select);
  auto fused = FusedSelectBlocksOp::create(
      builder, select.getLoc(),
      TypeRange{select.getList().getType(), scores.getScores().getType()},
      select.getQuery(), scores.getKeyPool(), select.getKv(),
      /*query_pool=*/Value(), scores.getScaleAttr(), queryPool.getPool(),
      select.getSelect(), select.getForced());
  select->replaceAllUsesWith(ValueRange{fused.getList()});
  select->erase();
  scores->erase();
  queryPool->erase();
}

namespace {
struct FuseSelectionPass final
    : pbs::impl::FuseSelectionPassBase<FuseSelectionPass> {
  void runOnOperation() override {
    SmallVector<SelectBlocksOp> selects;
    getOperation().walk([&](SelectBlocksOp op) { selects.push_back(op); });
    for (SelectBlocksOp select : selects) {
      Candidate candidate;
      candidate.select = select;
      if (std::optional<StringRef> reason = match(candidate)) {
        remark::missed(select.getLoc(), kRemark)
            << remark::reason("{0}", *reason);
        ++numRefused;
        continue;
      }
      remark::passed(select.getLoc(), kRemark)
          << "fused pooling of queries, scores and selection";
      fuse(candidate);
      ++numFused;
    }
  }
};
} // namespace
