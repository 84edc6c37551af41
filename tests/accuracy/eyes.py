#!/usr/bin/env python3
"""Measures how a model draws closed and open eyes, and writes that into its card:
[task.landmarks.eyes].

    cargo build
    python3 tests/accuracy/eyes.py --model models/small --data 300w [--data DIR ..]

Nets take closed eyes for half open: how open somebody's eyes are is told between the two ratios.
The faces are those of the `train` splits whose true points have both eyes closed, or open. They are
too few among those that the trainer holds out (six with closed eyes); on these, the ratios differ
by 0.02 at most. Needs numpy.
"""
import argparse
import pathlib
import re

import numpy as np

from hard import aspect_ratio
from predictions import evaluate, put_section

# True ratios of closed and of open eyes.
CLOSED, OPEN = 0.1, 0.24
HEAD = "[task.landmarks.eyes]"
LEAST_FACES = 10


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True, help="folder with model.onnx and card.toml")
    parser.add_argument("--data", action="append", required=True, metavar="DIR", help="folder with points.csv and images/")
    arguments = parser.parse_args()
    found = [evaluate(arguments.model, data, "train") for data in arguments.data]
    ours, true = (np.concatenate([aspect_ratio(getattr(part, points)) for part in found]) for points in ("points", "truth"))
    closed, opened = ours[true < CLOSED], ours[true > OPEN]
    assert min(len(closed), len(opened)) >= LEAST_FACES, f"{len(closed)} faces with closed eyes, {len(opened)} with open ones"
    card = arguments.model / "card.toml"
    bare = re.sub(rf"\n*{re.escape(HEAD)}[^\[]*", "\n\n", card.read_text())
    put_section(card, bare, f"{HEAD}\nclosed = {np.median(closed):.3f}\nopen = {np.median(opened):.3f}\n")
    print(f"{len(closed)} faces with closed eyes: {np.median(closed):.3f}; {len(opened)} with open ones: {np.median(opened):.3f}")


if __name__ == "__main__":
    main()
