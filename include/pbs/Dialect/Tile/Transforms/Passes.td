//===- Passes.td - Passes on the tile dialect --------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In the order in which they run.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_TILE_TRANSFORMS_PASSES_TD
#define PBS_DIALECT_TILE_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConfigurePass : Pass<"tile-configure", "::mlir::tile::FuncOp"> {
  let summary = "Choose the schedule of a kernel";
  let description = [{
    Gives a kernel without `config` one, from its products and loads, the chip
    and the options; -1 chooses. Nothing else in the compiler has an opinion on
    a schedule. A remark says what was chosen. What does not fit the chip is an
    error that names the limit; shared memory is counted by the rules of
    `tile-allocate-shared`, so that what is accepted here fits there.

    - `consumers`: one warpgroup for each 64 rows of a product (wgmma m64).
    - `specialize`: where tiles are loaded in a loop.
    - `stages`: the deepest ring of 1, 2 or 4 slots that fits.
    - `overlap`: where a loop has two products of which one depends on the other,
      and where more than two warpgroups have one with one product and exponentials.
    - `ping-pong`: where more than two warpgroups overlap products: in step they would
      all use the tensor cores and then the units for exponentials. Two do not stay in
      step, and turns cost them up to 2 %, 4 % with rows of 64 elements, but where a maximum
      is kept (`tile.append_item`) they gain up to 7 %.
    - `schedule`: `dynamic` with a producer, else `single`.
    - `skip-scaling`: where more than two warpgroups overlap products, which gains 1
      to 10 %; with two it loses up to 4 % over lists and under a causal mask.
    - `overlap-items`: where products overlap and a list that no selection has made, or
      one with own blocks that are all listed, says how long loops are, since it gains where they are short: 1 to 4 % of rows of 28 to 5
      blocks of 128 keys, and costs 1 % of rows of 50. With rows of 64 elements in a
      product it gains 2 to 4 %, for all lists.
    - `hold-operands`: where products do not depend on each other, and where they do
      if a list says how long loops are and at most two warpgroups compute; of one tile,
      for which a thread needs 32 registers at most. Dense attention loses 2 to 5 %.
    - registers: at least 32 for a thread that loads, the rest for those that
      compute, as far as it can be divided among them.

    Example:

    ```mlir
    tile.func @f() {
      tile.return
    }
    ```
  }];
  let options = [
    Option<"chip", "chip", "std::string", /*default=*/"\"sm_90a\"",
           "Chip that the kernel is for">,
    Option<"consumers", "consumers", "int64_t", /*default=*/"-1",
           "Warpgroups that compute">,
    Option<"specialize", "specialize", "int64_t", /*default=*/"-1",
           "1: a warp of its own loads; 0: none">,
    Option<"stages", "stages", "int64_t", /*default=*/"-1",
           "Slots of rings of tiles that are loaded in loops">,
    Option<"overlap", "overlap", "int64_t", /*default=*/"-1",
           "1: products overlap with arithmetic; 0: not">,
    Option<"pingPong", "ping-pong", "int64_t", /*default=*/"-1",
           "1: warpgroups take turns at the tensor cores; 0: not">,
    Option<"schedule", "schedule", "std::string", /*default=*/"\"\"",
           "'single', 'static' or 'dynamic'; empty chooses">,
    Option<"producerRegisters", "producer-registers", "int64_t",
           /*default=*/"-1", "Registers of a thread that loads; 0 leaves them">,
    Option<"consumerRegisters", "consumer-registers", "int64_t",
           /*default=*/"-1", "Registers of a thread that computes; 0 leaves them">,
    Option<"skipScaling", "skip-scaling", "int64_t", /*default=*/"-1",
           "1: no multiplication by factors that are 1; 0: always multiply">,
    Option<"overlapItems", "overlap-items", "int64_t", /*default=*/"-1",
           "1: an item begins before the last one ends; 0: not">,
    Option<"holdOperands", "hold-operands", "int64_t", /*default=*/"-1",
           "1: operands that a loop does not change are held in registers; 0: not">
  ];
  let statistics = [
    Statistic<"numConfigured", "num-configured",
              "Number of kernels that got a configuration">
  ];
}

