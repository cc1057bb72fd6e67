//===- Passes.td - Passes of the CPU backend ---------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTOCPU_PASSES_TD
#define PBS_CONVERSION_PBSTOCPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertCPUToLLVMPass : Pass<"convert-pbs-cpu-to-llvm", "ModuleOp"> {
  let summary = "Lower CPU kernels to the LLVM dialect";
  let description = [{
    Lowers the functions that `convert-pbs-to-cpu` makes (scf, arith, memref and
    one-dimensional vectors) to the LLVM dialect in one conversion, with bf16
    conversions expanded to integer arithmetic. Each public function `@k` that
    takes memrefs and then one index becomes private and gets a wrapper

    ```mlir
    llvm.func @k_packed(%slots: !llvm.ptr, %item: i64)
    ```

    which loads the descriptors of the memrefs from `slots`, 8 bytes for each
    field in the order allocated pointer, aligned pointer, offset, sizes,
    strides.
  }];
  let dependentDialects = ["LLVM::LLVMDialect"];
  let statistics = [
    Statistic<"numKernels", "num-kernels", "Number of kernels lowered">
  ];
}

#endif // PBS_CONVERSION_PBSTOCPU_PASSES_TD
