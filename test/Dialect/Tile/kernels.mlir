// The kernels that the tests of passes start from parse and survive
// canonicalization.
// RUN: pbs-opt %S/Inputs/attention.mlir -canonicalize -cse -verify-roundtrip | FileCheck %s --check-prefix=PLAIN
// RUN: pbs-opt %S/Inputs/attention-scheduled.mlir -canonicalize -cse -verify-roundtrip | FileCheck %s --check-prefix=SCHEDULED
// RUN: pbs-opt %S/Inputs/pool.mlir -canonicalize -cse -verify-roundtrip | FileCheck %s --check-prefix=POOL

// PLAIN-LABEL: tile.func @attention
// PLAIN: tile.for_each
// PLAIN: tile.load
// PLAIN: scf.for
// PLAIN: tile.load
// PLAIN: tile.dot
// PLAIN: tile.load
// PLAIN: tile.dot
// PLAIN: tile.store

// SCHEDULED-LABEL: tile.func @attention
// SCHEDULED-COUNT-4: tile.ring_create
// SCHEDULED: tile.warp_specialize
// Nothing that synchronises was merged.
// SCHEDULED-COUNT-6: tile.ring_push
// SCHEDULED: } consumer {
// SCHEDULED-COUNT-8: tile.ring_wait

// POOL-LABEL: tile.func @pool
// POOL: tile.read
// POOL: tile.reduce add
