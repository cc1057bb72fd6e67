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

// -----

// Rows before the wait for the product that they mask; its tile is given back
// behind it.
// CHECK-LABEL: tile.func @rows
// CHECK: %[[F:.*]] = tile.dot_async
// CHECK-NEXT: %[[ROW:.*]] = tile.ring_wait
// CHECK-NEXT: %[[NEXT:.*]] = arith.addi
// CHECK-NEXT: tile.ring_release
// CHECK-SAME: <2, tensor<64xi32, #tile.col>>
// CHECK-NEXT: %[[S:.*]] = tile.dot_wait %[[F]]
// CHECK-NEXT: tile.ring_release
// CHECK-NEXT: tile.broadcast %[[ROW]]
tile.func @rows(%q: !tile.global<?x64xbf16>) {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %tiles = tile.ring_create : !tile.ring<2, !tile.buffer<64x64xbf16, swizzle = 128>>
  %rows = tile.ring_create : !tile.ring<2, tensor<64xi32, #tile.col>>
  %k = tile.ring_wait %tiles step %c0 : !tile.ring<2, !tile.buffer<64x64xbf16, swizzle = 128>>
  %f = tile.dot_async %k, %k {transpose_b}
    : !tile.buffer<64x64xbf16, swizzle = 128>, !tile.buffer<64x64xbf16, swizzle = 128>
    -> !tile.inflight<tensor<64x64xf32, #tile.acc>>
  %s = tile.dot_wait %f {pending = 0} : !tile.inflight<tensor<64x64xf32, #tile.acc>>
  tile.ring_release %tiles step %c0 : !tile.ring<2, !tile.buffer<64x64xbf16, swizzle = 128>>
  %row = tile.ring_wait %rows step %c0 : !tile.ring<2, tensor<64xi32, #tile.col>>
  %next = arith.addi %c0, %c1 : i32
  tile.ring_release %rows step %c0 : !tile.ring<2, tensor<64xi32, #tile.col>>
  %all = tile.broadcast %row : tensor<64xi32, #tile.col> to tensor<64x64xi32, #tile.acc>
  tile.return
}
