// RUN: pbs-opt %S/../Inputs/attention.mlir -pass-pipeline='builtin.module(tile.func(tile-configure{ping-pong=1},tile-skip-scaling,tile-pipeline-dots,tile-warp-specialize,tile-ping-pong))' 2>/dev/null | FileCheck %s
// RUN: pbs-opt %s -pass-pipeline='builtin.module(tile.func(tile-ping-pong))' -split-input-file -verify-diagnostics | FileCheck %s --check-prefix=SMALL

// CHECK-LABEL: tile.func @attention
// CHECK: } consumer {
// CHECK: tile.turn_wait
// CHECK-NEXT: tile.dot_async
// CHECK-NEXT: tile.turn_pass
// CHECK: scf.for
// CHECK: tile.turn_wait
// CHECK-NEXT: tile.dot_async
// CHECK: tile.dot_async
// CHECK-NEXT: tile.turn_pass
// CHECK: tile.dot_wait
// No turn for the last product.
// CHECK-NOT: tile.turn_
// CHECK: tile.store

// expected-remark @below {{warpgroups take no turns: no asynchronous product in a loop}}
tile.func @no_products() attributes {
    config = #tile.config<consumers = 2, specialize = true, stages = 1,
      overlap = true, pingPong = true, schedule = single,
      producerRegisters = 0, consumerRegisters = 0>} {
  tile.return
}

// -----

!t = !tile.buffer<128x64xbf16, swizzle = 128>
!s = tensor<128x128xf32, #tile.acc>
#turns = #tile.config<consumers = 2, specialize = true, stages = 2, overlap = true, pingPong = true, schedule = single, producerRegisters = 0, consumerRegisters = 0>

// Products inside an if end a run, and have none of their own: a warpgroup that
// waits for its turn there would have it already.
// SMALL-LABEL: tile.func @no_nested_turns
// SMALL: scf.for
// SMALL: tile.turn_wait
// SMALL-NEXT: tile.dot_async
// SMALL-NEXT: tile.turn_pass
// SMALL: scf.if
// SMALL-NOT: tile.turn_
// SMALL: tile.dot_async
// SMALL-NOT: tile.turn_
// SMALL: tile.return
tile.func @no_nested_turns(%k: !tile.global<?x64xbf16>, %o: !tile.global<?x128xf32>) attributes {config = #turns} {
  %ring = tile.ring_create : !tile.ring<2, !t>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %n = tile.dim %k, 0 : !tile.global<?x64xbf16>
  scf.for %j = %c0 to %n step %c1 : i32 {
    %t = tile.ring_wait %ring : !tile.ring<2, !t>
    %f = tile.dot_async %t, %t {transpose_b} : !t, !t -> !tile.inflight<!s>
    %even = arith.cmpi slt, %j, %c1 : i32
    scf.if %even {
      %g = tile.dot_async %t, %t {transpose_b} : !t, !t -> !tile.inflight<!s>
      %x = tile.dot_wait %g {pending = 0} : !tile.inflight<!s>
      tile.write %x, %o[%c0, %c0] : !s, !tile.global<?x128xf32>
    }
    %s = tile.dot_wait %f {pending = 0} : !tile.inflight<!s>
    tile.ring_release %ring : !tile.ring<2, !t>
    tile.write %s, %o[%j, %c0] : !s, !tile.global<?x128xf32>
  }
  tile.return
}

// -----

#none = #tile.config<consumers = 2, specialize = true, stages = 2, overlap = true, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>

// SMALL-LABEL: tile.func @not_asked
// SMALL-NOT: tile.turn_
tile.func @not_asked() attributes {config = #none} {
  tile.return
}

// -----

// expected-error @below {{expected a configuration ('config'), got none}}
tile.func @no_configuration() {
  tile.return
}
