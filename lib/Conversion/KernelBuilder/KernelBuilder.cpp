//===- KernelBuilder.cpp - Emit ops of one kernel -------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The only file of this library that includes the LLVM and NVVM dialects' op
// definitions, which are slow to parse.
//
//===----------------------------------------------------------------------===//

#include "pbs/Conversion/KernelBuilder/KernelBuilder.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::pbs;

/// All lanes of a warp.
static constexpr int64_t kFullMask = -1;
/// Suspend-time hint of mbarrier.try_wait in nanoseconds (10 ms): long, since a
/// failed wait only loops.
static constexpr int64_t kWaitHintNs = 10'000'000;
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
    case ParamKind::F32:
      types.push_back(f32);
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
Value KernelBuilder::sdiv(Value a, Value b) {
  return LLVM::SDivOp::create(builder, loc, a, b);
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
Value KernelBuilder::sext64(Value a) {
  return LLVM::SExtOp::create(builder, loc, i64, a);
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
Value KernelBuilder::fadd(Value a, Value b) {
  return LLVM::FAddOp::create(builder, loc, a, b);
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
Value KernelBuilder::fneg(Value a) {
  return LLVM::FNegOp::create(builder, loc, a);
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
Value KernelBuilder::loadVolatile(Value ptr, Type type) {
  return LLVM::LoadOp::create(builder, loc, type, ptr, /*alignment=*/4,
                              /*isVolatile=*/true);
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
Type KernelBuilder::vec2i32() { return VectorType::get(2, i32); }
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

//===----------------------------------------------------------------------===//
// mbarrier
//===----------------------------------------------------------------------===//

void KernelBuilder::mbarInit(Value bar, unsigned count) {
  NVVM::MBarrierInitOp::create(builder, loc, bar, c32(count), Value());
}
void KernelBuilder::fenceMbarInit() {
  NVVM::FenceMbarrierInitOp::create(builder, loc);
}
void KernelBuilder::mbarArrive(Value bar) {
  NVVM::MBarrierArriveOp::create(builder, loc, Type(), bar, Value());
}
void KernelBuilder::mbarArriveIf(Value bar, Value pred) {
  ptxIf("mbarrier.arrive.shared::cta.b64 _, [$0];", bar, pred);
}
void KernelBuilder::mbarExpectTxIf(Value bar, unsigned bytes, Value pred) {
  ptxIf("mbarrier.arrive.expect_tx.shared::cta.b64 _, [$0], $1;",
        {bar, c32(bytes)}, pred);
}
void KernelBuilder::mbarWait(Value bar, Value parity) {
  NVVM::MBarrierTryWaitParityOp::create(builder, loc, bar, parity,
                                        c32(kWaitHintNs));
}

//===----------------------------------------------------------------------===//
// Bulk copies
//===----------------------------------------------------------------------===//

void KernelBuilder::prefetchTensorMap(Value map) {
  NVVM::PrefetchOp::create(builder, loc, NVVM::PrefetchCacheLevelAttr(),
                           NVVM::CacheEvictionPriorityAttr(), map, Value(),
                           builder.getUnitAttr());
}
void KernelBuilder::tmaLoadIf(Value dst, Value map, Value bar,
                              ValueRange coords, uint64_t cachePolicy,
                              Value pred) {
  // Predicates exist only as inline PTX: the op has one only without
  // isCTAOnly, and a branch around it would be divergent.
  std::string code = "cp.async.bulk.tensor." + std::to_string(coords.size()) +
                     "d.shared::cta.global.tile.mbarrier::complete_tx::bytes"
                     ".L2::cache_hint [$0], [$1, {";
  Values operands{dst, map};
  for (Value coord : coords) {
    code +=
        (operands.size() > 2 ? ", $" : "$") + std::to_string(operands.size());
    operands.push_back(coord);
  }
  code += "}], [$" + std::to_string(operands.size()) + "], $" +
          std::to_string(operands.size() + 1) + ";";
  operands.push_back(bar);
  operands.push_back(c64(int64_t(cachePolicy)));
  ptxIf(code, operands, pred);
}
void KernelBuilder::tmaStoreIf(Value map, Value src, ValueRange coords,
                               Value pred) {
  NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp::create(
      builder, loc, map, src, coords, Value(), NVVM::TMAStoreMode::TILE, pred);
}
void KernelBuilder::bulkCommit() {
  NVVM::CpAsyncBulkCommitGroupOp::create(builder, loc);
}
void KernelBuilder::bulkWaitRead() {
  NVVM::CpAsyncBulkWaitGroupOp::create(builder, loc, 0, builder.getUnitAttr());
}
void KernelBuilder::fenceProxyAsync() {
  NVVM::FenceProxyOp::create(
      builder, loc, NVVM::ProxyKind::async_shared,
      NVVM::SharedSpaceAttr::get(builder.getContext(),
                                 NVVM::SharedSpace::shared_cta));
}
void KernelBuilder::stmatrix4(Value ptr, ArrayRef<Value> regs) {
  NVVM::StMatrixOp::create(
      builder, loc, ptr, regs, NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(builder.getContext(), 8, 8),
      NVVM::LdStMatrixEltType::B16);
}

//===----------------------------------------------------------------------===//
// Warpgroup matrix multiply
//===----------------------------------------------------------------------===//

static Type accType(KernelBuilder &b, unsigned n) {
  return LLVM::LLVMStructType::getLiteral(b.f32.getContext(),
                                          SmallVector<Type>(n / 2, b.f32));
}

void KernelBuilder::wgmmaFence() {
  NVVM::WgmmaFenceAlignedOp::create(builder, loc);
}
void KernelBuilder::wgmmaCommit() {
  NVVM::WgmmaGroupSyncAlignedOp::create(builder, loc);
}
Values KernelBuilder::wgmmaWait(unsigned pending, ArrayRef<Value> values) {
  return tiedAsm("wgmma.wait_group.sync.aligned " + std::to_string(pending) +
                     ";",
                 values, {});
}
Values KernelBuilder::wgmmaFence(ArrayRef<Value> values) {
  return tiedAsm("wgmma.fence.sync.aligned;", values, {});
}
Value KernelBuilder::undefF32() {
  return LLVM::UndefOp::create(builder, loc, f32);
}
Value KernelBuilder::undefAcc(unsigned n) {
  return LLVM::UndefOp::create(builder, loc, accType(*this, n));
}
Value KernelBuilder::packAcc(ArrayRef<Value> acc) {
  Value result = undefAcc(2 * acc.size());
  for (auto [i, value] : llvm::enumerate(acc))
    result = LLVM::InsertValueOp::create(builder, loc, result, value, i);
  return result;
}
Values KernelBuilder::unpackAcc(Value acc, unsigned n) {
  Values result;
  for (unsigned i = 0; i < n / 2; ++i)
    result.push_back(LLVM::ExtractValueOp::create(builder, loc, acc, i));
  return result;
}
Value KernelBuilder::wgmmaSS(Value descA, Value descB, Value acc, unsigned n,
                             bool first, bool bf16, bool transposedB) {
  auto type = bf16 ? NVVM::WGMMATypes::bf16 : NVVM::WGMMATypes::f16;
  return NVVM::WgmmaMmaAsyncOp::create(
      builder, loc, acc.getType(), acc, descA, descB,
      NVVM::MMAShapeAttr::get(builder.getContext(), 64, n, 16), type, type,
      NVVM::WGMMATypes::f32,
      first ? NVVM::WGMMAScaleOut::zero : NVVM::WGMMAScaleOut::one,
      NVVM::WGMMAScaleIn::one, NVVM::WGMMAScaleIn::one, NVVM::MMALayout::row,
      transposedB ? NVVM::MMALayout::row : NVVM::MMALayout::col,
      NVVM::MMAIntOverflowAttr());
}
Values KernelBuilder::wgmmaRS(ArrayRef<Value> a, Value descB,
                              ArrayRef<Value> acc, unsigned n, bool first,
                              bool bf16, bool transposedB) {
  // The op takes A only as a descriptor. Tied operands: $0.. are the results,
  // then come the n/2 inputs that share their registers, then A and B.
  auto list = [](unsigned first, unsigned count) {
    std::string text = "{";
    for (unsigned i = 0; i < count; ++i)
      text += (i ? ", $" : "$") + std::to_string(first + i);
    return text + "}";
  };
  unsigned numAcc = n / 2;
  std::string elem = bf16 ? "bf16" : "f16";
  std::string text = "{\n.reg .pred p;\nsetp.ne.b32 p, " +
                     std::string(first ? "0" : "1") +
                     ", 0;\n"
                     "wgmma.mma_async.sync.aligned.m64n" +
                     std::to_string(n) + "k16.f32." + elem + "." + elem + " " +
                     list(0, numAcc) + ", " + list(2 * numAcc, 4) + ", $" +
                     std::to_string(2 * numAcc + 4) + ", p, 1, 1, " +
                     (transposedB ? "1" : "0") + ";\n}";
  Values extra(a);
  extra.push_back(descB);
  return tiedAsm(text, acc, extra);
}

//===----------------------------------------------------------------------===//
// Inline PTX
//===----------------------------------------------------------------------===//

static StringRef constraintOf(Type type) {
  if (type.isF32())
    return "f";
  if (type.isInteger(1))
    return "b";
  return type.isInteger(32) ? "r" : "l";
}

Values KernelBuilder::tiedAsm(StringRef text, ArrayRef<Value> tied,
                              ArrayRef<Value> extra) {
  std::string constraints;
  SmallVector<Type> types;
  for (Value v : tied) {
    constraints += ("=" + constraintOf(v.getType()) + ",").str();
    types.push_back(v.getType());
  }
  Values operands(tied);
  for (unsigned i = 0; i < tied.size(); ++i)
    constraints += std::to_string(i) + ",";
  for (Value v : extra) {
    constraints += (constraintOf(v.getType()) + ",").str();
    operands.push_back(v);
  }
  if (!constraints.empty())
    constraints.pop_back();
  auto dialect =
      LLVM::AsmDialectAttr::get(builder.getContext(), LLVM::AsmDialect::AD_ATT);
  Type result;
  if (types.size() == 1)
    result = types.front();
  else if (!types.empty())
    result = LLVM::LLVMStructType::getLiteral(builder.getContext(), types);
  auto op = LLVM::InlineAsmOp::create(
      builder, loc, result, operands, text, constraints,
      /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::tailcallkind::TailCallKind::None, dialect, ArrayAttr());
  Values results;
  if (types.size() == 1) {
    results.push_back(op->getResult(0));
  } else {
    for (unsigned i = 0; i < types.size(); ++i)
      results.push_back(
          LLVM::ExtractValueOp::create(builder, loc, op->getResult(0), i));
  }
  return results;
}

void KernelBuilder::ptxIf(StringRef code, ValueRange operands, Value pred) {
  NVVM::InlinePtxOp::create(builder, loc, TypeRange(), operands, ValueRange(),
                            code, pred);
}

Values KernelBuilder::asmResults(StringRef text, StringRef constraints,
                                 TypeRange results, ValueRange operands) {
  MLIRContext *context = builder.getContext();
  Type type =
      results.size() == 1
          ? results.front()
          : LLVM::LLVMStructType::getLiteral(context, llvm::to_vector(results));
  auto op = LLVM::InlineAsmOp::create(
      builder, loc, type, operands, text, constraints,
      /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::tailcallkind::TailCallKind::None,
      LLVM::AsmDialectAttr::get(context, LLVM::AsmDialect::AD_ATT),
      ArrayAttr());
  if (results.size() == 1)
    return {op->getResult(0)};
  Values values;
  for (unsigned i = 0; i < results.size(); ++i)
    values.push_back(
        LLVM::ExtractValueOp::create(builder, loc, op->getResult(0), i));
  return values;
}

Value KernelBuilder::ptx32(StringRef code, ValueRange operands) {
  std::string constraints = "=r";
  for (Value v : operands)
    constraints += ("," + constraintOf(v.getType())).str();
  return asmResults(code, constraints, i32, operands).front();
}

Value KernelBuilder::loadGlobalIf(Value ptr, int32_t otherwise, Value pred) {
  return loadGlobal32If(ptr, c32(otherwise), pred);
}
Value KernelBuilder::loadGlobal16If(Value ptr, Value otherwise, Value pred) {
  return asmResults("{\nmov.b16 $0, $3;\n@$2 ld.global.nc.b16 $0, [$1];\n}",
                    "=&h,l,b,h", otherwise.getType(), {ptr, pred, otherwise})
      .front();
}
Value KernelBuilder::loadGlobal32If(Value ptr, Value otherwise, Value pred) {
  return asmResults("{\nmov.b32 $0, $3;\n@$2 ld.global.nc.b32 $0, [$1];\n}",
                    "=&r,l,b,r", i32, {ptr, pred, otherwise})
      .front();
}
Values KernelBuilder::loadGlobal128If(Value ptr, Value otherwise, Value pred) {
  return asmResults("{\nmov.b32 $0, $6;\nmov.b32 $1, $6;\nmov.b32 $2, $6;\n"
                    "mov.b32 $3, $6;\n"
                    "@$5 ld.global.nc.v4.b32 {$0, $1, $2, $3}, [$4];\n}",
                    "=&r,=&r,=&r,=&r,l,b,r", SmallVector<Type>(4, i32),
                    {ptr, pred, otherwise});
}
