//===- SearchPath.h - Where NVIDIA's tools are looked for -------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_TARGET_SEARCHPATH_H
#define PBS_LIB_TARGET_SEARCHPATH_H

#include "pbs/Target/Ptxas.h"
#include <string>
#include <vector>

namespace pbs {

/// Value of an environment variable; "" if it is not set.
std::string environment(const char *name);

/// The parts of colon-separated text, without empty ones.
std::vector<std::string> splitPath(const std::string &text);

/// Paths that match a shell pattern, sorted.
std::vector<std::string> expand(const std::string &pattern);

/// Installed toolkits: $CUDA_HOME and $CUDA_PATH; if neither is set,
/// /usr/local/cuda.
std::vector<std::string> cudaHomes();

/// Directories of Python packages: those of the options, of
/// $PBS_SITE_PACKAGES and of $VIRTUAL_ENV.
std::vector<std::string> sitePackages(const PtxasOptions &options);

} // namespace pbs

#endif // PBS_LIB_TARGET_SEARCHPATH_H
