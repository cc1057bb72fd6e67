//===- KernelBuilder.cpp - Emit ops of one kernel -------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Control flow, scalars, memory and warps. This file and KernelBuilderAsync.cpp
// include the LLVM and NVVM dialects' op definitions, which are slow to parse,
// so that others need not.
//
//===----------------------------------------------------------------------===//

#include "pbs/Conversion/KernelBuilder/KernelBuilder.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::pbs;

/// All lanes of a warp.
static constexpr int64_t kFullMask = -1;
/// Bytes of a CUtensorMap.
static constexpr int64_t kTensorMapBytes = 128;
/// Dynamic shared memory of all kernels of a module.
static constexpr StringLiteral kSharedName = "pbs_shared";

KernelBuilder::KernelBuilder(OpBuilder &builder, Location loc)
    : i1(builder.getI1Type()), i32(builder.getI32Type()),
      i64(builder.getI64Type()), f32(builder.getF32Type()), builder(builder),
      loc(loc) {}

KernelBuilder::KernelBuilder(OpBuilder &builder, Location loc,
                             Operation *kernel, Constants &constants)
    : KernelBuilder(builder, loc) {
  this->constants = &constants;
  if (!kernel)
    return;
  func = kernel;
  body = &kernel->getRegion(0);
  shared = SymbolTable::lookupSymbolIn(kernel->getParentOp(), kSharedName);
}

void KernelBuilder::beginKernel(StringRef name, ArrayRef<ParamKind> params,
                                unsigned threadsPerBlock) {
  MLIRContext *ctx = builder.getContext();
  shared = SymbolTable::lookupSymbolIn(builder.getBlock()->getParentOp(),
                                       kSharedName);
  if (!shared) {
    auto bytes = LLVM::LLVMArrayType::get(builder.getI8Type(), 0);
    shared = LLVM::GlobalOp::create(
        builder, loc, bytes, /*isConstant=*/false, LLVM::Linkage::External,
        kSharedName, Attribute(), /*alignment=*/1024, kSharedSpace);
  }

  auto globalPtr = LLVM::LLVMPointerType::get(ctx, kGlobalSpace);
  SmallVector<Type> types;
  for (ParamKind kind : params) {
    switch (kind) {
    case ParamKind::TensorMap:
      types.push_back(LLVM::LLVMPointerType::get(ctx));
      break;
    case ParamKind::Pointer:
      types.push_back(globalPtr);
      break;
    case ParamKind::I32:
      types.push_back(i32);
      break;
    case ParamKind::I64:
      types.push_back(i64);
      break;
    }
  }
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(ctx), types);
  auto kernel = LLVM::LLVMFuncOp::create(builder, loc, name, type);
  kernel->setAttr("nvvm.kernel", builder.getUnitAttr());
  kernel->setAttr("nvvm.maxntid", builder.getDenseI32ArrayAttr(
                                      {int32_t(threadsPerBlock), 1, 1}));
  kernel->setAttr("nvvm.minctasm", builder.getI32IntegerAttr(1));
  auto mapType = LLVM::LLVMArrayType::get(builder.getI8Type(), kTensorMapBytes);
  for (auto [i, kind] : llvm::enumerate(params)) {
    if (kind == ParamKind::TensorMap) {
      kernel.setArgAttr(i, "llvm.byval", TypeAttr::get(mapType));
      kernel.setArgAttr(i, "nvvm.grid_constant", builder.getUnitAttr());
      kernel.setArgAttr(i, "llvm.align", builder.getI64IntegerAttr(64));
    } else if (kind == ParamKind::Pointer) {
      kernel.setArgAttr(i, "llvm.noalias", builder.getUnitAttr());
    }
  }
  func = kernel;
  body = &kernel.getBody();
  constants->clear();
  builder.setInsertionPointToStart(kernel.addEntryBlock(builder));
}

Value KernelBuilder::param(unsigned i) const {
  return body->front().getArgument(i);
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

Block *KernelBuilder::newBlock(TypeRange types) {
  auto *block = new Block;
  body->push_back(block);
  for (Type type : types)
    block->addArgument(type, loc);
  return block;
}

void KernelBuilder::enter(Block *block) {
  // Blocks appear in the order in which they are entered.
  block->moveBefore(body, body->end());
  builder.setInsertionPointToEnd(block);
}

void KernelBuilder::br(Block *dest, ValueRange args) {
  LLVM::BrOp::create(builder, loc, args, dest);
}

void KernelBuilder::condBr(Value cond, Block *ifTrue, ValueRange trueArgs,
                           Block *ifFalse, ValueRange falseArgs) {
  LLVM::CondBrOp::create(builder, loc, cond, ifTrue, trueArgs, ifFalse,
                         falseArgs);
}

void KernelBuilder::ret() {
  LLVM::ReturnOp::create(builder, loc, ValueRange());
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

Value KernelBuilder::constant(Attribute value, Type type) {
  Value &entry = (*constants)[{value, type}];
  if (!entry) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&body->front());
    entry = LLVM::ConstantOp::create(builder, loc, type, value);
  }
  return entry;
}

