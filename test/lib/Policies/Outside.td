//===- Outside.td - Policies of another dialect ------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Policies as someone else would add them: a dialect of their own, which no
// file of the compiler knows.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_LIB_POLICIES_OUTSIDE_TD
#define PBS_TEST_LIB_POLICIES_OUTSIDE_TD

include "pbs/Dialect/PBS/IR/PBSInterfaces.td"
include "mlir/IR/AttrTypeBase.td"

def Outside_Dialect : Dialect {
  let name = "outside";
  let cppNamespace = "::outside";
  let useDefaultAttributePrinterParser = 1;
}

class Outside_Attr<string name, string attrMnemonic, AttrInterface interface>
    : AttrDef<Outside_Dialect, name,
              [DeclareAttrInterfaceMethods<interface>]> {
  let mnemonic = attrMnemonic;
}

def Outside_PercentAttr : Outside_Attr<"Percent", "percent", PBS_StopRule> {
  let summary = "A share of the mass, in percent";
  let parameters = (ins "int64_t":$share);
  let assemblyFormat = "`<` $share `>`";
}

def Outside_ExactlyAttr : Outside_Attr<"Exactly", "exactly", PBS_StopRule> {
  let summary = "So many candidates, or none if there are fewer";
  let parameters = (ins "int64_t":$count);
  let assemblyFormat = "`<` $count `>`";
}

def Outside_NoCodeAttr : Outside_Attr<"NoCode", "no_code", PBS_StopRule> {
  let summary = "A stop rule without code for any target";
}

def Outside_WholeAttr : Outside_Attr<"Whole", "whole", PBS_ForcedSet> {
  let summary = "The own segments as a whole";
}

def Outside_NoSetCodeAttr
    : Outside_Attr<"NoSetCode", "no_set_code", PBS_ForcedSet> {
  let summary = "A forced set without code for any target";
}

def Outside_FirstRowsAttr : Outside_Attr<"FirstRows", "first_rows", PBS_Proxy> {
  let summary = "The first query rows";
  let parameters = (ins "int64_t":$count);
  let assemblyFormat = "`<` $count `>`";
}

def Outside_NoProxyCodeAttr
    : Outside_Attr<"NoProxyCode", "no_proxy_code", PBS_Proxy> {
  let summary = "A proxy without code for any target";
}

def Outside_SumPoolAttr : Outside_Attr<"SumPool", "sum_pool", PBS_Pool> {
  let summary = "The sum of the rows of a block";
}

def Outside_NoPoolCodeAttr
    : Outside_Attr<"NoPoolCode", "no_pool_code", PBS_Pool> {
  let summary = "A pool without code for any target";
}

#endif // PBS_TEST_LIB_POLICIES_OUTSIDE_TD
