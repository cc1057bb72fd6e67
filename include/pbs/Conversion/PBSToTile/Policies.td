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

#endif // PBS_CONVERSION_PBSTOTILE_POLICIES_TD
