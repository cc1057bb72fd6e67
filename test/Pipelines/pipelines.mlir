// RUN: pbs-opt %s --pbs-to-plan | FileCheck %s --check-prefix=PLAN
// RUN: pbs-opt %s --pbs-to-plan=fuse=false | FileCheck %s --check-prefix=UNFUSED
// RUN: pbs-opt %s --pbs-to-cpu | FileCheck %s --check-prefix=CPU
// RUN: pbs-opt %s --pbs-to-cpu=vector-bits=512 | FileCheck %s --check-prefix=CPU

// Four kernels, and no array of floats of the size heads x (N/T)^2.
// PLAN-COUNT-4: plan.kernel
// PLAN-NOT: plan.kernel
// PLAN: plan.program @prefill
// PLAN-COUNT-4: plan.launch
// PLAN-NOT: plan.launch

// UNFUSED-COUNT-9: plan.kernel
// UNFUSED-NOT: plan.kernel

// CPU: plan.kernel @proxy_stats
// CPU-SAME: #plan.cpu_code<@cpu::@proxy_stats
// CPU: plan.program @prefill
// CPU: module @cpu
// CPU: llvm.func @sparse_attention_packed
// CPU-NOT: func.func
func.func @prefill(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>,
                   %v: tensor<1x2x?x64xf32>) -> tensor<1x4x?x64xf32> {
  %o, %lse = pbs.permuted_attention %q, %k, %v {causal}
    : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
    -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return %o : tensor<1x4x?x64xf32>
}
