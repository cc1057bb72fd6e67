// The whole method in its default configuration: bf16, 128 elements a head, four
// query heads for each head of keys, causal.
func.func @prefill(%q: tensor<1x32x?x128xbf16>, %k: tensor<1x8x?x128xbf16>,
                   %v: tensor<1x8x?x128xbf16>) -> tensor<1x32x?x128xbf16> {
  %o, %lse = pbs.permuted_attention %q, %k, %v
      {causal, segment = 256, select = #pbs.top_p<0.9>}
    : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>)
    -> (tensor<1x32x?x128xbf16>, tensor<1x32x?xf32>)
  return %o : tensor<1x32x?x128xbf16>
}
