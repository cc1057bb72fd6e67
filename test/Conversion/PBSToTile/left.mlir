// What cannot be written down as tiles stays as it is, with the reason.
// RUN: pbs-opt %s -convert-pbs-to-tile -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-NOT: tile.func
// CHECK: tile.refused = "expected f16 or bf16, got f32"
// CHECK-NOT: tile.func

plan.kernel @element_type(%q: tensor<1x4x?x64xf32>) -> tensor<1x4x?x64xf32> {
  // expected-remark@+1 {{not written down as tiles: expected f16 or bf16, got f32}}
  %o, %lse = pbs.attention %q, %q, %q {causal}
    : (tensor<1x4x?x64xf32>, tensor<1x4x?x64xf32>, tensor<1x4x?x64xf32>)
    -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x64xf32>
}

// -----

plan.kernel @head_dimension(%q: tensor<1x4x?x96xbf16>)
    -> tensor<1x4x?x96xbf16> {
  // expected-remark@+1 {{not written down as tiles: expected a head dimension of 64 or 128, got 96}}
  %o, %lse = pbs.attention %q, %q, %q {causal}
    : (tensor<1x4x?x96xbf16>, tensor<1x4x?x96xbf16>, tensor<1x4x?x96xbf16>)
    -> (tensor<1x4x?x96xbf16>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x96xbf16>
}

// -----

plan.kernel @block_size(
    %q: tensor<1x4x?x64xbf16>, %k: tensor<1x4x?x64xbf16>,
    %v: tensor<1x4x?x64xbf16>, %pos: tensor<1x4x?xi32>,
    %r: tensor<1x4x?x2xi32>, %bits: tensor<1x4x?x?xi32>)
    -> tensor<1x4x?x64xbf16> {
  %kv = pbs.pack_kv %k, %v, %pos, %r
    : (tensor<1x4x?x64xbf16>, tensor<1x4x?x64xbf16>, tensor<1x4x?xi32>,
       tensor<1x4x?x2xi32>)
    -> !pbs.permuted_kv<1x4x?x64xbf16, block = 64, segment = 256>
  %list = pbs.pack_block_list %bits : (tensor<1x4x?x?xi32>)
    -> !pbs.block_list<1x4x?x?, block = 128x64, segment = 256>
  // expected-remark@+1 {{not written down as tiles: expected blocks of 128x128, got !pbs.block_list<1x4x?x?, block = 128x64, segment = 256>}}
  %o, %lse = pbs.sparse_attention %q, %kv, %list
    : (tensor<1x4x?x64xbf16>,
       !pbs.permuted_kv<1x4x?x64xbf16, block = 64, segment = 256>,
       !pbs.block_list<1x4x?x?, block = 128x64, segment = 256>)
    -> (tensor<1x4x?x64xbf16>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x64xbf16>
}

// -----

plan.kernel @pool_block(%k: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> {
  // expected-remark@+1 {{not written down as tiles: expected a block of a multiple of 32 rows, at most 128, got 48}}
  %p = pbs.pool %k {block = 48}
    : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  plan.return %p : tensor<1x2x?x64xf32>
}

// -----

plan.kernel @other_op(%o0: tensor<1x2x?x64xbf16>, %l0: tensor<1x2x?xf32>,
                      %o1: tensor<1x2x?x64xbf16>, %l1: tensor<1x2x?xf32>)
    -> tensor<1x2x?x64xbf16> {
  // expected-remark@+1 {{not written down as tiles: there is no kernel of tiles for it}}
  %o, %l = pbs.merge %o0, %l0, %o1, %l1
    : (tensor<1x2x?x64xbf16>, tensor<1x2x?xf32>, tensor<1x2x?x64xbf16>,
       tensor<1x2x?xf32>) -> (tensor<1x2x?x64xbf16>, tensor<1x2x?xf32>)
  plan.return %o : tensor<1x2x?x64xbf16>
}

// -----

plan.kernel @long_segment(%i: tensor<1x2x?xf32>) -> tensor<1x2x?xi32> {
  // expected-remark@+1 {{not written down as tiles: expected a segment of a multiple of 128 keys, at most 512, got 1024}}
  %p = pbs.sort_segments %i
    : (tensor<1x2x?xf32>) -> !pbs.permutation<1x2x?, segment = 1024>
  %positions = pbs.unpack_permutation %p
    : (!pbs.permutation<1x2x?, segment = 1024>) -> tensor<1x2x?xi32>
  plan.return %positions : tensor<1x2x?xi32>
}

// -----

plan.kernel @strided_proxy(%q: tensor<1x4x?x64xbf16>, %k: tensor<1x2x?x64xbf16>)
    -> tensor<1x4x128x2xf32> {
  // expected-remark@+1 {{not written down as tiles: expected gathered proxy rows (pbs-gather-proxies), got none of #pbs.strided_rows<128>}}
  %s = pbs.proxy_stats %q, %k {proxy = #pbs.strided_rows<128>}
    : (tensor<1x4x?x64xbf16>, tensor<1x2x?x64xbf16>) -> tensor<1x4x128x2xf32>
  plan.return %s : tensor<1x4x128x2xf32>
}

// -----

plan.kernel @score_op(%q: tensor<1x4x?x64xbf16>) -> tensor<1x4x?x64xbf16> {
  // expected-remark@+1 {{expected ops of arith but arith.remf, or math.absf, math.exp, math.exp2, math.fma, math.log, math.log2, math.rsqrt, math.sqrt or math.tanh in the score region, got math.sin}}
  %o, %lse = pbs.attention %q, %q, %q {causal}
    score (%x, %b, %h, %p, %j) {
      %y = math.sin %x : f32
      pbs.yield %y
    }
    : (tensor<1x4x?x64xbf16>, tensor<1x4x?x64xbf16>, tensor<1x4x?x64xbf16>)
    -> (tensor<1x4x?x64xbf16>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x64xbf16>
}

// -----

plan.kernel @packed(%q: tensor<1x4x?x64xf32>, %o: tensor<?xi32>)
    -> tensor<1x4x?x64xf32> {
  // expected-remark@+1 {{not written down as tiles: expected f16 or bf16, got f32}}
  %r, %lse = pbs.packed_attention %q, %q, %q, %o, %o
    : (tensor<1x4x?x64xf32>, tensor<1x4x?x64xf32>, tensor<1x4x?x64xf32>,
       tensor<?xi32>, tensor<?xi32>)
    -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  plan.return %r : tensor<1x4x?x64xf32>
}

// -----

plan.kernel @coverage(%qp: tensor<1x4x?x64xf32>, %kp: tensor<1x2x?x64xf32>,
                      %q: tensor<1x4x?x64xbf16>, %k: tensor<1x2x?x64xbf16>,
                      %v: tensor<1x2x?x64xbf16>, %positions: tensor<1x2x?xi32>,
                      %ranges: tensor<1x2x?x2xi32>, %bits: tensor<1x4x?x?xi32>)
    -> tensor<1x4x?x4xf32> {
  %kv = pbs.pack_kv %k, %v, %positions, %ranges
    : (tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>, tensor<1x2x?xi32>,
       tensor<1x2x?x2xi32>)
    -> !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>
  %list = pbs.pack_block_list %bits : (tensor<1x4x?x?xi32>)
    -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256>
  // expected-remark@+1 {{not written down as tiles: expected split pools (pbs-split-pools), got tensor<1x4x?x64xf32>}}
  %rows = pbs.row_coverage %qp, %kp, %q, %kv, %list
    : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x4x?x64xbf16>,
       !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>,
       !pbs.block_list<1x4x?x?, block = 128x128, segment = 256>)
    -> tensor<1x4x?x4xf32>
  plan.return %rows : tensor<1x4x?x4xf32>
}

// -----

plan.kernel @many_proxies(%q: tensor<1x4x?x64xbf16>, %k: tensor<1x2x?x64xbf16>)
    -> tensor<1x4x200x2xf32> {
  // expected-remark@+1 {{not written down as tiles: expected at most 128 proxy rows, got #pbs.last_rows<200>}}
  %s = pbs.proxy_stats %q, %k {proxy = #pbs.last_rows<200>}
    : (tensor<1x4x?x64xbf16>, tensor<1x2x?x64xbf16>) -> tensor<1x4x200x2xf32>
  plan.return %s : tensor<1x4x200x2xf32>
}

// -----

plan.kernel @gathered_f32(%q: tensor<1x4x?x64xf32>) -> tensor<1x4x8x64xf32> {
  // expected-remark@+1 {{not written down as tiles: expected f16 or bf16, got f32}}
  %r = pbs.gather_proxies %q {proxy = #pbs.strided_rows<8>}
    : (tensor<1x4x?x64xf32>) -> tensor<1x4x8x64xf32>
  plan.return %r : tensor<1x4x8x64xf32>
}
