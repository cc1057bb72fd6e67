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

// Items of different lengths: the next one is drawn, once, before the last two
// iterations of the last loop, or, if that has no others, as soon as this is
// known.

// CHECK-LABEL: tile.func @drawn_late
// CHECK-SAME: %[[C:[^:]*]]: !tile.global<1xi32> {tile.counter}
// CHECK: %[[ITEMS:.*]] = tile.ring_create : <2, i32, i32, i32>
// CHECK: producer {
// CHECK: %[[FIRST:.*]] = tile.fetch_item %[[C]] :
// CHECK: scf.while (%{{.*}} = %[[FIRST]])
// CHECK: } do {
// CHECK-NOT: tile.fetch_item
// CHECK: tile.ring_push %[[ITEMS]] scalars(%{{.*}}, %[[H:.*]], %[[A:.*]])
// CHECK-NOT: tile.fetch_item
// CHECK: %[[UPPER:.*]] = arith.addi %[[A]], %[[H]]
// CHECK: %[[TWO:.*]] = arith.constant 2 : i32
// CHECK: %[[LESS:.*]] = arith.subi %[[UPPER]], %[[TWO]]
// CHECK: %[[SHORT:.*]] = arith.cmpi sle, %[[LESS]], %[[H]]
// CHECK: %[[LONG:.*]] = arith.cmpi sgt, %[[LESS]], %[[H]]
// CHECK: %[[MIDDLE:.*]] = arith.maxsi %[[LESS]], %[[H]]
// CHECK: %[[EARLY:.*]] = tile.fetch_item %[[C]] if %[[SHORT]] else %{{.*}} :
// CHECK-NEXT: scf.for %{{.*}} = %[[ZERO:.*]] to %[[H]] step
// CHECK-NEXT: tile.ring_push
// CHECK-NOT: tile.fetch_item
// CHECK: %[[SUM:.*]] = scf.for %{{.*}} = %[[H]] to %[[MIDDLE]] step %{{.*}} iter_args(%{{.*}} = %[[ZERO]])
// CHECK-NEXT: tile.ring_push
// CHECK-NOT: tile.fetch_item
// CHECK: scf.yield
// CHECK: %[[NEXT:.*]] = tile.fetch_item %[[C]] if %[[LONG]] else %[[EARLY]] :
// CHECK-NEXT: %[[ALL:.*]] = scf.for %{{.*}} = %[[MIDDLE]] to %[[UPPER]] step %{{.*}} iter_args(%{{.*}} = %[[SUM]])
// CHECK-NEXT: tile.ring_push
// CHECK-NOT: tile.fetch_item
// CHECK: scf.yield
// CHECK: tile.ring_push %{{.*}} scalars(%[[ALL]])
// CHECK-NEXT: scf.yield %[[NEXT]]
// CHECK-NOT: tile.fetch_item
// CHECK: } consumer {
tile.func @drawn_late(%o: !tile.global<?x?x?xf32>) attributes {config = #dynamic} {
  %b0 = tile.dim %o, 0 : !tile.global<?x?x?xf32>
  %ring = tile.ring_create : !tile.ring<2, i32>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  tile.warp_specialize producer {
    tile.for_each (%b, %h, %a) in (%b0, %b0, %b0) together %b0 {
      %upper = arith.addi %a, %h : i32
      scf.for %i = %c0 to %h step %c1 : i32 {
        tile.ring_push %ring scalars(%i) : !tile.ring<2, i32>
      }
      %all = scf.for %i = %h to %upper step %c1 iter_args(%s = %c0) -> i32 : i32 {
        tile.ring_push %ring scalars(%s) : !tile.ring<2, i32>
        %t = arith.addi %s, %i : i32
        scf.yield %t : i32
      }
      tile.ring_push %ring scalars(%all) : !tile.ring<2, i32>
    }
  } consumer {
    tile.for_each (%b, %h, %a) in (%b0, %b0, %b0) together %b0 {
    }
  }
  tile.return
}

// -----

#dynamic = #tile.config<consumers = 1, specialize = true, stages = 1, overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0, consumerRegisters = 0>

// Items of one length need no late draw: what their loop runs to is no matter of
// the item, wherever it is computed.

