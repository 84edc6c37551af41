"""Records what onnxruntime makes of a model's golden input.

    python tests/ort/record_golden.py models/small [models/faces ..]      (needs numpy, pillow, onnx, onnxruntime)
    python tests/ort/record_golden.py --check models/small ..             compares with what is recorded

Reads DIR/model.onnx and DIR/golden/input.png; writes DIR/golden/heatmaps.u8 (stored values,
[channel, row, column]) and, decoded here in float64 independently of the library, for landmark
models DIR/golden/landmarks.csv (x,y in input pixels), for a detector DIR/golden/faces.csv
(x0,y0,x1,y1 in input pixels and roll in radians of each face, from left to right).
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
from decode import landmark
from faces import faces


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


def landmarks(folder, card, maps, picture, corner=np.zeros(2), scale=1.0):
    """Points [68, 2] in pixels of the picture [row, column, 3] of float heatmaps [68, row, column],
    refined where the model knows shapes of faces, the eyes drawn anew where it knows how. The net's
    input lies in the picture at `corner`, with `scale` pixels per pixel."""
    points, covariances, confidences = (np.array(part) for part in zip(*(landmark(m) for m in maps)))
    if (folder / "shape.csv").exists():
        points = shape.refine(folder / "shape.csv", points, covariances, confidences)
    points = corner + scale * (points * card["stride"] + (card["stride"] - 1) / 2)
    if (folder / "lids.csv").exists():
        points = lids.draw(folder / "lids.csv", picture, points, confidences)
    return points


def main():
    check = "--check" in sys.argv
    folders = [pathlib.Path(a) for a in sys.argv[1:] if a != "--check"]
    if not folders or any(folder.name.startswith("-") for folder in folders):
        sys.exit(__doc__)
    needed = ["card.toml", "model.onnx", "golden/input.png", *["golden/heatmaps.u8"][:check]]
    for file in (folder / name for folder in folders for name in needed):
        if not file.exists():
            sys.exit(f"there is no {file}; expected a model's folder, as `wingmark-trainer quantise` makes it")
    for folder in folders:
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
        real = (stored.astype(float) - card["heat"]["zero_point"]) * card["heat"]["scale"]
        if "faces" in card["task"]:
            rows = sorted([*box, roll] for box, roll in faces(real, card))
            (folder / "golden/faces.csv").write_text("".join(",".join(f"{v:.4f}" for v in row) + "\n" for row in rows))
        else:
            picture = np.asarray(Image.open(folder / "golden/input.png").convert("RGB"), np.int64)
            points = landmarks(folder, card, real, picture)
            (folder / "golden/landmarks.csv").write_text("".join(f"{x:.4f},{y:.4f}\n" for x, y in points))
        print(f"{folder}: recorded {stored.shape}")


if __name__ == "__main__":
    main()
