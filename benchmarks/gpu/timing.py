# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Interleaved timing of several callables on one GPU.

The chip throttles on power, so what is compared is timed in turns: every round runs
each contender once, in rotating order, and ratios are taken inside a round.
"""
import datetime
import platform
import subprocess

import torch


def environment(commit):
    """What a reader needs to know of the machine."""
    query = subprocess.run(
        ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"],
        capture_output=True, text=True).stdout.strip().split(", ")
    return dict(device=query[0], driver=query[-1], torch=torch.__version__,
                cuda=torch.version.cuda, cudnn=torch.backends.cudnn.version(),
                python=platform.python_version(), commit=commit,
                date=datetime.datetime.now(datetime.timezone.utc).isoformat(
                    timespec="seconds"))


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


def compare(contenders, rounds, min_ms=2.0, warmup=2):
    """Times the contenders (name -> callable) in turns; the first is ours.

    Returns name -> {ms, ms_low, ms_high, min_ms, and, for the others, ratio with its
    95 % interval: their time over ours inside a round}."""
    names, repeats = list(contenders), {}

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
        for _ in range(warmup):
            contenders[name]()
        torch.cuda.synchronize()
        repeats[name] = max(1, int(min_ms / max(once(name, 1), 1e-3) + 0.5))
    times = {name: [] for name in names}
    for r in range(rounds):
        shift = r % len(names)
        for name in names[shift:] + names[:shift]:
            times[name].append(once(name, repeats[name]))
    ours, result = times[names[0]], {}
    for name in names:
        low, high = interval(times[name])
        entry = dict(ms=median(times[name]), ms_low=low, ms_high=high,
                     min_ms=min(times[name]), rounds=rounds)
        if name != names[0]:
            ratios = [t / o for t, o in zip(times[name], ours)]
            low, high = interval(ratios)
            entry.update(ratio=median(ratios), ratio_low=low, ratio_high=high)
        result[name] = entry
    return result
