// RUN: pbs-opt %s -pass-pipeline='builtin.module(tile.func(tile-warp-specialize))' -split-input-file -verify-diagnostics | FileCheck %s

!t = !tile.buffer<64x64xbf16, swizzle = 128>
!s = tensor<64x64xf32, #tile.acc>
#divided = #tile.config<consumers = 1, specialize = true, stages = 4, overlap = false, pingPong = false, schedule = static, producerRegisters = 0, consumerRegisters = 0, itemStages = 2>

// A matrix product over listed blocks. Two slots for the tile of an item, four
// for those of a loop; the number of blocks travels with the item's tile, the
// number of a block with the block's.
// CHECK-LABEL: tile.func @product
// CHECK-SAME: (%[[A:.*]]: {{.*}}, %[[B:.*]]: {{[^,]*}}, %[[BITS:.*]]: {{[^,]*}}, %[[O:.*]]:
// CHECK-DAG: %[[RA:.*]] = tile.ring_create : <2, !tile.buffer<64x64xbf16, swizzle = 128>, i32>
// CHECK-DAG: %[[RB:.*]] = tile.ring_create : <4, !tile.buffer<64x64xbf16, swizzle = 128>, i32>
// CHECK: tile.warp_specialize producer {
// CHECK: tile.for_each
// CHECK: %[[LIST:.*]] = tile.bit_list %[[BITS]]
// CHECK: %[[COUNT:.*]], %{{.*}} = tile.list_size %[[LIST]]
// CHECK: tile.ring_push %[[RA]] from %[[A]]{{.*}} scalars(%[[COUNT]])
// CHECK: scf.for {{.*}} to %[[COUNT]] {{.*}} iter_args(%{{.*}}) -> (!tile.cursor)
// CHECK: %[[BLOCK:.*]], %{{.*}} = tile.list_next
// CHECK: tile.ring_push %[[RB]] from %[[B]]{{.*}} scalars(%[[BLOCK]])
// CHECK-NOT: tile.dot
// CHECK: } consumer {
// CHECK: tile.for_each
// CHECK-NOT: tile.bit_list
// CHECK: %[[WA:.*]]:2 = tile.ring_wait %[[RA]]
// CHECK: %[[SUM:.*]] = scf.for {{.*}} to %[[WA]]#1 {{.*}} iter_args(%{{.*}}) -> (tensor<64x64xf32, #tile.acc>)
// CHECK: %[[WB:.*]]:2 = tile.ring_wait %[[RB]]
// CHECK: tile.dot %[[WA]]#0, %[[WB]]#0
// CHECK-NEXT: tile.ring_release %[[RB]]
// CHECK: arith.sitofp %[[WB]]#1
// CHECK: tile.ring_release %[[RA]]
// CHECK: tile.write %[[SUM]], %[[O]]
tile.func @product(%a: !tile.global<?x64xbf16>, %b: !tile.global<?x64xbf16>, %bits: !tile.global<?x?xi32>, %o: !tile.global<?x64xf32>) attributes {config = #divided} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c64 = arith.constant 64 : i32
  %zero = arith.constant dense<0.0> : !s
  %n = tile.dim %a, 0 : !tile.global<?x64xbf16>
  tile.for_each (%x, %y, %z) in (%c1, %c1, %n) together %c1 {
    %row = arith.muli %z, %c64 : i32
    %list = tile.bit_list %bits[%z], %n, %n : !tile.global<?x?xi32>
    %count, %masked = tile.list_size %list : !tile.list<bits>
    %begin = tile.list_begin %list : !tile.list<bits>
    %at = tile.load %a[%row, %c0] : !tile.global<?x64xbf16> -> !t
    %r, %end = scf.for %j = %c0 to %count step %c1 iter_args(%sum = %zero, %cursor = %begin) -> (!s, !tile.cursor) : i32 {
      %block, %next = tile.list_next %list, %cursor : !tile.list<bits>
      %key = arith.muli %block, %c64 : i32
      %bt = tile.load %b[%key, %c0] : !tile.global<?x64xbf16> -> !t
      %d = tile.dot %at, %bt acc(%sum : !s) : !t, !t -> !s
      %f = arith.sitofp %block : i32 to f32
      %w = tile.splat %f : f32 to !s
      %e = arith.addf %d, %w : !s
      scf.yield %e, %next : !s, !tile.cursor
    }
    tile.write %r, %o[%row, %c0] : !s, !tile.global<?x64xf32>
  }
  tile.return
}

