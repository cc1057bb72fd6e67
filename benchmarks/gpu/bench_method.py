#!/usr/bin/env python3
# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times the whole method on a GPU, its preparation, and each kernel of it.

    PBS_LIBRARY=.../libpbs.so PYTHONPATH=python \\
        python3 benchmarks/gpu/bench_method.py --json FILE \\
        [--suites method,prepare,chunk,growth] [--published FOLDER]

Inputs are bf16, D = 128, 32/8 heads, made such that the method lists a given share
of the blocks that dense attention visits, by default the paper's (57.9, 48.5, 40.5,
28.7, 21.9 % at 8K to 128K; arXiv 2510.21270, Table 3; 65 % at 4K and 15 % above
128K are ours): queries and keys of a block share a random vector, whose size is
found by bisection, plus normal noise.

  method   one call at each length beside dense attention of ours (dense), of cuDNN
           (torch's scaled_dot_product_attention) and of FlashAttention 4 (fa4), and
           the code of the paper (published, if --published names a folder with its
           package pbs_attn, which is tuned anew at each length up to 32K).
           `guarded` is the call with dense attention where that is faster. Memory
           is the peak of one call, its output included
  prepare  all of a call before attention: permuted keys and values, and the list
           (also in the other suites), beside the same of the published code.
           `permute` compares the kernel that gathers keys and values with copies of
           as many bytes
  chunk    the last 8K queries of 128K keys
  growth   lengths from 256K on, as far as memory goes; dense up to 5 s a call

`*_graph` are replays of a CUDA graph of the call, without the host. `kernels` are
times of the kernels of one call, from torch's profiler.
"""
import argparse
import functools
import gc

import torch
from torch.nn.attention import SDPBackend

import pbs_mlir
from contenders import Published, dense_tiles, fa4_dense, sdpa, try_contender
from report import Report, add_arguments, names, numbers
from timing import compare, heat, profile

HEADS, KV_HEADS, DIM, BLOCK, SEGMENT = 32, 8, 128, 128, 256
DENSITIES = {4096: 0.65, 8192: 0.579, 16384: 0.485, 32768: 0.405, 65536: 0.287,
             131072: 0.219}
CHUNK = 8192
# Suite -> lengths.
SUITES = {"method": sorted(DENSITIES),
          "prepare": [8192, 32768, 131072, 524288],
          "chunk": [131072],
          "growth": [262144, 524288, 1048576]}
CONTENDERS = ("dense", "cudnn", "fa4", "published")

Q = f"tensor<?x{HEADS}x?x{DIM}xbf16>"
K = f"tensor<?x{KV_HEADS}x?x{DIM}xbf16>"
KV = (f"!pbs.permuted_kv<?x{KV_HEADS}x?x{DIM}xbf16, block = {BLOCK}, "
      f"segment = {SEGMENT}>")
LIST = (f"!pbs.block_list<?x{HEADS}x?x?, block = {BLOCK}x{BLOCK}, "
        f"segment = {SEGMENT}, causal>")
METHOD = f"""
func.func @method(%q: {Q}, %k: {K}, %v: {K}) -> {Q} {{
  %o, %lse = pbs.permuted_attention %q, %k, %v {{causal, segment = {SEGMENT}}}
    : ({Q}, {K}, {K}) -> ({Q}, tensor<?x{HEADS}x?xf32>)
  return %o : {Q}
}}
"""
DENSE = f"""
func.func @dense(%q: {Q}, %k: {K}, %v: {K}) -> {Q} {{
  %o, %lse = pbs.attention %q, %k, %v {{causal}}
    : ({Q}, {K}, {K}) -> ({Q}, tensor<?x{HEADS}x?xf32>)
  return %o : {Q}
}}
"""
STATS = f"tensor<?x{HEADS}x128x2xf32>"
POOL = f"tensor<?x{KV_HEADS}x?x{DIM}xf32>"
PREPARE = f"""
func.func @prepare(%q: {Q}, %k: {K}, %v: {K}) -> ({KV}, {LIST}) {{
  %stats = pbs.proxy_stats %q, %k : ({Q}, {K}) -> {STATS}
  %kv, %pool, %i = pbs.fused_permute_kv %q, %k, %v, %stats
    : ({Q}, {K}, {K}, {STATS}) -> ({KV}, {POOL}, tensor<?x{KV_HEADS}x?xf32>)
  %list, %s = pbs.fused_select_blocks %q, %pool, %kv
    : ({Q}, {POOL}, {KV}) -> ({LIST}, tensor<?x{HEADS}x?x?xf32>)
  return %kv, %list : {KV}, {LIST}
}}
"""


def make_inputs(n, size):
    """Queries, keys and values in which blocks have means of a given size."""
    generator = torch.Generator("cuda").manual_seed(n)

    def make(heads, means=None):
        x = torch.randn(1, heads, n, DIM, device="cuda", dtype=torch.bfloat16,
                        generator=generator)
        if means is not None:
            x.view(1, heads, n // BLOCK, BLOCK, DIM).add_(means[:, :, :, None])
        return x

    def means(heads):
        return (size * torch.randn(1, heads, n // BLOCK, DIM, device="cuda",
                                   generator=generator)).bfloat16()

    return (make(HEADS, means(HEADS)), make(KV_HEADS, means(KV_HEADS)),
            make(KV_HEADS))


def make_outputs(m, n):
    """For `prepare`: keys, values, positions, ranges, bits."""
    def make(*shape, dtype=torch.int32):
        return torch.empty(1, *shape, dtype=dtype, device="cuda")

    blocks = n // BLOCK
    return (make(KV_HEADS, n, DIM, dtype=torch.bfloat16),
            make(KV_HEADS, n, DIM, dtype=torch.bfloat16), make(KV_HEADS, n),
            make(KV_HEADS, blocks, 2),
            make(HEADS, m // BLOCK, (blocks + 31) // 32))


def count_bits(words):
    return sum(int(((words >> bit) & 1).sum(dtype=torch.int64)) for bit in range(32))


class Bench:
    """The suites; programs are compiled at their first use."""

    def __init__(self, args, report):
        self.args, self.report = args, report
        self.published = Published(args.published) if args.published else None

    @functools.cached_property
    def method(self):
        return self.compile(METHOD, "dense-below=0")

    @functools.cached_property
    def guarded(self):
        return self.compile(METHOD)

    @functools.cached_property
    def prepare(self):
        return self.compile(PREPARE)

    @functools.cached_property
    def dense(self):
        return self.compile(DENSE)

    def compile(self, ir, options=""):
        options = f"{options} {self.args.pipeline_options}".strip()
        return pbs_mlir.compile(ir, target="sm_90a",
                                pipeline_options=options or None)

    def count(self, q, k, v, outputs):
        """Share of the blocks of dense attention that the method lists."""
        self.prepare(q, k, v, out=outputs, checked=False)
        rows, blocks = q.shape[2] // BLOCK, k.shape[2] // BLOCK
        visited = HEADS * (rows * (blocks - rows) + rows * (rows + 1) // 2)
        return count_bits(outputs[-1]) / visited

    def find_inputs(self, n):
        """Bisects the size of the means for a density.

        Returns inputs, outputs of `prepare`, and what a case says of them."""
        wanted = DENSITIES.get(n, 0.15)
        outputs, low, high = make_outputs(n, n), 0.0, 4.0
        for _ in range(12):
            inputs = None
            size = (low + high) / 2
            inputs = make_inputs(n, size)
            density = self.count(*inputs, outputs)
            if abs(density - wanted) < 0.002:
                break
            if density > wanted:
                low = size
            else:
                high = size
        torch.cuda.empty_cache()
        return inputs, outputs, dict(density=density, size=size)

    def wants(self, name):
        return name in self.args.contenders

    def compare(self, table, rounds=None, **options):
        return compare(table, rounds or self.args.rounds or 15, self.args.min_ms,
                       deadline=self.report.deadline, **options)

    def add_graph(self, table, missing, name, program, inputs, outputs):
        """Adds a replay of one call of the program."""
        def make():
            # What the program would allocate has to be there for the capture.
            words = -(-program.workspace_size(*inputs) // 4)
            space = torch.empty(words, dtype=torch.int32, device="cuda")

            def call():
                program(*inputs, out=outputs, workspace=space, checked=False)
            stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=stream):
                call()
            return lambda: (graph.replay(), space)
        try_contender(table, missing, name, make)

    def method_case(self, n):
        inputs, outputs, case = self.find_inputs(n)
        o = (torch.empty_like(inputs[0]),)
        table, missing = {}, {}
        table["method"] = lambda: self.method(*inputs, out=o, checked=False)
        table["method"]()
        table["prepare"] = lambda: self.prepare(*inputs, out=outputs,
                                                checked=False)
        self.add_graph(table, missing, "method_graph", self.method, inputs, o)
        plan = self.guarded.alternative(*inputs)
        if "dense" in plan:
            table["guarded"] = lambda: self.guarded(*inputs, out=o, checked=False)
        if self.wants("dense"):
            table["dense"] = lambda: self.dense(*inputs, out=o, checked=False)
        if self.wants("cudnn"):
            try_contender(table, missing, "cudnn", lambda: sdpa(
                *inputs, True, SDPBackend.CUDNN_ATTENTION))
        if self.wants("fa4"):
            # Its layout is [B,N,H,D].
            try_contender(table, missing, "fa4", lambda: fa4_dense(
                *(x.transpose(1, 2).contiguous().transpose(1, 2)
                  for x in inputs), True))
        if self.published and self.wants("published"):
            if n <= 32768:
                self.published.retune()
            try_contender(table, missing, "published",
                          lambda: lambda: self.published.method(*inputs))
        results = self.compare(table)
        kernels = profile(table["method"])
        return dict(**case, plan=plan, results=results, kernels=kernels,
                    memory=self.measure_memory(inputs, "published" in table),
                    missing=missing)

    def measure_memory(self, inputs, with_published):
        """Bytes of one call, its output included, beside those that it needs."""
        def call():
            space = torch.empty(workspace // 4 + 1, dtype=torch.int32,
                                device="cuda")
            return self.method(*inputs, workspace=space, checked=False)

        def peak(function):
            gc.collect()
            torch.cuda.synchronize()
            before = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
            result = function()
            torch.cuda.synchronize()
            del result
            return torch.cuda.max_memory_allocated() - before

        q, k, v = inputs
        workspace = self.method.workspace_size(*inputs)
        memory = dict(output=q.nbytes, permuted=k.nbytes + v.nbytes,
                      workspace=workspace, method=peak(call))
        if with_published:
            memory["published"] = peak(lambda: self.published.method(*inputs))
            memory["published_copies"] = HEADS // KV_HEADS * (k.nbytes + v.nbytes)
        return memory

    def prepare_case(self, n):
        inputs, outputs, case = self.find_inputs(n)
        table, missing = {}, {}
        table["prepare"] = lambda: self.prepare(*inputs, out=outputs,
                                                checked=False)
        self.add_graph(table, missing, "prepare_graph", self.prepare, inputs,
                       outputs)
        if self.published and self.wants("published"):
            def make():
                q, k, v = inputs
                group = HEADS // KV_HEADS
                k, v = (x.repeat_interleave(group, 1) for x in (k, v))
                return lambda: self.published.prepare(q, k, v)
            try_contender(table, missing, "published", make)
        results = self.compare(table)
        kernels = profile(table["prepare"])
        # The copies of keys and values of the published code may fill the memory.
        table.pop("published", None)
        torch.cuda.empty_cache()
        return dict(**case, results=results, kernels=kernels,
                    permute=self.compare_with_copies(kernels, inputs, outputs),
                    missing=missing)

    @staticmethod
    def compare_with_copies(kernels, inputs, outputs):
        """The kernel that permutes, of which only the reads and writes of each key
        and value once are counted, beside the faster one of two ways to copy as
        many bytes."""
        pairs = list(zip(inputs[1:], outputs))
        size = 2 * sum(x.nbytes for x, _ in pairs)

        def rate(ms):
            return size / ms / 1e6
        copy = sum(profile(lambda: [y.copy_(x) for x, y in pairs]).values())
        negate = sum(profile(
            lambda: [torch.neg(x, out=y) for x, y in pairs]).values())
        ms = sum(ms for name, ms in kernels.items() if "permute" in name)
        return dict(bytes=size, ms=ms, gb_per_s=rate(ms), copy_gb_per_s=rate(copy),
                    kernel_copy_gb_per_s=rate(negate), share=min(copy, negate) / ms)

    def chunk_case(self, n):
        (q, k, v), outputs, _ = self.find_inputs(n)
        chunk = min(self.args.chunk, n)
        inputs = q[:, :, n - chunk:], k, v
        outputs = outputs[:-1] + make_outputs(chunk, n)[-1:]
        density = self.count(*inputs, outputs)
        o = (torch.empty_like(inputs[0]),)
        table, missing = {}, {}
        table["method"] = lambda: self.method(*inputs, out=o, checked=False)
        table["prepare"] = lambda: self.prepare(*inputs, out=outputs,
                                                checked=False)
        if self.wants("dense"):
            table["dense"] = lambda: self.dense(*inputs, out=o, checked=False)
        if self.wants("fa4"):
            try_contender(table, missing, "fa4", lambda: fa4_dense(
                *(x.transpose(1, 2).contiguous().transpose(1, 2)
                  for x in inputs), True))
        results = self.compare(table)
        return dict(queries=chunk, density=density,
                    preparation_share=results["prepare"]["ratio"],
                    results=results, kernels=profile(table["method"]),
                    missing=missing)

    def growth_case(self, n):
        inputs, outputs, case = self.find_inputs(n)
        o = (torch.empty_like(inputs[0]),)
        table = {
            "method": lambda: self.method(*inputs, out=o, checked=False),
            "prepare": lambda: self.prepare(*inputs, out=outputs, checked=False)}
        # At 600 TFLOP/s, which causal dense attention does not exceed by much.
        flops = 4 * BLOCK * BLOCK * DIM * dense_tiles(HEADS, n, True)
        if self.wants("dense") and flops / 600e12 < 5:
            table["dense"] = lambda: self.dense(*inputs, out=o, checked=False)
        table["method"]()
        results = self.compare(table, rounds=self.args.rounds or 5, warmup=0)
        return dict(**case, results=results, kernels=profile(table["method"], 1),
                    memory=dict(workspace=self.method.workspace_size(*inputs),
                                permuted=inputs[1].nbytes + inputs[2].nbytes))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--suites", type=names(SUITES), default=list(SUITES))
    parser.add_argument("--lengths", type=numbers(int),
                        help="for all suites, instead of each one's own")
    parser.add_argument("--contenders", type=names(CONTENDERS),
                        default=list(CONTENDERS))
    parser.add_argument("--published", metavar="FOLDER")
    parser.add_argument("--chunk", type=int, default=CHUNK)
    parser.add_argument("--pipeline-options", default="")
    args = parser.parse_args()
    report = Report(args, heads=HEADS, kv_heads=KV_HEADS, dim=DIM)
    bench = Bench(args, report)
    heat(args.heat)
    for suite in args.suites:
        case = getattr(bench, suite + "_case")
        for n in args.lengths or SUITES[suite]:
            report.measure(dict(suite=suite, n=n), functools.partial(case, n))


if __name__ == "__main__":
    main()
