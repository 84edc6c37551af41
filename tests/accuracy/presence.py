#!/usr/bin/env python3
"""What each model takes for no face, and where there is none, for one: a Markdown table of what
`wingmark eval` counts.

    cargo build
    python3 tests/accuracy/presence.py --data FOLDER [--no-faces DIR] [--model NAME|DIR ..]

FOLDER holds the data sets by name: 300w, and, as far as they are there, wflw, aflw2000 and
infanface. --no-faces is a folder that no_faces.py made. Crops are those of the true points, turned
with the face (--upright).
"""
import argparse
import json
import pathlib
import tempfile

from program import wingmark
from stress import DEGRADATIONS, table

OTHERS = [("wflw", "hard"), ("aflw2000", "hard"), ("infanface", "train")]


def alarms(model, folder):
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        wingmark("eval", "--data", folder, "--model", model, "--json", file.name)
        (found,) = json.load(open(file.name)).values()
    return found["without_faces"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--no-faces", type=pathlib.Path)
    parser.add_argument("--model", action="append")
    arguments = parser.parse_args()
    models = arguments.model or ["nano", "small", "base"]
    rows = [("300w", "common", degradation) for degradation in DEGRADATIONS] + [(*other, None) for other in OTHERS]
    row = table("taken for no face, %", models, arguments.data, rows, ["--upright"],
                lambda f: f"{100 * f['rejected'] / f['faces']:.1f}")
    if arguments.no_faces:
        found = [alarms(model, arguments.no_faces) for model in models]
        row("crops without a face taken for one", *(f"{f['accepted']} of {f['crops']}" for f in found))
        row("pictures without a face in which one is reported", *(f"{f['reported']} of {f['pictures']}" for f in found))


if __name__ == "__main__":
    main()
