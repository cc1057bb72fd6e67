// RUN: pbs-opt %s --plan-drop-unread -split-input-file | FileCheck %s
// RUN: pbs-opt %s --plan-drop-unread -split-input-file | pbs-opt -split-input-file | FileCheck %s

// Only the rows of the values are counted, keys are not even that: buffers and
// symbols that are left have new numbers. What made the keys goes, too, and what was
// made for that, with the kernel and its code.

// CHECK-NOT: @pool
// CHECK: plan.kernel @ranges(%[[V:.*]]: tensor<1x8x?x128xf32>, %[[P:.*]]: tensor<1x8x?xi32>) -> tensor<1x8x?x2xi32>
// CHECK-SAME: <@gpu::@ranges dependent{{ ?}}, grid = [
// CHECK-SAME: ()[s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11] -> (s2 ceildiv 128, s11)
// CHECK-SAME: block = [128, 1, 1], shared = 16, params = [
// CHECK-SAME: #plan.pointer<1, align = 16>, #plan.stride<1, dim = 1>
// CHECK-SAME: #plan.integer<i32, ()[s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11] -> (s2)>
// CHECK-SAME: #plan.pointer<2>, #plan.pointer<3>
// CHECK-SAME: #plan.tensor_map<2, box = [2, 1, 1, 1], swizzle = 0>
// CHECK-SAME: #plan.float<1.000000e+00 : f32>
// CHECK-SAME: scratch = [#plan.scratch<bytes = ()[s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11] -> (s2 * s9), zeroed>]
// CHECK-SAME: then #plan.cuda_code<@gpu::@ranges_again,
// CHECK-SAME: params = [#plan.pointer<1>, #plan.pointer<3>]>>
// CHECK-NEXT: %[[NONE:.*]] = ub.poison : tensor<1x8x?x128xf32>
// CHECK-NEXT: pbs.kv_from_positions %[[NONE]], %[[V]], %[[P]]
// CHECK: gpu.module @gpu
// CHECK-NEXT: llvm.func @ranges
// CHECK-NOT: @pool
// CHECK: plan.program @operands
// CHECK-SAME: constraints = [#plan.constraint<multiple
// CHECK-NEXT: %[[R:.*]] = plan.launch @ranges(%{{.*}}, %{{.*}}) shapes [()[s0, s1, s2] -> (1, 8, s0 ceildiv 128, 2)]
// CHECK-SAME: (tensor<1x8x?x128xf32>, tensor<1x8x?xi32>) -> tensor<1x8x?x2xi32>
// CHECK-NEXT: plan.return %[[R]]
plan.kernel @pool(%k: tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
    attributes {code = #plan.cuda_code<@gpu::@pool,
      grid = [()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (s2),
              ()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (1),
              ()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (1)],
      block = [32, 1, 1], shared = 0,
      params = [#plan.pointer<0>, #plan.pointer<1>]>} {
  %r = pbs.pool %k : (tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
  plan.return %r : tensor<1x8x?x128xf32>
}
plan.kernel @ranges(%k: tensor<1x8x?x128xf32>, %v: tensor<1x8x?x128xf32>,
                    %p: tensor<1x8x?xi32>) -> tensor<1x8x?x2xi32>
    attributes {code = #plan.cuda_code<@gpu::@ranges dependent,
      grid = [()[s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15] -> (s6 ceildiv 128, s15),
              ()[s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15] -> (1),
              ()[s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15] -> (1)],
      block = [128, 1, 1], shared = 16,
      params = [#plan.pointer<2, align = 16>, #plan.stride<2, dim = 1>,
                #plan.integer<i32, ()[s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15] -> (s6)>,
                #plan.pointer<3>, #plan.pointer<4>,
                #plan.tensor_map<3, box = [2, 1, 1, 1], swizzle = 0>,
                #plan.float<1.0 : f32>],
      scratch = [#plan.scratch<bytes = ()[s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15] -> (s6 * s13), zeroed>]
      then #plan.cuda_code<@gpu::@ranges_again,
        grid = [()[s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15] -> (s15),
                ()[s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15] -> (1),
                ()[s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15] -> (1)],
        block = [32, 1, 1], shared = 0,
        params = [#plan.pointer<2>, #plan.pointer<4>]>>} {
  %kv = pbs.kv_from_positions %k, %v, %p
    : (tensor<1x8x?x128xf32>, tensor<1x8x?x128xf32>, tensor<1x8x?xi32>)
    -> !pbs.permuted_kv<1x8x?x128xf32, block = 128, segment = 256>
  %key, %value, %positions, %ranges = pbs.unpack_kv %kv
    : (!pbs.permuted_kv<1x8x?x128xf32, block = 128, segment = 256>)
    -> (tensor<1x8x?x128xf32>, tensor<1x8x?x128xf32>, tensor<1x8x?xi32>,
        tensor<1x8x?x2xi32>)
  plan.return %ranges : tensor<1x8x?x2xi32>
}
gpu.module @gpu {
  llvm.func @pool() attributes {gpu.kernel, nvvm.kernel} {
    llvm.return
  }
  llvm.func @ranges() attributes {gpu.kernel, nvvm.kernel} {
    llvm.return
  }
  llvm.func @ranges_again() attributes {gpu.kernel, nvvm.kernel} {
    llvm.return
  }
}
plan.program @operands(%k: tensor<1x8x?x128xf32> {plan.name = "k"},
                       %v: tensor<1x8x?x128xf32> {plan.name = "v"},
                       %p: tensor<1x8x?xi32> {plan.name = "p"})
    -> (tensor<1x8x?x2xi32> {plan.name = "r"}) attributes {constraints = [
      #plan.constraint<multiple, ()[s0, s1, s2] -> (s0, 128), "whole blocks">]} {
  %a = plan.launch @pool(%k) shapes [()[s0, s1, s2] -> (1, 8, s0 ceildiv 128, 128)]
    : (tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
  %b = plan.launch @pool(%a) shapes [()[s0, s1, s2] -> (1, 8, (s0 ceildiv 128) ceildiv 128, 128)]
    : (tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
  %r = plan.launch @ranges(%b, %v, %p) shapes [()[s0, s1, s2] -> (1, 8, s0 ceildiv 128, 2)]
    : (tensor<1x8x?x128xf32>, tensor<1x8x?x128xf32>, tensor<1x8x?xi32>) -> tensor<1x8x?x2xi32>
  plan.return %r : tensor<1x8x?x2xi32>
}

// -----

// A launch that reports errors of its input stays, and what it reads; so does one
// without results, and a kernel that another program launches or none did before.

// CHECK: plan.kernel @pool
// CHECK: plan.kernel @reports
// CHECK: plan.kernel @nothing
// CHECK: plan.kernel @never
// CHECK: llvm.func @pool
// CHECK: llvm.func @never
// CHECK: plan.program @effects
// CHECK-NEXT: plan.launch @nothing(
// CHECK-NEXT: %[[A:.*]] = plan.launch @pool(
// CHECK-NEXT: plan.launch @reports(%[[A]])
// CHECK-NEXT: plan.return
// CHECK: plan.program @other
// CHECK-NEXT: plan.return
plan.kernel @pool(%k: tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
    attributes {code = #plan.cuda_code<@gpu::@pool,
      grid = [()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (s2),
              ()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (1),
              ()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (1)],
      block = [32, 1, 1], shared = 0,
      params = [#plan.pointer<0>, #plan.pointer<1>]>} {
  %r = pbs.pool %k : (tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
  plan.return %r : tensor<1x8x?x128xf32>
}
plan.kernel @reports(%k: tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
    attributes {code = #plan.cuda_code<@gpu::@reports,
      grid = [()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (s2),
              ()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (1),
              ()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (1)],
      block = [32, 1, 1], shared = 0,
      params = [#plan.pointer<0>, #plan.pointer<1>, #plan.pointer<2>],
      scratch = [#plan.status<["expected numbers"]>]>} {
  %r = pbs.pool %k : (tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
  plan.return %r : tensor<1x8x?x128xf32>
}
plan.kernel @nothing(%k: tensor<1x8x?x128xf32>)
    attributes {code = #plan.cuda_code<@gpu::@nothing,
      grid = [()[s0, s1, s2, s3, s4] -> (s2),
              ()[s0, s1, s2, s3, s4] -> (1),
              ()[s0, s1, s2, s3, s4] -> (1)],
      block = [32, 1, 1], shared = 0, params = [#plan.pointer<0>]>} {
  %r = pbs.pool %k : (tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
  plan.return
}
plan.kernel @never(%k: tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
    attributes {code = #plan.cuda_code<@gpu::@never,
      grid = [()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (s2),
              ()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (1),
              ()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (1)],
      block = [32, 1, 1], shared = 0,
      params = [#plan.pointer<0>, #plan.pointer<1>]>} {
  %r = pbs.pool %k : (tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
  plan.return %r : tensor<1x8x?x128xf32>
}
gpu.module @gpu {
  llvm.func @pool() attributes {gpu.kernel, nvvm.kernel} {
    llvm.return
  }
  llvm.func @reports() attributes {gpu.kernel, nvvm.kernel} {
    llvm.return
  }
  llvm.func @nothing() attributes {gpu.kernel, nvvm.kernel} {
    llvm.return
  }
  llvm.func @never() attributes {gpu.kernel, nvvm.kernel} {
    llvm.return
  }
}
plan.program @effects(%k: tensor<1x8x?x128xf32> {plan.name = "k"}) {
  plan.launch @nothing(%k) shapes [] : (tensor<1x8x?x128xf32>) -> ()
  %a = plan.launch @pool(%k) shapes [()[s0] -> (1, 8, s0 ceildiv 128, 128)]
    : (tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
  %b = plan.launch @reports(%a) shapes [()[s0] -> (1, 8, s0 ceildiv 128, 128)]
    : (tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
  plan.return
}
plan.program @other(%k: tensor<1x8x?x128xf32> {plan.name = "k"}) {
  %a = plan.launch @pool(%k) shapes [()[s0] -> (1, 8, s0 ceildiv 128, 128)]
    : (tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
  plan.return
}

// -----

// Nobody says what code for the CPU reads, or code that is not there yet.

// CHECK: plan.program @others
// CHECK-NEXT: plan.launch @cpu_pool(
// CHECK-NEXT: plan.launch @yet(
// CHECK-NEXT: plan.return
plan.kernel @cpu_pool(%k: tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
    attributes {code = #plan.cpu_code<@cpu::@pool,
      grid = ()[s0, s1, s2, s3, s4, s5, s6, s7] -> (s2)>} {
  %r = pbs.pool %k : (tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
  plan.return %r : tensor<1x8x?x128xf32>
}
plan.kernel @yet(%k: tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32> {
  %r = pbs.pool %k : (tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
  plan.return %r : tensor<1x8x?x128xf32>
}
module @cpu {
  func.func private @pool(memref<1x8x?x128xf32, strided<[?, ?, ?, 1]>>,
                          memref<1x8x?x128xf32, strided<[?, ?, ?, 1]>>, index)
}
plan.program @others(%k: tensor<1x8x?x128xf32> {plan.name = "k"}) {
  %a = plan.launch @cpu_pool(%k) shapes [()[s0] -> (1, 8, s0 ceildiv 128, 128)]
    : (tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
  %b = plan.launch @yet(%k) shapes [()[s0] -> (1, 8, s0 ceildiv 128, 128)]
    : (tensor<1x8x?x128xf32>) -> tensor<1x8x?x128xf32>
  plan.return
}
