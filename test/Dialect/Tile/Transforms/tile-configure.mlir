// RUN: pbs-opt %s -pass-pipeline='builtin.module(tile.func(tile-configure))' -split-input-file | FileCheck %s
// RUN: pbs-opt %S/../Inputs/attention.mlir -pass-pipeline='builtin.module(tile.func(tile-configure))' | FileCheck %s --check-prefix=ATTENTION
// RUN: pbs-opt %S/../Inputs/attention.mlir -pass-pipeline='builtin.module(tile.func(tile-configure{stages=1 overlap=0 schedule=static}))' | FileCheck %s --check-prefix=OPTIONS
// RUN: pbs-opt %S/../Inputs/attention.mlir -pass-pipeline='builtin.module(tile.func(tile-configure))' 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// Lists say how long the loops of an item are, so items overlap, unless a selection
// has made the lists, which are long then.
// RUN: sed 's/%%full, %%end$/%%full, %%end {selected}/' %S/../Inputs/attention.mlir | pbs-opt -pass-pipeline='builtin.module(tile.func(tile-configure))' 2>/dev/null | FileCheck %s --check-prefix=SELECTED
// With own blocks that are all listed they overlap for these, too.
// RUN: sed 's/%%full, %%end$/%%full, %%end own %%full {selected}/' %S/../Inputs/attention.mlir | pbs-opt -pass-pipeline='builtin.module(tile.func(tile-configure))' 2>/dev/null | FileCheck %s --check-prefix=OWN
// OWN: config = #tile.config<{{.*}}, consumerRegisters = 232, overlapItems = true, holdOperands = true>
// SELECTED: config = #tile.config<{{.*}}, consumerRegisters = 232, holdOperands = true>
// ATTENTION: config = #tile.config<consumers = 2, specialize = true, stages = 2, overlap = true, pingPong = false, schedule = dynamic, producerRegisters = 40, consumerRegisters = 232, overlapItems = true, holdOperands = true>
// OPTIONS: config = #tile.config<consumers = 2, specialize = true, stages = 1, overlap = false, pingPong = false, schedule = static, producerRegisters = 40, consumerRegisters = 232, itemStages = 2>
// REMARK: remark: schedule #tile.config<{{.*}}>: products of 128 rows, 65536 bytes of tiles in loops

// Three warpgroups take turns; two do where a maximum is kept.
// RUN: pbs-opt %S/../../../Conversion/PBSToTile/attention.mlir -pass-pipeline='builtin.module(convert-pbs-to-tile{keep-maximum=1},gpu.module(tile.func(tile-configure)))' -split-input-file 2>/dev/null | FileCheck %s --check-prefix=KEPT
// KEPT: tile.func @dense_not_causal(
// KEPT: config = #tile.config<consumers = 2, specialize = true, stages = 2, overlap = true, pingPong = true,
// KEPT: tile.func @dense_not_causal_again(
// KEPT: config = #tile.config<consumers = 2, specialize = true, stages = 2, overlap = true, pingPong = false,
// One product has nothing to take turns for.
// KEPT: tile.func @lse_only(
// KEPT: config = #tile.config<consumers = 2, specialize = true, stages = 4, overlap = false, pingPong = false,
// RUN: pbs-opt %S/../../../Conversion/PBSToTile/attention.mlir -pass-pipeline='builtin.module(convert-pbs-to-tile,gpu.module(tile.func(tile-configure)))' -split-input-file 2>/dev/null | FileCheck %s --check-prefix=DENSE
// DENSE: tile.func @dense_causal
// DENSE: config = #tile.config<consumers = 3, specialize = true, stages = 4, overlap = true, pingPong = true, schedule = dynamic, producerRegisters = 32, consumerRegisters = 160, itemStages = 2, skipScaling = true>
// DENSE: tile.func @dense_not_causal
// DENSE: config = #tile.config<consumers = 2, specialize = true, stages = 2, overlap = true, pingPong = false, schedule = dynamic, producerRegisters = 40, consumerRegisters = 232, itemStages = 2>

// A kernel without products.
// CHECK-LABEL: tile.func @copy
// CHECK-SAME: config = #tile.config<consumers = 2, specialize = false, stages = 1, overlap = false, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>
tile.func @copy(%k: !tile.global<?xf32>, %o: !tile.global<?xf32>) {
  %c0 = arith.constant 0 : i32
  %t = tile.read %k[%c0] : !tile.global<?xf32> -> tensor<128xf32, #tile.lane>
  tile.write %t, %o[%c0] : tensor<128xf32, #tile.lane>, !tile.global<?xf32>
  tile.return
}

