//===- PlanOps.cpp - Ops of the plan dialect ------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/FunctionImplementation.h"
#include "pbs/Dialect/Plan/IR/Plan.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::plan;

//===----------------------------------------------------------------------===//
// Syntax
//===----------------------------------------------------------------------===//

static ParseResult parseFunction(OpAsmParser &parser, OperationState &result,
                                 StringAttr typeName, StringAttr argAttrsName,
                                 StringAttr resAttrsName) {
  auto buildType = [](Builder &builder, ArrayRef<Type> arguments,
                      ArrayRef<Type> results,
                      function_interface_impl::VariadicFlag, std::string &) {
    return builder.getFunctionType(arguments, results);
  };
  return function_interface_impl::parseFunctionOp(
      parser, result, /*allowVariadic=*/false, typeName, buildType,
      argAttrsName, resAttrsName);
}

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseFunction(parser, result, getFunctionTypeAttrName(result.name),
                       getArgAttrsAttrName(result.name),
                       getResAttrsAttrName(result.name));
}

void KernelOp::print(OpAsmPrinter &printer) {
  function_interface_impl::printFunctionOp(
      printer, *this, /*isVariadic=*/false, getFunctionTypeAttrName(),
      getArgAttrsAttrName(), getResAttrsAttrName());
}

ParseResult ProgramOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseFunction(parser, result, getFunctionTypeAttrName(result.name),
                       getArgAttrsAttrName(result.name),
                       getResAttrsAttrName(result.name));
}

void ProgramOp::print(OpAsmPrinter &printer) {
  function_interface_impl::printFunctionOp(
      printer, *this, /*isVariadic=*/false, getFunctionTypeAttrName(),
      getArgAttrsAttrName(), getResAttrsAttrName());
}

static ParseResult parseShapes(OpAsmParser &parser, ArrayAttr &shapes) {
  SmallVector<AffineMap> maps;
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
        return parser.parseAffineMap(maps.emplace_back());
      }))
    return failure();
  shapes = parser.getBuilder().getAffineMapArrayAttr(maps);
  return success();
}

static void printShapes(OpAsmPrinter &printer, Operation *, ArrayAttr shapes) {
  printer << '[';
  llvm::interleaveComma(shapes.getAsRange<AffineMapAttr>(), printer,
                        [&](AffineMapAttr map) { printer << map.getValue(); });
  printer << ']';
}

#define GET_OP_CLASSES
#include "pbs/Dialect/Plan/IR/PlanOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Shared rules
//===----------------------------------------------------------------------===//

/// Rule: arguments and results are tensors that the runtime has buffers of.
static LogicalResult verifyTensors(FunctionOpInterface op) {
  // Largest rank of a buffer of the runtime.
  constexpr int64_t kMaxRank = 8;
  SmallVector<Type> types(op.getArgumentTypes());
  llvm::append_range(types, op.getResultTypes());
  for (Type type : types) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || tensor.getEncoding() || tensor.getRank() < 1 ||
        tensor.getRank() > kMaxRank)
      return op->emitOpError() << "expected tensors of rank 1 to " << kMaxRank
                               << " without encoding, got " << type;
    Type element = tensor.getElementType();
    if (!element.isF32() && !element.isF16() && !element.isBF16() &&
        !element.isSignlessInteger(32))
      return op->emitOpError()
             << "expected element type f32, f16, bf16 or i32, got " << type;
  }
  return success();
}

/// Rule: there are as many `got` types as `expected` ones, and they are equal.
static LogicalResult verifyTypes(Operation *op, StringRef what,
                                 TypeRange expected, TypeRange got) {
  if (expected.size() != got.size())
    return op->emitOpError() << "expected " << expected.size() << " " << what
                             << "s, got " << got.size();
  for (auto [index, expectedType, gotType] : llvm::enumerate(expected, got))
    if (expectedType != gotType)
      return op->emitOpError()
             << "expected " << what << " " << index << " of type "
             << expectedType << ", got " << gotType;
  return success();
}

