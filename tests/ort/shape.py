"""src/face/shape.rs in float64 with whole matrices, independently of it:
mean + P (P + R)^-1 (found - mean - bias)."""
import csv

import numpy as np

MODES, ALIGNMENT, NOISE, EXPONENT, LEAST_CONFIDENCE = 20, 0.06, 0.01, 2.5, 0.05


def refine(path, points, covariances, confidences):
    """Points [68, 2] refined by the table at `path`; covariances [68, 2, 2] of the heat,
    confidences [68]; any unit."""
    table = np.array(list(csv.reader(path.open()))[1:], float)
    mean, bias = table[:, 0], table[:, 1]
    noise = covariances * (NOISE * np.maximum(confidences, LEAST_CONFIDENCE) ** -EXPONENT)[:, None, None]

    # A similarity is a product and a sum of complex numbers.
    variance = np.trace(noise, axis1=1, axis2=2)
    weight = 1 / (variance + np.sort(variance)[len(variance) // 2])
    face, found = mean[::2] + 1j * mean[1::2], points[:, 0] + 1j * points[:, 1]
    average = lambda values: (weight * values).sum() / weight.sum()
    off = found - average(found)
    turn = average(off.conj() * (face - average(face))) / average(abs(off) ** 2)
    shift = average(face) - turn * average(found)

    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    in_face = turn * found + shift
    offset = np.stack([in_face.real, in_face.imag], 1).ravel() - mean - bias
    turned = np.stack([(1j * face).real, (1j * face).imag], 1).ravel()
    alignment = ALIGNMENT * np.stack([mean, turned, np.tile([1, 0], len(face)), np.tile([0, 1], len(face))], 1)
    modes = np.concatenate([table[:, 3:3 + MODES], alignment], 1)
    prior = modes @ modes.T + np.diag(table[:, 2])
    error = np.zeros_like(prior)
    for i, block in enumerate(noise):
        error[2 * i:2 * i + 2, 2 * i:2 * i + 2] = linear @ block @ linear.T
    refined = mean + prior @ np.linalg.solve(prior + error, offset)
    refined = (refined[::2] + 1j * refined[1::2] - shift) / turn
    return np.stack([refined.real, refined.imag], 1)
