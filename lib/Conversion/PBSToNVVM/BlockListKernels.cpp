//===- BlockListKernels.cpp - Small kernels around block lists ------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Callers give block lists as counts and indices in any order and positions
// without ranges; attention reads bit rows. One warp per row.
//
//===----------------------------------------------------------------------===//

#include "pbs/Conversion/PBSToNVVM/BlockListKernels.h"
#include "ParamList.h"

using namespace mlir;
using namespace mlir::pbs;
using Role = BlockListRole;

namespace {
/// Frame of these kernels: rows over the first three dimensions.
class RowKernel {
public:
  RowKernel(OpBuilder &builder, Location loc, bool isDependent)
      : b(builder, loc), isDependent(isDependent) {}

  /// Begins the kernel, once `list` is complete; leaves the insertion point
  /// where the work of a row begins. `outer`, `middle` and `inner` are the
  /// numbers of rows in each dimension, computed by `sizes`.
  void begin(StringRef name, function_ref<void(Value (&)[3])> sizes);
  /// Ends the row.
  void end() {
    b.br(exit);
    b.enter(exit);
    b.ret();
  }
  KernelInfo info() {
    return {b.kernel(), std::move(list.params), 32 * unsigned(kRowsPerBlock),
            0};
  }
  Value param(int i) { return b.param(unsigned(i)); }
  /// The number of blocks of `block` rows that `size` rows are.
  Value numBlocks(Value size, int64_t block) {
    return b.udiv(b.add(size, block - 1), b.c32(block));
  }
  /// Address of an element of 4 bytes, as AttentionEmitter::element.
  Value element(int pointer, int strides, ArrayRef<Value> indices);
  Value plus(Value base, Value elements) {
    return b.gepBytes(base, b.mul(b.zext64(elements), 4));
  }
  /// A loop over `first`, `first` + 32, ... below `end`, the same for all
  /// lanes; `body` gets the lane's own element.
  void forLanes(Value end, function_ref<void(Value)> body);

  KernelBuilder b;
  ParamList list;
  Value lane, zero, row;
  /// The row in each dimension.
  Value index[3];

private:
  bool isDependent;
  Block *exit = nullptr;
};
} // namespace

void RowKernel::begin(StringRef name, function_ref<void(Value (&)[3])> sizes) {
  b.beginKernel(name, list.kinds, 32 * kRowsPerBlock);
  if (isDependent)
    b.waitForGrids();
  zero = b.c32(0);
  Value tid = b.tid();
  lane = b.and_(tid, 31);
  row = b.add(b.mul(b.ctaid(), kRowsPerBlock), b.lshr(tid, 5));
  Value size[3];
  sizes(size);
  Value total = b.mul(b.mul(size[0], size[1]), size[2]);
  Block *work = b.newBlock();
  exit = b.newBlock();
  b.condBr(b.cmp(Cmp::LT, row, total), work, exit);
  b.enter(work);
  Value outer = b.udiv(row, size[2]);
  index[2] = b.sub(row, b.mul(outer, size[2]));
  index[0] = b.udiv(outer, size[1]);
  index[1] = b.sub(outer, b.mul(index[0], size[1]));
}

Value RowKernel::element(int pointer, int strides, ArrayRef<Value> indices) {
  Value offset;
  for (auto [i, index] : llvm::enumerate(indices)) {
    Value part = b.mul(b.zext64(index), param(strides + int(i)));
    offset = offset ? b.add(offset, part) : part;
  }
  return b.gepBytes(param(pointer), b.mul(offset, 4));
}

void RowKernel::forLanes(Value end, function_ref<void(Value)> body) {
  Block *head = b.newBlock({b.i32}), *inside = b.newBlock(),
        *done = b.newBlock();
  b.br(head, zero);
  b.enter(head);
  Value base = head->getArgument(0);
  b.condBr(b.cmp(Cmp::LT, base, end), inside, done);
  b.enter(inside);
  body(b.add(base, lane));
  b.br(head, b.add(base, 32));
  b.enter(done);
}

//===----------------------------------------------------------------------===//
// Bit rows from indices
//===----------------------------------------------------------------------===//

