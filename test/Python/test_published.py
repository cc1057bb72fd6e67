# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The policies of the published code against the equations of the paper.

Written from arXiv 2510.21270v2 in numpy and f64, independently of the f64
reference in C++: one head at a time, M = N, N a multiple of the segment.
"""

import numpy
import pytest

import pbs_mlir
from test_attention import UNIT, bound, make, row_error

HEADS, DIM, LENGTH, BLOCK, SEGMENT = 4, 64, 2048, 128, 256
BLOCKS = LENGTH // BLOCK

# All stages by hand, so that the results between them can be seen.
IR = """
!q = tensor<1x4x?x64xf32>
!k = tensor<1x2x?x64xf32>
!k_per_head = tensor<1x4x?x64xf32>
!pool = tensor<1x4x?x64xf32>
!stats = tensor<1x4x128x2xf32>
!row = tensor<1x4x?xf32>
!scores = tensor<1x4x?x?xf32>
!permutation = !pbs.permutation<1x4x?, segment = 256>
!kv = !pbs.permuted_kv<1x4x?x64xf32, block = 128, segment = 256>
!list = !pbs.block_list<1x4x?x?, block = 128x128, segment = 256@CAUSAL_TYPE@>

func.func @published(%q: !q, %k: !k, %v: !k)
    -> (!q, !row, !row, tensor<1x4x?xi32>, !scores, tensor<1x4x?x?xi32>) {
  %stats = pbs.proxy_stats %q, %k
    {segment = 256, proxy = #pbs.last_rows<128>, sharing = #pbs.per_query_head}
    : (!q, !k) -> !stats
  %importance = pbs.column_importance %q, %k, %stats
    {segment = 256, proxy = #pbs.last_rows<128>, sharing = #pbs.per_query_head}
    : (!q, !k, !stats) -> !row
  %permutation = pbs.sort_segments %importance : (!row) -> !permutation
  %kv = pbs.permute_kv %k, %v, %permutation : (!k, !k, !permutation) -> !kv
  %key, %value, %positions, %ranges = pbs.unpack_kv %kv
    : (!kv) -> (!k_per_head, !k_per_head, tensor<1x4x?xi32>, tensor<1x4x?x2xi32>)
  %query_pool = pbs.pool %q {block = 128} : (!q) -> !pool
  %key_pool = pbs.pool %key {block = 128} : (!k_per_head) -> !pool
  %scores = pbs.block_scores %query_pool, %key_pool : (!pool, !pool) -> !scores
  %list = pbs.select_blocks %scores, %q, %kv
    {select = #pbs.reference_top_p<0.9>, forced = #pbs.whole_own_and_sink}
    : (!scores, !q, !kv) -> !list
  %o, %lse = pbs.sparse_attention %q, %kv, %list @CAUSAL@
    : (!q, !kv, !list) -> (!q, !row)
  %bits = pbs.unpack_block_list %list : (!list) -> tensor<1x4x?x?xi32>
  return %o, %lse, %importance, %positions, %scores, %bits
    : !q, !row, !row, tensor<1x4x?xi32>, !scores, tensor<1x4x?x?xi32>
}
"""


def softmax(x):
    weights = numpy.exp(x - x.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def sort_keys(importance):
    """Equation 8: within each segment, by falling importance."""
    order = []
    for begin in range(0, LENGTH, SEGMENT):
        row = importance[begin:begin + SEGMENT]
        order.extend(begin + numpy.argsort(-row, kind="stable"))
    return numpy.array(order)


def select(scores, first, causal, threshold=0.9):
    """Section 4.3: per query block the fewest blocks, by falling probability,
    that reach the threshold, and the query block's own segment; besides, the
    block `first` that holds key position 0. Returns the mask and the smallest
    distance of a sum from the threshold."""
    mask, margin = numpy.zeros((BLOCKS, BLOCKS), bool), 1.0
    per_segment = SEGMENT // BLOCK
    for row in range(BLOCKS):
        own = row // per_segment * per_segment
        others = [c for c in range(BLOCKS)
                  if c < own or (not causal and c >= own + per_segment)]
        if others:
            probability = softmax(scores[row, others])
            order = numpy.argsort(-probability, kind="stable")
            sums = numpy.cumsum(probability[order])
            margin = min(margin, abs(sums - threshold).min())
            if sums[-1] >= threshold:
                count = numpy.argmax(sums >= threshold) + 1
                mask[row, numpy.array(others)[order[:count]]] = True
        mask[row, own:own + per_segment] = True
        mask[row, first] = True
    return mask, margin


@pytest.mark.parametrize("causal", [True, False])
def test_published_code(causal):
    ir = IR.replace("@CAUSAL@", "{causal}" if causal else "")
    ir = ir.replace("@CAUSAL_TYPE@", ", causal" if causal else "")
    program = pbs_mlir.compile(ir)
    q, k, v = make(heads=HEADS, queries=LENGTH, keys=LENGTH, seed=5)
    # Blocks with a direction of their own, so that their scores differ.
    rng = numpy.random.default_rng(6)
    for x in (q, k):
        blocks = rng.standard_normal((1, x.shape[1], BLOCKS, DIM))
        x += blocks.repeat(BLOCK, axis=2).astype("float32")
    results = program(q, k, v)
    output, lse, importance, positions, scores, bits = (x[0] for x in results)
    selected = 0
    for head in range(HEADS):
        query = q[0, head].astype("float64")
        key, value = (x[0, head // 2].astype("float64") for x in (k, v))
        # Equation 7: mean attention of the last query block.
        expected = softmax(query[-BLOCK:] @ key.T / DIM**0.5).mean(axis=0)
        numpy.testing.assert_allclose(importance[head], expected, rtol=1e-5)
        order = sort_keys(importance[head])
        numpy.testing.assert_array_equal(positions[head], order)
        key, value = key[order], value[order]
        # Equation 5: scores of pooled blocks.
        pools = [x.reshape(BLOCKS, BLOCK, DIM).mean(axis=1)
                 for x in (query, key)]
        expected = pools[0] @ pools[1].T / DIM**0.5
        numpy.testing.assert_allclose(scores[head], expected, atol=1e-6)
        blocks, margin = select(expected, order.argmin() // BLOCK, causal)
        assert margin > 1e-6, "the input is too close to the threshold"
        mask = bits[head, :, 0, None] >> numpy.arange(BLOCKS) & 1
        numpy.testing.assert_array_equal(mask, blocks)
        selected += blocks.mean() / HEADS
        # Attention over what is selected, masked by original position.
        visible = blocks.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
        if causal:
            visible &= order <= numpy.arange(LENGTH)[:, None]
        logits = numpy.where(visible, query @ key.T / DIM**0.5, -numpy.inf)
        error = row_error(output[head], softmax(logits) @ value)
        assert error <= bound(q, k)
        expected = numpy.log(numpy.exp(logits).sum(axis=-1))
        numpy.testing.assert_allclose(lse[head], expected, atol=64 * UNIT)
    assert 0.1 < selected < 0.9


def test_short_sequences_stay_in_order():
    """One segment: nothing to permute, dense attention."""
    q, k, v = make(queries=SEGMENT, keys=SEGMENT)
    numpy.testing.assert_array_equal(
        pbs_mlir.permutation(q, k)[0],
        numpy.tile(numpy.arange(SEGMENT), (2, 1)))
    numpy.testing.assert_array_equal(pbs_mlir.attention(q, k, v),
                                     pbs_mlir.dense_attention(q, k, v))
