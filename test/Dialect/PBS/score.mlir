// RUN: pbs-opt %s -canonicalize -cse -verify-roundtrip | FileCheck %s
// RUN: pbs-opt %s -pbs-expand -canonicalize | FileCheck %s --check-prefix=EXPAND

!q = tensor<1x2x?x64xf32>
!kv = !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
!list = !pbs.block_list<1x2x?x?, block = 128x128, segment = 256>

// Constants stay inside: a plan could not hold them.

// CHECK-LABEL: func.func @keeps_constants
// CHECK-NEXT: pbs.attention
// CHECK-SAME: score (%[[X:.*]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) {
// CHECK-NEXT: arith.constant 2.0
// CHECK-NEXT: %[[Y:.*]] = arith.mulf %[[X]]
// CHECK-NEXT: pbs.yield %[[Y]]
func.func @keeps_constants(%q: !q) -> !q {
  %o, %lse = pbs.attention %q, %q, %q {causal}
    score (%x, %b, %h, %p, %j) {
      %c = arith.constant 2.0 : f32
      %y = arith.mulf %x, %c : f32
      pbs.yield %y
    } : (!q, !q, !q) -> (!q, tensor<1x2x?xf32>)
  return %o : !q
}

// Equal ops with different regions are not merged.

// CHECK-LABEL: func.func @keeps_apart
// CHECK-COUNT-2: pbs.attention
// CHECK-NOT: pbs.attention
func.func @keeps_apart(%q: !q) -> (!q, !q) {
  %o0, %lse0 = pbs.attention %q, %q, %q {causal}
    score (%x, %b, %h, %p, %j) {
      %y = arith.negf %x : f32
      pbs.yield %y
    } : (!q, !q, !q) -> (!q, tensor<1x2x?xf32>)
  %o1, %lse1 = pbs.attention %q, %q, %q {causal}
    score (%x, %b, %h, %p, %j) {
      %y = arith.addf %x, %x : f32
      pbs.yield %y
    } : (!q, !q, !q) -> (!q, tensor<1x2x?xf32>)
  %o2, %lse2 = pbs.attention %q, %q, %q {causal}
    score (%x, %b, %h, %p, %j) {
      %y = arith.addf %x, %x : f32
      pbs.yield %y
    } : (!q, !q, !q) -> (!q, tensor<1x2x?xf32>)
  %o3, %lse3 = pbs.merge %o1, %lse1, %o2, %lse2
    : (!q, tensor<1x2x?xf32>, !q, tensor<1x2x?xf32>) -> (!q, tensor<1x2x?xf32>)
  return %o0, %o3 : !q, !q
}

// A region that changes nothing goes.

// CHECK-LABEL: func.func @drops_identity
// CHECK-NEXT: pbs.attention
// CHECK-NOT: score
// CHECK: return
func.func @drops_identity(%q: !q) -> !q {
  %o, %lse = pbs.attention %q, %q, %q {causal}
    score (%x, %b, %h, %p, %j) {
      %zero = arith.constant 0 : i32
      %j1 = arith.addi %j, %zero : i32
      pbs.yield %x
    } : (!q, !q, !q) -> (!q, tensor<1x2x?xf32>)
  return %o : !q
}

// Scores go by position, which a permutation of keys changes.

// CHECK-LABEL: func.func @keeps_permutation
// CHECK: pbs.permute %
// CHECK: pbs.attention
func.func @keeps_permutation(%q: !q,
                             %perm: !pbs.permutation<1x2x?, segment = 256>)
    -> !q {
  %k = pbs.permute %q, %perm
    : (!q, !pbs.permutation<1x2x?, segment = 256>) -> !q
  %v = pbs.permute %q, %perm
    : (!q, !pbs.permutation<1x2x?, segment = 256>) -> !q
  %o, %lse = pbs.attention %q, %k, %v
    score (%x, %b, %h, %p, %j) {
      %d = arith.sitofp %j : i32 to f32
      %y = arith.addf %x, %d : f32
      pbs.yield %y
    } : (!q, !q, !q) -> (!q, tensor<1x2x?xf32>)
  return %o : !q
}

// The region sees original positions, so it moves with a full list.

// CHECK-LABEL: func.func @full_list
// CHECK-NEXT: pbs.attention
// CHECK-SAME: score (
// CHECK: pbs.yield
func.func @full_list(%q: !q) -> !q {
  %kv = pbs.kv_from_positions %q, %q : (!q, !q) -> !kv
  %list = pbs.full_block_list %q, %kv : (!q, !kv) -> !list
  %o, %lse = pbs.sparse_attention %q, %kv, %list
    score (%x, %b, %h, %p, %j) {
      %y = arith.negf %x : f32
      pbs.yield %y
    } : (!q, !kv, !list) -> (!q, tensor<1x2x?xf32>)
  return %o : !q
}

// The region acts in attention only.

// EXPAND-LABEL: func.func @expanded
// EXPAND-NOT: score (
// EXPAND: pbs.sparse_attention
// EXPAND-SAME: score (
// EXPAND-NEXT: arith.negf
func.func @expanded(%q: !q) -> !q {
  %o, %lse = pbs.permuted_attention %q, %q, %q {causal}
    score (%x, %b, %h, %p, %j) {
      %y = arith.negf %x : f32
      pbs.yield %y
    } : (!q, !q, !q) -> (!q, tensor<1x2x?xf32>)
  return %o : !q
}
