// RUN: pbs-opt %s -convert-tile-to-nvvm | FileCheck %s
// RUN: pbs-opt %s -convert-tile-to-nvvm | FileCheck %s --check-prefix=PLAN

// A kernel that puts work items on a list, and the one behind it that does them:
// one entry of the plan, whose scratch both share. The second is launched early.

// PLAN: plan.kernel @f
// PLAN-SAME: #plan.cuda_code<@gpu::@f,
// PLAN-SAME: params = [#plan.pointer<2>]
// PLAN-SAME: scratch = [#plan.scratch<bytes = ()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> ((s2 * 2 + 1) * 4), zeroed>]
// PLAN-SAME: then #plan.cuda_code<@gpu::@f_again dependent
// PLAN-SAME: params = [#plan.pointer<2>, #plan.pointer<1>

#one = #tile.config<consumers = 1, specialize = false, stages = 1, overlap = false, pingPong = false, schedule = single, producerRegisters = 0, consumerRegisters = 0>
#items = affine_map<()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (s2)>

plan.kernel @f(%a: tensor<1x2x?x128xf32>) -> tensor<1x2x?x128xf32> {
  %r = pbs.pool %a : (tensor<1x2x?x128xf32>) -> tensor<1x2x?x128xf32>
  plan.return %r : tensor<1x2x?x128xf32>
}
gpu.module @gpu {
  // The first lane takes the word of the item, and if that was zero a place.
  // CHECK-LABEL: llvm.func @f(
  // CHECK: llvm.inline_asm has_side_effects
  // CHECK-SAME: atom.global.exch.b32
  // CHECK-SAME: atom.global.add.u32
  // CHECK-SAME: st.global.b32
  tile.func @f(%l: !tile.global<?xi32> {tile.item_list})
      attributes {config = #one, shared_bytes = 0 : i64, tile.items = #items} {
    %item = arith.constant 3 : i32
    %items = arith.constant 8 : i32
    tile.append_item %item of %items to %l : !tile.global<?xi32>
    tile.return
  }
  // CHECK-LABEL: llvm.func @f_again(
  // CHECK: griddepcontrol.wait
  // CHECK: llvm.load %{{.*}} invariant
  tile.func @f_again(%l: !tile.global<?xi32> {tile.item_list},
                     %o: !tile.global<1x2x?x128xf32> {tile.buffer = 1 : i32})
      attributes {config = #one, shared_bytes = 0 : i64, tile.items = #items,
                  tile.follows = @f} {
    %zero = arith.constant 0 : i32
    %count = tile.read_word %l[%zero] : !tile.global<?xi32>
    %float = arith.sitofp %count : i32 to f32
    %t = tile.splat %float : f32 to tensor<128xf32, #tile.lane>
    tile.write %t, %o[%zero, %zero, %zero, %zero]
      : tensor<128xf32, #tile.lane>, !tile.global<1x2x?x128xf32>
    tile.return
  }
}
