//===- PBSTypes.td - Types of the pbs dialect --------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PBS_IR_PBSTYPES_TD
#define PBS_DIALECT_PBS_IR_PBSTYPES_TD

include "pbs/Dialect/PBS/IR/PBSDialect.td"
include "mlir/IR/AttrTypeBase.td"

class PBS_Type<string name, string typeMnemonic> : TypeDef<PBS_Dialect, name> {
  let mnemonic = typeMnemonic;
  let genVerifyDecl = 1;
}

def PBS_PermutationType : PBS_Type<"Permutation", "permutation"> {
  let summary = "Permutation of keys inside segments";
  let description = [{
    One permutation of `N` keys for each of `B x H` heads, given by the original
    position of each permuted key. It moves keys inside complete segments of
    `segment` keys only; the last `N mod segment` keys stay.

    `shape` is `[B, H, N]`; as buffers: one `B x H x N` tensor of `i32`.

    Example: `!pbs.permutation<1x8x?, segment = 256>`
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        "int64_t":$segment);
  let assemblyFormat = "`<` custom<Shape>($shape) `,` `segment` `=` $segment `>`";
}

def PBS_PermutedKVType : PBS_Type<"PermutedKV", "permuted_kv"> {
  let summary = "Permuted keys and values with their original positions";
  let description = [{
    Keys and values `[B, H, N, D]` in permuted order, the original position of
    each key, and for each block of `block` keys the smallest and the largest
    original position. The parts belong together, so they are one value.

    As buffers: keys and values `B x H x N x D`, positions `B x H x N` of `i32`,
    position ranges `B x H x ceil(N / block) x 2` of `i32`.

    Example: `!pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>`
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType,
                        "int64_t":$block,
                        "int64_t":$segment);
  let assemblyFormat = [{
    `<` custom<ShapeAndElementType>($shape, $elementType) `,` `block` `=` $block
    `,` `segment` `=` $segment `>`
  }];
}

def PBS_BlockListType : PBS_Type<"BlockList", "block_list"> {
  let summary = "Key blocks to visit for each query block";
  let description = [{
    For each of `B x H` query heads and each block of queries the set of key
    blocks that attention visits. `shape` is `[B, H, M, N]`. `block` gives the
    query and key block, `segment` the segment of the permutation that the list
    was made for; `causal` says that blocks without a visible key may be
    missing.

    As buffers: one bit row per query block, `B x H x ceil(M / query block) x
    ceil(ceil(N / key block) / 32)` of `i32`; block `c` is bit `c mod 32` of
    word `c / 32`.

    Example: `!pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>`
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        "int64_t":$queryBlock,
                        "int64_t":$keyBlock,
                        "int64_t":$segment,
                        DefaultValuedParameter<"bool", "false">:$causal);
  let assemblyFormat = [{
    `<` custom<Shape>($shape) `,` `block` `=`
    custom<BlockPair>($queryBlock, $keyBlock) `,` `segment` `=` $segment
    (`,` custom<CausalFlag>($causal)^)? `>`
  }];
}

#endif // PBS_DIALECT_PBS_IR_PBSTYPES_TD
