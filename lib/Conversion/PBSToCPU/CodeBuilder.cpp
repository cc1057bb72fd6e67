//===- CodeBuilder.cpp - Short names for CPU kernel code ------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Conversion/PBSToCPU/CodeBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"

#include <limits>

using namespace mlir;
using namespace mlir::pbs::cpu;

/// Alignment of local tiles: a cache line, and the widest vector.
static constexpr int64_t kTileAlignmentBytes = 64;
/// log2 of the number of blocks in one word of a bit row.
static constexpr int64_t kBitsPerWordLog2 = 5;

static Type withShapeOf(Value value, Type elementType) {
  if (auto type = dyn_cast<VectorType>(value.getType()))
    return VectorType::get(type.getShape(), elementType);
  return elementType;
}

CodeBuilder::CodeBuilder(Location loc, Block *entry, const CPUTarget &target)
    : ImplicitLocOpBuilder(loc, loc.getContext()), entry(entry),
      target(target) {
  setInsertionPointToEnd(entry);
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

Value CodeBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}
Value CodeBuilder::i32(int64_t value) {
  return arith::ConstantIntOp::create(*this, getI32Type(), value);
}
Value CodeBuilder::i64(int64_t value) {
  return arith::ConstantIntOp::create(*this, getI64Type(), value);
}
Value CodeBuilder::f32(double value) { return constant(getF32Type(), value); }
Value CodeBuilder::f64(double value) { return constant(getF64Type(), value); }

Value CodeBuilder::constant(Type type, double value) {
  Type element = getElementTypeOrSelf(type);
  TypedAttr attr;
  if (isa<FloatType>(element))
    attr = getFloatAttr(element, value);
  else
    attr = getIntegerAttr(element, static_cast<int64_t>(value));
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, static_cast<Attribute>(attr));
  return arith::ConstantOp::create(*this, attr);
}

Value CodeBuilder::negInf(Type type) {
  return constant(type, -std::numeric_limits<double>::infinity());
}

Value CodeBuilder::iota(int64_t lanes) {
  SmallVector<int32_t> values;
  for (int64_t lane = 0; lane < lanes; ++lane)
    values.push_back(lane);
  return arith::ConstantOp::create(
      *this, DenseIntElementsAttr::get(vectorOf(getI32Type(), lanes), values));
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

Value CodeBuilder::add(Value a, Value b) {
  return createOrFold<arith::AddIOp>(a, b);
}
Value CodeBuilder::sub(Value a, Value b) {
  return createOrFold<arith::SubIOp>(a, b);
}
Value CodeBuilder::mul(Value a, Value b) {
  return createOrFold<arith::MulIOp>(a, b);
}
Value CodeBuilder::div(Value a, Value b) {
  return createOrFold<arith::DivUIOp>(a, b);
}
Value CodeBuilder::rem(Value a, Value b) {
  return createOrFold<arith::RemUIOp>(a, b);
}
Value CodeBuilder::ceilDiv(Value a, Value b) {
  return div(add(a, sub(b, index(1))), b);
}
Value CodeBuilder::min(Value a, Value b) {
  return createOrFold<arith::MinSIOp>(a, b);
}
Value CodeBuilder::max(Value a, Value b) {
  return createOrFold<arith::MaxSIOp>(a, b);
}
Value CodeBuilder::bitAnd(Value a, Value b) {
  return createOrFold<arith::AndIOp>(a, b);
}
Value CodeBuilder::bitOr(Value a, Value b) {
  return createOrFold<arith::OrIOp>(a, b);
}
Value CodeBuilder::bitXor(Value a, Value b) {
  return createOrFold<arith::XOrIOp>(a, b);
}
Value CodeBuilder::shl(Value a, Value b) {
  return createOrFold<arith::ShLIOp>(a, b);
}
Value CodeBuilder::shr(Value a, Value b) {
  return createOrFold<arith::ShRUIOp>(a, b);
}
Value CodeBuilder::lt(Value a, Value b) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, a, b);
}
Value CodeBuilder::le(Value a, Value b) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, a, b);
}
Value CodeBuilder::eq(Value a, Value b) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, a, b);
}
Value CodeBuilder::ne(Value a, Value b) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ne, a, b);
}
Value CodeBuilder::ult(Value a, Value b) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, a, b);
}

