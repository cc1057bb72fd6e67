// RUN: pbs-opt %s --convert-pbs-to-plan -split-input-file | FileCheck %s

// Dense attention: the LSE that nobody uses is not computed, and what the op
// demands of dynamic sizes becomes a constraint.

// CHECK: plan.kernel @attention(
// CHECK-SAME: -> tensor<1x4x?x64xf32> {
// CHECK: pbs.attention
// CHECK: plan.return %{{.*}} : tensor<1x4x?x64xf32>
// CHECK: plan.program @dense(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<1x4x?x64xf32> {plan.name = "query"}
// CHECK-SAME: tensor<1x2x?x64xf32> {plan.name = "arg1"}
// CHECK-SAME: -> (tensor<1x4x?x64xf32> {plan.name = "result0"})
// CHECK-SAME: #plan.constraint<equal, ()[s0, s1, s2] -> (s1, s2), "keys and values of the same length">
// CHECK: %[[O:.*]] = plan.launch @attention(%[[Q]], %{{.*}}, %{{.*}}) shapes [()[s0, s1, s2] -> (1, 4, s0, 64)]
// CHECK: plan.return %[[O]]
func.func @dense(%q: tensor<1x4x?x64xf32> {pbs.name = "query"},
                 %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>)
    -> tensor<1x4x?x64xf32> {
  %o, %lse = pbs.attention %q, %k, %v {causal}
    : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
    -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return %o : tensor<1x4x?x64xf32>
}

// -----

// Two equal ops are two launches of one kernel.

// CHECK-COUNT-1: plan.kernel @pool
// CHECK-NOT: plan.kernel
// CHECK: plan.program @twice
// CHECK: plan.launch @pool
// CHECK: plan.launch @pool
func.func @twice(%a: tensor<1x2x?x64xf32>, %b: tensor<1x2x?x64xf32>)
    -> (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) {
  %0 = pbs.pool %a : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  %1 = pbs.pool %b : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  return %0, %1 : tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>
}

// -----

// A value of a custom type is several tensors.

// CHECK: plan.program @custom_types(
// CHECK-SAME: {plan.name = "kv.key"}
// CHECK-SAME: {plan.name = "kv.value"}
// CHECK-SAME: {plan.name = "kv.positions"}
// CHECK-SAME: {plan.name = "kv.ranges"}
// CHECK-SAME: {plan.name = "list.bits"}
func.func @custom_types(
    %q: tensor<1x4x?x64xf32>,
    %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
      {pbs.name = "kv"},
    %list: !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
      {pbs.name = "list"}) -> tensor<1x4x?x64xf32> {
  %o, %lse = pbs.sparse_attention %q, %kv, %list {causal}
    : (tensor<1x4x?x64xf32>,
       !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>,
       !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>)
    -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return %o : tensor<1x4x?x64xf32>
}
