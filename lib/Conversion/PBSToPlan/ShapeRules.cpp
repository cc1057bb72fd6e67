//===- ShapeRules.cpp - What has to hold of the shapes of a call ----------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ShapeRules.h"
#include "pbs/Dialect/Plan/IR/Plan.h"

using namespace mlir;
using namespace mlir::pbs;

static bool hasUnknown(AffineExpr expr) {
  bool found = false;
  expr.walk([&](AffineExpr part) { found |= isa<AffineDimExpr>(part); });
  return found;
}

AffineExpr ShapeRules::resolve(AffineExpr expr) const {
  // Each replacement is by something that stood before it, so this ends.
  for (AffineExpr next = expr.replace(replacements); next != expr;
       next = expr.replace(replacements))
    expr = next;
  return expr;
}

LogicalResult ShapeRules::require(Location loc,
                                  const ShapeConstraint &constraint) {
  return add({loc, constraint.kind, constraint.lhs, constraint.rhs,
              StringAttr::get(context, constraint.expectation)},
             /*defer=*/true);
}

LogicalResult ShapeRules::add(const Deferred &rule, bool defer) {
  AffineExpr lhs = resolve(rule.lhs), rhs = resolve(rule.rhs);
  // Every number is a multiple of itself, 0 included.
  if (lhs == rhs)
    return success();
  auto lhsConstant = dyn_cast<AffineConstantExpr>(lhs);
  auto rhsConstant = dyn_cast<AffineConstantExpr>(rhs);
  bool isEqual = rule.kind == ShapeConstraint::Kind::Equal;
  if (!isEqual && rhsConstant && rhsConstant.getValue() == 1)
    return success();
  if (lhsConstant && rhsConstant) {
    int64_t l = lhsConstant.getValue(), r = rhsConstant.getValue();
    if (!isEqual && (r == 0 ? l == 0 : l % r == 0))
      return success();
    return emitError(rule.loc) << "expected " << rule.expectation.getValue()
                               << ", got " << l << " and " << r;
  }

  if (hasUnknown(lhs) || hasUnknown(rhs)) {
    if (isEqual && isa<AffineDimExpr>(lhs) && !hasUnknown(rhs))
      replacements[lhs] = rhs;
    else if (isEqual && isa<AffineDimExpr>(rhs) && !hasUnknown(lhs))
      replacements[rhs] = lhs;
    else if (defer)
      deferred.push_back(rule);
    return success();
  }

  constraints.insert({rule.kind, lhs, rhs, rule.expectation});
  if (!isEqual)
    return success();
  auto lhsSymbol = dyn_cast<AffineSymbolExpr>(lhs);
  auto rhsSymbol = dyn_cast<AffineSymbolExpr>(rhs);
  if (lhsSymbol && (rhsConstant || (rhsSymbol && rhsSymbol.getPosition() <
                                                     lhsSymbol.getPosition())))
    replacements[lhs] = rhs;
  else if (rhsSymbol && (lhsConstant || lhsSymbol))
    replacements[rhs] = lhs;
  return success();
}

FailureOr<SymbolicShape> ShapeRules::refine(Location loc, Type type,
                                            ArrayRef<AffineExpr> inferred,
                                            const Twine &what) {
  SymbolicShape shape;
  for (auto [dim, size, expr] :
       llvm::enumerate(getLogicalShape(type), inferred)) {
    shape.push_back(expr);
    if (ShapedType::isDynamic(size))
      continue;
    AffineExpr constant = getAffineConstantExpr(size, context);
    std::string expectation =
        (what + " with dimension " + Twine(dim) + " as its type says").str();
    if (failed(require(
            loc, {ShapeConstraint::Kind::Equal, expr, constant, expectation})))
      return failure();
    shape.back() = constant;
  }
  return shape;
}

LogicalResult ShapeRules::finish() {
  for (const Deferred &rule : deferred)
    if (failed(add(rule, /*defer=*/false)))
      return failure();
  deferred.clear();
  return success();
}

ArrayAttr ShapeRules::getConstraints() const {
  SmallVector<Attribute> attrs;
  for (auto [kind, lhs, rhs, expectation] : constraints)
    attrs.push_back(plan::ConstraintAttr::get(
        context,
        kind == ShapeConstraint::Kind::Equal ? plan::ConstraintKind::Equal
                                             : plan::ConstraintKind::Multiple,
        AffineMap::get(0, numSymbols, {lhs, rhs}, context), expectation));
  return ArrayAttr::get(context, attrs);
}
