#!/usr/bin/env python3
"""Measures how a model draws closed and open eyes, and writes that into its card:
[task.landmarks.eyes].

    cargo build
    python3 tests/accuracy/eyes.py --model models/small --data 300w [--data DIR ..]

Nets draw closed eyes more open than they are: how open somebody's eyes are is told between the two
ratios. The faces are those of the `train` splits that `wingmark-trainer lids` held out, and those
of the `hard` splits, whose true points have both eyes closed, or open. On the others, which it has
seen, closed eyes are more closed. Needs numpy.
"""
import argparse
import pathlib
import re
import sys

import numpy as np

import held_out
import tables
from hard import aspect_ratio
from predictions import evaluate, put_section

# True ratios of closed and of open eyes.
CLOSED, OPEN = 0.13, 0.24
HEAD = "[task.landmarks.eyes]"
LEAST_FACES = 10


def ratios(model, data, split):
    """Of a split, or of the part of `train` that was held out: how open eyes are by our points, and
    by the true ones."""
    found = evaluate(model, data, split)
    kept = np.array([split != "train" or held_out.is_held_out(file) for file in found.files])
    return aspect_ratio(found.points)[kept], aspect_ratio(found.truth)[kept]


def has(data, split):
    return len(tables.faces(data, split)[1]) > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=tables.model, required=True, help="folder with model.onnx and card.toml")
    parser.add_argument("--data", type=pathlib.Path, action="append", required=True, metavar="DIR", help="folder with points.csv and images/")
    arguments = parser.parse_args()
    parts = [(data, split) for data in arguments.data for split in ("train", "hard") if has(data, split)]
    if not parts:
        sys.exit("none of the faces is of the splits train and hard; add --data")
    ours, true = map(np.concatenate, zip(*(ratios(arguments.model, *part) for part in parts)))
    closed, opened = ours[true < CLOSED], ours[true > OPEN]
    if min(len(closed), len(opened)) < LEAST_FACES:
        sys.exit(f"{len(closed)} faces with closed eyes, {len(opened)} with open ones; expected {LEAST_FACES} of each: add --data")
    card = arguments.model / "card.toml"
    bare = re.sub(rf"\n*{re.escape(HEAD)}[^\[]*", "\n\n", card.read_text())
    put_section(card, bare, f"{HEAD}\nclosed = {np.median(closed):.3f}\nopen = {np.median(opened):.3f}\n")
    print(f"{len(closed)} faces with closed eyes: {np.median(closed):.3f}; {len(opened)} with open ones: {np.median(opened):.3f}")


if __name__ == "__main__":
    main()
