//===- Decoder.cpp - From statements to instructions ----------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"
#include <algorithm>
#include <cstring>
#include <unordered_map>

using namespace pbs::emu;

unsigned pbs::emu::bytesOf(Type type) {
  switch (type) {
  case Type::None:
  case Type::Pred:
    return 0;
  case Type::B8:
  case Type::U8:
  case Type::S8:
    return 1;
  case Type::B16:
  case Type::U16:
  case Type::S16:
  case Type::F16:
  case Type::BF16:
    return 2;
  case Type::B32:
  case Type::U32:
  case Type::S32:
  case Type::F32:
  case Type::F16x2:
  case Type::BF16x2:
    return 4;
  case Type::B64:
  case Type::U64:
  case Type::S64:
  case Type::F64:
    return 8;
  }
  return 0;
}

Type pbs::emu::typeNamed(std::string_view name) {
  static const std::unordered_map<std::string_view, Type> types = {
      {"pred", Type::Pred}, {"b8", Type::B8},       {"u8", Type::U8},
      {"s8", Type::S8},     {"b16", Type::B16},     {"u16", Type::U16},
      {"s16", Type::S16},   {"f16", Type::F16},     {"bf16", Type::BF16},
      {"b32", Type::B32},   {"u32", Type::U32},     {"s32", Type::S32},
      {"f32", Type::F32},   {"f16x2", Type::F16x2}, {"bf16x2", Type::BF16x2},
      {"b64", Type::B64},   {"u64", Type::U64},     {"s64", Type::S64},
      {"f64", Type::F64}};
  auto it = types.find(name);
  return it == types.end() ? Type::None : it->second;
}

Decoder::Decoder(const ptx::Function &function,
                 const std::map<const ptx::Variable *, uint64_t> &addressOf,
                 Program &program)
    : function(function), addressOf(addressOf), program(program) {
  program.name = function.name;
  program.paramBytes = function.paramBytes;
  program.maxThreads = function.maxThreads;
  program.exactThreads = function.exactThreads;
  program.registers = function.registers;
  for (const ptx::Register &reg : function.registers) {
    registerWords.push_back(program.numWords);
    ++program.numIds;
    if (reg.bits > 1)
      program.numWords += reg.bits == 64 ? 64 : 32;
  }
  layOutShared();
}

/// Static variables first, then all dynamic ones at one place.
void Decoder::layOutShared() {
  uint64_t at = kSharedBase, align = 16;
  for (const ptx::Variable *variable : function.usedShared) {
    if (!variable->bytes) {
      align = std::max(align, variable->align);
      continue;
    }
    at = (at + variable->align - 1) / variable->align * variable->align;
    sharedAddress[variable] = static_cast<uint32_t>(at);
    at += variable->bytes;
  }
  program.staticSharedEnd = static_cast<uint32_t>(at);
  program.dynamicShared =
      static_cast<uint32_t>((at + align - 1) / align * align);
  for (const ptx::Variable *variable : function.usedShared)
    if (!variable->bytes)
      sharedAddress[variable] = program.dynamicShared;
}

void Decoder::fail(const std::string &message) const {
  throw ptx::Error{statement->line, message};
}

void Decoder::unknown() const {
  fail("unknown instruction '" + statement->opcode + "'");
}

bool Decoder::take(std::string_view modifier) {
  for (size_t i = 1; i < statement->parts.size(); ++i)
    if (!taken[i] && statement->parts[i] == modifier)
      return taken[i] = true;
  return false;
}

void Decoder::expect(std::string_view modifier) {
  if (!take(modifier))
    unknown();
}

int Decoder::takeOneOf(std::initializer_list<std::string_view> modifiers) {
  for (size_t i = 1; i < statement->parts.size(); ++i) {
    if (taken[i])
      continue;
    auto it =
        std::find(modifiers.begin(), modifiers.end(), statement->parts[i]);
    if (it != modifiers.end()) {
      taken[i] = true;
      return static_cast<int>(it - modifiers.begin());
    }
  }
  return -1;
}

Type Decoder::takeType() {
  for (size_t i = 1; i < statement->parts.size(); ++i)
    if (!taken[i])
      if (Type type = typeNamed(statement->parts[i]); type != Type::None) {
        taken[i] = true;
        return type;
      }
  return Type::None;
}

ptx::Space Decoder::takeSpace() {
  switch (takeOneOf({"global", "shared", "shared::cta", "shared::cluster",
                     "param", "param::entry", "const"})) {
  case 0:
    return ptx::Space::Global;
  case 1:
  case 2:
  case 3: // a cluster has one block
    return ptx::Space::Shared;
  case 4:
  case 5:
    return ptx::Space::Param;
  case 6:
    return ptx::Space::Const;
  default:
    return ptx::Space::Generic;
  }
}

