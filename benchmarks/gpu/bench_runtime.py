#!/usr/bin/env python3
# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times attention through the runtime beside other implementations, interleaved.

    PBS_LIBRARY=.../libpbs.so PYTHONPATH=python \\
        python3 benchmarks/gpu/bench_runtime.py --suites dense,lists --commit COMMIT \\
        --json FILE [--published FOLDER]

  dense      dense and causal attention, D = 128, bf16
  types      the same for D = 64, and for f16
  schedules  causal attention with passes of the schedule left out, or with turns
  lists      random causal lists and permuted positions, 30 to 5 % of the blocks of
             earlier segments, and dense attention; ours turns counts and indices
             into bit rows in each call. `own` is given the keys in the order of
             positions, too. `row_blocks`: blocks that a row of a list costs beside
             those that it lists, by the rate of causal dense attention
  density    the same for 0 to 100 %
  uneven     lists whose rows differ (block_lists.py says how), beside lists with as
             many blocks of which each row has its share: where work is divided well,
             a listed block takes as long in both, and the blocks of the grid end at
             the same time: from code that writes when each ran comes the tail,
             (latest end - mean end) / (latest end - first begin)

Contenders are torch's scaled_dot_product_attention by cuDNN (cudnn) and by
FlashAttention 2 (flash), FlashAttention 4 (fa4), FlexAttention (flex), the published
Triton kernel (triton, of the package pbs_attn in --published FOLDER, tuned anew at
each length) and dense attention of ours (dense). Those whose package is missing are
left out and named in the result. Ours are the pipelines of --pipelines,
NAME=OPTIONS; the first is what the others are compared with. TFLOP/s count the
visited 128x128 tiles: 4 * 128 * 128 * D each.
"""
import argparse
import functools

import torch
from torch.nn.attention import SDPBackend

import pbs_mlir
from block_lists import KINDS, even_lists, random_lists, uneven_lists
from contenders import (BLOCK, SEGMENT, Flex, add_tflops, dense_tiles, fa4_dense,
                        fa4_lists, published_triton, sdpa, segment_positions,
                        tensors, try_contender)
from report import Report, add_arguments, names, numbers
from timing import compare, heat, interval, median

SCHEDULES = {
    "all": "",
    "turns": "ping-pong=1",
    "no overlap": "overlap=0",
    "one stage": "stages=1",
    "static items": "schedule=static",
    "one item a block": "schedule=single",
    "no producer": "specialize=0 overlap=0 schedule=single",
}
DTYPES = {"bf16": torch.bfloat16, "f16": torch.float16}
CONTENDERS = ("cudnn", "flash", "fa4", "flex", "triton", "dense")
SHORT_TO_LONG = [4096, 8192, 16384, 32768, 65536]
# What a suite takes unless options say otherwise.
SUITES = {
    "dense": dict(lengths=SHORT_TO_LONG, types=[(128, "bf16")],
                  heads=["32/32", "32/8"], contenders=["cudnn", "fa4"]),
    "types": dict(lengths=SHORT_TO_LONG,
                  types=[(64, "bf16"), (128, "f16"), (64, "f16")],
                  heads=["32/32", "32/8"], contenders=["cudnn", "flash", "fa4"]),
    "schedules": dict(lengths=[8192, 32768], types=[(128, "bf16")],
                      heads=["32/8"], contenders=[]),
    "lists": dict(lengths=[16384, 32768, 65536, 131072],
                  densities=[0.3, 0.2, 0.1, 0.05],
                  contenders=["triton", "flex", "fa4", "dense"]),
    "density": dict(lengths=[32768, 131072],
                    densities=[0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1],
                    contenders=["flex", "fa4", "dense"]),
    "uneven": dict(lengths=[32768, 131072], contenders=[]),
}


def tensor_types(heads, kv_heads, d, dtype):
    return (f"tensor<?x{heads}x?x{d}x{dtype}>", f"tensor<?x{kv_heads}x?x{d}x{dtype}>",
            f"tensor<?x{heads}x?xf32>")


def dense_ir(heads, kv_heads, d, causal, dtype="bf16"):
    """A function without an LSE, since the other implementations compute none here."""
    q, kv, lse = tensor_types(heads, kv_heads, d, dtype)
    flag = " {causal}" if causal else ""
    return (f"func.func @f(%q: {q}, %k: {kv}, %v: {kv}) -> {q} {{\n"
            f"  %o, %lse = pbs.attention %q, %k, %v{flag} : ({q}, {kv}, {kv}) -> "
            f"({q}, {lse})\n  return %o : {q}\n}}\n")


def lists_ir(heads, kv_heads, d, dtype="bf16", own=False):
    """A function of lists; with `own`, keys in the order of positions come last."""
    q, kv, lse = tensor_types(heads, kv_heads, d, dtype)
    pos = f"tensor<?x{kv_heads}x?xi32>"
    count, index = f"tensor<?x{heads}x?xi32>", f"tensor<?x{heads}x?x?xi32>"
    kvs = (f"!pbs.permuted_kv<?x{kv_heads}x?x{d}x{dtype}, block = {BLOCK}, "
           f"segment = {SEGMENT}>")
    lists = (f"!pbs.block_list<?x{heads}x?x?, block = {BLOCK}x{BLOCK}, "
             f"segment = {SEGMENT}, causal>")
    arguments = f", %own_k: {kv}, %own_v: {kv}" if own else ""
    operands = ", %own_k, %own_v" if own else ""
    types = f", {kv}, {kv}" if own else ""
    return f"""