/// Sets name, type and an empty body whose block has the arguments.
static void buildFunction(OpBuilder &builder, OperationState &state,
                          StringAttr nameAttrName, StringRef name,
                          StringAttr typeAttrName, FunctionType type) {
  state.addAttribute(nameAttrName, builder.getStringAttr(name));
  state.addAttribute(typeAttrName, TypeAttr::get(type));
  Block &body = state.addRegion()->emplaceBlock();
  for (Type argument : type.getInputs())
    body.addArgument(argument, state.location);
}

//===----------------------------------------------------------------------===//
// KernelOp
//===----------------------------------------------------------------------===//

void KernelOp::build(OpBuilder &builder, OperationState &state, StringRef name,
                     FunctionType type) {
  buildFunction(builder, state, getSymNameAttrName(state.name), name,
                getFunctionTypeAttrName(state.name), type);
}

pbs::KernelOpInterface KernelOp::getComputeOp() {
  for (Operation &op : getBody().front())
    if (auto compute = dyn_cast<pbs::KernelOpInterface>(op))
      return compute;
  return {};
}

unsigned KernelOp::getNumDims() {
  unsigned count = 0;
  for (TypeRange types :
       {TypeRange(getArgumentTypes()), TypeRange(getResultTypes())})
    for (Type type : types)
      count += cast<RankedTensorType>(type).getRank();
  return count;
}

RankedTensorType KernelOp::getBufferType(unsigned buffer) {
  unsigned numArguments = getNumArguments();
  return cast<RankedTensorType>(buffer < numArguments
                                    ? getArgumentTypes()[buffer]
                                    : getResultTypes()[buffer - numArguments]);
}

std::optional<unsigned> KernelOp::findResultBuffer(unsigned result,
                                                   unsigned component) {
  pbs::KernelOpInterface compute = getComputeOp();
  Value value = compute->getResult(result);
  for (auto [index, returned] :
       llvm::enumerate(getBody().front().getTerminator()->getOperands())) {
    Operation *unpack = returned.getDefiningOp();
    bool isWhole = returned == value;
    bool isPart = unpack && unpack != compute &&
                  unpack->getNumOperands() == 1 &&
                  unpack->getOperand(0) == value &&
                  cast<OpResult>(returned).getResultNumber() == component;
    if (isWhole || isPart)
      return getNumArguments() + index;
  }
  return std::nullopt;
}

AffineExpr KernelOp::getExtent(unsigned buffer, unsigned dim) {
  unsigned symbol = dim;
  for (unsigned i = 0; i < buffer; ++i)
    symbol += getBufferType(i).getRank();
  return getAffineSymbolExpr(symbol, getContext());
}

ArrayRef<Attribute> KernelOp::getScratch() {
  ArrayAttr scratch;
  if (auto cpu = dyn_cast_or_null<CPUCodeAttr>(getCodeAttr()))
    scratch = cpu.getScratch();
  if (auto cuda = dyn_cast_or_null<CUDACodeAttr>(getCodeAttr()))
    scratch = cuda.getScratch();
  return scratch ? scratch.getValue() : ArrayRef<Attribute>();
}

namespace {
/// The rules for the code of a kernel that depend on its arguments and results.
class CodeVerifier {
public:
  explicit CodeVerifier(KernelOp kernel) : kernel(kernel) {
    for (TypeRange types : {TypeRange(kernel.getArgumentTypes()),
                            TypeRange(kernel.getResultTypes())})
      for (Type type : types)
        ranks.push_back(cast<RankedTensorType>(type).getRank());
    ranks.append(kernel.getScratch().size(), 1);
  }