// -----

// What is there stays.
// CHECK-LABEL: tile.func @configured
// CHECK-SAME: consumers = 3
tile.func @configured() attributes {
    config = #tile.config<consumers = 3, specialize = false, stages = 1,
      overlap = false, pingPong = false, schedule = single,
      producerRegisters = 0, consumerRegisters = 0>} {
  tile.return
}

// -----

// A product and exponentials: four warpgroups take turns, two do not. Both hold the
// first operand, of which one slot is enough then, unless products have several or the
// tile is used otherwise, too.
// CHECK-LABEL: tile.func @softmax_of_four
// CHECK-SAME: config = #tile.config<consumers = 4, specialize = true, stages = 4, overlap = true, pingPong = true, schedule = dynamic, producerRegisters = 32, consumerRegisters = 112, holdOperands = true>
// CHECK-LABEL: tile.func @softmax_of_two
// CHECK-SAME: config = #tile.config<consumers = 2, specialize = true, stages = 4, overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 40, consumerRegisters = 232, holdOperands = true>
// CHECK-LABEL: tile.func @two_first_operands
// CHECK-SAME: consumerRegisters = 232, itemStages = 2>
// CHECK-LABEL: tile.func @first_operand_and_rows
// CHECK-SAME: consumerRegisters = 232, itemStages = 2, holdOperands = true>
tile.func @softmax_of_four(%k: !tile.global<?x64xbf16>, %o: !tile.global<?xf32>) {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %n = tile.dim %k, 0 : !tile.global<?x64xbf16>
  tile.for_each (%b, %h, %a) in (%c1, %c1, %n) together %c1 {
    %q = tile.load %k[%a, %c0] : !tile.global<?x64xbf16>
      -> !tile.buffer<256x64xbf16, swizzle = 128>
    %zero = arith.constant dense<0.0> : tensor<256xf32, #tile.row>
    %sum = scf.for %j = %c0 to %n step %c1 iter_args(%s = %zero)
        -> (tensor<256xf32, #tile.row>) : i32 {
      %t = tile.load %k[%j, %c0] : !tile.global<?x64xbf16>
        -> !tile.buffer<64x64xbf16, swizzle = 128>
      %x = tile.dot %q, %t {transpose_b}
        : !tile.buffer<256x64xbf16, swizzle = 128>,
          !tile.buffer<64x64xbf16, swizzle = 128>
        -> tensor<256x64xf32, #tile.acc>
      %p = math.exp2 %x : tensor<256x64xf32, #tile.acc>
      %r = tile.reduce add %p {dim = 1} : tensor<256x64xf32, #tile.acc>
        -> tensor<256xf32, #tile.row>
      %u = arith.addf %s, %r : tensor<256xf32, #tile.row>
      scf.yield %u : tensor<256xf32, #tile.row>
    }
    tile.write %sum, %o[%a] : tensor<256xf32, #tile.row>, !tile.global<?xf32>
  }
  tile.return
}
tile.func @softmax_of_two(%k: !tile.global<?x64xbf16>, %o: !tile.global<?xf32>) {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %n = tile.dim %k, 0 : !tile.global<?x64xbf16>
  tile.for_each (%b, %h, %a) in (%c1, %c1, %n) together %c1 {
    %q = tile.load %k[%a, %c0] : !tile.global<?x64xbf16>
      -> !tile.buffer<128x64xbf16, swizzle = 128>
    %zero = arith.constant dense<0.0> : tensor<128xf32, #tile.row>
    %sum = scf.for %j = %c0 to %n step %c1 iter_args(%s = %zero)
        -> (tensor<128xf32, #tile.row>) : i32 {
      %t = tile.load %k[%j, %c0] : !tile.global<?x64xbf16>
        -> !tile.buffer<64x64xbf16, swizzle = 128>
      %x = tile.dot %q, %t {transpose_b}
        : !tile.buffer<128x64xbf16, swizzle = 128>,
          !tile.buffer<64x64xbf16, swizzle = 128>
        -> tensor<128x64xf32, #tile.acc>
      %p = math.exp2 %x : tensor<128x64xf32, #tile.acc>
      %r = tile.reduce add %p {dim = 1} : tensor<128x64xf32, #tile.acc>
        -> tensor<128xf32, #tile.row>
      %u = arith.addf %s, %r : tensor<128xf32, #tile.row>
      scf.yield %u : tensor<128xf32, #tile.row>
    }
    tile.write %sum, %o[%a] : tensor<128xf32, #tile.row>, !tile.global<?xf32>
  }
  tile.return
}
tile.func @two_first_operands(%k: !tile.global<?x64xbf16>, %o: !tile.global<?x64xf32>) {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %n = tile.dim %k, 0 : !tile.global<?x64xbf16>
  tile.for_each (%b, %h, %a) in (%c1, %c1, %n) together %c1 {
    %q = tile.load %k[%a, %c0] : !tile.global<?x64xbf16>
      -> !tile.buffer<128x64xbf16, swizzle = 128>
    %r = tile.load %k[%n, %c0] : !tile.global<?x64xbf16>
      -> !tile.buffer<128x64xbf16, swizzle = 128>
    %zero = arith.constant dense<0.0> : tensor<128x64xf32, #tile.acc>
    %sum = scf.for %j = %c0 to %n step %c1 iter_args(%s = %zero)
        -> (tensor<128x64xf32, #tile.acc>) : i32 {
      %t = tile.load %k[%j, %c0] : !tile.global<?x64xbf16>
        -> !tile.buffer<64x64xbf16, swizzle = 128>
      %x = tile.dot %q, %t acc(%s : tensor<128x64xf32, #tile.acc>) {transpose_b}
        : !tile.buffer<128x64xbf16, swizzle = 128>,
          !tile.buffer<64x64xbf16, swizzle = 128>
        -> tensor<128x64xf32, #tile.acc>
      %y = tile.dot %r, %t acc(%x : tensor<128x64xf32, #tile.acc>) {transpose_b}
        : !tile.buffer<128x64xbf16, swizzle = 128>,
          !tile.buffer<64x64xbf16, swizzle = 128>
        -> tensor<128x64xf32, #tile.acc>
      scf.yield %y : tensor<128x64xf32, #tile.acc>
    }
    tile.write %sum, %o[%a, %c0]
      : tensor<128x64xf32, #tile.acc>, !tile.global<?x64xf32>
  }
  tile.return
}
tile.func @first_operand_and_rows(%k: !tile.global<?x64xbf16>, %p: !tile.global<?x64xbf16>, %o: !tile.global<?x64xf32>) {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %n = tile.dim %k, 0 : !tile.global<?x64xbf16>
  tile.for_each (%b, %h, %a) in (%c1, %c1, %n) together %c1 {
    %q = tile.load %k[%a, %c0] : !tile.global<?x64xbf16>
      -> !tile.buffer<128x64xbf16, swizzle = 128>
    %zero = arith.constant dense<0.0> : tensor<128x64xf32, #tile.acc>
    %sum = scf.for %j = %c0 to %n step %c1 iter_args(%s = %zero)
        -> (tensor<128x64xf32, #tile.acc>) : i32 {
      %t = tile.load %k[%j, %c0] : !tile.global<?x64xbf16>
        -> !tile.buffer<64x64xbf16, swizzle = 128>
      %x = tile.dot %q, %t acc(%s : tensor<128x64xf32, #tile.acc>) {transpose_b}
        : !tile.buffer<128x64xbf16, swizzle = 128>,
          !tile.buffer<64x64xbf16, swizzle = 128>
        -> tensor<128x64xf32, #tile.acc>
      scf.yield %x : tensor<128x64xf32, #tile.acc>
    }
    %rows = arith.constant dense<0> : tensor<128xi32, #tile.lane>
    %same = tile.take %q rows %rows : tensor<128xi32, #tile.lane>,
      !tile.buffer<128x64xbf16, swizzle = 128>
      -> tensor<128x64xbf16, #tile.blocked<vector = 8>>
    tile.write %same, %p[%a, %c0]
      : tensor<128x64xbf16, #tile.blocked<vector = 8>>, !tile.global<?x64xbf16>
    tile.write %sum, %o[%a, %c0]
      : tensor<128x64xf32, #tile.acc>, !tile.global<?x64xf32>
  }
  tile.return
}
