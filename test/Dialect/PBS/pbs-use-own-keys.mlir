// RUN: pbs-opt %s -pbs-expand -pbs-use-own-keys -split-input-file | FileCheck %s
// RUN: pbs-opt %s -pbs-expand -pbs-fuse-permutation -pbs-fuse-selection \
// RUN:   -pbs-use-own-keys -split-input-file | FileCheck %s -check-prefix=FUSED
// RUN: pbs-opt %s -pbs-expand -pbs-use-own-keys -pbs-use-own-keys \
// RUN:   -remarks-filter='pbs-use-own.*' -remark-policy=all -split-input-file 2>&1 \
// RUN:   | FileCheck %s -check-prefix=REMARK

!q = tensor<1x4x?x64xbf16>
!k = tensor<1x2x?x64xbf16>
!lse = tensor<1x4x?xf32>

// Keys and values as the caller has them.
// REMARK: [Passed] UseOwnKeys {{.*}}own segments are read in the order of positions
// CHECK-LABEL: func.func @method
// CHECK-SAME: %[[Q:[^:]*]]: {{[^%]*}}%[[K:[^:]*]]: {{[^%]*}}%[[V:[^:]*]]:
// CHECK: %[[KV:.*]] = pbs.permute_kv %[[K]], %[[V]]
// CHECK: pbs.sparse_attention %[[Q]], %[[KV]], %{{.*}}, %[[K]], %[[V]] {causal}
// FUSED-LABEL: func.func @method
// FUSED-SAME: %[[Q:[^:]*]]: {{[^%]*}}%[[K:[^:]*]]: {{[^%]*}}%[[V:[^:]*]]:
// FUSED: %[[KV:[^,]*]], %{{.*}} = pbs.fused_permute_kv
// FUSED: pbs.sparse_attention %[[Q]], %[[KV]], %{{.*}}, %[[K]], %[[V]] {causal}
func.func @method(%q: !q, %k: !k, %v: !k) -> !q {
  %o, %lse = pbs.permuted_attention %q, %k, %v {causal} : (!q, !k, !k) -> (!q, !lse)
  return %o : !q
}

// -----

!q = tensor<1x4x?x64xbf16>
!k = tensor<1x2x?x64xbf16>
!lse = tensor<1x4x?xf32>

// Keys that were never moved, too.
// REMARK: [Passed] UseOwnKeys
// CHECK-LABEL: func.func @unpermuted
// CHECK-SAME: %[[Q:[^:]*]]: {{[^%]*}}%[[K:[^:]*]]: {{[^%]*}}%[[V:[^:]*]]:
// CHECK: pbs.sparse_attention %[[Q]], %{{.*}}, %{{.*}}, %[[K]], %[[V]] {causal}
func.func @unpermuted(%q: !q, %k: !k, %v: !k) -> !q {
  %o, %lse = pbs.permuted_attention %q, %k, %v {causal, unpermuted}
    : (!q, !k, !k) -> (!q, !lse)
  return %o : !q
}

// -----

!q = tensor<1x4x?x64xbf16>
!k = tensor<1x2x?x64xbf16>
!lse = tensor<1x4x?xf32>

// A region that sees the row, but not the key.
// REMARK: [Passed] UseOwnKeys
// CHECK-LABEL: func.func @row_score
// CHECK-SAME: %[[Q:[^:]*]]: {{[^%]*}}%[[K:[^:]*]]: {{[^%]*}}%[[V:[^:]*]]:
// CHECK: pbs.sparse_attention %[[Q]], %{{.*}}, %{{.*}}, %[[K]], %[[V]] {causal}
func.func @row_score(%q: !q, %k: !k, %v: !k) -> !q {
  %o, %lse = pbs.permuted_attention %q, %k, %v {causal}
    score (%x, %b, %h, %i, %j) {
      %f = arith.sitofp %i : i32 to f32
      %y = arith.addf %x, %f : f32
      pbs.yield %y
    } : (!q, !k, !k) -> (!q, !lse)
  return %o : !q
}

// -----

!q = tensor<1x4x?x64xbf16>
!k = tensor<1x2x?x64xbf16>
!lse = tensor<1x4x?xf32>