def SkipScalingPass : Pass<"tile-skip-scaling", "::mlir::tile::FuncOp"> {
  let summary = "No multiplication by 1";
  let description = [{
    Where an accumulator is multiplied by a factor of its rows that is 1 unless a
    condition holds for the row (`arith.select`), each multiplication is put under
    that condition (`tile.scale_rows`), which makes long kernels, that power limits,
    faster. With `skipScaling` in the configuration a warp branches
    around all of them instead where the condition holds in none of its rows, which saves
    their time, too, but keeps ptxas from mixing what stands before and behind. In
    attention that is the factor for a maximum that has grown, which soon becomes rare.
    The results are the same bits.

    Example:

    ```mlir
    tile.func @f(%i: !tile.global<?x64xf32>, %o: !tile.global<?x64xf32>) attributes {
        config = #tile.config<consumers = 1, specialize = false, stages = 1,
          overlap = false, pingPong = false, schedule = single,
          producerRegisters = 0, consumerRegisters = 0, skipScaling = true>} {
      %c0 = arith.constant 0 : i32
      %x = tile.read %i[%c0, %c0] : !tile.global<?x64xf32>
        -> tensor<64x64xf32, #tile.acc>
      %grown = arith.constant dense<false> : tensor<64xi1, #tile.row>
      %half = arith.constant dense<0.5> : tensor<64xf32, #tile.row>
      %one = arith.constant dense<1.0> : tensor<64xf32, #tile.row>
      %factor = arith.select %grown, %half, %one
        : tensor<64xi1, #tile.row>, tensor<64xf32, #tile.row>
      %factors = tile.broadcast %factor : tensor<64xf32, #tile.row>
        to tensor<64x64xf32, #tile.acc>
      %y = arith.mulf %x, %factors : tensor<64x64xf32, #tile.acc>
      tile.write %y, %o[%c0, %c0]
        : tensor<64x64xf32, #tile.acc>, !tile.global<?x64xf32>
      tile.return
    }
    ```

    multiplies in an `scf.if` of `tile.any %grown`; without `skipScaling`
    `%y = tile.scale_rows %x by %half if %grown`.
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect"];
  let statistics = [
    Statistic<"numSkipped", "num-skipped",
              "Number of multiplications that may be skipped">,
    Statistic<"numPredicated", "num-predicated",
              "Number of multiplications under a predicate">
  ];
}

def PipelineDotsPass : Pass<"tile-pipeline-dots", "::mlir::tile::FuncOp"> {
  let summary = "Overlap products with arithmetic";
  let description = [{
    With `overlap` in the configuration: rotates each loop with two products of
    which the last depends on the first. The last product and what only feeds it
    run one iteration late, right behind the first product of the next iteration; the
    arithmetic between them runs while both are in flight. What is done to the
    accumulator of the last product before the next adds to it comes behind both, unless it
    has a branch: then it is late, too. Afterwards there is no
    `tile.dot`: every product is a `tile.dot_async` and a `tile.dot_wait` before the first
    use of its result, and none is in flight from one iteration to the next.

    The loop has to run at least once (from 0 to the count of a
    `tile.list_size`, or between constants), and no tile in shared memory may be
    used by both products. A loop that is not rotated leaves a remark
    that says why; its products are asynchronous all the same.

    Example: the loop

    ```mlir
    tile.func @f(%k: !tile.global<?x64xbf16>) attributes {
        config = #tile.config<consumers = 1, specialize = false, stages = 1,
          overlap = true, pingPong = false, schedule = single,
          producerRegisters = 0, consumerRegisters = 0>} {
      %c0 = arith.constant 0 : i32
      %c1 = arith.constant 1 : i32
      %c4 = arith.constant 4 : i32
      %zero = arith.constant dense<0.0> : tensor<64x64xf32, #tile.acc>
      %r = scf.for %j = %c0 to %c4 step %c1 iter_args(%o = %zero)
          -> (tensor<64x64xf32, #tile.acc>) : i32 {
        %t = tile.load %k[%j, %c0] : !tile.global<?x64xbf16>
          -> !tile.buffer<64x64xbf16, swizzle = 128>
        %s = tile.dot %t, %t {transpose_b}
          : !tile.buffer<64x64xbf16, swizzle = 128>,
            !tile.buffer<64x64xbf16, swizzle = 128>
          -> tensor<64x64xf32, #tile.acc>
        %p = arith.truncf %s : tensor<64x64xf32, #tile.acc>
          to tensor<64x64xbf16, #tile.acc>
        %v = tile.load %k[%j, %c0] : !tile.global<?x64xbf16>
          -> !tile.buffer<64x64xbf16, swizzle = 128>
        %n = tile.dot %p, %v acc(%o : tensor<64x64xf32, #tile.acc>)
          : tensor<64x64xbf16, #tile.acc>,
            !tile.buffer<64x64xbf16, swizzle = 128>
          -> tensor<64x64xf32, #tile.acc>
        scf.yield %n : tensor<64x64xf32, #tile.acc>
      }
      tile.return
    }
    ```

    becomes a first product and conversion, a loop over 1 to 3 in which `%s` of
    iteration `j` and `%n` of iteration `j - 1` are in flight together, and a last `%n`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let statistics = [
    Statistic<"numRotated", "num-rotated", "Number of loops rotated">,
    Statistic<"numRefused", "num-refused",
              "Number of loops with products that were not rotated">,
    Statistic<"numAsync", "num-async", "Number of asynchronous products">
  ];
}

def SplitLoopsPass : Pass<"tile-split-loops", "::mlir::tile::FuncOp"> {
  let summary = "Split loops where a condition changes";
  let description = [{
    A loop over `j` in steps of 1 with an `scf.if` on `j < bound`, where `bound`
    does not change in the loop, becomes a loop below `bound`, in which the
    condition holds, and one from there on, in which it does not. So the main
    part of attention is free of masks. Other loops stay as they are.

    Example:

    ```mlir
    tile.func @f(%k: !tile.global<?x64xbf16>) {
      %c0 = arith.constant 0 : i32
      %c1 = arith.constant 1 : i32
      %bound = tile.dim %k, 0 : !tile.global<?x64xbf16>
      %n = tile.dim %k, 1 : !tile.global<?x64xbf16>
      %r = scf.for %j = %c0 to %n step %c1 iter_args(%x = %c0) -> (i32) : i32 {
        %first = arith.cmpi slt, %j, %bound : i32
        %y = scf.if %first -> i32 {
          %z = arith.addi %x, %j : i32
          scf.yield %z : i32
        } else {
          scf.yield %x : i32
        }
        scf.yield %y : i32
      }
      tile.return
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let statistics = [Statistic<"numSplit", "num-split", "Number of loops split">];
}

def HoldOperandsPass : Pass<"tile-hold-operands", "::mlir::tile::FuncOp"> {
  let summary = "Hold operands of products in registers";
  let description = [{
    With `holdOperands` in the configuration: a tile that is loaded outside of a loop
    and is the first operand of products in it is read into registers once, where it is
    loaded (`tile.load_matrix`). Each product then reads one tile of shared memory
    rather than two, and, if the tile has no other uses, its slot is free before the
    loop. A thread needs a register for each 256 elements of a tile for 128 threads. In
    attention that is the tile of queries, in importance that of keys. The results are
    the same bits.

    A tile that is used in another way, too, stays in shared memory as well (remark).

    Example:

    ```mlir
    tile.func @f(%queries: !tile.global<?x64xbf16>, %keys: !tile.global<?x64xbf16>,
                 %out: !tile.global<?x64xf32>) attributes {
        config = #tile.config<consumers = 1, specialize = false, stages = 1,
          overlap = false, pingPong = false, schedule = single,
          producerRegisters = 0, consumerRegisters = 0, holdOperands = true>} {
      %c0 = arith.constant 0 : i32
      %c64 = arith.constant 64 : i32
      %n = tile.dim %keys, 0 : !tile.global<?x64xbf16>
      %zero = arith.constant dense<0.0> : tensor<64x64xf32, #tile.acc>
      %q = tile.load %queries[%c0, %c0]
        : !tile.global<?x64xbf16> -> !tile.buffer<64x64xbf16, swizzle = 128>
      %sum = scf.for %i = %c0 to %n step %c64 iter_args(%acc = %zero)
          -> (tensor<64x64xf32, #tile.acc>) : i32 {
        %k = tile.load %keys[%i, %c0]
          : !tile.global<?x64xbf16> -> !tile.buffer<64x64xbf16, swizzle = 128>
        %s = tile.dot %q, %k acc(%acc : tensor<64x64xf32, #tile.acc>) {transpose_b}
          : !tile.buffer<64x64xbf16, swizzle = 128>,
            !tile.buffer<64x64xbf16, swizzle = 128> -> tensor<64x64xf32, #tile.acc>
        scf.yield %s : tensor<64x64xf32, #tile.acc>
      }
      tile.write %sum, %out[%c0, %c0]
        : tensor<64x64xf32, #tile.acc>, !tile.global<?x64xf32>
      tile.return
    }
    ```

    has `%held = tile.load_matrix %q` behind the load and `tile.dot %held, %k`.
  }];
  let statistics = [
    Statistic<"numHeld", "num-held", "Number of tiles that registers hold">,
    Statistic<"numKept", "num-kept",
              "Number of those that stay in shared memory, too">
  ];
}

def WarpSpecializePass : Pass<"tile-warp-specialize", "::mlir::tile::FuncOp"> {
  let summary = "One side loads, the other computes";
  let description = [{
    Afterwards there is no `tile.load`. With `specialize` in the configuration, the
    `tile.for_each` of the kernel becomes a `tile.warp_specialize`: its producer has the loads
    as `tile.ring_push`, with what they depend on, and its consumer all else, with a
    `tile.ring_wait` for each load and a `tile.ring_release` behind the last use of the tile.
    There is a ring for each tensor and kind of tile that is loaded. Scalars that
    come from a list in global memory are found once, by the producer, and travel
    with the tile that is loaded next. A row that is read for an exchange between
    consumers (`tile.read` in `#tile.lane`, `tile.relayout` to `#tile.col`) is
    read by the producer instead, if it knows what, and goes through a ring of
    its own: consumers need neither the memory nor a barrier then. So is one that is
    computed from such reads in `#tile.wide_col`: one warp computes it, not each. Without
    `specialize`, the push stands before the wait.

    Rings of loads in loops have `stages` slots; other rings two, if the block
    goes from item to item; rings of rows have twice as many.

    A `tile.copy_rows` becomes a request to a `tile.copier`, a warp for all copies
    between the same two tensors; without `specialize`, a `tile.gather` and a
    `tile.write`.

    That pushes and waits are as many on every path, and waits and releases in
    turn, is checked; a kernel for which it does not hold is an error.

    Example:

    ```mlir
    tile.func @f(%k: !tile.global<?x64xbf16>, %o: !tile.global<?x64xf32>)
        attributes {
        config = #tile.config<consumers = 1, specialize = true, stages = 2,
          overlap = false, pingPong = false, schedule = single,
          producerRegisters = 0, consumerRegisters = 0>} {
      %c0 = arith.constant 0 : i32
      %c1 = arith.constant 1 : i32
      tile.for_each (%b, %h, %a) in (%c1, %c1, %c1) together %c1 {
        %t = tile.load %k[%a, %c0] : !tile.global<?x64xbf16>
          -> !tile.buffer<64x64xbf16, swizzle = 128>
        %s = tile.dot %t, %t {transpose_b}
          : !tile.buffer<64x64xbf16, swizzle = 128>,
            !tile.buffer<64x64xbf16, swizzle = 128>
          -> tensor<64x64xf32, #tile.acc>
        tile.write %s, %o[%a, %c0]
          : tensor<64x64xf32, #tile.acc>, !tile.global<?x64xf32>
      }
      tile.return
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let statistics = [
    Statistic<"numRings", "num-rings", "Number of rings">,
    Statistic<"numCrossing", "num-crossing",
              "Number of scalars that pass from the producer to consumers">,
    Statistic<"numRows", "num-rows",
              "Number of exchanges of rows that the producer makes instead">
  ];
}

def SchedulePass : Pass<"tile-schedule", "::mlir::tile::FuncOp"> {
  let summary = "Decide which block does which items";
  let description = [{
    Afterwards there is no `tile.for_each`. `single`: a block does the item of its number.
    `static`: a block does every item whose number is its own plus a multiple of
    the grid. `dynamic`: the producer draws numbers from a counter, the kernel's
    new last argument (`tile.counter`, zero at the launch), and tells consumers
    through a ring; -1 is the end.

    The producer draws the next item before it is through with the present one,
    so that the counter's latency hides: before the last two iterations of the
    last loop of the body, which is divided there, or, if it has no others, as
    soon as that is known. That is for loops that fill rings, in steps of 1, as
    often as the item says; without one, the draw is before the body. What a
    block has not drawn, other blocks can take.

    Item numbers go through runs of `together` heads one after the other, and in a
    run through all heads of the last block, then of the one before, and so on.

    Example:

    ```mlir
    tile.func @f(%q: !tile.global<?x?x?x128xbf16>) attributes {
        config = #tile.config<consumers = 1, specialize = false, stages = 1,
          overlap = false, pingPong = false, schedule = static,
          producerRegisters = 0, consumerRegisters = 0>} {
      %batch = tile.dim %q, 0 : !tile.global<?x?x?x128xbf16>
      %heads = tile.dim %q, 1 : !tile.global<?x?x?x128xbf16>
      tile.for_each (%b, %h, %a) in (%batch, %heads, %heads) together %heads {
      }
      tile.return
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect"];
  let statistics = [
    Statistic<"numScheduled", "num-scheduled", "Number of tile.for_each scheduled">
  ];
}

def OverlapItemsPass : Pass<"tile-overlap-items", "::mlir::tile::FuncOp"> {
  let summary = "Begin an item before the last one ends";
  let description = [{
    With `overlapItems` in the configuration: rotates the loop of consumers over work
    items. What an item does before its loops with products runs behind the loops of
    the item before, whose last product and results follow there:

    1. the last product of the old item begins, then the first of the new one;
    2. the old item waits for its product and writes its results, beside the product
       of the new one;
    3. the new item goes on, to its loops.

    Afterwards there are three copies of the begin and the end of an item: the begin of
    the first, both together in the loop, and the end of the last. Arithmetic that
    follows from the number of the item and scalars of its rings is done again in each
    part, so that the loops keep what they kept in registers; all else is carried. A
    slot that only the loops of an item needed is given back before the next item takes
    one of the same ring, so that two slots are never in use at once.

    Needs the loop that a dynamic schedule leaves (`scf.while` without values), with
    a product before and one behind loops that have some. Others stay as they are,
    with a remark that says why.

    Example: without a loop with products there is nothing to rotate.

    ```mlir
    tile.func @f() attributes {
        config = #tile.config<consumers = 1, specialize = true, stages = 1,
          overlap = true, pingPong = false, schedule = dynamic,
          producerRegisters = 0, consumerRegisters = 0, overlapItems = true>} {
      %ring = tile.ring_create : !tile.ring<2, i32>
      tile.warp_specialize producer {
      } consumer {
        %item = scf.while : () -> (i32) {
          %next = tile.ring_wait %ring : !tile.ring<2, i32>
          tile.ring_release %ring : !tile.ring<2, i32>
          %zero = arith.constant 0 : i32
          %more = arith.cmpi sge, %next, %zero : i32
          scf.condition(%more) %next : i32
        } do {
        ^bb0(%number: i32):
          scf.yield
        }
      }
      tile.return
    }
    ```
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect"];
  let statistics = [
    Statistic<"numRotated", "num-rotated", "Number of loops over items rotated">,
    Statistic<"numRefused", "num-refused",
              "Number of loops over items that were not rotated">
  ];
}

def PingPongPass : Pass<"tile-ping-pong", "::mlir::tile::FuncOp"> {
  let summary = "Take turns at the tensor cores";
  let description = [{
    With `pingPong` in the configuration: a `tile.turn_wait` before and a `tile.turn_pass` behind
    each run of products that begin without a wait between them, in loops and
    before the loops of a block; not behind loops, and turns do not nest. So one warpgroup's products
    run while the other does its arithmetic. A kernel without asynchronous
    products in loops leaves a remark.

    Example:

    ```mlir
    tile.func @f() attributes {
        config = #tile.config<consumers = 2, specialize = true, stages = 1,
          overlap = true, pingPong = true, schedule = single,
          producerRegisters = 0, consumerRegisters = 0>} {
      tile.return
    }
    ```
  }];
  let statistics = [Statistic<"numTurns", "num-turns", "Number of turns">];
}

def NumberRingsPass : Pass<"tile-number-rings", "::mlir::tile::FuncOp"> {
  let summary = "Count the uses of rings";
  let description = [{
    Gives every ring op its `step`: loops and ifs carry one counter for each ring
    and side, and for the requests to a copier. Slot and phase of a use follow from its number, so nothing is
    divided in a loop.

    Example:

    ```mlir
    tile.func @f(%k: !tile.global<?x64xbf16>) {
      %ring = tile.ring_create
        : !tile.ring<2, !tile.buffer<64x64xbf16, swizzle = 128>>
      %c0 = arith.constant 0 : i32
      %c1 = arith.constant 1 : i32
      %n = tile.dim %k, 0 : !tile.global<?x64xbf16>
      tile.warp_specialize producer {
        scf.for %j = %c0 to %n step %c1 : i32 {
          tile.ring_push %ring from %k[%j, %c0]
            : !tile.ring<2, !tile.buffer<64x64xbf16, swizzle = 128>>,
              !tile.global<?x64xbf16>
        }
      } consumer {
        scf.for %j = %c0 to %n step %c1 : i32 {
          %t = tile.ring_wait %ring
            : !tile.ring<2, !tile.buffer<64x64xbf16, swizzle = 128>>
          tile.ring_release %ring
            : !tile.ring<2, !tile.buffer<64x64xbf16, swizzle = 128>>
        }
      }
      tile.return
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect"];
  let statistics = [
    Statistic<"numNumbered", "num-numbered", "Number of ring ops numbered">
  ];
}

def ReadEarlyPass : Pass<"tile-read-early", "::mlir::tile::FuncOp"> {
  let summary = "Read before waits";
  let description = [{
    Moves each `tile.read` in the layout `#tile.lane` (one register of a thread for
    128 elements), and the scalar arithmetic that it needs, up to where its
    indices are known: past waits and products, and out of conditions, where it
    is then read in vain if the condition does not hold. So the latency of the
    memory hides behind them. Reads have no effects, and outside of the tensor
    nothing is read.

    A row of a ring that consumers wait for right behind a product, and what gives
    it back, moves before the wait for the product: the producer fills it no later
    than what comes behind, and the product runs meanwhile.

    Example:

    ```mlir
    tile.func @f(%p: !tile.global<?xi32>) {
      %ring = tile.ring_create : !tile.ring<2, i32>
      %step = arith.constant 0 : i32
      %i = tile.ring_wait %ring step %step : !tile.ring<2, i32>
      tile.turn_wait
      %t = tile.read %p[%i] : !tile.global<?xi32> -> tensor<128xi32, #tile.lane>
      tile.return
    }
    ```

    becomes the same with the two last ops in the other order.
  }];
  let statistics = [
    Statistic<"numMoved", "num-moved", "Number of reads moved">,
    Statistic<"numRowsMoved", "num-rows-moved",
              "Number of products whose wait follows those for rows">
  ];
}

def AllocateSharedPass : Pass<"tile-allocate-shared", "::mlir::tile::FuncOp"> {
  let summary = "Place everything that lies in shared memory";
  let description = [{
    Needs a configuration. Gives each op that needs
    shared memory (`SharedScratchOpInterface`) its `offset` and rings their
    `control_offset`, and the function its `shared_bytes`.

    Rings keep their bytes, so each has its own. Of the others, ops of the same
    kind and the same size have the same bytes: they divide them among the warps
    in the same way, so that a warp which runs ahead never meets one that lags
    behind. What needs more than a block of the chip
    has is an error that lists who takes what.

    Example:

    ```mlir
    tile.func @f() attributes {
        config = #tile.config<consumers = 1, specialize = false, stages = 1,
          overlap = false, pingPong = false, schedule = single,
          producerRegisters = 0, consumerRegisters = 0>} {
      %ring = tile.ring_create : !tile.ring<2, i32>
      tile.return
    }
    ```

    gives the ring `{control_offset = 0 : i64}`, and the function `shared_bytes =
    40`: two scalars and four barriers.
  }];
  let options = [
    Option<"chip", "chip", "std::string", /*default=*/"\"sm_90a\"",
           "Chip whose shared memory is the limit">
  ];
  let statistics = [
    Statistic<"numPlaced", "num-placed", "Number of ops that got bytes">,
    Statistic<"numShared", "num-shared",
              "Number of ops that have bytes of another op">
  ];
}

#endif // PBS_DIALECT_TILE_TRANSFORMS_PASSES_TD
