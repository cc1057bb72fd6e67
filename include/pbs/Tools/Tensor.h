//===- Tensor.h - Tensors in host memory ------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the tools read, compute on and write.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TOOLS_TENSOR_H
#define PBS_TOOLS_TENSOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include "pbs/Runtime/pbs.h"
#include <string>
#include <vector>

namespace pbs::tools {

/// Bytes of one element.
size_t getSize(pbs_dtype dtype);
/// Name of an element type as in IR: "f32", "f16", "bf16", "i32".
const char *getName(pbs_dtype dtype);

/// Nearest f16 or bf16, ties to even; NaN stays NaN.
uint16_t convertToF16(float value);
uint16_t convertToBF16(float value);
float convertFromF16(uint16_t bits);
float convertFromBF16(uint16_t bits);

/// Number of elements, or an error if a size is negative or their product with
/// `elementSize` exceeds 2^62.
llvm::Expected<int64_t> getNumElements(llvm::ArrayRef<int64_t> shape,
                                       size_t elementSize);

/// A dense row-major tensor.
struct Tensor {
  pbs_dtype dtype = PBS_F32;
  std::vector<int64_t> shape;
  std::vector<char> data;

  Tensor() = default;
  /// A tensor of zeros; the shape is one that getNumElements accepts.
  Tensor(pbs_dtype dtype, llvm::ArrayRef<int64_t> shape);

  int64_t getNumElements() const {
    return static_cast<int64_t>(data.size() / getSize(dtype));
  }
  template <typename T> const T *as() const {
    return reinterpret_cast<const T *>(data.data());
  }
  template <typename T> T *as() { return reinterpret_cast<T *>(data.data()); }
  /// For the C interface; refers to this tensor.
  pbs_tensor view();
  /// E.g. "bf16[1,2,8192,64]".
  std::string describe() const;
};

/// Elements of a tensor of floats as f32.
std::vector<float> toFloats(const Tensor &tensor);
/// The tensor with its elements rounded to `dtype`, which is a float type.
Tensor convert(const Tensor &tensor, pbs_dtype dtype);
/// A tensor of `values` rounded to `dtype`.
Tensor fromFloats(llvm::ArrayRef<float> values, llvm::ArrayRef<int64_t> shape,
                  pbs_dtype dtype);

/// An error with a message.
llvm::Error makeError(const llvm::Twine &message);

} // namespace pbs::tools

#endif // PBS_TOOLS_TENSOR_H
