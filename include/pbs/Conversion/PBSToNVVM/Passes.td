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

    Kernels exist for what makes a block list and positions of a caller's:
    `pbs.block_list_from_indices`, `pbs.full_block_list` and
    `pbs.kv_from_positions`. All others are made by way of tiles, see
    `convert-pbs-to-tile`; one that is left is an error that names it and what
    there is code for. `dependent-launch` is as in `convert-tile-to-nvvm`.

    Example:

    ```mlir
    plan.kernel @positions(%k: tensor<1x8x?x128xbf16>,
                           %v: tensor<1x8x?x128xbf16>, %p: tensor<1x8x?xi32>)
        -> tensor<1x8x?x2xi32> {
      %kv = pbs.kv_from_positions %k, %v, %p
        : (tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?xi32>)
        -> !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>
      %key, %value, %positions, %ranges = pbs.unpack_kv %kv
        : (!pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>)
        -> (tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?xi32>,
            tensor<1x8x?x2xi32>)
      plan.return %ranges : tensor<1x8x?x2xi32>
    }
    ```
  }];
  let options = [
    Option<"dependentLaunch", "dependent-launch", "bool", /*default=*/"false",
           "Kernels wait for those before them themselves">
  ];
  let dependentDialects = ["gpu::GPUDialect", "LLVM::LLVMDialect",
                           "NVVM::NVVMDialect", "plan::PlanDialect"];
  let statistics = [
    Statistic<"numKernels", "num-kernels", "Number of kernels that got code">
  ];
}

#endif // PBS_CONVERSION_PBSTONVVM_PASSES_TD
