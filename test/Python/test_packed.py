# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Packed sequences on the CPU: each as if it were alone, bit for bit."""

import numpy
import pytest

import pbs_mlir
from test_attention import make

INVALID = pbs_mlir.InvalidArgumentError
# Longer and shorter than a block, empty in queries, in keys, in both.
LENGTHS_Q = (300, 0, 1, 129, 0, 70)
LENGTHS_K = (700, 40, 300, 0, 0, 600)


def begin(lengths):
    return numpy.cumsum([0, *lengths]).astype("int32")


def ranges(offsets):
    return [slice(int(a), int(b)) for a, b in zip(offsets, offsets[1:])]


def make_packed(lengths_q=LENGTHS_Q, lengths_k=LENGTHS_K, **options):
    """q, k, v and the offsets of queries and keys."""
    return (*make(queries=sum(lengths_q), keys=sum(lengths_k), **options),
            begin(lengths_q), begin(lengths_k))


def expect_same(got, expected):
    for x, y in zip(got, expected):
        numpy.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("dense_below", [None, 500])
def test_the_method_equals_each_sequence_alone(causal, dense_below):
    q, k, v, offsets_q, offsets_k = make_packed()
    options = dict(causal=causal, dense_below=dense_below, threshold=0.6,
                   return_lse=True)
    got = pbs_mlir.attention(q, k, v, cu_seqlens_q=offsets_q,
                             cu_seqlens_k=offsets_k, **options)
    for rows, keys in zip(ranges(offsets_q), ranges(offsets_k)):
        expect_same((x[:, :, rows] for x in got),
                    pbs_mlir.attention(q[:, :, rows], k[:, :, keys],
                                       v[:, :, keys], **options))
    empty = ranges(offsets_q)[3]
    assert (got[0][:, :, empty] == 0).all()
    assert (got[1][:, :, empty] == -numpy.inf).all()


def test_one_sequence_and_none():
    q, k, v = make(queries=200, keys=200)
    expected = pbs_mlir.attention(q, k, v)
    for offsets in ([0, 200], [0, 0, 200, 200], numpy.array([0, 200])):
        expect_same([pbs_mlir.attention(q, k, v, cu_seqlens_q=offsets)],
                    [expected])
    none = [x[:, :, :0] for x in (q, k, v)]
    for offsets in ([0], [0, 0, 0]):
        output = pbs_mlir.attention(*none, cu_seqlens_q=offsets)
        assert output.shape == (1, 4, 0, 64)


def test_tokens_before_heads():
    q, k, v, offsets_q, offsets_k = make_packed()
    expected = pbs_mlir.attention(q, k, v, cu_seqlens_q=offsets_q,
                                  cu_seqlens_k=offsets_k)
    tokens = [x[0].swapaxes(0, 1).copy() for x in (q, k, v)]  # [T, H, D]
    out = numpy.empty_like(tokens[0])
    views = [x.swapaxes(0, 1)[None] for x in (*tokens, out)]
    pbs_mlir.attention(*views[:3], out=views[3], cu_seqlens_q=offsets_q,
                       cu_seqlens_k=offsets_k)
    expect_same([out.swapaxes(0, 1)[None]], [expected])


def test_each_entry_of_a_batch_is_divided_alike():
    q, k, v, offsets_q, offsets_k = make_packed(batch=2)
    options = dict(cu_seqlens_q=offsets_q, cu_seqlens_k=offsets_k,
                   return_lse=True)
    for function in (pbs_mlir.attention, pbs_mlir.dense_attention):
        got = function(q, k, v, **options)
        for entry in (slice(0, 1), slice(1, 2)):
            expect_same((x[entry] for x in got),
                        function(q[entry], k[entry], v[entry], **options))
        none = [x[:0] for x in (q, k, v)]
        assert [x.shape[0] for x in function(*none, **options)] == [0, 0]


