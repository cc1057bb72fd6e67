//===- pbs-test-policies.cpp - pbs-opt with policies from outside ---------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "pbs/Conversion/PBSToTile/Policies.h"
#include "pbs/Dialect/PBS/IR/PBS.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "pbs/Pipelines/Pipelines.h"
#include "llvm/ADT/TypeSwitch.h"

#include "OutsideDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "Outside.h.inc"

#include "OutsideDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "Outside.cpp.inc"

using namespace mlir;
using namespace mlir::pbs;
using namespace outside;

void OutsideDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "Outside.cpp.inc"
      >();
}

bool PercentAttr::isRowLocal() const { return true; }
bool ExactlyAttr::isRowLocal() const { return true; }
bool NoCodeAttr::isRowLocal() const { return true; }
bool WholeAttr::coversOwnSegments() const { return true; }
bool NoSetCodeAttr::coversOwnSegments() const { return true; }
int64_t FirstRowsAttr::getMaxRows() const { return getCount(); }
int64_t NoProxyCodeAttr::getMaxRows() const { return 128; }
bool SumPoolAttr::isOrderInvariant() const { return true; }
bool NoPoolCodeAttr::isOrderInvariant() const { return true; }

namespace {

struct PercentModel
    : TileStopRuleInterface::ExternalModel<PercentModel, PercentAttr> {
  PrefixRule getPrefixRule(Attribute attr) const {
    PrefixRule rule;
    rule.amount = double(cast<PercentAttr>(attr).getShare()) / 100;
    return rule;
  }
};

struct ExactlyModel
    : TileStopRuleInterface::ExternalModel<ExactlyModel, ExactlyAttr> {
  PrefixRule getPrefixRule(Attribute attr) const {
    PrefixRule rule;
    rule.weight = PrefixRule::Weight::One;
    rule.amount = double(cast<ExactlyAttr>(attr).getCount());
    rule.unreached = PrefixRule::Unreached::None;
    return rule;
  }
};

struct WholeModel
    : TileForcedSetInterface::ExternalModel<WholeModel, WholeAttr> {
  bool listsInvisibleOwnBlocks(Attribute) const { return true; }
};

struct FirstRowsModel
    : TileProxyInterface::ExternalModel<FirstRowsModel, FirstRowsAttr> {
  Value writeRows(Attribute, ImplicitLocOpBuilder &, Value numbers, Value,
                  Value) const {
    return numbers;
  }
};

struct SumPoolModel
    : TilePoolInterface::ExternalModel<SumPoolModel, SumPoolAttr> {
  Value writePool(Attribute, ImplicitLocOpBuilder &b, Value rows, Value) const {
    auto type = cast<RankedTensorType>(rows.getType());
    auto lane = RankedTensorType::get({type.getShape()[1]}, b.getF32Type(),
                                      tile::LaneAttr::get(b.getContext()));
    rows = arith::ExtFOp::create(b, type.clone(b.getF32Type()), rows);
    return tile::ReduceOp::create(b, lane, tile::ReduceKind::Add, rows,
                                  /*dim=*/0, /*offset=*/IntegerAttr());
  }
};

} // namespace

int main(int argc, char **argv) {
  DialectRegistry registry;
  pbs::registerDialects(registry);
  pbs::registerPasses();
  pbs::registerPipelines();
  registerTransformsPasses();
  registry.insert<OutsideDialect>();
  registry.addExtension(+[](MLIRContext *context, OutsideDialect *) {
    ExactlyAttr::attachInterface<ExactlyModel>(*context);
    FirstRowsAttr::attachInterface<FirstRowsModel>(*context);
    PercentAttr::attachInterface<PercentModel>(*context);
    SumPoolAttr::attachInterface<SumPoolModel>(*context);
    WholeAttr::attachInterface<WholeModel>(*context);
  });
  return asMainReturnCode(MlirOptMain(
      argc, argv, "pbs-opt with policies of another dialect\n", registry));
}
