//===- PlanOps.td - Ops of the plan dialect ----------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In alphabetical order. Each description holds an example that
// test/Dialect/Plan/examples.test extracts and parses.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PLAN_IR_PLANOPS_TD
#define PBS_DIALECT_PLAN_IR_PLANOPS_TD

include "pbs/Dialect/Plan/IR/PlanAttributes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Plan_Op<string mnemonic, list<Trait> traits = []>
    : Op<Plan_Dialect, mnemonic, traits>;

/// What the runtime has buffers of.
def Plan_Tensor : RankedTensorOf<[F32, F16, BF16, I32]>;

def Plan_ConstraintArrayAttr
    : TypedArrayAttrBase<Plan_ConstraintAttr, "array of #plan.constraint">;

def Plan_ShapeArrayAttr
    : TypedArrayAttrBase<AffineMapAttr, "array of affine maps">;

def Plan_CodeAttr : AnyAttrOf<[Plan_CPUCodeAttr, Plan_CUDACodeAttr],
                              "#plan.cpu_code or #plan.cuda_code">;

/// A symbol with arguments, results and one block.
class Plan_FunctionOp<string mnemonic, list<Trait> traits = []>
    : Plan_Op<mnemonic, traits # [FunctionOpInterface, IsolatedFromAbove,
                                  SingleBlock]> {
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let skipDefaultBuilders = 1;
  code functionDeclarations = [{
    ArrayRef<Type> getArgumentTypes() { return getFunctionType().getInputs(); }
    ArrayRef<Type> getResultTypes() { return getFunctionType().getResults(); }
    Region *getCallableRegion() { return &getBody(); }
  }];
}

//===----------------------------------------------------------------------===//
// kernel
//===----------------------------------------------------------------------===//

