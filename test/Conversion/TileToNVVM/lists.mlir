// RUN: pbs-opt %s -split-input-file -pass-pipeline='builtin.module(tile.func(tile-allocate-shared),convert-tile-to-nvvm)' | FileCheck %s

// Bits are counted a word a lane; a place is the rest of a word, the next word
// and the pass; words are read until one has a bit.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @bits
// CHECK: ld.global.nc.b32
// CHECK-COUNT-2: llvm.intr.ctpop
// CHECK-COUNT-2: nvvm.redux.sync add
// CHECK: llvm.br ^[[HEAD:.*]](%{{.*}}, %{{.*}}, %{{.*}} : i32, i32, i32)
// CHECK: ^[[HEAD]](%[[BITS:.*]]: i32, %[[WORD:.*]]: i32, %[[PASS:.*]]: i32):
// CHECK: llvm.icmp "eq" %[[BITS]]
// CHECK: llvm.icmp "slt" %[[PASS]]
// CHECK: ld.global.nc.b32
// CHECK: llvm.br ^[[HEAD]]
// CHECK: llvm.intr.cttz
tile.func @bits(%bits: !tile.global<?x?xi32>, %out: !tile.global<?xi32>)
    attributes {config = #one} {
  %z = arith.constant 0 : i32
  %full = arith.constant 40 : i32
  %end = arith.constant 70 : i32
  %list = tile.bit_list %bits[%z], %full, %end : !tile.global<?x?xi32>
  %count, %masked = tile.list_size %list : !tile.list<bits>
  %at = tile.list_begin %list : !tile.list<bits>
  %block, %next = tile.list_next %list, %at : !tile.list<bits>
  %sum = arith.addi %count, %masked : i32
  %all = arith.addi %sum, %block : i32
  %t = tile.splat %all : i32 to tensor<128xi32, #tile.lane>
  tile.write %t, %out[%z] : tensor<128xi32, #tile.lane>, !tile.global<?xi32>
  tile.return
}

// -----

// A range goes from its end down to 0, without memory.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @range
// CHECK-NOT: ld.global
// CHECK: llvm.icmp "slt"
// CHECK: llvm.select
tile.func @range(%out: !tile.global<?xi32>) attributes {config = #one} {
  %z = arith.constant 0 : i32
  %n = tile.dim %out, 0 : !tile.global<?xi32>
  %list = tile.range_list %z, %n
  %count, %masked = tile.list_size %list : !tile.list<range>
  %at = tile.list_begin %list : !tile.list<range>
  %block, %next = tile.list_next %list, %at : !tile.list<range>
  %sum = arith.addi %count, %masked : i32
  %all = arith.addi %sum, %block : i32
  %t = tile.splat %all : i32 to tensor<128xi32, #tile.lane>
  tile.write %t, %out[%z] : tensor<128xi32, #tile.lane>, !tile.global<?xi32>
  tile.return
}

// -----

// The sequence by bisection over the offsets, then what it has inside of the
// limits; nothing where it has no such block.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @sequence
// CHECK-SAME: params = [#plan.pointer<0>, #plan.pointer<1>, #plan.integer<i32, {{.*}} -> (s0)>, #plan.pointer<2>
// CHECK: llvm.br ^[[HEAD:.*]](%{{.*}}, %{{.*}} : i32, i32)
// CHECK: ^[[HEAD]](
// CHECK: llvm.cond_br
// CHECK: ld.global.nc.b32
// CHECK: llvm.br ^[[HEAD]](
// CHECK-COUNT-4: ld.global.nc.b32
// CHECK-NOT: ld.global
// CHECK-COUNT-5: llvm.select
// CHECK: st.global
tile.func @sequence(%m: !tile.global<?xi32>, %n: !tile.global<?xi32>,
                    %out: !tile.global<1x128xi32>) attributes {config = #one} {
  %z = arith.constant 0 : i32
  %max = arith.constant 1000 : i32
  %q, %queries, %k, %keys, %block = tile.find_sequence %z in %m, %n
    limits %max, %max {rows = 128} : !tile.global<?xi32>, !tile.global<?xi32>
  %a = arith.addi %q, %queries : i32
  %b = arith.addi %k, %keys : i32
  %c = arith.addi %a, %b : i32
  %all = arith.addi %c, %block : i32
  %t = tile.splat %all : i32 to tensor<128xi32, #tile.lane>
  tile.write %t, %out[%z, %z]
    : tensor<128xi32, #tile.lane>, !tile.global<1x128xi32>
  tile.return
}

// -----

// Own blocks are listed whatever the bits are.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @own
// CHECK: %[[BITS:[0-9]+]] = {{.*}}ld.global.nc.b32
// CHECK: llvm.or %[[BITS]],
// CHECK: llvm.intr.ctpop
// CHECK: nvvm.redux.sync add
// CHECK: ld.global.nc.b32
// CHECK: llvm.or
// CHECK: llvm.intr.cttz
tile.func @own(%bits: !tile.global<?x?xi32>, %out: !tile.global<?xi32>)
    attributes {config = #one} {
  %z = arith.constant 0 : i32
  %own = arith.constant 38 : i32
  %full = arith.constant 40 : i32
  %end = arith.constant 70 : i32
  %list = tile.bit_list %bits[%z], %full, %end own %own : !tile.global<?x?xi32>
  %count, %masked = tile.list_size %list : !tile.list<bits>
  %at = tile.list_begin %list : !tile.list<bits>
  %block, %next = tile.list_next %list, %at : !tile.list<bits>
  %sum = arith.addi %count, %masked : i32
  %all = arith.addi %sum, %block : i32
  %t = tile.splat %all : i32 to tensor<128xi32, #tile.lane>
  tile.write %t, %out[%z] : tensor<128xi32, #tile.lane>, !tile.global<?xi32>
  tile.return
}
