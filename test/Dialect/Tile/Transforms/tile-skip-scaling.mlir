// RUN: pbs-opt %s -split-input-file -tile-skip-scaling | FileCheck %s

#on = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0, skipScaling = true>

// CHECK-LABEL: tile.func @factor_of_rows
// CHECK: %[[ANY:.*]] = tile.any %[[GROWN:.*]] : tensor<64xi1, #tile.row>
// CHECK: %[[FACTOR:.*]] = arith.select %[[GROWN]]
// CHECK: %[[Y:.*]] = scf.if %[[ANY]]
// CHECK:   %[[FACTORS:.*]] = tile.broadcast %[[FACTOR]]
// CHECK:   %[[SCALED:.*]] = arith.mulf %[[FACTORS]], %[[X:.*]] :
// CHECK:   scf.yield %[[SCALED]]
// CHECK: } else {
// CHECK:   scf.yield %[[X]]
// CHECK: tile.write %[[Y]]
tile.func @factor_of_rows(%i: !tile.global<?x64xf32>, %o: !tile.global<?x64xf32>)
    attributes {config = #on} {
  %c0 = arith.constant 0 : i32
  %x = tile.read %i[%c0, %c0] : !tile.global<?x64xf32>
    -> tensor<64x64xf32, #tile.acc>
  %largest = tile.reduce max %x {dim = 1} : tensor<64x64xf32, #tile.acc>
    -> tensor<64xf32, #tile.row>
  %one = arith.constant dense<1.0> : tensor<64xf32, #tile.row>
  %grown = arith.cmpf ogt, %largest, %one : tensor<64xf32, #tile.row>
  %factor = arith.select %grown, %largest, %one
    : tensor<64xi1, #tile.row>, tensor<64xf32, #tile.row>
  %factors = tile.broadcast %factor : tensor<64xf32, #tile.row>
    to tensor<64x64xf32, #tile.acc>
  %y = arith.mulf %factors, %x : tensor<64x64xf32, #tile.acc>
  tile.write %y, %o[%c0, %c0]
    : tensor<64x64xf32, #tile.acc>, !tile.global<?x64xf32>
  tile.return
}

// -----

#on = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0, skipScaling = true>

// Neither a factor that may be 2, nor one that is not chosen by rows.
// CHECK-LABEL: tile.func @other_factors
// CHECK-NOT: tile.any
// CHECK-NOT: tile.scale_rows
tile.func @other_factors(%i: !tile.global<?x64xf32>, %o: !tile.global<?x64xf32>)
    attributes {config = #on} {
  %c0 = arith.constant 0 : i32
  %x = tile.read %i[%c0, %c0] : !tile.global<?x64xf32>
    -> tensor<64x64xf32, #tile.acc>
  %largest = tile.reduce max %x {dim = 1} : tensor<64x64xf32, #tile.acc>
    -> tensor<64xf32, #tile.row>
  %two = arith.constant dense<2.0> : tensor<64xf32, #tile.row>
  %grown = arith.cmpf ogt, %largest, %two : tensor<64xf32, #tile.row>
  %factor = arith.select %grown, %largest, %two
    : tensor<64xi1, #tile.row>, tensor<64xf32, #tile.row>
  %factors = tile.broadcast %factor : tensor<64xf32, #tile.row>
    to tensor<64x64xf32, #tile.acc>
  %y = arith.mulf %x, %factors : tensor<64x64xf32, #tile.acc>
  %all = tile.broadcast %largest : tensor<64xf32, #tile.row>
    to tensor<64x64xf32, #tile.acc>
  %z = arith.mulf %y, %all : tensor<64x64xf32, #tile.acc>
  tile.write %z, %o[%c0, %c0]
    : tensor<64x64xf32, #tile.acc>, !tile.global<?x64xf32>
  tile.return
}

// -----

#off = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// Without a branch each multiplication is under the predicate of its row.
// CHECK-LABEL: tile.func @not_asked_for
// CHECK-NOT: tile.any
// CHECK: %[[X:.*]] = tile.read
// CHECK: %[[LARGEST:.*]] = tile.reduce max
// CHECK: %[[GROWN:.*]] = arith.cmpf ogt
// CHECK-NOT: tile.broadcast
// CHECK: %[[Y:.*]] = tile.scale_rows %[[X]] by %[[LARGEST]] if %[[GROWN]]
// CHECK: tile.write %[[Y]]
tile.func @not_asked_for(%i: !tile.global<?x64xf32>, %o: !tile.global<?x64xf32>)
    attributes {config = #off} {
  %c0 = arith.constant 0 : i32
  %x = tile.read %i[%c0, %c0] : !tile.global<?x64xf32>
    -> tensor<64x64xf32, #tile.acc>
  %largest = tile.reduce max %x {dim = 1} : tensor<64x64xf32, #tile.acc>
    -> tensor<64xf32, #tile.row>
  %one = arith.constant dense<1.0> : tensor<64xf32, #tile.row>
  %grown = arith.cmpf ogt, %largest, %one : tensor<64xf32, #tile.row>
  %factor = arith.select %grown, %largest, %one
    : tensor<64xi1, #tile.row>, tensor<64xf32, #tile.row>
  %factors = tile.broadcast %factor : tensor<64xf32, #tile.row>
    to tensor<64x64xf32, #tile.acc>
  %y = arith.mulf %x, %factors : tensor<64x64xf32, #tile.acc>
  tile.write %y, %o[%c0, %c0]
    : tensor<64x64xf32, #tile.acc>, !tile.global<?x64xf32>
  tile.return
}

// -----

#off = #tile.config<consumers = 1, specialize = false, stages = 1,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>

// The factors have other uses: they stay for these.
// CHECK-LABEL: tile.func @other_uses
// CHECK: %[[FACTORS:.*]] = tile.broadcast
// CHECK: %[[Y:.*]] = tile.scale_rows
// CHECK: arith.addf %[[Y]], %[[FACTORS]]
tile.func @other_uses(%i: !tile.global<?x64xf32>, %o: !tile.global<?x64xf32>)
    attributes {config = #off} {
  %c0 = arith.constant 0 : i32
  %x = tile.read %i[%c0, %c0] : !tile.global<?x64xf32>
    -> tensor<64x64xf32, #tile.acc>
  %largest = tile.reduce max %x {dim = 1} : tensor<64x64xf32, #tile.acc>
    -> tensor<64xf32, #tile.row>
  %one = arith.constant dense<1.0> : tensor<64xf32, #tile.row>
  %grown = arith.cmpf ogt, %largest, %one : tensor<64xf32, #tile.row>
  %factor = arith.select %grown, %largest, %one
    : tensor<64xi1, #tile.row>, tensor<64xf32, #tile.row>
  %factors = tile.broadcast %factor : tensor<64xf32, #tile.row>
    to tensor<64x64xf32, #tile.acc>
  %y = arith.mulf %x, %factors : tensor<64x64xf32, #tile.acc>
  %z = arith.addf %y, %factors : tensor<64x64xf32, #tile.acc>
  tile.write %z, %o[%c0, %c0]
    : tensor<64x64xf32, #tile.acc>, !tile.global<?x64xf32>
  tile.return
}
