//===- PBSDialect.cpp - Registration of the pbs dialect -------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScoreRegion.h"
#include "mlir/IR/DialectImplementation.h"
#include "pbs/Dialect/PBS/IR/PBS.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::pbs;

#include "pbs/Dialect/PBS/IR/PBSDialect.cpp.inc"
#include "pbs/Dialect/PBS/IR/PBSOpInterfaces.cpp.inc"

void PBSDialect::initialize() {
  registerPolicies();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "pbs/Dialect/PBS/IR/PBSOps.cpp.inc"
      >();
}

#define GET_OP_CLASSES
#include "pbs/Dialect/PBS/IR/PBSOps.cpp.inc"
