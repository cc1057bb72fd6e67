#!/usr/bin/env python3
"""Compares what tile-configure says a kernel will need of shared memory with
what tile-allocate-shared gives it, for kernels of the method in many variants and
under many options.

No configuration that tile-configure accepts may fail afterwards, and none may need
more than it said. What it chooses itself has to fit.
"""
import argparse
import concurrent.futures
import itertools
import re
import subprocess
import sys

LEVEL1 = ["canonicalize", "pbs-expand", "cse"]
FUSED = ["pbs-fuse-permutation", "pbs-fuse-selection", "canonicalize", "cse"]
SPLIT = ["pbs-split-proxy-stats", "pbs-split-pools"]
SCHEDULE = ["tile-skip-scaling", "tile-pipeline-dots", "tile-split-loops",
            "canonicalize", "cse", "tile-warp-specialize", "tile-ping-pong",
            "tile-schedule", "canonicalize", "cse", "tile-number-rings",
            "tile-read-early", "tile-allocate-shared"]
# What nobody can have, said before anything is scheduled.
REFUSED = re.compile(r"expected (at most \d+ bytes of shared memory, got \d+ "
                     r"with|a producer where)")

METHOD = """
func.func @f(%q: tensor<1x8x?xDIMxTYPE>, %k: tensor<1x2x?xDIMxTYPE>,
             %v: tensor<1x2x?xDIMxTYPE>)
    -> (tensor<1x8x?xDIMxTYPE>, tensor<1x8x?xf32>) {
  %o, %lse = pbs.permuted_attention %q, %k, %v {ATTRIBUTES}
    : (tensor<1x8x?xDIMxTYPE>, tensor<1x2x?xDIMxTYPE>, tensor<1x2x?xDIMxTYPE>)
    -> (tensor<1x8x?xDIMxTYPE>, tensor<1x8x?xf32>)
  return %o, %lse : tensor<1x8x?xDIMxTYPE>, tensor<1x8x?xf32>
}
"""
DENSE = """
func.func @f(%q: tensor<1x8x?xDIMxTYPE>, %k: tensor<1x2x?xDIMxTYPE>,
             %v: tensor<1x2x?xDIMxTYPE>)
    -> (tensor<1x8x?xDIMxTYPE>, tensor<1x8x?xf32>) {
  %o, %lse = pbs.attention %q, %k, %v {ATTRIBUTES} SCORE
    : (tensor<1x8x?xDIMxTYPE>, tensor<1x2x?xDIMxTYPE>, tensor<1x2x?xDIMxTYPE>)
    -> (tensor<1x8x?xDIMxTYPE>, tensor<1x8x?xf32>)
  return %o, %lse : tensor<1x8x?xDIMxTYPE>, tensor<1x8x?xf32>
}
"""
PACKED = """
func.func @f(%q: tensor<1x8x?xDIMxTYPE>, %k: tensor<1x2x?xDIMxTYPE>,
             %v: tensor<1x2x?xDIMxTYPE>, %a: tensor<?xi32>, %b: tensor<?xi32>)
    -> (tensor<1x8x?xDIMxTYPE>, tensor<1x8x?xf32>) {
  %o, %lse = pbs.packed_attention %q, %k, %v, %a, %b {ATTRIBUTES}
    : (tensor<1x8x?xDIMxTYPE>, tensor<1x2x?xDIMxTYPE>, tensor<1x2x?xDIMxTYPE>,
       tensor<?xi32>, tensor<?xi32>)
    -> (tensor<1x8x?xDIMxTYPE>, tensor<1x8x?xf32>)
  return %o, %lse : tensor<1x8x?xDIMxTYPE>, tensor<1x8x?xf32>
}
"""
CAP = """score (%x, %b, %h, %p, %j) {
      %n = arith.sitofp %j : i32 to f32
      %y = arith.subf %x, %n : f32
      pbs.yield %y
    }"""


