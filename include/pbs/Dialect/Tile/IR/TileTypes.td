//===- TileTypes.td - Types of the tile dialect -----------*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_TILE_IR_TILETYPES_TD
#define PBS_DIALECT_TILE_IR_TILETYPES_TD

include "pbs/Dialect/Tile/IR/TileAttributes.td"

class Tile_Type<string name, string typeMnemonic> : TypeDef<Tile_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Tile_GlobalType : Tile_Type<"Global", "global"> {
  let summary = "A tensor in global memory";
  let description = [{
    An argument of a kernel: a strided tensor, of which the last dimension is
    contiguous. Extents that are `?`, and all strides, are known at the launch.

    Example: `!tile.global<?x?x?x128xbf16>`
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType);
  let assemblyFormat = "`<` custom<ShapeAndElementType>($shape, $elementType) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    int64_t getRank() const { return getShape().size(); }
    bool isDynamicDim(int64_t dim) const {
      return ShapedType::isDynamic(getShape()[dim]);
    }
  }];
}

def Tile_BufferType : Tile_Type<"Buffer", "buffer"> {
  let summary = "A tile in shared memory";
  let description = [{
    A tile of two dimensions in shared memory. With `swizzle` bytes (32, 64 or
    128) it lies as the tensor memory accelerator and wgmma have it (PTX ISA,
    "Swizzling modes"): boxes of `swizzle` bytes of a row beside each other, one
    box after the other.

    Example: `!tile.buffer<128x128xbf16, swizzle = 128>`
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType,
                        "int64_t":$swizzle);
  let assemblyFormat = [{
    `<` custom<ShapeAndElementType>($shape, $elementType) `,` `swizzle` `=`
    $swizzle `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Bytes of the tile.
    int64_t getSizeInBytes() const;
  }];
}

def Tile_ArrayType : Tile_Type<"Array", "array"> {
  let summary = "An array in shared memory";
  let description = [{
    Elements of 32 bit that consumers write and read by numbers, for what one
    warp makes and another needs.

    Example: `!tile.array<4096xi32>`
  }];
  let parameters = (ins "int64_t":$size, "::mlir::Type":$elementType);
  let assemblyFormat = "`<` custom<SizeAndElementType>($size, $elementType) `>`";
  let genVerifyDecl = 1;
}

def Tile_RingType : Tile_Type<"Ring", "ring"> {
  let summary = "Slots in shared memory through which values pass";
  let description = [{
    `stages` slots, used in turn. A slot holds at most one tile, which a bulk
    copy fills, scalars of 32 bit, and at most one row of 16 or 32 bit,
    in the layout in which consumers get it. One side pushes; the other waits
    for a slot, uses it and releases it.

    Example: `!tile.ring<2, !tile.buffer<128x128xbf16, swizzle = 128>, i32>`

    Example: `!tile.ring<2, tensor<128xi32, #tile.col>>`
  }];
  let parameters = (ins "int64_t":$stages,
                        ArrayRefParameter<"::mlir::Type">:$types);
  let assemblyFormat = "`<` $stages `,` $types `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The tile of a slot, or null.
    BufferType getBuffer() const;
    /// The scalars of a slot.
    ArrayRef<Type> getScalars() const;
    /// The row of a slot, or null.
    RankedTensorType getRow() const;
  }];
}

def Tile_CopierType : Tile_Type<"Copier", "copier"> {
  let summary = "A warp that copies rows";
  let description = [{
    What requests to copy rows go to.

    Example: `!tile.copier`
  }];
}

def Tile_ListType : Tile_Type<"List", "list"> {
  let summary = "The key blocks of one work item, in the order of visits";
  let description = [{
    `bits`: those of a bit row; `range`: all of a range. Blocks that need a mask
    come first.

    Example: `!tile.list<bits>`
  }];
  let parameters = (ins "ListKind":$kind);
  let assemblyFormat = "`<` $kind `>`";
}

def Tile_CursorType : Tile_Type<"Cursor", "cursor"> {
  let summary = "A place in a list";
  let description = [{
    Three i32 at run time; a value, so that a loop over a list carries it.

    Example: `!tile.cursor`
  }];
}

def Tile_InflightType : Tile_Type<"Inflight", "inflight"> {
  let summary = "A register tile that is being computed";
  let description = [{
    The result of an asynchronous product. `tile.dot_wait` makes a tensor of it,
    and nothing else can use it, so that no arithmetic moves before the wait.

    Example: `!tile.inflight<tensor<128x128xf32, #tile.acc>>`
  }];
  let parameters = (ins "::mlir::RankedTensorType":$type);
  let assemblyFormat = "`<` $type `>`";
}

#endif // PBS_DIALECT_TILE_IR_TILETYPES_TD
