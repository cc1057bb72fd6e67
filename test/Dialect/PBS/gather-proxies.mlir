// RUN: pbs-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(pbs-gather-proxies))' | FileCheck %s

// One gather for the rows of one proxy, whoever reads them.
// CHECK-LABEL: func.func @method
// CHECK-SAME: (%[[Q:.*]]: tensor<1x4x?x64xbf16>, %[[K:.*]]: tensor
// CHECK-NEXT: %[[ROWS:.*]] = pbs.gather_proxies %[[Q]] {proxy = #pbs.strided_rows<64>} : (tensor<1x4x?x64xbf16>) -> tensor<1x4x64x64xbf16>
// CHECK-NEXT: %[[STATS:.*]] = pbs.proxy_stats %[[Q]], %[[K]], %[[ROWS]]
// CHECK-NEXT: pbs.fused_permute_kv %[[Q]], %[[K]], %[[K]], %[[STATS]], %[[ROWS]]
// CHECK-NEXT: %[[OTHER:.*]] = pbs.split_proxy_stats %[[Q]], %[[K]] {splits
func.func @method(%q: tensor<1x4x?x64xbf16>, %k: tensor<1x2x?x64xbf16>)
    -> (tensor<1x2x?xf32>, tensor<1x8x128x2xf32>) {
  %st = pbs.proxy_stats %q, %k {proxy = #pbs.strided_rows<64>}
    : (tensor<1x4x?x64xbf16>, tensor<1x2x?x64xbf16>) -> tensor<1x4x64x2xf32>
  %kv, %kp, %i = pbs.fused_permute_kv %q, %k, %k, %st {proxy = #pbs.strided_rows<64>}
    : (tensor<1x4x?x64xbf16>, tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>, tensor<1x4x64x2xf32>)
    -> (!pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>, tensor<1x2x?x64xf32>, tensor<1x2x?xf32>)
  // The last rows lie one after the other.
  %last = pbs.split_proxy_stats %q, %k {splits = 2}
    : (tensor<1x4x?x64xbf16>, tensor<1x2x?x64xbf16>) -> tensor<1x8x128x2xf32>
  return %i, %last : tensor<1x2x?xf32>, tensor<1x8x128x2xf32>
}

// -----

// CHECK-LABEL: func.func @two_proxies
// CHECK-COUNT-2: pbs.gather_proxies
// CHECK: pbs.column_importance %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {proxy = #pbs.random_rows<32, seed = 4>}
func.func @two_proxies(%q: tensor<1x4x?x64xf16>, %k: tensor<1x2x?x64xf16>, %st: tensor<1x4x32x2xf32>)
    -> (tensor<1x2x?xf32>, tensor<1x4x32x2xf32>) {
  %i = pbs.column_importance %q, %k, %st {proxy = #pbs.random_rows<32, seed = 4>}
    : (tensor<1x4x?x64xf16>, tensor<1x2x?x64xf16>, tensor<1x4x32x2xf32>) -> tensor<1x2x?xf32>
  %other = pbs.proxy_stats %q, %k {proxy = #pbs.random_rows<32, seed = 5>}
    : (tensor<1x4x?x64xf16>, tensor<1x2x?x64xf16>) -> tensor<1x4x32x2xf32>
  return %i, %other : tensor<1x2x?xf32>, tensor<1x4x32x2xf32>
}
