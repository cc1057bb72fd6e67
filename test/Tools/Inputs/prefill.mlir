func.func @prefill(%q: tensor<1x4x?x64xbf16> {pbs.name = "q"},
                   %k: tensor<1x2x?x64xbf16> {pbs.name = "k"},
                   %v: tensor<1x2x?x64xbf16> {pbs.name = "v"})
    -> (tensor<1x4x?x64xbf16> {pbs.name = "output"}) {
  %o, %lse = pbs.permuted_attention %q, %k, %v
      {causal, segment = 256, select = #pbs.top_p<0.9>, scale = 0.125}
    : (tensor<1x4x?x64xbf16>, tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>)
    -> (tensor<1x4x?x64xbf16>, tensor<1x4x?xf32>)
  return %o : tensor<1x4x?x64xbf16>
}
