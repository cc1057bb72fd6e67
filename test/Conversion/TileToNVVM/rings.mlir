// RUN: pbs-opt %s -split-input-file -pass-pipeline='builtin.module(tile.func(tile-allocate-shared),convert-tile-to-nvvm,cse)' | FileCheck %s

// One warp produces; the others of its warpgroup leave. Both sides wait by
// parity, at slot `step mod stages`.
#two = #tile.config<consumers = 2, specialize = true, stages = 2,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 40,
  consumerRegisters = 232>
!q = !tile.global<?x?x?x128xbf16>
!ring = !tile.ring<2, !tile.buffer<128x128xbf16, swizzle = 128>>
// CHECK-LABEL: llvm.func @tiles
// CHECK-SAME: (%[[MAP:[^:]*]]: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant})
// CHECK-SAME: nvvm.maxntid = array<i32: 384, 1, 1>
// CHECK-SAME: block = [384, 1, 1], shared = 65568
// CHECK-SAME: params = [#plan.tensor_map<0, box = [64, 128, 1, 1], swizzle = 128>]
// CHECK-DAG: %[[C1:.*]] = llvm.mlir.constant(1 : i32)
// CHECK-DAG: %[[C8:.*]] = llvm.mlir.constant(8 : i32)
// CHECK-DAG: %[[BYTES:.*]] = llvm.mlir.constant(32768 : i32)
// One arrival fills a slot, one of each warp frees it: no product makes the warps
// of a warpgroup meet.
// CHECK: nvvm.prefetch tensormap, %[[MAP]]
// CHECK: nvvm.mbarrier.init %{{.*}}, %[[C1]]
// CHECK: nvvm.mbarrier.init %{{.*}}, %[[C8]]
// CHECK: nvvm.mbarrier.init %{{.*}}, %[[C1]]
// CHECK: nvvm.mbarrier.init %{{.*}}, %[[C8]]
// CHECK: nvvm.fence.mbarrier.init
// CHECK: nvvm.barrier
// CHECK: nvvm.setmaxregister decrease 40
// CHECK: %[[ELECTED:.*]] = nvvm.elect.sync
// Both halves of the rows of one tile.
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK: mbarrier.arrive.expect_tx.shared::cta.b64 _, [$0], $1;" ro(%{{.*}}, %[[BYTES]] : !llvm.ptr<3>, i32), predicate = %[[ELECTED]]
// CHECK-COUNT-2: cp.async.bulk.tensor.4d.shared::cta
// CHECK-NOT: cp.async.bulk
// CHECK: nvvm.setmaxregister increase 232
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK: mbarrier.arrive.shared::cta.b64 _, [$0];"
// CHECK: llvm.return
tile.func @tiles(%keys: !q) attributes {config = #two} {
  %ring = tile.ring_create : !ring
  tile.warp_specialize producer {
    %z = arith.constant 0 : i32
    tile.ring_push %ring step %z from %keys[%z, %z, %z, %z] : !ring, !q
  } consumer {
    %z = arith.constant 0 : i32
    %k = tile.ring_wait %ring step %z : !ring
    tile.ring_release %ring step %z : !ring
  }
  tile.return
}

// -----

// Scalars are read by all warps: a slot is free when each has arrived, after all
// its lanes have read.
#two = #tile.config<consumers = 2, specialize = true, stages = 2,
  overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0,
  consumerRegisters = 0>
!work = !tile.ring<1, i32, f32>
// CHECK-LABEL: llvm.func @scalars
// CHECK-SAME: shared = 32, params = [#plan.pointer<0>], scratch = [#plan.scratch<bytes = ()[s0] -> (4), zeroed>]
// CHECK-DAG: %[[C8:.*]] = llvm.mlir.constant(8 : i32)
// CHECK: nvvm.mbarrier.init
// CHECK: nvvm.mbarrier.init %{{.*}}, %[[C8]]
// CHECK-NOT: nvvm.setmaxregister
// One lane draws; the others get it right before it is used.
// CHECK: atom.global.inc.u32
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK: nvvm.shfl.sync idx
// CHECK-COUNT-2: st.volatile.shared.b32
// CHECK: mbarrier.arrive.shared::cta.b64 _, [$0];"
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK: %[[WORD:.*]] = llvm.inline_asm {{.*}}ld.volatile.shared.b32
// CHECK: nvvm.redux.sync or %[[WORD]]
// CHECK: nvvm.bar.warp.sync
// CHECK: mbarrier.arrive.shared::cta.b64 _, [$0];"
tile.func @scalars(%counter: !tile.global<1xi32> {tile.counter})
    attributes {config = #two} {
  %ring = tile.ring_create : !work
  %z = arith.constant 0 : i32
  tile.warp_specialize producer {
    %item = tile.fetch_item %counter : !tile.global<1xi32>
    %f = arith.constant 1.0 : f32
    %o = arith.constant 1 : i32
    tile.ring_push %ring step %z scalars(%o, %f) : !work
    tile.ring_push %ring step %o scalars(%item, %f) : !work
  } consumer {
    // The second scalar is not used, hence not read.
    %item, %f = tile.ring_wait %ring step %z : !work
    tile.ring_release %ring step %z : !work
    scf.while (%i = %item) : (i32) -> i32 {
      %more = arith.cmpi slt, %i, %z : i32
      scf.condition(%more) %i : i32
    } do {
    ^bb0(%i: i32):
      scf.yield %i : i32
    }
  }
  tile.return
}

