# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs attention with the unpacked package alone."""
import numpy

import pbs_mlir
from pbs_mlir import _library

print("library:", _library.get()._name)
rng = numpy.random.default_rng(0)
q, k, v = (rng.standard_normal((1, 2, 200, 64), dtype=numpy.float32)
           for _ in range(3))
scores = q @ k.swapaxes(2, 3) / 8 + numpy.triu(
    numpy.full((200, 200), -numpy.inf), 1)
weights = numpy.exp(scores - scores.max(-1, keepdims=True))
expected = weights / weights.sum(-1, keepdims=True) @ v
got = pbs_mlir.dense_attention(q, k, v, causal=True)
print(f"attention: largest difference from numpy {abs(got - expected).max():.1e}")
