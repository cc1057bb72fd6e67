#!/usr/bin/env python3
# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Draws what the benchmarks on a GPU wrote, as PNG. Needs matplotlib.

    python3 benchmarks/gpu/plot_results.py benchmarks/results/FILE.json ... \\
        --output docs/images [--figures method,density]

A figure is drawn for each suite that the files have cases of; of cases with the
same labels the first file's stay. Bars are 95 % intervals of medians.

  method       time of the whole method against length, and over cuDNN's
  preparation  its preparation by kernels
  density      time and rate of block lists against their density
  dense        rate of dense attention against length
  uneven       time of a listed block where rows differ, and where they do not
  memory       peak of one call
  start        process start to first result, cold and warm
"""
import argparse
import json
import os

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

# Name in a file -> label, color.
STYLES = {
    "method": ("pbs-mlir, whole method", "#c0392b"),
    "prepare": ("of which preparation", "#e59866"),
    "guarded": ("pbs-mlir, dense below 8K", "#922b21"),
    "pbs": ("pbs-mlir", "#c0392b"),
    "dense": ("pbs-mlir, dense", "#6c3483"),
    "cudnn": ("cuDNN, dense", "#2471a3"),
    "flash": ("FlashAttention 2, dense", "#5dade2"),
    "fa4": ("FlashAttention 4", "#117a65"),
    "flex": ("FlexAttention", "#9a8700"),
    "triton": ("published Triton kernel", "#7f8c8d"),
    "published": ("published code, whole method", "#7f8c8d"),
}
# What preparation was to take, in ms.
AIMS = {8192: 0.15, 32768: 0.5, 131072: 1.8, 524288: 9.0}
NOT_PREPARATION = ("attention", "sparse_attention")
KERNEL_COLORS = ["#7fb3d5", "#c39bd3", "#e59866", "#82c9a0", "#c0392b", "#aab7b8",
                 "#f4d03f", "#566573"]


def load(paths):
    """Suite -> labels -> case, where a case has its file's environment."""
    suites = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        cases = document.get("cases", [])
        if "medians" in document:
            cases = [dict(suite="start", n=document["n"],
                          medians=document["medians"])]
        for case in cases:
            if "error" in case:
                continue
            suite = case.get("suite", document.get("suite", "method"))
            labels = tuple(case.get(key) for key in (
                "case", "n", "density" if suite in ("lists", "density") else "",
                "d", "dtype", "heads", "kv_heads"))
            suites.setdefault(suite, {}).setdefault(
                labels, {**case, "environment": document["environment"]})
    return {suite: list(cases.values()) for suite, cases in suites.items()}


def thousands(n):
    return f"{n // 1024}K" if n < 2 ** 20 else f"{n // 2 ** 20}M"


def source(cases):
    """Device, commits and days of the cases."""
    seen = []
    for case in cases:
        environment = case["environment"]
        text = (f"{environment['device']}, commit {environment['commit']}, "
                f"{environment['date'][:10]}")
        if text not in seen:
            seen.append(text)
    return "; ".join(seen)


def save(figure, cases, title, path, legend_of=None):
    """Writes the figure below its title, its source and perhaps a legend."""
    # In inches, the same for figures of any height.
    height, head = figure.get_figheight(), 0.45
    figure.text(0.01, 1 - 0.08 / height, title, fontsize=11, va="top")
    figure.text(0.01, 1 - 0.29 / height, source(cases), fontsize=7.5, color="#555",
                va="top")
    if legend_of is not None:
        handles, labels = legend_of.get_legend_handles_labels()
        figure.legend(handles, labels, loc="upper left", ncols=len(labels),
                      bbox_to_anchor=(0.005, 1 - 0.42 / height), fontsize=7.5,
                      frameon=False, columnspacing=1.2, handlelength=1.6)
        head = 0.7
    figure.tight_layout(rect=(0, 0, 1, 1 - head / height))
    figure.savefig(path, dpi=130)
    plt.close(figure)
    print(path)


def finish(axis, xlabel, ylabel):
    axis.set_xlabel(xlabel)
    axis.set_ylabel(ylabel)
    axis.grid(True, which="major", color="#e5e5e5", linewidth=0.7)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def lengths_axis(axis, lengths):
    axis.set_xscale("log", base=2)
    axis.set_xticks(lengths, [thousands(n) for n in lengths])
    axis.minorticks_off()


