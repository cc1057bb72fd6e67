//===- Policies.cpp - GPU code of the policies of the pbs dialect ---------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Conversion/PBSToTile/Policies.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "pbs/Dialect/PBS/IR/PBS.h"
#include "pbs/Dialect/Tile/IR/Tile.h"

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

//===----------------------------------------------------------------------===//
// Proxies
//===----------------------------------------------------------------------===//

/// `value` in each element of a tile of integers.
Value filled(ImplicitLocOpBuilder &b, Type type, uint64_t value) {
  auto tensor = cast<RankedTensorType>(type);
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(tensor,
                                APInt(tensor.getElementTypeBitWidth(), value)));
}

struct StridedRowsModel
    : TileProxyInterface::ExternalModel<StridedRowsModel, StridedRowsAttr> {
  Value writeRows(Attribute, ImplicitLocOpBuilder &b, Value numbers,
                  Value count, Value numQueries) const {
    // M - 1 - (P - 1 - i) * floor(M / P).
    Value one = filled(b, numbers.getType(), 1);
    Value behind =
        arith::SubIOp::create(b, arith::SubIOp::create(b, count, one), numbers);
    Value distance = arith::DivUIOp::create(b, numQueries, count);
    return arith::SubIOp::create(b, arith::SubIOp::create(b, numQueries, one),
                                 arith::MulIOp::create(b, behind, distance));
  }
};

/// One step of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom
/// number generators, OOPSLA 2014) from each state.
Value writeSplitMix64(ImplicitLocOpBuilder &b, Value state) {
  auto constant = [&](uint64_t value) {
    return filled(b, state.getType(), value);
  };
  auto mix = [&](Value z, uint64_t shift) -> Value {
    return arith::XOrIOp::create(b, z,
                                 arith::ShRUIOp::create(b, z, constant(shift)));
  };
  auto multiply = [&](Value z, uint64_t factor) -> Value {
    return arith::MulIOp::create(b, z, constant(factor));
  };
  Value z = arith::AddIOp::create(b, state, constant(0x9E3779B97F4A7C15));
  z = multiply(mix(z, 30), 0xBF58476D1CE4E5B9);
  z = multiply(mix(z, 27), 0x94D049BB133111EB);
  return mix(z, 31);
}

struct RandomRowsModel
    : TileProxyInterface::ExternalModel<RandomRowsModel, RandomRowsAttr> {
  Value writeRows(Attribute attr, ImplicitLocOpBuilder &b, Value numbers,
                  Value count, Value numQueries) const {
    auto narrow = cast<RankedTensorType>(numbers.getType());
    RankedTensorType wide = narrow.clone(b.getI64Type());
    auto widen = [&](Value value) -> Value {
      return arith::ExtUIOp::create(b, wide, value);
    };
    // floor(i * M / P) is i * (M / P) + i * (M mod P) / P, all of 32 bits: a
    // division of 64 bits would be a branch, by threads.
    Value each = arith::DivUIOp::create(b, numQueries, count);
    Value rest = arith::RemUIOp::create(b, numQueries, count);
    auto bound = [&](Value i) -> Value {
      Value more =
          arith::DivUIOp::create(b, arith::MulIOp::create(b, i, rest), count);
      return arith::AddIOp::create(b, arith::MulIOp::create(b, i, each), more);
    };
    Value low = bound(numbers);
    Value high = bound(arith::AddIOp::create(b, numbers, filled(b, narrow, 1)));
    uint64_t seed = static_cast<uint64_t>(cast<RandomRowsAttr>(attr).getSeed());
    Value random = writeSplitMix64(
        b, arith::AddIOp::create(b, filled(b, wide, seed), widen(numbers)));
    Value offset = arith::RemUIOp::create(
        b, random, widen(arith::SubIOp::create(b, high, low)));
    return arith::AddIOp::create(b, low,
                                 arith::TruncIOp::create(b, narrow, offset));
  }
};

//===----------------------------------------------------------------------===//
// Pools
//===----------------------------------------------------------------------===//

struct MeanPoolModel
    : TilePoolInterface::ExternalModel<MeanPoolModel, MeanPoolAttr> {
  Value writePool(Attribute, ImplicitLocOpBuilder &b, Value rows,
                  Value count) const {
    auto type = cast<RankedTensorType>(rows.getType());
    int64_t numRows = type.getShape()[0], columns = type.getShape()[1];
    Type f32 = b.getF32Type();
    auto lane = RankedTensorType::get({columns}, f32,
                                      tile::LaneAttr::get(b.getContext()));
    if (!type.getElementType().isF32())
      rows = arith::ExtFOp::create(b, type.clone(f32), rows);
    Value sum =
        tile::ReduceOp::create(b, lane, tile::ReduceKind::Add, rows, /*dim=*/0,
                               /*offset=*/IntegerAttr());
    Value all = arith::ConstantOp::create(b, b.getI32IntegerAttr(numRows));
    Value number =
        arith::SIToFPOp::create(b, f32, arith::MinSIOp::create(b, count, all));
    return arith::DivFOp::create(b, sum,
                                 tile::SplatOp::create(b, lane, number));
  }
};

} // namespace

void mlir::pbs::registerTilePolicies(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, PBSDialect *) {
    MeanPoolAttr::attachInterface<MeanPoolModel>(*context);
    OwnAndSinkAttr::attachInterface<OwnAndSinkModel>(*context);
    RandomRowsAttr::attachInterface<RandomRowsModel>(*context);
    ReferenceTopPAttr::attachInterface<ReferenceTopPModel>(*context);
    StridedRowsAttr::attachInterface<StridedRowsModel>(*context);
    TopKAttr::attachInterface<TopKModel>(*context);
    TopPAttr::attachInterface<TopPModel>(*context);
    WholeOwnAndSinkAttr::attachInterface<WholeOwnAndSinkModel>(*context);
  });
}
