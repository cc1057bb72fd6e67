//===- AttentionIR.cpp - IR of an attention configuration -----------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The IR is written as text, the same that a user would write: it goes through
// the same parser and verifier and can be printed.
//
//===----------------------------------------------------------------------===//

#include "AttentionIR.h"
#include <algorithm>
#include <cstdio>

using namespace pbs::jit;

namespace {
/// Formats a double as an MLIR float literal that parses to the same value.
std::string formatFloat(double value) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.17e", value);
  return text;
}

const char *nameOf(pbs_dtype dtype) {
  switch (dtype) {
  case PBS_F32:
    return "f32";
  case PBS_F16:
    return "f16";
  case PBS_BF16:
    return "bf16";
  case PBS_I32:
    break;
  }
  return nullptr;
}

/// Builds the text of one function.
class Emitter {
public:
  explicit Emitter(const pbs_attention_config &config) : config(config) {
    if (this->config.query_block == 0)
      this->config.query_block = 128;
    if (this->config.key_block == 0)
      this->config.key_block = 128;
    if (this->config.segment == 0)
      this->config.segment = 256;
    if (this->config.proxy_rows == 0)
      this->config.proxy_rows = 128;
    if (this->config.threshold == 0)
      this->config.threshold = 0.9;
  }

  /// Empty if the configuration makes sense.
  std::string check() const;
  std::string emit();

private:
  bool wants(pbs_output output) const { return config.outputs & output; }
  /// `tensor<DIMS x TYPE>`
  static std::string tensor(const std::string &dims, const char *type) {
    return "tensor<" + dims + "x" + type + ">";
  }
  std::string heads() const { return std::to_string(config.query_heads); }
  std::string kvHeads() const { return std::to_string(config.kv_heads); }
  /// Heads of the permutation.
  std::string permHeads() const {
    bool isPerQuery = config.kind == PBS_ATTENTION_PERMUTED &&
                      !config.unpermuted &&
                      config.sharing == PBS_PER_QUERY_HEAD;
    return isPerQuery ? heads() : kvHeads();
  }
  std::string dim() const { return std::to_string(config.head_dim); }
  /// Density and covered mass.
  std::string coverageType() const {
    return tensor("?x" + heads() + "x1", "f32");
  }

  std::string proxy() const;
  std::string sharing() const;
  std::string stopRule() const;
  std::string attributes(std::string list) const {
    if (config.scale != 0)
      list +=
          (list.empty() ? "" : ", ") + ("scale = " + formatFloat(config.scale));
    return list.empty() ? "" : " {" + list + "}";
  }
  void line(const std::string &text) { body += "  " + text + "\n"; }
  void addArgument(const std::string &name, const std::string &type) {
    arguments += (arguments.empty() ? "" : ", ") + ("%" + name) + ": " + type +
                 " {pbs.name = \"" + name + "\"}";
  }
  void addResult(const std::string &name, const std::string &value,
                 const std::string &type) {
    const char *separator = results.empty() ? "" : ", ";
    results += separator + type + " {pbs.name = \"" + name + "\"}";
    values += separator + value;
    valueTypes += separator + type;
  }
  /// The attention over `%kv` and `%list` and its results.
  void emitSparseAttention();
  void emitPermuted();
  void emitSparse();
  void emitDense();
  void emitPacked();

  pbs_attention_config config;
  std::string q, k, lse, kv, list, positions;
  std::string arguments, results, values, valueTypes, body;
};
} // namespace

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