void Decoder::expectOperands(size_t least, size_t most) {
  if (numOperands() < least || numOperands() > most)
    fail("expected " + std::to_string(least) +
         (most == least ? "" : " to " + std::to_string(most)) +
         " operands of '" + statement->opcode + "', got " +
         std::to_string(numOperands()));
}

const ptx::Operand &Decoder::operand(size_t i) const {
  if (i >= numOperands())
    fail("expected an operand " + std::to_string(i + 1) + " of '" +
         statement->opcode + "'");
  return statement->operands[i];
}

bool Decoder::isRegister(size_t i) const {
  return operand(i).kind == ptx::Operand::Kind::Register;
}

Arg Decoder::registerArg(int reg) const {
  Arg arg;
  arg.id = static_cast<uint32_t>(reg);
  arg.word = registerWords[reg];
  arg.bits = function.registers[reg].bits;
  return arg;
}

Arg Decoder::constant(unsigned bits, uint64_t value) {
  if (bits < 64)
    value &= (uint64_t(1) << bits) - 1;
  Arg &arg = constants[{bits, value}];
  if (!arg) {
    arg.id = program.numIds++;
    arg.word = program.numWords;
    arg.bits = static_cast<uint8_t>(bits);
    program.numWords += bits == 64 ? 64 : 32;
    program.constants.push_back({arg.id, arg.word, arg.bits, value});
  }
  return arg;
}

Arg Decoder::special(const std::string &name, unsigned bits) {
  static const std::unordered_map<std::string, Special> table = {
      {"%tid.x", Special::TidX},
      {"%tid.y", Special::TidY},
      {"%tid.z", Special::TidZ},
      {"%ntid.x", Special::NtidX},
      {"%ntid.y", Special::NtidY},
      {"%ntid.z", Special::NtidZ},
      {"%ctaid.x", Special::CtaidX},
      {"%ctaid.y", Special::CtaidY},
      {"%ctaid.z", Special::CtaidZ},
      {"%nctaid.x", Special::NctaidX},
      {"%nctaid.y", Special::NctaidY},
      {"%nctaid.z", Special::NctaidZ},
      {"%laneid", Special::LaneId},
      {"%warpid", Special::WarpId},
      {"%nwarpid", Special::NwarpId},
      {"%lanemask_eq", Special::LanemaskEq},
      {"%lanemask_lt", Special::LanemaskLt},
      {"%lanemask_le", Special::LanemaskLe},
      {"%lanemask_gt", Special::LanemaskGt},
      {"%lanemask_ge", Special::LanemaskGe},
      {"%smid", Special::SmId},
      {"%nsmid", Special::NsmId},
      {"%dynamic_smem_size", Special::DynamicSmem},
      {"%total_smem_size", Special::TotalSmem},
      {"%gridid", Special::Zero},
      {"%clusterid.x", Special::CtaidX},
      {"%clusterid.y", Special::CtaidY},
      {"%clusterid.z", Special::CtaidZ},
      {"%nclusterid.x", Special::NctaidX},
      {"%nclusterid.y", Special::NctaidY},
      {"%nclusterid.z", Special::NctaidZ},
      {"%cluster_ctaid.x", Special::Zero},
      {"%cluster_ctaid.y", Special::Zero},
      {"%cluster_ctaid.z", Special::Zero},
      {"%cluster_nctaid.x", Special::One},
      {"%cluster_nctaid.y", Special::One},
      {"%cluster_nctaid.z", Special::One},
      {"%cluster_ctarank", Special::Zero},
      {"%cluster_nctarank", Special::One}};
  auto it = table.find(name);
  if (it == table.end())
    fail("unknown register '" + name + "'");
  Arg &arg = specials[{name, bits}];
  if (!arg) {
    arg.id = program.numIds++;
    arg.word = program.numWords;
    arg.bits = static_cast<uint8_t>(bits);
    program.numWords += bits == 64 ? 64 : 32;
    program.specials.push_back({it->second, arg});
  }
  return arg;
}

uint64_t Decoder::variableAddress(const ptx::Variable &variable) const {
  if (variable.space == ptx::Space::Shared)
    return sharedAddress.at(&variable);
  if (variable.space == ptx::Space::Param)
    return variable.offset;
  return addressOf.at(&variable);
}

