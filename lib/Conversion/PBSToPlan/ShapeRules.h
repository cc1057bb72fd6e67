//===- ShapeRules.h - What has to hold of the shapes of a call --*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOPLAN_SHAPERULES_H
#define PBS_LIB_CONVERSION_PBSTOPLAN_SHAPERULES_H

#include "pbs/Dialect/PBS/IR/PBS.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::pbs {

/// Collects the constraints of a program over its symbols, and what they imply:
/// sizes that have to be equal are written by one symbol.
///
/// A size may be unknown at first: the lengths of a block list do not follow
/// from its buffer. An unknown is a dimension of an affine expression, and is
/// replaced by what it first has to be equal to.
class ShapeRules {
public:
  explicit ShapeRules(MLIRContext *context) : context(context) {}

  /// A new symbol: the next dynamic dimension of the arguments.
  AffineExpr addSymbol() { return getAffineSymbolExpr(numSymbols++, context); }
  /// A new unknown.
  AffineExpr addUnknown() { return getAffineDimExpr(numUnknowns++, context); }

  /// Requires `constraint` for what `loc` stands for. Fails with an error there
  /// if it holds for no shapes.
  LogicalResult require(Location loc, const ShapeConstraint &constraint);

  /// The dimensions of a value of `type`: those that the type names, which are
  /// required of `inferred`, else those. `what` names the value in messages.
  FailureOr<SymbolicShape> refine(Location loc, Type type,
                                  ArrayRef<AffineExpr> inferred,
                                  const Twine &what);

  /// Takes in what was required of unknowns that are known by now. To be called
  /// once, when nothing more is required. What is still unknown then is used by
  /// nothing.
  LogicalResult finish();

  /// `expr` by as few symbols as possible.
  AffineExpr resolve(AffineExpr expr) const;

  unsigned getNumSymbols() const { return numSymbols; }

  /// An attribute of each constraint, `#plan.constraint`.
  ArrayAttr getConstraints() const;

private:
  struct Deferred {
    Location loc;
    ShapeConstraint::Kind kind;
    AffineExpr lhs, rhs;
    StringAttr expectation;
  };
  LogicalResult add(const Deferred &rule, bool defer);

  MLIRContext *context;
  unsigned numSymbols = 0;
  unsigned numUnknowns = 0;
  /// What symbols and unknowns are replaced by.
  DenseMap<AffineExpr, AffineExpr> replacements;
  SmallVector<Deferred> deferred;
  /// Each as it is put into the attribute, which needs the number of symbols.
  llvm::SetVector<
      std::tuple<ShapeConstraint::Kind, AffineExpr, AffineExpr, StringAttr>>
      constraints;
};

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTOPLAN_SHAPERULES_H
