//===- TileKernelOps.td - Kernels as they are written down *- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels and loops over work items, without a schedule. In alphabetical order.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_TILE_IR_TILEKERNELOPS_TD
#define PBS_DIALECT_TILE_IR_TILEKERNELOPS_TD

include "pbs/Dialect/Tile/IR/TileOpBase.td"

def Tile_ForEachOp : Tile_Op<"for_each", [
    SingleBlockImplicitTerminator<"YieldOp">, RecursiveMemoryEffects]> {
  let summary = "Every work item of the kernel";
  let description = [{
    The body runs once for each item `(i, j, k)` of `[0, I) x [0, J) x [0, K)`,
    `I`, `J`, `K` being the operands, in no order and by different blocks of the
    grid. The wish for an order: items whose `J * i + j` lie in the same run of
    `together` pairs near each other in time (their data stay in the cache), and
    of those the ones with large `k` first (a causal mask makes them the
    heaviest, and heavy ones last would leave multiprocessors idle).

    With `listed`, a tensor of i32, only some of them: the first element is how many
    and the next ones are their numbers `(J * i + j) * K + k`, in any order. That is
    what `tile.append_item` writes. With `ordered` the tensor has the numbers of all items
    in the order to wish for, or it is empty (`pbs.order_rows`).

    Which block does which items is decided by `tile-schedule`, after which no
    such op is left.

    Example:

    ```mlir
    tile.func @f(%q: !tile.global<?x?x?x128xbf16>) {
      %batch = tile.dim %q, 0 : !tile.global<?x?x?x128xbf16>
      %heads = tile.dim %q, 1 : !tile.global<?x?x?x128xbf16>
      %c4 = arith.constant 4 : i32
      tile.for_each (%b, %h, %a) in (%batch, %heads, %c4) together %heads {
        %sum = arith.addi %b, %h : i32
      }
      tile.return
    }
    tile.func @again(%q: !tile.global<?x?x?x128xbf16>, %items: !tile.global<?xi32>) {
      %batch = tile.dim %q, 0 : !tile.global<?x?x?x128xbf16>
      %heads = tile.dim %q, 1 : !tile.global<?x?x?x128xbf16>
      %c4 = arith.constant 4 : i32
      tile.for_each (%b, %h, %a) in (%batch, %heads, %c4) together %heads
          listed %items : !tile.global<?xi32> {
        %sum = arith.addi %b, %h : i32
      }
      tile.return
    }
    tile.func @ordered(%q: !tile.global<?x?x?x128xbf16>, %order: !tile.global<?xi32>) {
      %batch = tile.dim %q, 0 : !tile.global<?x?x?x128xbf16>
      %heads = tile.dim %q, 1 : !tile.global<?x?x?x128xbf16>
      %c4 = arith.constant 4 : i32
      tile.for_each (%b, %h, %a) in (%batch, %heads, %c4) together %heads
          ordered %order : !tile.global<?xi32> {
        %sum = arith.addi %b, %h : i32
      }
      tile.return
    }
    ```
  }];
  let arguments = (ins I32:$batch, I32:$head, I32:$block, I32:$together,
                       Optional<Tile_GlobalType>:$listed, UnitAttr:$ordered);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "Value":$batch, "Value":$head, "Value":$block,
                                 "Value":$together,
                                 CArg<"Value", "Value()">:$listed,
                                 CArg<"bool", "false">:$ordered)>];
}

def Tile_FuncOp : Tile_Op<"func", [FunctionOpInterface, IsolatedFromAbove,
                                   AffineScope]> {
  let summary = "A kernel";
  let description = [{
    Arguments are tensors in global memory, read or written and not both. There
    are no results. `config` is the configuration, once `tile-configure` has
    chosen; `shared_bytes` the shared memory of a block, once
    `tile-allocate-shared` has placed everything.

    What ties it to the `plan.kernel` of the same name are attributes:
    `tile.buffer` of an argument is the number of its buffer (arguments, results
    of the `plan.kernel`), `tile.counter` marks the counter of `tile.fetch_item`, and
    `tile.items` of the function is a map that gives the number of work items
    over the symbols of sizes of a kernel (see `#plan.cuda_code`).
    `tile.block_scratch` marks memory of the kernel's own that is read and
    written, a tensor of one dimension; it is a map over the same symbols that
    gives the bytes of one thread block (`tile.block_number`).

    `tile.follows` of the function names the `plan.kernel`, and the `tile.func` that
    stands before, behind which it runs on the same buffers; `tile.item_list` marks
    the list of work items that the first makes (`tile.append_item`) and this one
    does (`tile.for_each`).

    Example:

    ```mlir
    tile.func @f(%q: !tile.global<?x?x?x128xbf16>) attributes {
        config = #tile.config<consumers = 1, specialize = false, stages = 1,
          overlap = false, pingPong = false, schedule = single,
          producerRegisters = 0, consumerRegisters = 0>} {
      tile.return
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       TypeAttrOf<FunctionType>:$function_type,
                       OptionalAttr<StrAttr>:$sym_visibility,
                       OptionalAttr<DictArrayAttr>:$arg_attrs,
                       OptionalAttr<DictArrayAttr>:$res_attrs,
                       OptionalAttr<Tile_ConfigAttr>:$config,
                       OptionalAttr<I64Attr>:$shared_bytes);
  let regions = (region AnyRegion:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "::llvm::StringRef":$name,
                                 "::mlir::FunctionType":$type)>];
  let extraClassDeclaration = [{
    ArrayRef<Type> getArgumentTypes() { return getFunctionType().getInputs(); }
    ArrayRef<Type> getResultTypes() { return getFunctionType().getResults(); }
    Region *getCallableRegion() { return &getBody(); }
  }];
}

def Tile_ReturnOp : Tile_Op<"return", [Pure, Terminator, HasParent<"FuncOp">]> {
  let summary = "The end of a kernel";
  let description = [{
    Example:

    ```mlir
    tile.func @f() {
      tile.return
    }
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_YieldOp : Tile_Op<"yield", [Pure, Terminator,
    ParentOneOf<["ForEachOp", "WarpSpecializeOp"]>]> {
  let summary = "The end of a region";
  let description = [{
    Implicit in the text.

    Example:

    ```mlir
    tile.func @f() {
      %c1 = arith.constant 1 : i32
      tile.for_each (%b, %h, %a) in (%c1, %c1, %c1) together %c1 {
        tile.yield
      }
      tile.return
    }
    ```
  }];
  let assemblyFormat = "attr-dict";
}

#endif // PBS_DIALECT_TILE_IR_TILEKERNELOPS_TD
