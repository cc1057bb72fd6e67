//===- BlockListKernel.cpp - Index lists to bit rows
//-------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Callers give block lists as counts and indices in any order; kernels read bit
// rows. One warp per row. Nothing is read or written out of bounds whatever the
// counts and indices are; what is wrong with them goes to `status`.
//
//===----------------------------------------------------------------------===//

#include "AbiBuilder.h"
#include "pbs/Conversion/PBSToNVVM/AttentionKernel.h"

using namespace mlir;
using namespace mlir::pbs;

/// Warps, hence rows, per thread block.
static constexpr unsigned kRowsPerBlock = 4;

FailureOr<Operation *> mlir::pbs::buildBlockListKernel(OpBuilder &builder,
                                                       Location loc) {
  AbiBuilder abi(builder);
  int count = abi.pointer("count");
  int index = abi.pointer("index");
  int list = abi.pointer("list");
  int status = abi.pointer("status");
  int rows = abi.scalar(abi.expr("count.0 count.1 mul count.2 mul"));
  int length = abi.scalar(abi.expr("index.3"));
  int blocks = abi.scalar(abi.expr("k.2 128 ceildiv"));

  KernelBuilder b(builder, loc);
  OpBuilder::InsertionGuard guard(builder);
  b.beginKernel(kListKernelName, abi.kinds, 32 * kRowsPerBlock);
  Value zero = b.c32(0), tid = b.tid();
  Value lane = b.and_(tid, 31);
  Value row = b.add(b.mul(b.ctaid(), kRowsPerBlock), b.lshr(tid, 5));
  Block *work = b.newBlock(), *exit = b.newBlock();
  b.condBr(b.cmp(Cmp::LT, row, b.param(rows)), work, exit);

  b.enter(work);
  Value row64 = b.zext64(row);
  Value words = b.lshr(b.add(b.param(blocks), 31), 5);
  Value bits =
      b.gepBytes(b.param(list), b.mul(b.mul(row64, b.zext64(words)), 4));
  Block *clearHead = b.newBlock({b.i32}), *clear = b.newBlock(),
        *setUp = b.newBlock();
  b.br(clearHead, zero);
  b.enter(clearHead);
  Value base = clearHead->getArgument(0);
  b.condBr(b.cmp(Cmp::LT, base, words), clear, setUp);
  b.enter(clear);
  Value word = b.add(base, lane);
  b.ptxIf("st.global.b32 [$0], $1;",
          {b.gepBytes(bits, b.mul(b.zext64(word), 4)), zero},
          b.cmp(Cmp::LT, word, words));
  b.br(clearHead, b.add(base, 32));

  b.enter(setUp);
  b.syncWarp();
  Value n = b.load(b.gepBytes(b.param(count), b.mul(row64, 4)), b.i32, 4,
                   /*invariant=*/true);
  // A count out of range is reported as well.
  Value clamped = b.smin(b.smax(n, zero), b.param(length));
  Value countBad = b.select(b.cmp(Cmp::EQ, n, clamped), zero, b.c32(1));
  Value first = b.gepBytes(b.param(index),
                           b.mul(b.mul(row64, b.zext64(b.param(length))), 4));
  Block *head = b.newBlock({b.i32, b.i32}), *body = b.newBlock(),
        *done = b.newBlock();
  b.br(head, {zero, countBad});
  b.enter(head);
  Value at = head->getArgument(0), bad = head->getArgument(1);
  b.condBr(b.cmp(Cmp::LT, at, clamped), body, done);
  b.enter(body);
  Value entry = b.add(at, lane);
  Value inList = b.cmp(Cmp::LT, entry, clamped);
  Value block =
      b.loadGlobalIf(b.gepBytes(first, b.mul(b.zext64(entry), 4)), 0, inList);
  Value inRange = b.cmp(Cmp::ULT, block, b.param(blocks));
  Value valid = b.and_(inList, inRange);
  Value bit = b.shl(b.c32(1), b.and_(block, 31));
  Value target = b.gepBytes(bits, b.mul(b.zext64(b.lshr(block, 5)), 4));
  Value flag = b.select(valid, b.c32(1), zero);
  Value old = b.ptx32("{\n.reg .pred p;\nsetp.ne.b32 p, $3, 0;\n"
                      "mov.b32 $0, 0;\n"
                      "@p atom.global.or.b32 $0, [$1], $2;\n}",
                      {target, bit, flag});
  Value duplicate = b.cmp(Cmp::NE, b.and_(old, bit), 0);
  Value wrong = b.or_(duplicate, b.and_(inList, b.xor_(inRange, b.c1(true))));
  b.br(head, {b.add(at, 32), b.or_(bad, b.select(wrong, b.c32(1), zero))});

  b.enter(done);
  b.ptxIf("red.global.min.s32 [$0], $1;", {b.param(status), b.add(row, 1)},
          b.cmp(Cmp::NE, bad, 0));
  b.br(exit);
  b.enter(exit);
  b.ret();

  Operation *kernel = b.kernel();
  abi.finish(kernel,
             "count.0 count.1 mul count.2 mul " +
                 std::to_string(kRowsPerBlock) + " ceildiv",
             32 * kRowsPerBlock, /*sharedBytes=*/0);
  return kernel;
}
