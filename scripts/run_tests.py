#!/usr/bin/env python3
"""Runs the whole test suite through lit and ends with one summary line.

The last line reads "N passed, N failed, N skipped". Exits with 1 if a test
failed or none ran.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

FAILED = {"FAIL", "XPASS", "TIMEOUT", "UNRESOLVED"}
PASSED = {"PASS", "XFAIL", "FLAKYPASS"}


def find_lit(build):
    """The lit that the build was configured with."""
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as cache:
        for line in cache:
            if line.startswith("LLVM_EXTERNAL_LIT:"):
                return line.split("=", 1)[1].strip()
    sys.exit(f"{build}: expected a configured build with LLVM_EXTERNAL_LIT")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--jobs", default=str(os.cpu_count()))
    parser.add_argument("--filter", default="", help="regular expression")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as scratch:
        results = os.path.join(scratch, "results.json")
        subprocess.run(
            [sys.executable, find_lit(args.build), "-v", "--no-progress-bar", "-j", args.jobs,
             "--timeout", "1200", "--filter", args.filter, "-o", results,
             os.path.join(args.build, "test")], check=False)
        try:
            with open(results, encoding="utf-8") as file:
                codes = [test["code"] for test in json.load(file)["tests"]]
        except (OSError, ValueError) as error:
            sys.exit(f"lit wrote no results: {error}")

    failed = sum(code in FAILED for code in codes)
    passed = sum(code in PASSED for code in codes)
    print(f"{passed} passed, {failed} failed, "
          f"{len(codes) - passed - failed} skipped")
    if failed or not passed:
        sys.exit(1)


if __name__ == "__main__":
    main()
