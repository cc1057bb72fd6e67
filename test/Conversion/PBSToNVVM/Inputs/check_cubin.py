#!/usr/bin/env python3
# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Judges an sm_90 cubin and ptxas' report without a disassembler.

Opcodes are the low 12 bits of each 128-bit instruction. Fails on: spills or a stack
frame, warnings C75xx (serialised wgmma, setmaxnreg ignored), more registers than
allowed, other numbers of wgmma than expected, local memory, a wait between the
products of one GEMM, more moves to uniform registers than a kernel whose control
flow ptxas knows to be uniform needs, and a vote that is written to a register: ptxas
has the lanes of a warp add up for atom.add, and waits for the result at once.
"""
import argparse
import collections
import re
import struct

HGMMA_SS, HGMMA_RS, MUFU, WARPGROUP = 0x9F0, 0xDF0, 0x308, 0x9C5
R2UR, STL, STLI, LDL, VOTEU = 0x2CA, 0x387, 0x987, 0x983, 0x886
# Where a vote is only written to a predicate.
UNIFORM_ZERO = 0x3F
MAX_R2UR = 40


def instructions(path):
    """The 128-bit instructions of the first .text section."""
    with open(path, "rb") as file:
        data = file.read()
    offset, = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    headers = [struct.unpack_from("<IIQQQQIIQQ", data, offset + i * size)
               for i in range(count)]
    strings = headers[names][4]
    for header in headers:
        start = strings + header[0]
        name = data[start:data.index(b"\0", start)]
        if name.startswith(b".text."):
            return [struct.unpack_from("<QQ", data, header[4] + i)
                    for i in range(0, header[5], 16)]
    raise SystemExit(f"{path}: no code")


def events(code):
    """The products, waits, fences and special functions in order."""
    found = []
    for low, _ in code:
        op = low & 0xFFF
        if op == WARPGROUP:
            found.append("wait" if low >> 32 else "fence")
        elif op in (HGMMA_SS, HGMMA_RS, MUFU):
            found.append({HGMMA_SS: "ss", HGMMA_RS: "rs", MUFU: "mufu"}[op])
    return found


def overlapped(found):
    """Special functions between each burst of P V and the wait that retires it,
    where the wait for Q K^T lies between."""
    counts, i = [], 0
    while i < len(found):
        if found[i] == "rs":
            while i < len(found) and found[i] in ("rs", "mufu"):
                i += 1
            if i < len(found) and found[i] == "wait":
                j = i + 1
                while j < len(found) and found[j] == "mufu":
                    j += 1
                if j < len(found) and found[j] == "wait":
                    counts.append(j - i - 1)
        i += 1
    return counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cubin")
    parser.add_argument("log")
    parser.add_argument("--ss", type=int, required=True)
    parser.add_argument("--rs", type=int, required=True)
    parser.add_argument("--registers", type=int, default=168)
    parser.add_argument("--overlap", type=int, default=0)
    args = parser.parse_args()
    with open(args.log) as file:
        log = file.read()
    problems = []
    if "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads" not in log:
        problems.append("spills or a stack frame")
    problems += re.findall(r"C7[56]\d\d[^\n]*", log)
    used = int(re.search(r"Used (\d+) registers", log).group(1))
    if used > args.registers:
        problems.append(f"{used} registers, {args.registers} allowed")

    code = instructions(args.cubin)
    count = collections.Counter(low & 0xFFF for low, _ in code)
    found = events(code)
    products = (count[HGMMA_SS], count[HGMMA_RS])
    if products != (args.ss, args.rs):
        problems.append(f"wgmma {products}, expected {(args.ss, args.rs)}")
    plain = [e for e in found if e != "mufu"]
    serial = sum(a in ("ss", "rs") and b == "wait"
                 for a, b in zip(plain, plain[1:]))
    if serial > max(sum(products) // 8, 0):
        problems.append(f"{serial} products followed by a wait")
    if count[R2UR] > MAX_R2UR:
        problems.append(f"{count[R2UR]} R2UR")
    if count[STL] + count[STLI] + count[LDL]:
        problems.append("local memory")
    votes = sum(low & 0xFFF == VOTEU and low >> 16 & 0xFF != UNIFORM_ZERO
                for low, _ in code)
    if votes:
        problems.append(f"{votes} votes in registers")
    loops = overlapped(found)
    if args.overlap and (not loops or min(loops) < args.overlap):
        problems.append(f"only {loops} special functions beside P V")
    print(f"{len(code)} instructions, {used} registers, wgmma {products}, "
          f"R2UR {count[R2UR]}, beside P V {loops}: {'; '.join(problems) or 'ok'}")
    raise SystemExit(bool(problems))


if __name__ == "__main__":
    main()
