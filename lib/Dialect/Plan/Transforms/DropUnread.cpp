//===- DropUnread.cpp - Drop what no code reads ---------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An op of level 1 takes values as a whole, a list or keys with their
// positions; its code reads some of their parts. Which ones the parameters say,
// and so this can be no earlier than the code.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "pbs/Dialect/Plan/IR/Plan.h"
#include "pbs/Dialect/Plan/Transforms/Passes.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::plan {
#define GEN_PASS_DEF_DROPUNREADPASS
#include "pbs/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace mlir::plan

using namespace mlir;
using namespace mlir::plan;

static CUDACodeAttr getCUDACode(KernelOp kernel) {
  return kernel ? dyn_cast_or_null<CUDACodeAttr>(kernel.getCodeAttr())
                : CUDACodeAttr();
}

namespace {
/// The arguments of a kernel that its code does not read, and the code without
/// them.
class UnreadArguments {
public:
  UnreadArguments(KernelOp kernel, CUDACodeAttr code);

  /// One bit for each argument.
  llvm::BitVector unread;

  /// The code with other numbers for the buffers and symbols that are left.
  CUDACodeAttr getCodeWithout() const { return renumber(code); }

private:
  void read(int64_t buffer) {
    if (static_cast<size_t>(buffer) < unread.size())
      unread.reset(buffer);
  }
  void read(AffineMap size);
  void readParam(Attribute param);

  Attribute renumber(Attribute entry) const;
  CUDACodeAttr renumber(CUDACodeAttr code) const;

  MLIRContext *context;
  CUDACodeAttr code;
  /// The buffer that each symbol is a dimension of.
  SmallVector<unsigned> owners;
  /// What buffers and symbols become.
  SmallVector<int64_t> buffers;
  SmallVector<AffineExpr> symbols;
  unsigned numSymbols = 0;
};
} // namespace

UnreadArguments::UnreadArguments(KernelOp kernel, CUDACodeAttr code)
    : unread(kernel.getNumArguments(), true), context(kernel.getContext()),
      code(code) {
  unsigned numBuffers =
      kernel.getNumArguments() + kernel.getResultTypes().size();
  for (unsigned buffer = 0; buffer < numBuffers; ++buffer)
    owners.append(kernel.getBufferType(buffer).getRank(), buffer);
  for (CUDACodeAttr each : getAllCode(code)) {
    for (AffineMap size : each.getGrid())
      read(size);
    for (Attribute param : each.getParams())
      readParam(param);
  }
  for (Attribute entry : kernel.getScratch())
    if (auto scratch = dyn_cast<ScratchAttr>(entry))
      read(scratch.getBytes());

  auto isUnread = [&](size_t buffer) {
    return buffer < unread.size() && unread.test(buffer);
  };
  int64_t next = 0;
  for (size_t i = 0, e = numBuffers + kernel.getScratch().size(); i < e; ++i)
    buffers.push_back(isUnread(i) ? -1 : next++);
  for (unsigned owner : owners)
    symbols.push_back(isUnread(owner)
                          ? getAffineConstantExpr(0, context)
                          : getAffineSymbolExpr(numSymbols++, context));
  // The number of multiprocessors.
  symbols.push_back(getAffineSymbolExpr(numSymbols++, context));
}

void UnreadArguments::read(AffineMap size) {
  size.walkExprs([&](AffineExpr expr) {
    auto symbol = dyn_cast<AffineSymbolExpr>(expr);
    if (symbol && symbol.getPosition() < owners.size())
      read(owners[symbol.getPosition()]);
  });
}

void UnreadArguments::readParam(Attribute param) {
  llvm::TypeSwitch<Attribute>(param)
      .Case<PointerAttr, StrideAttr, TensorMapAttr>(
          [&](auto attr) { read(attr.getBuffer()); })
      .Case([&](plan::IntegerAttr integer) { read(integer.getValue()); });
}

Attribute UnreadArguments::renumber(Attribute entry) const {
  auto resize = [&](AffineMap size) {
    return size.replaceDimsAndSymbols({}, symbols, 0, numSymbols);
  };
  return llvm::TypeSwitch<Attribute, Attribute>(entry)
      .Case([&](PointerAttr pointer) {
        return PointerAttr::get(context, buffers[pointer.getBuffer()],
                                pointer.getAlign());
      })
      .Case([&](StrideAttr stride) {
        return StrideAttr::get(context, buffers[stride.getBuffer()],
                               stride.getDim());
      })
      .Case([&](TensorMapAttr map) {
        return TensorMapAttr::get(context, buffers[map.getBuffer()],
                                  map.getBox(), map.getSwizzle());
      })
      .Case([&](plan::IntegerAttr integer) {
        return plan::IntegerAttr::get(context, integer.getType(),
                                      resize(integer.getValue()));
      })
      .Case([&](ScratchAttr scratch) {
        return ScratchAttr::get(context, resize(scratch.getBytes()),
                                scratch.getZeroed());
      })
      .Default([](Attribute other) { return other; });
}

