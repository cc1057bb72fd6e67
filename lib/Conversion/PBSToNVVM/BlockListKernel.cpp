//===- BlockListKernel.cpp - Index lists to bit rows -------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "pbs/Conversion/PBSToNVVM/AttentionKernel.h"

using namespace mlir;
using namespace mlir::pbs;

FailureOr<Operation *> mlir::pbs::buildBlockListKernel(OpBuilder &builder,
                                                       Location loc) {
  return emitError(loc) << "not built";
}
