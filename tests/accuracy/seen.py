#!/usr/bin/env python3
"""Which landmarks the picture shows: fits what tells hidden ones, and measures what comes of it.

    cargo build
    python3 tests/accuracy/seen.py fit --model models/small --data 300w --data wflw --data infanface
    python3 tests/accuracy/seen.py measure --data 300w --aflw2000 aflw2000 [--model small ..]

`fit` covers parts of faces that the trainer holds out: the lower part, a side, the eyes, a spot; in
one colour, in that of the skin, or with a part of another picture. It fits the logistic function of
src/face/visibility.rs to which points lie below, and writes it into the model's card:
[task.landmarks.visibility]. `measure` asks for precision and recall of the flag on 300-W's common
test with `--degrade cover:N`, and on AFLW2000's hard faces, whose yaw says what the head hides.
Needs numpy and Pillow.
"""
import argparse
import csv
import pathlib
import re
import sys
import tempfile

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

import held_out
import tables
from calibrate import PAIR
from predictions import OUTER_EYE_CORNERS, annotated, evaluate, put_section

# As in src/face/visibility.rs.
NEAR, LEAST_CONFIDENCE = 0.2, 0.02
JAW_HIDDEN_DEG, EYE_HIDDEN_DEG = 30, 60
FAR_JAW, FAR_BROW_AND_EYE = {1: range(8), -1: range(9, 17)}, {1: [*range(17, 22), *range(36, 42)], -1: [*range(22, 27), *range(42, 48)]}
HEAD = "[task.landmarks.visibility]"
# How often each face is looked at: as it is, then covered.
LOOKS = 5


def shape_over(face, size, rng):
    """A mask over a part of a face."""
    (left, top), (right, bottom) = face.min(0), face.max(0)
    width, height, side = right - left, bottom - top, max(right - left, bottom - top)
    mask = Image.new("L", size, 0)
    draw = ImageDraw.Draw(mask)
    kind = rng.choice(["lower", "side", "eyes", "ellipse", "rectangle"])
    if kind == "lower":
        draw.rectangle([left - side / 5, bottom - height * rng.uniform(0.15, 0.6), right + side / 5, bottom + side / 3], fill=255)
    elif kind == "side":
        cut = width * rng.uniform(0.1, 0.5)
        x = [left - side / 3, left + cut] if rng.random() < 0.5 else [right - cut, right + side / 3]
        draw.rectangle([x[0], top - side / 2, x[1], bottom + side / 3], fill=255)
    elif kind == "eyes":
        eyes, margin = face[36:48], side * 0.09
        draw.rectangle([*(eyes.min(0) - margin), *(eyes.max(0) + margin)], fill=255)
    else:
        centre, radii = np.array([left, top]) + rng.uniform(0, 1, 2) * [width, height], side * rng.uniform(0.1, 0.35, 2)
        (draw.ellipse if kind == "ellipse" else draw.rectangle)([*(centre - radii), *(centre + radii)], fill=255)
    return mask


def stuff_for(picture, face, others, rng):
    """What covers it: a picture of that size."""
    kind = rng.choice(["colour", "picture", "skin"])
    if kind == "colour":
        return Image.new("RGB", picture.size, tuple(rng.integers(0, 256, 3).tolist()))
    if kind == "picture":
        other = Image.open(others[rng.integers(len(others))][0]).convert("RGB")
        return other.resize(picture.size).rotate(180).filter(ImageFilter.GaussianBlur(2))
    x, y = np.clip(face[30], 0, np.array(picture.size) - 1).astype(int)
    noisy = np.array(picture)[y, x] + rng.normal(0, 6, (picture.height, picture.width, 1))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def write_covered(faces, folder):
    """Writes a data set of the faces, each as it is and with parts covered. Says which points lie
    below: [n, 68]."""
    rng = np.random.default_rng(1)
    (folder / "images").mkdir()
    hidden = []
    with open(folder / "points.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "split", *(f"{axis}{i}" for i in range(68) for axis in "xy")])
        for look in range(LOOKS):
            for number, (path, points) in enumerate(faces):
                picture = Image.open(path).convert("RGB")
                mask = Image.new("L", picture.size, 0)
                if look > 0:
                    mask = shape_over(points, picture.size, rng)
                    picture = Image.composite(stuff_for(picture, points, faces, rng), picture, mask)
                name = f"{look}-{number}.png"
                picture.save(folder / "images" / name)
                table.writerow([name, "train", *(f"{v:.2f}" for v in points.ravel())])
                x, y = np.clip(np.round(points), 0, np.array(picture.size) - 1).astype(int).T
                hidden.append(np.array(mask)[y, x] > 0)
    return np.array(hidden)


def features(confidence, model):
    """Logarithms of a landmark's confidence, of those near it, of the face's: [n, 68, 3]."""
    mean = np.array([float(row["mean"]) for row in csv.DictReader((model / "shape.csv").open())]).reshape(68, 2)
    unit = NEAR * np.linalg.norm(mean[OUTER_EYE_CORNERS[0]] - mean[OUTER_EYE_CORNERS[1]])
    near = np.exp(-np.square(mean[:, None] - mean).sum(2) / (2 * unit**2)) - np.eye(68)
    confidence = np.maximum(confidence, LEAST_CONFIDENCE)
    face = np.sort(confidence, 1)[:, [68 * 3 // 4]]
    own = np.log(confidence)
    return np.stack([own, own @ (near / near.sum(1, keepdims=True)).T, np.broadcast_to(np.log(face), own.shape)], 2)


def logistic(x, y):
    """Weights of a logistic function by Newton's method; a little of each weight's square is added
    to the loss."""
    weights = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ weights))
        gradient = x.T @ (p - y) + weights
        weights -= np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + np.eye(len(weights)), gradient)
    return weights


