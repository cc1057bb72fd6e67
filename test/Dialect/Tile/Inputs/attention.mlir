// Causal attention over listed blocks of permuted keys, D = 128, bf16: the
// kernel as convert-pbs-to-tile writes it down.
!q = !tile.global<?x?x?x128xbf16>
!tile = !tile.buffer<128x128xbf16, swizzle = 128>
!s = tensor<128x128xf32, #tile.acc>
!row = tensor<128xf32, #tile.row>
#items = affine_map<()[s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14,
                     s15, s16, s17, s18, s19, s20, s21, s22, s23, s24, s25, s26, s27,
                     s28, s29, s30]
  -> ((s0 * s1) * (s2 ceildiv 128))>
tile.func @attention(
    %Q: !q {tile.buffer = 0 : i32}, %K: !q {tile.buffer = 1 : i32},
    %V: !q {tile.buffer = 2 : i32},
    %positions: !tile.global<?x?x?xi32> {tile.buffer = 3 : i32},
    %bits: !tile.global<?x?x?x?xi32> {tile.buffer = 5 : i32},
    %O: !q {tile.buffer = 6 : i32},
    %LSE: !tile.global<?x?x?xf32> {tile.buffer = 7 : i32})
    attributes {tile.items = #items} {
  // 1 / sqrt(128) * log2(e)
  %scale = arith.constant 0.127517432 : f32
  %c127 = arith.constant 127 : i32
  %c128 = arith.constant 128 : i32
  %c1 = arith.constant 1 : i32
  %c512 = arith.constant 512 : i32
  %c0 = arith.constant 0 : i32
  %c2 = arith.constant 2 : i32
  %c256 = arith.constant 256 : i32
  %c255 = arith.constant 255 : i32
  %zeroO = arith.constant dense<0.0> : !s
  %infinity = arith.constant dense<0xFF800000> : !row
  %zeroSum = arith.constant dense<0.0> : tensor<128x4xf32, #tile.quad>
  %last = arith.constant 2147483647 : i32
  %infinities = arith.constant dense<0xFF800000> : !s
  %zeroRow = arith.constant dense<0.0> : !row
  %one = arith.constant dense<1.0> : !row
  %ln2 = arith.constant dense<0.693147182> : !row
  %scales = tile.splat %scale : f32 to !s
  %rowScales = tile.splat %scale : f32 to !row

  %M = tile.dim %Q, 2 : !q
  %N = tile.dim %K, 2 : !q
  %shift = arith.subi %N, %M : i32
  %heads = tile.dim %Q, 1 : !q
  %kvHeads = tile.dim %K, 1 : !q
  %group = arith.divui %heads, %kvHeads : i32
  %upN = arith.addi %N, %c127 : i32
  %keyBlocks = arith.divui %upN, %c128 : i32
  %complete = arith.divui %N, %c128 : i32
  // Heads whose keys and values are in the L2 cache together: 512 blocks.
  %perHead = arith.maxsi %keyBlocks, %c1 : i32
  %together0 = arith.divui %c512, %perHead : i32
  %together1 = arith.maxsi %together0, %c1 : i32
  %batch = tile.dim %Q, 0 : !q
  %up = arith.addi %M, %c127 : i32
  %blocks = arith.divui %up, %c128 : i32
  %together = arith.muli %together1, %group : i32

  tile.for_each (%b, %h, %a) in (%batch, %heads, %blocks) together %together {
    %hk = arith.divui %h, %group : i32
    %row0 = arith.muli %a, %c128 : i32
    // The rows have the positions [low, highEnd). Whole segments before them
    // need no mask, those behind hold no visible key.
    %lo = arith.addi %row0, %shift : i32
    %next = arith.addi %row0, %c128 : i32
    %rowEnd = arith.minsi %next, %M : i32
    %hiEnd0 = arith.addi %rowEnd, %shift : i32
    %hiEnd = arith.maxsi %hiEnd0, %c0 : i32
    %loEnd0 = arith.addi %lo, %c1 : i32
    %loEnd = arith.maxsi %loEnd0, %c0 : i32
    %loSegment = arith.divui %loEnd, %c256 : i32
    %full0 = arith.muli %loSegment, %c2 : i32
    %hiUp = arith.addi %hiEnd, %c255 : i32
    %hiSegment = arith.divui %hiUp, %c256 : i32
    %end0 = arith.muli %hiSegment, %c2 : i32
    %full = arith.minsi %full0, %complete : i32
    %end = arith.minsi %end0, %keyBlocks : i32
    %list = tile.bit_list %bits[%b, %h, %a], %full, %end
      : !tile.global<?x?x?x?xi32>
    %count, %masked = tile.list_size %list : !tile.list<bits>
    // Last visible position of each row, less that of the first.
    %rows = tile.iota : tensor<128xi32, #tile.row>
    %limit = arith.sitofp %rows
      : tensor<128xi32, #tile.row> to tensor<128xf16, #tile.row>
    %limits = tile.broadcast %limit
      : tensor<128xf16, #tile.row> to tensor<128x128xf16, #tile.acc>

    %q = tile.load %Q[%b, %h, %row0, %c0] : !q -> !tile
    %begin = tile.list_begin %list : !tile.list<bits>
    %acc, %m, %l, %cursor = scf.for %j = %c0 to %count step %c1
        iter_args(%acc0 = %zeroO, %m0 = %infinity, %l0 = %zeroSum,
                  %at = %begin)
        -> (!s, !row, tensor<128x4xf32, #tile.quad>, !tile.cursor) : i32 {
      %c, %then = tile.list_next %list, %at : !tile.list<bits>
      %key0 = arith.muli %c, %c128 : i32
      %k = tile.load %K[%b, %hk, %key0, %c0] : !q -> !tile
      %s0 = tile.dot %q, %k {transpose_b} : !tile, !tile -> !s
      %needsMask = arith.cmpi slt, %j, %masked : i32
      %s = scf.if %needsMask -> !s {
        %p0 = tile.read %positions[%b, %hk, %key0] else %last : i32
          : !tile.global<?x?x?xi32> -> tensor<128xi32, #tile.wide_col>
        %highEnd0 = arith.addi %lo, %c128 : i32
        %behind = tile.splat %highEnd0 : i32 to tensor<128xi32, #tile.wide_col>
        %before0 = arith.subi %lo, %c1 : i32
        %before = tile.splat %before0 : i32 to tensor<128xi32, #tile.wide_col>
        %p1 = arith.minsi %p0, %behind : tensor<128xi32, #tile.wide_col>
        %p2 = arith.maxsi %p1, %before : tensor<128xi32, #tile.wide_col>
        %lows = tile.splat %lo : i32 to tensor<128xi32, #tile.wide_col>
        %p3 = arith.subi %p2, %lows : tensor<128xi32, #tile.wide_col>
        %p4 = arith.sitofp %p3
          : tensor<128xi32, #tile.wide_col> to tensor<128xf16, #tile.wide_col>
        %p5 = tile.relayout %p4
          : tensor<128xf16, #tile.wide_col> to tensor<128xf16, #tile.col>
        %p = tile.broadcast %p5
          : tensor<128xf16, #tile.col> to tensor<128x128xf16, #tile.acc>
        %hidden = arith.cmpf olt, %limits, %p : tensor<128x128xf16, #tile.acc>
        %x = arith.select %hidden, %infinities, %s0
          : tensor<128x128xi1, #tile.acc>, !s
        scf.yield %x : !s
      } else {
        scf.yield %s0 : !s
      }
      %new = tile.reduce max %s {dim = 1} : !s -> !row
      %m1 = arith.maxnumf %m0, %new : !row
      // Rows that have seen nothing so far: -inf minus -inf would be NaN.
      %finite = scf.if %needsMask -> !row {
        %none = arith.cmpf oeq, %m1, %infinity : !row
        %x = arith.select %none, %zeroRow, %m1
          : tensor<128xi1, #tile.row>, !row
        scf.yield %x : !row
      } else {
        scf.yield %m1 : !row
      }
      %scaled = arith.mulf %finite, %rowScales : !row
      %offset = arith.negf %scaled : !row
      // Exactly 1 unless the maximum has grown.
      %grown = arith.cmpf ogt, %new, %m0 : !row
      %de = math.fma %m0, %rowScales, %offset : !row
      %factor = math.exp2 %de : !row
      %alpha = arith.select %grown, %factor, %one
        : tensor<128xi1, #tile.row>, !row
      %alphas = tile.broadcast %alpha : !row to !s
      %scaledAcc = arith.mulf %acc0, %alphas : !s
      %offsets = tile.broadcast %offset : !row to !s
      %e = math.fma %s, %scales, %offsets : !s
      %pr = math.exp2 %e : !s
      %sum = tile.reduce add %pr {dim = 1} : !s -> tensor<128x4xf32, #tile.quad>
      %alphas4 = tile.broadcast %alpha
        : !row to tensor<128x4xf32, #tile.quad>
      %l1 = math.fma %l0, %alphas4, %sum : tensor<128x4xf32, #tile.quad>
      %pb = arith.truncf %pr : !s to tensor<128x128xbf16, #tile.acc>
      %v = tile.load %V[%b, %hk, %key0, %c0] : !q -> !tile
      %acc1 = tile.dot %pb, %v acc(%scaledAcc : !s)
        : tensor<128x128xbf16, #tile.acc>, !tile -> !s
      scf.yield %acc1, %m1, %l1, %then
        : !s, !row, tensor<128x4xf32, #tile.quad>, !tile.cursor
    }
    %total = tile.reduce add %l {dim = 1}
      : tensor<128x4xf32, #tile.quad> -> !row
    %empty = arith.cmpf oeq, %total, %zeroRow : !row
    %inverse = arith.divf %one, %total fastmath<afn> : !row
    %inverses = tile.broadcast %inverse : !row to !s
    %o0 = arith.mulf %acc, %inverses : !s
    // A select, not a factor of zero: 0 * NaN of a masked value would not be 0.
    // Hardly any row is empty.
    %rare = tile.any %empty : tensor<128xi1, #tile.row>
    %o1 = scf.if %rare -> !s {
      %empties = tile.broadcast %empty
        : tensor<128xi1, #tile.row> to tensor<128x128xi1, #tile.acc>
      %x = arith.select %empties, %zeroO, %o0 : tensor<128x128xi1, #tile.acc>, !s
      scf.yield %x : !s
    } else {
      scf.yield %o0 : !s
    }
    %o = arith.truncf %o1 : !s to tensor<128x128xbf16, #tile.acc>
    tile.store %o, %O[%b, %h, %row0, %c0] : tensor<128x128xbf16, #tile.acc>, !q
    %log = math.log2 %total : !row
    %lse2 = math.fma %m, %rowScales, %log : !row
    %lse = arith.mulf %lse2, %ln2 : !row
    tile.write %lse, %LSE[%b, %h, %row0] : !row, !tile.global<?x?x?xf32>
  }
  tile.return
}
