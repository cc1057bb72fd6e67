// RUN: pbs-opt %s -convert-pbs-to-tile=only-missing -verify-diagnostics | FileCheck %s

!q = tensor<1x4x?x64xbf16>
!lse = tensor<1x4x?xf32>

// CHECK-NOT: tile.func @plain
plan.kernel @plain(%q: !q) -> !q {
  %o, %lse = pbs.attention %q, %q, %q {causal, scale = 2.0}
    : (!q, !q, !q) -> (!q, !lse)
  plan.return %o : !q
}

plan.kernel @sort(%i: tensor<1x2x?xf32>) -> tensor<1x2x?xi32> {
  %p = pbs.sort_segments %i
    : (tensor<1x2x?xf32>) -> !pbs.permutation<1x2x?, segment = 256>
  %positions = pbs.unpack_permutation %p
    : (!pbs.permutation<1x2x?, segment = 256>) -> tensor<1x2x?xi32>
  plan.return %positions : tensor<1x2x?xi32>
}

// CHECK: tile.func @scored
plan.kernel @scored(%q: !q) -> !q {
  %o, %lse = pbs.attention %q, %q, %q
    score (%x, %b, %h, %p, %j) {
      %y = arith.negf %x : f32
      pbs.yield %y
    } : (!q, !q, !q) -> (!q, !lse)
  plan.return %o : !q
}

// CHECK: tile.func @not_positive
plan.kernel @not_positive(%q: !q) -> !q {
  %o, %lse = pbs.attention %q, %q, %q {scale = 0.0}
    : (!q, !q, !q) -> (!q, !lse)
  plan.return %o : !q
}

// CHECK: tile.func @pool
plan.kernel @pool(%q: !q) -> tensor<1x4x?x64xf32> {
  %p = pbs.pool %q : (!q) -> tensor<1x4x?x64xf32>
  plan.return %p : tensor<1x4x?x64xf32>
}

// CHECK-NOT: tile.func