  LogicalResult verify() const {
    Attribute code = kernel.getCodeAttr();
    if (auto cpu = dyn_cast_or_null<CPUCodeAttr>(code)) {
      unsigned numSymbols = kernel.getNumDims();
      return failure(failed(verifySymbols(cpu.getGrid(), numSymbols)) ||
                     failed(verifyScratch(numSymbols)));
    }
    if (auto cuda = dyn_cast_or_null<CUDACodeAttr>(code)) {
      // The last symbol is the number of multiprocessors.
      unsigned numSymbols = kernel.getNumDims() + 1;
      for (CUDACodeAttr each : getAllCode(cuda)) {
        for (AffineMap size : each.getGrid())
          if (failed(verifySymbols(size, numSymbols)))
            return failure();
        for (Attribute param : each.getParams())
          if (failed(verifyParam(param, numSymbols)))
            return failure();
      }
      return verifyScratch(numSymbols);
    }
    return success();
  }

private:
  LogicalResult verifySymbols(AffineMap map, unsigned numSymbols) const {
    if (map.getNumSymbols() == numSymbols)
      return success();
    return kernel.emitOpError() << "expected sizes over " << numSymbols
                                << " symbols, got " << AffineMapAttr::get(map);
  }

  LogicalResult verifyScratch(unsigned numSymbols) const {
    for (Attribute entry : kernel.getScratch())
      if (auto scratch = dyn_cast<ScratchAttr>(entry))
        if (failed(verifySymbols(scratch.getBytes(), numSymbols)))
          return failure();
    return success();
  }

  LogicalResult verifyBuffer(Attribute param, int64_t buffer) const {
    if (static_cast<size_t>(buffer) < ranks.size())
      return success();
    return kernel.emitOpError()
           << "expected one of " << ranks.size() << " buffers, got " << param;
  }

  LogicalResult verifyParam(Attribute param, unsigned numSymbols) const {
    if (auto integer = dyn_cast<plan::IntegerAttr>(param))
      return verifySymbols(integer.getValue(), numSymbols);
    if (auto pointer = dyn_cast<PointerAttr>(param))
      return verifyBuffer(param, pointer.getBuffer());
    if (auto stride = dyn_cast<StrideAttr>(param)) {
      if (failed(verifyBuffer(param, stride.getBuffer())))
        return failure();
      if (stride.getDim() >= ranks[stride.getBuffer()])
        return kernel.emitOpError()
               << "expected a dimension of a buffer of rank "
               << ranks[stride.getBuffer()] << ", got " << param;
      return success();
    }
    if (auto map = dyn_cast<TensorMapAttr>(param)) {
      if (failed(verifyBuffer(param, map.getBuffer())))
        return failure();
      if (ranks[map.getBuffer()] != 4)
        return kernel.emitOpError()
               << "expected a tensor map of a buffer of rank 4, got " << param
               << " of rank " << ranks[map.getBuffer()];
    }
    return success();
  }

  mutable KernelOp kernel;
  /// Ranks of the buffers.
  SmallVector<int64_t> ranks;
};
} // namespace

LogicalResult KernelOp::verify() {
  if (failed(verifyTensors(*this)))
    return failure();
  return CodeVerifier(*this).verify();
}

LogicalResult KernelOp::verifyRegions() {
  pbs::KernelOpInterface compute;
  for (Operation &op : getBody().front().without_terminator()) {
    if (isa<pbs::PackBlockListOp, pbs::PackKVOp, pbs::PackPermutationOp,
            pbs::UnpackBlockListOp, pbs::UnpackKVOp, pbs::UnpackPermutationOp>(
            op))
      continue;
    if (isa<ub::PoisonOp>(op)) {
      // Code that is yet to be written may read anything.
      if (!getCodeAttr())
        return op.emitOpError("expected only in a kernel with code");
      continue;
    }
    auto kernelOp = dyn_cast<pbs::KernelOpInterface>(op);
    if (!kernelOp)
      return op.emitOpError("expected an op that becomes a kernel, "
                            "pbs.pack_* and pbs.unpack_*, or ub.poison");
    if (compute)
      return op.emitOpError("expected one op that becomes a kernel, got two");
    compute = kernelOp;
  }
  if (!compute)
    return emitOpError("expected one op that becomes a kernel, got none");

  for (Value result : getBody().front().getTerminator()->getOperands()) {
    Operation *def = result.getDefiningOp();
    // Buffers of the caller are not results.
    if (def && def != compute && !isa<pbs::KernelOpInterface>(def) &&
        def->getNumOperands() == 1)
      def = def->getOperand(0).getDefiningOp();
    if (def != compute)
      return emitOpError() << "expected results of '" << compute->getName()
                           << "', got another value";
  }
  return success();
}

