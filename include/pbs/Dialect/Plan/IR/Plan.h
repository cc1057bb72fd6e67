//===- Plan.h - The plan dialect --------------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels, programs that launch them, and the attributes that describe code:
// the host side of a compiled program.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PLAN_IR_PLAN_H
#define PBS_DIALECT_PLAN_IR_PLAN_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/IntegerSet.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "pbs/Dialect/PBS/IR/PBS.h"

#include "pbs/Dialect/Plan/IR/PlanDialect.h.inc"
#include "pbs/Dialect/Plan/IR/PlanEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "pbs/Dialect/Plan/IR/PlanAttributes.h.inc"

namespace mlir::plan {
/// `first` and the code that is launched behind it, in this order.
SmallVector<CUDACodeAttr> getAllCode(CUDACodeAttr first);
} // namespace mlir::plan

#define GET_OP_CLASSES
#include "pbs/Dialect/Plan/IR/PlanOps.h.inc"

#endif // PBS_DIALECT_PLAN_IR_PLAN_H
