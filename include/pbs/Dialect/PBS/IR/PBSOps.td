//===- PBSOps.td - Ops of the pbs dialect ------------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PBS_IR_PBSOPS_TD
#define PBS_DIALECT_PBS_IR_PBSOPS_TD

include "pbs/Dialect/PBS/IR/PBSAttentionOps.td"
include "pbs/Dialect/PBS/IR/PBSCoverageOps.td"
include "pbs/Dialect/PBS/IR/PBSMethodOps.td"
include "pbs/Dialect/PBS/IR/PBSSplitOps.td"
include "pbs/Dialect/PBS/IR/PBSValueOps.td"

#endif // PBS_DIALECT_PBS_IR_PBSOPS_TD
