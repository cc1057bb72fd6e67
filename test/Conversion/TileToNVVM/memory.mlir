// RUN: pbs-opt %s -split-input-file -pass-pipeline='builtin.module(tile.func(tile-allocate-shared),convert-tile-to-nvvm)' | FileCheck %s

// Elements outside are `else`; where a tile is always inside nothing is
// compared. Strides and extents are parameters only where they are needed.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @edges
// CHECK-SAME: (%[[IN:.*]]: !llvm.ptr<1> {llvm.noalias}, %[[STRIDE:.*]]: i64, %[[N:.*]]: i32, %[[OUT:.*]]: !llvm.ptr<1> {llvm.noalias})
// CHECK-SAME: params = [#plan.pointer<0>, #plan.stride<0, dim = 0>, #plan.integer<i32, ()[s0, s1, s2, s3] -> (s1)>, #plan.pointer<1>]
// CHECK: %[[INSIDE:.*]] = llvm.icmp "slt" %{{.*}}, %[[N]]
// CHECK: llvm.mul %{{.*}}, %[[STRIDE]] : i64
// CHECK: ld.global.nc.b32{{.*}} %[[INSIDE]], %{{.*}} : (!llvm.ptr<1>, i1, i32) -> i32
// CHECK-NOT: llvm.icmp
// CHECK: st.global.b32
tile.func @edges(%in: !tile.global<?x?xi32>, %out: !tile.global<128xi32>)
    attributes {config = #one} {
  %z = arith.constant 0 : i32
  %last = arith.constant 7 : i32
  %p = tile.read %in[%z, %z] else %last : i32
    : !tile.global<?x?xi32> -> tensor<128xi32, #tile.lane>
  tile.write %p, %out[%z] : tensor<128xi32, #tile.lane>, !tile.global<128xi32>
  tile.return
}

// -----

// A tile along another dimension than the last: its extent is compared, its
// stride multiplied.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @along
// CHECK-SAME: (%{{.*}}: !llvm.ptr<1> {llvm.noalias}, %[[STRIDE:.*]]: i64, %[[N:.*]]: i32, %{{.*}}: !llvm.ptr<1> {llvm.noalias}, %[[TO:.*]]: i64)
// CHECK: llvm.icmp "slt" %{{.*}}, %[[N]]
// CHECK: llvm.mul %{{.*}}, %[[STRIDE]] : i64
// CHECK-NOT: llvm.icmp
// CHECK: llvm.mul %{{.*}}, %[[TO]] : i64
tile.func @along(%in: !tile.global<?x2xf32>, %out: !tile.global<128x2xf32>)
    attributes {config = #one} {
  %z = arith.constant 0 : i32
  %o = arith.constant 1 : i32
  %p = tile.read %in[%z, %o] {dim = 0}
    : !tile.global<?x2xf32> -> tensor<128xf32, #tile.lane>
  tile.write %p, %out[%z, %o] {dim = 0}
    : tensor<128xf32, #tile.lane>, !tile.global<128x2xf32>
  tile.return
}

// -----

// A column's value through shared memory of the warpgroup, between two barriers. What a
// lane holds lies in vectors of 16 bytes, of the pairs in sixteen columns.
#two = #tile.config<consumers = 2, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @relayout
// CHECK: nvvm.barrier id
// CHECK: llvm.store
// CHECK: nvvm.barrier id
// CHECK-COUNT-8: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
// CHECK-NOT: llvm.load {{.*}}vector
tile.func @relayout(%in: !tile.global<?xi32>, %out: !tile.global<?xi32>)
    attributes {config = #two} {
  %z = arith.constant 0 : i32
  %p = tile.read %in[%z] : !tile.global<?xi32> -> tensor<128xi32, #tile.lane>
  %c = tile.relayout %p
    : tensor<128xi32, #tile.lane> to tensor<128xi32, #tile.col>
  tile.write %c, %out[%z] : tensor<128xi32, #tile.col>, !tile.global<?xi32>
  tile.return
}

// -----

