//===- AttentionIR.h - IR of an attention configuration ---------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_JIT_ATTENTIONIR_H
#define PBS_LIB_JIT_ATTENTIONIR_H

#include "pbs/Runtime/pbs.h"
#include <string>

namespace pbs::jit {

/// Writes the IR of `config` to `ir`: one function, for any batch size and
/// lengths. Returns empty on success, else what is wrong with the
/// configuration.
std::string emitAttentionIR(const pbs_attention_config &config,
                            std::string &ir);

} // namespace pbs::jit

#endif // PBS_LIB_JIT_ATTENTIONIR_H
