// Causal attention of packed sequences.
!q = tensor<1x?x?x128xbf16>
plan.kernel @packed(%q: !q, %k: !q, %v: !q, %m: tensor<?xi32>, %n: tensor<?xi32>)
    -> (!q, tensor<1x?x?xf32>) {
  %o, %lse = pbs.packed_attention %q, %k, %v, %m, %n {causal}
    : (!q, !q, !q, tensor<?xi32>, tensor<?xi32>) -> (!q, tensor<1x?x?xf32>)
  plan.return %o, %lse : !q, tensor<1x?x?xf32>
}