func.func @f(%q: {q}, %k: {kv}, %v: {kv}, %pos: {pos}, %count: {count},
             %index: {index}{arguments}) -> {q} {{
  %kv = pbs.kv_from_positions %k, %v, %pos : ({kv}, {kv}, {pos}) -> {kvs}
  %list = pbs.block_list_from_indices %count, %index, %q, %kv {{causal}}
    : ({count}, {index}, {q}, {kvs}) -> {lists}
  %o, %lse = pbs.sparse_attention %q, %kv, %list{operands} {{causal}}
    : ({q}, {kvs}, {lists}{types}) -> ({q}, {lse})
  return %o : {q}
}}
"""


def unpermute(x, positions):
    """Rows of x in the order of positions."""
    index = positions.long()[..., None].expand(x.shape)
    return torch.empty_like(x).scatter_(2, index, x)


def row_blocks(entry, tiles, dense, per_row):
    """What a row costs beside its blocks, [low, median, high], by the time of dense
    attention of `dense` tiles over that of lists of `tiles`."""
    return [per_row * (dense / entry[name] / tiles - 1)
            for name in ("ratio_high", "ratio", "ratio_low")]


def make_lists(mask):
    index = torch.argsort(mask.byte(), dim=-1, descending=True, stable=True)
    return mask.sum(-1, dtype=torch.int32), index.int()


class Ours:
    """Programs of one function for several pipelines."""

    def __init__(self, pipelines, ir):
        self.programs = {}
        self.missing = {}
        for name, options in pipelines.items():
            try:
                self.programs[name] = pbs_mlir.compile(
                    ir, target="sm_90a", pipeline_options=options or None)
            except pbs_mlir.PbsError as error:
                self.missing[name] = str(error)[:300]

    def add_to(self, table, inputs, o):
        """Adds a callable for each pipeline; their outputs must agree."""
        first, differences = None, {}
        for name, program in self.programs.items():
            # What nobody writes shows.
            o.fill_(float("nan"))
            table[name] = (lambda p=program: p(*inputs, out=(o,), checked=False))
            table[name]()
            torch.cuda.synchronize()
            if first is None:
                first = o.float()
            norm = (o.float() - first).norm() / first.norm()
            differences[name] = float(norm)
        return differences


def grid_times(program, inputs, out, count=15):
    """When the blocks of the grid of the attention kernel ran, from `count` calls of
    a program that was compiled with trace=1: for each the tail (see above) and the
    milliseconds from the first begin to the latest end."""
    workspace = torch.zeros(-(-program.workspace_size(*inputs) // 8) * 2,
                            dtype=torch.int32, device="cuda")
    traces = [trace for trace in program.traces(*inputs)
              if "attention" in trace.kernel]
    if len(traces) != 1:
        raise RuntimeError(f"expected one kernel of attention, got {traces}")
    first = traces[0].offset // 8
    tails, spans = [], []
    for call in range(count + 2):
        program(*inputs, out=out, workspace=workspace, checked=False)
        torch.cuda.synchronize()
        # Two calls warm up.
        if call < 2:
            continue
        begin, end, _ = workspace.view(torch.int64)[
            first:first + 3 * traces[0].num_blocks].view(-1, 3).unbind(1)
        span = int(end.max() - begin.min())
        tails.append(float((end.max() - end).double().mean()) / span)
        spans.append(span / 1e6)
    return tails, spans


class Bench:
    """The suites: each is a list of cases, labels and a function."""

    def __init__(self, args, report):
        self.args, self.report = args, report

    def option(self, name):
        value = getattr(self.args, name, None)
        return SUITES[self.suite][name] if value is None else value

    @property
    def pipelines(self):
        if self.suite == "schedules":
            return SCHEDULES
        return dict(entry.partition("=")[::2] for entry in self.args.pipelines)

    @functools.lru_cache(maxsize=None)
    def compile(self, suite, make_ir, *arguments):
        return Ours(self.pipelines, make_ir(*arguments))

    @functools.lru_cache(maxsize=None)
    def compile_traced(self, make_ir, *arguments):
        """The first pipeline, with code that writes when blocks ran."""
        options = next(iter(self.pipelines.values()))
        return pbs_mlir.compile(make_ir(*arguments), target="sm_90a",
                                pipeline_options=f"{options} trace=1".strip())

    def compare(self, table):
        return compare(table, self.args.rounds or 15, self.args.min_ms,
                       deadline=self.report.deadline)

    def run(self, suite):
        self.suite = suite
        getattr(self, suite if suite == "uneven" else
                "lists" if "densities" in SUITES[suite] else "dense")()

    def dense(self):
        for d, dtype in self.option("types"):
            for pair in self.option("heads"):
                heads, kv_heads = map(int, pair.split("/"))
                for causal in (True, False):
                    if self.suite == "schedules" and not causal:
                        continue
                    for n in self.option("lengths"):
                        self.report.measure(
                            dict(suite=self.suite, case="causal" if causal else "full",
                                 n=n, d=d, dtype=dtype, heads=heads,
                                 kv_heads=kv_heads),
                            functools.partial(self.dense_case, n, d, dtype, heads,
                                              kv_heads, causal))

    def dense_case(self, n, d, dtype, heads, kv_heads, causal):
        ours = self.compile(self.suite, dense_ir, heads, kv_heads, d, causal, dtype)
        # FlashAttention 4 wants [B,N,H,D] in memory, the others take both.
        q, k, v, o, _ = tensors(heads, kv_heads, n, d, "bnhd", DTYPES[dtype])
        table, missing = {}, dict(ours.missing)
        differences = ours.add_to(table, (q, k, v), o)
        contenders = {
            "cudnn": lambda: sdpa(q, k, v, causal, SDPBackend.CUDNN_ATTENTION),
            "flash": lambda: sdpa(q, k, v, causal, SDPBackend.FLASH_ATTENTION),
            "fa4": lambda: fa4_dense(q, k, v, causal),
        }
        for name in self.option("contenders"):
            if name in contenders:
                try_contender(table, missing, name, contenders[name])
        tiles = dense_tiles(heads, n, causal)
        result = self.compare(table)
        add_tflops(result, tiles, d)
        return dict(tiles=tiles, results=result, difference=differences,
                    missing=missing)

    def lists(self):
        for n in self.option("lengths"):
            for density in self.option("densities"):
                self.report.measure(
                    dict(suite=self.suite, case="lists", n=n, density=density,
                         heads=32, kv_heads=8),
                    functools.partial(self.lists_case, n, density))
        self.make_shared.cache_clear()

    @functools.lru_cache(maxsize=1)
    def make_shared(self, n):
        """What the cases of a length share; FlexAttention is compiled once for it."""
        inputs = tensors(32, 8, n)
        positions = segment_positions(8, n)
        own = tuple(unpermute(x, positions) for x in inputs[1:3])
        flex = Flex(4, positions) if "flex" in self.option("contenders") else None
        return inputs, positions, own, flex

    def lists_case(self, n, density):
        (q, k, v, o, _), positions, own_keys, flex = self.make_shared(n)
        ours = self.compile(self.suite, lists_ir, 32, 8, 128)
        mask, own = random_lists(32, n, density, seed=n)
        table, missing = {}, dict(ours.missing)
        lists = make_lists(mask)
        differences = ours.add_to(table, (q, k, v, positions, *lists), o)
        reference = o.float()
        ours = self.compile(self.suite, lists_ir, 32, 8, 128, "bf16", True)
        missing.update(ours.missing)
        for program in list(ours.programs.values())[:1]:
            table["own"] = functools.partial(
                program, q, k, v, positions, *lists, *own_keys, out=(o,),
                checked=False)
            o.fill_(float("nan"))
            table["own"]()
            norm = (o.float() - reference).norm()
            differences["own"] = float(norm / reference.norm())
        wanted = self.option("contenders")
        if "triton" in wanted and self.args.published:
            try_contender(table, missing, "triton", lambda: published_triton(
                self.args.published, q, k, v, mask, positions))
        if "flex" in wanted:
            try_contender(table, missing, "flex", lambda: flex(q, k, v, mask, own))
        for other in ("triton", "flex"):
            if other in table:
                norm = (table[other]().float() - reference).norm()
                differences[other] = float(norm / reference.norm())
        del reference
        # The mask of fa4 differs, and dense attention does more.
        if "fa4" in wanted:
            try_contender(table, missing, "fa4",
                          lambda: fa4_lists(q, k, v, mask, own))
        if "dense" in wanted:
            program = self.compile(self.suite, dense_ir, 32, 8, 128, True)
            dense = next(iter(program.programs.values()))
            table["dense"] = lambda: dense(q, k, v, out=(o,), checked=False)
        tiles, all_tiles = int(mask.sum()), dense_tiles(32, n, True)
        per_row = tiles / (32 * (n // BLOCK))
        result, costs = self.compare(table), {}
        if "dense" in table:
            first = next(iter(table))
            costs[first] = row_blocks(result["dense"], tiles, all_tiles, per_row)
            if "own" in table:
                pair = self.compare(dict(own=table["own"], dense=table["dense"]))
                costs["own"] = row_blocks(pair["dense"], tiles, all_tiles, per_row)
        add_tflops(result, tiles, 128, dense=all_tiles)
        return dict(tiles=tiles, blocks_per_row=per_row, row_blocks=costs,
                    difference=differences, results=result, missing=missing)

    def uneven(self):
        for n in self.option("lengths"):
            for kind in KINDS:
                self.report.measure(
                    dict(suite=self.suite, case=kind, n=n, heads=32, kv_heads=8),
                    functools.partial(self.uneven_case, n, kind))

    def uneven_case(self, n, kind):
        ours = self.compile(self.suite, lists_ir, 32, 8, 128)
        q, k, v, o, _ = tensors(32, 8, n)
        positions = segment_positions(8, n)
        mask, _ = uneven_lists(kind, 32, n)
        even, _ = even_lists(int(mask.sum()), 32, n, seed=n)
        tiles = {"uneven": int(mask.sum()), "even": int(even.sum())}
        table, missing = {}, dict(ours.missing)
        traced, grid = self.compile_traced(lists_ir, 32, 8, 128), {}
        for name, lists in (("uneven", mask), ("even", even)):
            programs = {}
            inputs = (q, k, v, positions, *make_lists(lists))
            ours.add_to(programs, inputs, o)
            table[name] = next(iter(programs.values()))
            expected = o.clone()
            tails, spans = grid_times(traced, inputs, (o,))
            if not torch.equal(o, expected):
                raise RuntimeError("the code that writes times computes other bits")
            low, high = interval(tails)
            grid[name] = dict(tail=median(tails), tail_low=low, tail_high=high,
                              tail_max=max(tails), span_ms=median(spans))
        result = self.compare(table)
        add_tflops(result, tiles["uneven"], 128, even=tiles["even"])
        for name, entry in result.items():
            entry["ns_per_block"] = entry["ms"] * 1e6 / tiles[name]
        rows = mask.sum(-1).float()
        return dict(tiles=tiles["uneven"], even_tiles=tiles["even"],
                    longest_over_mean=float(rows.max() / rows.mean()),
                    per_block_over_even=(result["uneven"]["ns_per_block"]
                                         / result["even"]["ns_per_block"]),
                    tail=grid["uneven"]["tail"], even_tail=grid["even"]["tail"],
                    grid=grid, results=result, missing=missing)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--suites", type=names(SUITES), required=True)
    parser.add_argument("--pipelines", nargs="+", default=["pbs="],
                        metavar="NAME=OPTIONS")
    parser.add_argument("--lengths", type=numbers(int))
    parser.add_argument("--heads", type=names(("32/32", "32/8")),
                        help="query/KV heads of dense attention")
    parser.add_argument("--types", metavar="D:TYPE,...",
                        type=lambda text: [(int(d), dtype) for d, _, dtype in (
                            word.partition(":")
                            for word in names([f"{d}:{t}" for d in (64, 128)
                                               for t in DTYPES])(text))],
                        help="head dimensions and types of dense attention")
    parser.add_argument("--densities", type=numbers(float))
    parser.add_argument("--contenders", type=names(CONTENDERS))
    parser.add_argument("--published", metavar="FOLDER")
    args = parser.parse_args()
    torch.manual_seed(0)
    report = Report(args, pipelines=args.pipelines)
    bench = Bench(args, report)
    heat(args.heat)
    for suite in args.suites:
        bench.run(suite)


if __name__ == "__main__":
    main()
