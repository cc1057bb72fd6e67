//===- PBSCoverageOps.td - What a selection covers ---------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In alphabetical order.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PBS_IR_PBSCOVERAGEOPS_TD
#define PBS_DIALECT_PBS_IR_PBSCOVERAGEOPS_TD

include "pbs/Dialect/PBS/IR/PBSOpBase.td"

//===----------------------------------------------------------------------===//
// head_coverage
//===----------------------------------------------------------------------===//

def PBS_HeadCoverageOp : PBS_ComputeOp<"head_coverage"> {
  let summary = "Density of a list and mass that it covers, for each head";
  let description = [{
    From the rows of `pbs.row_coverage`, for each query head, both `[B, Hq, 1]`:
    `density`, the listed blocks over those that could be listed, summed over the
    query blocks first, and 0 where none could be; `mass`, the mean of the
    covered mass over the query blocks that have a candidate, and 1 where none
    has.

    Example:

    ```mlir
    func.func @example(%rows: tensor<1x32x?x4xf32>) {
      %density, %mass = pbs.head_coverage %rows
        : (tensor<1x32x?x4xf32>) -> (tensor<1x32x1xf32>, tensor<1x32x1xf32>)
      return
    }
    ```
  }];
  let arguments = (ins PBS_F32Tensor:$rows);
  let results = (outs PBS_RowTensor:$density, PBS_RowTensor:$mass);
}

//===----------------------------------------------------------------------===//
// row_coverage
//===----------------------------------------------------------------------===//

def PBS_RowCoverageOp : PBS_ComputeOp<"row_coverage"> {
  let summary = "How much of what could be listed a row of a list covers";
  let description = [{
    Four values for each query block, `[B, Hq, Mb, 4]`, the numbers among them as
    f32:

    - how many blocks are listed that could be,
    - how many could be: with a causal list the blocks that hold a key visible
      to a row of the query block, otherwise all,
    - the covered mass: the sum, over the listed candidates, of the softmax of
      the candidates' scores (the candidates of `pbs.select_blocks`, the scores
      of `pbs.block_scores`); listed as a share of all candidates where the sum
      of exponentials is no positive number, as it is with a score that is NaN;
    - 1, or 0 for a query block that has no candidate, whose covered mass is 0.

    Scores are computed once more rather than kept by the selection, which is
    the same with this op and without.

    Example:

    ```mlir
    func.func @example(%qp: tensor<1x32x?x128xf32>,
                       %kp: tensor<1x8x?x128xf32>,
                       %q: tensor<1x32x?x128xbf16>,
                       %kv: !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>,
                       %list: !pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>) {
      %rows = pbs.row_coverage %qp, %kp, %q, %kv, %list
        : (tensor<1x32x?x128xf32>, tensor<1x8x?x128xf32>, tensor<1x32x?x128xbf16>,
           !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>,
           !pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>)
        -> tensor<1x32x?x4xf32>
      return
    }
    ```
  }];
  let arguments = (ins
    PBS_PoolTensor:$query_pool,
    PBS_PoolTensor:$key_pool,
    PBS_Tensor:$query,
    PBS_PermutedKVType:$kv,
    PBS_BlockListType:$list,
    OptionalAttr<F64Attr>:$scale);
  let results = (outs PBS_F32Tensor:$rows);
}

#endif // PBS_DIALECT_PBS_IR_PBSCOVERAGEOPS_TD
