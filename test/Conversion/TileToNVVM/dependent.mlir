// RUN: pbs-opt %s -pass-pipeline='builtin.module(gpu.module(tile.func(tile-allocate-shared)),convert-tile-to-nvvm{dependent-launch=1})' | FileCheck %s
// RUN: pbs-opt %s -pass-pipeline='builtin.module(gpu.module(tile.func(tile-allocate-shared)),convert-tile-to-nvvm{dependent-launch=1 trace=1})' | FileCheck %s --check-prefix=TRACE
// RUN: pbs-opt %s -pass-pipeline='builtin.module(gpu.module(tile.func(tile-allocate-shared)),convert-tile-to-nvvm)' | FileCheck %s --check-prefix=OFF

// The wait is before any access to global memory, the trace's included, and in all
// threads.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// OFF-NOT: griddepcontrol
// OFF-NOT: dependent
gpu.module @gpu {
  // CHECK: llvm.func @whole
  // CHECK-SAME: #plan.cuda_code<@gpu::@whole dependent
  // CHECK-NOT: ^bb
  // CHECK-NOT: global
  // CHECK: llvm.inline_asm has_side_effects asm_dialect = att "griddepcontrol.wait;\0A\09griddepcontrol.launch_dependents;", "~{memory}"
  // CHECK: st.global
  // TRACE: llvm.func @whole
  // TRACE-NOT: global
  // TRACE: griddepcontrol.wait
  // TRACE: globaltimer
  // TRACE: st.global.b64
  tile.func @whole(%a: !tile.global<?xf32>, %b: !tile.global<?xi32>)
      attributes {config = #one} {
    %n = tile.dim %a, 0 : !tile.global<?xf32>
    %t = tile.splat %n : i32 to tensor<128xi32, #tile.lane>
    %z = arith.constant 0 : i32
    tile.write %t, %b[%z] : tensor<128xi32, #tile.lane>, !tile.global<?xi32>
    tile.return
  }
}