KernelInfo mlir::pbs::buildBlockListFromIndices(OpBuilder &builder,
                                                Location loc, StringRef name,
                                                int64_t keyBlock,
                                                bool isDependent) {
  OpBuilder::InsertionGuard guard(builder);
  RowKernel k(builder, loc, isDependent);
  KernelBuilder &b = k.b;
  int count = k.list.pointer(Role::Count);
  int countStrides = k.list.strides(Role::Count, 3);
  int index = k.list.pointer(Role::Index);
  int indexStrides = k.list.strides(Role::Index, 3);
  int list = k.list.pointer(Role::List);
  int listStrides = k.list.strides(Role::List, 3);
  int status = k.list.pointer(Role::Status);
  int rows[3];
  for (unsigned dim = 0; dim < 3; ++dim)
    rows[dim] = k.list.extent(Role::List, dim);
  int words = k.list.extent(Role::List, 3);
  int length = k.list.extent(Role::Index, 3);
  int keys = k.list.extent(Role::Key, 2);
  k.begin(name, [&](Value(&size)[3]) {
    for (unsigned dim = 0; dim < 3; ++dim)
      size[dim] = k.param(rows[dim]);
  });

  Value blocks = k.numBlocks(k.param(keys), keyBlock);
  Value bits = k.element(list, listStrides, k.index);
  k.forLanes(k.param(words), [&](Value word) {
    b.ptxIf("st.global.b32 [$0], $1;", {k.plus(bits, word), k.zero},
            b.cmp(Cmp::LT, word, k.param(words)));
  });
  b.syncWarp();

  // The first to find the status still zero writes the details.
  auto report = [&](Value error, Value detail) {
    Value found = b.ptx32("{\n.reg .pred p;\nsetp.ne.b32 p, $2, 0;\n"
                          "mov.b32 $0, 1;\n"
                          "@p atom.global.cas.b32 $0, [$1], 0, $2;\n}",
                          {k.param(status), error});
    Value mine = b.cmp(Cmp::EQ, found, 0);
    b.ptxIf("st.global.b32 [$0], $1;", {b.gepBytes(k.param(status), 4), detail},
            mine);
    b.ptxIf("st.global.b32 [$0], $1;", {b.gepBytes(k.param(status), 8), k.row},
            mine);
  };
  auto error = [&](BlockListError e) { return b.c32(int32_t(e)); };
  Value n = b.load(k.element(count, countStrides, k.index), b.i32, 4,
                   /*invariant=*/true);
  Value clamped = b.smin(b.smax(n, k.zero), k.param(length));
  Value countWrong =
      b.and_(b.cmp(Cmp::NE, n, clamped), b.cmp(Cmp::EQ, k.lane, 0));
  report(b.select(countWrong, error(BlockListError::Count), k.zero), n);

  Value first = k.element(index, indexStrides, k.index);
  k.forLanes(clamped, [&](Value entry) {
    Value listed = b.cmp(Cmp::LT, entry, clamped);
    Value block = b.loadGlobalIf(k.plus(first, entry), 0, listed);
    // As unsigned numbers negative indices are out of range, too.
    Value inRange = b.cmp(Cmp::ULT, block, blocks);
    Value valid = b.and_(listed, inRange);
    Value bit = b.shl(b.c32(1), b.and_(block, 31));
    Value old = b.ptx32("{\n.reg .pred p;\nsetp.ne.b32 p, $3, 0;\n"
                        "mov.b32 $0, 0;\n"
                        "@p atom.global.or.b32 $0, [$1], $2;\n}",
                        {k.plus(bits, b.lshr(block, 5)), bit,
                         b.select(valid, b.c32(1), k.zero)});
    Value duplicate = b.cmp(Cmp::NE, b.and_(old, bit), 0);
    Value outside = b.and_(listed, b.xor_(inRange, b.c1(true)));
    report(
        b.select(outside, error(BlockListError::Index),
                 b.select(duplicate, error(BlockListError::Duplicate), k.zero)),
        block);
  });
  k.end();
  return k.info();
}

//===----------------------------------------------------------------------===//
// All blocks
//===----------------------------------------------------------------------===//

