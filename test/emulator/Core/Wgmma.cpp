//===- Wgmma.cpp - Matrix products of warpgroups --------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layouts are those of "Asynchronous Warpgroup Level Matrix" in the PTX ISA.
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"
#include "Lanes.h"
#include "Numerics.h"
#include "TensorCopy.h"
#include <cstdio>

using namespace pbs::emu;

namespace {

/// Registers of A per lane, of two elements each.
constexpr unsigned kRegistersA = 4;
constexpr unsigned kDepth = 16;

/// A matrix descriptor: where the 16-byte pieces of a matrix lie.
struct Layout {
  uint32_t start, leading, stride, swizzleBytes;
  bool transposed; ///< rows (or columns of B) are contiguous, not k

  Layout(uint64_t descriptor, bool transposed) : transposed(transposed) {
    start = static_cast<uint32_t>(descriptor & 0x3FFF) << 4;
    leading = static_cast<uint32_t>(descriptor >> 16 & 0x3FFF) << 4;
    stride = static_cast<uint32_t>(descriptor >> 32 & 0x3FFF) << 4;
    static constexpr uint32_t bytes[] = {0, 128, 64, 32};
    swizzleBytes = bytes[descriptor >> 62];
  }

  /// Address of the 8 elements from `major` at `minor`: of k from `minor` in
  /// row `major`, or transposed, of rows from `major` at k `minor`.
  uint32_t piece(unsigned row, unsigned k) const {
    uint32_t offset;
    if (!transposed) {
      if (swizzleBytes)
        offset = row / 8 * stride + row % 8 * swizzleBytes + k * 2;
      else
        offset = row / 8 * stride + k / 8 * leading + row % 8 * 16;
    } else if (swizzleBytes) {
      unsigned wide = swizzleBytes / 2;
      offset = row / wide * leading + k / 8 * stride + k % 8 * swizzleBytes +
               row % wide * 2;
    } else {
      offset = row / 8 * stride + k / 8 * leading + k % 8 * 16;
    }
    return swizzle(start + offset, swizzleBytes);
  }

