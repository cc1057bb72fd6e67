//===- PlanTranslation.cpp - From plan ops to a bundle --------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The symbols of a translated plan are those of the program, then the number of
// multiprocessors. Sizes of a kernel's code are over the dimensions of its
// buffers; those of the launch are put in their place, so each launch has a
// kernel of its own in the plan.
//
//===----------------------------------------------------------------------===//

#include "pbs/Dialect/Plan/Translation/PlanTranslation.h"
#include "mlir/IR/BuiltinOps.h"
#include "pbs/Dialect/Plan/IR/Plan.h"
#include "pbs/Runtime/Bundle.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::plan;
namespace rt = ::pbs::runtime;

/// Bytes of a word of scratch, which is `i32`.
static constexpr int64_t kScratchWordBytes = 4;

static rt::DType getDType(Type type) {
  if (type.isF16())
    return rt::DType::F16;
  if (type.isBF16())
    return rt::DType::BF16;
  return type.isF32() ? rt::DType::F32 : rt::DType::I32;
}

static rt::ExprOp::Kind getExprKind(AffineExprKind kind) {
  switch (kind) {
  case AffineExprKind::Add:
    return rt::ExprOp::Kind::Add;
  case AffineExprKind::Mul:
    return rt::ExprOp::Kind::Mul;
  case AffineExprKind::FloorDiv:
    return rt::ExprOp::Kind::FloorDiv;
  case AffineExprKind::CeilDiv:
    return rt::ExprOp::Kind::CeilDiv;
  case AffineExprKind::Mod:
    return rt::ExprOp::Kind::Mod;
  default:
    llvm_unreachable("not a binary expression");
  }
}

/// Translates an expression over symbols.
static rt::Expr translate(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return rt::Expr::constant(constant.getValue());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return rt::Expr::symbol(symbol.getPosition());
  auto binary = cast<AffineBinaryOpExpr>(expr);
  return rt::Expr::binary(getExprKind(expr.getKind()),
                          translate(binary.getLHS()),
                          translate(binary.getRHS()));
}

static std::vector<rt::Expr> translate(ArrayRef<AffineExpr> exprs) {
  std::vector<rt::Expr> result;
  for (AffineExpr expr : exprs)
    result.push_back(translate(expr));
  return result;
}

namespace {
/// Translates one program.
class Translator {
public:
  /// Images of code, and their numbers in the bundle.
  using Images = llvm::MapVector<StringAttr, uint32_t>;

  Translator(ModuleOp module, ProgramOp program, Images &images, rt::Plan &plan)
      : module(module), program(program), images(images), plan(plan) {}

  LogicalResult run();

private:
  /// A buffer and its dimensions over the symbols of the program.
  struct Buffer {
    rt::Binding binding;
    SmallVector<AffineExpr> dims;
  };

  void addInputs();
  void addOutputs();
  void addConstraints();
  LogicalResult addLaunch(LaunchOp launch);
  /// Adds a buffer of the workspace.
  rt::Binding addWorkspace(StringRef name, rt::DType dtype,
                           std::vector<rt::Expr> dims);
  /// Adds a step that sets a buffer to zero, before all launches: so one of the
  /// driver's operations does it for all buffers, and none of them stands
  /// between two kernels.
  void addMemset(rt::Binding binding);

  ModuleOp module;
  ProgramOp program;
  Images &images;
  rt::Plan &plan;
  llvm::DenseMap<Value, Buffer> buffers;
  /// Steps at the begin of the plan.
  size_t numMemsets = 0;
};
} // namespace

