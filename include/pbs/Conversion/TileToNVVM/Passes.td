//===- Passes.td - From tiles to threads -------------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_TILETONVVM_PASSES_TD
#define PBS_CONVERSION_TILETONVVM_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertTileToNVVMPass : Pass<"convert-tile-to-nvvm", "ModuleOp"> {
  let summary = "Turn kernels of tiles into kernels of threads (sm_90a)";
  let description = [{
    Replaces each `tile.func` by an `llvm.func` of the LLVM and NVVM dialects, in
    `gpu.module @gpu` unless it is in a `gpu.module` already. Needs what
    `tile-configure`, `tile-schedule`, `tile-number-rings` and
    `tile-allocate-shared` add.

    Values: a register tile becomes the scalars of one thread (1:N type
    conversion), as many as its layout and the configuration give a thread;
    tiles of 16 bit in `#tile.acc` and `#tile.blocked` become pairs in i32. Ops
    with the trait `Elementwise` become one op for each scalar. Tensor maps,
    pointers, strides and extents become parameters of the kernel, each only if
    it is used.

    `tile.abi` of the `llvm.func` is a `#plan.cuda_code` that says how to launch it;
    a `plan.kernel` of the same name in the module gets it as its `code`.
    Arguments say by `tile.buffer` which buffer of that kernel they are (without
    it: argument i is buffer i) or are a zeroed scratch of their own
    (`tile.counter`). `tile.items` of the `tile.func` is the number of work items
    over the symbols of the kernel; the grid has as many blocks if the schedule
    is `single`, else at most one for each multiprocessor.

    Numerics: `math.exp2` is ex2.approx.ftz.f32 (PTX ISA: 2 ulp), `math.log2`
    lg2.approx.ftz.f32, `arith.divf` with `afn` a product with rcp.approx.ftz.f32 (1
    ulp), other divisions are rounded to nearest. `math.exp` and `math.log` go
    through ex2 and lg2 with one more rounding. `math.tanh` is 1 - 2 / (1 +
    exp(2x)) of these, within 1e-6 absolute. `math.absf`, `math.fma`, `math.sqrt`
    and `math.rsqrt` (rsqrt.approx.ftz.f32) are single instructions.

    With `trace` a kernel has a `#plan.trace` more as scratch: its blocks write when
    they began and ended, and on which multiprocessor. Without it nothing of this
    is in the code.

    With `dependent-launch`, a kernel begins with griddepcontrol.wait, after its
    barriers are initialised and before any access to global memory, and then
    lets the kernel after it begin (griddepcontrol.launch_dependents); its code
    says `dependent`.

    What cannot be lowered is an error at the op that names the limit.
  }];
  let dependentDialects = ["cf::ControlFlowDialect", "gpu::GPUDialect",
                           "LLVM::LLVMDialect", "NVVM::NVVMDialect",
                           "plan::PlanDialect", "scf::SCFDialect"];
  let options = [
    Option<"dependentLaunch", "dependent-launch", "bool", /*default=*/"false",
           "Kernels wait for those before them themselves">,
    Option<"trace", "trace", "bool", /*default=*/"false",
           "Blocks write when and where they ran">
  ];
  let statistics = [
    Statistic<"numKernels", "num-kernels", "Number of kernels lowered">
  ];
}

#endif // PBS_CONVERSION_TILETONVVM_PASSES_TD
