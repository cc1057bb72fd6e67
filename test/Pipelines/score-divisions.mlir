// RUN: pbs-opt %s --pbs-to-nvvm | FileCheck %s
// RUN: pbs-opt %s --pbs-to-cpu | FileCheck %s

// Divisions that round up or down have no instruction: they become others on both
// targets. (The region itself stays in the plan.)
// CHECK: llvm.sdiv
// CHECK: llvm.sdiv
// CHECK: llvm.udiv
func.func @distances(%q: tensor<1x2x?x64xbf16>, %k: tensor<1x2x?x64xbf16>,
                     %v: tensor<1x2x?x64xbf16>) -> tensor<1x2x?x64xbf16> {
  %o, %lse = pbs.attention %q, %k, %v {causal}
    score (%x, %b, %h, %p, %j) {
      %c3 = arith.constant 3 : i32
      %d = arith.subi %j, %p : i32
      %down = arith.floordivsi %d, %c3 : i32
      %up = arith.ceildivsi %down, %c3 : i32
      %positive = arith.ceildivui %j, %c3 : i32
      %sum = arith.addi %up, %positive : i32
      %bias = arith.sitofp %sum : i32 to f32
      %y = arith.addf %x, %bias : f32
      pbs.yield %y
    }
    : (tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>)
    -> (tensor<1x2x?x64xbf16>, tensor<1x2x?xf32>)
  return %o : tensor<1x2x?x64xbf16>
}
