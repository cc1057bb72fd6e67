//===- Passes.td - Passes on the plan dialect --------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PLAN_TRANSFORMS_PASSES_TD
#define PBS_DIALECT_PLAN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def DropUnreadPass : Pass<"plan-drop-unread", "::mlir::ModuleOp"> {
  let summary = "Drop what no code reads";
  let description = [{
    Afterwards a kernel with GPU code has only the arguments that its code
    reads: of which a parameter is made (`#plan.pointer`, `#plan.tensor_map`,
    `#plan.stride`) or a dimension is in a size (`#plan.integer`, the grid, the
    scratch). Launches lose the operands, and in the body of the kernel
    `ub.poison` stands for what the op is given and its code leaves alone.

    A launch of which no result is read or returned is gone, and so are its
    buffers in the workspace; a kernel that nothing launches any more goes with
    its code. A launch without results stays, and so does one that reports
    errors of its input (`#plan.status`). Constraints of a program and shapes of
    what is left do not change: a call is refused as before.

    Kernels with CPU code, or without code, stay as they are, and so do their
    launches.

    Example: code that numbers the keys and is not interested in values,

    ```mlir
    plan.kernel @positions(%k: tensor<1x8x?x64xf16>,
                           %v: tensor<1x8x?x64xf16>)
        -> tensor<1x8x?xi32>
        attributes {code = #plan.cuda_code<@gpu::@positions,
          grid = [()[s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11] -> (s2 ceildiv 128),
                  ()[s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11] -> (1),
                  ()[s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11] -> (1)],
          block = [128, 1, 1], shared = 0,
          params = [#plan.pointer<2>,
                    #plan.integer<i32, ()[s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11] -> (s2)>]>} {
      %kv = pbs.kv_from_positions %k, %v
        : (tensor<1x8x?x64xf16>, tensor<1x8x?x64xf16>)
        -> !pbs.permuted_kv<1x8x?x64xf16, block = 128, segment = 256>
      %key, %value, %positions, %ranges = pbs.unpack_kv %kv
        : (!pbs.permuted_kv<1x8x?x64xf16, block = 128, segment = 256>)
        -> (tensor<1x8x?x64xf16>, tensor<1x8x?x64xf16>, tensor<1x8x?xi32>,
            tensor<1x8x?x2xi32>)
      plan.return %positions : tensor<1x8x?xi32>
    }
    gpu.module @gpu {
      llvm.func @positions() attributes {gpu.kernel, nvvm.kernel} {
        llvm.return
      }
    }
    ```

    becomes

    ```mlir
    plan.kernel @positions(%k: tensor<1x8x?x64xf16>)
        -> tensor<1x8x?xi32>
        attributes {code = #plan.cuda_code<@gpu::@positions,
          grid = [()[s0, s1, s2, s3, s4, s5, s6, s7] -> (s2 ceildiv 128),
                  ()[s0, s1, s2, s3, s4, s5, s6, s7] -> (1),
                  ()[s0, s1, s2, s3, s4, s5, s6, s7] -> (1)],
          block = [128, 1, 1], shared = 0,
          params = [#plan.pointer<1>,
                    #plan.integer<i32, ()[s0, s1, s2, s3, s4, s5, s6, s7] -> (s2)>]>} {
      %v = ub.poison : tensor<1x8x?x64xf16>
      %kv = pbs.kv_from_positions %k, %v
        : (tensor<1x8x?x64xf16>, tensor<1x8x?x64xf16>)
        -> !pbs.permuted_kv<1x8x?x64xf16, block = 128, segment = 256>
      %key, %value, %positions, %ranges = pbs.unpack_kv %kv
        : (!pbs.permuted_kv<1x8x?x64xf16, block = 128, segment = 256>)
        -> (tensor<1x8x?x64xf16>, tensor<1x8x?x64xf16>, tensor<1x8x?xi32>,
            tensor<1x8x?x2xi32>)
      plan.return %positions : tensor<1x8x?xi32>
    }
    gpu.module @gpu {
      llvm.func @positions() attributes {gpu.kernel, nvvm.kernel} {
        llvm.return
      }
    }
    ```
  }];
  let dependentDialects = ["::mlir::ub::UBDialect"];
  let statistics = [
    Statistic<"numOperands", "num-operands", "Number of operands dropped">,
    Statistic<"numLaunches", "num-launches", "Number of launches erased">,
    Statistic<"numKernels", "num-kernels", "Number of kernels erased">
  ];
}

#endif // PBS_DIALECT_PLAN_TRANSFORMS_PASSES_TD
