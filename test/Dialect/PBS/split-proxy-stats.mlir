// RUN: pbs-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(pbs-split-proxy-stats))' | FileCheck %s
// RUN: pbs-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(pbs-split-proxy-stats{items=40 max-splits=8}))' | FileCheck %s --check-prefix=FEW
// RUN: not pbs-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(pbs-split-proxy-stats{items=0}))' 2>&1 | FileCheck %s --check-prefix=ZERO

// ZERO: expected 'items' and 'max-splits' to be positive, got 0 and 64

// As many parts as make 512 items of 32 heads.
// CHECK-LABEL: func.func @heads
// CHECK: %[[PARTS:.*]] = pbs.split_proxy_stats %{{.*}}, %{{.*}} {proxy = #pbs.last_rows<64>, scale = 5.000000e-01 : f64, segment = 512 : i64, splits = 16 : i64}
// CHECK-SAME: -> tensor<1x512x64x2xf32>
// CHECK: %[[STATS:.*]] = pbs.merge_stats %[[PARTS]] {splits = 16 : i64}
// CHECK: return %[[STATS]]
// FEW-LABEL: func.func @heads
// FEW: splits = 2
func.func @heads(%q: tensor<1x32x?x128xbf16>, %k: tensor<1x8x?x128xbf16>)
    -> tensor<1x32x64x2xf32> {
  %st = pbs.proxy_stats %q, %k
    {proxy = #pbs.last_rows<64>, scale = 0.5 : f64, segment = 512 : i64}
    : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>) -> tensor<1x32x64x2xf32>
  return %st : tensor<1x32x64x2xf32>
}

// -----

// A dynamic dimension counts as 1; there are at most 64 parts.
// CHECK-LABEL: func.func @dynamic
// CHECK: splits = 64 {{.*}} -> tensor<?x256x128x2xf32>
// FEW-LABEL: func.func @dynamic
// FEW: splits = 8
func.func @dynamic(%q: tensor<?x4x?x64xf16>, %k: tensor<?x1x?x64xf16>)
    -> tensor<?x4x128x2xf32> {
  %st = pbs.proxy_stats %q, %k
    : (tensor<?x4x?x64xf16>, tensor<?x1x?x64xf16>) -> tensor<?x4x128x2xf32>
  return %st : tensor<?x4x128x2xf32>
}

// -----

// Enough items without parts.
// CHECK-LABEL: func.func @enough
// CHECK: pbs.proxy_stats
func.func @enough(%q: tensor<16x32x?x128xbf16>, %k: tensor<16x8x?x128xbf16>)
    -> tensor<16x32x128x2xf32> {
  %st = pbs.proxy_stats %q, %k
    : (tensor<16x32x?x128xbf16>, tensor<16x8x?x128xbf16>)
    -> tensor<16x32x128x2xf32>
  return %st : tensor<16x32x128x2xf32>
}
