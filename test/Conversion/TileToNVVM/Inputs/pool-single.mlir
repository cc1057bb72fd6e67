// Mean of each block of 128 keys, D = 128, bf16: the kernel as
// convert-pbs-to-tile writes it down, one block of keys for each block of the
// grid.
tile.func @pool(%K: !tile.global<?x?x?x128xbf16>,
                %P: !tile.global<?x?x?x128xf32>) attributes {
    config = #tile.config<consumers = 2, specialize = false, stages = 1,
      overlap = false, pingPong = false, schedule = single,
      producerRegisters = 0, consumerRegisters = 0>,
    tile.items = affine_map<()[b, h, n, d, b1, h1, n1, d1, p] -> (b * h * n1)>} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c127 = arith.constant 127 : i32
  %c128 = arith.constant 128 : i32
  %batch = tile.dim %K, 0 : !tile.global<?x?x?x128xbf16>
  %heads = tile.dim %K, 1 : !tile.global<?x?x?x128xbf16>
  %N = tile.dim %K, 2 : !tile.global<?x?x?x128xbf16>
  %up = arith.addi %N, %c127 : i32
  %blocks = arith.divui %up, %c128 : i32
  %i = tile.block_id
  %hb = arith.divui %i, %blocks : i32
  %c = arith.remui %i, %blocks : i32
  %b = arith.divui %hb, %heads : i32
  %h = arith.remui %hb, %heads : i32

  %key0 = arith.muli %c, %c128 : i32
  %k = tile.read %K[%b, %h, %key0, %c0] : !tile.global<?x?x?x128xbf16>
    -> tensor<128x128xbf16, #tile.blocked<vector = 8>>
  %f = arith.extf %k : tensor<128x128xbf16, #tile.blocked<vector = 8>>
    to tensor<128x128xf32, #tile.blocked<vector = 8>>
  %sum = tile.reduce add %f {dim = 0}
    : tensor<128x128xf32, #tile.blocked<vector = 8>>
    -> tensor<128xf32, #tile.lane>
  %left = arith.subi %N, %key0 : i32
  %n = arith.minsi %left, %c128 : i32
  %nf = arith.sitofp %n : i32 to f32
  %divisor = tile.splat %nf : f32 to tensor<128xf32, #tile.lane>
  %mean = arith.divf %sum, %divisor : tensor<128xf32, #tile.lane>
  tile.write %mean, %P[%b, %h, %c, %c0]
    : tensor<128xf32, #tile.lane>, !tile.global<?x?x?x128xf32>
  tile.return
}