// -----

// A draw with a condition: another number if it does not hold.
#two = #tile.config<consumers = 2, specialize = true, stages = 2,
  overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0,
  consumerRegisters = 0>
!work = !tile.ring<2, i32>
// CHECK-LABEL: llvm.func @draws_if
// CHECK: llvm.inline_asm {{.*}}mov.b32 $0, $3;{{.*}}@$2 atom.global.inc.u32 $0, [$1], 0x7fffffff;{{.*}} %{{[^,]*}}, %[[LANE:.*]], %{{.*}} :
// CHECK: %[[FIRST:.*]] = nvvm.shfl.sync  idx
// CHECK: %[[MORE:.*]] = llvm.icmp "slt" %[[FIRST]]
// CHECK: %[[DRAWS:.*]] = llvm.and %[[LANE]], %[[MORE]] : i1
// CHECK: %[[DRAWN:.*]] = llvm.inline_asm {{.*}}mov.b32 $0, $3;{{.*}}@$2 atom.global.inc.u32 $0, [$1], 0x7fffffff;{{.*}} %[[DRAWS]], %[[FIRST]] :
// CHECK: nvvm.shfl.sync  idx %{{.*}}, %[[DRAWN]]
tile.func @draws_if(%counter: !tile.global<1xi32> {tile.counter})
    attributes {config = #two} {
  %ring = tile.ring_create : !work
  %z = arith.constant 0 : i32
  %size = arith.constant 7 : i32
  tile.warp_specialize producer {
    %first = tile.fetch_item %counter : !tile.global<1xi32>
    %more = arith.cmpi slt, %first, %size : i32
    %item = tile.fetch_item %counter if %more else %first : !tile.global<1xi32>
    tile.ring_push %ring step %z scalars(%item) : !work
  } consumer {
    %item = tile.ring_wait %ring step %z : !work
    tile.ring_release %ring step %z : !work
  }
  tile.return
}

// -----

// Turns: the second warpgroup passes first, so that the first begins.
#two = #tile.config<consumers = 2, specialize = true, stages = 2,
  overlap = false, pingPong = true, schedule = static, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @turns
// CHECK: nvvm.barrier.arrive
// CHECK: nvvm.read.ptx.sreg.ctaid.x
// CHECK: nvvm.read.ptx.sreg.nctaid.x
// CHECK: nvvm.barrier id
// CHECK: nvvm.barrier.arrive
tile.func @turns(%out: !tile.global<?xi32>) attributes {config = #two} {
  %n = tile.dim %out, 0 : !tile.global<?xi32>
  tile.warp_specialize producer {
  } consumer {
    %b = tile.block_id
    %g = tile.grid_size
    scf.for %i = %b to %n step %g : i32 {
      tile.turn_wait
      tile.turn_pass
    }
  }
  tile.return
}

// -----

// Without a producer all threads wait and one lane issues.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!q = !tile.global<?x?x?x64xf16>
!ring = !tile.ring<1, !tile.buffer<64x64xf16, swizzle = 128>>
// CHECK-LABEL: llvm.func @one_region
// CHECK-SAME: nvvm.maxntid = array<i32: 128, 1, 1>
// CHECK: %[[FIRST:.*]] = llvm.icmp "eq"
// CHECK: %[[ANY:.*]] = nvvm.elect.sync
// CHECK: %[[ELECTED:.*]] = llvm.and
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK: cp.async.bulk.tensor.4d.shared::cta{{.*}} predicate = %[[ELECTED]]
// CHECK: nvvm.mbarrier.try_wait.parity
tile.func @one_region(%keys: !q) attributes {config = #one} {
  %ring = tile.ring_create : !ring
  %z = arith.constant 0 : i32
  tile.ring_push %ring step %z from %keys[%z, %z, %z, %z] : !ring, !q
  %k = tile.ring_wait %ring step %z : !ring
  tile.ring_release %ring step %z : !ring
  tile.return
}

