//===- Merge.cpp - Merging of partial results on the CPU ------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "Tiles.h"

using namespace mlir;
using namespace mlir::pbs::cpu;

static constexpr double kLog2E = 1.4426950408889634;
static constexpr double kLn2 = 0.6931471805599453;

void MergeKernel::emit(CodeBuilder &b, Value item) const {
  Value numQueries = b.dim(output0, 2), heads = b.dim(output0, 1);
  Value size = b.index(kMergeRows), zero = b.index(0);
  Value parts = b.ceilDiv(numQueries, size);
  Value batchAndHead = b.div(item, parts);
  Value batch = b.div(batchAndHead, heads), head = b.rem(batchAndHead, heads);
  Value begin = b.mul(b.rem(item, parts), size);
  Value end = b.min(b.add(begin, size), numQueries);
  Type f32 = b.getF32Type();
  int64_t dim = cast<MemRefType>(output0.getType()).getShape().back();
  int64_t lanes = getDimLanes(b, dim);

  b.forLoop(begin, end, 1, [&](Value row) {
    // With both sides empty the shift is 0 and the weights are 0.
    Value x0 = b.load(lse0, {batch, head, row});
    Value x1 = b.load(lse1, {batch, head, row});
    Value max = b.maxf(x0, x1), none = b.f32(0);
    Value shift = b.select(b.eqf(max, b.negInf(f32)), none, max);
    auto weigh = [&](Value x) {
      Value difference = b.subf(x, shift);
      return emitExp2(b, b.mulf(difference, b.f32(kLog2E)));
    };
    Value w0 = weigh(x0), w1 = weigh(x1), sum = b.addf(w0, w1);
    if (lse) {
      Value log = b.mulf(emitLog2(b, sum), b.f32(kLn2));
      b.store(b.addf(log, shift), lse, {batch, head, row});
    }
    if (!output)
      return;
    Value inverse = b.select(b.eqf(sum, none), none, b.divf(b.f32(1), sum));
    Value f0 = b.splat(b.mulf(w0, inverse), lanes);
    Value f1 = b.splat(b.mulf(w1, inverse), lanes);
    b.forLoop(zero, b.index(dim), lanes, [&](Value d) {
      auto part = [&](Value from) {
        Value v = b.loadVector(from, {batch, head, row, d}, lanes);
        return b.castf(v, f32);
      };
      Value v = b.fma(f0, part(output0), b.mulf(f1, part(output1)));
      b.store(b.castf(v, elementOf(output)), output, {batch, head, row, d});
    });
  });
}
