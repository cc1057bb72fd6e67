// RUN: pbs-opt %s -pbs-expand -pbs-order-rows -split-input-file | FileCheck %s
// RUN: pbs-opt %s -pbs-expand -pbs-fuse-permutation -pbs-fuse-selection \
// RUN:   -pbs-use-own-keys -pbs-order-rows=least-keys=300 -split-input-file \
// RUN:   | FileCheck %s -check-prefix=FUSED
// RUN: pbs-opt %s -pbs-expand -pbs-order-rows -pbs-use-own-keys -pbs-order-rows \
// RUN:   -split-input-file | FileCheck %s -check-prefix=BEFORE
// RUN: pbs-opt %s -pbs-expand -pbs-order-rows -pbs-order-rows \
// RUN:   -remarks-filter='pbs-order-rows' -remark-policy=all -split-input-file 2>&1 \
// RUN:   | FileCheck %s -check-prefix=REMARK
// RUN: not pbs-opt %s -pbs-expand -pbs-order-rows=least-keys=0 -split-input-file 2>&1 \
// RUN:   | FileCheck %s -check-prefix=LEAST

!q = tensor<1x4x?x128xbf16>
!k = tensor<1x2x?x128xbf16>
!lse = tensor<1x4x?xf32>

// A key and its value have 512 bytes; 32 MiB of the cache are counted on.
// LEAST: error: expected 'least-keys' of 1 or more, or -1 to choose, got 0
// REMARK: [Passed] OrderRows {{.*}}query blocks have an order from 65536 keys on
// CHECK-LABEL: func.func @method
// CHECK-SAME: %[[Q:[^:]*]]:
// CHECK: %[[KV:.*]] = pbs.permute_kv
// CHECK: %[[LIST:.*]] = pbs.select_blocks
// CHECK: %[[ORDER:.*]] = pbs.order_rows %[[Q]], %[[KV]], %[[LIST]] {least_keys = 65536 : i64}
// CHECK: pbs.sparse_attention %[[Q]], %[[KV]], %[[LIST]], %[[ORDER]] {causal}
// FUSED-LABEL: func.func @method
// FUSED-SAME: %[[Q:[^:]*]]: {{[^%]*}}%[[K:[^:]*]]: {{[^%]*}}%[[V:[^:]*]]:
// FUSED: %[[ORDER:.*]] = pbs.order_rows {{.*}} {least_keys = 300 : i64}
// FUSED: pbs.sparse_attention %[[Q]], %{{.*}}, %{{.*}}, %[[K]], %[[V]], %[[ORDER]] {causal}
// BEFORE-LABEL: func.func @method
// BEFORE-SAME: %[[Q:[^:]*]]: {{[^%]*}}%[[K:[^:]*]]: {{[^%]*}}%[[V:[^:]*]]:
// BEFORE: %[[ORDER:.*]] = pbs.order_rows
// BEFORE-NOT: pbs.order_rows
// BEFORE: pbs.sparse_attention %[[Q]], %{{.*}}, %{{.*}}, %[[K]], %[[V]], %[[ORDER]] {causal}
func.func @method(%q: !q, %k: !k, %v: !k) -> !q {
  %o, %lse = pbs.permuted_attention %q, %k, %v {causal} : (!q, !k, !k) -> (!q, !lse)
  return %o : !q
}

// -----

!q = tensor<?x?x?x64xbf16>
!k = tensor<?x?x?x64xbf16>
!lse = tensor<?x?x?xf32>

// Heads need not be known, nor is there a mask.
// REMARK: [Passed] OrderRows {{.*}}query blocks have an order from 131072 keys on
// CHECK-LABEL: func.func @dynamic
// CHECK: pbs.order_rows
func.func @dynamic(%q: !q, %k: !k, %v: !k) -> !q {
  %o, %lse = pbs.permuted_attention %q, %k, %v : (!q, !k, !k) -> (!q, !lse)
  return %o : !q
}

// -----

!q = tensor<1x4x?x64xbf16>
!k = tensor<1x2x?x64xbf16>
!kv = !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>
!list = !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>

// REMARK: [Missed] OrderRows {{.*}}Reason="the list comes from elsewhere"
// CHECK-LABEL: func.func @given
// CHECK-NOT: pbs.order_rows
func.func @given(%q: !q, %kv: !kv, %list: !list) -> !q {
  %o, %lse = pbs.sparse_attention %q, %kv, %list {causal}
    : (!q, !kv, !list) -> (!q, tensor<1x4x?xf32>)
  return %o : !q
}

// -----

!q = tensor<1x4x?x0xbf16>
!k = tensor<1x2x?x0xbf16>

// Heads without elements are refused later, by what writes code.
// REMARK: [Passed] OrderRows {{.*}}query blocks have an order from 33554432 keys on
// CHECK-LABEL: func.func @no_elements
// CHECK: pbs.order_rows {{.*}} {least_keys = 33554432 : i64}
func.func @no_elements(%q: !q, %k: !k, %v: !k) -> !q {
  %o, %lse = pbs.permuted_attention %q, %k, %v : (!q, !k, !k) -> (!q, tensor<1x4x?xf32>)
  return %o : !q
}
