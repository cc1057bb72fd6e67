//===- Policies.cpp - CPU code of the policies of the pbs dialect ---------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Conversion/PBSToCPU/Policies.h"
#include "Tiles.h"
#include "pbs/Dialect/PBS/IR/PBS.h"

using namespace mlir;
using namespace mlir::pbs;
using namespace mlir::pbs::cpu;

#include "pbs/Conversion/PBSToCPU/Policies.cpp.inc"

static constexpr double kLog2E = 1.4426950408889634;

//===----------------------------------------------------------------------===//
// Stop rules
//===----------------------------------------------------------------------===//

static void emitListAll(CodeBuilder &b, Selection &selection) {
  selection.emitForEachCandidate(
      b, [&](Value block) { selection.emitList(b, block); });
}

/// Lists sorted candidates until their softmax mass reaches `threshold`. With
/// `allOrNothing` none where it never does, which NaN brings about, too.
static void emitTopP(CodeBuilder &b, Selection &selection, double threshold,
                     bool allOrNothing) {
  selection.emitSort(b);
  Value zero = b.index(0), count = selection.emitNumCandidates(b);
  Type f64 = b.getF64Type();
  auto score = [&](Value i) {
    return b.castf(b.load(selection.scores, selection.emitSorted(b, i)), f64);
  };
  b.ifThen(b.lt(zero, count), [&] {
    // Sums in f64 do not depend on the number of candidates as f32 would, and
    // the comparison needs no division.
    Value max = score(zero);
    auto weigh = [&](Value i) {
      Value x = b.mulf(b.subf(score(i), max), b.f64(kLog2E));
      return b.castf(emitExp2OfF64(b, x), f64);
    };
    Value total = b.forLoop(zero, count, 1, b.f64(0),
                            [&](Value i, ValueRange sum) -> Values {
                              return {b.addf(sum[0], weigh(i))};
                            })[0];
    Value target = b.mulf(total, b.f64(threshold));
    Value end = count;
    if (allOrNothing)
      end = b.select(b.lef(target, total), count, zero);
    Value missing = b.constant(b.getI1Type(), 1);
    b.whileLoop(
        {zero, b.f64(0), missing},
        [&](ValueRange args) { return b.bitAnd(b.lt(args[0], end), args[2]); },
        [&](ValueRange args) -> Values {
          selection.emitList(b, selection.emitSorted(b, args[0]));
          Value sum = b.addf(args[1], weigh(args[0]));
          // True for NaN: such a row is never done.
          Value goOn = b.bitXor(b.lef(target, sum), missing);
          return {b.add(args[0], b.index(1)), sum, goOn};
        });
  });
}

