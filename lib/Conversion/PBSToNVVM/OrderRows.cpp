//===- OrderRows.cpp - The kernel that orders the rows of a list ----------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows are divided as attention over them goes: heads whose keys have room in
// the cache, and of these twice as many rows as run at the same time. A
// counting sort in shared memory orders each part, of which a warp counts the
// bits of eight rows at once, so that their reads overlap; equal counts come in
// any order.
//
//===----------------------------------------------------------------------===//

#include "ParamList.h"
#include "pbs/Conversion/PBSToNVVM/BlockListKernels.h"

using namespace mlir;
using namespace mlir::pbs;
using Role = BlockListRole;

static constexpr int64_t kWarp = 32;
/// A bin for each thread.
static constexpr int64_t kThreads = 1024;
static constexpr int64_t kWarps = kThreads / kWarp;
static constexpr int64_t kRowsAtOnce = 8;
/// Rows of a part for each multiprocessor: behind a long list comes a short
/// one, so that all end at about the same time.
static constexpr int64_t kRowsEach = 2;
/// Bins, then the sum of each warp.
static constexpr int64_t kSharedBytes = 4 * (kThreads + kWarps);

namespace {
class OrderRowsKernel {
public:
  OrderRowsKernel(OpBuilder &builder, Location loc, int64_t keyBlock,
                  int64_t cachedBlocks)
      : b(builder, loc), keyBlock(keyBlock), cachedBlocks(cachedBlocks) {}

  KernelInfo build(StringRef name, bool isDependent);

private:
  /// `body` for `first`, `first` + `step`, ... below `end`, the same for all
  /// threads of a warp. What it carries begins with `inits`.
  Values loop(Value first, Value end, Value step, ArrayRef<Value> inits,
              function_ref<Values(Value, ValueRange)> body);
  /// Rows, heads and parts of all.
  void divide();
  /// The part with a number.
  void beginPart(Value number);
  /// Fills the bins; each row's bin goes to `Weights`.
  void countRows();
  /// Of each bin where its rows begin.
  void scanBins();
  void writeNumbers();

  /// Head, of all batches, and block in the head of a row of the part.
  std::pair<Value, Value> getRow(Value row) {
    Value rank = b.udiv(row, runHeads);
    Value head = b.add(firstHead, b.sub(row, b.mul(rank, runHeads)));
    return {head, b.sub(lastBlock, rank)};
  }
  Value word(Value base, Value index) {
    return b.gepBytes(base, b.mul(b.zext64(index), 4));
  }
  Value bin(Value number) {
    return b.gepBytes(b.sharedBase(), b.mul(number, 4));
  }
  Value ceilDiv(Value x, Value y) { return b.udiv(b.add(b.add(x, y), -1), y); }

  KernelBuilder b;
  ParamList list;
  int64_t keyBlock, cachedBlocks;
  Value bits, order, weights, heads, rows, words, strides[3];
  Value keys, kvHeads, allHeads;
  Value tid, lane, warp, zero;
  /// Heads of a run, but the last one; blocks of a part, but the last one of a
  /// head; parts of a run and of all.
  Value together, partBlocks, runParts, numParts;
  // Of a part.
  Value firstHead, runHeads, lastBlock, firstRow, numRows;
};
} // namespace

Values OrderRowsKernel::loop(Value first, Value end, Value step,
                             ArrayRef<Value> inits,
                             function_ref<Values(Value, ValueRange)> body) {
  SmallVector<Type> types{b.i32};
  SmallVector<Value> start{first};
  for (Value init : inits) {
    types.push_back(init.getType());
    start.push_back(init);
  }
  Block *head = b.newBlock(types), *inside = b.newBlock(), *done = b.newBlock();
  b.br(head, start);
  b.enter(head);
  Value i = head->getArgument(0);
  ValueRange carried = head->getArguments().drop_front();
  b.condBr(b.cmp(Cmp::LT, i, end), inside, done);
  b.enter(inside);
  SmallVector<Value> next{b.add(i, step)};
  next.append(body(i, carried));
  b.br(head, next);
  b.enter(done);
  return Values(carried);
}

