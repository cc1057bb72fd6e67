#!/usr/bin/env python3
"""Writes what passes make of a function into a page.

A line of the page

    <!-- excerpt after="PASSES" from="RE" to="RE" keep="RE" nth="N" part="RE" -->

is followed by a block of code, which becomes the part of the input, after these
passes and those of all excerpts before, from the N-th line that matches `from`
to the next that matches `to`. With `keep`, "..." stands for the lines between
that do not match it, and with `part` a line is what matches it. Types are left
out but with types="keep".

Passes are those of a module, or with --nest those of such an op in it.

With --check nothing changes, and a block that is out of date is an error.
"""
import argparse
import difflib
import pathlib
import re
import subprocess
import sys
import textwrap

MARKER = re.compile(r"<!-- excerpt (.*?) -->\n```mlir\n(.*?)```\n", re.DOTALL)
NAMES = {"after", "from", "to", "keep", "nth", "part", "types"}


def run_passes(pbs_opt, source, nest, passes):
    pipeline = ",".join(passes)
    if nest:
        pipeline = f"{nest}({pipeline})"
    pipeline = f"builtin.module({pipeline})"
    done = subprocess.run(
        [pbs_opt, source, f"-pass-pipeline={pipeline}"],
        capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{pipeline}: expected {pbs_opt} to succeed, got\n"
                 f"{done.stderr}")
    return done.stdout.splitlines()


def leave_types_out(line):
    """Cuts the types behind an op, and those of attributes and accumulators."""
    line = re.sub(r"acc\((%[\w#]+) : [^)]*\)", r"acc(\1)", line)
    line = re.sub(r"(= -?\d+) : i64", r"\1", line)
    depth = 0
    for i, character in enumerate(line):
        # "->" closes nothing.
        closes = character in ")]}>" and line[i - 1:i + 1] != "->"
        depth += (character in "([{<") - closes
        if depth == 0 and re.match(r" (:|->) ", line[i:]):
            return line[:i] + (" {" if line.endswith("{") else "")
    return line


def take(lines, options):
    nth = int(options.get("nth", "1"))
    starts = [i for i, line in enumerate(lines)
              if re.search(options["from"], line)]
    if len(starts) < nth:
        sys.exit(f"from=\"{options['from']}\": expected at least {nth} lines "
                 f"that match, got {len(starts)}")
    begin = starts[nth - 1]
    end = next((i for i in range(begin, len(lines))
                if re.search(options["to"], lines[i])), None)
    if end is None:
        sys.exit(f"to=\"{options['to']}\": expected a line that matches, got "
                 "none")
    taken = []
    for i in range(begin, end + 1):
        line = lines[i]
        if i in (begin, end) or re.search(options.get("keep", ""), line):
            part = re.search(options.get("part", ".*"), line)
            if not part:
                sys.exit(f"part=\"{options['part']}\": expected a match, got "
                         f"{line}")
            keeps_types = options.get("types") == "keep"
            taken.append(part[0] if keeps_types else leave_types_out(part[0]))
        elif taken[-1].strip() != "...":
            taken.append(" " * (len(line) - len(line.lstrip())) + "...")
    text = textwrap.dedent("\n".join(taken))
    # The page is 80 columns wide; long ops go on in the next line.
    wrapped = []
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        wrapped += textwrap.wrap(line, 80, subsequent_indent=indent,
                                 break_long_words=False,
                                 break_on_hyphens=False)
    return "\n".join(wrapped) + "\n"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pbs-opt", default="build/bin/pbs-opt")
    parser.add_argument("--input", required=True)
    parser.add_argument("--nest", default="")
    parser.add_argument("--page", required=True)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()

    page = pathlib.Path(args.page)
    old = page.read_text(encoding="utf-8")
    passes = []

    def update(match):
        options = dict(re.findall(r'(\w+)="([^"]*)"', match[1]))
        if not {"after", "from", "to"} <= options.keys() <= NAMES:
            sys.exit(f"{args.page}: expected after, from, to and maybe keep, "
                     f"nth, part and types, got {match[1]}")
        if options["after"]:
            passes.append(options["after"])
        lines = run_passes(args.pbs_opt, args.input, args.nest, passes)
        return (f"<!-- excerpt {match[1]} -->\n```mlir\n"
                f"{take(lines, options)}```\n")

    new, count = MARKER.subn(update, old)
    if not count:
        sys.exit(f"{args.page}: expected excerpts, got none")
    if new == old:
        return
    if args.check:
        sys.stdout.writelines(difflib.unified_diff(
            old.splitlines(True), new.splitlines(True), args.page, "made"))
        sys.exit(f"{args.page} is out of date, run `make docs`")
    page.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
