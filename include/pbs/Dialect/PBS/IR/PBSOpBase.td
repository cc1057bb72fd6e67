//===- PBSOpBase.td - Common parts of the ops --------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PBS_IR_PBSOPBASE_TD
#define PBS_DIALECT_PBS_IR_PBSOPBASE_TD

include "pbs/Dialect/PBS/IR/PBSAttributes.td"
include "pbs/Dialect/PBS/IR/PBSDialect.td"
include "pbs/Dialect/PBS/IR/PBSInterfaces.td"
include "pbs/Dialect/PBS/IR/PBSTypes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Shared constraints
//===----------------------------------------------------------------------===//

/// Queries, keys, values, outputs: `[B, H, N, D]`.
def PBS_Tensor : 4DTensorOf<[F32, BF16, F16]>;
/// A value in f32 for each key, `[B, H, N]`, or row, `[B, H, M]`.
def PBS_RowTensor : 3DTensorOf<[F32]>;
/// Pools, scores, statistics in f32, all of rank 4.
def PBS_F32Tensor : 4DTensorOf<[F32]>;
/// Pools in f32, or split into pairs of bf16 (`pbs.split_pool`).
def PBS_PoolTensor : 4DTensorOf<[F32, BF16]>;
def PBS_IndexTensor1 : 1DTensorOf<[I32]>;
def PBS_IndexTensor3 : 3DTensorOf<[I32]>;
def PBS_IndexTensor4 : 4DTensorOf<[I32]>;

class PBS_PolicyAttr<AttrInterface interface, string text>
    : Attr<CPred<"::llvm::isa<::mlir::pbs::" # interface.cppInterfaceName # ">($_self)">,
           text> {
  let storageType = "::mlir::pbs::" # interface.cppInterfaceName;
  let returnType = "::mlir::pbs::" # interface.cppInterfaceName;
  let convertFromStorage = "$_self";
  let constBuilderCall = "$0";
}

def PBS_StopRulePolicy : PBS_PolicyAttr<PBS_StopRule, "stop rule such as #pbs.top_p<0.9>">;
def PBS_PoolPolicy : PBS_PolicyAttr<PBS_Pool, "pool such as #pbs.mean_pool">;
def PBS_ProxyPolicy : PBS_PolicyAttr<PBS_Proxy, "proxy such as #pbs.last_rows<128>">;
def PBS_SharingPolicy : PBS_PolicyAttr<PBS_Sharing, "sharing such as #pbs.share_mean">;
def PBS_ForcedSetPolicy : PBS_PolicyAttr<PBS_ForcedSet, "forced set such as #pbs.own_and_sink">;

class PBS_Default<Attr base, string value> : DefaultValuedAttr<base, value>;
def PBS_StopRuleDefault : PBS_Default<PBS_StopRulePolicy, "TopPAttr::get($_builder.getContext(), ::llvm::APFloat(0.9))">;
def PBS_PoolDefault : PBS_Default<PBS_PoolPolicy, "MeanPoolAttr::get($_builder.getContext())">;
def PBS_ProxyDefault : PBS_Default<PBS_ProxyPolicy, "LastRowsAttr::get($_builder.getContext(), 128)">;
def PBS_SharingDefault : PBS_Default<PBS_SharingPolicy, "ShareMeanAttr::get($_builder.getContext())">;
def PBS_ForcedSetDefault : PBS_Default<PBS_ForcedSetPolicy, "OwnAndSinkAttr::get($_builder.getContext())">;

/// A positive size in rows.
def PBS_RowCount : ConfinedAttr<I64Attr, [IntPositive]>;
def PBS_BlockSize : PBS_Default<PBS_RowCount, "128">;
def PBS_SegmentSize : PBS_Default<PBS_RowCount, "256">;

class PBS_Op<string mnemonic, list<Trait> traits = []>
    : Op<PBS_Dialect, mnemonic, traits # [Pure]> {
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

/// An op with shape rules.
class PBS_ShapedOp<string mnemonic, list<Trait> traits = []>
    : PBS_Op<mnemonic,
             traits # [DeclareOpInterfaceMethods<PBS_SymbolicShapeOp>]>;

/// An op that becomes one kernel.
class PBS_ComputeOp<string mnemonic, list<string> methods = []>
    : PBS_ShapedOp<mnemonic,
                   [DeclareOpInterfaceMethods<PBS_KernelOp, methods>]>;

/// The score region of an attention op.
class PBS_ScoredOp<string mnemonic, list<Trait> traits = []>
    : PBS_ShapedOp<mnemonic, traits # [IsolatedFromAbove]> {
  let regions = (region MaxSizedRegion<1>:$score);
  let assemblyFormat = [{
    operands attr-dict custom<ScoreRegion>($score) `:`
    functional-type(operands, results)
  }];
  let hasRegionVerifier = 1;
}

#endif // PBS_DIALECT_PBS_IR_PBSOPBASE_TD
