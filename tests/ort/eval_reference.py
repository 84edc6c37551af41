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

from record_golden import landmarks


def crop(picture, points, margin, side):
    """The crop image [side, side, 3] u8 and (x, y of its first pixel's centre, picture pixels per
    crop pixel).

    Integer arithmetic as src/picture/crop.rs documents it: positions rounded to 1/65536 pixel,
    n x n samples, weights of 1/256.
    """
    f32 = np.float32
    low, high = points.min(0), points.max(0)
    square = f32(max((high - low).max(), 1)) * f32(margin)
    scale = f32(square / f32(side))
    middle = (low + high) / f32(2)
    corner = middle - f32((side - 1) / 2) * scale
    n = int(np.clip(np.floor(scale + f32(0.5)), 1, 8))
    step = f32(1) / f32(n)
    fixed = lambda v: int(np.floor(float(v) * 65536 + 0.5))
    first = corner + scale * (step - f32(1)) / f32(2)
    along = fixed(scale * step)
    axis = lambda start: fixed(start) + along * np.arange(side * n, dtype=np.int64)
    x, y = axis(first[0]), axis(first[1])
    height, width, _ = picture.shape
    padded = np.full((height + 2, width + 2, 3), 128, np.int64)
    padded[1:-1, 1:-1] = picture
    index = lambda v, size: np.clip((v >> 16) + 1, 0, size + 1)
    # Outside the picture is one border of grey, whichever pixel is asked for.
    x0, x1 = index(x, width), index(x + 65536, width)
    y0, y1 = index(y, height), index(y + 65536, height)
    u, v = (x >> 8 & 255)[None, :, None], (y >> 8 & 255)[:, None, None]
    row = lambda r: padded[r][:, x0] * (256 - u) + padded[r][:, x1] * u
    samples = row(y0) * (256 - v) + row(y1) * v
    total = samples.reshape(side, n, side, n, 3).sum((1, 3))
    weight = n * n << 16
    return ((total + weight // 2) // weight).astype(np.uint8), corner.astype(float), float(scale)


def brighten(image):
    """A dark crop image as src/picture/exposure.rs gives it to the net."""
    inside = (image != 128).any(2)
    seen = image[inside].astype(np.int64)
    if seen.sum() >= 64 * seen.size:
        return image
    gain = min(64 * seen.size * 256 // max(seen.sum(), 1), 16 * 256)
    bright = image.copy()
    bright[inside] = np.minimum((seen * gain + 128) // 256, 255)
    return bright


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
        found = corner + scale * landmarks(args.model, card, maps.astype(float))
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