void Translator::addInputs() {
  unsigned nextSymbol = 0;
  MLIRContext *context = program.getContext();
  for (BlockArgument argument : program.getBody().getArguments()) {
    auto type = cast<RankedTensorType>(argument.getType());
    Buffer &buffer = buffers[argument];
    buffer.binding = {rt::Binding::Kind::Argument, argument.getArgNumber()};
    for (auto [dim, size] : llvm::enumerate(type.getShape())) {
      if (!ShapedType::isDynamic(size)) {
        buffer.dims.push_back(getAffineConstantExpr(size, context));
        continue;
      }
      buffer.dims.push_back(getAffineSymbolExpr(nextSymbol++, context));
      plan.symbols.push_back({rt::Symbol::Kind::ArgumentDim,
                              argument.getArgNumber(),
                              static_cast<uint32_t>(dim)});
    }
    plan.arguments.push_back(
        {program.getArgumentName(argument.getArgNumber()).str(),
         /*isOutput=*/false, getDType(type.getElementType()),
         translate(buffer.dims)});
  }
  plan.symbols.push_back({rt::Symbol::Kind::NumSMs, 0, 0});
}

void Translator::addOutputs() {
  Operation *terminator = program.getBody().front().getTerminator();
  for (auto [index, value] : llvm::enumerate(terminator->getOperands())) {
    auto launch = value.getDefiningOp<LaunchOp>();
    Buffer &buffer = buffers[value];
    buffer.binding = {rt::Binding::Kind::Argument,
                      static_cast<uint32_t>(plan.arguments.size())};
    buffer.dims = SmallVector<AffineExpr>(
        launch.getShape(cast<OpResult>(value).getResultNumber()).getResults());
    plan.arguments.push_back(
        {program.getResultName(index).str(), /*isOutput=*/true,
         getDType(getElementTypeOrSelf(value)), translate(buffer.dims)});
  }
}

static rt::Constraint::Kind getKind(ConstraintKind kind) {
  switch (kind) {
  case ConstraintKind::Equal:
    return rt::Constraint::Kind::Equal;
  case ConstraintKind::Multiple:
    return rt::Constraint::Kind::Multiple;
  case ConstraintKind::AtMost:
    return rt::Constraint::Kind::AtMost;
  }
  llvm_unreachable("not a kind of constraint");
}

void Translator::addConstraints() {
  ArrayAttr constraints = program.getConstraintsAttr();
  if (!constraints)
    return;
  for (auto constraint : constraints.getAsRange<ConstraintAttr>())
    plan.constraints.push_back(
        {getKind(constraint.getKind()), translate(constraint.getLhs()),
         translate(constraint.getRhs()), constraint.getExpectation().str()});
}

rt::Binding Translator::addWorkspace(StringRef name, rt::DType dtype,
                                     std::vector<rt::Expr> dims) {
  plan.workspace.push_back({name.str(), dtype, std::move(dims), /*slot=*/0});
  return {rt::Binding::Kind::Workspace,
          static_cast<uint32_t>(plan.workspace.size() - 1)};
}

void Translator::addMemset(rt::Binding binding) {
  rt::Step step;
  step.kind = rt::Step::Kind::Memset;
  step.buffers = {binding};
  plan.steps.insert(plan.steps.begin() + numMemsets++, std::move(step));
}

/// Translates a parameter; `resolve` puts the sizes of a launch in place of the
/// symbols of the kernel.
static rt::KernelParam
translateParam(Attribute attr,
               llvm::function_ref<AffineExpr(AffineExpr)> resolve) {
  rt::KernelParam param;
  llvm::TypeSwitch<Attribute>(attr)
      .Case([&](PointerAttr pointer) {
        param.kind = rt::KernelParam::Kind::Pointer;
        param.buffer = pointer.getBuffer();
        param.alignment = pointer.getAlign();
      })
      .Case([&](StrideAttr stride) {
        param.kind = rt::KernelParam::Kind::Stride;
        param.buffer = stride.getBuffer();
        param.dim = stride.getDim();
      })
      .Case([&](TensorMapAttr map) {
        param.kind = rt::KernelParam::Kind::TensorMap;
        param.buffer = map.getBuffer();
        param.box.assign(map.getBox().begin(), map.getBox().end());
        param.swizzle = map.getSwizzle();
      })
      .Case([&](plan::IntegerAttr integer) {
        param.kind = integer.getType().getWidth() == 32
                         ? rt::KernelParam::Kind::Int32
                         : rt::KernelParam::Kind::Int64;
        param.expr = translate(resolve(integer.getValue().getResult(0)));
      })
      .Case([&](plan::FloatAttr value) {
        param.kind = rt::KernelParam::Kind::Float;
        param.value = value.getValue().getValue().convertToFloat();
      });
  return param;
}

