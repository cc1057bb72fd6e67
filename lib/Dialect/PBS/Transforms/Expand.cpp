//===- Expand.cpp - Take permuted attention apart -------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A walk and not a pattern: each op is expanded once and what comes out is
// never expanded again.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "pbs/Dialect/PBS/IR/PBS.h"
#include "pbs/Dialect/PBS/Transforms/Passes.h"

namespace mlir::pbs {
#define GEN_PASS_DEF_EXPANDPASS
#include "pbs/Dialect/PBS/Transforms/Passes.h.inc"
} // namespace mlir::pbs

using namespace mlir;
using namespace mlir::pbs;

namespace {
/// Emits the steps of one op before it.
class Expander {
public:
  explicit Expander(PermutedAttentionOp op)
      : op(op), builder(op), loc(op.getLoc()),
        query(cast<RankedTensorType>(op.getQuery().getType())),
        key(cast<RankedTensorType>(op.getKey().getType())) {}

  /// The results of the last step.
  ValueRange expand() {
    Value kv = op.getUnpermuted() ? pairUnpermuted() : permute();
    auto kvType = cast<PermutedKVType>(kv.getType());
    auto components = llvm::to_vector_of<Type>(getComponentTypes(kvType));
    Value keys = UnpackKVOp::create(builder, loc, components, kv).getResult(0);

    Value queryPool = pool(op.getQuery(), op.getQueryBlock());
    Value keyPool = pool(keys, op.getKeyBlock());
    Value scores = BlockScoresOp::create(
        builder, loc,
        f32({dim(query, 0), dim(query, 1), dim(queryPool, 2), dim(keyPool, 2)}),
        queryPool, keyPool, op.getScaleAttr());

    auto listType = BlockListType::get(
        op.getContext(),
        {dim(query, 0), dim(query, 1), dim(query, 2), dim(key, 2)},
        op.getQueryBlock(), op.getKeyBlock(), op.getSegment(), op.getCausal());
    Value list =
        SelectBlocksOp::create(builder, loc, listType, scores, op.getQuery(),
                               kv, op.getSelect(), op.getForced());
    auto attention = SparseAttentionOp::create(
        builder, loc, op.getResultTypes(), op.getQuery(), kv, list,
        /*own=*/ValueRange(), op.getCausalAttr(), op.getScaleAttr());
    attention.getScore().takeBody(op.getScore());
    return attention.getResults();
  }

private:
  static int64_t dim(ShapedType type, unsigned index) {
    return type.getDimSize(index);
  }
  static int64_t dim(Value value, unsigned index) {
    return dim(cast<ShapedType>(value.getType()), index);
  }
  Type f32(ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, builder.getF32Type());
  }
  Type kvType(int64_t heads) {
    return PermutedKVType::get(
        op.getContext(), {dim(key, 0), heads, dim(key, 2), dim(key, 3)},
        key.getElementType(), op.getKeyBlock(), op.getSegment());
  }

  Value pairUnpermuted() {
    return KVFromPositionsOp::create(builder, loc, kvType(dim(key, 1)),
                                     op.getKey(), op.getValue(),
                                     /*positions=*/Value());
  }

  Value permute() {
    SharingAttrInterface sharing = op.getSharing();
    int64_t heads = sharing.getPermutationHeads(dim(query, 1), dim(key, 1));
    int64_t proxyHeads = sharing.getProxyHeads(dim(query, 1), dim(key, 1));
    Value stats = ProxyStatsOp::create(
        builder, loc,
        f32({dim(query, 0), proxyHeads, op.getProxy().getMaxRows(), 2}),
        op.getQuery(), op.getKey(), /*proxies=*/Value(), op.getScaleAttr(),
        op.getSegmentAttr(), op.getProxy(), sharing);
    Value importance = ColumnImportanceOp::create(
        builder, loc, f32({dim(query, 0), heads, dim(key, 2)}), op.getQuery(),
        op.getKey(), stats, /*proxies=*/Value(), op.getScaleAttr(),
        op.getSegmentAttr(), op.getProxy(), sharing);
    auto permutationType = PermutationType::get(
        op.getContext(), {dim(key, 0), heads, dim(key, 2)}, op.getSegment());
    Value permutation =
        SortSegmentsOp::create(builder, loc, permutationType, importance);
    return PermuteKVOp::create(builder, loc, kvType(heads), op.getKey(),
                               op.getValue(), permutation);
  }

  Value pool(Value source, int64_t block) {
    auto type = cast<ShapedType>(source.getType());
    int64_t rows = type.getDimSize(2);
    int64_t blocks = ShapedType::isDynamic(rows)
                         ? ShapedType::kDynamic
                         : llvm::divideCeil(rows, block);
    return PoolOp::create(
        builder, loc, f32({dim(type, 0), dim(type, 1), blocks, dim(type, 3)}),
        source, builder.getI64IntegerAttr(block), op.getPool());
  }

  PermutedAttentionOp op;
  OpBuilder builder;
  Location loc;
  RankedTensorType query;
  RankedTensorType key;
};

struct ExpandPass final : pbs::impl::ExpandPassBase<ExpandPass> {
  void runOnOperation() override {
    getOperation().walk([&](PermutedAttentionOp op) {
      op->replaceAllUsesWith(Expander(op).expand());
      op->erase();
      ++numExpanded;
    });
  }
};
} // namespace
