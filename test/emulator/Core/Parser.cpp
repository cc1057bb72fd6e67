//===- Parser.cpp - Parse PTX text ----------------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parser.h"
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <memory>

using namespace pbs::emu::ptx;

Module::~Module() {
  for (Variable *variable : variables)
    delete variable;
  for (Function *function : functions)
    delete function;
}

/// Blanks comments, so that lines stay.
void Parser::stripComments() {
  text = module.text;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '"') {
      while (++i < text.size() && text[i] != '"' && text[i] != '\n')
        ;
    } else if (text[i] == '/' && text[i + 1] == '/') {
      while (i < text.size() && text[i] != '\n')
        text[i++] = ' ';
    } else if (text[i] == '/' && text[i + 1] == '*') {
      size_t close = text.find("*/", i + 2);
      if (close == std::string::npos)
        close = text.size() - 2;
      for (; i < close + 2; ++i)
        if (text[i] != '\n')
          text[i] = ' ';
    }
  }
}

void Parser::skipSpace() {
  while (at < end && (isSpace(*at) || *at == '\0')) {
    if (*at == '\n')
      ++line;
    ++at;
  }
}

bool Parser::eat(char c) {
  skipSpace();
  if (at == end || *at != c)
    return false;
  ++at;
  return true;
}

void Parser::expect(char c) {
  if (!eat(c))
    fail(std::string("expected '") + c + "', got " +
         (at == end ? "the end of the text" : std::string("'") + *at + "'"));
}

std::string Parser::name(const char *what) {
  skipSpace();
  const char *first = at;
  if (at < end && isNameStart(*at))
    for (++at; at < end && isNameChar(*at);)
      ++at;
  if (first == at)
    fail(std::string("expected ") + what);
  return std::string(first, at);
}

std::string Parser::directive() {
  expect('.');
  const char *first = at;
  while (at < end && (isNameChar(*at) || *at == ':'))
    ++at;
  return std::string(first, at);
}

uint64_t Parser::number() {
  skipSpace();
  char *stop;
  uint64_t value = std::strtoull(at, &stop, 0);
  if (stop == at)
    fail("expected a number");
  at = stop;
  if (at < end && *at == 'U')
    ++at;
  return value;
}

std::string Parser::upToSemicolon() {
  const char *first = at;
  while (at < end && *at != ';') {
    if (*at == '\n')
      ++line;
    ++at;
  }
  if (at == end)
    fail("expected ';', got the end of the text");
  return std::string(first, at++);
}

/// Size of a type in bits; 0 if it is none.
static unsigned bitsOf(std::string_view type) {
  if (type == "pred")
    return 1;
  if (type == "f16x2" || type == "bf16x2")
    return 32;
  if (type == "bf16")
    return 16;
  if (type.size() < 2 || !std::strchr("bsuf", type[0]))
    return 0;
  std::string digits(type.substr(1));
  unsigned bits = std::atoi(digits.c_str());
  return bits == 8 || bits == 16 || bits == 32 || bits == 64 ? bits : 0;
}

Variable Parser::parseVariable(Space space, bool isParam) {
  Variable variable;
  variable.space = space;
  unsigned elementBytes = 0, lanes = 1;
  for (skipSpace(); at < end && *at == '.'; skipSpace()) {
    std::string word = directive();
    if (word == "align") {
      variable.align = number();
    } else if (word == "ptr" || word == "const" || word == "global" ||
               word == "shared" || word == "local") {
      // The space that a pointer parameter points to; ".align" may follow and
      // is of what it points to.
      if (word != "ptr") {
        skipSpace();
        if (std::string_view(at, end - at).substr(0, 6) == ".align") {
          directive();
          number();
        }
      }
    } else if (word == "v2" || word == "v4") {
      lanes = word[1] - '0';
    } else if (unsigned bits = bitsOf(word); bits >= 8) {
      elementBytes = bits / 8;
    } else {
      fail("unknown attribute '." + word + "' of a variable");
    }
  }
  if (!elementBytes)
    fail("expected the type of a variable");
  elementBytes *= lanes;
  if (variable.align < elementBytes)
    variable.align = elementBytes;
  variable.name = name("the name of a variable");
  variable.bytes = elementBytes;
  while (eat('[')) {
    if (eat(']')) {
      variable.bytes = 0;
      continue;
    }
    variable.bytes *= number();
    expect(']');
  }
  if (!isParam && eat('='))
    parseInitializer(variable, elementBytes);
  return variable;
}

void Parser::parseInitializer(Variable &variable, unsigned elementBytes) {
  int depth = 0;
  skipSpace();
  do {
    if (eat('{')) {
      ++depth;
    } else if (eat('}')) {
      --depth;
    } else if (!eat(',')) {
      const char *first = at;
      while (at < end && !std::strchr(",};", *at))
        ++at;
      std::string_view word(first, at - first);
      while (!word.empty() && isSpace(word.back()))
        word.remove_suffix(1);
      Operand value;
      if (!parseImmediate(word, value))
        fail("expected a constant, got '" + std::string(word) + "'");
      for (unsigned i = 0; i < elementBytes; ++i)
        variable.init.push_back(i < 8 ? value.value >> (8 * i) : 0);
    }
    skipSpace();
  } while (depth > 0 && at < end);
  if (variable.init.size() > variable.bytes)
    variable.bytes = variable.init.size();
}