Value KernelBuilder::c1(bool v) { return constant(builder.getBoolAttr(v), i1); }
Value KernelBuilder::c16(int64_t v) {
  return constant(builder.getI16IntegerAttr(int16_t(v)), builder.getI16Type());
}
Value KernelBuilder::c32(int64_t v) {
  return constant(builder.getI32IntegerAttr(int32_t(v)), i32);
}
Value KernelBuilder::c64(int64_t v) {
  return constant(builder.getI64IntegerAttr(v), i64);
}

static Value sameTypeConstant(KernelBuilder &b, Value like, int64_t v) {
  return like.getType() == b.i64 ? b.c64(v) : b.c32(v);
}

Value KernelBuilder::add(Value a, Value b) {
  return LLVM::AddOp::create(builder, loc, a, b);
}
Value KernelBuilder::add(Value a, int64_t b) {
  return b == 0 ? a : add(a, sameTypeConstant(*this, a, b));
}
Value KernelBuilder::sub(Value a, Value b) {
  return LLVM::SubOp::create(builder, loc, a, b);
}
Value KernelBuilder::mul(Value a, Value b) {
  return LLVM::MulOp::create(builder, loc, a, b);
}
Value KernelBuilder::mul(Value a, int64_t b) {
  return mul(a, sameTypeConstant(*this, a, b));
}
Value KernelBuilder::udiv(Value a, Value b) {
  return LLVM::UDivOp::create(builder, loc, a, b);
}
Value KernelBuilder::and_(Value a, Value b) {
  return LLVM::AndOp::create(builder, loc, a, b);
}
Value KernelBuilder::and_(Value a, int64_t b) {
  return and_(a, sameTypeConstant(*this, a, b));
}
Value KernelBuilder::or_(Value a, Value b) {
  return LLVM::OrOp::create(builder, loc, a, b);
}
Value KernelBuilder::xor_(Value a, Value b) {
  return LLVM::XOrOp::create(builder, loc, a, b);
}
Value KernelBuilder::xor_(Value a, int64_t b) {
  return xor_(a, sameTypeConstant(*this, a, b));
}
Value KernelBuilder::shl(Value a, Value b) {
  return LLVM::ShlOp::create(builder, loc, a, b);
}
Value KernelBuilder::lshr(Value a, Value b) {
  return LLVM::LShrOp::create(builder, loc, a, b);
}
Value KernelBuilder::lshr(Value a, int64_t b) {
  return lshr(a, sameTypeConstant(*this, a, b));
}
Value KernelBuilder::ashr(Value a, int64_t b) {
  return LLVM::AShrOp::create(builder, loc, a, sameTypeConstant(*this, a, b));
}
Value KernelBuilder::smin(Value a, Value b) {
  return LLVM::SMinOp::create(builder, loc, a, b);
}
Value KernelBuilder::smax(Value a, Value b) {
  return LLVM::SMaxOp::create(builder, loc, a, b);
}
Value KernelBuilder::zext64(Value a) {
  return LLVM::ZExtOp::create(builder, loc, i64, a);
}
Value KernelBuilder::trunc32(Value a) {
  return LLVM::TruncOp::create(builder, loc, i32, a);
}
Value KernelBuilder::popc(Value a) {
  return LLVM::CtPopOp::create(builder, loc, a.getType(), a);
}
Value KernelBuilder::ctz(Value a) {
  return LLVM::CountTrailingZerosOp::create(builder, loc, a.getType(), a,
                                            builder.getBoolAttr(true));
}

Value KernelBuilder::cmp(Cmp pred, Value a, Value b) {
  using P = LLVM::ICmpPredicate;
  P p = P::eq;
  switch (pred) {
  case Cmp::EQ:
    p = P::eq;
    break;
  case Cmp::NE:
    p = P::ne;
    break;
  case Cmp::LT:
    p = P::slt;
    break;
  case Cmp::LE:
    p = P::sle;
    break;
  case Cmp::GT:
    p = P::sgt;
    break;
  case Cmp::GE:
    p = P::sge;
    break;
  case Cmp::ULT:
    p = P::ult;
    break;
  case Cmp::UGE:
    p = P::uge;
    break;
  }
  return LLVM::ICmpOp::create(builder, loc, p, a, b);
}
Value KernelBuilder::cmp(Cmp pred, Value a, int64_t b) {
  return cmp(pred, a, sameTypeConstant(*this, a, b));
}
Value KernelBuilder::select(Value cond, Value a, Value b) {
  return LLVM::SelectOp::create(builder, loc, cond, a, b);
}

