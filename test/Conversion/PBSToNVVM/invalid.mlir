// RUN: pbs-opt %s --convert-pbs-to-nvvm -split-input-file -verify-diagnostics

// One kernel for each refusal.

plan.kernel @dtype(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>)
    -> tensor<1x4x?x64xf32> {
  // expected-error @below {{expected f16 or bf16 for sm_90a, got 'f32'}}
  %o, %lse = pbs.attention %q, %k, %k
    : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
    -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x64xf32>
}

// -----

plan.kernel @head_dim(%q: tensor<1x4x?x96xbf16>, %k: tensor<1x2x?x96xbf16>)
    -> tensor<1x4x?x96xbf16> {
  // expected-error @below {{expected head dimension 64 or 128, got 96}}
  %o, %lse = pbs.attention %q, %k, %k
    : (tensor<1x4x?x96xbf16>, tensor<1x2x?x96xbf16>, tensor<1x2x?x96xbf16>)
    -> (tensor<1x4x?x96xbf16>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x96xbf16>
}

// -----

plan.kernel @no_code(%k: tensor<1x2x?x64xbf16>) -> tensor<1x2x?x64xf32> {
  // expected-error @below {{'pbs.pool' op has no code for sm_90a; there is code for pbs.attention}}
  %p = pbs.pool %k : (tensor<1x2x?x64xbf16>) -> tensor<1x2x?x64xf32>
  plan.return %p : tensor<1x2x?x64xf32>
}

// -----

plan.kernel @score(%q: tensor<1x4x?x64xbf16>) -> tensor<1x4x?x64xbf16> {
  // expected-error @below {{has a score region, for which there is code by way of tiles only}}
  %o, %lse = pbs.attention %q, %q, %q
    score (%x, %b, %h, %p, %j) {
      %y = arith.negf %x : f32
      pbs.yield %y
    }
    : (tensor<1x4x?x64xbf16>, tensor<1x4x?x64xbf16>, tensor<1x4x?x64xbf16>)
    -> (tensor<1x4x?x64xbf16>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x64xbf16>
}

// -----

plan.kernel @packed_scale(%q: tensor<1x4x?x64xf16>, %k: tensor<1x2x?x64xf16>,
                          %s: tensor<?xi32>) -> tensor<1x4x?x64xf16> {
  // expected-error @below {{expected a positive scale for this code for sm_90a, got -1}}
  %o, %l = pbs.packed_attention %q, %k, %k, %s, %s {scale = -1.0}
    : (tensor<1x4x?x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>, tensor<?xi32>, tensor<?xi32>)
    -> (tensor<1x4x?x64xf16>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x64xf16>
}
