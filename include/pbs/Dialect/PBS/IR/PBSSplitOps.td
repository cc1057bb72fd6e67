//===- PBSSplitOps.td - Steps in parts --------------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What rewrites for a GPU make of steps of the method. In alphabetical order.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PBS_IR_PBSSPLITOPS_TD
#define PBS_DIALECT_PBS_IR_PBSSPLITOPS_TD

include "pbs/Dialect/PBS/IR/PBSOpBase.td"

//===----------------------------------------------------------------------===//
// gather_proxies
//===----------------------------------------------------------------------===//

def PBS_GatherProxiesOp : PBS_ComputeOp<"gather_proxies"> {
  let summary = "The proxy rows one after the other";
  let description = [{
    The query rows that `proxy` names, in its order, of each head: `[B, Hq, rows,
    D]`, where `rows` is the largest number of them. Rows that do not exist are 0.
    Ops that take them still have the queries as an operand, whose length says
    how many rows exist.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>) {
      %rows = pbs.gather_proxies %q {proxy = #pbs.random_rows<128, seed = 7>}
        : (tensor<1x32x?x128xbf16>) -> tensor<1x32x128x128xbf16>
      return
    }
    ```
  }];
  let arguments = (ins PBS_Tensor:$query, PBS_ProxyDefault:$proxy);
  let results = (outs PBS_Tensor:$proxies);
}

//===----------------------------------------------------------------------===//
// merge_stats
//===----------------------------------------------------------------------===//

def PBS_MergeStatsOp : PBS_ComputeOp<"merge_stats"> {
  let summary = "Proxy statistics from those of parts of the keys";
  let description = [{
    The statistics of `pbs.proxy_stats` from those of `pbs.split_proxy_stats`:
    `maximum = max(maximum_s)`, `sum = sum over s of exp(maximum_s - maximum) *
    sum_s`, in the order of the parts.

    Example:

    ```mlir
    func.func @example(%parts: tensor<1x512x128x2xf32>) {
      %st = pbs.merge_stats %parts {splits = 16}
        : (tensor<1x512x128x2xf32>) -> tensor<1x32x128x2xf32>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_F32Tensor:$parts,
    PBS_RowCount:$splits);
  let results = (outs PBS_F32Tensor:$stats);
}

//===----------------------------------------------------------------------===//
// order_rows
//===----------------------------------------------------------------------===//

def PBS_OrderRowsOp : PBS_ComputeOp<"order_rows"> {
  let summary = "An order of the query blocks of a list";
  let description = [{
    The numbers `(b * Hq + h) * Mb + a` of all query blocks, each once, in an order in
    which attention over the list should begin with them: as many KV heads together as
    have their keys and values in the cache, from the last query blocks to the first,
    and of about twice as many as run at the same time those that list more key blocks
    first, but for differences of a thousandth of all key blocks. Of fewer than
    `least_keys` keys there is no order: the result is empty.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>,
                       %kv: !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>,
                       %list: !pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>) {
      %order = pbs.order_rows %q, %kv, %list {least_keys = 65536}
        : (tensor<1x32x?x128xbf16>,
           !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>,
           !pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>)
        -> tensor<?xi32>
      return
    }
    ```
  }];
  let arguments = (ins PBS_Tensor:$query, PBS_PermutedKVType:$kv,
                       PBS_BlockListType:$list, PBS_RowCount:$least_keys);
  let results = (outs PBS_IndexTensor1:$order);
}

//===----------------------------------------------------------------------===//
// split_pool
//===----------------------------------------------------------------------===//

def PBS_SplitPoolOp : PBS_ComputeOp<"split_pool"> {
  let summary = "Pools as pairs of bf16";
  let description = [{
    Each `x` of the pool `[B, H, n, D]` as `hi = bf16(x)` in column `d` and `lo =
    bf16(x - hi)` in column `D + d` of the result `[B, H, n, 2 D]`. Products of
    such pairs, `hi hi + hi lo + lo hi`, are exact to 2^-16 of the magnitude of
    a sum, and matrix units take them. Those of infinite values are NaN.

    Example:

    ```mlir
    func.func @example(%kp: tensor<1x8x?x128xf32>) {
      %pairs = pbs.split_pool %kp
        : (tensor<1x8x?x128xf32>) -> tensor<1x8x?x256xbf16>
      return
    }
    ```
  }];
  let arguments = (ins PBS_F32Tensor:$pool);
  let results = (outs 4DTensorOf<[BF16]>:$pairs);
}

//===----------------------------------------------------------------------===//
// split_proxy_stats
//===----------------------------------------------------------------------===//

def PBS_SplitProxyStatsOp : PBS_ComputeOp<"split_proxy_stats"> {
  let summary = "Softmax statistics of the proxy rows over parts of the keys";
  let description = [{
    The statistics of `pbs.proxy_stats` for each of `splits` parts of the keys of
    complete segments: `[B, H * splits, rows, 2]`, part `s` of head `h` at `h *
    splits + s`. Parts are consecutive and of equally many key blocks, the last
    ones perhaps of fewer or none, whose statistics are `(-inf, 0)`.
    `pbs.merge_stats` combines them: partial results over disjoint sets of keys
    merge through maximum and sum. `proxies` as for `pbs.proxy_stats`.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>,
                       %k: tensor<1x8x?x128xbf16>) {
      %parts = pbs.split_proxy_stats %q, %k {splits = 16}
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>)
        -> tensor<1x512x128x2xf32>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_Tensor:$query,
    PBS_Tensor:$key,
    Optional<PBS_Tensor>:$proxies,
    OptionalAttr<F64Attr>:$scale,
    PBS_RowCount:$splits,
    PBS_SegmentSize:$segment,
    PBS_ProxyDefault:$proxy,
    PBS_SharingDefault:$sharing);
  let results = (outs PBS_F32Tensor:$parts);
}

#endif // PBS_DIALECT_PBS_IR_PBSSPLITOPS_TD
