// RUN: pbs-opt %s -split-input-file -pass-pipeline='builtin.module(tile.func(tile-allocate-shared),convert-tile-to-nvvm)' | FileCheck %s

// A thread has 2 rows of an accumulator, and every fourth pair of its columns: of
// 8 columns 4 elements. Each op becomes 4.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!acc = tensor<64x8xf32, #tile.acc>
// CHECK-LABEL: llvm.func @accumulator
// CHECK-COUNT-4: ld.global.nc.b32
// CHECK-COUNT-4: llvm.fmul
// CHECK-NOT: llvm.fmul
// CHECK-COUNT-4: llvm.intr.fma
// CHECK-COUNT-4: llvm.nvvm.ex2.approx.ftz.f
// CHECK-COUNT-4: llvm.nvvm.lg2.approx.ftz.f
// CHECK-COUNT-4: llvm.fcmp "olt"
// CHECK-COUNT-4: llvm.select
// CHECK-COUNT-4: st.global.b32
// CHECK-NOT: st.global
// CHECK: llvm.return
tile.func @accumulator(%in: !tile.global<?x?xf32>, %out: !tile.global<?x?xf32>)
    attributes {config = #one} {
  %z = arith.constant 0 : i32
  %c = arith.constant dense<2.0> : !acc
  %x = tile.read %in[%z, %z] : !tile.global<?x?xf32> -> !acc
  %a = arith.mulf %x, %c : !acc
  %b = math.fma %a, %c, %x : !acc
  %e = math.exp2 %b : !acc
  %l = math.log2 %e : !acc
  %p = arith.cmpf olt, %l, %c : !acc
  %s = arith.select %p, %l, %c : tensor<64x8xi1, #tile.acc>, !acc
  tile.write %s, %out[%z, %z] : !acc, !tile.global<?x?xf32>
  tile.return
}

// -----

// The reciprocal of the hardware only where it is asked for.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!lane = tensor<128xf32, #tile.lane>
// CHECK-LABEL: llvm.func @functions
// CHECK: nvvm.rcp.approx.ftz.f
// CHECK: llvm.fdiv
// CHECK: llvm.intr.maxnum
// e^x = 2^(x log2 e), ln x = log2 x * ln 2.
// CHECK: %[[SCALED:.*]] = llvm.fmul
// CHECK: llvm.nvvm.ex2.approx.ftz.f"(%[[SCALED]])
// CHECK: %[[LOG:.*]] = llvm.call_intrinsic "llvm.nvvm.lg2.approx.ftz.f"
// CHECK: llvm.fmul %[[LOG]]
// tanh x = 1 - 2 / (1 + e^2x).
// CHECK: llvm.nvvm.ex2.approx.ftz.f
// CHECK: llvm.fadd
// CHECK: %[[INVERSE:.*]] = nvvm.rcp.approx.ftz.f
// CHECK: llvm.intr.fma(%[[INVERSE]]
// CHECK: llvm.intr.fabs
// CHECK: llvm.nvvm.sqrt.rn.f
// CHECK: llvm.nvvm.rsqrt.approx.ftz.f
tile.func @functions(%in: !tile.global<?xf32>, %out: !tile.global<?xf32>)
    attributes {config = #one} {
  %z = arith.constant 0 : i32
  %x = tile.read %in[%z] : !tile.global<?xf32> -> !lane
  %0 = arith.divf %x, %x fastmath<afn> : !lane
  %1 = arith.divf %0, %x : !lane
  %2 = arith.maxnumf %1, %x : !lane
  %3 = math.exp %2 : !lane
  %4 = math.log %3 : !lane
  %5 = math.tanh %4 : !lane
  %6 = math.absf %5 : !lane
  %7 = math.sqrt %6 : !lane
  %8 = math.rsqrt %7 : !lane
  tile.write %8, %out[%z] : !lane, !tile.global<?xf32>
  tile.return
}

// -----