// -----

// Behind a product all warps of a warpgroup have waited for the slot: one arrival
// of each warpgroup frees it.
#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!q = !tile.global<?x?x?x128xbf16>
!tile = !tile.buffer<128x128xbf16, swizzle = 128>
!ring = !tile.ring<1, !tile>
// CHECK-LABEL: llvm.func @behind_product
// CHECK-DAG: %[[C1:.*]] = llvm.mlir.constant(1 : i32)
// CHECK-DAG: %[[C2:.*]] = llvm.mlir.constant(2 : i32)
// CHECK: nvvm.mbarrier.init %{{.*}}, %[[C1]]
// CHECK: nvvm.mbarrier.init %{{.*}}, %[[C2]]
tile.func @behind_product(%keys: !q) attributes {config = #two} {
  %ring = tile.ring_create : !ring
  tile.warp_specialize producer {
    %z = arith.constant 0 : i32
    tile.ring_push %ring step %z from %keys[%z, %z, %z, %z] : !ring, !q
  } consumer {
    %z = arith.constant 0 : i32
    %k = tile.ring_wait %ring step %z : !ring
    %s = tile.dot_async %k, %k {transpose_b} : !tile, !tile
      -> !tile.inflight<tensor<128x128xf32, #tile.acc>>
    %r = tile.dot_wait %s {pending = 0}
      : !tile.inflight<tensor<128x128xf32, #tile.acc>>
    tile.ring_release %ring step %z : !ring
  }
  tile.return
}

// -----

// A tile of which rows are cleared arrives at a barrier of its own, where one
// warp waits, clears and says that the slot is full. It arrives there once more
// and waits for that too, which leaves the barrier in its first phase.
#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 40,
  consumerRegisters = 232>
!q = !tile.global<?x?x?x64xbf16>
!ring = !tile.ring<1, !tile.buffer<128x64xbf16, swizzle = 128>>
// CHECK-LABEL: llvm.func @cleared
// CHECK-COUNT-3: nvvm.mbarrier.init
// CHECK: %[[ARRIVES:.*]] = llvm.select %{{.*}}, %[[COPIED:.*]], %[[FULL:.*]] : i1, !llvm.ptr<3>
// CHECK: expect_tx{{.*}}(%[[ARRIVES]]
// CHECK: cp.async.bulk.tensor.4d.shared::cta{{.*}} %[[ARRIVES]]
// CHECK: llvm.cond_br
// CHECK: try_wait.parity %[[COPIED]],
// CHECK: st.shared.v4.b32
// CHECK: nvvm.fence.proxy
// CHECK: mbarrier.arrive{{.*}}(%[[COPIED]]
// CHECK: try_wait.parity %[[COPIED]],
// CHECK: nvvm.bar.warp.sync
// CHECK: mbarrier.arrive{{.*}}(%[[FULL]]
tile.func @cleared(%keys: !q) attributes {config = #two} {
  %ring = tile.ring_create : !ring
  tile.warp_specialize producer {
    %z = arith.constant 0 : i32
    %n = tile.dim %keys, 1 : !q
    tile.ring_push %ring step %z from %keys[%z, %z, %z, %z] rows %n : !ring, !q
  } consumer {
    %z = arith.constant 0 : i32
    %k = tile.ring_wait %ring step %z : !ring
    tile.ring_release %ring step %z : !ring
  }
  tile.return
}

// -----

