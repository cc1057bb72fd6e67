// RUN: pbs-opt %s --convert-pbs-to-cpu | FileCheck %s
// RUN: pbs-opt %s --pass-pipeline="builtin.module(convert-pbs-to-cpu,builtin.module(convert-pbs-cpu-to-llvm))" | FileCheck %s --check-prefix=LLVM

// CHECK: plan.kernel @sort_segments
// CHECK-SAME: -> ((s0 * s1) * (s2 ceildiv 256))>
plan.kernel @sort_segments(%i: tensor<1x2x?xf32>) -> tensor<1x2x?xi32> {
  %p = pbs.sort_segments %i
    : (tensor<1x2x?xf32>) -> !pbs.permutation<1x2x?, segment = 256>
  %pos = pbs.unpack_permutation %p
    : (!pbs.permutation<1x2x?, segment = 256>) -> tensor<1x2x?xi32>
  plan.return %pos : tensor<1x2x?xi32>
}

// CHECK: plan.kernel @permute_kv
// CHECK-SAME: -> ((s8 * s9) * (s10 ceildiv 128))>
plan.kernel @permute_kv(%k: tensor<1x2x?x64xbf16>, %v: tensor<1x2x?x64xbf16>,
                        %pos: tensor<1x4x?xi32>)
    -> (tensor<1x4x?x64xbf16>, tensor<1x4x?x64xbf16>, tensor<1x4x?xi32>,
        tensor<1x4x?x2xi32>) {
  %p = pbs.pack_permutation %pos
    : (tensor<1x4x?xi32>) -> !pbs.permutation<1x4x?, segment = 256>
  %kv = pbs.permute_kv %k, %v, %p
    : (tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>,
       !pbs.permutation<1x4x?, segment = 256>)
    -> !pbs.permuted_kv<1x4x?x64xbf16, block = 128, segment = 256>
  %0:4 = pbs.unpack_kv %kv
    : (!pbs.permuted_kv<1x4x?x64xbf16, block = 128, segment = 256>)
    -> (tensor<1x4x?x64xbf16>, tensor<1x4x?x64xbf16>, tensor<1x4x?xi32>,
        tensor<1x4x?x2xi32>)
  plan.return %0#0, %0#1, %0#2, %0#3
    : tensor<1x4x?x64xbf16>, tensor<1x4x?x64xbf16>, tensor<1x4x?xi32>,
      tensor<1x4x?x2xi32>
}

// CHECK: plan.kernel @fused_permute_kv
// CHECK-SAME: -> ((s16 * s17) * (s18 ceildiv 256))>
plan.kernel @fused_permute_kv(%q: tensor<1x4x?x64xf32>,
    %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>,
    %s: tensor<1x4x128x2xf32>)
    -> (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?xi32>,
        tensor<1x2x?x2xi32>, tensor<1x2x?x64xf32>) {
  %kv, %kp, %i = pbs.fused_permute_kv %q, %k, %v, %s
    : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>,
       tensor<1x4x128x2xf32>)
    -> (!pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>,
        tensor<1x2x?x64xf32>, tensor<1x2x?xf32>)
  %0:4 = pbs.unpack_kv %kv
    : (!pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
    -> (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?xi32>,
        tensor<1x2x?x2xi32>)
  plan.return %0#0, %0#1, %0#2, %0#3, %kp
    : tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?xi32>,
      tensor<1x2x?x2xi32>, tensor<1x2x?x64xf32>
}

// CHECK: plan.kernel @permute
plan.kernel @permute(%k: tensor<1x2x?x64xf16>, %pos: tensor<1x2x?xi32>)
    -> tensor<1x2x?x64xf16> {
  %p = pbs.pack_permutation %pos
    : (tensor<1x2x?xi32>) -> !pbs.permutation<1x2x?, segment = 256>
  %r = pbs.permute %k, %p
    : (tensor<1x2x?x64xf16>, !pbs.permutation<1x2x?, segment = 256>)
    -> tensor<1x2x?x64xf16>
  plan.return %r : tensor<1x2x?x64xf16>
}

