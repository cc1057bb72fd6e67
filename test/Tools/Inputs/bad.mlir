func.func @pool(%k: tensor<1x2x?x64xf32>) -> tensor<1x3x?x64xf32> {
  %pool = pbs.pool %k : (tensor<1x2x?x64xf32>) -> tensor<1x3x?x64xf32>
  return %pool : tensor<1x3x?x64xf32>
}
