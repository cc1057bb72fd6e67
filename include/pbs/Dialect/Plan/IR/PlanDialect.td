//===- PlanDialect.td - The plan dialect -------------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PLAN_IR_PLANDIALECT_TD
#define PBS_DIALECT_PLAN_IR_PLANDIALECT_TD

include "mlir/IR/OpBase.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let cppNamespace = "::mlir::plan";
  let summary = "Which kernels run, on which buffers, for which shapes";
  let description = [{
    The host side of a compiled program, between level 1 and the launch plan of
    the runtime.

    A `plan.kernel` is one op of level 1 on builtin tensors and, after a target
    conversion, the code that computes it. A `plan.program` is a sequence of
    `plan.launch`es with value semantics: each result has a shape in terms of
    the program's shape symbols, and becomes a buffer of the workspace or, if
    the program returns it, a tensor of the caller. Nothing is allocated or
    decided while a program runs.

    **Shape symbols.** Symbol `i` of a program is the `i`-th dynamic dimension
    of its arguments, in order. Symbol `i` of a kernel's code is the `i`-th
    dimension, static ones included, of its arguments and then its results.

    **Sizes.** A size is an affine map from symbols to one or more results, and
    its value is the smallest of them, as in `affine.min`. Products of symbols
    and divisions by symbols are allowed. Maps are written inline, `()[s0, s1]
    -> (s0 * s1)`.
  }];
  let dependentDialects = ["::mlir::ub::UBDialect"];
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerAttributes();
  }];
}

#endif // PBS_DIALECT_PLAN_IR_PLANDIALECT_TD