// REMARK: [Missed] UseOwnKeys {{.*}}scores see the position of the key
// CHECK-LABEL: func.func @key_score
// CHECK: pbs.sparse_attention %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}} {causal}
func.func @key_score(%q: !q, %k: !k, %v: !k) -> !q {
  %o, %lse = pbs.permuted_attention %q, %k, %v {causal}
    score (%x, %b, %h, %i, %j) {
      %f = arith.sitofp %j : i32 to f32
      %y = arith.addf %x, %f : f32
      pbs.yield %y
    } : (!q, !k, !k) -> (!q, !lse)
  return %o : !q
}

// -----

!q = tensor<1x4x?x64xbf16>
!k = tensor<1x2x?x64xbf16>
!lse = tensor<1x4x?xf32>

// REMARK: [Missed] UseOwnKeys {{.*}}without a mask listed blocks are whole
// CHECK-LABEL: func.func @not_causal
// CHECK: pbs.sparse_attention %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}} :
func.func @not_causal(%q: !q, %k: !k, %v: !k) -> !q {
  %o, %lse = pbs.permuted_attention %q, %k, %v : (!q, !k, !k) -> (!q, !lse)
  return %o : !q
}

// -----

!q = tensor<1x4x?x64xbf16>
!k = tensor<1x2x?x64xbf16>
!lse = tensor<1x4x?xf32>

// REMARK: [Missed] UseOwnKeys {{.*}}keys are permuted for each query head
// CHECK-LABEL: func.func @per_query_head
// CHECK: pbs.sparse_attention %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}} {causal}
func.func @per_query_head(%q: !q, %k: !k, %v: !k) -> !q {
  %o, %lse = pbs.permuted_attention %q, %k, %v {causal, sharing = #pbs.per_query_head}
    : (!q, !k, !k) -> (!q, !lse)
  return %o : !q
}

// -----

!q = tensor<1x4x?x64xbf16>
!k = tensor<1x2x?x64xbf16>
!kv = !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>
!list = !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
!lse = tensor<1x4x?xf32>

// REMARK: [Missed] UseOwnKeys {{.*}}the list may leave out blocks of own segments
// CHECK-LABEL: func.func @list_of_the_caller
// CHECK: pbs.sparse_attention %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}} {causal}
func.func @list_of_the_caller(%q: !q, %k: !k, %v: !k, %list: !list) -> !q {
  %kv = pbs.kv_from_positions %k, %v : (!k, !k) -> !kv
  %o, %lse = pbs.sparse_attention %q, %kv, %list {causal}
    : (!q, !kv, !list) -> (!q, !lse)
  return %o : !q
}

// -----

!q = tensor<1x4x?x64xbf16>
!kv = !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>
!list = !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
!lse = tensor<1x4x?xf32>

// REMARK: [Missed] UseOwnKeys {{.*}}the keys at their positions are not known
// CHECK-LABEL: func.func @keys_of_the_caller
// CHECK: pbs.sparse_attention %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}} {causal}
func.func @keys_of_the_caller(%q: !q, %kv: !kv, %scores: tensor<1x4x?x?xf32>) -> !q {
  %list = pbs.select_blocks %scores, %q, %kv : (tensor<1x4x?x?xf32>, !q, !kv) -> !list
  %o, %lse = pbs.sparse_attention %q, %kv, %list {causal}
    : (!q, !kv, !list) -> (!q, !lse)
  return %o : !q
}

// -----

!q = tensor<1x4x?x64xbf16>
!k = tensor<1x?x?x64xbf16>
!lse = tensor<1x4x?xf32>

// They might be permuted for each query head.
// REMARK: [Missed] UseOwnKeys {{.*}}the number of KV heads is not static
// CHECK-LABEL: func.func @any_heads
// CHECK: pbs.sparse_attention %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}} {causal}
func.func @any_heads(%q: !q, %k: !k, %v: !k) -> !q {
  %o, %lse = pbs.permuted_attention %q, %k, %v {causal} : (!q, !k, !k) -> (!q, !lse)
  return %o : !q
}
