#!/usr/bin/env python3
"""Whether a model knows how far its landmarks are off: a picture (SVG) of expected against found
errors.

    cargo build
    python3 tests/accuracy/reliability.py --data 300w [--split common] [--model small] [--svg FILE]

Left, for each part of the face, how many of the true points lie within the ellipse of each share;
right, for each landmark, the error that its covariances expect and the one found, root of the mean
square. It also prints by how much the ellipses of the points grow that `--degrade cover:50` covers.
Needs numpy.
"""
import argparse
import pathlib

import numpy as np

from predictions import PARTS, card_of, evaluate, squared_radius

COLOURS = {"jaw": "#1b6ca8", "brows": "#8a5a00", "nose": "#2e8540", "eyes": "#8e44ad", "mouth": "#c0392b"}
SHARES = np.array([*np.arange(0.05, 0.95, 0.05), 0.95, 0.99])
COVERED = 0.5
SIDE, MARGIN, GAP = 320, 50, 70


def panel(x, limit, marks, title, across, up):
    """Axes from 0 to `limit` with the diagonal, the text, and a function to the place of a pair of
    values."""
    place = lambda a, b: (x + SIDE * a / limit, MARGIN + SIDE * (1 - b / limit))
    left, bottom = place(0, 0)
    right, top = place(limit, limit)
    parts = [f'<rect x="{left}" y="{top}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#888"/>',
             f'<path d="M{left} {bottom}L{right} {top}" stroke="#888" stroke-dasharray="4 4"/>',
             f'<text x="{(left + right) / 2}" y="{top - 15}" font-weight="bold">{title}</text>',
             f'<text x="{(left + right) / 2}" y="{bottom + 38}">{across}</text>',
             f'<text transform="translate({left - 34} {(top + bottom) / 2}) rotate(-90)">{up}</text>']
    for mark in marks:
        (a, _), (_, b) = place(mark, 0), place(0, mark)
        parts += [f'<text x="{a:.1f}" y="{bottom + 17}">{mark:g}</text>', f'<text x="{left - 14}" y="{b + 4:.1f}">{mark:g}</text>']
    return parts, place


def picture(found, tails, name):
    distances, eyes = found.squared_distances(), found.eye_distance()
    shares, place = panel(MARGIN + 20, 100, range(0, 101, 20), "share of true points within", "ellipse of, %", "found, %")
    for i, (part, points) in enumerate(PARTS.items()):
        within = [100 * (distances[:, points] <= squared_radius(share, tails)).mean() for share in SHARES]
        line = "L".join("{:.1f} {:.1f}".format(*place(*pair)) for pair in zip(100 * SHARES, within))
        x, y = place(62, 34 - 7 * i)
        shares.append(f'<path d="M{line}" fill="none" stroke="{COLOURS[part]}" stroke-width="2"/>')
        shares.append(f'<text x="{x}" y="{y}" text-anchor="start" fill="{COLOURS[part]}">{part}</text>')
    # Along one axis, as a share of the distance of the eyes.
    rms = lambda squares: 100 * np.sqrt((squares / eyes**2).mean(0) / 2)
    actual = rms(((found.truth - found.points) ** 2).sum(-1))
    expected = rms(np.trace(found.covariance, axis1=2, axis2=3))
    limit = max(1, int(np.ceil(max(actual.max(), expected.max()))))
    errors, place = panel(MARGIN + 20 + SIDE + GAP, limit, range(0, limit + 1), "error of each landmark", "expected, % of the eyes' distance", "found, %")
    for part, points in PARTS.items():
        for a, b in zip(expected[points], actual[points]):
            x, y = place(a, b)
            errors.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{COLOURS[part]}" fill-opacity="0.7"/>')
    width, height = 2 * SIDE + 2 * MARGIN + GAP + 20, SIDE + 2 * MARGIN
    body = "\n".join(shares + errors)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n<title>{name}</title>\n' \
           f'<rect width="{width}" height="{height}" fill="#fff"/>\n<g font-family="sans-serif" font-size="13" text-anchor="middle">\n{body}\n</g>\n</svg>\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--split", default="common")
    parser.add_argument("--model", default="small")
    parser.add_argument("--svg", type=pathlib.Path)
    arguments = parser.parse_args()
    calibration = card_of(arguments.model)["task"]["landmarks"].get("calibration")
    tails = calibration and calibration["tails"]
    found = evaluate(arguments.model, arguments.data, arguments.split)
    distances = found.squared_distances()
    print("| points | within the 68 % ellipse | within the 95 % ellipse |\n|---|---|---|")
    for part, points in [*PARTS.items(), ("all", slice(None))]:
        within = [100 * (distances[:, points] <= squared_radius(share, tails)).mean() for share in (0.68, 0.95)]
        print("| {} | {:.1f} % | {:.1f} % |".format(part, *within))
    if arguments.svg:
        arguments.svg.write_text(picture(found, tails, f"{arguments.model}, {len(found.files)} faces of {arguments.split}"))
    covered = evaluate(arguments.model, arguments.data, arguments.split, "--degrade", f"cover:{100 * COVERED:g}")
    height = found.truth[..., 1]
    low, high = height.min(1, keepdims=True), height.max(1, keepdims=True)
    hidden = height > high - COVERED * (high - low)
    area = lambda f: np.sqrt(np.linalg.det(f.covariance)) / f.eye_distance() ** 2
    for name, points in (("covered", hidden), ("other", ~hidden)):
        distances = covered.squared_distances()[points]
        within = [100 * (distances <= squared_radius(share, tails)).mean() for share in (0.68, 0.95)]
        growth = area(covered)[points].mean() / area(found)[points].mean()
        off = [np.linalg.norm(f.truth - f.points, axis=-1)[points].mean() for f in (covered, found)]
        print(f"lower half covered, {name} points: mean area of the ellipses {growth:.2f} times that without cover, error {off[0] / off[1]:.2f} times; "
              "within {:.1f} % and {:.1f} %".format(*within))


if __name__ == "__main__":
    main()
