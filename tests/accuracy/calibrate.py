#!/usr/bin/env python3
"""Fits how far a model's landmarks are off, from its heat, and writes that into its card:
[task.landmarks.calibration].

    cargo build
    python3 tests/accuracy/calibrate.py --model models/small --data 300w [--data infanface --data aflw2000:3d ..]

The faces are those of the `train` splits that the trainer holds out, as they are, half covered and
blurred; of a set of the 3D scheme points 17 to 67 count. src/face/calibration.rs says what is
fitted; here the likelihood of their errors is made as large as possible. Mirrored landmarks share
their spread. Needs numpy.
"""
import argparse
import math
import pathlib
import re
import shutil
import sys
import tempfile

import numpy as np

import held_out
import tables
from predictions import evaluate, put_section

LEAST_CONFIDENCE = 0.05
# What the card has digits for.
LEAST_SPREAD = 0.0001
DEGRADATIONS = [[], ["--degrade", "cover:50"], ["--degrade", "blur:4"]]
# IBUG_68.flip of the library.
MIRRORED = [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, *range(35, 30, -1), 45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
            *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65]
PAIR = np.array([min(pair) for pair in enumerate(MIRRORED)])
HEAD = "[task.landmarks.calibration]"


def without_calibration(card):
    return re.sub(rf"\n*{re.escape(HEAD)}[^\[]*\n(?:spread = \[[^\]]*\]\n)?", "\n", card)


def spreads(distances, counts, tails):
    """For each landmark, what its squared distances [n, 68] have to be divided by; by expectation
    and maximisation."""
    per_pair = lambda values: np.bincount(PAIR, values, 68)
    counted = np.maximum(per_pair(counts.sum(0)), 1)
    spread = np.ones(68)
    for _ in range(40):
        weight = counts * (tails + 2) / (tails - 2 + distances / spread)
        spread = (per_pair((weight * distances).sum(0)) / counted)[PAIR] / 2
    return spread


def fit(raw, confidence, counts):
    """From squared distances, confidences and what counts, each [n, 68]: exponent, the face's
    exponent, tails, spread for each landmark, and the mean of minus the logarithm of the
    likelihood."""
    own = np.log(np.maximum(confidence, LEAST_CONFIDENCE))
    of_face = np.log(np.maximum(confidence.mean(1, keepdims=True), LEAST_CONFIDENCE))

    def result(exponent, face_exponent, tails):
        factor = exponent * own + face_exponent * of_face
        distances = raw * np.exp(factor)
        spread = spreads(distances, counts, tails)
        # Of a two-dimensional t distribution; the determinant of the heat's covariance is the same
        # for all.
        loss = (tails + 2) / 2 * np.log1p(distances / spread / (tails - 2)) + np.log(spread) - factor
        loss = (counts * loss).sum() / counts.sum() + math.log(tails - 2) + math.lgamma(tails / 2) - math.lgamma(tails / 2 + 1)
        return loss, exponent, face_exponent, tails, spread

    best, steps = result(1.5, 1.0, 6.0), np.array([0.5, 0.5, 0.3])
    while steps[0] > 0.005:
        _, exponent, face_exponent, tails, _ = best
        around = [result(np.clip(exponent + a * steps[0], 0, 10), np.clip(face_exponent + b * steps[1], 0, 10),
                         np.clip(tails * (1 + c * steps[2]), 2.01, 1000))
                  for a, b, c in [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (1, -1, 0), (-1, 1, 0), (0, 0, 1), (0, 0, -1)]]
        better = min(around, key=lambda r: r[0])
        if better[0] < best[0]:
            best = better
        else:
            steps = steps / 2
    loss, exponent, face_exponent, tails, spread = best
    return exponent, face_exponent, tails, spread, loss


def held_out_faces(folder, data, kept):
    """Squared distances, confidences and what counts, each [n, 68], of one set, which is put into
    the folder `kept`."""
    is_kept = lambda row: row["split"] == "train" and held_out.is_held_out(row["file"])
    if held_out.write(pathlib.Path(data.removesuffix(":3d")), kept, is_kept) == 0:
        return []
    found = [evaluate(folder, kept, "train", *degradation) for degradation in DEGRADATIONS]
    counts = np.ones(68)
    counts[:17] = not data.endswith(":3d")
    return [(part.squared_distances(), part.confidence, np.tile(counts, (len(part.files), 1))) for part in found]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=tables.model, required=True, help="folder with model.onnx and card.toml")
    parser.add_argument("--data", action="append", required=True, metavar="DIR[:3d]", help="folder with points.csv and images/")
    arguments = parser.parse_args()
    card = arguments.model / "card.toml"
    bare = without_calibration(card.read_text())
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as scratch:
        for name in ["model.onnx", "shape.csv", "presence.csv", "lids.csv"]:
            if (arguments.model / name).exists():
                shutil.copy(arguments.model / name, folder)
        (pathlib.Path(folder) / "card.toml").write_text(bare)
        sets = enumerate(arguments.data)
        parts = sum((held_out_faces(folder, data, pathlib.Path(scratch) / str(number)) for number, data in sets), [])
    if not parts:
        sys.exit(held_out.NONE)
    exponent, face_exponent, tails, spread, loss = fit(*(np.concatenate(arrays) for arrays in zip(*parts)))
    if spread.min() < LEAST_SPREAD:
        sys.exit("the landmarks lie on the true points, so nothing tells how far off they may be: are these points a net's?")
    numbers = ", ".join(f"{s:.4f}" for s in spread)
    section = f"{HEAD}\nexponent = {exponent:.2f}\nface_exponent = {face_exponent:.2f}\ntails = {tails:.2f}\nspread = [{numbers}]\n"
    put_section(card, bare, section)
    print(f"{sum(len(part[0]) for part in parts)} looks at held-out faces: exponent {exponent:.2f}, of the face {face_exponent:.2f}, "
          f"tails {tails:.2f}, spread {spread.min():.3f} to {spread.max():.3f}; -log likelihood {loss:.3f} a point")


if __name__ == "__main__":
    main()
