//===- Config.h - The configuration that a pass needs -----------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_DIALECT_TILE_TRANSFORMS_CONFIG_H
#define PBS_LIB_DIALECT_TILE_TRANSFORMS_CONFIG_H

#include "pbs/Dialect/Tile/IR/Tile.h"

namespace mlir::tile {

/// The configuration of `func`, or an error that there is none.
inline FailureOr<ConfigAttr> requireConfig(FuncOp func) {
  if (std::optional<ConfigAttr> config = func.getConfig())
    return *config;
  return func.emitOpError() << "expected a configuration ('config'), got none";
}

} // namespace mlir::tile

#endif // PBS_LIB_DIALECT_TILE_TRANSFORMS_CONFIG_H
