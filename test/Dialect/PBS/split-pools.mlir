// RUN: pbs-opt %s -pass-pipeline='builtin.module(func.func(pbs-split-pools))' | FileCheck %s

// The scale stays that of the head dimension.
// CHECK-LABEL: func.func @scores
// CHECK-DAG: %[[Q:.*]] = pbs.split_pool %arg0 : (tensor<1x32x?x64xf32>) -> tensor<1x32x?x128xbf16>
// CHECK-DAG: %[[K:.*]] = pbs.split_pool %arg1
// CHECK: pbs.block_scores %[[Q]], %[[K]] {scale = 1.250000e-01 : f64}
func.func @scores(%qp: tensor<1x32x?x64xf32>, %kp: tensor<1x8x?x64xf32>)
    -> tensor<1x32x?x?xf32> {
  %s = pbs.block_scores %qp, %kp
    : (tensor<1x32x?x64xf32>, tensor<1x8x?x64xf32>) -> tensor<1x32x?x?xf32>
  return %s : tensor<1x32x?x?xf32>
}

// A pool of one use is split where it is made.
// CHECK-LABEL: func.func @one_use
// CHECK: %[[Q:.*]] = pbs.pool %arg0 : (tensor<1x32x300x64xbf16>) -> tensor<1x32x3x128xbf16>
// CHECK: %[[K:.*]] = pbs.pool %arg1 : (tensor<1x8x?x64xbf16>) -> tensor<1x8x?x128xbf16>
// CHECK: pbs.block_scores %[[Q]], %[[K]] {scale = 1.250000e-01 : f64}
func.func @one_use(%q: tensor<1x32x300x64xbf16>, %k: tensor<1x8x?x64xbf16>)
    -> tensor<1x32x3x?xf32> {
  %qp = pbs.pool %q : (tensor<1x32x300x64xbf16>) -> tensor<1x32x3x64xf32>
  %kp = pbs.pool %k : (tensor<1x8x?x64xbf16>) -> tensor<1x8x?x64xf32>
  %s = pbs.block_scores %qp, %kp
    : (tensor<1x32x3x64xf32>, tensor<1x8x?x64xf32>) -> tensor<1x32x3x?xf32>
  return %s : tensor<1x32x3x?xf32>
}

// A pool is split once; other uses keep it. Queries are pooled by a kernel of
// their own.
// CHECK-LABEL: func.func @select
// CHECK: %[[K:.*]] = pbs.split_pool %arg1
// CHECK-NOT: pbs.split_pool
// CHECK: %[[Q:.*]] = pbs.pool %arg0 : (tensor<1x32x?x128xbf16>) -> tensor<1x32x?x256xbf16>
// CHECK: pbs.fused_select_blocks %arg0, %[[K]], %arg2, %[[Q]]
// CHECK: %[[P:.*]] = pbs.pool %arg0
// CHECK: pbs.fused_select_blocks %arg0, %[[K]], %arg2, %[[P]]
func.func @select(%q: tensor<1x32x?x128xbf16>, %kp: tensor<1x8x?x128xf32>,
    %kv: !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>)
    -> (!pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>,
        !pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>) {
  %a, %s = pbs.fused_select_blocks %q, %kp, %kv
    : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xf32>,
       !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>)
    -> (!pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>,
        tensor<1x32x?x?xf32>)
  %b, %t = pbs.fused_select_blocks %q, %kp, %kv {select = #pbs.top_k<4>}
    : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xf32>,
       !pbs.permuted_kv<1x8x?x128xbf16, block = 128, segment = 256>)
    -> (!pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>,
        tensor<1x32x?x?xf32>)
  return %a, %b
    : !pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>,
      !pbs.block_list<1x32x?x?, block = 128x128, segment = 256, causal>
}
