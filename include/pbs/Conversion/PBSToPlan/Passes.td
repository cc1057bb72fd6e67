//===- Passes.td - Conversion of level 1 to launch plans ---*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTOPLAN_PASSES_TD
#define PBS_CONVERSION_PBSTOPLAN_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertPBSToPlanPass : Pass<"convert-pbs-to-plan", "::mlir::ModuleOp"> {
  let summary = "Turn functions of attention ops into launch plans";
  let description = [{
    Each `func.func` becomes a `plan.program`, each of its ops a launch of a
    `plan.kernel`; equal kernels are one. Values of the types of the dialect
    become the builtin tensors that they consist of, so that afterwards those
    types occur in kernels only. Results that nobody uses are not computed. Ops
    that pack and unpack values, and what a kernel would only pass through, cost
    nothing.

    Sizes become affine expressions over the dynamic dimensions of the
    arguments. The shape rules of the ops become constraints that the runtime
    checks, and what they say to be equal is written by one symbol.

    Arguments and results are called by their attribute `pbs.name`, otherwise
    `arg0`, ... and `result0`, ... One of a type of the dialect becomes several
    tensors: `kv.key`, `kv.value`, `kv.positions` and `kv.ranges`,
    `list.bits`, or `permutation.positions`. As with `pbs.pack_*` their content
    is not checked.

    A function with `pbs.alternative_of` and `pbs.guard` becomes a program that
    is an alternative of another one. The symbols of the guard are the dynamic
    dimensions of the arguments, as tensors, in order.

    It fails, with an error at the op, for what a plan cannot hold: control
    flow, calls, constants and ops of other dialects,
    `pbs.permuted_attention` (run `pbs-expand` first), a result that is an
    argument, and a value that is returned twice.

    Example:

    ```mlir
    func.func @pooled(%k: tensor<1x2x?x64xf32> {pbs.name = "k"})
        -> (tensor<1x2x?x64xf32> {pbs.name = "pool"}) {
      %pool = pbs.pool %k : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
      return %pool : tensor<1x2x?x64xf32>
    }
    ```

    becomes

    ```mlir
    plan.kernel @pool(%source: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> {
      %result = pbs.pool %source
        : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
      plan.return %result : tensor<1x2x?x64xf32>
    }
    plan.program @pooled(%k: tensor<1x2x?x64xf32> {plan.name = "k"})
        -> (tensor<1x2x?x64xf32> {plan.name = "pool"}) {
      %pool = plan.launch @pool(%k) shapes [()[s0] -> (1, 2, s0 ceildiv 128, 64)]
        : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
      plan.return %pool : tensor<1x2x?x64xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::pbs::PBSDialect",
                           "::mlir::plan::PlanDialect"];
  let statistics = [
    Statistic<"numPrograms", "num-programs", "Number of programs">,
    Statistic<"numKernels", "num-kernels", "Number of different kernels">,
    Statistic<"numLaunches", "num-launches", "Number of launches">,
    Statistic<"numWorkspaceValues", "num-workspace-values",
              "Number of buffers of the workspace">,
  ];
}

#endif // PBS_CONVERSION_PBSTOPLAN_PASSES_TD
