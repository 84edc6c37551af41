#!/usr/bin/env python3
"""Faces at the border and close by: what the whole program makes of what is left of a face.

    cargo build
    python3 tests/accuracy/border.py --data 300w --split common [--model small]

Cuts each picture so that the frame ends in the middle of the face's box, at its edges, or within;
and shrinks one until the face has 14 pixels. A face is right where the points that the picture
still shows are off by at most 6 % of the distance between the outer eye corners in the mean. A face
elsewhere overlaps none of those that are there (IoU of the points' boxes over 0.1); all_faces.csv
in the data's folder knows other people in the picture. Needs numpy and Pillow.
"""
import argparse
import csv
import pathlib
import tempfile

import numpy as np
from PIL import Image

from predictions import OUTER_EYE_CORNERS, annotated
from program import wingmark

LARGEST_ERROR, SMALLEST_IOU = 0.06, 0.1


def cut(part):
    """A function that cuts a picture to a part of the face's box: left, top, right, bottom, as
    shares of it; None is the picture's edge. It takes marks along."""
    def apply(picture, face, marks):
        low, high = face.min(0), face.max(0)
        edges = [edge if share is None else low[i % 2] + share * (high - low)[i % 2]
                 for i, (share, edge) in enumerate(zip(part, [0, 0, *picture.size]))]
        left, top, right, bottom = (int(round(edge)) for edge in edges)
        left, top, right, bottom = max(left, 0), max(top, 0), min(right, picture.width), min(bottom, picture.height)
        return picture.crop((left, top, right, bottom)), marks - [left, top]
    return apply


def shrink(picture, face, marks):
    """The face has 14 pixels, in a picture of the size that it had."""
    scale = 14 / np.ptp(face, axis=0).max()
    size = [max(int(side * scale), 1) for side in picture.size]
    small = picture.resize(size, Image.Resampling.BOX)
    out = Image.new("RGB", picture.size, (96, 96, 96))
    out.paste(small, (picture.width // 3, picture.height // 3))
    return out, (marks + 0.5) * [s / p for s, p in zip(size, picture.size)] - 0.5 + [picture.width // 3, picture.height // 3]


KINDS = {
    "left half outside": cut((0.5, None, None, None)), "right half outside": cut((None, None, 0.5, None)),
    "upper half outside": cut((None, 0.5, None, None)), "lower half outside": cut((None, None, None, 0.5)),
    "fills the frame": cut((0, 0, 1, 1)), "frame inside the points": cut((0.12, 0.12, 0.88, 0.88)), "14 px": shrink,
}


def boxes_of(data):
    """Corners of the faces that another detector sees, by picture: [2 n, 2]."""
    table, boxes = data / "all_faces.csv", {}
    for row in csv.DictReader(table.open()) if table.exists() else []:
        boxes.setdefault(row["file"], []).extend([[float(row[x]), float(row[y])] for x, y in [("x0", "y0"), ("x1", "y1")]])
    return {file: np.array(corners) for file, corners in boxes.items()}


def run(model, folder):
    """The points of the faces that the program finds, by picture."""
    with tempfile.TemporaryDirectory() as scratch:
        log = pathlib.Path(scratch) / "faces.csv"
        wingmark("run", "--source", folder, "--screen", "none", "--record", log, "--model", model, "--smoothing", "off")
        found = {}
        for row in csv.DictReader(log.open()):
            faces = found.setdefault(pathlib.Path(row["source"]).name, [])
            if row["success"] == "1":
                faces.append(np.array([[float(row[f"{axis}_{i}"]) for axis in "xy"] for i in range(68)]))
        return found


def iou(a, b):
    low, high = np.maximum(a.min(0), b.min(0)), np.minimum(a.max(0), b.max(0))
    both = np.prod(np.maximum(high - low, 0))
    return both / (np.prod(np.ptp(a, axis=0)) + np.prod(np.ptp(b, axis=0)) - both)


def judge(truth, others, size, faces):
    """What is found of a face: right, off, or nothing; and how many faces are elsewhere. `others`
    are corners of boxes."""
    own = [points for points in faces if iou(points, truth) > SMALLEST_IOU]
    elsewhere = [points for points in faces if all(iou(points, there) <= SMALLEST_IOU for there in [truth, *others.reshape(-1, 2, 2)])]
    seen = ((truth >= -0.5) & (truth < np.array(size) - 0.5)).all(1)
    unit = np.linalg.norm(truth[OUTER_EYE_CORNERS[0]] - truth[OUTER_EYE_CORNERS[1]])
    errors = [np.linalg.norm(points - truth, axis=1)[seen].mean() / unit for points in own]
    return ("nothing" if not own else "right" if min(errors) <= LARGEST_ERROR else "off"), len(elsewhere)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder with points.csv and images/")
    parser.add_argument("--split", required=True, help="of `train`, those that the trainer holds out are taken")
    parser.add_argument("--model", default="small")
    arguments = parser.parse_args()
    faces, boxes = list(annotated(arguments.data, arguments.split)), boxes_of(arguments.data)
    print(f"{len(faces)} faces\n\n| face | within 6 % | farther off | no face | faces elsewhere |\n|---|---|---|---|---|")
    for kind, change in KINDS.items():
        with tempfile.TemporaryDirectory() as folder:
            truth = {}
            for number, (path, points) in enumerate(faces):
                marks = np.concatenate([points, boxes.get(path.name, np.empty((0, 2)))])
                picture, moved = change(Image.open(path).convert("RGB"), points, marks)
                name = f"{number}.png"
                picture.save(pathlib.Path(folder) / name)
                truth[name] = moved[:68], moved[68:], picture.size
            found = run(arguments.model, folder)
        results = [judge(*there, found.get(name, [])) for name, there in truth.items()]
        counts = [sum(result == wanted for result, _ in results) for wanted in ["right", "off", "nothing"]]
        print(f"| {kind} | {counts[0]} | {counts[1]} | {counts[2]} | {sum(elsewhere for _, elsewhere in results)} |", flush=True)


if __name__ == "__main__":
    main()
