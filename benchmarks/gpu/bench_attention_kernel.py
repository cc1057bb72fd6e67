#!/usr/bin/env python3
# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times the attention kernels beside other implementations, one GPU, interleaved.

bench_attention_kernel.py KERNELS --suite dense|lists|tuning --json FILE
  --triton FILE   the published pbs-attn Triton kernel (its
                  permuted_block_sparse_attention.py), for the lists suite
Contenders whose package is missing are left out and named in the result.
TFLOP/s count the visited 128x128 tiles: 4 * 128 * 128 * D each.
"""
import argparse
import importlib.util
import json
import math
import time

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from launcher import Driver, Kernel, pack_bits
from timing import compare, environment

BLOCK, SEGMENT = 128, 256


def tensors(heads, kv_heads, n, d=128, layout="bhnd"):
    def make(h):
        if layout == "bnhd":
            return torch.randn(1, n, h, d, device="cuda").bfloat16().transpose(1, 2)
        return torch.randn(1, h, n, d, device="cuda").bfloat16()
    q, k, v = make(heads), make(kv_heads), make(kv_heads)
    return q, k, v, torch.empty_like(q), \
        torch.empty(1, heads, n, device="cuda")


def add_tflops(result, tiles, d):
    for entry in result.values():
        entry["tflops"] = 4 * BLOCK * BLOCK * d * tiles / entry["ms"] / 1e9


def sdpa(q, k, v, causal, backend):
    group = q.shape[1] != k.shape[1]

    def run():
        with sdpa_kernel(backend):
            return F.scaled_dot_product_attention(q, k, v, is_causal=causal,
                                                  enable_gqa=group)
    return run


def try_contender(table, missing, name, make):
    """Adds make() if it runs."""
    try:
        function = make()
        function()
        torch.cuda.synchronize()
        table[name] = function
    except Exception as error:  # a missing package or an unsupported shape
        missing[name] = f"{type(error).__name__}: {str(error)[:200]}"


def fa4_dense(q, k, v, causal):
    from flash_attn.cute.interface import flash_attn_func
    # Its layout is [B,N,H,D]; views, no copies.
    q, k, v = (t.transpose(1, 2) for t in (q, k, v))
    return lambda: flash_attn_func(q, k, v, causal=causal)


def fa4_lists(q, k, v, mask, own):
    """FlashAttention 4 over the same lists. Its mask is the plain causal one: the same
    work, without the gather of positions."""
    import cutlass.cute as cute
    from flash_attn.cute.block_sparsity import BlockSparseTensorsTorch
    from flash_attn.cute.interface import _flash_attn_fwd

    @cute.jit
    def causal_mask(batch, head, m_idx, n_idx, seqlen_info, aux_tensors):
        return n_idx <= m_idx

    def lists(m):
        return m.sum(-1).int(), torch.argsort(
            m.byte(), dim=-1, descending=True, stable=True).int()
    partial, full = lists(mask & own), lists(mask & ~own)
    blocks = BlockSparseTensorsTorch(*partial, *full, block_size=(BLOCK, BLOCK))
    q, k, v = (t.transpose(1, 2) for t in (q, k, v))
    return lambda: _flash_attn_fwd(q, k, v, mask_mod=causal_mask, pack_gqa=False,
                                   block_sparse_tensors=blocks)[0].transpose(1, 2)


def dense_suite(kernels, driver, args, report):
    for heads, kv_heads in ((32, 32), (32, 8)):
        for causal in (False, True):
            for n in args.lengths:
                base = "d128_bf16_" + ("causal" if causal else "full")
                # FlashAttention 4 wants [B,N,H,D] in memory, cuDNN takes both.
                q, k, v, o, lse = tensors(heads, kv_heads, n, layout="bnhd")
                table, missing = {}, {}
                for name in (base, base + "_late"):
                    table["pbs" + name[len(base):]] = Kernel(
                        kernels, name, driver).prepare(q, k, v, o, lse)
                try_contender(table, missing, "cudnn", lambda: sdpa(
                    q, k, v, causal, SDPBackend.CUDNN_ATTENTION))
                if not args.no_fa4:
                    try_contender(table, missing, "fa4",
                                  lambda: fa4_dense(q, k, v, causal))
                blocks = n // BLOCK
                tiles = heads * (blocks * (blocks + 1) // 2 if causal
                                 else blocks * blocks)
                result = compare(table, args.rounds)
                add_tflops(result, tiles, 128)
                report(dict(case="causal" if causal else "full", n=n, heads=heads,
                            kv_heads=kv_heads, tiles=tiles, results=result,
                            missing=missing))


def random_lists(heads, n, density, seed):
    """bool [1,H,Nb,Nb]: earlier segments at random, own segment always."""
    blocks, per_segment = n // BLOCK, SEGMENT // BLOCK
    g = torch.Generator(device="cuda").manual_seed(seed)
    index = torch.arange(blocks, device="cuda") // per_segment
    own = index[:, None] == index[None, :]
    earlier = index[:, None] > index[None, :]
    mask = torch.rand(1, heads, blocks, blocks, device="cuda", generator=g)
    return (mask < density) & earlier | own, own


def segment_positions(kv_heads, n):
    keys = torch.rand(1, kv_heads, n // SEGMENT, SEGMENT, device="cuda").argsort(-1)
    start = torch.arange(0, n, SEGMENT, device="cuda")[:, None]
    return (keys + start).view(1, kv_heads, n).int().contiguous()


class Flex:
    """FlexAttention over the lists, compiled once for each length."""

    def __init__(self, group, positions):
        from torch.nn.attention.flex_attention import flex_attention
        # Above it torch would fall back to materialised scores in silence.
        torch._dynamo.config.recompile_limit = 64
        self.function = torch.compile(flex_attention, dynamic=False)
        self.mask_mod = lambda b, h, i, j: i >= positions[b, h // group, j]

    def __call__(self, q, k, v, mask, own):
        from torch.nn.attention.flex_attention import BlockMask

        def lists(m):
            return m.sum(-1).int(), torch.argsort(
                m.byte(), dim=-1, descending=True, stable=True).int()
        block_mask = BlockMask.from_kv_blocks(
            *lists(mask & own), *lists(mask & ~own), BLOCK_SIZE=BLOCK,
            mask_mod=self.mask_mod)
        return lambda: self.function(q, k, v, block_mask=block_mask,
                                     enable_gqa=True)


def published_triton(path, q, k, v, mask, positions):
    spec = importlib.util.spec_from_file_location("pbs_triton", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    import triton
    heads, n, d = q.shape[1], q.shape[2], q.shape[3]
    group = heads // k.shape[1]
    o = torch.empty_like(q)
    kpos = positions.long().repeat_interleave(group, 1).contiguous()
    qpos = torch.arange(n, device="cuda")[None, None].expand(1, heads, n)

    def run():
        module._permuted_block_sparse_attn_fwd[
            lambda meta: (triton.cdiv(n, meta["BLOCK_M"]), heads, 1)](
            q, k, v, o, mask, qpos, kpos, kpos, *q.stride(), *k.stride(),
            *v.stride(), *o.stride(), *mask.stride(), *qpos.stride(),
            *kpos.stride(), *kpos.stride(), n, n, 1 / math.sqrt(d), H=heads,
            num_kv_groups=group, HEAD_DIM=d, SEGMENT_SIZE=SEGMENT,
            LOGICAL_BLOCK_SIZE=BLOCK, STAGE=3)
        return o
    return run


def lists_suite(kernels, driver, args, report):
    heads, kv_heads = 32, 8
    for n in args.lengths:
        q, k, v, o, lse = tensors(heads, kv_heads, n)
        positions = segment_positions(kv_heads, n)
        flex = Flex(heads // kv_heads, positions)
        for density in args.densities:
            mask, own = random_lists(heads, n, density, seed=n)
            bits = pack_bits(mask)
            base = "d128_bf16_causal_pos256_list"
            table, missing = {}, {}
            for name in (base, base + "_late"):
                table["pbs" + name[len(base):]] = Kernel(
                    kernels, name, driver).prepare(q, k, v, o, lse, bits,
                                                   positions)
            if args.triton:
                try_contender(table, missing, "triton", lambda: published_triton(
                    args.triton, q, k, v, mask, positions))
            if not args.no_flex:
                try_contender(table, missing, "flex",
                              lambda: flex(q, k, v, mask, own))
            if not args.no_fa4:
                try_contender(table, missing, "fa4", lambda: fa4_lists(
                    q, k, v, mask, own))
            errors = {}
            table["pbs"]()
            reference = o.float()
            for other in ("triton", "flex"):  # the mask of fa4 differs
                if other in table:
                    theirs = table[other]().float()
                    errors[other] = float((theirs - reference).norm() /
                                          reference.norm())
                    del theirs
            del reference
            tiles = int(mask.sum())
            result = compare(table, args.rounds)
            add_tflops(result, tiles, 128)
            report(dict(case="lists", n=n, density=density, heads=heads,
                        kv_heads=kv_heads, tiles=tiles, difference=errors,
                        results=result, missing=missing))
            del mask, own, bits, table


def tuning_suite(kernels, driver, args, report):
    """Schedule variants and head grouping, against cuDNN."""
    for heads, kv_heads in ((32, 32), (32, 8)):
        for n in args.lengths:
            q, k, v, o, lse = tensors(heads, kv_heads, n)
            for causal in (True, False):
                base = "d128_bf16_" + ("causal" if causal else "full")
                group, table, missing = heads // kv_heads, {}, {}
                table["pbs"] = Kernel(kernels, base, driver).prepare(
                    q, k, v, o, lse)
                for hpg in sorted({1, group, heads}):
                    table[f"hpg{hpg}"] = Kernel(kernels, base, driver).prepare(
                        q, k, v, o, lse, heads_per_group=hpg)
                for variant in ("_late", "_anchor"):
                    try_contender(table, missing, variant[1:], lambda: Kernel(
                        kernels, base + variant, driver).prepare(q, k, v, o, lse))
                try_contender(table, missing, "cudnn", lambda: sdpa(
                    q, k, v, causal, SDPBackend.CUDNN_ATTENTION))
                blocks = n // BLOCK
                tiles = heads * (blocks * (blocks + 1) // 2 if causal
                                 else blocks * blocks)
                result = compare(table, args.rounds)
                add_tflops(result, tiles, 128)
                report(dict(case="causal" if causal else "full", n=n, heads=heads,
                            kv_heads=kv_heads, tiles=tiles, results=result,
                            missing=missing))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kernels")
    parser.add_argument("--suite", choices=("dense", "lists", "tuning"),
                        required=True)
    parser.add_argument("--json", required=True)
    parser.add_argument("--lengths", type=lambda t: [int(x) for x in t.split(",")],
                        default=[8192, 16384, 32768, 65536])
    parser.add_argument("--densities",
                        type=lambda t: [float(x) for x in t.split(",")],
                        default=[0.3, 0.2, 0.1, 0.05])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--budget", type=float, default=1e9,
                        help="seconds after which no new case starts")
    parser.add_argument("--triton")
    parser.add_argument("--no-flex", action="store_true")
    parser.add_argument("--no-fa4", action="store_true")
    parser.add_argument("--commit", default="unknown")
    args = parser.parse_args()
    torch.manual_seed(0)
    driver = Driver()
    torch.zeros(1, device="cuda")
    cases, start = [], time.time()
    document = dict(environment=environment(args.commit), suite=args.suite,
                    rounds=args.rounds, cases=cases)

    class Enough(Exception):
        pass

    def report(case):
        cases.append(case)
        with open(args.json, "w") as file:
            json.dump(document, file, indent=1)
        head = " ".join(str(case[k]) for k in ("case", "n", "heads", "kv_heads",
                                               "density") if k in case)
        parts = [f"{name} {entry['ms']:.3f}ms {entry['tflops']:.0f}"
                 + (f" x{entry['ratio']:.3f}" if "ratio" in entry else "")
                 for name, entry in case["results"].items()]
        if case.get("difference"):
            parts.append(str({k: f"{x:.1e}" for k, x in case["difference"].items()}))
        print(head, "|", " | ".join(parts), case["missing"] or "", flush=True)
        if time.time() - start > args.budget:
            raise Enough

    try:
        {"dense": dense_suite, "lists": lists_suite,
         "tuning": tuning_suite}[args.suite](args.kernels, driver, args, report)
    except Enough:
        print("time budget spent", flush=True)


if __name__ == "__main__":
    main()
