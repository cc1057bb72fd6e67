// Dense causal attention of short heads: three warpgroups.
!qkv = tensor<?x?x?x64xbf16>
plan.kernel @attention(%q: !qkv, %k: !qkv, %v: !qkv)
    -> (!qkv, tensor<?x?x?xf32>) {
  %o, %lse = pbs.attention %q, %k, %v {causal}
    : (!qkv, !qkv, !qkv) -> (!qkv, tensor<?x?x?xf32>)
  plan.return %o, %lse : !qkv, tensor<?x?x?xf32>
}
