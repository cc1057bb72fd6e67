# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the GPU tests, which CI runs on the emulator, on a GPU, and again under
compute-sanitizer's tools.

    ninja -C build pbs-dist pbs-gpu-tests-dist     # a host with LLVM
    python3 benchmarks/gpu/gpu_tests.py --tests build/dist/bin/pbs-gpu-tests \\
        --commit COMMIT --output benchmarks/results/gpu_tests_h100.json

Exits with 1 if a test fails or a tool finds an error.
"""
import argparse
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

from timing import environment

TOOLS = ("memcheck", "racecheck", "synccheck")


def run_shards(command, jobs, timeout, variables=None):
    """Runs `jobs` processes of a GoogleTest program side by side, each with its
    share of the tests, since a test takes most of its time to compile kernels.
    [(exit status or None if it ran too long, output, the JSON of its tests)]."""
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, f"{i}.json") for i in range(jobs)]
        logs = [open(f"{file}.log", "w+", encoding="utf-8", errors="replace")
                for file in files]
        shards = [subprocess.Popen(
            [*command, f"--gtest_output=json:{file}"], stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True,
            env=dict(os.environ, GTEST_TOTAL_SHARDS=str(jobs),
                     GTEST_SHARD_INDEX=str(i), **(variables or {})))
            for i, (file, log) in enumerate(zip(files, logs))]
        end, results = time.time() + timeout, []
        for shard, file, log in zip(shards, files, logs):
            try:
                status = shard.wait(max(end - time.time(), 0.1))
            except subprocess.TimeoutExpired:
                # With what it has started: a tool's test, a test's assembler.
                os.killpg(shard.pid, signal.SIGKILL)
                shard.wait()
                status = None
            log.seek(0)
            content = {}
            if os.path.exists(file):
                with open(file, encoding="utf-8") as tests:
                    content = json.load(tests)
            results.append((status, log.read(), content))
            log.close()
        return results


def count(shards):
    """(tests that passed, names of those that did not)."""
    passed, failed = 0, []
    for _, _, content in shards:
        for suite in content.get("testsuites", []):
            for test in suite["testsuite"]:
                if test.get("failures"):
                    failed.append(f"{suite['name']}.{test['name']}")
                else:
                    passed += test["result"] == "COMPLETED"
    return passed, failed


def run_tests(tests, options, jobs, timeout):
    shards = run_shards([tests], jobs, timeout,
                        {"PBS_TEST_PIPELINE_OPTIONS": options})
    passed, failed = count(shards)
    bad = [output for status, output, _ in shards if status != 0]
    for output in bad:
        print(output[-3000:])
    return dict(ok=not bad and passed > 0, options=options, passed=passed,
                failed=failed)


def run_tool(tool, tests, options, only, timeout):
    # The tool stays with the tests and does not follow the assemblers they start.
    shards = run_shards(["compute-sanitizer", "--tool", tool, "--target-processes",
                         "application-only", "--error-exitcode", "9", tests,
                         f"--gtest_filter={only}"], 1, timeout,
                        {"PBS_TEST_PIPELINE_OPTIONS": options})
    passed, failed = count(shards)
    status, output, _ = shards[0]
    summary = re.findall(r"(?:ERROR|RACECHECK) SUMMARY: (.*)", output)
    ok = status == 0 and bool(summary) and passed > 0
    if not ok:
        print(output[-3000:])
    return dict(ok=ok, tool=tool, options=options, only=only, passed=passed,
                failed=failed, status=status, summary=summary)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", required=True, help="the program")
    parser.add_argument("--commit", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--options", nargs="*", default=["", "dependent-launch=1"],
                        help="pipeline options, runs with and without tools for each")
    parser.add_argument("--tools", nargs="*", choices=TOOLS, default=TOOLS)
    parser.add_argument("--only", default="*",
                        help="the tests for tools, as for --gtest_filter")
    parser.add_argument("--jobs", type=int, default=8, help="processes side by side")
    parser.add_argument("--timeout", type=int, default=300,
                        help="s, each run without tools, and all with tools")
    args = parser.parse_args()
    result = {"environment": environment(args.commit), "runs": [], "tools": []}

    def keep(kind, one):
        print(one, flush=True)
        result[kind].append(one)
        with open(args.output, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
            file.write("\n")

    for options in args.options:
        keep("runs", run_tests(args.tests, options, args.jobs, args.timeout))
    # One process for each tool, since a tool's process that ends without a summary
    # must not be made up for by others.
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for one in concurrent.futures.as_completed(
                pool.submit(run_tool, tool, args.tests, options, args.only,
                            args.timeout)
                for tool in args.tools for options in args.options):
            keep("tools", one.result())
    return not all(one["ok"] for one in result["runs"] + result["tools"])


if __name__ == "__main__":
    sys.exit(main())
