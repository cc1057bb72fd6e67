//===- TensorFile.h - Tensors in files --------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// .npy (NumPy's format, versions 1 to 3) and .safetensors. Files are not
// trusted: every size is checked against the file.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TOOLS_TENSORFILE_H
#define PBS_TOOLS_TENSORFILE_H

#include "pbs/Tools/Convert.h"
#include <string>
#include <vector>

namespace pbs::tools {

/// A row-major tensor.
struct HostTensor {
  std::string name;
  pbs_dtype dtype = PBS_F32;
  std::vector<int64_t> shape;
  std::string bytes;

  int64_t getNumElements() const;
};

/// Reads the tensors of a file by its extension. A .npy file holds one, named
/// after the file. Tensors of other types than f32, f16, bf16 and i32 are an
/// error. Returns empty on success, else what is wrong.
std::string readTensors(const std::string &path,
                        std::vector<HostTensor> &tensors);

/// Writes a .safetensors file, or a .npy file for one tensor; whole or not at
/// all. Returns empty on success.
std::string writeTensors(const std::string &path,
                         const std::vector<HostTensor> &tensors);

/// Writes a file whole or not at all. Returns empty on success.
std::string writeFile(const std::string &path, const std::string &content);

/// The contents of the two formats, for tests.
std::string parseNpy(const std::string &content, HostTensor &tensor);
std::string parseSafetensors(const std::string &content,
                             std::vector<HostTensor> &tensors);

} // namespace pbs::tools

#endif // PBS_TOOLS_TENSORFILE_H
