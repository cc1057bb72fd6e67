# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Each message names the value and the expectation."""

import os
import resource

import numpy
import pytest

import pbs_mlir
from pbs_mlir import _attention, _library
from test_attention import IR, make


def check(error, pattern, function, *args, **kwargs):
    with pytest.raises(error, match=pattern) as info:
        function(*args, **kwargs)
    assert isinstance(info.value, pbs_mlir.PbsError)


INVALID = pbs_mlir.InvalidArgumentError


def test_shapes():
    q, k, v = make()
    check(INVALID, r"'q': expected shape \[B, H, N, D\], got \[4, 700, 64\]",
          pbs_mlir.attention, q[0], k, v)
    check(INVALID, "same length.*700.*600", pbs_mlir.attention, q, k,
          v[:, :, :600])
    check(ValueError, "64.*32", pbs_mlir.attention, q, k[..., :32].copy(),
          v[..., :32].copy())
    check(pbs_mlir.PbsError, "4.*3|3.*4", pbs_mlir.attention, q,
          *make(kv_heads=3)[1:])
    check(INVALID, "out: expected 1 tensors", pbs_mlir.attention, q, k, v,
          out=(q, q))
    check(INVALID, "'output'", pbs_mlir.attention, q, k, v,
          out=numpy.empty((1, 4, 699, 64), "float32"))


def test_strides_and_dtypes():
    q, k, v = make()
    wide = numpy.zeros((1, 4, 700, 128), "float32")
    check(INVALID, r"contiguous last dimension, got strides \(.*, 2\)",
          pbs_mlir.attention, wide[..., ::2], k, v)
    check(INVALID, "expected dtype float32.*got float64", pbs_mlir.attention,
          q.astype("float64"), k, v)
    check(INVALID, "'k'.*f32.*f16", pbs_mlir.attention, q,
          k.astype("float16"), v)
    with pytest.raises(TypeError, match="expected a numpy array"):
        pbs_mlir.attention([1, 2], k, v)


def test_options():
    q, k, v = make()
    check(pbs_mlir.PbsError, "96.*128|multiple", pbs_mlir.attention, q, k, v,
          segment=96)
    check(INVALID, "threshold, got -1", pbs_mlir.attention, q, k, v,
          threshold=-1)
    check(INVALID, "sharing: expected one of share_mean.*got 'none'",
          pbs_mlir.attention, q, k, v, sharing="none")
    check(INVALID, "outputs: expected one of lse.*got 'mass'",
          pbs_mlir.attention, q, k, v, outputs=("mass",))
    check(INVALID, "outputs: expected each name once, got 'lse' twice",
          pbs_mlir.attention, q, k, v, return_lse=True, outputs=("lse",))
    check(INVALID, r"out: expected 2 tensors \(output, density\), got 1",
          pbs_mlir.attention, q, k, v, outputs="density", out=q.copy())
    check(INVALID, "outputs 2 do not exist", pbs_mlir.attention, q, k, v,
          permute=False, outputs="importance")
    check(INVALID, "scale, got nan", pbs_mlir.attention, q, k, v,
          scale=float("nan"))
    check(pbs_mlir.PbsError, "60", pbs_mlir.attention,
          *(x[..., :60].copy() for x in (q, k, v)))


def test_lists():
    q, k, v = make(queries=300, keys=300)
    count = numpy.ones((1, 4, 3), "int32")
    index = numpy.zeros((1, 4, 3, 3), "int32")
    index[0, 2, 1, 0] = 9
    check(pbs_mlir.InvalidDataError, "9", pbs_mlir.sparse_attention, q, k, v,
          (count, index))
    check(INVALID, "bool mask", pbs_mlir.sparse_attention, q, k, v, index)
    index[0, 2, 1, 0] = 0
    check(INVALID, "own_keys: expected \\(k, v\\), got ndarray",
          pbs_mlir.sparse_attention, q, k, v, (count, index), own_keys=k)
    check(INVALID, "own_keys: expected causal", pbs_mlir.sparse_attention, q, k, v,
          (count, index), own_keys=(k, v), causal=False)
    check(INVALID, "own segments of the shape of all.* 299",
          pbs_mlir.sparse_attention, q, k, v, (count, index),
          own_keys=(k[:, :, :299], v))


