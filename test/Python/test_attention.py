# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention functions on numpy arrays, against f64."""

import threading

import numpy
import pytest

import pbs_mlir

# u of f32; the bound of the design is 4u(1+X), X the largest score.
UNIT = 2.0**-24


def make(batch=1, heads=4, kv_heads=2, queries=700, keys=700, dim=64, seed=0,
         dtype="float32"):
    """Normally distributed q, k, v."""
    rng = numpy.random.default_rng(seed)
    return tuple(
        rng.standard_normal((batch, h, n, dim)).astype(dtype)
        for h, n in ((heads, queries), (kv_heads, keys), (kv_heads, keys)))


def reference(q, k, v, causal=True, mask=None, slope=0):
    """Dense attention in f64: output and lse. `mask` [B,Hq,M,N] hides keys, and
    scores fall by `slope` with the distance."""
    group = q.shape[1] // k.shape[1]
    q, k, v = (x.astype("float64") for x in (q, k, v))
    k, v = k.repeat(group, axis=1), v.repeat(group, axis=1)
    scores = q @ k.swapaxes(2, 3) / numpy.sqrt(q.shape[3])
    queries, keys = q.shape[2], k.shape[2]
    position = numpy.arange(queries)[:, None] + keys - queries
    scores -= slope * (position - numpy.arange(keys))
    if causal:
        scores[..., numpy.arange(keys)[None, :] > position] = -numpy.inf
    if mask is not None:
        scores[~mask] = -numpy.inf
    top = scores.max(axis=-1, keepdims=True)
    top[top == -numpy.inf] = 0
    weights = numpy.exp(scores - top)
    total = weights.sum(axis=-1, keepdims=True)
    with numpy.errstate(divide="ignore", invalid="ignore"):
        output = numpy.where(total > 0, weights @ v / total, 0)
        return output, (top + numpy.log(total))[..., 0]


def row_error(got, expected):
    """Largest relative L2 error of a row."""
    norm = numpy.linalg.norm(expected, axis=-1)
    error = numpy.linalg.norm(got.astype("float64") - expected, axis=-1)
    return (error / numpy.where(norm > 0, norm, 1)).max()


def bound(q, k, extra=0.0):
    """What the design allows."""
    sizes = [numpy.linalg.norm(x.astype("float64"), axis=-1).max()
             for x in (q, k)]
    return 4 * UNIT * (1 + sizes[0] * sizes[1] / q.shape[3]**0.5) + extra


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("sizes", [(1, 1), (130, 130), (50, 600), (600, 50)])
def test_dense(causal, sizes):
    q, k, v = make(queries=sizes[0], keys=sizes[1])
    output, lse = pbs_mlir.dense_attention(q, k, v, causal=causal,
                                           return_lse=True)
    expected, expected_lse = reference(q, k, v, causal)
    assert row_error(output, expected) <= bound(q, k)
    numpy.testing.assert_allclose(lse, expected_lse, atol=1e-5)


def test_packed_sequences_see_themselves_only():
    q, k, v = make(queries=331, keys=390)
    offsets_q = numpy.array([0, 130, 131, 331], "int32")
    offsets_k = numpy.array([0, 70, 90, 390], "int32")
    output, lse = pbs_mlir.dense_attention(
        q, k, v, return_lse=True, cu_seqlens_q=offsets_q,
        cu_seqlens_k=offsets_k)
    for s in range(3):
        rows = slice(offsets_q[s], offsets_q[s + 1])
        keys = slice(offsets_k[s], offsets_k[s + 1])
        expected, expected_lse = reference(q[:, :, rows], k[:, :, keys],
                                           v[:, :, keys])
        assert row_error(output[:, :, rows], expected) <= bound(q, k)
        numpy.testing.assert_allclose(lse[:, :, rows], expected_lse, atol=1e-4)


@pytest.mark.parametrize("dtype,extra", [("float32", 0), ("float16", 4e-4)])
def test_everything_selected_is_dense(dtype, extra):
    q, k, v = make(dtype=dtype)
    output, lse = pbs_mlir.attention(q, k, v, threshold=1.0, return_lse=True)
    expected, expected_lse = reference(q, k, v)
    assert output.dtype == q.dtype
    assert row_error(output, expected) <= bound(q, k, extra)
    numpy.testing.assert_allclose(lse, expected_lse, atol=1e-3)


