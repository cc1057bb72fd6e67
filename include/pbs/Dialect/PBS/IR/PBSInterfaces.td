//===- PBSInterfaces.td - Interfaces of the pbs dialect ----*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A policy (what to pool, when to stop, what to force, which rows to ask, what
// to share) is an attribute behind one of these interfaces. A new policy is a
// new attribute class, in this dialect or out of tree; passes ask the interface
// and never the class.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PBS_IR_PBSINTERFACES_TD
#define PBS_DIALECT_PBS_IR_PBSINTERFACES_TD

include "mlir/IR/OpBase.td"

class PBS_PolicyInterface<string name> : AttrInterface<name> {
  let cppNamespace = "::mlir::pbs";
}

def PBS_StopRule : PBS_PolicyInterface<"StopRuleAttrInterface"> {
  let description = [{
    Chooses among the candidate blocks of one query block, given their scores.
  }];
  let methods = [
    InterfaceMethod<[{
      True if the choice for one query block depends on the scores of that query
      block alone, so that selection can be fused with scoring.
    }], "bool", "isRowLocal">,
  ];
}

def PBS_Pool : PBS_PolicyInterface<"PoolAttrInterface"> {
  let description = [{
    Summarises the valid rows of a block of queries or keys by one f32 vector.
  }];
  let methods = [
    InterfaceMethod<[{
      True if the result does not depend on the order of the rows of a block, so
      that pooling commutes with a permutation inside blocks.
    }], "bool", "isOrderInvariant">,
  ];
}

def PBS_Proxy : PBS_PolicyInterface<"ProxyAttrInterface"> {
  let description = [{
    Names the query rows whose attention measures the importance of keys. There
    are `min(getMaxRows(), M)` of them.
  }];
  let methods = [
    InterfaceMethod<"Largest number of proxy rows.", "int64_t", "getMaxRows">,
    InterfaceMethod<[{
      True if the proxy rows are the last rows, in their order, so that they lie
      one after the other and need not be gathered.
    }], "bool", "areLastRows", (ins), [{}], [{ return false; }]>,
  ];
}

def PBS_Sharing : PBS_PolicyInterface<"SharingAttrInterface"> {
  let description = [{
    Says which query heads share one permutation of keys and values.
  }];
  let methods = [
    InterfaceMethod<[{
      Number of permutations for the given numbers of query and KV heads; either
      may be dynamic.
    }], "int64_t", "getPermutationHeads", (ins "int64_t":$queryHeads,
                                                "int64_t":$kvHeads)>,
    InterfaceMethod<[{
      Number of heads for which proxy statistics are kept.
    }], "int64_t", "getProxyHeads", (ins "int64_t":$queryHeads,
                                          "int64_t":$kvHeads)>,
    InterfaceMethod<[{
      The same for numbers of heads that are expressions.
    }], "::mlir::AffineExpr", "getPermutationHeadsExpr",
      (ins "::mlir::AffineExpr":$queryHeads, "::mlir::AffineExpr":$kvHeads)>,
    InterfaceMethod<[{
      The same for numbers of heads that are expressions.
    }], "::mlir::AffineExpr", "getProxyHeadsExpr",
      (ins "::mlir::AffineExpr":$queryHeads, "::mlir::AffineExpr":$kvHeads)>,
  ];
}

def PBS_ForcedSet : PBS_PolicyInterface<"ForcedSetAttrInterface"> {
  let description = [{
    Names the blocks that are listed whatever their score.
  }];
  let methods = [
    InterfaceMethod<[{
      True if the set covers every own segment of a query block that holds a
      visible key, which keeps causal attention complete near the diagonal.
    }], "bool", "coversOwnSegments">,
  ];
}

def PBS_SymbolicShapeOp : OpInterface<"SymbolicShapeOpInterface"> {
  let cppNamespace = "::mlir::pbs";
  let description = [{
    States the shape rules of an op on symbolic dimensions, so that the verifier
    and the launch plan use the same ones. The logical dimensions of a value are
    those of its tensor type, or the `shape` of a type of this dialect.
  }];
  let methods = [
    InterfaceMethod<[{
      Computes the logical dimensions of each result from those of the operands.
    }], "void", "inferSymbolicShapes",
      (ins "::llvm::ArrayRef<::mlir::pbs::SymbolicShape>":$operands,
           "::llvm::SmallVectorImpl<::mlir::pbs::SymbolicShape> &":$results)>,
    InterfaceMethod<[{
      Appends what has to hold of the dimensions of the operands.
    }], "void", "getShapeConstraints",
      (ins "::llvm::ArrayRef<::mlir::pbs::SymbolicShape>":$operands,
           "::llvm::SmallVectorImpl<::mlir::pbs::ShapeConstraint> &":$constraints)>,
  ];
}

def PBS_KernelOp : OpInterface<"KernelOpInterface", [PBS_SymbolicShapeOp]> {
  let cppNamespace = "::mlir::pbs";
  let description = [{
    An op that becomes one kernel.
  }];
  let methods = [
    InterfaceMethod<[{
      Base name of the kernel, e.g. "sparse_attention".
    }], "::llvm::StringRef", "getKernelName", (ins), [{}], [{
      return $_op->getName().stripDialect();
    }]>,
    InterfaceMethod<[{
      Number of the operand that component `component` of result `result` is, if
      the kernel only passes it through.
    }], "std::optional<unsigned>", "getPassedOperand",
      (ins "unsigned":$result, "unsigned":$component), [{}], [{
      return std::nullopt;
    }]>,
  ];
}

#endif // PBS_DIALECT_PBS_IR_PBSINTERFACES_TD
