//===- Operands.cpp - Parse names and operands ----------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parser.h"
#include <cstdlib>
#include <cstring>

using namespace pbs::emu::ptx;

int Parser::findRegister(const std::string &name) const {
  size_t digits = name.size();
  while (digits > 0 &&
         std::isdigit(static_cast<unsigned char>(name[digits - 1])))
    --digits;
  for (int s = scope; s >= 0; s = scopes[s].parent) {
    auto exact = scopes[s].registers.find(name);
    if (exact != scopes[s].registers.end())
      return exact->second;
    if (digits < name.size() && name.size() - digits < 9) {
      auto range = scopes[s].ranges.find(name.substr(0, digits));
      int index = std::atoi(name.c_str() + digits);
      if (range != scopes[s].ranges.end() && index < range->second.second)
        return range->second.first + index;
    }
  }
  return -1;
}

const Variable *Parser::findVariable(const std::string &name) const {
  for (int s = scope; s >= 0; s = scopes[s].parent) {
    auto it = scopes[s].variables.find(name);
    if (it != scopes[s].variables.end())
      return it->second;
  }
  return nullptr;
}

bool Parser::parseImmediate(std::string_view word, Operand &operand) const {
  std::string s(word);
  bool negative = !s.empty() && s[0] == '-';
  if (negative)
    s.erase(0, 1);
  if (s.empty() || !std::isdigit(static_cast<unsigned char>(s[0])))
    return false;
  operand.kind = Operand::Kind::Immediate;
  char *stop;
  if (s.size() > 2 && s[0] == '0' && std::strchr("fFdD", s[1])) {
    operand.isFloat = true;
    operand.floatBits = s[1] == 'f' || s[1] == 'F' ? 32 : 64;
    operand.value = std::strtoull(s.c_str() + 2, &stop, 16);
    if (negative)
      operand.value ^= uint64_t(1) << (operand.floatBits - 1);
    return *stop == '\0';
  }
  if (s.size() > 2 && s[0] == '0' && (s[1] == 'b' || s[1] == 'B')) {
    operand.value = std::strtoull(s.c_str() + 2, &stop, 2);
  } else if (s.find_first_of(".eE") != std::string::npos && s[1] != 'x' &&
             s[1] != 'X') {
    operand.isFloat = true;
    operand.floatBits = 64;
    double value = std::strtod(s.c_str(), &stop);
    if (negative)
      value = -value;
    std::memcpy(&operand.value, &value, 8);
    return *stop == '\0';
  } else {
    operand.value = std::strtoull(s.c_str(), &stop, 0);
  }
  if (*stop == 'U')
    ++stop;
  if (negative)
    operand.value = -operand.value;
  return *stop == '\0';
}

/// Splits at commas outside of brackets and braces.
std::vector<std::string_view> Parser::split(std::string_view list) const {
  std::vector<std::string_view> result;
  int depth = 0;
  size_t first = 0;
  for (size_t i = 0; i <= list.size(); ++i) {
    if (i < list.size() && std::strchr("[{(", list[i]))
      ++depth;
    else if (i < list.size() && std::strchr("]})", list[i]))
      --depth;
    if (i == list.size() || (list[i] == ',' && depth == 0)) {
      result.push_back(trim(list.substr(first, i - first)));
      first = i + 1;
    }
  }
  if (depth != 0)
    fail("unbalanced brackets in '" + std::string(trim(list)) + "'");
  if (result.size() == 1 && result[0].empty())
    result.clear();
  return result;
}

Operand Parser::parseMemory(std::string_view inside) {
  Operand memory;
  memory.kind = Operand::Kind::Memory;
  for (std::string_view part : split(inside))
    memory.elements.push_back(parseOperand(part));
  if (memory.elements.empty())
    fail("expected an address in '[]'");
  return memory;
}

Operand Parser::parseOperand(std::string_view word) {
  word = trim(word);
  auto inside = [&] { return word.substr(1, word.size() - 2); };
  Operand operand;
  if (word.empty())
    fail("expected an operand");
  if (word.front() == '[' && word.back() == ']')
    return parseMemory(inside());
  if (word.front() == '{' && word.back() == '}') {
    operand.kind = Operand::Kind::Vector;
    for (std::string_view part : split(inside()))
      operand.elements.push_back(parseOperand(part));
    return operand;
  }
  if (word == "_") {
    operand.kind = Operand::Kind::Sink;
    return operand;
  }
  if (word == "WARP_SZ") {
    operand.value = 32;
    return operand;
  }
  if (parseImmediate(word, operand))
    return operand;
  if (word.front() == '!' ||
      (word.front() == '-' && word.size() > 1 && isNameStart(word[1]))) {
    operand = parseOperand(word.substr(1));
    operand.negated = true;
    return operand;
  }

  size_t length = 0;
  if (isNameStart(word[0]))
    while (length < word.size() && (isNameChar(word[length]) || length == 0))
      ++length;
  std::string base(word.substr(0, length));
  std::string_view rest = trim(word.substr(length));
  int reg = base.empty() ? -1 : findRegister(base);
  if (reg >= 0) {
    operand.kind = Operand::Kind::Register;
    operand.reg = reg;
    if (!rest.empty() && rest[0] == '|') {
      std::string second(trim(rest.substr(1)));
      operand.second = findRegister(second);
      if (operand.second < 0)
        fail("unknown register '" + second + "'");
      return operand;
    }
  } else if (base == "_" && !rest.empty() && rest[0] == '|') {
    operand = parseOperand(rest.substr(1));
    operand.second = operand.reg;
    operand.kind = Operand::Kind::Sink;
    return operand;
  } else if (const Variable *variable = findVariable(base)) {
    operand.kind = Operand::Kind::Variable;
    operand.variable = variable;
    if (variable->space == Space::Shared) {
      bool known = false;
      for (const Variable *used : function->usedShared)
        known |= used == variable;
      if (!known)
        function->usedShared.push_back(variable);
    }
  } else if (!base.empty() && base[0] == '%') {
    // A special register, with its component.
    operand.kind = Operand::Kind::Special;
    operand.special = std::string(word);
    return operand;
  } else {
    fail("unknown name '" + std::string(word) + "'");
  }
  if (rest.empty())
    return operand;
  Operand offset;
  bool minus = rest[0] == '-';
  if ((rest[0] != '+' && !minus) ||
      !parseImmediate(trim(rest.substr(1)), offset))
    fail("cannot read operand '" + std::string(word) + "'");
  operand.offset = static_cast<int64_t>(minus ? -offset.value : offset.value);
  return operand;
}
