//===- PBSAttentionOps.td - Attention ----------------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention of all kinds, and the whole method. In alphabetical order.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PBS_IR_PBSATTENTIONOPS_TD
#define PBS_DIALECT_PBS_IR_PBSATTENTIONOPS_TD

include "pbs/Dialect/PBS/IR/PBSOpBase.td"

//===----------------------------------------------------------------------===//
// attention
//===----------------------------------------------------------------------===//

def PBS_AttentionOp : PBS_ScoredOp<"attention", [
    DeclareOpInterfaceMethods<PBS_KernelOp>]> {
  let summary = "Dense attention";
  let description = [{
    Softmax attention of every query row over all keys visible to it, without a
    list. `scale` multiplies the scores and defaults to `1 / sqrt(D)`. With
    `causal` a row at position `p` sees the keys `j <= p`. Results: the output,
    and `lse [B, Hq, M]`, the natural logarithm of the sum of exponentials of a
    row's scores. A row that sees no key gives 0 and `-inf`.

    The region `score`, if there is one, makes another score `x'` of a scaled
    score `x`. It sees `x` (f32) and, each as an i32, the batch, the query head,
    the position of the query row and the original position of the key, and has
    elementwise ops of f32, i32 and i1 only. It may give `-inf`, which hides the
    key.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>,
                       %k: tensor<1x8x?x128xbf16>,
                       %v: tensor<1x8x?x128xbf16>) {
      %o, %lse = pbs.attention %q, %k, %v {causal}
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>)
        -> (tensor<1x32x?x128xbf16>, tensor<1x32x?xf32>)
      %capped, %lse1 = pbs.attention %q, %k, %v {causal}
        score (%x, %b, %h, %p, %j) {
          %cap = arith.constant 50.0 : f32
          %y = arith.divf %x, %cap : f32
          %t = math.tanh %y : f32
          %s = arith.mulf %t, %cap : f32
          pbs.yield %s
        }
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>)
        -> (tensor<1x32x?x128xbf16>, tensor<1x32x?xf32>)
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_Tensor:$query,
    PBS_Tensor:$key,
    PBS_Tensor:$value,
    UnitAttr:$causal,
    OptionalAttr<F64Attr>:$scale);
  let results = (outs PBS_Tensor:$output, PBS_RowTensor:$lse);
  let hasCanonicalizer = 1;
}

//===----------------------------------------------------------------------===//
// merge
//===----------------------------------------------------------------------===//

