#!/usr/bin/env python3
"""Fits how far a model's landmarks are off, from its heat, and writes that into its card: [task.landmarks.calibration].

    cargo build --release
    python3 tests/accuracy/calibrate.py --model models/small --data 300w [--data infanface ..]

The faces are those of the `train` splits that the trainer holds out. src/face/calibration.rs says what is fitted; here the likelihood
of their errors is made as large as possible. Mirrored landmarks share their spread. Needs numpy.
"""
import argparse
import math
import pathlib
import re
import shutil
import tempfile

import numpy as np

from held_out import is_held_out
from predictions import Found, evaluate

LEAST_CONFIDENCE = 0.05
# IBUG_68.flip of the library.
MIRRORED = [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, *range(35, 30, -1), 45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
            *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65]
PAIR = np.array([min(pair) for pair in enumerate(MIRRORED)])
HEAD = "[task.landmarks.calibration]"


def without_calibration(card):
    return re.sub(rf"\n*{re.escape(HEAD)}[^\[]*\n(?:spread = \[[^\]]*\]\n)?", "\n", card)


def spreads(distances, tails):
    """For each landmark, what its squared distances [n, 68] have to be divided by; by expectation and maximisation."""
    spread = np.ones(68)
    for _ in range(60):
        weight = (tails + 2) / (tails - 2 + distances / spread)
        sums = np.bincount(PAIR, (weight * distances).mean(0), 68) / np.maximum(np.bincount(PAIR, minlength=68), 1)
        spread = sums[PAIR] / 2
    return spread


def fit(found):
    """Exponent, tails, spread for each landmark, and the mean of minus the logarithm of the likelihood."""
    raw, confidence = found.squared_distances(), np.maximum(found.confidence, LEAST_CONFIDENCE)

    def result(exponent, tails):
        distances = raw * confidence**exponent
        spread = spreads(distances, tails)
        # Of a two-dimensional t distribution; the determinant of the heat's covariance is the same for all.
        loss = ((tails + 2) / 2 * np.log1p(distances / spread / (tails - 2)) + np.log(spread) - exponent * np.log(confidence)).mean()
        loss += math.log(tails - 2) + math.lgamma(tails / 2) - math.lgamma(tails / 2 + 1)
        return loss, exponent, tails, spread

    best_of = lambda exponents, tails: min((result(e, t) for e in exponents for t in tails), key=lambda r: r[0])
    _, exponent, tails, _ = best_of(np.arange(0, 6.1, 0.5), [2.5, 3, 4, 5, 7, 10, 15, 25, 50])
    step = 0.25
    while step > 0.005:
        _, exponent, tails, _ = best_of(
            np.clip(exponent + step * np.arange(-2, 3), 0, 10), np.maximum(2.01, tails * (1 + step / 2 * np.arange(-2, 3))))
        step /= 2
    loss, _, _, spread = result(exponent, tails)
    return exponent, tails, spread, loss


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True, help="folder with model.onnx and card.toml")
    parser.add_argument("--data", type=pathlib.Path, action="append", required=True, help="folder with points.csv and images/")
    arguments = parser.parse_args()
    card = arguments.model / "card.toml"
    bare = without_calibration(card.read_text())
    with tempfile.TemporaryDirectory() as folder:
        for name in ["model.onnx", "shape.csv"]:
            if (arguments.model / name).exists():
                shutil.copy(arguments.model / name, folder)
        (pathlib.Path(folder) / "card.toml").write_text(bare)
        parts = [evaluate(folder, data, "train") for data in arguments.data]
    parts = [part.only(np.array([is_held_out(file) for file in part.files])) for part in parts]
    found = Found(sum((part.files for part in parts), []), *(np.concatenate([getattr(part, name) for part in parts])
                  for name in ["truth", "points", "confidence", "covariance"]))
    exponent, tails, spread, loss = fit(found)
    numbers = ", ".join(f"{s:.4f}" for s in spread)
    section = f"{HEAD}\nexponent = {exponent:.2f}\ntails = {tails:.2f}\nspread = [{numbers}]\n"
    head, heat = bare.split("\n[heat]\n")
    card.write_text(f"{head.rstrip()}\n\n{section}\n[heat]\n{heat}")
    print(f"{len(found.files)} held-out faces: exponent {exponent:.2f}, tails {tails:.2f}, spread {spread.min():.3f} to {spread.max():.3f}; "
          f"-log likelihood {loss:.3f} a point")


if __name__ == "__main__":
    main()