def make_programs():
    """Name, text, and whether its ops are fused, of each program."""
    for dim, kind in itertools.product((64, 128), ("bf16", "f16")):
        def fill(text, attributes, score=""):
            return (text.replace("DIM", str(dim)).replace("TYPE", kind)
                    .replace("ATTRIBUTES", attributes).replace("SCORE", score))
        for attributes in ("", "causal"):
            name = f"{kind} {dim} {attributes}"
            yield f"dense {name}", fill(DENSE, attributes), True
            yield f"packed {name}", fill(PACKED, attributes), True
        yield f"score {name}", fill(DENSE, "causal", CAP), True
        for segment, more, fused in (
                (128, "", True), (256, "", True), (512, "", True),
                (256, ", select = #pbs.top_k<4>", True), (256, "", False),
                (256, ", sharing = #pbs.average_query", True),
                (256, ", sharing = #pbs.per_query_head", True),
                (512, ", sharing = #pbs.per_query_head", False)):
            attributes = f"causal, segment = {segment}{more}"
            yield (f"method {kind} {dim} {attributes} fused={fused}",
                   fill(METHOD, attributes), fused)


AUTOMATIC = "stages=-1 overlap=-1 specialize=-1"


def make_options():
    for stages, overlap, specialize, schedule in itertools.product(
            (-1, 1, 2, 4), (-1, 0, 1), (-1, 0, 1),
            ("", "single", "static", "dynamic")):
        yield (f"stages={stages} overlap={overlap} specialize={specialize}"
               + (f" schedule={schedule}" if schedule else ""))


def run(pbs_opt, text, pipeline):
    return subprocess.run(
        [pbs_opt, "-mlir-disable-threading", "-mlir-print-op-on-diagnostic=0",
         f"-pass-pipeline=builtin.module({pipeline})"],
        input=text, capture_output=True, text=True, check=False)


def compare(pbs_opt, name, kernels, options):
    """What is wrong, and by how much too much was said at most."""
    done = run(pbs_opt, kernels, "gpu.module(tile.func(tile-configure{" +
               options + "}," + ",".join(SCHEDULE) + "))")
    if done.returncode:
        if options != AUTOMATIC and REFUSED.search(done.stderr):
            return None, 0, 0
        return f"{name}: {options}: {done.stderr}", 0, 0
    said = [int(n) for n in re.findall(r"at most (\d+) bytes of shared memory",
                                       done.stderr)]
    placed = [int(n) for n in re.findall(r"shared_bytes = (\d+)", done.stdout)]
    if len(said) != len(placed) or not said:
        return (f"{name}: {options}: expected as many kernels that were "
                f"configured as placed, got {len(said)} and {len(placed)}"), 0, 0
    for more, bytes_ in zip(said, placed):
        if bytes_ > more:
            return (f"{name}: {options}: expected at most {more} bytes, got "
                    f"{bytes_}"), 0, 0
    return None, max(m - p for m, p in zip(said, placed)), len(said)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pbs-opt", required=True)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--every", type=int, default=1,
                        help="try one of so many pairs of program and options")
    args = parser.parse_args()

    kernels = {}
    for name, text, fused in make_programs():
        level1 = ",".join(LEVEL1 + (FUSED if fused else []) + SPLIT)
        done = run(args.pbs_opt, text,
                   f"func.func({level1}),convert-pbs-to-plan,"
                   "convert-pbs-to-tile,"
                   "gpu.module(tile.func(canonicalize,cse))")
        if done.returncode:
            sys.exit(f"{name}: {done.stderr}")
        kernels[name] = done.stdout
    pairs = list(itertools.product(kernels.items(), make_options()))
    pairs = ([pair for pair in pairs if pair[1] == AUTOMATIC] +
             pairs[::args.every])
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        results = list(pool.map(
            lambda pair: compare(args.pbs_opt, pair[0][0], pair[0][1], pair[1]),
            pairs))
    errors = [error for error, _, _ in results if error]
    for error in errors[:10]:
        print(error)
    print(f"{len(pairs)} pairs of program and options, "
          f"{sum(count for _, _, count in results)} kernels, at most "
          f"{max(slack for _, slack, _ in results)} bytes more said than placed")
    sys.exit(bool(errors))


if __name__ == "__main__":
    main()
