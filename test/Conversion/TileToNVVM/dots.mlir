// RUN: pbs-opt %s -split-input-file -pass-pipeline='builtin.module(tile.func(tile-allocate-shared),convert-tile-to-nvvm)' | FileCheck %s

// Both operands in shared memory, the second transposed: K-major. The first
// product of a sum does not read it.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!q = !tile.global<?x?x?x64xbf16>
!b = !tile.buffer<64x64xbf16, swizzle = 128>
!ring = !tile.ring<1, !tile.buffer<64x64xbf16, swizzle = 128>>
!s = tensor<64x64xf32, #tile.acc>
// CHECK-LABEL: llvm.func @shared
// CHECK: nvvm.wgmma.fence.aligned
// CHECK: nvvm.wgmma.mma_async {{.*}} D[<f32>, <zero>], A[<bf16>, <one>, <row>], B[<bf16>, <one>, <col>]
// CHECK-COUNT-3: nvvm.wgmma.mma_async {{.*}} D[<f32>, <one>], A[<bf16>, <one>, <row>], B[<bf16>, <one>, <col>]
// CHECK-NOT: nvvm.wgmma.mma_async
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK: wgmma.wait_group.sync.aligned 0;
tile.func @shared(%keys: !q, %o: !tile.global<?x?xf32>)
    attributes {config = #one} {
  %ring = tile.ring_create : !ring
  %z = arith.constant 0 : i32
  tile.ring_push %ring step %z from %keys[%z, %z, %z, %z] : !ring, !q
  %k = tile.ring_wait %ring step %z : !ring
  %s = tile.dot %k, %k {transpose_b} : !b, !b -> !s
  tile.ring_release %ring step %z : !ring
  tile.write %s, %o[%z, %z] : !s, !tile.global<?x?xf32>
  tile.return
}

// -----

// The first operand in registers, the second not transposed: MN-major. Products
// complete in order: while the second is in flight the first can be used.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!q = !tile.global<?x?x?x64xf16>
!b = !tile.buffer<64x64xf16, swizzle = 128>
!ring = !tile.ring<1, !tile.buffer<64x64xf16, swizzle = 128>>
!s = tensor<64x64xf32, #tile.acc>
!p = tensor<64x64xf16, #tile.acc>
// CHECK-LABEL: llvm.func @registers
// CHECK: nvvm.wgmma.fence.aligned
// CHECK: nvvm.wgmma.mma_async {{.*}} B[<f16>, <one>, <row>]
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// Registers that the second product reads pass through a fence of its own.
// CHECK: llvm.inline_asm {{.*}}"wgmma.fence.sync.aligned;"
// CHECK: setp.ne.b32 p, 0, 0;\0Awgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {{.*}}, p, 1, 1, 1;
// CHECK-COUNT-3: setp.ne.b32 p, 1, 0;\0Awgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16
// CHECK-NOT: wgmma.mma_async
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK: wgmma.wait_group.sync.aligned 1;
// CHECK: llvm.fadd
// CHECK: wgmma.wait_group.sync.aligned 0;
tile.func @registers(%keys: !q, %o: !tile.global<?x?xf32>)
    attributes {config = #one} {
  %ring = tile.ring_create : !ring
  %z = arith.constant 0 : i32
  %p = arith.constant dense<1.0> : !p
  tile.ring_push %ring step %z from %keys[%z, %z, %z, %z] : !ring, !q
  %k = tile.ring_wait %ring step %z : !ring
  %f = tile.dot_async %k, %k : !b, !b -> !tile.inflight<!s>
  %g = tile.dot_async %p, %k : !p, !b -> !tile.inflight<!s>
  %s = tile.dot_wait %f {pending = 1} : !tile.inflight<!s>
  %t = arith.addf %s, %s : !s
  %u = tile.dot_wait %g {pending = 0} : !tile.inflight<!s>
  tile.ring_release %ring step %z : !ring
  %v = arith.mulf %t, %u : !s
  tile.write %v, %o[%z, %z] : !s, !tile.global<?x?xf32>
  tile.return
}

// -----

// An operand that registers hold is read by ldmatrix, four matrices at a time: its
// rows are those of the warp, its columns those of a step of the product. A loop
// that does not write it has no copies of it at its fence.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!q = !tile.global<?x?x?x64xbf16>
!b = !tile.buffer<64x64xbf16, swizzle = 128>
!ring = !tile.ring<1, !tile.buffer<64x64xbf16, swizzle = 128>>
!s = tensor<64x64xf32, #tile.acc>
// CHECK-LABEL: llvm.func @held
// CHECK-COUNT-4: nvvm.ldmatrix {{.*}}num = 4 : i32
// CHECK-NOT: nvvm.ldmatrix
// CHECK: llvm.inline_asm {{.*}}"wgmma.fence.sync.aligned;", "={{(f,=)+}}f,
// CHECK-COUNT-4: wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {{.*}}, p, 1, 1, 0;
// The next tile comes behind what threads have read.
// CHECK: nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>
// CHECK: mbarrier.arrive
tile.func @held(%keys: !q, %o: !tile.global<?x?xf32>)
    attributes {config = #one} {
  %ring = tile.ring_create : !ring
  %z = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %n = tile.dim %keys, 2 : !q
  %zero = arith.constant dense<0.0> : !s
  tile.ring_push %ring step %z from %keys[%z, %z, %z, %z] : !ring, !q
  %k = tile.ring_wait %ring step %z : !ring
  %held = tile.load_matrix %k : !b -> tensor<64x64xbf16, #tile.acc>
  %sum = scf.for %i = %z to %n step %one iter_args(%acc = %zero) -> (!s) : i32 {
    %s = tile.dot %held, %k acc(%acc : !s) {transpose_b}
      : tensor<64x64xbf16, #tile.acc>, !b -> !s
    scf.yield %s : !s
  }
  tile.ring_release %ring step %z : !ring
  tile.write %sum, %o[%z, %z] : !s, !tile.global<?x?xf32>
  tile.return
}

// -----

// A sum that exists is added to, by both kinds of product.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!q = !tile.global<?x?x?x64xbf16>
!b = !tile.buffer<64x64xbf16, swizzle = 128>
!ring = !tile.ring<1, !tile.buffer<64x64xbf16, swizzle = 128>>
!s = tensor<64x64xf32, #tile.acc>
!p = tensor<64x64xbf16, #tile.acc>
// CHECK-LABEL: llvm.func @accumulate
// CHECK: "wgmma.fence.sync.aligned;"
// CHECK-COUNT-4: nvvm.wgmma.mma_async {{.*}} D[<f32>, <one>]
// CHECK: "wgmma.fence.sync.aligned;"
// CHECK-COUNT-4: setp.ne.b32 p, 1, 0;\0Awgmma.mma_async{{.*}}, p, 1, 1, 0;
tile.func @accumulate(%keys: !q, %o: !tile.global<?x?xf32>)
    attributes {config = #one} {
  %ring = tile.ring_create : !ring
  %z = arith.constant 0 : i32
  %s0 = arith.constant dense<1.0> : !s
  %p = arith.constant dense<1.0> : !p
  tile.ring_push %ring step %z from %keys[%z, %z, %z, %z] : !ring, !q
  %k = tile.ring_wait %ring step %z : !ring
  %s1 = tile.dot %k, %k acc(%s0 : !s) {transpose_b} : !b, !b -> !s
  %s2 = tile.dot %p, %k acc(%s1 : !s) {transpose_b} : !p, !b -> !s
  tile.ring_release %ring step %z : !ring
  tile.write %s2, %o[%z, %z] : !s, !tile.global<?x?xf32>
  tile.return
}