// Where each warp has all columns, they stay in the warp.
#two = #tile.config<consumers = 2, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @relayout_in_warp
// CHECK-SAME: shared = 2048
// CHECK-NOT: nvvm.barrier id
// CHECK: nvvm.bar.warp.sync
// CHECK-COUNT-2: llvm.store
// CHECK: nvvm.bar.warp.sync
// CHECK-COUNT-4: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
// CHECK-NOT: nvvm.barrier id
tile.func @relayout_in_warp(%in: !tile.global<?xi32>, %out: !tile.global<?xi32>)
    attributes {config = #two} {
  %z = arith.constant 0 : i32
  %p = tile.read %in[%z] : !tile.global<?xi32> -> tensor<64xi32, #tile.wide_col>
  %c = tile.relayout %p
    : tensor<64xi32, #tile.wide_col> to tensor<64xi32, #tile.col>
  tile.write %c, %out[%z] : tensor<64xi32, #tile.col>, !tile.global<?xi32>
  tile.return
}

// -----

// Of 16 bit a vector holds the pairs in 32 columns.
#two = #tile.config<consumers = 2, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @relayout_halves
// CHECK-SAME: shared = 1024
// CHECK: nvvm.bar.warp.sync
// CHECK-COUNT-2: llvm.store %{{.*}} {alignment = 2 : i64} : f16, !llvm.ptr<3>
// CHECK: nvvm.bar.warp.sync
// CHECK-COUNT-2: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
// CHECK-NOT: llvm.load {{.*}}vector
tile.func @relayout_halves(%in: !tile.global<?xf16>, %out: !tile.global<?xf16>)
    attributes {config = #two} {
  %z = arith.constant 0 : i32
  %p = tile.read %in[%z] : !tile.global<?xf16> -> tensor<64xf16, #tile.wide_col>
  %c = tile.relayout %p
    : tensor<64xf16, #tile.wide_col> to tensor<64xf16, #tile.col>
  tile.write %c, %out[%z] : tensor<64xf16, #tile.col>, !tile.global<?xf16>
  tile.return
}

// -----

// Waiting for a turn is a barrier already.
#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = true, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @relayout_after_turn
// CHECK: nvvm.barrier id
// CHECK: nvvm.barrier.arrive
// CHECK-NOT: nvvm.barrier
// CHECK: llvm.store
// CHECK: nvvm.barrier id
// CHECK-NOT: nvvm.barrier
tile.func @relayout_after_turn(%in: !tile.global<?xi32>,
    %out: !tile.global<?xi32>) attributes {config = #two} {
  tile.warp_specialize producer {
  } consumer {
    %z = arith.constant 0 : i32
    %p = tile.read %in[%z] : !tile.global<?xi32> -> tensor<128xi32, #tile.lane>
    tile.turn_wait
    tile.turn_pass
    %c = tile.relayout %p
      : tensor<128xi32, #tile.lane> to tensor<128xi32, #tile.col>
    tile.write %c, %out[%z] : tensor<128xi32, #tile.col>, !tile.global<?xi32>
  }
  tile.return
}

// -----

// Registers to swizzled shared memory to a bulk copy of each warpgroup's 64 rows
// in boxes of 64 columns; the bytes are free when the last copy has read them.
#two = #tile.config<consumers = 2, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @store
// CHECK-SAME: shared = 32768
// CHECK-SAME: #plan.tensor_map<0, box = [64, 64, 1, 1], swizzle = 128>
// CHECK: nvvm.cp.async.bulk.wait_group 0 {read}
// CHECK: nvvm.barrier id
// CHECK-COUNT-8: nvvm.stmatrix
// CHECK-NOT: nvvm.stmatrix
// CHECK: nvvm.fence.proxy
// CHECK: nvvm.barrier id
// CHECK-COUNT-2: nvvm.cp.async.bulk.tensor.global.shared.cta {{.*}} predicate
// CHECK: nvvm.cp.async.bulk.commit.group
// CHECK: nvvm.cp.async.bulk.wait_group 0 {read}
// CHECK: llvm.return
tile.func @store(%o: !tile.global<?x?x?x128xbf16>) attributes {config = #two} {
  %z = arith.constant 0 : i32
  %t = arith.constant dense<1.0> : tensor<128x128xbf16, #tile.acc>
  tile.store %t, %o[%z, %z, %z, %z]
    : tensor<128x128xbf16, #tile.acc>, !tile.global<?x?x?x128xbf16>
  tile.return
}

