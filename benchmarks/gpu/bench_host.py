#!/usr/bin/env python3
# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a call costs on the host, and what is left of that in the time of a run.

    PBS_LIBRARY=.../libpbs.so PYTHONPATH=python python3 benchmarks/gpu/bench_host.py \\
        --json FILE [--lengths 8192,32768] [--options OPTIONS]...

Preparation (eight arguments) and the whole method (four) of 32/8 heads, D = 128,
bf16, causal, with a workspace of the caller's. Of each and for each `--options` of
the pipeline, by default with and without dependent launches:

c_us       pbs_program_run by itself, through ctypes
python_us  the call of a Program with torch tensors
call_us    pbs_mlir.attention, whose program follows from the tensors (method)
launched   milliseconds between device events around many calls in Python
graph      of a replay of one call

`c_us` and `python_us` are the median of rounds that enqueue a few calls on an idle
device, so that no call waits for room in the queue; the driver's part is in them.
Outputs of all are compared bit for bit; `bits` is a hash of them.
"""
import argparse
import ctypes
import functools
import hashlib
import time

import torch

import pbs_mlir
from bench_method import METHOD, PREPARE, make_inputs, make_outputs
from pbs_mlir import _library, _tensors
from report import Report, add_arguments, numbers
from timing import compare, heat, interval, median

OPTIONS = ("dependent-launch=1", "dependent-launch=0")
CALLS = 8


def time_calls(call, rounds):
    """Microseconds of one call on the host: median and its interval."""
    call()
    times = []
    for _ in range(rounds):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(CALLS):
            call()
        times.append(1e6 * (time.perf_counter() - begin) / CALLS)
    torch.cuda.synchronize()
    low, high = interval(times)
    return dict(median=median(times), low=low, high=high, min=min(times))


def make_c_call(program, tensors, workspace):
    """The call of the C interface alone, with everything filled in."""
    views = [_tensors.View(str(i), x) for i, x in enumerate(tensors)]
    packed = _tensors.pack(views)
    options = _library.RunOptions(
        stream=torch.cuda.current_stream().cuda_stream,
        workspace=workspace.data_ptr(), workspace_size=workspace.nbytes)
    run, count = _library.get().pbs_program_run, len(views)

    def call():
        _library.check(run(program._handle, packed, count,
                           ctypes.byref(options)))
        return views
    return call


def make_graph(call):
    stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        call()
    return graph.replay


def digest(tensors):
    """A hash of the bits of tensors."""
    result = hashlib.sha256()
    for x in tensors:
        result.update(x.view(torch.uint8).cpu().numpy())
    return result.hexdigest()[:16]


class Bench:
    """Programs of all options on one set of tensors."""

    def __init__(self, args):
        self.args = args

    @functools.lru_cache(maxsize=None)
    def compile(self, what, options):
        ir = METHOD if what == "method" else PREPARE
        options = ("dense-below=0 " if what == "method" else "") + options
        return pbs_mlir.compile(ir, target="sm_90a",
                                pipeline_options=options.strip() or None)

    def case(self, what, n):
        inputs = make_inputs(n, 2.0)
        outputs = (make_outputs(n, n) if what == "prepare"
                   else (torch.empty_like(inputs[0]),))
        table, case, expected = {}, {}, None
        for options in self.args.options or OPTIONS:
            program = self.compile(what, options)
            words = -(-program.workspace_size(*inputs) // 4)
            workspace = torch.empty(words, dtype=torch.int32, device="cuda")
            call = functools.partial(program, *inputs, out=outputs,
                                     workspace=workspace)
            name = options or "default"
            host = dict(python_us=time_calls(call, self.args.host_rounds),
                        c_us=time_calls(make_c_call(
                            program, (*inputs, *outputs), workspace),
                            self.args.host_rounds))
            replay = make_graph(call)
            for run in (call, replay):
                for x in outputs:
                    x.view(torch.uint8).fill_(255)
                run()
                bits = digest(outputs)
                expected = expected or bits
                if bits != expected:
                    raise RuntimeError(
                        f"{name}: expected bits {expected}, got {bits}")
            table[f"launched {name}"] = call
            table[f"graph {name}"] = replay
            case[name] = {key: value["median"] for key, value in host.items()}
            case[f"host {name}"] = host
            # The table keeps call and workspace.
        if what == "method":
            q, k, v = inputs
            host = time_calls(lambda: pbs_mlir.attention(
                q, k, v, out=outputs[0], dense_below=0, workspace=workspace),
                self.args.host_rounds)
            case["attention"] = dict(call_us=host["median"])
            case["host attention"] = host
        return dict(**case, bits=expected, results=compare(
            table, self.args.rounds or 15, self.args.min_ms))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--lengths", type=numbers(int), default=[8192, 32768])
    parser.add_argument("--options", action="append",
                        help="of the pipeline; several times to compare")
    parser.add_argument("--host-rounds", type=int, default=100)
    args = parser.parse_args()
    report, bench = Report(args, calls=CALLS), Bench(args)
    heat(args.heat)
    for n in args.lengths:
        for what in ("prepare", "method"):
            report.measure(dict(suite="host", what=what, n=n),
                           functools.partial(bench.case, what, n))


if __name__ == "__main__":
    main()
