//===- Policies.td - GPU code of policies ------------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a policy attribute of the pbs dialect implements, by an external model,
// to be usable on a GPU. `convert-pbs-to-tile` leaves a kernel with a policy
// that lacks its interface, with a remark.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTOTILE_POLICIES_TD
#define PBS_CONVERSION_PBSTOTILE_POLICIES_TD

include "mlir/IR/OpBase.td"

class PBS_TilePolicy<string name> : AttrInterface<name> {
  let cppNamespace = "::mlir::pbs";
}

def PBS_TileStopRule : PBS_TilePolicy<"TileStopRuleInterface"> {
  let description = [{
    A stop rule that takes a prefix of the candidates in descending order of
    their scores. The kernel finds where it ends without sorting.
  }];
  let methods = [
    InterfaceMethod<[{
      How long the prefix is.
    }], "::mlir::pbs::PrefixRule", "getPrefixRule">,
  ];
}

def PBS_TileForcedSet : PBS_TilePolicy<"TileForcedSetInterface"> {
  let description = [{
    A forced set that holds blocks of the own segments, and the block of the
    first key.
  }];
  let methods = [
    InterfaceMethod<[{
      True if blocks of the own segments are listed that hold no visible key.
    }], "bool", "listsInvisibleOwnBlocks">,
  ];
}

def PBS_TileProxy : PBS_TilePolicy<"TileProxyInterface"> {
  let description = [{
    A choice of proxy rows that are gathered (`pbs.gather_proxies`). The last rows
    need not be: for a proxy that says it is them nobody asks.
  }];
  let methods = [
    InterfaceMethod<[{
      The query rows that are the proxy rows of the numbers `numbers`, of `count`,
      which is the smaller one of the policy's number of rows and `numQueries`; both
      are at least 1. All are register tiles of i32 of one type, and so is the
      result, written with ops of arith. Numbers from `count` on may give
      anything, but must not divide by 0.
    }], "::mlir::Value", "writeRows",
      (ins "::mlir::ImplicitLocOpBuilder &":$b, "::mlir::Value":$numbers,
           "::mlir::Value":$count, "::mlir::Value":$numQueries)>,
  ];
}

def PBS_TilePool : PBS_TilePolicy<"TilePoolInterface"> {
  let description = [{ A pool of the rows of a block. }];
  let methods = [
    InterfaceMethod<[{
      The pool, a `#tile.lane` of f32 with an element for each column, of the first
      `count` rows of `rows`, a `#tile.blocked` of the element type of what is
      pooled. `count` is an i32 of at least 1, which may be more than there are
      rows; all other rows are 0.
    }], "::mlir::Value", "writePool",
      (ins "::mlir::ImplicitLocOpBuilder &":$b, "::mlir::Value":$rows,
           "::mlir::Value":$count)>,
  ];
}

#endif // PBS_CONVERSION_PBSTOTILE_POLICIES_TD
