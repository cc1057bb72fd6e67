//===- Sort.cpp - Sorting of a local row ----------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Keys hold the number of the element, so they differ and the order does not
// depend on the algorithm. Heap sort needs no second row and its code is small.
//
//===----------------------------------------------------------------------===//

#include "Tiles.h"

using namespace mlir;
using namespace mlir::pbs::cpu;

static constexpr int64_t kAllButSign = 0x7FFFFFFF;

Value mlir::pbs::cpu::emitSortKey(CodeBuilder &b, Value value, Value number) {
  // Adding 0 makes -0 and 0 the same key.
  Value bits = b.bitcast(b.addf(value, b.f32(0.0)), b.getI32Type());
  // Unsigned bits that descend where the floats ascend.
  Value positive = b.bitXor(bits, b.i32(kAllButSign));
  Value key = b.select(b.lt(bits, b.i32(0)), bits, positive);
  key = b.select(b.isNaN(value), b.i32(-1), key);
  Value high = b.shl(b.zext(key, b.getI64Type()), b.i64(32));
  return b.bitOr(high, b.intCast(number, b.getI64Type()));
}

Value mlir::pbs::cpu::emitSortedNumber(CodeBuilder &b, Value key) {
  Value low = b.bitAnd(key, b.i64(0xFFFFFFFF));
  return b.intCast(low, b.getIndexType());
}

/// Moves the element at `root` down to its place in the heap of `size`.
static void emitSiftDown(CodeBuilder &b, Value keys, Value root, Value size) {
  Value one = b.index(1);
  auto leftChild = [&](Value node) { return b.add(b.add(node, node), one); };
  Value moved = b.load(keys, root);
  Value yes = b.constant(b.getI1Type(), 1), no = b.constant(b.getI1Type(), 0);
  Values end = b.whileLoop(
      {root, yes},
      [&](ValueRange args) {
        return b.bitAnd(args[1], b.lt(leftChild(args[0]), size));
      },
      [&](ValueRange args) -> Values {
        Value left = leftChild(args[0]);
        Value right = b.min(b.add(left, one), b.sub(size, one));
        Value leftKey = b.load(keys, left), rightKey = b.load(keys, right);
        Value goRight = b.ult(leftKey, rightKey);
        Value child = b.select(goRight, right, left);
        Value key = b.select(goRight, rightKey, leftKey);
        return b.ifElse(
            b.ult(moved, key), {b.getIndexType(), b.getI1Type()},
            [&]() -> Values {
              b.store(key, keys, args[0]);
              return {child, yes};
            },
            [&]() -> Values { return {args[0], no}; });
      });
  b.store(moved, keys, end[0]);
}

void mlir::pbs::cpu::emitSort(CodeBuilder &b, Value keys, Value count) {
  // The first half of the steps builds the heap, the others take its maximum.
  Value zero = b.index(0), one = b.index(1);
  Value half = b.div(count, b.index(2));
  b.forLoop(zero, b.add(half, count), 1, [&](Value step) {
    Value building = b.lt(step, half);
    Value root = b.select(building, b.sub(b.sub(half, one), step), zero);
    Value taken = b.sub(b.sub(b.add(half, count), one), step);
    Value size = b.select(building, count, taken);
    b.ifThen(b.bitXor(building, b.constant(b.getI1Type(), 1)), [&] {
      Value first = b.load(keys, zero), last = b.load(keys, taken);
      b.store(last, keys, zero);
      b.store(first, keys, taken);
    });
    b.ifThen(b.lt(root, size), [&] { emitSiftDown(b, keys, root, size); });
  });
}