// CHECK-LABEL: tile.func @of_one_length
// CHECK-SAME: %[[C:[^:]*]]: !tile.global<1xi32> {tile.counter}
// CHECK: tile.fetch_item %[[C]]
// CHECK: } do {
// CHECK-NEXT: ^
// CHECK-NEXT: %[[NEXT:.*]] = tile.fetch_item %[[C]]
// CHECK: scf.for
// CHECK-NOT: tile.fetch_item
// CHECK-NOT: scf.for
// CHECK: scf.yield %[[NEXT]]
// CHECK: } consumer {
tile.func @of_one_length(%o: !tile.global<?x?x?xf32>) attributes {config = #dynamic} {
  %b0 = tile.dim %o, 0 : !tile.global<?x?x?xf32>
  %ring = tile.ring_create : !tile.ring<2, i32>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  tile.warp_specialize producer {
    tile.for_each (%b, %h, %a) in (%b0, %b0, %b0) together %b0 {
      %n = arith.muli %b0, %c2 : i32
      scf.for %i = %c0 to %n step %c1 : i32 {
        tile.ring_push %ring scalars(%i) : !tile.ring<2, i32>
      }
    }
  } consumer {
    tile.for_each (%b, %h, %a) in (%b0, %b0, %b0) together %b0 {
    }
  }
  tile.return
}

// -----

#dynamic = #tile.config<consumers = 1, specialize = true, stages = 1, overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0, consumerRegisters = 0>

// The second of two loops in other steps would not begin at an iteration.

// CHECK-LABEL: tile.func @in_steps_of_two
// CHECK-SAME: %[[C:[^:]*]]: !tile.global<1xi32> {tile.counter}
// CHECK: tile.fetch_item %[[C]]
// CHECK: } do {
// CHECK-NEXT: ^
// CHECK-NEXT: %[[NEXT:.*]] = tile.fetch_item %[[C]]
// CHECK: scf.for
// CHECK-NOT: tile.fetch_item
// CHECK-NOT: scf.for
// CHECK: scf.yield %[[NEXT]]
// CHECK: } consumer {
tile.func @in_steps_of_two(%o: !tile.global<?x?x?xf32>) attributes {config = #dynamic} {
  %b0 = tile.dim %o, 0 : !tile.global<?x?x?xf32>
  %ring = tile.ring_create : !tile.ring<2, i32>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  tile.warp_specialize producer {
    tile.for_each (%b, %h, %a) in (%b0, %b0, %b0) together %b0 {
      scf.for %i = %c0 to %a step %c2 : i32 {
        tile.ring_push %ring scalars(%i) : !tile.ring<2, i32>
      }
    }
  } consumer {
    tile.for_each (%b, %h, %a) in (%b0, %b0, %b0) together %b0 {
    }
  }
  tile.return
}

// -----

#dynamic = #tile.config<consumers = 1, specialize = true, stages = 1, overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0, consumerRegisters = 0>

// What counts is the last loop.

