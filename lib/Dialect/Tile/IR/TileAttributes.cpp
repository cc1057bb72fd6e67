//===- TileAttributes.cpp - Layouts and configurations --------------------===//
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

#define GET_ATTRDEF_CLASSES
#include "pbs/Dialect/Tile/IR/TileAttributes.cpp.inc"

/// Bounds of setmaxnreg (PTX ISA).
static constexpr int64_t kMinRegisters = 24;
static constexpr int64_t kMaxRegisters = 256;

void TileDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "pbs/Dialect/Tile/IR/TileAttributes.cpp.inc"
      >();
}

LogicalResult BlockedAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t vector) {
  if (vector != 4 && vector != 8)
    return emitError() << "expected vectors of 4 or 8 elements, got " << vector;
  return success();
}

LogicalResult ConfigAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t consumers, bool specialize,
                                 int64_t stages, bool overlap, bool pingPong,
                                 Schedule schedule, int64_t producerRegisters,
                                 int64_t consumerRegisters, int64_t itemStages,
                                 bool skipScaling, bool overlapItems, bool) {
  if (consumers < 1 || consumers > kMaxConsumers)
    return emitError() << "expected 1 to " << kMaxConsumers
                       << " consumer warpgroups, got " << consumers;
  for (int64_t slots : {stages, itemStages})
    if (slots < 1 || !llvm::isPowerOf2_64(slots))
      return emitError() << "expected a power of two of stages, got " << slots;
  if (pingPong && consumers < 2)
    return emitError()
           << "expected several consumer warpgroups to take turns, got "
           << consumers;
  if (pingPong && !specialize)
    return emitError() << "expected a producer where consumers take turns";
  if (schedule == Schedule::Dynamic && !specialize)
    return emitError() << "expected a producer where items are drawn";
  if (overlapItems && schedule != Schedule::Dynamic)
    return emitError()
           << "expected a dynamic schedule where items overlap, got "
           << stringifySchedule(schedule);
  if (overlapItems && !overlap)
    return emitError() << "expected products to overlap where items do";
  for (int64_t registers : {producerRegisters, consumerRegisters})
    if (registers != 0 && (registers % 8 != 0 || registers < kMinRegisters ||
                           registers > kMaxRegisters))
      return emitError() << "expected a multiple of 8 registers from "
                         << kMinRegisters << " to " << kMaxRegisters
                         << " or 0, got " << registers;
  if ((producerRegisters == 0) != (consumerRegisters == 0))
    return emitError() << "expected registers of both sides or of none, got "
                       << producerRegisters << " and " << consumerRegisters;
  if (producerRegisters && !specialize)
    return emitError() << "expected a producer where registers are divided";
  return success();
}
