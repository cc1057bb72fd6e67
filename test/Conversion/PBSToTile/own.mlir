// RUN: pbs-opt %s -convert-pbs-to-tile -split-input-file -verify-roundtrip | FileCheck %s
// RUN: pbs-opt %s -convert-pbs-to-tile=keep-maximum=1 -split-input-file | FileCheck %s --check-prefix=KEPT

// Own segments begin at a multiple of 256; blocks with a mask are those that end
// behind the first row, which is at a known place, so that no block number goes to
// consumers and no positions are read.

// CHECK-LABEL: tile.func @own(
// CHECK-SAME: %{{[^:]*}}: !tile.global<1x4x?x128xbf16> {tile.buffer = 0 : i32}
// CHECK-SAME: %[[K:[^:]*]]: !tile.global<1x2x?x128xbf16> {tile.buffer = 1 : i32}
// CHECK-SAME: %[[V:[^:]*]]: !tile.global<1x2x?x128xbf16> {tile.buffer = 2 : i32}
// CHECK-SAME: %[[BITS:[^:]*]]: !tile.global<1x4x?x?xi32> {tile.buffer = 5 : i32}
// CHECK-SAME: %[[OK:[^:]*]]: !tile.global<1x2x?x128xbf16> {tile.buffer = 6 : i32}
// CHECK-SAME: %[[OV:[^:]*]]: !tile.global<1x2x?x128xbf16> {tile.buffer = 7 : i32}
// CHECK: %[[SEGMENT:.*]] = arith.divui %{{.*}}, %c256_i32
// CHECK-NEXT: %[[OWN:.*]] = arith.muli %[[SEGMENT]], %c2_i32
// CHECK: tile.bit_list %[[BITS]][{{.*}}], %[[FULL:.*]], %{{.*}} own %[[OWN]]
// CHECK: scf.for %[[J:[^ ]*]] =
// CHECK: %[[BLOCK:.*]], %{{.*}} = tile.list_next
// CHECK: %[[ISOWN:.*]] = arith.cmpi sge, %[[BLOCK]], %[[OWN]]
// CHECK: tile.load %[[K]][{{.*}}] or(%[[OK]] if %[[ISOWN]] :
// CHECK: scf.if
// CHECK-NOT: tile.read
// CHECK: tile.columns_behind
// CHECK: tile.load %[[V]][{{.*}}] or(%[[OV]] if %[[ISOWN]] :

// Kept maxima are those of all own blocks, with a mask or not.
// KEPT-LABEL: tile.func @own(
// KEPT: %[[OWN:.*]] = arith.muli %{{.*}}, %c2_i32
// KEPT: %[[KEY0:.*]] = arith.muli %[[OWN]], %c128_i32
// KEPT: tile.bit_list {{.*}}, %[[OWN]], %{{.*}} own %[[OWN]]
// KEPT: tile.columns_behind
plan.kernel @own(
    %q: tensor<1x4x?x128xbf16>, %k: tensor<1x2x?x128xbf16>,
    %v: tensor<1x2x?x128xbf16>, %pos: tensor<1x2x?xi32>,
    %r: tensor<1x2x?x2xi32>, %bits: tensor<1x4x?x?xi32>,
    %ok: tensor<1x2x?x128xbf16>, %ov: tensor<1x2x?x128xbf16>)
    -> tensor<1x4x?x128xbf16> {
  %kv = pbs.pack_kv %k, %v, %pos, %r
    : (tensor<1x2x?x128xbf16>, tensor<1x2x?x128xbf16>, tensor<1x2x?xi32>,
       tensor<1x2x?x2xi32>)
    -> !pbs.permuted_kv<1x2x?x128xbf16, block = 128, segment = 256>
  %list = pbs.pack_block_list %bits : (tensor<1x4x?x?xi32>)
    -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
  %o, %lse = pbs.sparse_attention %q, %kv, %list, %ok, %ov {causal}
    : (tensor<1x4x?x128xbf16>,
       !pbs.permuted_kv<1x2x?x128xbf16, block = 128, segment = 256>,
       !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>,
       tensor<1x2x?x128xbf16>, tensor<1x2x?x128xbf16>)
    -> (tensor<1x4x?x128xbf16>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x128xbf16>
}

// -----

// Where scores see the positions of keys, own segments are read like the others, and
// all of their blocks are still visited.

// CHECK-LABEL: tile.func @score(
// CHECK-SAME: %[[K:[^:]*]]: !tile.global<1x2x?x128xbf16> {tile.buffer = 1 : i32}
// CHECK-SAME: %[[POS:[^:]*]]: !tile.global<1x2x?xi32> {tile.buffer = 3 : i32}
// CHECK-NOT: tile.buffer = 6
// CHECK: tile.bit_list {{.*}} own %
// CHECK: tile.load %[[K]]
// CHECK-NOT: or(
// CHECK: tile.read %[[POS]]
plan.kernel @score(
    %q: tensor<1x4x?x128xbf16>, %k: tensor<1x2x?x128xbf16>,
    %v: tensor<1x2x?x128xbf16>, %pos: tensor<1x2x?xi32>,
    %r: tensor<1x2x?x2xi32>, %bits: tensor<1x4x?x?xi32>,
    %ok: tensor<1x2x?x128xbf16>, %ov: tensor<1x2x?x128xbf16>)
    -> tensor<1x4x?xf32> {
  %kv = pbs.pack_kv %k, %v, %pos, %r
    : (tensor<1x2x?x128xbf16>, tensor<1x2x?x128xbf16>, tensor<1x2x?xi32>,
       tensor<1x2x?x2xi32>)
    -> !pbs.permuted_kv<1x2x?x128xbf16, block = 128, segment = 256>
  %list = pbs.pack_block_list %bits : (tensor<1x4x?x?xi32>)
    -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
  %o, %lse = pbs.sparse_attention %q, %kv, %list, %ok, %ov {causal}
    score (%x, %b, %h, %i, %j) {
      %f = arith.sitofp %j : i32 to f32
      %y = arith.addf %x, %f : f32
      pbs.yield %y
    }
    : (tensor<1x4x?x128xbf16>,
       !pbs.permuted_kv<1x2x?x128xbf16, block = 128, segment = 256>,
       !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>,
       tensor<1x2x?x128xbf16>, tensor<1x2x?x128xbf16>)
    -> (tensor<1x4x?x128xbf16>, tensor<1x4x?xf32>)
  plan.return %lse : tensor<1x4x?xf32>
}