void OrderRowsKernel::divide() {
  Value keyBlocks = ceilDiv(keys, b.c32(keyBlock));
  Value cached = b.smax(
      b.udiv(b.c32(cachedBlocks), b.smax(keyBlocks, b.c32(1))), b.c32(1));
  // As many heads as that may be more than there are.
  Value group = b.smax(b.udiv(heads, kvHeads), b.c32(1));
  together = b.smin(b.mul(cached, group), b.smax(allHeads, b.c32(1)));
  partBlocks = ceilDiv(b.mul(b.nctaid(), kRowsEach), together);
  runParts = ceilDiv(rows, partBlocks);
  numParts = b.mul(ceilDiv(allHeads, together), runParts);
}

void OrderRowsKernel::beginPart(Value number) {
  Value run = b.udiv(number, runParts);
  Value before = b.mul(b.sub(number, b.mul(run, runParts)), partBlocks);
  firstHead = b.mul(run, together);
  runHeads = b.smin(together, b.sub(allHeads, firstHead));
  lastBlock = b.add(b.sub(rows, before), -1);
  firstRow = b.add(b.mul(firstHead, rows), b.mul(before, runHeads));
  numRows = b.mul(b.smin(partBlocks, b.sub(rows, before)), runHeads);
}

void OrderRowsKernel::countRows() {
  Value first = b.mul(warp, kRowsAtOnce);
  Value step = b.c32(kWarps * kRowsAtOnce);
  loop(first, numRows, step, {}, [&](Value base, ValueRange) {
    Value row[kRowsAtOnce], exists[kRowsAtOnce];
    for (int64_t i = 0; i < kRowsAtOnce; ++i) {
      Value number = b.add(base, i);
      exists[i] = b.cmp(Cmp::LT, number, numRows);
      auto [head, block] = getRow(number);
      Value batch = b.udiv(head, heads);
      Value inBatch = b.sub(head, b.mul(batch, heads));
      Value offset = b.mul(b.zext64(batch), strides[0]);
      offset = b.add(offset, b.mul(b.zext64(inBatch), strides[1]));
      offset = b.add(offset, b.mul(b.zext64(block), strides[2]));
      row[i] = b.gepBytes(bits, b.mul(offset, 4));
    }
    Values counts(kRowsAtOnce, zero);
    counts =
        loop(zero, words, b.c32(kWarp), counts, [&](Value w, ValueRange sums) {
          Value mine = b.add(w, lane);
          Value inRow = b.cmp(Cmp::LT, mine, words);
          Values next;
          for (int64_t i = 0; i < kRowsAtOnce; ++i)
            next.push_back(b.loadGlobalIf(word(row[i], mine), 0,
                                          b.and_(inRow, exists[i])));
          for (int64_t i = 0; i < kRowsAtOnce; ++i)
            next[i] = b.add(sums[i], b.popc(next[i]));
          return next;
        });
    Value count = zero;
    for (int64_t i = 0; i < kRowsAtOnce; ++i)
      count = b.select(b.cmp(Cmp::EQ, lane, i), b.reduxAdd(counts[i]), count);
    // Heavy ones in the first bins.
    Value most = b.smax(b.mul(words, kWarp), b.c32(1));
    Value share = b.udiv(b.mul(count, kThreads - 1), most);
    Value number = b.sub(b.c32(kThreads - 1), share);
    Value mine = b.add(base, lane);
    Value isMine = b.and_(b.cmp(Cmp::LT, lane, kRowsAtOnce),
                          b.cmp(Cmp::LT, mine, numRows));
    b.ptxIf("st.global.b32 [$0], $1;",
            {word(weights, b.add(firstRow, mine)), number}, isMine);
    b.ptxIf("red.shared.add.u32 [$0], 1;", {bin(number)}, isMine);
    return Values();
  });
}

