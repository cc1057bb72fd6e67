// How many keys a selection has room for, where the number is known and where it is
// not.
// RUN: pbs-opt %s -convert-pbs-to-plan -split-input-file -convert-pbs-to-tile=score-words=516 -verify-diagnostics | FileCheck %s
// RUN: pbs-opt %s -convert-pbs-to-plan -split-input-file -convert-pbs-to-tile=score-words=100 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: expected room for a row of scores, at most 32896 words (score-words), got 100

// CHECK: plan.program @unknown
// CHECK-SAME: #plan.constraint<at_most, ()[s0, s1{{.*}}] -> ({{.*}}, 65536), "at most 65536 keys, of which the scores of a row have room">
func.func @unknown(%s: tensor<1x2x?x?xf32>, %q: tensor<1x2x?x64xbf16>,
                   %k: tensor<1x2x?x64xbf16>)
    -> !pbs.block_list<1x2x?x?, block = 128x128, segment = 256, causal> {
  // expected-remark@+1 {{not written down as tiles: there is no kernel of tiles for it}}
  %kv = pbs.kv_from_positions %k, %k
    : (tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>)
    -> !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>
  %list = pbs.select_blocks %s, %q, %kv
    : (tensor<1x2x?x?xf32>, tensor<1x2x?x64xbf16>,
       !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>)
    -> !pbs.block_list<1x2x?x?, block = 128x128, segment = 256, causal>
  return %list : !pbs.block_list<1x2x?x?, block = 128x128, segment = 256, causal>
}

// -----

func.func @known(%s: tensor<1x2x1x513xf32>, %q: tensor<1x2x64x64xbf16>,
                 %k: tensor<1x2x65537x64xbf16>)
    -> !pbs.block_list<1x2x64x65537, block = 128x128, segment = 256, causal> {
  // expected-remark@+1 {{not written down as tiles: there is no kernel of tiles for it}}
  %kv = pbs.kv_from_positions %k, %k
    : (tensor<1x2x65537x64xbf16>, tensor<1x2x65537x64xbf16>)
    -> !pbs.permuted_kv<1x2x65537x64xbf16, block = 128, segment = 256>
  // expected-remark@+1 {{not written down as tiles: expected at most 65536 keys, of which the scores of a row have room, got 65537}}
  %list = pbs.select_blocks %s, %q, %kv
    : (tensor<1x2x1x513xf32>, tensor<1x2x64x64xbf16>,
       !pbs.permuted_kv<1x2x65537x64xbf16, block = 128, segment = 256>)
    -> !pbs.block_list<1x2x64x65537, block = 128x128, segment = 256, causal>
  return %list : !pbs.block_list<1x2x64x65537, block = 128x128, segment = 256, causal>
}
