//===- TileInterfaces.td - Interfaces of ops ---------------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_TILE_IR_TILEINTERFACES_TD
#define PBS_DIALECT_TILE_IR_TILEINTERFACES_TD

include "mlir/IR/OpBase.td"

/// An op whose lowering needs shared memory of its own.
def Tile_SharedScratchOpInterface : OpInterface<"SharedScratchOpInterface"> {
  let cppNamespace = "::mlir::tile";
  let description = [{
    Shared memory that an op needs beside its operands, which
    `tile-allocate-shared` places.
  }];
  let methods = [
    InterfaceMethod<"Bytes that the op needs in a kernel of that configuration;"
                    " 0 if none.",
                    "int64_t", "getScratchBytes",
                    (ins "::mlir::tile::ConfigAttr":$config)>,
    InterfaceMethod<"Alignment of these bytes.",
                    "int64_t", "getScratchAlignment", (ins), "", "return 16;">,
    InterfaceMethod<"Bytes of barriers and scalars, which lie apart from tiles so"
                    " that the alignment of tiles leaves no holes; 0 if none.",
                    "int64_t", "getControlBytes", (ins), "", "return 0;">,
    InterfaceMethod<"Whether something else reads or writes these bytes after "
                    "the op, so that no other op may share them.",
                    "bool", "keepsScratch", (ins), "", "return false;">,
    InterfaceMethod<"Offset of the bytes, once placed.",
                    "std::optional<int64_t>", "getScratchOffset", (ins), "", [{
      auto offset = $_op->template getAttrOfType<::mlir::IntegerAttr>("offset");
      return offset ? std::optional<int64_t>(offset.getInt()) : std::nullopt;
    }]>,
    InterfaceMethod<"Offset of barriers and scalars, once placed.",
                    "std::optional<int64_t>", "getControlOffset", (ins), "", [{
      auto offset =
          $_op->template getAttrOfType<::mlir::IntegerAttr>("control_offset");
      return offset ? std::optional<int64_t>(offset.getInt()) : std::nullopt;
    }]>,
    InterfaceMethod<"Places barriers and scalars.",
                    "void", "setControlOffset", (ins "int64_t":$offset), "", [{
      $_op->setAttr("control_offset", ::mlir::IntegerAttr::get(
          ::mlir::IntegerType::get($_op->getContext(), 64), offset));
    }]>,
    InterfaceMethod<"Places the bytes.",
                    "void", "setScratchOffset", (ins "int64_t":$offset), "", [{
      $_op->setAttr("offset", ::mlir::IntegerAttr::get(
          ::mlir::IntegerType::get($_op->getContext(), 64), offset));
    }]>
  ];
}

#endif // PBS_DIALECT_TILE_IR_TILEINTERFACES_TD
