//===- PBS.h - The pbs dialect ----------------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Types, attributes, interfaces and ops of level 1: the algorithm with value
// semantics.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_PBS_IR_PBS_H
#define PBS_DIALECT_PBS_IR_PBS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::pbs {

/// The logical dimensions of a value, as expressions: those of a tensor type,
/// or the `shape` of a type of this dialect.
using SymbolicShape = SmallVector<AffineExpr, 4>;

/// What has to hold of the shapes of an op's operands. A violation reads
/// "expected `expectation`, got LHS and RHS".
struct ShapeConstraint {
  enum class Kind {
    /// `lhs == rhs`
    Equal,
    /// `lhs` is a multiple of `rhs`; of 0 only 0 is one.
    Multiple
  };
  Kind kind;
  AffineExpr lhs;
  AffineExpr rhs;
  /// For example "keys and values of the same length".
  StringRef expectation;
};

/// The logical dimensions of `type`, `ShapedType::kDynamic` where unknown;
/// empty if the type has none.
ArrayRef<int64_t> getLogicalShape(Type type);

/// The builtin tensor types that a value of `type` consists of, in the order of
/// the documentation of the type; `type` itself for a tensor. Dimensions that
/// depend on a dynamic one are dynamic.
SmallVector<RankedTensorType> getComponentTypes(Type type);

/// The shapes of the components of a value of `type` whose logical dimensions
/// are `shape`, in the order of `getComponentTypes`.
SmallVector<SymbolicShape> getComponentShapes(Type type,
                                              ArrayRef<AffineExpr> shape);

} // namespace mlir::pbs

#include "pbs/Dialect/PBS/IR/PBSAttrInterfaces.h.inc"
#include "pbs/Dialect/PBS/IR/PBSDialect.h.inc"
#include "pbs/Dialect/PBS/IR/PBSOpInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "pbs/Dialect/PBS/IR/PBSAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "pbs/Dialect/PBS/IR/PBSTypes.h.inc"

#define GET_OP_CLASSES
#include "pbs/Dialect/PBS/IR/PBSOps.h.inc"

#endif // PBS_DIALECT_PBS_IR_PBS_H
