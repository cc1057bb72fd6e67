# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""libpbs.so through ctypes: the declarations of pbs.h, and its errors."""

import ctypes
import os
import pathlib
import sys
import threading

F32, F16, BF16, I32 = range(4)
CPU, CUDA = 1, 2

# Bits of pbs_output, in the order of the outputs.
LSE, IMPORTANCE, POSITIONS, SCORES, BLOCK_LIST, STAGES_ONLY = 1, 2, 4, 8, 16, 32
OUTPUTS = {"lse": LSE, "importance": IMPORTANCE, "positions": POSITIONS,
           "scores": SCORES, "block_list": BLOCK_LIST, "density": 64,
           "covered_mass": 128}

PERMUTED, SPARSE, DENSE, PACKED = range(4)
TOP_P, TOP_K, REFERENCE_TOP_P = range(3)
PROXIES = {"last_rows": 0, "strided_rows": 1, "random_rows": 2}
SHARINGS = {"share_mean": 0, "average_query": 1, "per_query_head": 2}


class PbsError(RuntimeError):
    """An error of the library. The subclass says which kind it is."""


class InvalidArgumentError(PbsError, ValueError):
    """A shape, stride, dtype, size or option is wrong."""


class UnsupportedError(PbsError, NotImplementedError):
    """This build, device or library cannot do what was asked."""


class CompileError(PbsError):
    """IR does not parse, verify or compile."""


class BadBundleError(PbsError):
    """Bytes are not a bundle of this version, or are damaged."""


class OutOfMemoryError(PbsError, MemoryError):
    """There is no memory for the workspace."""


class DeviceError(PbsError):
    """The driver or the device reported an error."""


class FileError(PbsError, OSError):
    """A file or directory could not be read or written."""


class InvalidDataError(PbsError, ValueError):
    """Checked mode found bad contents of a tensor."""


_ERRORS = (None, InvalidArgumentError, UnsupportedError, CompileError,
           BadBundleError, OutOfMemoryError, DeviceError, FileError,
           InvalidDataError)


class Tensor(ctypes.Structure):
    """pbs_tensor."""
    _fields_ = [("data", ctypes.c_void_p), ("dtype", ctypes.c_int),
                ("device", ctypes.c_int), ("device_id", ctypes.c_int32),
                ("rank", ctypes.c_int32),
                ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64))]


class _Sized(ctypes.Structure):
    """A structure that begins with its own size."""

    def __init__(self, **fields):
        super().__init__(struct_size=ctypes.sizeof(type(self)), **fields)


class ArgumentInfo(_Sized):
    """pbs_argument_info."""
    _fields_ = [("struct_size", ctypes.c_size_t), ("name", ctypes.c_char_p),
                ("is_output", ctypes.c_int32), ("dtype", ctypes.c_int),
                ("rank", ctypes.c_int32)]


class Packing(_Sized):
    """pbs_packing."""
    _fields_ = [("struct_size", ctypes.c_size_t),
                ("num_sequences", ctypes.c_size_t),
                ("query_offsets", ctypes.POINTER(ctypes.c_int64)),
                ("key_offsets", ctypes.POINTER(ctypes.c_int64))]


class TraceInfo(_Sized):
    """pbs_trace_info."""
    _fields_ = [("struct_size", ctypes.c_size_t), ("kernel", ctypes.c_char_p),
                ("offset", ctypes.c_size_t), ("num_blocks", ctypes.c_size_t)]


class RunOptions(_Sized):
    """pbs_run_options."""
    _fields_ = [("struct_size", ctypes.c_size_t), ("stream", ctypes.c_void_p),
                ("workspace", ctypes.c_void_p),
                ("workspace_size", ctypes.c_size_t),
                ("num_threads", ctypes.c_int32), ("checked", ctypes.c_int32)]


class CompileOptions(_Sized):
    """pbs_compile_options."""
    _fields_ = [("struct_size", ctypes.c_size_t), ("target", ctypes.c_char_p),
                ("function", ctypes.c_char_p), ("no_cache", ctypes.c_int32),
                ("cache_dir", ctypes.c_char_p), ("no_fusion", ctypes.c_int32),
                ("ptxas", ctypes.c_char_p), ("keep_ptx", ctypes.c_int32),
                ("pipeline_options", ctypes.c_char_p)]


class AttentionConfig(_Sized):
    """pbs_attention_config."""
    _fields_ = [("struct_size", ctypes.c_size_t), ("kind", ctypes.c_int),
                ("query_heads", ctypes.c_int32), ("kv_heads", ctypes.c_int32),
                ("head_dim", ctypes.c_int32), ("dtype", ctypes.c_int),
                ("causal", ctypes.c_int32), ("scale", ctypes.c_double),
                ("query_block", ctypes.c_int32),
                ("key_block", ctypes.c_int32), ("segment", ctypes.c_int32),
                ("unpermuted", ctypes.c_int32), ("stop_rule", ctypes.c_int),
                ("threshold", ctypes.c_double), ("count", ctypes.c_int32),
                ("proxy", ctypes.c_int), ("proxy_rows", ctypes.c_int32),
                ("proxy_seed", ctypes.c_int64), ("sharing", ctypes.c_int),
                ("whole_own", ctypes.c_int32),
                ("has_positions", ctypes.c_int32),
                ("outputs", ctypes.c_int32),
                ("dense_below", ctypes.c_int64),
                ("has_own_keys", ctypes.c_int32)]


