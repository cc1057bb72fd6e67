# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Launches the kernels of kernels.py on torch tensors through the CUDA driver.

Stands in for the runtime: the same parameters in the same order as the kernel's
`tile.abi` attribute, tensor maps encoded from data pointer, shape and strides.
"""
import ctypes
import json
import math
import os

import torch

THREADS = 384
LOG2E = 1.4426950408889634
L2_BUDGET = 32 << 20


class Driver:
    """The few driver calls needed, with checked results."""

    def __init__(self):
        self.lib = ctypes.CDLL("libcuda.so.1")

    def check(self, result, what):
        if result:
            text = ctypes.c_char_p()
            self.lib.cuGetErrorString(result, ctypes.byref(text))
            detail = text.value.decode() if text.value else ""
            raise RuntimeError(f"{what}: {result} {detail}")

    def load(self, path, symbol, shared):
        with open(path, "rb") as file:
            image = file.read()
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self.check(self.lib.cuModuleLoadData(ctypes.byref(module), image),
                   "cuModuleLoadData " + path)
        self.check(self.lib.cuModuleGetFunction(ctypes.byref(function), module,
                                                symbol.encode()),
                   "cuModuleGetFunction " + symbol)
        if shared:
            attribute = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            self.check(self.lib.cuFuncSetAttribute(function, attribute, shared),
                       "cuFuncSetAttribute")
        return function

    def tensor_map(self, tensor, box):
        """Tiled map of a 4-D tensor, dimensions innermost first, 128B swizzle."""
        storage = ctypes.create_string_buffer(192)
        address = (ctypes.addressof(storage) + 63) & ~63
        dims = list(reversed(tensor.shape))
        strides = [s * tensor.element_size() for s in reversed(tensor.stride())]
        for i in range(1, 4):
            if dims[i] == 1:  # any stride is legal, torch gives odd ones
                strides[i] = strides[i - 1] * dims[i - 1] if i > 1 \
                    else dims[0] * strides[0]
                strides[i] = (strides[i] + 15) // 16 * 16
        dims = [max(d, 1) for d in dims]
        kind = {torch.float16: 6, torch.bfloat16: 9}[tensor.dtype]
        self.check(self.lib.cuTensorMapEncodeTiled(
            ctypes.c_void_p(address), kind, 4,
            ctypes.c_void_p(tensor.data_ptr()), (ctypes.c_uint64 * 4)(*dims),
            (ctypes.c_uint64 * 3)(*strides[1:]), (ctypes.c_uint32 * 4)(*box),
            (ctypes.c_uint32 * 4)(1, 1, 1, 1), 0, 3, 3, 0),
            "cuTensorMapEncodeTiled")
        return storage, address


def shared_bytes(d):
    """As SharedLayout computes it."""
    tile = d // 64 * 16384
    stages = 4 if d == 64 else 2
    return 2 * tile + 2 * stages * tile + 1024 + 32 + 32 + 32 + 32 * stages + 16


class Kernel:
    """One attention kernel of kernels.py."""

    def __init__(self, directory, name, driver):
        with open(os.path.join(directory, "kernels.json")) as file:
            self.spec = json.load(file)[name]
        self.name, self.driver = name, driver
        self.shared = shared_bytes(self.spec["d"])
        self.function = driver.load(os.path.join(directory, name + ".cubin"),
                                    "attention", self.shared)
        self.sms = torch.cuda.get_device_properties(0).multi_processor_count

    def prepare(self, q, k, v, o, lse, bits=None, positions=None, scale=None,
                heads_per_group=None, grid=None):
        """Returns a function that launches on the current stream."""
        batch, heads, queries, dim = q.shape
        kv_heads, keys = k.shape[1], k.shape[2]
        group = max(heads // max(kv_heads, 1), 1)
        if heads_per_group is None:
            resident = max(L2_BUDGET // (max(keys, 1) * dim * 4), 1) * group
            heads_per_group = max(min(resident, batch * heads), 1)
        scale = dim ** -0.5 if scale is None else scale
        counter = torch.zeros(1, dtype=torch.int32, device=q.device)
        keep, arguments = [counter, bits, positions, lse], []

        def add(value):
            keep.append(value)
            arguments.append(ctypes.addressof(value))

        for tensor, rows in ((q, 128), (k, 128), (v, 128), (o, 64)):
            storage, address = self.driver.tensor_map(tensor, [64, rows, 1, 1])
            keep.append(storage)
            arguments.append(address)
        add(ctypes.c_uint64(lse.data_ptr()))
        if self.spec["list"]:
            add(ctypes.c_uint64(bits.data_ptr()))
        if self.spec["positions"]:
            add(ctypes.c_uint64(positions.data_ptr()))
        add(ctypes.c_uint64(counter.data_ptr()))
        for value in (batch * heads, heads, group, queries, keys,
                      heads_per_group):
            add(ctypes.c_int32(value))
        add(ctypes.c_float(scale * LOG2E))
        packed = (ctypes.c_void_p * len(arguments))(*arguments)
        items = batch * heads * math.ceil(queries / 128)
        blocks = min(items, self.sms if grid is None else grid)
        library, check = self.driver.lib, self.driver.check

        def launch():
            stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
            if blocks == 0:
                return
            # The plan's memset step: the work counter starts at zero.
            check(library.cuMemsetD32Async(
                ctypes.c_uint64(counter.data_ptr()), 0, 1, stream), "memset")
            check(library.cuLaunchKernel(
                self.function, blocks, 1, 1, THREADS, 1, 1, self.shared, stream,
                packed, None), "cuLaunchKernel " + self.name)

        launch.keep = keep
        return launch


def pack_bits(mask):
    """bool [..., Nb] -> int32 [..., ceil(Nb / 32)], block c at bit c % 32."""
    blocks = mask.shape[-1]
    words = (blocks + 31) // 32
    padded = torch.nn.functional.pad(mask, (0, words * 32 - blocks))
    padded = padded.view(*mask.shape[:-1], words, 32).long()
    weights = (1 << torch.arange(32, device=mask.device, dtype=torch.long))
    return (padded * weights).sum(-1).to(torch.int32).contiguous()
