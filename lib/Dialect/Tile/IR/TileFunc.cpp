//===- TileFunc.cpp - Functions and regions of the tile dialect -----------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Interfaces/FunctionImplementation.h"
#include "pbs/Dialect/Tile/IR/Tile.h"

using namespace mlir;
using namespace mlir::tile;

//===----------------------------------------------------------------------===//
// tile.func
//===----------------------------------------------------------------------===//

void FuncOp::build(OpBuilder &builder, OperationState &state, StringRef name,
                   FunctionType type) {
  state.addAttribute(SymbolTable::getSymbolAttrName(),
                     builder.getStringAttr(name));
  state.addAttribute(getFunctionTypeAttrName(state.name), TypeAttr::get(type));
  Block &block = state.addRegion()->emplaceBlock();
  block.addArguments(
      type.getInputs(),
      SmallVector<Location>(type.getNumInputs(), state.location));
}

ParseResult FuncOp::parse(OpAsmParser &parser, OperationState &state) {
  auto makeType = [](Builder &builder, ArrayRef<Type> arguments,
                     ArrayRef<Type> results,
                     function_interface_impl::VariadicFlag, std::string &) {
    return builder.getFunctionType(arguments, results);
  };
  return function_interface_impl::parseFunctionOp(
      parser, state, /*allowVariadic=*/false,
      getFunctionTypeAttrName(state.name), makeType,
      getArgAttrsAttrName(state.name), getResAttrsAttrName(state.name));
}

void FuncOp::print(OpAsmPrinter &printer) {
  function_interface_impl::printFunctionOp(
      printer, *this, /*isVariadic=*/false, getFunctionTypeAttrName(),
      getArgAttrsAttrName(), getResAttrsAttrName());
}

/// How an op uses a tensor in global memory.
static bool isWritten(OpOperand &use) {
  if (auto copy = dyn_cast<CopyRowsOp>(use.getOwner()))
    return use.getOperandNumber() == copy.getTargetMutable().getOperandNumber();
  return (isa<CopierOp, StoreOp, WriteOp>(use.getOwner()) &&
          use.getOperandNumber() == 1) ||
         isa<AppendItemOp, FetchItemOp>(use.getOwner());
}

/// A tensor of one dimension of i32.
static LogicalResult verifyWords(Operation *op, GlobalType type) {
  if (!type.getElementType().isInteger(32) || type.getShape().size() != 1)
    return op->emitOpError()
           << "expected a tensor of one dimension of i32, got " << type;
  return success();
}

LogicalResult AppendItemOp::verify() {
  return verifyWords(*this, getList().getType());
}

LogicalResult ReadWordOp::verify() {
  return verifyWords(*this, getSource().getType());
}

LogicalResult FuncOp::verifyRegions() {
  if (isExternal())
    return success();
  if (!getBody().hasOneBlock())
    return emitOpError() << "expected one block, got "
                         << getBody().getBlocks().size();
  if (!getResultTypes().empty())
    return emitOpError() << "expected no results, got "
                         << getResultTypes().size();
  for (BlockArgument argument : getBody().getArguments()) {
    if (!isa<GlobalType>(argument.getType()))
      return emitOpError() << "expected arguments in global memory, got "
                           << argument.getType();
    bool written = false, read = false;
    for (OpOperand &use : argument.getUses()) {
      if (isWritten(use))
        written = true;
      else if (!isa<DimOp>(use.getOwner()))
        read = true;
    }
    if (written && read)
      return emitOpError() << "expected an argument to be read or written, got "
                              "argument "
                           << argument.getArgNumber() << ", which is both";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// tile.for_each
//===----------------------------------------------------------------------===//

void ForEachOp::build(OpBuilder &builder, OperationState &state, Value batch,
                      Value head, Value block, Value together, Value listed,
                      bool ordered) {
  state.addOperands({batch, head, block, together});
  if (listed)
    state.addOperands(listed);
  if (ordered)
    state.addAttribute(getOrderedAttrName(state.name), builder.getUnitAttr());
  Region *region = state.addRegion();
  Block &body = region->emplaceBlock();
  Type i32 = builder.getI32Type();
  body.addArguments({i32, i32, i32}, SmallVector<Location>(3, state.location));
  ensureTerminator(*region, builder, state.location);
}

ParseResult ForEachOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<OpAsmParser::Argument> items;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  OpAsmParser::UnresolvedOperand together;
  Type i32 = parser.getBuilder().getI32Type();
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseArgumentList(items, OpAsmParser::Delimiter::Paren) ||
      parser.parseKeyword("in") ||
      parser.parseOperandList(operands, 3, OpAsmParser::Delimiter::Paren) ||
      parser.parseKeyword("together") || parser.parseOperand(together))
    return failure();
  if (items.size() != 3)
    return parser.emitError(loc)
           << "expected three indices, got " << items.size();
  for (OpAsmParser::Argument &item : items)
    item.type = i32;
  operands.push_back(together);
  if (parser.resolveOperands(operands, i32, state.operands))
    return failure();
  bool ordered = succeeded(parser.parseOptionalKeyword("ordered"));
  if (ordered)
    state.addAttribute(getOrderedAttrName(state.name),
                       parser.getBuilder().getUnitAttr());
  if (ordered || succeeded(parser.parseOptionalKeyword("listed"))) {
    OpAsmParser::UnresolvedOperand listed;
    Type type;
    if (parser.parseOperand(listed) || parser.parseColonType(type) ||
        parser.resolveOperand(listed, type, state.operands))
      return failure();
  }
  Region *body = state.addRegion();
  if (parser.parseRegion(*body, items) ||
      parser.parseOptionalAttrDict(state.attributes))
    return failure();
  ensureTerminator(*body, parser.getBuilder(), state.location);
  return success();
}

void ForEachOp::print(OpAsmPrinter &printer) {
  printer << " (";
  llvm::interleaveComma(getBody().getArguments(), printer);
  printer << ") in (" << getBatch() << ", " << getHead() << ", " << getBlock()
          << ") together " << getTogether() << ' ';
  if (Value listed = getListed())
    printer << (getOrdered() ? "ordered " : "listed ") << listed << " : "
            << listed.getType() << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/false);
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {getOrderedAttrName().getValue()});
}

LogicalResult ForEachOp::verifyRegions() {
  if (getOrdered() && !getListed())
    return emitOpError("expected the tensor of an order, got none");
  if (Value listed = getListed())
    if (failed(verifyWords(*this, cast<GlobalType>(listed.getType()))))
      return failure();
  if (getBody().getNumArguments() != 3)
    return emitOpError() << "expected three indices, got "
                         << getBody().getNumArguments();
  for (Type type : getBody().getArgumentTypes())
    if (!type.isInteger(32))
      return emitOpError() << "expected indices of i32, got " << type;
  return success();
}

//===----------------------------------------------------------------------===//
// tile.warp_specialize
//===----------------------------------------------------------------------===//

void WarpSpecializeOp::build(OpBuilder &builder, OperationState &state) {
  for (unsigned i = 0; i < 2; ++i) {
    Region *region = state.addRegion();
    region->emplaceBlock();
    ensureTerminator(*region, builder, state.location);
  }
}