def make_lists(offsets_q, offsets_k, heads=4, seed=3):
    """For each sequence a bool mask [1, Hq, Mb, Nb], and packed ones."""
    rng = numpy.random.default_rng(seed)
    sizes = [(-(-(a.stop - a.start) // 128), -(-(b.stop - b.start) // 128))
             for a, b in zip(ranges(offsets_q), ranges(offsets_k))]
    masks = [rng.random((1, heads, *size)) < 0.6 for size in sizes]
    packed = numpy.zeros((1, heads, sum(m for m, _ in sizes),
                          max(n for _, n in sizes)), bool)
    row = 0
    for mask, (queries, keys) in zip(masks, sizes):
        packed[:, :, row:row + queries, :keys] = mask
        row += queries
    return masks, packed


def make_positions(offsets_k, kv_heads=2, seed=5):
    """int32 [1, Hkv, N]: keys change places inside their segments."""
    rng = numpy.random.default_rng(seed)
    parts = []
    for keys in ranges(offsets_k):
        count = keys.stop - keys.start
        part = numpy.tile(numpy.arange(count, dtype="int32"), (1, kv_heads, 1))
        for head in range(kv_heads):
            for segment in range(0, count - 255, 256):
                rng.shuffle(part[0, head, segment:segment + 256])
        parts.append(part)
    return numpy.concatenate(parts, axis=2)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("permuted", [True, False])
def test_lists_equal_each_sequence_alone(causal, permuted):
    q, k, v, offsets_q, offsets_k = make_packed()
    masks, packed = make_lists(offsets_q, offsets_k)
    positions = make_positions(offsets_k) if permuted else None
    options = dict(causal=causal, return_lse=True)
    got = pbs_mlir.sparse_attention(
        q, k, v, packed, key_positions=positions, cu_seqlens_q=offsets_q,
        cu_seqlens_k=offsets_k, **options)
    for mask, rows, keys in zip(masks, ranges(offsets_q), ranges(offsets_k)):
        expect_same(
            (x[:, :, rows] for x in got),
            pbs_mlir.sparse_attention(
                q[:, :, rows], k[:, :, keys], v[:, :, keys], mask,
                key_positions=positions[:, :, keys] if permuted else None,
                **options))


def test_lists_with_own_keys_equal_each_sequence_alone():
    q, k, v, offsets_q, offsets_k = make_packed()
    masks, packed = make_lists(offsets_q, offsets_k)
    positions = make_positions(offsets_k)
    moved = [numpy.empty_like(x) for x in (k, v)]
    for to, x in zip(moved, (k, v)):
        for keys in ranges(offsets_k):
            to[:, :, keys] = numpy.take_along_axis(
                x[:, :, keys], positions[:, :, keys, None], axis=2)
    got = pbs_mlir.sparse_attention(
        q, *moved, packed, key_positions=positions, own_keys=(k, v),
        cu_seqlens_q=offsets_q, cu_seqlens_k=offsets_k, return_lse=True)
    for mask, rows, keys in zip(masks, ranges(offsets_q), ranges(offsets_k)):
        expect_same(
            (x[:, :, rows] for x in got),
            pbs_mlir.sparse_attention(
                q[:, :, rows], *(x[:, :, keys] for x in moved), mask,
                key_positions=positions[:, :, keys],
                own_keys=(k[:, :, keys], v[:, :, keys]), return_lse=True))


STAGES = """
func.func @stages(%q: tensor<1x4x?x64xf32>, %k: tensor<1x4x?x64xf32>)
    -> (tensor<1x4x?xi32> {pbs.name = "positions"},
        tensor<1x4x?x?xi32> {pbs.name = "list"}) {
  %kv = pbs.kv_from_positions %k, %k
    : (tensor<1x4x?x64xf32>, tensor<1x4x?x64xf32>)
    -> !pbs.permuted_kv<1x4x?x64xf32, block = 128, segment = 256>
  %key, %value, %positions, %ranges = pbs.unpack_kv %kv
    : (!pbs.permuted_kv<1x4x?x64xf32, block = 128, segment = 256>)
    -> (tensor<1x4x?x64xf32>, tensor<1x4x?x64xf32>, tensor<1x4x?xi32>,
        tensor<1x4x?x2xi32>)
  %query_pool = pbs.pool %q {block = 128}
    : (tensor<1x4x?x64xf32>) -> tensor<1x4x?x64xf32>
  %key_pool = pbs.pool %key {block = 128}
    : (tensor<1x4x?x64xf32>) -> tensor<1x4x?x64xf32>
  %scores = pbs.block_scores %query_pool, %key_pool
    : (tensor<1x4x?x64xf32>, tensor<1x4x?x64xf32>) -> tensor<1x4x?x?xf32>
  %list = pbs.select_blocks %scores, %q, %kv {select = #pbs.top_p<0.5>}
    : (tensor<1x4x?x?xf32>, tensor<1x4x?x64xf32>,
       !pbs.permuted_kv<1x4x?x64xf32, block = 128, segment = 256>)
    -> !pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>
  %bits = pbs.unpack_block_list %list
    : (!pbs.block_list<1x4x?x?, block = 128x128, segment = 256, causal>)
    -> tensor<1x4x?x?xi32>
  return %positions, %bits : tensor<1x4x?xi32>, tensor<1x4x?x?xi32>
}"""


def test_outputs_have_the_rows_that_a_sequence_has_alone():
    # More than 32 key blocks: two words in a row of the list.
    lengths_q, lengths_k = (200, 60, 0, 130), (400, 4200, 30, 0)
    q, k, _, offsets_q, offsets_k = make_packed(lengths_q, lengths_k,
                                                kv_heads=4)
    program = pbs_mlir.compile(STAGES)
    offsets = dict(cu_seqlens_q=offsets_q, cu_seqlens_k=offsets_k)
    out = (numpy.full((1, 4, 4630), -1, "int32"),
           numpy.full((1, 4, 2 + 1 + 2, 2), -1, "int32"))
    program(q, k, out=out, **offsets)
    assert [x.shape for x in program(q, k, **offsets)] == [x.shape for x in out]
    row = 0
    for rows, keys in zip(ranges(offsets_q), ranges(offsets_k)):
        positions, bits = program(q[:, :, rows], k[:, :, keys])
        end = row + bits.shape[2]
        words = bits.shape[3]
        expect_same((out[0][:, :, keys], out[1][:, :, row:end, :words]),
                    (positions, bits))
        # What a shorter sequence does not need stays as it was.
        assert (out[1][:, :, row:end, words:] == -1).all()
        row = end


def test_density_and_mass_are_those_of_each_sequence():
    q, k, v, offsets_q, offsets_k = make_packed()
    names = ("density", "covered_mass")
    _, *got = pbs_mlir.attention(q, k, v, threshold=0.5, outputs=names,
                                 cu_seqlens_q=offsets_q, cu_seqlens_k=offsets_k)
    for i, (rows, keys) in enumerate(zip(ranges(offsets_q), ranges(offsets_k))):
        _, *own = pbs_mlir.attention(q[:, :, rows], k[:, :, keys], v[:, :, keys],
                                     threshold=0.5, outputs=names)
        expect_same([x[:, :, i:i + 1] for x in got], own)


def test_the_workspace_is_that_of_the_longest_sequence():
    q, k, v, offsets_q, offsets_k = make_packed()
    program = pbs_mlir.compile("""
        func.func @method(%q: tensor<1x4x?x64xf32>, %k: tensor<1x2x?x64xf32>,
                          %v: tensor<1x2x?x64xf32>) -> tensor<1x4x?x64xf32> {
          %o, %lse = pbs.permuted_attention %q, %k, %v {causal}
            : (tensor<1x4x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
            -> (tensor<1x4x?x64xf32>, tensor<1x4x?xf32>)
          return %o : tensor<1x4x?x64xf32>
        }""")
    offsets = dict(cu_seqlens_q=offsets_q, cu_seqlens_k=offsets_k)
    size = program.workspace_size(q, k, v, **offsets)
    assert size == max(
        program.workspace_size(q[:, :, rows], k[:, :, keys], v[:, :, keys])
        for rows, keys in zip(ranges(offsets_q), ranges(offsets_k)))
    memory = numpy.zeros(size // 4 + 64, "int32")
    memory = memory[-memory.ctypes.data % 256 // 4:]
    expect_same([program(q, k, v, workspace=memory[:size // 4], **offsets)],
                [program(q, k, v, **offsets)])
    with pytest.raises(INVALID, match=f"workspace of {size} bytes, got 256"):
        program(q, k, v, workspace=memory[:64], **offsets)


def test_bad_offsets():
    q, k, v = make(queries=300, keys=400)
    good = dict(cu_seqlens_q=[0, 100, 300], cu_seqlens_k=[0, 100, 400])
    for name, got, match in (
            ("q", [1, 100, 300], "query_offsets: expected the first offset to "
             "be 0, got 1"),
            ("q", [-1, 100, 300], "first offset to be 0, got -1"),
            ("k", [0, 401, 400], "key_offsets: expected offsets that do not "
             "decrease, got 401 and then 400 at 2"),
            ("k", [0, -5, 400], "do not decrease, got 0 and then -5 at 1"),
            ("q", [0, 100, 299], "the last offset to be the 300 rows of 'q', "
             "got 299"),
            ("k", [0, 100, 2**40], "the 400 rows of 'k', got 1099511627776"),
            ("k", [0, 400], "as many sequences as cu_seqlens_q, got 2 and 3"),
            ("q", [], "cu_seqlens_q: expected integers"),
            ("q", [[0, 300]], r"cu_seqlens_q: expected integers \[S \+ 1\]"),
            ("q", [0, [1, 2]], r"cu_seqlens_q: expected integers \[S \+ 1\], "
             r"got \[0, \[1, 2\]\]"),
            ("k", [0.0, 1.5, 400.0], "cu_seqlens_k: expected integers.*float64")):
        for function in (pbs_mlir.attention, pbs_mlir.dense_attention):
            with pytest.raises(INVALID, match=match):
                function(q, k, v, **{**good, "cu_seqlens_" + name: got})
    with pytest.raises(INVALID, match="cu_seqlens_k: expected cu_seqlens_q"):
        pbs_mlir.attention(q, k, v, cu_seqlens_k=[0, 400])


def test_bad_packed_tensors():
    q, k, v = make(queries=300, keys=400)
    offsets = dict(cu_seqlens_q=[0, 100, 300], cu_seqlens_k=[0, 100, 400])
    # Blocks of 128: one of the first sequence, two of the second.
    count, index = (numpy.zeros((1, 4, *x), "int32") for x in ((4,), (4, 3)))
    with pytest.raises(INVALID, match="'count': expected dimension 2 of the "
                       "packed sequences to be 3, got 4"):
        pbs_mlir.sparse_attention(q, k, v, (count, index), **offsets)
    with pytest.raises(INVALID, match="'v': expected dimension 2.*400, got 399"):
        pbs_mlir.attention(q, k, v[:, :, 1:], **offsets)
    with pytest.raises(INVALID, match="'output': expected dimension 2.*300, "
                       "got 200"):
        pbs_mlir.attention(q, k, v, out=q[:, :, :200].copy(), **offsets)
    with pytest.raises(INVALID, match="'output': expected memory of its own"):
        pbs_mlir.attention(q, k, v, out=q, **offsets)
    # An index of the second sequence that only the packed tensors would have.
    count[0, 0, 1], index[0, 0, 1] = 1, 3
    with pytest.raises(pbs_mlir.InvalidDataError, match="sequence 1: .*3"):
        pbs_mlir.sparse_attention(
            q, k, v, (count[:, :, :3], index[:, :, :3]), **offsets)


def test_programs_that_cannot_be_packed_are_refused():
    program = pbs_mlir.compile("""
        func.func @packed(%q: tensor<1x4x?x64xf32>, %p: tensor<?xi32>)
            -> tensor<1x4x?x64xf32> {
          %o = pbs.pool %q {block = 128}
            : (tensor<1x4x?x64xf32>) -> tensor<1x4x?x64xf32>
          return %o : tensor<1x4x?x64xf32>
        }""")
    q = make(queries=100)[0]
    with pytest.raises(pbs_mlir.UnsupportedError, match="rank of at least 3"):
        program(q, numpy.zeros(3, "int32"), cu_seqlens_q=[0, 100])
