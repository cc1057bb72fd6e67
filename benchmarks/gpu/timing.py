# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Interleaved timing of several callables on one GPU.

The chip throttles on power, so what is compared is timed in turns: every round runs
each contender once, in an order of its own, and ratios are taken inside a round.
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
    """Times the contenders (name -> callable) in turns; the first is ours.

    The order of each round is drawn anew: a GPU that the one before has heated runs
    slower. After `deadline`, of time.time(), no round begins but the first three.
    Returns name -> {ms, ms_low, ms_high, min_ms, rounds and, for the others, ratio
    with its 95 % interval: their time over ours inside a round}."""
    names, repeats, order = list(contenders), {}, random.Random(0)

    def once(name, count):
        begin = torch.cuda.Event(enable_timing=True)
        end = torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(count):
            contenders[name]()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / count

    for name in names:
        for i in range(warmup + 1):
            ms = once(name, 1)
            if i > 0 and ms > 200:
                break
        repeats[name] = max(1, int(min_ms / max(ms, 1e-3) + 0.5))
    times = {name: [] for name in names}
    for r in range(rounds):
        if r >= 3 and deadline is not None and time.time() > deadline:
            break
        for name in order.sample(names, len(names)):
            times[name].append(once(name, repeats[name]))
    ours, result = times[names[0]], {}
    for name in names:
        low, high = interval(times[name])
        entry = dict(ms=median(times[name]), ms_low=low, ms_high=high,
                     min_ms=min(times[name]), rounds=len(times[name]))
        if name != names[0]:
            ratios = [t / o for t, o in zip(times[name], ours)]
            low, high = interval(ratios)
            entry.update(ratio=median(ratios), ratio_low=low, ratio_high=high)
        result[name] = entry
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
