//===- PBSAttributes.td - Policies of the pbs dialect ------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PBS_IR_PBSATTRIBUTES_TD
#define PBS_DIALECT_PBS_IR_PBSATTRIBUTES_TD

include "pbs/Dialect/PBS/IR/PBSDialect.td"
include "pbs/Dialect/PBS/IR/PBSInterfaces.td"
include "mlir/IR/AttrTypeBase.td"

class PBS_Attr<string name, string attrMnemonic, AttrInterface interface>
    : AttrDef<PBS_Dialect, name,
              [DeclareAttrInterfaceMethods<interface>]> {
  let mnemonic = attrMnemonic;
}

//===----------------------------------------------------------------------===//
// Stop rules
//===----------------------------------------------------------------------===//

def PBS_TopPAttr : PBS_Attr<"TopP", "top_p", PBS_StopRule> {
  let summary = "Candidates until a share of the mass is covered";
  let description = [{
    Takes candidates by descending softmax probability, ties by smaller index,
    up to and including the first whose cumulative sum reaches `threshold`; all
    candidates if it is never reached or if the threshold is 1 or more. A row
    of scores that holds NaN takes all candidates (PBS-Attn, Algorithm 2).

    Example: `#pbs.top_p<0.9>`
  }];
  let parameters = (ins APFloatParameter<"share of the mass">:$threshold);
  let assemblyFormat = "`<` custom<Threshold>($threshold) `>`";
  let genVerifyDecl = 1;
}

def PBS_TopKAttr : PBS_Attr<"TopK", "top_k", PBS_StopRule> {
  let summary = "A fixed number of candidates";
  let description = [{
    Takes the `count` candidates with the largest scores, ties by smaller index;
    all if there are fewer. Forced blocks that are no candidates do not count.

    Example: `#pbs.top_k<8>`
  }];
  let parameters = (ins "int64_t":$count);
  let assemblyFormat = "`<` $count `>`";
  let genVerifyDecl = 1;
}

def PBS_ReferenceTopPAttr
    : PBS_Attr<"ReferenceTopP", "reference_top_p", PBS_StopRule> {
  let summary = "The stop rule of the published code";
  let description = [{
    As `#pbs.top_p`, but takes no candidate at all where the cumulative sum
    never reaches `threshold`, as the published PBS-Attn code does.

    Example: `#pbs.reference_top_p<0.9>`
  }];
  let parameters = (ins APFloatParameter<"share of the mass">:$threshold);
  let assemblyFormat = "`<` custom<Threshold>($threshold) `>`";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Pools
//===----------------------------------------------------------------------===//

def PBS_MeanPoolAttr : PBS_Attr<"MeanPool", "mean_pool", PBS_Pool> {
  let summary = "Mean over the valid rows of a block";
  let description = [{
    The mean, in f32, over the rows of a block that exist; the last block of a
    ragged sequence is divided by its own number of rows.

    Example: `#pbs.mean_pool`
  }];
}

//===----------------------------------------------------------------------===//
// Proxies
//===----------------------------------------------------------------------===//

class PBS_ProxyAttr<string name, string attrMnemonic>
    : PBS_Attr<name, attrMnemonic, PBS_Proxy> {
  let genVerifyDecl = 1;
}

def PBS_LastRowsAttr : PBS_ProxyAttr<"LastRows", "last_rows"> {
  let summary = "The last query rows";
  let description = [{
    The last `min(count, M)` query rows (PBS-Attn, Equation 7).

    Example: `#pbs.last_rows<128>`
  }];
  let parameters = (ins "int64_t":$count);
  let assemblyFormat = "`<` $count `>`";
  let extraClassDeclaration = [{
    bool areLastRows() const { return true; }
  }];
}

def PBS_StridedRowsAttr : PBS_ProxyAttr<"StridedRows", "strided_rows"> {
  let summary = "Query rows at an even distance";
  let description = [{
    `P = min(count, M)` query rows at distance `floor(M / P)`, the last query
    row included: row `i` is `M - 1 - (P - 1 - i) * floor(M / P)`.

    Example: `#pbs.strided_rows<128>`
  }];
  let parameters = (ins "int64_t":$count);
  let assemblyFormat = "`<` $count `>`";
}

def PBS_RandomRowsAttr : PBS_ProxyAttr<"RandomRows", "random_rows"> {
  let summary = "Seeded random query rows";
  let description = [{
    `P = min(count, M)` query rows, one from each of `P` equal strata: row `i`
    is `lo + splitmix64(seed + i) mod (hi - lo)` with `lo = floor(i * M / P)`
    and `hi = floor((i + 1) * M / P)`, where splitmix64 is one step of that
    generator from the given state and all arithmetic is unsigned 64-bit.

    Example: `#pbs.random_rows<128, seed = 7>`
  }];
  let parameters = (ins "int64_t":$count, "int64_t":$seed);
  let assemblyFormat = "`<` $count `,` `seed` `=` $seed `>`";
}

//===----------------------------------------------------------------------===//
// Sharing
//===----------------------------------------------------------------------===//

def PBS_ShareMeanAttr : PBS_Attr<"ShareMean", "share_mean", PBS_Sharing> {
  let summary = "One permutation per KV head from the mean importance";
  let description = [{
    The importance of a key is the mean of its probabilities over the proxy rows
    and over the query heads of the group.

    Example: `#pbs.share_mean`
  }];
}

def PBS_AverageQueryAttr
    : PBS_Attr<"AverageQuery", "average_query", PBS_Sharing> {
  let summary = "One permutation per KV head from the averaged query";
  let description = [{
    Queries are averaged over the group first; the importance is taken from that
    average (the shared variant of PBS-Attn).

    Example: `#pbs.average_query`
  }];
}

def PBS_PerQueryHeadAttr
    : PBS_Attr<"PerQueryHead", "per_query_head", PBS_Sharing> {
  let summary = "One permutation per query head";
  let description = [{
    No sharing: keys and values are permuted for each query head, which
    replicates them by the size of the group.

    Example: `#pbs.per_query_head`
  }];
}

//===----------------------------------------------------------------------===//
// Forced sets
//===----------------------------------------------------------------------===//

def PBS_OwnAndSinkAttr
    : PBS_Attr<"OwnAndSink", "own_and_sink", PBS_ForcedSet> {
  let summary = "Visible blocks of the own segments, and the first key";
  let description = [{
    The blocks of a query block's own segments that hold a key visible to one of
    its rows, and the block that holds key position 0. Own segments are those
    that meet the positions of the query block, the incomplete last one
    included.

    Example: `#pbs.own_and_sink`
  }];
}

def PBS_WholeOwnAndSinkAttr
    : PBS_Attr<"WholeOwnAndSink", "whole_own_and_sink", PBS_ForcedSet> {
  let summary = "All blocks of the own segments, and the first key";
  let description = [{
    As `#pbs.own_and_sink`, with the blocks of the own segments that hold no
    visible key as well, as the published code does.

    Example: `#pbs.whole_own_and_sink`
  }];
}

#endif // PBS_DIALECT_PBS_IR_PBSATTRIBUTES_TD