void OrderRowsKernel::scanBins() {
  Value count = b.load(bin(tid), b.i32, 4), sum = count;
  for (int64_t distance = 1; distance < kWarp; distance *= 2) {
    Value from = b.add(lane, -distance);
    Value other = b.shflIdx(sum, b.smax(from, zero));
    sum = b.add(sum, b.select(b.cmp(Cmp::GE, from, 0), other, zero));
  }
  Value sums = b.gepBytes(b.sharedBase(), 4 * kThreads);
  b.ptxIf("st.shared.b32 [$0], $1;", {b.gepBytes(sums, b.mul(warp, 4)), sum},
          b.cmp(Cmp::EQ, lane, kWarp - 1));
  b.barrierAll();
  Value other = b.load(b.gepBytes(sums, b.mul(lane, 4)), b.i32, 4);
  Value before = b.reduxAdd(b.select(b.cmp(Cmp::LT, lane, warp), other, zero));
  b.store(b.add(before, b.sub(sum, count)), bin(tid), 4);
  b.barrierAll();
}

void OrderRowsKernel::writeNumbers() {
  loop(zero, numRows, b.c32(kThreads), {}, [&](Value base, ValueRange) {
    Value row = b.add(base, tid);
    Value exists = b.cmp(Cmp::LT, row, numRows);
    Value wants = b.select(exists, b.c32(1), zero);
    auto readIf = [&](StringRef code, Value address) {
      return b.ptx32(("{\n.reg .pred p;\nsetp.ne.b32 p, $2, 0;\n@p " + code +
                      ";\n@!p mov.b32 $0, 0;\n}")
                         .str(),
                     {address, wants});
    };
    Value its =
        readIf("ld.global.b32 $0, [$1]", word(weights, b.add(firstRow, row)));
    Value place = readIf("atom.shared.add.u32 $0, [$1], 1", bin(its));
    Value at = b.add(firstRow, place);
    auto [head, block] = getRow(row);
    b.ptxIf("st.global.b32 [$0], $1;",
            {word(order, at), b.add(b.mul(head, rows), block)}, exists);
    return Values();
  });
}

KernelInfo OrderRowsKernel::build(StringRef name, bool isDependent) {
  int bitsParam = list.pointer(Role::List);
  int strideParams = list.strides(Role::List, 3);
  int batches = list.extent(Role::List, 0);
  int headsParam = list.extent(Role::List, 1);
  int rowsParam = list.extent(Role::List, 2);
  int wordsParam = list.extent(Role::List, 3);
  int kvHeadsParam = list.extent(Role::Key, 1);
  int keysParam = list.extent(Role::Key, 2);
  int orderParam = list.pointer(Role::Order);
  int weightsParam = list.pointer(Role::Weights);
  b.beginKernel(name, list.kinds, kThreads);
  if (isDependent)
    b.waitForGrids();
  auto param = [&](int number) { return b.param(unsigned(number)); };
  zero = b.c32(0);
  bits = param(bitsParam);
  for (int dim = 0; dim < 3; ++dim)
    strides[dim] = param(strideParams + dim);
  heads = param(headsParam);
  rows = param(rowsParam);
  words = param(wordsParam);
  kvHeads = param(kvHeadsParam);
  keys = param(keysParam);
  order = param(orderParam);
  weights = param(weightsParam);
  allHeads = b.mul(param(batches), heads);
  tid = b.tid();
  lane = b.and_(tid, kWarp - 1);
  warp = b.uniform(b.lshr(tid, 5));
  divide();
  loop(b.ctaid(), numParts, b.nctaid(), {}, [&](Value part, ValueRange) {
    beginPart(part);
    b.store(zero, bin(tid), 4);
    b.barrierAll();
    countRows();
    b.barrierAll();
    scanBins();
    writeNumbers();
    b.barrierAll();
    return Values();
  });
  b.ret();
  return {b.kernel(), std::move(list.params), unsigned(kThreads),
          unsigned(kSharedBytes)};
}

KernelInfo mlir::pbs::buildOrderRows(OpBuilder &builder, Location loc,
                                     StringRef name, int64_t keyBlock,
                                     int64_t cachedBlocks, bool isDependent) {
  OpBuilder::InsertionGuard guard(builder);
  return OrderRowsKernel(builder, loc, keyBlock, cachedBlocks)
      .build(name, isDependent);
}
