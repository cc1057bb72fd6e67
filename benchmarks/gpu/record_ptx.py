# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the small PTX programs of test/emulator/Hardware through the CUDA driver
and records what they write, or compares it with what was recorded.

    python3 benchmarks/gpu/record_ptx.py --record RESULTS.npz      # on a GPU
    PBS_CUDA_LIBRARY=.../libpbs_emu.so python3 benchmarks/gpu/record_ptx.py \\
        --compare RESULTS.npz                                # on the emulator
    python3 benchmarks/gpu/record_ptx.py --refused     # programs that are wrong

Results have to be the same bit for bit, except for instructions of which the
PTX ISA states a bound: there the manifest holds how far two implementations may
differ.
"""
import argparse
import ctypes
import datetime
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import threading

import numpy

PROGRAMS = (pathlib.Path(__file__).resolve().parents[2] /
            "test/emulator/Hardware/Programs")
# CUtensorMapDataType.
MAP_TYPES = {"u8": 0, "s32": 3, "f16": 6, "f32": 7, "bf16": 9}
MAP_BYTES = {"u8": 1, "s32": 4, "f16": 2, "f32": 4, "bf16": 2}
# Seconds for all kernels, so that one that hangs is an error.
TIMEOUT = 120


#===----------------------------------------------------------------------===//
# Inputs
#===----------------------------------------------------------------------===//


class Random:
    """splitmix64: the same numbers with every version of everything."""

    def __init__(self, seed):
        self.state = seed

    def bits(self, count=64):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        z = self.state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return (z ^ z >> 31) >> (64 - count)

    def below(self, bound):
        return self.bits(53) * bound >> 53

    def choose(self, values):
        return values[self.below(len(values))]


INTEGERS = (0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 63, 64, 65, 255, 256, 65535,
            65536, 0x7FFF, 0x8000, 0x7FFFFFFF, 0x80000000, 0x80000001,
            0xFFFFFFFF, 0xFFFFFFFE, 0xFFFF0000, 0xFFFF8000, 0x55555555,
            0x01234567)
# Zeros, denormals, the smallest normal ones, ones, infinities, NaNs, ties of the
# rounding to bf16 and f16, and the ends of f16 and of integers.
FLOATS = (0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x00400000,
          0x007FFFFF, 0x807FFFFF, 0x00800000, 0x80800000, 0x01000000,
          0x3F800000, 0xBF800000, 0x3F800001, 0x3F7FFFFF, 0x3F000000,
          0x40000000, 0xC0400000, 0x7F800000, 0xFF800000, 0x7FC00000,
          0xFFC00000, 0x7F800001, 0x7FFFFFFF, 0x7F7FFFFF, 0xFF7FFFFF,
          0x3F808000, 0x3F818000, 0x3F807FFF, 0x3F808001, 0x7F7F8000,
          0x3F801000, 0x3F803000, 0x3F801001, 0x477FE000, 0x477FF000,
          0x477FEFFF, 0x33000000, 0x33000001, 0x33800000, 0x38800000,
          0x387FC000, 0x38000000, 0x4B000000, 0x4B000001, 0x4EFFFFFF,
          0x4F000000, 0xCF000000, 0x4F800000, 0x42FE0000, 0xC2FC0000,
          0xC3150000, 0xC3160000, 0x43000000, 0x3FC00000, 0xBFC00000,
          0x40200000, 0x3FB504F3)
HALVES = (0x0000, 0x8000, 0x0001, 0x03FF, 0x0400, 0x83FF, 0x3C00, 0xBC00,
          0x3C01, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00, 0x7C01, 0xFE00,
          0x007F, 0x0080, 0x807F, 0x3F80, 0xBF80, 0x3F81, 0x4000, 0x7F7F,
          0xFF7F, 0x7F80, 0xFF80, 0x7FC0, 0x7F81, 0x7FFF)


def make_integer(rng):
    kind = rng.below(4)
    if kind == 0:
        return rng.choose(INTEGERS)
    return rng.bits(6) if kind == 1 else rng.bits(32)


def make_usual(rng):
    """A float of a magnitude between 2^-8 and 2^8."""
    return rng.bits(1) << 31 | (119 + rng.below(16)) << 23 | rng.bits(23)


def make_float(rng):
    kind = rng.below(4)
    if kind < 2:
        return rng.choose(FLOATS)
    return make_usual(rng) if kind == 2 else rng.bits(32)


def make_half(rng):
    return rng.choose(HALVES) if rng.below(2) else rng.bits(16)


def encode(kind, value):
    """Bits of a small whole number in f16 or bf16."""
    if kind == "f16":
        return struct.unpack("<H", struct.pack("<e", value))[0]
    return struct.unpack("<I", struct.pack("<f", value))[0] >> 16


def make_element(rng, kind, values):
    """A 16-bit element: a small whole number or any of usual size."""
    if values == "whole":
        return encode(kind, rng.below(9) - 4)
    exponent, mantissa = (15, 10) if kind == "f16" else (127, 7)
    return (rng.bits(1) << 15 | (exponent - 3 + rng.below(4)) << mantissa |
            rng.bits(mantissa))


def make_input(spec):
    """The words of one buffer."""
    rng, kind = Random(spec["seed"]), spec["kind"]

    def make(i):
        if kind == "integers":
            return make_integer(rng)
        if kind == "fields":
            # Positions and lengths in the last two thirds.
            return rng.bits(32) if i < spec["words"] // 3 or rng.below(4) == 0 \
                else rng.below(40)
        if kind == "floats":
            return make_float(rng)
        if kind == "usual":
            return make_usual(rng)
        if kind == "halves":
            return make_half(rng) | make_half(rng) << 16
        values = spec.get("values", "whole")
        if kind == "mma" and i % 10 >= 6:
            if values == "normal":
                return make_usual(rng)
            return struct.unpack("<I", struct.pack("<f", rng.below(65) - 32))[0]
        return (make_element(rng, spec["type"], values) |
                make_element(rng, spec["type"], values) << 16)

    return numpy.array([make(i) for i in range(spec["words"])], numpy.uint32)


#===----------------------------------------------------------------------===//
# Running
#===----------------------------------------------------------------------===//


class Driver:
    """The few functions that are needed, with checked results."""

    def __init__(self):
        self.library = ctypes.CDLL(
            os.environ.get("PBS_CUDA_LIBRARY") or "libcuda.so.1")
        context = ctypes.c_void_p()
        self.call("cuInit", 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), 0)
        self.call("cuCtxSetCurrent", context)
        self.modules = {}

    def call(self, name, *arguments):
        result = getattr(self.library, name)(*arguments)
        if result:
            text = ctypes.c_char_p()
            self.library.cuGetErrorString(result, ctypes.byref(text))
            raise RuntimeError(
                f"{name}: {result} {(text.value or b'').decode()}")

    def describe(self):
        """Device and driver."""
        name, version = ctypes.create_string_buffer(128), ctypes.c_int()
        self.call("cuDeviceGetName", name, 128, 0)
        self.call("cuDriverGetVersion", ctypes.byref(version))
        description = {"device": name.value.decode(),
                       "cuda": f"{version.value // 1000}."
                               f"{version.value % 1000 // 10}"}
        try:
            description["driver"] = subprocess.run(
                ["nvidia-smi", "--query-gpu=driver_version",
                 "--format=csv,noheader"], capture_output=True, text=True,
                check=True).stdout.split("\n")[0]
        except (OSError, subprocess.CalledProcessError):
            pass
        return description

    def upload(self, words):
        address = ctypes.c_uint64()
        size = ctypes.c_size_t(max(words.nbytes, 16))
        self.call("cuMemAlloc_v2", ctypes.byref(address), size)
        self.call("cuMemcpyHtoD_v2", address,
                  words.ctypes.data_as(ctypes.c_void_p),
                  ctypes.c_size_t(words.nbytes))
        return address

    def encode(self, spec, base):
        """A tensor map of a dense tensor at `base`, and what holds it."""
        storage = ctypes.create_string_buffer(192)
        address = (ctypes.addressof(storage) + 63) & ~63
        rank, size = len(spec["sizes"]), MAP_BYTES[spec["type"]]
        strides = [size]
        for extent in spec["sizes"]:
            strides.append(strides[-1] * extent)
        self.call("cuTensorMapEncodeTiled", ctypes.c_void_p(address),
                  MAP_TYPES[spec["type"]], rank, base,
                  (ctypes.c_uint64 * rank)(*spec["sizes"]),
                  (ctypes.c_uint64 * 4)(*(strides + [0] * 4)[1:5]),
                  (ctypes.c_uint32 * rank)(*spec["box"]),
                  (ctypes.c_uint32 * rank)(*[1] * rank), 0,
                  {0: 0, 32: 1, 64: 2, 128: 3}[spec["swizzle"]], 0, 0)
        return storage, address

    def run(self, entry):
        """The words that a kernel writes."""
        if entry["file"] not in self.modules:
            module = ctypes.c_void_p()
            text = (PROGRAMS / entry["file"]).read_bytes() + b"\0"
            self.call("cuModuleLoadData", ctypes.byref(module), text)
            self.modules[entry["file"]] = module
        function = ctypes.c_void_p()
        self.call("cuModuleGetFunction", ctypes.byref(function),
                  self.modules[entry["file"]], entry["kernel"].encode())
        source = self.upload(numpy.concatenate(
            [make_input(spec) for spec in entry["inputs"]]))
        result = numpy.full(entry["words"], entry["fill"], numpy.uint32)
        target = self.upload(result)
        pointers = [ctypes.addressof(source), ctypes.addressof(target)]
        if "tensor" in entry:
            base = source if entry["tensor"]["base"] == "in" else target
            storage, address = self.encode(entry["tensor"], base)
            pointers.append(address)
        self.call("cuLaunchKernel", function, 1, 1, 1, entry["threads"], 1, 1,
                  0, None, (ctypes.c_void_p * len(pointers))(*pointers), None)
        self.call("cuCtxSynchronize")
        self.call("cuMemcpyDtoH_v2", result.ctypes.data_as(ctypes.c_void_p),
                  target, ctypes.c_size_t(result.nbytes))
        self.call("cuMemFree_v2", source)
        self.call("cuMemFree_v2", target)
        return result


def work(entries):
    """Runs the entries and prints a line of JSON for each."""
    driver = Driver()
    print(json.dumps(driver.describe()), flush=True)
    for entry in entries:
        try:
            print(json.dumps({"words": driver.run(entry).tobytes().hex()}),
                  flush=True)
        except RuntimeError as error:
            # The context is of no use any more.
            print(json.dumps({"error": str(error)}), flush=True)
            return


def run_all(entries, arguments):
    """Results by kernel, errors by kernel, and what they were made on.

    A process of its own runs the kernels; after a failure another goes on."""
    results, errors, description = {}, {}, {}
    while len(results) + len(errors) < len(entries):
        first = len(results) + len(errors)
        with subprocess.Popen(
                [sys.executable, __file__, "--worker", str(first), *arguments],
                stdout=subprocess.PIPE, text=True) as process:
            timer = threading.Timer(TIMEOUT, process.kill)
            timer.start()
            lines = process.stdout.read().split("\n")[:-1]
            timer.cancel()
        if not lines:
            sys.exit("the driver cannot be used")
        description = json.loads(lines[0])
        done = [json.loads(line) for line in lines[1:]]
        if len(done) < len(entries) - first and (not done or
                                                 "error" not in done[-1]):
            done.append({"error": "the process died"})
        for entry, line in zip(entries[first:], done):
            if "error" in line:
                errors[entry["kernel"]] = line["error"]
            else:
                results[entry["kernel"]] = numpy.frombuffer(
                    bytes.fromhex(line["words"]), numpy.uint32)
    return results, errors, description


#===----------------------------------------------------------------------===//
# Comparing
#===----------------------------------------------------------------------===//


def compare_floats(got, expected, relative, absolute):
    """True where words differ by more than they may."""
    equal = got == expected
    got, expected = (x.view(numpy.float32).astype(numpy.float64)
                     for x in (got, expected))
    with numpy.errstate(invalid="ignore"):
        bound = numpy.maximum(relative * numpy.abs(expected), absolute)
        near = numpy.abs(got - expected) <= bound
    # Zeros, infinities and NaNs have to be the same.
    special = ~numpy.isfinite(expected) | (expected == 0) | (got == 0)
    return ~(equal | (near & ~special))


def find_wrong(entry, got, expected):
    """True where `got` is wrong."""
    tolerance = entry.get("tolerance")
    if tolerance is None:
        return got != expected
    runs = numpy.arange(len(got)) // entry["threads"]
    relative = numpy.array(tolerance["relative"])
    relative = relative[runs] if len(relative) > 1 else relative[0]
    if tolerance["kind"] == "bf16x2":
        high = numpy.uint32(0xFFFF0000)
        return (compare_floats(got & high, expected & high, relative, 0) |
                compare_floats(got << 16, expected << 16, relative, 0))
    # A last bit of a denormal number is no relative error.
    absolute = max(tolerance.get("absolute", 0), 2.0**-148)
    return compare_floats(got, expected, relative, absolute)


def compare(entries, results, recorded):
    """Prints what is wrong, by kernel; true if nothing is."""
    ok = True
    for entry in entries:
        name = entry["kernel"]
        if name not in results:
            continue
        if name not in recorded:
            print(f"{name}: expected a recorded result, got none")
            ok = False
            continue
        expected = recorded[name]
        wrong = numpy.flatnonzero(find_wrong(entry, results[name], expected))
        labels = entry.get("labels")
        run = entry["words"] // len(labels) if labels else entry["words"]
        for first in sorted({index // run for index in wrong}):
            inside = [i for i in wrong if i // run == first]
            label = f" '{labels[first]}'" if labels else ""
            i = inside[0]
            print(f"{name}{label}: {len(inside)} of {run} words, the first at "
                  f"{i % run}: expected {expected[i]:#010x}, got "
                  f"{results[name][i]:#010x}")
            ok = False
    return ok


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", help="write results to this file")
    parser.add_argument("--compare", help="compare with results of this file")
    parser.add_argument("--only", default="",
                        help="kernels whose name has this pattern")
    parser.add_argument("--refused", action="store_true",
                        help="run what is wrong, and expect an error of each")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    entries = [e for e in json.loads((PROGRAMS / "manifest.json").read_text())
               if re.search(args.only, e["kernel"]) and
               e.get("refused", False) == args.refused]
    if args.worker is not None:
        work(entries[args.worker:])
        return
    results, errors, description = run_all(
        entries, ["--only", args.only] + ["--refused"] * args.refused)
    description["date"] = datetime.date.today().isoformat()
    print(json.dumps(description))
    for name, error in errors.items():
        print(f"{name}: {error}")
    if args.refused:
        for name in results:
            print(f"{name}: expected an error, got a result")
        sys.exit(bool(results))
    ok = not errors
    if args.record:
        numpy.savez_compressed(
            args.record, description=json.dumps(description), **results)
    if args.compare:
        recorded = numpy.load(args.compare)
        ok &= compare(entries, results, recorded)
    print(f"{len(results)} of {len(entries)} kernels ran")
    sys.exit(not ok)


if __name__ == "__main__":
    main()