/// Rule: a CPU function that has not been lowered takes a memref for each
/// buffer, and the work item.
static LogicalResult verifySignature(KernelOp kernel, FunctionType type) {
  SmallVector<Type> buffers(kernel.getArgumentTypes());
  llvm::append_range(buffers, kernel.getResultTypes());
  for (size_t i = 0, e = kernel.getScratch().size(); i < e; ++i)
    buffers.push_back(RankedTensorType::get(
        {ShapedType::kDynamic}, IntegerType::get(kernel.getContext(), 32)));
  if (type.getNumInputs() != buffers.size() + 1 ||
      !type.getInputs().back().isIndex() || type.getNumResults() != 0)
    return kernel.emitOpError()
           << "expected code that takes " << buffers.size()
           << " memrefs and an index and returns nothing, got " << type;
  for (auto [index, buffer, input] :
       llvm::enumerate(buffers, type.getInputs().drop_back())) {
    auto tensor = cast<RankedTensorType>(buffer);
    auto memref = dyn_cast<MemRefType>(input);
    if (!memref || memref.getElementType() != tensor.getElementType() ||
        memref.getRank() != tensor.getRank())
      return kernel.emitOpError()
             << "expected code whose argument " << index
             << " is a memref of rank " << tensor.getRank() << " of "
             << tensor.getElementType() << ", got " << input;
  }
  return success();
}

/// The function that `symbol` names; null where code is compiled already.
static FailureOr<FunctionOpInterface>
lookupCode(KernelOp kernel, SymbolRefAttr symbol,
           SymbolTableCollection &tables) {
  Operation *target = tables.lookupNearestSymbolFrom(kernel, symbol);
  if (!target) {
    // Compiled code, a gpu.binary for example, has no symbols inside.
    Operation *root = tables.lookupNearestSymbolFrom(
        kernel, FlatSymbolRefAttr::get(symbol.getRootReference()));
    if (root && !root->hasTrait<OpTrait::SymbolTable>())
      return FunctionOpInterface();
    return kernel.emitOpError()
           << "expected code named " << symbol << ", got none";
  }
  auto function = dyn_cast<FunctionOpInterface>(target);
  if (!function)
    return kernel.emitOpError()
           << "expected " << symbol << " to be a function, got '"
           << target->getName() << "'";
  return function;
}

LogicalResult KernelOp::verifySymbolUses(SymbolTableCollection &tables) {
  Attribute code = getCodeAttr();
  if (!code)
    return success();
  if (auto cuda = dyn_cast<CUDACodeAttr>(code)) {
    for (CUDACodeAttr each : getAllCode(cuda))
      if (failed(lookupCode(*this, each.getSymbol(), tables)))
        return failure();
    return success();
  }
  FailureOr<FunctionOpInterface> function =
      lookupCode(*this, cast<CPUCodeAttr>(code).getSymbol(), tables);
  if (failed(function))
    return failure();
  auto type = *function ? dyn_cast<FunctionType>(function->getFunctionType())
                        : FunctionType();
  return type ? verifySignature(*this, type) : success();
}

//===----------------------------------------------------------------------===//
// LaunchOp
//===----------------------------------------------------------------------===//