Arg Decoder::wideSource(const ptx::Operand &op, Type type) {
  using Kind = ptx::Operand::Kind;
  unsigned bits = bytesOf(type) * 8;
  switch (op.kind) {
  case Kind::Register: {
    Arg arg = registerArg(op.reg);
    if (op.negated || arg.bits < bits || arg.bits == 1)
      fail("expected a register of " + std::to_string(bits) + " bits, got '" +
           function.registers[op.reg].name + "'");
    return arg;
  }
  case Kind::Immediate: {
    uint64_t value = op.value;
    if (op.isFloat) {
      bool isFloat = type == Type::F32 || type == Type::F64 ||
                     type == Type::B32 || type == Type::B64;
      if (!isFloat)
        fail("expected an integer operand of '" + statement->opcode + "'");
      if (op.floatBits == 64 && bits == 32) {
        double wide;
        std::memcpy(&wide, &value, 8);
        float narrow = static_cast<float>(wide);
        uint32_t low;
        std::memcpy(&low, &narrow, 4);
        value = low;
      }
    } else if (type == Type::F32 || type == Type::F64) {
      fail("expected a floating-point operand of '" + statement->opcode + "'");
    }
    return constant(std::max(bits, 32u), value);
  }
  case Kind::Variable:
    return constant(std::max(bits, 32u),
                    variableAddress(*op.variable) + op.offset);
  case Kind::Special:
    return special(op.special, std::max(bits, 32u));
  default:
    fail("expected a register or a constant as operand of '" +
         statement->opcode + "'");
  }
}

Arg Decoder::source(const ptx::Operand &op, Type type) {
  if (type == Type::Pred)
    return predicate(op);
  Arg arg = wideSource(op, type);
  if (op.kind == ptx::Operand::Kind::Register && arg.bits != bytesOf(type) * 8)
    fail("expected a register of " + std::to_string(bytesOf(type) * 8) +
         " bits, got '" + function.registers[op.reg].name + "'");
  return arg;
}

Arg Decoder::wideDestination(const ptx::Operand &op, Type type) {
  if (op.kind != ptx::Operand::Kind::Register)
    fail("expected a register as destination of '" + statement->opcode + "'");
  Arg arg = registerArg(op.reg);
  if (arg.bits < bytesOf(type) * 8 || arg.bits == 1)
    fail("expected a register of " + std::to_string(bytesOf(type) * 8) +
         " bits, got '" + function.registers[op.reg].name + "'");
  return arg;
}

Arg Decoder::destination(const ptx::Operand &op, Type type) {
  if (type == Type::Pred)
    return predicate(op);
  Arg arg = wideDestination(op, type);
  if (arg.bits != bytesOf(type) * 8)
    fail("expected a register of " + std::to_string(bytesOf(type) * 8) +
         " bits, got '" + function.registers[op.reg].name + "'");
  return arg;
}

Arg Decoder::predicate(const ptx::Operand &op) {
  if (op.kind != ptx::Operand::Kind::Register ||
      function.registers[op.reg].bits != 1)
    fail("expected a predicate as operand of '" + statement->opcode + "'");
  Arg arg = registerArg(op.reg);
  arg.negated = op.negated;
  return arg;
}

Arg Decoder::addressBase(const ptx::Operand &base, int64_t &offset) {
  offset = 0;
  if (base.kind == ptx::Operand::Kind::Register) {
    Arg arg = registerArg(base.reg);
    if (arg.bits != 32 && arg.bits != 64)
      fail("expected an address in a register of 32 or 64 bits, got '" +
           function.registers[base.reg].name + "'");
    offset = base.offset;
    return arg;
  }
  return wideSource(base, Type::B64);
}

void Decoder::address(size_t i) {
  const ptx::Operand &memory = operand(i);
  if (memory.kind != ptx::Operand::Kind::Memory || memory.elements.size() != 1)
    fail("expected an address '[...]' as operand of '" + statement->opcode +
         "'");
  inst.a = addressBase(memory.elements[0], inst.offset);
}

int64_t Decoder::immediate(size_t i, const char *what) {
  const ptx::Operand &op = operand(i);
  if (op.kind != ptx::Operand::Kind::Immediate || op.isFloat)
    fail(std::string("expected ") + what + " as a constant");
  return static_cast<int64_t>(op.value);
}

void Decoder::setGroup(std::string_view name) {
  auto it = std::find(program.groups.begin(), program.groups.end(), name);
  inst.group = static_cast<unsigned>(it - program.groups.begin());
  if (it == program.groups.end())
    program.groups.emplace_back(name);
}

