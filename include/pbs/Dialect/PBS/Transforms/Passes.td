//===- Passes.td - Passes on the pbs dialect ---------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PBS_TRANSFORMS_PASSES_TD
#define PBS_DIALECT_PBS_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def DenseAlternativePass
    : Pass<"pbs-dense-alternative", "::mlir::ModuleOp"> {
  let summary = "Give short calls of the method a dense alternative";
  let description = [{
    The method prepares its lists at a cost that short calls do not earn back.
    For each function whose attention is over blocks that it selects itself, a
    copy with `pbs.attention` instead is made, which is an alternative
    (`pbs.alternative_of`) guarded by the number of keys (`pbs.guard`): a call
    with fewer than `below` keys takes it. Where the number of keys is static
    the function itself becomes dense, or stays as it is. It decides by shapes
    alone, and the results differ from those of the method: dense attention
    leaves nothing out.

    An attribute `pbs.dense_below` of a function is used instead of the option;
    0 makes no alternative.

    It is not done, and a remark of the category `pbs-dense-alternative` says
    so, where the function returns what only the method computes (positions,
    lists, scores), and where the keys are not an argument.

    Example: with `below=4096`

    ```mlir
    func.func @example(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>)
        -> tensor<1x4x?x64xf32> {
      %kv = pbs.kv_from_positions %k, %k
        : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
        -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
      %query_pool = pbs.pool %q
        : (tensor<1x4x?x64xf32>) -> tensor<1x4x?x64xf32>
      %key_pool = pbs.pool %k
        : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
      %scores = pbs.block_scores %query_pool, %key_pool
        : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x4x?x?xf32>
      %list = pbs.select_blocks %scores, %q, %kv
        : (tensor<1x4x?x?xf32>, tensor<1x4x?x64xf32>,
           !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
        -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
      %o, %lse = pbs.sparse_attention %q, %kv, %list {causal}
        : (tensor<1x4x?x64xf32>,
           !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>,
           !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>)
        -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
      return %o : tensor<1x4x?x64xf32>
    }
    ```

    stays, followed by

    ```mlir
    func.func @example_dense(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>)
        -> tensor<1x4x?x64xf32>
        attributes {pbs.alternative_of = @example,
                    pbs.guard = affine_set<()[s0, s1] : (-s1 + 4095 >= 0)>} {
      %o, %lse = pbs.attention %q, %k, %k {causal}
        : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
        -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
      return %o : tensor<1x4x?x64xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::pbs::PBSDialect"];
  let options = [
    Option<"below", "below", "int64_t", /*default=*/"0",
           "Number of keys below which attention is dense; 0: never">,
  ];
  let statistics = [
    Statistic<"numAlternatives", "num-alternatives",
              "Number of dense alternatives">,
    Statistic<"numStatic", "num-static",
              "Number of functions that became dense">,
    Statistic<"numRefused", "num-refused", "Number of functions left">,
  ];
}

def ExpandPass : Pass<"pbs-expand", "::mlir::func::FuncOp"> {
  let summary = "Take pbs.permuted_attention apart into its steps";
  let description = [{
    Replaces each `pbs.permuted_attention` by proxy statistics, column
    importance, the sort of segments, the permutation of keys and values,
    pooling, block scores, block selection and sparse attention. Afterwards the
    function holds no `pbs.permuted_attention`.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x4x?x64xf32>,
                       %k: tensor<1x2x?x64xf32>,
                       %v: tensor<1x2x?x64xf32>)
        -> tensor<1x4x?x64xf32> {
      %o, %lse = pbs.permuted_attention %q, %k, %v {causal}
        : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>,
           tensor<1x2x?x64xf32>)
        -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
      return %o : tensor<1x4x?x64xf32>
    }
    ```

    becomes

    ```mlir
    func.func @example(%q: tensor<1x4x?x64xf32>,
                       %k: tensor<1x2x?x64xf32>,
                       %v: tensor<1x2x?x64xf32>)
        -> tensor<1x4x?x64xf32> {
      %stats = pbs.proxy_stats %q, %k
        : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x4x128x2xf32>
      %importance = pbs.column_importance %q, %k, %stats
        : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x4x128x2xf32>)
        -> tensor<1x2x?xf32>
      %permutation = pbs.sort_segments %importance
        : (tensor<1x2x?xf32>) -> !pbs.permutation<1x2x?, segment = 256>
      %kv = pbs.permute_kv %k, %v, %permutation
        : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>,
           !pbs.permutation<1x2x?, segment = 256>)
        -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
      %key, %value, %positions, %ranges = pbs.unpack_kv %kv
        : (!pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
        -> (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>,
            tensor<1x2x?xi32>, tensor<1x2x?x2xi32>)
      %query_pool = pbs.pool %q
        : (tensor<1x4x?x64xf32>) -> tensor<1x4x?x64xf32>
      %key_pool = pbs.pool %key
        : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
      %scores = pbs.block_scores %query_pool, %key_pool
        : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x4x?x?xf32>
      %list = pbs.select_blocks %scores, %q, %kv
        : (tensor<1x4x?x?xf32>, tensor<1x4x?x64xf32>,
           !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
        -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
      %o, %lse = pbs.sparse_attention %q, %kv, %list {causal}
        : (tensor<1x4x?x64xf32>,
           !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>,
           !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>)
        -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
      return %o : tensor<1x4x?x64xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::pbs::PBSDialect"];
  let statistics = [
    Statistic<"numExpanded", "num-expanded", "Number of ops expanded">,
  ];
}

def FusePermutationPass
    : Pass<"pbs-fuse-permutation", "::mlir::func::FuncOp"> {
  let summary = "Fuse importance, sort, permutation and pooling of keys";
  let description = [{
    Replaces `pbs.permute_kv` of keys by their own importance, together with the
    `pbs.column_importance` and `pbs.sort_segments` that order it and the
    `pbs.pool` of the permuted keys, by one `pbs.fused_permute_kv`, which is one
    kernel: the importance of a segment is summed, sorted and applied without
    leaving the kernel, and keys are pooled while they are moved.

    It is not done, and a remark of the category `pbs-fuse-permutation` says so,
    where the order comes from elsewhere, where the importance is that of other
    keys, or where the permutation has other uses than its positions. A pool
    with another block size stays an op of its own.

    Cost model: always profitable. The fused kernel reads the keys once less
    than importance, gather and pool do, and does the same arithmetic.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x4x?x64xf32>,
                       %k: tensor<1x2x?x64xf32>,
                       %v: tensor<1x2x?x64xf32>,
                       %stats: tensor<1x4x128x2xf32>)
        -> (!pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, tensor<1x2x?x64xf32>) {
      %importance = pbs.column_importance %q, %k, %stats
        : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x4x128x2xf32>)
        -> tensor<1x2x?xf32>
      %permutation = pbs.sort_segments %importance
        : (tensor<1x2x?xf32>) -> !pbs.permutation<1x2x?, segment = 256>
      %kv = pbs.permute_kv %k, %v, %permutation
        : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>,
           !pbs.permutation<1x2x?, segment = 256>)
        -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
      %key, %value, %positions, %ranges = pbs.unpack_kv %kv
        : (!pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
        -> (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>,
            tensor<1x2x?xi32>, tensor<1x2x?x2xi32>)
      %key_pool = pbs.pool %key
        : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
      return %kv, %key_pool : !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, tensor<1x2x?x64xf32>
    }
    ```

    becomes

    ```mlir
    func.func @example(%q: tensor<1x4x?x64xf32>,
                       %k: tensor<1x2x?x64xf32>,
                       %v: tensor<1x2x?x64xf32>,
                       %stats: tensor<1x4x128x2xf32>)
        -> (!pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, tensor<1x2x?x64xf32>) {
      %kv, %key_pool, %importance = pbs.fused_permute_kv %q, %k, %v, %stats
        : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>,
           tensor<1x2x?x64xf32>, tensor<1x4x128x2xf32>)
        -> (!pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>,
            tensor<1x2x?x64xf32>, tensor<1x2x?xf32>)
      return %kv, %key_pool : !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, tensor<1x2x?x64xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::pbs::PBSDialect"];
  let statistics = [
    Statistic<"numFused", "num-fused", "Number of permutations fused">,
    Statistic<"numPoolsFused", "num-pools-fused", "Number of pools fused">,
    Statistic<"numRefused", "num-refused", "Number of permutations left">,
  ];
}

def FuseSelectionPass : Pass<"pbs-fuse-selection", "::mlir::func::FuncOp"> {
  let summary = "Fuse pooling of queries, scores and block selection";
  let description = [{
    Replaces `pbs.select_blocks` of `pbs.block_scores` of pooled queries by one
    `pbs.fused_select_blocks`, which is one kernel: it takes one query block at
    a time and never writes the matrix of scores.

    It is not done, and a remark of the category `pbs-fuse-selection` says so,
    where the scores or the pooled queries have other uses, where the scores are
    not of the same queries and keys or not of the blocks of the list, or where
    the stop rule needs the scores of other query blocks.

    Cost model: always profitable. It saves writing and reading `Hq * (M / Tq) *
    (N / Tk)` floats and does the same arithmetic.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x4x?x64xf32>,
                       %key_pool: tensor<1x2x?x64xf32>,
                       %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
        -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal> {
      %query_pool = pbs.pool %q
        : (tensor<1x4x?x64xf32>) -> tensor<1x4x?x64xf32>
      %scores = pbs.block_scores %query_pool, %key_pool
        : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x4x?x?xf32>
      %list = pbs.select_blocks %scores, %q, %kv
        : (tensor<1x4x?x?xf32>, tensor<1x4x?x64xf32>,
           !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
        -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
      return %list : !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
    }
    ```

    becomes

    ```mlir
    func.func @example(%q: tensor<1x4x?x64xf32>,
                       %key_pool: tensor<1x2x?x64xf32>,
                       %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
        -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal> {
      %list, %scores = pbs.fused_select_blocks %q, %key_pool, %kv
        : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>,
           !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
        -> (!pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>,
            tensor<1x4x?x?xf32>)
      return %list : !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
    }
    ```
  }];
  let dependentDialects = ["::mlir::pbs::PBSDialect"];
  let statistics = [
    Statistic<"numFused", "num-fused", "Number of selections fused">,
    Statistic<"numRefused", "num-refused", "Number of selections left">,
  ];
}