// -----

!t = !tile.buffer<64x64xbf16, swizzle = 128>
#together = #tile.config<consumers = 1, specialize = false, stages = 4, overlap = false, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>

// CHECK-LABEL: tile.func @in_place
// CHECK: %[[R:.*]] = tile.ring_create : <1,
// CHECK: tile.ring_push %[[R]] from
// CHECK-NEXT: %[[T:.*]] = tile.ring_wait %[[R]]
// CHECK-NEXT: tile.dot %[[T]], %[[T]]
// CHECK-NEXT: tile.ring_release %[[R]]
tile.func @in_place(%a: !tile.global<?x64xbf16>, %o: !tile.global<?x64xf32>) attributes {config = #together} {
  %c0 = arith.constant 0 : i32
  %at = tile.load %a[%c0, %c0] : !tile.global<?x64xbf16> -> !t
  %d = tile.dot %at, %at : !t, !t -> tensor<64x64xf32, #tile.acc>
  tile.write %d, %o[%c0, %c0] : tensor<64x64xf32, #tile.acc>, !tile.global<?x64xf32>
  tile.return
}

// -----

#divided = #tile.config<consumers = 1, specialize = true, stages = 4, overlap = false, pingPong = false, schedule = static, producerRegisters = 0, consumerRegisters = 0>

// expected-error @below {{expected one tile.for_each to divide, got 0}}
tile.func @no_items() attributes {config = #divided} {
  tile.return
}

// -----

!t = !tile.buffer<64x64xbf16, swizzle = 128>
#divided = #tile.config<consumers = 1, specialize = true, stages = 4, overlap = false, pingPong = false, schedule = static, producerRegisters = 0, consumerRegisters = 0>

tile.func @outside(%a: !tile.global<?x64xbf16>) attributes {config = #divided} {
  %c0 = arith.constant 0 : i32
  // expected-error @below {{expected to be inside tile.for_each}}
  %at = tile.load %a[%c0, %c0] : !tile.global<?x64xbf16> -> !t
  tile.for_each (%x, %y, %z) in (%c0, %c0, %c0) together %c0 {
  }
  tile.return
}

// -----

!t = !tile.buffer<64x64xbf16, swizzle = 128>
!s = tensor<64x64xf32, #tile.acc>
#divided = #tile.config<consumers = 1, specialize = true, stages = 4, overlap = false, pingPong = false, schedule = static, producerRegisters = 0, consumerRegisters = 0>

// No load with which the number of blocks could travel.
tile.func @nothing_carries(%a: !tile.global<?x64xbf16>, %bits: !tile.global<?x?xi32>, %o: !tile.global<?x64xf32>) attributes {config = #divided} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %zero = arith.constant dense<0.0> : !s
  tile.for_each (%x, %y, %z) in (%c1, %c1, %c1) together %c1 {
    %list = tile.bit_list %bits[%z], %c1, %c1 : !tile.global<?x?xi32>
    // expected-error @below {{expected a load behind this op, before any product or loop, with which its result can travel to consumers}}
    %count, %masked = tile.list_size %list : !tile.list<bits>
    %r = scf.for %j = %c0 to %count step %c1 iter_args(%sum = %zero) -> (!s) : i32 {
      %bt = tile.load %a[%j, %c0] : !tile.global<?x64xbf16> -> !t
      %d = tile.dot %bt, %bt acc(%sum : !s) : !t, !t -> !s
      scf.yield %d : !s
    }
    tile.write %r, %o[%c0, %c0] : !s, !tile.global<?x64xf32>
  }
  tile.return
}

