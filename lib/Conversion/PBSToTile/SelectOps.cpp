//===- SelectOps.cpp - Policies of selection ------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockRows.h"
#include "Kernels.h"
#include "Select.h"
#include "pbs/Conversion/PBSToTile/Policies.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace mlir;
using namespace mlir::pbs;

/// Fills in what the policies say; returns why there is no kernel for them.
static std::optional<std::string> setPolicies(SelectTask &task,
                                              StopRuleAttrInterface stopRule,
                                              ForcedSetAttrInterface forced) {
  std::string reason;
  llvm::raw_string_ostream stream(reason);
  auto prefix = dyn_cast<TileStopRuleInterface>(Attribute(stopRule));
  auto blocks = dyn_cast<TileForcedSetInterface>(Attribute(forced));
  if (!prefix) {
    stream << "expected a stop rule with code for a GPU, such as #pbs.top_p, "
              "got "
           << stopRule;
    return reason;
  }
  if (!blocks) {
    stream << "expected a forced set with code for a GPU, such as "
              "#pbs.own_and_sink, got "
           << forced;
    return reason;
  }
  PrefixRule rule = prefix.getPrefixRule();
  // False for NaN.
  if (!(rule.amount >= 0)) {
    stream << "expected an amount of at least 0, got " << rule.amount << " of "
           << stopRule;
    return reason;
  }
  task.isMass = rule.weight == PrefixRule::Weight::Mass;
  task.amount = rule.amount;
  task.takesAll = rule.takesAll;
  task.isNoneUnreached = rule.unreached == PrefixRule::Unreached::None;
  task.wholeOwn = blocks.listsInvisibleOwnBlocks();
  return std::nullopt;
}

/// Dimension `dim` of a value of a program over its symbols.
static AffineExpr getExtent(plan::ProgramOp program, Value value,
                            unsigned dim) {
  if (auto launch = value.getDefiningOp<plan::LaunchOp>())
    return launch.getShape(cast<OpResult>(value).getResultNumber())
        .getResult(dim);
  auto type = cast<RankedTensorType>(value.getType());
  unsigned argument = getBuffer(value);
  if (!type.isDynamicDim(dim))
    return getAffineConstantExpr(type.getDimSize(dim), value.getContext());
  auto symbols = program.getShapeSymbols();
  auto symbol = llvm::find_if(symbols, [&](auto symbol) {
    return symbol.argument == argument && symbol.dim == dim;
  });
  return getAffineSymbolExpr(symbol - symbols.begin(), value.getContext());
}

/// Lets programs refuse more keys than there is room for; returns why there is
/// none where the number is known.
static std::optional<std::string> limitKeys(const SelectTask &task,
                                            plan::KernelOp kernel) {
  if (task.takesAll && !task.scores)
    return std::nullopt;
  int64_t most = getMaxKeyBlocks(task.scoreWords) * kBlock;
  std::string expected = "at most " + std::to_string(most) +
                         " keys, of which the scores of a row have room";
  std::optional<std::string> reason;
  MLIRContext *context = kernel.getContext();
  auto module = kernel->getParentOfType<ModuleOp>();
  module.walk([&](plan::LaunchOp launch) {
    if (launch.getKernel() != kernel.getSymName())
      return;
    auto program = launch->getParentOfType<plan::ProgramOp>();
    AffineExpr keys = getExtent(program, launch.getInputs()[task.key], 2);
    if (auto known = dyn_cast<AffineConstantExpr>(keys)) {
      if (known.getValue() > most)
        reason = "expected " + expected + ", got " +
                 std::to_string(known.getValue());
      return;
    }
    auto sides =
        AffineMap::get(0, program.getShapeSymbols().size(),
                       {keys, getAffineConstantExpr(most, context)}, context);
    SmallVector<Attribute> constraints;
    if (ArrayAttr others = program.getConstraintsAttr())
      llvm::append_range(constraints, others);
    constraints.push_back(
        plan::ConstraintAttr::get(context, plan::ConstraintKind::AtMost, sides,
                                  StringAttr::get(context, expected)));
    program.setConstraintsAttr(ArrayAttr::get(context, constraints));
  });
  return reason;
}

/// Takes the room for scores from an option; returns what is wrong with it.
static std::optional<std::string> setScoreWords(SelectTask &task,
                                                int64_t scoreWords) {
  if (!scoreWords)
    return std::nullopt;
  task.scoreWords = scoreWords;
  if (scoreWords > 0 && scoreWords <= kScoreWords &&
      getMaxKeyBlocks(scoreWords) > 0)
    return std::nullopt;
  return "expected room for a row of scores, at most " +
         std::to_string(kScoreWords) + " words (score-words), got " +
         std::to_string(scoreWords);
}

/// What both ops have; returns why there is no kernel for it.
template <typename OpT>
static std::optional<std::string> setTask(SelectTask &task, OpT op,
                                          int64_t scoreWords) {
  BlockListType list = op.getList().getType();
  std::string reason;
  llvm::raw_string_ostream stream(reason);
  if (list.getQueryBlock() != kBlock || list.getKeyBlock() != kBlock)
    stream << "expected blocks of " << kBlock << "x" << kBlock << ", got "
           << list;
  if (!reason.empty())
    return reason;
  if (std::optional<std::string> wrong = setScoreWords(task, scoreWords))
    return wrong;
  task.segment = op.getKv().getType().getSegment();
  task.causal = list.getCausal();
  task.query = getBuffer(op.getQuery());
  auto kv = op.getKv().template getDefiningOp<PackKVOp>();
  task.key = getBuffer(kv.getKey());
  task.ranges = getBuffer(kv.getRanges());
  return setPolicies(task, op.getSelect(), op.getForced());
}

std::optional<std::string> mlir::pbs::writeKernel(FusedSelectBlocksOp op,
                                                  plan::KernelOp kernel,
                                                  Block *module,
                                                  int64_t scoreWords) {
  SelectTask task;
  task.headDim = op.getQuery().getType().getShape().back();
  std::string reason;
  llvm::raw_string_ostream stream(reason);
  if (task.headDim != 64 && task.headDim != 128)
    stream << "expected a head dimension of 64 or 128, got " << task.headDim;
  else if (!op.getKeyPool().getType().getElementType().isBF16())
    stream << "expected split pools (pbs-split-pools), got "
           << op.getKeyPool().getType();
  else if (!op.getQueryPool())
    stream << "expected pooled queries (pbs-split-pools), got none";
  if (!reason.empty())
    return reason;
  if (std::optional<std::string> unknown = setTask(task, op, scoreWords))
    return unknown;
  task.scale = op.getScale() ? op.getScale()->convertToDouble()
                             : 1 / std::sqrt(double(task.headDim));
  task.queryPool = getBuffer(op.getQueryPool());
  task.keyPool = getBuffer(op.getKeyPool());
  task.list = kernel.findResultBuffer(0);
  task.scores = kernel.findResultBuffer(1);
  if (std::optional<std::string> tooMany = limitKeys(task, kernel))
    return tooMany;
  writeSelection(task, kernel, module);
  return std::nullopt;
}

std::optional<std::string> mlir::pbs::writeKernel(SelectBlocksOp op,
                                                  plan::KernelOp kernel,
                                                  Block *module,
                                                  int64_t scoreWords) {
  SelectTask task;
  if (std::optional<std::string> unknown = setTask(task, op, scoreWords))
    return unknown;
  task.given = getBuffer(op.getScores());
  task.list = kernel.findResultBuffer(0);
  if (std::optional<std::string> tooMany = limitKeys(task, kernel))
    return tooMany;
  writeSelection(task, kernel, module);
  return std::nullopt;
}
