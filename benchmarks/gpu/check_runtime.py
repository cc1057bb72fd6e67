# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks and times attention on a GPU through the runtime and the Python face.

    PBS_LIBRARY=.../libpbs.so PYTHONPATH=python python3 benchmarks/gpu/check_runtime.py \\
        --commit COMMIT --output benchmarks/results/runtime_h100.json

Every result is compared with torch in f64, outputs are filled with NaN before
each run, and each run is repeated for the same bits. Exits with 1 on a failure.
"""
import argparse
import ctypes
import json
import os
import statistics
import sys
import tempfile
import threading
import time

import torch

import pbs_mlir
from pbs_mlir import _library, _tensors
from timing import compare, environment, interval, median

BLOCK, SEGMENT = 128, 256
# Probabilities are rounded to the input type, as in any kernel on tensor cores,
# cuDNN included, which the CPU does not do.
EXTRA = {torch.bfloat16: 4e-3, torch.float16: 5e-4}
results, failures = {}, []


def expect(name, ok, detail=""):
    if not ok:
        failures.append(f"{name}: {detail}")
        print("FAILED", name, detail, flush=True)


def make(batch, heads, kv_heads, queries, keys, dim, dtype, seed=0):
    generator = torch.Generator("cuda").manual_seed(seed)
    return tuple(
        torch.randn(batch, h, n, dim, generator=generator, device="cuda",
                    dtype=torch.float32).to(dtype)
        for h, n in ((heads, queries), (kv_heads, keys), (kv_heads, keys)))


def reference(q, k, v, causal, mask=None):
    """f64 output and lse; `mask` [B,Hq,M,N] hides keys."""
    group = q.shape[1] // k.shape[1]
    k, v = (x.double().repeat_interleave(group, 1) for x in (k, v))
    scores = q.double() @ k.transpose(2, 3) / q.shape[3] ** 0.5
    queries, keys = scores.shape[2:]
    if causal:
        visible = torch.ones(queries, keys, dtype=torch.bool,
                             device=q.device).tril(keys - queries)
        scores.masked_fill_(~visible, -torch.inf)
    if mask is not None:
        scores.masked_fill_(~mask, -torch.inf)
    if scores.shape[3] == 0:
        return torch.zeros_like(q).double(), scores.new_full(
            q.shape[:3], -torch.inf)
    lse = scores.logsumexp(-1)
    weights = torch.exp(scores - lse.clamp(min=-1e300).unsqueeze(-1))
    return weights @ v, lse


def check(name, q, k, v, call, expected, expected_lse):
    """Runs `call(out)` on poisoned outputs, twice."""
    outputs = []
    for _ in range(2):
        out = torch.full_like(q, torch.nan)
        lse = torch.full(q.shape[:3], torch.nan, device="cuda")
        call((out, lse))
        torch.cuda.synchronize()
        outputs.append((out, lse))
    (out, lse), again = outputs
    expect(name, torch.equal(out, again[0]) and torch.equal(lse, again[1]),
           "different bits on repeat")
    norm = expected.norm(dim=-1)
    error = (out.double() - expected).norm(dim=-1)
    relative = torch.where(norm > 0, error / norm, error)
    worst = relative.max().item() if relative.numel() else 0.0
    sizes = [x.double().norm(dim=-1).max().item() if x.numel() else 0.0
             for x in (q, k)]
    bound = 4 * 2**-24 * (1 + sizes[0] * sizes[1] / q.shape[3]**0.5)
    bound += EXTRA[q.dtype]
    expect(name, worst <= bound, f"row error {worst:.2e}, bound {bound:.2e}")
    same = (lse.double() == expected_lse) | (
        (lse.double() - expected_lse).abs() <= 1e-3)
    expect(name, bool(same.all()), "lse")
    results.setdefault("checks", {})[name] = {"error": worst, "bound": bound}


def check_dense():
    for dtype in (torch.bfloat16, torch.float16):
        for dim in (64, 128):
            for causal in (True, False):
                for shape in ((1, 4, 4, 1, 1), (2, 8, 2, 257, 257),
                              (1, 4, 1, 100, 1000), (1, 2, 2, 700, 130),
                              (1, 6, 3, 1024, 1024), (1, 4, 2, 0, 64),
                              (0, 4, 2, 64, 64), (1, 4, 2, 70, 0)):
                    q, k, v = make(*shape, dim, dtype)
                    check(f"dense {dtype} D={dim} causal={causal} {shape}",
                          q, k, v,
                          lambda out, c=causal: pbs_mlir.dense_attention(
                              q, k, v, causal=c, return_lse=True, out=out),
                          *reference(q, k, v, causal))
    q, k, v = make(2, 8, 2, 300, 500, 128, torch.bfloat16)
    inside = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in (q, k, v)]
    expected = pbs_mlir.dense_attention(q, k, v)
    got = torch.full_like(q, torch.nan).transpose(1, 2).contiguous()
    pbs_mlir.dense_attention(*inside, out=got.transpose(1, 2))
    expect("strided", torch.equal(got.transpose(1, 2), expected))


def make_sparse(batch, heads, kv_heads, queries, keys, dim, dtype, seed,
                density=0.5):
    """Inputs with keys permuted inside segments, lists, and the mask of keys."""
    q, k, v = make(batch, heads, kv_heads, queries, keys, dim, dtype, seed)
    generator = torch.Generator().manual_seed(seed)
    positions = torch.arange(keys, dtype=torch.int32).repeat(batch, kv_heads, 1)
    for b in range(batch):
        for h in range(kv_heads):
            for begin in range(0, keys - SEGMENT + 1, SEGMENT):
                order = torch.randperm(SEGMENT, generator=generator)
                positions[b, h, begin:begin + SEGMENT] = begin + order
    positions = positions.cuda()
    gather = positions.long().unsqueeze(-1).expand(-1, -1, -1, dim)
    permuted = k.gather(2, gather), v.gather(2, gather)
    blocks = [-(-n // BLOCK) for n in (queries, keys)]
    blockmask = torch.rand(batch, heads, *blocks,
                           generator=generator) < density
    wide = blockmask.repeat_interleave(BLOCK, 2).repeat_interleave(BLOCK, 3)
    wide = wide[:, :, :queries, :keys].cuda()
    # In terms of original keys.
    index = positions.long().repeat_interleave(heads // kv_heads, 1)
    mask = torch.zeros_like(wide).scatter_(
        3, index.unsqueeze(2).expand(-1, -1, queries, -1), wide)
    return (q, k, v), permuted, positions, blockmask.cuda(), mask


def check_sparse():
    for dtype, dim in ((torch.bfloat16, 128), (torch.float16, 64)):
        for causal in (True, False):
            for shape in ((1, 4, 2, 1, 1), (2, 8, 2, 600, 600),
                          (1, 4, 4, 130, 1500), (1, 4, 1, 900, 400),
                          (1, 8, 2, 2048, 2048)):
                (q, k, v), (pk, pv), positions, blocks, mask = make_sparse(
                    *shape, dim, dtype, seed=shape[3])
                check(f"sparse {dtype} D={dim} causal={causal} {shape}", q, k,
                      v, lambda out, c=causal: pbs_mlir.sparse_attention(
                          q, pk, pv, blocks, key_positions=positions, causal=c,
                          return_lse=True, out=out),
                      *reference(q, k, v, causal, mask))


# Type, head dimension, lengths of queries and of keys.
PACKED = ((torch.float16, 64, (1, 130, 70), (200, 1, 69)),
          (torch.bfloat16, 128, (130, 1, 0, 2000, 128), (70, 300, 20, 2000, 0)),
          (torch.bfloat16, 64, tuple(range(1, 200, 7)), tuple(range(1, 200, 7))))


def check_packed(cases=PACKED):
    """Sequences of different lengths in one launch."""
    for dtype, dim, lengths_q, lengths_k in cases:
        offsets_q, offsets_k = (
            torch.tensor([0, *n], device="cuda").cumsum(0).int()
            for n in (lengths_q, lengths_k))
        q, k, v = make(1, 8, 2, sum(lengths_q), sum(lengths_k), dim, dtype)
        # What is not a number in a sequence stays there.
        last = slice(int(offsets_k[-2]), int(offsets_k[-1]))
        for causal in (True, False):
            def call(out, values=v):
                return pbs_mlir.dense_attention(
                    q, k, values, causal=causal, return_lse=True, out=out,
                    cu_seqlens_q=offsets_q, cu_seqlens_k=offsets_k)

            parts = [reference(q[:, :, a:b], k[:, :, c:d], v[:, :, c:d], causal)
                     for a, b, c, d in zip(*(
                         x.tolist() for o in (offsets_q, offsets_k)
                         for x in (o[:-1], o[1:])))]
            name = f"packed {dtype} D={dim} causal={causal} {len(lengths_q)} sequences"
            check(name, q, k, v, call, *(torch.cat(x, 2) for x in zip(*parts)))
            poisoned = v.clone()
            poisoned[:, :, last] = torch.nan
            outs = [(torch.zeros_like(q),
                     torch.zeros(q.shape[:3], device="cuda")) for _ in range(2)]
            call(outs[0])
            call(outs[1], poisoned)
            torch.cuda.synchronize()
            rows = slice(0, int(offsets_q[-2]))
            expect(name, torch.equal(outs[0][0][:, :, rows],
                                     outs[1][0][:, :, rows]),
                   "NaN of a sequence reached another")


def check_packed_alone(lengths_q=(130, 0, 1, 3000, 9000, 70),
                       lengths_k=(301, 40, 130, 3000, 9000, 0)):
    """Packed sequences of the method, of lists and of dense attention have the
    bits that each has alone, also from a graph."""
    begins = [torch.tensor([0, *n]).cumsum(0).tolist()
              for n in (lengths_q, lengths_k)]
    offsets = dict(cu_seqlens_q=begins[0], cu_seqlens_k=begins[1])
    parts = [(slice(a, b), slice(c, d)) for a, b, c, d in zip(
        begins[0], begins[0][1:], begins[1], begins[1][1:])]
    for dtype, dim in ((torch.bfloat16, 128), (torch.float16, 64)):
        q, k, v = make(1, 8, 2, begins[0][-1], begins[1][-1], dim, dtype)
        sparse = [make_sparse(1, 8, 2, m, n, dim, dtype, seed=s)[2:4]
                  for s, (m, n) in enumerate(zip(lengths_q, lengths_k))]
        positions = [x for x, _ in sparse]
        masks = [x for _, x in sparse]
        width = max(x.shape[3] for x in masks)

        def to_lists(mask):
            return (mask.sum(-1, dtype=torch.int32),
                    torch.argsort((~mask).int(), dim=-1, stable=True).int())

        lists = to_lists(torch.cat([torch.nn.functional.pad(
            x.int(), (0, width - x.shape[3])) for x in masks], 2).bool())
        packed_positions = torch.cat(positions, 2)
        for causal in (True, False):
            options = dict(causal=causal, return_lse=True)
            calls = {
                "method": lambda i, *x, **y: pbs_mlir.attention(
                    *x, **y, **options),
                "method, never dense": lambda i, *x, **y: pbs_mlir.attention(
                    *x, **y, **options, dense_below=0),
                "dense": lambda i, *x, **y: pbs_mlir.dense_attention(
                    *x, **y, **options),
                "lists": lambda i, *x, **y: pbs_mlir.sparse_attention(
                    *x, lists if i is None else to_lists(masks[i]), **y,
                    **options, checked=False, key_positions=(
                        packed_positions if i is None else positions[i])),
            }
            for kind, call in calls.items():
                name = f"packed {kind} {dtype} D={dim} causal={causal}"
                out = (torch.full_like(q, torch.nan),
                       torch.full(q.shape[:3], torch.nan, device="cuda"))
                call(None, q, k, v, out=out, **offsets)
                alone = [call(i, q[:, :, rows], k[:, :, keys], v[:, :, keys])
                         for i, (rows, keys) in enumerate(parts)]
                torch.cuda.synchronize()
                expected = [torch.cat(x, 2) for x in zip(*alone)]
                expect(name, all(map(torch.equal, out, expected)),
                       "not what each sequence gives alone")
                stream = torch.cuda.Stream()
                with torch.cuda.stream(stream):
                    call(None, q, k, v, out=out, **offsets)
                    torch.cuda.synchronize()
                    graph = torch.cuda.CUDAGraph()
                    with torch.cuda.graph(graph, stream=stream):
                        call(None, q, k, v, out=out, **offsets)
                for x in out:
                    x.fill_(torch.nan)
                graph.replay()
                torch.cuda.synchronize()
                expect(name, all(map(torch.equal, out, expected)),
                       "a graph gives something else")
                results.setdefault("packed_alone", []).append(name)


def check_repeats(repeats=40):
    """Stages of the method and attention over lists, again and again with many heads
    of few keys: what a block of the grid takes next overwrites what it has just read.
    One call in a few shows a read that comes too late, if there is one."""
    for n in (512, 1024, 2048, 3072, 4096, 6144, 8192):
        q, k, v = make(1, 32, 8, n, n, 128, torch.bfloat16, seed=n)
        (_, _, _), (pk, pv), positions, blocks, _ = make_sparse(
            1, 32, 8, n, n, 128, torch.bfloat16, seed=n)
        stages = {
            "permutation": lambda: pbs_mlir.permutation(q, k, return_importance=True),
            "permuted": lambda: (pbs_mlir.attention(q, k, v),),
            "lists": lambda: (pbs_mlir.sparse_attention(
                q, pk, pv, blocks, key_positions=positions),),
        }
        for stage, call in stages.items():
            first, different = [x.clone() for x in call()], 0
            for _ in range(repeats):
                different += any(not torch.equal(a, b)
                                 for a, b in zip(first, call()))
            name = f"{stage} of {n} keys, {repeats} times"
            expect(name, different == 0, f"different bits in {different} calls")
            results.setdefault("checks", {})[name] = {"different": different}


def check_devices():
    """A program on every device, also from several threads at once."""
    count = torch.cuda.device_count()
    results["devices"] = count
    outputs = [None] * count
    q, k, v = make(1, 8, 2, 1000, 1500, 128, torch.bfloat16)

    def work(i):
        tensors = [x.to(f"cuda:{i}") for x in (q, k, v)]
        for _ in range(10):
            outputs[i] = pbs_mlir.dense_attention(*tensors)
        torch.cuda.synchronize(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected, _ = reference(q, k, v, True)
    for i, output in enumerate(outputs):
        expect("devices", output is not None and output.device.index == i and
               torch.equal(output.cpu(), outputs[0].cpu()), f"device {i}")
    error = (outputs[0].double() - expected).norm(dim=-1) / expected.norm(dim=-1)
    expect("devices", error.max().item() <= EXTRA[q.dtype], "wrong result")


def time_packed(rounds):
    """One launch of packed sequences beside a launch for each."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(100, 4000, (32,), generator=generator)
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
    bounds = offsets.tolist()
    offsets = offsets.int().cuda()
    q, k, v = make(1, 32, 8, bounds[-1], bounds[-1], 128, torch.bfloat16)
    out = torch.empty_like(q)

    def packed():
        pbs_mlir.dense_attention(q, k, v, cu_seqlens_q=offsets, out=out)

    def separate():
        for a, b in zip(bounds, bounds[1:]):
            pbs_mlir.dense_attention(q[:, :, a:b], k[:, :, a:b], v[:, :, a:b],
                                     out=out[:, :, a:b])

    results["packed"] = {
        "what": "causal, 32/8 heads, D=128, bf16, 32 sequences of 100 to 4000",
        "tokens": bounds[-1],
        "times": compare({"packed": packed, "separate": separate}, rounds)}


