func.func @lists(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>,
                 %v: tensor<1x2x?x64xf32>, %pos: tensor<1x2x?xi32>,
                 %count: tensor<1x4x?xi32>, %index: tensor<1x4x?x?xi32>)
    -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>) {
  %kv = pbs.kv_from_positions %k, %v, %pos
    : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?xi32>)
    -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
  %list = pbs.block_list_from_indices %count, %index, %q, %kv
    : (tensor<1x4x?xi32>, tensor<1x4x?x?xi32>, tensor<1x4x?x64xf32>,
       !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
    -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
  %o, %lse = pbs.sparse_attention %q, %kv, %list {causal}
    : (tensor<1x4x?x64xf32>,
       !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>,
       !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>)
    -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return %o, %lse : tensor<1x4x?x64xf32>, tensor<1x4x?xf32>
}
