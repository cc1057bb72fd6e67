# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Permuted block-sparse attention (arXiv 2510.21270), compiled.

Tensors are numpy arrays, torch tensors or objects with `__dlpack__`, of shape
[B, H, N, D], of any strides with a contiguous last dimension. They are never
copied.
"""

from ._attention import (attention, dense_attention, permutation,
                         select_blocks, sparse_attention)
from ._library import (BadBundleError, CompileError, DeviceError, FileError,
                       InvalidArgumentError, InvalidDataError,
                       OutOfMemoryError, PbsError, UnsupportedError)
from ._library import get as _get_library
from ._program import Argument, Program, Trace, compile, load  # pylint: disable=redefined-builtin

__all__ = [
    "Argument", "BadBundleError", "CompileError", "DeviceError", "FileError",
    "InvalidArgumentError", "InvalidDataError", "OutOfMemoryError", "PbsError",
    "Program", "Trace", "UnsupportedError", "attention", "compile",
    "dense_attention", "load", "permutation", "select_blocks",
    "sparse_attention", "version",
]


def version():
    """Version of the library."""
    return _get_library().pbs_version().decode(errors="replace")
