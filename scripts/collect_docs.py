#!/usr/bin/env python3
"""Copies the reference that the build generated to docs/generated.

With --check it changes nothing and fails if a file differs.
"""
import argparse
import pathlib
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()

    source = pathlib.Path(args.build, "docs")
    target = pathlib.Path(__file__).resolve().parents[1] / "docs" / "generated"
    made = {path.relative_to(source): path.read_text(encoding="utf-8")
            for path in sorted(source.rglob("*.md"))}
    if not made:
        sys.exit(f"{source}: expected generated files, got none")
    stale = []
    for name, text in made.items():
        path = target / name
        old = path.read_text(encoding="utf-8") if path.exists() else None
        if old == text:
            continue
        stale.append(str(name))
        if not args.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in sorted(target.rglob("*.md")) if target.exists() else ():
        if path.relative_to(target) not in made:
            stale.append(f"{path.relative_to(target)} (no longer made)")
            if not args.check:
                path.unlink()
    if args.check and stale:
        sys.exit("docs/generated is out of date, run `make docs`: " +
                 ", ".join(stale))


if __name__ == "__main__":
    main()
