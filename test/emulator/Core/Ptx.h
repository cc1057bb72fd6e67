//===- Ptx.h - PTX text as statements ---------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the parser makes of PTX text: names are resolved, instructions are not
// yet known.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_EMULATOR_CORE_PTX_H
#define PBS_TEST_EMULATOR_CORE_PTX_H

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pbs::emu::ptx {

/// A sentence about the text, and the line it is about.
struct Error {
  unsigned line;
  std::string message;
};

enum class Space : uint8_t { Generic, Global, Shared, Param, Const, Local };

/// A declared register. Those below 32 bits live in 32.
struct Register {
  std::string name;
  uint8_t bits; ///< 1 (predicate), 8, 16, 32 or 64
};

/// A variable or a parameter.
struct Variable {
  std::string name;
  Space space = Space::Global;
  uint64_t bytes = 0; ///< 0 for an extern array without size
  uint64_t align = 1;
  uint64_t offset = 0; ///< in its space
  std::vector<uint8_t> init;
};

struct Operand {
  enum class Kind : uint8_t {
    Register,
    Immediate,
    Variable,
    Special,
    Sink,
    Vector,
    Memory
  };
  Kind kind = Kind::Immediate;
  bool negated = false;   ///< "!p" or "-r"
  bool isFloat = false;   ///< of an immediate
  int reg = -1;           ///< of Register
  int second = -1;        ///< the predicate of "r|p"
  uint64_t value = 0;     ///< of Immediate: bits of an f64 if isFloat == 64
  unsigned floatBits = 0; ///< 32 or 64, of a float immediate
  const Variable *variable = nullptr;
  int64_t offset = 0; ///< of Variable, of Register in Memory
  std::string special;
  std::vector<Operand> elements; ///< of Vector; of Memory: base, then more
};

struct Statement {
  unsigned line = 0;
  int predicate = -1;
  bool predicateNegated = false;
  std::string opcode;
  std::vector<std::string_view> parts; ///< of the opcode, split at '.'
  std::vector<Operand> operands;
  std::string label; ///< target of a branch
  int target = -1;   ///< statement it leads to
};

struct Function {
  std::string name;
  unsigned line = 0;
  std::vector<Variable> params;
  uint64_t paramBytes = 0;
  unsigned maxThreads = 0;
  bool exactThreads = false; ///< by .reqntid
  std::vector<Register> registers;
  std::vector<Statement> statements;
  /// Shared memory that the function names, static and then dynamic.
  std::vector<const Variable *> usedShared;
};

struct Module {
  std::string text;
  std::string target;
  /// Of the module and of functions, without parameters. Addresses are stable.
  std::vector<Variable *> variables;
  std::vector<Function *> functions;
  ~Module();
};

/// Fills `module` from its text; throws Error.
void parse(Module &module);

} // namespace pbs::emu::ptx

#endif // PBS_TEST_EMULATOR_CORE_PTX_H
