// Where a selection of the program makes a list, its rows are long; where the caller
// gives it, they may be short.
// RUN: pbs-opt %s -split-input-file -pbs-to-nvvm -mlir-print-ir-after=convert-pbs-to-tile 2>&1 | FileCheck %s
// RUN: pbs-opt %s -split-input-file -pbs-to-nvvm=own-keys=0 -mlir-print-ir-after=convert-pbs-to-tile 2>&1 | FileCheck %s --check-prefix=PERMUTED

// PERMUTED-LABEL: plan.program @chosen
// PERMUTED: tile.func @sparse_attention
// PERMUTED: tile.bit_list
// PERMUTED-NOT: own
// PERMUTED-SAME: {selected} :
// CHECK-LABEL: plan.program @chosen
// CHECK: tile.func @sparse_attention
// CHECK: tile.bit_list {{.*}} own %{{[0-9]+}} {selected} :
func.func @chosen(%q: tensor<1x2x?x128xbf16>, %k: tensor<1x1x?x128xbf16>, %v: tensor<1x1x?x128xbf16>) -> tensor<1x2x?x128xbf16> {
  %o, %lse = pbs.permuted_attention %q, %k, %v {causal, block = 128, segment = 256, select = #pbs.top_p<0.9>} : (tensor<1x2x?x128xbf16>, tensor<1x1x?x128xbf16>, tensor<1x1x?x128xbf16>) -> (tensor<1x2x?x128xbf16>, tensor<1x2x?xf32>)
  return %o : tensor<1x2x?x128xbf16>
}

// -----

// CHECK-LABEL: plan.program @given
// CHECK: tile.func @sparse_attention
// CHECK: tile.bit_list
// CHECK-NOT: selected
// CHECK: tile.store
func.func @given(%q: tensor<1x2x?x128xbf16>, %k: tensor<1x1x?x128xbf16>, %v: tensor<1x1x?x128xbf16>, %pos: tensor<1x1x?xi32>, %count: tensor<1x2x?xi32>, %index: tensor<1x2x?x?xi32>) -> tensor<1x2x?x128xbf16> {
  %kv = pbs.kv_from_positions %k, %v, %pos : (tensor<1x1x?x128xbf16>, tensor<1x1x?x128xbf16>, tensor<1x1x?xi32>) -> !pbs.permuted_kv<1x1x?x128xbf16, block = 128, segment = 256>
  %list = pbs.block_list_from_indices %count, %index, %q, %kv {causal} : (tensor<1x2x?xi32>, tensor<1x2x?x?xi32>, tensor<1x2x?x128xbf16>, !pbs.permuted_kv<1x1x?x128xbf16, block = 128, segment = 256>) -> !pbs.block_list<1x2x?x?, block = 128x128, segment = 256, causal>
  %o, %lse = pbs.sparse_attention %q, %kv, %list {causal} : (tensor<1x2x?x128xbf16>, !pbs.permuted_kv<1x1x?x128xbf16, block = 128, segment = 256>, !pbs.block_list<1x2x?x?, block = 128x128, segment = 256, causal>) -> (tensor<1x2x?x128xbf16>, tensor<1x2x?xf32>)
  return %o : tensor<1x2x?x128xbf16>
}
