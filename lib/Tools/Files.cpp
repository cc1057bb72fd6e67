//===- Files.cpp - Reading and writing whole files ------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Tools/Files.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace pbs::tools;

static llvm::Error makeFileError(const char *action, llvm::StringRef path,
                                 std::error_code code) {
  return makeError(llvm::Twine("cannot ") + action + " '" + path +
                   "': " + code.message());
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
pbs::tools::readFile(llvm::StringRef path) {
  // Volatile: read and not mapped, since a file that is cut off later would end
  // the process at the first access.
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> buffer =
      llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                  /*RequiresNullTerminator=*/false,
                                  /*IsVolatile=*/true);
  if (!buffer)
    return makeFileError("read", path, buffer.getError());
  return std::move(*buffer);
}

/// Writes through `write` to an open file, which is closed in the end if
/// `shouldClose`.
static std::error_code
writeTo(int descriptor, bool shouldClose,
        llvm::function_ref<void(llvm::raw_ostream &)> write) {
  llvm::raw_fd_ostream os(descriptor, shouldClose);
  write(os);
  os.flush();
  if (shouldClose)
    os.close();
  std::error_code code = os.error();
  os.clear_error();
  return code;
}

llvm::Error pbs::tools::writeFile(
    llvm::StringRef path,
    llvm::function_ref<void(llvm::raw_ostream &)> write) {
  llvm::sys::fs::file_status status;
  bool isSpecial = path == "-" || (!llvm::sys::fs::status(path, status) &&
                                   llvm::sys::fs::is_other(status));
  if (isSpecial) {
    int descriptor = 1;
    if (path != "-")
      if (std::error_code code = llvm::sys::fs::openFileForWrite(
              path, descriptor, llvm::sys::fs::CD_OpenExisting))
        return makeFileError("write", path, code);
    if (std::error_code code = writeTo(descriptor, path != "-", write))
      return makeFileError("write", path, code);
    return llvm::Error::success();
  }

  llvm::Expected<llvm::sys::fs::TempFile> temporary =
      llvm::sys::fs::TempFile::create(
          path + ".tmp%%%%%%%%",
          llvm::sys::fs::all_read | llvm::sys::fs::all_write);
  if (!temporary)
    return makeFileError("write", path,
                         llvm::errorToErrorCode(temporary.takeError()));
  if (std::error_code code =
          writeTo(temporary->FD, /*shouldClose=*/false, write)) {
    llvm::consumeError(temporary->discard());
    return makeFileError("write", path, code);
  }
  // On failure this leaves the temporary file, which is ours to remove.
  std::string name = temporary->TmpName;
  if (llvm::Error error = temporary->keep(path)) {
    llvm::sys::fs::remove(name);
    return makeFileError("write", path,
                         llvm::errorToErrorCode(std::move(error)));
  }
  return llvm::Error::success();
}
