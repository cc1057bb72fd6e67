//===- PBSToPlan.cpp - Level 1 to launch plans ----------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place where values of custom types become builtin tensors. A function
// is a straight line of ops, so a walk with a map from values to their
// components is all it takes.
//
//===----------------------------------------------------------------------===//

#include "Components.h"
#include "Kernels.h"
#include "ShapeRules.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "pbs/Conversion/PBSToPlan/Passes.h"

namespace mlir::pbs {
#define GEN_PASS_DEF_CONVERTPBSTOPLANPASS
#include "pbs/Conversion/PBSToPlan/Passes.h.inc"
} // namespace mlir::pbs

using namespace mlir;
using namespace mlir::pbs;

/// Attribute that names an argument or a result of a function.
static constexpr StringLiteral kNameAttr = "pbs.name";
/// Attributes of a function that is an alternative of another one.
static constexpr StringLiteral kAlternativeOfAttr = "pbs.alternative_of";
static constexpr StringLiteral kGuardAttr = "pbs.guard";

namespace {
/// A tensor of the program, and its dimensions.
struct Tensor {
  Value value;
  SymbolicShape shape;
};

/// A value of the function.
struct Parts {
  /// The logical dimensions.
  SymbolicShape shape;
  SmallVector<Tensor> components;
};

/// Converts one function.
class Converter {
public:
  Converter(func::FuncOp func, Kernels &kernels)
      : func(func), kernels(kernels), builder(func), rules(func.getContext()) {}

  /// Replaces the function by a program, or fails with an error.
  LogicalResult convert();

  unsigned getNumLaunches() const { return launches.size(); }
  unsigned getNumWorkspaceValues() const { return numWorkspaceValues; }

private:
  LogicalResult convertArguments();
  LogicalResult convertGuard();
  LogicalResult convertOp(Operation *op);
  LogicalResult convertPack(Operation *op);
  LogicalResult convertUnpack(Operation *op);
  LogicalResult convertKernel(KernelOpInterface op);
  LogicalResult convertReturn(func::ReturnOp op);

  /// The value of `type` that consists of `components`, which are required to
  /// fit together. `what` names it in messages.
  FailureOr<Parts> combine(Location loc, Type type,
                           SmallVector<Tensor> components, const Twine &what);

  /// The name in `attr`, `other` without one.
  FailureOr<std::string> getName(Attribute attr, const Twine &other);

  func::FuncOp func;
  Kernels &kernels;
  OpBuilder builder;
  ShapeRules rules;
  plan::ProgramOp program;
  DenseMap<Value, Parts> values;
  /// The launches and the shapes of their results.
  SmallVector<std::pair<plan::LaunchOp, SmallVector<SymbolicShape>>> launches;
  unsigned numWorkspaceValues = 0;
};
} // namespace

FailureOr<std::string> Converter::getName(Attribute attr, const Twine &other) {
  if (!attr)
    return other.str();
  auto name = dyn_cast<StringAttr>(attr);
  if (!name || name.getValue().empty())
    return func.emitError()
           << "expected '" << kNameAttr
           << "' to be a string that is not empty, got " << attr;
  return name.str();
}

FailureOr<Parts> Converter::combine(Location loc, Type type,
                                    SmallVector<Tensor> components,
                                    const Twine &what) {
  Parts parts{components.front().shape, std::move(components)};
  if (isa<RankedTensorType>(type))
    return parts;
  // The lengths of a list do not follow from its bits.
  if (isa<BlockListType>(type))
    for (size_t dim : {2, 3})
      parts.shape[dim] = rules.addUnknown();
  FailureOr<SymbolicShape> shape = rules.refine(loc, type, parts.shape, what);
  if (failed(shape))
    return failure();
  parts.shape = *shape;
  std::string expectation = (what + " with parts that fit together").str();
  for (auto [component, expected] :
       llvm::zip_equal(parts.components, getComponentShapes(type, *shape)))
    for (auto [got, dim] : llvm::zip_equal(component.shape, expected))
      if (failed(rules.require(
              loc, {ShapeConstraint::Kind::Equal, got, dim, expectation})))
        return failure();
  return parts;
}

//===----------------------------------------------------------------------===//
// Arguments and results
//===----------------------------------------------------------------------===//

