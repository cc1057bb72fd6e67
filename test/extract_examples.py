#!/usr/bin/env python3
"""Prints the examples of .td files as one input for -split-input-file.

Each op and pass must hold at least one fenced block of complete IR, each type
and attribute one line "Example: `...`"; a definition without one is an error.
"""
import re
import sys

DEFINITION = re.compile(r"^def (\w+)\s*:\s*(\w+)<", re.M)
FENCED = re.compile(r"^ *```mlir\n(.*?)^ *```", re.M | re.S)
INLINE = re.compile(r"Example: `([^`]*)`")


def examples(path):
    """Yields (name, text) for each example of the definitions in `path`."""
    text = open(path, encoding="utf-8").read()
    starts = list(DEFINITION.finditer(text))
    for match, following in zip(starts, starts[1:] + [None]):
        name, base = match.groups()
        body = text[match.start(): following.start() if following else None]
        if "let description" not in body or "AttrInterface" in base \
                or "OpInterface" in base or base == "Dialect" \
                or re.search(r"_PolicyInterface$", base):
            continue
        found = [block for block in FENCED.findall(body)]
        for inline in INLINE.findall(body):
            inline = " ".join(inline.split())
            if inline.startswith("!"):
                found.append(f"func.func private @example({inline})\n")
            else:
                found.append("func.func private @example() attributes "
                             f"{{example = {inline}}}\n")
        if not found:
            sys.exit(f"{path}: {name}: expected an example in the description")
        for example in found:
            yield name, example


def main():
    parts = [f"// {name}\n{text}" for path in sys.argv[1:]
             for name, text in examples(path)]
    if not parts:
        sys.exit("expected at least one definition with an example")
    print("\n// -----\n".join(parts))


if __name__ == "__main__":
    main()
