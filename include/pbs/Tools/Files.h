//===- Files.h - .npy and .safetensors files --------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Readers take any bytes: a damaged or foreign file is an error that says what
// was expected. Writers leave either the whole file or what was there before.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TOOLS_FILES_H
#define PBS_TOOLS_FILES_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "pbs/Tools/Tensor.h"
#include <map>

namespace llvm {
class MemoryBuffer;
class raw_ostream;
} // namespace llvm

namespace pbs::tools {

/// Reads a whole file.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readFile(llvm::StringRef path);

/// Writes a file through `write`: beside the target and then renamed, so that
/// nobody sees half of it. What is no regular file (a pipe, /dev/null) is
/// written in place; "-" is standard output.
llvm::Error writeFile(llvm::StringRef path,
                      llvm::function_ref<void(llvm::raw_ostream &)> write);

/// Reads the array in the bytes of a .npy file (format 1, 2 or 3): little-endian
/// f4, f2, i4, or bf16 as "V2" or "bfloat16", in C order.
llvm::Expected<Tensor> parseNpy(llvm::StringRef bytes);
llvm::Expected<Tensor> readNpy(llvm::StringRef path);
/// Writes a .npy file; bf16 as "<V2", as numpy itself does with the type of
/// ml_dtypes.
void printNpy(const Tensor &tensor, llvm::raw_ostream &os);

/// A .safetensors file.
class Safetensors {
public:
  /// One tensor of the file. Files may hold types that we do not read.
  struct Entry {
    std::string dtype;
    std::vector<int64_t> shape;
    size_t begin;
    size_t end;
  };

  static llvm::Expected<Safetensors> parse(llvm::StringRef bytes);
  static llvm::Expected<Safetensors> read(llvm::StringRef path);

  const std::map<std::string, Entry> &getEntries() const { return entries; }
  const std::map<std::string, std::string> &getMetadata() const {
    return metadata;
  }
  /// A tensor of type F32, F16, BF16 or I32.
  llvm::Expected<Tensor> get(llvm::StringRef name) const;

private:
  std::map<std::string, Entry> entries;
  std::map<std::string, std::string> metadata;
  std::vector<char> data;
};

/// Writes a .safetensors file.
void printSafetensors(const std::map<std::string, Tensor> &tensors,
                      llvm::raw_ostream &os);

} // namespace pbs::tools

#endif // PBS_TOOLS_FILES_H