def line(axis, name, points, value=lambda entry: entry["ms"], **style):
    """Draws (x, entry) of a contender; `value` of an entry may fall with its time."""
    if not points:
        return
    label, color = STYLES[name]
    points = sorted(points, key=lambda point: point[0])
    xs = [x for x, _ in points]
    ys = [value(entry) for _, entry in points]
    ends = [sorted(value({**entry, "ms": entry[end]})
                   for end in ("ms_low", "ms_high")) for _, entry in points]
    errors = [[max(y - low, 0) for y, (low, _) in zip(ys, ends)],
              [max(high - y, 0) for y, (_, high) in zip(ys, ends)]]
    axis.errorbar(xs, ys, yerr=errors, label=style.pop("label", label), color=color,
                  marker="o", markersize=3.5, linewidth=1.5, **style)


def rate(entry):
    """TFLOP/s, also of an entry with another time than the one it was made with."""
    return entry["flop"] / entry["ms"]


def with_flop(entry):
    return {**entry, "flop": entry["tflops"] * entry["ms"]}


def draw_method(suites, path):
    cases = suites.get("method", []) + suites.get("growth", [])
    cases = list({case["n"]: case for case in reversed(cases)}.values())
    lengths = sorted(case["n"] for case in cases)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.6))
    for name in ("published", "fa4", "cudnn", "dense", "guarded", "method",
                 "prepare"):
        # With a guard the call is dense attention at short lengths only.
        points = [(case["n"], case["results"][name]) for case in cases
                  if name in case["results"]]
        style = dict(linestyle=":" if name in ("prepare", "guarded") else "-")
        line(left, name, points, **style)
        if name in ("prepare", "cudnn"):
            continue
        base = {case["n"]: case["results"]["cudnn"]["ms"] for case in cases
                if "cudnn" in case["results"]}
        line(right, name, [(n, entry) for n, entry in points if n in base
                           for entry in [{**entry, "base": base[n]}]],
             lambda entry: entry["base"] / entry["ms"], **style)
    lengths_axis(left, lengths)
    lengths_axis(right, lengths)
    left.set_yscale("log")
    finish(left, "tokens", "time of a call, ms")
    right.axhline(1, color=STYLES["cudnn"][1], linewidth=1)
    right.text(lengths[-1], 0.93, "cuDNN", color=STYLES["cudnn"][1], ha="right",
               va="top", fontsize=8)
    finish(right, "tokens", "times as fast as cuDNN's dense attention")
    for case in cases:
        entry = case["results"]["method"]
        if "cudnn" in case["results"]:
            right.annotate(f"{100 * case['density']:.0f} %",
                           (case["n"], case["results"]["cudnn"]["ms"] / entry["ms"]),
                           textcoords="offset points", xytext=(0, 6), ha="center",
                           fontsize=7.5, color=STYLES["method"][1])
    left.legend(fontsize=8, frameon=False)
    right.text(0.02, 0.98, "%: blocks that the method lists", fontsize=7.5,
               color=STYLES["method"][1], transform=right.transAxes, va="top")
    save(figure, cases, "Causal prefill attention, bf16, D = 128, 32 query and 8 KV "
         "heads", path)


