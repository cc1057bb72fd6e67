// RUN: pbs-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(tile.func(tile-allocate-shared),convert-tile-to-nvvm)' | FileCheck %s

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// Two rows of a thread, four words, two exchanges each; then two words of a
// thread, two exchanges each.
// CHECK-LABEL: llvm.func @bits
// CHECK-COUNT-16: nvvm.shfl.sync bfly
// CHECK-COUNT-2: llvm.intr.ctpop
// CHECK: nvvm.shfl.sync bfly
// CHECK: st.global.b32
tile.func @bits(%in: !tile.global<?x128xi32>, %out: !tile.global<?x4xi32>)
    attributes {config = #one} {
  %z = arith.constant 0 : i32
  %zeros = arith.constant dense<0> : tensor<64x128xi32, #tile.acc>
  %count = arith.constant dense<3> : tensor<64xi32, #tile.row>
  %x = tile.read %in[%z, %z] : !tile.global<?x128xi32>
    -> tensor<64x128xi32, #tile.acc>
  %chosen = arith.cmpi ne, %x, %zeros : tensor<64x128xi32, #tile.acc>
  %words = tile.pack_bits %chosen : tensor<64x128xi1, #tile.acc>
    -> tensor<64x4xi32, #tile.quad>
  %first, %left = tile.first_bits %words, %count
    : tensor<64x4xi32, #tile.quad>, tensor<64xi32, #tile.row>
  tile.write %first, %out[%z, %z]
    : tensor<64x4xi32, #tile.quad>, !tile.global<?x4xi32>
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// Two rows of a thread, four words, behind the number of the warp.
// CHECK-LABEL: llvm.func @unpacked
// CHECK-COUNT-9: nvvm.shfl.sync idx
// CHECK-NOT: nvvm.shfl.sync
tile.func @unpacked(%in: !tile.global<?x4xi32>, %out: !tile.global<?x128xf32>)
    attributes {config = #one} {
  %z = arith.constant 0 : i32
  %words = tile.read %in[%z, %z] : !tile.global<?x4xi32>
    -> tensor<64x4xi32, #tile.quad>
  %set = tile.unpack_bits %words : tensor<64x4xi32, #tile.quad>
    -> tensor<64x128xi1, #tile.acc>
  %one = arith.constant dense<1.0> : tensor<64x128xf32, #tile.acc>
  %zero = arith.constant dense<0.0> : tensor<64x128xf32, #tile.acc>
  %x = arith.select %set, %one, %zero
    : tensor<64x128xi1, #tile.acc>, tensor<64x128xf32, #tile.acc>
  tile.write %x, %out[%z, %z]
    : tensor<64x128xf32, #tile.acc>, !tile.global<?x128xf32>
  tile.return
}

// -----

tile.func @words(%words: !tile.global<?x4xi32>) {
  %z = arith.constant 0 : i32
  %w = tile.read %words[%z, %z] : !tile.global<?x4xi32>
    -> tensor<64x4xi32, #tile.quad>
  // expected-error@+1 {{expected four columns of i32 in the layout #tile.quad to 128 of i1 in #tile.acc, got}}
  %set = tile.unpack_bits %w : tensor<64x4xi32, #tile.quad>
    -> tensor<64x64xi1, #tile.acc>
  tile.return
}

// -----

tile.func @columns() {
  %chosen = arith.constant dense<true> : tensor<64x64xi1, #tile.acc>
  // expected-error@+1 {{expected 128 columns of i1 to four of i32, in the layout #tile.acc to #tile.quad, or in #tile.wide, got}}
  %words = tile.pack_bits %chosen : tensor<64x64xi1, #tile.acc>
    -> tensor<64x4xi32, #tile.quad>
  tile.return
}

// -----

tile.func @rows() {
  %bits = arith.constant dense<5> : tensor<64x4xi32, #tile.quad>
  %count = arith.constant dense<3> : tensor<128xi32, #tile.row>
  // expected-error@+1 {{expected four columns of i32 in the layout #tile.quad with #tile.row, or #tile.wide with #tile.wide_row, of the same rows}}
  %first, %left = tile.first_bits %bits, %count
    : tensor<64x4xi32, #tile.quad>, tensor<128xi32, #tile.row>
  tile.return
}
