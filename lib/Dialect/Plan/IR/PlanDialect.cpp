//===- PlanDialect.cpp - Registration of the plan dialect -----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/UB/IR/UBOps.h"
#include "pbs/Dialect/Plan/IR/Plan.h"

using namespace mlir;
using namespace mlir::plan;

#include "pbs/Dialect/Plan/IR/PlanDialect.cpp.inc"

void PlanDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "pbs/Dialect/Plan/IR/PlanOps.cpp.inc"
      >();
}
