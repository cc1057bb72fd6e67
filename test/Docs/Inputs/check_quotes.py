# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks that what a page quotes is in the file that it names.

check_quotes.py ROOT PAGE...: in PAGE, the block behind `<!-- from FILE -->` has to
be, as it stands, in ROOT/FILE.
"""

import pathlib
import re
import sys

QUOTE = re.compile(r"<!-- from (\S+) -->\n```\w*\n(.*?)```\n", re.DOTALL)


def main():
    root = pathlib.Path(sys.argv[1])
    failures = 0
    for page in map(pathlib.Path, sys.argv[2:]):
        quotes = QUOTE.findall(page.read_text())
        if not quotes:
            print(f"{page}: expected quotes, got none")
            failures += 1
        for name, text in quotes:
            if text not in (root / name).read_text():
                print(f"{page}: expected to find in {name}:\n{text}")
                failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
