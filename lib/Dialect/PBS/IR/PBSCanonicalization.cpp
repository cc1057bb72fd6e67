//===- PBSCanonicalization.cpp - The local laws of permuted attention -----===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The laws that make rewriting legal, as folds and canonicalisations. None
// changes what is computed in exact arithmetic; those that change the order of
// a sum say so.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/PatternMatch.h"
#include "pbs/Dialect/PBS/IR/PBS.h"

using namespace mlir;
using namespace mlir::pbs;

/// True if both values have the same number of heads, statically.
static bool haveSameHeads(Value lhs, Value rhs) {
  int64_t heads = getLogicalShape(lhs.getType())[1];
  return !ShapedType::isDynamic(heads) &&
         heads == getLogicalShape(rhs.getType())[1];
}

static bool isIdentity(Value permutation) {
  return permutation.getDefiningOp<IdentityPermutationOp>() != nullptr;
}

//===----------------------------------------------------------------------===//
// Permutations
//===----------------------------------------------------------------------===//

OpFoldResult ComposeOp::fold(FoldAdaptor) {
  if (isIdentity(getFirst()) && getSecond().getType() == getType())
    return getSecond();
  if (isIdentity(getSecond()) && getFirst().getType() == getType())
    return getFirst();
  return {};
}

namespace {
/// permute(x, identity) = x
struct PermuteByIdentity : OpRewritePattern<PermuteOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PermuteOp op,
                                PatternRewriter &rewriter) const override {
    if (!isIdentity(op.getPermutation()))
      return rewriter.notifyMatchFailure(op, "not an identity");
    if (op.getSource().getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "type of the result differs");
    rewriter.replaceOp(op, op.getSource());
    return success();
  }
};

/// permute(permute(x, p), r) = permute(x, compose(p, r))
struct PermuteTwice : OpRewritePattern<PermuteOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PermuteOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getSource().getDefiningOp<PermuteOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "source is not permuted");
    Value first = inner.getPermutation(), second = op.getPermutation();
    if (first.getType() != second.getType() || !haveSameHeads(first, second))
      return rewriter.notifyMatchFailure(op, "permutations differ in type");
    Value both = ComposeOp::create(rewriter, op.getLoc(), first.getType(),
                                   first, second);
    rewriter.replaceOpWithNewOp<PermuteOp>(op, op.getType(), inner.getSource(),
                                           both);
    return success();
  }
};

/// permute_kv(k, v, identity) = kv_from_positions(k, v)
struct PermuteKVByIdentity : OpRewritePattern<PermuteKVOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PermuteKVOp op,
                                PatternRewriter &rewriter) const override {
    if (!isIdentity(op.getPermutation()))
      return rewriter.notifyMatchFailure(op, "not an identity");
    if (!haveSameHeads(op.getKey(), op.getPermutation()))
      return rewriter.notifyMatchFailure(op, "keys are replicated");
    rewriter.replaceOpWithNewOp<KVFromPositionsOp>(
        op, op.getKv().getType(), op.getKey(), op.getValue(), Value());
    return success();
  }
};
} // namespace

void PermuteOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                            MLIRContext *context) {
  patterns.add<PermuteByIdentity, PermuteTwice>(context);
}

void PermuteKVOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                              MLIRContext *context) {
  patterns.add<PermuteKVByIdentity>(context);
}

//===----------------------------------------------------------------------===//
// Pooling and attention
//===----------------------------------------------------------------------===//

namespace {
/// pool(permute(x, p)) = pool(x) if p stays inside blocks. Changes the order of
/// the sums.
struct PoolOfPermute : OpRewritePattern<PoolOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PoolOp op,
                                PatternRewriter &rewriter) const override {
    auto permute = op.getSource().getDefiningOp<PermuteOp>();
    if (!permute)
      return rewriter.notifyMatchFailure(op, "source is not permuted");
    auto type = cast<PermutationType>(permute.getPermutation().getType());
    if (op.getBlock() % type.getSegment())
      return rewriter.notifyMatchFailure(op, "permutation leaves the block");
    if (!op.getPool().isOrderInvariant())
      return rewriter.notifyMatchFailure(op, "pool depends on the order");
    if (!haveSameHeads(permute.getSource(), permute.getResult()))
      return rewriter.notifyMatchFailure(op, "source is replicated");
    rewriter.modifyOpInPlace(
        op, [&] { op.getSourceMutable().assign(permute.getSource()); });
    return success();
  }
};

/// Attention without a mask is invariant under one permutation of keys and
/// values. Changes the order of the sums.
struct AttentionOfPermute : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getCausal())
      return rewriter.notifyMatchFailure(op, "causal masks go by position");
    if (!op.getScore().empty())
      return rewriter.notifyMatchFailure(op, "scores go by position");
    auto key = op.getKey().getDefiningOp<PermuteOp>();
    auto value = op.getValue().getDefiningOp<PermuteOp>();
    if (!key || !value || key.getPermutation() != value.getPermutation())
      return rewriter.notifyMatchFailure(
          op, "keys and values are not permuted alike");
    rewriter.modifyOpInPlace(op, [&] {
      op.getKeyMutable().assign(key.getSource());
      op.getValueMutable().assign(value.getSource());
    });
    return success();
  }
};

