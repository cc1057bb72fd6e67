//===- AttentionCase.cpp - One call of an attention kernel ----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionCase.h"
#include "Core/Numerics.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>
#include <random>
#include <sstream>

using namespace pbs::emu;
using namespace pbs::emu::test;

namespace {

constexpr unsigned kBlock = 128;
/// Shared memory that every form of the kernel has enough of: all of an H100.
constexpr size_t kSharedBytes = 227 * 1024;

double noNaN(double x) { return x == x ? x : INFINITY; }

/// A tensor [batch, heads, rows, dim] of 16-bit floats in device memory.
struct Tensor {
  uint64_t address;
  unsigned batch, heads, rows, dim;
  std::vector<float> values;

  uint16_t *data() const { return reinterpret_cast<uint16_t *>(address); }
  size_t size() const { return size_t(batch) * heads * rows * dim; }
  size_t at(unsigned b, unsigned h, unsigned r) const {
    return ((size_t(b) * heads + h) * rows + r) * dim;
  }
};

class Run {
public:
  Run(const Module &module, const std::string &text, const AttentionCase &c)
      : c(c), text(text), random(c.dataSeed) {
    kernel = module.kernels().front();
    params.resize(kernel->paramBytes());
  }

  AttentionRun run(const LaunchOptions &options) {
    q = makeTensor(c.heads, c.queries);
    k = makeTensor(c.kvHeads, c.keys);
    v = makeTensor(c.kvHeads, c.keys);
    o = makeTensor(c.heads, c.queries);
    std::fill(o.data(), o.data() + o.size(), uint16_t(0xFFFF));
    makeLists();
    makePositions();
    setParams();
    AttentionRun result;
    result.report = kernel->launch(
        {std::min(c.grid, c.batch * c.heads * queryBlocks())}, {384},
        kSharedBytes, params.data(), memory, options, &result.statistics);
    result.counter = *reinterpret_cast<unsigned *>(counter);
    if (!result.report)
      compare(result);
    return result;
  }

private:
  float fromBits(uint16_t bits) const {
    return c.bf16 ? fromBF16(bits) : fromF16(bits);
  }

  Tensor makeTensor(unsigned heads, unsigned rows) {
    Tensor t = {0, c.batch, heads, rows, c.headDim, {}};
    t.address = memory.allocate(t.size() * 2);
    std::normal_distribution<float> normal;
    for (size_t i = 0; i < t.size(); ++i) {
      float x = normal(random);
      t.data()[i] = c.bf16 ? toBF16(x) : toF16(x);
      t.values.push_back(fromBits(t.data()[i]));
    }
    return t;
  }

  template <class T>
  uint64_t copyIn(const std::vector<T> &values) {
    uint64_t address = memory.allocate(values.size() * sizeof(T));
    std::memcpy(reinterpret_cast<void *>(address), values.data(),
                values.size() * sizeof(T));
    return address;
  }

  unsigned queryBlocks() const { return (c.queries + kBlock - 1) / kBlock; }
  unsigned keyBlocks() const { return (c.keys + kBlock - 1) / kBlock; }

  /// About half of the blocks; the first row of the first head has none.
  void makeLists() {
    words = (keyBlocks() + 31) / 32;
    lists.assign(size_t(c.batch) * c.heads * queryBlocks() * words, 0);
    for (size_t row = 0; row < lists.size() / words; ++row)
      for (unsigned b = 0; b < keyBlocks(); ++b)
        if (row && random() % 2)
          lists[row * words + b / 32] |= int32_t(1u << (b % 32));
    listAddress = copyIn(lists);
  }

  /// Keys are shuffled inside whole segments.
  void makePositions() {
    for (unsigned bh = 0; bh < c.batch * c.kvHeads; ++bh) {
      std::vector<int32_t> row(c.keys);
      std::iota(row.begin(), row.end(), 0);
      if (c.positions)
        for (unsigned s = 0; s + c.segment <= c.keys; s += c.segment)
          std::shuffle(row.begin() + s, row.begin() + s + c.segment, random);
      positions.insert(positions.end(), row.begin(), row.end());
    }
    positionAddress = copyIn(positions);
  }

  template <class T>
  void push(T value) {
    std::memcpy(params.data() + kernel->params()[next++].offset, &value,
                sizeof(T));
  }