void Parser::declare(Variable variable) {
  auto *owned = new Variable(std::move(variable));
  module.variables.push_back(owned);
  scopes[scope].variables[owned->name] = owned;
}

void Parser::parseRegisters() {
  std::string type = directive();
  unsigned bits = bitsOf(type);
  if (!bits)
    fail("unknown type '." + type + "' of a register");
  do {
    std::string prefix = name("the name of a register");
    int first = static_cast<int>(function->registers.size());
    if (eat('<')) {
      int count = static_cast<int>(number());
      expect('>');
      for (int i = 0; i < count; ++i)
        function->registers.push_back(
            {prefix + std::to_string(i), static_cast<uint8_t>(bits)});
      scopes[scope].ranges[prefix] = {first, count};
    } else {
      function->registers.push_back({prefix, static_cast<uint8_t>(bits)});
      scopes[scope].registers[prefix] = first;
    }
  } while (eat(','));
  expect(';');
}

void Parser::parseStatement() {
  Statement statement;
  skipSpace();
  statement.line = line;
  if (eat('@')) {
    statement.predicateNegated = eat('!');
    std::string predicate = name("a predicate");
    statement.predicate = findRegister(predicate);
    if (statement.predicate < 0)
      fail("unknown predicate '" + predicate + "'");
    if (function->registers[statement.predicate].bits != 1)
      fail("expected a predicate, got '" + predicate + "'");
  }
  skipSpace();
  const char *first = at;
  while (at < end && (isNameChar(*at) || *at == '.' || *at == ':'))
    ++at;
  statement.opcode = std::string(first, at);
  if (statement.opcode.empty())
    fail(std::string("expected an instruction, got '") + *at + "'");
  std::string operands = upToSemicolon();
  if (statement.opcode == "brx.idx" || statement.opcode == "brx.idx.uni")
    return parseIndexedBranch(statement, operands);
  if (statement.opcode == "bra" || statement.opcode == "bra.uni") {
    statement.label = std::string(trim(operands));
  } else {
    unsigned last = line;
    line = statement.line;
    for (std::string_view operand : split(operands))
      statement.operands.push_back(parseOperand(operand));
    line = last;
  }
  push(std::move(statement));
}

void Parser::push(Statement statement) {
  function->statements.push_back(std::move(statement));
  statementScopes.push_back(scope);
}

/// Becomes a comparison and a branch for each target, and a trap for an index
/// behind them, which the PTX ISA leaves undefined.
void Parser::parseIndexedBranch(const Statement &branch,
                                std::string_view operands) {
  std::vector<std::string_view> parts = split(operands);
  if (parts.size() != 2)
    fail("expected an index and a list of targets of 'brx.idx'");
  if (branch.predicate >= 0)
    fail("a predicated brx.idx is not supported");
  const std::vector<std::string> *targets = nullptr;
  std::string list(trim(parts[1]));
  for (int s = scope; s >= 0 && !targets; s = scopes[s].parent)
    if (auto it = scopes[s].branchTargets.find(list);
        it != scopes[s].branchTargets.end())
      targets = &it->second;
  if (!targets)
    fail("unknown list of targets '" + list + "'");
  Operand index = parseOperand(parts[0]), isEqual;
  isEqual.kind = Operand::Kind::Register;
  isEqual.reg = static_cast<int>(function->registers.size());
  function->registers.push_back({"%brx" + std::to_string(isEqual.reg), 1});
  for (size_t i = 0; i < targets->size(); ++i) {
    Operand number;
    number.value = i;
    Statement compare;
    compare.line = branch.line;
    compare.opcode = "setp.eq.u32";
    compare.operands = {isEqual, index, number};
    push(std::move(compare));
    Statement jump;
    jump.line = branch.line;
    jump.opcode = "bra";
    jump.predicate = isEqual.reg;
    jump.label = (*targets)[i];
    push(std::move(jump));
  }
  Statement trap;
  trap.line = branch.line;
  trap.opcode = "trap";
  push(std::move(trap));
}

