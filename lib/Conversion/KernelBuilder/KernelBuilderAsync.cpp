//===- KernelBuilderAsync.cpp - Barriers, copies and products -------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What sm_90a does beside its threads, and the inline PTX that it needs.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Matchers.h"
#include "pbs/Conversion/KernelBuilder/KernelBuilder.h"

using namespace mlir;
using namespace mlir::pbs;

/// Suspend-time hint of mbarrier.try_wait in nanoseconds (10 ms): long, since a
/// failed wait only loops.
static constexpr int64_t kWaitHintNs = 10'000'000;

//===----------------------------------------------------------------------===//
// mbarrier
//===----------------------------------------------------------------------===//

void KernelBuilder::mbarInit(Value bar, unsigned count) {
  NVVM::MBarrierInitOp::create(builder, loc, bar, c32(count), Value());
}
void KernelBuilder::fenceMbarInit() {
  NVVM::FenceMbarrierInitOp::create(builder, loc);
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
void KernelBuilder::bulkWaitRead(unsigned pending) {
  NVVM::CpAsyncBulkWaitGroupOp::create(builder, loc, pending,
                                       builder.getUnitAttr());
}
void KernelBuilder::copyAsync(Value dst, Value src, Value exists) {
  ptxIf("cp.async.cg.shared.global [$0], [$1], 16, $2;",
        {dst, src, select(exists, c32(16), c32(0))}, c1(true));
}
void KernelBuilder::copyAsyncCommit() {
  NVVM::CpAsyncCommitGroupOp::create(builder, loc);
}
void KernelBuilder::copyAsyncWait(unsigned pending) {
  NVVM::CpAsyncWaitGroupOp::create(builder, loc, pending);
}
void KernelBuilder::fenceProxyAsync() {
  NVVM::FenceProxyOp::create(
      builder, loc, NVVM::ProxyKind::async_shared,
      NVVM::SharedSpaceAttr::get(builder.getContext(),
                                 NVVM::SharedSpace::shared_cta));
}
Values KernelBuilder::ldmatrix4(Value ptr) {
  Type type = LLVM::LLVMStructType::getLiteral(builder.getContext(),
                                               SmallVector<Type>(4, i32));
  Value loaded = NVVM::LdMatrixOp::create(
      builder, loc, type, ptr, /*num=*/4, NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(builder.getContext(), 8, 8),
      NVVM::LdStMatrixEltType::B16);
  Values values;
  for (int64_t i = 0; i < 4; ++i)
    values.push_back(LLVM::ExtractValueOp::create(builder, loc, loaded, i));
  return values;
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
  // A constant would be printed where PTX expects a register.
  if (matchPattern(pred, m_One()))
    pred = Value();
  NVVM::InlinePtxOp::create(builder, loc, TypeRange(), operands, ValueRange(),
                            code, pred);
}

Values KernelBuilder::asmResults(StringRef text, StringRef constraints,
                                 TypeRange results, ValueRange operands,
                                 bool isArithmetic) {
  MLIRContext *context = builder.getContext();
  Type type =
      results.size() == 1
          ? results.front()
          : LLVM::LLVMStructType::getLiteral(context, llvm::to_vector(results));
  auto op = LLVM::InlineAsmOp::create(
      builder, loc, type, operands, text, constraints,
      /*has_side_effects=*/!isArithmetic, /*is_align_stack=*/false,
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

void KernelBuilder::waitForGrids() {
  // The ops of NVVM do not say that memory changes, so that a load might be
  // moved before them.
  LLVM::InlineAsmOp::create(
      builder, loc, /*result types=*/TypeRange(), ValueRange(),
      "griddepcontrol.wait;\n\tgriddepcontrol.launch_dependents;", "~{memory}",
      /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::tailcallkind::TailCallKind::None,
      LLVM::AsmDialectAttr::get(builder.getContext(), LLVM::AsmDialect::AD_ATT),
      ArrayAttr());
}

Value KernelBuilder::ptx32(StringRef code, ValueRange operands) {
  std::string constraints = "=r";
  for (Value v : operands)
    constraints += ("," + constraintOf(v.getType())).str();
  return asmResults(code, constraints, i32, operands).front();
}

Value KernelBuilder::fmulIf(Value x, Value factor, Value pred) {
  // A constant would be printed where PTX expects a register.
  if (matchPattern(pred, m_One()))
    return fmul(x, factor);
  if (matchPattern(pred, m_Zero()))
    return x;
  return asmResults("@$3 mul.rn.f32 $0, $0, $2;", "=f,0,f,b", x.getType(),
                    {x, factor, pred}, /*isArithmetic=*/true)
      .front();
}

Value KernelBuilder::addCarry(Value a, Value b, Value sum) {
  return ptx32("{\n.reg .b32 low;\nadd.cc.u32 low, $1, $2;\n"
               "addc.u32 $0, $3, 0;\n}",
               {a, b, sum});
}

Value KernelBuilder::globalTimer() {
  return asmResults("mov.u64 $0, %globaltimer;", "=l", i64, {}).front();
}
Value KernelBuilder::smid() { return ptx32("mov.u32 $0, %smid;", {}); }

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
