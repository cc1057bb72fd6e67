//===- TileOpBase.td - What ops of the tile dialect share -*- tablegen -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_DIALECT_TILE_IR_TILEOPBASE_TD
#define PBS_DIALECT_TILE_IR_TILEOPBASE_TD

include "pbs/Dialect/Tile/IR/TileInterfaces.td"
include "pbs/Dialect/Tile/IR/TileTypes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, traits>;

/// Barriers, rings and products in flight: nothing that has an effect on it
/// changes places, is merged or vanishes.
def Tile_Sync : Resource<"::mlir::tile::SyncResource">;

/// Reads what the kernel does not write (see the dialect).
class Tile_ReadingOp<string mnemonic, list<Trait> traits = []>
    : Tile_Op<mnemonic, traits # [NoMemoryEffect]>;

/// Synchronises threads.
class Tile_SyncOp<string mnemonic, list<Trait> traits = []>
    : Tile_Op<mnemonic, traits # [MemoryEffects<[MemRead<Tile_Sync>,
                                                 MemWrite<Tile_Sync>]>]>;

def Tile_Register : RankedTensorOf<[F32, F16, BF16, I32, I1]>;

class Tile_ListOfKind<string kind>
    : Type<CPred<"::llvm::isa<::mlir::tile::ListType>($_self) && "
                 "::llvm::cast<::mlir::tile::ListType>($_self).getKind() == "
                 "::mlir::tile::ListKind::" # kind>,
           "list of kind " # kind, "::mlir::tile::ListType">,
      BuildableType<"::mlir::tile::ListType::get($_builder.getContext(), "
                    "::mlir::tile::ListKind::" # kind # ")">;
def Tile_BitList : Tile_ListOfKind<"Bits">;
def Tile_RangeList : Tile_ListOfKind<"Range">;

def Tile_GlobalIndices : Variadic<I32>;

#endif // PBS_DIALECT_TILE_IR_TILEOPBASE_TD
