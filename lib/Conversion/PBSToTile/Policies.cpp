//===- Policies.cpp - GPU code of the policies of the pbs dialect ---------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Conversion/PBSToTile/Policies.h"
#include "pbs/Dialect/PBS/IR/PBS.h"

using namespace mlir;
using namespace mlir::pbs;

#include "pbs/Conversion/PBSToTile/Policies.cpp.inc"

namespace {

//===----------------------------------------------------------------------===//
// Stop rules
//===----------------------------------------------------------------------===//

struct TopPModel : TileStopRuleInterface::ExternalModel<TopPModel, TopPAttr> {
  PrefixRule getPrefixRule(Attribute attr) const {
    PrefixRule rule;
    rule.amount = cast<TopPAttr>(attr).getThreshold().convertToDouble();
    rule.takesAll = rule.amount >= 1;
    return rule;
  }
};

struct ReferenceTopPModel
    : TileStopRuleInterface::ExternalModel<ReferenceTopPModel,
                                           ReferenceTopPAttr> {
  PrefixRule getPrefixRule(Attribute attr) const {
    PrefixRule rule;
    rule.amount =
        cast<ReferenceTopPAttr>(attr).getThreshold().convertToDouble();
    rule.unreached = PrefixRule::Unreached::None;
    return rule;
  }
};

struct TopKModel : TileStopRuleInterface::ExternalModel<TopKModel, TopKAttr> {
  PrefixRule getPrefixRule(Attribute attr) const {
    PrefixRule rule;
    rule.weight = PrefixRule::Weight::One;
    rule.amount = double(cast<TopKAttr>(attr).getCount());
    return rule;
  }
};

//===----------------------------------------------------------------------===//
// Forced sets
//===----------------------------------------------------------------------===//

struct OwnAndSinkModel
    : TileForcedSetInterface::ExternalModel<OwnAndSinkModel, OwnAndSinkAttr> {
  bool listsInvisibleOwnBlocks(Attribute) const { return false; }
};

struct WholeOwnAndSinkModel
    : TileForcedSetInterface::ExternalModel<WholeOwnAndSinkModel,
                                            WholeOwnAndSinkAttr> {
  bool listsInvisibleOwnBlocks(Attribute) const { return true; }
};

} // namespace

void mlir::pbs::registerTilePolicies(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, PBSDialect *) {
    OwnAndSinkAttr::attachInterface<OwnAndSinkModel>(*context);
    ReferenceTopPAttr::attachInterface<ReferenceTopPModel>(*context);
    TopKAttr::attachInterface<TopKModel>(*context);
    TopPAttr::attachInterface<TopPModel>(*context);
    WholeOwnAndSinkAttr::attachInterface<WholeOwnAndSinkModel>(*context);
  });
}
