// RUN: pbs-opt %s -pass-pipeline='builtin.module(tile.func(tile-pipeline-dots))' -split-input-file -verify-diagnostics | FileCheck %s

!t = !tile.buffer<64x64xbf16, swizzle = 128>
!s = tensor<64x64xf32, #tile.acc>
!p = tensor<64x64xbf16, #tile.acc>
#overlap = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = true, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>

// CHECK-LABEL: tile.func @rotated
// CHECK-SAME: (%[[K:.*]]: {{.*}}, %[[V:.*]]: {{[^,]*}}, %{{.*}})
// The first product and the arithmetic behind it, that on the accumulator too.
// CHECK: tile.load %[[K]]
// CHECK: tile.dot_async {{.*}} {transpose_b}
// CHECK: tile.dot_wait {{.*}} {pending = 0
// CHECK: %[[P0:.*]] = arith.truncf
// CHECK: %[[HALF0:.*]] = arith.mulf
// CHECK: scf.for {{.*}} iter_args(%[[J:[^ ]*]] = %{{[^ ]*}}, %[[P:[^ ]*]] = %[[P0]], %[[O:[^ ]*]] = %[[HALF0]])
// The next product begins, then the one that is late, with nothing in between.
// CHECK-NEXT: %[[KT:.*]] = tile.load %[[K]]
// CHECK-NEXT: %[[F:.*]] = tile.dot_async %[[KT]], %[[KT]] {transpose_b}
// CHECK-NEXT: %[[VT:.*]] = tile.load %[[V]][%[[J]],
// CHECK-NEXT: %[[G:.*]] = tile.dot_async %[[P]], %[[VT]] acc(%[[O]]
// CHECK-NEXT: %[[S:.*]] = tile.dot_wait %[[F]] {pending = 1
// CHECK-NEXT: %[[E:.*]] = math.exp2 %[[S]]
// CHECK-NEXT: %[[N:.*]] = tile.dot_wait %[[G]] {pending = 0
// CHECK-NEXT: %[[HALF:.*]] = arith.mulf %[[N]]
// Registers that the late product reads are overwritten behind its wait.
// CHECK-NEXT: %[[PN:.*]] = arith.truncf %[[E]]
// CHECK-NEXT: scf.yield {{.*}}, %[[PN]], %[[HALF]]
// CHECK: tile.load %[[V]]
// CHECK: tile.dot_async {{.*}} acc
// CHECK: tile.dot_wait
// CHECK-NOT: tile.dot{{ }}
tile.func @rotated(%k: !tile.global<?x64xbf16>, %v: !tile.global<?x64xbf16>, %out: !tile.global<?x64xf32>) attributes {config = #overlap} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c4 = arith.constant 4 : i32
  %zero = arith.constant dense<0.0> : !s
  %half = arith.constant dense<0.5> : !s
  %r = scf.for %j = %c0 to %c4 step %c1 iter_args(%o = %zero) -> (!s) : i32 {
    %kt = tile.load %k[%j, %c0] : !tile.global<?x64xbf16> -> !t
    %s = tile.dot %kt, %kt {transpose_b} : !t, !t -> !s
    %e = math.exp2 %s : !s
    %p = arith.truncf %e : !s to !p
    %scaled = arith.mulf %o, %half : !s
    %vt = tile.load %v[%j, %c0] : !tile.global<?x64xbf16> -> !t
    %n = tile.dot %p, %vt acc(%scaled : !s) : !p, !t -> !s
    scf.yield %n : !s
  }
  tile.write %r, %out[%c0, %c0] : !s, !tile.global<?x64xf32>
  tile.return
}

// -----

!t = !tile.buffer<64x64xbf16, swizzle = 128>
!s = tensor<64x64xf32, #tile.acc>
!p = tensor<64x64xbf16, #tile.acc>
#overlap = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = true, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>

