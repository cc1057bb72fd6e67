//===- OrcLoader.cpp - Loads object code of the host ----------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// JITLink links the object. Kernels may call the few functions of the list
// below and nothing else of the process.
//
//===----------------------------------------------------------------------===//

#include "OrcLoader.h"
#include "pbs/Runtime/HostCode.h"
#include "llvm/ExecutionEngine/JITLink/JITLinkMemoryManager.h"
#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/Core.h"
#include "llvm/ExecutionEngine/Orc/Mangling.h"
#include "llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"
#include "llvm/ExecutionEngine/Orc/SelfExecutorProcessControl.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/TargetParser/Host.h"
#include <cmath>
#include <cstring>

using namespace llvm;

extern "C" {
// Conversions of f16 on processors without instructions for them (libgcc). Only
// their addresses are used; _Float16 does not exist on all hosts.
void __extendhfsf2();
void __truncsfhf2();
}

/// What code may refer to: names and addresses.
static orc::SymbolMap makeAllowedSymbols(orc::MangleAndInterner &mangle) {
  orc::SymbolMap symbols;
  auto add = [&](StringRef name, auto *function) {
    symbols[mangle(name)] = {orc::ExecutorAddr::fromPtr(function),
                             JITSymbolFlags::Exported |
                                 JITSymbolFlags::Callable};
  };
  add("memcpy", &std::memcpy);
  add("memmove", &std::memmove);
  add("memset", &std::memset);
  add("logf", static_cast<float (*)(float)>(&::logf));
  add("expf", static_cast<float (*)(float)>(&::expf));
  add("exp", static_cast<double (*)(double)>(&::exp));
  add("log", static_cast<double (*)(double)>(&::log));
  add("__extendhfsf2", &__extendhfsf2);
  add("__truncsfhf2", &__truncsfhf2);
  return symbols;
}

namespace {
class OrcCode final : public pbs::runtime::HostCode {
public:
  static Expected<std::unique_ptr<OrcCode>> create(const std::string &object) {
    auto control = orc::SelfExecutorProcessControl::Create();
    if (!control)
      return control.takeError();
    Triple triple = (*control)->getTargetTriple();
    auto code = std::unique_ptr<OrcCode>(new OrcCode(std::move(*control)));
    if (Error error = code->load(object, triple))
      return std::move(error);
    return code;
  }

  ~OrcCode() override {
    if (Error error = session.endSession())
      consumeError(std::move(error));
  }

  void *lookup(const std::string &symbol) override {
    auto found = session.lookup({library}, symbol);
    if (!found) {
      consumeError(found.takeError());
      return nullptr;
    }
    return found->getAddress().toPtr<void *>();
  }

private:
  explicit OrcCode(std::unique_ptr<orc::ExecutorProcessControl> control)
      : session(std::move(control)), layer(session) {}

  Error load(const std::string &object, const Triple &triple) {
    // Errors of the linker reach the caller of `lookup`; none is printed.
    session.setErrorReporter(
        [](Error error) { consumeError(std::move(error)); });
    auto file = object::ObjectFile::createObjectFile(
        MemoryBufferRef(object, "kernels"));
    if (!file)
      return file.takeError();
    if ((*file)->getArch() != triple.getArch())
      return createStringError(
          "expected code for %s, got code for %s",
          Triple::getArchTypeName(triple.getArch()).data(),
          Triple::getArchTypeName((*file)->getArch()).data());
    auto made = session.createJITDylib("kernels");
    if (!made)
      return made.takeError();
    library = &*made;
    DataLayout layout(triple.computeDataLayout());
    orc::MangleAndInterner mangle(session, layout);
    if (Error error =
            library->define(orc::absoluteSymbols(makeAllowedSymbols(mangle))))
      return error;
    return layer.add(*library,
                     MemoryBuffer::getMemBufferCopy(object, "kernels"));
  }

  orc::ExecutionSession session;
  orc::ObjectLinkingLayer layer;
  orc::JITDylib *library = nullptr;
};
} // namespace

/// The first of the comma-separated features that this CPU lacks, else empty.
static StringRef findMissingFeature(StringRef features) {
  StringMap<bool> host = sys::getHostCPUFeatures();
  SmallVector<StringRef> names;
  features.split(names, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef name : names)
    if (!host.lookup(name))
      return name;
  return "";
}

static std::unique_ptr<pbs::runtime::HostCode>
loadObject(const pbs::runtime::CodeImage &image, std::string &error) {
  if (StringRef missing = findMissingFeature(image.features);
      !missing.empty()) {
    error = ("expected a CPU with the feature '" + missing + "', got " +
             sys::getHostCPUName())
                .str();
    return nullptr;
  }
  auto code = OrcCode::create(image.bytes);
  if (!code) {
    error = toString(code.takeError());
    return nullptr;
  }
  return std::move(*code);
}

void pbs::jit::registerOrcLoader() { runtime::setHostCodeLoader(&loadObject); }
