// RUN: pbs-opt %s -convert-pbs-to-tile -verify-roundtrip | FileCheck %s
// RUN: pbs-opt %s -convert-pbs-to-tile=keep-maximum=1 | FileCheck %s --check-prefix=KEPT

// Items have the order that the kernel is given; those that are done again, their list.

// CHECK-LABEL: tile.func @ordered(
// CHECK-SAME: %[[ORDER:[^:]*]]: !tile.global<?xi32> {tile.buffer = 6 : i32}
// CHECK: tile.for_each ({{.*}}) in ({{.*}}) together %{{.*}} ordered %[[ORDER]] : !tile.global<?xi32> {
// KEPT-LABEL: tile.func @ordered(
// KEPT-SAME: %[[ORDER:[^:]*]]: !tile.global<?xi32> {tile.buffer = 6 : i32}
// KEPT: tile.for_each {{.*}} ordered %[[ORDER]] : !tile.global<?xi32> {
// KEPT-LABEL: tile.func @ordered_again(
// KEPT-SAME: %[[LIST:[^:]*]]: !tile.global<?xi32> {tile.item_list}
// KEPT: tile.for_each {{.*}} listed %[[LIST]] : !tile.global<?xi32> {
plan.kernel @ordered(
    %q: tensor<1x4x?x128xbf16>, %k: tensor<1x2x?x128xbf16>,
    %v: tensor<1x2x?x128xbf16>, %pos: tensor<1x2x?xi32>,
    %r: tensor<1x2x?x2xi32>, %bits: tensor<1x4x?x?xi32>, %order: tensor<?xi32>)
    -> tensor<1x4x?x128xbf16> {
  %kv = pbs.pack_kv %k, %v, %pos, %r
    : (tensor<1x2x?x128xbf16>, tensor<1x2x?x128xbf16>, tensor<1x2x?xi32>,
       tensor<1x2x?x2xi32>)
    -> !pbs.permuted_kv<1x2x?x128xbf16, block = 128, segment = 256>
  %list = pbs.pack_block_list %bits : (tensor<1x4x?x?xi32>)
    -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
  %o, %lse = pbs.sparse_attention %q, %kv, %list, %order {causal}
    : (tensor<1x4x?x128xbf16>,
       !pbs.permuted_kv<1x2x?x128xbf16, block = 128, segment = 256>,
       !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>,
       tensor<?xi32>)
    -> (tensor<1x4x?x128xbf16>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x128xbf16>
}
