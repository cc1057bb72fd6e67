//===- TileTypes.cpp - Types of the tile dialect --------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectImplementation.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::tile;

static ParseResult parseShapeAndElementType(AsmParser &parser,
                                            SmallVector<int64_t> &shape,
                                            Type &elementType) {
  return failure(parser.parseDimensionList(shape) ||
                 parser.parseType(elementType));
}

static void printShapeAndElementType(AsmPrinter &printer,
                                     ArrayRef<int64_t> shape,
                                     Type elementType) {
  printer.printDimensionList(shape);
  printer << 'x' << elementType;
}

static ParseResult parseSizeAndElementType(AsmParser &parser, int64_t &size,
                                           Type &elementType) {
  SmallVector<int64_t> shape;
  SMLoc at = parser.getCurrentLocation();
  if (parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(elementType))
    return failure();
  if (shape.size() != 1)
    return parser.emitError(at)
           << "expected one dimension, got " << shape.size();
  size = shape.front();
  return success();
}

static void printSizeAndElementType(AsmPrinter &printer, int64_t size,
                                    Type elementType) {
  printer << size << 'x' << elementType;
}

#define GET_TYPEDEF_CLASSES
#include "pbs/Dialect/Tile/IR/TileTypes.cpp.inc"

void TileDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "pbs/Dialect/Tile/IR/TileTypes.cpp.inc"
      >();
}

LogicalResult GlobalType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<int64_t> shape, Type elementType) {
  if (shape.empty() || shape.size() > 5)
    return emitError() << "expected 1 to 5 dimensions, got " << shape.size();
  if (!elementType.isF32() && !elementType.isF16() && !elementType.isBF16() &&
      !elementType.isInteger(32))
    return emitError() << "expected elements of f32, f16, bf16 or i32, got "
                       << elementType;
  return success();
}

LogicalResult BufferType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<int64_t> shape, Type elementType,
                                 int64_t swizzle) {
  if (shape.size() != 2 || ShapedType::isDynamicShape(shape))
    return emitError() << "expected two static dimensions";
  if (!elementType.isF16() && !elementType.isBF16() && !elementType.isF32())
    return emitError() << "expected elements of f32, f16 or bf16, got "
                       << elementType;
  if (swizzle != 32 && swizzle != 64 && swizzle != 128)
    return emitError() << "expected a swizzle of 32, 64 or 128 bytes, got "
                       << swizzle;
  int64_t rowBytes = shape[1] * elementType.getIntOrFloatBitWidth() / 8;
  if (rowBytes % swizzle != 0)
    return emitError() << "expected rows of a multiple of " << swizzle
                       << " bytes, got " << rowBytes;
  // The swizzle repeats every eight rows; a box has at most 256 of them (CUDA
  // Driver API, cuTensorMapEncodeTiled).
  if (shape[0] % 8 != 0 || shape[0] > 256)
    return emitError() << "expected a multiple of 8 rows, at most 256, got "
                       << shape[0];
  return success();
}

int64_t BufferType::getSizeInBytes() const {
  return getShape()[0] * getShape()[1] *
         getElementType().getIntOrFloatBitWidth() / 8;
}

LogicalResult ArrayType::verify(function_ref<InFlightDiagnostic()> emitError,
                                int64_t size, Type elementType) {
  if (size < 1)
    return emitError() << "expected at least one element, got " << size;
  if (!elementType.isInteger(32) && !elementType.isF32())
    return emitError() << "expected elements of i32 or f32, got "
                       << elementType;
  return success();
}

LogicalResult RingType::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t stages, ArrayRef<Type> types) {
  if (stages < 1 || !llvm::isPowerOf2_64(stages))
    return emitError() << "expected a power of two of stages, got " << stages;
  if (types.empty())
    return emitError() << "expected a tile, scalars or a row, got nothing";
  for (auto [index, type] : llvm::enumerate(types)) {
    if (isa<BufferType>(type) && index != 0)
      return emitError() << "expected at most one tile, as the first value";
    if (auto row = dyn_cast<RankedTensorType>(type)) {
      if (index + 1 != types.size())
        return emitError() << "expected at most one row, as the last value";
      if (!isa_and_present<ColAttr>(row.getEncoding()) ||
          !isOfRow(row.getElementType()))
        return emitError() << "expected a row of elements of 16 or 32 bit in "
                              "the layout #tile.col, got "
                           << type;
      continue;
    }
    if (!isa<BufferType>(type) && !type.isInteger(32) && !type.isF32())
      return emitError() << "expected a tile, i32, f32 or a row, got " << type;
  }
  return success();
}

BufferType RingType::getBuffer() const {
  return dyn_cast<BufferType>(getTypes().front());
}

ArrayRef<Type> RingType::getScalars() const {
  return getTypes().drop_front(getBuffer() ? 1 : 0).drop_back(getRow() ? 1 : 0);
}

RankedTensorType RingType::getRow() const {
  return dyn_cast<RankedTensorType>(getTypes().back());
}