  void pushMap(const Tensor &t, unsigned boxRows) {
    TensorMap map = {};
    map.magic = TensorMap::kMagic;
    map.elementBytes = 2;
    map.rank = 4;
    map.swizzleBytes = 128;
    map.address = t.address;
    uint64_t sizes[] = {t.dim, t.rows, t.heads, t.batch};
    uint32_t box[] = {64, boxRows, 1, 1};
    for (unsigned i = 0; i < 4; ++i) {
      map.sizes[i] = sizes[i];
      map.box[i] = box[i];
    }
    for (unsigned i = 0; i < 3; ++i)
      map.strides[i] = i ? map.strides[i - 1] * sizes[i] : 2 * sizes[0];
    map.number = c.bf16 ? TensorMap::Number::BF16 : TensorMap::Number::F16;
    push(map);
  }

  /// A buffer of the kernel: its address and, unless it is the work counter,
  /// its shape.
  struct Buffer {
    uint64_t address;
    std::vector<uint64_t> shape;
    const Tensor *tensor = nullptr;
  };

  /// In the order of the function in getFunction(), without what attention does
  /// not read.
  void makeBuffers() {
    auto add = [&](const Tensor &t) {
      buffers.push_back({t.address, {t.batch, t.heads, t.rows, t.dim}, &t});
    };
    add(q);
    add(k);
    add(v);
    if (c.list) {
      if (c.causal)
        buffers.push_back({positionAddress, {c.batch, c.kvHeads, c.keys}});
      buffers.push_back(
          {listAddress, {c.batch, c.heads, queryBlocks(), words}});
    }
    add(o);
    if (c.lse) {
      lse = memory.allocate(size_t(c.batch) * c.heads * c.queries * 4);
      buffers.push_back({lse, {c.batch, c.heads, c.queries}});
    }
    if (countBuffers() > buffers.size() + 1) {
      // A count, and two words for each work item.
      std::vector<int32_t> items(1 +
                                 2 * size_t(c.batch) * c.heads * queryBlocks());
      buffers.push_back({copyIn(items), {items.size()}});
    }
    counter = memory.allocate(4);
    std::memcpy(reinterpret_cast<void *>(counter), &c.counterStart, 4);
    buffers.push_back({counter, {}});
  }

  /// Calls `visit` with the kind, the buffer and the detail of each parameter:
  /// the text has a line for each.
  template <class Visit>
  void forEachParam(Visit visit) const {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string slashes, param, kind;
      size_t number = 0, detail = 0;
      words >> slashes >> param >> kind >> number >> detail;
      if (slashes == "//" && param == "param")
        visit(kind, number, detail);
    }
  }

  size_t countBuffers() const {
    size_t count = 0;
    forEachParam([&](const std::string &, size_t number, size_t) {
      count = std::max(count, number + 1);
    });
    return count;
  }

  void setParams() {
    makeBuffers();
    forEachParam([&](const std::string &kind, size_t number, size_t detail) {
      const Buffer &buffer = buffers.at(number);
      if (kind == "tensor_map")
        pushMap(*buffer.tensor, static_cast<unsigned>(detail));
      else if (kind == "pointer")
        push(buffer.address);
      else if (kind == "extent")
        push(static_cast<uint32_t>(buffer.shape.at(detail)));
      else
        push(std::accumulate(buffer.shape.begin() + detail + 1,
                             buffer.shape.end(), uint64_t(1),
                             std::multiplies<uint64_t>()));
    });
  }

  double scale() const { return 1 / std::sqrt(double(c.headDim)); }

  void compareRow(AttentionRun &result, unsigned b, unsigned h, unsigned r) {
    unsigned kvHead = h / (c.heads / c.kvHeads);
    int position = int(r) + int(c.keys) - int(c.queries);
    size_t bh = size_t(b) * c.heads + h;
    const int32_t *list = &lists[(bh * queryBlocks() + r / kBlock) * words];
    const int32_t *place =
        &positions[(size_t(b) * c.kvHeads + kvHead) * c.keys];
    std::vector<double> scores(c.keys, -INFINITY);
    double most = -INFINITY;
    for (unsigned n = 0; n < c.keys; ++n) {
      if (c.causal && place[n] > position)
        continue;
      if (c.list && !(list[n / kBlock / 32] >> (n / kBlock % 32) & 1))
        continue;
      double sum = 0;
      for (unsigned d = 0; d < c.headDim; ++d)
        sum += double(q.values[q.at(b, h, r) + d]) *
               k.values[k.at(b, kvHead, n) + d];
      scores[n] = sum * scale();
      most = std::max(most, scores[n]);
    }
    std::vector<double> row(c.headDim, 0);
    double total = 0;
    for (unsigned n = 0; n < c.keys; ++n) {
      if (scores[n] == -INFINITY)
        continue;
      double p = std::exp(scores[n] - most);
      total += p;
      for (unsigned d = 0; d < c.headDim; ++d)
        row[d] += p * v.values[v.at(b, kvHead, n) + d];
    }
    for (unsigned d = 0; d < c.headDim; ++d) {
      double want = total > 0 ? row[d] / total : 0;
      double error = std::fabs(fromBits(o.data()[o.at(b, h, r) + d]) - want);
      result.error = std::max(result.error, noNaN(error));
    }
    if (!c.lse)
      return;
    double want = total > 0 ? most + std::log(total) : -INFINITY;
    float got = reinterpret_cast<float *>(lse)[bh * c.queries + r];
    double error = got == want ? 0 : std::fabs(got - want);
    result.lseError = std::max(result.lseError, noNaN(error));
  }