void Parser::parseBody() {
  expect('{');
  int outer = scope;
  scopes.emplace_back(scope);
  scope = static_cast<int>(scopes.size()) - 1;
  while (true) {
    skipSpace();
    if (at == end)
      fail("expected '}', got the end of the text");
    if (*at == '{') {
      parseBody();
    } else if (eat('}')) {
      break;
    } else if (eat(';')) {
      continue;
    } else if (*at == '.') {
      std::string word = directive();
      if (word == "reg") {
        skipSpace();
        parseRegisters();
      } else if (word == "shared" || word == "local") {
        if (word == "local")
          fail("local memory is not supported");
        declare(parseVariable(Space::Shared, false));
        expect(';');
      } else if (word == "loc") {
        while (at < end && *at != '\n')
          ++at;
      } else if (word == "pragma") {
        upToSemicolon();
      } else {
        fail("unknown directive '." + word + "'");
      }
    } else {
      // A label is a name before ':', but not before "::".
      const char *look = at;
      while (look < end && isNameChar(*look))
        ++look;
      const char *afterName = look;
      while (look < end && (*look == ' ' || *look == '\t'))
        ++look;
      if (isNameStart(*at) && look < end && *look == ':' &&
          (look + 1 == end || look[1] != ':')) {
        std::string label(at, afterName);
        at = look + 1;
        skipSpace();
        if (std::string_view(at, end - at).substr(0, 14) == ".branchtargets") {
          directive();
          std::string targets = upToSemicolon();
          for (std::string_view target : split(targets))
            scopes[scope].branchTargets[label].emplace_back(trim(target));
          continue;
        }
        scopes[scope].labels[label] =
            static_cast<int>(function->statements.size());
      } else {
        parseStatement();
      }
    }
  }
  scope = outer;
}

void Parser::resolveBranches() {
  for (size_t i = 0; i < function->statements.size(); ++i) {
    Statement &statement = function->statements[i];
    if (statement.label.empty())
      continue;
    for (int s = statementScopes[i]; s >= 0 && statement.target < 0;
         s = scopes[s].parent) {
      auto it = scopes[s].labels.find(statement.label);
      if (it != scopes[s].labels.end())
        statement.target = it->second;
    }
    if (statement.target < 0)
      throw Error{statement.line, "unknown label '" + statement.label + "'"};
  }
}

void Parser::parseParams(Function &f) {
  if (!eat('('))
    return;
  while (!eat(')')) {
    if (directive() != "param")
      fail("expected '.param'");
    Variable param = parseVariable(Space::Param, true);
    f.paramBytes = (f.paramBytes + param.align - 1) / param.align * param.align;
    param.offset = f.paramBytes;
    f.paramBytes += param.bytes;
    f.params.push_back(param);
    eat(',');
  }
}

void Parser::parseFunction(bool isEntry) {
  auto *f = new Function;
  module.functions.push_back(f);
  f->line = line;
  skipSpace();
  if (!isEntry)
    fail("device functions are not supported: only kernels (.entry)");
  f->name = name("the name of a kernel");
  function = f;
  parseParams(*f);
  for (skipSpace(); at < end && *at == '.'; skipSpace()) {
    std::string word = directive();
    if (word == "noreturn" || word == "abi_preserve")
      continue;
    uint64_t count = 1;
    do {
      skipSpace();
      if (at < end && *at == '{')
        break;
      count *= number();
    } while (eat(','));
    if (word == "maxntid" || word == "reqntid") {
      f->maxThreads = static_cast<unsigned>(count);
      f->exactThreads = word == "reqntid";
    } else if (word != "minnctapersm" && word != "maxnreg" &&
               word != "maxclusterrank" && word != "explicitcluster" &&
               word != "reqnctapercluster") {
      fail("unknown directive '." + word + "' of a kernel");
    } else if (word == "reqnctapercluster" && count != 1) {
      fail("expected a cluster of 1 block, got " + std::to_string(count));
    }
  }
  // Parameters are found by name in a scope around the body.
  int outer = scope;
  scopes.emplace_back(scope);
  scope = static_cast<int>(scopes.size()) - 1;
  for (Variable &param : f->params)
    scopes[scope].variables[param.name] = &param;
  statementScopes.clear();
  parseBody();
  resolveBranches();
  scope = outer;
  function = nullptr;
}

void Parser::parseModule() {
  for (skipSpace(); at < end; skipSpace()) {
    std::string word = directive();
    if (word == "version") {
      number();
      expect('.');
      number();
    } else if (word == "target") {
      module.target = name("the name of a target");
      while (eat(','))
        name("an option of the target");
    } else if (word == "address_size") {
      if (uint64_t bits = number(); bits != 64)
        fail("expected .address_size 64, got " + std::to_string(bits));
    } else if (word == "visible" || word == "extern" || word == "weak" ||
               word == "common") {
      continue;
    } else if (word == "entry") {
      parseFunction(true);
    } else if (word == "func") {
      parseFunction(false);
    } else if (word == "global" || word == "const" || word == "shared") {
      declare(parseVariable(word == "global"  ? Space::Global
                            : word == "const" ? Space::Const
                                              : Space::Shared,
                            false));
      expect(';');
    } else if (word == "file") {
      number();
      skipSpace();
      while (at < end && *at != '\n')
        ++at;
    } else {
      fail("unknown directive '." + word + "'");
    }
  }
}

void pbs::emu::ptx::parse(Module &module) {
  Parser(module).parseModule();
  for (Function *function : module.functions)
    for (Statement &statement : function->statements) {
      std::string_view opcode = statement.opcode;
      for (size_t first = 0; first <= opcode.size();) {
        size_t dot = std::min(opcode.find('.', first), opcode.size());
        statement.parts.push_back(opcode.substr(first, dot - first));
        first = dot + 1;
      }
    }
}
