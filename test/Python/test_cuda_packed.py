# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Packed sequences on a CUDA device: each as if it were alone, bit for bit.

Needs PBS_CUDA_LIBRARY=libpbs_emu.so and PBS_CUDA_TARGET=compute_90a, or a GPU.
"""

import ctypes

import numpy
import pytest

import pbs_mlir
from device import DeviceArray, get_driver
from pbs_mlir import _attention, _library, _tensors
from test_attention import make
from test_cuda import INVALID, make_outputs, round_to, upload
from test_packed import begin, make_lists, make_positions, ranges

DTYPE = "bfloat16"
# Longer and shorter than a block, empty in queries, in keys; odd begins.
LENGTHS_Q = (130, 0, 1, 129, 70)
LENGTHS_K = (301, 40, 130, 0, 513)


def make_packed(lengths_q=LENGTHS_Q, lengths_k=LENGTHS_K):
    tensors = round_to(DTYPE, *make(queries=sum(lengths_q),
                                    keys=sum(lengths_k)))
    return tensors, begin(lengths_q), begin(lengths_k)


def part(array, rows):
    """Rows of an array on the host, as a tensor of their own on the device."""
    return DeviceArray(array[:, :, rows].copy(),
                       DTYPE if array.dtype == "float32" else None)


def expect_each_alone(function, tensors, offsets_q, offsets_k, arguments=(),
                      alone=None, **options):
    """`alone` gives the arguments of a sequence by its number."""
    q, k, v = tensors
    got = make_outputs(q, DTYPE)
    function(*upload(DTYPE, q, k, v), *arguments, out=got, return_lse=True,
             cu_seqlens_q=offsets_q, cu_seqlens_k=offsets_k, **options)
    got = [x.numpy() for x in got]
    assert not any(numpy.isnan(x).any() for x in got)
    for s, (rows, keys) in enumerate(zip(ranges(offsets_q), ranges(offsets_k))):
        expected = make_outputs(q[:, :, rows], DTYPE)
        own, more = alone(s, keys) if alone else ((), {})
        function(part(q, rows), part(k, keys), part(v, keys), *own,
                 out=expected, return_lse=True, **{**options, **more})
        for x, y in zip(got, expected):
            numpy.testing.assert_array_equal(x[:, :, rows], y.numpy())


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("dense_below", [0, 300])
def test_the_method_equals_each_sequence_alone(causal, dense_below):
    expect_each_alone(pbs_mlir.attention, *make_packed(), causal=causal,
                      threshold=0.6, dense_below=dense_below)


def test_dense_equals_each_sequence_alone():
    expect_each_alone(pbs_mlir.dense_attention, *make_packed())


def to_lists(mask):
    count = mask.sum(axis=-1, dtype="int32")
    index = numpy.argsort(~mask, axis=-1, kind="stable").astype("int32")
    return DeviceArray(count), DeviceArray(index)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("permuted", [True, False])
def test_lists_equal_each_sequence_alone(causal, permuted):
    tensors, offsets_q, offsets_k = make_packed()
    masks, packed = make_lists(offsets_q, offsets_k)
    positions = make_positions(offsets_k)

    def alone(s, keys):
        return (to_lists(masks[s]),), (
            {"key_positions": DeviceArray(positions[:, :, keys].copy())}
            if permuted else {})

    expect_each_alone(
        pbs_mlir.sparse_attention, tensors, offsets_q, offsets_k,
        (to_lists(packed),), alone, causal=causal,
        **({"key_positions": DeviceArray(positions)} if permuted else {}))


def test_lists_with_own_keys_equal_each_sequence_alone():
    (q, k, v), offsets_q, offsets_k = make_packed()
    masks, packed = make_lists(offsets_q, offsets_k)
    positions = make_positions(offsets_k)

    def alone(s, keys):
        return (to_lists(masks[s]),), {
            "key_positions": DeviceArray(positions[:, :, keys].copy()),
            "own_keys": upload(DTYPE, *(x[:, :, keys].copy() for x in (k, v)))}

    # What is permuted does not matter here.
    expect_each_alone(
        pbs_mlir.sparse_attention, (q, k, v), offsets_q, offsets_k,
        (to_lists(packed),), alone, key_positions=DeviceArray(positions),
        own_keys=upload(DTYPE, k, v))


def get_method(outputs):
    return _attention._get_program(
        device=_library.CUDA, query_heads=4, kv_heads=2, head_dim=64,
        dtype=_library.BF16, dense_below=-1, outputs=outputs,
        **_attention._get_method(True, None, 128, 256, 0.6, None, True,
                                 "share_mean", "last_rows", 128, 0))


def test_outputs_of_stages():
    (q, k, v), offsets_q, offsets_k = make_packed()
    program = get_method(_library.IMPORTANCE | _library.POSITIONS |
                         _library.BLOCK_LIST)

    def make_out(queries, keys, blocks):
        return (*make_outputs(numpy.empty((1, 4, queries, 64)), DTYPE)[:1],
                DeviceArray(numpy.zeros((1, 2, keys), "float32")),
                DeviceArray(numpy.zeros((1, 2, keys), "int32")),
                DeviceArray(numpy.zeros((1, 4, blocks, 1), "int32")))

    rows_of = [-(-n // 128) for n in LENGTHS_Q]
    got = make_out(q.shape[2], k.shape[2], sum(rows_of))
    program(*upload(DTYPE, q, k, v), out=got, cu_seqlens_q=offsets_q,
            cu_seqlens_k=offsets_k)
    got = [x.numpy() for x in got]
    for rows, keys, blocks in zip(ranges(offsets_q), ranges(offsets_k),
                                  ranges(begin(rows_of))):
        if rows.stop == rows.start or keys.stop == keys.start:
            continue
        expected = make_out(rows.stop - rows.start, keys.stop - keys.start,
                            blocks.stop - blocks.start)
        program(part(q, rows), part(k, keys), part(v, keys), out=expected)
        for x, y, own in zip(got, expected, (rows, keys, keys, blocks)):
            numpy.testing.assert_array_equal(x[:, :, own], y.numpy())


def test_a_graph_replays_packed_sequences(monkeypatch):
    (q, k, v), offsets_q, offsets_k = make_packed()
    program = get_method(_library.LSE)
    tensors = upload(DTYPE, q, k, v)
    offsets = dict(cu_seqlens_q=offsets_q, cu_seqlens_k=offsets_k)
    expected, got = make_outputs(q, DTYPE), make_outputs(q, DTYPE)
    # Loads the code, which a capture does not allow on every driver.
    program(*tensors, out=expected, **offsets)
    size = program.workspace_size(*tensors, **offsets)
    workspace = DeviceArray(numpy.zeros(size // 4, "int32"))
    driver = get_driver()
    stream, graph, run = (ctypes.c_void_p() for _ in range(3))
    driver.call("cuStreamCreate", ctypes.byref(stream), 1)
    monkeypatch.setattr(_tensors, "get_stream", lambda _: stream.value)
    driver.call("cuStreamBeginCapture_v2", stream, 0)
    program(*tensors, out=got, workspace=workspace, **offsets)
    driver.call("cuStreamEndCapture", stream, ctypes.byref(graph))
    assert numpy.isnan(got[0].numpy()).all()
    driver.call("cuGraphInstantiateWithFlags", ctypes.byref(run), graph,
                ctypes.c_ulonglong(0))
    for _ in range(2):
        for x in got:
            x.fill()
        driver.call("cuGraphLaunch", run, stream)
        driver.call("cuStreamSynchronize", stream)
        for x, y in zip(got, expected):
            numpy.testing.assert_array_equal(x.numpy(), y.numpy())
    driver.call("cuGraphExecDestroy", run)
    driver.call("cuGraphDestroy", graph)
    driver.call("cuStreamDestroy_v2", stream)


def test_errors_are_named():
    (q, k, v), offsets_q, offsets_k = make_packed()
    tensors, out = upload(DTYPE, q, k, v), make_outputs(q, DTYPE)[:1]
    offsets = dict(cu_seqlens_q=offsets_q, cu_seqlens_k=offsets_k)

    def refuse(match, error=INVALID, function=pbs_mlir.attention, **options):
        with pytest.raises(error, match=match):
            function(*tensors, out=out, **{**offsets, **options})

    refuse("cu_seqlens_k: expected offsets in the memory of the host.*device",
           cu_seqlens_k=DeviceArray(offsets_k))
    refuse("query_offsets: expected the last offset to be the 330 rows of 'q', "
           "got 329", cu_seqlens_q=[*offsets_q[:-1], 329])
    refuse("workspace of .* bytes, got 16", dense_below=0,
           workspace=DeviceArray(numpy.zeros(4, "int32")))
    assert numpy.isnan(out[0].numpy()).all()
    packed = _attention._get_program(
        device=_library.CUDA, query_heads=4, kv_heads=2, head_dim=64,
        dtype=_library.BF16, kind=_library.PACKED, causal=1, scale=0.0,
        outputs=0)
    with pytest.raises(pbs_mlir.UnsupportedError,
                       match="'query_offsets': expected a rank of at least 3"):
        packed(*tensors, DeviceArray(offsets_q), DeviceArray(offsets_k),
               out=out, **offsets)
