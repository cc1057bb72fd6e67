// RUN: pbs-opt %s -convert-pbs-to-tile -split-input-file -verify-roundtrip | FileCheck %s

!kv = !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>
!list = !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>

// Scores of 128 query and 128 key blocks at a time; what is listed are bits.
// CHECK-LABEL: tile.func @rows
// CHECK: tile.for_each
// CHECK: scf.for
// CHECK-COUNT-3: tile.dot {{.*}} -> tensor<128x128xf32, #tile.acc>
// CHECK: tile.unpack_bits
// CHECK-COUNT-5: tile.reduce add {{.*}} -> tensor<128x4xf32, #tile.quad>
// CHECK-COUNT-4: tile.write
plan.kernel @rows(%qp: tensor<1x4x?x128xbf16>, %kp: tensor<1x2x?x128xbf16>,
                  %q: tensor<1x4x?x64xbf16>, %k: tensor<1x2x?x64xbf16>,
                  %v: tensor<1x2x?x64xbf16>, %positions: tensor<1x2x?xi32>,
                  %ranges: tensor<1x2x?x2xi32>, %bits: tensor<1x4x?x?xi32>)
    -> tensor<1x4x?x4xf32> {
  %kv = pbs.pack_kv %k, %v, %positions, %ranges
    : (tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>, tensor<1x2x?xi32>,
       tensor<1x2x?x2xi32>) -> !kv
  %list = pbs.pack_block_list %bits : (tensor<1x4x?x?xi32>) -> !list
  %rows = pbs.row_coverage %qp, %kp, %q, %kv, %list {scale = 0.125}
    : (tensor<1x4x?x128xbf16>, tensor<1x2x?x128xbf16>, tensor<1x4x?x64xbf16>,
       !kv, !list) -> tensor<1x4x?x4xf32>
  plan.return %rows : tensor<1x4x?x4xf32>
}

// -----

// Two sums for the one result that is used.
// CHECK-LABEL: tile.func @mass
// CHECK-COUNT-2: tile.reduce add {{.*}} {dim = 0 : i64}
// CHECK-NOT: tile.reduce
// CHECK: tile.write
// CHECK-NOT: tile.write
plan.kernel @mass(%rows: tensor<1x4x?x4xf32>) -> tensor<1x4x1xf32> {
  %density, %mass = pbs.head_coverage %rows
    : (tensor<1x4x?x4xf32>) -> (tensor<1x4x1xf32>, tensor<1x4x1xf32>)
  plan.return %mass : tensor<1x4x1xf32>
}
