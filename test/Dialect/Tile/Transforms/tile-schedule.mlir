// RUN: pbs-opt %s -pass-pipeline='builtin.module(tile.func(tile-schedule))' -split-input-file -verify-diagnostics | FileCheck %s

#single = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = false, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>

// CHECK-LABEL: tile.func @single
// CHECK-SAME: (%[[O:[^:]*]]:
// CHECK-NOT: tile.for_each
// CHECK: %[[I:.*]] = tile.block_id
// CHECK: %[[HEADS:.*]] = arith.divui %[[I]]
// CHECK: tile.write %{{.*}}, %[[O]][%[[B:.*]], %[[H:.*]], %[[A:.*]]]
tile.func @single(%o: !tile.global<?x?x?xf32>) attributes {config = #single} {
  %b0 = tile.dim %o, 0 : !tile.global<?x?x?xf32>
  %h0 = tile.dim %o, 1 : !tile.global<?x?x?xf32>
  %a0 = tile.dim %o, 2 : !tile.global<?x?x?xf32>
  %t = arith.constant dense<0.0> : tensor<128xf32, #tile.lane>
  tile.for_each (%b, %h, %a) in (%b0, %h0, %a0) together %h0 {
    tile.write %t, %o[%b, %h, %a] : tensor<128xf32, #tile.lane>, !tile.global<?x?x?xf32>
  }
  tile.return
}

// -----

#static = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = false, pingPong = false, schedule = static, producerRegisters = 0, consumerRegisters = 0>

// CHECK-LABEL: tile.func @static
// CHECK: arith.muli
// CHECK: %[[N:.*]] = arith.muli
// CHECK: %[[I:.*]] = tile.block_id
// CHECK: %[[G:.*]] = tile.grid_size
// CHECK: scf.for %{{.*}} = %[[I]] to %[[N]] step %[[G]]
// CHECK: tile.write
tile.func @static(%o: !tile.global<?x?x?xf32>) attributes {config = #static} {
  %b0 = tile.dim %o, 0 : !tile.global<?x?x?xf32>
  %t = arith.constant dense<0.0> : tensor<128xf32, #tile.lane>
  tile.for_each (%b, %h, %a) in (%b0, %b0, %b0) together %b0 {
    tile.write %t, %o[%b, %h, %a] : tensor<128xf32, #tile.lane>, !tile.global<?x?x?xf32>
  }
  tile.return
}

// -----

#dynamic = #tile.config<consumers = 1, specialize = true, stages = 1, overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0, consumerRegisters = 0>

// CHECK-LABEL: tile.func @dynamic
// CHECK-SAME: %[[C:[^:]*]]: !tile.global<1xi32> {tile.counter}
// CHECK: %[[R:.*]] = tile.ring_create : <2, i32, i32, i32>
// CHECK: producer {
// CHECK: %[[FIRST:.*]] = tile.fetch_item %[[C]]
// CHECK: scf.while (%{{.*}} = %[[FIRST]])
// CHECK: } do {
// CHECK: %[[NEXT:.*]] = tile.fetch_item %[[C]]
// CHECK: tile.ring_push %[[R]] scalars(
// CHECK: scf.yield %[[NEXT]]
// CHECK: tile.ring_push %[[R]] scalars(%[[END:.*]], %[[END]], %[[END]])
// CHECK: } consumer {
// CHECK: scf.while
// CHECK-NEXT: %[[ITEM:.*]]:3 = tile.ring_wait %[[R]]
// CHECK-NEXT: tile.ring_release %[[R]]
// CHECK-NEXT: %[[MORE:.*]] = arith.cmpi sge, %[[ITEM]]#0
// CHECK-NEXT: scf.condition(%[[MORE]]) %[[ITEM]]#0, %[[ITEM]]#1, %[[ITEM]]#2
// CHECK: tile.write
tile.func @dynamic(%o: !tile.global<?x?x?xf32>) attributes {config = #dynamic} {
  %b0 = tile.dim %o, 0 : !tile.global<?x?x?xf32>
  %t = arith.constant dense<0.0> : tensor<128xf32, #tile.lane>
  tile.warp_specialize producer {
    tile.for_each (%b, %h, %a) in (%b0, %b0, %b0) together %b0 {
    }
  } consumer {
    tile.for_each (%b, %h, %a) in (%b0, %b0, %b0) together %b0 {
      tile.write %t, %o[%b, %h, %a] : tensor<128xf32, #tile.lane>, !tile.global<?x?x?xf32>
    }
  }
  tile.return
}

// -----

#dynamic = #tile.config<consumers = 1, specialize = true, stages = 1, overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0, consumerRegisters = 0>

// expected-error @below {{expected, for a dynamic schedule, one tile.for_each of the producer and one of the consumers, got 1 in all}}
tile.func @undivided(%o: !tile.global<?x?x?xf32>) attributes {config = #dynamic} {
  %b0 = tile.dim %o, 0 : !tile.global<?x?x?xf32>
  tile.for_each (%b, %h, %a) in (%b0, %b0, %b0) together %b0 {
  }
  tile.return
}

// -----

// expected-error @below {{expected a configuration ('config'), got none}}
tile.func @no_configuration() {
  tile.return
}
