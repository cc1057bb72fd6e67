"""Loads mutations of a bundle and counts what becomes of them.

Every second one has its checksum made right again, so that the readers behind
it see the damage; the code of such a one is left alone, since the runtime
trusts the code of a bundle whose checksum is right. What loads is asked for
everything that a caller may ask, but not run.
"""
import argparse
import collections
import pathlib
import random
import struct
import tempfile
import zlib

import numpy

import pbs_mlir

# Behind the magic, the format version and the size.
CHECKSUM_OFFSET = 8 + 4 + 8
CONTENT_OFFSET = CHECKSUM_OFFSET + 4


def mutate(content, begin, end, generator):
    """`content` with one to four edits in [begin, end)."""
    content = bytearray(content)
    for _ in range(generator.randint(1, 4)):
        at = generator.randrange(begin, end)
        kind = generator.randrange(4)
        if kind == 0:
            content[at] = generator.randrange(256)
        elif kind == 1:
            content[at] ^= 1 << generator.randrange(8)
        elif kind == 2:
            number = generator.choice([0, 1, -1, 2**31, -2**63, 2**63 - 1])
            number = struct.pack("<q", number)[:len(content) - at]
            content[at:at + len(number)] = number
        else:
            other = generator.randrange(begin, end)
            content[at], content[other] = content[other], content[at]
    return bytes(content)


def load(path):
    """Loads a program and asks it for what a caller may ask."""
    program = pbs_mlir.load(path)
    assert program.report and program.device and program.arguments
    x = numpy.zeros((1, 2, 300, 64), "float32")
    try:
        program.workspace_size(x)
    except pbs_mlir.PbsError as error:
        assert str(error)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("file")
    args = parser.parse_args()
    original = pathlib.Path(args.file).read_bytes()
    head, content = original[:CONTENT_OFFSET], original[CONTENT_OFFSET:]
    code = content.index(b"\x7fELF")
    generator = random.Random(args.seed)
    counts = collections.Counter()
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch, "mutated.pbs")
        for i in range(args.count):
            if i % 2:
                mutated = mutate(original, 0, len(original), generator)
            else:
                changed = mutate(content, 0, code, generator)
                checksum = struct.pack("<I", zlib.crc32(changed))
                mutated = head[:CHECKSUM_OFFSET] + checksum + changed
            path.write_bytes(mutated)
            try:
                load(path)
                outcome = "loaded" if mutated != original else "unchanged"
            except pbs_mlir.PbsError as error:
                assert str(error)
                outcome = "refused"
            counts[i % 2, outcome] += 1
    for i, name in enumerate(("with the right checksum", "as they are")):
        print(f"{name}: {counts[i, 'refused']} refused, "
              f"{counts[i, 'loaded']} loaded")
    print(f"{args.count} mutations, 0 crashed")


if __name__ == "__main__":
    main()
