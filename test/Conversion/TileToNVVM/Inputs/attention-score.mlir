// Causal attention over listed blocks of permuted keys, with scores that see the
// original positions in every block.
!qkv = tensor<?x?x?x128xbf16>
!kv = !pbs.permuted_kv<?x?x?x128xbf16, block = 128, segment = 256>
!list = !pbs.block_list<?x?x?x?, block = 128x128, segment = 256, causal>
plan.kernel @attention(%q: !qkv, %k: !qkv, %v: !qkv, %pos: tensor<?x?x?xi32>,
                       %ranges: tensor<?x?x?x2xi32>,
                       %bits: tensor<?x?x?x?xi32>)
    -> (!qkv, tensor<?x?x?xf32>) {
  %kv = pbs.pack_kv %k, %v, %pos, %ranges
    : (!qkv, !qkv, tensor<?x?x?xi32>, tensor<?x?x?x2xi32>) -> !kv
  %list = pbs.pack_block_list %bits : (tensor<?x?x?x?xi32>) -> !list
  %o, %lse = pbs.sparse_attention %q, %kv, %list {causal}
    score (%x, %b, %h, %i, %j) {
      %slope = arith.constant 0.05 : f32
      %distance = arith.subi %i, %j : i32
      %far = arith.sitofp %distance : i32 to f32
      %less = arith.mulf %far, %slope : f32
      %y = arith.subf %x, %less : f32
      pbs.yield %y
    }
    : (!qkv, !kv, !list) -> (!qkv, tensor<?x?x?xf32>)
  plan.return %o, %lse : !qkv, tensor<?x?x?xf32>
}
