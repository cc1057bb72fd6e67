#!/usr/bin/env python3
# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the GPU tables of README.md from the files in benchmarks/results.

    python3 benchmarks/gpu/readme_tables.py [--check] [--list NAME]

A table stands between the lines `<!-- table NAME -->` and `<!-- end -->`. With
--check nothing is written, and it is an error if a table is not what the files say.
--list prints one table, whether a page has it or not: method, kept, preparation, chunk,
memory, start, lists, dense, types, uneven, schedules; one whose file is missing has
no rows.
"""
import argparse
import difflib
import json
import math
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MISSING = ""
# What preparation was to take, in ms.
AIMS = {8192: 0.15, 32768: 0.5, 131072: 1.8, 524288: 9.0}


def cases(results, *files):
    """Cases of the files without those that failed; of cases with the same labels
    the first file's stay."""
    found, seen = [], set()
    for name in files:
        path = results / name
        if not path.exists():
            continue
        document = json.loads(path.read_text(encoding="utf-8"))
        for case in document.get("cases", []):
            case.setdefault("suite", document.get("suite", "method"))
            labels = tuple(case.get(key) for key in (
                "suite", "case", "n",
                "density" if case["suite"] in ("lists", "density") else "", "d",
                "dtype", "heads", "kv_heads"))
            if "error" not in case and labels not in seen:
                seen.add(labels)
                found.append(case)
    return found


def of(found, **labels):
    """Cases with these labels, by length."""
    return sorted((case for case in found
                   if all(case.get(key) == value for key, value in labels.items())),
                  key=lambda case: case["n"])


def tokens(n):
    return f"{n // 1024}K" if n < 2 ** 20 else f"{n // 2 ** 20}M"


def digits(value):
    """Three of them, without an exponent."""
    places = 2 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:.{max(places, 0)}f}"


def time_of(case, name):
    entry = case["results"].get(name)
    return f"{digits(entry['ms'])} ms" if entry else MISSING


def ratio(case, name):
    """How many times as long another takes."""
    entry = case["results"].get(name)
    return f"{entry['ratio']:.2f}x" if entry else MISSING


def percent(value):
    return f"{100 * value:.0f} %"


def without_missing(head, rows):
    """The columns in which somebody has something."""
    kept = [i for i in range(len(head))
            if not rows or any(row[i] != MISSING for row in rows)]
    return (tuple(head[i] for i in kept),
            [tuple(row[i] for i in kept) for row in rows])


def mebibytes(size):
    return f"{size / 2 ** 20:,.0f} MiB" if size else MISSING


def method(results, *files):
    head = ("tokens", "blocks listed", "method", "preparation", "dense, ours",
            "dense, cuDNN", "flash-attn-4", "published code")
    found = cases(results, *(files or ("method_h100.json", "method_growth_h100.json")))
    rows = []
    for case in of(found, suite="method") + of(found, suite="growth"):
        preparations = [case] + of(found, suite="prepare", n=case["n"])
        preparation = [time_of(other, "prepare") for other in preparations
                       if "prepare" in other["results"]]
        rows.append((tokens(case["n"]), percent(case["density"]),
                     time_of(case, "method"), (preparation or [MISSING])[0],
                     *(ratio(case, name)
                       for name in ("dense", "cudnn", "fa4", "published"))))
    rows = list({row[0]: row for row in reversed(rows)}.values())[::-1]
    return without_missing(head, rows)


def kept(results):
    """The method with keep-maximum=1, and so is dense attention of ours."""
    return method(results, "method_kept_h100.json")


def preparation(results):
    head = ("tokens", "preparation", "in a CUDA graph", "aim", "published code",
            "permutation", "of the rate of a copy")
    rows = []
    for case in of(cases(results, "method_h100.json"), suite="prepare"):
        permute = case["permute"]
        aim = AIMS.get(case["n"])
        rows.append((tokens(case["n"]), time_of(case, "prepare"),
                     time_of(case, "prepare_graph"),
                     f"{aim:g} ms" if aim else MISSING, ratio(case, "published"),
                     f"{permute['gb_per_s']:,.0f} GB/s", percent(permute["share"])))
    return head, rows


def chunk(results):
    head = ("queries", "keys", "blocks listed", "method", "preparation",
            "its share", "dense, ours", "flash-attn-4")
    return without_missing(head, [
        (tokens(case["queries"]), tokens(case["n"]), percent(case["density"]),
         time_of(case, "method"), time_of(case, "prepare"),
         percent(case["preparation_share"]), ratio(case, "dense"), ratio(case, "fa4"))
        for case in of(cases(results, "method_h100.json"), suite="chunk")])


def memory(results):
    head = ("tokens", "permuted keys and values", "workspace",
            "peak with the output", "published code")
    return head, [(tokens(case["n"]), *(mebibytes(case["memory"].get(key)) for key in (
        "permuted", "workspace", "method", "published")))
        for case in of(cases(results, "method_h100.json"), suite="method")
        if "memory" in case]


def start(results):
    head = ("process", "to the first result", "start and imports",
            "device and inputs", "first call", "second call")
    path = results / "start_h100.json"
    if not path.exists():
        return head, []
    medians = json.loads(path.read_text(encoding="utf-8"))["medians"]
    return head, [(name, *(f"{parts[part]:.2f} s" for part in (
        "total", "import", "inputs", "first")), f"{1e3 * parts['second']:.1f} ms")
        for name, parts in medians.items()]