def draw_preparation(suites, path):
    cases = {case["n"]: case for case in suites.get("growth", [])}
    cases.update((case["n"], case) for case in suites.get("method", []))
    cases.update((case["n"], case) for case in suites.get("prepare", []))
    # A call below the guard's length has no preparation.
    cases = [case for _, case in sorted(cases.items())
             if any("permute" in kernel for kernel in case["kernels"])]
    kernels = {}
    for case in cases:
        for kernel in case["kernels"]:
            if kernel not in NOT_PREPARATION:
                kernels.setdefault(kernel, len(kernels))
    figure, axis = plt.subplots(figsize=(7.5, 4.4))
    bottoms = [0.0] * len(cases)
    for kernel, number in kernels.items():
        heights = [1e3 * case["kernels"].get(kernel, 0) / (case["n"] / 1024)
                   for case in cases]
        axis.bar(range(len(cases)), heights, 0.62, bottoms, label=kernel,
                 color=KERNEL_COLORS[number % len(KERNEL_COLORS)])
        bottoms = [a + b for a, b in zip(bottoms, heights)]
    for x, case in enumerate(cases):
        unit = 1e3 / (case["n"] / 1024)
        axis.text(x, bottoms[x], f"{bottoms[x] / unit:.3g} ms", ha="center",
                  va="bottom", fontsize=8)
        aim = AIMS.get(case["n"])
        if aim:
            axis.hlines(aim * unit, x - 0.42, x + 0.42, color="#000", linewidth=1.3,
                        linestyle="--", label="aim" if aim == min(AIMS.values())
                        else None)
    axis.set_xticks(range(len(cases)), [thousands(case["n"]) for case in cases])
    axis.legend(fontsize=8, frameon=False, ncols=2)
    axis.set_ylim(0, 1.35 * max(bottoms))
    finish(axis, "tokens", "µs for each 1,024 tokens")
    axis.grid(False, axis="x")
    save(figure, cases, "Preparation by kernels: what a call does before attention",
         path)


def draw_density(suites, path):
    cases = {}
    for suite in ("lists", "density"):
        for case in suites.get(suite, []):
            cases.setdefault((case["n"], case["density"]), case)
    cases = list(cases.values())
    lengths = sorted({case["n"] for case in cases})
    figure, axes = plt.subplots(2, len(lengths), squeeze=False,
                                figsize=(2.3 + 2.3 * len(lengths), 5.6))
    for column, n in enumerate(lengths):
        here = [case for case in cases if case["n"] == n]
        top, bottom = axes[:, column]
        for name in ("triton", "flex", "fa4", "dense", "pbs"):
            points = [(100 * case["density"], with_flop(case["results"][name]))
                      for case in here if name in case["results"]]
            style = dict(linestyle="--" if name == "dense" else "-")
            if name == "fa4":
                style["label"] = "FlashAttention 4, block-sparse"
            line(top, name, points, **style)
            line(bottom, name, points, rate, **style)
        top.set_title(f"{thousands(n)} tokens", fontsize=9.5)
        top.set_ylim(bottom=0)
        bottom.set_ylim(bottom=0)
        finish(top, "", "time, ms" if column == 0 else "")
        finish(bottom, "listed blocks of earlier segments, %",
               "TFLOP/s of visited blocks" if column == 0 else "")
        if max(case["density"] for case in here) < 0.5:
            for axis in (top, bottom):
                axis.set_xticks(sorted(100 * case["density"] for case in here))
        if len(lengths) > 2:
            bottom.xaxis.label.set_size(7.5)
    save(figure, cases, "Causal attention over lists of blocks", path, axes[0][0])


def draw_dense(suites, path):
    cases = suites.get("dense", []) + suites.get("types", [])

    def panel_of(case):
        return (case.get("d", 128), case.get("dtype", "bf16"), case["kv_heads"])
    panels = sorted({panel_of(case) for case in cases}, reverse=True)
    figure, axes = plt.subplots(2, len(panels), squeeze=False, sharey="row",
                                figsize=(1.6 + 2.3 * len(panels), 5.6))
    for row, kind in enumerate(("causal", "full")):
        for column, panel in enumerate(panels):
            axis = axes[row][column]
            here = [case for case in cases
                    if case["case"] == kind and panel_of(case) == panel]
            for name in ("flash", "cudnn", "fa4", "pbs"):
                line(axis, name, [(case["n"], with_flop(case["results"][name]))
                                  for case in here if name in case["results"]], rate)
            if here:
                lengths_axis(axis, sorted({case["n"] for case in here}))
            d, dtype, kv_heads = panel
            axis.set_title(f"{kind}, {dtype}, D = {d}, 32/{kv_heads} heads",
                           fontsize=8)
            finish(axis, "tokens" if row else "", "TFLOP/s" if column == 0 else "")
        # Panels of a row share it, so only once all lines are there.
        axes[row][0].set_ylim(bottom=0)
    save(figure, cases, "Dense attention", path, axes[1][0])


