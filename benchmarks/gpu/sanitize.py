# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs small checks of the runtime under compute-sanitizer's tools.

    PBS_LIBRARY=.../libpbs.so PYTHONPATH=python python3 benchmarks/gpu/sanitize.py \\
        --commit COMMIT --output benchmarks/results/sanitizer_h100.json

Exits with 1 if a tool finds an error.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

from timing import environment

TOOLS = ("memcheck", "racecheck", "synccheck")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commit", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--timeout", type=int, default=300, help="s, each tool")
    args = parser.parse_args()
    script = os.path.join(os.path.dirname(__file__), "check_runtime.py")
    tools = {}
    for tool in TOOLS:
        with tempfile.NamedTemporaryFile(suffix=".json") as checks:
            command = ["compute-sanitizer", "--tool", tool, "--error-exitcode",
                       "9", sys.executable, script, "--small", "--commit",
                       args.commit, "--output", checks.name]
            try:
                run = subprocess.run(command, timeout=args.timeout, text=True,
                                     stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, check=False)
            except subprocess.TimeoutExpired:
                tools[tool] = {"ok": False, "summary": "timed out"}
                continue
            summary = re.findall(r"(?:ERROR|RACECHECK) SUMMARY: (.*)", run.stdout)
            count = re.findall(r"^\d+ checks, \d+ failures", run.stdout, re.M)
            tools[tool] = {"ok": run.returncode == 0 and bool(summary),
                           "summary": summary, "checks": count}
            if not tools[tool]["ok"]:
                print(run.stdout[-4000:])
        print(tool, tools[tool], flush=True)
    with open(args.output, "w", encoding="utf-8") as file:
        json.dump({"environment": environment(args.commit), "tools": tools},
                  file, indent=1)
        file.write("\n")
    return not all(result["ok"] for result in tools.values())


if __name__ == "__main__":
    sys.exit(main())