// Arithmetic on the accumulator that has a branch is late with the product.
// CHECK-LABEL: tile.func @branch
// CHECK: scf.for {{.*}} iter_args(%[[O:[^ ]*]] = {{.*}}, %[[ANY:[^ ]*]] = %{{[^ ]*}}, %[[P:[^ ]*]] = %{{[^ ]*}})
// CHECK-NEXT: tile.load
// CHECK-NEXT: %[[F:.*]] = tile.dot_async {{.*}} {transpose_b}
// CHECK-NEXT: %[[HALF:.*]] = scf.if %[[ANY]]
// CHECK: arith.mulf %[[O]]
// CHECK: scf.yield %[[O]]
// CHECK: %[[G:.*]] = tile.dot_async %[[P]], {{.*}} acc(%[[HALF]]
// CHECK-NEXT: tile.dot_wait %[[F]] {pending = 1
// CHECK: %[[N:.*]] = tile.dot_wait %[[G]] {pending = 0
// CHECK: scf.yield %[[N]]
tile.func @branch(%k: !tile.global<?x64xbf16>, %v: !tile.global<?x64xbf16>, %out: !tile.global<?x64xf32>) attributes {config = #overlap} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c4 = arith.constant 4 : i32
  %zero = arith.constant dense<0.0> : !s
  %half = arith.constant dense<0.5> : !s
  %ones = arith.constant dense<1.0> : tensor<64xf32, #tile.row>
  %r = scf.for %j = %c0 to %c4 step %c1 iter_args(%o = %zero) -> (!s) : i32 {
    %kt = tile.load %k[%j, %c0] : !tile.global<?x64xbf16> -> !t
    %s = tile.dot %kt, %kt {transpose_b} : !t, !t -> !s
    %m = tile.reduce max %s {dim = 1} : !s -> tensor<64xf32, #tile.row>
    %large = arith.cmpf ogt, %m, %ones : tensor<64xf32, #tile.row>
    %any = tile.any %large : tensor<64xi1, #tile.row>
    %e = math.exp2 %s : !s
    %p = arith.truncf %e : !s to !p
    %scaled = scf.if %any -> !s {
      %x = arith.mulf %o, %half : !s
      scf.yield %x : !s
    } else {
      scf.yield %o : !s
    }
    %vt = tile.load %v[%c0, %c0] : !tile.global<?x64xbf16> -> !t
    %n = tile.dot %p, %vt acc(%scaled : !s) : !p, !t -> !s
    scf.yield %n : !s
  }
  tile.write %r, %out[%c0, %c0] : !s, !tile.global<?x64xf32>
  tile.return
}

// -----

!t = !tile.buffer<64x64xbf16, swizzle = 128>
!s = tensor<64x64xf32, #tile.acc>
#overlap = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = true, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>

// A matrix product: nothing to overlap with; asynchronous all the same.
// CHECK-LABEL: tile.func @one_product
// CHECK: scf.for
// CHECK-NEXT: tile.load
// CHECK-NEXT: tile.dot_async
// CHECK-NEXT: tile.dot_wait {{.*}} {pending = 0
// CHECK-NEXT: scf.yield
tile.func @one_product(%k: !tile.global<?x64xbf16>, %out: !tile.global<?x64xf32>) attributes {config = #overlap} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c4 = arith.constant 4 : i32
  %zero = arith.constant dense<0.0> : !s
  // expected-remark @below {{products do not overlap: fewer than two products in the loop}}
  %r = scf.for %j = %c0 to %c4 step %c1 iter_args(%o = %zero) -> (!s) : i32 {
    %kt = tile.load %k[%j, %c0] : !tile.global<?x64xbf16> -> !t
    %n = tile.dot %kt, %kt acc(%o : !s) : !t, !t -> !s
    scf.yield %n : !s
  }
  tile.write %r, %out[%c0, %c0] : !s, !tile.global<?x64xf32>
  tile.return
}

// -----

!t = !tile.buffer<64x64xbf16, swizzle = 128>
!s = tensor<64x64xf32, #tile.acc>
!p = tensor<64x64xbf16, #tile.acc>
#overlap = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = true, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>

