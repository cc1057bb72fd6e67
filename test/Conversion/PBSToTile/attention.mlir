// RUN: pbs-opt %s -convert-pbs-to-tile -split-input-file -verify-roundtrip | FileCheck %s
// RUN: pbs-opt %s -convert-pbs-to-tile=query-rows=64 -split-input-file | FileCheck %s --check-prefix=NARROW
// RUN: pbs-opt %s -convert-pbs-to-tile=keep-maximum=1 -split-input-file | FileCheck %s --check-prefix=KEPT
// RUN: pbs-opt %s -pass-pipeline='builtin.module(convert-pbs-to-tile{keep-maximum=1},gpu.module(tile.func(tile-configure)))' -split-input-file 2>/dev/null | FileCheck %s --check-prefix=TURNS
// RUN: not pbs-opt %s -convert-pbs-to-tile=query-rows=96 2>&1 | FileCheck %s --check-prefix=ODD

// NARROW: s2 ceildiv 64
// NARROW: tile.func @dense_causal
// NARROW: tensor<64x128xf16, #tile.acc>
// NARROW: tile.func @dense_not_causal
// NARROW: tensor<64x128xbf16, #tile.acc>
// ODD: error: expected 0, 64, 128, 192 or 256 query rows, got 96

// A row at position p sees the keys up to p: whole blocks before the rows need
// no mask, and the list ends with the last row. The mask is by the number of the
// key, which covers keys past the end. Without a list to divide the queries, 64
// elements a head make blocks of 192.

