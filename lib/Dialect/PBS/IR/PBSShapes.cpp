//===- PBSShapes.cpp - Symbolic shapes of the ops -------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each shape rule is stated once, here. The verifier evaluates the rules on the
// static dimensions, the launch plan on the dimensions of a call.
//
//===----------------------------------------------------------------------===//

#include "pbs/Dialect/PBS/IR/PBS.h"

using namespace mlir;
using namespace mlir::pbs;

namespace {
/// Collects constraints; the methods are the rules that ops share.
class Rules {
public:
  explicit Rules(SmallVectorImpl<ShapeConstraint> &constraints)
      : constraints(constraints) {}

  void equal(AffineExpr lhs, AffineExpr rhs, StringRef expectation) {
    constraints.push_back(
        {ShapeConstraint::Kind::Equal, lhs, rhs, expectation});
  }

  void multiple(AffineExpr lhs, AffineExpr rhs, StringRef expectation) {
    constraints.push_back(
        {ShapeConstraint::Kind::Multiple, lhs, rhs, expectation});
  }

  /// All dimensions of two values agree.
  void equalShapes(ArrayRef<AffineExpr> lhs, ArrayRef<AffineExpr> rhs,
                   StringRef expectation) {
    for (auto [l, r] : llvm::zip_equal(lhs, rhs))
      equal(l, r, expectation);
  }

  /// Queries `[B, Hq, M, D]` against keys `[B, H, N, D]`.
  void queryAndKey(ArrayRef<AffineExpr> query, ArrayRef<AffineExpr> key) {
    equal(query[0], key[0], "queries and keys of the same batch size");
    multiple(query[1], key[1],
             "the number of query heads to be a multiple of the number of KV "
             "heads");
    equal(query[3], key[3], "queries and keys of the same head dimension");
  }

  /// Keys against values, both `[B, H, N, D]`.
  void keyAndValue(ArrayRef<AffineExpr> key, ArrayRef<AffineExpr> value) {
    equal(key[0], value[0], "keys and values of the same batch size");
    equal(key[1], value[1], "keys and values of the same number of heads");
    equal(key[2], value[2], "keys and values of the same length");
    equal(key[3], value[3], "keys and values of the same head dimension");
  }

  /// Keys `[B, H, N, D]` against a permutation `[B, Hp, N]`.
  void keyAndPermutation(ArrayRef<AffineExpr> key,
                         ArrayRef<AffineExpr> permutation) {
    equal(key[0], permutation[0],
          "keys and permutation of the same batch size");
    multiple(permutation[1], key[1],
             "the number of permutations to be a multiple of the number of KV "
             "heads");
    equal(key[2], permutation[2], "keys and permutation of the same length");
  }

  /// Pooled keys against keys and values `[B, Hp, N, D]`; split ones have twice
  /// the columns.
  void keyPool(ArrayRef<AffineExpr> pool, ArrayRef<AffineExpr> kv,
               int64_t block, bool isSplit) {
    equal(pool[0], kv[0], "pooled keys of the batch size of the keys");
    equal(pool[1], kv[1], "pooled keys for each head of the keys");
    equal(pool[2], kv[2].ceilDiv(block), "pooled keys for each key block");
    equal(pool[3], isSplit ? kv[3] * 2 : kv[3],
          isSplit ? "split pooled keys of twice the head dimension of the keys"
                  : "pooled keys of the head dimension of the keys");
  }

  /// Pooled queries against queries `[B, Hq, M, D]` and pooled keys.
  void queryPool(ArrayRef<AffineExpr> pool, ArrayRef<AffineExpr> query,
                 ArrayRef<AffineExpr> keyPool, int64_t block) {
    equal(pool[0], query[0], "pooled queries of the batch size of the queries");
    equal(pool[1], query[1], "pooled queries for each query head");
    equal(pool[2], query[2].ceilDiv(block),
          "pooled queries for each query block");
    equal(pool[3], keyPool[3], "as many pooled columns as of the keys");
  }