Value KernelBuilder::poison(Type type) {
  return LLVM::PoisonOp::create(builder, loc, type);
}

//===----------------------------------------------------------------------===//
// Floating point
//===----------------------------------------------------------------------===//

Value KernelBuilder::cf(float v) {
  return constant(builder.getF32FloatAttr(v), f32);
}
Value KernelBuilder::negInf() {
  return constant(
      FloatAttr::get(f32, APFloat::getInf(APFloat::IEEEsingle(), true)), f32);
}
Value KernelBuilder::fadd(Value a, Value b, bool contract) {
  return LLVM::FAddOp::create(builder, loc, a, b,
                              contract ? LLVM::FastmathFlags::contract
                                       : LLVM::FastmathFlags::none);
}
Value KernelBuilder::fmul(Value a, Value b) {
  return LLVM::FMulOp::create(builder, loc, a, b);
}
Value KernelBuilder::fma(Value a, Value b, Value c) {
  return LLVM::FMAOp::create(builder, loc, f32, a, b, c,
                             LLVM::FastmathFlagsAttr());
}
Value KernelBuilder::fmax(Value a, Value b) {
  return LLVM::MaxNumOp::create(builder, loc, f32, a, b,
                                LLVM::FastmathFlagsAttr());
}
Value KernelBuilder::fmin(Value a, Value b) {
  return LLVM::MinNumOp::create(builder, loc, f32, a, b,
                                LLVM::FastmathFlagsAttr());
}
Value KernelBuilder::fabs(Value a) {
  return LLVM::FAbsOp::create(builder, loc, f32, a, LLVM::FastmathFlagsAttr());
}
Value KernelBuilder::sqrt(Value a) {
  return intrinsic("llvm.nvvm.sqrt.rn.f", a, f32);
}
Value KernelBuilder::rsqrt(Value a) {
  return intrinsic("llvm.nvvm.rsqrt.approx.ftz.f", a, f32);
}
Value KernelBuilder::fcmpEq(Value a, Value b) {
  return LLVM::FCmpOp::create(builder, loc, LLVM::FCmpPredicate::oeq, a, b);
}
Value KernelBuilder::intrinsic(StringRef name, ValueRange operands, Type type) {
  return LLVM::CallIntrinsicOp::create(builder, loc, type,
                                       builder.getStringAttr(name), operands)
      ->getResult(0);
}
Value KernelBuilder::ex2(Value a) {
  return intrinsic("llvm.nvvm.ex2.approx.ftz.f", a, f32);
}
Value KernelBuilder::lg2(Value a) {
  return intrinsic("llvm.nvvm.lg2.approx.ftz.f", a, f32);
}
Value KernelBuilder::rcp(Value a) {
  return NVVM::RcpApproxFtzF32Op::create(builder, loc, f32, a);
}
Value KernelBuilder::pack16(Value lo, Value hi, bool bf16) {
  Value packed;
  if (bf16) {
    auto type = VectorType::get(2, builder.getBF16Type());
    packed = NVVM::ConvertF32x2ToBF16x2Op::create(
        builder, loc, type, hi, lo, Value(), NVVM::FPRoundingMode::RN);
  } else {
    auto type = VectorType::get(2, builder.getF16Type());
    packed = NVVM::ConvertF32x2ToF16x2Op::create(
        builder, loc, type, hi, lo, Value(), NVVM::FPRoundingMode::RN);
  }
  return LLVM::BitcastOp::create(builder, loc, i32, packed);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value KernelBuilder::sharedBase() {
  auto global = cast<LLVM::GlobalOp>(shared);
  Value &entry = (*constants)[{global.getSymNameAttr(), global.getType()}];
  if (!entry) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&body->front());
    entry = LLVM::AddressOfOp::create(builder, loc, global);
  }
  return entry;
}
Value KernelBuilder::gepBytes(Value base, Value byteOffset) {
  return LLVM::GEPOp::create(builder, loc, base.getType(), builder.getI8Type(),
                             base, ValueRange(byteOffset));
}
Value KernelBuilder::gepBytes(Value base, int64_t byteOffset) {
  if (byteOffset == 0)
    return base;
  return LLVM::GEPOp::create(
      builder, loc, base.getType(), builder.getI8Type(), base,
      ArrayRef<LLVM::GEPArg>{LLVM::GEPArg(int32_t(byteOffset))});
}
Value KernelBuilder::load(Value ptr, Type type, unsigned align,
                          bool invariant) {
  return LLVM::LoadOp::create(builder, loc, type, ptr, align,
                              /*isVolatile=*/false, /*isNonTemporal=*/false,
                              invariant);
}
void KernelBuilder::store(Value value, Value ptr, unsigned align) {
  LLVM::StoreOp::create(builder, loc, value, ptr, align);
}
Value KernelBuilder::ptrToInt(Value ptr) {
  return LLVM::PtrToIntOp::create(builder, loc, i32, ptr);
}
Value KernelBuilder::intToShared(Value addr) {
  return LLVM::IntToPtrOp::create(
      builder, loc,
      LLVM::LLVMPointerType::get(builder.getContext(), kSharedSpace), addr);
}
Value KernelBuilder::extractElement(Value vec, unsigned i) {
  return LLVM::ExtractElementOp::create(builder, loc, vec, c32(i));
}
Type KernelBuilder::vec4i32() { return VectorType::get(4, i32); }
Value KernelBuilder::bitcast(Value v, Type type) {
  return v.getType() == type ? v
                             : LLVM::BitcastOp::create(builder, loc, type, v);
}
Type KernelBuilder::globalPointer() {
  return LLVM::LLVMPointerType::get(builder.getContext(), kGlobalSpace);
}
std::pair<Value, Value> KernelBuilder::unpack16(Value packed, Type element) {
  Value pair = bitcast(packed, VectorType::get(2, element));
  return {extractElement(pair, 0), extractElement(pair, 1)};
}
Value KernelBuilder::repack16(Value lo, Value hi) {
  auto type = VectorType::get(2, lo.getType());
  Value pair = LLVM::UndefOp::create(builder, loc, type);
  pair = LLVM::InsertElementOp::create(builder, loc, pair, lo, c32(0));
  pair = LLVM::InsertElementOp::create(builder, loc, pair, hi, c32(1));
  return bitcast(pair, i32);
}

