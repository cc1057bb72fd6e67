// Means of blocks of 64 keys, of f32.
plan.kernel @pool(%k: tensor<?x?x?x64xf32>) -> tensor<?x?x?x64xf32> {
  %p = pbs.pool %k {block = 64} : (tensor<?x?x?x64xf32>) -> tensor<?x?x?x64xf32>
  plan.return %p : tensor<?x?x?x64xf32>
}
