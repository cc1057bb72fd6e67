# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times the whole method on a GPU, its preparation, and each kernel of it.

    python3 bench_method.py --json method.json [--published FOLDER] [--lengths ...]

Inputs are bf16, D = 128, 32/8 heads, made such that the method lists a given share
of the blocks that dense attention visits, by default the paper's (57.9, 48.5, 40.5,
28.7, 21.9 % at 8K to 128K; arXiv 2510.21270, Table 3): queries and keys of a block
share a random vector, whose size is found by bisection, plus normal noise.

  method     pbs.permuted_attention, one call
  prepare    all of it before attention: permuted keys and values, and the list
  dense      pbs.attention
  cudnn      torch's scaled_dot_product_attention by cuDNN
  published  the code of the paper, if --published names a folder with it

`kernels` are times of the kernels of one call, from torch's profiler.
"""
import argparse
import json
import sys

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

import pbs_mlir
from timing import compare, environment

HEADS, KV_HEADS, DIM, BLOCK, SEGMENT = 32, 8, 128, 128, 256
DENSITIES = {4096: 0.65, 8192: 0.579, 16384: 0.485, 32768: 0.405, 65536: 0.287,
             131072: 0.219}

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


def make_inputs(n, size, noise):
    """Queries, keys and values in which blocks have means of a given size."""
    blocks = n // BLOCK
    generator = torch.Generator("cuda").manual_seed(n)

    def make(heads, means):
        x = torch.randn(1, heads, n, DIM, device="cuda", dtype=torch.bfloat16,
                        generator=generator)
        return x * noise + means.repeat_interleave(BLOCK, 2).to(torch.bfloat16)

    def means(heads):
        return size * torch.randn(1, heads, blocks, DIM, device="cuda",
                                  generator=generator)

    return (make(HEADS, means(HEADS)), make(KV_HEADS, means(KV_HEADS)),
            torch.randn(1, KV_HEADS, n, DIM, device="cuda", dtype=torch.bfloat16,
                        generator=generator))


def count_bits(words):
    counts = torch.zeros_like(words, dtype=torch.int32)
    for bit in range(32):
        counts += (words >> bit) & 1
    return int(counts.sum(dtype=torch.int64))


def density(prepare, inputs, outputs):
    prepare(*inputs, out=outputs, checked=False)
    blocks = inputs[0].shape[2] // BLOCK
    return count_bits(outputs[-1]) / (HEADS * blocks * (blocks + 1) // 2)


def make_outputs(n):
    """For `prepare`: keys, values, positions, ranges, bits."""
    blocks = n // BLOCK
    like = dict(device="cuda")
    return (torch.empty(1, KV_HEADS, n, DIM, dtype=torch.bfloat16, **like),
            torch.empty(1, KV_HEADS, n, DIM, dtype=torch.bfloat16, **like),
            torch.empty(1, KV_HEADS, n, dtype=torch.int32, **like),
            torch.empty(1, KV_HEADS, blocks, 2, dtype=torch.int32, **like),
            torch.empty(1, HEADS, blocks, (blocks + 31) // 32, dtype=torch.int32,
                        **like))


def find_inputs(prepare, n, wanted):
    """Bisects the size of the means for a density."""
    outputs, low, high = make_outputs(n), 0.0, 4.0
    for _ in range(12):
        middle = (low + high) / 2
        inputs = make_inputs(n, middle, 1.0)
        got = density(prepare, inputs, outputs)
        if abs(got - wanted) < 0.002:
            break
        if got > wanted:
            low = middle
        else:
            high = middle
    return inputs, outputs, middle, got


def profile(call):
    """Name -> milliseconds of the kernels of one call."""
    for _ in range(3):
        call()
    torch.cuda.synchronize()
    count = 5
    with torch.profiler.profile(
            activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
        for _ in range(count):
            call()
        torch.cuda.synchronize()
    times = {}
    for event in profiler.events():
        if event.device_type == torch.autograd.DeviceType.CUDA:
            times[event.name] = (times.get(event.name, 0)
                                 + event.device_time / 1e3 / count)
    return times


def cudnn(q, k, v):
    with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
        return torch.nn.functional.scaled_dot_product_attention(
            q, k, v, is_causal=True, enable_gqa=True)


def published(folder):
    sys.path.insert(0, folder)
    from pbs_attn.src.pbs import permuted_block_sparse_attn_fwd

    def run(q, k, v):
        group = HEADS // KV_HEADS
        return permuted_block_sparse_attn_fwd(
            q, k.repeat_interleave(group, 1), v.repeat_interleave(group, 1),
            block_size=BLOCK, segment_size=SEGMENT, threshold=0.9, causal=True,
            force_select_first_block=True, use_triton=True)
    return run


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", required=True)
    parser.add_argument("--lengths", default=sorted(DENSITIES),
                        type=lambda t: [int(x) for x in t.split(",")])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--min-ms", type=float, default=10.0)
    parser.add_argument("--published")
    parser.add_argument("--pipeline-options")
    parser.add_argument("--commit", default="unknown")
    args = parser.parse_args()
    torch.zeros(1, device="cuda")

    def compile_ir(ir):
        return pbs_mlir.compile(ir, target="sm_90a",
                                pipeline_options=args.pipeline_options)

    method, prepare, dense = map(compile_ir, (METHOD, PREPARE, DENSE))
    baseline = published(args.published) if args.published else None
    cases = []
    document = dict(environment=environment(args.commit), heads=HEADS,
                    kv_heads=KV_HEADS, dim=DIM, rounds=args.rounds, cases=cases)
    for n in args.lengths:
        wanted = DENSITIES.get(n, 0.15)
        inputs, outputs, size, got = find_inputs(prepare, n, wanted)
        o = torch.empty_like(inputs[0])
        table = {
            "method": lambda: method(*inputs, out=(o,), checked=False),
            "prepare": lambda: prepare(*inputs, out=outputs, checked=False),
            "dense": lambda: dense(*inputs, out=(o,), checked=False),
            "cudnn": lambda: cudnn(*inputs),
        }
        missing = {}
        if baseline:
            try:
                baseline(*inputs)
                table["published"] = lambda: baseline(*inputs)
            except Exception as error:  # a baseline may lack a case
                missing["published"] = str(error)[:200]
        kernels = profile(table["method"])
        torch.cuda.reset_peak_memory_stats()
        case = dict(n=n, density=got, size=size, kernels=kernels, missing=missing,
                    results=compare(table, args.rounds, args.min_ms))
        cases.append(case)
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.write("\n")
        print(n, f"density {got:.3f}",
              " | ".join(f"{name} {entry['ms']:.3f}"
                         for name, entry in case["results"].items()),
              {name: round(ms, 4) for name, ms in kernels.items()}, missing or "",
              flush=True)
        del inputs, outputs, o, table
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
