//===- Policies.td - CPU code of policies ------------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a policy attribute of the pbs dialect implements, by an external model,
// to be usable on the CPU. A policy without its interface is refused with an
// error by `convert-pbs-to-cpu`.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTOCPU_POLICIES_TD
#define PBS_CONVERSION_PBSTOCPU_POLICIES_TD

include "mlir/IR/OpBase.td"

class PBS_CPUPolicy<string name> : AttrInterface<name> {
  let cppNamespace = "::mlir::pbs::cpu";
}

def PBS_CPUStopRule : PBS_CPUPolicy<"CPUStopRuleInterface"> {
  let description = [{ Code of a stop rule. }];
  let methods = [
    InterfaceMethod<[{
      Lists the chosen candidates of one query block.
    }], "void", "emitChoice", (ins "::mlir::pbs::cpu::CodeBuilder &":$b,
                                   "::mlir::pbs::cpu::Selection &":$selection)>,
  ];
}

def PBS_CPUForcedSet : PBS_CPUPolicy<"CPUForcedSetInterface"> {
  let description = [{ Code of a forced set. }];
  let methods = [
    InterfaceMethod<[{
      Lists the forced blocks of one query block.
    }], "void", "emitForced", (ins "::mlir::pbs::cpu::CodeBuilder &":$b,
                                   "::mlir::pbs::cpu::Selection &":$selection)>,
  ];
}

def PBS_CPUProxy : PBS_CPUPolicy<"CPUProxyInterface"> {
  let description = [{ Code of a choice of proxy rows. }];
  let methods = [
    InterfaceMethod<[{
      The query row (an index) that is proxy row `i` of `count`, where `count`
      is the smaller one of the policy's number of rows and `numQueries`.
    }], "::mlir::Value", "emitRow", (ins "::mlir::pbs::cpu::CodeBuilder &":$b,
                                         "::mlir::Value":$i,
                                         "::mlir::Value":$count,
                                         "::mlir::Value":$numQueries)>,
  ];
}

def PBS_CPUPool : PBS_CPUPolicy<"CPUPoolInterface"> {
  let description = [{ Code of a pool. }];
  let methods = [
    InterfaceMethod<[{
      Pools rows 0 to `count` (at least one) of `rows`, each of `dim` elements,
      and calls `store` with a column (an index) and the f32 vector that starts
      there, for all columns.
    }], "void", "emitPool", (ins "::mlir::pbs::cpu::CodeBuilder &":$b,
           "const ::mlir::pbs::cpu::RowSource &":$rows,
           "::mlir::Value":$count, "int64_t":$dim,
           "::llvm::function_ref<void(::mlir::Value, ::mlir::Value)>":$store)>,
  ];
}

#endif // PBS_CONVERSION_PBSTOCPU_POLICIES_TD
