// RUN: pbs-opt %s -pbs-expand -pbs-dense-alternative=below=4096 | FileCheck %s
// RUN: pbs-opt %s -pbs-expand -pbs-dense-alternative=below=4096 \
// RUN:   -remarks-filter='pbs-dense.*' -remark-policy=all 2>&1 \
// RUN:   | FileCheck %s -check-prefix=REMARK
// RUN: pbs-opt %s -pbs-expand -pbs-dense-alternative \
// RUN:   | FileCheck %s -check-prefix=OFF
// RUN: not pbs-opt %s -pbs-expand -pbs-dense-alternative=below=4096 \
// RUN:   -convert-pbs-to-plan -split-input-file 2>&1 | FileCheck %s -check-prefix=PLAN

!q = tensor<?x4x?x64xf32>
!k = tensor<?x2x?x64xf32>
!lse = tensor<?x4x?xf32>

// Without a length only the function that asks for it has an alternative.
// OFF-NOT: _dense(
// OFF: func.func @by_attribute_dense(
// OFF-NOT: _dense(

// REMARK: [Passed] DenseAlternative {{.*}}made an alternative with dense attention
// CHECK-DAG: #[[$SHORT:.*]] = affine_set<()[s0, s1, s2, s3, s4, s5] : (-s3 + 4095 >= 0)>
// CHECK-DAG: #[[$SHORTER:.*]] = affine_set<()[s0, s1, s2, s3, s4, s5] : (-s3 + 99 >= 0)>
// CHECK-LABEL: func.func @method
// CHECK: pbs.sparse_attention
// CHECK-LABEL: func.func @method_dense
// CHECK-SAME: %[[Q:[^:]*]]: {{[^%]*}}%[[K:[^:]*]]: {{[^%]*}}%[[V:[^:]*]]:
// CHECK-SAME: pbs.alternative_of = @method
// CHECK-SAME: pbs.guard = #[[$SHORT]]
// CHECK-NEXT: pbs.attention %[[Q]], %[[K]], %[[V]] {causal, scale = 5.000000e-01 : f64}
// CHECK-NEXT: return
// PLAN: plan.program @method(
// PLAN: plan.program @method_dense(
// PLAN-SAME: alternative_of = @method
// PLAN-SAME: guard = #{{.*}}
func.func @method(%q: !q, %k: !k, %v: !k) -> (!q, !lse) {
  %o, %lse = pbs.permuted_attention %q, %k, %v {causal, scale = 0.5}
    : (!q, !k, !k) -> (!q, !lse)
  return %o, %lse : !q, !lse
}

// CHECK-LABEL: func.func @by_attribute_dense
// CHECK-SAME: pbs.guard = #[[$SHORTER]]
func.func @by_attribute(%q: !q, %k: !k, %v: !k) -> !q
    attributes {pbs.dense_below = 100 : i64} {
  %o, %lse = pbs.permuted_attention %q, %k, %v {causal} : (!q, !k, !k) -> (!q, !lse)
  return %o : !q
}

// CHECK-LABEL: func.func @never
// CHECK-NOT: @never_dense
func.func @never(%q: !q, %k: !k, %v: !k) -> !q attributes {pbs.dense_below = 0 : i64} {
  %o, %lse = pbs.permuted_attention %q, %k, %v {causal} : (!q, !k, !k) -> (!q, !lse)
  return %o : !q
}

// The score region moves along.
// CHECK-LABEL: func.func @score_dense
// CHECK: pbs.attention
// CHECK: arith.mulf
func.func @score(%q: !q, %k: !k, %v: !k) -> !q {
  %o, %lse = pbs.permuted_attention %q, %k, %v {causal}
    score (%x, %b, %h, %p, %j) {
      %s = arith.mulf %x, %x : f32
      pbs.yield %s
    } : (!q, !k, !k) -> (!q, !lse)
  return %o : !q
}