def GatherProxiesPass : Pass<"pbs-gather-proxies", "::mlir::func::FuncOp"> {
  let summary = "Put proxy rows that are apart one after the other";
  let description = [{
    Gives ops that read proxy rows, `pbs.proxy_stats`, `pbs.split_proxy_stats`,
    `pbs.column_importance` and `pbs.fused_permute_kv`, an operand with these rows,
    made by one `pbs.gather_proxies` for each proxy of the same queries. For
    kernels that read rows by copies of whole tiles. Proxies that are the last
    rows say so (`areLastRows` of their interface), and stay as they are.

    Afterwards each of these ops has its proxy rows one after the other.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>,
                       %k: tensor<1x8x?x128xbf16>) -> tensor<1x32x128x2xf32> {
      %stats = pbs.proxy_stats %q, %k {proxy = #pbs.strided_rows<128>}
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>)
        -> tensor<1x32x128x2xf32>
      return %stats : tensor<1x32x128x2xf32>
    }
    ```

    becomes

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>,
                       %k: tensor<1x8x?x128xbf16>) -> tensor<1x32x128x2xf32> {
      %rows = pbs.gather_proxies %q {proxy = #pbs.strided_rows<128>}
        : (tensor<1x32x?x128xbf16>) -> tensor<1x32x128x128xbf16>
      %stats = pbs.proxy_stats %q, %k, %rows {proxy = #pbs.strided_rows<128>}
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>,
           tensor<1x32x128x128xbf16>) -> tensor<1x32x128x2xf32>
      return %stats : tensor<1x32x128x2xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::pbs::PBSDialect"];
  let statistics = [
    Statistic<"numGathered", "num-gathered", "Number of proxies gathered">
  ];
}

def OrderRowsPass : Pass<"pbs-order-rows", "::mlir::func::FuncOp"> {
  let summary = "Begin with the query blocks that list most";
  let description = [{
    Gives `pbs.sparse_attention` over blocks that the function selects an order of
    the query blocks, by `pbs.order_rows`. Where lists differ in length, what runs at
    the same time is soon each elsewhere in the keys, and keys and values of a KV head
    that do not fit into the cache are read from memory again and again. In this order
    a short list follows a long one, all begin anew at about the same time, and a key
    block is in the cache for most that read it.

    It is not done, and a remark of the category `pbs-order-rows` says so, where the
    list comes from elsewhere.

    Cost model: one more kernel of 8 microseconds against the energy of reads from
    memory, which is clock where the chip is at its limit of power. `least-keys`
    chooses as many keys as have, with their values, 32 MiB in one KV head, the part
    of the cache that is counted on.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x4x?x64xf32>, %s: tensor<1x4x?x?xf32>,
                       %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
        -> tensor<1x4x?x64xf32> {
      %list = pbs.select_blocks %s, %q, %kv
        : (tensor<1x4x?x?xf32>, tensor<1x4x?x64xf32>,
           !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
        -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
      %o, %lse = pbs.sparse_attention %q, %kv, %list {causal}
        : (tensor<1x4x?x64xf32>,
           !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>,
           !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>)
        -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
      return %o : tensor<1x4x?x64xf32>
    }
    ```

    gets

    ```mlir
    func.func @example(%q: tensor<1x4x?x64xf32>, %s: tensor<1x4x?x?xf32>,
                       %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
        -> tensor<1x4x?x64xf32> {
      %list = pbs.select_blocks %s, %q, %kv
        : (tensor<1x4x?x?xf32>, tensor<1x4x?x64xf32>,
           !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
        -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
      %order = pbs.order_rows %q, %kv, %list {least_keys = 65536}
        : (tensor<1x4x?x64xf32>,
           !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>,
           !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>)
        -> tensor<?xi32>
      %o, %lse = pbs.sparse_attention %q, %kv, %list, %order {causal}
        : (tensor<1x4x?x64xf32>,
           !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>,
           !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>,
           tensor<?xi32>)
        -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
      return %o : tensor<1x4x?x64xf32>
    }
    ```
  }];
  let options = [
    Option<"leastKeys", "least-keys", "int64_t", /*default=*/"-1",
           "Number of keys from which on there is an order; -1 chooses">
  ];
  let dependentDialects = ["::mlir::pbs::PBSDialect"];
  let statistics = [
    Statistic<"numOrdered", "num-ordered", "Number of attentions with an order">,
    Statistic<"numRefused", "num-refused", "Number of attentions left">,
  ];
}

