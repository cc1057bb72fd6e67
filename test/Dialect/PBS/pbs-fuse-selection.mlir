// RUN: pbs-opt %s -pass-pipeline='builtin.module(func.func(pbs-fuse-selection))' \
// RUN:   | FileCheck %s
// RUN: pbs-opt %s -pass-pipeline='builtin.module(func.func(pbs-fuse-selection))' \
// RUN:   -remarks-filter='pbs-fuse.*' -remark-policy=all 2>&1 \
// RUN:   | FileCheck %s -check-prefix=REMARK

!q = tensor<1x4x?x64xf32>
!k = tensor<1x2x?x64xf32>
!scores = tensor<1x4x?x?xf32>
!kv = !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
!pos = tensor<1x2x?xi32>
!ranges = tensor<1x2x?x2xi32>
!list = !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>

// REMARK: [Passed] FuseSelection
// CHECK-LABEL: @all
// CHECK-SAME: %[[Q:[^:]*]]: {{[^%]*}}%[[KV:[^:]*]]:
// CHECK: %[[KP:.*]] = pbs.pool
// CHECK: %[[LIST:.*]], %{{.*}} = pbs.fused_select_blocks %[[Q]], %[[KP]], %[[KV]] {scale = 5.000000e-01 : f64, select = #pbs.top_k<3>}
// CHECK-NOT: pbs.block_scores
// CHECK: return %[[LIST]]
func.func @all(%q: !q, %kv: !kv) -> !list {
  %a, %b, %c, %d = pbs.unpack_kv %kv : (!kv) -> (!k, !k, !pos, !ranges)
  %qp = pbs.pool %q : (!q) -> !q
  %kp = pbs.pool %a : (!k) -> !k
  %s = pbs.block_scores %qp, %kp {scale = 0.5} : (!q, !k) -> !scores
  %list = pbs.select_blocks %s, %q, %kv {select = #pbs.top_k<3>}
    : (!scores, !q, !kv) -> !list
  return %list : !list
}

// REMARK: [Missed] FuseSelection {{.*}}the scores do not come from pbs.block_scores
// CHECK-LABEL: @callers_scores
// CHECK: pbs.select_blocks
func.func @callers_scores(%q: !q, %kv: !kv, %s: !scores) -> !list {
  %list = pbs.select_blocks %s, %q, %kv : (!scores, !q, !kv) -> !list
  return %list : !list
}

// REMARK: [Missed] FuseSelection {{.*}}the scores have other uses
// CHECK-LABEL: @scores_used
// CHECK: pbs.select_blocks
func.func @scores_used(%q: !q, %kv: !kv) -> (!list, !scores) {
  %a, %b, %c, %d = pbs.unpack_kv %kv : (!kv) -> (!k, !k, !pos, !ranges)
  %qp = pbs.pool %q : (!q) -> !q
  %kp = pbs.pool %a : (!k) -> !k
  %s = pbs.block_scores %qp, %kp : (!q, !k) -> !scores
  %list = pbs.select_blocks %s, %q, %kv : (!scores, !q, !kv) -> !list
  return %list, %s : !list, !scores
}

// REMARK: [Missed] FuseSelection {{.*}}the pooled queries do not come from pbs.pool
// CHECK-LABEL: @callers_pool
// CHECK: pbs.select_blocks
func.func @callers_pool(%q: !q, %qp: !q, %kp: !k, %kv: !kv) -> !list {
  %s = pbs.block_scores %qp, %kp : (!q, !k) -> !scores
  %list = pbs.select_blocks %s, %q, %kv : (!scores, !q, !kv) -> !list
  return %list : !list
}

// REMARK: [Missed] FuseSelection {{.*}}the pooled queries have other uses
// CHECK-LABEL: @pool_used
// CHECK: pbs.select_blocks
func.func @pool_used(%q: !q, %kp: !k, %kv: !kv) -> (!list, !q) {
  %qp = pbs.pool %q : (!q) -> !q
  %s = pbs.block_scores %qp, %kp : (!q, !k) -> !scores
  %list = pbs.select_blocks %s, %q, %kv : (!scores, !q, !kv) -> !list
  return %list, %qp : !list, !q
}

// REMARK: [Missed] FuseSelection {{.*}}the scores are those of other queries
// CHECK-LABEL: @other_queries
// CHECK: pbs.select_blocks
func.func @other_queries(%q: !q, %r: !q, %kp: !k, %kv: !kv) -> !list {
  %qp = pbs.pool %r : (!q) -> !q
  %s = pbs.block_scores %qp, %kp : (!q, !k) -> !scores
  %list = pbs.select_blocks %s, %q, %kv : (!scores, !q, !kv) -> !list
  return %list : !list
}

// REMARK: [Missed] FuseSelection {{.*}}the queries are pooled by another block than the list has
// CHECK-LABEL: @other_block
// CHECK: pbs.select_blocks
func.func @other_block(%q: !q, %kp: !k, %kv: !kv) -> !list {
  %qp = pbs.pool %q {block = 64} : (!q) -> !q
  %s = pbs.block_scores %qp, %kp : (!q, !k) -> !scores
  %list = pbs.select_blocks %s, %q, %kv : (!scores, !q, !kv) -> !list
  return %list : !list
}

// REMARK: [Missed] FuseSelection {{.*}}the pooled keys are not those of the listed keys by the same pool
// CHECK-LABEL: @other_keys
// CHECK: pbs.select_blocks
func.func @other_keys(%q: !q, %kp: !k, %kv: !kv) -> !list {
  %qp = pbs.pool %q : (!q) -> !q
  %s = pbs.block_scores %qp, %kp : (!q, !k) -> !scores
  %list = pbs.select_blocks %s, %q, %kv : (!scores, !q, !kv) -> !list
  return %list : !list
}