LogicalResult Converter::convertArguments() {
  SmallVector<Type> types;
  SmallVector<std::string> names;
  for (auto [index, type] : llvm::enumerate(func.getArgumentTypes())) {
    if (!isSupportedType(type))
      return func.emitError()
             << "expected arguments that are tensors of f32, f16, bf16 or i32 "
                "or of a type of the pbs dialect, got "
             << type << " for argument " << index;
    FailureOr<std::string> name =
        getName(func.getArgAttr(index, kNameAttr), "arg" + Twine(index));
    if (failed(name))
      return failure();
    llvm::append_range(types, getComponentTypes(type));
    llvm::append_range(names, getComponentNames(type, *name));
  }
  program = plan::ProgramOp::create(builder, func.getLoc(), func.getSymName(),
                                    builder.getFunctionType(types, {}),
                                    llvm::to_vector_of<StringRef>(names),
                                    ArrayRef<StringRef>());
  builder.setInsertionPointToEnd(&program.getBody().front());

  ArrayRef<BlockArgument> left = program.getArguments();
  for (auto [index, argument] : llvm::enumerate(func.getArguments())) {
    size_t count = getComponentTypes(argument.getType()).size();
    SmallVector<Tensor> components;
    for (Value value : left.take_front(count)) {
      Tensor &component = components.emplace_back(Tensor{value, {}});
      for (int64_t size : cast<RankedTensorType>(value.getType()).getShape())
        component.shape.push_back(
            ShapedType::isDynamic(size)
                ? rules.addSymbol()
                : getAffineConstantExpr(size, func.getContext()));
    }
    left = left.drop_front(count);
    FailureOr<Parts> parts =
        combine(func.getLoc(), argument.getType(), std::move(components),
                "argument " + Twine(index));
    if (failed(parts))
      return failure();
    values[argument] = std::move(*parts);
  }
  return success();
}

LogicalResult Converter::convertGuard() {
  Attribute of = func->getAttr(kAlternativeOfAttr);
  Attribute guard = func->getAttr(kGuardAttr);
  if (!of && !guard)
    return success();
  auto name = dyn_cast_or_null<FlatSymbolRefAttr>(of);
  auto set = dyn_cast_or_null<IntegerSetAttr>(guard);
  if (!name || !set)
    return func.emitError()
           << "expected '" << kAlternativeOfAttr << "' to name a function and '"
           << kGuardAttr << "' to be a set, got " << of << " and " << guard;
  unsigned numSymbols = rules.getNumSymbols();
  if (set.getValue().getNumDims() != 0 ||
      set.getValue().getNumSymbols() != numSymbols)
    return func.emitError() << "expected '" << kGuardAttr << "' over "
                            << numSymbols << " symbols, got " << guard;
  program.setAlternativeOfAttr(name);
  program.setGuardAttr(set);
  return success();
}

