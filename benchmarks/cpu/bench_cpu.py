#!/usr/bin/env python3
# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times the CPU backend: dense, lists of 25 % density, the whole method, and
compilation, cold and from the disk cache.

    PYTHONPATH=python python3 benchmarks/cpu/bench_cpu.py --commit $(git rev-parse --short HEAD) \\
        --output benchmarks/results/cpu.json

Contenders take turns in every round; medians, smallest and largest are reported.
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import numpy

import pbs_mlir

HEADS, KV_HEADS, DIM, LENGTH, BLOCK = 9, 3, 64, 4096, 128
DENSITY = 0.25

COLD = """
import sys, time, numpy, pbs_mlir
x = [numpy.zeros((1, h, 256, 64), "float32") for h in (9, 3, 3)]
pbs_mlir.version()
begin = time.perf_counter()
pbs_mlir.attention(*x)
print(time.perf_counter() - begin)
"""


def find_cpu():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def describe_environment(commit):
    """What a figure depends on."""
    return {
        "cpu": find_cpu(), "threads": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg(), "system": platform.platform(),
        "commit": commit, "version": pbs_mlir.version(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(
            timespec="seconds")}


def make_mask(rng):
    """A random causal block mask of DENSITY of the visible blocks, with the
    block of the query itself."""
    blocks = LENGTH // BLOCK
    mask = numpy.zeros((1, HEADS, blocks, blocks), bool)
    for head in range(HEADS):
        for row in range(blocks):
            mask[0, head, row, row] = True
        visible = blocks * (blocks + 1) // 2
        rows, columns = numpy.tril_indices(blocks, -1)
        chosen = rng.choice(len(rows), round(DENSITY * visible) - blocks,
                            replace=False)
        mask[0, head, rows[chosen], columns[chosen]] = True
    return mask


def measure_compile(cache):
    """Seconds of the first call in a new process, library loaded."""
    env = dict(os.environ, PBS_CACHE_DIR=cache)
    result = subprocess.run([sys.executable, "-c", COLD], env=env, check=True,
                            capture_output=True, text=True)
    return float(result.stdout)


def summarize(seconds):
    milliseconds = sorted(1e3 * s for s in seconds)
    return {"ms": round(statistics.median(milliseconds), 3),
            "min_ms": round(milliseconds[0], 3),
            "max_ms": round(milliseconds[-1], 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--commit", required=True)
    parser.add_argument("--output", required=True)
    args = parser.parse_args()

    rng = numpy.random.default_rng(0)
    q, k, v = (rng.standard_normal((1, h, LENGTH, DIM)).astype("float32")
               for h in (HEADS, KV_HEADS, KV_HEADS))
    mask = make_mask(rng)
    count = mask.sum(-1, dtype="int32")
    index = numpy.argsort(~mask, axis=-1, kind="stable").astype("int32")
    contenders = {
        "dense": lambda: pbs_mlir.dense_attention(q, k, v),
        "lists": lambda: pbs_mlir.sparse_attention(q, k, v, (count, index),
                                                   checked=False),
        "method": lambda: pbs_mlir.attention(q, k, v),
    }
    times = {name: [] for name in contenders}
    for function in contenders.values():
        function()
    for turn in range(args.rounds):
        names = list(contenders)
        for name in names[turn % 3:] + names[:turn % 3]:
            begin = time.perf_counter()
            contenders[name]()
            times[name].append(time.perf_counter() - begin)
    ratios = sorted(d / s for d, s in zip(times["dense"], times["lists"]))

    cold, cached = [], []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(measure_compile(cache))
            cached.append(measure_compile(cache))

    visible = numpy.tril(numpy.ones(mask.shape[2:], bool)).sum() * HEADS
    result = {
        "environment": describe_environment(args.commit),
        "shape": {"heads": HEADS, "kv_heads": KV_HEADS, "dim": DIM,
                  "length": LENGTH, "dtype": "f32", "causal": True},
        "rounds": args.rounds,
        "dense": summarize(times["dense"]),
        "lists": dict(summarize(times["lists"]),
                      density=round(float(mask.sum() / visible), 4),
                      times_faster_than_dense=round(
                          statistics.median(ratios), 3)),
        "method": dict(summarize(times["method"]),
                       density=round(float(
                           pbs_mlir.select_blocks(q, k).sum() / visible), 4)),
        "compile_cold": summarize(cold),
        "compile_cached": summarize(cached),
    }
    with open(args.output, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