// A row: each lane of the warp that pushes writes some elements, and one of them
// arrives when all have. Consumers read their columns by pairs and then release the
// slot, each for itself. No barrier of a warpgroup.
#two = #tile.config<consumers = 2, specialize = true, stages = 2,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!row = tensor<64xi32, #tile.wide_col>
!ring = !tile.ring<2, i32, tensor<64xi32, #tile.col>>
// CHECK-LABEL: llvm.func @row
// Two slots of barriers, 256 bytes of a row and 4 of a scalar.
// CHECK-SAME: shared = 560
// CHECK-DAG: %[[C256:.*]] = llvm.mlir.constant(256 : i32)
// CHECK-DAG: %[[C32:.*]] = llvm.mlir.constant(32 : i32)
// Each lane of the warp that writes a row arrives, and each thread that reads it.
// CHECK: nvvm.mbarrier.init %{{.*}}, %[[C32]]
// CHECK: nvvm.mbarrier.init %{{.*}}, %[[C256]]
// CHECK: ld.global.nc.b32
// CHECK: ld.global.nc.b32
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK: st.volatile.shared.b32
// CHECK-COUNT-2: llvm.store {{.*}}!llvm.ptr<3>
// CHECK: mbarrier.arrive.shared::cta.b64 _, [$0];" ro(%{{[0-9]+}} : !llvm.ptr<3>){{$}}
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK-NOT: nvvm.barrier
// CHECK-COUNT-4: llvm.load {{.*}} -> vector<4xi32>
// CHECK-NOT: nvvm.barrier
// CHECK: mbarrier.arrive.shared::cta.b64 _, [$0];" ro(%{{[0-9]+}} : !llvm.ptr<3>){{$}}
tile.func @row(%p: !tile.global<?xi32>, %o: !tile.global<?xi32>) attributes {config = #two} {
  %ring = tile.ring_create : !ring
  tile.warp_specialize producer {
    %z = arith.constant 0 : i32
    %row = tile.read %p[%z] : !tile.global<?xi32> -> !row
    tile.ring_push %ring step %z scalars(%z) row(%row : !row) : !ring
  } consumer {
    %z = arith.constant 0 : i32
    %at, %r = tile.ring_wait %ring step %z : !ring
    tile.ring_release %ring step %z : !ring
    tile.write %r, %o[%at] : tensor<64xi32, #tile.col>, !tile.global<?xi32>
  }
  tile.return
}

// -----

// The warp that pushes computes what each warp has all of, constants from before the
// split included, with its lanes alone.
#two = #tile.config<consumers = 2, specialize = true, stages = 2,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!row = tensor<64xi32, #tile.wide_col>
!ring = !tile.ring<2, i32, tensor<64xi32, #tile.col>>
// CHECK-LABEL: llvm.func @computed_row
// CHECK-COUNT-2: ld.global.nc.b32
// CHECK-NOT: nvvm.barrier
// CHECK: nvvm.redux.sync max
// CHECK-NOT: nvvm.barrier
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK-COUNT-2: llvm.store {{.*}}!llvm.ptr<3>
tile.func @computed_row(%p: !tile.global<?xi32>, %o: !tile.global<?xi32>) attributes {config = #two} {
  %ring = tile.ring_create : !ring
  %one = arith.constant dense<1> : !row
  tile.warp_specialize producer {
    %z = arith.constant 0 : i32
    %read = tile.read %p[%z] : !tile.global<?xi32> -> !row
    %most = tile.reduce max %read {dim = 0} : !row -> i32
    %all = tile.splat %most : i32 to !row
    %numbers = tile.iota : !row
    %more = arith.addi %numbers, %one : !row
    %sum = arith.addi %more, %all : !row
    tile.ring_push %ring step %z scalars(%most) row(%sum : !row) : !ring
  } consumer {
    %z = arith.constant 0 : i32
    %at, %r = tile.ring_wait %ring step %z : !ring
    tile.ring_release %ring step %z : !ring
    tile.write %r, %o[%at] : tensor<64xi32, #tile.col>, !tile.global<?xi32>
  }
  tile.return
}

// -----

// A tile of one of two tensors: the map is chosen.
#two = #tile.config<consumers = 2, specialize = true, stages = 2,
  overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0,
  consumerRegisters = 0>
!ring = !tile.ring<2, !tile.buffer<64x64xf16, swizzle = 128>>
!q = !tile.global<?x?x?x64xf16>
// CHECK-LABEL: llvm.func @either
// CHECK-SAME: %[[N:[^:]*]]: i32, %[[KEYS:[^:]*]]: !llvm.ptr {{[^%]*}}, %[[OTHERS:[^:]*]]: !llvm.ptr
// CHECK-SAME: #plan.tensor_map<0, {{[^>]*}}>, #plan.tensor_map<1,
// CHECK: %[[YES:.*]] = llvm.icmp "sgt" %[[N]]
// CHECK: %[[MAP:.*]] = llvm.select %[[YES]], %[[OTHERS]], %[[KEYS]]
// CHECK: cp.async.bulk.tensor.4d{{.*}} ro(%{{[^,]*}}, %[[MAP]],
tile.func @either(%keys: !q, %others: !q) attributes {config = #two} {
  %ring = tile.ring_create : !ring
  tile.warp_specialize producer {
    %z = arith.constant 0 : i32
    %n = tile.dim %keys, 2 : !q
    %yes = arith.cmpi slt, %z, %n : i32
    tile.ring_push %ring step %z from %keys[%z, %z, %n, %z]
      or (%others if %yes : !q) : !ring, !q
  } consumer {
    %z = arith.constant 0 : i32
    %k = tile.ring_wait %ring step %z : !ring
    tile.ring_release %ring step %z : !ring
  }
  tile.return
}
