// RUN: pbs-opt %s -canonicalize -split-input-file | FileCheck %s

// The local laws: one function for each, and one where it must not be applied.

!k = tensor<1x2x?x64xf32>
!perm = !pbs.permutation<1x2x?, segment = 256>

// CHECK-LABEL: @compose_identity_left
// CHECK-SAME: %{{.*}}: tensor<{{.*}}>, %[[P:.*]]: !pbs.permutation
// CHECK-NEXT: return %[[P]]
func.func @compose_identity_left(%k: !k, %p: !perm) -> !perm {
  %i = pbs.identity_permutation %k : (!k) -> !perm
  %c = pbs.compose %i, %p : (!perm, !perm) -> !perm
  return %c : !perm
}

// CHECK-LABEL: @compose_identity_right
// CHECK-SAME: %{{.*}}: tensor<{{.*}}>, %[[P:.*]]: !pbs.permutation
// CHECK-NEXT: return %[[P]]
func.func @compose_identity_right(%k: !k, %p: !perm) -> !perm {
  %i = pbs.identity_permutation %k : (!k) -> !perm
  %c = pbs.compose %p, %i : (!perm, !perm) -> !perm
  return %c : !perm
}

// CHECK-LABEL: @permute_identity
// CHECK-SAME: %[[K:.*]]: tensor
// CHECK-NEXT: return %[[K]]
func.func @permute_identity(%k: !k) -> !k {
  %i = pbs.identity_permutation %k : (!k) -> !perm
  %r = pbs.permute %k, %i : (!k, !perm) -> !k
  return %r : !k
}

// CHECK-LABEL: @permute_twice
// CHECK-SAME: %[[K:.*]]: tensor<{{.*}}>, %[[P:.*]]: !pbs.permutation<{{.*}}>, %[[R:.*]]: !pbs.permutation
// CHECK-NEXT: %[[C:.*]] = pbs.compose %[[P]], %[[R]]
// CHECK-NEXT: pbs.permute %[[K]], %[[C]]
func.func @permute_twice(%k: !k, %p: !perm, %r: !perm) -> !k {
  %a = pbs.permute %k, %p : (!k, !perm) -> !k
  %b = pbs.permute %a, %r : (!k, !perm) -> !k
  return %b : !k
}

// -----

!k = tensor<1x2x?x64xf32>
!perm = !pbs.permutation<1x2x?, segment = 256>
!kv = !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>

// CHECK-LABEL: @permute_kv_identity
// CHECK-SAME: %[[K:.*]]: tensor<{{.*}}>, %[[V:.*]]: tensor
// CHECK-NEXT: pbs.kv_from_positions %[[K]], %[[V]] :
func.func @permute_kv_identity(%k: !k, %v: !k) -> !kv {
  %i = pbs.identity_permutation %k : (!k) -> !perm
  %kv = pbs.permute_kv %k, %v, %i : (!k, !k, !perm) -> !kv
  return %kv : !kv
}

// -----

!q = tensor<1x4x?x64xf32>
!k = tensor<1x2x?x64xf32>
!lse = tensor<1x4x?xf32>
!perm = !pbs.permutation<1x2x?, segment = 256>

// CHECK-LABEL: @attention_of_permuted
// CHECK-SAME: %[[Q:.*]]: tensor<{{.*}}>, %[[K:.*]]: tensor<{{.*}}>, %[[V:.*]]: tensor<{{.*}}>, %[[P:.*]]: !pbs
// CHECK-NEXT: pbs.attention %[[Q]], %[[K]], %[[V]] :
func.func @attention_of_permuted(%q: !q, %k: !k, %v: !k, %p: !perm) -> !q {
  %kp = pbs.permute %k, %p : (!k, !perm) -> !k
  %vp = pbs.permute %v, %p : (!k, !perm) -> !k
  %o, %lse = pbs.attention %q, %kp, %vp : (!q, !k, !k) -> (!q, !lse)
  return %o : !q
}

// Causality goes by position, which the permutation changes.
// CHECK-LABEL: @causal_attention_of_permuted
// CHECK-COUNT-2: pbs.permute
// CHECK: pbs.attention
func.func @causal_attention_of_permuted(%q: !q, %k: !k, %v: !k, %p: !perm)
    -> !q {
  %kp = pbs.permute %k, %p : (!k, !perm) -> !k
  %vp = pbs.permute %v, %p : (!k, !perm) -> !k
  %o, %lse = pbs.attention %q, %kp, %vp {causal} : (!q, !k, !k) -> (!q, !lse)
  return %o : !q
}

// CHECK-LABEL: @attention_of_keys_permuted_alone
// CHECK: pbs.permute
// CHECK: pbs.attention
func.func @attention_of_keys_permuted_alone(%q: !q, %k: !k, %v: !k, %p: !perm)
    -> !q {
  %kp = pbs.permute %k, %p : (!k, !perm) -> !k
  %o, %lse = pbs.attention %q, %kp, %v : (!q, !k, !k) -> (!q, !lse)
  return %o : !q
}