// -----

!t = !tile.buffer<64x64xbf16, swizzle = 128>
!s = tensor<64x64xf32, #tile.acc>
#divided = #tile.config<consumers = 1, specialize = true, stages = 4, overlap = false, pingPong = false, schedule = static, producerRegisters = 0, consumerRegisters = 0>

// Two tiles of one tensor in use at once: in one ring their slots would not be
// released in the order in which they were filled, so each has its own.
// CHECK-LABEL: tile.func @at_once
// CHECK-COUNT-2: tile.ring_create
// CHECK: tile.warp_specialize
tile.func @at_once(%a: !tile.global<?x64xbf16>, %o: !tile.global<?x64xf32>) attributes {config = #divided} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  tile.for_each (%x, %y, %z) in (%c1, %c1, %c1) together %c1 {
    %p = tile.load %a[%c0, %c0] : !tile.global<?x64xbf16> -> !t
    %q = tile.load %a[%c1, %c0] : !tile.global<?x64xbf16> -> !t
    %d = tile.dot %p, %q : !t, !t -> !s
    tile.write %d, %o[%c0, %c0] : !s, !tile.global<?x64xf32>
  }
  tile.return
}

// -----

!t = !tile.buffer<64x64xbf16, swizzle = 128>
!s = tensor<64x64xf32, #tile.acc>
#together = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = false, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>

// In one ring the second push would wait for ever.
// CHECK-LABEL: tile.func @in_place_at_once
// CHECK-COUNT-2: tile.ring_create
// CHECK: tile.ring_push
tile.func @in_place_at_once(%a: !tile.global<?x64xbf16>, %o: !tile.global<?x64xf32>) attributes {config = #together} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %p = tile.load %a[%c0, %c0] : !tile.global<?x64xbf16> -> !t
  %q = tile.load %a[%c1, %c0] : !tile.global<?x64xbf16> -> !t
  %d = tile.dot %p, %q : !t, !t -> !s
  tile.write %d, %o[%c0, %c0] : !s, !tile.global<?x64xf32>
  tile.return
}

// -----

!small = !tile.buffer<64x64xbf16, swizzle = 128>
!large = !tile.buffer<128x64xbf16, swizzle = 128>
!s = tensor<64x128xf32, #tile.acc>
#divided = #tile.config<consumers = 1, specialize = true, stages = 2, overlap = false, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>

// A ring holds tiles of one kind.
// CHECK-LABEL: tile.func @two_kinds
// CHECK-DAG: tile.ring_create : <1, !tile.buffer<64x64xbf16, swizzle = 128>>
// CHECK-DAG: tile.ring_create : <1, !tile.buffer<128x64xbf16, swizzle = 128>>
tile.func @two_kinds(%a: !tile.global<?x64xbf16>, %o: !tile.global<?x128xf32>) attributes {config = #divided} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  tile.for_each (%x, %y, %z) in (%c1, %c1, %c1) together %c1 {
    %p = tile.load %a[%c0, %c0] : !tile.global<?x64xbf16> -> !small
    %q = tile.load %a[%c1, %c0] : !tile.global<?x64xbf16> -> !large
    %d = tile.dot %p, %q {transpose_b} : !small, !large -> !s
    tile.write %d, %o[%c0, %c0] : !s, !tile.global<?x128xf32>
  }
  tile.return
}

// -----

// expected-error @below {{expected a configuration ('config'), got none}}
tile.func @no_configuration() {
  tile.return
}

// -----

!t = !tile.buffer<64x64xbf16, swizzle = 128>
!s = tensor<64x64xf32, #tile.acc>
!lane = tensor<64xi32, #tile.lane>
!col = tensor<64xi32, #tile.col>
#divided = #tile.config<consumers = 1, specialize = true, stages = 2, overlap = false, pingPong = false, schedule = static, producerRegisters = 0, consumerRegisters = 0, itemStages = 2>