def PBS_MergeOp : PBS_ComputeOp<"merge"> {
  let summary = "Attention over the union of two disjoint sets of keys";
  let description = [{
    Merges two partial results over disjoint sets of keys through their LSE:
    `lse = log(exp(lse0) + exp(lse1))`, `output = exp(lse0 - lse) * output0 +
    exp(lse1 - lse) * output1`. A row that both sides leave empty stays empty.

    Example:

    ```mlir
    func.func @example(%o0: tensor<1x32x?x128xbf16>,
                       %l0: tensor<1x32x?xf32>,
                       %o1: tensor<1x32x?x128xbf16>,
                       %l1: tensor<1x32x?xf32>) {
      %o, %lse = pbs.merge %o0, %l0, %o1, %l1
        : (tensor<1x32x?x128xbf16>, tensor<1x32x?xf32>,
           tensor<1x32x?x128xbf16>, tensor<1x32x?xf32>)
        -> (tensor<1x32x?x128xbf16>, tensor<1x32x?xf32>)
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_Tensor:$output0,
    PBS_RowTensor:$lse0,
    PBS_Tensor:$output1,
    PBS_RowTensor:$lse1);
  let results = (outs PBS_Tensor:$output, PBS_RowTensor:$lse);
}

//===----------------------------------------------------------------------===//
// packed_attention
//===----------------------------------------------------------------------===//

def PBS_PackedAttentionOp : PBS_ComputeOp<"packed_attention"> {
  let summary = "Dense attention of sequences packed one after the other";
  let description = [{
    `pbs.attention` of each of S sequences with itself, where the queries of all
    sequences lie one after the other in `query [1, Hq, M, D]`, their keys and
    values in `key` and `value [1, Hkv, N, D]`. The offsets, `[S + 1]`, say where:
    sequence `s` has the query rows from `query_offsets[s]` to before
    `query_offsets[s + 1]`, and keys likewise. Offsets do not decrease; what
    they would take from outside of the tensors is not there. A query row of a
    sequence with `m` queries and `n` keys has position `i + (n - m)` in it.
    Rows of no sequence are not written.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>,
                       %k: tensor<1x8x?x128xbf16>,
                       %v: tensor<1x8x?x128xbf16>,
                       %q_offsets: tensor<?xi32>, %k_offsets: tensor<?xi32>) {
      %o, %lse = pbs.packed_attention %q, %k, %v, %q_offsets, %k_offsets {causal}
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>,
           tensor<1x8x?x128xbf16>, tensor<?xi32>, tensor<?xi32>)
        -> (tensor<1x32x?x128xbf16>, tensor<1x32x?xf32>)
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_Tensor:$query,
    PBS_Tensor:$key,
    PBS_Tensor:$value,
    PBS_IndexTensor1:$query_offsets,
    PBS_IndexTensor1:$key_offsets,
    UnitAttr:$causal,
    OptionalAttr<F64Attr>:$scale);
  let results = (outs PBS_Tensor:$output, PBS_RowTensor:$lse);
}

//===----------------------------------------------------------------------===//
// permuted_attention
//===----------------------------------------------------------------------===//

def PBS_PermutedAttentionOp : PBS_ScoredOp<"permuted_attention"> {
  let summary = "Permuted block-sparse attention, the whole method";
  let description = [{
    Permutes keys and values inside segments by importance, selects key blocks
    for each query block, and attends over the selected blocks (PBS-Attn,
    Algorithm 1 and 2). `pbs-expand` takes it apart.

    `scale` defaults to `1 / sqrt(D)`. `segment` is a multiple of `key_block`.
    With `unpermuted` keys and values stay where they are. The other attributes
    are policies, see there. The region `score` is that of `pbs.attention`;
    importance and selection do not see it.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>,
                       %k: tensor<1x8x?x128xbf16>,
                       %v: tensor<1x8x?x128xbf16>) {
      %o, %lse = pbs.permuted_attention %q, %k, %v
        {causal, segment = 256, select = #pbs.top_p<0.9>}
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>)
        -> (tensor<1x32x?x128xbf16>, tensor<1x32x?xf32>)
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_Tensor:$query,
    PBS_Tensor:$key,
    PBS_Tensor:$value,
    UnitAttr:$causal,
    UnitAttr:$unpermuted,
    OptionalAttr<F64Attr>:$scale,
    PBS_BlockSize:$query_block,
    PBS_BlockSize:$key_block,
    PBS_SegmentSize:$segment,
    PBS_ProxyDefault:$proxy,
    PBS_SharingDefault:$sharing,
    PBS_PoolDefault:$pool,
    PBS_StopRuleDefault:$select,
    PBS_ForcedSetDefault:$forced);
  let results = (outs PBS_Tensor:$output, PBS_RowTensor:$lse);
}

//===----------------------------------------------------------------------===//
// sparse_attention
//===----------------------------------------------------------------------===//

def PBS_SparseAttentionOp : PBS_ScoredOp<"sparse_attention", [
    DeclareOpInterfaceMethods<PBS_KernelOp>]> {
  let summary = "Attention over listed blocks";
  let description = [{
    Softmax attention of each query row over the keys of the blocks that its
    query block lists; with `causal` over those of them whose original position
    is visible to the row. Results and the region `score` as for
    `pbs.attention`. The list must have been made for the same block and
    segment, and be causal if this is.

    With `own`, keys and values like those of `kv` but each at its position, the
    list speaks of the blocks before the own segments only: of the own segments,
    those that the positions of the query block meet, each row sees all visible keys,
    whichever of their blocks are listed. An implementation may read the keys of own
    segments from `own` or from `kv`; in the order of positions fewer blocks hold a
    visible key, and fewer need a mask. Causal attention only. `pbs-use-own-keys` adds
    them where they are known.

    With an order of the query blocks (`pbs.order_rows` of the same list), the last
    operand, an implementation may begin with those that come first; results are the same.
    `pbs-order-rows` adds it.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>,
                       %kv: !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>,
                       %list: !pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>) {
      %o, %lse = pbs.sparse_attention %q, %kv, %list {causal}
        : (tensor<1x32x?x128xbf16>,
           !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>,
           !pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>)
        -> (tensor<1x32x?x128xbf16>, tensor<1x32x?xf32>)
      return
    }
    func.func @own(%q: tensor<1x32x?x128xbf16>,
                   %k: tensor<1x8x?x128xbf16>, %v: tensor<1x8x?x128xbf16>,
                   %kv: !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>,
                   %list: !pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>) {
      %o, %lse = pbs.sparse_attention %q, %kv, %list, %k, %v {causal}
        : (tensor<1x32x?x128xbf16>,
           !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>,
           !pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>,
           tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>)
        -> (tensor<1x32x?x128xbf16>, tensor<1x32x?xf32>)
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_Tensor:$query,
    PBS_PermutedKVType:$kv,
    PBS_BlockListType:$list,
    Variadic<AnyTypeOf<[PBS_Tensor, PBS_IndexTensor1]>>:$others,
    UnitAttr:$causal,
    OptionalAttr<F64Attr>:$scale);
  let results = (outs PBS_Tensor:$output, PBS_RowTensor:$lse);
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    /// The order of the query blocks, or null.
    ::mlir::Value getOrder();
    /// Keys and values of own segments at their positions, or none.
    ::mlir::OperandRange getOwn() {
      return getOthers().drop_back(getOrder() ? 1 : 0);
    }
    ::mlir::Value getOwnKey() {
      return getOwn().empty() ? ::mlir::Value() : getOwn().front();
    }
    ::mlir::Value getOwnValue() {
      return getOwn().empty() ? ::mlir::Value() : getOwn().back();
    }
  }];
}

//===----------------------------------------------------------------------===//
// yield
//===----------------------------------------------------------------------===//

def PBS_YieldOp : Op<PBS_Dialect, "yield", [
    Pure, Terminator,
    ParentOneOf<["AttentionOp", "PermutedAttentionOp", "SparseAttentionOp"]>]> {
  let summary = "The score that a score region gives";
  let description = [{
    Example:

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>) {
      %o, %lse = pbs.attention %q, %q, %q {causal}
        score (%x, %b, %h, %p, %j) {
          %distance = arith.subi %p, %j : i32
          %d = arith.sitofp %distance : i32 to f32
          %slope = arith.constant -0.0625 : f32
          %bias = arith.mulf %d, %slope : f32
          %s = arith.addf %x, %bias : f32
          pbs.yield %s
        }
        : (tensor<1x32x?x128xbf16>, tensor<1x32x?x128xbf16>, tensor<1x32x?x128xbf16>)
        -> (tensor<1x32x?x128xbf16>, tensor<1x32x?xf32>)
      return
    }
    ```
  }];
  let arguments = (ins F32:$score);
  let assemblyFormat = "$score attr-dict";
}

#endif // PBS_DIALECT_PBS_IR_PBSATTENTIONOPS_TD
