"""Runs the compiler on mutations of IR files and counts what becomes of them.

A mutation changes, removes, doubles or swaps a token, or replaces a number. All
go through `pbs-opt --pbs-to-plan`, and those that it accepts through
`--pbs-to-cpu`.
"""
import argparse
import concurrent.futures
import os
import random
import re
import subprocess
import sys

TOKEN = re.compile(r"[A-Za-z_.#!%@0-9$]+|[^\sA-Za-z_0-9]|\s+")
NUMBERS = ["0", "1", "-1", "3", "7", "64", "129", "4294967296",
           "9223372036854775807", "1.0e300", "0x7FC00000", "?"]


def mutate(text, words, generator):
    """`text` with one to three tokens changed."""
    tokens = TOKEN.findall(text)
    for _ in range(generator.randint(1, 3)):
        at = generator.randrange(len(tokens))
        kind = generator.randrange(5)
        if kind == 0:
            tokens[at] = generator.choice(words)
        elif kind == 1:
            tokens[at] = ""
        elif kind == 2:
            tokens[at] *= 2
        elif kind == 3:
            other = generator.randrange(len(tokens))
            tokens[at], tokens[other] = tokens[other], tokens[at]
        else:
            tokens[at] = re.sub(r"\d+", generator.choice(NUMBERS), tokens[at])
    return "".join(tokens)


def run(pipeline, text):
    """Exit status of pbs-opt on `text`; negative or above 128 for a crash."""
    return subprocess.run(["pbs-opt", pipeline, "-o", "/dev/null", "-"], input=text.encode(), check=False,
                          stderr=subprocess.DEVNULL, timeout=600).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    texts = [open(path, encoding="utf-8").read() for path in args.files]
    words = sorted({word for text in texts for word in TOKEN.findall(text)})
    generator = random.Random(args.seed)
    inputs = [mutate(generator.choice(texts), words, generator)
              for _ in range(args.count)]

    def compile_text(text):
        return run("--pbs-to-plan", text) or run("--pbs-to-cpu", text)

    counts = {"ok": 0, "refused": 0, "crashed": 0}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        statuses = list(pool.map(compile_text, inputs))
    for text, status in zip(inputs, statuses):
        outcome = ("ok" if status == 0 else
                   "refused" if status == 1 else "crashed")
        counts[outcome] += 1
        if outcome == "crashed":
            print(f"status {status} of:\n{text}")
    print(f"{args.count} mutations: {counts['refused']} refused, "
          f"{counts['ok']} accepted, {counts['crashed']} crashed")
    return counts["crashed"] > 0


if __name__ == "__main__":
    sys.exit(main())