namespace {

struct TopPModel : CPUStopRuleInterface::ExternalModel<TopPModel, TopPAttr> {
  void emitChoice(Attribute attr, CodeBuilder &b, Selection &selection) const {
    double threshold = cast<TopPAttr>(attr).getThreshold().convertToDouble();
    if (threshold >= 1)
      return emitListAll(b, selection);
    emitTopP(b, selection, threshold, /*allOrNothing=*/false);
  }
};

struct ReferenceTopPModel
    : CPUStopRuleInterface::ExternalModel<ReferenceTopPModel,
                                          ReferenceTopPAttr> {
  void emitChoice(Attribute attr, CodeBuilder &b, Selection &selection) const {
    emitTopP(b, selection,
             cast<ReferenceTopPAttr>(attr).getThreshold().convertToDouble(),
             /*allOrNothing=*/true);
  }
};

struct TopKModel : CPUStopRuleInterface::ExternalModel<TopKModel, TopKAttr> {
  void emitChoice(Attribute attr, CodeBuilder &b, Selection &selection) const {
    selection.emitSort(b);
    Value count = selection.emitNumCandidates(b);
    Value wanted = b.index(cast<TopKAttr>(attr).getCount());
    Value end = b.select(selection.emitHasNaN(b), count, b.min(wanted, count));
    b.forLoop(b.index(0), end, 1, [&](Value i) {
      selection.emitList(b, selection.emitSorted(b, i));
    });
  }
};

//===----------------------------------------------------------------------===//
// Forced sets
//===----------------------------------------------------------------------===//

/// The block that holds key position 0.
void emitListSink(CodeBuilder &b, Selection &selection) {
  b.forLoop(b.index(0), selection.numBlocks, 1, [&](Value block) {
    Value min = selection.emitMinPosition(b, block);
    b.ifThen(b.eq(min, b.index(0)), [&] { selection.emitList(b, block); });
  });
}

struct OwnAndSinkModel
    : CPUForcedSetInterface::ExternalModel<OwnAndSinkModel, OwnAndSinkAttr> {
  void emitForced(Attribute, CodeBuilder &b, Selection &selection) const {
    b.forLoop(selection.ownBegin, selection.ownEnd, 1, [&](Value block) {
      if (!selection.causal)
        return selection.emitList(b, block);
      Value min = selection.emitMinPosition(b, block);
      b.ifThen(b.le(min, selection.high),
               [&] { selection.emitList(b, block); });
    });
    emitListSink(b, selection);
  }
};

struct WholeOwnAndSinkModel
    : CPUForcedSetInterface::ExternalModel<WholeOwnAndSinkModel,
                                           WholeOwnAndSinkAttr> {
  void emitForced(Attribute, CodeBuilder &b, Selection &selection) const {
    b.forLoop(selection.ownBegin, selection.ownEnd, 1,
              [&](Value block) { selection.emitList(b, block); });
    emitListSink(b, selection);
  }
};

//===----------------------------------------------------------------------===//
// Proxies
//===----------------------------------------------------------------------===//

struct LastRowsModel
    : CPUProxyInterface::ExternalModel<LastRowsModel, LastRowsAttr> {
  Value emitRow(Attribute, CodeBuilder &b, Value i, Value count,
                Value numQueries) const {
    return b.add(b.sub(numQueries, count), i);
  }
};

struct StridedRowsModel
    : CPUProxyInterface::ExternalModel<StridedRowsModel, StridedRowsAttr> {
  Value emitRow(Attribute, CodeBuilder &b, Value i, Value count,
                Value numQueries) const {
    Value one = b.index(1);
    Value last = b.sub(numQueries, one);
    Value distance = b.div(numQueries, count);
    return b.sub(last, b.mul(b.sub(b.sub(count, one), i), distance));
  }
};

/// One step of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom
/// number generators, OOPSLA 2014) from `state`, an i64.
Value emitSplitMix64(CodeBuilder &b, Value state) {
  auto constant = [&](uint64_t value) {
    return b.i64(static_cast<int64_t>(value));
  };
  auto mix = [&](Value z, int64_t shift) {
    return b.bitXor(z, b.shr(z, b.i64(shift)));
  };
  Value z = b.add(state, constant(0x9E3779B97F4A7C15));
  z = b.mul(mix(z, 30), constant(0xBF58476D1CE4E5B9));
  z = b.mul(mix(z, 27), constant(0x94D049BB133111EB));
  return mix(z, 31);
}

struct RandomRowsModel
    : CPUProxyInterface::ExternalModel<RandomRowsModel, RandomRowsAttr> {
  Value emitRow(Attribute attr, CodeBuilder &b, Value i, Value count,
                Value numQueries) const {
    auto bound = [&](Value stratum) {
      return b.div(b.mul(stratum, numQueries), count);
    };
    Value low = bound(i), high = bound(b.add(i, b.index(1)));
    Value seed = b.i64(cast<RandomRowsAttr>(attr).getSeed());
    Value number = emitSplitMix64(b, b.add(seed, b.intCast(i, b.getI64Type())));
    Value size = b.sub(high, low);
    return b.add(low, b.rem(b.intCast(number, b.getIndexType()), size));
  }
};

//===----------------------------------------------------------------------===//
// Pools
//===----------------------------------------------------------------------===//

struct MeanPoolModel
    : CPUPoolInterface::ExternalModel<MeanPoolModel, MeanPoolAttr> {
  void emitPool(Attribute, CodeBuilder &b, const RowSource &rows, Value count,
                int64_t dim, function_ref<void(Value, Value)> store) const {
    int64_t lanes = getDimLanes(b, dim);
    Type f32 = b.getF32Type();
    Value none = b.constant(vectorOf(f32, lanes), 0.0);
    Value size = b.splat(b.intToFloat(count, f32), lanes);
    b.forLoop(b.index(0), b.index(dim), lanes, [&](Value d) {
      Value sum = b.forLoop(
          b.index(0), count, 1, none, [&](Value i, ValueRange args) -> Values {
            Value v = b.loadVector(rows.memref,
                                   {rows.batch, rows.head, rows.rowIndex(i), d},
                                   lanes);
            return {b.addf(args[0], b.castf(v, f32))};
          })[0];
      store(d, b.divf(sum, size));
    });
  }
};

} // namespace

void mlir::pbs::cpu::registerCPUPolicies(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, PBSDialect *) {
    LastRowsAttr::attachInterface<LastRowsModel>(*context);
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