  /// Calls f(address, row, k) for the pieces of `rows` rows from `first`.
  template <class F>
  void forPieces(unsigned first, unsigned rows, F f) const {
    if (!transposed) {
      for (unsigned row = first; row < first + rows; ++row)
        for (unsigned k = 0; k < kDepth; k += 8)
          f(piece(row, k), row, k);
    } else {
      for (unsigned k = 0; k < kDepth; ++k)
        for (unsigned row = first; row < first + rows; row += 8)
          f(piece(row, k), row, k);
    }
  }
};

float elementOf(Type type, uint16_t bits) {
  return type == Type::BF16 ? fromBF16(bits) : fromF16(bits);
}

/// Checks that the pieces may be read and marks them as read.
void checkPieces(Warp &w, const Inst &i, const Layout &layout, unsigned first,
                 unsigned rows, const char *what) {
  Cta &cta = *w.cta;
  Shadow::Access access = {w.clocks, kWgmmaAgent + w.index / 4,
                           static_cast<uint32_t>(w.wgmmaIssued + 1), i.line,
                           true};
  try {
    layout.forPieces(first, rows, [&](uint32_t address, unsigned, unsigned) {
      cta.sharedAt(address, 16, -1, 16);
      cta.shadow.read(access, address, 16);
    });
  } catch (Fault &f) {
    f.message = std::string("operand ") + what + ": " + f.message;
    throw;
  }
}

[[noreturn]] void failFence(Warp &w, const Arg &arg, const char *what) {
  fault(Kind::MissingWgmmaFence,
        std::string(what) + " register " +
            w.machine->program.registers[arg.id].name +
            " was accessed after the last wgmma.fence");
}

void useRegisters(Warp &w, const Inst &i, bool accumulate) {
  const WgmmaInfo &info = *i.wgmma;
  auto shape = static_cast<uint16_t>(info.n);
  for (const Arg &arg : i.list2) {
    if (w.inFlight[arg.id] && w.shapeInFlight[arg.id])
      fault(Kind::RegisterInFlight,
            "operand A register " + w.machine->program.registers[arg.id].name +
                " is an accumulator of a wgmma that may be running");
    if (!w.inFlight[arg.id] && w.unreadable[arg.id])
      w.failRead(arg, ~0u);
    if (!w.inFlight[arg.id] && w.touched[arg.id] == w.fences)
      failFence(w, arg, "operand A");
  }
  for (const Arg &arg : i.list) {
    if (w.inFlight[arg.id]) {
      if (w.shapeInFlight[arg.id] != shape)
        fault(Kind::RegisterInFlight,
              "accumulator " + w.machine->program.registers[arg.id].name +
                  " is used otherwise by a wgmma that may be running");
      continue;
    }
    if (accumulate && w.unreadable[arg.id])
      w.failRead(arg, ~0u);
    if (w.touched[arg.id] == w.fences)
      failFence(w, arg, "accumulator");
  }
  for (const Arg &arg : i.list2) {
    ++w.inFlight[arg.id];
    w.shapeInFlight[arg.id] = 0;
    w.unreadable[arg.id] = ~0u;
  }
  for (const Arg &arg : i.list) {
    ++w.inFlight[arg.id];
    w.shapeInFlight[arg.id] = shape;
    w.unreadable[arg.id] = ~0u;
  }
}

void execMmaAsync(Warp &w, const Inst &i, uint32_t m) {
  w.requireWholeWarp(i, m);
  if (w.alive != ~0u)
    fault(Kind::DivergentAligned, "wgmma in a warp whose lanes have exited");
  if (w.fences == 1)
    fault(Kind::MissingWgmmaFence, "no wgmma.fence before the first wgmma");
  const WgmmaInfo &info = *i.wgmma;
  Cta &cta = *w.cta;
  Warpgroup &group = cta.warpgroups[w.index / 4];
  uint64_t descriptorA =
      info.aInRegisters ? 0 : w.uniform(i.a, m, "the descriptor of A");
  uint64_t descriptorB = w.uniform(i.b, m, "the descriptor of B");
  uint32_t scale = w.predicate(i.c, m);
  if (scale != 0 && scale != ~0u)
    fault(Kind::NotUniform, "scale-d differs between lanes");
  for (uint64_t descriptor : {descriptorA, descriptorB})
    if (descriptor >> 49 & 7)
      fault(Kind::Unsupported, "the base offset of matrix descriptor " +
                                   hex(descriptor) +
                                   " is not 0, which is not supported");

  uint64_t number = w.wgmmaIssued;
  if (number == group.firstOp + group.ops.size())
    group.ops.push_back({&i, descriptorA, descriptorB, scale != 0, false, 0});
  WgmmaOp &op = group.ops[number - group.firstOp];
  if (op.inst != &i || op.descriptorA != descriptorA ||
      op.descriptorB != descriptorB || op.accumulate != (scale != 0))
    fault(Kind::NotUniform,
          "the warps of warpgroup " + std::to_string(w.index / 4) +
              " issue different wgmmas: lines " +
              std::to_string(op.inst->line) + " and " + std::to_string(i.line) +
              ", descriptors of B " + hex(op.descriptorB) + " and " +
              hex(descriptorB));

  if (!info.aInRegisters)
    checkPieces(w, i, Layout(descriptorA, info.transposeA), w.index % 4 * 16,
                16, "A");
  checkPieces(w, i, Layout(descriptorB, info.transposeB), 0, info.n, "B");
  useRegisters(w, i, scale != 0);
  ++w.wgmmaIssued;
  ++op.issued;
  w.wgmmaPending.push_back(&i);
  ++w.machine->progress;
  Completion completion = w.machine->options.completion;
  bool now = completion == Completion::Earliest ||
             (completion == Completion::Random && w.machine->choose(2));
  if (op.issued == 4 && now)
    completeWgmma(cta, w.index / 4, number + 1);
}

void execFence(Warp &w, const Inst &i, uint32_t m) {
  w.requireWholeWarp(i, m);
  ++w.fences;
}

void execCommit(Warp &w, const Inst &i, uint32_t m) {
  w.requireWholeWarp(i, m);
  w.wgmmaGroups.push_back(w.wgmmaIssued);
}

void execWait(Warp &w, const Inst &i, uint32_t m) {
  w.requireWholeWarp(i, m);
  size_t stay = static_cast<size_t>(i.imm);
  if (w.wgmmaGroups.size() <= stay)
    return;
  uint64_t upTo = w.wgmmaGroups[w.wgmmaGroups.size() - stay - 1];
  Cta &cta = *w.cta;
  unsigned group = w.index / 4;
  Wait wait = {Wait::Kind::Wgmma, false, 0, upTo};
  if (!cta.isReady(w, wait))
    return w.wait(Wait::Kind::Wgmma, 0, upTo);
  completeWgmma(cta, group, upTo);
  w.wgmmaGroups.erase(w.wgmmaGroups.begin(),
                      w.wgmmaGroups.end() - static_cast<ptrdiff_t>(stay));
  for (; w.wgmmaWaited < upTo; ++w.wgmmaWaited) {
    const Inst &op = *w.wgmmaPending.front();
    w.wgmmaPending.pop_front();
    for (const std::vector<Arg> *list : {&op.list, &op.list2})
      for (const Arg &arg : *list)
        if (--w.inFlight[arg.id] == 0)
          w.unreadable[arg.id] = 0;
  }
  w.clocks.set(kWgmmaAgent + group, static_cast<uint32_t>(upTo));
}

void decodeMmaAsync(Decoder &d) {
  auto info = std::make_shared<WgmmaInfo>();
  unsigned n = 0, k = 0;
  std::string shape;
  for (std::string_view part : d.statement->parts)
    if (part.substr(0, 4) == "m64n")
      shape = std::string(part);
  if (std::sscanf(shape.c_str(), "m64n%uk%u", &n, &k) != 2 || !d.take(shape))
    d.unknown();
  Type to = d.takeType(), a = d.takeType(), b = d.takeType();
  if (n < 8 || n > 256 || n % 8 || k != kDepth || to != Type::F32 || a != b ||
      (a != Type::BF16 && a != Type::F16))
    d.unknown();
  info->n = n;
  info->k = k;
  info->element = a;
  Inst &inst = d.inst;
  d.expectOperands(6, 8);
  const ptx::Operand &accumulators = d.operand(0);
  if (accumulators.elements.size() != n / 2)
    d.fail("expected " + std::to_string(n / 2) + " accumulators, got " +
           std::to_string(accumulators.elements.size()));
  for (const ptx::Operand &op : accumulators.elements)
    inst.list.push_back(d.destination(op, Type::F32));
  const ptx::Operand &operandA = d.operand(1);
  info->aInRegisters = operandA.kind == ptx::Operand::Kind::Vector;
  if (info->aInRegisters) {
    if (operandA.elements.size() != kRegistersA)
      d.fail("expected " + std::to_string(kRegistersA) +
             " registers of operand A, got " +
             std::to_string(operandA.elements.size()));
    for (const ptx::Operand &op : operandA.elements)
      inst.list2.push_back(d.destination(op, Type::B32));
  } else {
    inst.a = d.source(1, Type::B64);
  }
  inst.b = d.source(2, Type::B64);
  inst.c = d.predicate(3);
  auto sign = [&](size_t i) {
    int64_t value = d.immediate(i, "a scale");
    if (value != 1 && value != -1)
      d.fail("expected a scale of 1 or -1, got " + std::to_string(value));
    return value == -1;
  };
  auto transpose = [&](size_t i) {
    int64_t value = d.immediate(i, "a transposition");
    if (value != 0 && value != 1)
      d.fail("expected a transposition of 0 or 1, got " +
             std::to_string(value));
    return value == 1;
  };
  info->negateA = sign(4);
  info->negateB = sign(5);
  size_t count = info->aInRegisters ? 7 : 8;
  if (d.numOperands() != 6) {
    d.expectOperands(count, count);
    if (!info->aInRegisters)
      info->transposeA = transpose(6);
    info->transposeB = transpose(count - 1);
  }
  inst.wgmma = info;
  inst.exec = execMmaAsync;
}

void decodeWgmma(Decoder &d) {
  int what = d.takeOneOf({"mma_async", "fence", "commit_group", "wait_group"});
  d.expect("sync");
  d.expect("aligned");
  switch (what) {
  case 0:
    return decodeMmaAsync(d);
  case 1:
    d.expectOperands(0, 0);
    d.inst.exec = execFence;
    return d.setGroup("wgmma.fence");
  case 2:
    d.expectOperands(0, 0);
    d.inst.exec = execCommit;
    return d.setGroup("wgmma.commit_group");
  case 3:
    d.expectOperands(1, 1);
    d.inst.imm = d.immediate(0, "the number of groups");
    d.inst.exec = execWait;
    return d.setGroup("wgmma.wait_group");
  default:
    return;
  }
}

using Vector4 = float __attribute__((vector_size(16)));
using Vector8 = float __attribute__((vector_size(32)));

/// Elements in the order of the accumulators' lanes. Lanes 8q to 8q+7 of
/// register 4j + 2h + p hold rows 2q + 8h (lanes 0 to 3) and 2q + 1 + 8h, and
/// columns 8j + p + {0, 2, 4, 6}.
struct Operands {
  alignas(32) float a[4][2][4][kDepth][8]; ///< warp, h, q, k, lane
  alignas(32) float b[32][2][kDepth][4];   ///< j, p, k, lane