// CHECK: plan.kernel @compose
plan.kernel @compose(%a: tensor<1x2x?xi32>, %b: tensor<1x2x?xi32>)
    -> tensor<1x2x?xi32> {
  %p = pbs.pack_permutation %a
    : (tensor<1x2x?xi32>) -> !pbs.permutation<1x2x?, segment = 256>
  %r = pbs.pack_permutation %b
    : (tensor<1x2x?xi32>) -> !pbs.permutation<1x2x?, segment = 256>
  %c = pbs.compose %p, %r
    : (!pbs.permutation<1x2x?, segment = 256>,
       !pbs.permutation<1x2x?, segment = 256>)
    -> !pbs.permutation<1x2x?, segment = 256>
  %pos = pbs.unpack_permutation %c
    : (!pbs.permutation<1x2x?, segment = 256>) -> tensor<1x2x?xi32>
  plan.return %pos : tensor<1x2x?xi32>
}

// CHECK: plan.kernel @identity
plan.kernel @identity(%k: tensor<1x2x?x64xf32>) -> tensor<1x2x?xi32> {
  %p = pbs.identity_permutation %k
    : (tensor<1x2x?x64xf32>) -> !pbs.permutation<1x2x?, segment = 256>
  %pos = pbs.unpack_permutation %p
    : (!pbs.permutation<1x2x?, segment = 256>) -> tensor<1x2x?xi32>
  plan.return %pos : tensor<1x2x?xi32>
}

// Keys and values stay the caller's; only ranges, and positions if there are
// none, are computed.
// CHECK: plan.kernel @kv_given
plan.kernel @kv_given(%k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>,
                      %pos: tensor<1x2x?xi32>) -> tensor<1x2x?x2xi32> {
  %kv = pbs.kv_from_positions %k, %v, %pos
    : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?xi32>)
    -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
  %0:4 = pbs.unpack_kv %kv
    : (!pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
    -> (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?xi32>,
        tensor<1x2x?x2xi32>)
  plan.return %0#3 : tensor<1x2x?x2xi32>
}

// CHECK: plan.kernel @kv_unpermuted
plan.kernel @kv_unpermuted(%k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>)
    -> (tensor<1x2x?xi32>, tensor<1x2x?x2xi32>) {
  %kv = pbs.kv_from_positions %k, %v
    : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
    -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
  %0:4 = pbs.unpack_kv %kv
    : (!pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>)
    -> (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?xi32>,
        tensor<1x2x?x2xi32>)
  plan.return %0#2, %0#3 : tensor<1x2x?xi32>, tensor<1x2x?x2xi32>
}

// Sorted by one key that holds the bits of the importance and the number.
// CHECK: func.func @sort_segments(
// CHECK: memref.alloca() {alignment = 64 : i64} : memref<256xi64>
// CHECK: arith.shli {{.*}} : i64
// CHECK: scf.while
// CHECK: arith.cmpi ult, {{.*}} : i64

// A foreign position never leaves the keys.
// CHECK: func.func @permute_kv(
// CHECK: %[[POS:.*]] = memref.load {{.*}} : memref<1x4x?xi32, strided<[?, ?, 1]>>
// CHECK: %[[AT:.*]] = arith.index_cast %[[POS]] : i32 to index
// CHECK: %[[LOW:.*]] = arith.minsi %[[AT]]
// CHECK: arith.maxsi %[[LOW]]
// CHECK: vector.store {{.*}} vector<16xbf16>

// Without the importance as a result it is never stored.
// CHECK: func.func @fused_permute_kv(
// CHECK-NOT: memref<1x2x?xf32
// CHECK: func.func @permute(
// CHECK: func.func @compose(
// CHECK: func.func @identity(
// CHECK: func.func @kv_given(
// CHECK-NOT: memref.store {{.*}} memref<1x2x?xi32
// CHECK: func.func @kv_unpermuted(
// CHECK: memref.store {{.*}} memref<1x2x?xi32

// LLVM: llvm.func @sort_segments_packed
// LLVM: llvm.func @permute_kv_packed
// LLVM: llvm.func @fused_permute_kv_packed
// LLVM: llvm.func @permute_packed
// LLVM: llvm.func @compose_packed
// LLVM: llvm.func @identity_packed
// LLVM: llvm.func @kv_given_packed
// LLVM: llvm.func @kv_unpermuted_packed
