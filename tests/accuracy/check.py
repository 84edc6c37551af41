#!/usr/bin/env python3
"""Whether the scripts of this folder still run: each on a handful of faces, with a copy of a model.

    cargo build
    python3 tests/accuracy/check.py FOLDER

FOLDER holds 300w and aflw2000. What the figures are is not looked at: renamed options, columns and
keys of JSON end a script. Of eyes.py, which needs many closed eyes, only the usage is asked for.
Needs numpy and Pillow.
"""
import collections
import pathlib
import shutil
import subprocess
import sys
import tempfile

import held_out

HERE = pathlib.Path(__file__).resolve().parent
FACES = 3


def few(data, out):
    """A data set of the first faces of each split; of `train`, of those that are held out."""
    taken = collections.Counter()

    def keep(row):
        is_kept = row["split"] != "train" or held_out.is_held_out(row["file"])
        taken[row["split"]] += is_kept
        return is_kept and taken[row["split"]] <= FACES

    assert held_out.write(data, out, keep) > 0, f"{data} holds no face"


def main():
    folder = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        few_of, model = pathlib.Path(scratch) / "few", pathlib.Path(scratch) / "nano"
        for name in ("300w", "aflw2000"):
            few(folder / name, few_of / name)
        shutil.copytree(HERE.parents[1] / "models/nano", model)
        data, turned, empty = few_of / "300w", few_of / "aflw2000", pathlib.Path(scratch) / "empty"
        on = ["--model", model, "--data"]
        for script, *options in (
            ["calibrate.py", *on, data, "--data", f"{turned}:3d"],
            ["seen.py", "fit", *on, data],
            ["seen.py", "measure", *on, data, "--aflw2000", turned],
            ["hard.py", *on, data, "--split", "common", "--aflw2000", turned],
            ["found.py", *on, few_of],
            ["border.py", *on, data, "--split", "train"],
            ["reliability.py", *on, data, "--svg", pathlib.Path(scratch) / "reliability.svg"],
            ["stress.py", *on, data],
            ["no_faces.py", "--out", empty, HERE.parents[1] / "assets"],
            ["presence.py", *on, few_of, "--no-faces", empty],
            ["eyes.py", "--help"],
        ):
            done = subprocess.run([sys.executable, HERE / script, *options], capture_output=True, text=True)
            assert done.returncode == 0 and done.stdout, f"{script} {options}:\n{done.stdout}{done.stderr}"
            print(f"{script} runs", flush=True)


if __name__ == "__main__":
    main()