LogicalResult LaunchOp::verify() {
  auto program = cast<ProgramOp>((*this)->getParentOp());
  unsigned numSymbols = program.getShapeSymbols().size();
  if (getShapes().size() != getNumResults())
    return emitOpError() << "expected " << getNumResults() << " shapes, got "
                         << getShapes().size();
  for (auto [index, type] : llvm::enumerate(getResultTypes())) {
    AffineMap shape = getShape(index);
    auto tensor = cast<RankedTensorType>(type);
    if (shape.getNumDims() != 0 || shape.getNumSymbols() != numSymbols)
      return emitOpError() << "expected shape " << index << " over "
                           << numSymbols << " symbols, got "
                           << getShapes()[index];
    if (shape.getNumResults() != tensor.getRank())
      return emitOpError() << "expected shape " << index << " of rank "
                           << tensor.getRank() << ", got "
                           << getShapes()[index];
    for (auto [dim, size, expr] :
         llvm::enumerate(tensor.getShape(), shape.getResults())) {
      auto constant = dyn_cast<AffineConstantExpr>(expr);
      if (ShapedType::isDynamic(size))
        continue;
      if (!constant || constant.getValue() != size)
        return emitOpError()
               << "expected dimension " << dim << " of shape " << index
               << " to be " << size << ", got " << getShapes()[index];
    }
  }
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto kernel =
      tables.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError() << "expected a plan.kernel named " << getKernelAttr()
                         << ", got none";
  return failure(failed(verifyTypes(*this, "operand", kernel.getArgumentTypes(),
                                    getInputs().getTypes())) ||
                 failed(verifyTypes(*this, "result", kernel.getResultTypes(),
                                    getResultTypes())));
}

//===----------------------------------------------------------------------===//
// ProgramOp
//===----------------------------------------------------------------------===//

void ProgramOp::build(OpBuilder &builder, OperationState &state, StringRef name,
                      FunctionType type, ArrayRef<StringRef> argNames,
                      ArrayRef<StringRef> resultNames) {
  buildFunction(builder, state, getSymNameAttrName(state.name), name,
                getFunctionTypeAttrName(state.name), type);
  auto toAttrs = [&](ArrayRef<StringRef> names) {
    SmallVector<Attribute> dictionaries;
    for (StringRef name : names)
      dictionaries.push_back(builder.getDictionaryAttr(builder.getNamedAttr(
          getNameAttrName(), builder.getStringAttr(name))));
    return builder.getArrayAttr(dictionaries);
  };
  if (!argNames.empty())
    state.addAttribute(getArgAttrsAttrName(state.name), toAttrs(argNames));
  if (!resultNames.empty())
    state.addAttribute(getResAttrsAttrName(state.name), toAttrs(resultNames));
}

StringRef ProgramOp::getArgumentName(unsigned index) {
  return getArgAttrOfType<StringAttr>(index, getNameAttrName()).getValue();
}

StringRef ProgramOp::getResultName(unsigned index) {
  return getResultAttrOfType<StringAttr>(index, getNameAttrName()).getValue();
}

SmallVector<ProgramOp::ShapeSymbol> ProgramOp::getShapeSymbols() {
  SmallVector<ShapeSymbol> symbols;
  for (auto [argument, type] : llvm::enumerate(getArgumentTypes()))
    for (auto [dim, size] :
         llvm::enumerate(cast<RankedTensorType>(type).getShape()))
      if (ShapedType::isDynamic(size))
        symbols.push_back(
            {static_cast<unsigned>(argument), static_cast<unsigned>(dim)});
  return symbols;
}

