# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The JSON file of a benchmark, which is whole after every case, and its time."""
import argparse
import gc
import json
import os
import time
import traceback

import torch

from timing import clocks, environment


def add_arguments(parser):
    """The options that all benchmarks on a GPU have."""
    parser.add_argument("--json", required=True, help="file to write")
    parser.add_argument("--commit", default="unknown",
                        help="what the file names as the commit of the library")
    parser.add_argument("--rounds", type=int, help="of each interleaved comparison")
    parser.add_argument("--min-ms", type=float, default=10.0,
                        help="calls are repeated for as long, so that the device "
                        "and not the host's time to launch is measured")
    parser.add_argument("--budget", type=float, default=1e9,
                        help="seconds after which no case begins, and the case "
                        "under way ends after the round that it is in")
    parser.add_argument("--heat", type=float, default=3.0,
                        help="seconds of matrix products before the first case")


def numbers(kind):
    """An argument type: numbers with commas between."""
    def parse(text):
        try:
            return [kind(x) for x in text.split(",")]
        except ValueError as error:
            raise argparse.ArgumentTypeError(
                f"expected numbers with commas between, got {text!r}") from error
    return parse


def names(choices):
    """An argument type: names out of `choices` with commas between."""
    def parse(text):
        words = [word for word in text.split(",") if word]
        for word in words:
            if word not in choices:
                raise argparse.ArgumentTypeError(
                    f"expected names out of {', '.join(choices)}, got {word!r}")
        return words
    return parse


def write_json(path, document):
    """Writes a file that is the old or the new one, whenever this is killed."""
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
    os.replace(path + ".part", path)


def describe(case):
    """A line about a case."""
    parts = [" ".join(f"{key} {value:.4g}" if isinstance(value, float)
                      else f"{key} {value}" for key, value in case.items()
                      if isinstance(value, (str, int, float)))]
    for name, entry in case.get("results", {}).items():
        parts.append(f"{name} {entry['ms']:.4g} ms"
                     + (f" {entry['tflops']:.0f} TF/s" if "tflops" in entry else "")
                     + (f" x{entry['ratio']:.3f}" if "ratio" in entry else ""))
    for key, value in case.items():
        if isinstance(value, dict) and value and key not in ("results", "clocks"):
            parts.append(f"{key} " + ", ".join(
                f"{k} {v:.4g}" if isinstance(v, (int, float)) else f"{k} {v}"
                for k, v in value.items()))
    return " | ".join(parts)


class Report:
    """Cases of a benchmark, in a file that is written after each."""

    def __init__(self, args, **fields):
        self.path = args.json
        self.deadline = time.time() + args.budget
        self.document = dict(environment=environment(args.commit),
                             min_ms=args.min_ms, **fields, cases=[], left_out=[])

    def measure(self, labels, function):
        """Adds the case of `labels` with what the function returns, or its error."""
        if time.time() > self.deadline:
            self.document["left_out"].append(labels)
            write_json(self.path, self.document)
            print("no time left for", labels, flush=True)
            return
        begin = time.time()
        try:
            case = {**labels, **function()}
        except Exception as error:  # one case may fail, the others are still wanted
            traceback.print_exc(limit=3)
            case = {**labels, "error": f"{type(error).__name__}: {str(error)[:300]}"}
        case["seconds"] = round(time.time() - begin, 2)
        case["clocks"] = clocks()
        self.document["cases"].append(case)
        write_json(self.path, self.document)
        print(describe(case), flush=True)
        gc.collect()
        torch.cuda.empty_cache()