KernelInfo mlir::pbs::buildFullBlockList(OpBuilder &builder, Location loc,
                                         StringRef name, int64_t queryBlock,
                                         int64_t keyBlock, bool causal,
                                         bool isDependent) {
  OpBuilder::InsertionGuard guard(builder);
  RowKernel k(builder, loc, isDependent);
  KernelBuilder &b = k.b;
  int list = k.list.pointer(Role::List);
  int listStrides = k.list.strides(Role::List, 3);
  int ranges = -1, rangeStrides = -1;
  if (causal) {
    ranges = k.list.pointer(Role::Ranges);
    rangeStrides = k.list.strides(Role::Ranges, 3);
  }
  int rows[3];
  for (unsigned dim = 0; dim < 3; ++dim)
    rows[dim] = k.list.extent(Role::List, dim);
  int words = k.list.extent(Role::List, 3);
  int keys = k.list.extent(Role::Key, 2);
  int kvHeads = -1, queries = -1;
  if (causal) {
    kvHeads = k.list.extent(Role::Key, 1);
    queries = k.list.extent(Role::Query, 2);
  }
  k.begin(name, [&](Value(&size)[3]) {
    for (unsigned dim = 0; dim < 3; ++dim)
      size[dim] = k.param(rows[dim]);
  });

  Value bits = k.element(list, listStrides, k.index);
  Value blocks = k.numBlocks(k.param(keys), keyBlock);
  Value last, base, stride;
  if (causal) {
    // Position of the last row of the query block.
    Value end = b.mul(b.add(k.index[2], 1), queryBlock);
    last = b.add(b.smin(end, k.param(queries)), -1);
    last = b.add(last, b.sub(k.param(keys), k.param(queries)));
    Value kvHead =
        b.udiv(k.index[1], b.udiv(k.param(rows[1]), k.param(kvHeads)));
    base = k.element(ranges, rangeStrides, {k.index[0], kvHead, k.zero});
    stride = b.mul(k.param(rangeStrides + 2), 4);
  }

  // A word at a time, a bit from each lane.
  Block *head = b.newBlock({b.i32}), *body = b.newBlock(), *done = b.newBlock();
  b.br(head, k.zero);
  b.enter(head);
  Value word = head->getArgument(0);
  b.condBr(b.cmp(Cmp::LT, word, k.param(words)), body, done);
  b.enter(body);
  Value block = b.add(b.mul(word, 32), k.lane);
  Value exists = b.cmp(Cmp::LT, block, blocks);
  Value visible = exists;
  if (causal) {
    Value min = b.loadGlobalIf(b.gepBytes(base, b.mul(b.zext64(block), stride)),
                               0, exists);
    visible = b.and_(exists, b.cmp(Cmp::LE, min, last));
  }
  Value bit = b.shl(b.select(visible, b.c32(1), k.zero), k.lane);
  b.ptxIf("st.global.b32 [$0], $1;", {k.plus(bits, word), b.uniform(bit)},
          b.cmp(Cmp::EQ, k.lane, 0));
  b.br(head, b.add(word, 1));
  b.enter(done);
  k.end();
  return k.info();
}

//===----------------------------------------------------------------------===//
// Position ranges
//===----------------------------------------------------------------------===//

KernelInfo mlir::pbs::buildPositionRanges(OpBuilder &builder, Location loc,
                                          StringRef name, int64_t keyBlock,
                                          bool given, bool writePositions,
                                          bool writeRanges, bool isDependent) {
  OpBuilder::InsertionGuard guard(builder);
  RowKernel k(builder, loc, isDependent);
  KernelBuilder &b = k.b;
  int source = -1, sourceStrides = -1, positions = -1, positionStrides = -1,
      ranges = -1, rangeStrides = -1;
  if (given) {
    source = k.list.pointer(Role::Given);
    sourceStrides = k.list.strides(Role::Given, 2);
  }
  if (writePositions) {
    positions = k.list.pointer(Role::Positions);
    positionStrides = k.list.strides(Role::Positions, 2);
  }
  if (writeRanges) {
    ranges = k.list.pointer(Role::Ranges);
    rangeStrides = k.list.strides(Role::Ranges, 3);
  }
  // Keys and heads, from a buffer that is read anyway if there is one.
  Role shape = given ? Role::Given : Role::Key;
  int batch = k.list.extent(shape, 0), heads = k.list.extent(shape, 1),
      keys = k.list.extent(shape, 2);
  k.begin(name, [&](Value(&size)[3]) {
    size[0] = k.param(batch);
    size[1] = k.param(heads);
    size[2] = k.numBlocks(k.param(keys), keyBlock);
  });

  Value firstKey = b.mul(k.index[2], keyBlock);
  Value left = b.sub(k.param(keys), firstKey);
  Value end = b.smin(left, b.c32(keyBlock));
  Value from = given
                   ? k.element(source, sourceStrides, {k.index[0], k.index[1]})
                   : Value();
  Value to = writePositions ? k.element(positions, positionStrides,
                                        {k.index[0], k.index[1]})
                            : Value();
  Value max = b.c32(-0x7fffffff - 1), min = b.c32(0x7fffffff);
  // keyBlock is a constant: unrolled, at most keyBlock / 32 loads.
  for (int64_t base = 0; base < keyBlock; base += 32) {
    Value offset = b.add(k.lane, base);
    Value exists = b.cmp(Cmp::LT, offset, end);
    Value key = b.add(firstKey, offset);
    Value position = given ? b.loadGlobalIf(k.plus(from, key), 0, exists) : key;
    if (writePositions)
      b.ptxIf("st.global.b32 [$0], $1;", {k.plus(to, key), position}, exists);
    min = b.select(exists, b.smin(min, position), min);
    max = b.select(exists, b.smax(max, position), max);
  }
  if (writeRanges) {
    Value at = k.element(ranges, rangeStrides, k.index);
    Value isFirst = b.cmp(Cmp::EQ, k.lane, 0);
    b.ptxIf("st.global.b32 [$0], $1;", {at, b.reduxMin(min)}, isFirst);
    b.ptxIf("st.global.b32 [$0], $1;", {b.gepBytes(at, 4), b.reduxMax(max)},
            isFirst);
  }
  k.end();
  return k.info();
}
