// RUN: pbs-opt %s --pbs-to-nvvm | FileCheck %s
// RUN: pbs-opt %s --pbs-to-nvvm | pbs-opt | FileCheck %s
// RUN: pbs-opt %s --pbs-to-nvvm="schedule=single stages=2" | FileCheck %s --check-prefix=SINGLE

// One kernel of the plan for each op; grids of the persistent kernel are bounded
// by the number of multiprocessors, the last symbol. Attention is made from a
// tile.func, the small kernels around lists are not, and nothing of the level is
// left. Nothing reads the ranges of positions, so nothing computes them.

// CHECK-NOT: @kv_from_positions
// CHECK: plan.kernel @block_list_from_indices(
// CHECK-SAME: tensor<1x4x?xi32>, {{.*}}tensor<1x4x?x?xi32>, {{.*}}tensor<1x2x?x64xbf16>) -> tensor<1x4x?x?xi32>
// CHECK-SAME: scratch = [#plan.status<["expected counts
// CHECK: plan.kernel @sparse_attention
// CHECK-SAME: #plan.cuda_code<@gpu::@sparse_attention, grid = [
// CHECK-SAME: -> ((s0 * s1) * (s2 ceildiv 128), s23)
// CHECK-SAME: block = [384, 1, 1], shared = {{[0-9]+}}
// CHECK-SAME: #plan.tensor_map<0, box = [64, 128, 1, 1], swizzle = 128>
// CHECK-SAME: #plan.scratch<bytes = {{.*}} zeroed>
// CHECK: plan.program @lists(
// CHECK-SAME: "keys and values of the same length"
// CHECK-SAME: "a position for each key"
// CHECK-NEXT: %[[LIST:.*]] = plan.launch @block_list_from_indices(%arg4, %arg5, %arg1)
// CHECK-NEXT: %[[O:.*]] = plan.launch @sparse_attention(%arg0, %arg1, %arg2, %arg3, %[[LIST]])
// CHECK-NEXT: plan.return %[[O]]
// A packed sequence has at most one query block that is not full.
// CHECK: plan.kernel @packed_attention
// CHECK-SAME: -> ((s0 * s1) * (s2 floordiv 128 + s12), s18)
// CHECK: gpu.module @gpu
// CHECK-NOT: tile.func
// CHECK: llvm.func @sparse_attention
// CHECK-SAME: nvvm.kernel
// CHECK: llvm.func @block_list_from_indices
// CHECK-NOT: @kv_from_positions

// SINGLE: plan.kernel @sparse_attention
// SINGLE-NOT: s23)
// SINGLE-SAME: -> ((s0 * s1) * (s2 ceildiv 128))
func.func @lists(%q: tensor<1x4x?x64xbf16>, %k: tensor<1x2x?x64xbf16>,
                 %v: tensor<1x2x?x64xbf16>, %pos: tensor<1x2x?xi32>,
                 %count: tensor<1x4x?xi32>, %index: tensor<1x4x?x?xi32>)
    -> tensor<1x4x?x64xbf16> {
  %kv = pbs.kv_from_positions %k, %v, %pos
    : (tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>, tensor<1x2x?xi32>)
    -> !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>
  %list = pbs.block_list_from_indices %count, %index, %q, %kv
    : (tensor<1x4x?xi32>, tensor<1x4x?x?xi32>, tensor<1x4x?x64xbf16>,
       !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>)
    -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
  %o, %lse = pbs.sparse_attention %q, %kv, %list {causal}
    : (tensor<1x4x?x64xbf16>,
       !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>,
       !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>)
    -> (tensor<1x4x?x64xbf16>, tensor<1x4x?xf32>)
  return %o : tensor<1x4x?x64xbf16>
}

func.func @packed(%q: tensor<1x4x?x64xbf16>, %k: tensor<1x2x?x64xbf16>,
                  %v: tensor<1x2x?x64xbf16>, %m: tensor<?xi32>,
                  %n: tensor<?xi32>) -> tensor<1x4x?x64xbf16> {
  %o, %lse = pbs.packed_attention %q, %k, %v, %m, %n {causal}
    : (tensor<1x4x?x64xbf16>, tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>,
       tensor<?xi32>, tensor<?xi32>)
    -> (tensor<1x4x?x64xbf16>, tensor<1x4x?xf32>)
  return %o : tensor<1x4x?x64xbf16>
}
