#!/usr/bin/env python3
"""How many faces the whole program finds, each picture by itself: a Markdown table of what
`wingmark eval --detect` counts.

    cargo build
    python3 tests/accuracy/found.py --data FOLDER [--model NAME|DIR ..]

FOLDER holds the data sets by name: 300w, and, as far as they are there, aflw2000, wflw and
infanface. Found is a face whose landmarks' box overlaps that of the true points by more than 0.3
(IoU).
"""
import argparse
import pathlib

from stress import table

COMMON = [None, "cover:50", "blur:4", "dark:8", "face:32", "rotate:30", "rotate:90", "rotate:180"]
OTHERS = [("aflw2000", "train"), ("aflw2000", "hard"), ("wflw", "hard"), ("infanface", "train")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--model", action="append")
    arguments = parser.parse_args()
    models = arguments.model or ["nano", "small", "base"]
    rows = [("300w", "common", degradation) for degradation in COMMON] + [(*other, None) for other in OTHERS]
    found = lambda f: f["faces"] - f["missed"]
    table("found, %", models, arguments.data, rows, ["--detect"],
          lambda f: f"{100 * found(f) / f['faces']:.1f} ({found(f)} of {f['faces']})")


if __name__ == "__main__":
    main()
