# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the PTX programs whose results on hardware are recorded, and their
manifest.

    python3 generate.py DIRECTORY

Every kernel is `name(in, out[, map])`: it reads 32-bit words at `in`, made from
a seed, and writes words at `out`. The instructions of an elementwise kernel
write consecutive runs of words, in the order of `labels`.
"""
import json
import os
import sys

import copies
import elementwise
import matrices
from programs import MANIFEST


def main():
    directory = sys.argv[1]
    os.makedirs(directory, exist_ok=True)
    for make in (elementwise.make_integer, elementwise.make_float,
                 elementwise.make_convert, elementwise.make_approximate,
                 matrices.make_warp, matrices.make_mma, matrices.make_wgmma,
                 copies.make_tensor_copies, copies.make_copies,
                 copies.make_refused):
        make().write(directory)
    with open(os.path.join(directory, "manifest.json"), "w",
              encoding="ascii") as file:
        file.write("[\n" + ",\n".join(json.dumps(m) for m in MANIFEST) +
                   "\n]\n")


if __name__ == "__main__":
    main()
