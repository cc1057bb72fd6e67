// RUN: pbs-opt %s --convert-pbs-to-cpu | FileCheck %s
// RUN: pbs-opt %s --pass-pipeline="builtin.module(convert-pbs-to-cpu,builtin.module(convert-pbs-cpu-to-llvm))" | FileCheck %s --check-prefix=LLVM

// 32 proxy rows of a head are one work item.
// CHECK: plan.kernel @proxy_stats
// CHECK-SAME: [{{.*}}s8, s9, s10, s11] -> ((s8 * s9) * (s10 ceildiv 32))>
plan.kernel @proxy_stats(%q: tensor<1x4x?x64xf16>, %k: tensor<1x2x?x64xf16>)
    -> tensor<1x2x64x2xf32> {
  %s = pbs.proxy_stats %q, %k
    {proxy = #pbs.last_rows<64>, sharing = #pbs.average_query}
    : (tensor<1x4x?x64xf16>, tensor<1x2x?x64xf16>) -> tensor<1x2x64x2xf32>
  plan.return %s : tensor<1x2x64x2xf32>
}

// A segment of a head is one work item.
// CHECK: plan.kernel @column_importance
// CHECK-SAME: -> ((s12 * s13) * (s14 ceildiv 512))>
plan.kernel @column_importance(%q: tensor<1x4x?x64xf32>,
    %k: tensor<1x2x?x64xf32>, %s: tensor<1x4x128x2xf32>) -> tensor<1x2x?xf32> {
  %i = pbs.column_importance %q, %k, %s {segment = 512 : i64}
    : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x4x128x2xf32>)
    -> tensor<1x2x?xf32>
  plan.return %i : tensor<1x2x?xf32>
}

// Scores in f64 from inputs of 16 bits.
// CHECK: func.func @proxy_stats(
// CHECK: arith.extf {{.*}} : vector<8xf16> to vector<8xf64>
// CHECK: vector.fma {{.*}} : vector<4xf64>
// CHECK: memref.store {{.*}} : memref<1x2x64x2xf32, strided<[?, ?, ?, 1]>>
// CHECK: func.func @column_importance(
// CHECK: vector.fma {{.*}} : vector<4xf64>
// CHECK: vector.reduction <add>, {{.*}} : vector<4xf64> into f64
// Keys outside complete segments.
// CHECK: } else {
// CHECK: memref.store %{{.*}} : memref<1x2x?xf32, strided<[?, ?, 1]>>

// LLVM: llvm.func @proxy_stats_packed
// LLVM: llvm.func @column_importance_packed
