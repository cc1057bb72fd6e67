// Mean of each block of 128 keys, D = 128, bf16: the kernel as
// convert-pbs-to-tile writes it down.
#items = affine_map<()[s0, s1, s2, s3, s4, s5, s6, s7, s8]
  -> ((s4 * s5) * (s2 ceildiv 128))>
tile.func @pool(%K: !tile.global<?x?x?x128xbf16> {tile.buffer = 0 : i32},
                %P: !tile.global<?x?x?x128xf32> {tile.buffer = 1 : i32})
    attributes {tile.items = #items} {
  %c0 = arith.constant 0 : i32
  %c128 = arith.constant 128 : i32
  %c127 = arith.constant 127 : i32
  %c1 = arith.constant 1 : i32
  %N = tile.dim %K, 2 : !tile.global<?x?x?x128xbf16>
  %batch = tile.dim %K, 0 : !tile.global<?x?x?x128xbf16>
  %heads = tile.dim %K, 1 : !tile.global<?x?x?x128xbf16>
  %up = arith.addi %N, %c127 : i32
  %blocks = arith.divui %up, %c128 : i32
  tile.for_each (%b, %h, %c) in (%batch, %heads, %blocks) together %c1 {
    %key0 = arith.muli %c, %c128 : i32
    %k = tile.read %K[%b, %h, %key0, %c0] : !tile.global<?x?x?x128xbf16>
      -> tensor<128x128xbf16, #tile.blocked<vector = 8>>
    %left = arith.subi %N, %key0 : i32
    %f = arith.extf %k : tensor<128x128xbf16, #tile.blocked<vector = 8>>
      to tensor<128x128xf32, #tile.blocked<vector = 8>>
    %sum = tile.reduce add %f {dim = 0}
      : tensor<128x128xf32, #tile.blocked<vector = 8>>
      -> tensor<128xf32, #tile.lane>
    %n = arith.minsi %left, %c128 : i32
    %nf = arith.sitofp %n : i32 to f32
    %divisor = tile.splat %nf : f32 to tensor<128xf32, #tile.lane>
    %mean = arith.divf %sum, %divisor : tensor<128xf32, #tile.lane>
    tile.write %mean, %P[%b, %h, %c, %c0]
      : tensor<128xf32, #tile.lane>, !tile.global<?x?x?x128xf32>
  }
  tile.return
}