  /// A list `[B, Hq, M, N]` against queries and keys.
  void listFor(ArrayRef<AffineExpr> list, ArrayRef<AffineExpr> query,
               ArrayRef<AffineExpr> kv) {
    equal(list[0], query[0], "a list of the batch size of the queries");
    equal(list[1], query[1], "a list for each query head");
    equal(list[2], query[2], "a list for the length of the queries");
    equal(list[3], kv[2], "a list for the length of the keys");
  }

  /// Proxy statistics against the shape they should have.
  void stats(ArrayRef<AffineExpr> stats, ArrayRef<AffineExpr> expected) {
    equal(stats[0], expected[0], "statistics of the batch size of the queries");
    equal(stats[1], expected[1],
          "statistics for as many heads as the sharing has proxies");
    equal(stats[2], expected[2],
          "statistics for as many rows as the proxy has");
    equal(stats[3], expected[3], "statistics of 2 values");
  }

  /// Gathered proxy rows, if there are any, against queries.
  void proxies(ArrayRef<SymbolicShape> operands, size_t number,
               ProxyAttrInterface proxy) {
    if (operands.size() <= number)
      return;
    const SymbolicShape &rows = operands[number], &query = operands[0];
    equal(rows[0], query[0], "proxy rows of the batch size of the queries");
    equal(rows[1], query[1], "proxy rows of each query head");
    equal(rows[2],
          getAffineConstantExpr(proxy.getMaxRows(), query[0].getContext()),
          "as many proxy rows as the proxy has");
    equal(rows[3], query[3], "proxy rows of the head dimension of the queries");
  }

private:
  SmallVectorImpl<ShapeConstraint> &constraints;
};
} // namespace

static AffineExpr constant(int64_t value, AffineExpr like) {
  return getAffineConstantExpr(value, like.getContext());
}

/// Output and LSE for queries `[B, Hq, M, D]`.
static void inferAttention(ArrayRef<AffineExpr> query,
                           SmallVectorImpl<SymbolicShape> &results) {
  results.emplace_back(query);
  results.push_back({query[0], query[1], query[2]});
}

static SymbolicShape inferStats(ArrayRef<AffineExpr> query,
                                ArrayRef<AffineExpr> key,
                                ProxyAttrInterface proxy,
                                SharingAttrInterface sharing) {
  return {query[0], sharing.getProxyHeadsExpr(query[1], key[1]),
          constant(proxy.getMaxRows(), query[0]), constant(2, query[0])};
}

/// Importance for each permutation and key, `[B, Hp, N]`.
static SymbolicShape inferImportance(ArrayRef<AffineExpr> query,
                                     ArrayRef<AffineExpr> key,
                                     SharingAttrInterface sharing) {
  return {query[0], sharing.getPermutationHeadsExpr(query[1], key[1]), key[2]};
}

/// Block list `[B, Hq, M, N]` for queries and keys.
static SymbolicShape inferList(ArrayRef<AffineExpr> query,
                               ArrayRef<AffineExpr> kv) {
  return {query[0], query[1], query[2], kv[2]};
}

/// Number of the query blocks of `block` rows.
static AffineExpr countQueryBlocks(ArrayRef<AffineExpr> query, int64_t block) {
  return query[0] * query[1] * query[2].ceilDiv(block);
}

//===----------------------------------------------------------------------===//
// The method
//===----------------------------------------------------------------------===//

void AttentionOp::inferSymbolicShapes(ArrayRef<SymbolicShape> operands,
                                      SmallVectorImpl<SymbolicShape> &results) {
  inferAttention(operands[0], results);
}

void AttentionOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  Rules rules(constraints);
  rules.queryAndKey(operands[0], operands[1]);
  rules.keyAndValue(operands[1], operands[2]);
}

void PackedAttentionOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  inferAttention(operands[0], results);
}

void PackedAttentionOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  Rules rules(constraints);
  rules.queryAndKey(operands[0], operands[1]);
  rules.keyAndValue(operands[1], operands[2]);
  rules.equal(operands[0][0], constant(1, operands[0][0]),
              "packed sequences of batch size 1");
  rules.equal(operands[3][0], operands[4][0],
              "offsets of as many sequences for queries as for keys");
}

void PermutedAttentionOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  inferAttention(operands[0], results);
}

void PermutedAttentionOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  Rules rules(constraints);
  rules.queryAndKey(operands[0], operands[1]);
  rules.keyAndValue(operands[1], operands[2]);
}

void ProxyStatsOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  results.push_back(
      inferStats(operands[0], operands[1], getProxy(), getSharing()));
}

void ProxyStatsOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  Rules rules(constraints);
  rules.queryAndKey(operands[0], operands[1]);
  rules.proxies(operands, 2, getProxy());
}

void OrderRowsOp::inferSymbolicShapes(ArrayRef<SymbolicShape> operands,
                                      SmallVectorImpl<SymbolicShape> &results) {
  // 1 where there are enough keys, else 0. From a million times as many on it
  // is more, which only makes the result longer than what is written.
  constexpr int64_t kMany = 1 << 20;
  AffineExpr isOrdered =
      (operands[1][2].floorDiv(static_cast<int64_t>(getLeastKeys())) +
       (kMany - 1))
          .floorDiv(kMany);
  results.push_back(
      {countQueryBlocks(operands[0], getList().getType().getQueryBlock()) *
       isOrdered});
}

void OrderRowsOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  Rules rules(constraints);
  rules.queryAndKey(operands[0], operands[1]);
  rules.listFor(operands[2], operands[0], operands[1]);
}

void SplitPoolOp::inferSymbolicShapes(ArrayRef<SymbolicShape> operands,
                                      SmallVectorImpl<SymbolicShape> &results) {
  SymbolicShape pairs = operands[0];
  pairs[3] = pairs[3] * 2;
  results.push_back(pairs);
}

void SplitPoolOp::getShapeConstraints(ArrayRef<SymbolicShape>,
                                      SmallVectorImpl<ShapeConstraint> &) {}

void SplitProxyStatsOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  SymbolicShape stats =
      inferStats(operands[0], operands[1], getProxy(), getSharing());
  stats[1] = stats[1] * static_cast<int64_t>(getSplits());
  results.push_back(stats);
}

void SplitProxyStatsOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  Rules rules(constraints);
  rules.queryAndKey(operands[0], operands[1]);
  rules.proxies(operands, 2, getProxy());
}

void GatherProxiesOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  const SymbolicShape &query = operands[0];
  results.push_back({query[0], query[1],
                     constant(getProxy().getMaxRows(), query[0]), query[3]});
}

void GatherProxiesOp::getShapeConstraints(ArrayRef<SymbolicShape>,
                                          SmallVectorImpl<ShapeConstraint> &) {}

void MergeStatsOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  SymbolicShape stats = operands[0];
  stats[1] = stats[1].floorDiv(static_cast<int64_t>(getSplits()));
  results.push_back(stats);
}

void MergeStatsOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  const SymbolicShape &parts = operands[0];
  Rules rules(constraints);
  rules.multiple(parts[1], constant(getSplits(), parts[1]),
                 "as many statistics as there are parts for each head");
  rules.equal(parts[3], constant(2, parts[3]), "statistics of 2 values");
}

void ColumnImportanceOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  results.push_back(inferImportance(operands[0], operands[1], getSharing()));
}

void ColumnImportanceOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  Rules rules(constraints);
  rules.queryAndKey(operands[0], operands[1]);
  rules.stats(operands[2],
              inferStats(operands[0], operands[1], getProxy(), getSharing()));
  rules.proxies(operands, 3, getProxy());
}

void SortSegmentsOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  results.push_back(operands[0]);
}

void SortSegmentsOp::getShapeConstraints(ArrayRef<SymbolicShape>,
                                         SmallVectorImpl<ShapeConstraint> &) {}

void PermuteKVOp::inferSymbolicShapes(ArrayRef<SymbolicShape> operands,
                                      SmallVectorImpl<SymbolicShape> &results) {
  const SymbolicShape &key = operands[0];
  results.push_back({key[0], operands[2][1], key[2], key[3]});
}

void PermuteKVOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  Rules rules(constraints);
  rules.keyAndValue(operands[0], operands[1]);
  rules.keyAndPermutation(operands[0], operands[2]);
}

void FusedPermuteKVOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  const SymbolicShape &key = operands[1];
  SymbolicShape importance = inferImportance(operands[0], key, getSharing());
  AffineExpr heads = importance[1];
  int64_t block = cast<PermutedKVType>(getKv().getType()).getBlock();
  results.push_back({key[0], heads, key[2], key[3]});
  results.push_back({key[0], heads, key[2].ceilDiv(block), key[3]});
  results.push_back(importance);
}

void FusedPermuteKVOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  Rules rules(constraints);
  rules.queryAndKey(operands[0], operands[1]);
  rules.keyAndValue(operands[1], operands[2]);
  rules.stats(operands[3],
              inferStats(operands[0], operands[1], getProxy(), getSharing()));
  rules.proxies(operands, 4, getProxy());
}

void PoolOp::inferSymbolicShapes(ArrayRef<SymbolicShape> operands,
                                 SmallVectorImpl<SymbolicShape> &results) {
  const SymbolicShape &source = operands[0];
  bool isSplit = getResult().getType().getElementType().isBF16();
  results.push_back({source[0], source[1], source[2].ceilDiv(getBlock()),
                     isSplit ? source[3] * 2 : source[3]});
}

void PoolOp::getShapeConstraints(ArrayRef<SymbolicShape>,
                                 SmallVectorImpl<ShapeConstraint> &) {}

void BlockScoresOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  const SymbolicShape &query = operands[0];
  results.push_back({query[0], query[1], query[2], operands[1][2]});
}

void BlockScoresOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  Rules(constraints).queryAndKey(operands[0], operands[1]);
}

void SelectBlocksOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  results.push_back(inferList(operands[1], operands[2]));
}

void SelectBlocksOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  const SymbolicShape &scores = operands[0], &query = operands[1],
                      &kv = operands[2];
  auto list = cast<BlockListType>(getList().getType());
  Rules rules(constraints);
  rules.queryAndKey(query, kv);
  rules.equal(scores[0], query[0], "scores of the batch size of the queries");
  rules.equal(scores[1], query[1], "scores for each query head");
  rules.equal(scores[2], query[2].ceilDiv(list.getQueryBlock()),
              "scores for each query block");
  rules.equal(scores[3], kv[2].ceilDiv(list.getKeyBlock()),
              "scores for each key block");
}

void FusedSelectBlocksOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  const SymbolicShape &query = operands[0], &kv = operands[2];
  auto list = cast<BlockListType>(getList().getType());
  results.push_back(inferList(query, kv));
  results.push_back({query[0], query[1], query[2].ceilDiv(list.getQueryBlock()),
                     kv[2].ceilDiv(list.getKeyBlock())});
}

void FusedSelectBlocksOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  const SymbolicShape &pool = operands[1], &kv = operands[2];
  auto type = cast<PermutedKVType>(getKv().getType());
  Rules rules(constraints);
  rules.queryAndKey(operands[0], kv);
  rules.keyPool(pool, kv, type.getBlock(),
                getKeyPool().getType().getElementType().isBF16());
  if (getQueryPool())
    rules.queryPool(operands[3], operands[0], pool,
                    cast<BlockListType>(getList().getType()).getQueryBlock());
}

void RowCoverageOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  const SymbolicShape &pool = operands[0];
  results.push_back({pool[0], pool[1], pool[2], constant(4, pool[0])});
}

void RowCoverageOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  const SymbolicShape &keyPool = operands[1], &query = operands[2],
                      &kv = operands[3];
  Rules rules(constraints);
  rules.queryAndKey(query, kv);
  rules.keyPool(keyPool, kv, cast<PermutedKVType>(getKv().getType()).getBlock(),
                getKeyPool().getType().getElementType().isBF16());
  rules.queryPool(operands[0], query, keyPool,
                  cast<BlockListType>(getList().getType()).getQueryBlock());
  rules.listFor(operands[4], query, kv);
}

void HeadCoverageOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  const SymbolicShape &rows = operands[0];
  results.assign(2, {rows[0], rows[1], constant(1, rows[0])});
}

void HeadCoverageOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  const SymbolicShape &rows = operands[0];
  Rules(constraints)
      .equal(rows[3], constant(4, rows[3]), "4 values for each query block");
}

void SparseAttentionOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  inferAttention(operands[0], results);
}

void SparseAttentionOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  const SymbolicShape &query = operands[0], &kv = operands[1],
                      &list = operands[2];
  Rules rules(constraints);
  rules.queryAndKey(query, kv);
  rules.listFor(list, query, kv);
  for (const SymbolicShape &own : operands.slice(3, getOwn().size()))
    rules.equalShapes(own, kv,
                      "keys and values of own segments of the shape of all");
}

void MergeOp::inferSymbolicShapes(ArrayRef<SymbolicShape> operands,
                                  SmallVectorImpl<SymbolicShape> &results) {
  inferAttention(operands[0], results);
}

void MergeOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  Rules rules(constraints);
  rules.equalShapes(operands[0], operands[2], "two outputs of the same shape");
  for (unsigned lse : {1, 3})
    rules.equalShapes(ArrayRef(operands[0]).drop_back(), operands[lse],
                      "an LSE for each row of the output");
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

void IdentityPermutationOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  results.emplace_back(ArrayRef(operands[0]).drop_back());
}

void IdentityPermutationOp::getShapeConstraints(
    ArrayRef<SymbolicShape>, SmallVectorImpl<ShapeConstraint> &) {}

void ComposeOp::inferSymbolicShapes(ArrayRef<SymbolicShape> operands,
                                    SmallVectorImpl<SymbolicShape> &results) {
  results.push_back(operands[0]);
}

void ComposeOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  Rules(constraints)
      .equalShapes(operands[0], operands[1],
                   "two permutations of the same shape");
}

void PermuteOp::inferSymbolicShapes(ArrayRef<SymbolicShape> operands,
                                    SmallVectorImpl<SymbolicShape> &results) {
  const SymbolicShape &source = operands[0];
  results.push_back({source[0], operands[1][1], source[2], source[3]});
}

void PermuteOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  Rules(constraints).keyAndPermutation(operands[0], operands[1]);
}

void KVFromPositionsOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  results.push_back(operands[0]);
}

void KVFromPositionsOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  Rules rules(constraints);
  rules.keyAndValue(operands[0], operands[1]);
  if (operands.size() > 2)
    rules.equalShapes(ArrayRef(operands[0]).drop_back(), operands[2],
                      "a position for each key");
}

std::optional<unsigned>
KVFromPositionsOp::getPassedOperand(unsigned result, unsigned component) {
  // Keys, values, and positions where the caller gives them.
  if (component < getNumOperands())
    return component;
  return std::nullopt;
}

void FullBlockListOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  results.push_back(inferList(operands[0], operands[1]));
}

void FullBlockListOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  Rules(constraints).queryAndKey(operands[0], operands[1]);
}

void BlockListFromIndicesOp::inferSymbolicShapes(
    ArrayRef<SymbolicShape> operands, SmallVectorImpl<SymbolicShape> &results) {
  results.push_back(inferList(operands[2], operands[3]));
}

void BlockListFromIndicesOp::getShapeConstraints(
    ArrayRef<SymbolicShape> operands,
    SmallVectorImpl<ShapeConstraint> &constraints) {
  const SymbolicShape &count = operands[0], &index = operands[1],
                      &query = operands[2];
  auto list = cast<BlockListType>(getList().getType());
  Rules rules(constraints);
  rules.queryAndKey(query, operands[3]);
  rules.equalShapes(count, ArrayRef(index).drop_back(),
                    "a count for each row of indices");
  rules.equal(count[0], query[0], "counts of the batch size of the queries");
  rules.equal(count[1], query[1], "counts for each query head");
  rules.equal(count[2], query[2].ceilDiv(list.getQueryBlock()),
              "counts for each query block");
}
