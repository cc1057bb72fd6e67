#!/usr/bin/env python3
# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Packs what the target pbs-dist built, with headers and the Python package.

The archive needs glibc 2.36 or later and no LLVM:

    tar xf pbs-mlir-*.tar.xz && cd pbs-mlir-*
    PYTHONPATH=python python3 -c 'import pbs_mlir'    # or pip install ./python
    bin/pbs-run --help
"""
import argparse
import lzma
import os
import pathlib
import platform
import re
import subprocess
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
LIMIT = 25_000_000
TOOLS = ("pbs-compile", "pbs-opt", "pbs-run")
HEADERS = ("Attention.h", "Program.h", "Runtime/pbs.h")
# What a GPU host without LLVM has.
ALLOWED = re.compile(r"lib(c|m|dl|rt|pthread)\.so\.|ld-linux|libpbs\.so$")


def run(*command):
    return subprocess.run(command, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def check_binary(path):
    """Expects no library beyond the C library, and no path of this machine."""
    dynamic = run("readelf", "-d", "-W", str(path))
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    wrong = [name for name in needed if not ALLOWED.match(name)]
    if wrong:
        sys.exit(f"{path}: expected to need the C library only, got {wrong}")
    paths = re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", dynamic)
    if any(p != "$ORIGIN/../lib" for p in paths):
        sys.exit(f"{path}: expected the run path $ORIGIN/../lib, got {paths}")


def check_exports(path):
    """Expects that only the C interface is visible."""
    symbols = [line.split()[-1] for line in run(
        "nm", "-D", "--defined-only", str(path)).splitlines()]
    wrong = [name for name in symbols if not name.startswith("pbs_")]
    if wrong or "pbs_program_run" not in symbols:
        sys.exit(f"{path}: expected to export pbs_* only, got {wrong[:5]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--output", default="dist", help="directory")
    parser.add_argument("--preset", type=int, default=6,
                        help="of xz; 0 is fast, 9 is small")
    args = parser.parse_args()
    built = pathlib.Path(args.build) / "dist"
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    version = re.search(r"project\(pbs VERSION ([\d.]+)", text).group(1)
    name = f"pbs-mlir-{version}-linux-{platform.machine()}"

    library = built / "lib" / "libpbs.so"
    files = {f"bin/{tool}": built / "bin" / tool for tool in TOOLS}
    files["lib/libpbs.so"] = library
    for path in files.values():
        if not path.exists():
            sys.exit(f"expected {path} to be built (target pbs-dist)")
        check_binary(path)
    check_exports(library)
    for header in HEADERS:
        files[f"include/pbs/{header}"] = ROOT / "include" / "pbs" / header
    for path in sorted((ROOT / "python").rglob("*")):
        if path.suffix in (".py", ".toml") and "build" not in path.parts:
            files[str(path.relative_to(ROOT))] = path
    for file in ("LICENSE", "README.md"):
        files[file] = ROOT / file

    os.makedirs(args.output, exist_ok=True)
    target = pathlib.Path(args.output) / f"{name}.tar.xz"
    filters = [{"id": lzma.FILTER_X86},
               {"id": lzma.FILTER_LZMA2, "preset": args.preset}]
    with lzma.open(target, "wb", format=lzma.FORMAT_XZ,
                   filters=filters) as stream, \
            tarfile.open(fileobj=stream, mode="w") as archive:
        for inside, path in sorted(files.items()):
            archive.add(path, f"{name}/{inside}")
        # The one library, where the package looks first.
        link = tarfile.TarInfo(f"{name}/python/pbs_mlir/lib/libpbs.so")
        link.type, link.linkname = tarfile.SYMTYPE, "../../../lib/libpbs.so"
        archive.addfile(link)
    size = target.stat().st_size
    print(f"{target}: {size / 1e6:.1f} MB, libpbs.so "
          f"{library.stat().st_size / 1e6:.1f} MB")
    if size > LIMIT:
        sys.exit(f"{target}: expected at most {LIMIT / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
