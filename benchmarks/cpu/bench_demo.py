#!/usr/bin/env python3
# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The method on the tensors of `make demo`, with permutation and without:
density, covered mass, errors, and times beside dense attention.

    PYTHONPATH=python python3 benchmarks/cpu/bench_demo.py --commit $(git rev-parse --short HEAD) \\
        --output benchmarks/results/demo.json
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

from bench_cpu import describe_environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
INPUT = "benchmarks/data/smollm2-135m-genesis.safetensors"


def run(build, rounds, *options):
    """Figures of pbs-run on all groups of tensors, by name."""
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch, "figures.json")
        subprocess.run(
            [pathlib.Path(build, "bin", "pbs-run").resolve(), "--attention",
             "--target=host", "--check", "--time", f"--repetitions={rounds}", "--input", INPUT,
             "--json", path, *options], cwd=ROOT, check=True,
            stdout=subprocess.DEVNULL)
        groups = json.loads(path.read_text(encoding="utf-8"))["groups"]
    for group in groups:
        # How the program came about is not measured here.
        del group["cache"], group["compile_ms"]
    return {group.pop("name"): group for group in groups}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--commit", required=True)
    parser.add_argument("--output", required=True)
    args = parser.parse_args()
    result = {
        "environment": describe_environment(args.commit),
        "input": INPUT,
        "permuted": run(args.build, args.rounds),
        "unpermuted": run(args.build, args.rounds, "--unpermuted"),
    }
    with open(args.output, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    for how in ("permuted", "unpermuted"):
        for name, group in result[how].items():
            print(f"{how} {name}: density {group['density']:.3f}, covered "
                  f"{group['covered_mass']:.3f}, against dense "
                  f"{group['error_against_dense']:.4f}, {group['run_ms']:.1f} "
                  f"ms, dense {group['dense_run_ms']:.1f} ms")


if __name__ == "__main__":
    main()
