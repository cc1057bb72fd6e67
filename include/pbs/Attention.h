//===- Attention.h - Attention as a callable for C++ users ------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_ATTENTION_H
#define PBS_ATTENTION_H

#include "pbs/Program.h"

namespace pbs {

/// What to compute; see pbs_attention_config. By default the whole method,
/// causal, with the paper's parameters; heads and dtype have to be set.
struct AttentionConfig : pbs_attention_config {
  AttentionConfig(int queryHeads, int kvHeads, int headDim, pbs_dtype type)
      : pbs_attention_config{} {
    struct_size = sizeof(pbs_attention_config);
    query_heads = queryHeads;
    kv_heads = kvHeads;
    head_dim = headDim;
    dtype = type;
    causal = 1;
  }
};

/// Permuted block-sparse attention (PBS-Attn, arXiv 2510.21270), attention over
/// lists of the caller, or dense attention, for any batch size and lengths:
/// q [B,Hq,M,D], k and v [B,Hkv,N,D], output [B,Hq,M,D].
class Attention : public Program {
public:
  explicit Attention(const AttentionConfig &config,
                     const CompileOptions &options = {})
      : Program(create(config, options)) {}

  /// The IR that a configuration stands for.
  static std::string getIR(const AttentionConfig &config) {
    char *text;
    Error::check(pbs_attention_ir(&config, &text));
    std::string ir = text;
    pbs_free(text);
    return ir;
  }

private:
  static pbs_program_t create(const AttentionConfig &config,
                              const CompileOptions &options) {
    pbs_program_t handle;
    Error::check(pbs_attention_create(&config, &options, &handle));
    return handle;
  }
};

} // namespace pbs

#endif // PBS_ATTENTION_H
