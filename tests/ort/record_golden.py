"""Records what onnxruntime makes of a model's golden input.

    python tests/ort/record_golden.py models/small [models/faces ..]      (needs numpy, pillow, onnx, onnxruntime)
    python tests/ort/record_golden.py --check models/small ..             compares with what is recorded

Reads DIR/model.onnx and DIR/golden/input.png; writes DIR/golden/heatmaps.u8 (stored values,
[channel, row, column]) and, for landmark models, DIR/golden/landmarks.csv (x,y in input pixels),
decoded here in float64 independently of the library.
"""
import pathlib
import sys
import tomllib

import numpy as np
import onnx
import onnxruntime
from PIL import Image

import lids
import shape


def heatmaps(folder, card):
    """Stored u8 heatmaps [channel, row, column]."""
    model = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    pixels = np.asarray(Image.open(folder / "golden/input.png").convert("RGB"), np.float32)
    image = ((pixels - 128) / 128).transpose(2, 0, 1)[None]
    real = session.run(None, {"image": image})[0][0]
    stored = real.astype(np.float64) / card["heat"]["scale"] + card["heat"]["zero_point"]
    assert np.abs(stored - stored.round()).max() < 0.01, "the card's scale is not that of the file"
    return stored.round().astype(np.uint8)


def peak(heat):
    """Row and column where a map's peak is (src/model/heatmaps.rs): of the cells with 3/4 of
    the highest heat, the one with most around it."""
    padded = np.pad(heat, 1, "edge")
    lines = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    around = lines[:, :-2] + 2 * lines[:, 1:-1] + lines[:, 2:]
    highest = heat.max()
    # Heat goes in steps of 0.001 and more: what differs by less is equal, and only rounded
    # otherwise.
    warm = heat >= min(0.75 * highest, highest) - 1e-9
    return np.unravel_index(np.where(warm, around.round(9), -np.inf).argmax(), heat.shape)


def decode(heat):
    """(x, y) in cells, 2x2 covariance and confidence of one map: a Gaussian through 5x5 cells by
    least squares on the logarithm, weighted by heat squared."""
    row, column = peak(heat)
    confidence = np.clip(heat.max(), 0, 1)
    rows, columns = np.mgrid[max(row - 2, 0):row + 3, max(column - 2, 0):column + 3]
    inside = (rows < heat.shape[0]) & (columns < heat.shape[1])
    rows, columns = rows[inside], columns[inside]
    h = heat[rows, columns]
    warm = h > 0.02
    x, y, h = (columns - column)[warm].astype(float), (rows - row)[warm].astype(float), h[warm]
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1)
    if len(h) >= 6:
        _, bx, by, xx, xy, yy = np.linalg.lstsq(terms * h[:, None], h * np.log(h), rcond=None)[0]
        precision = -np.array([[2 * xx, xy], [xy, 2 * yy]])
        if precision[0, 0] > 0 and np.linalg.det(precision) > 0:
            offset = np.linalg.solve(precision, [bx, by])
            if np.hypot(*offset) <= 1.2:
                return (column + offset[0], row + offset[1]), np.linalg.inv(precision), confidence
    if h.sum() <= 0:
        return (column, row), np.eye(2), confidence
    mean = np.average([x, y], axis=1, weights=h)
    spread = np.cov([x, y], aweights=h, bias=True)
    return (column + mean[0], row + mean[1]), spread + np.eye(2) / 12, confidence


def landmarks(folder, card, maps, picture, corner=np.zeros(2), scale=1.0):
    """Points [68, 2] in pixels of the picture [row, column, 3] of float heatmaps [68, row, column],
    refined where the model knows shapes of faces, the eyes drawn anew where it knows how. The net's
    input lies in the picture at `corner`, with `scale` pixels per pixel."""
    points, covariances, confidences = (np.array(part) for part in zip(*(decode(m) for m in maps)))
    if (folder / "shape.csv").exists():
        points = shape.refine(folder / "shape.csv", points, covariances, confidences)
    points = corner + scale * (points * card["stride"] + (card["stride"] - 1) / 2)
    if (folder / "lids.csv").exists():
        points = lids.draw(folder / "lids.csv", picture, points, confidences)
    return points


def main():
    check = "--check" in sys.argv
    for folder in (pathlib.Path(a) for a in sys.argv[1:] if a != "--check"):
        card = tomllib.loads((folder / "card.toml").read_text())
        stored = heatmaps(folder, card)
        recorded = folder / "golden/heatmaps.u8"
        if check:
            before = np.frombuffer(recorded.read_bytes(), np.uint8).reshape(stored.shape)
            off = np.abs(before.astype(int) - stored)
            print(f"{folder}: {(off == 0).mean():.4%} equal, at most {off.max()} steps apart")
            assert off.max() <= 1 and (off == 0).mean() >= 0.999
            continue
        recorded.write_bytes(stored.tobytes())
        if "landmarks" in card["task"]:
            real = (stored.astype(float) - card["heat"]["zero_point"]) * card["heat"]["scale"]
            picture = np.asarray(Image.open(folder / "golden/input.png").convert("RGB"), np.int64)
            points = landmarks(folder, card, real, picture)
            (folder / "golden/landmarks.csv").write_text("".join(f"{x:.4f},{y:.4f}\n" for x, y in points))
        print(f"{folder}: recorded {stored.shape}")


if __name__ == "__main__":
    main()
