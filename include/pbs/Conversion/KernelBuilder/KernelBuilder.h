//===- KernelBuilder.h - Emit ops of one kernel ------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The vocabulary in which the Hopper kernels are written. It keeps the two
// large dialect headers in two .cpp files and gives the users a text that reads
// like the kernel.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_KERNELBUILDER_KERNELBUILDER_H
#define PBS_CONVERSION_KERNELBUILDER_KERNELBUILDER_H

#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"
#include <cstdint>

namespace mlir::pbs {

using Values = SmallVector<Value>;

/// Integer comparisons; those without prefix are signed or sign-free.
enum class Cmp { EQ, NE, LT, LE, GT, GE, ULT, UGE };

/// How a kernel parameter is passed.
enum class ParamKind { TensorMap, Pointer, I32, I64 };

/// Address spaces of NVPTX.
constexpr unsigned kGlobalSpace = 1;
constexpr unsigned kSharedSpace = 3;

/// Emits one `llvm.func` kernel at the current insertion point of a gpu.module.
/// Constants are unique and live in the entry block.
class KernelBuilder {
public:
  KernelBuilder(OpBuilder &builder, Location loc);
  /// Constants that exist, by value and type.
  using Constants = llvm::DenseMap<std::pair<Attribute, Type>, Value>;
  /// Emits into a kernel that beginKernel() of another builder has begun, or
  /// into one to begin if null, sharing its constants with other builders.
  KernelBuilder(OpBuilder &builder, Location loc, Operation *kernel,
                Constants &constants);

  /// Declares the dynamic shared memory of the module (alignment 1024, which
  /// the 128-byte swizzle needs) and the kernel, and enters its first block.
  /// Tensor maps are passed by value (PTX ISA, tensormap in .param space).
  void beginKernel(StringRef name, ArrayRef<ParamKind> params,
                   unsigned threadsPerBlock);
  /// The kernel begun last.
  Operation *kernel() const { return func; }
  Value param(unsigned i) const;

  Type i1, i32, i64, f32;

  //===--- Control flow ---===//
  Block *newBlock(TypeRange types = {});
  void enter(Block *block);
  void br(Block *dest, ValueRange args = {});
  void condBr(Value cond, Block *ifTrue, ValueRange trueArgs, Block *ifFalse,
              ValueRange falseArgs);
  void condBr(Value cond, Block *ifTrue, Block *ifFalse) {
    condBr(cond, ifTrue, {}, ifFalse, {});
  }
  void ret();

