// RUN: pbs-opt %s -split-input-file \
// RUN:   -pass-pipeline='builtin.module(func.func(pbs-fuse-permutation))' \
// RUN:   | FileCheck %s
// RUN: pbs-opt %s -split-input-file \
// RUN:   -pass-pipeline='builtin.module(func.func(pbs-fuse-permutation))' \
// RUN:   -remarks-filter='pbs-fuse.*' -remark-policy=all 2>&1 \
// RUN:   | FileCheck %s -check-prefix=REMARK

!q = tensor<1x4x?x64xf32>
!k = tensor<1x2x?x64xf32>
!stats = tensor<1x4x128x2xf32>
!importance = tensor<1x2x?xf32>
!perm = !pbs.permutation<1x2x?, segment = 256>
!kv = !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
!pos = tensor<1x2x?xi32>
!ranges = tensor<1x2x?x2xi32>

// REMARK: [Passed] FusePermutation {{.*}}pools=1
// CHECK-LABEL: @all
// CHECK-SAME: %[[Q:[^:]*]]: {{[^%]*}}%[[K:[^:]*]]: {{[^%]*}}%[[V:[^:]*]]: {{[^%]*}}%[[S:[^:]*]]:
// CHECK-NEXT: %[[KV:.*]], %[[KP:.*]], %[[I:.*]] = pbs.fused_permute_kv %[[Q]], %[[K]], %[[V]], %[[S]] {scale = 5.000000e-01 : f64}
// CHECK-NOT: pbs.pool
// CHECK: %[[POS:.*]] = pbs.unpack_kv
// CHECK: return %[[KV]], %[[KP]], %[[I]]
func.func @all(%q: !q, %k: !k, %v: !k, %stats: !stats)
    -> (!kv, !k, !importance, !pos) {
  %importance = pbs.column_importance %q, %k, %stats {scale = 0.5}
    : (!q, !k, !stats) -> !importance
  %perm = pbs.sort_segments %importance : (!importance) -> !perm
  %positions = pbs.unpack_permutation %perm : (!perm) -> !pos
  %kv = pbs.permute_kv %k, %v, %perm : (!k, !k, !perm) -> !kv
  %a, %b, %c, %d = pbs.unpack_kv %kv : (!kv) -> (!k, !k, !pos, !ranges)
  %pool = pbs.pool %a : (!k) -> !k
  return %kv, %pool, %importance, %positions : !kv, !k, !importance, !pos
}

// REMARK: [Missed] FusePermutation {{.*}}the pool has block 256, the keys have 128
// REMARK: [Passed] FusePermutation {{.*}}pools=0
// CHECK-LABEL: @other_block
// CHECK: pbs.fused_permute_kv
// CHECK: pbs.pool %{{.*}} {block = 256
func.func @other_block(%q: !q, %k: !k, %v: !k, %stats: !stats) -> (!kv, !k) {
  %importance = pbs.column_importance %q, %k, %stats
    : (!q, !k, !stats) -> !importance
  %perm = pbs.sort_segments %importance : (!importance) -> !perm
  %kv = pbs.permute_kv %k, %v, %perm : (!k, !k, !perm) -> !kv
  %a, %b, %c, %d = pbs.unpack_kv %kv : (!kv) -> (!k, !k, !pos, !ranges)
  %pool = pbs.pool %a {block = 256} : (!k) -> !k
  return %kv, %pool : !kv, !k
}

// REMARK: [Missed] FusePermutation {{.*}}the permutation does not come from pbs.sort_segments
// CHECK-LABEL: @callers_permutation
// CHECK: pbs.permute_kv
func.func @callers_permutation(%k: !k, %v: !k, %perm: !perm) -> !kv {
  %kv = pbs.permute_kv %k, %v, %perm : (!k, !k, !perm) -> !kv
  return %kv : !kv
}

// REMARK: [Missed] FusePermutation {{.*}}the importance does not come from pbs.column_importance
// CHECK-LABEL: @callers_importance
// CHECK: pbs.permute_kv
func.func @callers_importance(%k: !k, %v: !k, %importance: !importance) -> !kv {
  %perm = pbs.sort_segments %importance : (!importance) -> !perm
  %kv = pbs.permute_kv %k, %v, %perm : (!k, !k, !perm) -> !kv
  return %kv : !kv
}

// REMARK: [Missed] FusePermutation {{.*}}the importance is that of other keys
// CHECK-LABEL: @other_keys
// CHECK: pbs.permute_kv
func.func @other_keys(%q: !q, %k: !k, %v: !k, %stats: !stats) -> !kv {
  %importance = pbs.column_importance %q, %v, %stats
    : (!q, !k, !stats) -> !importance
  %perm = pbs.sort_segments %importance : (!importance) -> !perm
  %kv = pbs.permute_kv %k, %v, %perm : (!k, !k, !perm) -> !kv
  return %kv : !kv
}

// REMARK: [Missed] FusePermutation {{.*}}the importance is that of other segments
// CHECK-LABEL: @other_segment
// CHECK: pbs.permute_kv
func.func @other_segment(%q: !q, %k: !k, %v: !k, %stats: !stats) -> !kv {
  %importance = pbs.column_importance %q, %k, %stats {segment = 512}
    : (!q, !k, !stats) -> !importance
  %perm = pbs.sort_segments %importance : (!importance) -> !perm
  %kv = pbs.permute_kv %k, %v, %perm : (!k, !k, !perm) -> !kv
  return %kv : !kv
}

// REMARK: [Missed] FusePermutation {{.*}}the permutation has other uses than its positions
// CHECK-LABEL: @other_use
// CHECK: pbs.permute_kv
func.func @other_use(%q: !q, %k: !k, %v: !k, %stats: !stats) -> (!kv, !k) {
  %importance = pbs.column_importance %q, %k, %stats
    : (!q, !k, !stats) -> !importance
  %perm = pbs.sort_segments %importance : (!importance) -> !perm
  %kv = pbs.permute_kv %k, %v, %perm : (!k, !k, !perm) -> !kv
  %x = pbs.permute %v, %perm : (!k, !perm) -> !k
  return %kv, %x : !kv, !k
}
