#!/usr/bin/env python3
# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks the attention kernels on a GPU against f64.

check_attention_kernel.py KERNELS [--json FILE] [--quick] [--only NAME]
Every case: fresh random inputs, outputs poisoned with NaN between guard zones, the
largest per-row relative L2 error against the limit of the specification, LSE, rows
that see nothing, and bitwise equality of repeated launches.
"""
import argparse
import itertools
import json
import math
import sys
import time

import torch

from launcher import Driver, Kernel, pack_bits

# O alone, rounded to bf16, is off by 1.5e-3 in the root mean square, and P, which
# every kernel of this kind rounds before P V, by as much again: 2.2e-3 together. Rows
# of a small norm reach 3.5e-3 at D = 64 (column "cudnn" shows the same of cuDNN).
LIMIT = {"bf16": 4e-3, "f16": 5e-4}
GUARD = 4096
SHAPES = [  # batch, query heads, key heads, queries, keys
    (1, 1, 1, 128, 128),
    (1, 2, 2, 1, 1),
    (2, 4, 2, 127, 129),
    (1, 4, 1, 300, 1000),
    (1, 3, 3, 1000, 300),
    (2, 8, 2, 513, 777),
    (3, 2, 1, 64, 4096),
    (1, 8, 8, 2048, 2048),
    (1, 16, 4, 1537, 3001),
]


def guarded(shape, layout, dtype, poison):
    """A tensor of logical shape [B,H,N,D] inside a larger poisoned buffer."""
    b, h, n, d = shape
    size = b * h * n * d
    buffer = torch.full((size + 2 * GUARD,), poison, dtype=dtype, device="cuda")
    inner = buffer[GUARD:GUARD + size]
    if layout == "bnhd":
        return buffer, inner.view(b, n, h, d).transpose(1, 2)
    return buffer, inner.view(b, h, n, d)


def reference(q, k, v, causal, positions, mask, scale):
    """f64 attention; returns O, LSE. positions [B,Hk,N], mask bool [B,H,Mb,Nb]."""
    b, h, m, d = q.shape
    hk, n = k.shape[1], k.shape[2]
    out = torch.zeros(b, h, m, d, dtype=torch.float64, device="cuda")
    lse = torch.full((b, h, m), -math.inf, dtype=torch.float64, device="cuda")
    if n == 0 or m == 0:
        return out, lse
    row_pos = torch.arange(m, device="cuda") + (n - m)
    for bi, hi in itertools.product(range(b), range(h)):
        kh = hi // (h // hk)
        s = (q[bi, hi].double() @ k[bi, kh].double().T) * scale
        visible = torch.ones(m, n, dtype=torch.bool, device="cuda")
        if causal:
            visible = positions[bi, kh][None, :] <= row_pos[:, None]
        if mask is not None:
            blocks = mask[bi, hi].repeat_interleave(128, 0)[:m]
            visible &= blocks.repeat_interleave(128, 1)[:, :n]
        s.masked_fill_(~visible, -math.inf)
        l = torch.logsumexp(s, -1)
        p = torch.exp(s - torch.where(l.isinf(), 0.0, l)[:, None])
        out[bi, hi] = p @ v[bi, kh].double()
        lse[bi, hi] = l
    return out, lse


def cudnn_error(q, k, v, causal, ref):
    """Worst row error of torch's cuDNN attention on the same inputs."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
        o = torch.nn.functional.scaled_dot_product_attention(
            q, k, v, is_causal=causal, enable_gqa=q.shape[1] != k.shape[1])
    return float(((o.double() - ref).norm(dim=-1) / ref.norm(dim=-1)).max())