def lists(results):
    head = ("tokens", "density", "blocks in a row", "pbs-mlir", "with own keys",
            "published Triton kernel", "FlexAttention", "FA4 block-sparse",
            "a row costs", "with own keys")
    rows = []
    for case in sorted(of(cases(results, "runtime_lists_h100.json"), suite="lists"),
                       key=lambda case: (case["n"], -case["density"])):
        rows.append((tokens(case["n"]), percent(case["density"]),
                     f"{case['blocks_per_row']:.1f}", time_of(case, "pbs"),
                     *(ratio(case, name)
                       for name in ("own", "triton", "flex", "fa4")),
                     *(f"{low:.1f} to {high:.1f}" if low is not None else MISSING
                       for low, _, high in (
                           case.get("row_blocks", {}).get(name, (None,) * 3)
                           for name in ("pbs", "own")))))
    return without_missing(head, rows)


def dense_rows(found, kv_heads, *names):
    return [(case, (tokens(case["n"]),
                    "causal" if case["case"] == "causal" else "none",
                    time_of(case, "pbs"), *(ratio(case, name) for name in names)))
            for kind in ("causal", "full")
            for case in of(found, case=kind, kv_heads=kv_heads)]


def dense(results):
    head = ("tokens", "mask", "pbs-mlir", "cuDNN (torch SDPA)", "flash-attn-4")
    found = of(cases(results, "runtime_dense_h100.json"), suite="dense")
    return head, [row for _, row in dense_rows(found, 8, "cudnn", "fa4")]


def types(results):
    head = ("type", "D", "tokens", "mask", "pbs-mlir", "cuDNN (torch SDPA)",
            "FlashAttention 2", "flash-attn-4")
    found = [case for case in of(cases(results, "runtime_types_h100.json"),
                                 suite="types") if case["n"] in (8192, 65536)]
    rows = [((-case["d"], case["dtype"]), (case["dtype"], case["d"], *row))
            for case, row in dense_rows(found, 8, "cudnn", "flash", "fa4")]
    return head, [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def uneven(results):
    head = ("lists", "tokens", "longest row over mean", "time of a listed block",
            "in even rows", "ratio", "tail")
    return head, [(case["case"], tokens(case["n"]),
                   f"{case['longest_over_mean']:.1f}",
                   *(f"{case['results'][name]['ns_per_block']:.2f} ns"
                     for name in ("uneven", "even")),
                   f"{case['per_block_over_even']:.3f}x",
                   f"{100 * case['tail']:.1f} %" if "tail" in case else MISSING)
                  for case in of(cases(results, "runtime_uneven_h100.json"),
                                 suite="uneven")]


def schedules(results):
    names = {"no overlap": "no overlap", "no ping-pong": "no turns", "turns": "turns",
             "one stage": "one stage", "static items": "static items",
             "one item a block": "one item a block", "no producer": "no producer"}
    found = of(cases(results, "runtime_schedules_h100.json"), suite="schedules",
               case="causal", kv_heads=8)
    return without_missing(("tokens", *names.values()), [
        (tokens(case["n"]), *(ratio(case, name)[:-1] for name in names))
        for case in found])


TABLES = {table.__name__: table for table in (
    method, kept, preparation, chunk, memory, start, lists, dense, types, uneven,
    schedules)}


def render(name, results):
    head, rows = TABLES[name](results)
    if not rows:
        return ""
    # A column that no row has anything in is left out.
    keep = [i for i in range(len(head)) if any(row[i] != MISSING for row in rows)]
    lines = [[head[i] for i in keep], ["---"] * len(keep),
             *([str(row[i]) for i in keep] for row in rows)]
    return "".join("|" + "".join(f" {cell} |" if cell else " |" for cell in line)
                   + "\n" for line in lines).replace("| --- ", "|---").replace(
                       "--- |", "---|")


def update(text, results):
    """The page with its tables written anew; ValueError for a table unknown."""
    def replace(match):
        name = match[1]
        if name not in TABLES:
            raise ValueError(f"<!-- table {name} -->: expected one of "
                             f"{', '.join(TABLES)}")
        return f"<!-- table {name} -->\n\n{render(name, results)}\n<!-- end -->"
    return re.sub(r"<!-- table (\w+) -->\n.*?<!-- end -->", replace, text,
                  flags=re.DOTALL)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=pathlib.Path, default=ROOT / "README.md")
    parser.add_argument("--results", type=pathlib.Path,
                        default=ROOT / "benchmarks" / "results")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--list", choices=TABLES, metavar="NAME")
    args = parser.parse_args()
    if args.list:
        print(render(args.list, args.results), end="")
        return 0
    old = args.page.read_text(encoding="utf-8")
    try:
        new = update(old, args.results)
    except ValueError as error:
        print(f"{args.page}: {error}", file=sys.stderr)
        return 1
    if old == new:
        return 0
    if not args.check:
        args.page.write_text(new, encoding="utf-8")
        return 0
    sys.stderr.writelines(difflib.unified_diff(
        old.splitlines(True), new.splitlines(True), "the page", "the files"))
    print(f"{args.page}: tables are out of date, run "
          "benchmarks/gpu/readme_tables.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
