// RUN: pbs-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(tile.func(tile-allocate-shared),convert-tile-to-nvvm)' | FileCheck %s

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// Columns of an accumulator become rows: 16 values of a thread, each where its
// column begins. Behind the barrier each warp has two rows, each lane two
// elements of them.
// CHECK-LABEL: llvm.func @transpose
// CHECK-COUNT-16: st.shared.b32
// CHECK: nvvm.barrier
// CHECK-COUNT-4: llvm.load {{.*}} : !llvm.ptr<3> -> i32
// CHECK-COUNT-4: st.global.b32
tile.func @transpose(%out: !tile.global<?x64xi32>) attributes {config = #one} {
  %z = arith.constant 0 : i32
  %array = tile.array : !tile.array<512xi32>
  %stride = arith.constant dense<64> : tensor<32xi32, #tile.col>
  %column = tile.iota : tensor<32xi32, #tile.col>
  %begins = arith.muli %column, %stride : tensor<32xi32, #tile.col>
  %row = tile.iota : tensor<64xi32, #tile.row>
  %tile = tile.broadcast %row
    : tensor<64xi32, #tile.row> to tensor<64x32xi32, #tile.acc>
  tile.array_write %tile, %array[%begins] : tensor<64x32xi32, #tile.acc>,
    !tile.array<512xi32>, tensor<32xi32, #tile.col>
  tile.barrier
  %number = tile.iota : tensor<8xi32, #tile.wide_row>
  %strides = arith.constant dense<64> : tensor<8xi32, #tile.wide_row>
  %starts = arith.muli %number, %strides : tensor<8xi32, #tile.wide_row>
  %rows = tile.array_read %array[%starts] : !tile.array<512xi32>,
    tensor<8xi32, #tile.wide_row> -> tensor<8x64xi32, #tile.wide>
  tile.write %rows, %out[%z, %z]
    : tensor<8x64xi32, #tile.wide>, !tile.global<?x64xi32>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// A row of a warp is reduced over its 32 lanes, without shared memory; its bits
// are votes.
// CHECK-LABEL: llvm.func @rows
// CHECK-NOT: nvvm.barrier
// CHECK-COUNT-5: nvvm.shfl.sync bfly
// CHECK-COUNT-4: llvm.nvvm.vote.ballot.sync
// CHECK-COUNT-2: nvvm.shfl.sync bfly
tile.func @rows(%in: !tile.global<?x128xf32>, %out: !tile.global<?x4xi32>)
    attributes {config = #one} {
  %z = arith.constant 0 : i32
  %count = arith.constant dense<3> : tensor<4xi32, #tile.wide_row>
  %x = tile.read %in[%z, %z] : !tile.global<?x128xf32>
    -> tensor<4x128xf32, #tile.wide>
  %parts = tile.reduce max %x {dim = 1} : tensor<4x128xf32, #tile.wide>
    -> tensor<4x32xf32, #tile.wide>
  %max = tile.reduce max %parts {dim = 1} : tensor<4x32xf32, #tile.wide>
    -> tensor<4xf32, #tile.wide_row>
  %all = tile.broadcast %max
    : tensor<4xf32, #tile.wide_row> to tensor<4x128xf32, #tile.wide>
  %is = arith.cmpf oeq, %x, %all : tensor<4x128xf32, #tile.wide>
  %words = tile.pack_bits %is : tensor<4x128xi1, #tile.wide>
    -> tensor<4x4xi32, #tile.wide>
  %first, %left = tile.first_bits %words, %count
    : tensor<4x4xi32, #tile.wide>, tensor<4xi32, #tile.wide_row>
  tile.write %first, %out[%z, %z]
    : tensor<4x4xi32, #tile.wide>, !tile.global<?x4xi32>
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

tile.func @warps() attributes {config = #two} {
  // expected-error@+1 {{expected a multiple of 8 rows, as many for each consumer warp, got 'tensor<4xi32, #tile.wide_row>'}}
  %row = tile.iota : tensor<4xi32, #tile.wide_row>
  tile.return
}

// -----

// expected-error@+1 {{expected at least one element, got 0}}
tile.func private @empty(!tile.array<0xi32>)

// -----

tile.func @elements() {
  %array = tile.array : !tile.array<64xf32>
  %row = tile.iota : tensor<4xi32, #tile.wide_row>
  // expected-error@+1 {{expected elements of 'f32', got 'i32'}}
  %rows = tile.array_read %array[%row] : !tile.array<64xf32>,
    tensor<4xi32, #tile.wide_row> -> tensor<4x32xi32, #tile.wide>
  tile.return
}

// -----

tile.func @starts() {
  %array = tile.array : !tile.array<64xi32>
  %row = tile.iota : tensor<8xi32, #tile.wide_row>
  // expected-error@+1 {{expected 4 starts, got 8}}
  %rows = tile.array_read %array[%row] : !tile.array<64xi32>,
    tensor<8xi32, #tile.wide_row> -> tensor<4x32xi32, #tile.wide>
  tile.return
}

// -----

tile.func @layouts() {
  %array = tile.array : !tile.array<64xi32>
  %row = tile.iota : tensor<64xi32, #tile.row>
  %tile = arith.constant dense<0> : tensor<64x32xi32, #tile.acc>
  // expected-error@+1 {{expected a tile in the layout #tile.wide with starts in #tile.wide_row, or #tile.acc with #tile.col, got}}
  tile.array_write %tile, %array[%row] : tensor<64x32xi32, #tile.acc>,
    !tile.array<64xi32>, tensor<64xi32, #tile.row>
  tile.return
}

// -----

tile.func @place() {
  %c1 = arith.constant 1 : i32
  tile.for_each (%b, %h, %a) in (%c1, %c1, %c1) together %c1 {
    // expected-error@+1 {{expected to be in the entry block of a tile.func}}
    %array = tile.array : !tile.array<64xi32>
  }
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// Each block has its own part of a scratch, of which the launch makes as many as
// there are blocks. What is kept is counted whether it has room or not.
// CHECK-LABEL: llvm.func @keep
// CHECK-SAME: scratch = [#plan.scratch<bytes = ()[s0, s1] -> (s1 * 1024)>]
// CHECK: st.global.b32
// CHECK: ld.global.b32
// CHECK-COUNT-2: st.shared.b32
// CHECK-NOT: st.shared.b32
// CHECK: vote
tile.func @keep(%out: !tile.global<?xi32>,
                %scratch: !tile.global<?xi32> {tile.block_scratch =
                  affine_map<()[s0, s1] -> (1024)>})
    attributes {config = #one} {
  %array = tile.array : !tile.array<256xi32>
  %block = tile.block_number
  %words = arith.constant 256 : i32
  %part = arith.muli %block, %words : i32
  %row = tile.iota : tensor<4xi32, #tile.wide_row>
  %begin = tile.splat %part : i32 to tensor<4xi32, #tile.wide_row>
  %starts = arith.addi %begin, %row : tensor<4xi32, #tile.wide_row>
  %column = tile.iota : tensor<64xi32, #tile.wide_col>
  %tile = tile.broadcast %column
    : tensor<64xi32, #tile.wide_col> to tensor<4x64xi32, #tile.wide>
  tile.array_write %tile, %scratch[%starts] : tensor<4x64xi32, #tile.wide>,
    !tile.global<?xi32>, tensor<4xi32, #tile.wide_row>
  tile.barrier
  %read = tile.array_read %scratch[%starts] : !tile.global<?xi32>,
    tensor<4xi32, #tile.wide_row> -> tensor<4x64xi32, #tile.wide>
  %one = arith.constant dense<1> : tensor<4x64xi32, #tile.wide>
  %isMore = arith.cmpi sgt, %read, %one : tensor<4x64xi32, #tile.wide>
  %none = arith.constant dense<0> : tensor<4x32xi32, #tile.wide>
  %counts = tile.array_append %read where %isMore, %array[%row] after %none
    {limit = 1} : tensor<4x64xi32, #tile.wide>, tensor<4x64xi1, #tile.wide>,
    !tile.array<256xi32>, tensor<4xi32, #tile.wide_row>,
    tensor<4x32xi32, #tile.wide>
  %most = tile.reduce max %counts {dim = 1} : tensor<4x32xi32, #tile.wide>
    -> tensor<4xi32, #tile.wide_row>
  %isMany = arith.cmpi sgt, %most, %row : tensor<4xi32, #tile.wide_row>
  %any = tile.any %isMany : tensor<4xi1, #tile.wide_row>
  scf.if %any {
    %kept = tile.array_read %array[%row] : !tile.array<256xi32>,
      tensor<4xi32, #tile.wide_row> -> tensor<4x32xi32, #tile.wide>
    tile.array_write %kept, %scratch[%starts] : tensor<4x32xi32, #tile.wide>,
      !tile.global<?xi32>, tensor<4xi32, #tile.wide_row>
  }
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

tile.func @no_scratch(%out: !tile.global<?xi32>) attributes {config = #one} {
  %row = tile.iota : tensor<4xi32, #tile.wide_row>
  // expected-error@+1 {{expected global memory to be an argument with 'tile.block_scratch'}}
  %read = tile.array_read %out[%row] : !tile.global<?xi32>,
    tensor<4xi32, #tile.wide_row> -> tensor<4x64xi32, #tile.wide>
  tile.return
}