CUDACodeAttr UnreadArguments::renumber(CUDACodeAttr code) const {
  auto renumberAll = [&](ArrayAttr entries) {
    return ArrayAttr::get(context,
                          llvm::map_to_vector(entries, [&](Attribute entry) {
                            return renumber(entry);
                          }));
  };
  auto grid = llvm::map_to_vector(code.getGrid(), [&](AffineMap size) {
    return size.replaceDimsAndSymbols({}, symbols, 0, numSymbols);
  });
  ArrayAttr scratch = code.getScratch();
  Attribute then = code.getThen();
  return CUDACodeAttr::get(
      context, code.getSymbol(), grid, code.getBlock(), code.getShared(),
      renumberAll(code.getParams()),
      scratch ? renumberAll(scratch) : ArrayAttr(), code.getDependent(),
      then ? renumber(cast<CUDACodeAttr>(then)) : CUDACodeAttr());
}

/// Erases `unread` arguments of `kernel`; its body gets values that nothing
/// depends on instead.
static void eraseArguments(KernelOp kernel, const llvm::BitVector &unread) {
  OpBuilder body = OpBuilder::atBlockBegin(&kernel.getBody().front());
  for (unsigned index : unread.set_bits()) {
    BlockArgument argument = kernel.getArgument(index);
    if (argument.use_empty())
      continue;
    auto poison =
        ub::PoisonOp::create(body, argument.getLoc(), argument.getType());
    argument.replaceAllUsesWith(poison);
  }
  // The type of a kernel can be any function type.
  LogicalResult erased = kernel.eraseArguments(unread);
  assert(succeeded(erased) && "expected a function type");
  (void)erased;
}

/// Whether somebody learns of the launch other than by its results.
static bool reports(KernelOp kernel) {
  return llvm::any_of(kernel.getScratch(), llvm::IsaPred<StatusAttr>);
}

namespace {
struct DropUnreadPass final : plan::impl::DropUnreadPassBase<DropUnreadPass> {
  void runOnOperation() override {
    dropOperands();
    eraseLaunches();
  }

  void dropOperands() {
    ModuleOp module = getOperation();
    llvm::DenseMap<Attribute, SmallVector<LaunchOp>> launches;
    for (auto program : module.getOps<ProgramOp>())
      for (auto launch : program.getOps<LaunchOp>())
        launches[launch.getKernelAttr().getAttr()].push_back(launch);
    for (auto kernel : module.getOps<KernelOp>()) {
      CUDACodeAttr code = getCUDACode(kernel);
      if (!code)
        continue;
      UnreadArguments arguments(kernel, code);
      if (arguments.unread.none())
        continue;
      kernel.setCodeAttr(arguments.getCodeWithout());
      eraseArguments(kernel, arguments.unread);
      for (LaunchOp launch : launches.lookup(kernel.getSymNameAttr())) {
        launch->eraseOperands(arguments.unread);
        numOperands += arguments.unread.count();
      }
    }
  }

  void eraseLaunches() {
    ModuleOp module = getOperation();
    llvm::SetVector<KernelOp> candidates;
    for (auto program : module.getOps<ProgramOp>()) {
      auto launches = llvm::to_vector(program.getOps<LaunchOp>());
      // Users before what they use.
      for (LaunchOp launch : llvm::reverse(launches)) {
        auto kernel = module.lookupSymbol<KernelOp>(launch.getKernelAttr());
        if (!getCUDACode(kernel) || reports(kernel) ||
            launch.getNumResults() == 0 || !launch.use_empty())
          continue;
        launch.erase();
        ++numLaunches;
        candidates.insert(kernel);
      }
    }
    for (KernelOp kernel : candidates)
      eraseUnlaunched(kernel);
  }

  /// Erases the kernel and its code if nothing launches it any more.
  void eraseUnlaunched(KernelOp kernel) {
    ModuleOp module = getOperation();
    if (!SymbolTable::symbolKnownUseEmpty(kernel, module))
      return;
    // Compiled code, a gpu.binary for example, has no symbols inside.
    Operation *function =
        SymbolTable::lookupSymbolIn(module, getCUDACode(kernel).getSymbol());
    kernel.erase();
    ++numKernels;
    if (function && SymbolTable::symbolKnownUseEmpty(function, module))
      function->erase();
  }
};
} // namespace
