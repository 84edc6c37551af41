"""What `wingmark eval --predictions` writes, beside the true points. Needs numpy."""
import csv
import dataclasses
import math
import pathlib
import sys
import tempfile
import tomllib

import numpy as np

import held_out
import tables
from program import wingmark

MODELS = pathlib.Path(__file__).resolve().parents[2] / "models"
# iBUG's 68 points.
PARTS = {"jaw": slice(0, 17), "brows": slice(17, 27), "nose": slice(27, 36), "eyes": slice(36, 48), "mouth": slice(48, 68)}
OUTER_EYE_CORNERS = [36, 45]


@dataclasses.dataclass
class Found:
    """Faces x 68 points, in pixels and square pixels of the pictures."""

    files: list
    truth: np.ndarray  # [n, 68, 2]
    points: np.ndarray  # [n, 68, 2]
    confidence: np.ndarray  # [n, 68]
    covariance: np.ndarray  # [n, 68, 2, 2]
    guessed: np.ndarray  # [n, 68]: points that the picture does not show

    def only(self, keep):
        return Found([file for file, k in zip(self.files, keep) if k], self.truth[keep], self.points[keep],
                     self.confidence[keep], self.covariance[keep], self.guessed[keep])

    def squared_distances(self):
        """Of the true points from those found, in squared standard deviations: [n, 68]."""
        error = self.truth - self.points
        return np.einsum("...i,...ij,...j->...", error, np.linalg.inv(self.covariance), error)

    def eye_distance(self):
        """Between the outer corners, [n, 1]."""
        right, left = self.truth[:, OUTER_EYE_CORNERS].swapaxes(0, 1)
        return np.linalg.norm(left - right, axis=1)[:, None]


def evaluate(model, data, split, *options):
    """Runs `wingmark eval` on a folder with points.csv, and reads what it found. The options must
    not move the points."""
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        wingmark("eval", "--model", model, "--data", data, "--split", split, "--predictions", file.name, *options)
        found = list(csv.DictReader(open(file.name)))
    _, truth = tables.faces(data, split)
    if [row["file"] for row in truth] != [row["file"] for row in found]:
        sys.exit(f"{data}: `wingmark eval` looked at {len(found)} faces of the split {split}, expected the {len(truth)} of points.csv")
    array = lambda rows, names: np.array([[[float(row[f"{n}{i}"]) for n in names] for i in range(68)] for row in rows])
    covariance = array(found, ["xx", "xy", "xy", "yy"]).reshape(-1, 68, 2, 2)
    guessed = np.array([np.isin([str(i) for i in range(68)], row["guessed"].split()) for row in found])
    return Found([row["file"] for row in found], array(truth, "xy"), array(found, "xy"), array(found, "p")[..., 0], covariance, guessed)


def annotated(data, split):
    """Picture and points [68, 2] of each face of a split; of `train`, of those that the trainer
    holds out."""
    for row in tables.faces(data, split)[1]:
        if split != "train" or held_out.is_held_out(row["file"]):
            yield data / "images" / row["file"], np.array(tables.points_of(row)).reshape(68, 2)


def put_section(card, bare, section):
    """Writes a card's text, which lacks the section, with it: before the table [heat]."""
    head, heat = bare.split("\n[heat]\n")
    card.write_text(f"{head.rstrip()}\n\n{section}\n[heat]\n{heat}")


def card_of(model):
    folder = pathlib.Path(model) if pathlib.Path(model).is_dir() else MODELS / model
    return tomllib.loads((folder / "card.toml").read_text())


def squared_radius(share, tails):
    """As `calibration::squared_radius` of the library."""
    return -2 * math.log(1 - share) if tails is None else (tails - 2) * ((1 - share) ** (-2 / tails) - 1)
