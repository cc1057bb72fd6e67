// RUN: pbs-opt %s --convert-pbs-to-plan -split-input-file -verify-diagnostics

func.func @method(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>)
    -> tensor<1x4x?x64xf32> {
  // expected-error @below {{pbs-expand}}
  %o, %lse = pbs.permuted_attention %q, %k, %k {causal}
    : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
    -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return %o : tensor<1x4x?x64xf32>
}

// -----

func.func @other_dialect(%a: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> {
  // expected-error @below {{arith.addf}}
  %b = arith.addf %a, %a : tensor<1x2x?x64xf32>
  return %b : tensor<1x2x?x64xf32>
}

// -----

func.func @returned_argument(%a: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> {
  // expected-error @below {{expected 'result0' to be computed, got argument 'arg0'}}
  return %a : tensor<1x2x?x64xf32>
}
