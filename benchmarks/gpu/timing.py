# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Interleaved timing of several callables on one GPU.

The chip throttles on power, and a call shows what ran before it, so what is
compared is timed in pairs: ours and another one take turns, with nothing between
them, and ratios are taken inside a pair.
"""
import datetime
import os
import platform
import random
import subprocess
import sys
import time

import torch


def environment(commit):
    """What a reader needs to know of the machine, and the command."""
    query = subprocess.run(
        ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"],
        capture_output=True, text=True).stdout.strip().split(", ")
    return dict(device=query[0], driver=query[-1], torch=torch.__version__,
                cuda=torch.version.cuda, cudnn=torch.backends.cudnn.version(),
                python=platform.python_version(), commit=commit,
                command=" ".join(os.path.basename(word) if os.path.isabs(word)
                                 else word for word in sys.argv),
                date=datetime.datetime.now(datetime.timezone.utc).isoformat(
                    timespec="seconds"))


def clocks():
    """What the chip does now; it slows down when it is hot or draws much power."""
    names = ("clocks.sm", "power.draw", "temperature.gpu")
    line = subprocess.run(
        ["nvidia-smi", f"--query-gpu={','.join(names)}",
         "--format=csv,noheader,nounits"],
        capture_output=True, text=True).stdout.splitlines()[:1]
    values = line[0].split(", ") if line else []
    return {name.partition(".")[0]: value for name, value in zip(names, values)}


def heat(seconds):
    """Keeps the chip busy, so that what comes first is not timed on a cold one."""
    x = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    end = time.time() + seconds
    while time.time() < end:
        for _ in range(20):
            x @ x
        torch.cuda.synchronize()


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def interval(values):
    """Order-statistic 95 % interval of the median (normal approximation of the
    binomial ranks)."""
    ordered, n = sorted(values), len(values)
    half = 1.96 * n ** 0.5 / 2
    low = max(int(n / 2 - half), 0)
    high = min(int(n / 2 + half + 0.999999), n - 1)
    return ordered[low], ordered[high]


def compare(contenders, rounds, min_ms=2.0, warmup=2, deadline=None):
    """Times the contenders (name -> callable), the first of which is ours, in pairs:
    ours and one other take `rounds` turns, then ours and the next other.

    Who begins a turn is drawn anew each time: a GPU that the one before has heated runs
    slower. After `deadline`, of time.time(), no turn begins but the first three of each
    pair. Returns name -> {ms, ms_low, ms_high, min_ms, rounds and, for the others, ratio
    with its 95 % interval: their time over that of ours in the same turn, and ours_ms,
    the median of ours in these turns}; ms of ours is of all its turns."""
    names, repeats, order = list(contenders), {}, random.Random(0)
    ours, *others = names

    def once(name):
        begin = torch.cuda.Event(enable_timing=True)
        end = torch.cuda.Event(enable_timing=True)
        count = repeats.get(name, 1)
        begin.record()
        for _ in range(count):
            contenders[name]()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / count

    def summary(times):
        low, high = interval(times)
        return dict(ms=median(times), ms_low=low, ms_high=high, min_ms=min(times),
                    rounds=len(times))

    for name in names:
        for i in range(warmup + 1):
            ms = once(name)
            if i > 0 and ms > 200:
                break
        repeats[name] = max(1, int(min_ms / max(ms, 1e-3) + 0.5))
    all_ours, result = [], {ours: None}
    for other in others or [None]:
        pair = [name for name in (ours, other) if name]
        times = {name: [] for name in pair}
        for turn in range(rounds):
            if turn >= 3 and deadline is not None and time.time() > deadline:
                break
            for name in order.sample(pair, len(pair)):
                times[name].append(once(name))
        all_ours += times[ours]
        if other:
            ratios = [t / o for t, o in zip(times[other], times[ours])]
            low, high = interval(ratios)
            result[other] = dict(summary(times[other]), ratio=median(ratios),
                                 ratio_low=low, ratio_high=high,
                                 ours_ms=median(times[ours]))
    result[ours] = summary(all_ours)
    return result


def profile(call, count=5):
    """Name -> milliseconds of the kernels of one call, from torch's profiler."""
    call()
    torch.cuda.synchronize()
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
