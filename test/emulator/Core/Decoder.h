//===- Decoder.h - From statements to instructions --------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_EMULATOR_CORE_DECODER_H
#define PBS_TEST_EMULATOR_CORE_DECODER_H

#include "Program.h"
#include <initializer_list>
#include <string_view>
#include <tuple>

namespace pbs::emu {

/// Decodes one statement at a time. Modifiers are taken one by one; what is
/// left over makes the instruction an unknown one.
class Decoder {
public:
  Decoder(const ptx::Function &function,
          const std::map<const ptx::Variable *, uint64_t> &addressOf,
          Program &program);
  void decodeAll();

  // For the functions that decode a family of instructions.
  const ptx::Statement *statement = nullptr;
  Inst inst;

  [[noreturn]] void unknown() const;
  [[noreturn]] void fail(const std::string &message) const;

  /// Takes the modifier if it is there.
  bool take(std::string_view modifier);
  void expect(std::string_view modifier);
  /// Takes the first of `modifiers` that is there and returns its place, or
  /// -1.
  int takeOneOf(std::initializer_list<std::string_view> modifiers);
  /// Takes the first modifier left that is a type.
  Type takeType();
  ptx::Space takeSpace();

  size_t numOperands() const { return statement->operands.size(); }
  void expectOperands(size_t least, size_t most);
  const ptx::Operand &operand(size_t i) const;
  bool isRegister(size_t i) const;

  Arg source(const ptx::Operand &operand, Type type);
  Arg source(size_t i, Type type) { return source(operand(i), type); }
  Arg destination(const ptx::Operand &operand, Type type);
  Arg destination(size_t i, Type type) { return destination(operand(i), type); }
  /// As above for registers wider than the type.
  Arg wideSource(const ptx::Operand &operand, Type type);
  Arg wideDestination(const ptx::Operand &operand, Type type);
  Arg predicate(const ptx::Operand &operand);
  Arg predicate(size_t i) { return predicate(operand(i)); }
  /// Fills inst.a and inst.offset from "[base+offset]".
  void address(size_t i);
  /// The base of an address as an operand of 32 or 64 bits, offset included.
  Arg addressBase(const ptx::Operand &base, int64_t &offset);
  int64_t immediate(size_t i, const char *what);
  Arg constant(unsigned bits, uint64_t value);
  Arg registerArg(int reg) const;
  void setGroup(std::string_view name);

private:
  void decodeStatement(const ptx::Statement &statement);
  void findJoins();
  Arg special(const std::string &name, unsigned bits);
  uint64_t variableAddress(const ptx::Variable &variable) const;
  void layOutShared();

  const ptx::Function &function;
  const std::map<const ptx::Variable *, uint64_t> &addressOf;
  Program &program;
  std::vector<bool> taken;
  std::map<std::pair<unsigned, uint64_t>, Arg> constants;
  std::map<std::pair<std::string, unsigned>, Arg> specials;
  std::map<const ptx::Variable *, uint32_t> sharedAddress;
  std::vector<uint32_t> registerWords;
};

/// A family of instructions by the first part of the opcode.
using DecodeFamily = void (*)(Decoder &);
using Family = std::tuple<std::string_view, DecodeFamily>;
std::vector<Family> integerFamilies();
std::vector<Family> bitFamilies();
std::vector<Family> floatFamilies();
std::vector<Family> compareFamilies();
std::vector<Family> convertFamilies();
std::vector<Family> memoryFamilies();
std::vector<Family> atomicFamilies();
std::vector<Family> warpFamilies();
std::vector<Family> barrierFamilies();
std::vector<Family> asyncFamilies();
std::vector<Family> matrixFamilies();
std::vector<Family> wgmmaFamilies();

} // namespace pbs::emu

#endif // PBS_TEST_EMULATOR_CORE_DECODER_H
