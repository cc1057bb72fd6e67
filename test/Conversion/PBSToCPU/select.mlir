// RUN: pbs-opt %s --convert-pbs-to-cpu | FileCheck %s
// RUN: pbs-opt %s --pass-pipeline="builtin.module(convert-pbs-to-cpu,builtin.module(convert-pbs-cpu-to-llvm))" | FileCheck %s --check-prefix=LLVM

// CHECK: plan.kernel @pool
// CHECK-SAME: -> ((s0 * s1) * (s2 ceildiv 64))>
plan.kernel @pool(%x: tensor<1x2x?x64xbf16>) -> tensor<1x2x?x64xf32> {
  %r = pbs.pool %x {block = 64 : i64}
    : (tensor<1x2x?x64xbf16>) -> tensor<1x2x?x64xf32>
  plan.return %r : tensor<1x2x?x64xf32>
}

// CHECK: plan.kernel @block_scores
// CHECK-SAME: -> ((s0 * s1) * s2)>
plan.kernel @block_scores(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>)
    -> tensor<1x4x?x?xf32> {
  %s = pbs.block_scores %q, %k
    : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x4x?x?xf32>
  plan.return %s : tensor<1x4x?x?xf32>
}

// CHECK: plan.kernel @top_k
plan.kernel @top_k(%s: tensor<1x4x?x?xf32>, %q: tensor<1x4x?x64xf32>,
    %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>,
    %pos: tensor<1x2x?xi32>, %r: tensor<1x2x?x2xi32>) -> tensor<1x4x?x?xi32> {
  %kv = pbs.pack_kv %k, %v, %pos, %r
    : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?xi32>,
       tensor<1x2x?x2xi32>)
    -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
  %l = pbs.select_blocks %s, %q, %kv {select = #pbs.top_k<8>}
    : (tensor<1x4x?x?xf32>, tensor<1x4x?x64xf32>,
       !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
    -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
  %bits = pbs.unpack_block_list %l
    : (!pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>)
    -> tensor<1x4x?x?xi32>
  plan.return %bits : tensor<1x4x?x?xi32>
}

// CHECK: plan.kernel @top_p
plan.kernel @top_p(%q: tensor<1x4x?x64xf32>, %kp: tensor<1x2x?x64xf32>,
    %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>,
    %pos: tensor<1x2x?xi32>, %r: tensor<1x2x?x2xi32>) -> tensor<1x4x?x?xi32> {
  %kv = pbs.pack_kv %k, %v, %pos, %r
    : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?xi32>,
       tensor<1x2x?x2xi32>)
    -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
  %l, %s = pbs.fused_select_blocks %q, %kp, %kv {select = #pbs.top_p<0.8>}
    : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>,
       !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
    -> (!pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>,
        tensor<1x4x?x?xf32>)
  %bits = pbs.unpack_block_list %l
    : (!pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>)
    -> tensor<1x4x?x?xi32>
  plan.return %bits : tensor<1x4x?x?xi32>
}

// CHECK: plan.kernel @full
plan.kernel @full(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>,
    %v: tensor<1x2x?x64xf32>, %pos: tensor<1x2x?xi32>,
    %r: tensor<1x2x?x2xi32>) -> tensor<1x4x?x?xi32> {
  %kv = pbs.pack_kv %k, %v, %pos, %r
    : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?xi32>,
       tensor<1x2x?x2xi32>)
    -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
  %l = pbs.full_block_list %q, %kv
    : (tensor<1x4x?x64xf32>,
       !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
    -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
  %bits = pbs.unpack_block_list %l
    : (!pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>)
    -> tensor<1x4x?x?xi32>
  plan.return %bits : tensor<1x4x?x?xi32>
}

// CHECK: plan.kernel @from_indices
// CHECK-SAME: scratch = [#plan.status<["expected counts from 0 to the length of an index row, got {0} for row {1} of the block list",
plan.kernel @from_indices(%n: tensor<1x4x?xi32>, %i: tensor<1x4x?x?xi32>,
    %q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>,
    %v: tensor<1x2x?x64xf32>, %pos: tensor<1x2x?xi32>,
    %r: tensor<1x2x?x2xi32>) -> tensor<1x4x?x?xi32> {
  %kv = pbs.pack_kv %k, %v, %pos, %r
    : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?xi32>,
       tensor<1x2x?x2xi32>)
    -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
  %l = pbs.block_list_from_indices %n, %i, %q, %kv
    : (tensor<1x4x?xi32>, tensor<1x4x?x?xi32>, tensor<1x4x?x64xf32>,
       !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
    -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
  %bits = pbs.unpack_block_list %l
    : (!pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>)
    -> tensor<1x4x?x?xi32>
  plan.return %bits : tensor<1x4x?x?xi32>
}

// CHECK: plan.kernel @merge
// CHECK-SAME: -> ((s0 * s1) * (s2 ceildiv 64))>
plan.kernel @merge(%o0: tensor<1x4x?x64xf16>, %l0: tensor<1x4x?xf32>,
    %o1: tensor<1x4x?x64xf16>, %l1: tensor<1x4x?xf32>)
    -> tensor<1x4x?x64xf16> {
  %o, %l = pbs.merge %o0, %l0, %o1, %l1
    : (tensor<1x4x?x64xf16>, tensor<1x4x?xf32>, tensor<1x4x?x64xf16>,
       tensor<1x4x?xf32>) -> (tensor<1x4x?x64xf16>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x64xf16>
}

// CHECK: func.func @pool(
// CHECK: arith.divf {{.*}} : vector<8xf32>
// CHECK: func.func @block_scores(
// CHECK: vector.fma {{.*}} : vector<8xf64>

// Scores and order of one query block are local rows.
// CHECK: func.func @top_k(
// CHECK-DAG: memref.alloca(%{{.*}}) {alignment = 64 : i64} : memref<?xf32>
// CHECK-DAG: memref.alloca(%{{.*}}) {alignment = 64 : i64} : memref<?xi64>
// CHECK: scf.while
// CHECK: arith.constant 8 : index

// CHECK: func.func @top_p(
// CHECK-DAG: memref.alloca(%{{.*}}) {alignment = 64 : i64} : memref<?xf32>
// CHECK: arith.constant 8.000000e-01 : f64
// CHECK-NOT: memref<1x4x?x?xf32
// CHECK: func.func @full(

// CHECK: func.func @from_indices(
// CHECK-SAME: %[[STATUS:[a-z0-9]+]]: memref<4xi32, strided<[1]>>, %{{.*}}: index)
// CHECK: memref.atomic_rmw addi %{{.*}}, %[[STATUS]]
// CHECK: func.func @merge(

// LLVM: llvm.func @pool_packed
// LLVM: llvm.func @block_scores_packed
// LLVM: llvm.func @top_k_packed
// LLVM: llvm.func @top_p_packed
// LLVM: llvm.func @full_packed
// LLVM: llvm.func @from_indices_packed
// LLVM: llvm.func @merge_packed
