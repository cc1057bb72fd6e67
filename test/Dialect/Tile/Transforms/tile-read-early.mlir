// RUN: pbs-opt %s -split-input-file -pass-pipeline='builtin.module(tile.func(tile-read-early))' | FileCheck %s

// Up to where the index is known, with the arithmetic on it, past waits.
// CHECK-LABEL: tile.func @past_waits
// CHECK: %[[C:.*]] = tile.ring_wait
// CHECK-NEXT: %[[KEY:.*]] = arith.muli %[[C]]
// CHECK-NEXT: %[[P:.*]] = tile.read %{{.*}}[%[[KEY]]]
// CHECK-NEXT: tile.turn_wait
// CHECK-NEXT: tile.relayout %[[P]]
tile.func @past_waits(%p: !tile.global<?xi32>) {
  %ring = tile.ring_create : !tile.ring<2, i32>
  %step = arith.constant 0 : i32
  %c128 = arith.constant 128 : i32
  %c = tile.ring_wait %ring step %step : !tile.ring<2, i32>
  tile.turn_wait
  %key = arith.muli %c, %c128 : i32
  %t = tile.read %p[%key] : !tile.global<?xi32> -> tensor<128xi32, #tile.lane>
  %u = tile.relayout %t
    : tensor<128xi32, #tile.lane> to tensor<128xi32, #tile.col>
  tile.return
}

// -----

// Out of conditions and not out of loops.
// CHECK-LABEL: tile.func @out_of_conditions
// CHECK: scf.for
// CHECK-NEXT: %[[KEY:.*]] = arith.muli
// CHECK-NEXT: tile.read %{{.*}}[%[[KEY]]]
// CHECK-NEXT: tile.turn_wait
// CHECK: scf.if
tile.func @out_of_conditions(%p: !tile.global<?xi32>) {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c128 = arith.constant 128 : i32
  %n = tile.dim %p, 0 : !tile.global<?xi32>
  scf.for %j = %c0 to %n step %c1 : i32 {
    tile.turn_wait
    %masked = arith.cmpi slt, %j, %c1 : i32
    scf.if %masked {
      %key = arith.muli %j, %c128 : i32
      %t = tile.read %p[%key]
        : !tile.global<?xi32> -> tensor<128xi32, #tile.lane>
      %u = tile.relayout %t
        : tensor<128xi32, #tile.lane> to tensor<128xi32, #tile.col>
    }
  }
  tile.return
}

// -----

// What takes many registers stays where it is.
// CHECK-LABEL: tile.func @large
// CHECK: tile.turn_wait
// CHECK-NEXT: tile.read
tile.func @large(%p: !tile.global<?x?xf32>) {
  %c0 = arith.constant 0 : i32
  tile.turn_wait
  %t = tile.read %p[%c0, %c0]
    : !tile.global<?x?xf32> -> tensor<128x128xf32, #tile.acc>
  tile.return
}
