# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Imports torch, triton and pbs_mlir in every order and uses all three.

    PBS_LIBRARY=.../libpbs.so PYTHONPATH=python python3 \\
        benchmarks/gpu/check_imports.py --commit COMMIT --output FILE

Each order is a process. It compiles a Triton kernel and an attention kernel,
the first package's first, so that two copies of LLVM work side by side, then
runs both. Then each source of machine code is used in a process: ptxas of a
package, nvJitLink, the driver. Exits with 1 if a process fails or a result is
wrong.
"""
import argparse
import importlib
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time

PACKAGES = ("pbs_mlir", "torch", "triton")
# No ptxas but that of a package.
BARE = {"PATH": "/usr/bin:/bin", "CUDA_HOME": "/nowhere", "CUDA_PATH": "",
        "VIRTUAL_ENV": ""}
# What is left in the environment where the kernel is assembled by what it says.
ASSEMBLERS = {
    "ptxas of a package": BARE,
    "nvJitLink": {**BARE, "PBS_SITE_PACKAGES": "/nowhere"},
    "driver": {**BARE, "PBS_SITE_PACKAGES": "/nowhere",
               "PBS_NVJITLINK": "/nowhere"},
}


def use_triton():
    """Largest error of a sum by a new Triton kernel."""
    import torch
    import triton
    from triton_add import add
    x, y = (torch.randn(5000, device="cuda") for _ in range(2))
    out = torch.empty_like(x)
    add[(triton.cdiv(5000, 1024),)](x, y, out, 5000, BLOCK=1024)
    return (out - (x + y)).abs().max().item(), triton.__version__


def use_pbs():
    """Largest error of attention beside torch's, and what assembled it."""
    import torch
    import pbs_mlir
    q, k, v = (torch.randn(1, heads, 300, 128, device="cuda",
                           dtype=torch.bfloat16) for heads in (8, 2, 2))
    with tempfile.TemporaryDirectory() as cache:
        program = pbs_mlir.compile("""
          func.func @f(%q: tensor<?x8x?x128xbf16>, %k: tensor<?x2x?x128xbf16>,
                       %v: tensor<?x2x?x128xbf16>) -> tensor<?x8x?x128xbf16> {
            %o, %lse = pbs.attention %q, %k, %v {causal}
              : (tensor<?x8x?x128xbf16>, tensor<?x2x?x128xbf16>,
                 tensor<?x2x?x128xbf16>)
              -> (tensor<?x8x?x128xbf16>, tensor<?x8x?xf32>)
            return %o : tensor<?x8x?x128xbf16>
          }""", target="sm_90a", cache_dir=cache)
    out = torch.empty_like(q)
    program(q, k, v, out=(out,))
    expected = torch.nn.functional.scaled_dot_product_attention(
        q.double(), k.double(), v.double(), is_causal=True, enable_gqa=True)
    assembler = re.search(r"ptxas=(.*)", program.report)
    return ((out.double() - expected).abs().max().item(),
            assembler.group(1) if assembler else program.report)


def run_order(order):
    """What a process does."""
    for package in order:
        importlib.import_module(package)
    uses = {"triton": use_triton, "pbs_mlir": use_pbs}
    errors = {}
    for package in order:
        if package in uses:
            begin = time.perf_counter()
            error, by = uses[package]()
            errors[package] = {"error": error, "by": by,
                               "seconds": round(time.perf_counter() - begin, 2)}
    print(json.dumps(errors))
    return any(not entry["error"] < 0.05 for entry in errors.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commit", default="unknown")
    parser.add_argument("--output")
    parser.add_argument("--order", type=lambda text: text.split(","),
                        help="run this order here")
    args = parser.parse_args()
    if args.order:
        return run_order(args.order)
    def run(name, order, environment=None):
        done = subprocess.run(
            [sys.executable, __file__, "--order", ",".join(order)], text=True,
            env={**os.environ, **(environment or {})}, capture_output=True,
            check=False)
        ok = done.returncode == 0
        result = {"ok": ok, "uses": json.loads(done.stdout.splitlines()[-1])
                  if ok else (done.stdout + done.stderr)[-800:]}
        print(name, result, flush=True)
        return result

    orders = {" ".join(order): run(order, order)
              for order in itertools.permutations(PACKAGES)}
    assemblers = {name: run(name, ("torch", "pbs_mlir"), environment)
                  for name, environment in ASSEMBLERS.items()}
    if args.output:
        from timing import environment
        with open(args.output, "w", encoding="utf-8") as file:
            json.dump({"environment": environment(args.commit),
                       "orders": orders, "assemblers": assemblers}, file, indent=1)
            file.write("\n")
    return not all(result["ok"]
                   for result in (*orders.values(), *assemblers.values()))


if __name__ == "__main__":
    sys.exit(main())
