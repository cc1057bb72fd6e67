//===- Components.cpp - Values of custom types as tensors -----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Components.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::pbs;

bool mlir::pbs::isPack(Operation *op) {
  return isa<PackBlockListOp, PackKVOp, PackPermutationOp>(op);
}

bool mlir::pbs::isUnpack(Operation *op) {
  return isa<UnpackBlockListOp, UnpackKVOp, UnpackPermutationOp>(op);
}

Value mlir::pbs::emitPack(OpBuilder &builder, Location loc, Type type,
                          ValueRange components) {
  return TypeSwitch<Type, Value>(type)
      .Case([&](PermutedKVType) -> Value {
        return PackKVOp::create(builder, loc, type, components);
      })
      .Case([&](BlockListType) -> Value {
        return PackBlockListOp::create(builder, loc, type, components);
      })
      .Case([&](PermutationType) -> Value {
        return PackPermutationOp::create(builder, loc, type, components);
      })
      .Default([&](Type) { return components.front(); });
}

SmallVector<Value> mlir::pbs::emitUnpack(OpBuilder &builder, Location loc,
                                         Value value) {
  Type type = value.getType();
  auto types = llvm::to_vector_of<Type>(getComponentTypes(type));
  return TypeSwitch<Type, SmallVector<Value>>(type)
      .Case([&](PermutedKVType) {
        return UnpackKVOp::create(builder, loc, types, value)->getResults();
      })
      .Case([&](BlockListType) {
        return UnpackBlockListOp::create(builder, loc, types, value)
            ->getResults();
      })
      .Case([&](PermutationType) {
        return UnpackPermutationOp::create(builder, loc, types, value)
            ->getResults();
      })
      .Default([&](Type) { return SmallVector<Value>{value}; });
}

SmallVector<std::string> mlir::pbs::getComponentNames(Type type,
                                                      StringRef name) {
  auto add = [&](ArrayRef<StringRef> suffixes) {
    SmallVector<std::string> names;
    for (StringRef suffix : suffixes)
      names.push_back((name + "." + suffix).str());
    return names;
  };
  return TypeSwitch<Type, SmallVector<std::string>>(type)
      .Case([&](PermutedKVType) {
        return add({"key", "value", "positions", "ranges"});
      })
      .Case([&](BlockListType) { return add({"bits"}); })
      .Case([&](PermutationType) { return add({"positions"}); })
      .Default([&](Type) { return SmallVector<std::string>{name.str()}; });
}

bool mlir::pbs::isSupportedType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return isa<PermutedKVType, BlockListType, PermutationType>(type);
  Type element = tensor.getElementType();
  return !tensor.getEncoding() && tensor.getRank() > 0 &&
         (element.isF32() || element.isF16() || element.isBF16() ||
          element.isSignlessInteger(32));
}
