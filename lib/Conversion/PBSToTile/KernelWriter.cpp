//===- KernelWriter.cpp - Writing kernels of tiles ------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelWriter.h"

using namespace mlir;
using namespace mlir::pbs;

KernelWriter::KernelWriter(plan::KernelOp kernel, Block *module,
                           ArrayRef<unsigned> buffers,
                           ArrayRef<AffineExpr> items, AffineExpr blockScratch,
                           ItemList itemList)
    : ImplicitLocOpBuilder(kernel.getComputeOp().getLoc(),
                           kernel.getContext()) {
  setInsertionPointToEnd(module);
  SmallVector<Type> types;
  for (unsigned number : buffers) {
    RankedTensorType type = kernel.getBufferType(number);
    types.push_back(tile::GlobalType::get(getContext(), type.getShape(),
                                          type.getElementType()));
  }
  auto words =
      tile::GlobalType::get(getContext(), ShapedType::kDynamic, getI32Type());
  if (blockScratch)
    types.push_back(words);
  if (itemList != ItemList::None)
    types.push_back(words);
  bool follows = itemList == ItemList::Followed;
  StringRef name = kernel.getSymName();
  auto func = tile::FuncOp::create(
      *this, follows ? (name + "_again").str() : name.str(),
      getFunctionType(types, {}));
  if (follows)
    func->setAttr(tile::kFollowsAttrName,
                  FlatSymbolRefAttr::get(getContext(), name));
  entry = &func.getBody().front();
  for (auto [index, number] : llvm::enumerate(buffers)) {
    func.setArgAttr(index, tile::kBufferAttrName, getI32IntegerAttr(number));
    arguments[number] = entry->getArgument(index);
  }
  // The last symbol of sizes of a kernel is the number of multiprocessors.
  auto makeMap = [&](AffineExpr expr) {
    return AffineMapAttr::get(
        AffineMap::get(/*dimCount=*/0, kernel.getNumDims() + 1, expr));
  };
  AffineExpr count = getAffineConstantExpr(1);
  for (AffineExpr factor : items)
    count = count * factor;
  func->setAttr(tile::kItemsAttrName, makeMap(count));
  unsigned next = buffers.size();
  if (blockScratch) {
    scratch = entry->getArgument(next);
    func.setArgAttr(next++, tile::kBlockScratchAttrName, makeMap(blockScratch));
  }
  if (itemList != ItemList::None) {
    list = entry->getArgument(next);
    func.setArgAttr(next, tile::kItemListAttrName, getUnitAttr());
  }
  setInsertionPointToEnd(entry);
  auto end = tile::ReturnOp::create(*this);
  setInsertionPoint(end);
}

Value KernelWriter::constant(TypedAttr value) {
  Value &known = constants[value];
  if (!known) {
    OpBuilder::InsertionGuard guard(*this);
    if (lastConstant)
      setInsertionPointAfter(lastConstant);
    else
      setInsertionPointToStart(entry);
    auto op = arith::ConstantOp::create(*this, value);
    lastConstant = op;
    known = op;
  }
  return known;
}

Value KernelWriter::i32(int64_t value) {
  return constant(getI32IntegerAttr(static_cast<int32_t>(value)));
}

Value KernelWriter::f32(double value) {
  return constant(getF32FloatAttr(static_cast<float>(value)));
}

Value KernelWriter::filled(RankedTensorType type, double value) {
  return constant(
      DenseElementsAttr::get(type, getFloatAttr(type.getElementType(), value)));
}

Value KernelWriter::add(Value a, Value b) {
  return arith::AddIOp::create(*this, a, b);
}

Value KernelWriter::sub(Value a, Value b) {
  return arith::SubIOp::create(*this, a, b);
}

Value KernelWriter::mul(Value a, Value b) {
  return arith::MulIOp::create(*this, a, b);
}

Value KernelWriter::div(Value a, Value b) {
  return arith::DivUIOp::create(*this, a, b);
}

Value KernelWriter::ceilDiv(Value a, int64_t size) {
  return div(add(a, i32(size - 1)), i32(size));
}

Value KernelWriter::min(Value a, Value b) {
  return arith::MinSIOp::create(*this, a, b);
}

Value KernelWriter::max(Value a, Value b) {
  return arith::MaxSIOp::create(*this, a, b);
}

Value KernelWriter::compare(arith::CmpIPredicate predicate, Value a, Value b) {
  return arith::CmpIOp::create(*this, predicate, a, b);
}

Value KernelWriter::compare(arith::CmpFPredicate predicate, Value a, Value b) {
  return arith::CmpFOp::create(*this, predicate, a, b);
}

Value KernelWriter::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(*this, condition, a, b);
}

Value KernelWriter::both(Value a, Value b) {
  return arith::AndIOp::create(*this, a, b);
}

Value KernelWriter::either(Value a, Value b) {
  return arith::OrIOp::create(*this, a, b);
}

Value KernelWriter::like(Value scalar, Value tile) {
  return splat(scalar, cast<RankedTensorType>(tile.getType()));
}

Value KernelWriter::like(int64_t value, Value tile) {
  return like(i32(value), tile);
}

Value KernelWriter::dim(Value global, int64_t dim) {
  return tile::DimOp::create(*this, getI32Type(), global, dim);
}

RankedTensorType KernelWriter::acc(int64_t rows, int64_t columns,
                                   Type element) {
  return RankedTensorType::get({rows, columns}, element,
                               tile::AccAttr::get(getContext()));
}

RankedTensorType KernelWriter::row(int64_t rows, Type element) {
  return RankedTensorType::get({rows}, element,
                               tile::RowAttr::get(getContext()));
}

RankedTensorType KernelWriter::column(int64_t columns, Type element) {
  return RankedTensorType::get({columns}, element,
                               tile::ColAttr::get(getContext()));
}

RankedTensorType KernelWriter::quad(int64_t rows) {
  return RankedTensorType::get({rows, 4}, getF32Type(),
                               tile::QuadAttr::get(getContext()));
}

RankedTensorType KernelWriter::lane(int64_t size, Type element) {
  return RankedTensorType::get({size}, element,
                               tile::LaneAttr::get(getContext()));
}

RankedTensorType KernelWriter::blocked(int64_t rows, int64_t columns,
                                       Type element, int64_t vector) {
  return RankedTensorType::get({rows, columns}, element,
                               tile::BlockedAttr::get(getContext(), vector));
}

RankedTensorType KernelWriter::wide(int64_t rows, int64_t columns,
                                    Type element) {
  return RankedTensorType::get({rows, columns}, element,
                               tile::WideAttr::get(getContext()));
}

RankedTensorType KernelWriter::wideRow(int64_t rows, Type element) {
  return RankedTensorType::get({rows}, element,
                               tile::WideRowAttr::get(getContext()));
}

RankedTensorType KernelWriter::wideColumn(int64_t columns, Type element) {
  return RankedTensorType::get({columns}, element,
                               tile::WideColAttr::get(getContext()));
}

Value KernelWriter::splat(Value scalar, RankedTensorType type) {
  return tile::SplatOp::create(*this, type, scalar);
}

Value KernelWriter::broadcast(Value source, RankedTensorType type) {
  return tile::BroadcastOp::create(*this, type, source);
}
