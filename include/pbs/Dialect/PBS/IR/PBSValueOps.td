//===- PBSValueOps.td - Making and taking values apart ----*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In alphabetical order. Each description holds an example that
// test/Dialect/PBS/examples.test extracts and parses.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PBS_IR_PBSVALUEOPS_TD
#define PBS_DIALECT_PBS_IR_PBSVALUEOPS_TD

include "pbs/Dialect/PBS/IR/PBSOpBase.td"

//===----------------------------------------------------------------------===//
// block_list_from_indices
//===----------------------------------------------------------------------===//

def PBS_BlockListFromIndicesOp : PBS_ComputeOp<"block_list_from_indices"> {
  let summary = "Block list from counts and indices";
  let description = [{
    Makes a block list from a caller's own mask: for each query block the first
    `count [B, Hq, ceil(M / query block)]` entries of `index [B, Hq, ceil(M /
    query block), L]` name key blocks. `query` and `kv` give the shape. An index
    out of range or listed twice, or a count that is negative or above `L`, is
    an error in checked mode; otherwise such an entry is ignored.

    Example:

    ```mlir
    func.func @example(%count: tensor<1x32x?xi32>,
                       %index: tensor<1x32x?x?xi32>,
                       %q: tensor<1x32x?x128xbf16>,
                       %kv: !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>) {
      %list = pbs.block_list_from_indices %count, %index, %q, %kv
        : (tensor<1x32x?xi32>, tensor<1x32x?x?xi32>, tensor<1x32x?x128xbf16>,
           !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>)
        -> !pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_IndexTensor3:$count,
    PBS_IndexTensor4:$index,
    PBS_Tensor:$query,
    PBS_PermutedKVType:$kv);
  let results = (outs PBS_BlockListType:$list);
}

//===----------------------------------------------------------------------===//
// compose
//===----------------------------------------------------------------------===//

def PBS_ComposeOp : PBS_ComputeOp<"compose"> {
  let summary = "One permutation after another";
  let description = [{
    `result[j] = first[second[j]]`: permuting by the result is permuting by
    `first` and then by `second`.

    Example:

    ```mlir
    func.func @example(%p: !pbs.permutation<1x8x?, segment = 256>,
                       %r: !pbs.permutation<1x8x?, segment = 256>) {
      %c = pbs.compose %p, %r
        : (!pbs.permutation<1x8x?, segment = 256>, !pbs.permutation<1x8x?, segment = 256>)
        -> !pbs.permutation<1x8x?, segment = 256>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_PermutationType:$first,
    PBS_PermutationType:$second);
  let results = (outs PBS_PermutationType:$result);
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// full_block_list
//===----------------------------------------------------------------------===//

def PBS_FullBlockListOp : PBS_ComputeOp<"full_block_list"> {
  let summary = "The list of all blocks";
  let description = [{
    Lists every key block for every query block; with a causal result type,
    every block that holds a visible key. Sparse attention over it is dense
    attention.

    Example:

    ```mlir
    func.func @example(%q: tensor<1x32x?x128xbf16>,
                       %kv: !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>) {
      %list = pbs.full_block_list %q, %kv
        : (tensor<1x32x?x128xbf16>, !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>)
        -> !pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_Tensor:$query,
    PBS_PermutedKVType:$kv);
  let results = (outs PBS_BlockListType:$list);
}

//===----------------------------------------------------------------------===//
// identity_permutation
//===----------------------------------------------------------------------===//

def PBS_IdentityPermutationOp : PBS_ComputeOp<"identity_permutation"> {
  let summary = "The permutation that moves nothing";
  let description = [{
    Every key stays where it is. `key` gives the number of keys.

    Example:

    ```mlir
    func.func @example(%k: tensor<1x8x?x128xbf16>) {
      %p = pbs.identity_permutation %k
        : (tensor<1x8x?x128xbf16>) -> !pbs.permutation<1x8x?, segment = 256>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_Tensor:$key);
  let results = (outs PBS_PermutationType:$result);
}

//===----------------------------------------------------------------------===//
// kv_from_positions
//===----------------------------------------------------------------------===//

def PBS_KVFromPositionsOp : PBS_ComputeOp<"kv_from_positions", ["getPassedOperand"]> {
  let summary = "Keys and values that a caller has permuted, or not";
  let description = [{
    Pairs keys and values with the original positions of the keys, `[B, Hkv,
    N]`; without `positions` nothing was permuted. Keys and values are not
    copied; the position ranges of the blocks are computed.

    Example:

    ```mlir
    func.func @example(%k: tensor<1x8x?x128xbf16>,
                       %v: tensor<1x8x?x128xbf16>,
                       %pos: tensor<1x8x?xi32>) {
      %kv = pbs.kv_from_positions %k, %v, %pos
        : (tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?xi32>)
        -> !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_Tensor:$key,
    PBS_Tensor:$value,
    Optional<PBS_IndexTensor3>:$positions);
  let results = (outs PBS_PermutedKVType:$kv);
}

//===----------------------------------------------------------------------===//
// pack_block_list
//===----------------------------------------------------------------------===//

def PBS_PackBlockListOp : PBS_Op<"pack_block_list"> {
  let summary = "Block list from its buffer";
  let description = [{
    The inverse of `pbs.unpack_block_list`. It does not check the bits.

    Example:

    ```mlir
    func.func @example(%bits: tensor<1x32x?x?xi32>) {
      %list = pbs.pack_block_list %bits
        : (tensor<1x32x?x?xi32>)
        -> !pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_IndexTensor4:$bits);
  let results = (outs PBS_BlockListType:$list);
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// pack_kv
//===----------------------------------------------------------------------===//

def PBS_PackKVOp : PBS_Op<"pack_kv"> {
  let summary = "Permuted keys and values from their buffers";
  let description = [{
    The inverse of `pbs.unpack_kv`.

    Example:

    ```mlir
    func.func @example(%k: tensor<1x8x?x128xbf16>,
                       %v: tensor<1x8x?x128xbf16>,
                       %pos: tensor<1x8x?xi32>,
                       %r: tensor<1x8x?x2xi32>) {
      %kv = pbs.pack_kv %k, %v, %pos, %r
        : (tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?xi32>,
           tensor<1x8x?x2xi32>)
        -> !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_Tensor:$key,
    PBS_Tensor:$value,
    PBS_IndexTensor3:$positions,
    PBS_IndexTensor4:$ranges);
  let results = (outs PBS_PermutedKVType:$kv);
}

//===----------------------------------------------------------------------===//
// pack_permutation
//===----------------------------------------------------------------------===//

def PBS_PackPermutationOp : PBS_Op<"pack_permutation"> {
  let summary = "Permutation from its buffer";
  let description = [{
    The inverse of `pbs.unpack_permutation`. It does not check the positions.

    Example:

    ```mlir
    func.func @example(%pos: tensor<1x8x?xi32>) {
      %p = pbs.pack_permutation %pos
        : (tensor<1x8x?xi32>) -> !pbs.permutation<1x8x?, segment = 256>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_IndexTensor3:$positions);
  let results = (outs PBS_PermutationType:$permutation);
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// permute
//===----------------------------------------------------------------------===//

def PBS_PermuteOp : PBS_ComputeOp<"permute"> {
  let summary = "Rows in permuted order";
  let description = [{
    `result[b, h, j] = source[b, h', permutation[b, h, j]]`. A permutation of
    more heads than the source has replicates the heads of the source: `h'` is
    the source head that serves permutation head `h`.

    Example:

    ```mlir
    func.func @example(%k: tensor<1x8x?x128xbf16>,
                       %p: !pbs.permutation<1x8x?, segment = 256>) {
      %kp = pbs.permute %k, %p
        : (tensor<1x8x?x128xbf16>, !pbs.permutation<1x8x?, segment = 256>)
        -> tensor<1x8x?x128xbf16>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_Tensor:$source,
    PBS_PermutationType:$permutation);
  let results = (outs PBS_Tensor:$result);
  let hasCanonicalizer = 1;
}

//===----------------------------------------------------------------------===//
// unpack_block_list
//===----------------------------------------------------------------------===//

def PBS_UnpackBlockListOp : PBS_Op<"unpack_block_list"> {
  let summary = "Buffer of a block list";
  let description = [{
    The bit rows of a block list, `[B, Hq, ceil(M / query block), ceil(ceil(N /
    key block) / 32)]`.

    Example:

    ```mlir
    func.func @example(%list: !pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>) {
      %bits = pbs.unpack_block_list %list
        : (!pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>)
        -> tensor<1x32x?x?xi32>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_BlockListType:$list);
  let results = (outs PBS_IndexTensor4:$bits);
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// unpack_kv
//===----------------------------------------------------------------------===//

def PBS_UnpackKVOp : PBS_Op<"unpack_kv"> {
  let summary = "Buffers of permuted keys and values";
  let description = [{
    Permuted keys and values `[B, H, N, D]`, original positions `[B, H, N]`, and
    the smallest and largest position of each block, `[B, H, ceil(N / block),
    2]`.

    Example:

    ```mlir
    func.func @example(%kv: !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>) {
      %k, %v, %pos, %r = pbs.unpack_kv %kv
        : (!pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>)
        -> (tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?xi32>,
            tensor<1x8x?x2xi32>)
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_PermutedKVType:$kv);
  let results = (outs PBS_Tensor:$key, PBS_Tensor:$value, PBS_IndexTensor3:$positions, PBS_IndexTensor4:$ranges);
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

//===----------------------------------------------------------------------===//
// unpack_permutation
//===----------------------------------------------------------------------===//

def PBS_UnpackPermutationOp : PBS_Op<"unpack_permutation"> {
  let summary = "Buffer of a permutation";
  let description = [{
    The original position of each permuted key, `[B, H, N]`.

    Example:

    ```mlir
    func.func @example(%p: !pbs.permutation<1x8x?, segment = 256>) {
      %pos = pbs.unpack_permutation %p
        : (!pbs.permutation<1x8x?, segment = 256>) -> tensor<1x8x?xi32>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_PermutationType:$permutation);
  let results = (outs PBS_IndexTensor3:$positions);
  let hasFolder = 1;
}

#endif // PBS_DIALECT_PBS_IR_PBSVALUEOPS_TD
