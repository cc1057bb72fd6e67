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

// -----

// An order of the caller could name any block.
!q = tensor<1x4x?x64xf32>
!kv = !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
!list = !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
func.func @given_order(%q: !q, %kv: !kv, %list: !list, %order: tensor<?xi32>) -> !q {
  // expected-error @below {{expected an order that pbs.order_rows makes of the same list}}
  %o, %lse = pbs.sparse_attention %q, %kv, %list, %order {causal}
    : (!q, !kv, !list, tensor<?xi32>) -> (!q, tensor<1x4x?xf32>)
  return %o : !q
}
