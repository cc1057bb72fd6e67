// RUN: pbs-opt %s --convert-pbs-to-cpu | FileCheck %s
// RUN: pbs-opt %s --convert-pbs-to-cpu=vector-bits=512 | FileCheck %s --check-prefix=WIDE
// RUN: pbs-opt %s --pass-pipeline="builtin.module(convert-pbs-to-cpu,builtin.module(convert-pbs-cpu-to-llvm))" | FileCheck %s --check-prefix=LLVM

// One work item for each batch, query head and query block.
// CHECK: plan.kernel @dense
// CHECK-SAME: code = #plan.cpu_code<@cpu::@dense,
// CHECK-SAME: grid = ()[s0, s1, {{.*}}] -> ((s0 * s1) * (s2 ceildiv 128))>
plan.kernel @dense(%q: tensor<1x9x?x64xf32>, %k: tensor<1x3x?x64xf32>,
                   %v: tensor<1x3x?x64xf32>)
    -> (tensor<1x9x?x64xf32>, tensor<1x9x?xf32>) {
  %o, %lse = pbs.attention %q, %k, %v {causal}
    : (tensor<1x9x?x64xf32>, tensor<1x3x?x64xf32>, tensor<1x3x?x64xf32>)
    -> (tensor<1x9x?x64xf32>, tensor<1x9x?xf32>)
  plan.return %o, %lse : tensor<1x9x?x64xf32>, tensor<1x9x?xf32>
}

// CHECK: plan.kernel @sparse
// CHECK-SAME: -> ((s0 * s1) * (s2 ceildiv 64))>
plan.kernel @sparse(%q: tensor<?x4x?x72xbf16>, %k: tensor<?x2x?x72xbf16>,
                    %v: tensor<?x2x?x72xbf16>, %pos: tensor<?x2x?xi32>,
                    %ranges: tensor<?x2x?x2xi32>, %bits: tensor<?x4x?x?xi32>)
    -> tensor<?x4x?x72xbf16> {
  %kv = pbs.pack_kv %k, %v, %pos, %ranges
    : (tensor<?x2x?x72xbf16>, tensor<?x2x?x72xbf16>, tensor<?x2x?xi32>,
       tensor<?x2x?x2xi32>)
    -> !pbs.permuted_kv<?x2x?x72xbf16, block = 32, segment = 64>
  %list = pbs.pack_block_list %bits : (tensor<?x4x?x?xi32>)
    -> !pbs.block_list<?x4x?x?, block = 64x32, segment = 64, causal>
  %o, %lse = pbs.sparse_attention %q, %kv, %list {causal}
    : (tensor<?x4x?x72xbf16>,
       !pbs.permuted_kv<?x2x?x72xbf16, block = 32, segment = 64>,
       !pbs.block_list<?x4x?x?, block = 64x32, segment = 64, causal>)
    -> (tensor<?x4x?x72xbf16>, tensor<?x4x?xf32>)
  plan.return %o : tensor<?x4x?x72xbf16>
}

// CHECK: module @cpu
// Inner products of 4 keys with 16 rows; the scores never leave the tile.
// CHECK: func.func @dense(
// CHECK-SAME: memref<1x9x?x64xf32, strided<[?, ?, ?, 1]>>
// CHECK-SAME: memref<1x9x?xf32, strided<[?, ?, 1]>>
// CHECK-SAME: index)
// CHECK-DAG: memref.alloca() {alignment = 64 : i64} : memref<64x128xf32>
// CHECK-DAG: memref.alloca() {alignment = 64 : i64} : memref<128x16xf32>
// CHECK-NOT: memref.alloc(
// CHECK: scf.for
// CHECK-COUNT-8: vector.fma {{.*}} : vector<8xf32>
// CHECK: scf.yield

// Queries of 64 rows, keys of 32, positions and lists; no LSE is computed.
// CHECK: func.func @sparse(
// CHECK-DAG: memref.alloca() {alignment = 64 : i64} : memref<72x64xf32>
// CHECK-DAG: memref.alloca() {alignment = 64 : i64} : memref<32x16xf32>
// CHECK: arith.extf {{.*}} : vector<8xbf16> to vector<8xf32>
// CHECK: arith.truncf {{.*}} : vector<8xf32> to vector<8xbf16>
// CHECK: return

// WIDE: func.func @dense(
// WIDE: memref.alloca() {alignment = 64 : i64} : memref<128x32xf32>
// WIDE: vector.fma {{.*}} : vector<16xf32>

// The symbol that the runtime calls; no conversions are left to a library.
// LLVM: llvm.func internal @dense(
// LLVM: llvm.func @dense_packed(%[[SLOTS:.*]]: !llvm.ptr, %[[ITEM:.*]]: i64)
// LLVM: llvm.getelementptr %[[SLOTS]][0]
// LLVM: llvm.call @dense({{.*}}, %[[ITEM]])
// LLVM: llvm.func internal @sparse(
// LLVM-NOT: llvm.fptrunc {{.*}} vector<8xbf16>
// LLVM: llvm.func @sparse_packed