def draw_uneven(suites, path):
    cases = suites["uneven"]
    figure, axis = plt.subplots(figsize=(2 + 0.9 * len(cases), 3.8))
    for shift, name, color in ((-0.2, "even", "#aab7b8"), (0.2, "uneven", "#c0392b")):
        axis.bar([x + shift for x in range(len(cases))],
                 [case["results"][name]["ns_per_block"] for case in cases], 0.38,
                 label=f"{name} rows", color=color)
    for x, case in enumerate(cases):
        high = max(entry["ns_per_block"] for entry in case["results"].values())
        axis.text(x, high, f"{case['per_block_over_even']:.2f}x", ha="center",
                  va="bottom", fontsize=8)
    axis.set_xticks(range(len(cases)), [f"{case['case']}\n{thousands(case['n'])}"
                                        for case in cases])
    finish(axis, "", "ns for each listed block")
    axis.grid(False, axis="x")
    save(figure, cases, "Lists whose rows differ beside as many blocks in even rows",
         path, axis)


def draw_memory(suites, path):
    cases = sorted((case for case in suites.get("method", []) if "memory" in case),
                   key=lambda case: case["n"])
    figure, axis = plt.subplots(figsize=(7.4, 3.8))
    bars = (("permuted", "permuted keys and values", "#aab7b8"),
            ("workspace", "pbs-mlir: workspace", "#e59866"),
            ("method", "pbs-mlir: workspace and output", "#c0392b"),
            ("published", "published code", "#7f8c8d"))
    for number, (key, label, color) in enumerate(bars):
        axis.bar([x + 0.2 * number - 0.3 for x in range(len(cases))],
                 [case["memory"].get(key, 0) / 2 ** 20 for case in cases], 0.19,
                 label=label, color=color)
    axis.set_xticks(range(len(cases)), [thousands(case["n"]) for case in cases])
    axis.set_yscale("log")
    finish(axis, "tokens", "MiB")
    axis.grid(False, axis="x")
    save(figure, cases, "Memory of one call of the whole method", path, axis)


def draw_start(suites, path):
    cases = suites["start"]
    medians = cases[0]["medians"]
    figure, axis = plt.subplots(figsize=(6.8, 1.4 + 0.4 * len(medians)))
    parts = (("import", "start and imports", "#aab7b8"),
             ("inputs", "device and inputs", "#7fb3d5"),
             ("first", "first call", "#c0392b"))
    for y, parts_of in enumerate(medians.values()):
        left = 0
        for key, label, color in parts:
            axis.barh(y, parts_of[key], 0.6, left, color=color,
                      label=label if y == 0 else None)
            left += parts_of[key]
        axis.text(left, y, f" {left:.2f} s", va="center", fontsize=8)
    axis.set_yticks(range(len(medians)), medians)
    axis.invert_yaxis()
    finish(axis, "seconds", "")
    axis.grid(False, axis="y")
    save(figure, cases, "From the start of a process to its first result, "
         f"{thousands(cases[0]['n'])} tokens", path, axis)


# Figure -> function, suites of which it needs one.
FIGURES = {
    "method": (draw_method, {"method", "growth"}),
    "preparation": (draw_preparation, {"method", "prepare", "growth"}),
    "density": (draw_density, {"lists", "density"}),
    "dense": (draw_dense, {"dense", "types"}),
    "uneven": (draw_uneven, {"uneven"}),
    "memory": (draw_memory, {"method"}),
    "start": (draw_start, {"start"}),
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="+", metavar="FILE.json")
    parser.add_argument("--output", default="docs/images", metavar="FOLDER")
    parser.add_argument("--figures", default=",".join(FIGURES),
                        help="names of figures with commas between")
    parser.add_argument("--suffix", default="_h100", help="of the names of files")
    args = parser.parse_args()
    suites = load(args.inputs)
    for name in args.figures.split(","):
        if name not in FIGURES:
            parser.error(f"--figures: expected names out of {', '.join(FIGURES)}, "
                         f"got {name!r}")
        draw, needs = FIGURES[name]
        if name == "memory" and not any("memory" in case
                                        for case in suites.get("method", [])):
            continue
        if needs & suites.keys():
            draw(suites, os.path.join(args.output, f"{name}{args.suffix}.png"))


if __name__ == "__main__":
    main()
