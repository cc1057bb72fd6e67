//===- AbiBuilder.h - Parameters of a kernel and their ABI
//-------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the attributes described in AttentionKernel.h.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTONVVM_ABIBUILDER_H
#define PBS_LIB_CONVERSION_PBSTONVVM_ABIBUILDER_H

#include "KernelBuilder.h"

namespace mlir::pbs {

/// Collects kernel parameters in order; each method returns the index of the
/// parameter it appends.
class AbiBuilder {
public:
  explicit AbiBuilder(OpBuilder &builder) : builder(builder) {}

  /// A map of a 4-D tensor whose box is given innermost first.
  int tensorMap(StringRef source, ArrayRef<int64_t> box, int64_t swizzle);
  int pointer(StringRef source);
  int workspace(StringRef source, int64_t bytes);
  int scalar(ArrayAttr expr);
  int scale(double factor);

  /// A postfix expression from blank-separated tokens.
  ArrayAttr expr(StringRef text);

  /// Attaches the attributes to the kernel.
  void finish(Operation *kernel, StringRef grid, unsigned threads,
              unsigned sharedBytes);

  SmallVector<ParamKind> kinds;

private:
  int append(ParamKind kind, ArrayRef<NamedAttribute> entry);
  NamedAttribute named(StringRef name, StringRef value);

  OpBuilder &builder;
  SmallVector<Attribute> entries;
};

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTONVVM_ABIBUILDER_H