// A row that the producer can read goes through a ring of its own, in the control
// flow of the exchange; the number of the block stays with the producer.
// CHECK-LABEL: tile.func @row
// CHECK-SAME: (%[[A:.*]]: {{.*}}, %[[P:.*]]: {{[^,]*}}, %{{.*}}: {{[^,]*}}, %{{.*}}:
// CHECK: tile.ring_create : <2, !tile.buffer<64x64xbf16, swizzle = 128>>
// CHECK: %[[ROWS:.*]] = tile.ring_create : <4, tensor<64xi32, #tile.col>>
// CHECK: tile.warp_specialize producer {
// CHECK: tile.list_next
// CHECK: scf.if
// CHECK: %[[READ:.*]] = tile.read %[[P]][%{{.*}}] else %{{.*}} -> tensor<64xi32, #tile.wide_col>
// CHECK-NEXT: tile.ring_push %[[ROWS]] row(%[[READ]] : tensor<64xi32, #tile.wide_col>)
// CHECK: } consumer {
// CHECK-NOT: tile.read
// CHECK: tile.dot
// CHECK: scf.if
// CHECK-NEXT: %[[ROW:.*]] = tile.ring_wait %[[ROWS]] : <4, tensor<64xi32, #tile.col>>
// CHECK-NEXT: tile.ring_release %[[ROWS]]
// CHECK-NEXT: tile.broadcast %[[ROW]]
tile.func @row(%a: !tile.global<?x64xbf16>, %p: !tile.global<?xi32>, %bits: !tile.global<?x?xi32>, %o: !tile.global<?x64xf32>) attributes {config = #divided} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c64 = arith.constant 64 : i32
  %zero = arith.constant dense<0.0> : !s
  tile.for_each (%x, %y, %z) in (%c1, %c1, %c1) together %c1 {
    %list = tile.bit_list %bits[%z], %c1, %c1 : !tile.global<?x?xi32>
    %count, %masked = tile.list_size %list : !tile.list<bits>
    %begin = tile.list_begin %list : !tile.list<bits>
    %first = tile.load %a[%z, %c0] : !tile.global<?x64xbf16> -> !t
    %r, %end = scf.for %j = %c0 to %count step %c1 iter_args(%sum = %zero, %cursor = %begin) -> (!s, !tile.cursor) : i32 {
      %block, %next = tile.list_next %list, %cursor : !tile.list<bits>
      %key = arith.muli %block, %c64 : i32
      %t = tile.load %a[%key, %c0] : !tile.global<?x64xbf16> -> !t
      %d = tile.dot %first, %t acc(%sum : !s) : !t, !t -> !s
      %needs = arith.cmpi slt, %j, %masked : i32
      %e = scf.if %needs -> (!s) {
        %u = tile.read %p[%key] else %c0 : i32 : !tile.global<?xi32> -> !lane
        %v = tile.relayout %u : !lane to !col
        %w = tile.broadcast %v : !col to tensor<64x64xi32, #tile.acc>
        %f = arith.sitofp %w : tensor<64x64xi32, #tile.acc> to !s
        %g = arith.addf %d, %f : !s
        scf.yield %g : !s
      } else {
        scf.yield %d : !s
      }
      scf.yield %e, %next : !s, !tile.cursor
    }
    tile.write %r, %o[%z, %c0] : !s, !tile.global<?x64xf32>
  }
  tile.return
}

// -----

!t = !tile.buffer<64x64xbf16, swizzle = 128>
!s = tensor<64x64xf32, #tile.acc>
!lane = tensor<64xf32, #tile.lane>
!wide = tensor<64xf32, #tile.wide_col>
!col = tensor<64xf32, #tile.col>
#divided = #tile.config<consumers = 1, specialize = true, stages = 2, overlap = false, pingPong = false, schedule = static, producerRegisters = 0, consumerRegisters = 0>

