#!/usr/bin/env python3
# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times cold compilation for a GPU in this process, ptxas included; needs no GPU.

    PYTHONPATH=python python3 benchmarks/cpu/bench_compile.py \\
        --commit $(git rev-parse --short HEAD) --output benchmarks/results/compile.json

For each configuration: the seconds of a call, the processor's seconds in this process
and in ptxas, and for each kernel its milliseconds to PTX and to machine code. Rounds
go through all configurations; of each figure the smallest is kept, since what else
the machine does only adds. Then all configurations are compiled by as many threads as
there are processors.
"""
import argparse
import concurrent.futures
import ctypes
import json
import os
import re
import resource
import time

import pbs_mlir
from bench_cpu import describe_environment
from pbs_mlir import _library
from pbs_mlir._program import Program, make_compile_options

HEADS, KV_HEADS = 32, 8
TYPES = {"bf16": _library.BF16, "f16": _library.F16}


def get_configurations():
    """Name -> fields of pbs_attention_config."""
    kinds = {
        "dense": dict(kind=_library.DENSE),
        "lists": dict(kind=_library.SPARSE, has_positions=1),
        "lists, own keys": dict(kind=_library.SPARSE, has_positions=1,
                                has_own_keys=1),
        "packed": dict(kind=_library.PACKED),
        "method": dict(kind=_library.PERMUTED),
        "method, segment 512": dict(kind=_library.PERMUTED, segment=512),
    }
    return {f"{name}, D = {d}, {dtype}": dict(
        query_heads=HEADS, kv_heads=KV_HEADS, head_dim=d, dtype=TYPES[dtype],
        causal=1, **fields)
            for name, fields in kinds.items() for d in (128, 64)
            for dtype in TYPES}


def compile_cold(fields):
    handle = ctypes.c_void_p()
    _library.check(_library.get().pbs_attention_create(
        ctypes.byref(_library.AttentionConfig(**fields)),
        ctypes.byref(make_compile_options("sm_90a", cache=False)),
        ctypes.byref(handle)))
    return Program(handle)


def processor_seconds(who):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def measure(fields):
    """Figures of one call, without structure: name -> number."""
    who = {"cpu_s": resource.RUSAGE_SELF, "ptxas_cpu_s": resource.RUSAGE_CHILDREN}
    before = {name: processor_seconds(w) for name, w in who.items()}
    begin = time.perf_counter()
    program = compile_cold(fields)
    figures = {"wall_s": time.perf_counter() - begin}
    for name, w in who.items():
        figures[name] = processor_seconds(w) - before[name]
    figures["all_cpu_s"] = figures["cpu_s"] + figures["ptxas_cpu_s"]
    kernels = re.findall(r"^kernel (\w+): ptx ([\d.]+) ms, \w+ ([\d.]+) ms$",
                         program.report, re.M)
    if not kernels:
        raise SystemExit("expected ptxas or nvJitLink, got none")
    for name, ptx, assembly in kernels:
        figures[f"{name}: ptx_ms"] = float(ptx)
        figures[f"{name}: assembly_ms"] = float(assembly)
    passes = re.search(r"^passes: ([\d.]+) ms$", program.report, re.M)
    figures["passes_ms"] = float(passes.group(1))
    return figures


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commit", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="configurations whose name has this")
    args = parser.parse_args()
    configurations = {name: fields for name, fields in get_configurations().items()
                      if args.only in name}
    least = {name: {} for name in configurations}
    for _ in range(args.rounds):
        for name, fields in configurations.items():
            for key, value in measure(fields).items():
                least[name][key] = min(value, least[name].get(key, value))
    cases = []
    for name, figures in least.items():
        case, kernels = dict(name=name), {}
        for key, value in figures.items():
            kernel, _, figure = key.rpartition(": ")
            target = kernels.setdefault(kernel, {}) if kernel else case
            target[figure] = round(value, 3)
        cases.append({**case, "kernels": kernels})
        print(f"{name}: {case['wall_s']:.2f} s, processor {case['all_cpu_s']:.2f} s; "
              + ", ".join(f"{kernel} {k['ptx_ms']:.0f} + {k['assembly_ms']:.0f} ms"
                          for kernel, k in kernels.items()), flush=True)
    threads = len(os.sched_getaffinity(0))
    before = sum(map(processor_seconds, (resource.RUSAGE_SELF,
                                         resource.RUSAGE_CHILDREN)))
    begin = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        list(pool.map(compile_cold, configurations.values()))
    matrix = dict(
        configurations=len(configurations), threads=threads,
        wall_s=round(time.perf_counter() - begin, 2),
        cpu_s=round(sum(map(processor_seconds, (
            resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))) - before, 2))
    print(f"all {matrix['configurations']} by {threads} threads: "
          f"{matrix['wall_s']} s, processor {matrix['cpu_s']} s")
    with open(args.output, "w", encoding="utf-8") as file:
        json.dump({"environment": describe_environment(args.commit),
                   "rounds": args.rounds, "cases": cases, "matrix": matrix}, file,
                  indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
