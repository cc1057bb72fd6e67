// The kernel of attention.mlir as it reaches tile-number-rings: products are
// asynchronous and rotated, the loop is split where masks end, one warp loads,
// consumers take turns, blocks of the grid draw items from a counter.
!q = !tile.global<?x?x?x128xbf16>
!tile = !tile.buffer<128x128xbf16, swizzle = 128>
!s = tensor<128x128xf32, #tile.acc>
!quad = tensor<128x4xf32, #tile.quad>
!work = !tile.ring<2, i32, i32, i32>
!qring = !tile.ring<2, !tile.buffer<128x128xbf16, swizzle = 128>, i32, i32>
!kring = !tile.ring<2, !tile.buffer<128x128xbf16, swizzle = 128>, i32>
!vring = !tile.ring<2, !tile.buffer<128x128xbf16, swizzle = 128>>
!row = tensor<128xf32, #tile.row>
tile.func @attention(%Q: !q, %K: !q, %V: !q, %positions: !tile.global<?x?x?xi32>,
                     %bits: !tile.global<?x?x?x?xi32>, %O: !q,
                     %LSE: !tile.global<?x?x?xf32>,
                     %counter: !tile.global<1xi32> {tile.counter}) attributes {
    config = #tile.config<consumers = 2, specialize = true, stages = 2,
      overlap = true, pingPong = true, schedule = dynamic,
      producerRegisters = 40, consumerRegisters = 232>} {
  %work = tile.ring_create : !work
  %qs = tile.ring_create : !qring
  %ks = tile.ring_create : !kring
  %vs = tile.ring_create : !vring
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %cm1 = arith.constant -1 : i32
  %c127 = arith.constant 127 : i32
  %c128 = arith.constant 128 : i32
  %c255 = arith.constant 255 : i32
  %c256 = arith.constant 256 : i32
  %c2 = arith.constant 2 : i32
  %last = arith.constant 2147483647 : i32
  // 1 / sqrt(128) * log2(e)
  %scale = arith.constant 0.127517432 : f32
  %ln2 = arith.constant dense<0.693147182> : !row
  %scales = tile.splat %scale : f32 to !s
  %rowScales = tile.splat %scale : f32 to !row
  %zeroRow = arith.constant dense<0.0> : !row
  %zeroO = arith.constant dense<0.0> : !s
  %one = arith.constant dense<1.0> : !row
  %infinity = arith.constant dense<0xFF800000> : !row
  %infinities = arith.constant dense<0xFF800000> : !s
  %zeroSum = arith.constant dense<0.0> : tensor<128x4xf32, #tile.quad>

  %batch = tile.dim %Q, 0 : !q
  %heads = tile.dim %Q, 1 : !q
  %M = tile.dim %Q, 2 : !q
  %kvHeads = tile.dim %K, 1 : !q
  %N = tile.dim %K, 2 : !q
  %shift = arith.subi %N, %M : i32
  %group = arith.divui %heads, %kvHeads : i32
  %up = arith.addi %M, %c127 : i32
  %blocks = arith.divui %up, %c128 : i32
  %upN = arith.addi %N, %c127 : i32
  %keyBlocks = arith.divui %upN, %c128 : i32
  %complete = arith.divui %N, %c128 : i32

  %items0 = arith.muli %batch, %heads : i32
  %items = arith.muli %items0, %blocks : i32
  tile.warp_specialize producer {
    %first = tile.fetch_item %counter : !tile.global<1xi32>
    %done = scf.while (%i = %first) : (i32) -> i32 {
      %more = arith.cmpi slt, %i, %items : i32
      scf.condition(%more) %i : i32
    } do {
    ^bb0(%i: i32):
      %following = tile.fetch_item %counter : !tile.global<1xi32>
      // Heads one after the other, query blocks from the last.
      %hb = arith.divui %i, %blocks : i32
      %hbBlocks = arith.muli %hb, %blocks : i32
      %rank = arith.subi %i, %hbBlocks : i32
      %lastBlock = arith.addi %blocks, %cm1 : i32
      %a = arith.subi %lastBlock, %rank : i32
      %b = arith.divui %hb, %heads : i32
      %bHeads = arith.muli %b, %heads : i32
      %h = arith.subi %hb, %bHeads : i32
      tile.ring_push %work scalars(%b, %h, %a) : !work
      %hk = arith.divui %h, %group : i32
      %row0 = arith.muli %a, %c128 : i32
      // Positions [lo, hi] of the rows; whole segments before lo need no mask,
      // those behind hi hold no visible key.
      %lo = arith.addi %row0, %shift : i32
      %next = arith.addi %row0, %c128 : i32
      %rowEnd = arith.minsi %next, %M : i32
      %hiEnd0 = arith.addi %rowEnd, %shift : i32
      %loEnd0 = arith.addi %lo, %c1 : i32
      %loEnd = arith.maxsi %loEnd0, %c0 : i32
      %hiEnd = arith.maxsi %hiEnd0, %c0 : i32
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
      %begin = tile.list_begin %list : !tile.list<bits>
      tile.ring_push %qs from %Q[%b, %h, %row0, %c0] scalars(%count, %masked)
        : !qring, !q
      // Stage 0 of the first iteration; then stage 0 of each iteration with
      // stage 1 of the one before.
      %c, %then = tile.list_next %list, %begin : !tile.list<bits>
      %key0 = arith.muli %c, %c128 : i32
      tile.ring_push %ks from %K[%b, %hk, %key0, %c0] scalars(%c) : !kring, !q
      %at, %keyLast = scf.for %j = %c1 to %count step %c1
          iter_args(%at0 = %then, %key1 = %key0) -> (!tile.cursor, i32) : i32 {
        %cj, %thenj = tile.list_next %list, %at0 : !tile.list<bits>
        %keyj = arith.muli %cj, %c128 : i32
        tile.ring_push %ks from %K[%b, %hk, %keyj, %c0] scalars(%cj) : !kring, !q
        tile.ring_push %vs from %V[%b, %hk, %key1, %c0] : !vring, !q
        scf.yield %thenj, %keyj : !tile.cursor, i32
      }
      tile.ring_push %vs from %V[%b, %hk, %keyLast, %c0] : !vring, !q
      scf.yield %following : i32
    }
    tile.ring_push %work scalars(%cm1, %cm1, %cm1) : !work
  } consumer {
    %end:3 = scf.while : () -> (i32, i32, i32) {
      %b, %h, %a = tile.ring_wait %work : !work
      tile.ring_release %work : !work
      %more = arith.cmpi sge, %b, %c0 : i32
      scf.condition(%more) %b, %h, %a : i32, i32, i32
    } do {
    ^bb0(%b: i32, %h: i32, %a: i32):
      %hk = arith.divui %h, %group : i32
      %row0 = arith.muli %a, %c128 : i32
      %lo = arith.addi %row0, %shift : i32
      %rows = tile.iota : tensor<128xi32, #tile.row>
      %los = tile.splat %lo : i32 to tensor<128xi32, #tile.row>
      %limit = arith.addi %rows, %los : tensor<128xi32, #tile.row>
      %limits = tile.broadcast %limit
        : tensor<128xi32, #tile.row> to tensor<128x128xi32, #tile.acc>
      %q, %count, %masked = tile.ring_wait %qs : !qring
      %kFirst, %cFirst = tile.ring_wait %ks : !kring
      tile.turn_wait
      %fsFirst = tile.dot_async %q, %kFirst {transpose_b} : !tile, !tile
        -> !tile.inflight<!s>
      tile.turn_pass
      %sFirst = tile.dot_wait %fsFirst {pending = 0} : !tile.inflight<!s>
      tile.ring_release %ks : !kring
      %isMasked = arith.cmpi slt, %c0, %masked : i32
      %sMasked = scf.if %isMasked -> !s {
        %key0 = arith.muli %cFirst, %c128 : i32
        %p0 = tile.read %positions[%b, %hk, %key0] else %last : i32
          : !tile.global<?x?x?xi32> -> tensor<128xi32, #tile.lane>
        %p1 = tile.relayout %p0
          : tensor<128xi32, #tile.lane> to tensor<128xi32, #tile.col>
        %ps = tile.broadcast %p1
          : tensor<128xi32, #tile.col> to tensor<128x128xi32, #tile.acc>
        %hidden = arith.cmpi slt, %limits, %ps : tensor<128x128xi32, #tile.acc>
        %x = arith.select %hidden, %infinities, %sFirst
          : tensor<128x128xi1, #tile.acc>, !s
        scf.yield %x : !s
      } else {
        scf.yield %sFirst : !s
      }
      %newFirst = tile.reduce max %sMasked {dim = 1} : !s -> !row
      %m1First = arith.maxnumf %infinity, %newFirst : !row
      %noneFirst = arith.cmpf oeq, %m1First, %infinity : !row
      %finiteFirst = arith.select %noneFirst, %zeroRow, %m1First : tensor<128xi1, #tile.row>, !row
      %scaledFirst = arith.mulf %finiteFirst, %rowScales : !row
      %offsetFirst = arith.negf %scaledFirst : !row
      %offsetsFirst = tile.broadcast %offsetFirst : !row to !s
      %eFirst = math.fma %sMasked, %scales, %offsetsFirst : !s
      %prFirst = math.exp2 %eFirst : !s
      %deFirst = math.fma %infinity, %rowScales, %offsetFirst : !row
      %alphaFirst = math.exp2 %deFirst : !row
      %sumFirst = tile.reduce add %prFirst {dim = 1} : !s -> !quad
      %pbFirst = arith.truncf %prFirst
        : !s to tensor<128x128xbf16, #tile.acc>
      %split0 = arith.minsi %masked, %count : i32
      %split = arith.maxsi %split0, %c1 : i32
      %accA, %pbA, %alA, %mA, %lA = scf.for %j = %c1 to %split step %c1
          iter_args(%o0 = %zeroO, %pp = %pbFirst, %ap = %alphaFirst, %mp = %m1First, %lp = %sumFirst)
          -> (!s, tensor<128x128xbf16, #tile.acc>, !row, !row, !quad) : i32 {
        %k, %c = tile.ring_wait %ks : !kring
        tile.turn_wait
        %fs = tile.dot_async %q, %k {transpose_b} : !tile, !tile
          -> !tile.inflight<!s>
        %als = tile.broadcast %ap : !row to !s
        %o1 = arith.mulf %o0, %als : !s
        %v = tile.ring_wait %vs : !vring
        %fo = tile.dot_async %pp, %v acc(%o1 : !s)
          : tensor<128x128xbf16, #tile.acc>, !tile -> !tile.inflight<!s>
        tile.turn_pass
        %s0 = tile.dot_wait %fs {pending = 1} : !tile.inflight<!s>
        tile.ring_release %ks : !kring
        %key0 = arith.muli %c, %c128 : i32
        %p0 = tile.read %positions[%b, %hk, %key0] else %last : i32
          : !tile.global<?x?x?xi32> -> tensor<128xi32, #tile.lane>
        %p1 = tile.relayout %p0
          : tensor<128xi32, #tile.lane> to tensor<128xi32, #tile.col>
        %ps = tile.broadcast %p1
          : tensor<128xi32, #tile.col> to tensor<128x128xi32, #tile.acc>
        %hidden = arith.cmpi slt, %limits, %ps : tensor<128x128xi32, #tile.acc>
        %s1 = arith.select %hidden, %infinities, %s0
          : tensor<128x128xi1, #tile.acc>, !s
        %new = tile.reduce max %s1 {dim = 1} : !s -> !row
        %m1 = arith.maxnumf %mp, %new : !row
        %none = arith.cmpf oeq, %m1, %infinity : !row
        %finite = arith.select %none, %zeroRow, %m1 : tensor<128xi1, #tile.row>, !row
        %scaled = arith.mulf %finite, %rowScales : !row
        %offset = arith.negf %scaled : !row
        %offsets = tile.broadcast %offset : !row to !s
        %e = math.fma %s1, %scales, %offsets : !s
        %pr = math.exp2 %e : !s
        %de = math.fma %mp, %rowScales, %offset : !row
        %alpha = math.exp2 %de : !row
        %sum = tile.reduce add %pr {dim = 1} : !s -> !quad
        %alpha4 = tile.broadcast %alpha : !row to !quad
        %l1 = math.fma %lp, %alpha4, %sum : !quad
        %o2 = tile.dot_wait %fo {pending = 0} : !tile.inflight<!s>
        tile.ring_release %vs : !vring
        %pb = arith.truncf %pr : !s to tensor<128x128xbf16, #tile.acc>
        scf.yield %o2, %pb, %alpha, %m1, %l1
          : !s, tensor<128x128xbf16, #tile.acc>, !row, !row, !quad
      }
      %accB, %pbB, %alB, %mB, %lB = scf.for %j = %split to %count step %c1
          iter_args(%o0 = %accA, %pp = %pbA, %ap = %alA, %mp = %mA, %lp = %lA)
          -> (!s, tensor<128x128xbf16, #tile.acc>, !row, !row, !quad) : i32 {
        %k, %c = tile.ring_wait %ks : !kring
        tile.turn_wait
        %fs = tile.dot_async %q, %k {transpose_b} : !tile, !tile
          -> !tile.inflight<!s>
        %als = tile.broadcast %ap : !row to !s
        %o1 = arith.mulf %o0, %als : !s
        %v = tile.ring_wait %vs : !vring
        %fo = tile.dot_async %pp, %v acc(%o1 : !s)
          : tensor<128x128xbf16, #tile.acc>, !tile -> !tile.inflight<!s>
        tile.turn_pass
        %s0 = tile.dot_wait %fs {pending = 1} : !tile.inflight<!s>
        tile.ring_release %ks : !kring
        %new = tile.reduce max %s0 {dim = 1} : !s -> !row
        %m1 = arith.maxnumf %mp, %new : !row
        %scaled = arith.mulf %m1, %rowScales : !row
        %offset = arith.negf %scaled : !row
        %offsets = tile.broadcast %offset : !row to !s
        %e = math.fma %s0, %scales, %offsets : !s
        %pr = math.exp2 %e : !s
        %de = math.fma %mp, %rowScales, %offset : !row
        %alpha = math.exp2 %de : !row
        %sum = tile.reduce add %pr {dim = 1} : !s -> !quad
        %alpha4 = tile.broadcast %alpha : !row to !quad
        %l1 = math.fma %lp, %alpha4, %sum : !quad
        %o2 = tile.dot_wait %fo {pending = 0} : !tile.inflight<!s>
        tile.ring_release %vs : !vring
        %pb = arith.truncf %pr : !s to tensor<128x128xbf16, #tile.acc>
        scf.yield %o2, %pb, %alpha, %m1, %l1
          : !s, tensor<128x128xbf16, #tile.acc>, !row, !row, !quad
      }
      // Stage 1 of the last iteration.
      %als = tile.broadcast %alB : !row to !s
      %oB = arith.mulf %accB, %als : !s
      %v = tile.ring_wait %vs : !vring
      tile.ring_release %qs : !qring
      %f = tile.dot_async %pbB, %v acc(%oB : !s)
        : tensor<128x128xbf16, #tile.acc>, !tile -> !tile.inflight<!s>
      %acc = tile.dot_wait %f {pending = 0} : !tile.inflight<!s>
      tile.ring_release %vs : !vring
      %total = tile.reduce add %lB {dim = 1} : !quad -> !row
      %empty = arith.cmpf oeq, %total, %zeroRow : !row
      %inverse = arith.divf %one, %total fastmath<afn> : !row
      %inverses = tile.broadcast %inverse : !row to !s
      %o0 = arith.mulf %acc, %inverses : !s
      %empties = tile.broadcast %empty
        : tensor<128xi1, #tile.row> to tensor<128x128xi1, #tile.acc>
      %o1 = arith.select %empties, %zeroO, %o0
        : tensor<128x128xi1, #tile.acc>, !s
      %o = arith.truncf %o1 : !s to tensor<128x128xbf16, #tile.acc>
      tile.store %o, %O[%b, %h, %row0, %c0]
        : tensor<128x128xbf16, #tile.acc>, !q
      %log = math.log2 %total : !row
      %lse2 = math.fma %mB, %rowScales, %log : !row
      %lse = arith.mulf %lse2, %ln2 : !row
      tile.write %lse, %LSE[%b, %h, %row0] : !row, !tile.global<?x?x?xf32>
      scf.yield
    }
  }
  tile.return
}