// So does a row that the producer's warp can compute, from what it reads and from
// scalars; what a warpgroup computes is exchanged by consumers.
// CHECK-LABEL: tile.func @computed_row
// CHECK-SAME: (%{{[a-z0-9]*}}: {{[^,]*}}, %[[P:[a-z0-9]*]]:
// CHECK: %[[ROWS:.*]] = tile.ring_create : <4, tensor<64xf32, #tile.col>>
// CHECK: tile.warp_specialize producer {
// CHECK: %[[READ:.*]] = tile.read %[[P]][%{{.*}}] : {{.*}} -> tensor<64xf32, #tile.wide_col>
// CHECK: %[[NEGATED:.*]] = arith.negf %[[READ]]
// CHECK: tile.ring_push %[[ROWS]] row(%[[NEGATED]] : tensor<64xf32, #tile.wide_col>)
// CHECK: } consumer {
// CHECK-NOT: arith.negf
// CHECK: tile.ring_wait %[[ROWS]] : <4, tensor<64xf32, #tile.col>>
// CHECK: tile.read %[[P]]
// CHECK: %[[MINE:.*]] = math.absf
// CHECK: tile.relayout %[[MINE]]
tile.func @computed_row(%a: !tile.global<?x64xbf16>, %p: !tile.global<?xf32>, %o: !tile.global<?x64xf32>) attributes {config = #divided} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c64 = arith.constant 64 : i32
  %zero = arith.constant dense<0.0> : !s
  tile.for_each (%x, %y, %z) in (%c1, %c1, %c1) together %c1 {
    %r = scf.for %j = %c0 to %c64 step %c1 iter_args(%sum = %zero) -> (!s) : i32 {
      %t = tile.load %a[%j, %c0] : !tile.global<?x64xbf16> -> !t
      %d = tile.dot %t, %t {transpose_b} : !t, !t -> !s
      %u = tile.read %p[%j] : !tile.global<?xf32> -> !wide
      %n = arith.negf %u : !wide
      %v = tile.relayout %n : !wide to !col
      %w = tile.broadcast %v : !col to !s
      %e = arith.mulf %d, %w : !s
      %l = tile.read %p[%j] : !tile.global<?xf32> -> !lane
      %m = math.absf %l : !lane
      %mine = tile.relayout %m : !lane to !col
      %b = tile.broadcast %mine : !col to !s
      %f = arith.addf %e, %b : !s
      scf.yield %f : !s
    }
    tile.write %r, %o[%z, %c0] : !s, !tile.global<?x64xf32>
  }
  tile.return
}

// -----

!t = !tile.buffer<64x64xbf16, swizzle = 128>
!s = tensor<64x64xf32, #tile.acc>
!lane = tensor<64xi32, #tile.lane>
!col = tensor<64xi32, #tile.col>
#divided = #tile.config<consumers = 1, specialize = true, stages = 2, overlap = false, pingPong = false, schedule = static, producerRegisters = 0, consumerRegisters = 0, itemStages = 2>

// Consumers read what they alone know the place of, and what they use themselves;
// what is read before the items is there for all of them.
// CHECK-LABEL: tile.func @own_rows
// CHECK-NOT: tile.ring_create : <{{[0-9]}}, tensor
// CHECK: } consumer {
// CHECK-COUNT-3: tile.relayout
tile.func @own_rows(%a: !tile.global<?x64xbf16>, %p: !tile.global<?xi32>, %w: !tile.global<?xi32>, %o: !tile.global<?x64xf32>) attributes {config = #divided} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %before = tile.read %p[%c0] : !tile.global<?xi32> -> !lane
  tile.for_each (%x, %y, %z) in (%c1, %c1, %c1) together %c1 {
    %t = tile.load %a[%z, %c0] : !tile.global<?x64xbf16> -> !t
    %d = tile.dot %t, %t : !t, !t -> !s
    %row = arith.constant dense<true> : tensor<64xi1, #tile.row>
    %any = tile.any %row : tensor<64xi1, #tile.row>
    %at = arith.select %any, %c0, %c1 : i32
    %2 = tile.read %p[%at] : !tile.global<?xi32> -> !lane
    %3 = tile.relayout %2 : !lane to !col
    %4 = tile.read %p[%z] : !tile.global<?xi32> -> !lane
    %5 = tile.relayout %4 : !lane to !col
    %6 = tile.relayout %before : !lane to !col
    %some = arith.addi %3, %5 : !col
    %sum = arith.addi %some, %6 : !col
    tile.write %sum, %w[%z] : !col, !tile.global<?xi32>
    tile.write %4, %w[%c1] : !lane, !tile.global<?xi32>
    tile.write %d, %o[%z, %c0] : !s, !tile.global<?x64xf32>
  }
  tile.return
}

