//===- PlanAttributes.cpp - Attributes of the plan dialect ----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Syntax of the attributes, and the rules that need nothing but the attribute;
// rules about a kernel's buffers and symbols are in PlanOps.cpp.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectImplementation.h"
#include "pbs/Dialect/Plan/IR/Plan.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::plan;

#include "pbs/Dialect/Plan/IR/PlanEnums.cpp.inc"

//===----------------------------------------------------------------------===//
// Syntax
//===----------------------------------------------------------------------===//

static ParseResult parseZeroedFlag(AsmParser &parser, bool &zeroed) {
  zeroed = true;
  return parser.parseKeyword("zeroed");
}

static void printZeroedFlag(AsmPrinter &printer, bool) { printer << "zeroed"; }

/// The keyword before it says it all.
static ParseResult parsePresent(AsmParser &, bool &present) {
  present = true;
  return success();
}

static void printPresent(AsmPrinter &, bool) {}

static ParseResult parseMapList(AsmParser &parser,
                                SmallVector<AffineMap> &maps) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
    return parser.parseAffineMap(maps.emplace_back());
  });
}

static void printMapList(AsmPrinter &printer, ArrayRef<AffineMap> maps) {
  printer << '[';
  llvm::interleaveComma(maps, printer.getStream());
  printer << ']';
}

static ParseResult parseSizeList(AsmParser &parser,
                                 SmallVector<int64_t> &sizes) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
    return parser.parseInteger(sizes.emplace_back());
  });
}

static void printSizeList(AsmPrinter &printer, ArrayRef<int64_t> sizes) {
  printer << '[';
  llvm::interleaveComma(sizes, printer.getStream());
  printer << ']';
}

#define GET_ATTRDEF_CLASSES
#include "pbs/Dialect/Plan/IR/PlanAttributes.cpp.inc"

void PlanDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "pbs/Dialect/Plan/IR/PlanAttributes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

using EmitError = function_ref<InFlightDiagnostic()>;

/// Rule: a size is a map from symbols to at least one value.
static LogicalResult verifySize(EmitError emitError, AffineMap map,
                                StringRef what) {
  if (map.getNumDims() != 0)
    return emitError() << "expected " << what << " over symbols, got "
                       << map.getNumDims() << " dimensions";
  if (map.getNumResults() == 0)
    return emitError() << "expected " << what
                       << " of at least one value, got none";
  return success();
}

/// Rule: code is a symbol inside a nested module.
static LogicalResult verifyCodeSymbol(EmitError emitError,
                                      SymbolRefAttr symbol) {
  if (symbol.getNestedReferences().empty())
    return emitError() << "expected a symbol inside a nested module, got "
                       << symbol;
  return success();
}

/// Rule: scratch is #plan.scratch or #plan.status, of a GPU also #plan.trace.
static LogicalResult verifyScratch(EmitError emitError, ArrayAttr scratch,
                                   bool mayTrace) {
  if (!scratch)
    return success();
  for (Attribute entry : scratch)
    if (!isa<ScratchAttr, StatusAttr>(entry) &&
        !(mayTrace && isa<TraceAttr>(entry)))
      return emitError() << "expected "
                         << (mayTrace ? "#plan.scratch, #plan.status or "
                                        "#plan.trace"
                                      : "#plan.scratch or #plan.status")
                         << ", got " << entry;
  return success();
}

static LogicalResult verifyBuffer(EmitError emitError, int64_t buffer) {
  if (buffer < 0)
    return emitError() << "expected the number of a buffer, got " << buffer;
  return success();
}

LogicalResult ConstraintAttr::verify(EmitError emitError, ConstraintKind,
                                     AffineMap sides, StringAttr expectation) {
  if (sides.getNumDims() != 0 || sides.getNumResults() != 2)
    return emitError() << "expected two values over symbols, got "
                       << AffineMapAttr::get(sides);
  if (expectation.getValue().empty())
    return emitError() << "expected an expectation, got an empty string";
  return success();
}

LogicalResult ScratchAttr::verify(EmitError emitError, AffineMap bytes, bool) {
  return verifySize(emitError, bytes, "a number of bytes");
}

LogicalResult StatusAttr::verify(EmitError emitError, ArrayAttr messages) {
  if (messages.empty())
    return emitError() << "expected at least one message, got none";
  for (Attribute message : messages)
    if (!isa<StringAttr>(message))
      return emitError() << "expected a string as message, got " << message;
  return success();
}

LogicalResult CPUCodeAttr::verify(EmitError emitError, SymbolRefAttr symbol,
                                  AffineMap grid, ArrayAttr scratch) {
  return failure(failed(verifyCodeSymbol(emitError, symbol)) ||
                 failed(verifySize(emitError, grid, "a grid")) ||
                 failed(verifyScratch(emitError, scratch, /*mayTrace=*/false)));
}

