// RUN: pbs-opt %s -convert-pbs-to-tile -split-input-file -verify-roundtrip | FileCheck %s

// The region sees scaled scores; the softmax then has the factor log2(e) alone.
// What depends on the head is a scalar, what depends on the row or the key a row
// or a column. It may give -inf, so rows are guarded in every block, and the
// positions of the keys are read in every block.

// CHECK-LABEL: tile.func @alibi
// CHECK-SAME: %[[POSITIONS:[^:]*]]: !tile.global<1x2x?xi32> {tile.buffer = 3 : i32}
// CHECK-DAG: arith.constant 1.44269502 : f32
// CHECK-DAG: %[[SCALE:.*]] = arith.constant 1.250000e-01 : f32
// CHECK: tile.for_each (%[[B:.*]], %[[H:.*]], %[[A:.*]]) in
// CHECK: %[[ROWS:.*]] = arith.addi %{{.*}} : tensor<128xi32, #tile.row>
// CHECK: scf.for
// CHECK: %[[PRODUCT:.*]] = tile.dot %{{.*}} {transpose_b}
// CHECK: %[[SCALES:.*]] = tile.splat %[[SCALE]]
// CHECK: %[[X:.*]] = arith.mulf %[[PRODUCT]], %[[SCALES]]
// CHECK: tile.read %[[POSITIONS]]
// CHECK: %[[KEYS:.*]] = tile.relayout
// CHECK: %[[SLOPE:.*]] = arith.sitofp %[[H]] : i32 to f32
// CHECK: %[[ROWS1:.*]] = arith.addi %[[ROWS]], %{{.*}} : tensor<128xi32, #tile.row>
// CHECK: %[[KEYS2:.*]] = tile.broadcast %[[KEYS]]
// CHECK: %[[ROWS2:.*]] = tile.broadcast %[[ROWS1]]
// CHECK: %[[DISTANCE:.*]] = arith.subi %[[KEYS2]], %[[ROWS2]]
// CHECK: %[[FLOAT:.*]] = arith.sitofp %[[DISTANCE]]
// CHECK: %[[SLOPES:.*]] = tile.splat %[[SLOPE]]
// CHECK: %[[BIAS:.*]] = arith.divf %[[FLOAT]], %[[SLOPES]] fastmath<afn>
// CHECK: %[[SCORES:.*]] = arith.addf %[[X]], %[[BIAS]]
// CHECK: scf.if
// CHECK-NOT: tile.read
// CHECK: arith.select %{{.*}}, %{{.*}}, %[[SCORES]]
// CHECK: } else {
// CHECK-NEXT: scf.yield %[[SCORES]]
// CHECK: %[[MAX:.*]] = arith.maxnumf
// CHECK-NEXT: arith.cmpf oeq, %[[MAX]]
// CHECK-NEXT: arith.select
plan.kernel @alibi(
    %q: tensor<1x4x?x64xbf16>, %k: tensor<1x2x?x64xbf16>,
    %v: tensor<1x2x?x64xbf16>, %pos: tensor<1x2x?xi32>,
    %r: tensor<1x2x?x2xi32>, %bits: tensor<1x4x?x?xi32>)
    -> tensor<1x4x?x64xbf16> {
  %kv = pbs.pack_kv %k, %v, %pos, %r
    : (tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>, tensor<1x2x?xi32>,
       tensor<1x2x?x2xi32>)
    -> !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>
  %list = pbs.pack_block_list %bits : (tensor<1x4x?x?xi32>)
    -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256>
  %o, %lse = pbs.sparse_attention %q, %kv, %list
    score (%x, %b, %h, %p, %j) {
      %slope = arith.sitofp %h : i32 to f32
      %one = arith.constant 1 : i32
      %p1 = arith.addi %p, %one : i32
      %d = arith.subi %j, %p1 : i32
      %df = arith.sitofp %d : i32 to f32
      %bias = arith.divf %df, %slope : f32
      %s = arith.addf %x, %bias : f32
      pbs.yield %s
    }
    : (tensor<1x4x?x64xbf16>,
       !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>,
       !pbs.block_list<1x4x?x?, block = 128x128, segment = 256>)
    -> (tensor<1x4x?x64xbf16>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x64xbf16>
}

// -----

// A score that is the same for all keys; a scale that is not positive is applied
// first, since the largest product is not the largest score then.

// CHECK-LABEL: tile.func @constant
// CHECK: %[[NEGATIVE:.*]] = arith.constant -1.000000e+00 : f32
// CHECK: tile.splat %[[NEGATIVE]]
// CHECK: %[[SCORES:.*]] = tile.splat %{{.*}} : f32 to tensor<192x128xf32, #tile.acc>
// CHECK: scf.yield %[[SCORES]]
plan.kernel @constant(%q: tensor<1x4x?x64xbf16>) -> tensor<1x4x?x64xbf16> {
  %o, %lse = pbs.attention %q, %q, %q {causal, scale = -1.0}
    score (%x, %b, %h, %p, %j) {
      %one = arith.constant 1.0 : f32
      pbs.yield %one
    }
    : (tensor<1x4x?x64xbf16>, tensor<1x4x?x64xbf16>, tensor<1x4x?x64xbf16>)
    -> (tensor<1x4x?x64xbf16>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x64xbf16>
}
