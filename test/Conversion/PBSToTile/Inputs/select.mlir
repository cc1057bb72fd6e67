func.func @prefill(%q: tensor<1x4x?x64xbf16>, %k: tensor<1x2x?x64xbf16>,
                   %v: tensor<1x2x?x64xbf16>) -> tensor<1x4x?x64xbf16> {
  %o, %lse = pbs.permuted_attention %q, %k, %v
      {causal, select = #STOP_RULE, forced = #FORCED_SET, proxy = #PROXY, pool = #POOL}
    : (tensor<1x4x?x64xbf16>, tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>)
    -> (tensor<1x4x?x64xbf16>, tensor<1x4x?xf32>)
  return %o : tensor<1x4x?x64xbf16>
}