LogicalResult Translator::addLaunch(LaunchOp launch) {
  auto kernel = module.lookupSymbol<KernelOp>(launch.getKernelAttr());
  Attribute code = kernel.getCodeAttr();
  if (!code)
    return launch.emitOpError() << "expected code of kernel "
                                << launch.getKernelAttr() << ", got none";

  rt::Step step;
  step.kind = rt::Step::Kind::Launch;
  // The symbols of the code: dimensions of all buffers, multiprocessors.
  SmallVector<AffineExpr> sizes;
  auto bind = [&](const Buffer &buffer) {
    step.buffers.push_back(buffer.binding);
    llvm::append_range(sizes, buffer.dims);
  };
  for (Value input : launch.getInputs())
    bind(buffers.at(input));
  for (OpResult result : launch->getOpResults()) {
    Buffer &buffer = buffers[result];
    if (buffer.dims.empty()) {
      AffineMap shape = launch.getShape(result.getResultNumber());
      buffer.dims = SmallVector<AffineExpr>(shape.getResults());
      buffer.binding = addWorkspace(launch.getKernel(),
                                    getDType(getElementTypeOrSelf(result)),
                                    translate(buffer.dims));
    }
    bind(buffer);
  }
  MLIRContext *context = launch.getContext();
  sizes.push_back(getAffineSymbolExpr(plan.symbols.size() - 1, context));
  auto resolve = [&](AffineExpr expr) {
    return expr.replaceDimsAndSymbols({}, sizes);
  };

  auto setGrid = [&](CUDACodeAttr cuda) {
    for (size_t i = 0; i < 3; ++i) {
      step.grid[i] = rt::Expr();
      // The size is the smallest of the results.
      for (AffineExpr bound : cuda.getGrid()[i].getResults()) {
        rt::Expr size = translate(resolve(bound));
        step.grid[i] =
            step.grid[i].ops.empty()
                ? size
                : rt::Expr::binary(rt::ExprOp::Kind::Min, step.grid[i], size);
      }
    }
  };
  if (auto cuda = dyn_cast<CUDACodeAttr>(code))
    setGrid(cuda);

  for (Attribute entry : kernel.getScratch()) {
    bool isZeroed = true;
    if (auto status = dyn_cast<StatusAttr>(entry)) {
      step.buffers.push_back(
          addWorkspace(launch.getKernel(), rt::DType::I32,
                       {rt::Expr::constant(StatusAttr::kWords)}));
      rt::StatusBuffer buffer{step.buffers.back().index, {}};
      for (auto message : status.getMessages().getAsRange<StringAttr>())
        buffer.messages.push_back(message.str());
      plan.statuses.push_back(std::move(buffer));
    } else if (isa<TraceAttr>(entry)) {
      rt::Expr blocks = step.grid[0];
      for (size_t i = 1; i < 3; ++i)
        blocks = rt::Expr::binary(rt::ExprOp::Kind::Mul, blocks, step.grid[i]);
      step.buffers.push_back(
          addWorkspace(launch.getKernel(), rt::DType::I32,
                       {blocks, rt::Expr::constant(TraceAttr::kWords)}));
      plan.traces.push_back(step.buffers.back().index);
    } else {
      auto scratch = cast<ScratchAttr>(entry);
      isZeroed = scratch.getZeroed();
      AffineExpr words =
          scratch.getBytes().getResult(0).ceilDiv(kScratchWordBytes);
      step.buffers.push_back(addWorkspace(launch.getKernel(), rt::DType::I32,
                                          {translate(resolve(words))}));
    }
    if (isZeroed)
      addMemset(step.buffers.back());
  }

  auto addStep = [&](rt::Kernel kernel) {
    step.kernel = plan.kernels.size();
    plan.kernels.push_back(std::move(kernel));
    plan.steps.push_back(step);
  };
  if (auto cpu = dyn_cast<CPUCodeAttr>(code)) {
    rt::Kernel result;
    result.name = kernel.getSymName().str();
    result.target = rt::Kernel::Target::CPU;
    result.symbol = cpu.getSymbol().getLeafReference().str() + "_packed";
    step.grid[0] = translate(resolve(cpu.getGrid().getResult(0)));
    step.grid[1] = step.grid[2] = rt::Expr::constant(1);
    addStep(std::move(result));
    return success();
  }
  for (CUDACodeAttr cuda : getAllCode(cast<CUDACodeAttr>(code))) {
    rt::Kernel result;
    // What follows another has no kernel of its own in the plan.
    result.name = cuda == code ? kernel.getSymName().str()
                               : cuda.getSymbol().getLeafReference().str();
    result.target = rt::Kernel::Target::CUDA;
    result.symbol = cuda.getSymbol().getLeafReference().str();
    result.image =
        images.insert({cuda.getSymbol().getRootReference(), images.size()})
            .first->second;
    llvm::copy(cuda.getBlock(), result.block);
    result.sharedBytes = cuda.getShared();
    result.isDependent = cuda.getDependent();
    for (Attribute param : cuda.getParams())
      result.params.push_back(translateParam(param, resolve));
    setGrid(cuda);
    addStep(std::move(result));
  }
  return success();
}

