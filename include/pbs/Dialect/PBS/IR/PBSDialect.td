//===- PBSDialect.td - The pbs dialect ---------------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PBS_IR_PBSDIALECT_TD
#define PBS_DIALECT_PBS_IR_PBSDIALECT_TD

include "mlir/IR/OpBase.td"

def PBS_Dialect : Dialect {
  let name = "pbs";
  let cppNamespace = "::mlir::pbs";
  let summary = "Permuted block-sparse attention as an algorithm";
  let description = [{
    Level 1 of pbs-mlir: permuted block-sparse attention (PBS-Attn, arXiv
    2510.21270) with value semantics and no machine in sight.

    `pbs.permuted_attention` is the whole method. `pbs-expand` takes it apart
    into proxy statistics, column importance, a sort inside segments, the
    permutation of keys and values, pooling, block scores, block selection and
    sparse attention; the fusion passes put those together again into few
    kernels.

    Shapes: queries are `[B, Hq, M, D]`, keys and values `[B, Hkv, N, D]`, where
    `Hq` is a multiple of `Hkv`. Query row `i` has position `i + (N - M)`: the
    ends of queries and keys are aligned. Only `D` has to be static.

    Causality is carried in types: a `!pbs.permuted_kv` holds permuted keys and
    values together with their original positions, a `!pbs.block_list` says for
    which blocks and segments it was made, and `pbs.sparse_attention` verifies
    that the two belong together.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerPolicies();
    void registerTypes();
  }];
}

#endif // PBS_DIALECT_PBS_IR_PBSDIALECT_TD
