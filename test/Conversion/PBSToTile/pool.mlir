// RUN: pbs-opt %s -convert-pbs-to-tile -split-input-file -verify-roundtrip | FileCheck %s

// f32: vectors of 4 elements, no conversion.

// CHECK-LABEL: tile.func @pool
// CHECK: tile.read %{{.*}} -> tensor<64x64xf32, #tile.blocked<vector = 4>>
// CHECK-NOT: arith.extf
// CHECK: %[[LEFT:.*]] = arith.subi
// CHECK-NOT: arith.extf
// CHECK: tile.reduce add %{{.*}} {dim = 0 : i64} : {{.*}} -> tensor<64xf32, #tile.lane>
// The last block is divided by its own number of rows.
// CHECK: %[[COUNT:.*]] = arith.minsi %[[LEFT]], %c64
// CHECK: %[[FLOAT:.*]] = arith.sitofp %[[COUNT]]
// CHECK: %[[DIVISOR:.*]] = tile.splat %[[FLOAT]]
// CHECK: arith.divf %{{.*}}, %[[DIVISOR]]
plan.kernel @pool(%k: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> {
  %p = pbs.pool %k {block = 64}
    : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  plan.return %p : tensor<1x2x?x64xf32>
}