// Tiles of 16 bit in accumulator layout are pairs, rounded by one instruction.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @pairs
// CHECK-COUNT-2: nvvm.convert.f32x2.to.bf16x2
// CHECK-NOT: nvvm.convert
// CHECK: llvm.bitcast %{{.*}} : i32 to vector<2xbf16>
// CHECK-COUNT-4: llvm.fpext %{{.*}} : bf16 to f32
// CHECK: st.global.b32
tile.func @pairs(%in: !tile.global<?x?xf32>, %out: !tile.global<?x?xf32>)
    attributes {config = #one} {
  %z = arith.constant 0 : i32
  %x = tile.read %in[%z, %z]
    : !tile.global<?x?xf32> -> tensor<64x8xf32, #tile.acc>
  %t = arith.truncf %x
    : tensor<64x8xf32, #tile.acc> to tensor<64x8xbf16, #tile.acc>
  %e = arith.extf %t
    : tensor<64x8xbf16, #tile.acc> to tensor<64x8xf32, #tile.acc>
  tile.write %e, %out[%z, %z]
    : tensor<64x8xf32, #tile.acc>, !tile.global<?x?xf32>
  tile.return
}

// -----

// A row's value is in all its columns and a column's in all its rows: no
// instruction. A loop carries scalars.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
!acc = tensor<64x8xi32, #tile.acc>
// CHECK-LABEL: llvm.func @broadcast
// CHECK-SAME: (%[[N:.*]]: i32,
// Row of lane L in warp w: 16 w + L / 4; column 2 (L mod 4).
// CHECK: nvvm.elect.sync
// CHECK: %[[ROW8:.*]] = llvm.add %[[ROW:.*]], %{{.*}} : i32
// CHECK: %[[COLUMN1:.*]] = llvm.add %[[COLUMN:.*]], %{{.*}} : i32
// CHECK: llvm.br ^bb1(%{{.*}}, %[[ROW]], %[[ROW]], %[[ROW8]], %[[ROW8]] : i32, i32, i32, i32, i32)
// CHECK: ^bb1(%{{.*}}: i32, %[[A0:.*]]: i32, %[[A1:.*]]: i32, %[[A2:.*]]: i32, %[[A3:.*]]: i32):
// CHECK: llvm.add %[[A0]], %[[COLUMN]]
// CHECK: llvm.add %[[A1]], %[[COLUMN1]]
// CHECK: llvm.add %[[A2]], %[[COLUMN]]
// CHECK: llvm.add %[[A3]], %[[COLUMN1]]
tile.func @broadcast(%out: !tile.global<?x8xi32>) attributes {config = #one} {
  %z = arith.constant 0 : i32
  %o = arith.constant 1 : i32
  %n = tile.dim %out, 0 : !tile.global<?x8xi32>
  %rows = tile.iota : tensor<64xi32, #tile.row>
  %columns = tile.iota : tensor<8xi32, #tile.col>
  %r = tile.broadcast %rows : tensor<64xi32, #tile.row> to !acc
  %c = tile.broadcast %columns : tensor<8xi32, #tile.col> to !acc
  %sum = scf.for %i = %z to %n step %o iter_args(%x = %r) -> (!acc) : i32 {
    %y = arith.addi %x, %c : !acc
    scf.yield %y : !acc
  }
  tile.write %sum, %out[%z, %z] : !acc, !tile.global<?x8xi32>
  tile.return
}

// -----

// Elements of 16 bit are compared by pairs.
#two = #tile.config<consumers = 2, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @compare_pairs
// CHECK: %[[BOTH:.*]] = llvm.fcmp "olt" %{{.*}}, %{{.*}} : vector<2xf16>
// CHECK-NEXT: llvm.extractelement %[[BOTH]]
// CHECK-NEXT: llvm.extractelement %[[BOTH]]
// CHECK-COUNT-15: llvm.fcmp "olt" %{{.*}}, %{{.*}} : vector<2xf16>
// CHECK-NOT: llvm.fcmp
tile.func @compare_pairs(%in: !tile.global<?xf16>, %out: !tile.global<?x64xf32>)
    attributes {config = #two} {
  %z = arith.constant 0 : i32
  %zeros = arith.constant dense<0.0> : tensor<128x64xf32, #tile.acc>
  %ones = arith.constant dense<1.0> : tensor<128x64xf32, #tile.acc>
  %p = tile.read %in[%z] : !tile.global<?xf16> -> tensor<64xf16, #tile.wide_col>
  %c = tile.relayout %p
    : tensor<64xf16, #tile.wide_col> to tensor<64xf16, #tile.col>
  %a = tile.broadcast %c
    : tensor<64xf16, #tile.col> to tensor<128x64xf16, #tile.acc>
  %half = arith.constant dense<0.5> : tensor<128x64xf16, #tile.acc>
  %less = arith.cmpf olt, %a, %half : tensor<128x64xf16, #tile.acc>
  %r = arith.select %less, %ones, %zeros
    : tensor<128x64xi1, #tile.acc>, tensor<128x64xf32, #tile.acc>
  tile.write %r, %out[%z, %z] : tensor<128x64xf32, #tile.acc>, !tile.global<?x64xf32>
  tile.return
}

