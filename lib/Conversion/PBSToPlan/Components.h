//===- Components.h - Values of custom types as tensors ---------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOPLAN_COMPONENTS_H
#define PBS_LIB_CONVERSION_PBSTOPLAN_COMPONENTS_H

#include "pbs/Dialect/PBS/IR/PBS.h"

namespace mlir::pbs {

/// True for the ops that put a value together and compute nothing.
bool isPack(Operation *op);
/// True for the ops that take a value apart and compute nothing.
bool isUnpack(Operation *op);

/// Appends `components` packed as one value of `type`; a tensor is its own
/// component.
Value emitPack(OpBuilder &builder, Location loc, Type type,
               ValueRange components);

/// Appends the components of `value`.
SmallVector<Value> emitUnpack(OpBuilder &builder, Location loc, Value value);

/// Names of the components of a value of `type` called `name`: "kv.key" for
/// example, or `name` for a tensor.
SmallVector<std::string> getComponentNames(Type type, StringRef name);

/// True for tensors that the runtime has buffers of, and for the types of the
/// pbs dialect.
bool isSupportedType(Type type);

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTOPLAN_COMPONENTS_H