def Plan_KernelOp : Plan_FunctionOp<"kernel", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "One op of level 1 and its code";
  let description = [{
    The region says what the kernel computes: one op of level 1 that becomes a
    kernel, on builtin tensors. Where the op takes or gives a value of another
    type, `pbs.pack_*` and `pbs.unpack_*` stand around it. Results of the op
    that no program uses are left out, and so are those that are buffers of the
    caller (keys and values of `pbs.kv_from_positions`, and its positions if
    given).

    All buffers are the caller's, in the order arguments, results, scratch of
    the code. Results are written in full.

    A target conversion adds `code`: `#plan.cpu_code` or `#plan.cuda_code`. In a
    kernel with code, `ub.poison` stands for an input of the op that the code does
    not read and that is no argument any more (`plan-drop-unread`).

    Example:

    ```mlir
    plan.kernel @pool(%source: tensor<1x32x?x128xbf16>) -> tensor<1x32x?x128xf32>
        attributes {code = #plan.cpu_code<@cpu::@pool,
          grid = ()[s0, s1, s2, s3, s4, s5, s6, s7] -> (s4 * s5 * s6)>} {
      %result = pbs.pool %source
        : (tensor<1x32x?x128xbf16>) -> tensor<1x32x?x128xf32>
      plan.return %result : tensor<1x32x?x128xf32>
    }
    module @cpu {
      func.func private @pool(memref<1x32x?x128xbf16, strided<[?, ?, ?, 1]>>,
                              memref<1x32x?x128xf32, strided<[?, ?, ?, 1]>>,
                              index)
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       TypeAttrOf<FunctionType>:$function_type,
                       OptionalAttr<StrAttr>:$sym_visibility,
                       OptionalAttr<DictArrayAttr>:$arg_attrs,
                       OptionalAttr<DictArrayAttr>:$res_attrs,
                       OptionalAttr<Plan_CodeAttr>:$code);
  let builders = [
    OpBuilder<(ins "::llvm::StringRef":$name, "::mlir::FunctionType":$type)>
  ];
  let extraClassDeclaration = functionDeclarations # [{
    /// The op of level 1 that the kernel computes.
    ::mlir::pbs::KernelOpInterface getComputeOp();

    /// Number of symbols of the code: the dimensions of all arguments and
    /// results.
    unsigned getNumDims();

    /// Type of a buffer: an argument or, after those, a result.
    RankedTensorType getBufferType(unsigned buffer);

    /// Number of the buffer of component `component` of result `result` of the
    /// compute op, if the kernel gives it.
    std::optional<unsigned> findResultBuffer(unsigned result,
                                             unsigned component = 0);

    /// The symbol that is dimension `dim` of a buffer.
    AffineExpr getExtent(unsigned buffer, unsigned dim);

    /// Entries of the scratch of the code, empty without code.
    ArrayRef<Attribute> getScratch();
  }];
}

//===----------------------------------------------------------------------===//
// launch
//===----------------------------------------------------------------------===//

def Plan_LaunchOp : Plan_Op<"launch", [
    Pure, HasParent<"ProgramOp">,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Runs a kernel";
  let description = [{
    Runs `kernel` on the operands. `shapes` gives the dimensions of each result
    over the symbols of the program, constant where the type is static.

    Example:

    ```mlir
    plan.kernel @pool(%source: tensor<1x32x?x128xbf16>) -> tensor<1x32x?x128xf32> {
      %result = pbs.pool %source
        : (tensor<1x32x?x128xbf16>) -> tensor<1x32x?x128xf32>
      plan.return %result : tensor<1x32x?x128xf32>
    }
    plan.program @pooled(%q: tensor<1x32x?x128xbf16> {plan.name = "q"})
        -> (tensor<1x32x?x128xf32> {plan.name = "pool"}) {
      %pool = plan.launch @pool(%q) shapes [()[s0] -> (1, 32, s0 ceildiv 128, 128)]
        : (tensor<1x32x?x128xbf16>) -> tensor<1x32x?x128xf32>
      plan.return %pool : tensor<1x32x?x128xf32>
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel,
                       Variadic<Plan_Tensor>:$inputs,
                       Plan_ShapeArrayAttr:$shapes);
  let results = (outs Variadic<Plan_Tensor>:$outputs);
  let assemblyFormat = [{
    $kernel `(` $inputs `)` `shapes` custom<Shapes>($shapes) attr-dict `:`
    functional-type($inputs, $outputs)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The dimensions of a result over the symbols of the program.
    AffineMap getShape(unsigned result) {
      return cast<AffineMapAttr>(getShapes()[result]).getValue();
    }
  }];
}

//===----------------------------------------------------------------------===//
// program
//===----------------------------------------------------------------------===//

def Plan_ProgramOp : Plan_FunctionOp<"program", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A sequence of launches";
  let description = [{
    Arguments and results are tensors of the caller, each with a name
    `plan.name`. Inputs are never written. What is returned is a result of a
    launch, each at most once; all other results of launches are buffers of the
    workspace.

    `constraints` are checked for each call, over the dynamic dimensions of the
    arguments as symbols, before anything runs.

    A program may be an alternative of another one, `alternative_of`, with the
    same arguments and results. It is what a call runs if its `guard` holds, a
    set over the same symbols. The alternatives of a program are tried in their
    order in the module, and then the program itself is taken.

    Example:

    ```mlir
    plan.kernel @attention(%q: tensor<1x32x?x128xbf16>,
                           %k: tensor<1x8x?x128xbf16>,
                           %v: tensor<1x8x?x128xbf16>) -> tensor<1x32x?x128xbf16> {
      %o, %lse = pbs.attention %q, %k, %v {causal}
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>)
        -> (tensor<1x32x?x128xbf16>, tensor<1x32x?xf32>)
      plan.return %o : tensor<1x32x?x128xbf16>
    }
    plan.program @prefill(%q: tensor<1x32x?x128xbf16> {plan.name = "q"},
                          %k: tensor<1x8x?x128xbf16> {plan.name = "k"},
                          %v: tensor<1x8x?x128xbf16> {plan.name = "v"})
        -> (tensor<1x32x?x128xbf16> {plan.name = "output"})
        attributes {constraints = [
          #plan.constraint<equal, ()[s0, s1, s2] -> (s1, s2), "keys and values of the same length">
        ]} {
      %o = plan.launch @attention(%q, %k, %v)
        shapes [()[s0, s1, s2] -> (1, 32, s0, 128)]
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>)
        -> tensor<1x32x?x128xbf16>
      plan.return %o : tensor<1x32x?x128xbf16>
    }
    plan.kernel @causal(%q: tensor<1x32x?x128xbf16>,
                        %k: tensor<1x8x?x128xbf16>,
                        %v: tensor<1x8x?x128xbf16>) -> tensor<1x32x?x128xbf16> {
      %o, %lse = pbs.attention %q, %k, %v {causal, scale = 1.0}
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>)
        -> (tensor<1x32x?x128xbf16>, tensor<1x32x?xf32>)
      plan.return %o : tensor<1x32x?x128xbf16>
    }
    plan.program @short(%q: tensor<1x32x?x128xbf16> {plan.name = "q"},
                        %k: tensor<1x8x?x128xbf16> {plan.name = "k"},
                        %v: tensor<1x8x?x128xbf16> {plan.name = "v"})
        -> (tensor<1x32x?x128xbf16> {plan.name = "output"})
        attributes {alternative_of = @prefill,
                    guard = affine_set<()[s0, s1, s2] : (-s1 + 4095 >= 0)>} {
      %o = plan.launch @causal(%q, %k, %v)
        shapes [()[s0, s1, s2] -> (1, 32, s0, 128)]
        : (tensor<1x32x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>)
        -> tensor<1x32x?x128xbf16>
      plan.return %o : tensor<1x32x?x128xbf16>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       TypeAttrOf<FunctionType>:$function_type,
                       OptionalAttr<StrAttr>:$sym_visibility,
                       OptionalAttr<DictArrayAttr>:$arg_attrs,
                       OptionalAttr<DictArrayAttr>:$res_attrs,
                       OptionalAttr<Plan_ConstraintArrayAttr>:$constraints,
                       OptionalAttr<FlatSymbolRefAttr>:$alternative_of,
                       OptionalAttr<IntegerSetAttr>:$guard);
  let builders = [
    OpBuilder<(ins "::llvm::StringRef":$name, "::mlir::FunctionType":$type,
                   "::llvm::ArrayRef<::llvm::StringRef>":$argNames,
                   "::llvm::ArrayRef<::llvm::StringRef>":$resultNames)>
  ];
  let extraClassDeclaration = functionDeclarations # [{
    /// Attribute that names an argument or a result.
    static StringRef getNameAttrName() { return "plan.name"; }

    StringRef getArgumentName(unsigned index);
    StringRef getResultName(unsigned index);

    /// A dimension of an argument.
    struct ShapeSymbol {
      unsigned argument;
      unsigned dim;
    };

    /// The symbols: the dynamic dimensions of the arguments, in order.
    SmallVector<ShapeSymbol> getShapeSymbols();
  }];
}

//===----------------------------------------------------------------------===//
// return
//===----------------------------------------------------------------------===//

def Plan_ReturnOp : Plan_Op<"return", [
    Pure, ReturnLike, Terminator, ParentOneOf<["KernelOp", "ProgramOp"]>]> {
  let summary = "Ends a kernel or a program";
  let description = [{
    The operands are the results of the enclosing op.

    Example:

    ```mlir
    plan.kernel @pool(%source: tensor<1x32x?x128xbf16>) -> tensor<1x32x?x128xf32> {
      %result = pbs.pool %source
        : (tensor<1x32x?x128xbf16>) -> tensor<1x32x?x128xf32>
      plan.return %result : tensor<1x32x?x128xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Plan_Tensor>:$operands);
  let assemblyFormat = "($operands^ `:` type($operands))? attr-dict";
  let hasVerifier = 1;
}

#endif // PBS_DIALECT_PLAN_IR_PLANOPS_TD
