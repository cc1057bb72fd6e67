//===- Bundle.h - A compiled program in one file ----------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A bundle holds the plans of one program with their guards and all code. It is
// what pbs-compile writes, what the disk cache stores and what the runtime
// runs.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_RUNTIME_BUNDLE_H
#define PBS_RUNTIME_BUNDLE_H

#include "pbs/Runtime/Plan.h"

namespace pbs::runtime {

/// A compiled program. The first plan whose guard holds is taken; all plans
/// have the same symbols and arguments.
struct Bundle {
  /// Version of the compiler that wrote it.
  std::string compiler;
  /// Name of the program and the options it was compiled with, for reports.
  std::string name;
  std::string options;
  std::vector<GuardedPlan> plans;
  std::vector<CodeImage> images;

  /// Empty if the bundle is consistent, else what is wrong.
  std::string verify() const;
};

/// The bytes of a bundle file: magic, format version, size, checksum (CRC-32),
/// content.
std::string serialize(const Bundle &bundle);

/// Reads a bundle. Returns empty on success, else what is wrong with `bytes`;
/// any sequence of bytes is safe to read.
std::string parse(const void *bytes, size_t size, Bundle &bundle);

} // namespace pbs::runtime

#endif // PBS_RUNTIME_BUNDLE_H