def expect_error(name, error, words, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except error as caught:
        expect(name, all(w in str(caught) for w in words), str(caught))
        results.setdefault("messages", {})[name] = str(caught)
    else:
        expect(name, False, "no error")
    # The context stays usable.
    q, k, v = make(1, 2, 2, 64, 64, 64, torch.bfloat16)
    pbs_mlir.dense_attention(q, k, v)
    torch.cuda.synchronize()


def check_errors():
    q, k, v = make(1, 4, 2, 300, 300, 64, torch.bfloat16)
    count = torch.ones(1, 4, 3, dtype=torch.int32, device="cuda")
    index = torch.zeros(1, 4, 3, 3, dtype=torch.int32, device="cuda")
    wrong = index.clone()
    wrong[0, 2, 1, 0] = 99
    expect_error("index out of range", pbs_mlir.InvalidDataError,
                 ["99", "row 7"], pbs_mlir.sparse_attention, q, k, v,
                 (count, wrong))
    expect_error("duplicate", pbs_mlir.InvalidDataError, ["once", "0"],
                 pbs_mlir.sparse_attention, q, k, v, (count + 1, index))
    # Unchecked: no effect that is defined, but nothing out of bounds.
    pbs_mlir.sparse_attention(q, k, v, (count, wrong), checked=False)
    torch.cuda.synchronize()
    expect_error("f32", pbs_mlir.UnsupportedError, ["float32"],
                 pbs_mlir.attention, q.float(), k.float(), v.float())
    expect_error("head dim", pbs_mlir.PbsError, ["96"],
                 pbs_mlir.dense_attention,
                 *make(1, 2, 2, 64, 64, 96, torch.bfloat16))
    expect_error("host tensor", pbs_mlir.InvalidArgumentError, ["'k'"],
                 pbs_mlir.dense_attention, q, k.cpu(), v)
    flat = torch.zeros(300 * 4 * 64 + 1, dtype=torch.bfloat16, device="cuda")
    expect_error("misaligned", pbs_mlir.InvalidArgumentError, ["aligned"],
                 pbs_mlir.dense_attention, flat[1:].view(1, 4, 300, 64), k, v)
    odd = torch.zeros(1, 4, 300, 65, dtype=torch.bfloat16, device="cuda")
    expect_error("strides", pbs_mlir.InvalidArgumentError, ["65"],
                 pbs_mlir.dense_attention, odd[..., :64], k, v)


def check_graph_and_threads():
    (q, k, v), (pk, pv), positions, blocks, _ = make_sparse(
        1, 8, 2, 1000, 1000, 128, torch.bfloat16, seed=5)
    lists = (blocks.sum(-1, dtype=torch.int32),
             torch.argsort((~blocks).int(), dim=-1, stable=True).int())

    def run(out):
        pbs_mlir.sparse_attention(q, pk, pv, lists, key_positions=positions,
                                  checked=False, out=out)

    expected = torch.empty_like(q)
    run(expected)
    torch.cuda.synchronize()
    out = torch.full_like(q, torch.nan)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        run(out)
        torch.cuda.synchronize()
        out.fill_(torch.nan)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            run(out)
    for _ in range(3):
        out.fill_(torch.nan)
        graph.replay()
        torch.cuda.synchronize()
        expect("graph", torch.equal(out, expected))

    outs = [torch.full_like(q, torch.nan) for _ in range(4)]

    def work(i):
        with torch.cuda.stream(torch.cuda.Stream()):
            for _ in range(20):
                run(outs[i])
            torch.cuda.current_stream().synchronize()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(4):
        expect("threads", torch.equal(outs[i], expected), f"thread {i}")


def time_host():
    """Microseconds of pbs_program_run itself, enqueuing dense attention."""
    q, k, v = make(1, 32, 8, 128, 128, 128, torch.bfloat16)
    out = torch.empty_like(q)
    views = [_tensors.View(str(i), t) for i, t in enumerate((q, k, v, out))]
    tensors = _tensors.pack(views)
    program = pbs_mlir.compile(pbs_ir(), target="sm_90a")
    run = _library.get().pbs_program_run
    options = _library.RunOptions(
        stream=torch.cuda.current_stream().cuda_stream)
    def call():
        return run(program._handle, tensors, 4, ctypes.byref(options))
    _library.check(call())
    times = []
    for _ in range(200):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(10):
            call()
        times.append((time.perf_counter() - begin) / 10)
    results["host_time_us"] = {
        "median": round(1e6 * statistics.median(times), 2),
        "min": round(1e6 * min(times), 2), "max": round(1e6 * max(times), 2),
        "note": "C ABI through ctypes, one memset and one kernel"}


def pbs_ir():
    q, kv = "tensor<?x32x?x128xbf16>", "tensor<?x8x?x128xbf16>"
    return (f"func.func @f(%q: {q}, %k: {kv}, %v: {kv}) -> {q} {{\n"
            f"  %o, %lse = pbs.attention %q, %k, %v {{causal}} : ({q}, {kv}, "
            f"{kv}) -> ({q}, tensor<?x32x?xf32>)\n  return %o : {q}\n}}\n")


def time_compile():
    cold, cached = [], []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as cache:
            for times in (cold, cached):
                begin = time.perf_counter()
                pbs_mlir.compile(pbs_ir(), target="sm_90a", cache_dir=cache)
                times.append(1e3 * (time.perf_counter() - begin))
    results["compile_ms"] = {"cold": round(statistics.median(cold), 1),
                             "cold_max": round(max(cold), 1),
                             "cached": round(statistics.median(cached), 2)}


def time_dense(rounds):
    from torch.nn.attention import SDPBackend, sdpa_kernel
    cases = []
    for kv_heads in (32, 8):
        for n in (8192, 16384, 32768, 65536):
            q, k, v = make(1, 32, kv_heads, n, n, 128, torch.bfloat16)
            out = torch.empty_like(q)
            def ours():
                pbs_mlir.dense_attention(q, k, v, out=out)
            def cudnn():
                with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
                    torch.nn.functional.scaled_dot_product_attention(
                        q, k, v, is_causal=True, enable_gqa=kv_heads != 32)
            contenders = {"pbs": ours, "cudnn": cudnn}
            times = {name: [] for name in contenders}
            for _ in range(3):
                for function in contenders.values():
                    function()
            for turn in range(rounds):
                order = list(contenders)
                for name in order if turn % 2 else reversed(order):
                    start, end = (torch.cuda.Event(enable_timing=True)
                                  for _ in range(2))
                    start.record()
                    contenders[name]()
                    end.record()
                    end.synchronize()
                    times[name].append(start.elapsed_time(end))
            ratios = [c / p for c, p in zip(times["cudnn"], times["pbs"])]
            low, high = interval(ratios)
            flops = 2 * 32 * n * n * 128
            cases.append({"n": n, "kv_heads": kv_heads,
                          "pbs_ms": round(median(times["pbs"]), 4),
                          "cudnn_ms": round(median(times["cudnn"]), 4),
                          "pbs_tflops": round(
                              flops / median(times["pbs"]) / 1e9, 1),
                          "cudnn_over_pbs": round(median(ratios), 4),
                          "interval": [round(low, 4), round(high, 4)]})
            print(cases[-1], flush=True)
            del q, k, v, out
    results["dense_causal"] = {"rounds": rounds, "cases": cases}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commit", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--small", action="store_true",
                        help="a few checks only, for compute-sanitizer")
    parser.add_argument("--devices", action="store_true",
                        help="all devices at once only")
    parser.add_argument("--packed", action="store_true",
                        help="packed sequences only")
    args = parser.parse_args()
    if args.small:
        q, k, v = make(1, 4, 2, 300, 400, 128, torch.bfloat16)
        check("dense", q, k, v,
              lambda out: pbs_mlir.dense_attention(q, k, v, return_lse=True,
                                                   out=out),
              *reference(q, k, v, True))
        (q, k, v), (pk, pv), positions, blocks, mask = make_sparse(
            1, 4, 2, 300, 600, 64, torch.float16, seed=1)
        check("sparse", q, k, v, lambda out: pbs_mlir.sparse_attention(
            q, pk, pv, blocks, key_positions=positions, return_lse=True,
            out=out), *reference(q, k, v, True, mask))
        check_packed(PACKED[:1])
        check_packed_alone((130, 0, 70), (301, 40, 0))
    elif args.devices:
        check_devices()
    elif args.packed:
        check_packed()
        check_packed_alone()
        time_packed(args.rounds)
    else:
        check_dense()
        check_sparse()
        check_packed()
        check_packed_alone()
        check_repeats()
        check_devices()
        check_errors()
        check_graph_and_threads()
        time_host()
        time_compile()
        time_dense(args.rounds)
        time_packed(args.rounds)
    results["environment"] = environment(args.commit)
    results["failures"] = failures
    with open(args.output, "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)
        file.write("\n")
    print(f"{len(results.get('checks', {}))} checks, {len(failures)} failures")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
