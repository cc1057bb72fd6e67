//===- FusePermutation.cpp - One kernel for the permutation of keys -------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A walk over pbs.permute_kv and not a pattern: the fused op replaces a graph
// of ops with several results, and a refusal is reported once.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "pbs/Dialect/PBS/IR/PBS.h"
#include "pbs/Dialect/PBS/Transforms/Passes.h"

namespace mlir::pbs {
#define GEN_PASS_DEF_FUSEPERMUTATIONPASS
#include "pbs/Dialect/PBS/Transforms/Passes.h.inc"
} // namespace mlir::pbs

using namespace mlir;
using namespace mlir::pbs;

static constexpr remark::RemarkOpts kRemark =
    remark::RemarkOpts::name("FusePermutation")
        .category("pbs-fuse-permutation");

namespace {
/// The ops that one fused op replaces.
struct Candidate {
  ColumnImportanceOp importance;
  SortSegmentsOp sort;
  PermuteKVOp permute;
};
} // namespace

/// Fills `candidate` from its `permute`; returns the reason if that can't be
/// fused.
static std::optional<StringRef> match(Candidate &candidate) {
  PermuteKVOp permute = candidate.permute;
  candidate.sort = permute.getPermutation().getDefiningOp<SortSegmentsOp>();
  if (!candidate.sort)
    return "the permutation does not come from pbs.sort_segments";
  candidate.importance =
      candidate.sort.getImportance().getDefiningOp<ColumnImportanceOp>();
  if (!candidate.importance)
    return "the importance does not come from pbs.column_importance";
  if (candidate.importance.getKey() != permute.getKey())
    return "the importance is that of other keys";
  if (static_cast<int64_t>(candidate.importance.getSegment()) !=
      cast<PermutedKVType>(permute.getKv().getType()).getSegment())
    return "the importance is that of other segments";
  for (Operation *user : candidate.sort.getPermutation().getUsers())
    if (user != permute && !isa<UnpackPermutationOp>(user))
      return "the permutation has other uses than its positions";
  return std::nullopt;
}

/// The pools of the permuted keys that the fused op computes as well.
static SmallVector<PoolOp> findPools(PermuteKVOp permute,
                                     PoolAttrInterface &pool) {
  int64_t block = cast<PermutedKVType>(permute.getKv().getType()).getBlock();
  SmallVector<PoolOp> pools;
  for (Operation *user : permute.getKv().getUsers()) {
    auto unpack = dyn_cast<UnpackKVOp>(user);
    if (!unpack)
      continue;
    for (Operation *keyUser : unpack.getKey().getUsers()) {
      auto op = dyn_cast<PoolOp>(keyUser);
      if (!op)
        continue;
      if (static_cast<int64_t>(op.getBlock()) != block ||
          (pool && op.getPool() != pool)) {
        remark::missed(op.getLoc(), kRemark)
            << remark::reason("the pool has block {0}, the keys have {1}, or "
                              "another pool is fused",
                              op.getBlock(), block);
        continue;
      }
      pool = op.getPool();
      pools.push_back(op);
    }
  }
  return pools;
}

/// Replaces `candidate` and `pools` by one op.
static void fuse(const Candidate &candidate, ArrayRef<PoolOp> pools,
                 PoolAttrInterface pool) {
  PermuteKVOp permute = candidate.permute;
  ColumnImportanceOp importance = candidate.importance;
  SortSegmentsOp sort = candidate.sort;
  auto kvType = cast<PermutedKVType>(permute.getKv().getType());
  OpBuilder builder(permute);

  int64_t keys = kvType.getShape()[2];
  int64_t blocks = ShapedType::isDynamic(keys)
                       ? ShapedType::kDynamic
                       : llvm::divideCeil(keys, kvType.getBlock());
  auto poolType =
      RankedTensorType::get({kvType.getShape()[0], kvType.getShape()[1], blocks,
                             kvType.getShape()[3]},
                            builder.getF32Type());
  auto fused = FusedPermuteKVOp::create(
      builder, permute.getLoc(),
      TypeRange{kvType, poolType, importance.getImportance().getType()},
      importance.getQuery(), permute.getKey(), permute.getValue(),
      importance.getStats(), importance.getProxies(), importance.getScaleAttr(),
      importance.getProxy(), importance.getSharing(), pool);

  for (PoolOp op : pools) {
    op->replaceAllUsesWith(ValueRange{fused.getKeyPool()});
    op->erase();
  }
  auto components = llvm::to_vector_of<Type>(getComponentTypes(kvType));
  for (Operation *user :
       llvm::make_early_inc_range(sort.getPermutation().getUsers())) {
    auto unpack = dyn_cast<UnpackPermutationOp>(user);
    if (!unpack)
      continue;
    // The permutation may be unpacked before the keys are permuted.
    unpack->moveAfter(fused);
    builder.setInsertionPoint(unpack);
    auto unpackKV =
        UnpackKVOp::create(builder, unpack.getLoc(), components, fused.getKv());
    unpack->replaceAllUsesWith(ValueRange{unpackKV.getPositions()});
    unpack->erase();
  }
  permute->replaceAllUsesWith(ValueRange{fused.getKv()});
  permute->erase();
  sort->erase();
  importance->replaceAllUsesWith(ValueRange{fused.getImportance()});
  importance->erase();
}

namespace {
struct FusePermutationPass final
    : pbs::impl::FusePermutationPassBase<FusePermutationPass> {
  void runOnOperation() override {
    SmallVector<PermuteKVOp> permutes;
    getOperation().walk([&](PermuteKVOp op) { permutes.push_back(op); });
    for (PermuteKVOp permute : permutes) {
      Candidate candidate;
      candidate.permute = permute;
      if (std::optional<StringRef> reason = match(candidate)) {
        remark::missed(permute.getLoc(), kRemark)
            << remark::reason("{0}", *reason);
        ++numRefused;
        continue;
      }
      PoolAttrInterface pool;
      SmallVector<PoolOp> pools = findPools(permute, pool);
      if (!pool)
        pool = MeanPoolAttr::get(&getContext());
      remark::passed(permute.getLoc(), kRemark)
          << "fused importance, sort and permutation"
          << remark::metric("pools", static_cast<int64_t>(pools.size()));
      fuse(candidate, pools, pool);
      ++numFused;
      numPoolsFused += pools.size();
    }
  }
};
} // namespace