// -----

!v = !tile.global<?x?x64xf16>
#divided = #tile.config<consumers = 1, specialize = true, stages = 1, overlap = false, pingPong = false, schedule = static, producerRegisters = 0, consumerRegisters = 0>

// Copies between the same tensors have one copier, which is told when there are no
// more; the numbers of rows are made by the side that computes.
// CHECK-LABEL: tile.func @copies
// CHECK-SAME: (%[[V:.*]]: !tile.global<?x?x64xf16>, %[[P:.*]]: !tile.global<?x?x64xf16>)
// CHECK: %[[C:.*]] = tile.copier %[[V]] to %[[P]] {buffered = 128 : i64, rows = 128 : i64}
// CHECK-NOT: tile.copier
// CHECK: tile.warp_specialize producer {
// CHECK-NOT: tile.iota
// CHECK: } consumer {
// CHECK: tile.for_each (%[[X:.*]], %[[Y:.*]], %[[Z:.*]]) in
// CHECK: %[[ROWS:.*]] = tile.iota
// CHECK: tile.copier_push %[[C]][%[[X]]] rows %[[ROWS]] to[%[[X]], %[[Z]]]
// CHECK: tile.copier_push %[[C]][%[[Y]]] rows %[[ROWS]] to[%[[Y]], %[[Z]]]
// CHECK: }
// CHECK-NEXT: tile.copier_stop %[[C]]
tile.func @copies(%v: !v, %p: !v) attributes {config = #divided} {
  %c1 = arith.constant 1 : i32
  %n = tile.dim %v, 1 : !v
  tile.for_each (%x, %y, %z) in (%c1, %c1, %n) together %c1 {
    %rows = tile.iota : tensor<128xi32, #tile.lane>
    tile.copy_rows %v[%x] rows %rows to %p[%x, %z] : tensor<128xi32, #tile.lane>, !v to !v
    tile.copy_rows %v[%y] rows %rows to %p[%y, %z] : tensor<128xi32, #tile.lane>, !v to !v
  }
  tile.return
}

// -----

!v = !tile.global<?x?x64xf16>
#together = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = false, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>

// Without a warp for them rows go through registers.
// CHECK-LABEL: tile.func @copies_in_place
// CHECK: %[[ROWS:.*]] = tile.iota
// CHECK: %[[T:.*]] = tile.gather %{{.*}}[%[[B:.*]]] rows %[[ROWS]] : {{.*}} -> tensor<128x64xf16, #tile.blocked<vector = 8>>
// CHECK: %[[ZERO:.*]] = arith.constant 0
// CHECK: tile.write %[[T]], %{{.*}}[%[[B]], %{{.*}}, %[[ZERO]]]
tile.func @copies_in_place(%v: !v, %p: !v) attributes {config = #together} {
  %c1 = arith.constant 1 : i32
  %n = tile.dim %v, 1 : !v
  %rows = tile.iota : tensor<128xi32, #tile.lane>
  tile.copy_rows %v[%c1] rows %rows to %p[%c1, %n] : tensor<128xi32, #tile.lane>, !v to !v
  tile.return
}
