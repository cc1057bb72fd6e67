#!/usr/bin/env python3
# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Builds the GPU kernels that the checks and benchmarks of this directory use.

kernels.py TOOL OUT [NAME ...] assembles them with TOOL (pbs-test-kernel) into
OUT/NAME.cubin, beside OUT/kernels.json, which tells launcher.py what each computes.
Needs ptxas and no GPU.
"""
import json
import os
import subprocess
import sys


def specs():
    """All kernels: name -> what it computes and the tool's flags."""
    found = {}

    def add(d=128, dtype="bf16", causal=True, positions=False, segment=0,
            lists=False, late=False, anchor=False):
        name = f"d{d}_{dtype}"
        name += "_causal" if causal else "_full"
        flags = [f"--head-dim={d}"]
        if dtype == "f16":
            flags.append("--f16")
        if causal:
            flags.append("--causal")
        if positions:
            name += f"_pos{segment}"
            flags += ["--positions", f"--segment={segment}"]
        if lists:
            name += "_list"
            flags.append("--list")
        if late:
            name += "_late"
            flags.append("--late-rescale")
        if anchor:
            name += "_anchor"
            flags.append("--anchor")
        found[name] = dict(d=d, dtype=dtype, causal=causal, positions=positions,
                           segment=segment, list=lists, flags=flags)

    for d in (64, 128):
        for dtype in ("bf16", "f16"):
            for causal in (False, True):
                add(d, dtype, causal)
                add(d, dtype, causal, lists=True)
            add(d, dtype, True, True, 256, True)
    add(positions=True, segment=256)
    add(positions=True, segment=0, lists=True)
    for causal in (False, True):
        add(causal=causal, late=True)
    add(positions=True, segment=256, lists=True, late=True)
    add(anchor=True)
    return found


def main():
    tool, out, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    os.makedirs(out, exist_ok=True)
    chosen = {n: s for n, s in specs().items() if not names or n in names}
    for name, spec in chosen.items():
        command = [tool, "attention", "--emit=cubin",
                   "-o", os.path.join(out, name + ".cubin")] + spec["flags"]
        log = subprocess.run(command, capture_output=True, text=True)
        if log.returncode:
            sys.exit(f"{name}: {log.stderr}")
        for line in log.stderr.splitlines():
            if "spill" in line and "0 bytes spill stores" not in line:
                print(f"{name}: {line.strip()}")
    listing = subprocess.run([tool, "block-list", "--emit=cubin", "-o",
                              os.path.join(out, "block_list.cubin")],
                             capture_output=True, text=True)
    if listing.returncode:
        sys.exit(f"block_list: {listing.stderr}")
    with open(os.path.join(out, "kernels.json"), "w") as file:
        json.dump(chosen, file, indent=1)
    print(f"{len(chosen)} kernels in {out}")


if __name__ == "__main__":
    main()
