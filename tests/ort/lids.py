"""src/face/lids.rs again in numpy, for faces that do not lean, with the crop of
src/picture/crop.rs and the brightness of src/picture/exposure.rs."""
import csv

import numpy as np

COLUMNS, ROWS, REACH = 24, 18, 0.2
EYES = [([36, 37, 38, 39, 40, 41], 1), ([45, 44, 43, 42, 47, 46], -1)]


def square(picture, corner, scale, side):
    """The square [side, side, 3] u8 of a picture, whose first pixel's centre is at `corner`, with
    `scale` picture pixels per pixel.

    Integer arithmetic as src/picture/crop.rs documents it: positions rounded to 1/65536 pixel,
    n x n samples, weights of 1/256.
    """
    f32 = np.float32
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
    return ((total + weight // 2) // weight).astype(np.uint8)


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


def draw(path, picture, points, confidences):
    """Points [68, 2] in pixels of the picture [row, column, 3], the eyes drawn anew by the table at
    `path`; confidences [68]."""
    rows = list(csv.reader(path.open()))[1:]
    layer = lambda name: np.array([row[1:] for row in rows if row[0] == name], float)
    hidden, last = layer("hidden"), layer("offsets")
    unit = np.sqrt(np.prod(points.max(0) - points.min(0)))
    drawn = points.copy()
    for numbers, sign in EYES:
        middle = points[numbers].mean(0)
        scale = np.float32(unit * 2 * REACH / COLUMNS)
        corner = (middle - (COLUMNS - 1) / 2 * scale).astype(np.float32)
        patch = brighten(square(picture, corner, scale, COLUMNS)).astype(float).mean(2)
        patch = patch[(COLUMNS - ROWS) // 2:][:ROWS, ::sign]
        patch = (patch - patch.mean()) / (patch.std() + 4)
        local = (points[numbers] - middle) / unit * [sign, 1]
        inputs = np.concatenate([patch.ravel(), 10 * local.ravel(), confidences[numbers]])
        units = np.tanh(hidden[:, 0] + hidden[:, 1:] @ inputs)
        offsets = (last[:, 0] + last[:, 1:] @ units).reshape(6, 2)
        drawn[numbers] += offsets * [sign, 1] * unit
    return drawn
