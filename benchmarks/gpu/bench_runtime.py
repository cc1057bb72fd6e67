#!/usr/bin/env python3
# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times attention through the runtime beside other implementations, interleaved.

    PBS_LIBRARY=.../libpbs.so PYTHONPATH=python python3 benchmarks/gpu/bench_runtime.py \\
        --suite dense|lists|schedules --commit COMMIT --json FILE

  dense      dense and causal attention, beside cuDNN and FlashAttention 4
  lists      random causal lists and permuted positions, beside FlexAttention,
             FlashAttention 4 and the published Triton kernel (--triton FILE, its
             permuted_block_sparse_attention.py); ours turns counts and indices
             into bit rows in each call
  schedules  the same kernel with passes of its schedule left out

Contenders whose package is missing are left out and named in the result. Ours are
the pipelines of --pipelines, NAME=OPTIONS; the first is what the others are
compared with. TFLOP/s count the visited 128x128 tiles: 4 * 128 * 128 * D each.
"""
import argparse
import json
import time

import torch
from torch.nn.attention import SDPBackend

import pbs_mlir
from contenders import (BLOCK, SEGMENT, Flex, add_tflops, fa4_dense, fa4_lists,
                        published_triton, random_lists, sdpa, segment_positions,
                        tensors, try_contender)
from timing import compare, environment

SCHEDULES = {
    "all": "",
    "no ping-pong": "ping-pong=0",
    "no overlap": "overlap=0",
    "one stage": "stages=1",
    "static items": "schedule=static",
    "one item a block": "schedule=single",
    "no producer": "specialize=0 overlap=0 schedule=single",
}


def tensor_types(heads, kv_heads, d):
    return (f"tensor<?x{heads}x?x{d}xbf16>", f"tensor<?x{kv_heads}x?x{d}xbf16>",
            f"tensor<?x{heads}x?xf32>")


def dense_ir(heads, kv_heads, d, causal):
    q, kv, lse = tensor_types(heads, kv_heads, d)
    flag = " {causal}" if causal else ""
    return (f"func.func @f(%q: {q}, %k: {kv}, %v: {kv}) -> ({q}, {lse}) {{\n"
            f"  %o, %lse = pbs.attention %q, %k, %v{flag} : ({q}, {kv}, {kv}) -> "
            f"({q}, {lse})\n  return %o, %lse : {q}, {lse}\n}}\n")


def lists_ir(heads, kv_heads, d):
    q, kv, lse = tensor_types(heads, kv_heads, d)
    pos = f"tensor<?x{kv_heads}x?xi32>"
    count, index = f"tensor<?x{heads}x?xi32>", f"tensor<?x{heads}x?x?xi32>"
    kvs = (f"!pbs.permuted_kv<?x{kv_heads}x?x{d}xbf16, block = {BLOCK}, "
           f"segment = {SEGMENT}>")
    lists = (f"!pbs.block_list<?x{heads}x?x?, block = {BLOCK}x{BLOCK}, "
             f"segment = {SEGMENT}, causal>")
    return f"""
