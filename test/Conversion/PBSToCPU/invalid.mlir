// RUN: pbs-opt %s --convert-pbs-to-cpu --split-input-file --verify-diagnostics

plan.kernel @head_dim_multiple(%x: tensor<1x2x?x20xf32>)
    -> tensor<1x2x?x20xf32> {
  // expected-error @below {{expected a static head dimension that is a multiple of 8 up to 256 for the CPU, got 'tensor<1x2x?x20xf32>'}}
  %r = pbs.pool %x : (tensor<1x2x?x20xf32>) -> tensor<1x2x?x20xf32>
  plan.return %r : tensor<1x2x?x20xf32>
}

// -----

plan.kernel @head_dim_size(%x: tensor<1x2x?x264xf32>)
    -> tensor<1x2x?x264xf32> {
  // expected-error @below {{expected a static head dimension that is a multiple of 8 up to 256 for the CPU, got 'tensor<1x2x?x264xf32>'}}
  %r = pbs.pool %x : (tensor<1x2x?x264xf32>) -> tensor<1x2x?x264xf32>
  plan.return %r : tensor<1x2x?x264xf32>
}

// -----

plan.kernel @segment_size(%i: tensor<1x2x?xf32>) -> tensor<1x2x?xi32> {
  // expected-error @below {{expected a segment of at most 65536 keys for the CPU, got 131072}}
  %p = pbs.sort_segments %i
    : (tensor<1x2x?xf32>) -> !pbs.permutation<1x2x?, segment = 131072>
  %pos = pbs.unpack_permutation %p
    : (!pbs.permutation<1x2x?, segment = 131072>) -> tensor<1x2x?xi32>
  plan.return %pos : tensor<1x2x?xi32>
}

// -----

plan.kernel @debug_result_alone(%q: tensor<1x4x?x64xf32>,
    %kp: tensor<1x2x?x64xf32>, %k: tensor<1x2x?x64xf32>,
    %v: tensor<1x2x?x64xf32>, %pos: tensor<1x2x?xi32>,
    %r: tensor<1x2x?x2xi32>) -> tensor<1x4x?x?xf32> {
  %kv = pbs.pack_kv %k, %v, %pos, %r
    : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?xi32>,
       tensor<1x2x?x2xi32>)
    -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
  // expected-error @below {{expected the list to be used}}
  %l, %s = pbs.fused_select_blocks %q, %kp, %kv
    : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>,
       !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
    -> (!pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>,
        tensor<1x4x?x?xf32>)
  plan.return %s : tensor<1x4x?x?xf32>
}

// -----

plan.kernel @score_op(%q: tensor<1x4x?x64xf32>) -> tensor<1x4x?x64xf32> {
  %o, %lse = pbs.attention %q, %q, %q
    score (%x, %b, %h, %p, %j) {
      // expected-error @below {{has no CPU code in a score region; expected ops of arith but arith.remf, or math.absf, math.exp, math.exp2, math.fma, math.log, math.log2 or math.tanh}}
      %y = math.sin %x : f32
      pbs.yield %y
    }
    : (tensor<1x4x?x64xf32>, tensor<1x4x?x64xf32>, tensor<1x4x?x64xf32>)
    -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x64xf32>
}

// -----

plan.kernel @score_remainder(%q: tensor<1x4x?x64xf32>) -> tensor<1x4x?x64xf32> {
  %o, %lse = pbs.attention %q, %q, %q
    score (%x, %b, %h, %p, %j) {
      %y = arith.constant 3.0 : f32
      // expected-error @below {{has no CPU code in a score region; expected ops of arith but arith.remf}}
      %z = arith.remf %x, %y : f32
      pbs.yield %z
    }
    : (tensor<1x4x?x64xf32>, tensor<1x4x?x64xf32>, tensor<1x4x?x64xf32>)
    -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x64xf32>
}

// -----

plan.kernel @split_pool(%q: tensor<1x4x?x64xf32>) -> tensor<1x4x?x128xbf16> {
  // expected-error @below {{expected pools of f32 for the CPU, got 'tensor<1x4x?x128xbf16>'}}
  %p = pbs.pool %q : (tensor<1x4x?x64xf32>) -> tensor<1x4x?x128xbf16>
  plan.return %p : tensor<1x4x?x128xbf16>
}

// -----

plan.kernel @split_scores(%qp: tensor<1x4x?x128xbf16>, %kp: tensor<1x2x?x128xbf16>)
    -> tensor<1x4x?x?xf32> {
  // expected-error @below {{expected pools of f32 for the CPU, got 'tensor<1x4x?x128xbf16>'}}
  %s = pbs.block_scores %qp, %kp
    : (tensor<1x4x?x128xbf16>, tensor<1x2x?x128xbf16>) -> tensor<1x4x?x?xf32>
  plan.return %s : tensor<1x4x?x?xf32>
}

// -----

plan.kernel @gathered_proxies(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>,
                              %p: tensor<1x4x64x64xf32>) -> tensor<1x4x64x2xf32> {
  // expected-error@+1 {{expected no gathered proxy rows for the CPU, got 'tensor<1x4x64x64xf32>'}}
  %st = pbs.proxy_stats %q, %k, %p {proxy = #pbs.strided_rows<64>}
    : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x4x64x64xf32>) -> tensor<1x4x64x2xf32>
  plan.return %st : tensor<1x4x64x2xf32>
}
