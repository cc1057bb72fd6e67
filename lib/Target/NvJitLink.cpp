//===- NvJitLink.cpp - PTX to cubin with NVIDIA's linker library ----------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Types and values are those of nvJitLink.h (nvJitLink documentation, "User
// API"); the functions keep their names from CUDA 12.0 on. The library ends the
// process where it does not know the chip, so that it comes after ptxas.
//
//===----------------------------------------------------------------------===//

#include "SearchPath.h"
#include "pbs/Target/Ptxas.h"
#include <dlfcn.h>

using namespace pbs;

namespace {
using Handle = void *;

/// NVJITLINK_INPUT_PTX.
constexpr int kInputPtx = 2;

/// The functions: name of the member, symbol, parameters.
#define PBS_NVJITLINK_FUNCTIONS(X)                                             \
  X(create, "nvJitLinkCreate", (Handle *, uint32_t, const char **))            \
  X(destroy, "nvJitLinkDestroy", (Handle *))                                   \
  X(addData, "nvJitLinkAddData",                                               \
    (Handle, int, const void *, size_t, const char *))                         \
  X(complete, "nvJitLinkComplete", (Handle))                                   \
  X(getCubinSize, "nvJitLinkGetLinkedCubinSize", (Handle, size_t *))           \
  X(getCubin, "nvJitLinkGetLinkedCubin", (Handle, void *))                     \
  X(getErrorLogSize, "nvJitLinkGetErrorLogSize", (Handle, size_t *))           \
  X(getErrorLog, "nvJitLinkGetErrorLog", (Handle, char *))                     \
  X(version, "nvJitLinkVersion", (unsigned *, unsigned *))

/// The table of functions of a library that stays open.
struct Library {
#define X(name, symbol, parameters) int(*name) parameters = nullptr;
  PBS_NVJITLINK_FUNCTIONS(X)
#undef X

  /// Empty, or why the library at `path` cannot be used.
  std::string open(const std::string &path) {
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library)
      return std::string("cannot load nvJitLink: ") + dlerror();
#define X(name, symbol, parameters)                                            \
  name = reinterpret_cast<int(*) parameters>(dlsym(library, symbol));          \
  if (!name)                                                                   \
    return "expected an nvJitLink with '" + std::string(symbol) + "', " +      \
           path + " has none";
    PBS_NVJITLINK_FUNCTIONS(X)
#undef X
    return "";
  }
};
} // namespace

std::string pbs::findNvJitLink(const PtxasOptions &options,
                               std::string &error) {
  std::vector<std::string> candidates;
  if (std::string path = environment("PBS_NVJITLINK"); !path.empty()) {
    candidates.push_back(path);
  } else {
    for (const std::string &home : cudaHomes())
      for (const char *dir : {"/lib64", "/lib"})
        for (const std::string &path :
             expand(home + dir + "/libnvJitLink.so.*"))
          candidates.push_back(path);
    for (const std::string &site : sitePackages(options))
      for (const std::string &path :
           expand(site + "/nvidia/*/lib/libnvJitLink.so.*"))
        candidates.push_back(path);
    candidates.insert(candidates.end(),
                      {"libnvJitLink.so.13", "libnvJitLink.so.12"});
  }
  for (const std::string &path : candidates) {
    Library library;
    error = library.open(path);
    if (error.empty())
      return path;
  }
  return "";
}

std::string pbs::nvJitLinkVersion(const std::string &path) {
  Library library;
  unsigned major = 0, minor = 0;
  if (!library.open(path).empty() || library.version(&major, &minor) != 0)
    return "";
  return "nvJitLink " + std::to_string(major) + "." + std::to_string(minor);
}

PtxasResult pbs::linkPtx(const std::string &ptx, const PtxasOptions &options) {
  PtxasResult result;
  Library library;
  std::string path = findNvJitLink(options, result.error);
  if (path.empty())
    return result;
  result.error = library.open(path);
  if (!result.error.empty())
    return result;

  std::string arch = "-arch=" + options.chip;
  const char *arguments[] = {arch.c_str(), "-O3"};
  Handle handle = nullptr;
  const char *stage = "nvJitLinkCreate";
  int code = library.create(&handle, 2, arguments);
  if (code == 0) {
    stage = "nvJitLinkAddData";
    // PTX is read with the zero at its end.
    code = library.addData(handle, kInputPtx, ptx.c_str(), ptx.size() + 1,
                           "kernels.ptx");
  }
  if (code == 0) {
    stage = "nvJitLinkComplete";
    code = library.complete(handle);
  }
  size_t size = 0;
  if (code == 0) {
    stage = "nvJitLinkGetLinkedCubinSize";
    code = library.getCubinSize(handle, &size);
  }
  if (code == 0) {
    stage = "nvJitLinkGetLinkedCubin";
    result.cubin.resize(size);
    code = library.getCubin(handle, result.cubin.data());
  }
  if (code != 0) {
    result.cubin.clear();
    result.error = std::string(stage) + " of '" + path +
                   "' failed with error " + std::to_string(code);
    if (handle && library.getErrorLogSize(handle, &size) == 0 && size > 1) {
      result.log.resize(size);
      library.getErrorLog(handle, result.log.data());
      result.error += ": " + std::string(result.log.c_str());
    }
  }
  if (handle)
    library.destroy(&handle);
  return result;
}
