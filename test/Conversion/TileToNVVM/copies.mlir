// RUN: pbs-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(tile.func(tile-allocate-shared),convert-tile-to-nvvm,cse)' | FileCheck %s

#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!v = !tile.global<?x?x?x128xbf16>

// 64 rows of 256 bytes, four requests of 32 bytes and 128 numbers, two barriers for
// each. Rows come by an address, and go by boxes of 32.
// CHECK-LABEL: llvm.func @copies
// CHECK-SAME: shared = 18624
// CHECK-SAME: #plan.pointer<0, align = 16>
// CHECK-SAME: #plan.tensor_map<1, box = [128, 32, 1, 1], swizzle = 0>
// CHECK-DAG: %[[ZERO:.*]] = llvm.mlir.constant(0 : i32)
// CHECK-DAG: %[[ONE:.*]] = llvm.mlir.constant(1 : i32)
// CHECK-DAG: %[[C3:.*]] = llvm.mlir.constant(3 : i32)
// CHECK-DAG: %[[C128:.*]] = llvm.mlir.constant(128 : i32)
// CHECK-DAG: %[[C16:.*]] = llvm.mlir.constant(16 : i32)
// A request is there when all that hold numbers of rows have arrived.
// CHECK-COUNT-4: nvvm.mbarrier.init %{{.*}}, %[[C128]]
// The second warp copies, until a request says no.
// CHECK: %[[COPIES:.*]] = llvm.icmp "eq" %{{.*}}, %[[ONE]]
// CHECK-NEXT: llvm.cond_br %[[COPIES]]
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK: ld.volatile.shared.b32
// CHECK: %[[MORE:.*]] = llvm.icmp "ne" %{{.*}}, %[[ZERO]]
// CHECK-NEXT: llvm.cond_br %[[MORE]]
// Two indices into the source, three into the target.
// CHECK-COUNT-5: ld.volatile.shared.b32
// CHECK-NOT: ld.volatile
// The first piece of 32 rows: a place of which the last request has stored all
// but one piece since; 16 rows for each half of the warp, and zeros outside.
// CHECK: nvvm.cp.async.bulk.wait_group 1 {read}
// CHECK-NEXT: nvvm.bar.warp.sync
// CHECK: %[[FOUR:.*]] = llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
// CHECK: %[[ROW:.*]] = llvm.extractelement %[[FOUR]]
// CHECK: %[[INSIDE:.*]] = llvm.icmp "ult" %[[ROW]]
// CHECK: %[[BYTES:.*]] = llvm.select %[[INSIDE]], %[[C16]], %[[ZERO]]
// CHECK: cp.async.cg.shared.global [$0], [$1], 16, $2;" ro(%{{.*}}, %{{.*}}, %[[BYTES]]
// CHECK-COUNT-15: cp.async.cg.shared.global
// CHECK: nvvm.cp.async.commit.group
// CHECK: nvvm.cp.async.bulk.wait_group 0 {read}
// CHECK-COUNT-16: cp.async.cg.shared.global
// CHECK: nvvm.cp.async.commit.group
// There is no room for the third before the first is stored.
// CHECK: nvvm.cp.async.wait.group 1
// CHECK-NEXT: nvvm.fence.proxy
// CHECK-NEXT: nvvm.bar.warp.sync
// CHECK: nvvm.cp.async.bulk.tensor.global.shared.cta
// CHECK: nvvm.cp.async.bulk.commit.group
// CHECK-NEXT: nvvm.cp.async.bulk.wait_group 0 {read}
// CHECK-COUNT-16: cp.async.cg.shared.global
// CHECK: nvvm.cp.async.wait.group 1
// CHECK: nvvm.cp.async.bulk.tensor.global.shared.cta
// CHECK-COUNT-16: cp.async.cg.shared.global
// The numbers have been read, so that the next request may be written.
// CHECK: mbarrier.arrive.shared::cta.b64
// CHECK: nvvm.cp.async.wait.group 1
// CHECK: nvvm.cp.async.bulk.tensor.global.shared.cta
// CHECK: nvvm.cp.async.wait.group 0
// CHECK: nvvm.cp.async.bulk.tensor.global.shared.cta
// CHECK-NOT: nvvm.cp.async.bulk.tensor
// Before it ends, stores have read their rows.
// CHECK: nvvm.cp.async.bulk.wait_group 0 {read}
// The four warps of consumers that hold them: the numbers, one thread the indices,
// then each thread says so.
// CHECK: llvm.cond_br
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK-COUNT-7: st.shared.b32
// CHECK: mbarrier.arrive.shared::cta.b64 _, [$0];" ro(%{{[0-9]+}} : !llvm.ptr<3>){{$}}
// CHECK: llvm.cond_br
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK: st.shared.b32
// CHECK: mbarrier.arrive.shared::cta.b64
tile.func @copies(%values: !v, %permuted: !v) attributes {config = #two} {
  %copier = tile.copier %values to %permuted {rows = 128, buffered = 64}
    : !v to !v
  tile.warp_specialize producer {
  } consumer {
    %z = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %rows = tile.iota : tensor<128xi32, #tile.lane>
    tile.copier_push %copier step %z [%z, %one] rows %rows to [%z, %one, %z]
      : tensor<128xi32, #tile.lane>
    tile.copier_stop %copier step %one
  }
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!v = !tile.global<?x?x?x64xf16>

// Rows of 128 bytes: eight for each quarter of the warp.
// CHECK-LABEL: llvm.func @short_rows
// CHECK-SAME: #plan.tensor_map<1, box = [64, 32, 1, 1], swizzle = 0>
// CHECK: cp.async.cg.shared.global
// CHECK-COUNT-7: cp.async.cg.shared.global
// CHECK-NOT: cp.async.cg.shared.global
// CHECK: nvvm.cp.async.commit.group
tile.func @short_rows(%values: !v, %permuted: !v) attributes {config = #two} {
  %copier = tile.copier %values to %permuted {rows = 32, buffered = 32}
    : !v to !v
  tile.warp_specialize producer {
  } consumer {
    %z = arith.constant 0 : i32
    tile.copier_stop %copier step %z
  }
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!v = !tile.global<?x?x?x64xf16>

tile.func @many(%a: !v, %b: !v, %c: !v, %d: !v, %p: !v)
    attributes {config = #two} {
  // expected-error@+1 {{expected at most 3 copiers, one for each warp beside the one that loads, got 4}}
  %0 = tile.copier %a to %p {rows = 32, buffered = 32} : !v to !v
  %1 = tile.copier %b to %p {rows = 32, buffered = 32} : !v to !v
  %2 = tile.copier %c to %p {rows = 32, buffered = 32} : !v to !v
  %3 = tile.copier %d to %p {rows = 32, buffered = 32} : !v to !v
  tile.warp_specialize producer {
  } consumer {
    %z = arith.constant 0 : i32
    tile.copier_stop %0 step %z
    tile.copier_stop %1 step %z
    tile.copier_stop %2 step %z
    tile.copier_stop %3 step %z
  }
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!v = !tile.global<?x?x?x96xf16>

tile.func @row_bytes(%a: !v, %p: !v) attributes {config = #two} {
  // expected-error@+1 {{expected rows of a power of two of bytes, 64 to 512, got 192}}
  %0 = tile.copier %a to %p {rows = 32, buffered = 32} : !v to !v
  tile.warp_specialize producer {
  } consumer {
    %z = arith.constant 0 : i32
    tile.copier_stop %0 step %z
  }
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!v = !tile.global<?x?x64xf16>

tile.func @rank(%a: !v, %p: !v) attributes {config = #two} {
  // expected-error@+1 {{expected a tensor of 4 dimensions for a tensor map, got '!tile.global<?x?x64xf16>'}}
  %0 = tile.copier %a to %p {rows = 32, buffered = 32} : !v to !v
  tile.warp_specialize producer {
  } consumer {
    %z = arith.constant 0 : i32
    tile.copier_stop %0 step %z
  }
  tile.return
}

// -----

#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!v = !tile.global<?x?x?x64xf16>

tile.func @together(%a: !v, %p: !v) attributes {config = #one} {
  // expected-error@+1 {{expected a kernel that is specialized}}
  %0 = tile.copier %a to %p {rows = 32, buffered = 32} : !v to !v
  %z = arith.constant 0 : i32
  tile.copier_stop %0 step %z
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!v = !tile.global<?x?x?x64xf16>

tile.func @not_numbered(%a: !v, %p: !v) attributes {config = #two} {
  %0 = tile.copier %a to %p {rows = 32, buffered = 32} : !v to !v
  tile.warp_specialize producer {
  } consumer {
    // expected-error@+1 {{expected a step (tile-number-rings), got none}}
    tile.copier_stop %0
  }
  tile.return
}

// -----

#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!v = !tile.global<?x?x?x64xf16>

tile.func @in_producer(%a: !v, %p: !v) attributes {config = #two} {
  %0 = tile.copier %a to %p {rows = 32, buffered = 32} : !v to !v
  tile.warp_specialize producer {
    %z = arith.constant 0 : i32
    // expected-error@+1 {{expected to be outside of the producer}}
    tile.copier_stop %0 step %z
  } consumer {
  }
  tile.return
}

// -----

!v = !tile.global<?x?x?x64xf16>

tile.func @buffered(%a: !v, %p: !v) {
  // expected-error@+1 {{expected 'rows' to be a multiple of 'buffered', and that of 32, got 128 and 96}}
  %0 = tile.copier %a to %p {rows = 128, buffered = 96} : !v to !v
  tile.return
}

// -----

!v = !tile.global<?x?x?x64xf16>
!w = !tile.global<?x?x?x64xbf16>

tile.func @other_type(%a: !v, %p: !w) {
  // expected-error@+1 {{expected rows of as many elements of the same type, got '!tile.global<?x?x?x64xf16>' and '!tile.global<?x?x?x64xbf16>'}}
  %0 = tile.copier %a to %p {rows = 32, buffered = 32} : !v to !w
  tile.return
}

// -----

!v = !tile.global<?x64xf16>

tile.func @number_of_rows(%a: !v, %p: !v) {
  %z = arith.constant 0 : i32
  %rows = tile.iota : tensor<64xi32, #tile.lane>
  %0 = tile.copier %a to %p {rows = 32, buffered = 32} : !v to !v
  // expected-error@+1 {{expected 32 rows, those of a request of the copier, got 64}}
  tile.copier_push %0 [] rows %rows to [%z] : tensor<64xi32, #tile.lane>
  tile.return
}

// -----

!v = !tile.global<?x64xf16>

tile.func @layout(%a: !v, %p: !v) {
  %z = arith.constant 0 : i32
  %rows = tile.iota : tensor<64xi32, #tile.row>
  // expected-error@+1 {{expected numbers of a multiple of 32 rows, i32 in the layout #tile.lane, got}}
  tile.copy_rows %a[] rows %rows to %p[%z] : tensor<64xi32, #tile.row>, !v to !v
  tile.return
}

// -----

!v = !tile.global<?x64xf16>

tile.func @indices(%a: !v, %p: !v) {
  %z = arith.constant 0 : i32
  %rows = tile.iota : tensor<64xi32, #tile.lane>
  // expected-error@+1 {{expected 1 indices into '!tile.global<?x64xf16>', got 2}}
  tile.copy_rows %a[] rows %rows to %p[%z, %z]
    : tensor<64xi32, #tile.lane>, !v to !v
  tile.return
}

// -----

!v = !tile.global<?x64xf16>

// expected-error@+1 {{expected an argument to be read or written, got argument 0, which is both}}
tile.func @onto_itself(%a: !v) {
  %z = arith.constant 0 : i32
  %rows = tile.iota : tensor<64xi32, #tile.lane>
  tile.copy_rows %a[] rows %rows to %a[%z] : tensor<64xi32, #tile.lane>, !v to !v
  tile.return
}

// -----

!v = !tile.global<?x64xf16>

// expected-error@+1 {{expected an argument to be read or written, got argument 0, which is both}}
tile.func @copier_onto_itself(%a: !v) {
  %copier = tile.copier %a to %a {rows = 32, buffered = 32} : !v to !v
  tile.return
}

// -----

!v = !tile.global<64xf16>

tile.func @one_dimension(%a: !v) {
  %rows = tile.iota : tensor<64xi32, #tile.lane>
  // expected-error@+1 {{expected tensors of at least two dimensions, got '!tile.global<64xf16>'}}
  tile.copy_rows %a[] rows %rows to %a[] : tensor<64xi32, #tile.lane>, !v to !v
  tile.return
}