// -----

// Vectors of 16 bytes: of 8 elements of 16 bit, of 4 of 32 bit.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @vectors
// CHECK-SAME: params = [#plan.pointer<0, align = 16>, #plan.stride<0, dim = 0>, #plan.integer<i32, ()[s0, s1, s2, s3, s4] -> (s0)>, #plan.pointer<1, align = 16>
// CHECK-COUNT-2: ld.global.nc.v4.b32
// CHECK-NOT: ld.global
// CHECK-COUNT-4: st.global.v4.b32
// CHECK-NOT: st.global
// CHECK: llvm.return
tile.func @vectors(%in: !tile.global<?x64xf16>, %out: !tile.global<?x64xf32>)
    attributes {config = #one} {
  %z = arith.constant 0 : i32
  %k = tile.read %in[%z, %z] : !tile.global<?x64xf16>
    -> tensor<32x64xf16, #tile.blocked<vector = 8>>
  %f = arith.extf %k : tensor<32x64xf16, #tile.blocked<vector = 8>>
    to tensor<32x64xf32, #tile.blocked<vector = 8>>
  tile.write %f, %out[%z, %z]
    : tensor<32x64xf32, #tile.blocked<vector = 8>>, !tile.global<?x64xf32>
  tile.return
}

// -----

// Rows from `rows` on are neither copied nor stored: a warpgroup that has such
// stores the others itself.
#two = #tile.config<consumers = 2, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @rows
// CHECK: %[[CUT:.*]] = llvm.icmp "slt" %[[ROWS:.*]], %{{.*}} : i32
// CHECK: llvm.icmp "slt" %{{.*}}, %[[ROWS]] : i32
// CHECK: llvm.and %{{.*}}, %[[CUT]]
// CHECK-COUNT-32: st.global.b32
// CHECK-COUNT-2: nvvm.cp.async.bulk.tensor.global.shared.cta {{.*}} predicate
// CHECK: llvm.icmp "slt" %{{.*}}, %[[ROWS]] : i32
// CHECK: st.global.b32
tile.func @rows(%o: !tile.global<?x?x?x128xbf16>, %l: !tile.global<?x?x?xf32>)
    attributes {config = #two} {
  %z = arith.constant 0 : i32
  %n = tile.dim %l, 1 : !tile.global<?x?x?xf32>
  %t = arith.constant dense<1.0> : tensor<128x128xbf16, #tile.acc>
  %r = arith.constant dense<1.0> : tensor<128xf32, #tile.row>
  tile.store %t, %o[%z, %z, %z, %z] rows %n
    : tensor<128x128xbf16, #tile.acc>, !tile.global<?x?x?x128xbf16>
  tile.write %r, %l[%z, %z, %z] rows %n
    : tensor<128xf32, #tile.row>, !tile.global<?x?x?xf32>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// A tile that is inside whatever the sizes are is written without a condition.
// CHECK-LABEL: llvm.func @inside
// CHECK: nvvm.inline_ptx "st.global.v4.b32 [$0], {$1, $2, $3, $4};"
// CHECK-NOT: predicate
// CHECK: llvm.return
tile.func @inside(%out: !tile.global<64x64xbf16>) attributes {config = #one} {
  %z = arith.constant 0 : i32
  %zeros = arith.constant dense<0.0>
    : tensor<64x64xbf16, #tile.blocked<vector = 8>>
  tile.write %zeros, %out[%z, %z]
    : tensor<64x64xbf16, #tile.blocked<vector = 8>>, !tile.global<64x64xbf16>
  tile.return
}
