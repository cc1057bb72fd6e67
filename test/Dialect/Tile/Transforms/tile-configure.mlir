// RUN: pbs-opt %s -pass-pipeline='builtin.module(tile.func(tile-configure))' -split-input-file | FileCheck %s
// RUN: pbs-opt %S/../Inputs/attention.mlir -pass-pipeline='builtin.module(tile.func(tile-configure))' | FileCheck %s --check-prefix=ATTENTION
// RUN: pbs-opt %S/../Inputs/attention.mlir -pass-pipeline='builtin.module(tile.func(tile-configure{stages=1 overlap=0 schedule=static}))' | FileCheck %s --check-prefix=OPTIONS
// RUN: pbs-opt %S/../Inputs/attention.mlir -pass-pipeline='builtin.module(tile.func(tile-configure))' 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// ATTENTION: config = #tile.config<consumers = 2, specialize = true, stages = 2, overlap = true, pingPong = false, schedule = dynamic, producerRegisters = 32, consumerRegisters = 232, itemStages = 2>
// OPTIONS: config = #tile.config<consumers = 2, specialize = true, stages = 1, overlap = false, pingPong = false, schedule = static, producerRegisters = 32, consumerRegisters = 232, itemStages = 2>
// REMARK: remark: schedule #tile.config<{{.*}}>: products of 128 rows, 65536 bytes of tiles in loops

// Three warpgroups take turns; two do where ranges differ from item to item, and
// neither where all have one length nor where blocks are listed.
// RUN: pbs-opt %S/../../../Conversion/PBSToTile/attention.mlir -pass-pipeline='builtin.module(convert-pbs-to-tile,gpu.module(tile.func(tile-configure)))' -split-input-file 2>/dev/null | FileCheck %s --check-prefix=DENSE
// DENSE: tile.func @dense_causal
// DENSE: config = #tile.config<consumers = 3, specialize = true, stages = 4, overlap = true, pingPong = true, schedule = dynamic, producerRegisters = 32, consumerRegisters = 160, itemStages = 2, skipScaling = true>
// DENSE: tile.func @dense_not_causal
// DENSE: config = #tile.config<consumers = 2, specialize = true, stages = 2, overlap = true, pingPong = false, schedule = dynamic, producerRegisters = 32, consumerRegisters = 232, itemStages = 2>

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
