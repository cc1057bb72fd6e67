//===- DiskCache.cpp - Compiled programs on disk --------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DiskCache.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <sys/file.h>
#include <thread>
#include <unistd.h>

using namespace pbs::jit;

/// A process that compiles for longer is not waited for: the entry is then
/// compiled twice, which costs time and nothing else.
static constexpr std::chrono::seconds kLockWait(60);
static constexpr std::chrono::milliseconds kLockPoll(5);

std::string pbs::jit::makeCacheKey(const std::string *parts, size_t count) {
  llvm::SHA256 hash;
  for (size_t i = 0; i < count; ++i) {
    hash.update(std::to_string(parts[i].size()) + ":");
    hash.update(parts[i]);
  }
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}

/// The directory to use if none is named.
static std::string getDefaultDirectory() {
  llvm::SmallString<128> path;
  if (const char *base = std::getenv("XDG_CACHE_HOME"); base && *base)
    path = base;
  else if (const char *home = std::getenv("HOME"); home && *home)
    llvm::sys::path::append(path, home, ".cache");
  else
    return "";
  llvm::sys::path::append(path, "pbs-mlir");
  return path.str().str();
}

/// Makes `path` if need be; the error if files cannot be made in it.
static std::error_code prepareDirectory(const std::string &path) {
  if (std::error_code error = llvm::sys::fs::create_directories(path))
    return error;
  if (access(path.c_str(), R_OK | W_OK | X_OK) != 0)
    return std::error_code(errno, std::generic_category());
  return {};
}

DiskCache::DiskCache(const char *named, std::string &error) {
  if (!named || !*named)
    named = std::getenv("PBS_CACHE_DIR");
  bool isNamed = named && *named;
  std::string path = isNamed ? named : getDefaultDirectory();
  if (path.empty())
    return;
  if (std::error_code code = prepareDirectory(path)) {
    if (isNamed)
      error = "expected a writable cache directory, got '" + path +
              "': " + code.message();
    return;
  }
  directory = path;
}

namespace {
/// An exclusive lock on a file, held until destruction, if it could be had in
/// time. The lock ends with the process.
class FileLock {
public:
  explicit FileLock(const std::string &path) {
    fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    auto deadline = std::chrono::steady_clock::now() + kLockWait;
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (std::chrono::steady_clock::now() > deadline)
        break;
      std::this_thread::sleep_for(kLockPoll);
    }
  }
  ~FileLock() {
    if (fd >= 0)
      close(fd);
  }

private:
  int fd;
};
} // namespace

/// The content of a file; false if there is none.
static bool readFile(const std::string &path, std::string &content) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return false;
  content = (*buffer)->getBuffer().str();
  return true;
}

/// Writes a file that nobody sees half of; false if it cannot be written.
static bool writeFile(const std::string &path, const std::string &content) {
  llvm::SmallString<128> temporary;
  int fd;
  if (llvm::sys::fs::createUniqueFile(path + ".tmp-%%%%%%%%", fd, temporary))
    return false;
  llvm::raw_fd_ostream stream(fd, /*shouldClose=*/true);
  stream << content;
  stream.close();
  bool ok = !stream.has_error();
  stream.clear_error();
  ok = ok && !llvm::sys::fs::rename(temporary, path);
  if (!ok)
    llvm::sys::fs::remove(temporary);
  return ok;
}

std::string
DiskCache::get(const std::string &key,
               const std::function<bool(const std::string &)> &isValid,
               const std::function<std::string()> &compile, Outcome &outcome) {
  outcome = Outcome::Unavailable;
  if (directory.empty())
    return compile();

  std::string path = directory + "/" + key + ".pbs";
  std::string entry;
  if (readFile(path, entry) && isValid(entry)) {
    outcome = Outcome::Hit;
    return entry;
  }
  FileLock lock(directory + "/" + key + ".lock");
  // Another process may have written it while this one waited.
  bool exists = readFile(path, entry);
  if (exists && isValid(entry)) {
    outcome = Outcome::Hit;
    return entry;
  }
  outcome = exists ? Outcome::Damaged : Outcome::Miss;
  entry = compile();
  // A full disk costs the entry, not the result.
  if (!entry.empty())
    writeFile(path, entry);
  return entry;
}
