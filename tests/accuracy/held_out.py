#!/usr/bin/env python3
"""Makes a folder of the faces, or of the whole pictures, that the trainer holds out.

    python3 tests/accuracy/held_out.py --data 300w --out held-out               # of landmark nets
    python3 tests/accuracy/held_out.py --data 300w --out held-out --detector    # of the face detector
    wingmark eval --data held-out --split train

A data set with boxes.csv (whole pictures) is always the detector's: `wingmark eval --data
held-out`.
"""
import argparse
import csv
import pathlib
import re


def name_hash(name):
    """As the trainer's `pictures::name_hash`."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value * 0x9E3779B97F4A7C15 % 2**64 >> 32


def is_held_out(file):
    """As the trainer's `pictures::is_held_out`."""
    stem = file.rsplit(".", 1)[0]
    name, _, number = stem.rpartition("_")
    of_a_photograph = re.fullmatch("[0-9]*", number) and re.search("[0-9]", name)
    return name_hash(name if of_a_photograph else stem) % 10 == 0


def is_held_out_of_detector(file):
    """As the trainer's `faces::sources::is_held_out`."""
    stem = file.rsplit(".", 1)[0]
    numbers = len(re.search(r"((?:_[0-9]+)*)$", stem).group(1).split("_")) - 1
    numbered = stem.startswith(("helen_", "wflw_", "cacd_", "ytf_", "rmfd_"))
    if numbered or (stem.startswith("wider_") and numbers > 2):
        stem = stem.rpartition("_")[0] or stem
    return name_hash(re.sub(r"^(wflw|wider)_", "", stem)) % 8 == 0


def write(source, target, keep):
    """Copies a table's rows that are kept, and gives their number."""
    with open(source, newline="") as file:
        rows = csv.DictReader(file)
        columns = rows.fieldnames
        kept = [row for row in rows if keep(row)]
    with open(target, "w", newline="") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(kept)
    return len(kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--detector", action="store_true")
    arguments = parser.parse_args()
    data, out = arguments.data, arguments.out
    whole = (data / "boxes.csv").exists()
    held_out = is_held_out_of_detector if whole or arguments.detector else is_held_out
    out.mkdir(parents=True)
    (out / "images").symlink_to((data / "images").resolve())
    if whole:
        count = write(data / "boxes.csv", out / "boxes.csv", lambda row: held_out(row["file"]))
        if (data / "ignore.csv").exists():
            write(data / "ignore.csv", out / "ignore.csv", lambda row: held_out(row["file"]))
    else:
        keep = lambda row: row["split"] == "train" and held_out(row["file"])
        count = write(data / "points.csv", out / "points.csv", keep)
    print(f"{out}: {count} faces")


if __name__ == "__main__":
    main()