def SplitPoolsPass : Pass<"pbs-split-pools", "::mlir::func::FuncOp"> {
  let summary = "Give scores of blocks pools as pairs of bf16";
  let description = [{
    Splits the pools that `pbs.block_scores` and `pbs.fused_select_blocks` take,
    by `pbs.split_pool`, so that their products are those of matrix units.
    A `pbs.pool` of one use splits its result itself. Afterwards these ops take split
    pools only, and `pbs.fused_select_blocks` does not pool queries.

    Cost model: a pool is read once more and written once, 8 bytes for each
    element of `N / Tk` rows; what is gained is the rate of matrix units over
    that of f32 arithmetic. Pooling of queries is bound by memory and the
    selection is not: a kernel for each has what it needs of registers and shared
    memory, and the pools that pass between them are 4 / Tq of the bytes that
    pooling reads.

    Example:

    ```mlir
    func.func @example(%qp: tensor<1x32x?x128xf32>,
                       %kp: tensor<1x8x?x128xf32>) -> tensor<1x32x?x?xf32> {
      %scores = pbs.block_scores %qp, %kp
        : (tensor<1x32x?x128xf32>, tensor<1x8x?x128xf32>) -> tensor<1x32x?x?xf32>
      return %scores : tensor<1x32x?x?xf32>
    }
    ```

    becomes

    ```mlir
    func.func @example(%qp: tensor<1x32x?x128xf32>,
                       %kp: tensor<1x8x?x128xf32>) -> tensor<1x32x?x?xf32> {
      %q = pbs.split_pool %qp
        : (tensor<1x32x?x128xf32>) -> tensor<1x32x?x256xbf16>
      %k = pbs.split_pool %kp
        : (tensor<1x8x?x128xf32>) -> tensor<1x8x?x256xbf16>
      %scores = pbs.block_scores %q, %k {scale = 0.08838834764831845 : f64}
        : (tensor<1x32x?x256xbf16>, tensor<1x8x?x256xbf16>) -> tensor<1x32x?x?xf32>
      return %scores : tensor<1x32x?x?xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::pbs::PBSDialect"];
  let statistics = [
    Statistic<"numSplit", "num-split", "Number of pools split">
  ];
}

def SplitProxyStatsPass : Pass<"pbs-split-proxy-stats", "::mlir::func::FuncOp"> {
  let summary = "Divide the keys of proxy statistics among work items";
  let description = [{
    Replaces `pbs.proxy_stats` by `pbs.split_proxy_stats` and `pbs.merge_stats`.
    There is one tile of proxy rows for each head, too few work items for a GPU;
    so keys are divided into as many parts as make at least `items` of them,
    where batch size and heads are static, up to `max-splits`. A dynamic
    dimension counts as 1.

    Cost model: an item less than the device runs at once leaves a processor
    idle for its whole length; a part more costs reading 8 bytes for each proxy
    row. So about four items for each of the 132 multiprocessors of an H100.

    Afterwards there is no `pbs.proxy_stats` with fewer than `items` items.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>,
                       %k: tensor<1x8x?x128xbf16>) -> tensor<1x32x128x2xf32> {
      %stats = pbs.proxy_stats %q, %k
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>)
        -> tensor<1x32x128x2xf32>
      return %stats : tensor<1x32x128x2xf32>
    }
    ```

    becomes

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>,
                       %k: tensor<1x8x?x128xbf16>) -> tensor<1x32x128x2xf32> {
      %parts = pbs.split_proxy_stats %q, %k {splits = 16}
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>)
        -> tensor<1x512x128x2xf32>
      %stats = pbs.merge_stats %parts {splits = 16}
        : (tensor<1x512x128x2xf32>) -> tensor<1x32x128x2xf32>
      return %stats : tensor<1x32x128x2xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::pbs::PBSDialect"];
  let options = [
    Option<"items", "items", "int64_t", /*default=*/"512",
           "Work items to have at least">,
    Option<"maxSplits", "max-splits", "int64_t", /*default=*/"64",
           "Parts of the keys at most">
  ];
  let statistics = [
    Statistic<"numSplit", "num-split", "Number of statistics divided">
  ];
}

def UseOwnKeysPass : Pass<"pbs-use-own-keys", "::mlir::func::FuncOp"> {
  let summary = "Read own segments in the order of positions";
  let description = [{
    Gives causal `pbs.sparse_attention` over blocks that the function selects the
    keys and values before they were permuted as its operands `own`. A permutation
    inside segments changes nothing for a row that sees all listed keys of its own
    segments by position, and the selection lists all of these; but a block of
    permuted keys has keys from the whole segment, so that both blocks of a segment
    of 256 hold visible keys for each query block, and both need a mask. In the
    order of positions it is one block and a half on average, one of them masked,
    and no positions are read.

    It is not done, and a remark of the category `pbs-use-own-keys` says so, without
    a mask, where the list or the keys come from elsewhere, where the forced set
    does not cover own segments, where keys are, or may be, permuted for each query
    head, and where the score region sees the position of the key.

    Cost model: always profitable for targets that read tiles of either tensor at
    the same cost.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>,
                       %v: tensor<1x2x?x64xf32>, %s: tensor<1x4x?x?xf32>,
                       %p: !pbs.permutation<1x2x?, segment = 256>)
        -> tensor<1x4x?x64xf32> {
      %kv = pbs.permute_kv %k, %v, %p
        : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>,
           !pbs.permutation<1x2x?, segment = 256>)
        -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
      %list = pbs.select_blocks %s, %q, %kv
        : (tensor<1x4x?x?xf32>, tensor<1x4x?x64xf32>,
           !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
        -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
      %o, %lse = pbs.sparse_attention %q, %kv, %list {causal}
        : (tensor<1x4x?x64xf32>,
           !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>,
           !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>)
        -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
      return %o : tensor<1x4x?x64xf32>
    }
    ```

    gets

    ```mlir
    func.func @example(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>,
                       %v: tensor<1x2x?x64xf32>, %s: tensor<1x4x?x?xf32>,
                       %p: !pbs.permutation<1x2x?, segment = 256>)
        -> tensor<1x4x?x64xf32> {
      %kv = pbs.permute_kv %k, %v, %p
        : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>,
           !pbs.permutation<1x2x?, segment = 256>)
        -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
      %list = pbs.select_blocks %s, %q, %kv
        : (tensor<1x4x?x?xf32>, tensor<1x4x?x64xf32>,
           !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
        -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
      %o, %lse = pbs.sparse_attention %q, %kv, %list, %k, %v {causal}
        : (tensor<1x4x?x64xf32>,
           !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>,
           !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>,
           tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
        -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
      return %o : tensor<1x4x?x64xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::pbs::PBSDialect"];
  let statistics = [
    Statistic<"numChanged", "num-changed", "Number of attentions changed">,
    Statistic<"numRefused", "num-refused", "Number of attentions left">,
  ];
}

#endif // PBS_DIALECT_PBS_TRANSFORMS_PASSES_TD
