//===- AbiBuilder.cpp - Parameters of a kernel and their ABI
//-----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AbiBuilder.h"
#include "pbs/Conversion/PBSToNVVM/AttentionKernel.h"

using namespace mlir;
using namespace mlir::pbs;

NamedAttribute AbiBuilder::named(StringRef name, StringRef value) {
  return builder.getNamedAttr(name, builder.getStringAttr(value));
}

int AbiBuilder::append(ParamKind kind, ArrayRef<NamedAttribute> entry) {
  kinds.push_back(kind);
  entries.push_back(builder.getDictionaryAttr(entry));
  return int(kinds.size()) - 1;
}

int AbiBuilder::tensorMap(StringRef source, ArrayRef<int64_t> box,
                          int64_t swizzle) {
  return append(
      ParamKind::TensorMap,
      {named("kind", "tensor_map"), named("source", source),
       builder.getNamedAttr("box", builder.getDenseI64ArrayAttr(box)),
       builder.getNamedAttr("dims", builder.getDenseI64ArrayAttr({3, 2, 1, 0})),
       builder.getNamedAttr("swizzle", builder.getI64IntegerAttr(swizzle))});
}

int AbiBuilder::pointer(StringRef source) {
  return append(ParamKind::Pointer,
                {named("kind", "pointer"), named("source", source)});
}

int AbiBuilder::workspace(StringRef source, int64_t bytes) {
  return append(
      ParamKind::Pointer,
      {named("kind", "workspace"), named("source", source),
       builder.getNamedAttr("bytes", builder.getI64IntegerAttr(bytes))});
}

int AbiBuilder::scalar(ArrayAttr expr) {
  return append(ParamKind::I32,
                {named("kind", "i32"), builder.getNamedAttr("expr", expr)});
}

int AbiBuilder::scale(double factor) {
  return append(
      ParamKind::F32,
      {named("kind", "scale"),
       builder.getNamedAttr("factor", builder.getF64FloatAttr(factor))});
}

ArrayAttr AbiBuilder::expr(StringRef text) {
  SmallVector<StringRef> tokens;
  text.split(tokens, ' ', -1, /*KeepEmpty=*/false);
  SmallVector<Attribute> attrs;
  for (StringRef token : tokens) {
    int64_t number;
    if (token.getAsInteger(10, number))
      attrs.push_back(builder.getStringAttr(token));
    else
      attrs.push_back(builder.getI64IntegerAttr(number));
  }
  return builder.getArrayAttr(attrs);
}

void AbiBuilder::finish(Operation *kernel, StringRef grid, unsigned threads,
                        unsigned sharedBytes) {
  kernel->setAttr(kernelAbiAttr, builder.getArrayAttr(entries));
  kernel->setAttr(kernelGridAttr, expr(grid));
  kernel->setAttr(kernelBlockAttr, builder.getI64IntegerAttr(threads));
  kernel->setAttr(kernelSharedAttr, builder.getI64IntegerAttr(sharedBytes));
}
