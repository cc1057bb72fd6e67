//===- PBSMethodOps.td - Steps of the method --------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In alphabetical order. Each description holds an example that
// test/Dialect/PBS/examples.test extracts and parses.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PBS_IR_PBSMETHODOPS_TD
#define PBS_DIALECT_PBS_IR_PBSMETHODOPS_TD

include "pbs/Dialect/PBS/IR/PBSOpBase.td"

//===----------------------------------------------------------------------===//
// block_scores
//===----------------------------------------------------------------------===//

def PBS_BlockScoresOp : PBS_ComputeOp<"block_scores"> {
  let summary = "Scores of all pairs of pooled blocks";
  let description = [{
    `score[a, c] = scale * dot(query_pool[a], key_pool[c])` in f32 for each query
    head, with the key pool of the head's group. `scale` defaults to
    `1 / sqrt(D)`. Both pools may be split, see `pbs.split_pool`.

    Example:

    ```mlir
    func.func @example(%qp: tensor<1x32x?x128xf32>,
                       %kp: tensor<1x8x?x128xf32>) {
      %s = pbs.block_scores %qp, %kp
        : (tensor<1x32x?x128xf32>, tensor<1x8x?x128xf32>) -> tensor<1x32x?x?xf32>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_PoolTensor:$query_pool,
    PBS_PoolTensor:$key_pool,
    OptionalAttr<F64Attr>:$scale);
  let results = (outs PBS_F32Tensor:$scores);
}

//===----------------------------------------------------------------------===//
// column_importance
//===----------------------------------------------------------------------===//

def PBS_ColumnImportanceOp : PBS_ComputeOp<"column_importance"> {
  let summary = "Importance of each key for the proxy rows";
  let description = [{
    The mean, over the proxy rows and over the query heads that share a
    permutation, of the softmax probability of each key of a complete segment
    (PBS-Attn, Equation 7). `stats` are the statistics of `pbs.proxy_stats` for
    the same attributes. Keys outside complete segments have importance 0. With
    `proxies` the proxy rows come from there, see `pbs.gather_proxies`.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>,
                       %k: tensor<1x8x?x128xbf16>,
                       %st: tensor<1x32x128x2xf32>) {
      %i = pbs.column_importance %q, %k, %st
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x32x128x2xf32>)
        -> tensor<1x8x?xf32>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_Tensor:$query,
    PBS_Tensor:$key,
    PBS_F32Tensor:$stats,
    Optional<PBS_Tensor>:$proxies,
    OptionalAttr<F64Attr>:$scale,
    PBS_SegmentSize:$segment,
    PBS_ProxyDefault:$proxy,
    PBS_SharingDefault:$sharing);
  let results = (outs PBS_RowTensor:$importance);
}

//===----------------------------------------------------------------------===//
// fused_permute_kv
//===----------------------------------------------------------------------===//

def PBS_FusedPermuteKVOp : PBS_ComputeOp<"fused_permute_kv"> {
  let summary = "Column importance, sort, permutation and pooling in one kernel";
  let description = [{
    `pbs.column_importance`, `pbs.sort_segments`, `pbs.permute_kv` and the
    pooling of the permuted keys, segment by segment, in one kernel. The pooled
    keys are `[B, H, ceil(N / block), D]` in f32. The importance is a result
    that costs nothing where nobody uses it. With `proxies` the proxy rows come
    from there, see `pbs.gather_proxies`.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>,
                       %k: tensor<1x8x?x128xbf16>,
                       %v: tensor<1x8x?x128xbf16>,
                       %st: tensor<1x32x128x2xf32>) {
      %kv, %kp, %i = pbs.fused_permute_kv %q, %k, %v, %st
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x32x128x2xf32>)
        -> (!pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>, tensor<1x8x?x128xf32>, tensor<1x8x?xf32>)
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_Tensor:$query,
    PBS_Tensor:$key,
    PBS_Tensor:$value,
    PBS_F32Tensor:$stats,
    Optional<PBS_Tensor>:$proxies,
    OptionalAttr<F64Attr>:$scale,
    PBS_ProxyDefault:$proxy,
    PBS_SharingDefault:$sharing,
    PBS_PoolDefault:$pool);
  let results = (outs PBS_PermutedKVType:$kv, PBS_F32Tensor:$key_pool, PBS_RowTensor:$importance);
}

//===----------------------------------------------------------------------===//
// fused_select_blocks
//===----------------------------------------------------------------------===//

def PBS_FusedSelectBlocksOp : PBS_ComputeOp<"fused_select_blocks"> {
  let summary = "Pooling of queries, scores and selection in one kernel";
  let description = [{
    The pooling of the queries, `pbs.block_scores` and `pbs.select_blocks`, one
    query block at a time; the scores of a query block are a local row and never
    a matrix, unless the result `scores` is used. Scores of blocks that are no
    candidates are `-inf` there. The pooled keys may be split, see
    `pbs.split_pool`. With `query_pool`, the pooled queries come from there, split
    if the pooled keys are, and the op does not pool.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>,
                       %kp: tensor<1x8x?x128xf32>,
                       %kv: !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>) {
      %list, %s = pbs.fused_select_blocks %q, %kp, %kv
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xf32>,
           !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>)
        -> (!pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>,
            tensor<1x32x?x?xf32>)
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_Tensor:$query,
    PBS_PoolTensor:$key_pool,
    PBS_PermutedKVType:$kv,
    Optional<PBS_PoolTensor>:$query_pool,
    OptionalAttr<F64Attr>:$scale,
    PBS_PoolDefault:$pool,
    PBS_StopRuleDefault:$select,
    PBS_ForcedSetDefault:$forced);
  let results = (outs PBS_BlockListType:$list, PBS_F32Tensor:$scores);
}

//===----------------------------------------------------------------------===//
// permute_kv
//===----------------------------------------------------------------------===//

def PBS_PermuteKVOp : PBS_ComputeOp<"permute_kv"> {
  let summary = "Keys and values in permuted order";
  let description = [{
    Gathers keys and values in the order of a permutation and keeps their
    original positions and the position range of each block. The sources are
    not modified. A permutation per query head replicates keys and values.

    Example:

    ```mlir
    func.func @example(%k: tensor<1x8x?x128xbf16>,
                       %v: tensor<1x8x?x128xbf16>,
                       %p: !pbs.permutation<1x8x?, segment = 256>) {
      %kv = pbs.permute_kv %k, %v, %p
        : (tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>,
           !pbs.permutation<1x8x?, segment = 256>)
        -> !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_Tensor:$key,
    PBS_Tensor:$value,
    PBS_PermutationType:$permutation);
  let results = (outs PBS_PermutedKVType:$kv);
  let hasCanonicalizer = 1;
}

//===----------------------------------------------------------------------===//
// pool
//===----------------------------------------------------------------------===//

def PBS_PoolOp : PBS_ComputeOp<"pool"> {
  let summary = "One vector for each block of rows";
  let description = [{
    Pools each block of `block` rows to one f32 vector; the last block may be
    shorter. With a result of bf16, `[B, H, n, 2 D]`, the vectors are split as
    `pbs.split_pool` does.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>) {
      %qp = pbs.pool %q {block = 128}
        : (tensor<1x32x?x128xbf16>) -> tensor<1x32x?x128xf32>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_Tensor:$source,
    PBS_BlockSize:$block,
    PBS_PoolDefault:$pool);
  let results = (outs PBS_PoolTensor:$result);
  let hasCanonicalizer = 1;
}

//===----------------------------------------------------------------------===//
// proxy_stats
//===----------------------------------------------------------------------===//

def PBS_ProxyStatsOp : PBS_ComputeOp<"proxy_stats"> {
  let summary = "Softmax statistics of the proxy rows";
  let description = [{
    For each proxy row the maximum of its scaled scores over the keys of all
    complete segments, later ones too, and the sum of `exp(score - maximum)`:
    `[B, H, rows, 2]`, where `H` is the number of query heads, or of KV heads if
    queries are averaged over the group. Rows that do not exist hold
    `(-inf, 0)`. With `proxies` the proxy rows come from there, see
    `pbs.gather_proxies`.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>,
                       %k: tensor<1x8x?x128xbf16>) {
      %st = pbs.proxy_stats %q, %k
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>) -> tensor<1x32x128x2xf32>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_Tensor:$query,
    PBS_Tensor:$key,
    Optional<PBS_Tensor>:$proxies,
    OptionalAttr<F64Attr>:$scale,
    PBS_SegmentSize:$segment,
    PBS_ProxyDefault:$proxy,
    PBS_SharingDefault:$sharing);
  let results = (outs PBS_F32Tensor:$stats);
}

//===----------------------------------------------------------------------===//
// select_blocks
//===----------------------------------------------------------------------===//

def PBS_SelectBlocksOp : PBS_ComputeOp<"select_blocks"> {
  let summary = "Blocks to visit, from their scores";
  let description = [{
    For each query block the softmax, in f32, of the scores of its candidates,
    the choice of the stop rule among them, and the forced blocks in addition
    (PBS-Attn, Algorithm 2). Candidates are, with a causal result type, the
    blocks of segments strictly before the first own segment, otherwise all
    blocks outside the own segments. Forced blocks that are candidates count.

    Example:

    ```mlir
    func.func @example(%s: tensor<1x32x?x?xf32>,
                       %q: tensor<1x32x?x128xbf16>,
                       %kv: !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>) {
      %list = pbs.select_blocks %s, %q, %kv {select = #pbs.top_k<8>}
        : (tensor<1x32x?x?xf32>, tensor<1x32x?x128xbf16>,
           !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>)
        -> !pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_F32Tensor:$scores,
    PBS_Tensor:$query,
    PBS_PermutedKVType:$kv,
    PBS_StopRuleDefault:$select,
    PBS_ForcedSetDefault:$forced);
  let results = (outs PBS_BlockListType:$list);
}

//===----------------------------------------------------------------------===//
// sort_segments
//===----------------------------------------------------------------------===//

def PBS_SortSegmentsOp : PBS_ComputeOp<"sort_segments"> {
  let summary = "Keys of each segment by descending importance";
  let description = [{
    Sorts the keys of each complete segment by descending importance, ties by
    smaller position, NaN last (PBS-Attn, Equation 8). The last `N mod segment`
    keys stay; so do all if `N <= segment`.

    Example:

    ```mlir
    func.func @example(%i: tensor<1x8x?xf32>) {
      %p = pbs.sort_segments %i
        : (tensor<1x8x?xf32>) -> !pbs.permutation<1x8x?, segment = 256>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_RowTensor:$importance);
  let results = (outs PBS_PermutationType:$permutation);
}

#endif // PBS_DIALECT_PBS_IR_PBSMETHODOPS_TD
