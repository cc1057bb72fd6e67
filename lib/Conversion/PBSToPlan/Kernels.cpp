//===- Kernels.cpp - The kernels of a module ------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "Components.h"

using namespace mlir;
using namespace mlir::pbs;

plan::KernelOp Kernels::get(KernelOpInterface op, ValueRange inputs,
                            ArrayRef<ResultComponent> results,
                            plan::ProgramOp program) {
  OpBuilder builder(program);
  Location loc = op.getLoc();
  SmallVector<Type> resultTypes;
  for (ResultComponent component : results)
    resultTypes.push_back(getComponentTypes(
        op->getResultTypes()[component.result])[component.index]);
  auto kernel = plan::KernelOp::create(
      builder, loc, op.getKernelName(),
      builder.getFunctionType(inputs.getTypes(), resultTypes));

  Block &block = kernel.getBody().front();
  OpBuilder body = OpBuilder::atBlockEnd(&block);
  ArrayRef<BlockArgument> arguments = block.getArguments();
  // An op may use one value twice; each use is an argument of its own, so the
  // operands are set one by one.
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    size_t count = getComponentTypes(operand.getType()).size();
    SmallVector<Value> components(arguments.take_front(count));
    arguments = arguments.drop_front(count);
    operands.push_back(emitPack(body, loc, operand.getType(), components));
  }
  Operation *clone = op->clone();
  clone->setOperands(operands);
  body.insert(clone);

  SmallVector<SmallVector<Value>> components(clone->getNumResults());
  SmallVector<Value> returned;
  for (ResultComponent component : results) {
    SmallVector<Value> &parts = components[component.result];
    if (parts.empty())
      parts = emitUnpack(body, loc, clone->getResult(component.result));
    returned.push_back(parts[component.index]);
  }
  plan::ReturnOp::create(body, loc, returned);

  for (plan::KernelOp known : kernels) {
    if (known.getFunctionType() != kernel.getFunctionType() ||
        !OperationEquivalence::isRegionEquivalentTo(
            &known.getBody(), &kernel.getBody(),
            OperationEquivalence::IgnoreLocations))
      continue;
    kernel.erase();
    return known;
  }
  // Gives the kernel a name of its own.
  symbols.insert(kernel);
  kernels.push_back(kernel);
  return kernel;
}