// -----

// Columns are constants; what differs between lanes is taken from the row's last
// one, which f16 has exactly.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @columns
// CHECK: llvm.intr.smin
// CHECK: %[[IN:.*]] = llvm.intr.smax
// CHECK: %[[LESS:.*]] = llvm.sub %[[IN]],
// CHECK: llvm.sitofp %[[LESS]] : i32 to f16
// CHECK: llvm.mlir.constant(dense<[0.000000e+00, 1.000000e+00]> : vector<2xf16>)
// CHECK: llvm.fcmp "olt" %{{.*}} : vector<2xf16>
// CHECK: llvm.mlir.constant(dense<[8.000000e+00, 9.000000e+00]> : vector<2xf16>)
// CHECK-COUNT-2: llvm.fcmp "olt" %{{.*}} : vector<2xf16>
// CHECK-NOT: llvm.fcmp
tile.func @columns(%out: !tile.global<?xi32>) attributes {config = #one} {
  %z = arith.constant 0 : i32
  %last = tile.iota : tensor<64xi32, #tile.row>
  %hidden = tile.columns_behind %last : tensor<64xi32, #tile.row>
    -> tensor<64x16xi1, #tile.acc>
  %one = arith.constant dense<1> : tensor<64x16xi32, #tile.acc>
  %zero = arith.constant dense<0> : tensor<64x16xi32, #tile.acc>
  %n = arith.select %hidden, %one, %zero
    : tensor<64x16xi1, #tile.acc>, tensor<64x16xi32, #tile.acc>
  %sum = tile.reduce add %n {dim = 1}
    : tensor<64x16xi32, #tile.acc> -> tensor<64xi32, #tile.row>
  tile.write %sum, %out[%z] : tensor<64xi32, #tile.row>, !tile.global<?xi32>
  tile.return
}

// -----

// A multiplication under a predicate, of the row.
#one = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// CHECK-LABEL: llvm.func @scale_rows
// CHECK: %[[GROWN0:.*]] = llvm.fcmp "ogt" %[[F0:.*]], %{{.*}} : f32
// CHECK: %[[GROWN1:.*]] = llvm.fcmp "ogt" %[[F1:.*]], %{{.*}} : f32
// CHECK: llvm.inline_asm asm_dialect = att "@$3 mul.rn.f32 $0, $0, $2;", "=f,0,f,b" %{{.*}}, %[[F0]], %[[GROWN0]]
// CHECK: llvm.inline_asm asm_dialect = att "@$3 mul.rn.f32 $0, $0, $2;", "=f,0,f,b" %{{.*}}, %[[F0]], %[[GROWN0]]
// CHECK: llvm.inline_asm asm_dialect = att "@$3 mul.rn.f32 $0, $0, $2;", "=f,0,f,b" %{{.*}}, %[[F1]], %[[GROWN1]]
// CHECK: llvm.inline_asm asm_dialect = att "@$3 mul.rn.f32 $0, $0, $2;", "=f,0,f,b" %{{.*}}, %[[F1]], %[[GROWN1]]
// CHECK-NOT: mul.rn.f32
tile.func @scale_rows(%i: !tile.global<?x8xf32>, %o: !tile.global<?x8xf32>)
    attributes {config = #one} {
  %c0 = arith.constant 0 : i32
  %x = tile.read %i[%c0, %c0] : !tile.global<?x8xf32>
    -> tensor<64x8xf32, #tile.acc>
  %largest = tile.reduce max %x {dim = 1} : tensor<64x8xf32, #tile.acc>
    -> tensor<64xf32, #tile.row>
  %one = arith.constant dense<1.0> : tensor<64xf32, #tile.row>
  %grown = arith.cmpf ogt, %largest, %one : tensor<64xf32, #tile.row>
  %y = tile.scale_rows %x by %largest if %grown : tensor<64x8xf32, #tile.acc>,
    tensor<64xf32, #tile.row>, tensor<64xi1, #tile.row>
  tile.write %y, %o[%c0, %c0]
    : tensor<64x8xf32, #tile.acc>, !tile.global<?x8xf32>
  tile.return
}
