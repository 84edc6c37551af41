"""src/face/detect.rs again in numpy, for a picture as large as the net's input."""
import numpy as np

from decode import gaussian

NMS_IOU = 0.35


def iou(a, b):
    """Of two boxes x0, y0, x1, y1."""
    both = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    return both / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - both)


def peaks(heat, least):
    """Rows and columns where no neighbour is hotter; of equal ones the first."""
    padded = np.pad(heat, 1, constant_values=-np.inf)
    rows, columns = heat.shape
    for row, column in np.argwhere(heat >= least):
        around = padded[row:row + 3, column:column + 3].ravel()
        if (heat[row, column] > around[:4]).all() and (heat[row, column] >= around[5:]).all():
            yield row, column


def faces(maps, card):
    """Box x0, y0, x1, y1 in pixels and roll in radians of each face in the float maps [5, row,
    column]: at peaks of the heat, less those that overlap a better one."""
    task, stride = card["task"]["faces"], card["stride"]
    found = []
    for row, column in peaks(maps[0], task["score"]):
        (x, y), _, heat = gaussian(maps[0], row, column, 1)
        centre = np.array([x, y]) * stride + (stride - 1) / 2
        half = task["smallest_px"] * 2 ** (maps[1:3, row, column] * task["octaves"]) / 2
        cosine, sine = 2 * maps[3:5, row, column] - 1
        found.append((heat, np.concatenate([centre - half, centre + half]), np.arctan2(sine, cosine)))
    kept = []
    for _, box, roll in sorted(found, key=lambda face: -face[0]):
        if all(iou(box, better) <= NMS_IOU for better, _ in kept):
            kept.append((box, roll))
    return kept
