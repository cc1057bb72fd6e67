#!/usr/bin/env python3
# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times a process from its start to the first result of the whole method on a GPU.

    PBS_LIBRARY=.../libpbs.so PYTHONPATH=python python3 benchmarks/gpu/bench_start.py \\
        --json FILE [--published FOLDER]

Each measurement is a process of its own: cold with empty cache directories
(PBS_CACHE_DIR of ours, TRITON_CACHE_DIR of the published code, CUDA_CACHE_PATH of
the driver), warm with those that the cold one before it has left. `total` counts
from just before the process is started until its result is on the host; `import`
is torch and the library, `inputs` the first use of the device and random bf16
queries, keys and values of 32/8 heads of D = 128, `first` the first call and
`second` the next. Processes of both take turns.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

PARTS = ("total", "import", "inputs", "first", "second")


def run_child(args):
    """One process: prints when its parts ended, in time.time()."""
    times = []
    import torch
    if args.child == "ours":
        import pbs_mlir
        run = pbs_mlir.attention
    else:
        from contenders import Published
        run = Published(args.published).method
    times.append(time.time())
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, heads, args.length, 128, device="cuda",
                           dtype=torch.bfloat16) for heads in (32, 8, 8))
    torch.cuda.synchronize()
    times.append(time.time())
    for _ in range(2):
        finite = bool(run(q, k, v).isfinite().all())
        times.append(time.time())
    print(json.dumps(dict(times=times, finite=finite)))


def measure(args, which, folder):
    """Seconds of the parts of one process, whose caches are in `folder`."""
    environment = {**os.environ, "PBS_CACHE_DIR": folder, "TRITON_CACHE_DIR": folder,
                   "CUDA_CACHE_PATH": folder}
    command = [sys.executable, os.path.abspath(__file__), "--child", which,
               "--length", str(args.length), "--json", args.json]
    if args.published:
        command += ["--published", os.path.abspath(args.published)]
    begin = time.time()
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{which}: {result.stderr.strip()[-300:]}")
    answer = json.loads(result.stdout.splitlines()[-1])
    if not answer["finite"]:
        raise RuntimeError(f"{which}: expected finite numbers")
    imported, inputs, first, second = answer["times"]
    return dict(zip(PARTS, (first - begin, imported - begin, inputs - imported,
                            first - inputs, second - first)))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", required=True)
    parser.add_argument("--commit", default="unknown")
    parser.add_argument("--published", metavar="FOLDER")
    parser.add_argument("--length", type=int, default=8192)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--published-rounds", type=int, default=1)
    parser.add_argument("--budget", type=float, default=1e9,
                        help="seconds after which no round begins")
    parser.add_argument("--child", choices=("ours", "published"),
                        help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        run_child(args)
        return
    from report import write_json
    from timing import environment, median
    rounds = {"ours": args.rounds,
              "published": args.published_rounds if args.published else 0}
    runs, end = [], time.time() + args.budget
    document = dict(environment=environment(args.commit), n=args.length, runs=runs)
    for number in range(max(rounds.values())):
        for which in rounds:
            if number >= rounds[which] or time.time() > end:
                continue
            with tempfile.TemporaryDirectory() as folder:
                for state in ("cold", "warm"):
                    run = dict(which=which, state=state)
                    try:
                        run.update(measure(args, which, folder))
                    except (RuntimeError, ValueError) as error:
                        run["error"] = str(error)
                    runs.append(run)
                    print(run, flush=True)
            document["medians"] = {
                f"{name} {state}": {part: median([run[part] for run in some])
                                    for part in PARTS}
                for name in rounds for state in ("cold", "warm")
                if (some := [run for run in runs if "error" not in run and
                             (run["which"], run["state"]) == (name, state)])}
            write_json(args.json, document)


if __name__ == "__main__":
    main()
