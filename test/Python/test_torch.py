# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tensors of torch, where it is installed."""

import os
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

import pbs_mlir  # noqa: E402


def make(dtype=torch.bfloat16, queries=500, keys=700):
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(1, h, n, 64, generator=generator).to(dtype)
                 for h, n in ((4, queries), (2, keys), (2, keys)))


def test_attention():
    q, k, v = make()
    output, lse = pbs_mlir.attention(q, k, v, threshold=1.0, return_lse=True)
    assert output.dtype == torch.bfloat16 and lse.dtype == torch.float32
    keys, values = (x.double().repeat_interleave(2, 1) for x in (k, v))
    hidden = torch.ones(500, 700, dtype=torch.bool).triu(201)
    scores = q.double() @ keys.transpose(2, 3) / 8
    expected = scores.masked_fill(hidden, -torch.inf).softmax(-1) @ values
    error = (output.double() - expected).norm(dim=-1) / expected.norm(dim=-1)
    assert error.max() < 3.1e-3


def test_strided_views_and_dlpack():
    q, k, v = make()
    expected = pbs_mlir.attention(q, k, v)
    inside = [x.transpose(1, 2).contiguous().transpose(1, 2)
              for x in (q, k, v)]
    assert torch.equal(pbs_mlir.attention(*inside), expected)
    out = torch.empty_like(expected)

    class DLPack:
        def __init__(self, tensor):
            self.tensor = tensor

        def __dlpack__(self, **options):
            return self.tensor.__dlpack__(**options)

    pbs_mlir.attention(*map(DLPack, (q, k, v)), out=out)
    assert torch.equal(out, expected)


def test_gradients_are_refused():
    q, k, v = make(torch.float32)
    with pytest.raises(pbs_mlir.UnsupportedError, match="without gradient"):
        pbs_mlir.attention(q.requires_grad_(), k, v)
    with torch.no_grad():
        pbs_mlir.attention(q, k, v)


@pytest.mark.parametrize("order", ["torch, pbs_mlir", "pbs_mlir, torch"])
def test_import_order(order):
    code = (f"import {order}\n"
            "q = torch.randn(1, 2, 300, 64)\n"
            "print(pbs_mlir.attention(q, q, q).shape)\n")
    result = subprocess.run([sys.executable, "-c", code], env=os.environ,
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "300" in result.stdout
