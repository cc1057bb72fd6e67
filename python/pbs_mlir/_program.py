# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiled programs."""

import collections
import ctypes
import os

from . import _library, _tensors

Argument = collections.namedtuple("Argument", "name is_output dtype rank")
Argument.__doc__ = """One argument of a program.

`dtype` is a name such as "bfloat16"; inputs come before outputs."""

Trace = collections.namedtuple("Trace", "kernel offset num_blocks")
Trace.__doc__ = """When the blocks of a launch ran, in the workspace of a call.

At byte `offset` begin three 64-bit integers for each block: when it began, when
it ended (nanoseconds of a clock that all multiprocessors share), and the number
of its multiprocessor."""

_DTYPE_NAMES = ("float32", "float16", "bfloat16", "int32")


def make_compile_options(target=None, function=None, fuse=True, cache=True,
                         cache_dir=None, ptxas=None, pipeline_options=None):
    """pbs_compile_options from Python values."""
    def encode(text):
        return None if text is None else os.fsencode(text)
    return _library.CompileOptions(
        target=encode(target), function=encode(function),
        no_cache=int(not cache), cache_dir=encode(cache_dir),
        no_fusion=int(not fuse), ptxas=encode(ptxas),
        pipeline_options=encode(pipeline_options))


def _get_offsets(cu_seqlens_q, cu_seqlens_k):
    """Offsets of packed sequences, None for tensors that are not packed."""
    if cu_seqlens_q is not None:
        return _tensors.Offsets(cu_seqlens_q, cu_seqlens_k)
    if cu_seqlens_k is not None:
        raise _library.InvalidArgumentError(
            "cu_seqlens_k: expected cu_seqlens_q too")
    return None


def _remember(cache, key, value, most=64):
    """Keeps a value; a cache that is full begins anew."""
    if len(cache) >= most:
        cache.clear()
    cache[key] = value