  //===--- Integers ---===//
  Value c1(bool v);
  Value c16(int64_t v);
  Value c32(int64_t v);
  Value c64(int64_t v);
  Value add(Value a, Value b);
  Value add(Value a, int64_t b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value mul(Value a, int64_t b);
  Value udiv(Value a, Value b);
  /// `sum`, and 1 more if the unsigned sum of `a` and `b` has 33 bits.
  Value addCarry(Value a, Value b, Value sum);
  Value and_(Value a, Value b);
  Value and_(Value a, int64_t b);
  Value or_(Value a, Value b);
  Value xor_(Value a, Value b);
  Value xor_(Value a, int64_t b);
  Value shl(Value a, Value b);
  Value lshr(Value a, Value b);
  Value lshr(Value a, int64_t b);
  Value ashr(Value a, int64_t b);
  Value smin(Value a, Value b);
  Value smax(Value a, Value b);
  Value zext64(Value a);
  Value trunc32(Value a);
  Value popc(Value a);
  /// Index of the lowest set bit; `a` must not be zero.
  Value ctz(Value a);
  Value cmp(Cmp pred, Value a, Value b);
  Value cmp(Cmp pred, Value a, int64_t b);
  Value select(Value cond, Value a, Value b);
  /// A value that nothing uses.
  Value poison(Type type);

  //===--- Floating point ---===//
  Value cf(float v);
  Value negInf();
  /// With `contract`, one instruction with a multiplication that says so too.
  Value fadd(Value a, Value b, bool contract = false);
  Value fmul(Value a, Value b);
  Value fma(Value a, Value b, Value c);
  Value fmax(Value a, Value b);
  Value fmin(Value a, Value b);
  Value fabs(Value a);
  /// Rounded to nearest.
  Value sqrt(Value a);
  Value rsqrt(Value a);
  Value fcmpEq(Value a, Value b);
  /// 2^a, ex2.approx.ftz (PTX ISA: 2 ulp; -inf gives 0).
  Value ex2(Value a);
  /// log2(a), lg2.approx.ftz (0 gives -inf).
  Value lg2(Value a);
  Value rcp(Value a);
  /// Two f32 rounded to nearest into one i32 of two 16-bit floats, `lo` in the
  /// low half.
  Value pack16(Value lo, Value hi, bool bf16);

  //===--- Memory ---===//
  Value sharedBase();
  Value gepBytes(Value base, Value byteOffset);
  Value gepBytes(Value base, int64_t byteOffset);
  Value load(Value ptr, Type type, unsigned align, bool invariant = false);
  void store(Value value, Value ptr, unsigned align);
  Value ptrToInt(Value ptr);
  Value intToShared(Value addr);
  Value extractElement(Value vec, unsigned i);
  Type vec4i32();
  /// The same bits as another type.
  Value bitcast(Value v, Type type);
  /// The address of a global buffer.
  Type globalPointer();
  /// The two 16-bit values of an i32, the low one first.
  std::pair<Value, Value> unpack16(Value packed, Type element);
  Value repack16(Value lo, Value hi);

  //===--- Warp and block ---===//
  Value tid();
  Value ctaid();
  Value nctaid();
  /// Nanoseconds of a clock that all multiprocessors share, read here (i64).
  Value globalTimer();
  /// Number of the multiprocessor, read here.
  Value smid();
  Value shflIdx(Value v, Value lane);
  Value shflBfly(Value v, unsigned mask);
  /// The value of all lanes or-ed: for a value equal in all lanes this is the
  /// identity and tells ptxas that it is uniform.
  Value uniform(Value v);
  /// Whether `pred` holds in one of the lanes.
  Value anySync(Value pred);
  /// Bit i is `pred` of lane i.
  Value ballot(Value pred);
  Value reduxAdd(Value v);
  Value reduxMin(Value v);
  Value reduxMax(Value v);
  Value elect();
  void syncWarp();
  void barrierAll();
  void barrier(Value id, unsigned threads);
  void barrierArrive(Value id, unsigned threads);
  void setMaxRegisters(unsigned count, bool increase);
  /// All kernels before this one have ended and what they wrote is visible;
  /// then the one after it may begin (PTX ISA, "griddepcontrol"). All threads.
  void waitForGrids();

  //===--- mbarrier ---===//
  void mbarInit(Value bar, unsigned count);
  void fenceMbarInit();
  void mbarArriveIf(Value bar, Value pred);
  void mbarExpectTxIf(Value bar, unsigned bytes, Value pred);
  void mbarWait(Value bar, Value parity);

  //===--- Bulk copies ---===//
  void prefetchTensorMap(Value map);
  void tmaLoadIf(Value dst, Value map, Value bar, ValueRange coords,
                 uint64_t cachePolicy, Value pred);
  void tmaStoreIf(Value map, Value src, ValueRange coords, Value pred);
  void bulkCommit();
  /// Waits until all but the last `pending` groups of bulk copies of this
  /// thread have read shared memory.
  void bulkWaitRead(unsigned pending = 0);
  /// Begins to copy 16 bytes to shared memory; zeros unless `exists`.
  void copyAsync(Value dst, Value src, Value exists);
  void copyAsyncCommit();
  /// Waits for all but the last `pending` groups of copyAsync() of this thread.
  void copyAsyncWait(unsigned pending);
  void fenceProxyAsync();
  Values ldmatrix4(Value ptr);
  void stmatrix4(Value ptr, ArrayRef<Value> regs);

  //===--- Warpgroup matrix multiply ---===//
  void wgmmaFence();
  void wgmmaCommit();
  /// Waits until at most `pending` groups are in flight; the values pass
  /// through so that no use of them can be scheduled before the wait.
  Values wgmmaWait(unsigned pending, ArrayRef<Value> values);
  /// As wgmmaFence(), with values that pass through.
  Values wgmmaFence(ArrayRef<Value> values);
  /// acc = A B (first) or acc += A B, m64 n `n` k16, both operands in shared
  /// memory, A K-major, B K-major or, with `transposedB`, MN-major. `acc` is a
  /// struct of n/2 f32.
  Value wgmmaSS(Value descA, Value descB, Value acc, unsigned n, bool first,
                bool bf16, bool transposedB = false);
  /// acc = A B (first) or acc += A B, m64 n `n` k16, A (4 x i32) in registers,
  /// B MN-major in shared memory or, if not `transposedB`, K-major.
  Values wgmmaRS(ArrayRef<Value> a, Value descB, ArrayRef<Value> acc,
                 unsigned n, bool first, bool bf16, bool transposedB = true);
  Value undefF32();
  Value undefAcc(unsigned n);
  Value packAcc(ArrayRef<Value> acc);
  Values unpackAcc(Value acc, unsigned n);

  //===--- Inline PTX ---===//
  /// One instruction under a predicate; operands are $0, $1, ...
  void ptxIf(StringRef code, ValueRange operands, Value pred);
  /// `x` times `factor` where `pred`, else `x`.
  Value fmulIf(Value x, Value factor, Value pred);
  /// Inline assembly with one i32 result ($0), operands from $1.
  Value ptx32(StringRef code, ValueRange operands);
  /// Reads an i32 from global memory where `pred`, else gives `otherwise`.
  Value loadGlobalIf(Value ptr, int32_t otherwise, Value pred);
  /// Reads 16 bits, 32 bits or 4 x 32 bits from read-only global memory where
  /// `pred`, else gives `otherwise` (one i16 or i32, for all four words).
  Value loadGlobal16If(Value ptr, Value otherwise, Value pred);
  Value loadGlobal32If(Value ptr, Value otherwise, Value pred);
  Values loadGlobal128If(Value ptr, Value otherwise, Value pred);

private:
  /// Inline assembly whose `tied` operands are read and written.
  Values tiedAsm(StringRef text, ArrayRef<Value> tied, ArrayRef<Value> extra);
  Value constant(Attribute value, Type type);
  Value intrinsic(StringRef name, ValueRange operands, Type type);

  OpBuilder &builder;
  Location loc;
  /// Inline assembly without side effects on memory order, with results; what
  /// `isArithmetic` moves to where it is used.
  Values asmResults(StringRef text, StringRef constraints, TypeRange results,
                    ValueRange operands, bool isArithmetic = false);

  Operation *func = nullptr;
  Region *body = nullptr;
  Operation *shared = nullptr;
  Constants ownConstants;
  Constants *constants = &ownConstants;
};

} // namespace mlir::pbs

#endif // PBS_CONVERSION_KERNELBUILDER_KERNELBUILDER_H