// CHECK-LABEL: tile.func @last_loop_is_fixed
// CHECK-SAME: %[[C:[^:]*]]: !tile.global<1xi32> {tile.counter}
// CHECK: tile.fetch_item %[[C]]
// CHECK: } do {
// CHECK-NEXT: ^
// CHECK-NEXT: %[[NEXT:.*]] = tile.fetch_item %[[C]]
// CHECK: scf.for
// CHECK-NOT: tile.fetch_item
// CHECK: scf.for
// CHECK-NOT: tile.fetch_item
// CHECK-NOT: scf.for
// CHECK: scf.yield %[[NEXT]]
// CHECK: } consumer {
tile.func @last_loop_is_fixed(%o: !tile.global<?x?x?xf32>) attributes {config = #dynamic} {
  %b0 = tile.dim %o, 0 : !tile.global<?x?x?xf32>
  %ring = tile.ring_create : !tile.ring<2, i32>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  tile.warp_specialize producer {
    tile.for_each (%b, %h, %a) in (%b0, %b0, %b0) together %b0 {
      scf.for %i = %c0 to %a step %c1 : i32 {
        tile.ring_push %ring scalars(%i) : !tile.ring<2, i32>
      }
      scf.for %i = %c0 to %b0 step %c1 : i32 {
        tile.ring_push %ring scalars(%i) : !tile.ring<2, i32>
      }
    }
  } consumer {
    tile.for_each (%b, %h, %a) in (%b0, %b0, %b0) together %b0 {
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

// -----

// Of items on a list their number comes first, and the list says which they are.

#dynamic = #tile.config<consumers = 1, specialize = true, stages = 1, overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0, consumerRegisters = 0>

// CHECK-LABEL: tile.func @listed
// CHECK-SAME: %[[L:[^:]*]]: !tile.global<?xi32>
// CHECK: producer {
// CHECK: %[[ZERO:.*]] = arith.constant 0 : i32
// CHECK: %[[COUNT:.*]] = tile.read_word %[[L]][%[[ZERO]]]
// CHECK: scf.while (%[[DRAWN:.*]] =
// CHECK: arith.cmpi slt, %[[DRAWN]], %[[COUNT]]
// CHECK: %[[AT:.*]] = arith.addi
// CHECK: %[[ITEM:.*]] = tile.read_word %[[L]][%[[AT]]]
// CHECK: arith.divui %[[ITEM]]
// CHECK: tile.ring_push
tile.func @listed(%o: !tile.global<?x?x?xf32>, %l: !tile.global<?xi32>) attributes {config = #dynamic} {
  %b0 = tile.dim %o, 0 : !tile.global<?x?x?xf32>
  %t = arith.constant dense<0.0> : tensor<128xf32, #tile.lane>
  tile.warp_specialize producer {
    tile.for_each (%b, %h, %a) in (%b0, %b0, %b0) together %b0 listed %l : !tile.global<?xi32> {
    }
  } consumer {
    tile.for_each (%b, %h, %a) in (%b0, %b0, %b0) together %b0 listed %l : !tile.global<?xi32> {
      tile.write %t, %o[%b, %h, %a] : tensor<128xf32, #tile.lane>, !tile.global<?x?x?xf32>
    }
  }
  tile.return
}

// -----

// Of a block for each item those beyond the list have nothing to do.

#single = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = false, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>

// CHECK-LABEL: tile.func @listed_single
// CHECK: %[[I:.*]] = tile.block_id
// CHECK: %[[N:.*]] = tile.read_word
// CHECK: %[[IN:.*]] = arith.cmpi slt, %[[I]], %[[N]]
// CHECK: scf.if %[[IN]] {
// CHECK: tile.read_word
// CHECK: tile.write
tile.func @listed_single(%o: !tile.global<?x?x?xf32>, %l: !tile.global<?xi32>) attributes {config = #single} {
  %b0 = tile.dim %o, 0 : !tile.global<?x?x?xf32>
  %t = arith.constant dense<0.0> : tensor<128xf32, #tile.lane>
  tile.for_each (%b, %h, %a) in (%b0, %b0, %b0) together %b0 listed %l : !tile.global<?xi32> {
    tile.write %t, %o[%b, %h, %a] : tensor<128xf32, #tile.lane>, !tile.global<?x?x?xf32>
  }
  tile.return
}

// -----

// An order of all items, if there is one; how many they are is known without it.

#dynamic = #tile.config<consumers = 1, specialize = true, stages = 1, overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0, consumerRegisters = 0>

// CHECK-LABEL: tile.func @ordered
// CHECK-SAME: , %[[O:[^:]*]]: !tile.global<?xi32>
// CHECK: producer {
// CHECK-NOT: tile.read_word
// CHECK: scf.while (%[[DRAWN:.*]] =
// CHECK: arith.cmpi slt, %[[DRAWN]]
// CHECK: do {
// CHECK: ^{{.*}}(%[[NUMBER:.*]]: i32):
// CHECK: %[[SIZE:.*]] = tile.dim %[[O]], 0
// CHECK: %[[HAS:.*]] = arith.cmpi sgt, %[[SIZE]]
// CHECK: %[[ITEM:.*]]:3 = scf.if %[[HAS]]
// CHECK: tile.read_word %[[O]][%[[NUMBER]]]
// CHECK: else
// CHECK: arith.divui %[[NUMBER]]
// CHECK: tile.ring_push {{.*}} scalars(%[[ITEM]]#0, %[[ITEM]]#1, %[[ITEM]]#2)
tile.func @ordered(%o: !tile.global<?x?x?xf32>, %l: !tile.global<?xi32>) attributes {config = #dynamic} {
  %b0 = tile.dim %o, 0 : !tile.global<?x?x?xf32>
  %t = arith.constant dense<0.0> : tensor<128xf32, #tile.lane>
  tile.warp_specialize producer {
    tile.for_each (%b, %h, %a) in (%b0, %b0, %b0) together %b0 ordered %l : !tile.global<?xi32> {
    }
  } consumer {
    tile.for_each (%b, %h, %a) in (%b0, %b0, %b0) together %b0 ordered %l : !tile.global<?xi32> {
      tile.write %t, %o[%b, %h, %a] : tensor<128xf32, #tile.lane>, !tile.global<?x?x?xf32>
    }
  }
  tile.return
}