class Program:
    """A compiled function of attention IR.

    Call it with its inputs, in order; it returns its outputs, one tensor or a
    tuple. Several threads may call one program at once. `arguments` lists
    inputs and outputs, `report` is text about plan, kernels and compile times.
    """

    def __init__(self, handle):
        self._handle = handle
        library = _library.get()
        self.arguments = []
        for i in range(library.pbs_program_num_arguments(handle)):
            info = _library.ArgumentInfo()
            _library.check(library.pbs_program_argument(
                handle, i, ctypes.byref(info)))
            self.arguments.append(Argument(
                info.name.decode(errors="replace"), bool(info.is_output),
                _DTYPE_NAMES[info.dtype], info.rank))
        self._num_inputs = sum(not a.is_output for a in self.arguments)
        self._run = library.pbs_program_run
        # By what `_tensors.describe` says of all tensors, and of the inputs.
        self._arguments, self._shapes = {}, {}

    def __del__(self):
        handle, self._handle = getattr(self, "_handle", None), None
        if handle:
            _library.get().pbs_program_destroy(handle)

    @property
    def device(self):
        """"cpu" or "cuda"."""
        device = _library.get().pbs_program_device(self._handle)
        return "cuda" if device == _library.CUDA else "cpu"

    @property
    def report(self):
        """Plan, kernels, compile times and what the cache did, as text."""
        return _library.get().pbs_program_report(self._handle).decode(errors="replace")

    def save(self, path):
        """Writes a bundle file, atomically."""
        _library.check(_library.get().pbs_program_save(
            self._handle, os.fsencode(path)))

    def workspace_size(self, *inputs, out=None, cu_seqlens_q=None,
                       cu_seqlens_k=None):
        """Bytes of workspace that a call with these arguments needs.

        On CUDA outputs serve as memory before they are written, unless they have
        gaps or do not begin at a multiple of 256 bytes: of such ones say `out`.
        """
        views = self._view(inputs)
        if out is not None and cu_seqlens_q is None:
            views += self._view_outputs(out)
        tensors = _tensors.pack(views)
        size = ctypes.c_size_t()
        offsets = _get_offsets(cu_seqlens_q, cu_seqlens_k)
        if offsets is None:
            status = _library.get().pbs_program_workspace_size(
                self._handle, tensors, len(views), ctypes.byref(size))
        else:
            status = _library.get().pbs_program_packed_workspace_size(
                self._handle, tensors, len(inputs),
                ctypes.byref(offsets.packing), ctypes.byref(size))
        _library.check(status)
        return size.value

    def alternative(self, *inputs):
        """Name of the plan that a call with these inputs takes."""
        tensors = _tensors.pack(self._view(inputs))
        name = ctypes.c_char_p()
        _library.check(_library.get().pbs_program_alternative(
            self._handle, tensors, len(inputs), ctypes.byref(name)))
        return name.value.decode(errors="replace")

    def traces(self, *inputs):
        """Where a call with these inputs leaves the traces of its launches in
        the workspace that it is given: a list of Trace, empty unless the program
        was compiled with `pipeline_options="trace=1"`."""
        tensors = _tensors.pack(self._view(inputs))
        library = _library.get()
        count = ctypes.c_size_t()
        _library.check(library.pbs_program_num_traces(
            self._handle, tensors, len(inputs), ctypes.byref(count)))
        traces = []
        for i in range(count.value):
            info = _library.TraceInfo()
            _library.check(library.pbs_program_trace(
                self._handle, tensors, len(inputs), i, ctypes.byref(info)))
            traces.append(Trace(info.kernel.decode(errors="replace"),
                                info.offset, info.num_blocks))
        return traces

    def __call__(self, *inputs, out=None, workspace=None, num_threads=None,
                 checked=False, cu_seqlens_q=None, cu_seqlens_k=None):
        """Runs the program.

        With `cu_seqlens_q`, S + 1 integers on the host, the tensors hold S
        sequences one after the other in dimension 2, and each is computed as if
        it were alone, bit for bit: sequence s has the rows of the first input
        from cu_seqlens_q[s] to before cu_seqlens_q[s + 1], those of the second
        (keys) that `cu_seqlens_k`, by default the same, says, and of every
        other tensor as many as it would have alone, from where the sequence
        before ends. With a batch the offsets hold for each of its entries. Lists
        are checked (`checked`) as their sequence runs.

        Args:
          inputs: tensors of numpy, torch or with `__dlpack__`, of any strides
            with a contiguous last dimension; never copied, never written.
          out: tensors for all outputs, in order; by default they are allocated,
            of the framework and device of the first input.
          workspace: a tensor whose memory to use, of at least
            `workspace_size(*inputs)` bytes, aligned to 256; by default the
            program keeps one. Two calls at once must not share one.
          num_threads: CPU threads to use at most.
          checked: check the contents of lists, and wait for the result.
          cu_seqlens_q, cu_seqlens_k: a list, a numpy array or a CPU tensor,
            beginning with 0 and ending with the number of rows.

        Raises: PbsError, of the subclass that says what is wrong.
        """
        described = tuple(map(_tensors.describe, inputs))
        offsets = _get_offsets(cu_seqlens_q, cu_seqlens_k)
        outputs = (self._allocate(inputs, described, offsets) if out is None
                   else list(out))
        key = (len(inputs), *described, *map(_tensors.describe, outputs))
        if workspace is not None:
            key += ("workspace", _tensors.describe(workspace))
        tensors = (*inputs, *outputs)
        # A call owns its arguments while it runs.
        arguments = self._arguments.pop(key, None)
        if arguments is None or None in key:
            arguments = self._make_arguments(inputs, outputs, workspace)
        else:
            arguments.set_addresses(tensors, workspace)
        arguments.set_stream()
        options = arguments.options
        options.num_threads = num_threads or 0
        options.checked = int(checked)
        if offsets is None:
            status = self._run(self._handle, arguments.address, arguments.size,
                               arguments.options_address)
        else:
            status = _library.get().pbs_program_run_packed(
                self._handle, arguments.address, arguments.size,
                ctypes.byref(offsets.packing), arguments.options_address)
        if status:
            _library.check(status)
        if None not in key:
            arguments.owners = None
            _remember(self._arguments, key, arguments)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _make_arguments(self, inputs, outputs, workspace):
        views = self._view(inputs) + self._view_outputs(outputs)
        if workspace is not None:
            workspace = _tensors.View("workspace", workspace)
        return _tensors.Arguments(views, len(inputs), workspace)

    def _view_outputs(self, outputs):
        names = [a.name for a in self.arguments if a.is_output]
        if len(outputs) != len(names):
            raise _library.InvalidArgumentError(
                f"out: expected {len(names)} tensors ({', '.join(names)}), got "
                f"{len(outputs)}")
        for name, tensor in zip(names, outputs):
            if not _tensors.is_writable(tensor):
                raise _library.InvalidArgumentError(
                    f"argument '{name}': expected an array that can be written, "
                    "got a read-only one")
        return [_tensors.View(f"argument '{name}'", tensor)
                for name, tensor in zip(names, outputs)]

    def _view(self, inputs):
        arguments = self.arguments[:self._num_inputs]
        if len(inputs) != len(arguments):
            raise _library.InvalidArgumentError(
                f"expected {len(arguments)} inputs "
                f"({', '.join(a.name for a in arguments)}), got {len(inputs)}")
        return [_tensors.View(f"argument '{argument.name}'", tensor)
                for argument, tensor in zip(arguments, inputs)]

    def _allocate(self, inputs, described, offsets):
        known = offsets is None and None not in described
        shapes = self._shapes.get(described) if known else None
        if shapes is None:
            shapes = self._get_output_shapes(inputs, offsets)
            if known:
                _remember(self._shapes, described, shapes)
        return [_tensors.allocate(inputs[0], *shape) for shape in shapes]

    def _get_output_shapes(self, inputs, offsets):
        """(shape, dtype) of each output."""
        views = self._view(inputs)
        if (views and views[0].device == _library.CUDA
                and not _tensors.is_torch(inputs[0])):
            raise _library.InvalidArgumentError(
                "out: expected tensors for the outputs, which are allocated on "
                "CUDA for torch tensors only")
        tensors = _tensors.pack(views)
        shapes = []
        for i in range(self._num_inputs, len(self.arguments)):
            argument = self.arguments[i]
            shape = (ctypes.c_int64 * argument.rank)()
            if offsets is None:
                status = _library.get().pbs_program_output_shape(
                    self._handle, tensors, len(views), i, shape)
            else:
                status = _library.get().pbs_program_packed_output_shape(
                    self._handle, tensors, len(views),
                    ctypes.byref(offsets.packing), i, shape)
            _library.check(status)
            shapes.append((tuple(shape), _DTYPE_NAMES.index(argument.dtype)))
        return shapes


