//===- Kernels.h - The kernels of a module ----------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOPLAN_KERNELS_H
#define PBS_LIB_CONVERSION_PBSTOPLAN_KERNELS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "pbs/Dialect/Plan/IR/Plan.h"

namespace mlir::pbs {

/// A component of a result of an op.
struct ResultComponent {
  unsigned result;
  unsigned index;
};

/// Makes kernels; equal ones are one.
class Kernels {
public:
  explicit Kernels(ModuleOp module) : symbols(module) {}

  /// The kernel that computes `results` of `op` from `inputs`, the components
  /// of its operands. A new one stands before `program`.
  plan::KernelOp get(KernelOpInterface op, ValueRange inputs,
                     ArrayRef<ResultComponent> results,
                     plan::ProgramOp program);

  /// `program` has taken the place and the name of `func`, which goes.
  void replace(func::FuncOp func, plan::ProgramOp program) {
    symbols.remove(func);
    symbols.insert(program);
  }

  unsigned size() const { return kernels.size(); }

private:
  SymbolTable symbols;
  SmallVector<plan::KernelOp> kernels;
};

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTOPLAN_KERNELS_H
