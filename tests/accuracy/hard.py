#!/usr/bin/env python3
"""Errors where the usual figure says little: turned heads, and eyes.

    cargo build
    python3 tests/accuracy/hard.py --aflw2000 aflw2000 --data 300w --split common [--model small ..]

prints two tables. Turned heads, of AFLW2000's split `hard`: the mean error of points 17 to 67,
whose places both schemes agree on, as a share of the root of the area of the box of all 68, by yaw.
Eyes, of --data: how open they are (the aspect ratio of Soukupova and Cech 2016, the mean of both
eyes) by our points against by the true ones: the mean difference, the mean of ours where the true
one is below 0.17, and how well ours tells these from the rest (area under the ROC curve). Boxes are
from the true points. Needs numpy.
"""
import argparse
import pathlib

import numpy as np

import tables
from predictions import evaluate

BOTH_SCHEMES = slice(17, 68)
YAWS = [(0, 30), (30, 60), (60, 90), (0, 90)]
EYES = [36, 42]
CLOSED = 0.17


def box_root(points):
    """Root of the area of the box of points [n, 68, 2]: [n]."""
    return np.sqrt((points.max(1) - points.min(1)).prod(1))


def turned(model, data):
    found = evaluate(model, data, "hard")
    rows = tables.faces(data, "hard")[1]
    yaw = np.abs([float(row["yaw"]) for row in rows])
    errors = np.linalg.norm(found.points - found.truth, axis=2)[:, BOTH_SCHEMES].mean(1) / box_root(found.truth)
    of = lambda least, most: 100 * errors[(yaw >= least) & (yaw <= most)].mean()
    return [f"{of(*yaws):.2f}" for yaws in YAWS]


def aspect_ratio(points):
    """Of both eyes of faces [n, 68, 2], their mean: [n]."""
    length = lambda a, b: np.linalg.norm(points[:, a] - points[:, b], axis=1)
    of = lambda eye: (length(eye + 1, eye + 5) + length(eye + 2, eye + 4)) / 2 / length(eye, eye + 3)
    return np.mean([of(eye) for eye in EYES], axis=0)


def eyes(model, data, split):
    found = evaluate(model, data, split)
    ours, true = aspect_ratio(found.points), aspect_ratio(found.truth)
    closed = true < CLOSED
    below = (ours[closed][:, None] < ours[~closed]).mean() if closed.any() else float("nan")
    return [f"{np.abs(ours - true).mean():.4f}", f"{ours[closed].mean():.3f}", f"{true[closed].mean():.3f}", closed.sum(), f"{below:.4f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", help="name or folder; nano, small and base if left out")
    parser.add_argument("--aflw2000", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--split", default="train")
    arguments = parser.parse_args()
    models = arguments.model or ["nano", "small", "base"]
    if arguments.aflw2000:
        print("| model |", " | ".join(f"yaw {a} to {b}" for a, b in YAWS), "|")
        print("|---" * (len(YAWS) + 1) + "|")
        for model in models:
            print("|", " | ".join([f"`{model}`", *turned(model, arguments.aflw2000)]), "|")
    if arguments.data:
        print("\n| model | openness off by | closed eyes, ours | true | how many | AUC |\n|---|---|---|---|---|---|")
        for model in models:
            print("|", " | ".join(map(str, [f"`{model}`", *eyes(model, arguments.data, arguments.split)])), "|")


if __name__ == "__main__":
    main()