LogicalResult ProgramOp::verify() {
  if (failed(verifyTensors(*this)))
    return failure();

  llvm::StringSet<> names;
  auto verifyName = [&](const Twine &what, Attribute attr) -> LogicalResult {
    auto name = dyn_cast_or_null<StringAttr>(attr);
    if (!name || name.getValue().empty())
      return emitOpError() << "expected " << what << " to have a name '"
                           << getNameAttrName() << "', got "
                           << (attr ? "an empty or other value" : "none");
    if (!names.insert(name.getValue()).second)
      return emitOpError() << "expected different names, got '"
                           << name.getValue() << "' twice";
    return success();
  };
  for (unsigned i = 0, e = getNumArguments(); i < e; ++i)
    if (failed(verifyName("argument " + Twine(i),
                          getArgAttr(i, getNameAttrName()))))
      return failure();
  for (unsigned i = 0, e = getResultTypes().size(); i < e; ++i)
    if (failed(verifyName("result " + Twine(i),
                          getResultAttr(i, getNameAttrName()))))
      return failure();

  unsigned numSymbols = getShapeSymbols().size();
  if (ArrayAttr constraints = getConstraintsAttr())
    for (auto constraint : constraints.getAsRange<ConstraintAttr>())
      if (constraint.getSides().getNumSymbols() != numSymbols)
        return emitOpError() << "expected constraints over " << numSymbols
                             << " symbols, got " << constraint;
  IntegerSetAttr guard = getGuardAttr();
  if (static_cast<bool>(guard) != static_cast<bool>(getAlternativeOfAttr()))
    return emitOpError("expected 'alternative_of' and 'guard' together, got "
                       "one of them");
  if (guard && (guard.getValue().getNumDims() != 0 ||
                guard.getValue().getNumSymbols() != numSymbols))
    return emitOpError() << "expected a guard over " << numSymbols
                         << " symbols, got " << guard;
  return success();
}

LogicalResult ProgramOp::verifySymbolUses(SymbolTableCollection &tables) {
  FlatSymbolRefAttr name = getAlternativeOfAttr();
  if (!name)
    return success();
  auto other = tables.lookupNearestSymbolFrom<ProgramOp>(*this, name);
  if (!other)
    return emitOpError() << "expected a plan.program named " << name
                         << ", got none";
  if (other.getAlternativeOfAttr())
    return emitOpError() << "expected " << name
                         << " not to be an alternative itself";
  if (failed(verifyTypes(*this, "argument", other.getArgumentTypes(),
                         getArgumentTypes())) ||
      failed(verifyTypes(*this, "result", other.getResultTypes(),
                         getResultTypes())))
    return failure();
  auto verifyName = [&](StringRef what, unsigned index, StringRef expected,
                        StringRef got) -> LogicalResult {
    if (expected == got)
      return success();
    return emitOpError() << "expected " << what << " " << index
                         << " to be called '" << expected << "', got '" << got
                         << "'";
  };
  for (unsigned i = 0, e = getNumArguments(); i < e; ++i)
    if (failed(verifyName("argument", i, other.getArgumentName(i),
                          getArgumentName(i))))
      return failure();
  for (unsigned i = 0, e = getResultTypes().size(); i < e; ++i)
    if (failed(
            verifyName("result", i, other.getResultName(i), getResultName(i))))
      return failure();
  return success();
}

LogicalResult ProgramOp::verifyRegions() {
  Block &body = getBody().front();
  for (Operation &op : body.without_terminator())
    if (!isa<LaunchOp>(op))
      return op.emitOpError("expected plan.launch inside plan.program");

  SmallPtrSet<Value, 4> returned;
  for (auto [index, result] :
       llvm::enumerate(body.getTerminator()->getOperands())) {
    if (!result.getDefiningOp())
      return emitOpError() << "expected result " << index
                           << " to be computed by a launch, got an argument";
    if (!returned.insert(result).second)
      return emitOpError() << "expected each value to be returned once, got "
                           << "result " << index << " again";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// ReturnOp
//===----------------------------------------------------------------------===//

LogicalResult ReturnOp::verify() {
  auto function = cast<FunctionOpInterface>((*this)->getParentOp());
  return verifyTypes(*this, "operand", function.getResultTypes(),
                     getOperandTypes());
}
