#!/usr/bin/env python3
# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What kept maxima would cost in accuracy, and how often one key dominates a row.

    PYTHONPATH=python python3 benchmarks/cpu/simulate_maxima.py --commit COMMIT \\
        --output benchmarks/results/maxima.json

`rounding`: the largest relative L2 error of a row of attention and its root mean square
where probabilities and results are rounded to bf16 and all else is f64, over rows of
normal scores of several spreads and lengths. `exact` rows have their maximum, `kept`
ones that of the first half or 128 of their keys; `rounded sums` divide by the sum of
the rounded probabilities.

`dominated`: of the tensors in benchmarks/data, by head, causal, from the fifth query
block on, in how many work items (128 rows) one key has more than a half and more than a
quarter of the weight of some row, unless it is in the first block or the last segment
of 256; and in how many the first block holds such a key. Needs numpy.
"""
import argparse
import json
import pathlib
import struct

import numpy as np

from bench_cpu import describe_environment

INPUT = "benchmarks/data/smollm2-135m-genesis.safetensors"
ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK, SEGMENT, DIM, ROWS = 128, 256, 128, 4000
LAYERS = ("layer2", "layer14", "layer27")


def to_bf16(values):
    """Rounded to nearest, ties to even."""
    bits = np.asarray(values, np.float32).view(np.uint32).astype(np.uint64)
    bits += 0x7FFF + (bits >> 16 & 1)
    return (bits & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(np.float64)


def simulate_rounding():
    random, errors = np.random.default_rng(0), {}
    for spread in (0.3, 1, 2, 4, 8):
        for keys in (128, 512, 2048):
            scores = random.standard_normal((ROWS, keys)) * spread / np.log(2)
            values = to_bf16(random.standard_normal((keys, DIM)))
            largest = scores.max(1, keepdims=True)
            first = scores[:, :min(keys // 2, BLOCK)].max(1, keepdims=True)
            expected = np.exp2(scores - largest)
            expected = expected @ values / expected.sum(1, keepdims=True)
            for name, maximum in (("exact", largest), ("kept", first)):
                weights = np.exp2(scores - maximum)
                rounded = to_bf16(weights)
                for sums, terms in (("", weights), (", rounded sums", rounded)):
                    output = to_bf16(rounded @ values / terms.sum(1, keepdims=True))
                    errors.setdefault(name + sums, []).append(
                        np.linalg.norm(output - expected, axis=1)
                        / np.linalg.norm(expected, axis=1))
    return {name: dict(rows=sum(map(len, cases)), worst=float(max(map(np.max, cases))),
                       rms=float(max(np.sqrt((case ** 2).mean()) for case in cases)))
            for name, cases in errors.items()}


def read_tensors(path):
    """Name -> f32 array, of a safetensors file of bf16."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)

    def read(entry):
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        bits = np.frombuffer(data[begin:end], np.uint16).astype(np.uint32) << 16
        return bits.view(np.float32).reshape(entry["shape"])
    return {name: read(entry) for name, entry in header.items()}


def count_dominated(query, key):
    """Of one head: work items, and those with such rows."""
    counts = dict(items=0, half=0, quarter=0, half_in_first_block=0)
    for begin in range(4 * BLOCK, len(key), BLOCK):
        scores = query[begin:begin + BLOCK] @ key[:begin + BLOCK].T
        scores /= np.sqrt(query.shape[1])
        scores[np.tri(*scores.shape, begin) == 0] = -np.inf
        weights = np.exp(scores - scores.max(1, keepdims=True))
        weights /= weights.sum(1, keepdims=True)
        far = weights[:, BLOCK:begin // SEGMENT * SEGMENT].max()
        counts["items"] += 1
        counts["half"] += int(far > 0.5)
        counts["quarter"] += int(far > 0.25)
        counts["half_in_first_block"] += int(weights[:, :BLOCK].max() > 0.5)
    return counts


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commit", required=True)
    parser.add_argument("--output", required=True)
    args = parser.parse_args()
    tensors = read_tensors(ROOT / INPUT)
    heads = {f"{layer}, head {head}": count_dominated(
        tensors[f"{layer}.q"][0, head], tensors[f"{layer}.k"][0, 0])
        for layer in LAYERS for head in range(2)}
    total = {key: sum(counts[key] for counts in heads.values())
             for key in next(iter(heads.values()))}
    result = dict(environment=describe_environment(args.commit),
                  rounding=simulate_rounding(), input=INPUT,
                  dominated=dict(heads, all=total))
    with open(args.output, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    for part in ("rounding", "dominated"):
        for name, figures in result[part].items():
            print(name, figures)


if __name__ == "__main__":
    main()
