// Causal attention over listed blocks of permuted keys.
!qkv = tensor<?x?x?x64xf16>
!kv = !pbs.permuted_kv<?x?x?x64xf16, block = 128, segment = 256>
!list = !pbs.block_list<?x?x?x?, block = 128x128, segment = 256, causal>
plan.kernel @attention(%q: !qkv, %k: !qkv, %v: !qkv, %pos: tensor<?x?x?xi32>,
                       %ranges: tensor<?x?x?x2xi32>,
                       %bits: tensor<?x?x?x?xi32>)
    -> (!qkv, tensor<?x?x?xf32>) {
  %kv = pbs.pack_kv %k, %v, %pos, %ranges
    : (!qkv, !qkv, tensor<?x?x?xi32>, tensor<?x?x?x2xi32>) -> !kv
  %list = pbs.pack_block_list %bits : (tensor<?x?x?x?xi32>) -> !list
  %o, %lse = pbs.sparse_attention %q, %kv, %list {causal}
    : (!qkv, !kv, !list) -> (!qkv, tensor<?x?x?xf32>)
  plan.return %o, %lse : !qkv, tensor<?x?x?xf32>
}