LogicalResult Translator::run() {
  plan.name = program.getSymName().str();
  addInputs();
  addOutputs();
  addConstraints();
  for (auto launch : program.getOps<LaunchOp>())
    if (failed(addLaunch(launch)))
      return failure();
  plan.shareWorkspace();
  return success();
}

/// 1 where all constraints of `guard` hold, always without one.
static rt::Expr translateGuard(IntegerSetAttr guard) {
  rt::Expr result = rt::Expr::constant(1);
  if (!guard)
    return result;
  IntegerSet set = guard.getValue();
  rt::Expr zero = rt::Expr::constant(0);
  for (unsigned i = 0, e = set.getNumConstraints(); i < e; ++i) {
    rt::Expr value = translate(set.getConstraint(i));
    rt::Expr holds =
        set.isEq(i)
            ? rt::Expr::binary(rt::ExprOp::Kind::Equal, value, zero)
            : rt::Expr::binary(rt::ExprOp::Kind::LessOrEqual, zero, value);
    result =
        i == 0 ? holds : rt::Expr::binary(rt::ExprOp::Kind::And, result, holds);
  }
  return result;
}

LogicalResult plan::translateToBundle(ModuleOp module, rt::Bundle &bundle) {
  // Alternatives in their order, then what they are alternatives of.
  SmallVector<ProgramOp> alternatives, programs;
  for (auto program : module.getOps<ProgramOp>())
    (program.getAlternativeOfAttr() ? alternatives : programs)
        .push_back(program);
  if (programs.size() != 1)
    return module.emitError("expected one plan.program, got ")
           << programs.size();
  alternatives.push_back(programs.front());
  Translator::Images images;
  bundle.plans.clear();
  for (ProgramOp program : alternatives) {
    rt::GuardedPlan &guarded = bundle.plans.emplace_back();
    guarded.guard = translateGuard(program.getGuardAttr());
    if (failed(Translator(module, program, images, guarded.plan).run()))
      return failure();
  }
  return success();
}
