// O = A * B^T for A of M x 512 and B of N x 512, for each of a batch, in blocks of
// 128 x 128: a kernel that has nothing to do with attention.
!g = !tile.global<?x?x?x512xbf16>
!o = !tile.global<?x?x?x128xf32>
!tile = !tile.buffer<128x64xbf16, swizzle = 128>
!s = tensor<128x128xf32, #tile.acc>
#items = affine_map<()[s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12]
  -> (s0 * (s2 ceildiv 128) * (s6 ceildiv 128))>
tile.func @product(%A: !g {tile.buffer = 0 : i32}, %B: !g {tile.buffer = 1 : i32},
                   %O: !o {tile.buffer = 2 : i32})
    attributes {tile.items = #items} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c8 = arith.constant 8 : i32
  %c64 = arith.constant 64 : i32
  %c127 = arith.constant 127 : i32
  %c128 = arith.constant 128 : i32
  %zero = arith.constant dense<0.0> : !s
  %batch = tile.dim %A, 0 : !g
  %M = tile.dim %A, 2 : !g
  %N = tile.dim %B, 2 : !g
  %upM = arith.addi %M, %c127 : i32
  %rows = arith.divui %upM, %c128 : i32
  %upN = arith.addi %N, %c127 : i32
  %columns = arith.divui %upN, %c128 : i32
  tile.for_each (%b, %column, %row) in (%batch, %columns, %rows) together %c1 {
    %row0 = arith.muli %row, %c128 : i32
    %column0 = arith.muli %column, %c128 : i32
    %sum = scf.for %j = %c0 to %c8 step %c1 iter_args(%acc = %zero)
        -> (!s) : i32 {
      %k0 = arith.muli %j, %c64 : i32
      %x = tile.load %A[%b, %c0, %row0, %k0] : !g -> !tile
      %y = tile.load %B[%b, %c0, %column0, %k0] : !g -> !tile
      %next = tile.dot %x, %y acc(%acc : !s) {transpose_b} : !tile, !tile -> !s
      scf.yield %next : !s
    }
    tile.write %sum, %O[%b, %column, %row0, %c0] : !s, !o
  }
  tile.return
}