void Decoder::decodeStatement(const ptx::Statement &s) {
  static const std::unordered_map<std::string_view, DecodeFamily> families =
      [] {
        std::unordered_map<std::string_view, DecodeFamily> table;
        for (const auto &list :
             {integerFamilies(), bitFamilies(), floatFamilies(),
              compareFamilies(), convertFamilies(), memoryFamilies(),
              atomicFamilies(), warpFamilies(), barrierFamilies(),
              asyncFamilies(), matrixFamilies(), wgmmaFamilies()})
          for (const auto &[name, decode] : list)
            table[name] = decode;
        return table;
      }();
  statement = &s;
  inst = Inst();
  inst.line = s.line;
  inst.index = static_cast<uint32_t>(program.code.size());
  inst.text = s.opcode;
  inst.predicate = s.predicate;
  inst.predicateNegated = s.predicateNegated;
  taken.assign(s.parts.size(), false);
  taken[0] = true;
  std::string_view root = s.parts[0];
  setGroup(root);
  if (root == "bra") {
    inst.isBranch = true;
    inst.target = s.target;
    take("uni");
  } else if (root == "ret" || root == "exit") {
    take("uni");
    expectOperands(0, 0);
  } else {
    auto it = families.find(root);
    if (it == families.end())
      unknown();
    it->second(*this);
    if (!inst.exec)
      unknown();
  }
  for (bool used : taken)
    if (!used)
      unknown();
  program.code.push_back(std::move(inst));
}

/// Immediate post-dominators of branches, by the iteration over instructions
/// in reverse order (Cooper, Harvey, Kennedy: A Simple, Fast Dominance
/// Algorithm). The node after the last instruction is the exit.
void Decoder::findJoins() {
  int count = static_cast<int>(program.code.size());
  auto exits = [&](int i) {
    const Inst &in = program.code[i];
    return !in.exec && !in.isBranch && in.predicate < 0;
  };
  auto successors = [&](int i, int out[2]) {
    const Inst &in = program.code[i];
    bool isExit = !in.exec && !in.isBranch;
    int n = 0;
    bool goesOn = in.predicate >= 0 || (!in.isBranch && !isExit);
    // Lanes that leave the kernel early are not waited for: where some go on,
    // that way alone counts.
    if (in.isBranch && !(goesOn && exits(in.target)))
      out[n++] = in.target;
    if (isExit && !goesOn)
      out[n++] = count;
    if (goesOn && !(in.isBranch && n && exits(i + 1)))
      out[n++] = i + 1;
    return n;
  };
  // Order of the reversed graph from the exit.
  std::vector<std::vector<int>> predecessors(count + 1);
  for (int i = 0; i < count; ++i) {
    int next[2];
    for (int k = 0, n = successors(i, next); k < n; ++k)
      predecessors[next[k]].push_back(i);
  }
  std::vector<int> order, number(count + 1, -1), dominator(count + 1, -1);
  std::vector<std::pair<int, size_t>> stack = {{count, 0}};
  std::vector<bool> visited(count + 1, false);
  visited[count] = true;
  while (!stack.empty()) {
    auto &[node, child] = stack.back();
    if (child < predecessors[node].size()) {
      int p = predecessors[node][child++];
      if (!visited[p]) {
        visited[p] = true;
        stack.push_back({p, 0});
      }
    } else {
      number[node] = static_cast<int>(order.size());
      order.push_back(node);
      stack.pop_back();
    }
  }
  dominator[count] = count;
  for (bool changed = true; changed;) {
    changed = false;
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
      int node = *it;
      if (node == count)
        continue;
      int next[2], best = -1;
      for (int k = 0, n = successors(node, next); k < n; ++k) {
        int other = next[k];
        if (number[other] < 0 || dominator[other] < 0)
          continue;
        if (best < 0) {
          best = other;
          continue;
        }
        while (best != other) {
          while (number[best] < number[other])
            best = dominator[best];
          while (number[other] < number[best])
            other = dominator[other];
        }
      }
      if (best >= 0 && dominator[node] != best) {
        dominator[node] = best;
        changed = true;
      }
    }
  }
  for (int i = 0; i < count; ++i)
    if (program.code[i].isBranch)
      program.code[i].join = dominator[i] == count ? -1 : dominator[i];
}

void Decoder::decodeAll() {
  for (const ptx::Statement &s : function.statements)
    decodeStatement(s);
  // Code may end without a ret, or with a label.
  Inst end;
  end.index = static_cast<uint32_t>(program.code.size());
  end.line = function.line;
  program.code.push_back(end);
  findJoins();
}

void pbs::emu::decode(
    const ptx::Function &function,
    const std::map<const ptx::Variable *, uint64_t> &addressOf,
    Program &program) {
  Decoder(function, addressOf, program).decodeAll();
}
