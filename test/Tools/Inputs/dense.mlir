func.func @dense(%q: tensor<?x2x?x64xbf16> {pbs.name = "q"},
                 %k: tensor<?x1x?x64xbf16> {pbs.name = "k"},
                 %v: tensor<?x1x?x64xbf16> {pbs.name = "v"})
    -> (tensor<?x2x?x64xbf16> {pbs.name = "o"},
        tensor<?x2x?xf32> {pbs.name = "lse"}) {
  %o, %lse = pbs.attention %q, %k, %v {causal}
    : (tensor<?x2x?x64xbf16>, tensor<?x1x?x64xbf16>, tensor<?x1x?x64xbf16>)
    -> (tensor<?x2x?x64xbf16>, tensor<?x2x?xf32>)
  return %o, %lse : tensor<?x2x?x64xbf16>, tensor<?x2x?xf32>
}
