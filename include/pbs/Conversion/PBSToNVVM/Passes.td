//===- Passes.td - Passes of the GPU backend ---------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTONVVM_PASSES_TD
#define PBS_CONVERSION_PBSTONVVM_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertPBSToNVVMPass : Pass<"convert-pbs-to-nvvm", "ModuleOp"> {
  let summary = "Write Hopper code for the kernels of a plan";
  let description = [{
    Makes a GPU kernel in NVVM IR for each `plan.kernel` that has no code yet, in
    a `gpu.module @gpu`, and sets the kernel's `code` to `#plan.cuda_code`.

    Kernels exist for `pbs.attention` and `pbs.sparse_attention` (f16 or bf16,
    head dimension 64 or 128, blocks of 128x128, sm_90a), and for what makes their
    inputs of a caller's lists and positions: `pbs.block_list_from_indices`,
    `pbs.full_block_list`, `pbs.kv_from_positions`. Any other op is an error
    that names it and what there is code for.

    Numerics: products in the tensor cores with f32 accumulation, softmax in f32
    with the approximate ex2 of the hardware (PTX ISA, ex2.approx: relative error
    2^-22.5), probabilities rounded to the input type.

    Example:

    ```mlir
    plan.kernel @dense(%q: tensor<1x32x?x128xbf16>, %k: tensor<1x8x?x128xbf16>,
                       %v: tensor<1x8x?x128xbf16>) -> tensor<1x32x?x128xbf16> {
      %o, %lse = pbs.attention %q, %k, %v {causal}
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>)
        -> (tensor<1x32x?x128xbf16>, tensor<1x32x?xf32>)
      plan.return %o : tensor<1x32x?x128xbf16>
    }
    ```
  }];
  let dependentDialects = ["gpu::GPUDialect", "LLVM::LLVMDialect",
                           "NVVM::NVVMDialect", "plan::PlanDialect"];
  let statistics = [
    Statistic<"numKernels", "num-kernels", "Number of kernels that got code">
  ];
}

#endif // PBS_CONVERSION_PBSTONVVM_PASSES_TD
