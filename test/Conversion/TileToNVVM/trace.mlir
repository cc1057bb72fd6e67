// RUN: pbs-opt %s -pass-pipeline='builtin.module(gpu.module(tile.func(tile-allocate-shared)),convert-tile-to-nvvm{trace=1})' | FileCheck %s
// RUN: pbs-opt %s -pass-pipeline='builtin.module(gpu.module(tile.func(tile-allocate-shared)),convert-tile-to-nvvm)' | FileCheck %s --check-prefix=OFF

// The first thread writes when the block begins, one lane of each warp that
// computes when it ends: the end of the block is the latest. The trace is the last
// buffer and the last parameter.
#two = #tile.config<consumers = 2, specialize = true, stages = 1,
  overlap = false, pingPong = false, schedule = dynamic, producerRegisters = 0,
  consumerRegisters = 0>
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// OFF-NOT: trace
// OFF-NOT: globaltimer
// OFF-NOT: smid
gpu.module @gpu {
  // CHECK: llvm.func @whole({{.*}}, %[[TRACE:[a-z0-9]*]]: !llvm.ptr<1> {llvm.noalias})
  // CHECK-SAME: params = [#plan.integer{{.*}}, #plan.pointer<1>, #plan.integer{{.*}}, #plan.pointer<2>], scratch = [#plan.trace]
  // CHECK: %[[BLOCK:.*]] = llvm.zext %{{.*}} : i32 to i64
  // CHECK: %[[OFFSET:.*]] = llvm.mul %[[BLOCK]], %{{.*}} : i64
  // CHECK: %[[BEGIN:.*]] = llvm.getelementptr %[[TRACE]][%[[OFFSET]]]
  // CHECK: %[[NOW:.*]] = llvm.inline_asm has_side_effects {{.*}} "mov.u64 $0, %globaltimer;"
  // CHECK: nvvm.inline_ptx "st.global.b64 [$0], $1;"{{.*}}(%[[BEGIN]], %[[NOW]]
  // CHECK: llvm.inline_asm has_side_effects {{.*}} "mov.u32 $0, %smid;"
  // CHECK: nvvm.inline_ptx "st.global.b64 [$0], $1;"
  // CHECK: st.global
  // CHECK: %[[THEN:.*]] = llvm.inline_asm has_side_effects {{.*}} "mov.u64 $0, %globaltimer;"
  // CHECK: nvvm.inline_ptx "red.global.max.u64 [$0], $1;"{{.*}}(%{{.*}}, %[[THEN]]
  // CHECK-NEXT: llvm.return
  tile.func @whole(%a: !tile.global<?xf32>, %b: !tile.global<?xi32>)
      attributes {config = #one} {
    %n = tile.dim %a, 0 : !tile.global<?xf32>
    %t = tile.splat %n : i32 to tensor<128xi32, #tile.lane>
    %z = arith.constant 0 : i32
    tile.write %t, %b[%z] : tensor<128xi32, #tile.lane>, !tile.global<?xi32>
    tile.return
  }

  // The producer writes no end.
  // CHECK: llvm.func @divided
  // CHECK-SAME: scratch = [#plan.scratch<{{.*}}>, #plan.trace]
  // CHECK-COUNT-2: %globaltimer
  // CHECK-NOT: %globaltimer
  tile.func @divided(%counter: !tile.global<1xi32> {tile.counter})
      attributes {config = #two} {
    tile.warp_specialize producer {
      %i = tile.fetch_item %counter : !tile.global<1xi32>
    } consumer {
    }
    tile.return
  }
}