Value CodeBuilder::intCast(Value a, Type type) {
  Type from = a.getType();
  if (from == type)
    return a;
  if (getElementTypeOrSelf(from).isIndex() ||
      getElementTypeOrSelf(type).isIndex())
    return createOrFold<arith::IndexCastOp>(type, a);
  if (getElementTypeOrSelf(from).getIntOrFloatBitWidth() <
      getElementTypeOrSelf(type).getIntOrFloatBitWidth())
    return createOrFold<arith::ExtSIOp>(type, a);
  return createOrFold<arith::TruncIOp>(type, a);
}

Value CodeBuilder::zext(Value a, Type type) {
  return createOrFold<arith::ExtUIOp>(type, a);
}
Value CodeBuilder::bitcast(Value a, Type type) {
  return createOrFold<arith::BitcastOp>(type, a);
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

Value CodeBuilder::addf(Value a, Value b) {
  return arith::AddFOp::create(*this, a, b);
}
Value CodeBuilder::subf(Value a, Value b) {
  return arith::SubFOp::create(*this, a, b);
}
Value CodeBuilder::mulf(Value a, Value b) {
  return arith::MulFOp::create(*this, a, b);
}
Value CodeBuilder::divf(Value a, Value b) {
  return arith::DivFOp::create(*this, a, b);
}

Value CodeBuilder::fma(Value a, Value b, Value c) {
  if (isa<VectorType>(a.getType()))
    return vector::FMAOp::create(*this, a, b, c);
  auto contract = arith::FastMathFlags::contract;
  Value product = arith::MulFOp::create(*this, a, b, contract);
  return arith::AddFOp::create(*this, product, c, contract);
}

Value CodeBuilder::maxf(Value a, Value b) { return select(ltf(b, a), a, b); }

Value CodeBuilder::ltf(Value a, Value b) {
  return arith::CmpFOp::create(*this, arith::CmpFPredicate::OLT, a, b);
}
Value CodeBuilder::lef(Value a, Value b) {
  return arith::CmpFOp::create(*this, arith::CmpFPredicate::OLE, a, b);
}
Value CodeBuilder::eqf(Value a, Value b) {
  return arith::CmpFOp::create(*this, arith::CmpFPredicate::OEQ, a, b);
}
Value CodeBuilder::isNaN(Value a) {
  return arith::CmpFOp::create(*this, arith::CmpFPredicate::UNO, a, a);
}

Value CodeBuilder::castf(Value a, Type elementType) {
  Type from = getElementTypeOrSelf(a.getType());
  if (from == elementType)
    return a;
  Type type = withShapeOf(a, elementType);
  if (from.getIntOrFloatBitWidth() < elementType.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(*this, type, a);
  return arith::TruncFOp::create(*this, type, a);
}

Value CodeBuilder::intToFloat(Value a, Type type) {
  if (getElementTypeOrSelf(a.getType()).isIndex())
    a = intCast(a, getI64Type());
  return arith::SIToFPOp::create(*this, type, a);
}

Value CodeBuilder::reduceAdd(Value a) {
  return vector::ReductionOp::create(*this, vector::CombiningKind::ADD, a);
}

Value CodeBuilder::select(Value condition, Value a, Value b) {
  return createOrFold<arith::SelectOp>(condition, a, b);
}

Value CodeBuilder::splat(Value scalar, int64_t lanes) {
  return vector::BroadcastOp::create(*this, vectorOf(scalar.getType(), lanes),
                                     scalar);
}

Value CodeBuilder::shuffle(Value a, Value b, ArrayRef<int64_t> lanes) {
  return vector::ShuffleOp::create(*this, a, b, lanes);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value CodeBuilder::load(Value memref, ValueRange indices) {
  return memref::LoadOp::create(*this, memref, indices);
}

void CodeBuilder::store(Value value, Value memref, ValueRange indices) {
  if (isa<VectorType>(value.getType()))
    vector::StoreOp::create(*this, value, memref, indices);
  else
    memref::StoreOp::create(*this, value, memref, indices);
}

Value CodeBuilder::loadVector(Value memref, ValueRange indices, int64_t lanes) {
  return vector::LoadOp::create(*this, vectorOf(elementOf(memref), lanes),
                                memref, indices);
}

Value CodeBuilder::atomicAdd(Value value, Value memref, ValueRange indices) {
  return memref::AtomicRMWOp::create(*this, arith::AtomicRMWKind::addi, value,
                                     memref, indices);
}

Value CodeBuilder::dim(Value memref, unsigned position) {
  return createOrFold<memref::DimOp>(memref, index(position));
}

Value CodeBuilder::localTile(ArrayRef<int64_t> shape, Type elementType) {
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(entry);
  return memref::AllocaOp::create(*this, MemRefType::get(shape, elementType),
                                  getI64IntegerAttr(kTileAlignmentBytes));
}

Value CodeBuilder::localRow(Value size, Type elementType) {
  OpBuilder::InsertionGuard guard(*this);
  assert(size.getParentBlock() == entry && "size of a local row not at entry");
  setInsertionPointAfterValue(size);
  return memref::AllocaOp::create(
      *this, MemRefType::get({ShapedType::kDynamic}, elementType),
      ValueRange{size}, getI64IntegerAttr(kTileAlignmentBytes));
}

static std::pair<Values, Value> locateBit(CodeBuilder &b, ValueRange row,
                                          Value bit) {
  Values indices(row);
  indices.push_back(b.shr(bit, b.index(kBitsPerWordLog2)));
  Value lane = b.bitAnd(bit, b.index((1 << kBitsPerWordLog2) - 1));
  return {indices, b.shl(b.i32(1), b.intCast(lane, b.getI32Type()))};
}

Value CodeBuilder::setBit(Value bits, ValueRange row, Value bit) {
  auto [indices, mask] = locateBit(*this, row, bit);
  Value word = load(bits, indices);
  store(bitOr(word, mask), bits, indices);
  return ne(bitAnd(word, mask), i32(0));
}

Value CodeBuilder::testBit(Value bits, ValueRange row, Value bit) {
  auto [indices, mask] = locateBit(*this, row, bit);
  return ne(bitAnd(load(bits, indices), mask), i32(0));
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

void CodeBuilder::forLoop(Value begin, Value end, int64_t step,
                          function_ref<void(Value)> body) {
  forLoop(begin, end, step, {}, [&](Value iv, ValueRange) -> Values {
    body(iv);
    return {};
  });
}

Values CodeBuilder::forLoop(Value begin, Value end, int64_t step,
                            ValueRange values,
                            function_ref<Values(Value, ValueRange)> body) {
  auto loop =
      scf::ForOp::create(*this, begin, end, index(step), values,
                         [&](OpBuilder &, Location, Value iv, ValueRange args) {
                           OpBuilder::InsertionGuard guard(*this);
                           setInsertionPointToEnd(iv.getParentBlock());
                           Values yielded = body(iv, args);
                           scf::YieldOp::create(*this, yielded);
                         });
  return Values(loop.getResults());
}

void CodeBuilder::ifThen(Value condition, function_ref<void()> body) {
  auto ifOp = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPoint(ifOp.thenBlock()->getTerminator());
  body();
}

void CodeBuilder::ifElse(Value condition, function_ref<void()> thenBody,
                         function_ref<void()> elseBody) {
  auto ifOp = scf::IfOp::create(*this, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPoint(ifOp.thenBlock()->getTerminator());
  thenBody();
  setInsertionPoint(ifOp.elseBlock()->getTerminator());
  elseBody();
}

Values CodeBuilder::ifElse(Value condition, TypeRange types,
                           function_ref<Values()> thenBody,
                           function_ref<Values()> elseBody) {
  auto ifOp = scf::IfOp::create(*this, types, condition,
                                /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToEnd(ifOp.thenBlock());
  scf::YieldOp::create(*this, thenBody());
  setInsertionPointToEnd(ifOp.elseBlock());
  scf::YieldOp::create(*this, elseBody());
  return Values(ifOp.getResults());
}

Values CodeBuilder::whileLoop(ValueRange values,
                              function_ref<Value(ValueRange)> condition,
                              function_ref<Values(ValueRange)> body) {
  auto loop = scf::WhileOp::create(
      *this, values.getTypes(), values,
      [&](OpBuilder &builder, Location, ValueRange args) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPointToEnd(builder.getInsertionBlock());
        Value goOn = condition(args);
        scf::ConditionOp::create(*this, goOn, args);
      },
      [&](OpBuilder &builder, Location, ValueRange args) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPointToEnd(builder.getInsertionBlock());
        Values yielded = body(args);
        scf::YieldOp::create(*this, yielded);
      });
  return Values(loop.getResults());
}
