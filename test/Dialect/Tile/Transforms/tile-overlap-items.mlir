// RUN: pbs-opt %S/../Inputs/attention.mlir -pass-pipeline='builtin.module(tile.func(tile-configure{ping-pong=1},tile-pipeline-dots,tile-split-loops,canonicalize,cse,tile-warp-specialize,tile-schedule,tile-overlap-items,canonicalize,cse,tile-ping-pong,tile-number-rings))' 2>/dev/null | FileCheck %s
// RUN: pbs-opt %s -pass-pipeline='builtin.module(tile.func(tile-overlap-items))' -split-input-file -verify-diagnostics | FileCheck %s --check-prefix=SMALL
// RUN: pbs-opt %S/../Inputs/attention.mlir -pass-pipeline='builtin.module(tile.func(tile-configure{overlap-items=0},tile-pipeline-dots,tile-warp-specialize,tile-schedule,tile-overlap-items))' 2>/dev/null | FileCheck %s --check-prefix=LEFT

// RUN: pbs-opt %S/../Inputs/attention.mlir -pass-pipeline='builtin.module(tile.func(tile-configure{ping-pong=1},tile-pipeline-dots,tile-split-loops,canonicalize,cse,tile-hold-operands,tile-warp-specialize,tile-schedule,tile-overlap-items,canonicalize,cse,tile-ping-pong))' 2>/dev/null | FileCheck %s --check-prefix=HELD

// LEFT: } consumer {
// LEFT-NOT: scf.if
// LEFT: scf.while

// The producer finds the next item before it loads the last values of this one.
// CHECK-LABEL: tile.func @attention
// CHECK: %[[ITEM:.*]] = tile.ring_create : <2, i32, i32, i32>
// CHECK: %[[QUERY:.*]] = tile.ring_create : <1, {{.*}}, i32, i32>
// CHECK: %[[KEY:.*]] = tile.ring_create : <2, !tile.buffer<{{[^>]*}}>>
// CHECK: %[[VALUE:.*]] = tile.ring_create : <2, !tile.buffer<{{[^>]*}}>>
// CHECK: tile.warp_specialize producer {
// CHECK: tile.fetch_item
// CHECK: scf.if
// CHECK: tile.bit_list
// CHECK: tile.ring_push %[[KEY]]
// CHECK: scf.while
// CHECK: tile.fetch_item
// CHECK: scf.condition
// CHECK: tile.bit_list
// CHECK: tile.ring_push %[[KEY]]
// CHECK: tile.ring_push %[[VALUE]]
// CHECK: scf.yield
// CHECK: tile.ring_push %[[VALUE]]

// The begin of the first item.
// CHECK: } consumer {
// CHECK: tile.ring_wait %[[ITEM]]
// CHECK: scf.if
// CHECK: tile.turn_wait
// CHECK-NEXT: tile.dot_async
// CHECK-NEXT: tile.turn_pass
// CHECK: scf.while
// Offsets of rows are made again where they are used: no tile of them is carried.
// CHECK-NOT: tensor<128x128xf16, #tile.acc>,
// CHECK: scf.for
// CHECK: scf.for
// CHECK: tile.ring_wait %[[ITEM]]
// CHECK: scf.condition
// The end of one item, which lets go of its queries first, and the begin of the
// next: both products have their turn together, and the results are stored beside
// the second.
// CHECK: %[[LAST:.*]] = arith.subi
// CHECK: tile.ring_release %[[QUERY]] step %[[LAST]]
// CHECK: tile.ring_wait %[[VALUE]]
// CHECK: tile.turn_wait
// CHECK: %[[OLD:.*]] = tile.dot_async {{.*}} acc
// CHECK: tile.ring_wait %[[QUERY]]
// CHECK: tile.ring_wait %[[KEY]]
// CHECK: %[[NEW:.*]] = tile.dot_async {{.*}} {transpose_b}
// CHECK: tile.turn_pass
// CHECK: tile.dot_wait %[[OLD]] {pending = 1 : i64}
// CHECK: tile.ring_release %[[VALUE]]
// CHECK: tile.store
// CHECK: tile.dot_wait %[[NEW]] {pending = 0 : i64}
// CHECK: tile.ring_release %[[KEY]]
// CHECK: scf.yield
// The end of the last, in no turn.
// CHECK: tile.ring_release %[[QUERY]]
// CHECK-NOT: tile.turn_
// CHECK: tile.dot_async
// CHECK: tile.store
// CHECK-NOT: tile.dot

// Queries that registers hold are there before the turn begins.
// HELD: %[[QUERY:.*]] = tile.ring_create : <1, !tile.buffer<{{[^>]*}}>, i32, i32>
// HELD: } consumer {
// HELD: scf.while
// HELD: scf.condition
// HELD: %[[Q:.*]]:3 = tile.ring_wait %[[QUERY]]
// HELD: %[[OPERAND:.*]] = tile.load_matrix %[[Q]]#0
// HELD-NEXT: tile.ring_release %[[QUERY]]
// HELD: tile.turn_wait
// HELD-NEXT: tile.dot_async {{.*}} acc
// HELD: tile.dot_async %[[OPERAND]], {{.*}} {transpose_b}
// HELD-NEXT: tile.turn_pass