/// Sparse attention over the full list is dense attention over the keys before
/// they were permuted. Changes the order of the sums.
struct SparseAttentionOfFullList : OpRewritePattern<SparseAttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SparseAttentionOp op,
                                PatternRewriter &rewriter) const override {
    auto list = op.getList().getDefiningOp<FullBlockListOp>();
    if (!list || list.getKv() != op.getKv())
      return rewriter.notifyMatchFailure(op, "list is not full");
    Value key, value;
    Operation *def = op.getKv().getDefiningOp();
    if (auto permute = dyn_cast_or_null<PermuteKVOp>(def)) {
      key = permute.getKey();
      value = permute.getValue();
    } else if (auto caller = dyn_cast_or_null<KVFromPositionsOp>(def);
               caller && !caller.getPositions()) {
      key = caller.getKey();
      value = caller.getValue();
    } else {
      return rewriter.notifyMatchFailure(op, "original keys are not known");
    }
    auto dense = AttentionOp::create(rewriter, op.getLoc(), op.getResultTypes(),
                                     op.getQuery(), key, value,
                                     op.getCausalAttr(), op.getScaleAttr());
    rewriter.inlineRegionBefore(op.getScore(), dense.getScore(),
                                dense.getScore().end());
    rewriter.replaceOp(op, dense);
    return success();
  }
};

/// A score region that gives the score that it gets.
template <typename AttentionLikeOp>
struct DropScoreRegion : OpRewritePattern<AttentionLikeOp> {
  using OpRewritePattern<AttentionLikeOp>::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionLikeOp op,
                                PatternRewriter &rewriter) const override {
    Region &region = op.getScore();
    if (region.empty())
      return rewriter.notifyMatchFailure(op, "no region");
    auto yield = cast<YieldOp>(region.front().back());
    if (yield.getScore() != region.getArgument(0))
      return rewriter.notifyMatchFailure(op, "the score changes");
    rewriter.modifyOpInPlace(op, [&] { rewriter.eraseBlock(&region.front()); });
    return success();
  }
};
} // namespace

void PoolOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                         MLIRContext *context) {
  patterns.add<PoolOfPermute>(context);
}

void AttentionOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                              MLIRContext *context) {
  patterns.add<AttentionOfPermute, DropScoreRegion<AttentionOp>>(context);
}

void SparseAttentionOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                                    MLIRContext *context) {
  patterns.add<SparseAttentionOfFullList, DropScoreRegion<SparseAttentionOp>>(
      context);
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

/// unpack(pack(x)) = x and pack(unpack(x)) = x for values of one component.
template <typename InverseOp>
static Value foldInverse(Operation *op) {
  auto inverse = op->getOperand(0).getDefiningOp<InverseOp>();
  if (inverse && inverse->getOperand(0).getType() == op->getResult(0).getType())
    return inverse->getOperand(0);
  return {};
}

OpFoldResult PackBlockListOp::fold(FoldAdaptor) {
  return foldInverse<UnpackBlockListOp>(*this);
}

OpFoldResult UnpackBlockListOp::fold(FoldAdaptor) {
  return foldInverse<PackBlockListOp>(*this);
}

OpFoldResult PackPermutationOp::fold(FoldAdaptor) {
  return foldInverse<UnpackPermutationOp>(*this);
}

OpFoldResult UnpackPermutationOp::fold(FoldAdaptor) {
  return foldInverse<PackPermutationOp>(*this);
}

LogicalResult UnpackKVOp::fold(FoldAdaptor,
                               SmallVectorImpl<OpFoldResult> &results) {
  auto pack = getKv().getDefiningOp<PackKVOp>();
  if (!pack || pack.getOperandTypes() != getResultTypes())
    return failure();
  llvm::append_range(results, pack.getOperands());
  return success();
}

namespace {
/// unpack_kv(permute_kv(k, v, p)) = unpack_permutation(p) where nothing but the
/// positions is used: keys and values need not move then.
struct PositionsOfPermuteKV : OpRewritePattern<UnpackKVOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnpackKVOp op,
                                PatternRewriter &rewriter) const override {
    auto permute = op.getKv().getDefiningOp<PermuteKVOp>();
    if (!permute || !permute->hasOneUse())
      return rewriter.notifyMatchFailure(op, "keys and values are used");
    if (!op.getKey().use_empty() || !op.getValue().use_empty() ||
        !op.getRanges().use_empty() || op.getPositions().use_empty())
      return rewriter.notifyMatchFailure(op, "not only positions are used");
    auto unpack = UnpackPermutationOp::create(rewriter, op.getLoc(),
                                              op.getPositions().getType(),
                                              permute.getPermutation());
    rewriter.replaceAllUsesWith(op.getPositions(), unpack.getPositions());
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void UnpackKVOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                             MLIRContext *context) {
  patterns.add<PositionsOfPermuteKV>(context);
}
