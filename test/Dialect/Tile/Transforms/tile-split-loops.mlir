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

// In steps of 2 a bound may lie between two iterations.
// CHECK-LABEL: tile.func @other_step
// CHECK-COUNT-1: scf.for
// CHECK: scf.if
// CHECK-NOT: scf.for
tile.func @other_step(%k: !tile.global<?x?xf32>) {
  %c0 = arith.constant 0 : i32
  %c2 = arith.constant 2 : i32
  %bound = tile.dim %k, 0 : !tile.global<?x?xf32>
  %n = tile.dim %k, 1 : !tile.global<?x?xf32>
  %r = scf.for %j = %c0 to %n step %c2 iter_args(%x = %c0) -> (i32) : i32 {
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

// Every if on the same condition goes; one without an else has no second half.
// Where the condition has other uses, it stays.
// CHECK-LABEL: tile.func @several
// CHECK: scf.for
// CHECK-NOT: scf.if
// CHECK: arith.cmpi slt
// CHECK: tile.write
// CHECK: tile.write
// CHECK: scf.for
// CHECK-NOT: scf.if
// CHECK: tile.write
// CHECK-NOT: tile.write
tile.func @several(%k: !tile.global<?xf32>, %bound: !tile.global<?xf32>) {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.dim %bound, 0 : !tile.global<?xf32>
  %n = tile.dim %k, 0 : !tile.global<?xf32>
  %t = arith.constant dense<0.0> : tensor<128xf32, #tile.lane>
  scf.for %j = %c0 to %n step %c1 : i32 {
    %first = arith.cmpi slt, %j, %end : i32
    %at = arith.select %first, %c0, %j : i32
    scf.if %first {
      tile.write %t, %k[%at] : tensor<128xf32, #tile.lane>, !tile.global<?xf32>
    }
    scf.if %first {
      tile.write %t, %k[%j] : tensor<128xf32, #tile.lane>, !tile.global<?xf32>
    } else {
      tile.write %t, %bound[%at] : tensor<128xf32, #tile.lane>, !tile.global<?xf32>
    }
  }
  tile.return
}
