# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Arrays in the memory of a CUDA device, offered through DLPack.

Over the driver that the runtime uses, which PBS_CUDA_LIBRARY names: the
emulator, or libcuda. No framework is needed.
"""

import ctypes
import os

import numpy

CUDA = 2  # kDLCUDA
# DLPack's type code and bits (dlpack.h, DLDataTypeCode).
_TYPES = {"float32": (2, 32), "float16": (2, 16), "bfloat16": (4, 16),
          "int32": (0, 32)}


class _DLManagedTensor(ctypes.Structure):
    """DLManagedTensor of dlpack.h."""
    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32),
                ("device_id", ctypes.c_int32), ("ndim", ctypes.c_int32),
                ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8),
                ("lanes", ctypes.c_uint16),
                ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("byte_offset", ctypes.c_uint64),
                ("manager", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


class Driver:
    """The driver with its primary context current in this thread."""

    def __init__(self):
        self.library = ctypes.CDLL(
            os.environ.get("PBS_CUDA_LIBRARY") or "libcuda.so.1")
        self.call("cuInit", 0)
        self.context = ctypes.c_void_p()
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(self.context), 0)
        self.enter()

    def enter(self):
        """Makes the context current."""
        self.call("cuCtxSetCurrent", self.context)

    def call(self, name, *arguments):
        """Calls a function of the driver; its errors are exceptions."""
        result = getattr(self.library, name)(*arguments)
        if result:
            text = ctypes.c_char_p()
            self.library.cuGetErrorString(result, ctypes.byref(text))
            raise RuntimeError(f"{name}: {result} {(text.value or b'').decode()}")


_driver = None


def get_driver():
    """The driver, opened at the first call."""
    global _driver  # pylint: disable=global-statement
    if _driver is None:
        _driver = Driver()
    return _driver


def to_bfloat16(values):
    """Bits (uint16) of float32 values, rounded to nearest even."""
    bits = numpy.ascontiguousarray(values, "float32").view("uint32")
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("uint16")


def from_bfloat16(bits):
    """float32 values of bfloat16 bits."""
    return (bits.astype("uint32") << 16).view("float32")


class DeviceArray:
    """An array on the device.

    `host` is a contiguous numpy array that is copied; its memory may be viewed
    with other `shape` and `strides` (in elements) and `offset` elements from
    its begin. `dtype` "bfloat16" takes float32 values.
    """

    def __init__(self, host, dtype=None, shape=None, strides=None, offset=0):
        self.dtype = dtype or host.dtype.name
        self.host_shape = host.shape
        self.shape = host.shape if shape is None else shape
        if self.dtype == "bfloat16":
            host = to_bfloat16(host)
        host = numpy.ascontiguousarray(host)
        self.host_dtype = host.dtype
        self.bytes = host.nbytes
        self.address = ctypes.c_uint64()
        if self.bytes:
            get_driver().call("cuMemAlloc_v2", ctypes.byref(self.address),
                              ctypes.c_size_t(self.bytes))
        self._describe(strides, offset)
        self.upload(host)

    def __del__(self):
        if getattr(self, "address", None) and self.address.value:
            get_driver().enter()
            get_driver().call("cuMemFree_v2", self.address)

    def _describe(self, strides, offset):
        code, bits = _TYPES[self.dtype]
        rank = len(self.shape)
        if strides is None:
            strides = [1] * rank
            for i in range(rank - 2, -1, -1):
                strides[i] = strides[i + 1] * self.shape[i + 1]
        self._shape = (ctypes.c_int64 * rank)(*self.shape)
        self._strides = (ctypes.c_int64 * rank)(*strides)
        self._tensor = _DLManagedTensor(
            data=self.address.value, device_type=CUDA, device_id=0, ndim=rank,
            code=code, bits=bits, lanes=1, shape=self._shape,
            strides=self._strides, byte_offset=offset * bits // 8)

    def upload(self, host):
        """Copies `host`, of the type of the device's elements."""
        if self.bytes:
            get_driver().call(
                "cuMemcpyHtoD_v2", self.address,
                host.ctypes.data_as(ctypes.c_void_p),
                ctypes.c_size_t(self.bytes))

    def fill(self, byte=0xFF):
        """Sets every byte; 0xFF makes NaN of floats."""
        self.upload(numpy.full(self.bytes, byte, "uint8"))

    def numpy(self):
        """A copy of the memory in the shape of `host`, bfloat16 as float32."""
        host = numpy.empty(self.host_shape, self.host_dtype)
        if self.bytes:
            get_driver().call(
                "cuMemcpyDtoH_v2", host.ctypes.data_as(ctypes.c_void_p),
                self.address, ctypes.c_size_t(self.bytes))
        return from_bfloat16(host) if self.dtype == "bfloat16" else host

    def __dlpack_device__(self):
        return CUDA, 0

    def __dlpack__(self, **options):
        new = ctypes.pythonapi.PyCapsule_New
        new.restype = ctypes.py_object
        new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        # This object outlives the capsule, so that nothing has to be released.
        return new(ctypes.addressof(self._tensor), b"dltensor", None)