LogicalResult Converter::convertReturn(func::ReturnOp op) {
  SmallVector<Value> returned;
  SmallVector<Type> types;
  SmallVector<Attribute> attrs;
  DenseMap<Value, std::string> names;
  for (auto [index, operand] : llvm::enumerate(op.getOperands())) {
    FailureOr<std::string> name =
        getName(func.getResultAttr(index, kNameAttr), "result" + Twine(index));
    if (failed(name))
      return failure();
    for (auto [component, partName] :
         llvm::zip_equal(values.at(operand).components,
                         getComponentNames(operand.getType(), *name))) {
      Value value = component.value;
      if (auto argument = dyn_cast<BlockArgument>(value))
        return op.emitError()
               << "expected '" << partName << "' to be computed, got argument '"
               << program.getArgumentName(argument.getArgNumber())
               << "', which the caller has; leave it out of the results";
      auto [known, isNew] = names.try_emplace(value, partName);
      if (!isNew)
        return op.emitError()
               << "expected each value to be returned once, got '"
               << known->second << "' again as '" << partName
               << "'; leave it out of the results";
      returned.push_back(value);
      types.push_back(value.getType());
      attrs.push_back(builder.getDictionaryAttr(
          builder.getNamedAttr(plan::ProgramOp::getNameAttrName(),
                               builder.getStringAttr(partName))));
    }
  }
  program.setFunctionType(
      builder.getFunctionType(program.getArgumentTypes(), types));
  if (!attrs.empty())
    program.setResAttrsAttr(builder.getArrayAttr(attrs));
  plan::ReturnOp::create(builder, op.getLoc(), returned);
  return success();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

LogicalResult Converter::convertPack(Operation *op) {
  SmallVector<Tensor> components;
  for (Value operand : op->getOperands())
    components.push_back(values.at(operand).components.front());
  FailureOr<Parts> parts = combine(op->getLoc(), op->getResultTypes().front(),
                                   std::move(components), "a packed value");
  if (failed(parts))
    return failure();
  values[op->getResult(0)] = std::move(*parts);
  return success();
}

LogicalResult Converter::convertUnpack(Operation *op) {
  // A copy: `values` grows below.
  SmallVector<Tensor> components = values.at(op->getOperand(0)).components;
  for (auto [result, component] :
       llvm::zip_equal(op->getResults(), components)) {
    FailureOr<SymbolicShape> shape = rules.refine(
        op->getLoc(), result.getType(), component.shape, "an unpacked value");
    if (failed(shape))
      return failure();
    values[result] = {*shape, {{component.value, *shape}}};
  }
  return success();
}

LogicalResult Converter::convertKernel(KernelOpInterface op) {
  SmallVector<SymbolicShape> operandShapes;
  SmallVector<Value> inputs;
  for (Value operand : op->getOperands()) {
    const Parts &parts = values.at(operand);
    operandShapes.push_back(parts.shape);
    for (const Tensor &component : parts.components)
      inputs.push_back(component.value);
  }
  SmallVector<ShapeConstraint> constraints;
  op.getShapeConstraints(operandShapes, constraints);
  for (const ShapeConstraint &constraint : constraints)
    if (failed(rules.require(op.getLoc(), constraint)))
      return failure();

  // What the kernel computes: results that are used, but for what it only
  // passes through.
  SmallVector<SymbolicShape> resultShapes, computedShapes;
  op.inferSymbolicShapes(operandShapes, resultShapes);
  SmallVector<ResultComponent> computed;
  SmallVector<Type> computedTypes;
  for (auto [index, result, inferred] :
       llvm::enumerate(op->getResults(), resultShapes)) {
    if (result.use_empty())
      continue;
    Type type = result.getType();
    FailureOr<SymbolicShape> shape =
        rules.refine(op.getLoc(), type, inferred,
                     "result " + Twine(index) + " of '" +
                         op->getName().getStringRef() + "'");
    if (failed(shape))
      return failure();
    Parts parts{*shape, {}};
    for (auto [component, componentType, componentShape] : llvm::enumerate(
             getComponentTypes(type), getComponentShapes(type, *shape))) {
      if (std::optional<unsigned> operand =
              op.getPassedOperand(index, component)) {
        parts.components.push_back(
            values.at(op->getOperand(*operand)).components.front());
        continue;
      }
      parts.components.push_back({Value(), componentShape});
      computed.push_back(
          {static_cast<unsigned>(index), static_cast<unsigned>(component)});
      computedTypes.push_back(componentType);
      computedShapes.push_back(componentShape);
    }
    values[result] = std::move(parts);
  }
  if (computed.empty())
    return success();

  plan::KernelOp kernel = kernels.get(op, inputs, computed, program);
  auto launch = plan::LaunchOp::create(builder, op.getLoc(), computedTypes,
                                       FlatSymbolRefAttr::get(kernel), inputs,
                                       /*shapes=*/builder.getArrayAttr({}));
  for (auto [component, output] :
       llvm::zip_equal(computed, launch.getOutputs()))
    values[op->getResult(component.result)].components[component.index].value =
        output;
  launches.emplace_back(launch, std::move(computedShapes));
  return success();
}

LogicalResult Converter::convertOp(Operation *op) {
  // Numbers that say what is read and written; a caller may give anything.
  if (auto attention = dyn_cast<SparseAttentionOp>(op))
    if (Value order = attention.getOrder()) {
      auto rows = order.getDefiningOp<OrderRowsOp>();
      if (!rows || rows.getList() != attention.getList())
        return op->emitOpError(
            "expected an order that pbs.order_rows makes of the same list");
    }
  if (isPack(op))
    return convertPack(op);
  if (isUnpack(op))
    return convertUnpack(op);
  if (auto kernelOp = dyn_cast<KernelOpInterface>(op))
    return convertKernel(kernelOp);
  if (auto returnOp = dyn_cast<func::ReturnOp>(op))
    return convertReturn(returnOp);
  if (isa<PermutedAttentionOp>(op))
    return op->emitOpError("expected to be expanded before, run pbs-expand");
  return op->emitOpError("expected an op that becomes a kernel, got one that "
                         "a plan cannot hold");
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// Erases what nothing depends on.
static void eraseDeadOps(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

LogicalResult Converter::convert() {
  if (func.isDeclaration())
    return func.emitError("expected a function with a body, got a declaration");
  if (!llvm::hasSingleElement(func.getBody()))
    return func.emitError("expected a function of one block, got control flow");
  eraseDeadOps(func.front());
  if (failed(convertArguments()) || failed(convertGuard()))
    return failure();
  for (Operation &op : func.front())
    if (failed(convertOp(&op)))
      return failure();
  if (failed(rules.finish()))
    return failure();

  for (auto &[launch, shapes] : launches) {
    SmallVector<AffineMap> maps;
    for (SymbolicShape &shape : shapes) {
      for (AffineExpr &size : shape)
        size = rules.resolve(size);
      maps.push_back(
          AffineMap::get(0, rules.getNumSymbols(), shape, func.getContext()));
    }
    launch.setShapesAttr(builder.getAffineMapArrayAttr(maps));
  }
  if (ArrayAttr constraints = rules.getConstraints(); !constraints.empty())
    program.setConstraintsAttr(constraints);

  auto results = program.getBody().front().getTerminator()->getOperands();
  for (Operation &op : program.getBody().front().without_terminator())
    numWorkspaceValues += op.getNumResults();
  numWorkspaceValues -= results.size();
  kernels.replace(func, program);
  func.erase();
  return success();
}

namespace {
struct ConvertPBSToPlanPass final
    : pbs::impl::ConvertPBSToPlanPassBase<ConvertPBSToPlanPass> {
  void runOnOperation() override {
    Kernels kernels(getOperation());
    for (func::FuncOp func :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      Converter converter(func, kernels);
      if (failed(converter.convert()))
        return signalPassFailure();
      ++numPrograms;
      numLaunches += converter.getNumLaunches();
      numWorkspaceValues += converter.getNumWorkspaceValues();
    }
    numKernels += kernels.size();
  }
};
} // namespace
