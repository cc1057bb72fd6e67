//===- Parser.h - Parse PTX text --------------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_EMULATOR_CORE_PARSER_H
#define PBS_TEST_EMULATOR_CORE_PARSER_H

#include "Ptx.h"
#include <cctype>

namespace pbs::emu::ptx {

inline bool isNameStart(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$' ||
         c == '%';
}
inline bool isNameChar(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$';
}
inline bool isSpace(char c) {
  return std::isspace(static_cast<unsigned char>(c));
}

inline std::string_view trim(std::string_view s) {
  while (!s.empty() && isSpace(s.front()))
    s.remove_prefix(1);
  while (!s.empty() && isSpace(s.back()))
    s.remove_suffix(1);
  return s;
}

/// Names declared between two braces; they hide those outside.
struct Scope {
  explicit Scope(int parent) : parent(parent) {}
  int parent;
  std::map<std::string, int> registers;
  /// "%r<5>" declares %r0 to %r4: prefix -> (first, count).
  std::map<std::string, std::pair<int, int>> ranges;
  std::map<std::string, int> labels;
  std::map<std::string, std::vector<std::string>> branchTargets;
  std::map<std::string, Variable *> variables;
};

class Parser {
public:
  explicit Parser(Module &module) : module(module) {
    stripComments();
    at = text.data();
    end = at + text.size();
    scopes.emplace_back(-1);
  }
  void parseModule();

private:
  [[noreturn]] void fail(const std::string &message) const {
    throw Error{line, message};
  }

  void stripComments();
  void skipSpace();
  bool eat(char c);
  void expect(char c);
  std::string name(const char *what);
  /// The name after a '.', with the "::" of qualifiers.
  std::string directive();
  uint64_t number();
  /// The text up to ';', which is consumed.
  std::string upToSemicolon();

  void parseFunction(bool isEntry);
  void parseParams(Function &function);
  void parseBody();
  void parseStatement();
  void parseIndexedBranch(const Statement &branch, std::string_view operands);
  void push(Statement statement);
  void parseRegisters();
  Variable parseVariable(Space space, bool isParam);
  void parseInitializer(Variable &variable, unsigned elementBytes);
  void declare(Variable variable);
  void resolveBranches();

  int findRegister(const std::string &name) const;
  const Variable *findVariable(const std::string &name) const;
  Operand parseOperand(std::string_view text);
  Operand parseMemory(std::string_view text);
  bool parseImmediate(std::string_view text, Operand &operand) const;
  std::vector<std::string_view> split(std::string_view text) const;

  Module &module;
  std::string text;
  const char *at, *end;
  unsigned line = 1;
  std::vector<Scope> scopes;
  int scope = 0;
  Function *function = nullptr;
  std::vector<int> statementScopes;
};

} // namespace pbs::emu::ptx

#endif // PBS_TEST_EMULATOR_CORE_PARSER_H
