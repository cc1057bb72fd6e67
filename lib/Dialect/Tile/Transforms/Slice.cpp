//===- Slice.cpp - The part of a region that one side needs ---------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Slice.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::tile;

Slice::Slice(Region &region, function_ref<bool(Operation *)> isRoot,
             function_ref<bool(Operation *)> isLeaf)
    : isLeaf(isLeaf), region(region) {
  region.walk([&](Operation *op) {
    if (isRoot(op))
      need(op);
  });
  propagate();
}

/// The op is kept, with the control flow around it and its operands.
void Slice::need(Operation *op) {
  if (!ops.insert(op).second)
    return;
  Operation *parent = op->getParentOp();
  if (parent != region.getParentOp())
    need(parent);
  if (isLeaf(op))
    return;
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    need(loop.getLowerBound());
    need(loop.getUpperBound());
    need(loop.getStep());
  } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
    need(branch.getCondition());
  } else if (!op->hasTrait<OpTrait::IsTerminator>()) {
    for (Value operand : op->getOperands())
      need(operand);
  }
}

void Slice::need(Value value) {
  if (values.insert(value).second)
    work.push_back(value);
}

/// Values that a loop carries or an if gives need what they come from.
void Slice::propagate() {
  while (!work.empty()) {
    Value value = work.pop_back_val();
    scf::ForOp loop;
    unsigned index = 0;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
      if (!loop || argument == loop.getInductionVar() ||
          !region.isAncestor(loop->getParentRegion()))
        continue;
      index = argument.getArgNumber() - 1;
    } else {
      Operation *op = value.getDefiningOp();
      if (!region.isAncestor(op->getParentRegion()))
        continue;
      need(op);
      if (auto branch = dyn_cast<scf::IfOp>(op)) {
        unsigned result = cast<OpResult>(value).getResultNumber();
        need(branch.thenYield().getOperand(result));
        need(branch.elseYield().getOperand(result));
      }
      loop = dyn_cast<scf::ForOp>(op);
      if (!loop)
        continue;
      index = cast<OpResult>(value).getResultNumber();
    }
    need(loop.getResult(index));
    need(loop.getRegionIterArg(index));
    need(loop.getInits()[index]);
    need(loop.getYieldedValues()[index]);
  }
}

void Slice::clone(
    Block &block, OpBuilder &builder, IRMapping &mapping,
    function_ref<bool(Operation *, OpBuilder &, IRMapping &)> cloneOp) const {
  for (Operation &op : block.without_terminator()) {
    if (!contains(&op) || cloneOp(&op, builder, mapping))
      continue;
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      SmallVector<unsigned> kept;
      SmallVector<Value> inits;
      for (unsigned i = 0; i < loop.getNumRegionIterArgs(); ++i)
        if (contains(loop.getRegionIterArg(i))) {
          kept.push_back(i);
          inits.push_back(mapping.lookupOrDefault(loop.getInits()[i]));
        }
      auto copy = scf::ForOp::create(
          builder, loop.getLoc(), mapping.lookupOrDefault(loop.getLowerBound()),
          mapping.lookupOrDefault(loop.getUpperBound()),
          mapping.lookupOrDefault(loop.getStep()), inits);
      copy->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
      mapping.map(loop.getInductionVar(), copy.getInductionVar());
      for (auto [number, i] : llvm::enumerate(kept)) {
        mapping.map(loop.getRegionIterArg(i), copy.getRegionIterArg(number));
        mapping.map(loop.getResult(i), copy.getResult(number));
      }
      OpBuilder::InsertionGuard guard(builder);
      Block *body = copy.getBody();
      if (!body->empty())
        body->getTerminator()->erase();
      builder.setInsertionPointToEnd(body);
      clone(*loop.getBody(), builder, mapping, cloneOp);
      SmallVector<Value> yielded;
      for (unsigned i : kept)
        yielded.push_back(mapping.lookupOrDefault(loop.getYieldedValues()[i]));
      scf::YieldOp::create(builder, loop.getLoc(), yielded);
      continue;
    }
    if (auto branch = dyn_cast<scf::IfOp>(op)) {
      SmallVector<unsigned> kept;
      SmallVector<Type> types;
      for (OpResult result : branch.getResults())
        if (contains(result)) {
          kept.push_back(result.getResultNumber());
          types.push_back(result.getType());
        }
      auto copy =
          scf::IfOp::create(builder, branch.getLoc(), types,
                            mapping.lookupOrDefault(branch.getCondition()),
                            /*addThenBlock=*/true,
                            /*addElseBlock=*/branch.elseBlock() != nullptr);
      for (auto [number, i] : llvm::enumerate(kept))
        mapping.map(branch.getResult(i), copy.getResult(number));
      auto cloneBranch = [&](Block *from, Block *to) {
        OpBuilder::InsertionGuard guard(builder);
        if (!to->empty())
          to->getTerminator()->erase();
        builder.setInsertionPointToEnd(to);
        clone(*from, builder, mapping, cloneOp);
        SmallVector<Value> yielded;
        for (unsigned i : kept)
          yielded.push_back(
              mapping.lookupOrDefault(from->getTerminator()->getOperand(i)));
        scf::YieldOp::create(builder, branch.getLoc(), yielded);
      };
      cloneBranch(branch.thenBlock(), copy.thenBlock());
      if (branch.elseBlock())
        cloneBranch(branch.elseBlock(), copy.elseBlock());
      continue;
    }
    builder.clone(op, mapping);
  }
}

bool tile::dependsOn(Value value, Value source, Block *block) {
  SmallVector<Value> work{value};
  llvm::SmallPtrSet<Operation *, 16> seen;
  while (!work.empty()) {
    Value next = work.pop_back_val();
    if (next == source)
      return true;
    Operation *op = next.getDefiningOp();
    if (!op || op->getBlock() != block || !seen.insert(op).second)
      continue;
    op->walk([&](Operation *inner) {
      work.append(inner->operand_begin(), inner->operand_end());
    });
  }
  return false;
}