tile.func @may_not_run(%k: !tile.global<?x64xbf16>, %out: !tile.global<?x64xf32>) attributes {config = #overlap} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %n = tile.dim %k, 0 : !tile.global<?x64xbf16>
  %zero = arith.constant dense<0.0> : !s
  // expected-remark @below {{products do not overlap: the loop may run no times}}
  %r = scf.for %j = %c0 to %n step %c1 iter_args(%o = %zero) -> (!s) : i32 {
    %kt = tile.load %k[%j, %c0] : !tile.global<?x64xbf16> -> !t
    %s = tile.dot %kt, %kt {transpose_b} : !t, !t -> !s
    %p = arith.truncf %s : !s to !p
    %x = tile.dot %p, %kt acc(%o : !s) : !p, !t -> !s
    scf.yield %x : !s
  }
  tile.write %r, %out[%c0, %c0] : !s, !tile.global<?x64xf32>
  tile.return
}

// -----

!t = !tile.buffer<64x64xbf16, swizzle = 128>
!s = tensor<64x64xf32, #tile.acc>
!p = tensor<64x64xbf16, #tile.acc>
#overlap = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = true, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>

tile.func @one_tile(%k: !tile.global<?x64xbf16>, %out: !tile.global<?x64xf32>) attributes {config = #overlap} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c4 = arith.constant 4 : i32
  %zero = arith.constant dense<0.0> : !s
  // expected-remark @below {{products do not overlap: both products use the same tile in shared memory}}
  %r = scf.for %j = %c0 to %c4 step %c1 iter_args(%o = %zero) -> (!s) : i32 {
    %kt = tile.load %k[%j, %c0] : !tile.global<?x64xbf16> -> !t
    %s = tile.dot %kt, %kt {transpose_b} : !t, !t -> !s
    %p = arith.truncf %s : !s to !p
    %x = tile.dot %p, %kt acc(%o : !s) : !p, !t -> !s
    scf.yield %x : !s
  }
  tile.write %r, %out[%c0, %c0] : !s, !tile.global<?x64xf32>
  tile.return
}

// -----

!t = !tile.buffer<64x64xbf16, swizzle = 128>
!s = tensor<64x64xf32, #tile.acc>
!p = tensor<64x64xbf16, #tile.acc>
#overlap = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = true, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>

tile.func @recurrence(%k: !tile.global<?x64xbf16>, %out: !tile.global<?x64xf32>) attributes {config = #overlap} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c4 = arith.constant 4 : i32
  %zero = arith.constant dense<0.0> : !s
  // expected-remark @below {{products do not overlap: the first product depends on the last one before it}}
  %r = scf.for %j = %c0 to %c4 step %c1 iter_args(%o = %zero) -> (!s) : i32 {
    %kt = tile.load %k[%j, %c0] : !tile.global<?x64xbf16> -> !t
    %s = tile.dot %kt, %kt acc(%o : !s) : !t, !t -> !s
    %p = arith.truncf %s : !s to !p
    %x = tile.dot %p, %kt acc(%o : !s) : !p, !t -> !s
    scf.yield %x : !s
  }
  tile.write %r, %out[%c0, %c0] : !s, !tile.global<?x64xf32>
  tile.return
}

// -----

#plain = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = false, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>

// CHECK-LABEL: tile.func @not_asked
// CHECK: tile.dot{{ }}
tile.func @not_asked(%k: !tile.global<?x64xbf16>, %out: !tile.global<?x64xf32>) attributes {config = #plain} {
  %c0 = arith.constant 0 : i32
  %kt = tile.load %k[%c0, %c0] : !tile.global<?x64xbf16> -> !tile.buffer<64x64xbf16, swizzle = 128>
  %n = tile.dot %kt, %kt : !tile.buffer<64x64xbf16, swizzle = 128>, !tile.buffer<64x64xbf16, swizzle = 128> -> tensor<64x64xf32, #tile.acc>
  tile.write %n, %out[%c0, %c0] : tensor<64x64xf32, #tile.acc>, !tile.global<?x64xf32>
  tile.return
}

// -----

// expected-error @below {{expected a configuration ('config'), got none}}
tile.func @no_configuration() {
  tile.return
}
