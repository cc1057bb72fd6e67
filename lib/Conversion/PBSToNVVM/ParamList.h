//===- ParamList.h - Collects the parameters of a kernel --------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTONVVM_PARAMLIST_H
#define PBS_LIB_CONVERSION_PBSTONVVM_PARAMLIST_H

#include "pbs/Conversion/KernelBuilder/KernelBuilder.h"
#include "pbs/Conversion/PBSToNVVM/KernelInfo.h"

namespace mlir::pbs {

/// Parameters in order; each method returns the index of the one it appends.
class ParamList {
public:
  template <typename Role>
  int pointer(Role role) {
    params.push_back({KernelParam::Kind::Pointer, unsigned(role), 0});
    return append(ParamKind::Pointer);
  }
  template <typename Role>
  int extent(Role role, unsigned dim) {
    params.push_back({KernelParam::Kind::Extent, unsigned(role), dim});
    return append(ParamKind::I32);
  }
  /// Strides of the first `count` dimensions; returns the first's index.
  template <typename Role>
  int strides(Role role, unsigned count) {
    for (unsigned dim = 0; dim < count; ++dim) {
      params.push_back({KernelParam::Kind::Stride, unsigned(role), dim});
      append(ParamKind::I64);
    }
    return int(kinds.size() - count);
  }
  SmallVector<KernelParam> params;
  SmallVector<ParamKind> kinds;

private:
  int append(ParamKind kind) {
    kinds.push_back(kind);
    return int(kinds.size()) - 1;
  }
};

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTONVVM_PARAMLIST_H
