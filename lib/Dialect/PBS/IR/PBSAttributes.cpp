//===- PBSAttributes.cpp - Policies of the pbs dialect --------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectImplementation.h"
#include "pbs/Dialect/PBS/IR/PBS.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::pbs;

static ParseResult parseThreshold(AsmParser &parser,
                                  FailureOr<APFloat> &threshold) {
  double value;
  if (parser.parseFloat(value))
    return failure();
  threshold = APFloat(value);
  return success();
}

/// Prints the shortest decimal that parses to the same value.
static void printThreshold(AsmPrinter &printer, const APFloat &threshold) {
  printer.printFloat(threshold);
}

#include "pbs/Dialect/PBS/IR/PBSAttrInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "pbs/Dialect/PBS/IR/PBSAttributes.cpp.inc"

void PBSDialect::registerPolicies() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "pbs/Dialect/PBS/IR/PBSAttributes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Stop rules
//===----------------------------------------------------------------------===//

static LogicalResult
verifyThreshold(function_ref<InFlightDiagnostic()> emitError,
                APFloat threshold) {
  if (threshold.isNaN() || threshold.isNegative() || threshold.isZero())
    return emitError() << "expected a positive threshold, got "
                       << threshold.convertToDouble();
  return success();
}

LogicalResult TopPAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               APFloat threshold) {
  return verifyThreshold(emitError, threshold);
}

bool TopPAttr::isRowLocal() const { return true; }

LogicalResult
ReferenceTopPAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                          APFloat threshold) {
  return verifyThreshold(emitError, threshold);
}

bool ReferenceTopPAttr::isRowLocal() const { return true; }

LogicalResult TopKAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t count) {
  if (count < 0)
    return emitError() << "expected a count of at least 0, got " << count;
  return success();
}

bool TopKAttr::isRowLocal() const { return true; }

//===----------------------------------------------------------------------===//
// Pools
//===----------------------------------------------------------------------===//

bool MeanPoolAttr::isOrderInvariant() const { return true; }

//===----------------------------------------------------------------------===//
// Proxies
//===----------------------------------------------------------------------===//

static LogicalResult
verifyRowCount(function_ref<InFlightDiagnostic()> emitError, int64_t count) {
  // Proxy rows have statistics of their own; the limit keeps those small.
  constexpr int64_t kMaxProxyRows = 4096;
  if (count < 1 || count > kMaxProxyRows)
    return emitError() << "expected 1 to " << kMaxProxyRows
                       << " proxy rows, got " << count;
  return success();
}

LogicalResult LastRowsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   int64_t count) {
  return verifyRowCount(emitError, count);
}

int64_t LastRowsAttr::getMaxRows() const { return getCount(); }

LogicalResult
StridedRowsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                        int64_t count) {
  return verifyRowCount(emitError, count);
}

int64_t StridedRowsAttr::getMaxRows() const { return getCount(); }

LogicalResult
RandomRowsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                       int64_t count, int64_t seed) {
  return verifyRowCount(emitError, count);
}

int64_t RandomRowsAttr::getMaxRows() const { return getCount(); }

//===----------------------------------------------------------------------===//
// Sharing
//===----------------------------------------------------------------------===//

int64_t ShareMeanAttr::getPermutationHeads(int64_t, int64_t kvHeads) const {
  return kvHeads;
}
int64_t ShareMeanAttr::getProxyHeads(int64_t queryHeads, int64_t) const {
  return queryHeads;
}
AffineExpr ShareMeanAttr::getPermutationHeadsExpr(AffineExpr,
                                                  AffineExpr kvHeads) const {
  return kvHeads;
}
AffineExpr ShareMeanAttr::getProxyHeadsExpr(AffineExpr queryHeads,
                                            AffineExpr) const {
  return queryHeads;
}

int64_t AverageQueryAttr::getPermutationHeads(int64_t, int64_t kvHeads) const {
  return kvHeads;
}
int64_t AverageQueryAttr::getProxyHeads(int64_t, int64_t kvHeads) const {
  return kvHeads;
}
AffineExpr AverageQueryAttr::getPermutationHeadsExpr(AffineExpr,
                                                     AffineExpr kvHeads) const {
  return kvHeads;
}
AffineExpr AverageQueryAttr::getProxyHeadsExpr(AffineExpr,
                                               AffineExpr kvHeads) const {
  return kvHeads;
}

int64_t PerQueryHeadAttr::getPermutationHeads(int64_t queryHeads,
                                              int64_t) const {
  return queryHeads;
}
int64_t PerQueryHeadAttr::getProxyHeads(int64_t queryHeads, int64_t) const {
  return queryHeads;
}
AffineExpr PerQueryHeadAttr::getPermutationHeadsExpr(AffineExpr queryHeads,
                                                     AffineExpr) const {
  return queryHeads;
}
AffineExpr PerQueryHeadAttr::getProxyHeadsExpr(AffineExpr queryHeads,
                                               AffineExpr) const {
  return queryHeads;
}

//===----------------------------------------------------------------------===//
// Forced sets
//===----------------------------------------------------------------------===//

bool OwnAndSinkAttr::coversOwnSegments() const { return true; }
bool WholeOwnAndSinkAttr::coversOwnSegments() const { return true; }
