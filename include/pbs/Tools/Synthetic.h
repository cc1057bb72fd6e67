//===- Synthetic.h - Made-up tensors ----------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TOOLS_SYNTHETIC_H
#define PBS_TOOLS_SYNTHETIC_H

#include "pbs/Tools/TensorFile.h"

namespace pbs::tools {

/// Sizes of made-up attention inputs.
struct SyntheticSpec {
  int64_t batch = 1, queryHeads = 9, kvHeads = 3, numQueries = 4096,
          numKeys = 4096, headDim = 64;
  pbs_dtype dtype = PBS_F32;
  uint32_t seed = 0;
  /// Scattered important keys, a sink and a local band, as heads of language
  /// models have; otherwise normally distributed.
  bool clustered = true;
};

/// Reads "B=1,Hq=9,Hkv=3,M=4096,N=4096,D=64,dtype=f32,seed=0,kind=clustered";
/// each part may be left out, M is N by default. Returns empty on success.
std::string parseSynthetic(const std::string &text, SyntheticSpec &spec);

/// The tensors q, k and v.
std::vector<HostTensor> makeSynthetic(const SyntheticSpec &spec);

/// Empty if a tensor of this shape can be made up, else what is wrong.
std::string checkShape(const std::vector<int64_t> &shape);

/// One normally distributed tensor; of i32, numbers from 0 to 7.
HostTensor makeNormal(const std::string &name, pbs_dtype dtype,
                      const std::vector<int64_t> &shape, uint32_t seed);

} // namespace pbs::tools

#endif // PBS_TOOLS_SYNTHETIC_H
