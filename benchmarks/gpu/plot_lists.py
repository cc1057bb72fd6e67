#!/usr/bin/env python3
# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Draws the rate against the density of block lists as SVG.

    python3 benchmarks/gpu/plot_lists.py \\
        benchmarks/results/runtime_lists_h100.json docs/images/lists_h100.svg

The input is what bench_runtime.py --suites lists wrote: a panel for each length,
a line for each implementation, bars for the 95 % intervals of the medians.
"""
import argparse
import json

NAMES = {"pbs": ("pbs-mlir", "#c0392b"), "fa4": ("FA4 block-sparse", "#2471a3"),
         "flex": ("FlexAttention", "#7d8c2f"),
         "triton": ("published Triton kernel", "#7f8c8d")}
WIDTH, HEIGHT, LEFT, TOP, GAP = 190, 200, 60, 44, 22


def text(x, y, content, anchor="middle", color="#222"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
            f'fill="{color}">{content}</text>')


def draw(cases, device):
    lengths = sorted({case["n"] for case in cases})
    densities = sorted({case["density"] for case in cases})
    top = max(entry["tflops"] for case in cases
              for entry in case["results"].values())
    top = 100 * (int(top) // 100 + 1)
    total = LEFT + len(lengths) * (WIDTH + GAP)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" '
             f'height="{TOP + HEIGHT + 62}" font-family="sans-serif" '
             'font-size="11">', '<rect width="100%" height="100%" fill="#fff"/>',
             text(LEFT, 16, f"TFLOP/s of visited blocks, causal lists, {device}",
                  "start")]
    for panel, n in enumerate(lengths):
        left = LEFT + panel * (WIDTH + GAP)

        def at(density, rate, left=left):
            step = WIDTH / len(densities)
            return (left + step * (densities.index(density) + 0.5),
                    TOP + HEIGHT * (1 - rate / top))

        parts.append(text(left + WIDTH / 2, TOP - 8, f"{n // 1024}K tokens"))
        for rate in range(0, top + 1, 100):
            y = at(densities[0], rate)[1]
            parts.append(f'<path d="M{left} {y:.1f}h{WIDTH}" stroke="#ddd"/>')
            if panel == 0:
                parts.append(text(left - 6, y + 4, rate, "end"))
        for density in densities:
            parts.append(text(at(density, 0)[0], TOP + HEIGHT + 16,
                              f"{100 * density:g} %"))
        for name, (_, color) in NAMES.items():
            points = []
            for case in sorted(cases, key=lambda case: case["density"]):
                entry = case["results"].get(name)
                if case["n"] != n or not entry:
                    continue
                x, y = at(case["density"], entry["tflops"])
                points.append(f"{x:.1f},{y:.1f}")
                low, high = (at(case["density"], entry["tflops"] * entry["ms"]
                                / entry[end])[1] for end in ("ms_high", "ms_low"))
                parts.append(f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" '
                             f'stroke="{color}" stroke-width="3"/>')
            parts.append(f'<polyline points="{" ".join(points)}" fill="none" '
                         f'stroke="{color}" stroke-width="1.5"/>')
    for i, (label, color) in enumerate(NAMES.values()):
        parts.append(text(LEFT + 190 * i, TOP + HEIGHT + 44, label, "start",
                          color))
    return "\n".join((*parts, "</svg>", ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input")
    parser.add_argument("output")
    args = parser.parse_args()
    with open(args.input, encoding="utf-8") as file:
        document = json.load(file)
    with open(args.output, "w", encoding="utf-8") as file:
        file.write(draw(document["cases"], document["environment"]["device"]))


if __name__ == "__main__":
    main()