def test_bfloat16():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    q, k, v = (x.astype(ml_dtypes.bfloat16) for x in make())
    output = pbs_mlir.attention(q, k, v, threshold=1.0)
    assert output.dtype == ml_dtypes.bfloat16
    assert row_error(output, reference(q, k, v)[0]) <= bound(q, k, 3e-3)


def test_method_equals_its_stages():
    """attention == sparse_attention on its own permutation and blocks."""
    q, k, v = make(queries=1500, keys=1500)
    options = dict(threshold=0.5)
    output = pbs_mlir.attention(q, k, v, **options)
    positions = pbs_mlir.permutation(q, k)
    mask = pbs_mlir.select_blocks(q, k, **options)
    assert mask.shape == (1, 4, 12, 12) and 0 < mask.mean() < 0.5
    permuted_k, permuted_v = (
        numpy.take_along_axis(x, positions[..., None], axis=2)
        for x in (k, v))
    again = pbs_mlir.sparse_attention(q, permuted_k, permuted_v, mask,
                                      key_positions=positions)
    numpy.testing.assert_array_equal(output, again)
    # Own segments are whole without being listed.
    earlier = mask & (numpy.arange(12)[None] < numpy.arange(12)[:, None] // 2 * 2)
    assert earlier.sum() < mask.sum()
    again = pbs_mlir.sparse_attention(q, permuted_k, permuted_v, earlier,
                                      key_positions=positions, own_keys=(k, v))
    numpy.testing.assert_array_equal(output, again)
    # Against f64: the mask in terms of original keys.
    keys = numpy.zeros((1, 4, 1500, 1500), bool)
    for head in range(4):
        permuted = mask[0, head].repeat(128, axis=0).repeat(128, axis=1)
        keys[0, head][:, positions[0, head // 2]] = permuted[:1500, :1500]
    assert row_error(output, reference(q, k, v, mask=keys)[0]) <= bound(q, k)


def test_outputs_are_named():
    q, k, v = make(queries=900, keys=1300)
    names = ("covered_mass", "positions", "density", "block_list", "importance",
             "scores")
    output, lse, *others = pbs_mlir.attention(q, k, v, threshold=0.5,
                                              return_lse=True, outputs=names)
    expected = pbs_mlir.attention(q, k, v, threshold=0.5, return_lse=True)
    numpy.testing.assert_array_equal(output, expected[0])
    numpy.testing.assert_array_equal(lse, expected[1])
    results = dict(zip(names, others))
    positions, importance = pbs_mlir.permutation(q, k, return_importance=True)
    numpy.testing.assert_array_equal(results["positions"], positions)
    numpy.testing.assert_array_equal(results["importance"], importance)
    mask = pbs_mlir.select_blocks(q, k, threshold=0.5)
    bits = numpy.unpackbits(results["block_list"].view("uint8"), axis=-1,
                            bitorder="little")[..., :mask.shape[3]]
    numpy.testing.assert_array_equal(bits, mask)

    # What the documentation says they are.
    first = positions.repeat(2, axis=1)
    first = numpy.pad(first, ((0, 0), (0, 0), (0, -1300 % 128)),
                      constant_values=2**30)
    first = first.reshape(1, 4, -1, 128).min(axis=-1)
    last = numpy.minimum(numpy.arange(1, 9) * 128, 900) - 1 + 400
    possible = first[:, :, None, :] <= last[:, None]
    density = (mask & possible).sum(axis=(2, 3)) / possible.sum(axis=(2, 3))
    assert results["density"].shape == (1, 4, 1)
    numpy.testing.assert_allclose(results["density"][..., 0], density, rtol=1e-6)
    mass = numpy.exp(results["scores"].astype("float64"))
    mass /= mass.sum(axis=-1, keepdims=True)
    covered = (mass * mask).sum(axis=-1).mean(axis=-1)
    numpy.testing.assert_allclose(results["covered_mass"][..., 0], covered,
                                  rtol=1e-5)
    assert (0.5 <= covered).all() and (covered < 1).all()


def test_outputs_go_where_they_are_asked_for():
    q, k, v = make(queries=300, keys=700)
    names = ("density", "lse", "positions")
    expected = pbs_mlir.attention(q, k, v, outputs=names)
    out = tuple(numpy.full_like(x, -1) for x in expected)
    pbs_mlir.attention(q, k, v, outputs=names, out=out)
    for x, y in zip(out, expected):
        numpy.testing.assert_array_equal(x, y)


def test_everything_selected_is_covered():
    q, k, v = make(queries=900, keys=900)
    for causal in (True, False):
        _, density, mass = pbs_mlir.attention(
            q, k, v, causal=causal, threshold=1,
            outputs=("density", "covered_mass"))
        assert (density == 1).all() and (mass == 1).all()


def test_permutation_stays_inside_segments():
    q, k, _ = make(queries=900, keys=900)
    positions, importance = pbs_mlir.permutation(q, k, return_importance=True)
    for head in range(2):
        for begin in (0, 256, 512):
            segment = positions[0, head, begin:begin + 256]
            assert sorted(segment) == list(range(begin, begin + 256))
            values = importance[0, head][segment]
            assert (values[:-1] >= values[1:]).all()
        assert (positions[0, head, 768:] == numpy.arange(768, 900)).all()


def test_lists_of_the_caller():
    q, k, v = make(queries=300, keys=300)
    mask = numpy.random.default_rng(1).random((1, 4, 3, 3)) < 0.6
    output, lse = pbs_mlir.sparse_attention(q, k, v, mask, return_lse=True)
    keys = mask.repeat(128, axis=2).repeat(128, axis=3)[..., :300, :300]
    expected, expected_lse = reference(q, k, v, mask=keys)
    assert row_error(output, expected) <= bound(q, k)
    numpy.testing.assert_allclose(lse, expected_lse, atol=1e-5)


def test_strides_are_taken_as_they_are():
    q, k, v = make(queries=300, keys=500)
    expected = pbs_mlir.attention(q, k, v)
    inside = [numpy.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1, 2)
              for x in (q, k, v)]
    out = numpy.full((1, 300, 4, 80), 7, "float32")
    result = pbs_mlir.attention(*inside, out=out.swapaxes(1, 2)[..., :64])
    assert result.base is not None
    numpy.testing.assert_array_equal(out[..., :64].swapaxes(1, 2), expected)
    assert (out[..., 64:] == 7).all()


def test_threads_share_a_program():
    inputs = make(queries=600, keys=600)
    expected = pbs_mlir.attention(*inputs)
    results = [None] * 8

    def work(i):
        results[i] = pbs_mlir.attention(*inputs, num_threads=1 + i % 2)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        numpy.testing.assert_array_equal(result, expected)


def test_workspace_of_the_caller():
    q, k, v = make()
    program = pbs_mlir.compile(IR)
    size = program.workspace_size(q, k, v)
    memory = numpy.zeros(size // 4 + 64, "int32")
    offset = -memory.ctypes.data % 256 // 4
    output = program(q, k, v, workspace=memory[offset:])
    numpy.testing.assert_array_equal(output, program(q, k, v))
    with pytest.raises(pbs_mlir.InvalidArgumentError, match=str(size)):
        program(q, k, v, workspace=memory[offset:offset + 64])


IR = """
func.func @prefill(%q: tensor<?x4x?x64xf32> {pbs.name = "query"},
                   %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>)
    -> tensor<?x4x?x64xf32> {
  %o, %lse = pbs.permuted_attention %q, %k, %v {causal}
    : (tensor<?x4x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>)
    -> (tensor<?x4x?x64xf32>, tensor<?x4x?xf32>)
  return %o : tensor<?x4x?x64xf32>
}
"""


def test_programs(tmp_path):
    q, k, v = make()
    program = pbs_mlir.compile(IR)
    assert [a.name for a in program.arguments] == ["query", "arg1", "arg2",
                                                   "result0"]
    assert program.device == "cpu" and "plan" in program.report
    expected = pbs_mlir.attention(q, k, v)
    numpy.testing.assert_array_equal(program(q, k, v), expected)
    path = tmp_path / "prefill.pbs"
    program.save(path)
    numpy.testing.assert_array_equal(pbs_mlir.load(path)(q, k, v), expected)


def test_cache(tmp_path):
    def outcome():
        report = pbs_mlir.compile(IR, cache_dir=tmp_path).report
        return report.split("\n")[0]
    assert "miss" in outcome()
    assert "hit" in outcome()
    entry, = tmp_path.glob("*.pbs")
    entry.write_bytes(entry.read_bytes()[:-100])
    assert "damaged" in outcome()
    assert "hit" in outcome()


class DLPack:
    """A tensor that offers nothing but DLPack."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_dlpack():
    q, k, v = make()
    k_inside = numpy.ascontiguousarray(k.swapaxes(1, 2)).swapaxes(1, 2)
    output = pbs_mlir.attention(DLPack(q), DLPack(k_inside), DLPack(v))
    numpy.testing.assert_array_equal(output, pbs_mlir.attention(q, k, v))
