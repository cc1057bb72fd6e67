//===- Passes.td - Conversion of kernels to the tile level -*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTOTILE_PASSES_TD
#define PBS_CONVERSION_PBSTOTILE_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertPBSToTilePass : Pass<"convert-pbs-to-tile", "::mlir::ModuleOp"> {
  let summary = "Write kernels down as tiles";
  let description = [{
    Makes a `tile.func` of the same name in the `gpu.module @gpu` for each
    `plan.kernel` that has no code yet, as it follows from the equations:
    synchronous loads and products, no schedule, no threads. What the
    `plan.kernel` leaves out of its results is not computed.

    It takes

    - `pbs.attention`, `pbs.packed_attention` and `pbs.sparse_attention` of f16
      or bf16, head dimension 64 or 128, lists of blocks of 128x128. Without a
      list a query block has `query-rows` rows, by itself 192 where a head has 64
      elements and sequences are not packed, and else 128. Blocks that need a
      mask come first; keys past the end, of the sequence where sequences are
      packed, are masked by their number, others by their position. A row that
      sees nothing gives 0 and `-inf`;
    - `pbs.pool` with `#pbs.mean_pool`, head dimension 64 or 128, blocks of a multiple
      of 32 rows, 128 at most;
    - `pbs.proxy_stats`, `pbs.split_proxy_stats`, `pbs.merge_stats` and
      `pbs.column_importance` with `#pbs.last_rows` of at most 128 rows and any
      sharing, of f16 or bf16, head dimension 64 or 128, segments of a multiple of
      128 keys;
    - `pbs.block_scores` and `pbs.fused_select_blocks` of split pools, and
      `pbs.select_blocks`, with any stop rule and forced set of the dialect, and
      `pbs.split_pool`;
    - `pbs.sort_segments`, `pbs.permute_kv` and `pbs.fused_permute_kv`, the same,
      segments of at most 512 keys, blocks of 128.

    With `keep-maximum` attention of bf16 is two kernels: the first compares scores
    with the maximum of a row's blocks with a mask, or of its first block, and lists
    work items with a row whose sum is above 2^64 then; the second, which has `_again`
    behind its name and `tile.follows`, does those with maxima of all blocks. The
    largest probability of a row is not exactly 1 any more.

    A selection holds the scores of 16 query blocks or more in shared memory, as
    long as rows are so short that they have room in `score-words`. Of longer rows
    products leave scores in global memory, in a scratch of each thread block, and
    as many rows have room as warps work on at once, 8 at most and 1 at least.
    Sequences of which not even one row has room are refused by a
    `#plan.constraint` of the program, or right away if sizes are static.

    Any other kernel stays as it is, with a remark that says why, and the same
    in its attribute `tile.refused`, for the error of a pass that needs code.

    Stop rules and forced sets are asked what they need through the interfaces
    `TileStopRuleInterface` and `TileForcedSetInterface`; a policy of another dialect
    gets its kernel by a model of them.

    Example:

    ```mlir
    plan.kernel @pool(%source: tensor<1x8x?x128xbf16>) -> tensor<1x8x?x128xf32> {
      %result = pbs.pool %source
        : (tensor<1x8x?x128xbf16>) -> tensor<1x8x?x128xf32>
      plan.return %result : tensor<1x8x?x128xf32>
    }
    ```

    gets

    ```mlir
    gpu.module @gpu {
      tile.func @pool(
          %source: !tile.global<1x8x?x128xbf16> {tile.buffer = 0 : i32},
          %result: !tile.global<1x8x?x128xf32> {tile.buffer = 1 : i32})
          attributes {tile.items = affine_map<
            ()[s0, s1, s2, s3, s4, s5, s6, s7, s8]
            -> ((s0 * s1) * (s2 ceildiv 128))>} {
        ...
      }
    }
    ```
  }];
  let options = [
    Option<"queryRows", "query-rows", "int64_t", /*default=*/"0",
           "Rows of a query block that no list divides: 64, 128, 192 or 256; 0 "
           "chooses">,
    Option<"keepMaximum", "keep-maximum", "bool", /*default=*/"false",
           "Rows of attention keep the maximum of their first key blocks">,
    Option<"scoreWords", "score-words", "int64_t", "0",
           "Words of shared memory for the scores of a selection; 0: as many "
           "as there is room for">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::tile::TileDialect"
  ];
  let statistics = [
    Statistic<"numKernels", "num-kernels", "Number of kernels written down">,
    Statistic<"numLeft", "num-left", "Number of kernels left to others">
  ];
}

#endif // PBS_CONVERSION_PBSTOTILE_PASSES_TD