def fit(model, data):
    if not (model / "shape.csv").exists():
        sys.exit(f"{model} has no shape.csv; `wingmark-trainer shape` fits it")
    faces = [face for folder in data for face in annotated(folder, "train")]
    if not faces:
        sys.exit(held_out.NONE)
    with tempfile.TemporaryDirectory() as folder:
        hidden = write_covered(faces, pathlib.Path(folder))
        found = evaluate(model, folder, "train")
    pairs, pair = np.unique(PAIR, return_inverse=True)
    own_bias = np.broadcast_to(np.eye(len(pairs))[pair], (len(hidden), 68, len(pairs)))
    x = np.concatenate([features(found.confidence, model), own_bias], 2)
    weights = logistic(x.reshape(-1, x.shape[2]), hidden.ravel())
    numbers = ", ".join(f"{bias:.3f}" for bias in weights[3:][pair])
    own, near, face = weights[:3]
    section = f"{HEAD}\nown = {own:.3f}\nnear = {near:.3f}\nface = {face:.3f}\nbias = [{numbers}]\n"
    card = model / "card.toml"
    bare = re.sub(rf"\n*{re.escape(HEAD)}.*?bias = \[[^\]]*\]\n", "\n", card.read_text(), flags=re.DOTALL)
    put_section(card, bare, section)
    print(f"{model}: {len(hidden)} looks at {len(faces)} held-out faces, {hidden.mean():.1%} of the points covered; "
          f"own {own:.2f}, near {near:.2f}, face {face:.2f}")


def scores(guessed, hidden):
    both = (guessed & hidden).sum()
    return f"{both / max(guessed.sum(), 1):.2f} | {both / max(hidden.sum(), 1):.2f} | {(guessed & ~hidden).sum() / (~hidden).sum():.1%}"


def measure(models, data, aflw2000):
    print("| model | faces | points that are hidden | precision | recall | of seen points taken for guessed |\n|---|---|---|---|---|---|")
    for model in models:
        for per_cent in [0, 25, 50]:
            found = evaluate(model, data, "common", "--degrade", f"cover:{per_cent}")
            top, bottom = found.truth[..., 1].min(1, keepdims=True), found.truth[..., 1].max(1, keepdims=True)
            hidden = found.truth[..., 1] > bottom - (bottom - top) * per_cent / 100
            print(f"| `{model}` | `common`, `cover:{per_cent}` | {hidden.mean():.0%} | {scores(found.guessed, hidden)} |", flush=True)
        found = evaluate(model, aflw2000, "hard")
        yaws = {row["file"]: float(row["yaw"]) for row in tables.read(aflw2000 / "points.csv", ["file", "yaw"])[1]}
        hidden = np.zeros((len(found.files), 68), bool)
        for row, yaw in zip(hidden, (yaws[file] for file in found.files)):
            far = 1 if yaw > 0 else -1
            row[FAR_JAW[far]] = abs(yaw) >= JAW_HIDDEN_DEG
            row[FAR_BROW_AND_EYE[far]] = abs(yaw) >= EYE_HIDDEN_DEG
        print(f"| `{model}` | `aflw2000`, `hard`: the far side | {hidden.mean():.0%} | {scores(found.guessed, hidden)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    fitting = commands.add_parser("fit")
    fitting.add_argument("--model", type=tables.model, required=True, help="folder with model.onnx and card.toml")
    fitting.add_argument("--data", type=pathlib.Path, action="append", required=True, help="folder with points.csv and images/")
    measuring = commands.add_parser("measure")
    measuring.add_argument("--model", action="append", help="name or folder; the shipped ones where none is named")
    measuring.add_argument("--data", type=pathlib.Path, required=True, help="300-W: folder with points.csv and images/")
    measuring.add_argument("--aflw2000", type=pathlib.Path, required=True, help="folder with points.csv and images/")
    arguments = parser.parse_args()
    if arguments.command == "fit":
        fit(arguments.model, arguments.data)
    else:
        measure(arguments.model or ["nano", "small", "base"], arguments.data, arguments.aflw2000)


if __name__ == "__main__":
    main()
