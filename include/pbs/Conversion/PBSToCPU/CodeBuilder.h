//===- CodeBuilder.h - Short names for CPU kernel code ----------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels are written as functions that build scf, arith, vector and memref
// ops. This builder keeps them readable, and keeps the headers of those
// dialects out of the kernel files.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_CONVERSION_PBSTOCPU_CODEBUILDER_H
#define PBS_CONVERSION_PBSTOCPU_CODEBUILDER_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "pbs/Conversion/PBSToCPU/CPUTarget.h"

namespace mlir::pbs::cpu {

using Values = SmallVector<Value>;

/// Builds code inside one function. Arithmetic works on scalars and on vectors
/// alike; indices and integers are signed.
class CodeBuilder : public ImplicitLocOpBuilder {
public:
  /// `entry` is the block that holds the local tiles of the function.
  CodeBuilder(Location loc, Block *entry, const CPUTarget &target);

  const CPUTarget &getTarget() const { return target; }

  /// @name Constants
  /// @{
  Value index(int64_t value);
  Value i32(int64_t value);
  Value i64(int64_t value);
  Value f32(double value);
  Value f64(double value);
  /// `value` of `type`, a float, an integer, or a vector of them.
  Value constant(Type type, double value);
  /// Minus infinity of the float or vector type `type`.
  Value negInf(Type type);
  /// `0, 1, ..., lanes - 1` as a vector of i32.
  Value iota(int64_t lanes);
  /// @}

  /// @name Integers
  /// @{
  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  /// Quotient and remainder of non-negative numbers.
  Value div(Value a, Value b);
  Value rem(Value a, Value b);
  Value ceilDiv(Value a, Value b);
  Value min(Value a, Value b);
  Value max(Value a, Value b);
  Value bitAnd(Value a, Value b);
  Value bitOr(Value a, Value b);
  Value bitXor(Value a, Value b);
  Value shl(Value a, Value b);
  /// Logical shift to the right.
  Value shr(Value a, Value b);
  Value lt(Value a, Value b);
  Value le(Value a, Value b);
  Value eq(Value a, Value b);
  Value ne(Value a, Value b);
  /// Unsigned `a < b`.
  Value ult(Value a, Value b);
  /// Between index and integers of any width: to `type`, sign-extending.
  Value intCast(Value a, Type type);
  /// From a narrow integer to a wide one with zeros.
  Value zext(Value a, Type type);
  /// Bits of `a` as `type`.
  Value bitcast(Value a, Type type);
  /// @}

  /// @name Floats
  /// @{
  Value addf(Value a, Value b);
  Value subf(Value a, Value b);
  Value mulf(Value a, Value b);
  Value divf(Value a, Value b);
  /// `a * b + c`, fused where the machine can.
  Value fma(Value a, Value b, Value c);
  /// The larger one; `b` if either is NaN.
  Value maxf(Value a, Value b);
  /// Ordered comparisons, false for NaN.
  Value ltf(Value a, Value b);
  Value lef(Value a, Value b);
  Value eqf(Value a, Value b);
  /// True for NaN.
  Value isNaN(Value a);
  /// To the float type of element `elementType`, widening or narrowing.
  Value castf(Value a, Type elementType);
  /// An integer as a float, a float as an integer towards zero.
  Value intToFloat(Value a, Type type);
  /// Sum of the lanes.
  Value reduceAdd(Value a);
  /// @}

  Value select(Value condition, Value a, Value b);
  Value splat(Value scalar, int64_t lanes);
  /// The lanes of `a` and then `b` with the given numbers.
  Value shuffle(Value a, Value b, ArrayRef<int64_t> lanes);

  /// @name Memory
  /// @{
  Value load(Value memref, ValueRange indices);
  void store(Value value, Value memref, ValueRange indices);
  /// `lanes` neighbours along the last dimension.
  Value loadVector(Value memref, ValueRange indices, int64_t lanes);
  /// Adds `value` to an integer; returns what was there before.
  Value atomicAdd(Value value, Value memref, ValueRange indices);
  Value dim(Value memref, unsigned position);
  /// A local tile, on the stack of the function, 64-byte aligned.
  Value localTile(ArrayRef<int64_t> shape, Type elementType);
  /// A local row of `size` elements, known when the function is entered.
  Value localRow(Value size, Type elementType);
  /// Sets bit `bit` (an index) of the row of i32 words that starts at `row` of
  /// the rank-4 `bits`; returns its former value as an i1.
  Value setBit(Value bits, ValueRange row, Value bit);
  /// Bit `bit` of that row as an i1.
  Value testBit(Value bits, ValueRange row, Value bit);
  /// @}

  /// @name Control flow
  /// @{
  void forLoop(Value begin, Value end, int64_t step,
               function_ref<void(Value)> body);
  /// A loop that carries `values`; returns them after the last iteration.
  Values forLoop(Value begin, Value end, int64_t step, ValueRange values,
                 function_ref<Values(Value, ValueRange)> body);
  void ifThen(Value condition, function_ref<void()> body);
  void ifElse(Value condition, function_ref<void()> thenBody,
              function_ref<void()> elseBody);
  Values ifElse(Value condition, TypeRange types,
                function_ref<Values()> thenBody,
                function_ref<Values()> elseBody);
  /// Runs `body` on the carried values while `condition` holds for them.
  Values whileLoop(ValueRange values, function_ref<Value(ValueRange)> condition,
                   function_ref<Values(ValueRange)> body);
  /// @}

private:
  Block *entry;
  CPUTarget target;
};

/// The type of `lanes` floats or integers.
inline VectorType vectorOf(Type elementType, int64_t lanes) {
  return VectorType::get({lanes}, elementType);
}

/// Element type of a memref.
inline Type elementOf(Value memref) {
  return cast<MemRefType>(memref.getType()).getElementType();
}

/// `2^x` for `x < 127.5`, -inf or NaN, scalar or vector of f32. The relative
/// error is at most 2^-23 down to 2^-126; results below 2^-126.5 are 0; NaN
/// stays NaN.
Value emitExp2(CodeBuilder &b, Value x);

/// The same for all f64 arguments, 2^127 from 127 on: the argument is not
/// rounded to f32 first, so that the relative error of the f32 result does not
/// grow with `|x|`.
Value emitExp2OfF64(CodeBuilder &b, Value x);

/// `log2(x)` for `x >= 0`, scalar or vector of f32; absolute error at most
/// 2^-21 + 2^-23 |log2(x)|; 0 gives -inf, infinity and NaN stay.
Value emitLog2(CodeBuilder &b, Value x);

/// `tanh(x)` for scalars and vectors of f32; the relative error is at most
/// 2^-21; NaN stays NaN.
Value emitTanh(CodeBuilder &b, Value x);

} // namespace mlir::pbs::cpu

#endif // PBS_CONVERSION_PBSTOCPU_CODEBUILDER_H
