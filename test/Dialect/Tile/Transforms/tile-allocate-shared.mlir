// RUN: pbs-opt %s -split-input-file -pass-pipeline='builtin.module(tile.func(tile-allocate-shared))' | FileCheck %s

// Tiles first, by alignment, barriers last; each ring has its own bytes; stores and
// exchanges share theirs with those of the same kind and size.
#config = #tile.config<consumers = 2, specialize = true, stages = 2,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: tile.func @places
// CHECK-SAME: shared_bytes = 83024
tile.func @places(%P: !tile.global<?xi32>, %O: !tile.global<?x64xbf16>)
    attributes {config = #config} {
  // 2 scalars, 2 * 2 barriers.
  // CHECK: tile.ring_create {control_offset = 82944 : i64}
  %work = tile.ring_create : !tile.ring<2, i32>
  // CHECK: tile.ring_create {control_offset = 82992 : i64, offset = 0 : i64}
  %tiles = tile.ring_create
    : !tile.ring<2, !tile.buffer<128x128xbf16, swizzle = 128>>
  %z = arith.constant 0 : i32
  %p = tile.read %P[%z] : !tile.global<?xi32> -> tensor<128xi32, #tile.lane>
  // CHECK: tile.relayout {{.*}} {offset = 81920 : i64}
  %a = tile.relayout %p
    : tensor<128xi32, #tile.lane> to tensor<128xi32, #tile.col>
  // CHECK: tile.relayout {{.*}} {offset = 81920 : i64}
  %b = tile.relayout %p
    : tensor<128xi32, #tile.lane> to tensor<128xi32, #tile.col>
  %t = arith.constant dense<0.0> : tensor<128x64xbf16, #tile.acc>
  // CHECK: tile.store {{.*}} {offset = 65536 : i64}
  tile.store %t, %O[%z, %z]
    : tensor<128x64xbf16, #tile.acc>, !tile.global<?x64xbf16>
  // CHECK: tile.store {{.*}} {offset = 65536 : i64}
  tile.store %t, %O[%z, %z]
    : tensor<128x64xbf16, #tile.acc>, !tile.global<?x64xbf16>
  tile.return
}

// -----

// Rows that a copier collects, and requests to it, are its own.
#divided = #tile.config<consumers = 2, specialize = true, stages = 2,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: tile.func @copiers
// CHECK-SAME: shared_bytes = 9600
tile.func @copiers(%v: !tile.global<?x64xf16>, %p: !tile.global<?x64xf16>)
    attributes {config = #divided} {
  // 32 rows of 128 bytes; four requests of 32 bytes and 32 numbers.
  // CHECK: tile.copier {{.*}}control_offset = 9472 : i64, offset = 0 : i64
  %a = tile.copier %v to %p {rows = 32, buffered = 32}
    : !tile.global<?x64xf16> to !tile.global<?x64xf16>
  // CHECK: tile.copier {{.*}}control_offset = 9536 : i64, offset = 4736 : i64
  %b = tile.copier %v to %p {rows = 32, buffered = 32}
    : !tile.global<?x64xf16> to !tile.global<?x64xf16>
  tile.return
}
