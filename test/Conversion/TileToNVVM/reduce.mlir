// RUN: pbs-opt %s -split-input-file -pass-pipeline='builtin.module(tile.func(tile-allocate-shared),convert-tile-to-nvvm)' | FileCheck %s

// The columns of a thread, then the four lanes of a row.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @columns
// CHECK: llvm.intr.maxnum
// CHECK: nvvm.shfl.sync bfly
// CHECK: llvm.intr.maxnum
// CHECK: nvvm.shfl.sync bfly
// CHECK: llvm.intr.maxnum
// CHECK: llvm.intr.maxnum
// CHECK-COUNT-2: nvvm.shfl.sync bfly
// CHECK-NOT: nvvm.shfl.sync
// CHECK: llvm.return
tile.func @columns(%in: !tile.global<?x8xf32>, %out: !tile.global<?xf32>)
    attributes {config = #one} {
  %z = arith.constant 0 : i32
  %x = tile.read %in[%z, %z]
    : !tile.global<?x8xf32> -> tensor<64x8xf32, #tile.acc>
  %m = tile.reduce max %x {dim = 1}
    : tensor<64x8xf32, #tile.acc> -> tensor<64xf32, #tile.row>
  tile.write %m, %out[%z] : tensor<64xf32, #tile.row>, !tile.global<?xf32>
  tile.return
}

// -----

// In two steps: lanes exchange only in the second.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @parts
// CHECK: nvvm.elect.sync
// CHECK-NOT: nvvm.shfl.sync
// CHECK-COUNT-2: llvm.fadd
// CHECK: llvm.fmul
// CHECK: llvm.fmul
// CHECK-COUNT-4: nvvm.shfl.sync bfly
// CHECK-NOT: nvvm.shfl.sync
tile.func @parts(%in: !tile.global<?x8xf32>, %out: !tile.global<?xf32>)
    attributes {config = #one} {
  %z = arith.constant 0 : i32
  %x = tile.read %in[%z, %z]
    : !tile.global<?x8xf32> -> tensor<64x8xf32, #tile.acc>
  %q = tile.reduce add %x {dim = 1}
    : tensor<64x8xf32, #tile.acc> -> tensor<64x4xf32, #tile.quad>
  %p = arith.mulf %q, %q : tensor<64x4xf32, #tile.quad>
  %s = tile.reduce add %p {dim = 1}
    : tensor<64x4xf32, #tile.quad> -> tensor<64xf32, #tile.row>
  tile.write %s, %out[%z] : tensor<64xf32, #tile.row>, !tile.global<?xf32>
  tile.return
}

// -----

// Terms of a sum one after the other, those of a maximum in four chains.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @chains
// CHECK: %[[A:.*]] = llvm.fadd
// CHECK-NEXT: %[[B:.*]] = llvm.fadd %[[A]],
// CHECK-NEXT: %[[C:.*]] = llvm.fadd %[[B]],
// CHECK-NEXT: %[[D:.*]] = llvm.fadd %{{[0-9]+}}, %{{[0-9]+}}
// CHECK-NEXT: %[[E:.*]] = llvm.fadd %[[D]],
// CHECK-NEXT: llvm.fadd %[[E]],
// CHECK-NOT: llvm.fadd
// CHECK: %[[F:.*]] = llvm.intr.maxnum
// CHECK-NEXT: %[[G:.*]] = llvm.intr.maxnum
// CHECK-NEXT: llvm.intr.maxnum(%[[F]], %[[G]])
tile.func @chains(%in: !tile.global<?x16xf32>, %out: !tile.global<?x4xf32>)
    attributes {config = #one} {
  %z = arith.constant 0 : i32
  %x = tile.read %in[%z, %z]
    : !tile.global<?x16xf32> -> tensor<64x16xf32, #tile.acc>
  %q = tile.reduce add %x {dim = 1}
    : tensor<64x16xf32, #tile.acc> -> tensor<64x4xf32, #tile.quad>
  tile.write %q, %out[%z, %z]
    : tensor<64x4xf32, #tile.quad>, !tile.global<?x4xf32>
  %m = tile.reduce max %x {dim = 1}
    : tensor<64x16xf32, #tile.acc> -> tensor<64x4xf32, #tile.quad>
  tile.write %m, %out[%z, %z]
    : tensor<64x4xf32, #tile.quad>, !tile.global<?x4xf32>
  tile.return
}

// -----

// Rows of a thread, of a warp (lanes 8 and 16 apart have the same columns), of
// all warps through shared memory. Column i is then with thread i mod 64, and
// written by the first 64.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @rows
// CHECK-SAME: shared = 1024
// CHECK-DAG: %[[C64:.*]] = llvm.mlir.constant(64 : i32)
// CHECK-COUNT-4: ld.global.nc.v4.b32
// CHECK-NOT: ld.global
// CHECK-COUNT-16: nvvm.shfl.sync bfly
// CHECK-NOT: nvvm.shfl.sync
// CHECK: nvvm.barrier
// CHECK-COUNT-2: st.shared.v4.b32
// CHECK: nvvm.barrier
// CHECK-COUNT-4: llvm.load
// CHECK: %[[OWNER:.*]] = llvm.icmp "slt" %{{.*}}, %[[C64]]
// CHECK: st.global.b32 [$0], $1;" ro({{.*}}), predicate = %[[OWNER]]
tile.func @rows(%in: !tile.global<?x64xbf16>, %out: !tile.global<64xf32>)
    attributes {config = #one} {
  %z = arith.constant 0 : i32
  %k = tile.read %in[%z, %z] : !tile.global<?x64xbf16>
    -> tensor<64x64xbf16, #tile.blocked<vector = 8>>
  %f = arith.extf %k : tensor<64x64xbf16, #tile.blocked<vector = 8>>
    to tensor<64x64xf32, #tile.blocked<vector = 8>>
  %s = tile.reduce add %f {dim = 0}
    : tensor<64x64xf32, #tile.blocked<vector = 8>>
    -> tensor<64xf32, #tile.lane>
  tile.write %s, %out[%z] : tensor<64xf32, #tile.lane>, !tile.global<64xf32>
  tile.return
}
