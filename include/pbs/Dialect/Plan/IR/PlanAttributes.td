//===- PlanAttributes.td - Attributes of the plan dialect --*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PLAN_IR_PLANATTRIBUTES_TD
#define PBS_DIALECT_PLAN_IR_PLANATTRIBUTES_TD

include "pbs/Dialect/Plan/IR/PlanDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class Plan_Attr<string name, string attrMnemonic>
    : AttrDef<Plan_Dialect, name> {
  let mnemonic = attrMnemonic;
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Constraints
//===----------------------------------------------------------------------===//

def Plan_ConstraintKind : I32EnumAttr<"ConstraintKind", "relation of two sizes", [
    I32EnumAttrCase<"Equal", 0, "equal">,
    I32EnumAttrCase<"Multiple", 1, "multiple">,
    I32EnumAttrCase<"AtMost", 2, "at_most">
  ]> {
  let cppNamespace = "::mlir::plan";
  let genSpecializedAttr = 0;
}

def Plan_ConstraintAttr : Plan_Attr<"Constraint", "constraint"> {
  let summary = "What has to hold of the shapes of a call";
  let description = [{
    `sides` gives two values over the symbols of a program. `equal`: they are
    equal; `multiple`: the first is a multiple of the second, where of 0 only 0
    is one; `at_most`: the first is not larger, a limit of the code. A call for
    which it does not hold is refused with "expected `expectation`, got ... and
    ...", of a limit only the first.

    Example: `#plan.constraint<equal, ()[s0, s1] -> (s0, s1), "keys and values of the same length">`
  }];
  let parameters = (ins EnumParameter<Plan_ConstraintKind>:$kind,
                        "::mlir::AffineMap":$sides,
                        "::mlir::StringAttr":$expectation);
  let assemblyFormat = "`<` $kind `,` $sides `,` $expectation `>`";
  let extraClassDeclaration = [{
    AffineExpr getLhs() const { return getSides().getResult(0); }
    AffineExpr getRhs() const { return getSides().getResult(1); }
  }];
}

//===----------------------------------------------------------------------===//
// Buffers that only a kernel sees
//===----------------------------------------------------------------------===//

def Plan_ScratchAttr : Plan_Attr<"Scratch", "scratch"> {
  let summary = "Scratch memory of one launch";
  let description = [{
    A buffer of the workspace that a launch has for itself, a rank-1 buffer of
    `i32` of at least `bytes` bytes over the symbols of the kernel. If `zeroed`
    it is set to zero in each run before the launch, else its content is
    undefined.

    Example: `#plan.scratch<bytes = ()[s0, s1] -> (s0 * 4), zeroed>`
  }];
  let parameters = (ins "::mlir::AffineMap":$bytes,
                        DefaultValuedParameter<"bool", "false">:$zeroed);
  let assemblyFormat = [{
    `<` `bytes` `=` $bytes (`,` custom<ZeroedFlag>($zeroed)^)? `>`
  }];
}

def Plan_StatusAttr : Plan_Attr<"Status", "status"> {
  let summary = "Where a kernel reports an error of its input";
  let description = [{
    A zeroed buffer of 4 words of `i32`, which the runtime reads after the run
    in checked mode: word 0 is 0 or the number, counted from 1, of the entry of
    `messages` to report; words 1 to 3 are the details that stand for `{0}` to
    `{2}` in it.

    Example: `#plan.status<["expected each block once, got block {0} twice"]>`
  }];
  let parameters = (ins "::mlir::ArrayAttr":$messages);
  let assemblyFormat = "`<` $messages `>`";
  let extraClassDeclaration = [{
    /// Number of words of the buffer.
    static constexpr int64_t kWords = 4;
  }];
}

def Plan_TraceAttr : AttrDef<Plan_Dialect, "Trace"> {
  let mnemonic = "trace";
  let summary = "Where the blocks of a kernel write when they ran";
  let description = [{
    A zeroed buffer of three 64-bit integers for each block of the grid (x first):
    when the block began and when it ended, in nanoseconds of a clock that all
    multiprocessors share (PTX ISA, `%globaltimer`), and the number of the
    multiprocessor that it ran on (`%smid`). It keeps its content until the end of
    a run, and the runtime says where in the workspace it lies. For GPU code only.

    Example: `#plan.trace`
  }];
  let extraClassDeclaration = [{
    /// Number of `i32` words that the buffer has for each block.
    static constexpr int64_t kWords = 6;
  }];
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

def Plan_CPUCodeAttr : Plan_Attr<"CPUCode", "cpu_code"> {
  let summary = "CPU code of a kernel";
  let description = [{
    `symbol` names a function inside a nested module. It takes a memref for each
    buffer (the arguments of the kernel, its results, its scratch), then the
    number of the work item as an `index`, and returns nothing. Memrefs have
    dynamic strides, 1 in the last dimension. The launch has `grid` work items,
    which are independent.

    In an object file the function is called `<symbol>_packed` and takes the
    descriptors of the memrefs as an array of 64-bit slots, and the work item.

    `scratch` holds `#plan.scratch` and `#plan.status`.

    Example: `#plan.cpu_code<@cpu::@pool, grid = ()[s0, s1, s2] -> (s0 * s1)>`
  }];
  let parameters = (ins "::mlir::SymbolRefAttr":$symbol,
                        "::mlir::AffineMap":$grid,
                        OptionalParameter<"::mlir::ArrayAttr">:$scratch);
  let assemblyFormat = "`<` $symbol `,` struct($grid, $scratch) `>`";
  let builders = [
    AttrBuilder<(ins "::mlir::SymbolRefAttr":$symbol,
                     "::mlir::AffineMap":$grid), [{
      return $_get($_ctxt, symbol, grid, ArrayAttr());
    }]>
  ];
}

def Plan_CUDACodeAttr : Plan_Attr<"CUDACode", "cuda_code"> {
  let summary = "GPU code of a kernel";
  let description = [{
    `symbol` names a kernel inside a `gpu.module`. A launch has `grid` thread
    blocks (x, y, z; the smallest result of each map), each of `block` threads with `shared` bytes of dynamic
    shared memory. Nothing is launched where one of the sizes of the grid is 0;
    no other size is computed then.

    `params` describes each parameter of the kernel in order: `#plan.pointer`,
    `#plan.tensor_map`, `#plan.integer`, `#plan.stride` or `#plan.float`. They
    refer to buffers by number: the arguments of the `plan.kernel`, its results,
    its `scratch` (`#plan.scratch`, `#plan.status` and `#plan.trace`). The symbols of a size
    are those of the kernel and, last, the number of streaming multiprocessors
    of the device.

    A `dependent` kernel waits itself, before it accesses global memory, for all
    kernels before it to end (PTX ISA, "griddepcontrol"). Where a launch stands
    before it in the same run, it may be launched before that has ended.

    `then` is another kernel of the module that is launched right behind it. It
    has no scratch, but its parameters may refer to that of the first.

    Example: `#plan.cuda_code<@gpu::@zero, grid = [()[s0, s1] -> (s0 ceildiv 256, s1), ()[s0, s1] -> (1), ()[s0, s1] -> (1)], block = [256, 1, 1], shared = 0, params = [#plan.pointer<0>, #plan.integer<i32, ()[s0, s1] -> (s0)>]>`

    With a kernel behind it, Example: `#plan.cuda_code<@gpu::@zero, grid = [()[s0, s1] -> (s0), ()[s0, s1] -> (1), ()[s0, s1] -> (1)], block = [256, 1, 1], shared = 0, params = [#plan.pointer<0>] then #plan.cuda_code<@gpu::@again dependent, grid = [()[s0, s1] -> (s1), ()[s0, s1] -> (1), ()[s0, s1] -> (1)], block = [32, 1, 1], shared = 0, params = [#plan.pointer<0>]>>`
  }];
  let parameters = (ins "::mlir::SymbolRefAttr":$symbol,
                        ArrayRefParameter<"::mlir::AffineMap">:$grid,
                        ArrayRefParameter<"int64_t">:$block,
                        "int64_t":$shared,
                        "::mlir::ArrayAttr":$params,
                        OptionalParameter<"::mlir::ArrayAttr">:$scratch,
                        DefaultValuedParameter<"bool", "false">:$dependent,
                        OptionalParameter<"::mlir::Attribute">:$then);
  let assemblyFormat = [{
    `<` $symbol (`dependent` custom<Present>($dependent)^)?
    `,` `grid` `=` custom<MapList>($grid)
    `,` `block` `=` custom<SizeList>($block) `,` `shared` `=` $shared
    `,` `params` `=` $params (`,` `scratch` `=` $scratch^)?
    (`then` $then^)? `>`
  }];
  let builders = [AttrBuilder<(ins "::mlir::SymbolRefAttr":$symbol,
                                   "::llvm::ArrayRef<::mlir::AffineMap>":$grid,
                                   "::llvm::ArrayRef<int64_t>":$block,
                                   "int64_t":$shared,
                                   "::mlir::ArrayAttr":$params,
                                   "::mlir::ArrayAttr":$scratch,
                                   "bool":$dependent), [{
    return $_get($_ctxt, symbol, grid, block, shared, params, scratch,
                 dependent, /*then=*/::mlir::Attribute());
  }]>];
}

//===----------------------------------------------------------------------===//
// Parameters of GPU kernels
//===----------------------------------------------------------------------===//

def Plan_PointerAttr : Plan_Attr<"Pointer", "pointer"> {
  let summary = "Parameter: address of a buffer";
  let description = [{
    With `align`, the kernel reads or writes vectors: the address and, but for the
    last dimension, the strides are multiples of so many bytes. The runtime refuses
    a tensor of a caller that is not so.

    Example: `#plan.pointer<0, align = 16>`
  }];
  let parameters = (ins "int64_t":$buffer,
                        DefaultValuedParameter<"int64_t", "1">:$align);
  let assemblyFormat = "`<` $buffer (`,` `align` `=` $align^)? `>`";
  let builders = [AttrBuilder<(ins "int64_t":$buffer), [{
    return $_get($_ctxt, buffer, /*align=*/1);
  }]>];
}

def Plan_TensorMapAttr : Plan_Attr<"TensorMap", "tensor_map"> {
  let summary = "Parameter: tensor map of a buffer";
  let description = [{
    A `CUtensorMap`, by value, of a buffer of rank 4 whose last dimension is
    contiguous. `box` gives the elements of a box, innermost dimension first, 1
    to 256 each; `swizzle` is 0, 32, 64 or 128 bytes (PTX ISA, "Tensors",
    "Swizzling modes").

    Example: `#plan.tensor_map<0, box = [64, 128, 1, 1], swizzle = 128>`
  }];
  let parameters = (ins "int64_t":$buffer,
                        ArrayRefParameter<"int64_t">:$box,
                        "int64_t":$swizzle);
  let assemblyFormat = [{
    `<` $buffer `,` `box` `=` custom<SizeList>($box) `,` `swizzle` `=` $swizzle
    `>`
  }];
}

def Plan_IntegerAttr : Plan_Attr<"Integer", "integer"> {
  let summary = "Parameter: a size";
  let description = [{
    A value over the symbols of a kernel as `i32` or `i64`. A value that does
    not fit is an error of the call.

    Example: `#plan.integer<i32, ()[s0, s1] -> (s0 * s1)>`
  }];
  let parameters = (ins "::mlir::IntegerType":$type,
                        "::mlir::AffineMap":$value);
  let assemblyFormat = "`<` $type `,` $value `>`";
}

def Plan_StrideAttr : Plan_Attr<"Stride", "stride"> {
  let summary = "Parameter: stride of a buffer";
  let description = [{
    The stride of dimension `dim` of a buffer in elements, as `i64`.

    Example: `#plan.stride<0, dim = 2>`
  }];
  let parameters = (ins "int64_t":$buffer, "int64_t":$dim);
  let assemblyFormat = "`<` $buffer `,` `dim` `=` $dim `>`";
}

def Plan_FloatAttr : Plan_Attr<"Float", "float"> {
  let summary = "Parameter: a constant";
  let description = [{
    A finite constant of type `f32`.

    Example: `#plan.float<1.250000e-01 : f32>`
  }];
  let parameters = (ins "::mlir::FloatAttr":$value);
  let assemblyFormat = "`<` $value `>`";
}

#endif // PBS_DIALECT_PLAN_IR_PLANATTRIBUTES_TD
