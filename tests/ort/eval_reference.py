"""The NME of a landmark model by onnxruntime, with crop, decode and metric written again here in
numpy.

    python tests/ort/eval_reference.py --data DIR [--split common] [--model models/small] [--predictions FILE.csv]

DIR holds points.csv and images/. With --predictions, a file of `wingmark eval --predictions`, the
points are compared too. Needs numpy, pillow and onnxruntime.
"""
import argparse
import csv
import json
import pathlib
import tomllib

import numpy as np
import onnxruntime
from PIL import Image

from lids import brighten, square
from record_golden import landmarks


def crop(picture, points, margin, side):
    """The crop image [side, side, 3] u8 and (x, y of its first pixel's centre, picture pixels per
    crop pixel)."""
    f32 = np.float32
    low, high = points.min(0), points.max(0)
    side_in_picture = f32(max((high - low).max(), 1)) * f32(margin)
    scale = f32(side_in_picture / f32(side))
    middle = (low + high) / f32(2)
    corner = middle - f32((side - 1) / 2) * scale
    return square(picture, corner, scale, side), corner.astype(float), float(scale)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--split", default="common")
    parser.add_argument("--model", type=pathlib.Path, default=pathlib.Path("models/small"))
    parser.add_argument("--predictions", type=pathlib.Path)
    parser.add_argument("--figures", type=pathlib.Path, help="a file of `wingmark eval --json`; its NME has to be within 0.01")
    args = parser.parse_args()
    card = tomllib.loads((args.model / "card.toml").read_text())
    margin = card["task"]["landmarks"]["crop_margin"]
    session = onnxruntime.InferenceSession(args.model / "model.onnx", providers=["CPUExecutionProvider"])
    theirs = {}
    if args.predictions:
        for line in list(csv.reader(args.predictions.open()))[1:]:
            theirs[line[0]] = np.array(line[1:137], float).reshape(68, 2)
    with (args.data / "points.csv").open() as table:
        rows = [r for r in csv.DictReader(table) if r["split"] == args.split]
    errors, apart = [], []
    for row in rows:
        truth = np.array([[row[f"x{i}"], row[f"y{i}"]] for i in range(68)], np.float32)
        picture = np.asarray(Image.open(args.data / "images" / row["file"]).convert("RGB"), np.int64)
        image, corner, scale = crop(picture, truth, margin, card["input_px"])
        image = brighten(image)
        maps = session.run(None, {"image": ((image.astype(np.float32) - 128) / 128).transpose(2, 0, 1)[None]})[0][0]
        found = landmarks(args.model, card, maps.astype(float), picture, corner, scale)
        eyes = np.linalg.norm(truth[45] - truth[36])
        errors.append(np.linalg.norm(found - truth, axis=1).mean() / eyes)
        if row["file"] in theirs:
            apart.append(np.linalg.norm(found - theirs[row["file"]], axis=1).mean() / eyes)
    nme = 100 * np.mean(errors)
    print(f"{args.split}: {len(errors)} faces, NME {nme:.3f} % (inter-ocular), by onnxruntime and numpy")
    if args.figures:
        theirs_nme = json.loads(args.figures.read_text())[args.split]["nme_percent"]
        assert abs(theirs_nme - nme) <= 0.01, f"wingmark eval says {theirs_nme:.3f} %"
    if apart:
        print(f"points apart from {args.predictions}: mean {100 * np.mean(apart):.4f} %, worst face {100 * max(apart):.3f} %")


if __name__ == "__main__":
    main()
