//===- Ptxas.h - PTX to cubin with NVIDIA's assembler -----------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ptxas runs as a process of its own, so that its crash is an error message;
// nvJitLink, which runs in this one, is for machines without it. No LLVM here.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TARGET_PTXAS_H
#define PBS_TARGET_PTXAS_H

#include <string>
#include <vector>

namespace pbs {

/// Where to look for ptxas and how to run it.
struct PtxasOptions {
  /// Path of ptxas; if set, nothing else is tried.
  std::string path;
  /// Directories that may hold Python packages with a ptxas (triton, nvidia).
  std::vector<std::string> sitePackages;
  std::string chip = "sm_90a";
  /// Seconds after which the process is killed.
  unsigned timeoutSeconds = 60;
};

/// Outcome of an assembly.
struct PtxasResult {
  /// The cubin; empty if it failed.
  std::string cubin;
  /// What ptxas printed: register use, warnings.
  std::string log;
  /// Empty, or why there is no cubin.
  std::string error;
};

/// Finds ptxas: the option, $PBS_PTXAS, $PATH, $CUDA_HOME/bin, $CUDA_PATH/bin
/// (/usr/local/cuda/bin if neither is set), then the triton and nvidia packages
/// in `options.sitePackages`, in $PBS_SITE_PACKAGES (colon-separated) and in
/// $VIRTUAL_ENV. Returns "" and fills `error` with the places tried.
std::string findPtxas(const PtxasOptions &options, std::string &error);

/// Version line of the ptxas at `path` ("" if it does not run): part of the key
/// of a compiled kernel.
std::string ptxasVersion(const std::string &path);

/// Assembles `ptx`. Thread-safe.
PtxasResult assemblePtx(const std::string &ptx, const PtxasOptions &options);

/// Finds an nvJitLink, the library that assembles PTX in this process:
/// $PBS_NVJITLINK alone if it is set, else the toolkits and packages where
/// ptxas is looked for, then the system's libraries. Returns "" and fills
/// `error` with what the last one lacked.
std::string findNvJitLink(const PtxasOptions &options, std::string &error);

/// Version of the nvJitLink at `path`, e.g. "nvJitLink 13.0".
std::string nvJitLinkVersion(const std::string &path);

/// Assembles `ptx` with nvJitLink. Thread-safe.
PtxasResult linkPtx(const std::string &ptx, const PtxasOptions &options);

} // namespace pbs

#endif // PBS_TARGET_PTXAS_H