// -----

!k = tensor<1x2x?x64xf32>
!perm = !pbs.permutation<1x2x?, segment = 128>

// CHECK-LABEL: @pool_of_permuted_inside_blocks
// CHECK-SAME: %[[K:.*]]: tensor
// CHECK-NEXT: pbs.pool %[[K]] {block = 256
func.func @pool_of_permuted_inside_blocks(%k: !k, %p: !perm) -> !k {
  %kp = pbs.permute %k, %p : (!k, !perm) -> !k
  %r = pbs.pool %kp {block = 256} : (!k) -> !k
  return %r : !k
}

// CHECK-LABEL: @pool_of_permuted_across_blocks
// CHECK: pbs.permute
func.func @pool_of_permuted_across_blocks(%k: !k, %p: !perm) -> !k {
  %kp = pbs.permute %k, %p : (!k, !perm) -> !k
  %r = pbs.pool %kp {block = 64} : (!k) -> !k
  return %r : !k
}

// -----

!q = tensor<1x4x?x64xf32>
!k = tensor<1x2x?x64xf32>
!lse = tensor<1x4x?xf32>
!perm = !pbs.permutation<1x2x?, segment = 256>
!kv = !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
!list = !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>

// CHECK-LABEL: @full_list
// CHECK-SAME: %[[Q:.*]]: tensor<{{.*}}>, %[[K:.*]]: tensor<{{.*}}>, %[[V:.*]]: tensor<{{.*}}>, %[[P:.*]]: !pbs
// CHECK-NEXT: pbs.attention %[[Q]], %[[K]], %[[V]] {causal, scale = 5.000000e-01 : f64}
func.func @full_list(%q: !q, %k: !k, %v: !k, %p: !perm) -> !q {
  %kv = pbs.permute_kv %k, %v, %p : (!k, !k, !perm) -> !kv
  %list = pbs.full_block_list %q, %kv : (!q, !kv) -> !list
  %o, %lse = pbs.sparse_attention %q, %kv, %list {causal, scale = 0.5}
    : (!q, !kv, !list) -> (!q, !lse)
  return %o : !q
}

// The caller's positions may hide keys, so the list is not all there is.
// CHECK-LABEL: @full_list_of_positions
// CHECK: pbs.sparse_attention
func.func @full_list_of_positions(%q: !q, %k: !k, %v: !k,
                                  %pos: tensor<1x2x?xi32>) -> !q {
  %kv = pbs.kv_from_positions %k, %v, %pos : (!k, !k, tensor<1x2x?xi32>) -> !kv
  %list = pbs.full_block_list %q, %kv : (!q, !kv) -> !list
  %o, %lse = pbs.sparse_attention %q, %kv, %list {causal}
    : (!q, !kv, !list) -> (!q, !lse)
  return %o : !q
}

// -----

!kv = !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
!k = tensor<1x2x?x64xf32>
!pos = tensor<1x2x?xi32>
!ranges = tensor<1x2x?x2xi32>

// CHECK-LABEL: @unpack_packed
// CHECK-SAME: %[[K:.*]]: tensor<{{.*}}>, %[[V:.*]]: tensor<{{.*}}>, %[[P:.*]]: tensor<{{.*}}>, %[[R:.*]]: tensor
// CHECK-NEXT: return %[[V]], %[[R]]
func.func @unpack_packed(%k: !k, %v: !k, %p: !pos, %r: !ranges)
    -> (!k, !ranges) {
  %kv = pbs.pack_kv %k, %v, %p, %r : (!k, !k, !pos, !ranges) -> !kv
  %a, %b, %c, %d = pbs.unpack_kv %kv : (!kv) -> (!k, !k, !pos, !ranges)
  return %b, %d : !k, !ranges
}

// -----

// Only positions are asked for: keys and values stay where they are.
// CHECK-LABEL: func @positions_of_permuted
// CHECK-SAME: %[[P:[a-z0-9]+]]: !pbs.permutation
// CHECK-NEXT: %[[POS:.*]] = pbs.unpack_permutation %[[P]]
// CHECK-NEXT: return %[[POS]]
func.func @positions_of_permuted(%k: tensor<1x2x?x64xf32>,
                                 %p: !pbs.permutation<1x2x?, segment = 256>)
    -> tensor<1x2x?xi32> {
  %kv = pbs.permute_kv %k, %k, %p
    : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>,
       !pbs.permutation<1x2x?, segment = 256>)
    -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
  %key, %value, %pos, %ranges = pbs.unpack_kv %kv
    : (!pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
    -> (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?xi32>,
        tensor<1x2x?x2xi32>)
  return %pos : tensor<1x2x?xi32>
}