// CHECK-LABEL: tile.func @dense_causal
// CHECK-SAME: %[[Q:[^:]*]]: !tile.global<1x4x?x64xf16> {tile.buffer = 0 : i32}
// CHECK-SAME: %[[K:[^:]*]]: !tile.global<1x2x?x64xf16> {tile.buffer = 1 : i32}
// CHECK-SAME: %[[V:[^:]*]]: !tile.global<1x2x?x64xf16> {tile.buffer = 2 : i32}
// CHECK-SAME: %[[O:[^:]*]]: !tile.global<1x4x?x64xf16> {tile.buffer = 3 : i32}
// CHECK-DAG: %[[SCALE:.*]] = arith.constant 0.18033
// CHECK-DAG: %[[C128:.*]] = arith.constant 128 : i32
// CHECK-DAG: %[[C192:.*]] = arith.constant 192 : i32
// CHECK-DAG: %[[C127:.*]] = arith.constant 127 : i32
// CHECK-DAG: %[[M:.*]] = tile.dim %[[Q]], 2
// CHECK-DAG: %[[N:.*]] = tile.dim %[[K]], 2
// CHECK: %[[SHIFT:.*]] = arith.subi %[[N]], %[[M]]
// CHECK: tile.for_each (%[[B:.*]], %[[H:.*]], %[[A:.*]]) in
// CHECK: %[[HK:.*]] = arith.divui %[[H]]
// CHECK: %[[ROW0:.*]] = arith.muli %[[A]], %[[C192]]
// CHECK: %[[LOW:.*]] = arith.addi %[[ROW0]], %[[SHIFT]]
// CHECK: %[[LIST:.*]] = tile.range_list
// CHECK: %[[COUNT:.*]], %[[MASKED:.*]] = tile.list_size %[[LIST]]
// CHECK: %[[ROWS:.*]] = tile.iota : tensor<192xi32, #tile.row>
// CHECK: %[[LOWS:.*]] = tile.splat %[[LOW]]
// CHECK: %[[LIMIT:.*]] = arith.addi %[[ROWS]], %[[LOWS]]
// CHECK: scf.for %[[J:.*]] = %{{.*}} to %[[COUNT]]
// CHECK: %[[BLOCK:.*]], %{{.*}} = tile.list_next
// CHECK: %[[KEY0:.*]] = arith.muli %[[BLOCK]], %[[C128]]
// CHECK: tile.load %[[K]][%[[B]], %[[HK]], %[[KEY0]],
// CHECK: %[[S:.*]] = tile.dot %{{.*}} {transpose_b}
// CHECK: %[[MASK:.*]] = arith.cmpi slt, %[[J]], %[[MASKED]]
// CHECK: scf.if %[[MASK]]
// CHECK-NOT: tile.read
// CHECK: %[[FIRST:.*]] = tile.splat %[[KEY0]]
// CHECK: %[[LAST:.*]] = arith.subi %[[LIMIT]], %[[FIRST]] : tensor<192xi32, #tile.row>
// CHECK: %[[HIDDEN:.*]] = tile.columns_behind %[[LAST]]
// CHECK: arith.select %[[HIDDEN]], %{{.*}}, %[[S]]
// CHECK: tile.load %[[V]][%[[B]], %[[HK]], %[[KEY0]],
// CHECK: tile.dot %{{.*}} acc({{.*}}) : tensor<192x128xf16, #tile.acc>
// CHECK: tile.store %{{.*}}, %[[O]][%[[B]], %[[H]], %[[ROW0]],
// CHECK-NOT: tile.write
plan.kernel @dense_causal(%q: tensor<1x4x?x64xf16>, %k: tensor<1x2x?x64xf16>,
                          %v: tensor<1x2x?x64xf16>) -> tensor<1x4x?x64xf16> {
  %o, %lse = pbs.attention %q, %k, %v {causal}
    : (tensor<1x4x?x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>)
    -> (tensor<1x4x?x64xf16>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x64xf16>
}

// -----

// Without causality only the keys past the end are masked, and there are such
// keys in the last block only.

// Where maxima are kept warpgroups take turns although all rows are as long.
// TURNS-LABEL: tile.func @dense_not_causal(
// TURNS-SAME: pingPong = true
// TURNS-LABEL: tile.func @dense_not_causal_again(
// TURNS-SAME: pingPong = false

// CHECK-LABEL: tile.func @dense_not_causal
// CHECK: %[[N:.*]] = tile.dim %{{.*}}, 2 : <1x2x?x128xbf16>
// CHECK: %[[UP:.*]] = arith.addi %[[N]], %c127
// CHECK: %[[KEYBLOCKS:.*]] = arith.divui %[[UP]], %c128
// CHECK: %[[COMPLETE:.*]] = arith.divui %[[N]], %c128
// CHECK: tile.range_list %[[COMPLETE]], %[[KEYBLOCKS]]
// CHECK: %[[LAST:.*]] = arith.subi %[[N]], %c1
// CHECK: %[[LIMITS:.*]] = tile.splat %[[LAST]] : i32 to tensor<128x128xi32, #tile.acc>
// CHECK: arith.cmpi slt, %[[LIMITS]],
// CHECK: tile.store
// CHECK: tile.write
plan.kernel @dense_not_causal(%q: tensor<1x4x?x128xbf16>,
                              %k: tensor<1x2x?x128xbf16>,
                              %v: tensor<1x2x?x128xbf16>)
    -> (tensor<1x4x?x128xbf16>, tensor<1x4x?xf32>) {
  %o, %lse = pbs.attention %q, %k, %v
    : (tensor<1x4x?x128xbf16>, tensor<1x2x?x128xbf16>, tensor<1x2x?x128xbf16>)
    -> (tensor<1x4x?x128xbf16>, tensor<1x4x?xf32>)
  plan.return %o, %lse : tensor<1x4x?x128xbf16>, tensor<1x4x?xf32>
}

// -----

// Nothing is computed for a result that the kernel leaves out: values are no
// argument.

// CHECK-LABEL: tile.func @lse_only
// CHECK-SAME: {tile.buffer = 0 : i32}, %{{[^:]*}}: !tile.global<1x2x?x128xbf16> {tile.buffer = 1 : i32}, %{{[^:]*}}: !tile.global<1x4x?xf32> {tile.buffer = 3 : i32})
// CHECK: tile.dot
// CHECK-NOT: tile.dot
// CHECK-NOT: tile.store
// CHECK: tile.write
plan.kernel @lse_only(%q: tensor<1x4x?x128xbf16>, %k: tensor<1x2x?x128xbf16>,
                      %v: tensor<1x2x?x128xbf16>) -> tensor<1x4x?xf32> {
  %o, %lse = pbs.attention %q, %k, %v {causal}
    : (tensor<1x4x?x128xbf16>, tensor<1x2x?x128xbf16>, tensor<1x2x?x128xbf16>)
    -> (tensor<1x4x?x128xbf16>, tensor<1x4x?xf32>)
  plan.return %lse : tensor<1x4x?xf32>
}

// -----

// Without causality positions are neither read nor an argument.

// With keep-maximum there are two kernels: the second does what the first lists.
// CHECK-LABEL: tile.func @listed_not_causal
// KEPT-LABEL: tile.func @listed_not_causal
// KEPT-SAME: %[[LIST:[^:]*]]: !tile.global<?xi32> {tile.item_list}) attributes {tile.items
// KEPT: tile.for_each (%{{.*}}, %{{.*}}, %{{.*}}) in (%{{.*}}, %{{.*}}, %{{.*}}) together %{{[^ ]*}} {
// KEPT: %[[SUM:.*]] = tile.reduce add {{.*}} -> tensor<128xf32, #tile.row>
// KEPT: arith.cmpf ugt, %[[SUM]], %{{.*}}
// KEPT: scf.if
// KEPT: tile.append_item %{{.*}} of %{{.*}} to %[[LIST]]
// KEPT-LABEL: tile.func @listed_not_causal_again
// KEPT-SAME: %[[LIST:[^:]*]]: !tile.global<?xi32> {tile.item_list})
// KEPT-SAME: tile.follows = @listed_not_causal
// KEPT: tile.for_each {{.*}} listed %[[LIST]]
// CHECK-SAME: !tile.global<1x2x?x128xbf16> {tile.buffer = 2 : i32}, %[[BITS:[^:]*]]: !tile.global<1x4x?x?xi32> {tile.buffer = 5 : i32}, %{{[^:]*}}: !tile.global<1x4x?x128xbf16> {tile.buffer = 6 : i32})
// CHECK: tile.for_each (%[[B:.*]], %[[H:.*]], %[[A:.*]]) in
// CHECK: tile.bit_list %[[BITS]][%[[B]], %[[H]], %[[A]]]
// CHECK-NOT: tile.read
plan.kernel @listed_not_causal(
    %q: tensor<1x4x?x128xbf16>, %k: tensor<1x2x?x128xbf16>,
    %v: tensor<1x2x?x128xbf16>, %pos: tensor<1x2x?xi32>,
    %r: tensor<1x2x?x2xi32>, %bits: tensor<1x4x?x?xi32>)
    -> tensor<1x4x?x128xbf16> {
  %kv = pbs.pack_kv %k, %v, %pos, %r
    : (tensor<1x2x?x128xbf16>, tensor<1x2x?x128xbf16>, tensor<1x2x?xi32>,
       tensor<1x2x?x2xi32>)
    -> !pbs.permuted_kv<1x2x?x128xbf16, block = 128, segment = 256>
  %list = pbs.pack_block_list %bits : (tensor<1x4x?x?xi32>)
    -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256>
  %o, %lse = pbs.sparse_attention %q, %kv, %list
    : (tensor<1x4x?x128xbf16>,
       !pbs.permuted_kv<1x2x?x128xbf16, block = 128, segment = 256>,
       !pbs.block_list<1x4x?x?, block = 128x128, segment = 256>)
    -> (tensor<1x4x?x128xbf16>, tensor<1x4x?xf32>)
  plan.return %o : tensor<1x4x?x128xbf16>
}

// -----

// Packed sequences: a block of one sequence, whose keys end where those of the
// next begin. V is 0 from there on, and rows of the next are not written.

// CHECK-LABEL: tile.func @packed
// CHECK: tile.for_each (%[[B:.*]], %[[H:.*]], %[[A:.*]]) in
// CHECK: %[[Q:.*]], %[[M:.*]], %[[K:.*]], %[[N:.*]], %[[BLOCK:.*]] = tile.find_sequence %[[A]]
// CHECK: %[[ROW:.*]] = arith.muli %[[BLOCK]]
// CHECK: %[[FIRST:.*]] = arith.addi %[[Q]], %[[ROW]]
// CHECK: tile.load %{{.*}}[%[[B]], %[[H]], %[[FIRST]],
// CHECK: scf.for
// CHECK: %[[KEY:.*]] = arith.muli
// CHECK: arith.addi %[[K]], %[[KEY]]
// CHECK: %[[VALID:.*]] = arith.subi %[[N]], %[[KEY]]
// CHECK: tile.load {{.*}} rows %[[VALID]]
// CHECK: %[[ROWS:.*]] = arith.subi %[[M]], %[[ROW]]
// CHECK: tile.store {{.*}} rows %[[ROWS]]
// CHECK: tile.write {{.*}} rows %[[ROWS]]
plan.kernel @packed(%q: tensor<1x4x?x128xbf16>, %k: tensor<1x2x?x128xbf16>,
                    %v: tensor<1x2x?x128xbf16>, %m: tensor<?xi32>,
                    %n: tensor<?xi32>)
    -> (tensor<1x4x?x128xbf16>, tensor<1x4x?xf32>) {
  %o, %lse = pbs.packed_attention %q, %k, %v, %m, %n {causal}
    : (tensor<1x4x?x128xbf16>, tensor<1x2x?x128xbf16>, tensor<1x2x?x128xbf16>,
       tensor<?xi32>, tensor<?xi32>)
    -> (tensor<1x4x?x128xbf16>, tensor<1x4x?xf32>)
  plan.return %o, %lse : tensor<1x4x?x128xbf16>, tensor<1x4x?xf32>
}