#config = #tile.config<consumers = 1, specialize = true, stages = 1, overlap = true, pingPong = false, schedule = dynamic, producerRegisters = 0, consumerRegisters = 0, overlapItems = true>

// SMALL-LABEL: tile.func @no_items
// expected-remark @below {{items do not overlap: no loop over items}}
tile.func @no_items() attributes {config = #config} {
  tile.warp_specialize producer {
  } consumer {
  }
  tile.return
}

// -----

#config = #tile.config<consumers = 1, specialize = true, stages = 1, overlap = true, pingPong = false, schedule = dynamic, producerRegisters = 0, consumerRegisters = 0, overlapItems = true>

// SMALL-LABEL: tile.func @no_loop_with_products
// SMALL: } consumer {
// SMALL: scf.while
// expected-remark @below {{items do not overlap: no loop with products}}
tile.func @no_loop_with_products(%counter: !tile.global<1xi32>) attributes {config = #config} {
  %ring = tile.ring_create : !tile.ring<2, i32>
  %zero = arith.constant 0 : i32
  tile.warp_specialize producer {
    %item = scf.while : () -> (i32) {
      %next = tile.fetch_item %counter : !tile.global<1xi32>
      %more = arith.cmpi slt, %next, %zero : i32
      scf.condition(%more) %next : i32
    } do {
    ^bb0(%number: i32):
      tile.ring_push %ring scalars(%number) : !tile.ring<2, i32>
      scf.yield
    }
  } consumer {
    %item = scf.while : () -> (i32) {
      %next = tile.ring_wait %ring : !tile.ring<2, i32>
      tile.ring_release %ring : !tile.ring<2, i32>
      %more = arith.cmpi sge, %next, %zero : i32
      scf.condition(%more) %next : i32
    } do {
    ^bb0(%number: i32):
      scf.yield
    }
  }
  tile.return
}

// -----

!t = !tile.buffer<64x64xbf16, swizzle = 128>
!s = tensor<64x64xf32, #tile.acc>
#config = #tile.config<consumers = 1, specialize = true, stages = 1, overlap = true, pingPong = false, schedule = dynamic, producerRegisters = 0, consumerRegisters = 0, overlapItems = true>

// A tile that the last product reads, too: the next item's would come before it
// is given back.
// expected-remark @below {{items do not overlap: a tile is in use from before the loops to behind them}}
tile.func @kept_tile(%counter: !tile.global<1xi32>, %k: !tile.global<?x64xbf16>, %o: !tile.global<?x64xf32>) attributes {config = #config} {
  %items = tile.ring_create : !tile.ring<2, i32>
  %tiles = tile.ring_create : !tile.ring<2, !t>
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  tile.warp_specialize producer {
    %item = scf.while : () -> (i32) {
      %next = tile.fetch_item %counter : !tile.global<1xi32>
      %more = arith.cmpi slt, %next, %one : i32
      scf.condition(%more) %next : i32
    } do {
    ^bb0(%number: i32):
      tile.ring_push %items scalars(%number) : !tile.ring<2, i32>
      tile.ring_push %tiles from %k[%number, %zero] : !tile.ring<2, !t>, !tile.global<?x64xbf16>
      scf.yield
    }
  } consumer {
    %item = scf.while : () -> (i32) {
      %next = tile.ring_wait %items : !tile.ring<2, i32>
      tile.ring_release %items : !tile.ring<2, i32>
      %more = arith.cmpi sge, %next, %zero : i32
      scf.condition(%more) %next : i32
    } do {
    ^bb0(%number: i32):
      %t = tile.ring_wait %tiles : !tile.ring<2, !t>
      %f = tile.dot_async %t, %t {transpose_b} : !t, !t -> !tile.inflight<!s>
      %x = tile.dot_wait %f {pending = 0} : !tile.inflight<!s>
      %y = scf.for %j = %zero to %number step %one iter_args(%a = %x) -> (!s) : i32 {
        %g = tile.dot_async %t, %t acc(%a : !s) : !t, !t -> !tile.inflight<!s>
        %b = tile.dot_wait %g {pending = 0} : !tile.inflight<!s>
        scf.yield %b : !s
      }
      %h = tile.dot_async %t, %t acc(%y : !s) : !t, !t -> !tile.inflight<!s>
      %z = tile.dot_wait %h {pending = 0} : !tile.inflight<!s>
      tile.ring_release %tiles : !tile.ring<2, !t>
      tile.write %z, %o[%number, %zero] : !s, !tile.global<?x64xf32>
      scf.yield
    }
  }
  tile.return
}

// -----

// expected-error @below {{expected a configuration ('config'), got none}}
tile.func @no_configuration() {
  tile.return
}
