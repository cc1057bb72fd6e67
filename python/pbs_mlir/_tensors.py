# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tensors of numpy, torch and others as pbs_tensor, without a copy."""

import ctypes
import sys

import numpy

from . import _library

_NUMPY_DTYPES = {"float32": _library.F32, "float16": _library.F16,
                 "bfloat16": _library.BF16, "int32": _library.I32}
_NAMES = ("float32", "float16", "bfloat16", "int32")
# DLPack's type codes and bits (dlpack.h, DLDataTypeCode).
_DLPACK_DTYPES = {(2, 32): _library.F32, (2, 16): _library.F16,
                  (4, 16): _library.BF16, (0, 32): _library.I32}


class _DLTensor(ctypes.Structure):
    """DLTensor of dlpack.h; it begins a DLManagedTensor."""
    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32),
                ("device_id", ctypes.c_int32), ("ndim", ctypes.c_int32),
                ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8),
                ("lanes", ctypes.c_uint16),
                ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("byte_offset", ctypes.c_uint64)]


class View:
    """A tensor of the caller: where it is and what it looks like.

    Attributes: `data` (address), `dtype`, `device`, `device_id`, `shape`,
    `strides` (in elements) and `owner`, which keeps the memory.
    """

    def __init__(self, name, tensor):
        self.owner = tensor
        if isinstance(tensor, numpy.ndarray):
            self._from_numpy(name, tensor)
        elif is_torch(tensor):
            self._from_torch(name, tensor)
        elif hasattr(tensor, "__dlpack__"):
            self._from_dlpack(name, tensor)
        else:
            raise TypeError(f"{name}: expected a numpy array, a torch tensor or "
                            f"an object with __dlpack__, got {type(tensor)}")
        # numpy gives empty arrays strides of 0, which nothing is read by.
        if (len(self.shape) > 0 and self.shape[-1] > 1 and 0 not in self.shape
                and self.strides[-1] != 1):
            raise _library.InvalidArgumentError(
                f"{name}: expected a contiguous last dimension, got strides "
                f"{self.strides}")

    def _from_numpy(self, name, array):
        self.dtype = _NUMPY_DTYPES.get(array.dtype.name)
        if self.dtype is None or not array.dtype.isnative:
            raise _library.InvalidArgumentError(
                f"{name}: expected dtype float32, float16, bfloat16 or int32, "
                f"got {array.dtype}")
        if any(stride % array.itemsize for stride in array.strides):
            raise _library.InvalidArgumentError(
                f"{name}: expected strides that are multiples of "
                f"{array.itemsize} bytes, got {array.strides}")
        self.data = array.ctypes.data
        self.device, self.device_id = _library.CPU, 0
        self.shape = tuple(array.shape)
        self.strides = tuple(s // array.itemsize for s in array.strides)

    def _from_torch(self, name, tensor):
        self.dtype = _NUMPY_DTYPES.get(str(tensor.dtype).rpartition(".")[2])
        if self.dtype is None:
            raise _library.InvalidArgumentError(
                f"{name}: expected dtype float32, float16, bfloat16 or int32, "
                f"got {tensor.dtype}")
        devices = {"cpu": _library.CPU, "cuda": _library.CUDA}
        if tensor.device.type not in devices:
            raise _library.InvalidArgumentError(
                f"{name}: expected a tensor on cpu or cuda, got {tensor.device}")
        if tensor.requires_grad and sys.modules["torch"].is_grad_enabled():
            raise _library.UnsupportedError(
                f"{name}: expected a tensor without gradient (use "
                "torch.no_grad()); there is no backward pass")
        self.data = tensor.data_ptr()
        self.device = devices[tensor.device.type]
        self.device_id = tensor.device.index or 0
        self.shape = tuple(tensor.shape)
        self.strides = tuple(tensor.stride())

    def _from_dlpack(self, name, tensor):
        capsule = tensor.__dlpack__()
        get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
        get_pointer.restype = ctypes.c_void_p
        get_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
        # The capsule is not consumed: it releases the tensor at its end.
        self.owner = (tensor, capsule)
        address = get_pointer(capsule, b"dltensor")
        view = ctypes.cast(address, ctypes.POINTER(_DLTensor)).contents
        self.dtype = _DLPACK_DTYPES.get((view.code, view.bits))
        if self.dtype is None or view.lanes != 1:
            raise _library.InvalidArgumentError(
                f"{name}: expected float32, float16, bfloat16 or int32, got "
                f"DLPack type code {view.code} of {view.bits} bits")
        if view.device_type not in (_library.CPU, _library.CUDA):
            raise _library.InvalidArgumentError(
                f"{name}: expected a tensor on the CPU or CUDA, got DLPack "
                f"device {view.device_type}")
        self.data = (view.data or 0) + view.byte_offset
        self.device, self.device_id = view.device_type, view.device_id
        self.shape = tuple(view.shape[i] for i in range(view.ndim))
        if view.strides:
            self.strides = tuple(view.strides[i] for i in range(view.ndim))
        else:
            strides = [1] * view.ndim
            for i in range(view.ndim - 2, -1, -1):
                strides[i] = strides[i + 1] * self.shape[i + 1]
            self.strides = tuple(strides)

    @property
    def dtype_name(self):
        """Name of the dtype, e.g. "bfloat16"."""
        return _NAMES[self.dtype]

    def fill(self, tensor):
        """Describes this tensor in a pbs_tensor, which refers to `self`."""
        rank = len(self.shape)
        self.arrays = ((ctypes.c_int64 * rank)(*self.shape),
                       (ctypes.c_int64 * rank)(*self.strides))
        tensor.data = self.data
        tensor.dtype, tensor.device = self.dtype, self.device
        tensor.device_id, tensor.rank = self.device_id, rank
        tensor.shape = ctypes.cast(self.arrays[0],
                                   ctypes.POINTER(ctypes.c_int64))
        tensor.strides = ctypes.cast(self.arrays[1],
                                     ctypes.POINTER(ctypes.c_int64))


def pack(views):
    """An array of pbs_tensor; valid as long as the views."""
    tensors = (_library.Tensor * len(views))()
    for view, tensor in zip(views, tensors):
        view.fill(tensor)
    return tensors


def describe(tensor):
    """All that a call depends on of a tensor, but for its address.

    Where it is equal for two tensors, what `View` finds is equal, too. None for a
    tensor that `View` has to see each time.
    """
    if is_torch(tensor):
        if tensor.requires_grad:
            return None
        return tensor.dtype, tensor.device, tensor.shape, tensor.stride()
    if isinstance(tensor, numpy.ndarray):
        return (tensor.dtype, tensor.shape, tensor.strides,
                tensor.flags.writeable)
    return None


def is_writable(tensor):
    """Whether a tensor may be an output."""
    return not isinstance(tensor, numpy.ndarray) or tensor.flags.writeable


def get_address(tensor):
    """The address of a tensor of which `describe` gives something."""
    if isinstance(tensor, numpy.ndarray):
        return tensor.__array_interface__["data"][0]
    return tensor.data_ptr()


class Arguments:
    """All arguments of a call as the C interface takes them.

    They serve for any tensors of the same descriptions: `set_addresses` puts
    theirs in. `owners` keeps the memory of those that they were made from.
    """

    def __init__(self, views, num_inputs, workspace=None):
        self._tensors = pack(views)
        # Shapes and strides, which the structures point to.
        self._arrays = [view.arrays for view in views]
        self._structures = list(self._tensors)
        self.owners = [view.owner for view in views]
        self.options = _library.RunOptions()
        self.size = len(views)
        self.address = ctypes.addressof(self._tensors)
        self.options_address = ctypes.addressof(self.options)
        if workspace is not None:
            self._check_workspace(workspace, views)
        # Of the torch tensors on CUDA, whose current stream is the call's.
        self._stream_device = next(
            (view.device_id for view in views[:num_inputs]
             if view.device == _library.CUDA and is_torch(view.owner)), None)

    def _check_workspace(self, workspace, views):
        size, packed = 1, 1
        for extent, stride in zip(workspace.shape[::-1],
                                  workspace.strides[::-1]):
            if extent > 1 and stride != packed:
                raise _library.InvalidArgumentError(
                    "workspace: expected a contiguous tensor, got shape "
                    f"{list(workspace.shape)} and strides "
                    f"{list(workspace.strides)}")
            size, packed = size * extent, packed * extent
        if views and (workspace.device, workspace.device_id) != (
                views[0].device, views[0].device_id):
            raise _library.InvalidArgumentError(
                "workspace: expected a tensor on the device of the arguments")
        item = 2 if workspace.dtype_name in ("float16", "bfloat16") else 4
        self.options.workspace = workspace.data
        self.options.workspace_size = size * item

    def set_addresses(self, tensors, workspace):
        """Takes the addresses of tensors that `describe` knows."""
        for structure, tensor in zip(self._structures, tensors):
            structure.data = get_address(tensor)
        if workspace is not None:
            self.options.workspace = get_address(workspace)

    def set_stream(self):
        """Takes the current stream of torch."""
        self.options.stream = get_stream(self._stream_device)


def get_stream(device):
    """The handle of torch's current stream of a device; None without one."""
    if device is None:
        return None
    torch = sys.modules["torch"]
    # What torch's own compilers call; the public way makes two objects more.
    get = getattr(torch._C, "_cuda_getCurrentRawStream", None)
    return (get(device) if get
            else torch.cuda.current_stream(device).cuda_stream)


class Offsets:
    """Where packed sequences begin, in the memory of the host.

    `packing` is the pbs_packing of cu_seqlens_q and cu_seqlens_k, which are
    lists, numpy arrays or tensors on the CPU; it refers to `self`.
    """

    def __init__(self, cu_seqlens_q, cu_seqlens_k):
        self._arrays = [
            self._read("cu_seqlens_q", cu_seqlens_q),
            self._read("cu_seqlens_k", cu_seqlens_q if cu_seqlens_k is None
                       else cu_seqlens_k)]
        sizes = [len(array) for array in self._arrays]
        if sizes[0] != sizes[1]:
            raise _library.InvalidArgumentError(
                "cu_seqlens_k: expected as many sequences as cu_seqlens_q, got "
                f"{sizes[1]} and {sizes[0]} offsets")
        self.packing = _library.Packing(
            num_sequences=sizes[0] - 1,
            query_offsets=self._get_pointer(0), key_offsets=self._get_pointer(1))

    @staticmethod
    def _read(name, values):
        if not is_on_host(values):
            raise _library.InvalidArgumentError(
                f"{name}: expected offsets in the memory of the host (a list, a "
                "numpy array, a CPU tensor), got a tensor on a device: lengths "
                "decide what is launched, and reading them from the device would "
                "wait for it")
        try:
            array = numpy.asarray(values)
        except ValueError as error:
            raise _library.InvalidArgumentError(
                f"{name}: expected integers [S + 1], got {values!r}") from error
        if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
            raise _library.InvalidArgumentError(
                f"{name}: expected integers [S + 1], got {array.dtype} "
                f"{list(array.shape)}")
        return numpy.ascontiguousarray(array, "int64")

    def _get_pointer(self, index):
        return self._arrays[index].ctypes.data_as(
            ctypes.POINTER(ctypes.c_int64))


def is_on_host(tensor):
    """False for a tensor in the memory of a device."""
    if is_torch(tensor):
        return tensor.device.type == "cpu"
    if isinstance(tensor, numpy.ndarray):
        return True
    get_device = getattr(tensor, "__dlpack_device__", None)
    return get_device is None or get_device()[0] == _library.CPU


def is_torch(tensor):
    """True for tensors of torch, which is not imported for it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(tensor, torch.Tensor)


def allocate(like, shape, dtype):
    """An uninitialised tensor of the framework and device of `like`."""
    name = _NAMES[dtype]
    if is_torch(like):
        torch = sys.modules["torch"]
        return torch.empty(shape, dtype=getattr(torch, name),
                           device=like.device)
    if name == "bfloat16":
        try:
            import ml_dtypes  # pylint: disable=import-outside-toplevel
        except ImportError as error:
            raise _library.UnsupportedError(
                "expected ml_dtypes to be installed for a bfloat16 array of "
                "numpy; or pass `out`") from error
        return numpy.empty(shape, dtype=ml_dtypes.bfloat16)
    return numpy.empty(shape, dtype=name)
