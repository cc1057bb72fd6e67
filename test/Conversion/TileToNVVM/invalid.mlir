// RUN: pbs-opt %s -split-input-file -verify-diagnostics -convert-tile-to-nvvm

// What cannot be lowered is an error at the op, before anything is changed.

// expected-error @+1 {{expected a configuration (tile-configure), got none}}
tile.func @unconfigured() {
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// expected-error @+1 {{expected 'shared_bytes' (tile-allocate-shared), got none}}
tile.func @not_placed() attributes {config = #one} {
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0,
  consumerRegisters = 0>
// expected-error @+1 {{expected a tile.warp_specialize, as the configuration says}}
tile.func @not_split() attributes {config = #two, shared_bytes = 0 : i64} {
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// expected-error @+1 {{expected no tile.warp_specialize, as the configuration says}}
tile.func @split() attributes {config = #one, shared_bytes = 0 : i64} {
  tile.warp_specialize producer {
  } consumer {
  }
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// expected-error @+1 {{expected 'tile.buffer' of argument 0 to be one of 1 buffers, got 3}}
tile.func @buffer(%a: !tile.global<?xf32> {tile.buffer = 3 : i32}) attributes {config = #one, shared_bytes = 0 : i64} {
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @rows() attributes {config = #one, shared_bytes = 0 : i64} {
  // expected-error @+1 {{expected 64 rows, 16 for each of 4 consumer warps, got 'tensor<128x8xf32, #tile.acc>'}}
  %t = arith.constant dense<0.0> : tensor<128x8xf32, #tile.acc>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @blocked() attributes {config = #one, shared_bytes = 0 : i64} {
  // expected-error @+1 {{expected rows of a power of two of vectors and a multiple of 128 vectors (one for each consumer thread), got 'tensor<4x64xf32, #tile.blocked<vector = 4>>'}}
  %t = arith.constant dense<0.0>
    : tensor<4x64xf32, #tile.blocked<vector = 4>>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @no_layout(%i: !tile.global<?xi32>) attributes {config = #one, shared_bytes = 0 : i64} {
  // expected-error @+1 {{expected a layout of the tile dialect, got 'tensor<128xf32>'}}
  %t = arith.constant dense<0.0> : tensor<128xf32>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @values() attributes {config = #one, shared_bytes = 0 : i64} {
  // expected-error @+1 {{expected one value for all elements}}
  %t = arith.constant dense<[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]>
    : tensor<8xf32, #tile.col>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @fetch(%c: !tile.global<1xi32> {tile.counter}) attributes {config = #one, shared_bytes = 0 : i64} {
  // expected-error @+1 {{expected to be in a producer, since one warp draws for the block; got a kernel that is not specialized}}
  %i = tile.fetch_item %c : !tile.global<1xi32>
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @fetch_by_consumer(%c: !tile.global<1xi32> {tile.counter}) attributes {config = #two, shared_bytes = 0 : i64} {
  tile.warp_specialize producer {
  } consumer {
    // expected-error @+1 {{expected to be in the producer}}
    %i = tile.fetch_item %c : !tile.global<1xi32>
  }
  tile.return
}

// -----

tile.func @fetch_with_half_a_condition(%c: !tile.global<1xi32> {tile.counter}) {
  %z = arith.constant 0 : i32
  // expected-error @+1 {{expected 'condition' and 'otherwise' or none of them, got only 'otherwise'}}
  %i = "tile.fetch_item"(%c, %z) <{operandSegmentSizes = array<i32: 1, 0, 1>}> : (!tile.global<1xi32>, i32) -> i32
  tile.return
}

// -----

tile.func @list_of_two_dimensions(%l: !tile.global<1x1xi32>) {
  %z = arith.constant 0 : i32
  // expected-error @+1 {{expected a tensor of one dimension of i32, got '!tile.global<1x1xi32>'}}
  tile.append_item %z of %z to %l : !tile.global<1x1xi32>
  tile.return
}

// -----

tile.func @word_of_floats(%l: !tile.global<?xf32>) {
  %z = arith.constant 0 : i32
  // expected-error @+1 {{expected a tensor of one dimension of i32, got '!tile.global<?xf32>'}}
  %w = tile.read_word %l[%z] : !tile.global<?xf32>
  tile.return
}

// -----

tile.func @items_of_floats(%l: !tile.global<?xf32>) {
  %z = arith.constant 0 : i32
  // expected-error @+1 {{expected a tensor of one dimension of i32, got '!tile.global<?xf32>'}}
  tile.for_each (%b, %h, %a) in (%z, %z, %z) together %z listed %l : !tile.global<?xf32> {
  }
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = false, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>
// expected-error @+1 {{expected 'tile.follows' to name a plan.kernel whose tile.func stands before, got @nobody}}
tile.func @follows_nobody() attributes {config = #one, shared_bytes = 0 : i64, tile.follows = @nobody} {
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = false, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>
// expected-error @+1 {{expected 'tile.items' beside 'tile.item_list', got none}}
tile.func @list_of_any_size(%l: !tile.global<?xi32> {tile.item_list}) attributes {config = #one, shared_bytes = 0 : i64} {
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = false, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>
plan.kernel @first(%a: tensor<1x2x?x128xf32>) -> tensor<1x2x?x128xf32> {
  %r = pbs.pool %a : (tensor<1x2x?x128xf32>) -> tensor<1x2x?x128xf32>
  plan.return %r : tensor<1x2x?x128xf32>
}
gpu.module @gpu {
  tile.func @first(%l: !tile.global<?xi32> {tile.item_list})
      attributes {config = #one, shared_bytes = 0 : i64, tile.items = affine_map<()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (s2)>} {
    tile.return
  }
  // expected-error @+1 {{expected the kernel that this one follows to list as many items, got affine_map<()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (s0)>}}
  tile.func @second(%l: !tile.global<?xi32> {tile.item_list})
      attributes {config = #one, shared_bytes = 0 : i64, tile.follows = @first, tile.items = affine_map<()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (s0)>} {
    tile.return
  }
}

// -----

tile.func @fetch_of_two_dimensions(%c: !tile.global<1x1xi32> {tile.counter}) {
  // expected-error @+1 {{expected a counter of one dimension of i32, got '!tile.global<1x1xi32>'}}
  %i = tile.fetch_item %c : !tile.global<1x1xi32>
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @read_by_producer(%a: !tile.global<?xi32>) attributes {config = #two, shared_bytes = 0 : i64} {
  tile.warp_specialize producer {
    %z = arith.constant 0 : i32
    // expected-error @+1 {{expected to be outside of the producer}}
    %t = tile.read %a[%z] : !tile.global<?xi32> -> tensor<128xi32, #tile.lane>
  } consumer {
  }
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @append_by_producer(%l: !tile.global<?xi32> {tile.item_list}) attributes {config = #two, shared_bytes = 0 : i64, tile.items = affine_map<()[s0] -> (s0)>} {
  tile.warp_specialize producer {
    %z = arith.constant 0 : i32
    // expected-error @+1 {{expected to be outside of the producer}}
    tile.append_item %z of %z to %l : !tile.global<?xi32>
  } consumer {
  }
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @before_the_split() attributes {config = #two, shared_bytes = 0 : i64} {
  // expected-error @+1 {{expected to be in the consumer}}
  tile.turn_wait
  tile.warp_specialize producer {
  } consumer {
  }
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @behind_the_split() attributes {config = #two, shared_bytes = 0 : i64} {
  tile.warp_specialize producer {
  } consumer {
  }
  // expected-error @+1 {{expected nothing behind tile.warp_specialize}}
  %b = tile.block_id
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @no_offset() attributes {config = #one, shared_bytes = 0 : i64} {
  // expected-error @+1 {{expected an 'offset' (tile-allocate-shared), got none}}
  %ring = tile.ring_create : !tile.ring<1, i32>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @no_step() attributes {config = #one, shared_bytes = 0 : i64} {
  %ring = tile.ring_create {control_offset = 0 : i64} : !tile.ring<1, i32>
  // expected-error @+1 {{expected a step (tile-number-rings), got none}}
  %i = tile.ring_wait %ring : !tile.ring<1, i32>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @map_rank(%a: !tile.global<?x64xbf16>) attributes {config = #one, shared_bytes = 0 : i64} {
  %ring = tile.ring_create {offset = 0 : i64, control_offset = 8192 : i64}
    : !tile.ring<1, !tile.buffer<64x64xbf16, swizzle = 128>>
  %z = arith.constant 0 : i32
  // expected-error @+1 {{expected a tensor of 4 dimensions for a tensor map, got '!tile.global<?x64xbf16>'}}
  tile.ring_push %ring step %z from %a[%z, %z]
    : !tile.ring<1, !tile.buffer<64x64xbf16, swizzle = 128>>,
      !tile.global<?x64xbf16>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @swizzle(%a: !tile.global<?x?x?x32xbf16>) attributes {config = #one, shared_bytes = 0 : i64} {
  %ring = tile.ring_create {offset = 0 : i64, control_offset = 4096 : i64}
    : !tile.ring<1, !tile.buffer<64x32xbf16, swizzle = 64>>
  %z = arith.constant 0 : i32
  %k = tile.ring_wait %ring step %z
    : !tile.ring<1, !tile.buffer<64x32xbf16, swizzle = 64>>
  // expected-error @+1 {{expected a swizzle of 128 bytes, got '!tile.buffer<64x32xbf16, swizzle = 64>'}}
  %s = tile.dot %k, %k {transpose_b}
    : !tile.buffer<64x32xbf16, swizzle = 64>,
      !tile.buffer<64x32xbf16, swizzle = 64> -> tensor<64x64xf32, #tile.acc>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @swizzle_of_matrix() attributes {config = #one, shared_bytes = 0 : i64} {
  %ring = tile.ring_create {offset = 0 : i64, control_offset = 4096 : i64}
    : !tile.ring<1, !tile.buffer<64x32xbf16, swizzle = 64>>
  %z = arith.constant 0 : i32
  %q = tile.ring_wait %ring step %z
    : !tile.ring<1, !tile.buffer<64x32xbf16, swizzle = 64>>
  // expected-error @+1 {{expected a swizzle of 128 bytes, got '!tile.buffer<64x32xbf16, swizzle = 64>'}}
  %r = tile.load_matrix %q : !tile.buffer<64x32xbf16, swizzle = 64>
    -> tensor<64x32xbf16, #tile.acc>
  tile.return
}

// -----

tile.func @matrix_of_words(%q: !tile.global<?x32xf32>) {
  %z = arith.constant 0 : i32
  %t = tile.load %q[%z, %z] : !tile.global<?x32xf32>
    -> !tile.buffer<64x32xf32, swizzle = 128>
  // expected-error @+1 {{expected a tile of 16 bit in the layout #tile.acc like '!tile.buffer<64x32xf32, swizzle = 128>', got 'tensor<64x32xf32, #tile.acc>'}}
  %r = tile.load_matrix %t : !tile.buffer<64x32xf32, swizzle = 128>
    -> tensor<64x32xf32, #tile.acc>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @store_columns(%o: !tile.global<?x?x?x32xbf16>) attributes {config = #one, shared_bytes = 0 : i64} {
  %z = arith.constant 0 : i32
  %t = arith.constant dense<0.0> : tensor<64x32xbf16, #tile.acc>
  // expected-error @+1 {{expected a multiple of 64 columns, got 'tensor<64x32xbf16, #tile.acc>'}}
  tile.store %t, %o[%z, %z, %z, %z] {offset = 0 : i64}
    : tensor<64x32xbf16, #tile.acc>, !tile.global<?x?x?x32xbf16>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @vectors(%a: !tile.global<?x?xbf16>) attributes {config = #one, shared_bytes = 0 : i64} {
  %z = arith.constant 0 : i32
  // expected-error @+1 {{expected a static last dimension and a constant last index, multiples of 8 elements, got '!tile.global<?x?xbf16>'}}
  %t = tile.read %a[%z, %z] : !tile.global<?x?xbf16>
    -> tensor<64x64xbf16, #tile.blocked<vector = 8>>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @short_vectors(%a: !tile.global<?x64xbf16>) attributes {config = #one, shared_bytes = 0 : i64} {
  %z = arith.constant 0 : i32
  // expected-error @+1 {{expected vectors of a multiple of 8 elements, got 'tensor<64x64xbf16, #tile.blocked<vector = 4>>'}}
  %t = tile.read %a[%z, %z] : !tile.global<?x64xbf16>
    -> tensor<64x64xbf16, #tile.blocked<vector = 4>>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @reduce_16_bit() attributes {config = #one, shared_bytes = 0 : i64} {
  %t = arith.constant dense<0.0> : tensor<64x8xbf16, #tile.acc>
  // expected-error @+1 {{expected elements of 32 bit, got 'tensor<64x8xbf16, #tile.acc>'}}
  %s = tile.reduce add %t {dim = 1}
    : tensor<64x8xbf16, #tile.acc> -> tensor<64xbf16, #tile.row>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @turns() attributes {config = #one, shared_bytes = 0 : i64} {
  // expected-error @+1 {{expected several consumers to take turns, got 1}}
  tile.turn_wait
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @load(%a: !tile.global<?x64xbf16>) attributes {config = #one, shared_bytes = 0 : i64} {
  %z = arith.constant 0 : i32
  // expected-error @+1 {{expected to be scheduled before (tile-schedule, tile-warp-specialize)}}
  %t = tile.load %a[%z, %z] : !tile.global<?x64xbf16>
    -> !tile.buffer<64x64xbf16, swizzle = 128>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @function() attributes {config = #one, shared_bytes = 0 : i64} {
  %t = arith.constant dense<0.0> : tensor<128xf32, #tile.lane>
  // expected-error @+1 {{expected an op that the hardware has, got math.sin}}
  %s = math.sin %t : tensor<128xf32, #tile.lane>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @element() attributes {config = #one, shared_bytes = 0 : i64} {
  %t = arith.constant dense<0.0> : tensor<128xbf16, #tile.lane>
  // expected-error @+1 {{expected elements of f32, got 'bf16'}}
  %s = math.exp2 %t : tensor<128xbf16, #tile.lane>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @unknown() attributes {config = #one, shared_bytes = 0 : i64} {
  %z = arith.constant 0 : i32
  // expected-error @+1 {{has no lowering to NVVM}}
  %c = builtin.unrealized_conversion_cast %z : i32 to i64
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @part_of_columns(%o: !tile.global<?x?x?x128xbf16>)
    attributes {config = #two, shared_bytes = 32768 : i64} {
  %z = arith.constant 0 : i32
  %t = arith.constant dense<0.0> : tensor<128x64xbf16, #tile.acc>
  // expected-error @+1 {{expected, with 'rows', all columns of the target}}
  tile.store %t, %o[%z, %z, %z, %z] rows %z {offset = 0 : i64}
    : tensor<128x64xbf16, #tile.acc>, !tile.global<?x?x?x128xbf16>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @elements() attributes {config = #one, shared_bytes = 0 : i64} {
  // expected-error @+1 {{expected elements of f32, f16, bf16, i64, i32, i16 or i1, got 'tensor<64xindex, #tile.row>'}}
  %t = arith.constant dense<1> : tensor<64xindex, #tile.row>
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
tile.func @lane_of_producer(%p: !tile.global<?xi32>) attributes {config = #two, shared_bytes = 0 : i64} {
  tile.warp_specialize producer {
    %z = arith.constant 0 : i32
    // expected-error @+1 {{expected to be outside of the producer}}
    %row = tile.iota : tensor<128xi32, #tile.lane>
  } consumer {
  }
  tile.return
}

// -----

tile.func @push_without_row() {
  %ring = tile.ring_create : !tile.ring<1, tensor<128xi32, #tile.col>>
  // expected-error @+1 {{expected a row, as the ring has, got none}}
  tile.ring_push %ring : !tile.ring<1, tensor<128xi32, #tile.col>>
  tile.return
}

// -----

tile.func @push_other_row() {
  %ring = tile.ring_create : !tile.ring<1, tensor<128xi32, #tile.col>>
  %row = arith.constant dense<1> : tensor<64xi32, #tile.wide_col>
  // expected-error @+1 {{expected a row 'tensor<128xi32, #tile.wide_col>', got 'tensor<64xi32, #tile.wide_col>'}}
  tile.ring_push %ring row(%row : tensor<64xi32, #tile.wide_col>)
    : !tile.ring<1, tensor<128xi32, #tile.col>>
  tile.return
}

// -----

// expected-error @+1 {{expected at most one row, as the last value}}
func.func private @row_first(!tile.ring<1, tensor<128xi32, #tile.col>, i32>)

// -----

// expected-error @+1 {{expected a row of elements of 16 or 32 bit in the layout #tile.col, got 'tensor<128xi32, #tile.lane>'}}
func.func private @row_layout(!tile.ring<1, tensor<128xi32, #tile.lane>>)

// -----

// expected-error @+1 {{expected a row of elements of 16 or 32 bit in the layout #tile.col, got 'tensor<128xindex, #tile.col>'}}
func.func private @row_elements(!tile.ring<1, tensor<128xindex, #tile.col>>)

// -----

tile.func @relayout_halves(%in: !tile.global<?xf16>) {
  %z = arith.constant 0 : i32
  %p = tile.read %in[%z] : !tile.global<?xf16> -> tensor<128xf16, #tile.lane>
  // expected-error @+1 {{expected 32 bit in #tile.lane or 16 or 32 bit in #tile.wide_col to #tile.col, or i32 in #tile.lane to #tile.wide_col, of the same shape}}
  %c = tile.relayout %p : tensor<128xf16, #tile.lane> to tensor<128xf16, #tile.col>
  tile.return
}
