// RUN: pbs-opt %s --convert-pbs-to-nvvm -split-input-file -verify-diagnostics

// Only kernels around lists are written here; others are made by way of tiles.

plan.kernel @attention(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>)
    -> tensor<1x4x?x64xf32> {
  // expected-error @below {{'pbs.attention' op has no code for sm_90a: expected pbs.block_list_from_indices}}
  %o, %lse = pbs.attention %q, %k, %k
    : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
    -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x64xf32>
}

// -----

plan.kernel @pool(%k: tensor<1x2x?x64xbf16>) -> tensor<1x2x?x64xf32> {
  // expected-error @below {{'pbs.pool' op has no code for sm_90a: expected pbs.block_list_from_indices}}
  %p = pbs.pool %k : (tensor<1x2x?x64xbf16>) -> tensor<1x2x?x64xf32>
  plan.return %p : tensor<1x2x?x64xf32>
}

// -----

// What the level of tiles refused says why.

plan.kernel @refused(%q: tensor<1x4x?x96xbf16>) -> tensor<1x4x?x96xbf16>
    attributes {tile.refused = "expected a head dimension of 64 or 128, got 96"} {
  // expected-error @below {{'pbs.attention' op has no code for sm_90a: expected a head dimension of 64 or 128, got 96}}
  %o, %lse = pbs.attention %q, %q, %q
    : (tensor<1x4x?x96xbf16>, tensor<1x4x?x96xbf16>, tensor<1x4x?x96xbf16>)
    -> (tensor<1x4x?x96xbf16>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x96xbf16>
}
