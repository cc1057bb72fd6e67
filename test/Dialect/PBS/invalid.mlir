// RUN: pbs-opt %s -split-input-file -verify-diagnostics

// One function for each rule, named for it.

// expected-error @below {{expected 3 dimensions [B, H, N], got 2}}
func.func private @permutation_rank(!pbs.permutation<1x2, segment = 256>)

// -----

// expected-error @below {{expected a positive segment size, got 0}}
func.func private @permutation_segment(!pbs.permutation<1x2x?, segment = 0>)

// -----

// expected-error @below {{expected 4 dimensions [B, H, N, D], got 3}}
func.func private @permuted_kv_rank(!pbs.permuted_kv<1x2x64xf32, block = 128, segment = 256>)

// -----

// expected-error @below {{expected element type f32, bf16 or f16, got 'f64'}}
func.func private @permuted_kv_element(!pbs.permuted_kv<1x2x?x64xf64, block = 128, segment = 256>)

// -----

// expected-error @below {{expected a static head dimension, got ?}}
func.func private @permuted_kv_head_dim(!pbs.permuted_kv<1x2x?x?xf32, block = 128, segment = 256>)

// -----

// expected-error @below {{expected a positive block size, got -1}}
func.func private @permuted_kv_block(!pbs.permuted_kv<1x2x?x64xf32, block = -1, segment = 256>)

// -----

// expected-error @below {{expected the segment to be a multiple of the key block 128, got 200}}
func.func private @permuted_kv_segment(!pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 200>)

// -----

// expected-error @below {{expected 4 dimensions [B, H, M, N], got 3}}
func.func private @block_list_rank(!pbs.block_list<1x4x?, block = 128x128, segment = 256>)

// -----

// expected-error @below {{expected block sizes QUERYxKEY, got 1 sizes}}
func.func private @block_list_blocks(!pbs.block_list<1x4x?x?, block = 128, segment = 256>)

// -----

// expected-error @below {{expected a positive query block size, got 0}}
func.func private @block_list_query_block(!pbs.block_list<1x4x?x?, block = 0x128, segment = 256>)

// -----

