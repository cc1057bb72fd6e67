// RUN: pbs-opt %s -pass-pipeline='builtin.module(gpu.module(tile.func(tile-allocate-shared)),convert-tile-to-nvvm)' | FileCheck %s

// A kernel of a plan gets the code: buffers by `tile.buffer`, symbols of the
// plan.kernel (4 of its argument, 4 of its result, the number of
// multiprocessors), the counter as a scratch behind arguments and results. A
// persistent kernel has at most one block for each multiprocessor.
#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0,
  consumerRegisters = 0>
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// CHECK: plan.kernel @pool
// CHECK-SAME: code = #plan.cuda_code<@gpu::@pool, grid = [()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (s4 * s6, s8), {{.*}}], block = [384, 1, 1], shared = 0
// CHECK-SAME: params = [#plan.pointer<2>, #plan.integer<i32, ()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (s2)>, #plan.pointer<1>, #plan.stride<1, dim = 0>, #plan.stride<1, dim = 1>, #plan.stride<1, dim = 2>]
// CHECK-SAME: scratch = [#plan.scratch<bytes = ()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (4), zeroed>]
plan.kernel @pool(%k: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> {
  %p = pbs.pool %k {block = 64}
    : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  plan.return %p : tensor<1x2x?x64xf32>
}

gpu.module @gpu {
  // CHECK: llvm.func @pool
  // CHECK-SAME: tile.abi = #plan.cuda_code<@gpu::@pool
  tile.func @pool(%counter: !tile.global<1xi32> {tile.counter},
                  %out: !tile.global<1x2x?x64xf32> {tile.buffer = 1 : i32},
                  %k: !tile.global<1x2x?x64xf32> {tile.buffer = 0 : i32})
      attributes {config = #two, tile.items = affine_map<
        ()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (s4 * s6)>} {
    tile.warp_specialize producer {
      %i = tile.fetch_item %counter : !tile.global<1xi32>
    } consumer {
      %z = arith.constant 0 : i32
      %t = arith.constant dense<0.0> : tensor<64xf32, #tile.lane>
      %n = tile.dim %k, 2 : !tile.global<1x2x?x64xf32>
      tile.write %t, %out[%z, %z, %n, %z]
        : tensor<64xf32, #tile.lane>, !tile.global<1x2x?x64xf32>
    }
    tile.return
  }

  // Without a plan, arguments are buffers in order; without `tile.items` one
  // block for each multiprocessor.
  // CHECK: llvm.func @alone
  // CHECK-SAME: grid = [()[s0, s1, s2] -> (s2), {{.*}} block = [128, 1, 1]
  // CHECK-SAME: params = [#plan.integer<i32, ()[s0, s1, s2] -> (s0)>, #plan.pointer<1>, #plan.integer<i32, ()[s0, s1, s2] -> (s1)>]
  tile.func @alone(%a: !tile.global<?xf32>, %b: !tile.global<?xi32>)
      attributes {config = #one} {
    %n = tile.dim %a, 0 : !tile.global<?xf32>
    %t = tile.splat %n : i32 to tensor<128xi32, #tile.lane>
    %z = arith.constant 0 : i32
    tile.write %t, %b[%z] : tensor<128xi32, #tile.lane>, !tile.global<?xi32>
    tile.return
  }
}