def run_case(kernel, shape, layout, seed):
    spec = kernel.spec
    b, h, hk, m, n = shape
    d = spec["d"]
    dtype = {"bf16": torch.bfloat16, "f16": torch.float16}[spec["dtype"]]
    torch.manual_seed(seed)
    make = lambda heads, rows: guarded((b, heads, rows, d), layout, dtype,
                                       math.nan)
    (qb, q), (kb, k), (vb, v) = make(h, m), make(hk, n), make(hk, n)
    for t in (q, k, v):
        t.copy_(torch.randn(t.shape, device="cuda"))
    positions = torch.arange(n, device="cuda", dtype=torch.int32)
    positions = positions.expand(b, hk, n).contiguous()
    segment = spec["segment"]
    if spec["positions"]:
        for bi, kh in itertools.product(range(b), range(hk)):
            size = segment or max(n, 1)
            for s in range(0, n - n % size, size):
                perm = torch.randperm(size, device="cuda")
                positions[bi, kh, s:s + size] = positions[bi, kh, s:s + size][perm]
    mask = bits = None
    if spec["list"]:
        density = (0.05, 0.3, 1.0)[seed % 3]
        mb, nb = (m + 127) // 128, (n + 127) // 128
        mask = torch.rand(b, h, mb, nb, device="cuda") < density
        if mb and seed % 2:
            mask[:, :, seed % mb] = False
        bits = pack_bits(mask)
    ob, o = make(h, m)
    lse_buffer = torch.full((b * h * m + 2 * GUARD,), math.nan, device="cuda")
    lse = lse_buffer[GUARD:GUARD + b * h * m].view(b, h, m)
    launch = kernel.prepare(q, k, v, o, lse, bits, positions,
                            heads_per_group=(None, 1, h)[seed % 3])
    launch()
    torch.cuda.synchronize()
    first, first_lse = o.clone(), lse.clone()
    same = True
    for _ in range(3):
        o.fill_(math.nan)
        lse.fill_(math.nan)
        launch()
        torch.cuda.synchronize()
        same &= torch.equal(first.view(torch.int16), o.view(torch.int16))
        same &= torch.equal(first_lse.view(torch.int32), lse.view(torch.int32))
    ref, ref_lse = reference(q, k, v, spec["causal"], positions, mask, d ** -0.5)
    problems = []
    if not same:
        problems.append("repeat differs")
    for buffer in (ob, lse_buffer):
        if not (buffer[:GUARD].isnan().all() and buffer[-GUARD:].isnan().all()):
            problems.append("guard zone written")
    nothing = ref_lse.isinf()
    if o[nothing].numel() and not (o[nothing] == 0).all():
        problems.append("rows that see nothing are not zero")
    if not (lse[nothing] == -math.inf).all():
        problems.append("LSE of rows that see nothing is not -inf")
    x = d ** -0.5 * float(q.abs().max() if q.numel() else 0) * \
        float(k.abs().max() if k.numel() else 0)
    limit = LIMIT[spec["dtype"]] + 4 * 2.0 ** -24 * (1 + x)
    seen = ~nothing
    worst = worst_lse = 0.0
    if seen.any():
        error = (o.double() - ref)[seen].norm(dim=-1) / ref[seen].norm(dim=-1)
        worst = float(error.max()) if not error.isnan().any() else math.inf
        difference = (lse.double() - ref_lse)[seen].abs()
        worst_lse = float(difference.max()) if not difference.isnan().any() \
            else math.inf
    if not worst <= limit:
        problems.append(f"error {worst:.2e} > {limit:.2e}")
    if not worst_lse <= 1e-3:
        problems.append(f"LSE error {worst_lse:.2e}")
    peer = None
    if m == n >= 1024 and not spec["list"] and not spec["positions"]:
        peer = cudnn_error(q, k, v, spec["causal"], ref)
    return dict(kernel=kernel.name, shape=shape, layout=layout, seed=seed,
                cudnn_error=peer, error=worst, lse_error=worst_lse, limit=limit,
                problems=problems)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kernels")
    parser.add_argument("--json")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only")
    args = parser.parse_args()
    driver = Driver()
    torch.zeros(1, device="cuda")
    with open(args.kernels + "/kernels.json") as file:
        names = [n for n in json.load(file) if not args.only or n == args.only]
    shapes = SHAPES[2:6] if args.quick else SHAPES
    results, start = [], time.time()
    for name in names:
        kernel = Kernel(args.kernels, name, driver)
        worst, bad = 0.0, []
        for i, shape in enumerate(shapes):
            layout = ("bhnd", "bnhd")[i % 2]
            result = run_case(kernel, shape, layout, seed=i + len(results))
            results.append(result)
            worst = max(worst, result["error"])
            if result["problems"]:
                bad.append(f"{shape} {layout}: {'; '.join(result['problems'])}")
        print(f"{name:36s} worst row error {worst:.2e} "
              + "".join(f"(cudnn {r['cudnn_error']:.2e}) "
                        for r in results[-len(shapes):] if r["cudnn_error"])
              + ("FAIL" if bad else "ok"), flush=True)
        for line in bad[:4]:
            print("    " + line, flush=True)
    failures = sum(bool(r["problems"]) for r in results)
    print(f"{len(results)} cases, {failures} failed, "
          f"{time.time() - start:.1f} s", flush=True)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(results, file)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
