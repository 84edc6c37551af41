"""src/face/decode.rs again in numpy and float64."""
import numpy as np


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


def gaussian(heat, row, column, reach):
    """(x, y) in cells, 2x2 covariance and confidence of the peak of a map there: a Gaussian through
    the cells up to `reach` away, by least squares on the logarithm, weighted by heat squared."""
    confidence = np.clip(heat[row, column], 0, 1)
    rows, columns = np.mgrid[max(row - reach, 0):row + reach + 1, max(column - reach, 0):column + reach + 1]
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


def landmark(heat):
    """(x, y) in cells, 2x2 covariance and confidence of one map."""
    at, covariance, _ = gaussian(heat, *peak(heat), 2)
    return at, covariance, np.clip(heat.max(), 0, 1)
