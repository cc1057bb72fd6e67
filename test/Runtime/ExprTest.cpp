//===- ExprTest.cpp - Expressions of plans --------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Runtime/Plan.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace pbs::runtime;
using Kind = ExprOp::Kind;

static int64_t evaluate(Kind kind, int64_t lhs, int64_t rhs) {
  int64_t result = -777;
  EXPECT_TRUE(Expr::binary(kind, Expr::constant(lhs), Expr::constant(rhs))
                  .evaluate({}, result));
  return result;
}

static bool fails(Kind kind, int64_t lhs, int64_t rhs) {
  int64_t result;
  return !Expr::binary(kind, Expr::constant(lhs), Expr::constant(rhs))
              .evaluate({}, result);
}

TEST(Expr, Arithmetic) {
  EXPECT_EQ(evaluate(Kind::Add, 2, 3), 5);
  EXPECT_EQ(evaluate(Kind::Sub, 2, 3), -1);
  EXPECT_EQ(evaluate(Kind::Mul, -2, 3), -6);
  EXPECT_EQ(evaluate(Kind::Min, -2, 3), -2);
  EXPECT_EQ(evaluate(Kind::Max, -2, 3), 3);
  EXPECT_EQ(evaluate(Kind::Equal, 3, 3), 1);
  EXPECT_EQ(evaluate(Kind::LessOrEqual, 4, 3), 0);
  EXPECT_EQ(evaluate(Kind::And, 4, 0), 0);
}

TEST(Expr, DivisionRoundsAsNamed) {
  for (int64_t lhs = -9; lhs <= 9; ++lhs) {
    for (int64_t rhs : {-4, -3, -1, 1, 3, 4}) {
      double quotient = static_cast<double>(lhs) / static_cast<double>(rhs);
      EXPECT_EQ(evaluate(Kind::FloorDiv, lhs, rhs), std::floor(quotient));
      EXPECT_EQ(evaluate(Kind::CeilDiv, lhs, rhs), std::ceil(quotient));
      EXPECT_EQ(evaluate(Kind::Mod, lhs, rhs),
                lhs - rhs * std::floor(quotient));
    }
  }
}

TEST(Expr, OverflowAndDivisionByZeroFail) {
  EXPECT_TRUE(fails(Kind::Add, INT64_MAX, 1));
  EXPECT_TRUE(fails(Kind::Sub, INT64_MIN, 1));
  EXPECT_TRUE(fails(Kind::Mul, INT64_MAX, 2));
  EXPECT_TRUE(fails(Kind::FloorDiv, 1, 0));
  EXPECT_TRUE(fails(Kind::FloorDiv, INT64_MIN, -1));
  EXPECT_TRUE(fails(Kind::CeilDiv, 1, 0));
  EXPECT_TRUE(fails(Kind::CeilDiv, INT64_MIN, 2));
  EXPECT_TRUE(fails(Kind::Mod, 1, 0));
}

TEST(Expr, MalformedFails) {
  int64_t result;
  EXPECT_FALSE(Expr{}.evaluate({}, result));
  EXPECT_FALSE((Expr{{{Kind::Add, 0}}}).evaluate({}, result));
  EXPECT_FALSE(
      (Expr{{{Kind::Constant, 1}, {Kind::Constant, 2}}}).evaluate({}, result));
  EXPECT_FALSE(Expr::symbol(1).evaluate({5}, result));
  EXPECT_FALSE(Expr::symbol(-1).evaluate({5}, result));
  EXPECT_FALSE(Expr::symbol(1).isWellFormed(1));
  EXPECT_TRUE(Expr::symbol(0).isWellFormed(1));
}

TEST(Expr, DeepExpressionFailsAndDoesNotOverflow) {
  Expr deep;
  for (int i = 0; i < 1000; ++i)
    deep.ops.push_back({Kind::Constant, 1});
  for (int i = 0; i < 999; ++i)
    deep.ops.push_back({Kind::Add, 0});
  int64_t result;
  EXPECT_TRUE(deep.isWellFormed(0));
  EXPECT_FALSE(deep.evaluate({}, result));
}

TEST(Expr, Text) {
  Expr blocks =
      Expr::binary(Kind::CeilDiv, Expr::symbol(0), Expr::constant(128));
  EXPECT_EQ(Expr::binary(Kind::Mul, blocks, Expr::symbol(1)).str(),
            "((s0 ceildiv 128) * s1)");
}
