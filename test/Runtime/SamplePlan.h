//===- SamplePlan.h - A small bundle for tests ------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_RUNTIME_SAMPLEPLAN_H
#define PBS_TEST_RUNTIME_SAMPLEPLAN_H

#include "pbs/Runtime/Bundle.h"

/// A program with inputs `x [s0, 4]` and `y [s1, 4]` of the same length, one
/// workspace buffer, a status buffer, a trace of the one block and an output
/// `z [s0]`. Its code image names a kernel "sum" for the host.
inline pbs::runtime::Bundle makeSampleBundle() {
  using namespace pbs::runtime;
  Expr s0 = Expr::symbol(0), s1 = Expr::symbol(1);
  Plan plan;
  plan.name = "sample";
  plan.symbols = {{Symbol::Kind::ArgumentDim, 0, 0},
                  {Symbol::Kind::ArgumentDim, 1, 0},
                  {Symbol::Kind::NumThreads}};
  plan.arguments = {{"x", false, DType::F32, {s0, Expr::constant(4)}},
                    {"y", false, DType::F32, {s1, Expr::constant(4)}},
                    {"z", true, DType::F32, {s0}}};
  plan.constraints = {
      {Constraint::Kind::Equal, s0, s1, "x and y of the same length"},
      {Constraint::Kind::Multiple, s0, Expr::constant(2),
       "the length of x to be a multiple of 2"}};
  plan.workspace = {{"partial", DType::F32, {s0}, 0},
                    {"status", DType::I32, {Expr::constant(4)}, 1},
                    {"sum",
                     DType::I32,
                     {Expr::constant(1), Expr::constant(kTraceBytes / 4)},
                     2}};
  Kernel kernel;
  kernel.name = "sum";
  kernel.symbol = "sum_packed";
  kernel.isDependent = true;
  plan.kernels = {kernel};
  Step clear{Step::Kind::Memset, 0, {}, {{Binding::Kind::Workspace, 1}}};
  Step launch{Step::Kind::Launch,
              0,
              {s0, Expr::constant(1), Expr::constant(1)},
              {{Binding::Kind::Argument, 0},
               {Binding::Kind::Argument, 1},
               {Binding::Kind::Workspace, 0},
               {Binding::Kind::Argument, 2},
               {Binding::Kind::Workspace, 1}}};
  plan.steps = {clear, launch};
  plan.statuses = {{1, {"row {0} holds {1}, expected less than {2}"}}};
  plan.traces = {2};
  Bundle bundle;
  bundle.compiler = "test";
  bundle.name = "sample";
  bundle.plans = {{Expr::constant(1), plan}};
  bundle.images = {{CodeImage::Kind::Object, "host", "code", ""}};
  return bundle;
}

#endif // PBS_TEST_RUNTIME_SAMPLEPLAN_H