def test_ir():
    check(pbs_mlir.CompileError, "1:7: error", pbs_mlir.compile, "func @")
    with pytest.raises(pbs_mlir.CompileError, match="prefill.*'other'"):
        pbs_mlir.compile(IR, function="other")
    check(pbs_mlir.UnsupportedError, "sm_12", pbs_mlir.compile, IR,
          target="sm_12")
    check(pbs_mlir.CompileError, "head",
          pbs_mlir.compile, IR.replace("?x2x", "?x3x"))


def test_files(tmp_path):
    check(pbs_mlir.FileError, "missing.pbs", pbs_mlir.load,
          tmp_path / "missing.pbs")
    (tmp_path / "foreign.pbs").write_bytes(b"not a bundle at all")
    check(pbs_mlir.BadBundleError, "", pbs_mlir.load, tmp_path / "foreign.pbs")
    program = pbs_mlir.compile(IR)
    check(pbs_mlir.FileError, "nowhere", program.save,
          tmp_path / "nowhere" / "x.pbs")
    (tmp_path / "file").write_text("")
    check(pbs_mlir.FileError, "cache directory.*file", pbs_mlir.compile, IR,
          cache_dir=tmp_path / "file" / "cache")
    q, k, v = make()
    check(INVALID, "expected 3 inputs", program, q, k)
    assert not list(tmp_path.glob("*.tmp*"))
    assert program(q, k, v).shape == q.shape


def test_full_disk_leaves_nothing(tmp_path):
    """Files are limited to a size that no bundle has."""
    program = pbs_mlir.compile(IR)
    path = tmp_path / "prefill.pbs"
    path.write_bytes(b"before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        check(pbs_mlir.FileError, "cannot write '.*prefill.pbs': File too "
              "large", program.save, path)
        # The disk cache goes without the entry.
        program = pbs_mlir.compile(IR, cache_dir=tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"before"
    assert sorted(os.listdir(tmp_path)) == ["cache", "prefill.pbs"]
    assert not list((tmp_path / "cache").glob("*.pbs*"))
    q, k, v = make()
    assert program(q, k, v).shape == q.shape


def test_outputs_that_are_read_only_are_refused():
    q, k, v = make()
    out = numpy.zeros_like(q)
    pbs_mlir.dense_attention(q, k, v, out=out)
    before = out.copy()
    out.setflags(write=False)
    with pytest.raises(pbs_mlir.InvalidArgumentError,
                       match="'output': expected an array that can be written"):
        pbs_mlir.dense_attention(q + 1, k, v, out=out)
    assert (out == before).all()


def test_outputs_that_overlap_are_refused():
    q, k, v = make(queries=60, keys=60)
    memory = numpy.zeros(4 * 60 * 64, "float32")

    def view(*strides):
        return numpy.lib.stride_tricks.as_strided(
            memory, q.shape, [4 * s for s in strides])

    for strides, match in (
            ((0, 0, 64, 1), "stride 0 in dimension 1"),
            ((0, 3840, 63, 1), "strides 63 and 1 in dimensions 2 and 3"),
            ((0, 128, 64, 1), "strides 128 and 64 in dimensions 1 and 2 of "
             "shape 1x4x60x64")):
        with pytest.raises(pbs_mlir.InvalidArgumentError,
                           match="'output': expected an output without overlap, "
                           "got " + match):
            pbs_mlir.dense_attention(q, k, v, out=view(*strides))
    # A stride that is never taken, and heads inside of rows.
    for strides in ((7, 3840, 64, 1), (0, 64, 256, 1)):
        pbs_mlir.dense_attention(q, k, v, out=view(*strides))


def test_own_keys_of_other_attention():
    """The configuration of the C interface refuses what the function cannot ask."""
    check(INVALID, "has_own_keys with causal sparse attention only",
          _attention._get_program, device=_library.CPU, kind=_library.PERMUTED,
          query_heads=4, kv_heads=2, head_dim=64, dtype=_library.F32, causal=1,
          has_own_keys=1)