std::string Emitter::check() const {
  auto atLeast = [](const char *name, int64_t least, int64_t value) {
    return value >= least
               ? std::string()
               : "expected " + std::string(name) + " of at least " +
                     std::to_string(least) + ", got " + std::to_string(value);
  };
  for (const std::string &error :
       {atLeast("query_heads", 1, config.query_heads),
        atLeast("kv_heads", 1, config.kv_heads),
        atLeast("head_dim", 1, config.head_dim),
        atLeast("query_block", 1, config.query_block),
        atLeast("key_block", 1, config.key_block),
        atLeast("segment", 1, config.segment),
        atLeast("count", 0, config.count)})
    if (!error.empty())
      return error;
  if (config.kind < PBS_ATTENTION_PERMUTED ||
      config.kind > PBS_ATTENTION_PACKED)
    return "unknown kind of attention " + std::to_string(config.kind);
  if (config.dtype < PBS_F32 || config.dtype > PBS_I32 || !nameOf(config.dtype))
    return "expected dtype f32, f16 or bf16, got number " +
           std::to_string(config.dtype);
  if (config.stop_rule < PBS_TOP_P || config.stop_rule > PBS_REFERENCE_TOP_P)
    return "unknown stop rule " + std::to_string(config.stop_rule);
  if (config.proxy < PBS_LAST_ROWS || config.proxy > PBS_RANDOM_ROWS)
    return "unknown proxy " + std::to_string(config.proxy);
  if (config.sharing < PBS_SHARE_MEAN || config.sharing > PBS_PER_QUERY_HEAD)
    return "unknown sharing " + std::to_string(config.sharing);
  if (!(config.threshold > 0))
    return "expected a positive threshold, got " +
           std::to_string(config.threshold);
  if (config.dense_below < -1)
    return "expected dense_below of at least -1, got " +
           std::to_string(config.dense_below);
  if (config.has_own_keys &&
      (config.kind != PBS_ATTENTION_SPARSE || !config.causal))
    return "expected has_own_keys with causal sparse attention only";
  if (config.scale - config.scale != 0)
    return "expected a finite scale, got " + std::to_string(config.scale);

  int32_t known = PBS_OUTPUT_LSE;
  if (config.kind == PBS_ATTENTION_PERMUTED)
    known |= PBS_OUTPUT_SCORES | PBS_OUTPUT_BLOCK_LIST | PBS_OUTPUT_POSITIONS |
             PBS_OUTPUT_STAGES_ONLY | PBS_OUTPUT_DENSITY |
             PBS_OUTPUT_COVERED_MASS;
  if (config.kind == PBS_ATTENTION_PERMUTED && !config.unpermuted)
    known |= PBS_OUTPUT_IMPORTANCE;
  if (config.kind == PBS_ATTENTION_SPARSE)
    known |= PBS_OUTPUT_BLOCK_LIST;
  if (wants(PBS_OUTPUT_STAGES_ONLY) &&
      (wants(PBS_OUTPUT_LSE) || config.outputs == PBS_OUTPUT_STAGES_ONLY))
    return "expected outputs of stages, got " + std::to_string(config.outputs);
  if (config.outputs & ~known)
    return "outputs " + std::to_string(config.outputs & ~known) +
           " do not exist for this kind of attention";
  return "";
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

std::string Emitter::proxy() const {
  std::string rows = std::to_string(config.proxy_rows);
  switch (config.proxy) {
  case PBS_LAST_ROWS:
    break;
  case PBS_STRIDED_ROWS:
    return "#pbs.strided_rows<" + rows + ">";
  case PBS_RANDOM_ROWS:
    return "#pbs.random_rows<" + rows +
           ", seed = " + std::to_string(config.proxy_seed) + ">";
  }
  return "#pbs.last_rows<" + rows + ">";
}

std::string Emitter::sharing() const {
  switch (config.sharing) {
  case PBS_SHARE_MEAN:
    break;
  case PBS_AVERAGE_QUERY:
    return "#pbs.average_query";
  case PBS_PER_QUERY_HEAD:
    return "#pbs.per_query_head";
  }
  return "#pbs.share_mean";
}

std::string Emitter::stopRule() const {
  switch (config.stop_rule) {
  case PBS_TOP_P:
    break;
  case PBS_TOP_K:
    return "#pbs.top_k<" + std::to_string(config.count) + ">";
  case PBS_REFERENCE_TOP_P:
    return "#pbs.reference_top_p<" + formatFloat(config.threshold) + ">";
  }
  return "#pbs.top_p<" + formatFloat(config.threshold) + ">";
}

void Emitter::emitSparseAttention() {
  line("%output, %lse = pbs.sparse_attention %q, %kv, %list" +
       std::string(config.has_own_keys ? ", %own_k, %own_v" : "") +
       attributes(config.causal ? "causal" : ""));
  line("  : (" + q + ", " + kv + ", " + list +
       (config.has_own_keys ? ", " + k + ", " + k : "") + ") -> (" + q + ", " +
       lse + ")");
}

void Emitter::emitPermuted() {
  std::string importanceType = tensor("?x" + permHeads() + "x?", "f32");
  std::string scoresType = tensor("?x" + heads() + "x?x?", "f32");
  std::string poolOf = "?x" + heads() + "x?x" + dim();
  std::string keyPool = tensor("?x" + permHeads() + "x?x" + dim(), "f32");
  std::string components =
      tensor("?x" + permHeads() + "x?x" + dim(), nameOf(config.dtype));
  std::string positionsType = tensor("?x" + permHeads() + "x?", "i32");
  std::string rangesType = tensor("?x" + permHeads() + "x?x2", "i32");

  if (config.unpermuted) {
    line("%kv = pbs.kv_from_positions %k, %v : (" + k + ", " + k + ") -> " +
         kv);
  } else {
    std::string statsHeads =
        config.sharing == PBS_AVERAGE_QUERY ? kvHeads() : heads();
    std::string stats = tensor("?x" + statsHeads + "x" +
                                   std::to_string(config.proxy_rows) + "x2",
                               "f32");
    std::string how =
        attributes("segment = " + std::to_string(config.segment) +
                   ", proxy = " + proxy() + ", sharing = " + sharing());
    std::string permutation =
        "!pbs.permutation<?x" + permHeads() +
        "x?, segment = " + std::to_string(config.segment) + ">";
    line("%stats = pbs.proxy_stats %q, %k" + how);
    line("  : (" + q + ", " + k + ") -> " + stats);
    line("%importance = pbs.column_importance %q, %k, %stats" + how);
    line("  : (" + q + ", " + k + ", " + stats + ") -> " + importanceType);
    line("%permutation = pbs.sort_segments %importance : (" + importanceType +
         ") -> " + permutation);
    line("%kv = pbs.permute_kv %k, %v, %permutation : (" + k + ", " + k + ", " +
         permutation + ") -> " + kv);
  }
  line("%key, %value, %positions, %ranges = pbs.unpack_kv %kv : (" + kv +
       ") -> (" + components + ", " + components + ", " + positionsType + ", " +
       rangesType + ")");
  line(
      "%key_pool = pbs.pool %key {block = " + std::to_string(config.key_block) +
      "} : (" + components + ") -> " + keyPool);
  std::string choice =
      "select = " + stopRule() + ", forced = " +
      (config.whole_own ? "#pbs.whole_own_and_sink" : "#pbs.own_and_sink");
  std::string pool =
      "pbs.pool %q {block = " + std::to_string(config.query_block) + "} : (" +
      q + ") -> " + tensor(poolOf, "f32");
  bool coverage = wants(PBS_OUTPUT_DENSITY) || wants(PBS_OUTPUT_COVERED_MASS);
  if (wants(PBS_OUTPUT_SCORES) || coverage) {
    // The fused op is written here, since fusion leaves alone scores and pooled
    // queries with other uses; it has scores as a result.
    line("%list, %scores = pbs.fused_select_blocks %q, %key_pool, %kv" +
         attributes(choice));
    line("  : (" + q + ", " + keyPool + ", " + kv + ") -> (" + list + ", " +
         scoresType + ")");
  } else {
    line("%query_pool = " + pool);
    line("%scores = pbs.block_scores %query_pool, %key_pool" + attributes(""));
    line("  : (" + tensor(poolOf, "f32") + ", " + keyPool + ") -> " +
         scoresType);
    line("%list = pbs.select_blocks %scores, %q, %kv {" + choice + "}");
    line("  : (" + scoresType + ", " + q + ", " + kv + ") -> " + list);
  }
  if (coverage) {
    std::string rows = tensor("?x" + heads() + "x?x4", "f32");
    line("%covered_pool = " + pool);
    line("%rows = pbs.row_coverage %covered_pool, %key_pool, %q, %kv, %list" +
         attributes(""));
    line("  : (" + tensor(poolOf, "f32") + ", " + keyPool + ", " + q + ", " +
         kv + ", " + list + ") -> " + rows);
    line("%density, %mass = pbs.head_coverage %rows : (" + rows + ") -> (" +
         coverageType() + ", " + coverageType() + ")");
  }
  if (!wants(PBS_OUTPUT_STAGES_ONLY)) {
    emitSparseAttention();
    addResult("output", "%output", q);
  }
  if (wants(PBS_OUTPUT_LSE))
    addResult("lse", "%lse", lse);
  if (wants(PBS_OUTPUT_IMPORTANCE))
    addResult("importance", "%importance", importanceType);
  if (wants(PBS_OUTPUT_POSITIONS))
    addResult("positions", "%positions", positionsType);
  if (wants(PBS_OUTPUT_SCORES))
    addResult("scores", "%scores", scoresType);
}

void Emitter::emitSparse() {
  std::string count = tensor("?x" + heads() + "x?", "i32");
  std::string index = tensor("?x" + heads() + "x?x?", "i32");
  std::string positionsType = tensor("?x" + kvHeads() + "x?", "i32");
  if (config.has_positions)
    addArgument("positions", positionsType);
  addArgument("count", count);
  addArgument("index", index);
  if (config.has_own_keys) {
    addArgument("own_k", k);
    addArgument("own_v", k);
  }
  line(config.has_positions
           ? "%kv = pbs.kv_from_positions %k, %v, %positions : (" + k + ", " +
                 k + ", " + positionsType + ") -> " + kv
           : "%kv = pbs.kv_from_positions %k, %v : (" + k + ", " + k + ") -> " +
                 kv);
  line("%list = pbs.block_list_from_indices %count, %index, %q, %kv : (" +
       count + ", " + index + ", " + q + ", " + kv + ") -> " + list);
  emitSparseAttention();
  addResult("output", "%output", q);
  if (wants(PBS_OUTPUT_LSE))
    addResult("lse", "%lse", lse);
}

void Emitter::emitDense() {
  line("%output, %lse = pbs.attention %q, %k, %v" +
       attributes(config.causal ? "causal" : ""));
  line("  : (" + q + ", " + k + ", " + k + ") -> (" + q + ", " + lse + ")");
  addResult("output", "%output", q);
  if (wants(PBS_OUTPUT_LSE))
    addResult("lse", "%lse", lse);
}

void Emitter::emitPacked() {
  const std::string offsets = "tensor<?xi32>";
  addArgument("query_offsets", offsets);
  addArgument("key_offsets", offsets);
  line("%output, %lse = pbs.packed_attention %q, %k, %v, %query_offsets, "
       "%key_offsets" +
       attributes(config.causal ? "causal" : ""));
  line("  : (" + q + ", " + k + ", " + k + ", " + offsets + ", " + offsets +
       ") -> (" + q + ", " + lse + ")");
  addResult("output", "%output", q);
  if (wants(PBS_OUTPUT_LSE))
    addResult("lse", "%lse", lse);
}

std::string Emitter::emit() {
  const char *dtype = nameOf(config.dtype);
  q = tensor("?x" + heads() + "x?x" + dim(), dtype);
  k = tensor("?x" + kvHeads() + "x?x" + dim(), dtype);
  lse = tensor("?x" + heads() + "x?", "f32");
  std::string segment = ", segment = " + std::to_string(config.segment);
  kv = "!pbs.permuted_kv<?x" + permHeads() + "x?x" + dim() + "x" + dtype +
       ", block = " + std::to_string(config.key_block) + segment + ">";
  list = "!pbs.block_list<?x" + heads() +
         "x?x?, block = " + std::to_string(config.query_block) + "x" +
         std::to_string(config.key_block) + segment +
         (config.causal ? ", causal>" : ">");
  addArgument("q", q);
  addArgument("k", k);
  addArgument("v", k);
  switch (config.kind) {
  case PBS_ATTENTION_PERMUTED:
    emitPermuted();
    break;
  case PBS_ATTENTION_SPARSE:
    emitSparse();
    break;
  case PBS_ATTENTION_DENSE:
    emitDense();
    break;
  case PBS_ATTENTION_PACKED:
    emitPacked();
    break;
  }
  if (wants(PBS_OUTPUT_BLOCK_LIST)) {
    std::string bits = tensor("?x" + heads() + "x?x?", "i32");
    line("%bits = pbs.unpack_block_list %list : (" + list + ") -> " + bits);
    addResult("block_list", "%bits", bits);
  }
  if (wants(PBS_OUTPUT_DENSITY))
    addResult("density", "%density", coverageType());
  if (wants(PBS_OUTPUT_COVERED_MASS))
    addResult("covered_mass", "%mass", coverageType());
  // Without the attribute the pipeline decides.
  std::string dense =
      config.dense_below == 0
          ? ""
          : "attributes {pbs.dense_below = " +
                std::to_string(std::max<int64_t>(0, config.dense_below)) +
                " : i64} ";
  return "func.func @attention(" + arguments + ")\n    -> (" + results + ") " +
         dense + "{\n" + body + "  return " + values + " : " + valueTypes +
         "\n}\n";
}

std::string pbs::jit::emitAttentionIR(const pbs_attention_config &config,
                                      std::string &ir) {
  Emitter emitter(config);
  if (std::string error = emitter.check(); !error.empty())
    return error;
  ir = emitter.emit();
  return "";
}
