// RUN: pbs-opt %s -pass-pipeline='builtin.module(func.func(pbs-expand))' \
// RUN:   | FileCheck %s

!q = tensor<1x4x?x64xbf16>
!k = tensor<1x2x?x64xbf16>
!lse = tensor<1x4x?xf32>

// CHECK-LABEL: @default
// CHECK-SAME: %[[Q:[^:]*]]: {{[^%]*}}%[[K:[^:]*]]: {{[^%]*}}%[[V:[^:]*]]:
// CHECK: %[[STATS:.*]] = pbs.proxy_stats %[[Q]], %[[K]]
// CHECK: %[[IMPORTANCE:.*]] = pbs.column_importance %[[Q]], %[[K]], %[[STATS]]
// CHECK-SAME: -> tensor<1x2x?xf32>
// CHECK: %[[PERM:.*]] = pbs.sort_segments %[[IMPORTANCE]]
// CHECK-SAME: -> !pbs.permutation<1x2x?, segment = 256>
// CHECK: %[[KV:.*]] = pbs.permute_kv %[[K]], %[[V]], %[[PERM]]
// CHECK-SAME: -> !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>
// CHECK: %[[KEY:.*]], %{{.*}}, %{{.*}}, %{{.*}} = pbs.unpack_kv %[[KV]]
// CHECK: %[[QP:.*]] = pbs.pool %[[Q]]
// CHECK-SAME: -> tensor<1x4x?x64xf32>
// CHECK: %[[KP:.*]] = pbs.pool %[[KEY]]
// CHECK: %[[SCORES:.*]] = pbs.block_scores %[[QP]], %[[KP]]
// CHECK: %[[LIST:.*]] = pbs.select_blocks %[[SCORES]], %[[Q]], %[[KV]]
// CHECK-SAME: -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
// CHECK: %[[O:.*]], %[[LSE:.*]] = pbs.sparse_attention %[[Q]], %[[KV]], %[[LIST]] {causal}
// CHECK: return %[[O]], %[[LSE]]
func.func @default(%q: !q, %k: !k, %v: !k) -> (!q, !lse) {
  %o, %lse = pbs.permuted_attention %q, %k, %v {causal}
    : (!q, !k, !k) -> (!q, !lse)
  return %o, %lse : !q, !lse
}

// Every attribute reaches the op that it is for; static lengths give static
// numbers of blocks.
// CHECK-LABEL: @attributes
// CHECK: pbs.proxy_stats {{.*}} {proxy = #pbs.strided_rows<32>, scale = 5.000000e-01 : f64, segment = 512 : i64, sharing = #pbs.per_query_head}
// CHECK-SAME: -> tensor<1x4x32x2xf32>
// CHECK: pbs.column_importance {{.*}} {proxy = #pbs.strided_rows<32>, scale = 5.000000e-01 : f64, segment = 512 : i64, sharing = #pbs.per_query_head}
// CHECK: pbs.permute_kv
// CHECK-SAME: -> !pbs.permuted_kv<1x4x1000x64xbf16, block = 64, segment = 512>
// CHECK: pbs.pool {{.*}} -> tensor<1x4x3x64xf32>
// CHECK: pbs.pool {{.*}} {block = 64 : i64} {{.*}} -> tensor<1x4x16x64xf32>
// CHECK: pbs.block_scores {{.*}} {scale = 5.000000e-01 : f64}
// CHECK: pbs.select_blocks {{.*}} {forced = #pbs.whole_own_and_sink, select = #pbs.top_k<3>}
// CHECK-SAME: -> !pbs.block_list<1x4x300x1000, block = 128x64, segment = 512>
// CHECK: pbs.sparse_attention {{.*}} {scale = 5.000000e-01 : f64}
func.func @attributes(%q: tensor<1x4x300x64xbf16>, %k: tensor<1x2x1000x64xbf16>,
                      %v: tensor<1x2x1000x64xbf16>) -> tensor<1x4x300x64xbf16> {
  %o, %lse = pbs.permuted_attention %q, %k, %v
    {scale = 0.5, key_block = 64, segment = 512,
     proxy = #pbs.strided_rows<32>, sharing = #pbs.per_query_head,
     select = #pbs.top_k<3>, forced = #pbs.whole_own_and_sink}
    : (tensor<1x4x300x64xbf16>, tensor<1x2x1000x64xbf16>,
       tensor<1x2x1000x64xbf16>)
    -> (tensor<1x4x300x64xbf16>, tensor<1x4x300xf32>)
  return %o : tensor<1x4x300x64xbf16>
}

// CHECK-LABEL: @unpermuted
// CHECK-NOT: pbs.permute_kv
// CHECK: pbs.kv_from_positions %{{[^,]*}}, %{{[^,]*}} :
// CHECK-NOT: pbs.proxy_stats
// CHECK: pbs.sparse_attention
func.func @unpermuted(%q: !q, %k: !k, %v: !k) -> !q {
  %o, %lse = pbs.permuted_attention %q, %k, %v {unpermuted}
    : (!q, !k, !k) -> (!q, !lse)
  return %o : !q
}