//===----------------------------------------------------------------------===//
// Warp and block
//===----------------------------------------------------------------------===//

Value KernelBuilder::tid() {
  return NVVM::ThreadIdXOp::create(builder, loc, i32);
}
Value KernelBuilder::ctaid() {
  return NVVM::BlockIdXOp::create(builder, loc, i32);
}
Value KernelBuilder::nctaid() {
  return NVVM::GridDimXOp::create(builder, loc, i32);
}
Value KernelBuilder::shflIdx(Value v, Value lane) {
  return NVVM::ShflOp::create(builder, loc, v.getType(), c32(kFullMask), v,
                              lane, c32(31), NVVM::ShflKind::idx, UnitAttr());
}
Value KernelBuilder::shflBfly(Value v, unsigned mask) {
  return NVVM::ShflOp::create(builder, loc, v.getType(), c32(kFullMask), v,
                              c32(mask), c32(31), NVVM::ShflKind::bfly,
                              UnitAttr());
}
Value KernelBuilder::uniform(Value v) {
  return NVVM::ReduxOp::create(builder, loc, i32, v, NVVM::ReduxKind::OR,
                               c32(kFullMask));
}
Value KernelBuilder::anySync(Value pred) {
  return intrinsic("llvm.nvvm.vote.any.sync", {c32(kFullMask), pred}, i1);
}
Value KernelBuilder::ballot(Value pred) {
  return intrinsic("llvm.nvvm.vote.ballot.sync", {c32(kFullMask), pred}, i32);
}
Value KernelBuilder::reduxAdd(Value v) {
  return NVVM::ReduxOp::create(builder, loc, i32, v, NVVM::ReduxKind::ADD,
                               c32(kFullMask));
}
Value KernelBuilder::reduxMin(Value v) {
  return NVVM::ReduxOp::create(builder, loc, i32, v, NVVM::ReduxKind::MIN,
                               c32(kFullMask));
}
Value KernelBuilder::reduxMax(Value v) {
  return NVVM::ReduxOp::create(builder, loc, i32, v, NVVM::ReduxKind::MAX,
                               c32(kFullMask));
}
Value KernelBuilder::elect() {
  return NVVM::ElectSyncOp::create(builder, loc, i1, Value());
}
void KernelBuilder::syncWarp() {
  NVVM::SyncWarpOp::create(builder, loc, c32(kFullMask));
}
void KernelBuilder::barrierAll() { NVVM::BarrierOp::create(builder, loc); }
void KernelBuilder::barrier(Value id, unsigned threads) {
  NVVM::BarrierOp::create(builder, loc, Type(), id, c32(threads),
                          NVVM::BarrierReductionAttr(), Value());
}
void KernelBuilder::barrierArrive(Value id, unsigned threads) {
  NVVM::BarrierArriveOp::create(builder, loc, id, c32(threads));
}
void KernelBuilder::setMaxRegisters(unsigned count, bool increase) {
  NVVM::SetMaxRegisterOp::create(builder, loc, count,
                                 increase
                                     ? NVVM::SetMaxRegisterAction::increase
                                     : NVVM::SetMaxRegisterAction::decrease);
}