_lock = threading.Lock()
_library = None


def _find():
    """Path of libpbs.so: PBS_LIBRARY, beside this file, or the build tree."""
    named = os.environ.get("PBS_LIBRARY")
    if named:
        return named
    here = pathlib.Path(__file__).resolve().parent
    candidates = (here / "lib" / "libpbs.so",
                  here.parents[1] / "build" / "lib" / "libpbs.so")
    for path in candidates:
        if path.exists():
            return str(path)
    raise ImportError("expected libpbs.so named by PBS_LIBRARY or at one of " +
                      ", ".join(map(str, candidates)) + ", got none")


def _declare(library):
    """Sets the types of the functions that are used."""
    program = ctypes.c_void_p
    tensors = ctypes.POINTER(Tensor)
    size = ctypes.c_size_t
    functions = {
        "pbs_version": (ctypes.c_char_p, []),
        "pbs_last_error": (ctypes.c_char_p, []),
        "pbs_program_load": (ctypes.c_int, [
            ctypes.c_char_p, size, ctypes.POINTER(program)]),
        "pbs_program_load_file": (ctypes.c_int, [
            ctypes.c_char_p, ctypes.POINTER(program)]),
        "pbs_program_save": (ctypes.c_int, [program, ctypes.c_char_p]),
        "pbs_program_destroy": (None, [program]),
        "pbs_program_device": (ctypes.c_int, [program]),
        "pbs_program_num_arguments": (size, [program]),
        "pbs_program_argument": (ctypes.c_int, [
            program, size, ctypes.POINTER(ArgumentInfo)]),
        "pbs_program_output_shape": (ctypes.c_int, [
            program, tensors, size, size, ctypes.POINTER(ctypes.c_int64)]),
        "pbs_program_workspace_size": (ctypes.c_int, [
            program, tensors, size, ctypes.POINTER(size)]),
        "pbs_program_alternative": (ctypes.c_int, [
            program, tensors, size, ctypes.POINTER(ctypes.c_char_p)]),
        "pbs_program_num_traces": (ctypes.c_int, [
            program, tensors, size, ctypes.POINTER(size)]),
        "pbs_program_trace": (ctypes.c_int, [
            program, tensors, size, size, ctypes.POINTER(TraceInfo)]),
        "pbs_program_report": (ctypes.c_char_p, [program]),
        # Arguments and options as addresses, which cost the least to convert.
        "pbs_program_run": (ctypes.c_int, [
            program, ctypes.c_void_p, size, ctypes.c_void_p]),
        "pbs_program_packed_output_shape": (ctypes.c_int, [
            program, tensors, size, ctypes.POINTER(Packing), size,
            ctypes.POINTER(ctypes.c_int64)]),
        "pbs_program_packed_workspace_size": (ctypes.c_int, [
            program, tensors, size, ctypes.POINTER(Packing),
            ctypes.POINTER(size)]),
        "pbs_program_run_packed": (ctypes.c_int, [
            program, ctypes.c_void_p, size, ctypes.POINTER(Packing),
            ctypes.c_void_p]),
        "pbs_program_compile": (ctypes.c_int, [
            ctypes.c_char_p, size, ctypes.POINTER(CompileOptions),
            ctypes.POINTER(program)]),
        "pbs_attention_create": (ctypes.c_int, [
            ctypes.POINTER(AttentionConfig), ctypes.POINTER(CompileOptions),
            ctypes.POINTER(program)]),
        "pbs_attention_ir": (ctypes.c_int, [
            ctypes.POINTER(AttentionConfig),
            ctypes.POINTER(ctypes.c_void_p)]),
        "pbs_free": (None, [ctypes.c_void_p]),
    }
    for name, (result, arguments) in functions.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments


def _name_packages():
    """Tells the library where packages with a ptxas or nvJitLink may be."""
    places = [path for path in sys.path if path.endswith("-packages")]
    os.environ.setdefault("PBS_SITE_PACKAGES", ":".join(places))


def get():
    """The library, loaded at the first call."""
    global _library  # pylint: disable=global-statement
    if _library is None:
        with _lock:
            if _library is None:
                path = _find()
                _name_packages()
                try:
                    # Its own symbols first and none for others: other copies of
                    # LLVM in the process are left alone.
                    library = ctypes.CDLL(path, mode=os.RTLD_LOCAL)
                except OSError as error:
                    raise ImportError(f"cannot load {path}: {error}") from error
                _declare(library)
                _library = library
    return _library


def check(status):
    """Raises the error that `status` stands for."""
    if status != 0:
        message = get().pbs_last_error().decode(errors="replace")
        known = 0 < status < len(_ERRORS)
        raise (_ERRORS[status] if known else PbsError)(message)