func.func @f(%q: {q}, %k: {kv}, %v: {kv}, %pos: {pos}, %count: {count},
             %index: {index}) -> ({q}, {lse}) {{
  %kv = pbs.kv_from_positions %k, %v, %pos : ({kv}, {kv}, {pos}) -> {kvs}
  %list = pbs.block_list_from_indices %count, %index, %q, %kv {{causal}}
    : ({count}, {index}, {q}, {kvs}) -> {lists}
  %o, %lse = pbs.sparse_attention %q, %kv, %list {{causal}}
    : ({q}, {kvs}, {lists}) -> ({q}, {lse})
  return %o, %lse : {q}, {lse}
}}
"""


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

    def add_to(self, table, inputs, o, lse):
        """Adds a callable for each pipeline; their outputs must agree."""
        first, differences = None, {}
        for name, program in self.programs.items():
            # What nobody writes shows.
            o.fill_(float("nan"))
            table[name] = (lambda p=program: p(*inputs, out=(o, lse),
                                               checked=False))
            table[name]()
            torch.cuda.synchronize()
            if first is None:
                first = o.float()
            norm = (o.float() - first).norm() / first.norm()
            differences[name] = float(norm)
        return differences


def dense_suite(args, report):
    for heads, kv_heads in args.heads:
        for causal in (True, False):
            ours = Ours(args.pipelines, dense_ir(heads, kv_heads, 128, causal))
            for n in args.lengths:
                # FlashAttention 4 wants [B,N,H,D] in memory, the others take both.
                q, k, v, o, lse = tensors(heads, kv_heads, n, layout="bnhd")
                table, missing = {}, dict(ours.missing)
                differences = ours.add_to(table, (q, k, v), o, lse)
                try_contender(table, missing, "cudnn", lambda: sdpa(
                    q, k, v, causal, SDPBackend.CUDNN_ATTENTION))
                if not args.no_fa4:
                    try_contender(table, missing, "fa4",
                                  lambda: fa4_dense(q, k, v, causal))
                blocks = n // BLOCK
                tiles = heads * (blocks * (blocks + 1) // 2 if causal
                                 else blocks * blocks)
                result = compare(table, args.rounds, args.min_ms)
                add_tflops(result, tiles, 128)
                report(dict(case="causal" if causal else "full", n=n, heads=heads,
                            kv_heads=kv_heads, tiles=tiles, results=result,
                            difference=differences, missing=missing))


def lists_suite(args, report):
    heads, kv_heads = 32, 8
    ours = Ours(args.pipelines, lists_ir(heads, kv_heads, 128))
    for n in args.lengths:
        q, k, v, o, lse = tensors(heads, kv_heads, n)
        positions = segment_positions(kv_heads, n)
        flex = None if args.no_flex else Flex(heads // kv_heads, positions)
        for density in args.densities:
            mask, own = random_lists(heads, n, density, seed=n)
            table, missing = {}, dict(ours.missing)
            differences = ours.add_to(
                table, (q, k, v, positions, *make_lists(mask)), o, lse)
            reference = o.float()
            if args.triton:
                try_contender(table, missing, "triton", lambda: published_triton(
                    args.triton, q, k, v, mask, positions))
            if flex:
                try_contender(table, missing, "flex",
                              lambda: flex(q, k, v, mask, own))
            if not args.no_fa4:
                try_contender(table, missing, "fa4",
                              lambda: fa4_lists(q, k, v, mask, own))
            for other in ("triton", "flex"):  # the mask of fa4 differs
                if other in table:
                    norm = (table[other]().float() - reference).norm()
                    differences[other] = float(norm / reference.norm())
            del reference
            tiles = int(mask.sum())
            result = compare(table, args.rounds, args.min_ms)
            add_tflops(result, tiles, 128)
            report(dict(case="lists", n=n, density=density, heads=heads,
                        kv_heads=kv_heads, tiles=tiles, difference=differences,
                        results=result, missing=missing))
            del mask, own, table


def parse_pipelines(entries):
    result = {}
    for entry in entries:
        name, _, options = entry.partition("=")
        result[name] = options
    return result


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", choices=("dense", "lists", "schedules"),
                        required=True)
    parser.add_argument("--json", required=True)
    parser.add_argument("--pipelines", nargs="+", default=["pbs="],
                        metavar="NAME=OPTIONS")
    parser.add_argument("--lengths", type=lambda t: [int(x) for x in t.split(",")],
                        default=[8192, 16384, 32768, 65536])
    parser.add_argument("--heads", default=[(32, 32), (32, 8)],
                        type=lambda t: [tuple(int(x) for x in p.split("/"))
                                        for p in t.split(",")])
    parser.add_argument("--densities",
                        type=lambda t: [float(x) for x in t.split(",")],
                        default=[0.3, 0.2, 0.1, 0.05])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--min-ms", type=float, default=20.0,
                        help="calls are repeated for as long, so that the device "
                        "and not the host's time to launch is measured")
    parser.add_argument("--budget", type=float, default=1e9,
                        help="seconds after which no new case starts")
    parser.add_argument("--triton")
    parser.add_argument("--no-flex", action="store_true")
    parser.add_argument("--no-fa4", action="store_true")
    parser.add_argument("--commit", default="unknown")
    args = parser.parse_args()
    args.pipelines = parse_pipelines(args.pipelines)
    suite = args.suite
    if suite == "schedules":
        args.pipelines, args.no_fa4, suite = SCHEDULES, True, "dense"
    torch.manual_seed(0)
    torch.zeros(1, device="cuda")
    cases, start = [], time.time()
    document = dict(environment=environment(args.commit), suite=args.suite,
                    pipelines=args.pipelines, rounds=args.rounds,
                    min_ms=args.min_ms, cases=cases)

    class Enough(Exception):
        pass

    def report(case):
        cases.append(case)
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.write("\n")
        head = " ".join(str(case[k]) for k in ("case", "n", "heads", "kv_heads",
                                               "density") if k in case)
        parts = [f"{name} {entry['ms']:.3f}ms {entry['tflops']:.0f}"
                 + (f" x{entry['ratio']:.3f}" if "ratio" in entry else "")
                 for name, entry in case["results"].items()]
        parts.append(str({k: f"{x:.1e}" for k, x in case["difference"].items()}))
        print(head, "|", " | ".join(parts), case["missing"] or "", flush=True)
        if time.time() - start > args.budget:
            raise Enough

    try:
        {"dense": dense_suite, "lists": lists_suite}[suite](args, report)
    except Enough:
        print("time budget spent", flush=True)


if __name__ == "__main__":
    main()
