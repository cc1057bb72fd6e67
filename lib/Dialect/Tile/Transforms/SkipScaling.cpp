//===- SkipScaling.cpp - No multiplication by 1 ---------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Config.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "pbs/Dialect/Tile/Transforms/Passes.h"

namespace mlir::tile {
#define GEN_PASS_DEF_SKIPSCALINGPASS
#include "pbs/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tile

using namespace mlir;
using namespace mlir::tile;

/// The select that gives the factors of rows, 1 where its condition does not
/// hold; null if `factors` is something else.
static arith::SelectOp getFactor(Value factors) {
  auto broadcast = factors.getDefiningOp<BroadcastOp>();
  if (!broadcast)
    return {};
  auto select = broadcast.getSource().getDefiningOp<arith::SelectOp>();
  if (!select ||
      select.getCondition().getType() !=
          cast<RankedTensorType>(select.getType())
              .clone(IntegerType::get(select.getContext(), 1)) ||
      !isa<RowAttr>(cast<RankedTensorType>(select.getType()).getEncoding()) ||
      !matchPattern(select.getFalseValue(), m_OneFloat()))
    return {};
  return select;
}

static bool isAccumulator(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return isa<AccAttr>(type.getEncoding()) && type.getElementType().isF32();
}

namespace {
struct SkipScalingPass final
    : tile::impl::SkipScalingPassBase<SkipScalingPass> {
  void runOnOperation() override {
    FuncOp func = getOperation();
    FailureOr<ConfigAttr> config = requireConfig(func);
    if (failed(config))
      return signalPassFailure();
    SmallVector<arith::MulFOp> products;
    func.walk([&](arith::MulFOp product) { products.push_back(product); });
    for (arith::MulFOp product : products) {
      for (bool swapped : {false, true}) {
        Value source = product->getOperand(swapped ? 1 : 0);
        Value factors = product->getOperand(swapped ? 0 : 1);
        arith::SelectOp factor = getFactor(factors);
        if (!factor || !isAccumulator(source))
          continue;
        auto broadcast = factors.getDefiningOp<BroadcastOp>();
        if (config->getSkipScaling()) {
          skip(product, source, broadcast, factor);
          ++numSkipped;
        } else {
          predicate(product, source, factor);
          ++numPredicated;
        }
        if (broadcast->use_empty())
          broadcast.erase();
        break;
      }
    }
  }

private:
  void skip(arith::MulFOp product, Value source, BroadcastOp factors,
            arith::SelectOp factor) {
    Location loc = product.getLoc();
    OpBuilder builder(factor);
    Value any =
        AnyOp::create(builder, loc, builder.getI1Type(), factor.getCondition());
    builder.setInsertionPoint(product);
    auto branch = scf::IfOp::create(
        builder, loc, any,
        [&](OpBuilder &b, Location) {
          IRMapping mapping;
          b.clone(*factors, mapping);
          Operation *scaled = b.clone(*product, mapping);
          scf::YieldOp::create(b, loc, scaled->getResults());
        },
        [&](OpBuilder &b, Location) { scf::YieldOp::create(b, loc, source); });
    product.replaceAllUsesWith(branch.getResult(0));
    product.erase();
  }

  void predicate(arith::MulFOp product, Value source, arith::SelectOp factor) {
    OpBuilder builder(product);
    Value scaled = ScaleRowsOp::create(
        builder, product.getLoc(), product.getType(), source,
        factor.getTrueValue(), factor.getCondition());
    product.replaceAllUsesWith(scaled);
    product.erase();
  }
};
} // namespace
