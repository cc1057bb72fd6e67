// RUN: pbs-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(tile.func(tile-allocate-shared),convert-tile-to-nvvm)' | FileCheck %s

#two = #tile.config<consumers = 2, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// Keys and order of 256 elements are in shared memory; each of 256 threads counts
// for one, between barriers of all of them: keys before those of its warp, those
// of its warp, where equal ones count if their number is smaller, and those behind.
// CHECK-LABEL: llvm.func @order
// CHECK-SAME: shared = 2048
// CHECK: nvvm.barrier id
// CHECK: st.shared.b32
// CHECK: nvvm.barrier id
// CHECK-COUNT-4: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
// CHECK-NOT: llvm.icmp "sge"
// CHECK: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
// CHECK-COUNT-16: llvm.icmp "sge"
// The first one counts for the second: the sum with its complement carries.
// CHECK: add.cc.u32 low, $1, $2;{{.*}}addc.u32 $0, $3, 0;
// CHECK-COUNT-4: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
// CHECK-NOT: !llvm.ptr<3> -> vector<4xi32>
// CHECK-NOT: llvm.icmp "sge"
// CHECK: st.shared.b32
// CHECK: nvvm.barrier id
tile.func @order(%in: !tile.global<?xf32>, %out: !tile.global<?xi32>)
    attributes {config = #two} {
  %z = arith.constant 0 : i32
  %h = arith.constant 128 : i32
  %a = tile.read %in[%z] : !tile.global<?xf32> -> tensor<128xf32, #tile.row>
  %b = tile.read %in[%h] : !tile.global<?xf32> -> tensor<128xf32, #tile.row>
  %p, %q = tile.order %a, %b
    : tensor<128xf32, #tile.row>, tensor<128xf32, #tile.row>
    -> tensor<128xi32, #tile.lane>, tensor<128xi32, #tile.lane>
  tile.write %p, %out[%z] : tensor<128xi32, #tile.lane>, !tile.global<?xi32>
  tile.write %q, %out[%h] : tensor<128xi32, #tile.lane>, !tile.global<?xi32>
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// Two threads count for each of 128 elements: they look at every second vector,
// and add up.
// CHECK-LABEL: llvm.func @order_by_pairs
// CHECK-SAME: shared = 1024
// CHECK-COUNT-4: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
// CHECK: nvvm.shfl.sync bfly
// CHECK-NOT: nvvm.shfl.sync bfly
// CHECK: st.shared.b32
tile.func @order_by_pairs(%in: !tile.global<?xf32>, %out: !tile.global<?xi32>)
    attributes {config = #two} {
  %z = arith.constant 0 : i32
  %a = tile.read %in[%z] : !tile.global<?xf32> -> tensor<128xf32, #tile.row>
  %p = tile.order %a
    : tensor<128xf32, #tile.row> -> tensor<128xi32, #tile.lane>
  tile.write %p, %out[%z] : tensor<128xi32, #tile.lane>, !tile.global<?xi32>
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// Numbers of rows are read where the order has left them: no barrier and no byte
// more than the order needs.
// CHECK-LABEL: llvm.func @rows_of_an_order
// CHECK-SAME: shared = 1024
// CHECK-COUNT-3: nvvm.barrier id
// CHECK-NOT: nvvm.barrier id
// CHECK-COUNT-16: ld.global.nc.v4.b32
// CHECK-NOT: nvvm.barrier id
tile.func @rows_of_an_order(%in: !tile.global<?xf32>,
    %k: !tile.global<?x?x128xbf16>, %out: !tile.global<?x?x128xbf16>)
    attributes {config = #two} {
  %z = arith.constant 0 : i32
  %h = arith.constant 128 : i32
  %n = tile.dim %k, 1 : !tile.global<?x?x128xbf16>
  %a = tile.read %in[%z] : !tile.global<?xf32> -> tensor<128xf32, #tile.row>
  %p = tile.order %a
    : tensor<128xf32, #tile.row> -> tensor<128xi32, #tile.lane>
  %first = tile.splat %n : i32 to tensor<128xi32, #tile.lane>
  %rows = arith.addi %p, %first : tensor<128xi32, #tile.lane>
  %s = tile.gather %k[%z] rows %p : tensor<128xi32, #tile.lane>,
    !tile.global<?x?x128xbf16>
    -> tensor<128x128xbf16, #tile.blocked<vector = 8>>
  %t = tile.gather %k[%z] rows %rows : tensor<128xi32, #tile.lane>,
    !tile.global<?x?x128xbf16>
    -> tensor<128x128xbf16, #tile.blocked<vector = 8>>
  tile.write %s, %out[%z, %z, %z]
    : tensor<128x128xbf16, #tile.blocked<vector = 8>>,
      !tile.global<?x?x128xbf16>
  tile.write %t, %out[%z, %h, %z]
    : tensor<128x128xbf16, #tile.blocked<vector = 8>>,
      !tile.global<?x?x128xbf16>
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// Behind another order they are not there any more.
// CHECK-LABEL: llvm.func @rows_of_an_order_before
// CHECK-SAME: shared = 1536
// CHECK-COUNT-8: nvvm.barrier id
tile.func @rows_of_an_order_before(%in: !tile.global<?xf32>,
    %k: !tile.global<?x?x128xbf16>, %out: !tile.global<?x?x128xbf16>)
    attributes {config = #two} {
  %z = arith.constant 0 : i32
  %h = arith.constant 128 : i32
  %a = tile.read %in[%z] : !tile.global<?xf32> -> tensor<128xf32, #tile.row>
  %p = tile.order %a
    : tensor<128xf32, #tile.row> -> tensor<128xi32, #tile.lane>
  %b = tile.read %in[%h] : !tile.global<?xf32> -> tensor<128xf32, #tile.row>
  %q = tile.order %b
    : tensor<128xf32, #tile.row> -> tensor<128xi32, #tile.lane>
  %s = tile.gather %k[%z] rows %p : tensor<128xi32, #tile.lane>,
    !tile.global<?x?x128xbf16>
    -> tensor<128x128xbf16, #tile.blocked<vector = 8>>
  %t = tile.gather %k[%z] rows %q : tensor<128xi32, #tile.lane>,
    !tile.global<?x?x128xbf16>
    -> tensor<128x128xbf16, #tile.blocked<vector = 8>>
  tile.write %s, %out[%z, %z, %z]
    : tensor<128x128xbf16, #tile.blocked<vector = 8>>,
      !tile.global<?x?x128xbf16>
  tile.write %t, %out[%z, %h, %z]
    : tensor<128x128xbf16, #tile.blocked<vector = 8>>,
      !tile.global<?x?x128xbf16>
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// 8 vectors of 16 bytes for each of 256 threads, where the row exists.
// CHECK-LABEL: llvm.func @gather
// CHECK-SAME: shared = 512
// CHECK: st.shared.b32
// CHECK: nvvm.barrier id
// CHECK-COUNT-8: ld.global.nc.v4.b32
// CHECK-NOT: ld.global
tile.func @gather(%in: !tile.global<?x?x128xbf16>,
                  %out: !tile.global<?x?x128xbf16>)
    attributes {config = #two} {
  %z = arith.constant 0 : i32
  %rows = tile.iota : tensor<128xi32, #tile.lane>
  %t = tile.gather %in[%z] rows %rows : tensor<128xi32, #tile.lane>,
    !tile.global<?x?x128xbf16>
    -> tensor<128x128xbf16, #tile.blocked<vector = 8>>
  tile.write %t, %out[%z, %z, %z]
    : tensor<128x128xbf16, #tile.blocked<vector = 8>>,
      !tile.global<?x?x128xbf16>
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// A warp by shuffles, the warps of a warpgroup through 4 words.
// CHECK-LABEL: llvm.func @to_scalar
// CHECK-SAME: shared = 32
// CHECK-COUNT-5: nvvm.shfl.sync bfly
// CHECK: nvvm.barrier id
// CHECK: st.shared.b32
// CHECK: nvvm.barrier id
// CHECK-COUNT-4: llvm.load
tile.func @to_scalar(%in: !tile.global<?xi32>, %out: !tile.global<?xi32>)
    attributes {config = #two} {
  %z = arith.constant 0 : i32
  %t = tile.read %in[%z] : !tile.global<?xi32> -> tensor<128xi32, #tile.lane>
  %m = tile.reduce max %t {dim = 0} : tensor<128xi32, #tile.lane> -> i32
  %s = tile.splat %m : i32 to tensor<128xi32, #tile.lane>
  tile.write %s, %out[%z] : tensor<128xi32, #tile.lane>, !tile.global<?xi32>
  tile.return
}

// -----

tile.func @too_many() {
  %a = arith.constant dense<0.0> : tensor<1152xf32, #tile.row>
  // expected-error@+1 {{expected at most 1024 elements, got 1152}}
  %p = tile.order %a : tensor<1152xf32, #tile.row> -> tensor<1152xi32, #tile.lane>
  tile.return
}

// -----

tile.func @other_layout() {
  %a = arith.constant dense<0.0> : tensor<128xf32, #tile.lane>
  // expected-error@+1 {{expected f32 in the layout #tile.row, got}}
  %p = tile.order %a : tensor<128xf32, #tile.lane> -> tensor<128xi32, #tile.lane>
  tile.return
}

// -----

tile.func @other_layout_of_the_order() {
  %a = arith.constant dense<0.0> : tensor<128xf32, #tile.row>
  // expected-error@+1 {{expected results of i32 in the layout #tile.lane, got}}
  %p = tile.order %a : tensor<128xf32, #tile.row> -> tensor<128xi32, #tile.row>
  tile.return
}

// -----

tile.func @fewer_numbers() {
  %a = arith.constant dense<0.0> : tensor<64xf32, #tile.row>
  // expected-error@+1 {{expected as many elements in the results as in the operands, 128, got 64}}
  %p = tile.order %a, %a
    : tensor<64xf32, #tile.row>, tensor<64xf32, #tile.row>
    -> tensor<64xi32, #tile.lane>
  tile.return
}

// -----

tile.func @rows_of_another_number(%in: !tile.global<?x?x128xbf16>) {
  %z = arith.constant 0 : i32
  %rows = tile.iota : tensor<128xi32, #tile.lane>
  // expected-error@+1 {{expected i32 in the layout #tile.lane, one for each row of a tile in the layout #tile.blocked}}
  %t = tile.gather %in[%z] rows %rows : tensor<128xi32, #tile.lane>,
    !tile.global<?x?x128xbf16>
    -> tensor<64x128xbf16, #tile.blocked<vector = 8>>
  tile.return
}

// -----

tile.func @scalar_of_rows() {
  %a = arith.constant dense<0.0> : tensor<128xf32, #tile.row>
  // expected-error@+1 {{expected dimension 0 of #tile.lane or #tile.wide_col to a scalar of its type}}
  %m = tile.reduce max %a {dim = 0} : tensor<128xf32, #tile.row> -> f32
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// Rows of two tiles one after the other: each thread reads 16 bytes of a row at
// a time, with the chunks in the places of the swizzle. The tiles follow each
// other in shared memory, so that nothing has to choose one.
// CHECK-LABEL: llvm.func @take
// CHECK: st.shared.b32
// CHECK: nvvm.barrier id
// CHECK-NOT: llvm.icmp "sge"
// CHECK: llvm.xor
// CHECK: llvm.load {{.*}} : !llvm.ptr<3> -> vector<4xi32>
// CHECK-COUNT-8: st.global.v4.b32
tile.func @take(%in: !tile.global<?x?x?x64xbf16>, %out: !tile.global<?x64xbf16>)
    attributes {config = #one} {
  %z = arith.constant 0 : i32
  %a = tile.ring_create
    : !tile.ring<1, !tile.buffer<64x64xbf16, swizzle = 128>>
  %b = tile.ring_create
    : !tile.ring<1, !tile.buffer<64x64xbf16, swizzle = 128>>
  tile.ring_push %a step %z from %in[%z, %z, %z, %z]
    : !tile.ring<1, !tile.buffer<64x64xbf16, swizzle = 128>>,
      !tile.global<?x?x?x64xbf16>
  tile.ring_push %b step %z from %in[%z, %z, %z, %z]
    : !tile.ring<1, !tile.buffer<64x64xbf16, swizzle = 128>>,
      !tile.global<?x?x?x64xbf16>
  %x = tile.ring_wait %a step %z
    : !tile.ring<1, !tile.buffer<64x64xbf16, swizzle = 128>>
  %y = tile.ring_wait %b step %z
    : !tile.ring<1, !tile.buffer<64x64xbf16, swizzle = 128>>
  %rows = tile.iota : tensor<128xi32, #tile.lane>
  %t = tile.take %x, %y rows %rows : tensor<128xi32, #tile.lane>,
    !tile.buffer<64x64xbf16, swizzle = 128>,
    !tile.buffer<64x64xbf16, swizzle = 128>
    -> tensor<128x64xbf16, #tile.blocked<vector = 8>>
  tile.write %t, %out[%z, %z]
    : tensor<128x64xbf16, #tile.blocked<vector = 8>>, !tile.global<?x64xbf16>
  tile.return
}

// -----

tile.func @no_tile() {
  %rows = tile.iota : tensor<128xi32, #tile.lane>
  // expected-error@+1 {{expected at least one tile, got none}}
  %t = "tile.take"(%rows) : (tensor<128xi32, #tile.lane>)
    -> tensor<128x64xbf16, #tile.blocked<vector = 8>>
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// Each warp reads all numbers of an order, and has their minimum with no barrier.
// CHECK-LABEL: llvm.func @numbers_of_an_order
// CHECK-SAME: shared = 1024
// CHECK-COUNT-3: nvvm.barrier id
// CHECK-COUNT-4: llvm.load {{.*}} : !llvm.ptr<3> -> i32
// CHECK: nvvm.redux.sync min
// CHECK-NOT: nvvm.barrier id
tile.func @numbers_of_an_order(%in: !tile.global<?xf32>,
    %out: !tile.global<?xi32>) attributes {config = #two} {
  %z = arith.constant 0 : i32
  %a = tile.read %in[%z] : !tile.global<?xf32> -> tensor<128xf32, #tile.row>
  %p = tile.order %a
    : tensor<128xf32, #tile.row> -> tensor<128xi32, #tile.lane>
  %wide = tile.relayout %p
    : tensor<128xi32, #tile.lane> to tensor<128xi32, #tile.wide_col>
  %least = tile.reduce min %wide {dim = 0} : tensor<128xi32, #tile.wide_col>
    -> i32
  %t = tile.splat %least : i32 to tensor<128xi32, #tile.lane>
  tile.write %t, %out[%z] : tensor<128xi32, #tile.lane>, !tile.global<?xi32>
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// Other numbers go through shared memory.
// CHECK-LABEL: llvm.func @numbers
// CHECK-SAME: shared = 512
// CHECK: nvvm.barrier id
// CHECK: st.shared.b32
// CHECK: nvvm.barrier id
// CHECK-COUNT-4: llvm.load {{.*}} : !llvm.ptr<3> -> i32
// CHECK: nvvm.redux.sync max
// CHECK: nvvm.redux.sync add
// CHECK-COUNT-5: nvvm.shfl.sync bfly
tile.func @numbers(%in: !tile.global<?xi32>, %more: !tile.global<?xf32>,
    %out: !tile.global<?xi32>) attributes {config = #two} {
  %z = arith.constant 0 : i32
  %p = tile.read %in[%z] : !tile.global<?xi32> -> tensor<128xi32, #tile.lane>
  %f = tile.read %more[%z] : !tile.global<?xf32>
    -> tensor<128xf32, #tile.wide_col>
  %wide = tile.relayout %p
    : tensor<128xi32, #tile.lane> to tensor<128xi32, #tile.wide_col>
  %most = tile.reduce max %wide {dim = 0} : tensor<128xi32, #tile.wide_col>
    -> i32
  %sum = tile.reduce add %wide {dim = 0} : tensor<128xi32, #tile.wide_col>
    -> i32
  %float = tile.reduce add %f {dim = 0} : tensor<128xf32, #tile.wide_col>
    -> f32
  %i = arith.fptosi %float : f32 to i32
  %a = arith.addi %most, %sum : i32
  %b = arith.addi %a, %i : i32
  %t = tile.splat %b : i32 to tensor<128xi32, #tile.lane>
  tile.write %t, %out[%z] : tensor<128xi32, #tile.lane>, !tile.global<?xi32>
  tile.return
}
