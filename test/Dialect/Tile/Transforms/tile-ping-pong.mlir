// RUN: pbs-opt %S/../Inputs/attention.mlir -pass-pipeline='builtin.module(tile.func(tile-configure,tile-pipeline-dots,tile-warp-specialize,tile-ping-pong))' 2>/dev/null | FileCheck %s
// RUN: pbs-opt %s -pass-pipeline='builtin.module(tile.func(tile-ping-pong))' -verify-diagnostics

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
