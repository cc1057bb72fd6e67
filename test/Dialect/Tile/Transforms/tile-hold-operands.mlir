// RUN: pbs-opt %S/../Inputs/attention.mlir -pass-pipeline='builtin.module(tile.func(tile-configure,tile-pipeline-dots,tile-split-loops,canonicalize,cse,tile-hold-operands,tile-warp-specialize))' 2>/dev/null | FileCheck %s
// RUN: pbs-opt %S/../Inputs/attention.mlir -pass-pipeline='builtin.module(tile.func(tile-configure{hold-operands=0},tile-hold-operands))' 2>/dev/null | FileCheck %s --check-prefix=LEFT
// RUN: pbs-opt %s -pass-pipeline='builtin.module(tile.func(tile-hold-operands))' -split-input-file -verify-diagnostics | FileCheck %s --check-prefix=SMALL

// The slot of the queries is free before the first product.
// CHECK: } consumer {
// CHECK: %[[Q:.*]]:3 = tile.ring_wait %{{.*}} : <1, !tile.buffer<128x128xbf16, swizzle = 128>, i32, i32>
// CHECK: %[[HELD:.*]] = tile.load_matrix %[[Q]]#0
// CHECK-NEXT: tile.ring_release
// CHECK: tile.dot_async %[[HELD]], %{{.*}} {transpose_b}
// CHECK: scf.for
// CHECK: tile.dot_async %[[HELD]], %{{.*}} {transpose_b}
// CHECK: scf.for
// CHECK: tile.dot_async %[[HELD]], %{{.*}} {transpose_b}

// LEFT-NOT: tile.load_matrix

#on = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = false, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0, holdOperands = true>
!g = !tile.global<?x64xbf16>
!b = !tile.buffer<64x64xbf16, swizzle = 128>
!s = tensor<64x64xf32, #tile.acc>

// A tile that is loaded in the loop, too, or read once only stays where it is.
// SMALL-LABEL: tile.func @once
// SMALL-NOT: tile.load_matrix
tile.func @once(%x: !g, %y: !g, %o: !tile.global<?x64xf32>)
    attributes {config = #on} {
  %z = arith.constant 0 : i32
  %c64 = arith.constant 64 : i32
  %n = tile.dim %x, 0 : !g
  %a = tile.load %x[%z, %z] : !g -> !b
  %b = tile.load %y[%z, %z] : !g -> !b
  %first = tile.dot %a, %b {transpose_b} : !b, !b -> !s
  %sum = scf.for %i = %z to %n step %c64 iter_args(%acc = %first) -> (!s) : i32 {
    %c = tile.load %x[%i, %z] : !g -> !b
    %d = tile.load %y[%i, %z] : !g -> !b
    %s = tile.dot %c, %d acc(%acc : !s) {transpose_b} : !b, !b -> !s
    scf.yield %s : !s
  }
  tile.write %sum, %o[%z, %z] : !s, !tile.global<?x64xf32>
  tile.return
}

// -----

#on = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = false, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0, holdOperands = true>
!g = !tile.global<?x64xbf16>
!b = !tile.buffer<64x64xbf16, swizzle = 128>
!s = tensor<64x64xf32, #tile.acc>

// The second operand of a product lies in shared memory, the first need not.
// SMALL-LABEL: tile.func @both_operands
// SMALL: %[[A:.*]] = tile.load %arg0
// SMALL-NEXT: %[[HELD:.*]] = tile.load_matrix %[[A]]
// SMALL: scf.for
// SMALL: tile.dot %[[A]], %[[A]] acc
// SMALL: tile.dot %[[HELD]], %{{.*}} acc
tile.func @both_operands(%x: !g, %y: !g, %o: !tile.global<?x64xf32>)
    attributes {config = #on} {
  %z = arith.constant 0 : i32
  %c64 = arith.constant 64 : i32
  %n = tile.dim %x, 0 : !g
  %zero = arith.constant dense<0.0> : !s
  // expected-remark @+1 {{stays in shared memory, too: not all uses of the tile are first operands of products}}
  %a = tile.load %x[%z, %z] : !g -> !b
  %sum = scf.for %i = %z to %n step %c64 iter_args(%acc = %zero) -> (!s) : i32 {
    %s = tile.dot %a, %a acc(%acc : !s) {transpose_b} : !b, !b -> !s
    %b = tile.load %y[%i, %z] : !g -> !b
    %t = tile.dot %a, %b acc(%s : !s) {transpose_b} : !b, !b -> !s
    scf.yield %t : !s
  }
  tile.write %sum, %o[%z, %z] : !s, !tile.global<?x64xf32>
  tile.return
}
