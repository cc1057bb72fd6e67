// Means of blocks of keys.
plan.kernel @pool(%k: tensor<?x?x?x128xbf16>) -> tensor<?x?x?x128xf32> {
  %p = pbs.pool %k {block = 128}
    : (tensor<?x?x?x128xbf16>) -> tensor<?x?x?x128xf32>
  plan.return %p : tensor<?x?x?x128xf32>
}
