// RUN: pbs-opt %s -pass-pipeline='builtin.module(tile.func(tile-split-loops))' | FileCheck %s

// CHECK-LABEL: tile.func @split
// CHECK: %[[BOUND:.*]] = tile.dim {{.*}}, 0
// CHECK: %[[N:.*]] = tile.dim {{.*}}, 1
// CHECK: %[[MIN:.*]] = arith.minsi %[[BOUND]], %[[N]]
// CHECK: %[[MIDDLE:.*]] = arith.maxsi %[[MIN]], %[[C2:.*]] :
// CHECK: %[[FIRST:.*]] = scf.for %[[J:.*]] = %[[C2]] to %[[MIDDLE]] {{.*}} iter_args(%[[X:.*]] =
// CHECK-NEXT: %[[Z:.*]] = arith.addi %[[X]], %[[J]]
// CHECK-NEXT: scf.yield %[[Z]]
// CHECK: scf.for %{{.*}} = %[[MIDDLE]] to %[[N]] {{.*}} iter_args(%[[Y:.*]] = %[[FIRST]])
// CHECK-NEXT: scf.yield %[[Y]]
tile.func @split(%k: !tile.global<?x?xf32>) {
  %c2 = arith.constant 2 : i32
  %c1 = arith.constant 1 : i32
  %bound = tile.dim %k, 0 : !tile.global<?x?xf32>
  %n = tile.dim %k, 1 : !tile.global<?x?xf32>
  %r = scf.for %j = %c2 to %n step %c1 iter_args(%x = %c1) -> (i32) : i32 {
    %first = arith.cmpi slt, %j, %bound : i32
    %y = scf.if %first -> i32 {
      %z = arith.addi %x, %j : i32
      scf.yield %z : i32
    } else {
      scf.yield %x : i32
    }
    scf.yield %y : i32
  }
  tile.return
}

// A bound that changes in the loop.
// CHECK-LABEL: tile.func @not_split
// CHECK-COUNT-1: scf.for
// CHECK: scf.if
// CHECK-NOT: scf.for
tile.func @not_split(%k: !tile.global<?x?xf32>) {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %n = tile.dim %k, 1 : !tile.global<?x?xf32>
  %r = scf.for %j = %c0 to %n step %c1 iter_args(%x = %c1) -> (i32) : i32 {
    %first = arith.cmpi slt, %j, %x : i32
    %y = scf.if %first -> i32 {
      %z = arith.addi %x, %j : i32
      scf.yield %z : i32
    } else {
      scf.yield %x : i32
    }
    scf.yield %y : i32
  }
  tile.return
}