def compile(ir, *, target=None, function=None, fuse=True, cache=True,  # pylint: disable=redefined-builtin
            cache_dir=None, ptxas=None, pipeline_options=None):
    """Compiles a function of attention IR (text) to a Program.

    Args:
      ir: a module of functions in the `pbs` dialect.
      target: "host" (the default), a GPU chip such as "sm_90a", or a virtual
        architecture such as "compute_90a": the program holds PTX, which needs
        no ptxas and which the driver compiles when it loads it.
      function: the function to compile, by default the only one.
      fuse: run the fusion passes.
      cache: use the disk cache, in `cache_dir`, by default PBS_CACHE_DIR or
        the user's cache directory.
      ptxas: the ptxas to use for GPU targets.
      pipeline_options: options of the pass pipeline of the target, as pbs-opt
        takes them, such as "stages=2".

    Raises: CompileError with line and column of the IR, UnsupportedError for a
      target that does not exist, FileError for a cache directory that cannot
      be written.
    """
    text = ir.encode() if isinstance(ir, str) else bytes(ir)
    options = make_compile_options(target, function, fuse, cache, cache_dir,
                                   ptxas, pipeline_options)
    handle = ctypes.c_void_p()
    _library.check(_library.get().pbs_program_compile(
        text, len(text), ctypes.byref(options), ctypes.byref(handle)))
    return Program(handle)


def load(path):
    """Loads a bundle file as a Program."""
    handle = ctypes.c_void_p()
    _library.check(_library.get().pbs_program_load_file(
        os.fsencode(path), ctypes.byref(handle)))
    return Program(handle)