  void setA(unsigned row, unsigned k, float value) {
    unsigned r = row % 16;
    float *lanes = a[row / 16][r / 8][r % 8 / 2][k] + 4 * (r % 2);
    lanes[0] = lanes[1] = lanes[2] = lanes[3] = value;
  }
  void setB(unsigned column, unsigned k, float value) {
    b[column / 8][column % 2][k][column % 8 / 2] = value;
  }
};

/// acc[i][lane] += A B, each sum in the order of k, with exact products.
void multiply(const Operands &operands, unsigned warp, unsigned n,
              float *const *acc, bool accumulate) {
  for (unsigned j = 0; j < n / 8; ++j)
    for (unsigned p = 0; p < 2; ++p) {
      Vector8 sum[2][4];
      for (unsigned h = 0; h < 2; ++h)
        for (unsigned q = 0; q < 4; ++q) {
          if (accumulate)
            std::memcpy(&sum[h][q], acc[4 * j + 2 * h + p] + 8 * q,
                        sizeof(Vector8));
          else
            sum[h][q] = Vector8{};
        }
      for (unsigned k = 0; k < kDepth; ++k) {
        Vector4 b4;
        std::memcpy(&b4, operands.b[j][p][k], sizeof(b4));
        Vector8 b = __builtin_shufflevector(b4, b4, 0, 1, 2, 3, 0, 1, 2, 3);
        for (unsigned h = 0; h < 2; ++h)
          for (unsigned q = 0; q < 4; ++q) {
            Vector8 a;
            std::memcpy(&a, operands.a[warp][h][q][k], sizeof(a));
            sum[h][q] += a * b;
          }
      }
      for (unsigned h = 0; h < 2; ++h)
        for (unsigned q = 0; q < 4; ++q)
          std::memcpy(acc[4 * j + 2 * h + p] + 8 * q, &sum[h][q],
                      sizeof(Vector8));
    }
}

void compute(Cta &cta, unsigned group, const WgmmaOp &op) {
  static thread_local Operands operands;
  const Inst &inst = *op.inst;
  const WgmmaInfo &info = *inst.wgmma;
  auto read = [&](const Layout &layout, unsigned rows, float sign, auto set) {
    layout.forPieces(0, rows, [&](uint32_t address, unsigned row, unsigned k) {
      uint16_t bits[8];
      std::memcpy(bits, cta.shared.data() + address, sizeof(bits));
      for (unsigned e = 0; e < 8; ++e) {
        float value = sign * elementOf(info.element, bits[e]);
        if (layout.transposed)
          set(row + e, k, value);
        else
          set(row, k + e, value);
      }
    });
  };
  float signA = info.negateA ? -1.0f : 1.0f;
  if (info.aInRegisters) {
    for (unsigned warp = 0; warp < 4; ++warp)
      for (unsigned r = 0; r < kRegistersA; ++r) {
        const uint32_t *words =
            &cta.warps[group * 4 + warp].words[inst.list2[r].word];
        for (unsigned l = 0; l < 32; ++l)
          for (unsigned h = 0; h < 2; ++h)
            operands.setA(
                16 * warp + l / 4 + 8 * (r & 1), l % 4 * 2 + h + 8 * (r >> 1),
                signA * elementOf(info.element,
                                  static_cast<uint16_t>(words[l] >> (16 * h))));
      }
  } else {
    read(Layout(op.descriptorA, info.transposeA), 64, signA,
         [&](unsigned row, unsigned k, float v) { operands.setA(row, k, v); });
  }
  read(Layout(op.descriptorB, info.transposeB), info.n,
       info.negateB ? -1.0f : 1.0f, [&](unsigned column, unsigned k, float v) {
         operands.setB(column, k, v);
       });
  cta.machine->statistics.sharedBytesRead +=
      (info.n + (info.aInRegisters ? 0 : 64)) * kDepth * 2;
  for (unsigned warp = 0; warp < 4; ++warp) {
    Warp &w = cta.warps[group * 4 + warp];
    float *acc[128];
    for (size_t r = 0; r < inst.list.size(); ++r)
      acc[r] = reinterpret_cast<float *>(&w.words[inst.list[r].word]);
    multiply(operands, warp, info.n, acc, op.accumulate);
  }
}

} // namespace

std::vector<Family> pbs::emu::wgmmaFamilies() {
  return {{"wgmma", decodeWgmma}};
}

void pbs::emu::completeWgmma(Cta &cta, unsigned group, uint64_t upTo) {
  Warpgroup &warpgroup = cta.warpgroups[group];
  while (warpgroup.firstOp < upTo) {
    compute(cta, group, warpgroup.ops.front());
    warpgroup.ops.pop_front();
    ++warpgroup.firstOp;
  }
  warpgroup.completed = warpgroup.firstOp;
}
