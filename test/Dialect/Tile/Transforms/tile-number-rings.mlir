// RUN: pbs-opt %s -pass-pipeline='builtin.module(tile.func(tile-number-rings))' -split-input-file -verify-diagnostics | FileCheck %s

!ring = !tile.ring<2, i32>

// CHECK-LABEL: tile.func @counted
// CHECK: %[[R:.*]] = tile.ring_create
// CHECK: producer {
// CHECK: %[[ZERO:.*]] = arith.constant 0
// CHECK: tile.ring_push %[[R]] step %[[ZERO]]
// CHECK: %[[ONE:.*]] = arith.addi %[[ZERO]]
// CHECK: %[[END:.*]] = scf.for {{.*}} iter_args(%[[N:.*]] = %[[ONE]])
// CHECK: %[[IF:.*]] = scf.if
// CHECK: tile.ring_push %[[R]] step %[[N]]
// CHECK: %[[NEXT:.*]] = arith.addi %[[N]]
// CHECK: scf.yield %[[NEXT]]
// CHECK: } else {
// CHECK: scf.yield %[[N]]
// CHECK: scf.yield %[[IF]]
// CHECK: tile.ring_push %[[R]] step %[[END]]
// The other side counts for itself; a release has the number of its wait.
// CHECK: } consumer {
// CHECK: scf.while (%[[I:.*]] = %{{.*}})
// CHECK: tile.ring_wait %[[R]] step %[[I]]
// CHECK: tile.ring_release %[[R]] step %[[I]]
tile.func @counted(%k: !tile.global<?xf32>) {
  %r = tile.ring_create : !ring
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %n = tile.dim %k, 0 : !tile.global<?xf32>
  tile.warp_specialize producer {
    tile.ring_push %r scalars(%c1) : !ring
    scf.for %j = %c0 to %n step %c1 : i32 {
      %even = arith.cmpi slt, %j, %c1 : i32
      scf.if %even {
        tile.ring_push %r scalars(%j) : !ring
      }
    }
    tile.ring_push %r scalars(%c1) : !ring
  } consumer {
    scf.while : () -> () {
      %x = tile.ring_wait %r : !ring
      tile.ring_release %r : !ring
      %more = arith.cmpi sge, %x, %c0 : i32
      scf.condition(%more)
    } do {
      scf.yield
    }
  }
  tile.return
}

// -----

!ring = !tile.ring<2, i32>

tile.func @release_without_wait() {
  %r = tile.ring_create : !ring
  // expected-error @below {{expected a wait for the slot in the same block or around it}}
  tile.ring_release %r : !ring
  tile.return
}

// -----

// Requests to a copier are counted, the last one included.
// CHECK-LABEL: tile.func @requests
// CHECK: %[[C:.*]] = tile.copier
// CHECK: consumer {
// CHECK: %[[ZERO:.*]] = arith.constant 0
// CHECK: %[[END:.*]] = scf.for {{.*}} iter_args(%[[N:.*]] = %[[ZERO]])
// CHECK: tile.copier_push %[[C]] step %[[N]]
// CHECK: %[[NEXT:.*]] = arith.addi %[[N]]
// CHECK: scf.yield %[[NEXT]]
// CHECK: tile.copier_stop %[[C]] step %[[END]]
tile.func @requests(%v: !tile.global<?x64xf16>, %p: !tile.global<?x64xf16>) {
  %copier = tile.copier %v to %p {rows = 32, buffered = 32}
    : !tile.global<?x64xf16> to !tile.global<?x64xf16>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %n = tile.dim %v, 0 : !tile.global<?x64xf16>
  tile.warp_specialize producer {
  } consumer {
    %rows = tile.iota : tensor<32xi32, #tile.lane>
    scf.for %j = %c0 to %n step %c1 : i32 {
      tile.copier_push %copier [] rows %rows to [%j]
        : tensor<32xi32, #tile.lane>
    }
    tile.copier_stop %copier
  }
  tile.return
}