  /// Every seventh row, and the last.
  void compare(AttentionRun &result) {
    for (unsigned b = 0; b < c.batch; ++b)
      for (unsigned h = 0; h < c.heads; ++h)
        for (unsigned r = 0; r < c.queries; ++r)
          if (r % 7 == 0 || r + 1 == c.queries)
            compareRow(result, b, h, r);
  }

  const AttentionCase &c;
  const std::string &text;
  std::vector<Buffer> buffers;
  std::mt19937 random;
  const Kernel *kernel;
  DeviceMemory memory;
  std::vector<std::byte> params;
  size_t next = 0;
  Tensor q, k, v, o;
  uint64_t lse = 0, counter = 0, listAddress = 0, positionAddress = 0;
  std::vector<int32_t> lists, positions;
  unsigned words = 1;
};

} // namespace

/// The kernel of a case, before it is compiled.
static std::string getFunction(const AttentionCase &c) {
  std::string element = c.bf16 ? "bf16" : "f16";
  std::string kv =
      "!pbs.permuted_kv<?x?x?x" + std::to_string(c.headDim) + "x" + element +
      ", block = 128, segment = " + std::to_string(c.segment) + ">";
  std::string causal = c.causal ? ", causal" : "";
  std::string text = "!q = tensor<?x?x?x" + std::to_string(c.headDim) + "x" +
                     element + ">\n" +
                     "!l = tensor<?x?x?xf32>\n"
                     "plan.kernel @attention(%q: !q, %k: !q, %v: !q";
  if (c.list)
    text += ", %p: tensor<?x?x?xi32>, %r: tensor<?x?x?x2xi32>, "
            "%b: tensor<?x?x?x?xi32>";
  text += std::string(") -> ") + (c.lse ? "(!q, !l)" : "!q") + " {\n";
  if (c.list) {
    std::string list = "!pbs.block_list<?x?x?x?, block = 128x128, segment = " +
                       std::to_string(c.segment) + causal + ">";
    text += "%kv = pbs.pack_kv %k, %v, %p, %r : (!q, !q, tensor<?x?x?xi32>, "
            "tensor<?x?x?x2xi32>) -> " +
            kv +
            "\n%list = pbs.pack_block_list %b : (tensor<?x?x?x?xi32>) -> " +
            list + "\n%o, %l = pbs.sparse_attention %q, %kv, %list" +
            (c.causal ? " {causal}" : "") + " : (!q, " + kv + ", " + list +
            ") -> (!q, !l)\n";
  } else {
    text += std::string("%o, %l = pbs.attention %q, %k, %v") +
            (c.causal ? " {causal}" : "") + " : (!q, !q, !q) -> (!q, !l)\n";
  }
  return text + "plan.return %o" + (c.lse ? ", %l : !q, !l" : " : !q") +
         "\n}\n";
}

std::string pbs::emu::test::makeKernel(const AttentionCase &c,
                                       const std::string &options) {
  const char *tools = std::getenv("PBS_TOOLS");
  std::string bin = tools ? std::string(tools) + "/" : "";
  std::string command = "cat << 'EOF' | " + bin +
                        "pbs-opt --pbs-to-nvvm='query-rows=128 " + options +
                        "' | " + bin + "pbs-test-kernel file --emit=ptx\n" +
                        getFunction(c) + "EOF\n";
  FILE *pipe = popen(command.c_str(), "r");
  if (!pipe)
    return "";
  std::string text;
  char part[4096];
  while (size_t count = fread(part, 1, sizeof(part), pipe))
    text.append(part, count);
  return pclose(pipe) == 0 ? text : "";
}

AttentionRun pbs::emu::test::runAttention(const Module &module,
                                          const std::string &text,
                                          const AttentionCase &c,
                                          const LaunchOptions &options) {
  return Run(module, text, c).run(options);
}