// REMARK: [Passed] DenseAlternative {{.*}}attention became dense
// CHECK-LABEL: func.func @static_short
// CHECK-NOT: sparse
// CHECK: pbs.attention
// CHECK-NOT: func.func @static_short_dense
func.func @static_short(%q: tensor<1x4x1024x64xf32>, %k: tensor<1x2x1024x64xf32>)
    -> tensor<1x4x1024x64xf32> {
  %o, %lse = pbs.permuted_attention %q, %k, %k {causal}
    : (tensor<1x4x1024x64xf32>, tensor<1x2x1024x64xf32>, tensor<1x2x1024x64xf32>)
    -> (tensor<1x4x1024x64xf32>, tensor<1x4x1024xf32>)
  return %o : tensor<1x4x1024x64xf32>
}

// CHECK-LABEL: func.func @static_long
// CHECK: pbs.sparse_attention
// CHECK-NOT: func.func @static_long_dense
func.func @static_long(%q: tensor<1x4x4096x64xf32>, %k: tensor<1x2x4096x64xf32>)
    -> tensor<1x4x4096x64xf32> {
  %o, %lse = pbs.permuted_attention %q, %k, %k {causal}
    : (tensor<1x4x4096x64xf32>, tensor<1x2x4096x64xf32>, tensor<1x2x4096x64xf32>)
    -> (tensor<1x4x4096x64xf32>, tensor<1x4x4096xf32>)
  return %o : tensor<1x4x4096x64xf32>
}

!kv = !pbs.permuted_kv<?x2x?x64xf32, block = 128, segment = 256>
!list = !pbs.block_list<?x4x?x?, block = 128x128, segment = 256, causal>

// REMARK: [Missed] DenseAlternative {{.*}}results are returned that only the method computes
// CHECK-LABEL: func.func @returns_list
// CHECK-NOT: @returns_list_dense
func.func @returns_list(%q: !q, %k: !k) -> (!q, !list) {
  %kv = pbs.kv_from_positions %k, %k : (!k, !k) -> !kv
  %qp = pbs.pool %q : (!q) -> !q
  %kp = pbs.pool %k : (!k) -> !k
  %s = pbs.block_scores %qp, %kp : (!q, !k) -> tensor<?x4x?x?xf32>
  %list = pbs.select_blocks %s, %q, %kv : (tensor<?x4x?x?xf32>, !q, !kv) -> !list
  %o, %lse = pbs.sparse_attention %q, %kv, %list {causal} : (!q, !kv, !list) -> (!q, !lse)
  return %o, %list : !q, !list
}

// A list of the caller is not the method's.
// CHECK-LABEL: func.func @callers_list
// CHECK-NOT: @callers_list_dense
func.func @callers_list(%q: !q, %kv: !kv, %list: !list) -> !q {
  %o, %lse = pbs.sparse_attention %q, %kv, %list {causal} : (!q, !kv, !list) -> (!q, !lse)
  return %o : !q
}

// -----

// PLAN: expected 'pbs.alternative_of' to name a function and 'pbs.guard' to be a set, got {{.*}}
func.func @no_guard(%q: tensor<1x4x?x64xf32>) -> tensor<1x4x?x64xf32>
    attributes {pbs.alternative_of = @other} {
  %p = pbs.pool %q : (tensor<1x4x?x64xf32>) -> tensor<1x4x?x64xf32>
  return %p : tensor<1x4x?x64xf32>
}

// -----

// PLAN: expected 'pbs.guard' over 1 symbols, got affine_set<()[s0, s1] : (s1 >= 0)>
func.func @wrong_symbols(%q: tensor<1x4x?x64xf32>) -> tensor<1x4x?x64xf32>
    attributes {pbs.alternative_of = @other, pbs.guard = affine_set<()[s0, s1] : (s1 >= 0)>} {
  %p = pbs.pool %q : (tensor<1x4x?x64xf32>) -> tensor<1x4x?x64xf32>
  return %p : tensor<1x4x?x64xf32>
}
