//===- DiskCache.h - Compiled programs on disk ------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One file for each key. Files appear by renaming, so that nobody reads half of
// one; a lock file for each key keeps processes from compiling the same thing
// at the same time. What is read is checked and never trusted.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_JIT_DISKCACHE_H
#define PBS_LIB_JIT_DISKCACHE_H

#include <functional>
#include <string>

namespace pbs::jit {

/// Key of an entry: SHA-256, in hexadecimal, of the parts, whose lengths count.
std::string makeCacheKey(const std::string *parts, size_t count);

class DiskCache {
public:
  /// How an entry was come by.
  enum class Outcome { Hit, Miss, Damaged, Unavailable };

  /// Opens the cache. `directory` null or empty: PBS_CACHE_DIR, else the
  /// "pbs-mlir" directory of XDG_CACHE_HOME or ~/.cache. A directory that was
  /// named, there or here, has to be writable: otherwise `error` is set.
  DiskCache(const char *directory, std::string &error);

  /// Returns the entry of `key`; if there is none that `isValid` accepts, what
  /// `compile` makes, which is stored. `compile` returns empty on failure, and
  /// then nothing is stored.
  std::string get(const std::string &key,
                  const std::function<bool(const std::string &)> &isValid,
                  const std::function<std::string()> &compile,
                  Outcome &outcome);

  /// The directory, empty if there is no cache.
  const std::string &getDirectory() const { return directory; }

private:
  std::string directory;
};

} // namespace pbs::jit

#endif // PBS_LIB_JIT_DISKCACHE_H
