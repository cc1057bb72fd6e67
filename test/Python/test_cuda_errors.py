# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the runtime says when the CUDA driver fails, and what it leaves behind.

Needs PBS_CUDA_LIBRARY=libpbs_fake_cuda.so (test/Runtime/FakeCUDA.cpp).
"""

import ctypes
import gc
import os
import pathlib
import re
import subprocess
import sys

import numpy
import pytest

import pbs_mlir
from device import DeviceArray

# The attention of bfloat16 over lists of the caller.
IR = (pathlib.Path(__file__).parents[1] / "Tools/Inputs/lists.mlir").read_text(
    encoding="utf-8").replace("64xf32", "64xbf16")


class HostArray(DeviceArray):
    """Memory of the host that says it is the device's, as the fake's is."""

    def __init__(self, shape, dtype="bfloat16", is_null=False):
        # pylint: disable=super-init-not-called
        self.shape, self.dtype = shape, dtype
        self.memory = numpy.zeros(4 * numpy.prod(shape, dtype=int) + 16, "uint8")
        start = self.memory.ctypes.data
        self.address = ctypes.c_uint64(0 if is_null else start + -start % 16)
        self._describe(None, 0)

    def __del__(self):
        pass


def make_arguments(null_q=False):
    """Inputs and outputs."""
    q, k = HostArray((1, 4, 200, 64), is_null=null_q), HostArray((1, 2, 200, 64))
    count = HostArray((1, 4, 2), "int32")
    index = HostArray((1, 4, 2, 2), "int32")
    outputs = HostArray(q.shape), HostArray(q.shape[:3], "float32")
    positions = HostArray((1, 2, 200), "int32")
    return (q, k, k, positions, count, index), outputs


def run_on(program, inputs, outputs, **options):
    program(*inputs, out=outputs, **options)


def run(program, null_q=False, **options):
    run_on(program, *make_arguments(null_q), **options)


@pytest.fixture(scope="module", name="bundle")
def fixture_bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "lists.pbs"
    pbs_mlir.compile(IR, target="compute_90a", cache=False).save(path)
    return path


@pytest.fixture(name="program")
def fixture_program(bundle):
    """A program that has loaded nothing yet."""
    return pbs_mlir.load(bundle)


@pytest.fixture(name="fake")
def fixture_fake():
    return ctypes.CDLL(os.environ["PBS_CUDA_LIBRARY"])


def test_without_failures(program, fake):
    run(program)
    run(program, checked=True)
    assert fake.fakeContextDepth() == 0


@pytest.mark.parametrize("symbol", [
    "cuDeviceGetCount", "cuDeviceGet", "cuDevicePrimaryCtxRetain",
    "cuCtxPushCurrent_v2", "cuModuleLoadData", "cuModuleGetFunction",
    "cuFuncSetAttribute", "cuMemAlloc_v2", "cuMemsetD8Async",
    "cuTensorMapEncodeTiled", "cuLaunchKernel", "cuMemcpyDtoHAsync_v2",
    "cuStreamSynchronize"])
def test_each_failing_call_is_named(monkeypatch, fake, bundle, symbol):
    gc.collect()
    modules, blocks = fake.fakeNumModules(), fake.fakeNumAllocations()
    program = pbs_mlir.load(bundle)
    monkeypatch.setenv("FAKE_CUDA_FAIL", symbol)
    monkeypatch.setenv("FAKE_CUDA_CODE", "700")
    name = symbol.removesuffix("_v2")
    with pytest.raises(pbs_mlir.DeviceError,
                       match=f"{name} for .*: CUDA_ERROR_ILLEGAL_ADDRESS"):
        run(program, checked=True)
    assert fake.fakeContextDepth() == 0
    # The program and the context stay usable.
    monkeypatch.delenv("FAKE_CUDA_FAIL")
    run(program, checked=True)
    del program
    assert fake.fakeContextDepth() == 0
    assert fake.fakeNumModules() == modules
    assert fake.fakeNumAllocations() == blocks


class Place(DeviceArray):
    """A bfloat16 tensor in memory that nobody has."""

    def __init__(self, shape, strides=None, address=1 << 40):
        # pylint: disable=super-init-not-called
        self.shape, self.dtype = shape, "bfloat16"
        self.address = ctypes.c_uint64(address)
        self._describe(strides, 0)

    def __del__(self):
        pass


def test_the_method_needs_little_beside_permuted_keys_and_values():
    sizes = {32: (1, 32, 131072, 128), 8: (1, 8, 131072, 128)}
    q, kv = (f"tensor<?x{heads}x?x128xbf16>" for heads in sizes)
    program = pbs_mlir.compile(f"""
        func.func @method(%q: {q}, %k: {kv}, %v: {kv}) -> {q} {{
          %o, %lse = pbs.permuted_attention %q, %k, %v {{causal}}
            : ({q}, {kv}, {kv}) -> ({q}, tensor<?x32x?xf32>)
          return %o : {q}
        }}""", target="compute_90a", cache=False)
    inputs = Place(sizes[32]), Place(sizes[8]), Place(sizes[8])
    permuted = 2 * 2 * 8 * 131072 * 128
    least = program.workspace_size(*inputs)
    assert permuted < least <= permuted + (16 << 20)
    heads_last = [32 * 131072 * 128, 128, 32 * 128, 1]
    gaps = [32 * 131072 * 256, 131072 * 256, 256, 1]
    # What has gaps, or lies where a buffer would not, lends no memory.
    for options, lends in ((dict(), True), (dict(strides=heads_last), True),
                           (dict(strides=gaps), False),
                           (dict(address=(2 << 40) + 16), False)):
        out = Place(sizes[32], **{"address": 2 << 40, **options})
        size = program.workspace_size(*inputs, out=(out,))
        assert size == least if lends else size > least + (14 << 20)
        if not lends:
            workspace = Place((1, 1, 1, least // 2), address=3 << 40)
            with pytest.raises(pbs_mlir.InvalidArgumentError,
                               match=f"workspace of {size} bytes, got {least}"):
                program(*inputs, out=(out,), workspace=workspace)


@pytest.fixture(scope="module", name="dependent")
def fixture_dependent(tmp_path_factory):
    """A bundle whose kernels may be launched before those in front of them end."""
    path = tmp_path_factory.mktemp("bundle") / "dependent.pbs"
    pbs_mlir.compile(IR, target="compute_90a", cache=False,
                     pipeline_options="dependent-launch=1").save(path)
    return path


def test_a_kernel_that_follows_one_is_launched_before_it_ends(monkeypatch,
                                                              dependent):
    program = pbs_mlir.load(dependent)
    monkeypatch.setenv("FAKE_CUDA_CODE", "700")
    # The first has nothing to follow.
    first = program.report.split("\nlaunch ")[1].split()[0]
    for symbol, kernel in (("cuLaunchKernel", f"'{first}'"),
                           ("cuLaunchKernelEx", f"'(?!{first}').*'")):
        monkeypatch.setenv("FAKE_CUDA_FAIL", symbol)
        with pytest.raises(pbs_mlir.DeviceError,
                           match=f"{symbol} for kernel {kernel}: "):
            run(program)


def test_graphs_of_older_drivers_know_no_dependent_launches(dependent):
    result = subprocess.run(
        [sys.executable, __file__, dependent],
        env={**os.environ, "FAKE_CUDA_VERSION": "12020",
             "FAKE_CUDA_FAIL": "cuLaunchKernelEx"}, check=False)
    assert result.returncode == 0


def test_maps_and_counters_are_made_once(monkeypatch, program):
    """A call like the one before makes tensor maps of new addresses only."""
    arrays = make_arguments()
    run_on(program, *arrays)
    monkeypatch.setenv("FAKE_CUDA_FAIL", "cuTensorMapEncodeTiled")
    run_on(program, *arrays)
    with pytest.raises(pbs_mlir.DeviceError, match="cuTensorMapEncodeTiled"):
        run_on(program, *make_arguments())


def test_a_call_like_an_earlier_one_is_checked(program):
    inputs, outputs = make_arguments()
    run_on(program, inputs, outputs)
    null = HostArray(inputs[0].shape, is_null=True)
    odd = HostArray(inputs[0].shape)
    odd.address.value += 2
    odd._describe(None, 0)  # pylint: disable=protected-access
    for q, match in ((null, "'q': expected data, got null|expected data, got null"),
                     (odd, "expected an address aligned to 16 bytes, got 0x"),
                     (outputs[0], "expected memory of its own")):
        with pytest.raises(pbs_mlir.InvalidArgumentError, match=match):
            run_on(program, (q, *inputs[1:]), outputs)
    run_on(program, inputs, outputs)


def test_errors_without_a_name_give_their_number(monkeypatch, program):
    monkeypatch.setenv("FAKE_CUDA_FAIL", "cuLaunchKernel")
    with pytest.raises(pbs_mlir.DeviceError,
                       match="cuLaunchKernel for kernel '.*': error 999"):
        run(program)


def test_too_little_device_memory(monkeypatch, program):
    monkeypatch.setenv("FAKE_CUDA_FAIL", "cuMemAlloc_v2")
    monkeypatch.setenv("FAKE_CUDA_CODE", "2")
    with pytest.raises(
            pbs_mlir.OutOfMemoryError,
            match=r"cuMemAlloc for \d+ bytes of workspace: .*out of memory"):
        run(program)


def test_too_little_shared_memory(monkeypatch, program):
    monkeypatch.setenv("FAKE_CUDA_SHARED", "101376")
    with pytest.raises(
            pbs_mlir.UnsupportedError,
            match=r"expected a device with \d+ bytes of shared memory.*101376"):
        run(program)


def test_no_device(monkeypatch, program):
    monkeypatch.setenv("FAKE_CUDA_DEVICES", "0")
    with pytest.raises(pbs_mlir.PbsError, match="one of 0 CUDA devices.*0"):
        run(program)


def test_null_pointers(program):
    with pytest.raises(pbs_mlir.InvalidArgumentError,
                       match="argument '.*': expected data, got null"):
        run(program, null_q=True)


def test_other_chip(monkeypatch, program):
    monkeypatch.setenv("FAKE_CUDA_MAJOR", "8")
    with pytest.raises(pbs_mlir.UnsupportedError,
                       match="for compute_90a, got Fake of .*8.0"):
        run(program)


@pytest.mark.parametrize("environment,expected", [
    ({"FAKE_CUDA_VERSION": "11080"}, "for CUDA 12.0 or later, got .*11.8"),
    ({"FAKE_CUDA_FAIL": "cuInit", "FAKE_CUDA_CODE": "100"},
     "DeviceError: cuInit for .*: error 100"),
    ({"PBS_CUDA_LIBRARY": "/nowhere/libcuda.so"},
     "UnsupportedError: cannot load the CUDA driver: /nowhere/libcuda.so"),
    ({"PBS_CUDA_LIBRARY": "libm.so.6"}, "with 'cuInit', libm.so.6 has none")])
def test_the_driver_is_opened_once(bundle, environment, expected):
    """What is found out when the driver is opened, in a process each."""
    result = subprocess.run(
        [sys.executable, __file__, bundle], env={**os.environ, **environment},
        capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert re.search(expected, result.stderr.splitlines()[-1])


if __name__ == "__main__":
    run(pbs_mlir.load(sys.argv[1]))
