//===- Expr.cpp - Integer expressions of a plan ---------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Runtime/Plan.h"
#include <algorithm>

using namespace pbs::runtime;

Expr Expr::binary(ExprOp::Kind kind, const Expr &lhs, const Expr &rhs) {
  Expr result = lhs;
  result.ops.insert(result.ops.end(), rhs.ops.begin(), rhs.ops.end());
  result.ops.push_back({kind, 0});
  return result;
}

static bool isLeaf(ExprOp::Kind kind) {
  return kind == ExprOp::Kind::Constant || kind == ExprOp::Kind::Symbol;
}

/// Floor of `lhs / rhs`; false on division by zero or overflow.
static bool floorDivide(int64_t lhs, int64_t rhs, int64_t &result) {
  if (rhs == 0 || (lhs == INT64_MIN && rhs == -1))
    return false;
  result = lhs / rhs;
  if (lhs % rhs != 0 && (lhs < 0) != (rhs < 0))
    --result;
  return true;
}

static bool apply(ExprOp::Kind kind, int64_t lhs, int64_t rhs,
                  int64_t &result) {
  switch (kind) {
  case ExprOp::Kind::Add:
    return !__builtin_add_overflow(lhs, rhs, &result);
  case ExprOp::Kind::Sub:
    return !__builtin_sub_overflow(lhs, rhs, &result);
  case ExprOp::Kind::Mul:
    return !__builtin_mul_overflow(lhs, rhs, &result);
  case ExprOp::Kind::FloorDiv:
    return floorDivide(lhs, rhs, result);
  case ExprOp::Kind::CeilDiv: {
    // ceil(a / b) = -floor(-a / b)
    int64_t negated;
    return !__builtin_sub_overflow(int64_t(0), lhs, &negated) &&
           floorDivide(negated, rhs, negated) &&
           !__builtin_sub_overflow(int64_t(0), negated, &result);
  }
  case ExprOp::Kind::Mod: {
    int64_t quotient;
    if (!floorDivide(lhs, rhs, quotient))
      return false;
    result = lhs - quotient * rhs;
    return true;
  }
  case ExprOp::Kind::Min:
    result = std::min(lhs, rhs);
    return true;
  case ExprOp::Kind::Max:
    result = std::max(lhs, rhs);
    return true;
  case ExprOp::Kind::Equal:
    result = lhs == rhs;
    return true;
  case ExprOp::Kind::LessOrEqual:
    result = lhs <= rhs;
    return true;
  case ExprOp::Kind::And:
    result = lhs != 0 && rhs != 0;
    return true;
  case ExprOp::Kind::Constant:
  case ExprOp::Kind::Symbol:
    break;
  }
  return false;
}

bool Expr::evaluate(const std::vector<int64_t> &symbols,
                    int64_t &result) const {
  // Expressions are short: sizes of tensors and grids.
  constexpr size_t kMaxDepth = 32;
  int64_t stack[kMaxDepth];
  size_t depth = 0;
  for (const ExprOp &op : ops) {
    if (isLeaf(op.kind)) {
      if (depth == kMaxDepth)
        return false;
      bool isSymbol = op.kind == ExprOp::Kind::Symbol;
      if (isSymbol && static_cast<uint64_t>(op.value) >= symbols.size())
        return false;
      stack[depth++] = isSymbol ? symbols[op.value] : op.value;
      continue;
    }
    if (depth < 2)
      return false;
    --depth;
    if (!apply(op.kind, stack[depth - 1], stack[depth], stack[depth - 1]))
      return false;
  }
  if (depth != 1)
    return false;
  result = stack[0];
  return true;
}

bool Expr::isWellFormed(size_t numSymbols) const {
  size_t depth = 0;
  for (const ExprOp &op : ops) {
    if (isLeaf(op.kind)) {
      if (op.kind == ExprOp::Kind::Symbol &&
          static_cast<uint64_t>(op.value) >= numSymbols)
        return false;
      ++depth;
      continue;
    }
    if (depth < 2)
      return false;
    --depth;
  }
  return depth == 1;
}

static const char *spelling(ExprOp::Kind kind) {
  switch (kind) {
  case ExprOp::Kind::Add:
    return " + ";
  case ExprOp::Kind::Sub:
    return " - ";
  case ExprOp::Kind::Mul:
    return " * ";
  case ExprOp::Kind::FloorDiv:
    return " floordiv ";
  case ExprOp::Kind::CeilDiv:
    return " ceildiv ";
  case ExprOp::Kind::Mod:
    return " mod ";
  case ExprOp::Kind::Min:
    return " min ";
  case ExprOp::Kind::Max:
    return " max ";
  case ExprOp::Kind::Equal:
    return " == ";
  case ExprOp::Kind::LessOrEqual:
    return " <= ";
  case ExprOp::Kind::And:
    return " and ";
  case ExprOp::Kind::Constant:
  case ExprOp::Kind::Symbol:
    break;
  }
  return " ? ";
}

std::string Expr::str() const {
  std::vector<std::string> stack;
  for (const ExprOp &op : ops) {
    if (op.kind == ExprOp::Kind::Constant) {
      stack.push_back(std::to_string(op.value));
    } else if (op.kind == ExprOp::Kind::Symbol) {
      stack.push_back("s" + std::to_string(op.value));
    } else if (stack.size() >= 2) {
      std::string rhs = std::move(stack.back());
      stack.pop_back();
      stack.back() = "(" + stack.back() + spelling(op.kind) + rhs + ")";
    }
  }
  return stack.empty() ? "" : stack.back();
}
