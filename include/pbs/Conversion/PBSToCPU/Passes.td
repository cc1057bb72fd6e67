//===- Passes.td - Passes of the CPU backend ---------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTOCPU_PASSES_TD
#define PBS_CONVERSION_PBSTOCPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertPBSToCPUPass : Pass<"convert-pbs-to-cpu", "ModuleOp"> {
  let summary = "Write CPU code for the kernels of a plan";
  let description = [{
    Makes a function of scf, arith, memref and vector ops for each `plan.kernel`
    that has no code yet, in a nested module `@cpu`, and sets the kernel's
    `code` to `#plan.cpu_code`. A call of the function computes one work item;
    work items are independent and write disjoint parts of the results.

    Tiles: inner products keep rows in vectors of `vector-bits` and keys in
    scalars; ragged tiles are copied to local tiles padded with zeros. No kernel
    allocates; local tiles are below 1 MB of stack.

    Numerics: attention computes scores, softmax and output in f32 with its own
    exp2 (relative error at most 2^-23); proxy statistics, importance and block
    scores compute inner products in f64. Sums are blocked, and reductions over
    the lanes of a vector are in an order that LLVM chooses, always the same for
    the same machine.

    A kernel is refused with an error at its op if the head dimension is not
    static, not a multiple of 8 or above 256, if a policy has no CPU code (see
    Policies.td), or if only debug results of a fused op are used.

    Example:

    ```mlir
    plan.kernel @pool(%source: tensor<1x32x?x128xbf16>) -> tensor<1x32x?x128xf32> {
      %result = pbs.pool %source
        : (tensor<1x32x?x128xbf16>) -> tensor<1x32x?x128xf32>
      plan.return %result : tensor<1x32x?x128xf32>
    }
    ```

    gets `code = #plan.cpu_code<@cpu::@pool, grid = ()[s0, s1, s2, s3, s4, s5,
    s6, s7] -> (s0 * s1 * (s2 ceildiv 128))>`.
  }];
  let dependentDialects = ["arith::ArithDialect", "func::FuncDialect",
                           "memref::MemRefDialect", "plan::PlanDialect",
                           "scf::SCFDialect", "vector::VectorDialect"];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", /*default=*/"256",
           "Size of the vector registers in bits: 128, 256 or 512">
  ];
  let statistics = [
    Statistic<"numKernels", "num-kernels", "Number of kernels that got code">
  ];
}

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
  let dependentDialects = ["cf::ControlFlowDialect", "LLVM::LLVMDialect"];
  let statistics = [
    Statistic<"numKernels", "num-kernels", "Number of kernels lowered">
  ];
}

#endif // PBS_CONVERSION_PBSTOCPU_PASSES_TD
