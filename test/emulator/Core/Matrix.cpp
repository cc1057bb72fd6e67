//===- Matrix.cpp - mma.sync, ldmatrix, stmatrix --------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"
#include "Lanes.h"
#include "Numerics.h"

using namespace pbs::emu;

namespace {

/// Shape m16n8k(imm); type: of the elements; flags: 1 if c and d are f16.
/// list: d, then a, b, c (PTX ISA, matrix fragments for mma.m16n8k16 and k8).
void execMma(Warp &w, const Inst &i, uint32_t m) {
  w.requireWholeWarp(i, m);
  unsigned depth = static_cast<unsigned>(i.imm), numA = depth / 4,
           numB = depth / 8;
  bool halves = i.flags & 1;
  unsigned numC = halves ? 2 : 4;
  std::vector<const uint32_t *> from;
  for (const Arg &arg : i.list2)
    from.push_back(w.source(arg, m));
  auto element = [&](uint32_t pair, unsigned half) {
    auto bits = static_cast<uint16_t>(pair >> (16 * half));
    return i.type == Type::BF16 ? fromBF16(bits) : fromF16(bits);
  };
  float a[16][16], b[16][8], c[16][8];
  for (unsigned l = 0; l < 32; ++l) {
    unsigned row = l / 4, pair = l % 4 * 2;
    for (unsigned r = 0; r < numA; ++r)
      for (unsigned h = 0; h < 2; ++h)
        a[row + 8 * (r & 1)][pair + h + 8 * (r >> 1)] = element(from[r][l], h);
    for (unsigned r = 0; r < numB; ++r)
      for (unsigned h = 0; h < 2; ++h)
        b[pair + h + 8 * r][row] = element(from[numA + r][l], h);
    for (unsigned e = 0; e < 4; ++e)
      c[row + 8 * (e >> 1)][pair + (e & 1)] =
          halves ? fromF16(static_cast<uint16_t>(from[numA + numB + e / 2][l] >>
                                                 (16 * (e & 1))))
                 : bitCast<float>(from[numA + numB + e][l]);
  }
  for (auto &row : c) {
    size_t r = &row - c;
    for (unsigned n = 0; n < 8; ++n) {
      // The hardware adds all products before it rounds.
      double sum = row[n];
      for (unsigned k = 0; k < depth; ++k)
        sum += double(a[r][k]) * b[k][n];
      row[n] = static_cast<float>(sum);
    }
  }
  for (unsigned r = 0; r < numC; ++r) {
    uint32_t *d = w.destination(i.list[r], m);
    for (unsigned l = 0; l < 32; ++l) {
      unsigned row = l / 4, pair = l % 4 * 2;
      d[l] = halves ? toF16(c[row + 8 * r][pair]) |
                          uint32_t(toF16(c[row + 8 * r][pair + 1])) << 16
                    : bitCast<uint32_t>(
                          canonical(c[row + 8 * (r >> 1)][pair + (r & 1)]));
    }
  }
}

void vectorArgs(Decoder &d, size_t index, size_t count, bool isDestination,
                Type type, std::vector<Arg> &list) {
  const ptx::Operand &op = d.operand(index);
  std::vector<ptx::Operand> single = {op};
  bool isVector = op.kind == ptx::Operand::Kind::Vector;
  const auto &elements = isVector ? op.elements : single;
  if (elements.size() != count)
    d.fail("expected " + std::to_string(count) + " registers as operand " +
           std::to_string(index + 1) + " of '" + d.statement->opcode +
           "', got " + std::to_string(elements.size()));
  for (const ptx::Operand &element : elements)
    list.push_back(isDestination ? d.destination(element, type)
                                 : d.source(element, type));
}

void decodeMma(Decoder &d) {
  d.expect("sync");
  d.expect("aligned");
  int shape = d.takeOneOf({"m16n8k8", "m16n8k16"});
  if (shape < 0 || !d.take("row") || !d.take("col"))
    return;
  Type to = d.takeType(), a = d.takeType(), b = d.takeType(), c = d.takeType();
  if (a != b || to != c || (a != Type::F16 && a != Type::BF16) ||
      (to != Type::F32 && (to != Type::F16 || a != Type::F16)))
    return;
  Inst &inst = d.inst;
  inst.imm = shape == 0 ? 8 : 16;
  inst.type = a;
  inst.flags = to == Type::F16;
  d.expectOperands(4, 4);
  size_t numC = inst.flags ? 2 : 4;
  Type typeC = inst.flags ? Type::B32 : Type::F32;
  vectorArgs(d, 0, numC, true, typeC, inst.list);
  vectorArgs(d, 1, static_cast<size_t>(inst.imm) / 4, false, Type::B32,
             inst.list2);
  vectorArgs(d, 2, static_cast<size_t>(inst.imm) / 8, false, Type::B32,
             inst.list2);
  vectorArgs(d, 3, numC, false, typeC, inst.list2);
  inst.exec = execMma;
}

/// Element (row, column) of an 8x8 matrix lies in lane row * 4 + column / 2;
/// lane 8 * k + r gives the address of row r of matrix k.
template <bool isLoad>
void execMatrixAccess(Warp &w, const Inst &i, uint32_t m) {
  w.requireWholeWarp(i, m);
  Cta &cta = *w.cta;
  w.source(i.a, m);
  bool transposed = i.flags & 1;
  std::vector<uint32_t *> registers;
  for (const Arg &arg : i.list)
    registers.push_back(isLoad ? w.destination(arg, m)
                               : const_cast<uint32_t *>(w.source(arg, m)));
  std::byte *rows[32];
  unsigned count = static_cast<unsigned>(i.list.size());
  for (unsigned l = 0; l < 8 * count; ++l) {
    uint64_t address = w.value(i.a, l) + static_cast<uint64_t>(i.offset);
    address &= i.space == ptx::Space::Shared ? 0xFFFFFFFF : ~kWindowMask;
    rows[l] = cta.sharedAt(address, 16, static_cast<int>(l), 16);
    Shadow::Access access = w.access(i);
    try {
      if (isLoad)
        cta.shadow.read(access, static_cast<uint32_t>(address), 16);
      else
        cta.shadow.write(access, static_cast<uint32_t>(address), 16);
    } catch (Fault &f) {
      f.lane = static_cast<int>(l);
      throw;
    }
  }
  Statistics &s = w.machine->statistics;
  (isLoad ? s.sharedBytesRead : s.sharedBytesWritten) += 128 * count;
  for (unsigned k = 0; k < count; ++k) {
    uint32_t groups = 0; // of 16 bytes, that the rows of a matrix lie in
    for (unsigned r = 0; r < 8; ++r) {
      auto group = 1u << ((rows[8 * k + r] - cta.shared.data()) / 16 % 8);
      s.bankConflicts += (groups & group) != 0;
      groups |= group;
    }
    for (unsigned l = 0; l < 32; ++l)
      for (unsigned h = 0; h < 2; ++h) {
        unsigned row = l / 4, column = l % 4 * 2 + h;
        if (transposed)
          std::swap(row, column);
        std::byte *place = rows[8 * k + row] + 2 * column;
        uint16_t bits;
        if (isLoad) {
          std::memcpy(&bits, place, 2);
          registers[k][l] =
              h ? (registers[k][l] & 0xFFFF) | uint32_t(bits) << 16 : bits;
        } else {
          bits = static_cast<uint16_t>(registers[k][l] >> (16 * h));
          std::memcpy(place, &bits, 2);
        }
      }
  }
  ++w.machine->progress;
}

template <bool isLoad>
void decodeMatrixAccess(Decoder &d) {
  d.expect("sync");
  d.expect("aligned");
  Inst &inst = d.inst;
  bool shape = d.take("m8n8");
  int count = d.takeOneOf({"x1", "x2", "x4"});
  inst.flags = d.take("trans");
  inst.space = d.takeSpace();
  if (!shape || count < 0 || d.takeType() != Type::B16)
    return;
  d.expectOperands(2, 2);
  d.address(isLoad ? 1 : 0);
  vectorArgs(d, isLoad ? 0 : 1, size_t(1) << count, isLoad, Type::B32,
             inst.list);
  inst.exec = execMatrixAccess<isLoad>;
}

void execMovmatrix(Warp &w, const Inst &i, uint32_t m) {
  w.requireWholeWarp(i, m);
  const uint32_t *a = w.source(i.a, m);
  uint32_t result[32];
  for (unsigned l = 0; l < 32; ++l) {
    result[l] = 0;
    for (unsigned h = 0; h < 2; ++h) {
      unsigned row = l % 4 * 2 + h, column = l / 4;
      uint32_t pair = a[row * 4 + column / 2];
      result[l] |= (pair >> (16 * (column & 1)) & 0xFFFF) << (16 * h);
    }
  }
  uint32_t *d = w.destination(i.d, m);
  std::copy(result, result + 32, d);
}

void decodeMovmatrix(Decoder &d) {
  d.expect("sync");
  d.expect("aligned");
  d.expect("m8n8");
  d.expect("trans");
  if (d.takeType() != Type::B16)
    return;
  d.expectOperands(2, 2);
  d.inst.exec = execMovmatrix;
  d.inst.d = d.destination(0, Type::B32);
  d.inst.a = d.source(1, Type::B32);
}

} // namespace

std::vector<Family> pbs::emu::matrixFamilies() {
  return {{"mma", decodeMma},
          {"ldmatrix", decodeMatrixAccess<true>},
          {"stmatrix", decodeMatrixAccess<false>},
          {"movmatrix", decodeMovmatrix}};
}