SmallVector<CUDACodeAttr> plan::getAllCode(CUDACodeAttr first) {
  SmallVector<CUDACodeAttr> all{first};
  while (Attribute then = all.back().getThen())
    all.push_back(cast<CUDACodeAttr>(then));
  return all;
}

LogicalResult CUDACodeAttr::verify(EmitError emitError, SymbolRefAttr symbol,
                                   ArrayRef<AffineMap> grid,
                                   ArrayRef<int64_t> block, int64_t shared,
                                   ArrayAttr params, ArrayAttr scratch, bool,
                                   Attribute then) {
  if (then) {
    auto code = dyn_cast<CUDACodeAttr>(then);
    if (!code || code.getScratch() ||
        code.getSymbol().getRootReference() != symbol.getRootReference())
      return emitError() << "expected 'then' to be a #plan.cuda_code of the "
                            "same module without scratch, got "
                         << then;
  }
  if (failed(verifyCodeSymbol(emitError, symbol)))
    return failure();
  if (grid.size() != 3)
    return emitError() << "expected a grid of 3 sizes, got " << grid.size();
  for (AffineMap size : grid)
    if (failed(verifySize(emitError, size, "a grid")))
      return failure();
  // CUDA C++ Programming Guide, "Technical Specifications per Compute
  // Capability".
  constexpr int64_t kMaxThreads = 1024;
  if (block.size() != 3)
    return emitError() << "expected a block of 3 sizes, got " << block.size();
  int64_t threads = 1;
  for (int64_t size : block) {
    if (size < 1 || size > kMaxThreads)
      return emitError() << "expected sizes of a block of 1 to " << kMaxThreads
                         << ", got " << size;
    threads *= size;
  }
  if (threads > kMaxThreads)
    return emitError() << "expected at most " << kMaxThreads << " threads, got "
                       << threads;
  if (shared < 0 || shared > std::numeric_limits<int32_t>::max())
    return emitError() << "expected a number of bytes of shared memory, got "
                       << shared;
  for (Attribute param : params)
    if (!isa<PointerAttr, TensorMapAttr, IntegerAttr, StrideAttr, FloatAttr>(
            param))
      return emitError() << "expected #plan.pointer, #plan.tensor_map, "
                            "#plan.integer, #plan.stride or #plan.float, got "
                         << param;
  return verifyScratch(emitError, scratch, /*mayTrace=*/true);
}

LogicalResult PointerAttr::verify(EmitError emitError, int64_t buffer,
                                  int64_t align) {
  // That of a workspace.
  constexpr int64_t kMaxAlign = 256;
  if (align < 1 || align > kMaxAlign || !llvm::isPowerOf2_64(align))
    return emitError() << "expected an alignment of a power of two of bytes, "
                          "at most "
                       << kMaxAlign << ", got " << align;
  return verifyBuffer(emitError, buffer);
}

LogicalResult TensorMapAttr::verify(EmitError emitError, int64_t buffer,
                                    ArrayRef<int64_t> box, int64_t swizzle) {
  // PTX ISA, "Tensors": boxDim of cuTensorMapEncodeTiled is at most 256.
  constexpr int64_t kMaxBox = 256;
  if (failed(verifyBuffer(emitError, buffer)))
    return failure();
  if (box.size() != 4)
    return emitError() << "expected a box of 4 sizes, got " << box.size();
  for (int64_t size : box)
    if (size < 1 || size > kMaxBox)
      return emitError() << "expected sizes of a box of 1 to " << kMaxBox
                         << ", got " << size;
  if (!llvm::is_contained({0, 32, 64, 128}, swizzle))
    return emitError() << "expected a swizzle of 0, 32, 64 or 128 bytes, got "
                       << swizzle;
  return success();
}

LogicalResult plan::IntegerAttr::verify(EmitError emitError, IntegerType type,
                                        AffineMap value) {
  if (!type.isSignlessInteger(32) && !type.isSignlessInteger(64))
    return emitError() << "expected i32 or i64, got " << type;
  return verifySize(emitError, value, "an integer");
}

LogicalResult StrideAttr::verify(EmitError emitError, int64_t buffer,
                                 int64_t dim) {
  if (dim < 0)
    return emitError() << "expected the number of a dimension, got " << dim;
  return verifyBuffer(emitError, buffer);
}

LogicalResult plan::FloatAttr::verify(EmitError emitError,
                                      mlir::FloatAttr value) {
  if (!value.getType().isF32())
    return emitError() << "expected a constant of type f32, got " << value;
  if (!value.getValue().isFinite())
    return emitError() << "expected a finite constant, got " << value;
  return success();
}