// expected-error @below {{expected a positive threshold, got 0}}
func.func private @top_p_threshold() attributes {example = #pbs.top_p<0.0>}

// -----

// expected-error @below {{expected a positive threshold, got nan}}
func.func private @top_p_nan() attributes {example = #pbs.top_p<0x7FF8000000000000>}

// -----

// expected-error @below {{expected a positive threshold, got -5.0}}
func.func private @reference_top_p_threshold() attributes {example = #pbs.reference_top_p<-0.5>}

// -----

// expected-error @below {{expected a count of at least 0, got -1}}
func.func private @top_k_count() attributes {example = #pbs.top_k<-1>}

// -----

// expected-error @below {{expected 1 to 4096 proxy rows, got 0}}
func.func private @last_rows_count() attributes {example = #pbs.last_rows<0>}

// -----

// expected-error @below {{expected 1 to 4096 proxy rows, got 5000}}
func.func private @strided_rows_count() attributes {example = #pbs.strided_rows<5000>}

// -----

// expected-error @below {{expected 1 to 4096 proxy rows, got -3}}
func.func private @random_rows_count() attributes {example = #pbs.random_rows<-3, seed = 1>}

// -----

func.func @attention_element_type(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xbf16>) {
  // expected-error @below {{expected one element type, got 'f32' and 'bf16'}}
  %result:2 = pbs.attention %q, %k, %v : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xbf16>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @attention_output_element_type(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) {
  // expected-error @below {{expected one element type, got 'f32' and 'f16'}}
  %result:2 = pbs.attention %q, %k, %v : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> (tensor<1x4x?x64xf16>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @attention_rank(%q: tensor<4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) {
  // expected-error @below {{must be 4D tensor of}}
  %result:2 = pbs.attention %q, %k, %v : (tensor<4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @attention_f64(%q: tensor<1x4x?x64xf64>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) {
  // expected-error @below {{must be 4D tensor of}}
  %result:2 = pbs.attention %q, %k, %v : (tensor<1x4x?x64xf64>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @attention_head_dim_static(%q: tensor<1x4x?x?xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) {
  // expected-error @below {{expected a static head dimension, got}}
  %result:2 = pbs.attention %q, %k, %v : (tensor<1x4x?x?xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> (tensor<1x4x?x?xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @attention_heads(%q: tensor<1x5x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) {
  // expected-error @below {{expected the number of query heads to be a multiple of the number of KV heads, got 5 and 2}}
  %result:2 = pbs.attention %q, %k, %v : (tensor<1x5x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> (tensor<1x5x?x64xf32>, tensor<1x5x?xf32>)
  return
}

// -----

func.func @attention_batch(%q: tensor<3x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) {
  // expected-error @below {{expected queries and keys of the same batch size, got 3 and 1}}
  %result:2 = pbs.attention %q, %k, %v : (tensor<3x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> (tensor<3x4x?x64xf32>, tensor<3x4x?xf32>)
  return
}

// -----

func.func @attention_head_dim(%q: tensor<1x4x?x128xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) {
  // expected-error @below {{expected queries and keys of the same head dimension, got 128 and 64}}
  %result:2 = pbs.attention %q, %k, %v : (tensor<1x4x?x128xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> (tensor<1x4x?x128xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @attention_key_value_length(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x100x64xf32>, %v: tensor<1x2x99x64xf32>) {
  // expected-error @below {{expected keys and values of the same length, got 100 and 99}}
  %result:2 = pbs.attention %q, %k, %v : (tensor<1x4x?x64xf32>, tensor<1x2x100x64xf32>, tensor<1x2x99x64xf32>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @attention_key_value_heads(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x4x?x64xf32>) {
  // expected-error @below {{expected keys and values of the same number of heads, got 2 and 4}}
  %result:2 = pbs.attention %q, %k, %v : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x4x?x64xf32>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @attention_key_value_batch(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<7x2x?x64xf32>) {
  // expected-error @below {{expected keys and values of the same batch size, got 1 and 7}}
  %result:2 = pbs.attention %q, %k, %v : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<7x2x?x64xf32>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @attention_key_value_head_dim(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x32xf32>) {
  // expected-error @below {{expected keys and values of the same head dimension, got 64 and 32}}
  %result:2 = pbs.attention %q, %k, %v : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x32xf32>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @attention_result_shape(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) {
  // expected-error @below {{expected dimension 1 of result 0 to be 4, got 3}}
  %result:2 = pbs.attention %q, %k, %v : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> (tensor<1x3x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @attention_lse_shape(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) {
  // expected-error @below {{expected dimension 1 of result 1 to be 4, got 9}}
  %result:2 = pbs.attention %q, %k, %v : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> (tensor<1x4x?x64xf32>, tensor<1x9x?xf32>)
  return
}

// -----

func.func @attention_scale(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) {
  // expected-error @below {{expected a finite scale, got INF}}
  %result:2 = pbs.attention %q, %k, %v {scale = 0x7FF0000000000000 : f64} : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @permuted_attention_segment(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) {
  // expected-error @below {{expected the segment to be a multiple of the key block 128, got 200}}
  %result:2 = pbs.permuted_attention %q, %k, %v {segment = 200} : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @permuted_attention_block(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) {
  // expected-error @below {{whose value is positive}}
  %result:2 = pbs.permuted_attention %q, %k, %v {key_block = 0} : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @permuted_attention_policy(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) {
  // expected-error @below {{stop rule such as #pbs.top_p}}
  %result:2 = pbs.permuted_attention %q, %k, %v {select = #pbs.mean_pool} : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @proxy_stats_rows(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>) {
  // expected-error @below {{expected dimension 2 of result 0 to be 32, got 64}}
  %result = pbs.proxy_stats %q, %k {proxy = #pbs.last_rows<32>} : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x4x64x2xf32>
  return
}

// -----

func.func @proxy_stats_average_query(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>) {
  // expected-error @below {{expected dimension 1 of result 0 to be 2, got 4}}
  %result = pbs.proxy_stats %q, %k {sharing = #pbs.average_query} : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x4x128x2xf32>
  return
}

// -----

func.func @column_importance_stats_heads(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %st: tensor<1x3x128x2xf32>) {
  // expected-error @below {{expected statistics for as many heads as the sharing has proxies, got 3 and 4}}
  %result = pbs.column_importance %q, %k, %st : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x3x128x2xf32>) -> tensor<1x2x?xf32>
  return
}

// -----

func.func @column_importance_stats_rows(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %st: tensor<1x4x64x2xf32>) {
  // expected-error @below {{expected statistics for as many rows as the proxy has, got 64 and 128}}
  %result = pbs.column_importance %q, %k, %st : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x4x64x2xf32>) -> tensor<1x2x?xf32>
  return
}

// -----

func.func @column_importance_stats_values(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %st: tensor<1x4x128x3xf32>) {
  // expected-error @below {{expected statistics of 2 values, got 3 and 2}}
  %result = pbs.column_importance %q, %k, %st : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x4x128x3xf32>) -> tensor<1x2x?xf32>
  return
}

// -----

func.func @column_importance_per_query_head(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %st: tensor<1x4x128x2xf32>) {
  // expected-error @below {{expected dimension 1 of result 0 to be 4, got 2}}
  %result = pbs.column_importance %q, %k, %st {sharing = #pbs.per_query_head} : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x4x128x2xf32>) -> tensor<1x2x?xf32>
  return
}

// -----

func.func @sort_segments_shape(%i: tensor<1x2x?xf32>) {
  // expected-error @below {{expected dimension 1 of result 0 to be 2, got 3}}
  %result = pbs.sort_segments %i : (tensor<1x2x?xf32>) -> !pbs.permutation<1x3x?, segment = 256>
  return
}

// -----

func.func @permute_kv_segment(%k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>, %p: !pbs.permutation<1x2x?, segment = 256>) {
  // expected-error @below {{expected one segment size, got 256 and 512}}
  %result = pbs.permute_kv %k, %v, %p : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, !pbs.permutation<1x2x?, segment = 256>) -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 512>
  return
}

// -----

func.func @permute_kv_length(%k: tensor<1x2x300x64xf32>, %v: tensor<1x2x?x64xf32>, %p: !pbs.permutation<1x2x301, segment = 256>) {
  // expected-error @below {{expected keys and permutation of the same length, got 300 and 301}}
  %result = pbs.permute_kv %k, %v, %p : (tensor<1x2x300x64xf32>, tensor<1x2x?x64xf32>, !pbs.permutation<1x2x301, segment = 256>) -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
  return
}

// -----

func.func @permute_kv_heads(%k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>, %p: !pbs.permutation<1x3x?, segment = 256>) {
  // expected-error @below {{expected the number of permutations to be a multiple of the number of KV heads, got 3 and 2}}
  %result = pbs.permute_kv %k, %v, %p : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, !pbs.permutation<1x3x?, segment = 256>) -> !pbs.permuted_kv<1x3x?x64xf32, block = 128, segment = 256>
  return
}

// -----

func.func @permute_kv_batch(%k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>, %p: !pbs.permutation<2x2x?, segment = 256>) {
  // expected-error @below {{expected keys and permutation of the same batch size, got 1 and 2}}
  %result = pbs.permute_kv %k, %v, %p : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, !pbs.permutation<2x2x?, segment = 256>) -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
  return
}

// -----

func.func @permute_element_type(%k: tensor<1x2x?x64xf32>, %p: !pbs.permutation<1x2x?, segment = 256>) {
  // expected-error @below {{expected one element type, got 'f32' and 'f16'}}
  %result = pbs.permute %k, %p : (tensor<1x2x?x64xf32>, !pbs.permutation<1x2x?, segment = 256>) -> tensor<1x2x?x64xf16>
  return
}

// -----

func.func @compose_segment(%p: !pbs.permutation<1x2x?, segment = 256>, %r: !pbs.permutation<1x2x?, segment = 128>) {
  // expected-error @below {{expected one segment size, got 128 and 256}}
  %result = pbs.compose %p, %r : (!pbs.permutation<1x2x?, segment = 256>, !pbs.permutation<1x2x?, segment = 128>) -> !pbs.permutation<1x2x?, segment = 256>
  return
}

// -----

func.func @compose_shape(%p: !pbs.permutation<1x2x?, segment = 256>, %r: !pbs.permutation<1x4x?, segment = 256>) {
  // expected-error @below {{expected two permutations of the same shape, got 2 and 4}}
  %result = pbs.compose %p, %r : (!pbs.permutation<1x2x?, segment = 256>, !pbs.permutation<1x4x?, segment = 256>) -> !pbs.permutation<1x2x?, segment = 256>
  return
}

// -----

func.func @kv_from_positions_shape(%k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>, %pos: tensor<1x3x?xi32>) {
  // expected-error @below {{expected a position for each key, got 2 and 3}}
  %result = pbs.kv_from_positions %k, %v, %pos : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x3x?xi32>) -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
  return
}

// -----

func.func @identity_permutation_shape(%k: tensor<1x2x?x64xf32>) {
  // expected-error @below {{expected dimension 1 of result 0 to be 2, got 4}}
  %result = pbs.identity_permutation %k : (tensor<1x2x?x64xf32>) -> !pbs.permutation<1x4x?, segment = 256>
  return
}

// -----

func.func @fused_permute_kv_pool(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>, %st: tensor<1x4x128x2xf32>) {
  // expected-error @below {{expected dimension 3 of result 1 to be 64, got 32}}
  %r:3 = pbs.fused_permute_kv %q, %k, %v, %st : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x4x128x2xf32>) -> (!pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, tensor<1x2x?x32xf32>, tensor<1x2x?xf32>)
  return
}

// -----

func.func @pool_block(%k: tensor<1x2x300x64xf32>) {
  // expected-error @below {{expected dimension 2 of result 0 to be 3, got 4}}
  %result = pbs.pool %k {block = 128} : (tensor<1x2x300x64xf32>) -> tensor<1x2x4x64xf32>
  return
}

// -----

func.func @block_scores_heads(%qp: tensor<1x4x?x64xf32>, %kp: tensor<1x3x?x64xf32>) {
  // expected-error @below {{expected the number of query heads to be a multiple of the number of KV heads, got 4 and 3}}
  %result = pbs.block_scores %qp, %kp : (tensor<1x4x?x64xf32>, tensor<1x3x?x64xf32>) -> tensor<1x4x?x?xf32>
  return
}

// -----

func.func @select_blocks_key_block(%s: tensor<1x4x?x?xf32>, %q: tensor<1x4x?x64xf32>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>) {
  // expected-error @below {{expected the list to have the key block of the keys, 128, got 64}}
  %result = pbs.select_blocks %s, %q, %kv : (tensor<1x4x?x?xf32>, tensor<1x4x?x64xf32>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>) -> !pbs.block_list<1x4x?x?, block = 128x64, segment = 256, causal>
  return
}

// -----

func.func @select_blocks_segment(%s: tensor<1x4x?x?xf32>, %q: tensor<1x4x?x64xf32>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>) {
  // expected-error @below {{expected the list to have the segment of the keys, 256, got 512}}
  %result = pbs.select_blocks %s, %q, %kv : (tensor<1x4x?x?xf32>, tensor<1x4x?x64xf32>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>) -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 512, causal>
  return
}

// -----

func.func @select_blocks_scores(%s: tensor<1x4x7x?xf32>, %q: tensor<1x4x1000x64xf32>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>) {
  // expected-error @below {{expected scores for each query block, got 7 and 8}}
  %result = pbs.select_blocks %s, %q, %kv : (tensor<1x4x7x?xf32>, tensor<1x4x1000x64xf32>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>) -> !pbs.block_list<1x4x1000x?, block = 128x128, segment = 256, causal>
  return
}

// -----

func.func @fused_select_blocks_pool_heads(%q: tensor<1x4x?x64xf32>, %kp: tensor<1x4x?x64xf32>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>) {
  // expected-error @below {{expected pooled keys for each head of the keys, got 4 and 2}}
  %result:2 = pbs.fused_select_blocks %q, %kp, %kv : (tensor<1x4x?x64xf32>, tensor<1x4x?x64xf32>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>) -> (!pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>, tensor<1x4x?x?xf32>)
  return
}

// -----

func.func @full_block_list_shape(%q: tensor<1x4x?x64xf32>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>) {
  // expected-error @below {{expected dimension 1 of result 0 to be 4, got 8}}
  %result = pbs.full_block_list %q, %kv : (tensor<1x4x?x64xf32>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>) -> !pbs.block_list<1x8x?x?, block = 128x128, segment = 256, causal>
  return
}

// -----

func.func @block_list_from_indices_rows(%c: tensor<1x4x?xi32>, %i: tensor<1x2x?x?xi32>, %q: tensor<1x4x?x64xf32>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>) {
  // expected-error @below {{expected a count for each row of indices, got 4 and 2}}
  %result = pbs.block_list_from_indices %c, %i, %q, %kv : (tensor<1x4x?xi32>, tensor<1x2x?x?xi32>, tensor<1x4x?x64xf32>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>) -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
  return
}

// -----

func.func @sparse_attention_causal(%q: tensor<1x4x?x64xf32>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, %l: !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>) {
  // expected-error @below {{expected a non-causal list, got}}
  %result:2 = pbs.sparse_attention %q, %kv, %l : (tensor<1x4x?x64xf32>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @sparse_attention_not_causal(%q: tensor<1x4x?x64xf32>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, %l: !pbs.block_list<1x4x?x?, block = 128x128, segment = 256>) {
  // expected-error @below {{expected a causal list, got}}
  %result:2 = pbs.sparse_attention %q, %kv, %l {causal} : (tensor<1x4x?x64xf32>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, !pbs.block_list<1x4x?x?, block = 128x128, segment = 256>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @sparse_attention_block(%q: tensor<1x4x?x64xf32>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, %l: !pbs.block_list<1x4x?x?, block = 128x64, segment = 256, causal>) {
  // expected-error @below {{expected the list to have the key block of the keys, 128, got 64}}
  %result:2 = pbs.sparse_attention %q, %kv, %l {causal} : (tensor<1x4x?x64xf32>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, !pbs.block_list<1x4x?x?, block = 128x64, segment = 256, causal>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @sparse_attention_segment(%q: tensor<1x4x?x64xf32>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, %l: !pbs.block_list<1x4x?x?, block = 128x128, segment = 128, causal>) {
  // expected-error @below {{expected the list to have the segment of the keys, 256, got 128}}
  %result:2 = pbs.sparse_attention %q, %kv, %l {causal} : (tensor<1x4x?x64xf32>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, !pbs.block_list<1x4x?x?, block = 128x128, segment = 128, causal>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @sparse_attention_list_heads(%q: tensor<1x4x?x64xf32>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, %l: !pbs.block_list<1x8x?x?, block = 128x128, segment = 256, causal>) {
  // expected-error @below {{expected a list for each query head, got 8 and 4}}
  %result:2 = pbs.sparse_attention %q, %kv, %l {causal} : (tensor<1x4x?x64xf32>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, !pbs.block_list<1x8x?x?, block = 128x128, segment = 256, causal>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @sparse_attention_element_type(%q: tensor<1x4x?x64xbf16>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, %l: !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>) {
  // expected-error @below {{expected one element type, got 'bf16' and 'f32'}}
  %result:2 = pbs.sparse_attention %q, %kv, %l {causal} : (tensor<1x4x?x64xbf16>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>) -> (tensor<1x4x?x64xbf16>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @sparse_attention_own_keys_alone(%q: tensor<1x4x?x64xf32>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, %l: !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>, %k: tensor<1x2x?x64xf32>) {
  // expected-error @below {{expected keys and values of own segments, both or none, got 1 operand}}
  %result:2 = pbs.sparse_attention %q, %kv, %l, %k {causal} : (tensor<1x4x?x64xf32>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>, tensor<1x2x?x64xf32>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @sparse_attention_own_not_causal(%q: tensor<1x4x?x64xf32>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, %l: !pbs.block_list<1x4x?x?, block = 128x128, segment = 256>, %k: tensor<1x2x?x64xf32>) {
  // expected-error @below {{expected keys of own segments with causal attention only}}
  %result:2 = pbs.sparse_attention %q, %kv, %l, %k, %k : (tensor<1x4x?x64xf32>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, !pbs.block_list<1x4x?x?, block = 128x128, segment = 256>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @sparse_attention_own_heads(%q: tensor<1x4x?x64xf32>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, %l: !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>, %k: tensor<1x4x?x64xf32>) {
  // expected-error @below {{expected keys and values of own segments of the shape of all, got 4 and 2}}
  %result:2 = pbs.sparse_attention %q, %kv, %l, %k, %k {causal} : (tensor<1x4x?x64xf32>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>, tensor<1x4x?x64xf32>, tensor<1x4x?x64xf32>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @sparse_attention_own_type(%q: tensor<1x4x?x64xf32>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, %l: !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>, %k: tensor<1x2x?x64xbf16>) {
  // expected-error @below {{expected one element type, got 'f32' and 'bf16'}}
  %result:2 = pbs.sparse_attention %q, %kv, %l, %k, %k {causal} : (tensor<1x4x?x64xf32>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>, tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @merge_shape(%a: tensor<1x4x?x64xf32>, %b: tensor<1x4x?xf32>, %c: tensor<1x2x?x64xf32>, %d: tensor<1x4x?xf32>) {
  // expected-error @below {{expected two outputs of the same shape, got 4 and 2}}
  %result:2 = pbs.merge %a, %b, %c, %d : (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>, tensor<1x2x?x64xf32>, tensor<1x4x?xf32>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @merge_lse(%a: tensor<1x4x?x64xf32>, %b: tensor<1x3x?xf32>, %c: tensor<1x4x?x64xf32>, %d: tensor<1x4x?xf32>) {
  // expected-error @below {{expected an LSE for each row of the output, got 4 and 3}}
  %result:2 = pbs.merge %a, %b, %c, %d : (tensor<1x4x?x64xf32>, tensor<1x3x?xf32>, tensor<1x4x?x64xf32>, tensor<1x4x?xf32>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @pack_kv_ranges(%k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>, %p: tensor<1x2x?xi32>, %r: tensor<1x2x?x3xi32>) {
  // expected-error @below {{expected component 3 of}}
  %result = pbs.pack_kv %k, %v, %p, %r : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?xi32>, tensor<1x2x?x3xi32>) -> !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>
  return
}

// -----

func.func @unpack_block_list_heads(%l: !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>) {
  // expected-error @below {{expected component 0 of}}
  %result = pbs.unpack_block_list %l : (!pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>) -> tensor<1x5x?x?xi32>
  return
}

// -----

func.func @pack_permutation_heads(%p: tensor<1x3x?xi32>) {
  // expected-error @below {{expected component 0 of}}
  %result = pbs.pack_permutation %p : (tensor<1x3x?xi32>) -> !pbs.permutation<1x2x?, segment = 256>
  return
}

// -----

func.func @score_arguments(%q: tensor<1x2x?x64xf32>) {
  // expected-error@+2 {{expected 5 arguments of the score region (score, batch, head, row, key), got 1}}
  %o, %lse = pbs.attention %q, %q, %q {causal}
    score (%x) {
      pbs.yield %x
    }
    : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
    -> (tensor<1x2x?x64xf32>, tensor<1x2x?xf32>)
  return
}

// -----

func.func @score_argument_types(%q: tensor<1x2x?x64xf32>) {
  // expected-error@+1 {{expected arguments ('f32', 'i32', 'i32', 'i32', 'i32') of the score region, got ('f32')}}
  %o, %lse = "pbs.attention"(%q, %q, %q) ({
    ^bb0(%x: f32):
      pbs.yield %x
    }) : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
    -> (tensor<1x2x?x64xf32>, tensor<1x2x?xf32>)
  return
}

// -----

func.func @score_elementwise(%q: tensor<1x2x?x64xf32>) {
  %o, %lse = pbs.attention %q, %q, %q {causal}
    score (%x, %b, %h, %p, %j) {
      // expected-error@+1 {{expected elementwise ops and constants in a score region}}
      %y = vector.broadcast %x : f32 to vector<4xf32>
      pbs.yield %x
    }
    : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
    -> (tensor<1x2x?x64xf32>, tensor<1x2x?xf32>)
  return
}

// -----

func.func @score_types(%q: tensor<1x2x?x64xf32>) {
  %o, %lse = pbs.attention %q, %q, %q {causal}
    score (%x, %b, %h, %p, %j) {
      // expected-error@+1 {{expected f32, i32 or i1 in a score region, got 'f64'}}
      %y = arith.extf %x : f32 to f64
      pbs.yield %x
    }
    : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
    -> (tensor<1x2x?x64xf32>, tensor<1x2x?xf32>)
  return
}

// -----

func.func @score_isolated(%q: tensor<1x2x?x64xf32>, %bias: f32) {
  %o, %lse = pbs.attention %q, %q, %q {causal}
    score (%x, %b, %h, %p, %j) {
      // expected-error@+1 {{use of undeclared SSA value name}}
      %y = arith.addf %x, %bias : f32
      pbs.yield %y
    }
    : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
    -> (tensor<1x2x?x64xf32>, tensor<1x2x?xf32>)
  return
}

// -----

func.func @packed_batch(%q: tensor<2x4x?x64xf16>, %k: tensor<2x2x?x64xf16>, %s: tensor<?xi32>) {
  // expected-error @below {{expected packed sequences of batch size 1, got 2 and 1}}
  %o, %l = pbs.packed_attention %q, %k, %k, %s, %s
    : (tensor<2x4x?x64xf16>, tensor<2x2x?x64xf16>, tensor<2x2x?x64xf16>, tensor<?xi32>, tensor<?xi32>)
    -> (tensor<2x4x?x64xf16>, tensor<2x4x?xf32>)
  return
}

// -----

func.func @packed_offsets(%q: tensor<1x4x?x64xf16>, %k: tensor<1x2x?x64xf16>, %s: tensor<3xi32>, %t: tensor<4xi32>) {
  // expected-error @below {{expected offsets of as many sequences for queries as for keys, got 3 and 4}}
  %o, %l = pbs.packed_attention %q, %k, %k, %s, %t
    : (tensor<1x4x?x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>, tensor<3xi32>, tensor<4xi32>)
    -> (tensor<1x4x?x64xf16>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @merge_stats(%parts: tensor<1x30x128x2xf32>) {
  // expected-error@+1 {{expected as many statistics as there are parts for each head, got 30 and 16}}
  %st = pbs.merge_stats %parts {splits = 16}
    : (tensor<1x30x128x2xf32>) -> tensor<1x1x128x2xf32>
  return
}

// -----

func.func @coverage_of_other_queries(%qp: tensor<1x4x3x64xf32>, %kp: tensor<1x2x?x64xf32>, %q: tensor<1x4x300x64xbf16>,
    %kv: !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>,
    %list: !pbs.block_list<1x4x200x?, block = 128x128, segment = 256, causal>) {
  // expected-error@+1 {{expected a list for the length of the queries, got 200 and 300}}
  %rows = pbs.row_coverage %qp, %kp, %q, %kv, %list
    : (tensor<1x4x3x64xf32>, tensor<1x2x?x64xf32>, tensor<1x4x300x64xbf16>,
       !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>,
       !pbs.block_list<1x4x200x?, block = 128x128, segment = 256, causal>) -> tensor<1x4x3x4xf32>
  return
}

// -----

func.func @coverage_by_other_pools(%qp: tensor<1x4x2x64xf32>, %kp: tensor<1x2x?x64xf32>, %q: tensor<1x4x300x64xbf16>,
    %kv: !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>,
    %list: !pbs.block_list<1x4x300x?, block = 128x128, segment = 256, causal>) {
  // expected-error@+1 {{expected pooled queries for each query block, got 2 and 3}}
  %rows = pbs.row_coverage %qp, %kp, %q, %kv, %list
    : (tensor<1x4x2x64xf32>, tensor<1x2x?x64xf32>, tensor<1x4x300x64xbf16>,
       !pbs.permuted_kv<1x2x?x64xbf16, block = 128, segment = 256>,
       !pbs.block_list<1x4x300x?, block = 128x128, segment = 256, causal>) -> tensor<1x4x3x4xf32>
  return
}

// -----

func.func @coverage_values(%rows: tensor<1x4x?x3xf32>) {
  // expected-error@+1 {{expected 4 values for each query block, got 3 and 4}}
  %d, %m = pbs.head_coverage %rows
    : (tensor<1x4x?x3xf32>) -> (tensor<1x4x1xf32>, tensor<1x4x1xf32>)
  return
}

// -----

func.func @proxies_of_another_number(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>, %p: tensor<1x4x32x64xf32>) {
  // expected-error@+1 {{expected as many proxy rows as the proxy has, got 32 and 64}}
  %st = pbs.proxy_stats %q, %k, %p {proxy = #pbs.strided_rows<64>}
    : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x4x32x64xf32>) -> tensor<1x4x64x2xf32>
  return
}

// -----

func.func @proxies_of_another_type(%q: tensor<1x4x?x64xf16>, %k: tensor<1x2x?x64xf16>, %p: tensor<1x4x64x64xf32>) {
  // expected-error@+1 {{expected one element type, got 'f16' and 'f32'}}
  %st = pbs.proxy_stats %q, %k, %p {proxy = #pbs.strided_rows<64>}
    : (tensor<1x4x?x64xf16>, tensor<1x2x?x64xf16>, tensor<1x4x64x64xf32>) -> tensor<1x4x64x2xf32>
  return
}

// -----

func.func @gathered_rows(%q: tensor<1x4x?x64xf16>) {
  // expected-error@+1 {{expected dimension 2 of result 0 to be 64, got 32}}
  %p = pbs.gather_proxies %q {proxy = #pbs.strided_rows<64>}
    : (tensor<1x4x?x64xf16>) -> tensor<1x4x32x64xf16>
  return
}

// -----

func.func @sparse_attention_order_first(%q: tensor<1x4x?x64xf32>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, %l: !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>, %k: tensor<1x2x?x64xf32>, %o: tensor<?xi32>) {
  // expected-error @below {{expected an order of query blocks as the last operand, got 'tensor<?xi32>' before it}}
  %r, %lse = pbs.sparse_attention %q, %kv, %l, %o, %k {causal}
    : (tensor<1x4x?x64xf32>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>, tensor<?xi32>, tensor<1x2x?x64xf32>) -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
  return
}

// -----

func.func @order_of_another_segment(%q: tensor<1x4x?x64xf32>, %kv: !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, %l: !pbs.block_list<1x4x?x?, block = 128x128, segment = 512, causal>) {
  // expected-error @below {{expected the list to have the segment of the keys, 256, got 512}}
  %o = pbs.order_rows %q, %kv, %l {least_keys = 1}
    : (tensor<1x4x?x64xf32>, !pbs.permuted_kv<1x2x?x64xf32, block = 128, segment = 256>, !pbs.block_list<1x4x?x?, block = 128x128, segment = 512, causal>) -> tensor<?xi32>
  return
}

// -----

func.func @order_size(%q: tensor<1x4x256x64xf32>, %kv: !pbs.permuted_kv<1x2x256x64xf32, block = 128, segment = 256>, %l: !pbs.block_list<1x4x256x256, block = 128x128, segment = 256, causal>) {
  // expected-error @below {{expected dimension 0 of result 0 to be 8, got 9}}
  %o = pbs.order_rows %q, %kv, %l {least_keys = 256}
    : (tensor<1x4x256x64xf32>, !pbs.permuted_kv<1x2x256x64xf32, block = 128, segment = 256>, !pbs.block_list<1x4x256x256, block = 128x128, segment = 256, causal>) -> tensor<9xi32>
  return
}

// -----

func.func @order_of_few_keys(%q: tensor<1x4x256x64xf32>, %kv: !pbs.permuted_kv<1x2x256x64xf32, block = 128, segment = 256>, %l: !pbs.block_list<1x4x256x256, block = 128x128, segment = 256, causal>) {
  // expected-error @below {{expected dimension 0 of result 0 to be 0, got 8}}
  %o = pbs.order_rows %q, %kv, %l {least_keys = 257}
    : (tensor<1x4x256x64xf32>, !pbs.permuted_kv<1x2x256x64xf32, block = 128, segment = 256>, !pbs.block_list<1x4x256x256, block = 128x128, segment = 256, causal>) -> tensor<8xi32>
  return
}
